-- What can be reached from inside a policy.
local lu = require "luaunit"
local host = require "host"

TestFence = {}

-- Everything that a policy finds by name; another name here means that something came in unseen.
local EXPECTED = {
  "_G", "_VERSION", "akosha", "akosha.GiB", "akosha.KiB", "akosha.MB", "akosha.MiB", "akosha.day",
      "akosha.dir",
  "akosha.env", "akosha.give_up", "akosha.hour", "akosha.http", "akosha.kB", "akosha.log",
  "akosha.match", "akosha.match.age", "akosha.match.kind", "akosha.match.name", "akosha.match.size",
  "akosha.minute", "akosha.next_target", "akosha.policy", "akosha.restart", "akosha.retry",
      "akosha.retry.by_failure", "akosha.retry.decorrelated", "akosha.retry.exponential",
  "akosha.retry.fixed", "akosha.retry.linear", "akosha.retry.none", "akosha.route",
      "akosha.route.all", "akosha.route.by_kind", "akosha.route.first", "akosha.route.quorum",
      "akosha.route.when", "akosha.s3",
      "akosha.second",
      "akosha.wait", "akosha.window",
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

return lu.LuaUnit.run()
