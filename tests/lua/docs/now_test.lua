-- Clock and history, as functions of a policy see them in a run.
local lu, sim = require "luaunit", require "akosha.testing"

TestNow = {}

local POLICY = [[
local akosha = require "akosha"
return akosha.policy { api = 1, sources = { "a.bin" },
  targets = { cloud = akosha.s3 { bucket = "memories" },
              http = akosha.http { url = akosha.env "AKOSHA_HTTP_URL" } },
  %s }
]]

local function world(fields, more)
  local options = { small = true, policy_text = POLICY:format(fields),
                    files = { ["a.bin"] = sim.bytes(20 * sim.KiB) } }
  for name, value in pairs(more or {}) do
    options[name] = value
  end
  return sim.world(options)
end

-- Lines that the policy printed.
local function printed(w)
  local lines = {}
  for _, line in ipairs(w:log()) do
    lines[#lines + 1] = line:match "policy: (.*)$"
  end
  return lines
end

local SHOW = [[route = function(source, targets, now)
  local c = now.clock
  print(c.year, c.month, c.day, c.hour, c.minute, c.weekday, c.utc_offset) end]]

function TestNow:test_time_is_local()
  local w = world(SHOW, { start = "2026-12-31 23:30", utc_offset = -8 * sim.hour })
  w:run()
  w:advance(sim.hour)
  w:set_clock { utc_offset = -7 * sim.hour }
  w:run()
  lu.assertEquals(printed(w), { "2026 12 31 23 30 thu -28800", "2027 1 1 1 30 fri -25200" })
  lu.assertStrContains(w:audit()[1].at, "2027-01-01T07:30:00")
end

function TestNow:test_a_decision_has_the_time_that_it_was_made_at()
  local w = world([[retry = function(f, now)
    if now.clock.minute < 2 then return akosha.wait(45) end end]], { start = "2026-11-27 18:00",
    utc_offset = sim.hour })
  w.target.cloud:on("part", 2):reply { status = 503 }:times(3)
  local report, clocks = w:run(), {}
  for _, decision in ipairs(report.decisions) do
    clocks[#clocks + 1] = decision.question == "retry" and decision.facts.clock or nil
  end
  lu.assertEquals(report.outcome, "stored")
  lu.assertEquals(clocks, { "2026-11-27T18:00+01:00", "2026-11-27T18:00+01:00",
    "2026-11-27T18:01+01:00" })
end

function TestNow:test_history_tells_of_the_runs_before()
  local w = world [[dedup = function(facts, now)
    for i, run in ipairs(now.history) do
      print(i, run.outcome, run.ago, run.method, run.target, run.failure, run.sent)
    end
    return "upload" end]]
  w:run()
  lu.assertEquals(printed(w), {})
  w:advance(3600)
  w.target.cloud:on "any":fail "offline"
  w.target.http:on "any":reply { status = 403 }
  w:run()
  w:clear_plan()
  w:advance(60)
  local report = w:run()
  local lines = printed(w)
  lu.assertStrMatches(lines[1], "1 stored 3600%.%d+ cloud cloud nil 20%d+")
  lu.assertStrMatches(lines[#lines - 1], "1 queued 60%.%d+ none nil forbidden 0")
  lu.assertStrMatches(lines[#lines], "2 stored 366%d%.%d+ cloud cloud nil 20%d+")
  lu.assertEquals(#report.history, 2)
  lu.assertEquals(report.history[1].failure, "forbidden")
  lu.assertEquals(report.history[2].target, "cloud")
end

local RATES = [[compress = function(facts, now) print(facts.target.name, facts.target.rate) end,
  route = function(source, targets) print(targets.cloud.rate, targets.http.rate) end]]

-- 300 KiB in parts of 5 KiB, four to eight at once, each on a line of its own of 100 KiB/s.
function TestNow:test_the_rate_of_a_place_is_measured_kept_and_smoothed()
  local w = world(RATES, { bandwidth = 100 * sim.KiB, latency = 0.000001,
                           files = { ["a.bin"] = sim.bytes(300 * sim.KiB) } })
  w:run()
  w:edit_file("a.bin", sim.bytes(300 * sim.KiB, 2))
  w:run()
  local lines = printed(w)
  lu.assertEquals({ lines[1], lines[2] }, { "nil nil", "cloud nil" })
  local rate = math.tointeger(lines[3]:match "^(%d+) nil$")
  lu.assertEquals(lines[4], "cloud " .. rate)
  lu.assertTrue(rate > 390 * sim.KiB and rate < 800 * sim.KiB, rate)
  w.target.cloud:on "part":slow(0.75)
  w:edit_file("a.bin", sim.bytes(300 * sim.KiB, 3))
  w:run()
  w:edit_file("a.bin", sim.bytes(300 * sim.KiB, 4))
  w:run()
  local slower = math.tointeger(printed(w)[7]:match "^(%d+) nil$")
  lu.assertTrue(slower < rate * 0.6 and slower > rate * 0.4, slower)
  w:advance(8 * sim.day)
  w:edit_file("a.bin", sim.bytes(300 * sim.KiB, 5))
  local report = w:run()
  lu.assertEquals(printed(w)[9], "nil nil")
  lu.assertNil(report.asked[1].facts.targets[1].rate)
end

function TestNow:test_little_says_nothing_of_a_line()
  local w = world(RATES)
  w:run()
  w:edit_file("a.bin", sim.bytes(20 * sim.KiB, 2))
  w:run()
  lu.assertEquals(printed(w)[3], "nil nil")
end

function TestNow:test_the_report_of_who_does_not_ask_has_it_for_others()
  local w = world "route = { 'http', 'cloud' }"
  w:run()
  local report = w:run()
  lu.assertEquals(report.history[1].target, "http")
  lu.assertStrMatches(report.asked[1].facts.clock, "%d+-%d+-%d+T%d+:%d+[+-]%d+:%d+")
end

function TestNow:test_a_beginning_that_is_none()
  for _, start in ipairs { "tomorrow", "2026-11-27", "2026-02-30 10:00", "2026-11-27 25:00",
      "1969-12-31 10:00" } do
    local fine, message = pcall(sim.world, { start = start })
    lu.assertFalse(fine, start)
    lu.assertStrContains(message, "sim.world: start: expected local time like")
  end
  lu.assertStrContains(select(2, pcall(sim.world, { utc_offset = 30 * sim.hour })),
    "sim.world: utc_offset")
end

return lu.LuaUnit.run()
