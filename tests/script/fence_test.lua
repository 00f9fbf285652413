-- What can be reached from inside a policy.
local lu = require "luaunit"
local host = require "host"

TestFence = {}

-- Everything that a policy finds by name; another name here means that something came in unseen.
local EXPECTED = {
  "_G", "_VERSION", "akosha", "akosha.GiB", "akosha.KiB", "akosha.MB", "akosha.MiB",
      "akosha.age", "akosha.budget", "akosha.day",
      "akosha.dir",
  "akosha.env", "akosha.give_up", "akosha.hour", "akosha.http", "akosha.kB", "akosha.log",
  "akosha.match", "akosha.match.age", "akosha.match.kind", "akosha.match.name", "akosha.match.size",
  "akosha.mcp", "akosha.minute", "akosha.next_target", "akosha.policy", "akosha.restart",
      "akosha.retry",
      "akosha.retry.by_failure", "akosha.retry.by_target",
      "akosha.retry.decorrelated", "akosha.retry.exponential",
  "akosha.retry.fixed", "akosha.retry.linear", "akosha.retry.none", "akosha.route",
      "akosha.route.all", "akosha.route.by_kind", "akosha.route.first", "akosha.route.quorum",
      "akosha.route.when", "akosha.s3",
      "akosha.second", "akosha.secret", "akosha.snapshot", "akosha.task",
      "akosha.throttle", "akosha.throttle.when", "akosha.wait", "akosha.window",
  "assert", "coroutine", "coroutine.close", "coroutine.create",
      "coroutine.isyieldable",
  "coroutine.resume", "coroutine.running", "coroutine.status", "coroutine.wrap", "coroutine.yield",
      "error",
  "getmetatable", "ipairs", "math", "math.abs", "math.acos", "math.asin", "math.atan", "math.ceil",
      "math.cos",
  "math.deg", "math.exp", "math.floor", "math.fmod", "math.huge", "math.log", "math.max",
      "math.maxinteger",
  "math.min", "math.mininteger", "math.modf", "math.pi", "math.rad", "math.random", "math.sin",
      "math.sqrt",
  "math.tan", "math.tointeger", "math.type", "math.ult", "next", "pairs", "pcall", "print",
      "rawequal", "rawget",
  "rawlen", "rawset", "require", "select", "setmetatable", "string", "string.byte", "string.char",
      "string.find",
  "string.format", "string.gmatch", "string.gsub", "string.len", "string.lower", "string.match",
      "string.pack",
  "string.packsize", "string.rep", "string.reverse", "string.sub", "string.unpack", "string.upper",
      "table",
  "table.concat", "table.insert", "table.move", "table.pack", "table.remove", "table.sort",
      "table.unpack",
  "tonumber", "tostring", "type", "utf8", "utf8.char", "utf8.charpattern", "utf8.codepoint",
      "utf8.codes",
  "utf8.len", "utf8.offset", "xpcall",
}

