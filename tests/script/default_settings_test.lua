local lu = require "luaunit"
local host = require "host"

TestDefault = {}

local BUDDY = "SESSION_BUDDY_AKOSHA_"

local function load(env)
  local policy, message = host.load { env = env }
  return lu.assertNotNil(policy, message) or policy:settings()
end

local function refused(env)
  local policy, message, hint, status = host.load { env = env }
  lu.assertNil(policy)
  lu.assertEquals(status, "settings")
  lu.assertStrContains(hint, "environment variables")
  return message
end

function TestDefault:test_without_any_variable_there_is_a_folder()
  local s = load {}
  lu.assertEquals(s.targets, { { name = "local", kind = "dir",
      path = "~/.local/share/akosha-sync" } })
  lu.assertEquals(s.route, { "local" })
  lu.assertEquals(s.sources, { "~/.claude/data/reflection.duckdb",
      "~/.claude/data/knowledge_graph.duckdb" })
  lu.assertEquals(s.retry, { first_ms = 2000, factor = 2.0, cap_ms = 10000, jitter = "full",
      tries = 3 })
  lu.assertEquals(s.compress, { codec = "zstd", always = false })
  lu.assertEquals(s.dedup, "unchanged")
  lu.assertEquals(s.part_bytes, 5 << 20)
  lu.assertEquals(s.probe_ms, 1000)
  lu.assertNil(s.system_id)
  lu.assertEquals(s.policy_path, "built-in default")
  lu.assertEquals(#s.policy_sha256, 64)
end

function TestDefault:test_is_the_file_that_ships()
  lu.assertEquals(load({}).policy_sha256,
      host.load({ path = "policies/default.lua" }):settings().policy_sha256)
end

function TestDefault:test_folder_follows_xdg_if_that_is_absolute()
  lu.assertEquals(load({ XDG_DATA_HOME = "/data" }).targets[1].path, "/data/akosha-sync")
  lu.assertEquals(load({ XDG_DATA_HOME = "data" }).targets[1].path, "~/.local/share/akosha-sync")
end

function TestDefault:test_order_is_cloud_http_folder_and_a_folder_only_if_named()
  local env = { AKOSHA_CLOUD_BUCKET = "memories", AKOSHA_HTTP_URL = "https://host/up" }
  lu.assertEquals(load(env).route, { "cloud", "http" })
  env.AKOSHA_DIR = "/mnt/b"
  lu.assertEquals(load(env).route, { "cloud", "http", "local" })
  lu.assertEquals(load({ AKOSHA_HTTP_URL = "https://host/up" }).route, { "http" })
end

function TestDefault:test_cloud_has_all_of_its_settings()
  local s = load { AKOSHA_CLOUD_BUCKET = "memories",
      AKOSHA_CLOUD_ENDPOINT = "http://127.0.0.1:9000",
                   AKOSHA_CLOUD_REGION = "us-east-1", AKOSHA_CLOUD_PREFIX = "a/b/",
                       AKOSHA_SYSTEM_ID = "laptop-7" }
  lu.assertEquals(s.system_id, "laptop-7")
  lu.assertEquals(s.targets[1].endpoint, "http://127.0.0.1:9000")
  lu.assertEquals(s.targets[1].region, "us-east-1")
  lu.assertEquals(s.targets[1].prefix, "a/b/")
end

function TestDefault:test_settings_of_the_original_count_unless_ours_are_there()
  local env = { [BUDDY .. "CLOUD_BUCKET"] = "old", [BUDDY
      .. "CLOUD_ENDPOINT"] = "https://old.example",
                [BUDDY .. "CLOUD_REGION"] = "r1", [BUDDY .. "SYSTEM_ID"] = "old-id" }
  local s = load(env)
  lu.assertEquals({ s.targets[1].bucket, s.targets[1].endpoint, s.targets[1].region, s.system_id },
    { "old", "https://old.example", "r1", "old-id" })
  env.AKOSHA_CLOUD_BUCKET, env.AKOSHA_SYSTEM_ID = "new", "new-id"
  s = load(env)
  lu.assertEquals({ s.targets[1].bucket, s.targets[1].region, s.system_id }, { "new", "r1",
      "new-id" })
end

function TestDefault:test_method_can_be_forced_and_fallback_switched_off()
  local env = { AKOSHA_CLOUD_BUCKET = "memories", AKOSHA_HTTP_URL = "https://host/up" }
  env[BUDDY .. "FORCE_METHOD"] = "http"
  lu.assertEquals(load(env).route, { "http" })
  env[BUDDY .. "FORCE_METHOD"] = "cloud"
  lu.assertEquals(load(env).route, { "cloud" })
  env[BUDDY .. "FORCE_METHOD"] = "auto"
  lu.assertEquals(load(env).route, { "cloud", "http" })
  env[BUDDY .. "ENABLE_FALLBACK"] = "false"
  lu.assertEquals(load(env).route, { "cloud" })
end

function TestDefault:test_retries_compression_dedup_and_part_size_of_the_original()
  local s = load { [BUDDY .. "MAX_RETRIES"] = "7", [BUDDY .. "RETRY_BACKOFF_SECONDS"] = "0.5",
                   [BUDDY .. "ENABLE_COMPRESSION"] = "False", [BUDDY
                       .. "ENABLE_DEDUPLICATION"] = "0",
                   [BUDDY .. "CHUNK_SIZE_MB"] = "16" }
  lu.assertEquals(s.retry.tries, 7)
  lu.assertEquals(s.retry.first_ms, 500)
  lu.assertEquals(s.compress.codec, "none")
  lu.assertEquals(s.dedup, "always")
  lu.assertEquals(s.part_bytes, 16 << 20)
  s = load { [BUDDY .. "MAX_RETRIES"] = "0", [BUDDY .. "CHUNK_SIZE_MB"] = "2",
             [BUDDY .. "RETRY_BACKOFF_SECONDS"] = "60" }
  lu.assertEquals(s.retry.tries, 1)
  lu.assertEquals(s.retry.cap_ms, 60000)
  lu.assertEquals(s.part_bytes, 5 << 20)
end

function TestDefault:test_sources_are_separated_by_colons()
  lu.assertEquals(load({ AKOSHA_SOURCES = "/a/b.db:~/c d.sqlite::/e:/f[1]*.db" }).sources,
    { "/a/b.db", "~/c d.sqlite", "/e", "/f[1]*.db" })
end

function TestDefault:test_variables_that_are_empty_are_not_set()
  lu.assertEquals(load({ AKOSHA_CLOUD_BUCKET = "", AKOSHA_SOURCES = "", AKOSHA_DIR = "" }).route,
      { "local" })
end

function TestDefault:test_what_a_variable_has_wrong_is_a_matter_of_settings()
  lu.assertStrContains(refused { AKOSHA_CLOUD_BUCKET = "My_Bucket" }, "lower-case letters")
  lu.assertStrContains(refused { AKOSHA_HTTP_URL = "http://far.example/up" }, "akosha.http: url: ")
  lu.assertStrContains(refused { AKOSHA_DIR = "relative/folder" }, "an absolute path")
  lu.assertStrContains(refused { AKOSHA_SYSTEM_ID = "a b" }, "system_id")
  lu.assertStrContains(refused { [BUDDY .. "MAX_RETRIES"] = "many" },
    "SESSION_BUDDY_AKOSHA_MAX_RETRIES: expected a number from 0 to 10, got \"many\"")
  lu.assertStrContains(refused { [BUDDY .. "CHUNK_SIZE_MB"] = "101" }, "from 1 to 100")
  lu.assertStrContains(refused { [BUDDY .. "RETRY_BACKOFF_SECONDS"] = "nan" },
      "RETRY_BACKOFF_SECONDS")
  lu.assertStrContains(refused { [BUDDY .. "ENABLE_FALLBACK"] = "maybe" },
      "expected true or false, got \"maybe\"")
  lu.assertStrContains(refused { [BUDDY .. "FORCE_METHOD"] = "http" }, "\"http\" is not auto")
end

return lu.LuaUnit.run()
