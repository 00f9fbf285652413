local lu = require "luaunit"
local host = require "host"

TestRetry = {}

local function policy(retry, more)
  more = more or {}
  more.text = ([[
local akosha = require "akosha"
return akosha.policy { api = 1, targets = { disk = akosha.dir { path = "/x" } },
    retry = %s }]]):format(retry)
  local loaded, message = host.load(more)
  return lu.assertNotNil(loaded, message) or loaded
end

function TestRetry:test_builders_without_options_have_the_documented_defaults()
  lu.assertEquals(policy("akosha.retry.exponential()"):settings().retry,
    { first_ms = 2000, factor = 2.0, cap_ms = 10000, jitter = "full", tries = 3 })
  lu.assertEquals(policy("akosha.retry.fixed {}"):settings().retry,
    { first_ms = 2000, factor = 1.0, cap_ms = 2000, jitter = "none", tries = 3 })
  lu.assertEquals(policy("akosha.retry.none()"):settings().retry,
    { first_ms = 0, factor = 1.0, cap_ms = 0, jitter = "none", tries = 1 })
end

function TestRetry:test_a_schedule_that_settings_can_express_needs_no_lua()
  for _, retry in ipairs { "akosha.retry.none()", "akosha.retry.fixed { first = 1 }",
                           "akosha.retry.exponential { first = 0.25, factor = 1.5, cap = 1, "
                               .. "tries = 9 }" } do
    lu.assertFalse(policy(retry):asks().retry)
  end
end

function TestRetry:test_a_first_wait_over_the_default_cap_raises_the_cap()
  lu.assertEquals(policy("akosha.retry.exponential { first = 20 }"):settings().retry.cap_ms, 20000)
end

function TestRetry:test_linear_waits_grow_by_the_step_up_to_the_cap()
  local p = policy('akosha.retry.linear { first = 1, step = 2, cap = 6, jitter = "none", tries '
      .. '= 9 }')
  local waits = {}
  for attempt = 1, 5 do
    local verdict, ms = p:retry { attempt = attempt }
    lu.assertEquals(verdict, "wait")
    waits[attempt] = ms
  end
  lu.assertEquals(waits, { 1000, 3000, 5000, 6000, 6000 })
  lu.assertEquals(p:retry { attempt = 9 }, "next_target")
  lu.assertEquals(p:retry { failure = "forbidden" }, "next_target")
  lu.assertEquals(p:retry { operation = "probe", failure = "offline" }, "next_target")
  lu.assertEquals({ p:retry { attempt = 1, retry_after_ms = 40000 } }, { "wait", 40000 })
end

-- Four waits out of many: what the formula allows, and that it is used up to both ends.
function TestRetry:test_decorrelated_waits_lie_between_the_first_and_three_times_the_one_before()
  local p = policy "akosha.retry.decorrelated { first = 1, cap = 20, tries = 9 }"
  for attempt, most in ipairs { 3000, 9000, 20000, 20000 } do
    local low, high = math.huge, 0
    for _ = 1, 400 do
      local verdict, ms = p:retry { attempt = attempt }
      lu.assertEquals(verdict, "wait")
      low, high = math.min(low, ms), math.max(high, ms)
    end
    lu.assertTrue(low >= 1000 and low < 1300, low)
    lu.assertTrue(high <= most and high > most * 0.8, high)
  end
  lu.assertEquals(p:retry { attempt = 9 }, "next_target")
  lu.assertEquals(p:retry { operation = "probe", failure = "offline" }, "next_target")
  lu.assertEquals({ p:retry { attempt = 1, retry_after_ms = 40000 } }, { "wait", 40000 })
end

function TestRetry:test_decorrelated_waits_repeat_with_their_seed_and_are_spread()
  local function waits(seed)
    local p = policy("akosha.retry.decorrelated { cap = 60, tries = 99 }", { seed = seed })
    local all = {}
    for attempt = 1, 20 do
      all[attempt] = select(2, p:retry { attempt = attempt })
    end
    return all
  end
  lu.assertEquals(waits(1), waits(1))
  lu.assertNotEquals(waits(1), waits(2))
end