-- Walks tables by pairs and by metatables, and tells the names and the strings that it meets.
local WALK = [[
local seen, names, strings = {}, {}, {}
local function walk(value, name)
  if type(value) == "string" then strings[#strings + 1] = value end
  if type(value) ~= "table" and type(value) ~= "userdata" or seen[value] then return end
  seen[value] = true
  local meta = getmetatable(value)
  if meta then walk(meta, name .. " metatable") end
  if type(value) ~= "table" then return end
  for key, inner in pairs(value) do
    local path = name and name .. "." .. tostring(key) or tostring(key)
    names[#names + 1] = path
    walk(inner, path)
  end
end
]]

function TestFence:test_nothing_is_reachable_that_is_not_on_the_list()
  local got = {}
  -- The message is cut where it is too long for a person; so it is asked for in parts.
  for _, range in ipairs { "1, 40", "41, 80", "81, 120", "121, 160" } do
    local _, message = host.load { text = WALK .. [[
_G.akosha = require "akosha"
walk(_G)
table.sort(names)
error("|" .. table.concat({ table.unpack(names, ]] .. range .. [[) }, " "), 0)]] }
    for name in message:match("|(.*)$"):gmatch "%S+" do
      got[#got + 1] = name
    end
  end
  lu.assertEquals(got, EXPECTED)
end

function TestFence:test_no_planted_secret_is_met_on_a_walk()
  local policy = host.load { env = { AKOSHA_API_TOKEN = "PLANTED", AKOSHA_A = "a" }, text = WALK
      .. [[
local akosha = require "akosha"
local cloud = akosha.s3 { bucket = "memories", credentials = "profile:work" }
return akosha.policy { api = 1, targets = { cloud = cloud },
  retry = function(failure)
    for _, value in ipairs { _G, akosha, cloud, failure, akosha.retry.fixed {}, akosha.give_up,
        string, "" } do
      walk(value)
      strings[#strings + 1] = tostring(value)
    end
    for _, text in ipairs(strings) do
      assert(not text:find("PLANTED", 1, true), text)
    end
    print(#strings)
  end }]] }
  lu.assertNil(policy:retry {})
  lu.assertEquals(#host.lines(), 1)
end

function TestFence:test_two_policies_share_nothing()
  local text = [[
local akosha = require "akosha"
counter = (counter or 0) + 1
return akosha.policy { api = 1, targets = { d = akosha.dir { path = "/x" } },
  retry = function() counter = counter + 1 print(counter) end }]]
  local one, two = host.load { text = text }, host.load { text = text }
  one:retry {}
  one:retry {}
  two:retry {}
  lu.assertEquals(host.lines(), { "policy: 2", "policy: 3", "policy: 2" })
end

function TestFence:test_our_own_modules_do_not_use_the_policys_globals()
  local policy, message = host.load { text = [[
local require, globals = require, _G
for name in pairs(globals) do globals[name] = nil end
local akosha = require "akosha"
return akosha.policy { api = 1, targets = { d = akosha.dir { path = "/x" } },
  retry = akosha.retry.exponential { first = 20 } }]] }
  lu.assertNotNil(policy, message)
end

function TestFence:test_strings_have_the_methods_of_the_library()
  local _, message = host.load { text = "error(('%d-%s'):format(5, ('ab'):upper():rep(2)), 0)" }
  lu.assertStrContains(message, "5-ABAB")
end

function TestFence:test_libraries_work_as_in_lua()
  for code, expected in pairs {
    ["table.concat({ 1, 2, 3 }, '-', 2)"] = "2-3",
    ["select('#', table.unpack({ 1, 2, 3 }))"] = "3",
    ["(('a,b'):gsub(',', ';'))"] = "a;b",
    ["('k=v'):match '(%w+)=(%w+)'"] = "k",
    ["('a.b'):find('.', 1, true)"] = "2",
    ["#table.move({ 1, 2, 3 }, 1, 3, 2)"] = "4",
    ["utf8.len 'äö'"] = "2",
    ["math.max(1, 5, 3)"] = "5",
    ["select(2, pcall(error, 'x'))"] = "x",
    ["select(2, xpcall(error, function(e) return e .. '!' end, 'x'))"] = "x!",
    ["table.concat({ coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b "
        .. "end)(4) })"] = "5",
    ["select(2, coroutine.resume(coroutine.create(function() return 7 end)))"] = "7",
    ["(function() local w = coroutine.wrap(function() end) w() return select(2, pcall(w)) end)()"]
      = "cannot resume dead coroutine",
    ["(function() local log = '' pcall(coroutine.wrap(function() local x <close> = "
        .. "setmetatable({}, "
      .. "{ __close = function() log = log .. 'closed' end }) error 'x' end)) return log end)()"]
      = "closed",
    ["(function() local w w = coroutine.wrap(function() return select(2, pcall(w)) end) return "
        .. "w() end)()"]
      = "cannot resume",
    ["next(string) ~= nil and #string"] = "0",
    ["rawget(string, 'rep') == string.rep"] = "true",
    ["type(select(2, pairs(string)))"] = "table",
  } do
    local _,
        message = host.load { text = "local function show(v) error('|' .. tostring(v), 0) end "
        .. "show((" .. code .. "))" }
    lu.assertStrContains(message, "|" .. expected)
  end
end

-- { what it tries, code, part of the message }: each is refused, while a policy is loaded and in
-- its answers.
local REFUSED = {
  -- what is not there
  { "os", "return os.getenv 'AWS_SECRET_ACCESS_KEY'", "(global 'os')" },
  { "io", "return io.open '/etc/passwd'", "(global 'io')" },
  { "debug", "return debug.getregistry()", "(global 'debug')" },
  { "package", "return package.loaded.os", "(global 'package')" },
  { "load", "return load 'return os'", "(global 'load')" },
  { "loadstring", "return loadstring 'return os'", "(global 'loadstring')" },
  { "loadfile", "return loadfile '/etc/passwd'", "(global 'loadfile')" },
  { "dofile", "return dofile '/etc/passwd'", "(global 'dofile')" },
  { "collectgarbage", "return collectgarbage 'count'", "(global 'collectgarbage')" },
  { "getfenv", "return getfenv(1)", "(global 'getfenv')" },
  { "warn", "return warn '@on'", "(global 'warn')" },
  { "string.dump", "return string.dump(print)", "(field 'dump')" },
  { "dump of a string", "return ('x'):dump()", "(method 'dump')" },
  { "os by another name", "return _G['o' .. 's'].exit()", "(field '?')" },
  { "os of the globals' metatable", "return getmetatable(_G).__index.os", "index a nil value" },
  { "a global of Lua's own", "return _ENV.package.path", "(global 'package')" },

  -- modules
  { "require os", "return require 'os'", 'there is no module "os"' },
  { "require debug", "return require 'debug'", 'there is no module "debug"' },
  { "require _G", "return require '_G'", 'there is no module "_G"' },
  { "require of the parent", "return require '..'", 'there is no module ".."' },
  { "require out of the folder", "return require '../../etc/passwd'", "there is no module" },
  { "require through the folder", "return require 'rules/../../secrets'", "there is no module" },
  { "require with dots", "return require '...secrets'", "there is no module" },
  { "require of an absolute path", "return require '/home/me/rules'", "there is no module" },
  { "require of a file's name", "return require 'rules.lua'", 'there is no module "rules.lua"' },
  { "require of a hidden file", "return require '.rules'", "there is no module" },
  { "require of nothing", "return require ''", 'there is no module ""' },
  { "require of a name that ends early", "return require 'rules\\0'", "there is no module" },
  { "require of akosha that ends early", "return require 'akosha\\0x'", "there is no module" },
  { "require of the core", "return require 'akosha.core'", "there is no module" },
  { "require of the first file", "return require 'akosha.init'", "there is no module" },
  { "require through akosha", "return require 'akosha/../policies/default'", "there is no module" },
  { "require out of akosha", "return require 'akosha.../policies/default'", "there is no module" },
  { "require of a long name", "return require(('a'):rep(1 << 16))", "there is no module" },
  { "require of a table", "return require {}", "expected the name of a module, got a table" },
  { "require of what pretends",
    "return require(setmetatable({}, { __tostring = function() return 'os' end }))",
    "expected the name of a module, got a table" },

  -- variables
  { "a key of AWS", "return akosha.env 'AWS_SECRET_ACCESS_KEY'", "looks like a secret's name" },
  { "a key in small letters", "return akosha.env 'aws_secret_access_key'", "looks like a secret" },
  { "a token of ours", "return akosha.env 'AKOSHA_API_TOKEN'", "looks like a secret's name" },
  { "a token of both cases", "return akosha.env 'AKOSHA_Api_ToKen'", "looks like a secret's name" },
  { "a password", "return akosha.env 'SESSION_BUDDY_AKOSHA_PASSWORD'", "looks like a secret" },
  { "a password below XDG_", "return akosha.env 'XDG_pass'", "looks like a secret's name" },
  { "credentials", "return akosha.env 'HOME_CREDENTIALS'", "looks like a secret's name" },
  { "another variable", "return akosha.env 'PATH'", "not a variable that a policy may read" },
  { "another one in small letters", "return akosha.env 'home'", "not a variable that a policy" },
  { "one that ends early", "return akosha.env 'HOME\\0_TOKEN'", "a control character at byte 5" },
  { "a line", "return akosha.env 'HOME\\nAKOSHA_API_TOKEN'", "a control character at byte 5" },
  { "no name", "return akosha.env ''", "the string is empty" },
  { "a long name", "return akosha.env(('A'):rep(200))", "longer than 128 bytes" },
  { "a table of names", "return akosha.env { 'HOME' }", "expected a string, got a table" },

  -- what cannot be written to
  { "a library", "string.rep = print", "cannot be written to" },
  { "a library, raw", "rawset(string, 'rep', print)", "cannot be written to" },
  { "a library by insert", "table.insert(string, 1)", "cannot be written to" },
  { "a library by move", "table.move({ 1 }, 1, 1, 1, string)", "cannot be written to" },
  { "a library's metatable", "setmetatable(string, nil)", "the metatable is protected" },
  { "what a library's metatable has", "getmetatable(string).__index = nil", "a boolean value" },
  { "strings", "getmetatable('').__index = {}", "index a boolean value" },
  { "a string", "local s = 'x' s.y = 1", "attempt to index a string value" },
  { "akosha", "akosha.dir = akosha.s3", "cannot be written to" },
  { "akosha, raw", "rawset(akosha, 'dir', 1)", "cannot be written to" },
  { "akosha by its module", "require('akosha').retry = {}", "cannot be written to" },
  { "a module of akosha", "akosha.retry.fixed = akosha.retry.none", "cannot be written to" },
  { "a new name in akosha", "akosha.route.last = print", "cannot be written to" },
  { "the units", "require('akosha.units').MiB = 1", "cannot be written to" },
  { "a decision", "akosha.give_up.kind = 'wait'", "attempt to index a akosha.decision value" },
  { "a decision's metatable", "setmetatable(akosha.give_up, {})", "table expected" },
  { "a predicate's metatable", "getmetatable(akosha.match.kind 'file').__call = nil",
    "attempt to index a string value" },
  { "a predicate's metatable, anew", "setmetatable(akosha.match.kind 'file', {})", "is protected" },
  { "a finalizer", "setmetatable({}, { __gc = print })", "with __gc is not allowed" },
  { "weak fields", "setmetatable({}, { __mode = 'v' })", "with __mode is not allowed" },
}

-- The same about what a question is asked with, all of it below f.
local FACTS = {
  { "a fact", "f.name = 'x'", "cannot be written to" },
  { "a new fact", "f.new = 1", "cannot be written to" },
  { "a fact taken away", "f[next(f)] = nil", "cannot be written to" },
  { "a fact, raw", "rawset(f, 'name', 'x')", "cannot be written to" },
  { "facts by insert", "table.insert(f, 1)", "cannot be written to" },
  { "facts by insert in front", "table.insert(f, 1, 1)", "cannot be written to" },
  { "facts by move", "table.move({ 1 }, 1, 1, 1, f)", "cannot be written to" },
  { "facts by sort", "table.sort({ 2, 1 }, function() f[1] = 1 end)", "cannot be written to" },
  { "facts by their metatable", "setmetatable(f, nil)", "the metatable is protected" },
  { "what their metatable has", "getmetatable(f).__newindex = nil", "index a boolean value" },
  { "facts within facts",
    "for _, v in pairs(f) do if type(v) == 'table' then v.x = 1 end end f.x = 1",
    "cannot be written to" },
  { "other facts", "more.x = 1", "a" },
}

local function refused(case, where)
  local _, code, expected = table.unpack(case)
  local targets = "targets = { disk = akosha.dir { path = '/x' } }"
  local text = "local akosha = require 'akosha'\n"
  if where == "load" then
    text = text .. code .. "\nreturn akosha.policy { api = 1, " .. targets .. " }"
    if code:find "^return" then text = "local akosha = require 'akosha'\n" .. code end
  else
    text = text .. "return akosha.policy { api = 1, " .. targets .. ", " .. where
        .. " = function(f, more)\n" .. code .. "\nend }"
  end
  local policy, message, hint, status = host.load { text = text,
    env = { AKOSHA_API_TOKEN = "PLANTED", AKOSHA_A = "a" }, modules = { rules = "return {}" } }
  if policy then
    if where == "load" then return "it was loaded" end
    local answer
    policy:now {}
    answer, message, hint, status = policy[where](policy, { outcome = "stored",
      files = { { name = "a" } }, target = where ~= "retry" and {} or nil, source =
      where ~= "retry" and {} or nil })
    if answer ~= false then return "it was let through" end
  end
  -- A question is told of any module that it is too late for it.
  local late = where ~= "load" and expected:find "^there is no module"
      and message:find("only while the policy is loaded", 1, true)
  if status ~= "policy" or not (late or message:find(expected, 1, true)) then
    return status .. ": " .. message
  end
  return (message .. hint):find("PLANTED", 1, true) and "a secret is told: " .. message or nil
end

local function all_refused(cases, places)
  local faults = {}
  for _, case in ipairs(cases) do
    for where in places:gmatch "%a+" do
      local what = refused(case, where)
      faults[#faults + 1] = what and ("%s, %s: %s"):format(case[1], where, what)
    end
  end
  lu.assertEquals(table.concat(faults, "\n"), "")
end

function TestFence:test_what_is_out_of_reach_is_so_everywhere()
  all_refused(REFUSED, "load route dedup compress snapshot retry throttle finished")
end

function TestFence:test_facts_are_what_they_were()
  all_refused(FACTS, "route dedup compress snapshot retry throttle finished")
end

function TestFence:test_lines_that_are_logged_have_an_end()
  local many = "for i = 1, 300 do print(i, ('x'):rep(1 << 13) .. '\\n') end"
  local function sees()
    lu.assertEquals(#host.lines(), 101)
    lu.assertStrContains(host.lines()[101], "policy: more than 100 lines, the rest is dropped")
    lu.assertTrue(#host.lines()[1] < 5000)
    lu.assertNil(host.lines()[1]:find "%c")
  end
  host.load { text = many }
  sees()
  local policy = host.load { text = [[
local akosha = require "akosha"
return akosha.policy { api = 1, targets = { d = akosha.dir { path = "/x" } },
  retry = function() ]] .. many .. [[ end }]] }
  policy:retry {}
  sees()
end

return lu.LuaUnit.run()
