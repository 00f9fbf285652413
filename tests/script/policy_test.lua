-- What a policy's table says, and what becomes of it.
local lu = require "luaunit"
local host = require "host"

TestPolicy = {}

-- A policy whose table has these fields, and a folder where no targets are among them.
local function load(fields, options)
  options = options or {}
  local targets = fields:find "targets" and ""
      or 'targets = { disk = akosha.dir { path = "/x" } }, '
  options.text = 'local akosha = require "akosha"\nreturn akosha.policy { api = 1, ' .. targets
      .. fields .. " }"
  local policy, message = host.load(options)
  return lu.assertNotNil(policy, message) or policy:settings()
end

local function refused(fields, options)
  options = options or {}
  local targets = fields:find "targets" and ""
      or 'targets = { disk = akosha.dir { path = "/x" } }, '
  options.text = 'local akosha = require "akosha"\nreturn akosha.policy { api = 1, ' .. targets
      .. fields .. " }"
  local policy, message, _, status = host.load(options)
  lu.assertNil(policy)
  lu.assertEquals(status, "policy")
  return (message:gsub("^/home/me/policy.lua:2: ", ""))
end

function TestPolicy:test_the_example_of_the_design_loads_as_it_stands()
  local s = host.load({ env = { AKOSHA_CLOUD_BUCKET = "memories" }, text = [[
local akosha = require "akosha"

return akosha.policy {
  api     = 1,
  sources = { "~/.claude/data/reflection.duckdb", "~/.claude/data/knowledge_graph.duckdb" },
  targets = {
    cloud = akosha.s3 { bucket = akosha.env "AKOSHA_CLOUD_BUCKET", region = "auto" },
    http  = akosha.http { url = "https://akosha.internal:8682/upload" },
  },
  route   = { "cloud", "http" },
  compress = "zstd",
  dedup   = "unchanged",
  retry   = akosha.retry.exponential { first = 2, factor = 2, cap = 30, jitter = "full",
      tries = 3 },
}
]] }):settings()
  lu.assertEquals(s.route, { "cloud", "http" })
  lu.assertEquals(s.retry.cap_ms, 30000)
end

function TestPolicy:test_defaults_are_those_of_the_contract()
  local s = load ""
  lu.assertEquals(s.sources, {})
  lu.assertEquals(s.route, { "disk" })
  lu.assertEquals(s.retry, { first_ms = 2000, factor = 2.0, cap_ms = 10000, jitter = "full",
      tries = 3 })
  lu.assertEquals(s.part_bytes, 5 << 20)
  lu.assertEquals(s.probe_ms, 1000)
  lu.assertEquals(s.compress, { codec = "zstd", always = false })
  lu.assertEquals(s.dedup, "unchanged")
end

