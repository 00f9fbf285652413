-- The field `throttle`, and the builder of functions for it.
local lu = require "luaunit"
local host = require "host"

TestThrottle = {}

local function load(value)
  return host.load { text = ([[
local akosha = require "akosha"
local throttle, window = akosha.throttle, akosha.window
return akosha.policy { api = 1, targets = { cloud = akosha.s3 { bucket = "memories" } },
  throttle = %s }]]):format(value) }
end

local function policy(value)
  local loaded, message = load(value)
  return lu.assertNotNil(loaded, message) or loaded
end

local function rate_at(loaded, weekday, hour)
  loaded:now { weekday = weekday, hour = hour }
  return loaded:throttle()
end

function TestThrottle:test_a_rate()
  lu.assertEquals(policy("200 * akosha.KiB"):settings().throttle, 204800)
  lu.assertFalse(policy("200 * akosha.KiB"):asks().throttle)
  lu.assertEquals(policy("1024.0"):settings().throttle, 1024)
  lu.assertNil(policy("nil"):settings().throttle)
end

function TestThrottle:test_a_function_answers_with_a_rate_or_no_limit()
  local p = policy [[function(now)
    if now.clock.weekday ~= "sun" then return now.clock.hour * akosha.KiB end end]]
  lu.assertTrue(p:asks().throttle)
  lu.assertEquals(rate_at(p, 0, 5), 5 * 1024)
  lu.assertEquals(rate_at(p, 6, 5), 0)
end

function TestThrottle:test_nonsense_is_refused()
  for value, expected in pairs {
    ["0"] = "whole number of bytes per second from 1024 to 1099511627776, got number 0",
    ["1023"] = "got number 1023",
    ["-1"] = "got number -1",
    ["2^41"] = "got number",
    ["1024.5"] = "got number 1024.5",
    ["0/0"] = "got number",
    ["math.huge"] = "got number",
    ['"200 KiB"'] = 'expected bytes per second or a function, got string "200 KiB"',
    ["{}"] = "expected bytes per second or a function, got a table",
    ["true"] = "expected bytes per second or a function, got true",
    ["window 'mon'"] = "expected bytes per second or a function, got",
  } do
    local loaded, message = load(value)
    lu.assertNil(loaded, value)
    lu.assertStrContains(message, "policy.lua:3: akosha.policy: throttle: ")
    lu.assertStrContains(message, expected)
  end
end

function TestThrottle:test_an_answer_that_is_nonsense_fails()
  for _, answer in ipairs { "0", "1", "-5", "0/0", "math.huge", "'fast'", "{}", "false", "2^41" } do
    local p = policy("function(now) return " .. answer .. " end")
    p:now { weekday = 3, hour = 4, minute = 5, utc_offset_s = 3600 }
    local fine, message, hint, status = p:throttle()
    lu.assertFalse(fine, answer)
    lu.assertEquals(status, "policy")
    lu.assertStrContains(message, "policy.lua:4: in throttle: the answer: expected a whole number")
    lu.assertEquals(hint, "asked about 2026-11-26T04:05+01:00")
  end
end

function TestThrottle:test_by_windows_that_stand_in_each_other()
  local p = policy [[throttle.when(window "mon-fri 08:00-18:00", 100 * akosha.KiB,
    throttle.when(function(now) return now.clock.hour < 6 end, function() end, akosha.MiB))]]
  lu.assertEquals(rate_at(p, 0, 8), 102400)
  lu.assertEquals(rate_at(p, 0, 18), 1 << 20)
  lu.assertEquals(rate_at(p, 5, 8), 1 << 20)
  lu.assertEquals(rate_at(p, 5, 5), 0)
  lu.assertEquals(rate_at(policy "throttle.when(window 'sat', 2048)", 6, 1), 0)
end

function TestThrottle:test_a_throttle_that_is_built_wrong()
  for value, expected in pairs {
    ["throttle.when('mon', 1024)"] = "akosha.throttle.when: expected a predicate",
    ["throttle.when(window 'mon')"] =
      "akosha.throttle.when: expected a rate or a function, got nothing",
    ["throttle.when(window 'mon', 5)"] = "akosha.throttle.when: expected a whole number of bytes",
    ["throttle.when(window 'mon', 2048, 'x')"] = "akosha.throttle.when: expected a whole number of",
  } do
    local loaded, message = load(value)
    lu.assertNil(loaded, value)
    lu.assertStrContains(message, "policy.lua:4: " .. expected)
  end
end

return lu.LuaUnit.run()