function TestRetry:test_by_failure_asks_the_schedule_of_the_failure()
  local p = policy [[akosha.retry.by_failure {
    throttled = akosha.retry.fixed { first = 30, tries = 9 },
    server    = akosha.retry.linear { first = 1, step = 2, jitter = "none" },
    default   = akosha.retry.none(),
  }]]
  lu.assertEquals({ p:retry { failure = "throttled", attempt = 8 } }, { "wait", 30000 })
  lu.assertEquals({ p:retry { failure = "server", attempt = 2 } }, { "wait", 3000 })
  lu.assertEquals(p:retry { failure = "server", attempt = 3 }, "next_target")
  lu.assertEquals(p:retry { failure = "stalled" }, "next_target")
  lu.assertEquals(p:retry { failure = "source_changed" }, "restart")
end

function TestRetry:test_by_failure_without_a_default_has_the_engines()
  local p = policy "akosha.retry.by_failure { throttled = akosha.retry.none() }"
  local verdict, ms = p:retry { failure = "server", attempt = 2 }
  lu.assertEquals(verdict, "wait")
  lu.assertTrue(ms <= 4000)
  lu.assertEquals(p:retry { failure = "server", attempt = 3 }, "next_target")
  lu.assertEquals(p:retry { failure = "throttled" }, "next_target")
  lu.assertEquals(p:settings().retry, policy("akosha.retry.exponential()"):settings().retry)
end

-- Memory is collected meanwhile: what a schedule leads to must live as long as the policy.
function TestRetry:test_by_failure_lives_as_long_as_its_policy()
  local p = policy([[akosha.retry.by_failure { throttled = akosha.retry.fixed { first = 7 } },
    finished = function() for i = 1, 20000 do local _ = { i } end end]])
  for _ = 1, 3 do
    lu.assertTrue(p:finished { outcome = "stored" })
    lu.assertEquals({ p:retry { failure = "throttled" } }, { "wait", 7000 })
  end
end

function TestRetry:test_by_failure_can_be_returned_and_asked()
  local p = policy [[(function()
    local patient = akosha.retry.by_failure { throttled = akosha.retry.fixed { first = 7 },
                                              server = akosha.retry.fixed { first = 5 } }
    for i = 1, 20000 do local _ = { i } end
    return function(failure)
      local decision = patient:decide(failure)
      return decision.seconds == 5 and patient or decision
    end
  end)()]]
  lu.assertEquals({ p:retry { failure = "throttled" } }, { "wait", 7000 })
  lu.assertEquals({ p:retry { failure = "server" } }, { "wait", 5000 })
end

function TestRetry:test_a_function_may_return_a_schedule()
  local p = policy [[function(failure)
    if failure.name == "throttled" then
      return akosha.retry.fixed { first = 7, tries = 5 }
    end
  end]]
  lu.assertEquals({ p:retry { attempt = 4 } }, { "wait", 7000 })
  lu.assertEquals(p:retry { attempt = 5 }, "next_target")
  lu.assertNil(p:retry { failure = "server" })
end

function TestRetry:test_a_function_may_ask_a_schedule_and_look_at_its_decision()
  local p = policy [[(function()
    local schedule = akosha.retry.exponential { first = 1, factor = 3, cap = 100, jitter = "none",
        tries = 10 }
    return function(failure)
      local decision = schedule:decide(failure)
      if decision.kind == "wait" and decision.seconds > 20 then
        return akosha.give_up
      end
      return decision
    end
  end)()]]
  lu.assertEquals({ p:retry { attempt = 1 } }, { "wait", 1000 })
  lu.assertEquals({ p:retry { attempt = 3 } }, { "wait", 9000 })
  lu.assertEquals(p:retry { attempt = 4 }, "give_up")
  lu.assertEquals({ p:retry { attempt = 1, corrected = true, failure = "clock_skew" } }, { "wait",
      0 })
  lu.assertEquals(p:retry { failure = "source_changed" }, "restart")
end

function TestRetry:test_jitter_stays_in_its_range_and_repeats_with_its_seed()
  local function waits(seed)
    local p = policy([[function(failure)
      return akosha.retry.exponential { first = 8, cap = 8, jitter = "equal", tries = 99 }
    end]], { seed = seed })
    local all = {}
    for attempt = 1, 20 do
      local _, ms = p:retry { attempt = attempt }
      lu.assertTrue(ms >= 4000 and ms <= 8000)
      all[attempt] = ms
    end
    return all
  end
  lu.assertEquals(waits(1), waits(1))
  lu.assertNotEquals(waits(1), waits(2))
end

