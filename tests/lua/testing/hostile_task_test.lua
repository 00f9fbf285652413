-- Tasks that are wrong, greedy or hostile: each ends in its named way, what it owed stays queued
-- with a reason, and the laws of every world hold.
local lu, sim = require "luaunit", require "akosha.testing"

TestHostileTask = {}

local POLICY = [[
local akosha = require "akosha"
local function spin() while true do end end
local function meta(event, f) return setmetatable({}, { [event] = f }) end
return akosha.task { api = 1, sources = { "/home/person/a.db" },
  targets = { disk = akosha.dir { path = "/x" } },
  run = function(ctx)
    local function upload()
      return ctx:open("disk", ctx:snapshot(ctx:sources()[1]))
    end
%s
  end }]]

local QUEUED = "the task ended without delivering it"

-- { what it is, body, part of the error's message, the failure's name (default "policy") }
local CASES = {
  -- time
  { "a loop", "while true do end", "it takes more than 1000000 instructions", "limit" },
  { "a loop after a wait", "ctx:sleep(5) while true do end", "instructions", "limit" },
  { "a loop in a spawned coroutine", "ctx:spawn(spin) ctx:sleep(9)", "instructions", "limit" },
  { "a loop while others wait", "ctx:spawn(function() ctx:sleep(99) end) ctx:sleep(1) spin()",
    "instructions", "limit" },
  { "a loop in pcall", "while true do pcall(spin) end", "instructions", "limit" },
  { "a loop in __close", "local x <close> = meta('__close', spin)", "instructions", "limit" },
  { "a loop in __close after an error", "local x <close> = meta('__close', spin) error 'no'",
    "instructions", "limit" },
  { "a loop in __close of a spawned coroutine",
    "ctx:spawn(function() local x <close> = meta('__close', spin) error 'no' end) ctx:sleep(1)",
    "instructions", "limit" },
  { "waits without end", "while true do ctx:sleep(0) end", "it goes on more than 1000000 times",
    "limit" },
  { "coroutines that begin each other", "local function f() ctx:spawn(f) end f()",
    "it goes on more than 1000000 times", "limit" },
  { "a wait of NaN", "ctx:sleep(0/0)", "ctx:sleep: expected seconds from 0 to 86400" },
  { "a wait without end", "ctx:sleep(1/0)", "got number inf" },
  { "a wait of less than nothing", "ctx:sleep(-1)", "got number -1" },
  { "a wait as text", "ctx:sleep '1'", 'got string "1"' },

  -- memory, and what there is a number of
  { "a bomb of coroutines", "while true do ctx:spawn(function() ctx:sleep(9) end) end",
    "ctx:spawn: more than 1000 coroutines at once" },
  { "a bomb of coroutines under pcall",
    "while true do pcall(ctx.spawn, ctx, function() ctx:sleep(9) end) end", "instructions",
    "limit" },
  { "a bomb of tables", "local t = {} while true do t = { t, t, t, t, t, t, t, t } end",
    "in run: it ", "limit" },
  { "a bomb of tables between waits", [[
    local t = {}
    while true do for _ = 1, 1e4 do t = { t } end ctx:sleep(0) end]], "MiB of memory", "limit" },
  { "uploads that are never sent", "local t = {} for i = 1, 300 do t[i] = upload() end",
    "ctx:open: more than 256 uploads are open at once" },
  { "keys of the state", "for i = 1, 100 do ctx.state['k' .. i] = i end", "more than 64 keys" },
  { "a long text in the state", "ctx.state.a = ('x'):rep(2000)", "at most 1024 bytes" },
  { "NaN in the state", "ctx.state.a = 0/0", "a finite number" },
  { "a table in the state", "ctx.state.a = {}", "got a table" },
  { "a handle in the state", "ctx.state.a = upload()", "got a userdata" },
  { "a key that ends early", "ctx.state['a\\0b'] = 1", "ctx.state: expected a name" },
  { "a source's name that ends early", "ctx:snapshot(ctx:sources()[1].name .. '\\0')",
    "expected a source" },
  { "a target's name that ends early", "ctx:probe 'disk\\0'", "no target is called" },
  { "a key that is none", "ctx.state[1] = 1", "ctx.state: expected a name" },
  { "lines of the audit log", "while true do ctx:audit 'x' end",
    "ctx:audit: more than 1000 records in one run" },
  { "a reason of control characters", "ctx:skip(ctx:sources()[1], '\\27[2J')",
    "a control character" },

  -- coroutines
  { "a yield of its own", "coroutine.yield(1)", "nobody resumes a task but the engine" },
  { "a yield in pcall", "pcall(coroutine.yield)", "nobody resumes a task but the engine" },
  { "a wait in a coroutine of its own", "coroutine.wrap(function() ctx:sleep(1) end)()",
    "this is a coroutine of the policy's own" },
  { "a wait in a comparator", "table.sort({ 2, 1 }, function() ctx:sleep(1) end)",
    "nothing may wait here" },
  { "a wait in a replacement", "return ('a'):gsub('a', function() ctx:sleep(1) end)",
    "nothing may wait here" },
  { "a wait in a text", "print(meta('__tostring', function() ctx:sleep(1) end))",
    "nothing may wait here" },
  { "another one resumed", [[
    local other
    ctx:spawn(function() other = coroutine.running() ctx:sleep(5) end)
    ctx:sleep(1)
    local _, why = coroutine.resume(other) error(why, 0)]], "only the engine goes on with it" },
  { "another one closed", [[
    local other
    ctx:spawn(function() other = coroutine.running() ctx:sleep(5) end)
    ctx:sleep(1)
    coroutine.close(other)]], "only the engine goes on with it" },
  { "whoever joins resumed", [[
    local main = coroutine.running()
    ctx:join(ctx:spawn(function() ctx:sleep(1) coroutine.resume(main) end))]],
    "only the engine goes on with it" },
  { "a join of itself", "local a a = ctx:spawn(function() ctx:join(a) end) ctx:join(a)",
    "a coroutine cannot wait for itself" },
  { "two that join each other", [[
    local a, b
    a = ctx:spawn(function() ctx:sleep(0) ctx:join(b) end)
    b = ctx:spawn(function() ctx:join(a) end)
    ctx:join(a)]], "every coroutine waits for another one" },
  { "a join of nothing", "ctx:join()", "expected what ctx:spawn returned" },
  { "a join of what pretends", "ctx:join(setmetatable({}, { __name = 'akosha.coroutine' }))",
    "expected what ctx:spawn returned" },
  { "a spawned error that nobody joins",
    "ctx:spawn(function() error 'left alone' end) ctx:sleep(1)",
    "left alone" },
  { "a spawned error that is no text", "ctx:join(ctx:spawn(function() error {} end))",
    "no message but a table" },
  { "a spawn of nothing", "ctx:spawn()", "ctx:spawn: expected a function" },

  -- handles
  { "an upload that pretends", "ctx:send(setmetatable({}, { __name = 'akosha.upload' }))",
    "ctx:send: expected an upload" },
  { "a snapshot for an upload", "ctx:send(ctx:snapshot(ctx:sources()[1]))",
    "ctx:send: expected an upload" },
  { "an upload sent twice", "local u = upload() ctx:send(u) ctx:send(u)",
    "ctx:send: this upload is sent" },
  { "an upload finished unsent", "ctx:finish(upload())", "this upload is not sent yet" },
  { "an upload used after its end", "local u = upload() ctx:abort(u) ctx:send(u)", "ctx:send: " },
  { "an upload sent by two", [[
    local u = upload()
    ctx:spawn(function() ctx:send(u) end)
    ctx:abort(u)]], "ctx:send: this upload is aborted" },
  { "an upload aborted while it is sent", [[
    local u = upload()
    local h = ctx:spawn(function() return ctx:send(u) end)
    ctx:sleep(0) ctx:abort(u) ctx:join(h) ctx:commit "disk"]], QUEUED, "undelivered" },
  { "a commit of what is not finished",
    "local u = upload() ctx:send(u) assert(ctx:commit 'disk' == true)", QUEUED, "undelivered" },
  { "a target that there is not", "ctx:open('dsk', ctx:snapshot(ctx:sources()[1]))",
    'no target is called "dsk"; did you mean "disk"?' },
  { "a handle of a target", "ctx:commit(akosha)", "ctx:commit: " },
  { "ctx written to", "ctx.sleep = print", "cannot be written to" },
  { "ctx written to, raw", "rawset(ctx, 'sleep', print)", "cannot be written to" },
  { "a source written to", "ctx:sources()[1].size = 0", "cannot be written to" },
  { "ctx without itself", "ctx.sleep(1)", "ctx:sleep: expected seconds" },
}

