-- What night.lua does in worlds by day and by night.
local lu, sim = require "luaunit", require "akosha.testing"

TestNight = {}

local MIB = sim.MiB

local function at(start, bytes)
  return sim.world { policy = "policies/night.lua", start = start, utc_offset = sim.hour,
                     files = { ["reflection.duckdb"] = sim.bytes(bytes) } }
end

function TestNight:test_by_day_it_goes_slowly()
  local report = at("2026-11-27 10:00", 2 * MIB):run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertTrue(report.duration_s > 10 and report.duration_s < 12, report.duration_s)
end

function TestNight:test_at_night_and_at_weekends_it_does_not()
  for _, start in ipairs { "2026-11-27 23:00", "2026-11-27 06:59", "2026-11-28 12:00" } do
    local report = at(start, 2 * MIB):run()
    lu.assertEquals(report.outcome, "stored")
    lu.assertTrue(report.duration_s < 1, start .. ": " .. report.duration_s)
  end
end

function TestNight:test_what_is_large_waits_for_the_night()
  local world = at("2026-11-27 18:00", 65 * MIB)
  local report = world:run()
  lu.assertEquals(report.files[1].outcome, "skipped")
  lu.assertEquals(report.files[2].outcome, "stored")
  world:advance(2 * sim.hour)
  lu.assertEquals(world:run().files[1].outcome, "stored")
  world:advance(14 * sim.hour)
  lu.assertEquals(world:run().files[1].outcome, "unchanged")
end

-- 200 KiB/s until 19:00, and then all that is left.
function TestNight:test_an_upload_that_reaches_the_evening_gets_faster()
  local report = at("2026-11-27 18:58", 60 * MIB):run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertTrue(report.duration_s > 115 and report.duration_s < 130, report.duration_s)
  local rates = {}
  for _, decision in ipairs(report.decisions) do
    rates[#rates + 1] = decision.question == "throttle" and decision.answer or nil
  end
  lu.assertEquals(rates, { "204800 bytes/s", "no limit" })
end

function TestNight:test_loses_nothing_on_bad_days()
  sim.forall { seeds = 5, policy = "policies/night.lua", start = "2026-11-27 18:59",
               faults = { rules_max = 4, crashes = true },
               files = { ["reflection.duckdb"] = sim.bytes(20 * sim.KiB) } }
end

return lu.LuaUnit.run()
