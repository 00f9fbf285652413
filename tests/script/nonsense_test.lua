-- Answers that are none, whichever question they are given to: the policy has failed, and the
-- message says what was expected and what came. (Of `finished` nothing is expected.)
local lu = require "luaunit"
local host = require "host"

TestNonsense = {}

local POLICY = [[
local akosha = require "akosha"
local NaN, inf = 0/0, 1/0
local schedule, folder = akosha.retry.fixed(), akosha.dir { path = "/x" }
local other = setmetatable({ kind = "wait", seconds = 1 },
  { __name = "akosha.decision", __index = { kind = "wait" }, __eq = function() return true end })
local policy = akosha.policy { api = 1,
  targets = { cloud = akosha.s3 { bucket = "memories" }, disk = folder },
  %s = function(f, targets)
%s
  end }
function made() return policy end
return policy]]

-- { what it is, code, what came, where not (where it is an answer after all, or has its own case) }
local ANY = {
  { "true", "return true", "got true" },
  { "false", "return false", "got false" },
  { "zero", "return 0", "got number 0" },
  { "a number", "return 5", "got number 5" },
  { "NaN", "return NaN", "got number" },
  { "infinity", "return inf", "got number inf" },
  { "less than nothing", "return -1", "got number -1" },
  { "a huge number", "return 1e308", "got number 1e+308" },
  { "the last integer", "return math.mininteger", "got number -9223372036854775808" },
  { "an empty string", "return ''", ' ""' },
  { "an unknown word", "return 'maybe'", ' "maybe"' },
  { "a word with a zero byte", "return 'zstd\\0' .. 'cloud\\0' .. 'upload\\0'", ' "zstd?' },
  { "a long word", "return ('x'):rep(1 << 20)", 'xxx"...' },
  { "a word of bytes", "return '\\0\\1\\255'", ' "??' },
  { "a function", "return print", "got a function" },
  { "a function that would answer", "return function() return 'cloud' end", "got a function" },
  { "a coroutine", "return coroutine.create(print)", "got a thread" },
  { "a target", "return folder", "got a userdata" },
  { "a policy", "return made()", "got a userdata" },
  { "the module", "return akosha", "a table", "route compress" },
  { "a table with a metatable", "return setmetatable({}, {})", "a table", "route compress" },
  { "a table that calls itself a decision", "return other", "a table", "route compress" },
  { "facts", "return f", "a table", "route compress" },
  { "a word more than enough, after NaN", "return NaN, 'cloud'", "got number" },
}
local PLAIN = {     -- questions whose answer may be a table
  { "the module", "return akosha", "one with a metatable" },
  { "a table with a metatable", "return setmetatable({}, {})", "one with a metatable" },
  { "a table that calls itself a decision", "return other", "one with a metatable" },
  { "facts", "return f", "one with a metatable" },
  { "what a table would say", "return setmetatable({}, { __index = { 'cloud', codec = 'gzip' } })",
    "one with a metatable" },
}
local OWN = {
  route = {
    { "no target", "return {}", "the list is empty" },
    { "an index", "return { 1 }", "got number 1" },
    { "NaN", "return { NaN }", "got number" },
    { "facts of a target", "return { targets[1] }", "got a table" },
    { "an unknown target", "return { 'cloud', 'clod' }",
      'no target "clod"; did you mean "cloud"?' },
    { "a target twice", "return { 'disk', 'disk' }", 'target "disk" is named twice' },
    { "a gap", "return { 'disk', [3] = 'cloud' }", "one with a gap" },
    { "a field", "return { 'disk', n = 1 }", 'the key string "n"' },
    { "a key that is no number", "return { [1.5] = 'disk' }", "the key number 1.5" },
    { "a list in a list", "return { { 'disk' } }", "got a table" },
    { "a name that ends early", "return { 'disk\\0' }", 'no target "disk?"' },
    { "a handle", "return { folder }", "got a userdata" },
    { "too many", "local t = {} for i = 1, 17 do t[i] = 'disk' end return t",
      "at most 16 entries" },
    { "a decision", "return akosha.next_target", "got a userdata" },
  },
  dedup = {
    { "a list", "return { 'upload' }", "got a table" },
    { "a decision", "return akosha.give_up", "got a userdata" },
    { "capitals", "return 'Upload'", 'string "Upload"' },
    { "a word that ends early", "return 'skip\\0'", 'string "skip?"' },
  },
  compress = {
    { "nothing in it", "return {}", "codec: expected" },
    { "an unknown codec", "return { codec = 'lz4' }", 'got string "lz4"' },
    { "a codec that ends early", "return { codec = 'zstd\\0' }", 'got string "zstd?"' },
    { "a level of NaN", "return { codec = 'zstd', level = NaN }",
      "level: expected a whole number" },
    { "an infinite level", "return { codec = 'zstd', level = inf }", "got number inf" },
    { "half a level", "return { codec = 'gzip', level = 1.5 }", "got number 1.5" },
    { "a huge level", "return { codec = 'gzip', level = 1 << 40 }", "got number 1099511627776" },
    { "a level as text", "return { codec = 'gzip', level = '6' }", 'got string "6"' },
    { "a level of none", "return { codec = 'none', level = 1 }", 'codec "none" has no level' },
    { "always as text", "return { codec = 'gzip', always = 'yes' }", "expected true or false" },
    { "an unknown field", "return { codec = 'gzip', lvel = 1 }", 'did you mean "level"?' },
    { "a field that ends early", "return { codec = 'gzip', ['level\\0'] = 1 }", "unknown field" },
    { "a list", "return { 'gzip' }", "expected names of fields as keys" },
    { "a decision", "return akosha.restart", "got a userdata" },
  },
  snapshot = {
    { "a list", "return { 'queue' }", "got a table" },
    { "options that no builder has seen", "return { busy = 'skip' }", "got a table" },
    { "capitals", "return 'Queue'", 'string "Queue"' },
    { "a word that ends early", "return 'skip\\0'", 'string "skip?"' },
    { "an unknown word in it", "return akosha.snapshot { busy = 'wait' }", 'got string "wait"' },
    { "a wait of NaN", "return akosha.snapshot { wait = NaN }", "expected seconds from 0 to 600" },
    { "a wait without end", "return akosha.snapshot { wait = inf }", "got number inf" },
    { "a wait of less than nothing", "return akosha.snapshot { wait = -1 }", "got number -1" },
    { "a wait as text", "return akosha.snapshot { wait = '5' }", 'got string "5"' },
    { "an unknown option", "return akosha.snapshot { wiat = 5 }", 'did you mean "wait"?' },
    { "a wait for a failure", "return akosha.wait(5)", "got a userdata" },
  },
  throttle = {
    { "a list", "return { 2048 }", "got a table" },
    { "a rate as text", "return '2048'", 'got string "2048"' },
    { "half a byte", "return 2048.5", "got number 2048.5" },
    { "a decision", "return akosha.wait(1)", "got a userdata" },
    { "a window", "return akosha.window 'mon'", "got a table" },
    { "what would be called", "return akosha.throttle.when(akosha.window 'mon', 2048)",
      "got a function" },
  },
  retry = {
    { "a list", "return { akosha.restart }", "got a table" },
    { "a decision's kind", "return akosha.restart.kind", 'got string "restart"' },
    { "a predicate", "return akosha.match.kind 'file'", "got a table" },
    { "a wait of NaN", "return akosha.wait(NaN)", "expected seconds from 0 to 86400" },
    { "a wait without end", "return akosha.wait(inf)", "got number inf" },
    { "a wait of less than nothing", "return akosha.wait(-0.001)", "got number -0.001" },
    { "a wait of more than a day", "return akosha.wait(86400.5)", "got number 86400.5" },
    { "a wait as text", "return akosha.wait '5'", 'got string "5"' },
    { "a wait for a wait", "return akosha.wait(akosha.wait(1))", "got a userdata" },
    { "a wait for facts", "return akosha.wait(f.retry_after)", "got nothing" },
    { "a schedule for less than nothing", "return schedule:decide { name = 'server',"
        .. " operation = 'put', attempt = 0 }", "attempt: expected a whole number" },
    { "a schedule for NaN", "return schedule:decide { name = 'server', operation = 'put',"
        .. " retry_after = NaN }", "retry_after: expected seconds" },
    { "a schedule for all tries at once", "return schedule:decide { name = 'server',"
        .. " operation = 'put', attempt = 1e300 }", "attempt: expected a whole number" },
    { "a schedule that is not asked as one", "return schedule.decide(other, f)",
      "akosha.schedule expected, got akosha.decision" },
    { "a schedule in place of another",
      "return akosha.retry.by_failure { server = other }",
      "server: expected a schedule" },
  },
}

