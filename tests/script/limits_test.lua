-- What a policy may allow itself, and what it then gets.
local lu = require "luaunit"
local host = require "host"

TestLimits = {}

local function load(limits, more, options)
  options = options or {}
  options.text = 'local akosha = require "akosha"\nreturn akosha.policy { api = 1,\n'
    .. "targets = { d = akosha.dir { path = '/x' } },\nlimits = " .. limits .. ",\n"
    .. (more or "") .. " }"
  return host.load(options)
end

local function loaded(...)
  local policy, message = load(...)
  return lu.assertNotNil(policy, message) or policy
end

-- { limits, part of the message }
local REFUSED = {
  { "5", "limits: expected a table of fields, got number 5" },
  { "{ memry = 1 }", 'unknown field "memry"; did you mean "memory"?' },
  { "{ load = {} }", "known: memory, instructions, time, coroutines, log" },
  { "{ memory = '1MiB' }", 'limits: memory: expected a whole number of bytes from 65536 to' },
  { "{ memory = 1 }", "got number 1" },
  { "{ memory = 33 * akosha.MiB }", "limits: memory: 33MiB is over the limit of 32MiB, which a"
    .. " policy can only lower; whoever runs it can raise it: --limit memory=33MiB" },
  { "{ memory = 64 * akosha.KiB + 1, }", "limits: memory: the policy itself takes " },
  { "{ memory = 0/0 }", "memory: expected" },
  { "{ memory = math.huge }", "memory: expected" },
  { "{ memory = -1 }", "memory: expected" },
  { "{ instructions = 1000001 }", "--limit instructions=1000001" },
  { "{ instructions = 999 }", "from 1000 to 1000000000, got number 999" },
  { "{ instructions = 1e3 + 0.5 }", "instructions: expected a whole number" },
  { "{ time = 1.5 }", "time: 1.5s is over the limit of 1s, which" },
  { "{ time = 0 }", "time: expected seconds from 0.001 to 60, got number 0" },
  { "{ time = 0/0 }", "time: expected seconds" },
  { "{ coroutines = 1025 }", "coroutines: 1025 is over the limit of 1024" },
  { "{ coroutines = 0 }", "coroutines: expected a whole number from 1 to" },
  { "{ log = 101 }", "log: 101 is over the limit of 100" },
  { "{ log = {} }", "log: expected a whole number" },
}

function TestLimits:test_what_is_more_or_no_limit_is_refused()
  for _, case in ipairs(REFUSED) do
    local policy, message = load(case[1])
    lu.assertNil(policy, case[1])
    lu.assertStrContains(message, "/home/me/policy.lua:2: akosha.policy: limits")
    lu.assertStrContains(message, case[2])
  end
end

function TestLimits:test_what_was_widened_may_be_used()
  local policy = load("{ memory = 33 * akosha.MiB, log = 200 }", "",
    { limits = { memory_bytes = 64 << 20, log_lines = 200 } })
  lu.assertNotNil(policy)
  local _, message = load("{ log = 201 }", "", { limits = { log_lines = 200 } })
  lu.assertStrContains(message, "log: 201 is over the limit of 200")
end

function TestLimits:test_instructions_of_a_decision()
  local code = "retry = function() local n = 0 for i = 1, 5000 do n = n + i end end"
  lu.assertNil((loaded("{}", code):retry {}))
  local answer, message = loaded("{ instructions = 2000 }", code):retry {}
  lu.assertFalse(answer)
  lu.assertStrContains(message, "in retry: it takes more than 2000 instructions")
end

-- Once over, it stays over: no pcall goes on, not even in the next line.
function TestLimits:test_over_it_stays_over()
  local policy = loaded("{ instructions = 2000 }", [[retry = function()
    pcall(function() while true do end end)
    print "went on"
  end]])
  local answer, message = policy:retry {}
  lu.assertFalse(answer)
  lu.assertStrContains(message, "2000 instructions")
  lu.assertEquals(host.lines(), {})
end

function TestLimits:test_time_of_a_decision()
  local code = "retry = function() local n = 0 for i = 1, 1000 do n = n + i end end"
  local options = { clock_step_ms = 20 }
  lu.assertNil((loaded("{}", code, options):retry {}))
  local answer, message = loaded("{ time = 0.1 }", code, options):retry {}
  lu.assertFalse(answer)
  lu.assertStrContains(message, "it runs for more than 100 ms")
end

function TestLimits:test_memory_from_now_on()
  local code = "retry = function() local t = {} for i = 1, 20000 do t[i] = i end end"
  lu.assertNil((loaded("{}", code):retry {}))
  local answer, message = loaded("{ memory = 300 * akosha.KiB }", code):retry {}
  lu.assertFalse(answer)
  lu.assertStrContains(message, "it needs more than 300 KiB of memory")
end

local MANY = [[retry = function(failure)
  local kept = {}
  for i = 1, failure.attempt do
    kept[i] = coroutine.wrap(function() coroutine.yield() end)
    kept[i]()
  end
  pcall(string.rep, "")
  print(#kept)
end]]

function TestLimits:test_coroutines_that_live_at_once()
  local policy = loaded("{}", MANY)
  lu.assertNil((policy:retry { attempt = 1024 }))
  local answer, message, hint, status = policy:retry { attempt = 1025 }
  lu.assertFalse(answer)
  lu.assertStrContains(message, "/home/me/policy.lua:8: in retry: it has more than 1024 coroutines")
  lu.assertStrContains(hint, "asked about")
  lu.assertEquals(status, "limit")
  -- What is left of a decision that failed is garbage to the next one.
  lu.assertNil((policy:retry { attempt = 900 }))
  policy = loaded("{ coroutines = 3 }", MANY)
  lu.assertNil((policy:retry { attempt = 3 }))
  lu.assertFalse((policy:retry { attempt = 4 }))
  policy = loaded("{}", MANY, { limits = { coroutines = 1100 } })
  lu.assertNil((policy:retry { attempt = 1100 }))
end

function TestLimits:test_coroutines_that_are_no_more_do_not_count()
  local policy = loaded("{ coroutines = 2 }", [[retry = function()
    for i = 1, 200 do
      coroutine.wrap(function() end)()
      assert(coroutine.resume(coroutine.create(function() coroutine.yield() end)))
    end
  end]])
  local answer, message = policy:retry {}
  lu.assertNil(answer, message)
end

function TestLimits:test_too_many_coroutines_cannot_be_caught()
  for _, make in ipairs { "coroutine.create(print)", "coroutine.wrap(print)" } do
    local policy = loaded("{ coroutines = 2 }", [[retry = function()
      local kept = {}
      for i = 1, 1000 do pcall(function() kept[#kept + 1] = ]] .. make .. [[ end) end
      print "went on"
    end]])
    local answer, message = policy:retry {}
    lu.assertFalse(answer)
    lu.assertStrContains(message, "more than 2 coroutines at once")
    lu.assertEquals(host.lines(), {})
  end
end

function TestLimits:test_coroutines_of_the_load_count_on()
  local _, message = host.load { text = [[local kept = {}
    for i = 1, 1200 do kept[i] = coroutine.create(print) end]] }
  lu.assertStrContains(message, "/home/me/policy.lua:2: it has more than 1024 coroutines at once")
end

function TestLimits:test_log_lines_are_dropped()
  local policy = loaded("{ log = 2 }", "retry = function() for i = 1, 5 do print(i) end end")
  lu.assertNil((policy:retry {}))
  lu.assertEquals(host.lines(), { "policy: 1", "policy: 2",
    "policy: more than 2 lines, the rest is dropped" })
end

return lu.LuaUnit.run()