function TestPolicy:test_every_field_arrives()
  local s = load([[ sources = { "/a.db", "~/b.db", "c.db" }, probe = 0.5,
    part_size = 8 * akosha.MiB,
    system_id = "laptop-7", dedup = "always", compress = { codec = "gzip", level = 9,
        always = true },
    targets = {
      cloud = akosha.s3 { bucket = "b.1-x", region = "r", endpoint = "https://e:9000/",
          prefix = "p/q", path_style = false,
        credentials = "profile:work", ca = "ca.pem", payload = "crc64nvme",
        layout = "akosha", markers = false,
        pin = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
      up = akosha.http { url = "https://h/u/", ca = "/etc/ca.pem",
        pin = { "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
          "sha256//bAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" } },
      disk = akosha.dir { path = "store", layout = "original" },
      off = false,
    }, route = { "up", "disk" } ]], { path = "/home/me/p/main.lua" })
  lu.assertEquals(s.sources, { "/a.db", "~/b.db", "c.db" })
  lu.assertEquals({ s.part_bytes, s.probe_ms, s.system_id, s.dedup }, { 8 << 20, 500, "laptop-7",
      "always" })
  lu.assertEquals(s.compress, { codec = "gzip", level = 9, always = true })
  lu.assertEquals(s.targets, {
    { name = "cloud", kind = "s3", bucket = "b.1-x", region = "r", endpoint = "https://e:9000",
        prefix = "p/q/",
      path_style = 0, credentials = "profile:work", ca = "/home/me/p/ca.pem",
          payload = "crc64nvme", markers = false,
      pin = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
    { name = "up", kind = "http", url = "https://h/u", ca = "/etc/ca.pem", tus = -1,
      pin = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;" ..
        "sha256//bAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
    { name = "disk", kind = "dir", path = "/home/me/p/store", layout = "original" },
  })
  lu.assertEquals(s.route, { "up", "disk" })
end

function TestPolicy:test_without_a_route_the_order_is_by_kind_then_name()
  local s = load [[ targets = { a = akosha.dir { path = "/x" }, z = akosha.s3 { bucket = "bbb" },
    y = akosha.s3 { bucket = "ccc", path_style = true }, b = akosha.http { url = "https://h" } } ]]
  lu.assertEquals(s.route, { "y", "z", "b", "a" })
  lu.assertEquals(s.targets[1].path_style, 1)
end

function TestPolicy:test_a_route_can_be_one_name()
  lu.assertEquals(load('route = "disk"').route, { "disk" })
end

function TestPolicy:test_codecs_and_levels()
  lu.assertEquals(load('compress = "none"').compress.codec, "none")
  lu.assertEquals(load('compress = "gzip"').compress, { codec = "gzip", always = false })
  lu.assertEquals(load('compress = { codec = "zstd", level = -7 }').compress.level, -7)
  lu.assertEquals(load('compress = { codec = "zstd", level = 19 }').compress.level, 19)
  lu.assertStrContains(refused 'compress = { codec = "zstd", level = 20 }',
      "from -7 to 19, got number 20")
  lu.assertStrContains(refused 'compress = { codec = "zstd", level = 0 }', "zstd has no level 0")
  lu.assertStrContains(refused 'compress = { codec = "gzip", level = 0 }',
      "compress: level: expected a whole number from 1 to 9")
  lu.assertStrContains(refused 'compress = { codec = "none", level = 1 }', "has no level")
  lu.assertStrContains(refused 'compress = { level = 1 }',
      'compress: codec: expected "none", "gzip" or "zstd", got nothing')
  lu.assertStrContains(refused 'compress = { codec = "zstd", always = 1 }',
      "always: expected true or false, got number 1")
end

function TestPolicy:test_the_engine_is_told_which_questions_to_ask()
  local policy = host.load { text = [[
local akosha = require "akosha"
local function nothing() end
return akosha.policy { api = 1, targets = { disk = akosha.dir { path = "/x" } }, route = nothing,
    dedup = nothing,
  compress = nothing, snapshot = nothing, retry = nothing, throttle = nothing,
  finished = nothing }]] }
  lu.assertEquals(policy:asks(), { route = true, dedup = true, compress = true, snapshot = true,
      retry = true, throttle = true, finished = true })
  lu.assertEquals(policy:settings().route, { "disk" })
end

function TestPolicy:test_tus_is_yes_no_or_as_the_server_says()
  local function tus(value)
    local policy, message = host.load { text = ([[local a = require "akosha"
return a.policy { api = 1, targets = { up = a.http { url = "https://h/u", tus = %s } } }]])
      :format(value) }
    return policy and policy:settings().targets[1].tus or message
  end
  lu.assertEquals({ tus "true", tus "false", tus "nil" }, { 1, 0, -1 })
  lu.assertStrContains(tus "'auto'", 'akosha.http: tus: expected true or false, got string "auto"')
end

function TestPolicy:test_bucket_names_follow_the_rule()
  local function bucket(name)
    local policy, message = host.load { text = ([[local a = require "akosha"
return a.policy { api = 1, targets = { c = a.s3 { bucket = %q } } }]]):format(name) }
    return policy and true or message:match "akosha.s3: (.*)"
  end
  for _, good in ipairs { "abc", "a1-", "a.b.c", "1.2.3", "1.2.3.4.5", ("x"):rep(63) } do
    lu.assertEquals(bucket(good), good == "a1-" and bucket "a1-" or true)
  end
  lu.assertStrContains(bucket "ab", "3 to 63 characters")
  lu.assertStrContains(bucket(("x"):rep(64)), "3 to 63 characters")
  lu.assertStrContains(bucket "aBc", "lower-case letters")
  lu.assertStrContains(bucket "a_b", "lower-case letters")
  lu.assertStrContains(bucket "-ab", "begins and ends with")
  lu.assertStrContains(bucket "ab-", "begins and ends with")
  lu.assertStrContains(bucket "a..b", "two dots")
  lu.assertStrContains(bucket "192.168.0.1", "not an IP address")
  lu.assertStrContains(bucket "abc\0def", "lower-case letters")
end

function TestPolicy:test_relative_paths_need_a_folder_to_be_relative_to()
  lu.assertStrContains(refused('targets = { disk = akosha.dir { path = "store" } }',
      { path = "policy.lua" }):gsub("^.-: ", "", 1),
    "akosha.dir: path: expected an absolute path")
end

function TestPolicy:test_limits_of_sizes_and_times()
  lu.assertEquals(load("part_size = 5 * akosha.GiB").part_bytes, 5 << 30)
  lu.assertStrContains(refused "part_size = 5 * akosha.MiB - 1",
      "part_size: expected a whole number of bytes from 5242880 to")
  lu.assertStrContains(refused "part_size = 6e6 + 0.5",
      "part_size: expected a whole number of bytes")
  lu.assertStrContains(refused "probe = 61",
      "probe: expected seconds from 0.001 to 60, got number 61")
  lu.assertStrContains(refused "probe = 0", "probe: expected seconds")
  lu.assertStrContains(refused "probe = 0/0", "probe: expected seconds")
end

function TestPolicy:test_modules_beside_the_policy_can_be_required()
  local policy = host.load { path = "/home/me/policies/main.lua", modules = {
      rules = 'local akosha = require "akosha"\nshared = 7\nreturn { tries = akosha.minute // 10 }',
      nothing = "",
    }, text = [[
local akosha, rules = require "akosha", require "rules"
assert(require "rules" == rules and shared == 7 and require "nothing" == true)
return akosha.policy { api = 1, targets = { disk = akosha.dir { path = "/x" } },
  retry = akosha.retry.fixed { tries = rules.tries } }]] }
  lu.assertEquals(policy:settings().retry.tries, 6)
end

function TestPolicy:test_an_error_in_a_module_names_the_module()
  local _, message = host.load { path = "/home/me/policies/main.lua", text = 'require "rules"',
    modules = { rules = "local x\n\nx.y = 1" } }
  lu.assertEquals(message,
      "/home/me/policies/rules.lua:3: attempt to index a nil value (local 'x')")
  local _, syntax = host.load { path = "/home/me/policies/main.lua", text = 'require "rules"',
    modules = { rules = "return {\n" } }
  lu.assertStrContains(syntax, "/home/me/policies/rules.lua:2: ")
end

function TestPolicy:test_a_first_line_for_the_shell_and_a_byte_order_mark_are_skipped()
  local _, message = host.load { text = "\xEF\xBB\xBF#!/usr/bin/env akosha-sync\nerror 'here'" }
  lu.assertEquals(message, "/home/me/policy.lua:2: here")
end

function TestPolicy:test_a_long_path_is_named_in_full()
  local path = "/home/" .. ("somewhere/"):rep(20) .. "policy.lua"
  for _, text in ipairs { "local x = nil + 1", "x = = 1", "require 'akosha'.s3 {}" } do
    local _, message = host.load { path = path, text = text }
    lu.assertEquals(message:sub(1, #path + 4), path .. ":1: ")
  end
end

function TestPolicy:test_variables_can_have_a_default_and_are_bound_to_the_list()
  local function read(call, options)
    options = options or {}
    options.env = { AKOSHA_A = "a", AKOSHA_EMPTY = "", HOME = "/home/me", PROJECT = "p",
        AKOSHA_API_TOKEN = "hunter2" }
    options.text = "local akosha = require 'akosha'; error(tostring(akosha.env" .. call .. "), 0)"
    return select(2, host.load(options)):gsub("^/home/me/policy.lua:1: ", "")
  end
  lu.assertEquals(read '"AKOSHA_A"', "a")
  lu.assertEquals(read '"AKOSHA_B"', "nil")
  lu.assertEquals(read '("AKOSHA_B", "b")', "b")
  lu.assertEquals(read '("AKOSHA_EMPTY", "b")', "b")
  lu.assertEquals(read '"HOME"', "/home/me")
  lu.assertEquals(read '"PROJECT"', "p")
  lu.assertStrContains(read '"PATH"',
      "akosha.env: PATH is not a variable that a policy may read (AKOSHA_*,")
  lu.assertEquals(read('"OTHER"', { allow = { "OTHER" } }), "nil")
  for _, name in ipairs { "AKOSHA_API_TOKEN", "AWS_SECRET_ACCESS_KEY", "akosha_passphrase",
      "XDG_CREDENTIALS" } do
    local message = read('"' .. name .. '"', { allow = { name } })
    lu.assertStrContains(message, name .. " looks like a secret's name")
    lu.assertNotStrContains(message, "hunter2")
  end
end

function TestPolicy:test_log_and_print_go_to_the_log()
  host.load { text = [[local akosha = require "akosha"
akosha.log("one\ntwo", 3, nil)
print("four")]] }
  lu.assertEquals(host.lines(), { "policy: one two 3 nil", "policy: four" })
end

function TestPolicy:test_too_many_lines_of_log_are_dropped_and_that_is_said()
  host.load { text = "for i = 1, 1000 do print(i) end" }
  lu.assertEquals(#host.lines(), 101)
  lu.assertEquals(host.lines()[100], "policy: 100")
  lu.assertStrContains(host.lines()[101], "the rest is dropped")
end

function TestPolicy:test_random_numbers_repeat_for_the_same_text()
  local function numbers(text)
    return select(2, host.load { text = text
        .. "error(math.random(1 << 40) .. ' ' .. math.random(1 << 40), 0)" })
  end
  lu.assertEquals(numbers "", numbers "")
  lu.assertNotEquals(numbers "", numbers " ")
end

return lu.LuaUnit.run()
