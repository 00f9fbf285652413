-- What a world is made of, and what is read back of it.
local lu, sim = require "luaunit", require "akosha.testing"

TestWorld = {}

local function small(options)
  options = options or {}
  options.small = true
  options.policy = options.policy or "policies/prod.lua"
  return sim.world(options)
end

function TestWorld:test_stores_what_the_policy_names()
  local world = small { files = { ["reflection.duckdb"] = sim.bytes(20 * sim.KiB) } }
  local report = world:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertEquals(report.exit_code, 0)
  local manifest = world:manifest "cloud"
  lu.assertEquals(manifest.format, "akosha-sync/1")
  lu.assertEquals(#manifest.objects, 2)
  lu.assertEquals(world:object("cloud", manifest.objects[1].key), world:file "reflection.duckdb")
  lu.assertEquals(world:queue(), {})
end

return lu.LuaUnit.run()
