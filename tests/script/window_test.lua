-- akosha.window: times of the week, asked with `now` of every minute that matters.
local lu = require "luaunit"
local host = require "host"

TestWindow = {}

local DAYS = { mon = 0, tue = 1, wed = 2, thu = 3, fri = 4, sat = 5, sun = 6 }

local function policy(predicate, more)
  local loaded, message = host.load { text = ([[
local akosha = require "akosha"
local match, window = akosha.match, akosha.window
return akosha.policy { api = 1, targets = { cloud = akosha.s3 { bucket = "memories" },
  disk = akosha.dir { path = "/x" } }, %s
  route = akosha.route.when(%s, "cloud", "disk") }]]):format(more or "", predicate) }
  return lu.assertNotNil(loaded, message) or loaded
end

-- "fri 18:00" as the host takes it.
local function at(text)
  local day, hour, minute = text:match "^(%a+) (%d+):(%d+)$"
  return { weekday = DAYS[day], hour = math.tointeger(hour), minute = math.tointeger(minute) }
end

-- Each of these moments, and whether it is in the window.
local function check(window, moments)
  local p = policy(("window %q"):format(window))
  for moment, inside in pairs(moments) do
    p:now(at(moment))
    lu.assertEquals(p:route({})[1], inside and "cloud" or "disk", window .. ": " .. moment)
  end
end

function TestWindow:test_the_beginning_is_in_it_and_the_end_is_not()
  check("mon-fri 09:00-17:30", { ["mon 08:59"] = false, ["mon 09:00"] = true, ["wed 17:29"] = true,
    ["wed 17:30"] = false, ["fri 12:00"] = true, ["sat 12:00"] = false, ["sun 12:00"] = false })
end

-- What began on Friday lasts until Saturday's morning, and Monday's morning is Sunday's.
function TestWindow:test_a_time_over_midnight_belongs_to_the_day_on_which_it_begins()
  check("mon-fri 18:00-08:00", { ["mon 07:59"] = false, ["mon 17:59"] = false, ["mon 18:00"] = true,
    ["tue 00:00"] = true, ["tue 07:59"] = true, ["tue 08:00"] = false, ["fri 23:59"] = true,
    ["sat 07:59"] = true, ["sat 08:00"] = false, ["sat 18:00"] = false, ["sun 20:00"] = false })
  check("sun 22:00-02:00", { ["sun 21:59"] = false, ["sun 22:00"] = true, ["mon 01:59"] = true,
    ["mon 02:00"] = false, ["mon 22:00"] = false })
end

function TestWindow:test_days_without_times_and_times_without_days()
  check("sat-sun", { ["fri 23:59"] = false, ["sat 00:00"] = true, ["sun 23:59"] = true,
    ["mon 00:00"] = false })
  check("wed", { ["tue 23:59"] = false, ["wed 00:00"] = true, ["thu 00:00"] = false })
  check("23:00-05:00", { ["mon 04:59"] = true, ["mon 05:00"] = false, ["sun 23:00"] = true })
  check("22:00-24:00", { ["mon 00:00"] = false, ["mon 23:59"] = true, ["mon 21:59"] = false })
  check("00:00-24:00", { ["mon 00:00"] = true, ["sun 23:59"] = true })
end

function TestWindow:test_days_go_round_the_week()
  check("fri-mon 10:00-11:00", { ["thu 10:00"] = false, ["fri 10:00"] = true, ["sat 10:00"] = true,
    ["sun 10:00"] = true, ["mon 10:59"] = true, ["tue 10:00"] = false })
end

function TestWindow:test_several_with_commas()
  check(" mon-fri 18:00-08:00 ,sat-sun,  wed 12:00-13:00", { ["sat 12:00"] = true,
    ["sun 23:00"] = true, ["mon 07:00"] = false, ["tue 12:30"] = false, ["wed 12:30"] = true,
    ["thu 07:00"] = true })
