-- What metered.lua does on slow and fast lines.
local lu, sim = require "luaunit", require "akosha.testing"

TestMetered = {}

local function metered(more)
  local options = { small = true, policy = "policies/metered.lua",
                    files = { ["reflection.duckdb"] = ("memory "):rep(100000) } }
  for name, value in pairs(more or {}) do
    options[name] = value
  end
  return sim.world(options)
end

local function level_of(report)
  for _, decision in ipairs(report.decisions) do
    if decision.question == "compress" then
      return decision.answer
    end
  end
end

function TestMetered:test_what_shrinks_well_is_squeezed_hard()
  local report = metered():run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertStrContains(level_of(report), "zstd")
  lu.assertTrue(report.files[1].stored_bytes < 1000, report.files[1].stored_bytes)
end

-- The line is known from the second run on.
function TestMetered:test_a_fast_line_is_not_waited_for()
  for bandwidth, asks in pairs { [50 * sim.KiB] = "policy", [100 * sim.MiB] = "default" } do
    local world = metered { bandwidth = bandwidth,
                            files = { ["reflection.duckdb"] = sim.bytes(300 * sim.KiB, 1) } }
    lu.assertEquals(world:run().outcome, "stored")
    world:edit_file("reflection.duckdb", function() return ("memory "):rep(10000) end)
    local by = "default"
    for _, decision in ipairs(world:run().decisions) do
      by = decision.question == "compress" and decision.target == "cloud" and decision.by or by
    end
    lu.assertEquals(by, asks, bandwidth)
  end
end

function TestMetered:test_large_files_go_once_a_day()
  local world = metered { small = false,
                          files = { ["reflection.duckdb"] = sim.bytes(9 * sim.MiB, 1) } }
  lu.assertEquals(world:run().outcome, "stored")
  world:edit_file("reflection.duckdb", sim.bytes(9 * sim.MiB, 2))
  world:edit_file("knowledge_graph.duckdb", "changed")
  local report = world:run()
  lu.assertEquals(report.files[1].outcome, "skipped")
  lu.assertEquals(report.files[2].outcome, "stored")
  world:advance(sim.day)
  lu.assertEquals(world:run().files[1].outcome, "stored")
end

function TestMetered:test_a_month_has_its_share()
  local report = metered():run()
  lu.assertEquals(report.budgets[1].bytes, 2 << 30)
  lu.assertEquals(report.budgets[1].per, "month")
  lu.assertNil(report.budgets[1].target)
end

function TestMetered:test_loses_nothing_on_bad_days()
  sim.forall { seeds = 5, policy = "policies/metered.lua",
               faults = { rules_max = 4, crashes = true },
               files = { ["reflection.duckdb"] = sim.bytes(20 * sim.KiB) } }
end

return lu.LuaUnit.run()
