-- What offline_first.lua does in a world: no waiting for a cloud, and nothing forgotten by it.
local lu, sim = require "luaunit", require "akosha.testing"

TestOfflineFirst = {}

local function offline_first()
  return sim.world { small = true, policy = "policies/offline_first.lua",
                     files = { ["reflection.duckdb"] = sim.bytes(20 * sim.KiB) } }
end

function TestOfflineFirst:test_the_cloud_has_it_while_it_is_healthy()
  local world = offline_first()
  lu.assertEquals(world:run().method, "cloud")
  lu.assertEquals(world:objects "folder", {})
end

function TestOfflineFirst:test_the_folder_takes_it_at_once_and_the_cloud_gets_it_later()
  local world = offline_first()
  world.target.cloud:on "any":fail "offline":until_time(600)
  local report = world:run()
  lu.assertEquals(report.method, "local")
  lu.assertTrue(report.duration_s < 5, report.duration_s)
  world:advance(sim.day)
  lu.assertEquals(world:run().method, "cloud")
  lu.assertEquals(#world:manifest "cloud".objects, 2)
end

-- It is known to be away: it is not even asked.
function TestOfflineFirst:test_a_cloud_that_is_away_costs_nothing()
  local world = offline_first()
  world.target.cloud:on "any":fail "offline"
  for i = 1, 5 do
    world:edit_file("reflection.duckdb", sim.bytes(20 * sim.KiB, i))
    lu.assertEquals(world:run().method, "local")
  end
  local before = #world:story "requests"
  world:edit_file("reflection.duckdb", sim.bytes(20 * sim.KiB, 9))
  lu.assertEquals(world:run().method, "local")
  lu.assertEquals(#world:story "requests", before)
end

function TestOfflineFirst:test_a_cloud_that_fails_half_way_is_not_waited_for()
  local world = offline_first()
  world.target.cloud:on("part", 3):reply { status = 500 }
  lu.assertEquals(world:run().method, "local")
  lu.assertNotNil(world:manifest "folder")
  lu.assertEquals(world:story "decisions"[3], "  0.0  cloud  part 3  server -> next_target")
end

function TestOfflineFirst:test_loses_nothing_on_bad_days()
  sim.forall { seeds = 10, policy = "policies/offline_first.lua",
               faults = { rules_max = 4, crashes = true },
               files = { ["reflection.duckdb"] = sim.bytes(20 * sim.KiB) } }
end

return lu.LuaUnit.run()
