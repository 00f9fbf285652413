-- What imperative.lua does in a world: both targets side by side, with pauses of its own.
local lu, sim = require "luaunit", require "akosha.testing"

TestImperative = {}

local function imperative()
  return sim.world { small = true, policy = "policies/imperative.lua", files = {
    ["reflection.duckdb"] = sim.bytes(20 * sim.KiB), ["knowledge_graph.duckdb"] = "graph" } }
end

local function places(report)
  local found = {}
  for _, file in ipairs(report.files) do
    found[file.name] = file.outcome .. " " .. table.concat(file.targets, " ")
  end
  return found
end

local BOTH = { ["reflection.duckdb"] = "stored cloud mirror",
               ["knowledge_graph.duckdb"] = "stored cloud mirror" }

function TestImperative:test_everything_is_in_both()
  local world = imperative()
  local report = world:run()
  lu.assertEquals(places(report), BOTH)
  lu.assertEquals(report.exit_code, 0)
  lu.assertEquals(#world:manifest "cloud".objects, 2)
  lu.assertEquals(#world:manifest "mirror".objects, 2)
  lu.assertEquals(world:queue(), {})
end

function TestImperative:test_sends_nothing_twice()
  local world = imperative()
  world:run()
  local before = world:objects "cloud"
  lu.assertEquals(world:run().outcome, "unchanged")
  lu.assertEquals(world:objects "cloud", before)
end

function TestImperative:test_waits_for_a_cloud_that_is_away_for_a_minute()
  local world = imperative()
  world.target.cloud:on "any":fail "offline":until_time(33)
  lu.assertEquals(places(world:run()), BOTH)
  lu.assertStrContains(table.concat(world:log(), "\n"), "policy: open offline pause 30")
end

function TestImperative:test_a_commit_that_fails_is_tried_again_after_a_pause()
  local world = imperative()
  world.target.cloud:on "manifest":reply { status = 503 }:times(3)
  lu.assertEquals(places(world:run()), BOTH)
  lu.assertStrContains(table.concat(world:log(), "\n"), "policy: commit server pause 5")
end

function TestImperative:test_what_the_cloud_does_not_take_is_in_the_mirror()
  local world = imperative()
  world.target.cloud:on "part":reply { status = 403, code = "AccessDenied" }
  world.target.cloud:on "put":reply { status = 403, code = "AccessDenied" }
  local report = world:run()
  lu.assertEquals(report.exit_code, 0)
  lu.assertEquals(places(report), { ["reflection.duckdb"] = "stored mirror",
                                    ["knowledge_graph.duckdb"] = "stored mirror" })
  local said = {}
  for _, record in ipairs(world:audit()) do
    if record.event == "policy" then
      said[#said + 1] = record.said
    end
  end
  lu.assertEquals(said, {
    { target = "cloud", source = "reflection.duckdb", failure = "forbidden" },
    { target = "cloud", source = "knowledge_graph.duckdb", failure = "forbidden" } })
end

function TestImperative:test_a_source_that_is_written_to_is_read_again()
  local world = imperative()
  local edited
  world.target.cloud:on("part", 2):slow(1):once():when(function()
    if not edited then
      world:edit_file("reflection.duckdb", sim.bytes(20 * sim.KiB, 9))
    end
    edited = true
    return true
  end)
  -- By then the mirror had what it was before, which does not count any more.
  lu.assertEquals(places(world:run()), { ["reflection.duckdb"] = "stored cloud",
                                         ["knowledge_graph.duckdb"] = "stored cloud mirror" })
  lu.assertStrContains(table.concat(world:log(), "\n"), "policy: finish source_changed pause 5")
end

function TestImperative:test_loses_nothing_on_bad_days()
  sim.forall { seeds = 30, policy = "policies/imperative.lua",
               faults = { rules_max = 4, crashes = true, transient = true },
               files = { ["reflection.duckdb"] = sim.bytes(12 * sim.KiB) } }
end
