-- A task is held to its budget and its throttle like any other policy.
local lu, sim = require "luaunit", require "akosha.testing"

TestTaskBudget = {}

local POLICY = [[
local akosha = require "akosha"
return akosha.task { api = 1, sources = { "a.bin" }, compress = "none",
  targets = { cloud = akosha.s3 { bucket = "memories" } }, %s,
  run = function(ctx)
    for _, source in ipairs(ctx:sources()) do
      local upload, failure = ctx:open("cloud", assert(ctx:snapshot(source)))
      if not upload then
        ctx:log("refused", failure.name)
        return
      end
      assert(ctx:send(upload))
      assert(ctx:finish(upload))
    end
    assert(ctx:commit "cloud")
  end }
]]

local function world(fields)
  return sim.world { small = true, policy_text = POLICY:format(fields),
                     files = { ["a.bin"] = sim.bytes(100 * sim.KiB, 1) } }
end

function TestTaskBudget:test_nothing_is_opened_when_it_is_used_up()
  local w = world "budget = akosha.budget { bytes = 50 * akosha.KiB }"
  local report = w:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertTrue(report.budgets[1].bytes_spent > 100 * sim.KiB)
  w:edit_file("a.bin", sim.bytes(100 * sim.KiB, 2))
  report = w:run()
  lu.assertEquals(report.outcome, "queued")
  lu.assertStrContains(table.concat(w:log(), "\n"), "refused budget")
  w:advance(sim.day)
  lu.assertEquals(w:run().outcome, "stored")
end

function TestTaskBudget:test_a_dry_run_spends_nothing()
  local w = world "budget = akosha.budget { tries = 1 }"
  lu.assertEquals(w:run { dry_run = true }.budgets[1].tries_spent, 0)
  local report = w:run()
  lu.assertEquals({ report.outcome, report.budgets[1].tries_spent }, { "stored", 1 })
end

function TestTaskBudget:test_what_it_sends_is_held_up()
  local report = world "throttle = 10 * akosha.KiB":run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertTrue(report.duration_s > 9.8 and report.duration_s < 11, report.duration_s)
end

return lu.LuaUnit.run()
