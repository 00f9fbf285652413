-- What the built-in policy does in a world. How it reads its variables:
-- ../default_settings_test.lua.
local lu, sim = require "luaunit", require "akosha.testing"

TestDefault = {}

local BUDDY = "SESSION_BUDDY_AKOSHA_"
local NOTHING = { AKOSHA_CLOUD_BUCKET = false, AKOSHA_HTTP_URL = false }

function TestDefault:test_without_any_variable_a_folder_is_kept()
  local world = sim.world { small = true, env = NOTHING }
  lu.assertEquals(world:run().method, "local")
  local manifest = world:manifest "local"
  lu.assertEquals(world:file("~/.local/share/akosha-sync/" .. manifest.objects[1].key),
    world:file "reflection.duckdb")
end

function TestDefault:test_one_source_of_two_is_enough()
  local world = sim.world { small = true, files = { ["knowledge_graph.duckdb"] = false } }
  lu.assertEquals(world:run().outcome, "stored")
end

function TestDefault:test_cloud_then_http_then_a_folder_that_is_named()
  local world = sim.world { small = true, env = { AKOSHA_DIR = "/mnt/b" } }
  world.target.cloud:on "any":fail "dns"
  world.target.http:on "any":reply { status = 500 }
  lu.assertEquals(world:run().method, "local")
  lu.assertNotNil(world:manifest "local")
end

function TestDefault:test_fallback_can_be_switched_off()
  local world = sim.world { small = true, env = { [BUDDY .. "ENABLE_FALLBACK"] = "false" } }
  world.target.cloud:on "any":fail "dns"
  lu.assertEquals(world:run().outcome, "queued")
  lu.assertEquals(world:objects "http", {})
end

-- Five times in each of five rounds of the route.
function TestDefault:test_tries_as_often_as_it_is_told()
  local world = sim.world { small = true, env = { [BUDDY .. "MAX_RETRIES"] = "5",
                                                  AKOSHA_HTTP_URL = false } }
  world.target.cloud:on "manifest":reply { status = 500 }
  lu.assertEquals(world:run().outcome, "queued")
  local tries = 0
  for _, line in ipairs(world:story "decisions") do
    tries = tries + (line:find "manifest  server" and 1 or 0)
  end
  lu.assertEquals(tries, 25)
end

function TestDefault:test_what_a_variable_has_wrong_is_a_matter_of_settings()
  local report = sim.world { env = { AKOSHA_CLOUD_BUCKET = "My_Bucket" } }:run()
  lu.assertEquals(report.error.failure, "settings")
  lu.assertEquals(report.exit_code, 3)
  lu.assertStrContains(report.error.message, "lower-case letters")
end

return lu.LuaUnit.run()