function TestRetry:test_decisions_are_values_with_a_text()
  local p = policy [[function(failure)
    assert(tostring(akosha.wait(2.5)) == "wait 2.5", tostring(akosha.wait(2.5)))
    assert(tostring(akosha.give_up) == "give_up" and akosha.give_up.kind == "give_up")
    assert(akosha.restart.seconds == nil and akosha.wait(3).seconds == 3.0)
    return akosha.next_target
  end]]
  lu.assertEquals(p:retry {}, "next_target")
end

function TestRetry:test_each_decision_arrives()
  for answer, verdict in pairs { ["akosha.wait(1.5)"] = "wait",
      ["akosha.next_target"] = "next_target",
                                 ["akosha.restart"] = "restart", ["akosha.give_up"] = "give_up" } do
    lu.assertEquals(policy("function() return " .. answer .. " end"):retry {}, verdict)
  end
  local _, ms = policy("function() return akosha.wait(1.5) end"):retry {}
  lu.assertEquals(ms, 1500)
end

local TWO = [[
local akosha = require "akosha"
local fixed = function(s) return akosha.retry.fixed { first = s, tries = 9 } end
return akosha.policy { api = 1, targets = { disk = akosha.dir { path = "/x" },
  cloud = akosha.s3 { bucket = "memories" }, other = akosha.dir { path = "/y" } },
retry = %s }]]

local function two(retry)
  return host.load { text = TWO:format(retry) }
end

local function waits(p, target, failure)
  return select(2, p:retry { target = target, failure = failure or "server", attempt = 1 })
end

function TestRetry:test_by_target_asks_the_schedule_of_the_target()
  local p = assert(two [[akosha.retry.by_target { cloud = fixed(1), default = fixed(2),
    disk = akosha.retry.by_failure { throttled = fixed(3), default = fixed(4) } }]])
  collectgarbage()
  lu.assertEquals(waits(p, "cloud"), 1000)
  lu.assertEquals(waits(p, "other"), 2000)
  lu.assertEquals(waits(p, "disk", "throttled"), 3000)
  lu.assertEquals(waits(p, "disk", "server"), 4000)
  p = assert(two "akosha.retry.by_target { disk = akosha.retry.none() }")
  lu.assertEquals(p:retry { target = "disk", failure = "server" }, "next_target")
  lu.assertEquals(p:retry { target = "cloud", failure = "server" }, "wait")
  lu.assertEquals(assert(two "akosha.retry.by_target {}"):retry { target = "disk",
    failure = "server" }, "wait")
end

function TestRetry:test_by_target_in_a_function()
  local p = assert(two [[function(f)
    return akosha.retry.by_target { cloud = fixed(1), disk = fixed(5) }:decide(f) end]])
  lu.assertEquals(waits(p, "cloud"), 1000)
  lu.assertEquals(waits(p, "disk"), 5000)
  p = assert(two "function() return akosha.retry.by_target { clod = fixed(1) } end")
  local answer, message = p:retry { target = "cloud", failure = "server" }
  lu.assertFalse(answer)
  lu.assertStrContains(message, 'there is no target "clod"; did you mean "cloud"?')
end

function TestRetry:test_by_target_refuses_what_makes_no_sense()
  for retry, expected in pairs {
    ["akosha.retry.by_target { clod = fixed(1) }"] = 'akosha.retry.by_target of line 5: there is no'
      .. ' target "clod"; did you mean "cloud"?',
    ["(function() local s = akosha.retry.by_target { zz = fixed(1) } return function() return s end"
      .. " end)()"] = 'there is no target "zz"',
    ["akosha.retry.by_target()"] = "expected a plain table of schedules by names of targets, got",
    ["akosha.retry.by_target { 1 }"] = "by_target: expected names of targets as keys, got number 1",
    ["akosha.retry.by_target { cloud = 5 }"] = "cloud: expected a schedule that is not by target",
    ["akosha.retry.by_target { default = akosha.retry.by_target {} }"]
      = "default: expected a schedule",
    ["akosha.retry.by_failure { server = akosha.retry.by_target {} }"]
      = "server: expected a schedule",
    ["akosha.retry.by_target(setmetatable({}, {}))"] = "expected a plain table",
    ["akosha.retry.by_target((function() local t = {} for i = 1, 18 do t['t' .. i] = fixed(1) end "
      .. "return t end)())"] = "at most 16 targets",
  } do
    local p, message = two(retry)
    lu.assertNil(p, retry)
    lu.assertStrContains(message, expected)
  end
end

return lu.LuaUnit.run()
