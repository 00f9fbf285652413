-- A policy names secrets, and has no way to a value: it is not in its world. What it can do is
-- tried here; that nothing is found in its memory either, in tests/c/testkit/secret_world_test.c.
local lu = require "luaunit"
local host = require "host"

TestSecret = {}

local BEGIN = [[
  local akosha = require "akosha"
  local secret = akosha.secret "akosha-token"
  local target = akosha.http { url = "https://akosha.internal:8682/up", token = secret }
]]
local END = "\nreturn akosha.policy { api = 1, targets = { up = target } %s }"

-- What the policy prints; it is loaded, or its message is the last line.
local function lines(body, fields, options)
  options = options or {}
  options.text = BEGIN .. body .. END:format(fields and ", " .. fields or "")
  local policy, message = host.load(options)
  local printed = {}
  for i, line in ipairs(host.lines()) do
    printed[i] = line:gsub("^policy: ", "")
  end
  if not policy then
    printed[#printed + 1] = message:gsub("^/home/me/policy.lua:%d+: ", "")
  end
  return printed, policy
end

function TestSecret:test_a_target_has_the_name_and_the_settings_no_more()
  local printed, policy = lines ""
  lu.assertEquals(printed, {})
  lu.assertEquals(policy:settings().targets, {
      { name = "up", kind = "http", url = "https://akosha.internal:8682/up",
        token = "akosha-token", tus = -1 } })
end

-- { what is tried, what comes of it }
local ROUTES = {
  { "print(secret)", "akosha.secret: akosha-token" },
  { "print(tostring(secret))", "akosha.secret: akosha-token" },
  { "akosha.log(secret, { secret })", "akosha.secret: akosha-token table: 1" },
  { "print(('%s'):format(secret))", "akosha.secret: akosha-token" },
  { "print(('%q'):format(secret))",
    "bad argument #1 to 'format' (value has no literal form)" },
  { "print('x' .. secret)", "attempt to concatenate a akosha.secret value (upvalue 'secret')" },
  { "print(table.concat { secret })",
    "invalid value (userdata) at index 1 in table for 'concat'" },
  { "print(#secret)", "attempt to get length of a akosha.secret value (upvalue 'secret')" },
  { "print(secret.value)", "attempt to index a akosha.secret value (upvalue 'secret')" },
  { "print(secret.name)", "attempt to index a akosha.secret value (upvalue 'secret')" },
  { "print(secret())", "attempt to call a akosha.secret value (upvalue 'secret')" },
  { "print(secret + 1)",
    "attempt to perform arithmetic on a akosha.secret value (upvalue 'secret')" },
  { "print(secret < secret)", "attempt to compare two akosha.secret values" },
  { "print(secret == akosha.secret 'akosha-token', secret == 'akosha-token')", "false false" },
  { "for k, v in pairs(secret) do print(k, v) end",
    "bad argument #1 to 'pairs' (table expected, got akosha.secret)" },
  { "for k, v in next, secret do print(k, v) end",
    "bad argument #1 to 'for iterator' (table expected, got akosha.secret)" },
  { "for i, v in ipairs(secret) do print(i, v) end", "attempt to index a akosha.secret value" },
  { "print(rawget(secret, 1))", "bad argument #1 to 'rawget' (table expected, got akosha.secret)" },
  { "print(rawlen(secret))", "table or string expected" },
  { "print(getmetatable(secret))", "false" },
  { "setmetatable(secret, {})",
    "bad argument #1 to 'setmetatable' (table expected, got akosha.secret)" },
  { "print(select('#', table.unpack { secret }), type(secret), math.type(secret))",
    "1 userdata nil" },
  { "print(tonumber(secret))", "nil" },
  { "print((string.pack('z', secret)))",
    "bad argument #2 to 'pack' (string expected, got akosha.secret)" },
  { "print(string.upper(secret))",
    "bad argument #1 to 'upper' (string expected, got akosha.secret)" },
  { "print(load)", "nil" },
  { "print(debug, os, io, package)", "nil nil nil nil" },
  { "local t = { [secret] = 1 } for k in pairs(t) do print(k) end",
    "akosha.secret: akosha-token" },
  { "local t = { secret, akosha.secret 'b' } table.sort(t, function(a, b) print(a) return "
    .. "tostring(a) < tostring(b) end)", "akosha.secret: b" },
  { "error(secret)", "akosha.secret: akosha-token" },
  { "error { secret }", "an error was raised that is no message but a table" },
  { "assert(false, secret)", "akosha.secret: akosha-token" },
  { "print(select(2, pcall(error, secret)))", "akosha.secret: akosha-token" },
  { "print(target, target.token)", "attempt to index a akosha.target value (upvalue 'target')" },
  { "for k in pairs(target) do print(k) end",
    "bad argument #1 to 'pairs' (table expected, got akosha.target)" },
  { "print(getmetatable(target), tostring(target):match 'token')", "false nil" },
  { "print(akosha.env 'AKOSHA_TOKEN')", "akosha.env: AKOSHA_TOKEN looks like a secret's name, and "
    .. "no policy may read those (*SECRET*, *TOKEN*, *PASS*, *KEY*, *CREDENTIAL*)" },
  { "print(akosha.env(secret))", "akosha.env: name: expected a string, got a userdata" },
  { "require 'akosha.secret'", "there is no module" },
  { "akosha.secret(secret)", "akosha.secret: expected the name of a secret, got a userdata" },
  { "akosha.http { url = 'https://me:PLANTED@host/', token = secret }", "user information" },
  { "akosha.http { url = 'https://h/?to=PLANTED', token = secret }", "query" },
  { "akosha.http { url = 'http://elsewhere/', token = secret }", "http" },
  { "akosha.http { url = secret }", "akosha.http: url: expected a string, got a userdata" },
  { "akosha.http { url = 'https://h', token = target }",
    "akosha.http: token: expected akosha.secret \"NAME\", got a userdata" },
  { "akosha.http { url = 'https://h', token = setmetatable({}, { __name = 'akosha.secret' }) }",
    "akosha.http: token: expected akosha.secret \"NAME\", got a table" },
  { "akosha.s3 { bucket = secret }", "akosha.s3: bucket: expected a string, got a userdata" },
  { "akosha.s3 { bucket = 'abc', credentials = secret }", "akosha.s3: credentials: expected" },
  { "akosha.dir { path = secret }", "akosha.dir: path: expected a string, got a userdata" },
}

function TestSecret:test_no_way_leads_to_a_value()
  local wrong = {}
  for _, route in ipairs(ROUTES) do
    local tried, expected = route[1], route[2]
    local printed = table.concat(lines("local function try() " .. tried .. " end try()"), "\n")
    if not printed:find(expected, 1, true) or printed:find "PLANTED" then
      wrong[#wrong + 1] = tried .. "\n  expected " .. expected .. "\n  got      " .. printed
    end
  end
  lu.assertEquals(table.concat(wrong, "\n"), "")
end

function TestSecret:test_answers_and_reports_have_no_place_for_one()
  local function refused(field, ask)
    local _, policy = lines("", field)
    local answer, message = ask(policy)
    lu.assertIs(answer, false)
    lu.assertStrContains(message, "got a")
  end
  refused("route = function() return secret end", function(p)
    return p:route({ name = "a", path = "/a", kind = "file", size = 1, age = 1 }, {})
  end)
  refused("retry = function() return secret end", function(p)
    return p:retry { failure = "server", target = "up", operation = "probe", attempt = 1 }
  end)
  refused("dedup = function() return secret end", function(p)
    return p:dedup { source = { name = "a" }, target = { name = "up" } }
  end)
  refused("compress = function() return { codec = secret } end", function(p)
    return p:compress { source = { name = "a" }, target = { name = "up" } }
  end)
end

function TestSecret:test_what_is_reported_at_the_end_has_none()
  local _, policy = lines("", [[finished = function(report)
    for k, v in pairs(report) do print(k, v) end
    print(secret)
  end]])
  policy:finished { outcome = "stored" }
  lu.assertEquals(host.lines(), { "policy: outcome stored", "policy: akosha.secret: akosha-token" })
end

function TestSecret:test_only_while_the_policy_is_loaded()
  local _, policy = lines("", "retry = function() akosha.secret 'x' end")
  local answer, message = policy:retry { failure = "server", target = "up", operation = "probe",
    attempt = 1 }
  lu.assertIs(answer, false)
  lu.assertStrContains(message, "akosha.secret: only while the policy is loaded")
end

return lu.LuaUnit.run()
