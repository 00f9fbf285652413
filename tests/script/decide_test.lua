-- What functions of a policy are given, and what may come back.
local lu = require "luaunit"
local host = require "host"

TestDecide = {}

local function policy(field, code, more)
  more = more or {}
  more.text = ([[
local akosha = require "akosha"
return akosha.policy { api = 1,
  targets = { cloud = akosha.s3 { bucket = "memories" }, disk = akosha.dir { path = "/x" } },
  %s = %s }]]):format(field, code)
  local loaded, message = host.load(more)
  return lu.assertNotNil(loaded, message) or loaded
end

-- What the function logs of its facts.
local function seen(field, code, facts, ...)
  policy(field, code)[field](policy(field, code), facts, ...)
  return host.lines()
end

function TestDecide:test_facts_of_a_failure()
  lu.assertEquals(seen("retry", [[function(f)
    print(f.target, f.operation, f.source, f.name, f.transient, f.corrected, f.http_status,
        f.retry_after, f.attempt, f.elapsed)
  end]], { target = "cloud", operation = "part 2", source = "a.db", failure = "throttled",
      http_status = 503,
           retry_after_ms = 40500, attempt = 3, elapsed_ms = 1250 }),
    { "policy: cloud part 2 a.db throttled true false 503 40.5 3 1.25" })
end

function TestDecide:test_what_is_not_known_is_no_field()
  lu.assertEquals(seen("retry", "function(f) print(f.source, f.http_status, f.retry_after) end",
      {}),
    { "policy: nil nil nil" })
  lu.assertEquals(seen("dedup",
      "function(f) print(f.stored, f.target.last_success, f.unchanged) end", {}),
    { "policy: nil nil false" })
end

function TestDecide:test_facts_of_source_and_target()
  local show = [[print(s.name, s.path, s.kind, s.size, s.age, "|",
    t.name, t.kind, t.healthy, t.last_success, t.rate)]]
  local expected = { "policy: a.db /d/a.db sqlite 4096 1.5 | disk dir false 3600.0 51200" }
  local source = { name = "a.db", path = "/d/a.db", kind = "sqlite", bytes = 4096, age_ms = 1500 }
  local target = { name = "disk", kind = "dir", healthy = false, last_success_ms = 3600000,
    rate = 51200 }
  lu.assertEquals(seen("dedup", "function(f) local s, t = f.source, f.target " .. show .. " end",
    { source = source, target = target }), expected)
  lu.assertEquals(seen("compress", "function(f) local s, t = f.source, f.target " .. show .. " end",
    { source = source, target = target }), expected)
  lu.assertEquals(seen("route", "function(s, targets) local t = targets.disk " .. show .. " end",
    source, { disk = target }), expected)
end

