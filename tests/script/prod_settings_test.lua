local lu = require "luaunit"
local host = require "host"

TestProd = {}

local BUCKET = { AKOSHA_CLOUD_BUCKET = "memories" }

local function load(env)
  return host.load { path = "policies/prod.lua", env = env }
end

function TestProd:test_goes_to_the_cloud_then_over_http()
  local s = load({ AKOSHA_CLOUD_BUCKET = "memories",
                   AKOSHA_HTTP_URL = "https://akosha.internal:8682/upload" }):settings()
  lu.assertEquals(s.route, { "cloud", "http" })
  lu.assertEquals(s.targets[1], { name = "cloud", kind = "s3", bucket = "memories", region = "auto",
    prefix = "", credentials = "auto", path_style = -1, payload = "signed" })
  lu.assertEquals(s.targets[2], { name = "http", kind = "http",
      url = "https://akosha.internal:8682/upload", tus = -1 })
end

function TestProd:test_without_a_url_there_is_the_cloud_alone()
  lu.assertEquals(load(BUCKET):settings().route, { "cloud" })
end

function TestProd:test_takes_endpoint_region_and_prefix_from_the_environment()
  local target = load({ AKOSHA_CLOUD_BUCKET = "memories",
      AKOSHA_CLOUD_ENDPOINT = "https://s3.example.org/",
    AKOSHA_CLOUD_REGION = "eu-west-1", AKOSHA_CLOUD_PREFIX = "team/a" }):settings().targets[1]
  lu.assertEquals(target.endpoint, "https://s3.example.org")
  lu.assertEquals(target.region, "eu-west-1")
  lu.assertEquals(target.prefix, "team/a/")
end

function TestProd:test_compresses_skips_what_is_unchanged_and_backs_off()
  local s = load(BUCKET):settings()
  lu.assertEquals(s.compress, { codec = "zstd", always = false })
  lu.assertEquals(s.dedup, "unchanged")
  lu.assertEquals(s.retry, { first_ms = 2000, factor = 2.0, cap_ms = 30000, jitter = "full",
      tries = 3 })
  lu.assertEquals(s.sources, { "~/.claude/data/reflection.duckdb",
      "~/.claude/data/knowledge_graph.duckdb" })
end

function TestProd:test_asks_no_lua_while_it_runs()
  for _, asked in pairs(load(BUCKET):asks()) do
    lu.assertFalse(asked)
  end
end

function TestProd:test_says_which_variable_is_missing()
  local policy, message, hint, status = load {}
  lu.assertNil(policy)
  lu.assertEquals(message, "policies/prod.lua:10: akosha.s3: no bucket")
  lu.assertStrContains(hint, "AKOSHA_CLOUD_BUCKET")
  lu.assertEquals(status, "policy")
end

return lu.LuaUnit.run()
