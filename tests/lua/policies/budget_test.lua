-- What budget.lua does with a day's share of the cloud.
local lu, sim = require "luaunit", require "akosha.testing"

TestBudgetPolicy = {}

local MIB = sim.MiB

local function world(bytes)
  return sim.world { policy = "policies/budget.lua", start = "2026-11-27 20:00",
                     files = { ["reflection.duckdb"] = sim.bytes(bytes, 1),
                               ["knowledge_graph.duckdb"] = sim.bytes(9000, 1) } }
end

function TestBudgetPolicy:test_the_cloud_has_what_its_day_has_room_for()
  local w = world(2 * MIB)
  local report = w:run()
  lu.assertEquals(report.target, "cloud")
  lu.assertTrue(report.budgets[1].bytes_spent < 3 * MIB)
  lu.assertEquals(w:objects "folder", {})
end

-- 230 of 256 MiB are spent: what is large goes to the folder now, and to the cloud tomorrow.
function TestBudgetPolicy:test_large_files_leave_the_last_of_it_to_small_ones()
  local w = world(115 * MIB)
  w:run()
  w:edit_file("reflection.duckdb", sim.bytes(115 * MIB, 2))
  w:run()
  w:edit_file("reflection.duckdb", sim.bytes(2 * MIB, 3))
  w:edit_file("knowledge_graph.duckdb", sim.bytes(9000, 3))
  local report = w:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertEquals(report.files[1].targets, { "folder" })
  lu.assertEquals(report.files[2].targets, { "cloud" })
  w:advance(5 * sim.hour)
  report = w:run()
  lu.assertEquals(report.files[1].targets, { "cloud" })
end

function TestBudgetPolicy:test_fifty_uploads_a_day_and_then_the_folder()
  local w = world(100)
  for i = 1, 50 do
    w:edit_file("reflection.duckdb", sim.bytes(100, i + 1))
    lu.assertEquals(w:run().files[1].targets, { "cloud" })
  end
  w:edit_file("reflection.duckdb", sim.bytes(100, 99))
  local report = w:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertEquals(report.files[1].targets, { "folder" })
end

function TestBudgetPolicy:test_loses_nothing_on_bad_days()
  sim.forall { seeds = 5, policy = "policies/budget.lua",
               faults = { rules_max = 4, crashes = true },
               files = { ["reflection.duckdb"] = sim.bytes(20 * sim.KiB) } }
end

return lu.LuaUnit.run()