local function fault(question, case)
  local _, code, expected = table.unpack(case)
  local policy, wrong = host.load { text = POLICY:format(question, code) }
  if not policy then
    return "it was not loaded: " .. wrong
  end
  policy:now {}
  local answer, message, hint, status = policy[question](policy, {})
  if answer ~= false or not message then
    return "it was taken for an answer"
  elseif status ~= "policy" then
    return "it ended with " .. status .. ": " .. message
  elseif not message:find(expected, 1, true) then
    return message
  elseif not message:find("^/home/me/policy%.lua:%d+: in " .. question .. ": ") then
    return "the place is missing: " .. message
  elseif not hint:find("asked about ", 1, true) or (message .. hint):find "%c" then
    return "no line, or without facts: " .. message .. " " .. hint
  end
end

function TestNonsense:test_each_answer_is_refused_by_each_question()
  local faults = {}
  local function try(question, case)
    if not (case[4] or ""):find(question, 1, true) then
      local what = fault(question, case)
      faults[#faults + 1] = what and ("%s, %s: %s"):format(question, case[1], what)
    end
  end
  for question, own in pairs(OWN) do
    for _, case in ipairs(ANY) do try(question, case) end
    for _, case in ipairs(own) do try(question, case) end
  end
  for _, case in ipairs(PLAIN) do
    try("route", case)
    try("compress", case)
  end
  lu.assertEquals(table.concat(faults, "\n"), "")
end

function TestNonsense:test_whatever_finished_answers_is_nothing_to_it()
  for _, cases in ipairs { ANY, PLAIN } do
    for _, case in ipairs(cases) do
      local policy = host.load { text = POLICY:format("finished", case[2]) }
      lu.assertTrue(policy:finished { outcome = "stored" }, case[1])
    end
  end
end

return lu.LuaUnit.run()
