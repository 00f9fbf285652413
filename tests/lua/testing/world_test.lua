-- What a world is made of, what happens in it, and what is read back.
local lu, sim = require "luaunit", require "akosha.testing"

TestWorld = {}

local POLICY = [[
local akosha = require "akosha"
return akosha.policy { api = 1, sources = { "a.bin" },
  targets = { cloud = akosha.s3 { bucket = "memories", endpoint = "https://s3.example.org" },
              http = akosha.http { url = "https://put.example.org/upload" } },
  route = { "cloud", "http" }, compress = "none",
  retry = akosha.retry.exponential { first = 2, jitter = "none" } }
]]

local function small(options)
  options = options or {}
  options.small, options.seed = true, 1
  options.policy_text = options.policy_text or (not options.policy and POLICY) or nil
  options.files = options.files or { ["a.bin"] = sim.bytes(20 * sim.KiB) }
  return sim.world(options)
end

function TestWorld:test_stores_what_the_policy_names()
  local world = sim.world { seed = 1, small = true, policy = "policies/prod.lua",
                            files = { ["reflection.duckdb"] = sim.bytes(20 * sim.KiB) } }
  local report = world:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertEquals(report.exit_code, 0)
  local manifest = world:manifest "cloud"
  lu.assertEquals(manifest.format, "akosha-sync/1")
  lu.assertEquals(#manifest.objects, 2)
  lu.assertEquals(world:object("cloud", manifest.objects[1].key), world:file "reflection.duckdb")
  lu.assertEquals(world:objects "cloud"[manifest.key], #world:object("cloud", manifest.key))
  lu.assertEquals(world:queue(), {})
  lu.assertEquals(world:audit()[1].event, "auth_success")
  lu.assertEquals(world:audit()[2].event, "upload_sent")
  lu.assertEquals(world:audit()[1].prev, ("0"):rep(64))
end

function TestWorld:test_files_without_a_folder_are_the_sources_of_that_name()
  local world = sim.world { policy = "policies/prod.lua", files = {
    ["reflection.duckdb"] = "memory", ["notes.txt"] = "home", ["~/x/y"] = "y", ["/opt/z"] = "z" } }
  lu.assertEquals(world:file "~/.claude/data/reflection.duckdb", "memory")
  lu.assertEquals(world:file "/home/person/notes.txt", "home")
  lu.assertEquals(world:file "x/y", "y")
  lu.assertEquals(world:file "/opt/z", "z")
  lu.assertEquals(#world:file "knowledge_graph.duckdb", 1024) -- nothing was said of it
  lu.assertNil(world:file "nothing")
end

function TestWorld:test_an_address_needs_no_path()
  for _, path in ipairs { "", "/" } do
    local world = small { policy_text = [[
      local akosha = require "akosha"
      return akosha.policy { api = 1, sources = { "a.bin" }, compress = "none",
        targets = { http = akosha.http { url = "https://put.example.org]] .. path .. [[" } } } ]] }
    local report = world:run()
    lu.assertEquals(report.outcome, "stored")
    lu.assertEquals(world:object("http", report.files[1].key), world:file "a.bin")
  end
end

function TestWorld:test_a_source_that_is_false_is_missing()
  local world = sim.world { policy = "policies/prod.lua", small = true,
                            files = { ["knowledge_graph.duckdb"] = false } }
  local report = world:run()
  lu.assertEquals(report.outcome, "partial")
  lu.assertEquals(report.files[2].reason, "source_missing")
end

function TestWorld:test_bytes_are_the_same_in_every_world_and_others_in_every_file()
  local one = small { files = { ["a.bin"] = sim.bytes(100), b = sim.bytes(100) } }
  local two = small { files = { ["a.bin"] = sim.bytes(100), c = sim.bytes(100, 7) } }
  lu.assertEquals(one:file "a.bin", two:file "a.bin")
  lu.assertNotEquals(one:file "a.bin", one:file "b")
  lu.assertEquals(two:file "c", sim.bytes(100, 7):text())
  lu.assertEquals(#sim.bytes(100), 100)
  lu.assertEquals(tostring(sim.bytes(100)), "sim.bytes(100)")
  lu.assertEquals(tostring(sim.bytes(3, 7)), "sim.bytes(3, 7)")
end

function TestWorld:test_without_a_policy_there_is_the_built_in_one()
  local world = sim.world { small = true, env = { AKOSHA_HTTP_URL = false } }
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertEquals(world:run().outcome, "unchanged")
  lu.assertErrorMsgContains("world.target: unknown target \"http\"",
    function() return world.target.http end)
end

function TestWorld:test_the_environment_is_the_test_s()
  local world = sim.world { small = true, policy = "policies/prod.lua",
                            env = { AKOSHA_CLOUD_BUCKET = "others" } }
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertStrContains(world:log()[1], "others")
  world:env("AKOSHA_HTTP_URL", "https://elsewhere.example/put")
  world:put_file("reflection.duckdb", "new")
  lu.assertEquals(world:run { target = "http" }.target, "http")
end

function TestWorld:test_a_policy_that_does_not_load_is_the_report_s_error()
  local world = sim.world { small = true, policy = "policies/prod.lua",
                            env = { AKOSHA_CLOUD_BUCKET = false } }
  local report = world:run()
  lu.assertEquals(report.outcome, "failed")
  lu.assertEquals(report.exit_code, 3)
  lu.assertEquals(report.error.failure, "policy")
  lu.assertEquals(report.error.message, "policies/prod.lua:10: akosha.s3: no bucket")
  lu.assertStrContains(report.error.hint, "AKOSHA_CLOUD_BUCKET")
end

function TestWorld:test_modules_lie_beside_the_policy()
  local world = small { modules = { mine = "return 'a.bin'" }, policy_text = [[
    local akosha = require "akosha"
    return akosha.policy { api = 1, sources = { require "mine" },
      targets = { here = akosha.dir { path = "~/there" } } }]] }
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertEquals(#world:manifests(), 1)
  lu.assertErrorMsgContains("world.disk", function() return world.target.here end)
end

function TestWorld:test_reads_back_what_is_believed()
  local world = small()
  lu.assertEquals(world:state(), {})
  lu.assertEquals(world:run().outcome, "stored")
  local state = world:state()
  local path = next(state.targets.cloud.stored)
  lu.assertEquals(state.targets.cloud.stored[path].sha256, world:manifest "cloud".objects[1].sha256)
  lu.assertEquals(state.targets.http, { stored = {} })
  lu.assertEquals(state.last_run.outcome, "stored")
  world.target.cloud:on "probe":fail "refused"
  world:advance(sim.hour)
  world:edit_file(path, sim.bytes(100, 9))
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertEquals(world:state().targets.cloud.breaker.reason, "refused")
end

function TestWorld:test_a_death_and_what_comes_after_it()
  local world = small()
  world:crash_at "complete"
  lu.assertEquals(world:run(), { outcome = "crashed" })
  lu.assertErrorMsgContains("the machine is down", world.run, world)
  world:restart { power = true }
  lu.assertEquals(#world:queue(), 1)
  lu.assertNil(world:manifest "cloud")
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertEquals(world:queue(), {})
end

function TestWorld:test_a_death_that_the_server_outlives()
  local world = small()
  world:crash_at { "cloud", "manifest", served = true }
  lu.assertEquals(world:run().outcome, "crashed")
  world:restart {}
  lu.assertEquals(#world:manifests "cloud", 1)
  lu.assertEquals(world:run().exit_code, 0)
end

function TestWorld:test_a_death_at_any_step()
  for step = 1, 100, 9 do
    local world = small()
    world:crash_at(step)
    lu.assertEquals(world:run().outcome, "crashed")
    world:restart { power = true }
    lu.assertEquals(world:run().exit_code, 0)
  end
end

function TestWorld:test_time_passes_as_it_is_told()
  local world = small()
  world:advance(90)
  lu.assertEquals(world:now(), 90)
  world:set_clock { at = 1800000000 }
  lu.assertStrContains(world:run().started_at, "2027-01-15T08:0")
  world:set_clock(-3600)
  world:edit_file("a.bin", "changed")
  lu.assertStrContains(world:run().started_at, "2026-11-23T05:46")
end

function TestWorld:test_files_change()
  local world = small { files = { ["a.bin"] = "one" } }
  lu.assertEquals(world:run().outcome, "stored")
  world:edit_file("a.bin", function(bytes) return bytes .. " two" end)
  lu.assertEquals(world:file "a.bin", "one two")
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertEquals(world:object("cloud", world:manifest "cloud".objects[1].key), "one two")
  world:remove_file "a.bin"
  lu.assertEquals(world:run().files[1].reason, "source_missing")
  lu.assertErrorMsgContains("there is no file", world.edit_file, world, "a.bin", "x")
end

function TestWorld:test_runs_may_name_sources_and_targets()
  local world = small { files = { ["a.bin"] = "a", ["b.bin"] = "b" } }
  local report = world:run { sources = { "b.bin" }, target = "http" }
  lu.assertEquals(report.files[1].name, "b.bin")
  lu.assertEquals(report.target, "http")
  local before = world:objects "cloud"
  world:run { dry_run = true, target = "cloud" }
  lu.assertEquals(world:objects "cloud", before)
  lu.assertErrorMsgContains("unknown field \"dryrun\"; did you mean \"dry_run\"?", world.run, world,
    { dryrun = true })
end

function TestWorld:test_stories_are_the_same_for_the_same_seed()
  local function story()
    local world = small()
    world:draw(5, sim.any)
    world:run()
    return world:story "events"
  end
  local first = story()
  lu.assertTrue(#first > 30)
  lu.assertEquals(story(), first)
end

function TestWorld:test_says_what_it_does_not_know()
  local world = small()
  for message, call in pairs {
    ["a world has no \"rum\"; did you mean \"run\"?"] = function() world:rum() end,
    ["world:story: unknown story \"event\"; did you mean \"events\"?"] =
      function() world:story "event" end,
    ["world:objects: unknown target \"clout\"; did you mean \"cloud\"?"] =
      function() world:objects "clout" end,
    ["sim.world: unknown field \"polcy\"; did you mean \"policy\"?"] =
      function() sim.world { polcy = "x" } end,
    ["sim.world: unknown profile \"minioo\"; did you mean \"minio\"?"] =
      function() sim.world { profile = "minioo" } end,
    ["sim.world: seed: expected a whole number"] = function() sim.world { seed = "x" } end,
    ["policies/none.lua"] = function() sim.world { policy = "policies/none.lua" } end,
    ["either a file or a text"] = function()
      sim.world { policy = "policies/prod.lua", policy_text = "" }
    end,
    ["a.bin: expected a string or sim.bytes(n), got a number"] = function()
      small { files = { ["a.bin"] = 7 } }
    end,
    ["sim.bytes: expected a whole number"] = function() sim.bytes(-1) end,
    ["world:advance: expected seconds"] = function() world:advance(-1) end,
  } do
    lu.assertErrorMsgContains(message, call)
  end
end

return lu.LuaUnit.run()
