-- What prod.lua does in a world: cloud first, HTTP when there is no cloud, patience in between.
local lu, sim = require "luaunit", require "akosha.testing"

TestProd = {}

local function prod(options)
  options.policy, options.small = "policies/prod.lua", true
  options.files = options.files or { ["reflection.duckdb"] = sim.bytes(20 * sim.KiB) }
  return sim.world(options)
end

function TestProd:test_waits_as_long_as_the_server_asks()
  local world = sim.world { seed = 7, policy = "policies/prod.lua",
                            files = { ["reflection.duckdb"] = sim.bytes(20 * sim.MiB) } }
  world.target.cloud:on("part", 2):reply { status = 503, retry_after = 40 }:once()
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertEquals(world:story "decisions", { "  0.0  cloud  part 2  throttled -> wait 40.0",
                                             " 40.0  cloud  part 2  ok" })
end

function TestProd:test_goes_over_http_when_no_cloud_can_be_reached()
  local world = prod {}
  world.target.cloud:on "any":fail "offline":until_time(60)
  local report = world:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertEquals(report.method, "http")
  lu.assertEquals(world:objects "cloud", {})
  world:advance(sim.hour)
  world:edit_file("reflection.duckdb", sim.bytes(20 * sim.KiB, 2))
  lu.assertEquals(world:run().method, "cloud")
end

function TestProd:test_without_a_url_the_work_waits_for_the_cloud()
  local world = prod { env = { AKOSHA_HTTP_URL = false } }
  world.target.cloud:on "any":fail "offline":until_time(60)
  lu.assertEquals(world:run().outcome, "queued")
  lu.assertEquals(#world:queue(), 1)
  world:advance(sim.hour)
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertEquals(world:queue(), {})
end

function TestProd:test_takes_endpoint_and_prefix_from_the_environment()
  local world = prod { env = { AKOSHA_CLOUD_ENDPOINT = "https://s3.example.org/",
                               AKOSHA_CLOUD_PREFIX = "team/a" } }
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertStrContains(table.concat(world:log(), "\n"), "s3.example.org")
  lu.assertStrMatches(world:manifest "cloud".key, "systems/laptop%-7/.*/manifest.json")
end

function TestProd:test_sends_nothing_twice()
  local world = prod {}
  lu.assertEquals(world:run().outcome, "stored")
  local before = world:objects "cloud"
  lu.assertEquals(world:run().outcome, "unchanged")
  lu.assertEquals(world:objects "cloud", before)
end

function TestProd:test_compresses_what_shrinks()
  local world = prod { files = { ["reflection.duckdb"] = ("memory "):rep(4000) } }
  lu.assertEquals(world:run().files[1].codec, "zstd")
  lu.assertEquals(prod {}:run().files[1].codec, "none")
end

function TestProd:test_goes_on_after_the_power_was_lost()
  local world = prod {}
  lu.assertEquals(world:run().outcome, "stored")
  world:edit_file("reflection.duckdb", sim.bytes(30 * sim.KiB, 2))
  world:crash_at { "cloud", "part 3", served = true }
  lu.assertEquals(world:run().outcome, "crashed")
  world:restart { power = false }
  lu.assertEquals(world:run().outcome, "stored")
end

function TestProd:test_says_which_variable_is_missing()
  local report = prod { env = { AKOSHA_CLOUD_BUCKET = false } }:run()
  lu.assertEquals(report.error.message, "policies/prod.lua:10: akosha.s3: no bucket")
  lu.assertStrContains(report.error.hint, "AKOSHA_CLOUD_BUCKET")
end

function TestProd:test_loses_nothing_on_bad_days()
  sim.forall { seeds = 50, policy = "policies/prod.lua",
               faults = { rules_max = 4, crashes = true, transient = true },
               files = { ["reflection.duckdb"] = sim.bytes(20 * sim.KiB) } }
end

return lu.LuaUnit.run()