end

function TestWindow:test_they_join_with_each_other_with_matches_and_with_functions()
  local p = policy [[window "mon-fri" & ~window "12:00-13:00" & match.size "< 1 MiB"
    & function(source, now) return now.clock.minute ~= 59 end]]
  local function asked(moment, bytes)
    p:now(at(moment))
    return p:route({ bytes = bytes })[1] == "cloud"
  end
  lu.assertTrue(asked("mon 11:00", 1))
  lu.assertFalse(asked("mon 11:59", 1))
  lu.assertFalse(asked("mon 12:00", 1))
  lu.assertFalse(asked("mon 11:00", 1 << 20))
  lu.assertFalse(asked("sat 11:00", 1))
  p = policy [[window "sat" | match.kind "sqlite"]]
  p:now(at "sat 01:00")
  lu.assertEquals(p:route({ kind = "file" }), { "cloud" })
  p:now(at "sun 01:00")
  lu.assertEquals(p:route({ kind = "file" }), { "disk" })
  lu.assertEquals(p:route({ kind = "sqlite" }), { "cloud" })
end

function TestWindow:test_it_is_called_with_now_alone_as_well()
  local p = policy("window 'mon'", [[
    retry = function(failure, now)
      if (akosha.window "09:00-10:00" & akosha.window "tue")(now) then return akosha.give_up end
    end,]])
  p:now(at "tue 09:30")
  lu.assertEquals(p:retry {}, "give_up")
  p:now(at "tue 10:00")
  lu.assertNil(p:retry {})
end

function TestWindow:test_what_is_wrong_is_named_when_it_is_loaded()
  for text, expected in pairs {
    ['"mon-fry 18:00-08:00"'] = 'expected a day from "mon" to "sun", got string "fry"',
    ['"monday"'] = 'expected a day from "mon" to "sun", got string "monday"',
    ['"Mon"'] = 'expected a day from "mon" to "sun", got string "Mon"',
    ['"18:00-8:00"'] = 'expected a time from "00:00" to "24:00" like "18:00-08:00", got string '
      .. '"18:00-8:00"',
    ['"mon 18:00"'] = 'got string "18:00"',
    ['"18:60-19:00"'] = 'got string "18:60-19:00"',
    ['"24:00-08:00"'] = 'got string "24:00-08:00"',
    ['"18:00-24:01"'] = 'got string "18:00-24:01"',
    ['"18:00-18:00"'] = 'got string "18:00-18:00"',
    ['"mon-tue-wed"'] = 'expected times like "mon-fri 18:00-08:00, sat-sun", got string '
      .. '"mon-tue-wed"',
    ['"mon-"'] = 'got string "mon-"',
    ['"mon- 18:00-08:00"'] = 'got string "mon- 18:00-08:00"',
    ['"18:00-08:00 mon"'] = 'got string "18:00-08:00 mon"',
    ['"mon, , tue"'] = 'got string " "',
    ['""'] = 'expected times like "mon-fri 18:00-08:00, sat-sun", got string ""',
    ["18"] = "got number 18",
    ["{}"] = "got a table",
    ['("mon,"):rep(60)'] = "expected times like",
  } do
    local loaded, message = host.load { text = 'local akosha = require "akosha"\n'
      .. "local _ = akosha.window(" .. text .. ")" }
    lu.assertNil(loaded)
    lu.assertStrContains(message, "policy.lua:2: akosha.window: ")
    lu.assertStrContains(message, expected)
  end
end

function TestWindow:test_without_now_it_says_what_it_needs()
  local p = policy("window 'mon'", [[
    retry = function(failure) return akosha.window "mon"(failure) end,]])
  p:now(at "mon 09:30")
  local fine, message = p:retry {}
  lu.assertFalse(fine)
  lu.assertStrContains(message,
    "akosha.window: expected the `now` of a function, got nothing")
end

return lu.LuaUnit.run()
