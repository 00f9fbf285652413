-- Limits in a world: what whoever runs a policy allows, and what becomes of a job under them.
local lu, sim = require "luaunit", require "akosha.testing"

TestLimits = {}

local POLICY = [[
local akosha = require "akosha"
return akosha.policy { api = 1, sources = { "a.db" },
  targets = { cloud = akosha.s3 { bucket = "memories" } }, %s
  route = function()
    local n = 0
    for i = 1, 2000000 do n = n + i end
    return "cloud"
  end }
]]

local function world(limits, fields)
  return sim.world { small = true, seed = 1, policy_text = POLICY:format(fields or ""),
                     limits = limits }
end

function TestLimits:test_a_decision_over_its_limit_ends_the_run_and_keeps_the_work()
  local w = world()
  local report = w:run()
  lu.assertEquals(report.exit_code, 3)
  lu.assertEquals(report.error.failure, "limit")
  lu.assertStrContains(report.error.message, "in route: it takes more than 1000000 instructions")
  lu.assertEquals(#w:queue(), 1)
end

function TestLimits:test_whoever_runs_it_can_widen_it()
  lu.assertEquals(world({ instructions = 20000000, time = "10s" }):run().outcome, "stored")
  local report = world({ instructions = 5000 }):run()
  lu.assertStrContains(report.error.message, "more than 5000 instructions")
end

function TestLimits:test_a_policy_that_asks_for_more_is_refused_with_what_would_help()
  local report = world(nil, "limits = { instructions = 20000000 },"):run()
  lu.assertEquals(report.exit_code, 3)
  lu.assertStrContains(report.error.message, "--limit instructions=20000000")
  lu.assertEquals(world({ instructions = 20000000 },
    "limits = { instructions = 20000000, time = 0.9 },"):run().outcome, "stored")
end

-- A job carries them: whoever takes it up need not know what it was made under.
function TestLimits:test_a_job_keeps_the_limits_that_it_was_made_under()
  local w = world { instructions = 20000000, time = "10s" }
  w.target.cloud:on "any":fail "offline":until_time(600)
  lu.assertEquals(w:run().outcome, "queued")
  lu.assertEquals(w:queue()[1].policy.limits, { instructions = 20000000, time = 10000 })
  w:advance(sim.day)
  w:put_file("~/b.db", "b")
  lu.assertEquals(w:run { sources = { "~/b.db" } }.exit_code, 0)
  lu.assertEquals(w:queue(), {})
end

return lu.LuaUnit.run()