function TestDecide:test_targets_come_as_a_list_and_by_name()
  lu.assertEquals(seen("route", [[function(source, targets)
    for i, target in ipairs(targets) do print(i, target.name, targets[target.name] == target) end
    print(#targets)
  end]], {}), { "policy: 1 cloud true", "policy: 2 disk true", "policy: 2" })
end

function TestDecide:test_facts_cannot_be_written_to()
  for _, write in ipairs { "f.attempt = 1", "f.new = 1", "rawset(f, 'attempt', 1)",
      "table.insert(f, 1)",
                           "setmetatable(f, nil)", "getmetatable(f).__newindex = nil" } do
    local p = policy("retry", "function(f) " .. write .. " end")
    local answer, message = p:retry {}
    lu.assertFalse(answer, write)
    lu.assertStrContains(message, "/home/me/policy.lua:4: in retry: ")
  end
end

local NOW = { wall_ms = 5000000, year = 2026, month = 3, day = 1, hour = 2, minute = 59,
  weekday = 6, utc_offset_s = -12600, history = {
    { started_at_ms = 1000000, outcome = "stored", method = "cloud", target = "cloud",
      duration_ms = 1500, sent_bytes = 4096 },
    { started_at_ms = 9000000, outcome = "queued", failure = "offline" } } }

function TestDecide:test_every_function_gets_clock_and_history_last()
  local show = [[local c, a, b = now.clock, now.history[1], now.history[2]
    print(c.year, c.month, c.day, c.hour, c.minute, c.weekday, c.utc_offset)
    print(#now.history, a.outcome, a.ago, a.duration, a.sent, a.method, a.target, a.failure)
    print(b.outcome, b.ago, b.duration, b.sent, b.method, b.target, b.failure) end]]
  for question, arguments in pairs { retry = "f", dedup = "f", compress = "f", route = "s, t" } do
    local p = policy(question, ("function(%s, now) %s"):format(arguments, show))
    p:now(NOW)
    p[question](p, {})
    lu.assertEquals(host.lines(), { "policy: 2026 3 1 2 59 sun -12600",
      "policy: 2 stored 4000.0 1.5 4096 cloud cloud nil",
      "policy: queued 0.0 nil nil nil nil offline" }, question)
  end
end

function TestDecide:test_clock_and_history_stay_until_the_next_minute()
  local p = policy("retry", [[(function()
    local last
    return function(f, now)
      print(now.clock.minute, now == last, #now.history)
      last = now
    end
  end)()]])
  p:now(NOW)
  p:retry {}
  p:retry {}
  p:now { minute = 0 }
  p:retry {}
  lu.assertEquals(host.lines(), { "policy: 59 false 2", "policy: 59 true 2", "policy: 0 false 0" })
end

function TestDecide:test_clock_and_history_cannot_be_written_to()
  for _, write in ipairs { "now.clock.hour = 1", "now.clock = nil", "now.history[1] = nil",
      "now.history[1].sent = 0", "rawset(now, 'x', 1)", "table.remove(now.history)" } do
    local p = policy("retry", "function(f, now) " .. write .. " end")
    p:now(NOW)
    local answer, message = p:retry {}
    lu.assertFalse(answer, write)
    lu.assertStrContains(message, "/home/me/policy.lua:4: in retry: ")
  end
end

function TestDecide:test_facts_are_walked_like_any_table()
  lu.assertEquals(seen("retry", [[function(f)
    local names = {}
    for name in pairs(f) do names[#names + 1] = name end
    table.sort(names)
    print(table.concat(names, " "), next(f) ~= nil, rawget(f, "attempt"), rawlen(f))
  end]], {}), { "policy: attempt corrected elapsed name operation target transient true 1 0" })
end

function TestDecide:test_routes_are_names_lists_or_nothing()
  lu.assertEquals(policy("route", "function() return 'disk' end"):route {}, { "disk" })
  lu.assertEquals(policy("route", "function() return { 'disk', 'cloud' } end"):route {}, { "disk",
      "cloud" })
  lu.assertNil(policy("route", "function() end"):route {})
  local sick = policy("route",
      "function(s, targets) return targets.cloud.healthy and { 'cloud', 'disk' } or 'disk' end")
  lu.assertEquals(sick:route({}, { cloud = { healthy = false } }), { "disk" })
  lu.assertEquals(sick:route({}, { cloud = { healthy = true } }), { "cloud", "disk" })
end

function TestDecide:test_dedup_answers()
  for _, answer in ipairs { "upload", "reuse", "skip" } do
    lu.assertEquals(policy("dedup", "function() return '" .. answer .. "' end"):dedup {}, answer)
  end
  lu.assertNil(policy("dedup", "function() end"):dedup {})
  local weekly = policy("dedup",
      "function(f) if f.stored and f.stored > akosha.day * 7 then return 'upload' end end")
  lu.assertEquals(weekly:dedup { unchanged = true, stored_ms = 8 * 86400000 }, "upload")
  lu.assertNil(weekly:dedup { unchanged = true, stored_ms = 86400000 })
end

function TestDecide:test_compress_answers()
  lu.assertEquals(policy("compress", "function() return 'gzip' end"):compress {}, { codec = "gzip",
      always = false })
  lu.assertEquals(policy("compress",
      "function() return { codec = 'zstd', level = 9, always = true } end"):compress {},
    { codec = "zstd", level = 9, always = true })
  lu.assertNil(policy("compress", "function() end"):compress {})
  local choosy = policy("compress", "function(f) return f.sample_ratio < 1.5 and 'none' or nil end")
  lu.assertEquals(choosy:compress({ sample_ratio = 1.2 }).codec, "none")
  lu.assertNil(choosy:compress { sample_ratio = 3 })
end

function TestDecide:test_finished_gets_the_report()
  local p = policy("finished", [[function(r)
    print(r.outcome, r.error, #r.files, r.files[1].name, r.bytes.sent, r.success, r.duration_s)
    print(pcall(function() r.files[1].name = "x" end))
  end]])
  lu.assertTrue(p:finished { outcome = "stored", error = host.null, success = true,
      duration_s = 0.5,
    files = { { name = "a.db" } }, bytes = { sent = 12 } })
  lu.assertEquals(host.lines()[1], "policy: stored nil 1 a.db 12 true 0.5")
  lu.assertStrContains(host.lines()[2], "policy: false ")
end

function TestDecide:test_a_report_of_absurd_depth_is_refused()
  local report = {}
  for _ = 1, 60 do report = { inner = report } end
  local answer, message = policy("finished", "function() end"):finished(report)
  lu.assertFalse(answer)
  lu.assertStrContains(message, "nested too deep")
end

-- { field, function, part of the message }
local NONSENSE = {
  { "retry", "function() return 5 end", "expected akosha.wait(seconds), akosha.next_target" },
  { "retry", "function() return 'next_target' end", 'got string "next_target"' },
  { "retry", "function() return {} end", "got a table" },
  { "retry", "function() return true end", "got true" },
  { "retry", "function() return akosha end", "got a table" },
  { "retry", "function() return akosha.wait(0/0) end",
      "akosha.wait: expected seconds from 0 to 86400, got number" },
  { "retry", "function() return akosha.wait(1/0) end", "got number inf" },
  { "retry", "function() return akosha.wait(-1) end", "got number -1" },
  { "retry", "function() return akosha.wait(1e300) end", "got number 1e+300" },
  { "retry", "function() return akosha.wait(86401) end", "got number 86401" },
  { "retry", "function() return akosha.wait('2') end", 'got string "2"' },
  { "retry", "function() return akosha.wait() end", "got nothing" },
  { "retry", "function() return akosha.s3 { bucket = 'abc' } end",
      "akosha.s3: only while the policy is loaded; this is a decision (retry)" },
  { "retry", "function() return akosha.policy {} end",
      "akosha.policy: only while the policy is loaded" },
  { "retry", "function() return require 'elsewhere' end",
      'require "elsewhere": only while the policy is loaded; this is a decision (retry)' },
  { "retry", "function(f) return akosha.retry.fixed():decide {} end",
      "expected the facts of a failure" },
  { "retry", "function(f) return akosha.retry.fixed():decide(1) end",
      "expected the facts of a failure" },
  { "retry",
      "function(f) return akosha.retry.fixed {}:decide { name = 'odd', operation = 'put' } end",
      "the name of a failure" },
  { "route", "function() return {} end", "the list is empty" },
  { "route", "function() return 'clod' end", 'there is no target "clod"; did you mean "cloud"?' },
  { "route", "function() return { 'cloud', 'cloud' } end", 'target "cloud" is named twice' },
  { "route", "function() return { [2] = 'cloud' } end", "without gaps" },
  { "route", "function() return { first = 'cloud' } end", 'the key string "first"' },
  { "route", "function() return { 1 } end", "expected names of targets, got number 1" },
  { "route", "function() return setmetatable({}, { __index = function() return 'cloud' end }) end",
      "one with a metatable" },
  { "route", "function() return 7 end", "expected names of targets or nil, got number 7" },
  { "route", "function(s, targets) return targets end", "one with a metatable" },
  { "dedup", "function() return 'maybe' end",
      'expected "upload", "reuse" or "skip", got string "maybe"' },
  { "dedup", "function() return true end", "got true" },
  { "compress", "function() return 'lz4' end",
      'expected "none", "gzip" or "zstd", got string "lz4"' },
  { "compress", "function() return { codec = 'zstd', level = 99 } end",
      "level: expected a whole number from -7 to 19" },
  { "compress", "function() return { codec = 'zstd', levle = 9 } end",
      'unknown field "levle"; did you mean "level"?' },
  { "compress", "function() return 3 end", "or nil, got number 3" },
}

function TestDecide:test_nonsense_is_refused_with_question_and_expectation()
  for _, case in ipairs(NONSENSE) do
    local field, code, expected = table.unpack(case)
    local p = policy(field, code)
    local answer, message, hint, status = p[field](p, {})
    lu.assertFalse(answer, code)
    lu.assertStrContains(message, "/home/me/policy.lua:4: in " .. field .. ": ")
    lu.assertStrContains(message, expected)
    lu.assertStrContains(hint, "asked about ")
    lu.assertEquals(status, "policy", code)
  end
end

function TestDecide:test_an_error_has_line_question_facts_and_the_way_there()
  local p = host.load { text = [[
local akosha = require "akosha"
local function pick(failure)
  local none
  return none.kind
end
return akosha.policy { api = 1, targets = { disk = akosha.dir { path = "/x" } },
  retry = function(failure)
    local answer = pick(failure)
    return answer
  end }]] }
  local answer, message, hint, status = p:retry { target = "disk", operation = "put",
      failure = "no_space", attempt = 2 }
  lu.assertFalse(answer)
  lu.assertEquals(message,
      "/home/me/policy.lua:4: in retry: attempt to index a nil value (local 'none')")
  lu.assertEquals(hint, "asked about target disk, put: no_space, attempt 2; called from"
    .. " /home/me/policy.lua:4 in 'pick', /home/me/policy.lua:8")
  lu.assertEquals(status, "policy")
end

function TestDecide:test_a_policy_that_failed_once_can_be_asked_again()
  local p = policy("retry",
      "function(f) if f.attempt == 1 then while true do end end return akosha.restart end")
  lu.assertFalse((p:retry { attempt = 1 }))
  lu.assertEquals(p:retry { attempt = 2 }, "restart")
end

return lu.LuaUnit.run()