local function fault(case)
  local world = sim.world { seed = 1, small = true, policy_text = POLICY:format(case[2]),
    files = { ["/home/person/a.db"] = sim.bytes(8 * sim.KiB) } }
  local report = world:run()
  local why = report.error or {}
  if report.outcome ~= "queued" then
    return "it ended with " .. tostring(report.outcome)
  elseif why.failure ~= (case[4] or "policy") then
    return "it failed with " .. tostring(why.failure) .. ": " .. tostring(why.message)
  elseif not why.message:find(case[3], 1, true) then
    return why.message
  elseif #world:queue() ~= 1 then
    return "nothing is queued"
  end
end

for _, case in ipairs(CASES) do
  TestHostileTask["test_" .. case[1]:gsub("%W+", "_")] = function()
    lu.assertNil(fault(case))
  end
end

-- The laws are looked at when the world ends: no manifest without its parts, nothing left open.
function TestHostileTask:test_a_task_that_is_over_can_be_run_again()
  local world = sim.world { seed = 1, small = true, policy_text = POLICY:format [[
    ctx.state.runs = (ctx.state.runs or 0) + 1
    if ctx.state.runs == 1 then ctx:spawn(function() ctx:sleep(50) end) ctx:sleep(1) spin() end
    local u = upload()
    ctx:send(u) ctx:finish(u) ctx:commit "disk"]],
    files = { ["/home/person/a.db"] = sim.bytes(8 * sim.KiB) } }
  lu.assertEquals(world:run().error.failure, "limit")
  lu.assertEquals(world:run().outcome, "stored")
end
