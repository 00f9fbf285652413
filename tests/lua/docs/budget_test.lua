-- Budgets in runs: what is used up waits, through restarts, days and wrong clocks.
local lu, sim = require "luaunit", require "akosha.testing"

TestBudget = {}

local POLICY = [[
local akosha = require "akosha"
return akosha.policy { api = 1, sources = { "a.bin", "b.bin" }, compress = "none",
  targets = { cloud = akosha.s3 { bucket = "memories" }, folder = akosha.dir { path = "~/backup" },
              http = akosha.http { url = akosha.env "AKOSHA_HTTP_URL" } },
  route = "cloud", %s }
]]

local function world(fields, more)
  local options = { small = true, policy_text = POLICY:format(fields),
                    start = "2026-11-27 21:00", utc_offset = sim.hour,
                    files = { ["a.bin"] = sim.bytes(20 * sim.KiB), ["b.bin"] = "b" } }
  for name, value in pairs(more or {}) do
    options[name] = value
  end
  return sim.world(options)
end

local seed = 0
local function change(w)
  seed = seed + 1
  w:edit_file("a.bin", sim.bytes(20 * sim.KiB, seed))
end

local function budget_of(report)
  return report.budgets[1]
end

local UNTIL = "2026-11-27T23:00:00.000Z"

