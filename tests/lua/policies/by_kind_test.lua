-- What by_kind.lua does in a world: graphs to the cloud alone, the rest wherever it can go.
local lu, sim = require "luaunit", require "akosha.testing"

TestByKind = {}

local DUCKDB = require "tests.script.duckdb"

local function by_kind(env)
  return sim.world { small = true, policy = "policies/by_kind.lua", env = env, files = {
    ["reflection.duckdb"] = DUCKDB .. ("r"):rep(5000),
    ["knowledge_graph.duckdb"] = DUCKDB .. ("g"):rep(5000) } }
end

-- Where each source is, by its name.
local function places(report)
  local found = {}
  for _, file in ipairs(report.files) do
    found[file.name] = table.concat(file.targets, " ")
  end
  return found
end

function TestByKind:test_everything_goes_to_the_cloud_that_can()
  lu.assertEquals(places(by_kind():run()), { ["reflection.duckdb"] = "cloud",
                                             ["knowledge_graph.duckdb"] = "cloud" })
end

function TestByKind:test_without_a_cloud_the_graph_waits_and_the_rest_goes_over_http()
  local world = by_kind()
  world.target.cloud:on "any":fail "offline":until_time(60)
  local report = world:run()
  lu.assertEquals(places(report), { ["reflection.duckdb"] = "http",
                                    ["knowledge_graph.duckdb"] = "" })
  lu.assertEquals(#world:queue(), 1)
  world:advance(sim.hour)
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertEquals(#world:manifest "cloud".objects, 2)
  lu.assertEquals(world:queue(), {})
end

function TestByKind:test_without_a_url_the_rest_goes_into_the_folder()
  local world = by_kind { AKOSHA_HTTP_URL = false }
  world.target.cloud:on "any":fail "offline"
  lu.assertEquals(places(world:run()), { ["reflection.duckdb"] = "folder",
                                         ["knowledge_graph.duckdb"] = "" })
end

-- A text that is only called a graph is no database.
function TestByKind:test_the_kind_counts_and_not_the_name_alone()
  local world = sim.world { small = true, policy = "policies/by_kind.lua",
                            files = { ["knowledge_graph.duckdb"] = "notes about graphs" } }
  world.target.cloud:on "any":fail "offline"
  lu.assertEquals(places(world:run())["knowledge_graph.duckdb"], "http")
end

return lu.LuaUnit.run()
