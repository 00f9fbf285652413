-- What `snapshot` says of a database that a program writes without a pause.
local lu, sim = require "luaunit", require "akosha.testing"

TestSnapshot = {}

local function world(snapshot, source)
  local w = sim.world { small = true, seed = 1, policy_text = [[
    local akosha = require "akosha"
    return akosha.policy { api = 1, compress = "none", sources = { ]] .. (source or '"a.duckdb"')
    .. [[ }, targets = { disk = akosha.dir { path = "/mnt" } }, retry = akosha.retry.none(),
      snapshot = ]] .. snapshot .. " }" }
  w:writer("a.duckdb", { kind = "duckdb", seed = 1, from = 1, every = 1, acts = 20 })
  return w
end

-- { what the policy says, the answer in the report, seconds, outcome of the file }
local CASES = {
  { "nil", "queue after 4.8", 5, "queued" },
  { "'queue'", "queue after 4.8", 5, "queued" },
  { "'skip'", "skip after 4.8", 5, "skipped" },
  { "akosha.snapshot { busy = 'skip', wait = 20 }", "skip after 19.8", 20, "skipped" },
  { "akosha.snapshot { wait = 0 }", "queue", 0.2, "queued" },
  { "function(f) return 'skip' end", "skip", 0.2, "skipped" },
  { "function(f) end", "queue after 4.8", 5, "queued" },
  { "function(f) return akosha.snapshot { busy = 'skip', wait = 3 } end", "skip after 2.8", 3,
    "skipped" },
  -- There is no copy that it could be left at.
  { "'older'", "queue after 4.8", 5, "queued" },
}

function TestSnapshot:test_waits_as_long_as_it_says_and_then_does_as_it_says()
  for _, case in ipairs(CASES) do
    local text, answer, seconds, outcome = table.unpack(case)
    local w = world(text)
    local report = w:run()
    lu.assertEquals(report.files[1].outcome, outcome, text)
    lu.assertEquals(report.exit_code, outcome == "queued" and 1 or 0, text)
    lu.assertEquals(#w:queue(), report.exit_code, text)
    lu.assertAlmostEquals(w:now(), seconds, 0.1, text)
    lu.assertEquals(report.decisions[1].question, "snapshot", text)
    lu.assertEquals(report.decisions[1].answer, answer, text)
    lu.assertEquals(report.decisions[1].facts.failure, "source_busy", text)
  end
end

function TestSnapshot:test_a_source_says_it_for_itself()
  local w = world("'queue'", "{ path = 'a.duckdb', snapshot = akosha.snapshot { busy = 'skip',"
    .. " wait = 1 } }")
  lu.assertEquals(w:run().files[1].outcome, "skipped")
  lu.assertAlmostEquals(w:now(), 1, 0.1)
end

-- A copy that a target holds is what it can be left at.
function TestSnapshot:test_older_is_the_copy_that_is_there()
  local w = world "'older'"
  w:writer("a.duckdb", { kind = "duckdb", seed = 1, from = 1000000, every = 1000000 })
  lu.assertEquals(w:run().outcome, "stored")
  w:writer("a.duckdb", { kind = "duckdb", seed = 1, from = 1, every = 1, acts = 20 })
  local report = w:run()
  lu.assertEquals(report.files[1].outcome, "skipped")
  lu.assertEquals(report.files[1].reason,
    "it is busy, and the policy leaves it at the earlier copy")
  lu.assertEquals(report.decisions[1].answer, "older after 4.8")
  lu.assertTrue(report.decisions[1].facts.older >= 0)
  lu.assertEquals(w:queue(), {})
end

return lu.LuaUnit.run()