-- About 22 KiB a run: the first begins with 30 KiB left and the second with 8.
function TestBudget:test_what_is_used_up_waits_until_midnight()
  local w = world "budget = akosha.budget { bytes = 30 * akosha.KiB }"
  local report = w:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertTrue(budget_of(report).bytes_spent > 20 * sim.KiB)
  lu.assertEquals(budget_of(report), { per = "day", ["until"] = UNTIL, bytes = 30720,
    tries_spent = 1, bytes_spent = budget_of(report).bytes_spent })
  change(w)
  lu.assertEquals(w:run().outcome, "stored")
  change(w)
  local sent = #w:story "requests"
  report = w:run()
  lu.assertEquals(report.outcome, "queued")
  lu.assertEquals(report.exit_code, 1)
  lu.assertEquals(report.files[1].reason, "budget")
  lu.assertEquals(report.error.message, "cloud: nothing is begun before " .. UNTIL
    .. ": the budget of 30720 bytes a day is used up")
  lu.assertEquals(#w:story "requests", sent)
  lu.assertEquals(w:queue()[1].reason, "budget")
  lu.assertTrue(report.duration_s < 1)
  w:advance(3 * sim.hour)
  report = w:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertEquals(budget_of(report).tries_spent, 1)
  lu.assertEquals(w:queue(), {})
end

function TestBudget:test_the_next_target_takes_what_the_first_may_not()
  local w = world "budget = { cloud = akosha.budget { tries = 1 } }, route = { 'cloud', 'http' }"
  lu.assertEquals(w:run().target, "cloud")
  change(w)
  local report = w:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertEquals(report.target, "http")
  lu.assertEquals(report.budgets, { { target = "cloud", per = "day", ["until"] = UNTIL, tries = 1,
    tries_spent = 1, bytes_spent = report.budgets[1].bytes_spent } })
end

function TestBudget:test_one_of_all_counts_all_and_folders_have_none()
  local w = world [[budget = akosha.budget { tries = 2 }, route = { 'http', 'cloud', 'folder' }]]
  lu.assertEquals(w:run().target, "http")
  change(w)
  w.target.http:on "any":reply { status = 403 }
  lu.assertEquals(w:run().files[1].targets, { "folder" })
  change(w)
  local report = w:run()
  lu.assertEquals(report.files[1].targets, { "folder" })
  lu.assertEquals(budget_of(report).tries_spent, 2)
end

-- Sources that have not been begun when nothing is left.
function TestBudget:test_an_upload_ends_with_what_it_has_begun()
  local w = world("budget = akosha.budget { bytes = 5 * akosha.KiB }",
    { files = { ["a.bin"] = sim.bytes(20 * sim.KiB), ["b.bin"] = sim.bytes(20 * sim.KiB) } })
  local report = w:run()
  lu.assertEquals(report.outcome, "partial")
  lu.assertEquals(report.files[1].outcome, "stored")
  lu.assertEquals(report.files[2].outcome, "queued")
  lu.assertEquals(report.files[2].reason, "budget")
  lu.assertTrue(budget_of(report).bytes_spent < 30 * sim.KiB, budget_of(report).bytes_spent)
  lu.assertEquals(#w:manifest "cloud".objects, 1)
  w:advance(sim.day)
  lu.assertEquals(w:run().files[2].outcome, "stored")
end

function TestBudget:test_what_a_dead_process_sent_is_spent()
  local w = world "budget = akosha.budget { bytes = 15 * akosha.KiB }"
  w:crash_at { "cloud", "part" }
  lu.assertEquals(w:run().outcome, "crashed")
  w:restart()
  local report = w:run()
  lu.assertEquals(report.files[1].outcome, "queued")
  lu.assertEquals(report.files[1].reason, "budget")
  lu.assertTrue(budget_of(report).bytes_spent >= 15 * sim.KiB)
  lu.assertEquals(budget_of(report).tries_spent, 1)
end

function TestBudget:test_bytes_that_are_sent_again_are_spent_again()
  local w = world "budget = akosha.budget { bytes = akosha.MiB }"
  local once = budget_of(w:run()).bytes_spent
  w = world "budget = akosha.budget { bytes = akosha.MiB }"
  w.target.cloud:on("part", 2):reply { status = 500 }:times(2)
  lu.assertEquals(budget_of(w:run()).bytes_spent, once + 2 * 5 * sim.KiB)
end

function TestBudget:test_hours_and_months()
  local w = world("budget = akosha.budget { tries = 1, per = 'hour' }",
    { start = "2026-11-27 21:10" })
  w:run()
  change(w)
  local report = w:run()
  lu.assertEquals(budget_of(report)["until"], "2026-11-27T21:00:00.000Z")
  lu.assertEquals(report.error.failure, "budget")
  lu.assertStrContains(report.error.message, "the budget of 1 try an hour is used up")
  w:advance(50 * 60)
  lu.assertEquals(w:run().outcome, "stored")
  w = world("budget = akosha.budget { tries = 1, per = 'month' }", { start = "2028-02-28 23:59" })
  w:run()
  change(w)
  w:advance(sim.day)
  report = w:run()
  lu.assertEquals(report.error.failure, "budget")
  lu.assertEquals(budget_of(report)["until"], "2028-02-29T23:00:00.000Z")
  w:advance(60)
  lu.assertEquals(w:run().outcome, "stored")
end

-- Summer time begins in the night: midnight is an hour earlier by the sun.
function TestBudget:test_the_end_of_a_day_is_that_of_the_clock_on_the_wall()
  local w = world "budget = akosha.budget { tries = 1 }"
  w:run()
  w:set_clock { utc_offset = 2 * sim.hour }
  change(w)
  lu.assertEquals(budget_of(w:run())["until"], "2026-11-27T22:00:00.000Z")
end

-- A clock that runs ahead for a while, or back, brings nothing back that was spent.
function TestBudget:test_a_wrong_clock_does_not_fill_a_budget()
  local w = world "budget = akosha.budget { tries = 2 }"
  w:run()
  w:set_clock(400 * sim.day)
  change(w)
  w:run()
  w:set_clock(0)
  change(w)
  local report = w:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertEquals(budget_of(report).tries_spent, 2)
  change(w)
  lu.assertEquals(w:run().error.failure, "budget")
end

function TestBudget:test_functions_see_what_is_left()
  local w = world [[budget = { cloud = akosha.budget { bytes = 100000, tries = 7 } },
    compress = function(facts) print(facts.target.budget_left, facts.target.tries_left) end,
    route = function(source, targets)
      print(targets.http.budget_left, targets.cloud.budget_left, targets.cloud.tries_left)
      return "cloud"
    end]]
  local report, lines = w:run(), {}
  for _, line in ipairs(w:log()) do
    lines[#lines + 1] = line:match "policy: (.*)$"
  end
  lu.assertEquals(lines[1], "nil 100000 7")
  lu.assertEquals(lines[3], "100000 7")
  local seen = report.decisions[1].facts.targets[1]
  lu.assertEquals({ seen.name, seen.budget_left, seen.tries_left }, { "cloud", 100000, 7 })
end

function TestBudget:test_a_mirror_does_without_a_target_that_has_nothing_left()
  local w = world [[budget = { cloud = akosha.budget { tries = 1 } },
    route = akosha.route.quorum(1, { "cloud", "folder" })]]
  lu.assertEquals(w:run().outcome, "stored")
  change(w)
  local report = w:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertEquals(report.files[1].targets, { "folder" })
  w = world [[budget = { cloud = akosha.budget { tries = 1 } },
    route = akosha.route.all { "cloud", "folder" }]]
  w:run()
  change(w)
  report = w:run()
  lu.assertEquals(report.outcome, "partial")
  lu.assertEquals(report.files[1].reason, "budget")
  lu.assertEquals(report.files[1].pending, { "cloud" })
end

function TestBudget:test_loses_nothing_on_bad_days()
  sim.forall { seeds = 15, pause = 7 * sim.hour, runs = 4,
               policy_text = POLICY:format "budget = akosha.budget { bytes = 8 * akosha.KiB }",
               faults = { rules_max = 4, crashes = true },
               files = { ["a.bin"] = sim.bytes(20 * sim.KiB), ["b.bin"] = sim.bytes(9 * sim.KiB) } }
end

return lu.LuaUnit.run()
