-- The queue, the way back, and databases that somebody writes, as tests of policies see them.
local lu, sim = require "luaunit", require "akosha.testing"

local POLICY = [[
  local akosha = require "akosha"
  return akosha.policy { api = 1, sources = { "a.bin", "memory.db" }, compress = "none",
    targets = { cloud = akosha.s3 { bucket = "memories" } }, route = "cloud" }
]]

local function world_of(kind)
  local world = sim.world { seed = 5, policy_text = POLICY, small = true,
                            files = { ["a.bin"] = sim.bytes(20 * sim.KiB), ["memory.db"] = false } }
  world:writer("memory.db", { kind = kind, session = 6, from = 60, every = 0, acts = 0 })
  return world
end

TestBackground = {}

function TestBackground:test_what_is_enqueued_is_brought_and_comes_back()
  for _, kind in ipairs { "duckdb", "sqlite", "sqlite_journal" } do
    local world = world_of(kind)
    lu.assertTrue(world:write("memory.db", 25) > 3)
    world:write("memory.db")
    local job = world:enqueue()
    lu.assertEquals(job.outcome, "enqueued")
    lu.assertEquals(#world:queue(), 1)
    lu.assertEquals(world:worker().outcome, "done")
    lu.assertEquals(#world:queue(), 0)
    world:write("memory.db")
    world:enqueue()
    lu.assertEquals(world:worker().outcome, "done")
    lu.assertTrue(world:restore { to = "back" }.success)
    lu.assertEquals(world:file "back/a.bin", world:file "a.bin")
    lu.assertEquals(world:file "back/memory.db", world:file "memory.db")
    lu.assertTrue(world:verify().success)
  end
end

function TestBackground:test_a_worker_that_dies_is_followed_by_one_that_goes_on()
  local world = world_of "duckdb"
  world:enqueue()
  world:crash_at { "cloud", "part 3" }
  lu.assertEquals(world:worker().outcome, "crashed")
  lu.assertErrorMsgContains("the machine is down", function() world:worker() end)
  world:restart { power = true }
  lu.assertEquals(world:worker().outcome, "done")
  lu.assertTrue(world:restore().success)
end

-- Whoever made the job has failed before its name was synced, and the worker finds it all the same.
function TestBackground:test_a_job_whose_name_was_never_synced_lasts_once_it_is_begun()
  local world = world_of "duckdb"
  world.disk:on("sync_folder", "/queue"):fail "state":once()
  lu.assertNotEquals(world:enqueue().outcome, "enqueued")
  lu.assertEquals(#world:queue(), 1)
  world:crash_at { "cloud", "part 3" }
  lu.assertEquals(world:worker().outcome, "crashed")
  world:restart { power = true }
  lu.assertEquals(#world:queue(), 1)
  lu.assertEquals(world:worker().outcome, "done")
  lu.assertTrue(world:restore().success)
end

function TestBackground:test_wrong_use_is_told()
  local world = world_of "sqlite"
  lu.assertErrorMsgContains('unknown kind "duck"',
    function() world:writer("other.db", { kind = "duck" }) end)
  lu.assertErrorMsgContains("nobody writes", function() world:write("a.bin", 1) end)
  lu.assertErrorMsgContains("sources", function() world:enqueue { sources = 7 } end)
end
