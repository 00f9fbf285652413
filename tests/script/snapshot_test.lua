-- What a policy says of sources that are being written, and of uploads that are complete.
local lu = require "luaunit"
local host = require "host"

TestSnapshot = {}

local function policy(fields)
  local loaded, message = host.load { text = [[
local akosha = require "akosha"
return akosha.policy { api = 1, targets = { disk = akosha.dir { path = "/x" } },
]] .. fields .. " }" }
  return lu.assertNotNil(loaded, message) or loaded
end

local function busy(settings)
  return settings.busy, settings.busy_wait_ms
end

function TestSnapshot:test_without_a_word_a_busy_source_is_waited_for_and_queued()
  local settings = policy "":settings()
  lu.assertEquals({ busy(settings) }, { "queue", 5000 })
  lu.assertEquals({ settings.verify, settings.drill_ms, settings.keep }, { "none", 0, nil })
end

function TestSnapshot:test_a_word_or_a_builder()
  local cases = {
    ["'skip'"] = { "skip", 5000 },
    ["'older'"] = { "older", 5000 },
    ["akosha.snapshot {}"] = { "queue", 5000 },
    ["akosha.snapshot { busy = 'older', wait = 0 }"] = { "older", 0 },
    ["akosha.snapshot { wait = 10 * akosha.minute }"] = { "queue", 600000 },
  }
  for text, expected in pairs(cases) do
    lu.assertEquals({ busy(policy("snapshot = " .. text):settings()) }, expected, text)
    local source = policy("sources = { { path = '/a', snapshot = " .. text .. " } }")
      :settings().sources[1]
    lu.assertEquals({ busy(source) }, expected, text)
  end
end

function TestSnapshot:test_a_source_of_its_own_leaves_the_others_alone()
  local settings = policy [[snapshot = "skip",
    sources = { "/a", { path = "/b", snapshot = akosha.snapshot { wait = 60 } } }]]:settings()
  lu.assertEquals({ busy(settings) }, { "skip", 5000 })
  lu.assertEquals(settings.sources[1], "/a")
  lu.assertEquals({ busy(settings.sources[2]) }, { "queue", 60000 })
end

function TestSnapshot:test_a_function_sees_the_facts_and_answers_or_not()
  local p = policy [[snapshot = function(f, now)
    print(f.source.name, f.name, f.why, f.waited, f.stored, f.older, now.clock.hour)
    if not f.stored then return akosha.snapshot { busy = "queue", wait = 60 } end
    return f.stored < akosha.hour and "skip" or f.older and "older" or nil
  end]]
  p:now { hour = 7 }
  lu.assertEquals({ busy(p:snapshot {}) }, { "queue", 60000 })
  lu.assertEquals({ busy(p:snapshot { stored_ms = 60000, failure = "source_changed" }) },
    { "skip", 0 })
  lu.assertEquals({ busy(p:snapshot { stored_ms = 7200000, older_ms = 1000 }) }, { "older", 0 })
  lu.assertNil(p:snapshot { stored_ms = 7200000 })
  lu.assertEquals(host.lines(), {
    "policy: reflection.duckdb source_busy a writer holds it 5.0 nil nil 7",
    "policy: reflection.duckdb source_changed a writer holds it 5.0 60.0 nil 7",
    "policy: reflection.duckdb source_busy a writer holds it 5.0 7200.0 1.0 7",
    "policy: reflection.duckdb source_busy a writer holds it 5.0 7200.0 nil 7" })
end

function TestSnapshot:test_an_error_tells_the_facts()
  local p = policy "snapshot = function(f) return f.none.such end"
  local answer, message, hint = p:snapshot { waited_ms = 2500 }
  lu.assertFalse(answer)
  lu.assertStrContains(message, "in snapshot: attempt to index a nil value (field 'none')")
  lu.assertStrContains(hint, "asked about source reflection.duckdb: source_busy, waited 2.5 s")
end

function TestSnapshot:test_uploads_that_are_complete()
  local s = policy [[verify = "read_back", drill = "weekly",
    keep = { last = 5, weekly = 8 }]]:settings()
  lu.assertEquals({ s.verify, s.drill_ms }, { "read_back", 7 * 86400000 })
  lu.assertEquals(s.keep, { last = 5, daily = 0, weekly = 8 })
  for name, days in pairs { never = 0, daily = 1, weekly = 7, monthly = 30 } do
    lu.assertEquals(policy(("drill = '%s'"):format(name)):settings().drill_ms, days * 86400000)
  end
  lu.assertEquals(policy "drill = 36 * akosha.hour":settings().drill_ms, 36 * 3600000)
end

function TestSnapshot:test_a_task_has_them_too()
  local loaded, message = host.load { text = [[
local akosha = require "akosha"
return akosha.task { api = 1, targets = { disk = akosha.dir { path = "/x" } }, snapshot = "skip",
  verify = "read_back", drill = "daily", keep = { daily = 3 }, run = function() end }]] }
  local settings = (lu.assertNotNil(loaded, message) or loaded):settings()
  lu.assertEquals({ settings.busy, settings.verify, settings.keep.daily },
    { "skip", "read_back", 3 })
end

-- { fields, part of the message }
local REFUSED = {
  { "snapshot = 5",
    'snapshot: expected "queue", "skip", "older", akosha.snapshot { ... } or a function, got' },
  { 'snapshot = "wait"',
    'snapshot: expected "queue", "skip" or "older", got string "wait"' },
  { "snapshot = { busy = 'skip' }",
    "got a table" },
  { "snapshot = akosha.snapshot { wait = 601 }",
    "akosha.snapshot: wait: expected seconds from 0 to 600, got number 601" },
  { "sources = { { path = '/a', snapshot = print } }",
    'sources: snapshot: expected "queue", "skip", "older" or akosha.snapshot { ... }, got' },
  { "sources = { { path = '/a', snapshto = 'skip' } }",
    'unknown field "snapshto"; did you mean "snapshot"?' },
  { "verify = true",
    'verify: expected "none" or "read_back", got true' },
  { "drill = 'yearly'",
    'drill: expected "never", "daily", "weekly" or' },
  { "drill = 60",
    "drill: expected seconds from 3600 to 31622400, got number 60" },
  { "drill = print",
    'drill: expected "never", "daily", "weekly", "monthly" or seconds, got a function' },
  { "keep = 10",
    "keep: expected a table ({ last = 10, daily = 30 })" },
  { "keep = {}",
    "keep: neither last nor daily nor weekly: it keeps nothing" },
  { "keep = { last = 0 }",
    "keep: it keeps nothing" },
  { "keep = { last = -1 }",
    "keep: last: expected a whole number from" },
  { "keep = { weekly = 1.5 }",
    "keep: weekly: expected a whole number" },
  { "keep = { dayly = 1 }",
    'keep: unknown field "dayly"; did you mean "daily"?' },
}

function TestSnapshot:test_what_makes_no_sense_is_refused_with_its_field()
  for _, case in ipairs(REFUSED) do
    local loaded, message, _, status = host.load { text = [[
local akosha = require "akosha"
return akosha.policy { api = 1, targets = { disk = akosha.dir { path = "/x" } },
]] .. case[1] .. " }" }
    lu.assertNil(loaded, case[1])
    lu.assertEquals(status, "policy", case[1])
    lu.assertStrContains(message, "/home/me/policy.lua:")
    lu.assertStrContains(message, case[2])
  end
end

return lu.LuaUnit.run()
