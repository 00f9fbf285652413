-- What mirror.lua does in a world: two of three are enough, and the third one catches up.
local lu, sim = require "luaunit", require "akosha.testing"

TestMirror = {}

local KiB = sim.KiB

local function mirror()
  return sim.world { small = true, policy = "policies/mirror.lua",
                     env = { AKOSHA_SECOND_BUCKET = "second-memories" },
                     files = { ["reflection.duckdb"] = sim.bytes(20 * KiB),
                               ["knowledge_graph.duckdb"] = sim.bytes(12 * KiB) } }
end

-- Where each source is, by its name.
local function places(report)
  local found = {}
  for _, file in ipairs(report.files) do
    found[file.name] = table.concat(file.targets, " ")
  end
  return found
end

local function everywhere(world)
  for _, target in ipairs { "first", "second", "folder" } do
    lu.assertEquals(#world:manifest(target).objects, 2, target)
  end
end

function TestMirror:test_everything_goes_everywhere_in_one_upload_each()
  local world = mirror()
  local report = world:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertEquals(places(report), { ["reflection.duckdb"] = "first second folder",
                                    ["knowledge_graph.duckdb"] = "first second folder" })
  everywhere(world)
  lu.assertEquals(#world:manifests "second", 1)
  lu.assertEquals(world:run().outcome, "unchanged")
end

function TestMirror:test_a_cloud_that_is_away_keeps_nobody()
  local world = mirror()
  world.target.first:on "any":fail "offline":until_time(60)
  local report = world:run()
  lu.assertEquals(report.exit_code, 0)
  lu.assertEquals(places(report)["reflection.duckdb"], "second folder")
  lu.assertEquals(report.target, "second")
  lu.assertEquals(world:queue(), {})
  lu.assertEquals(report.targets[1].outcome, "failed")
  lu.assertEquals(report.targets[1].error.failure, "offline")
  world:advance(sim.hour)
  report = world:run()
  lu.assertEquals(places(report)["reflection.duckdb"], "first second folder")
  everywhere(world)
end

function TestMirror:test_one_copy_is_not_enough()
  local world = mirror()
  world.target.first:on "any":fail "offline":until_time(60)
  world.target.second:on "any":fail "offline":until_time(60)
  local report = world:run()
  lu.assertEquals(report.exit_code, 1)
  lu.assertEquals(report.outcome, "partial")
  lu.assertEquals(report.files[1].outcome, "partial")
  lu.assertEquals(report.files[1].targets, { "folder" })
  lu.assertEquals(report.files[1].pending, { "first", "second" })
  lu.assertEquals(#world:queue(), 1)
  world:advance(sim.hour)
  report = world:run()
  lu.assertEquals(report.outcome, "stored")
  everywhere(world)
  lu.assertEquals(world:queue(), {})
end

return lu.LuaUnit.run()
