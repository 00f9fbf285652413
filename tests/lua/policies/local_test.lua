-- What local.lua does in a world: a folder and nothing else.
local lu, sim = require "luaunit", require "akosha.testing"

TestLocal = {}

function TestLocal:test_fills_the_folder_that_is_named()
  local world = sim.world { small = true, policy = "policies/local.lua",
                            env = { AKOSHA_DIR = "/mnt/backup" } }
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertNotNil(world:file("/mnt/backup/" .. world:manifest().key))
  lu.assertEquals(world:story "requests", {})
end

function TestLocal:test_a_full_disk_changes_when_and_not_whether()
  local world = sim.world { small = true, policy = "policies/local.lua" }
  world.disk:on("write", "reflection.duckdb"):fail "no_space":maybe()
  local report = world:run()
  world:calm()
  world:advance(sim.minute)
  lu.assertEquals(world:run().exit_code, 0, report.outcome)
  lu.assertEquals(#world:manifest().objects, 2)
end

function TestLocal:test_survives_death_at_any_step()
  for step = 20, 200, 20 do
    local world = sim.world { small = true, seed = step, policy = "policies/local.lua" }
    world:crash_at(step)
    local report = world:run()
    if report.outcome == "crashed" then
      world:restart {}
    else
      world:crash_at(1)
      world:run()
      world:restart {}
    end
    lu.assertEquals(world:run().exit_code, 0)
    lu.assertNotNil(world:manifest())
  end
end

return lu.LuaUnit.run()
