-- Policies that steer by themselves: what ctx does, and what becomes of a run that misuses it.
local lu, sim = require "luaunit", require "akosha.testing"

TestTask = {}

local HEAD = [[
local akosha = require "akosha"
return akosha.task { api = 1, sources = { "~/a.db", "~/b.db" }, compress = "none",
  targets = { cloud = akosha.s3 { bucket = "memories" }, folder = akosha.dir { path = "/mnt/b" } },
  run = function(ctx)
]]

local function make(body, options)
  options = options or {}
  options.small = true
  options.policy_text = HEAD .. body .. "\nend, " .. (options.fields or "") .. " }"
  options.fields = nil
  options.files = { ["~/a.db"] = ("a"):rep(20 * sim.KiB), ["~/b.db"] = ("b"):rep(7000) }
  return sim.world(options)
end

-- Runs, and gives what the policy logged.
local function said(world, run)
  local report = world:run(run or {})
  local lines = {}
  for _, line in ipairs(world:log()) do
    lines[#lines + 1] = line:match "^info: policy: (.*)$"
  end
  return lines, report
end

local SEND = [[
local function send(name, target)
  local upload = assert(ctx:open(target, assert(ctx:snapshot(name))))
  assert(ctx:send(upload))
  return assert(ctx:finish(upload))
end
]]

function TestTask:test_one_after_the_other()
  local lines, report = said(make(SEND .. [[
    for _, source in ipairs(ctx:sources()) do
      local upload = send(source, "cloud")
      ctx:log(source.name, source.kind, source.size, upload.state, upload.codec, upload.sent)
    end
    assert(ctx:commit "cloud") ]]))
  lu.assertEquals(lines, { "a.db file 20480 finished none 20480",
                           "b.db file 7000 finished none 7000" })
  lu.assertEquals({ report.outcome, report.exit_code, report.method }, { "stored", 0, "cloud" })
end

function TestTask:test_the_clock()
  local lines = said(make [[
    local clock = ctx:clock()
    ctx:sleep(3600)
    ctx:log(clock.weekday, clock.year, clock.hour, ctx:clock().hour) ]])
  lu.assertEquals(lines, { "mon 2026 6 7" })
end

function TestTask:test_side_by_side_while_others_sleep()
  local lines = said(make [[
    local began = ctx:now()
    local all = {}
    for i = 1, 5 do
      all[i] = ctx:spawn(function(...) ctx:sleep(10) return i, ... end, "given", i * 2)
    end
    ctx:log(ctx:join(all[3]))
    ctx:log(ctx:join(all[3]))
    for i = 1, 5 do ctx:join(all[i]) end
    ctx:log(ctx:now() - began)
    ctx:skip("a.db", "no need") ctx:skip("b.db", "no need") ]])
  lu.assertEquals(lines, { "3 given 6", "3 given 6", "10.0" })
end

function TestTask:test_a_failure_comes_back_with_its_facts()
  local world = make(SEND .. [[
    local ok, failure = ctx:probe "cloud"
    ctx:log(ok, failure.name, failure.transient, failure.target, failure.operation, failure)
    local upload, why = ctx:open("cloud", ctx:snapshot "a.db")
    ctx:log(upload, why.name, why.http_status, why.source)
    ctx:log(pcall(function() failure.name = "ok" end))
    ctx:log(select(2, pcall(assert, ctx:probe "cloud")))
    send("a.db", "folder") send("b.db", "folder") ctx:commit "folder" ]])
  world.target.cloud:on "probe":fail "refused":times(1)
  world.target.cloud:on "any":reply { status = 403, code = "AccessDenied" }
  local lines, report = said(world)
  lu.assertNil(report.error)
  lu.assertStrMatches(lines[1], "nil refused true cloud probe cloud: .*")
  lu.assertEquals(lines[2], "nil forbidden 403 a.db")
  lu.assertStrContains(lines[3], "cannot be written to")
  lu.assertStrMatches(lines[4], "cloud: PUT of the marker: AccessDenied.*")
end

function TestTask:test_requests_are_tried_again_as_retry_says()
  local world = make(SEND .. [[ send("a.db", "cloud") send("b.db", "cloud") ctx:commit "cloud" ]])
  world.target.cloud:on("part", 2):reply { status = 503, retry_after = 40 }:once()
  lu.assertEquals(world:run().exit_code, 0)
  lu.assertStrContains(table.concat(world:story "decisions", "\n"),
    "  0.0  cloud  part 2  throttled -> wait 40.0\n 40.0  cloud  part 2  ok")
end

function TestTask:test_a_server_that_wants_to_be_left_alone_is()
  local world = make(SEND .. [[
    local ok, failure = ctx:probe "cloud"
    ctx:log(ok, failure.retry_after)
    assert(ctx:probe "cloud")
    ctx:log(ctx:now() >= 25)
    send("a.db", "cloud") send("b.db", "cloud") ctx:commit "cloud" ]])
  world.target.cloud:on "probe":reply { status = 503, retry_after = 25 }:once()
  local lines, report = said(world)
  lu.assertEquals(lines, { "nil 25.0", "true" })
  lu.assertEquals(report.exit_code, 0)
end

function TestTask:test_an_upload_is_finished_once_however_long_it_waits()
  local world = make([[
    local upload = assert(ctx:open("cloud", assert(ctx:snapshot "a.db")))
    assert(ctx:send(upload))
    ctx:log(ctx:send(assert(ctx:open("cloud", assert(ctx:snapshot "b.db")))))
    local function finish() return pcall(ctx.finish, ctx, upload) end
    local one, two = ctx:spawn(finish), ctx:spawn(finish)
    ctx:log(ctx:join(one), ctx:now() >= 25)
    ctx:log(ctx:join(two))
    assert(ctx:commit "cloud") ]], { fields = "retry = function() return akosha.give_up end," })
  world.target.cloud:on("part", 2):nth(2):reply { status = 503, retry_after = 25 }
  local lines, report = said(world)
  lu.assertStrContains(lines[1], "HTTP 503")
  lu.assertEquals(lines[2], "true true")
  lu.assertStrMatches(lines[3], "false .*: ctx:finish: this upload is being finished")
  lu.assertEquals(report.files[1].outcome, "stored")
end

function TestTask:test_held_is_known_without_reading_and_by_reading()
  local body = SEND .. [[
    for _, source in ipairs(ctx:sources()) do
      local held = ctx:held(source, "folder")
      ctx:log(source.name, held)
      if not held then send(source, "folder") end
    end
    ctx:log(type(assert(ctx:commit "folder"))) ]]
  local world = make(body)
  lu.assertEquals(said(world), { "a.db false", "b.db false", "string" })
  world:advance(sim.hour)
  lu.assertEquals(world:run().outcome, "unchanged")
  world:put_file("~/a.db", ("a"):rep(20 * sim.KiB))
  world:put_file("~/b.db", ("c"):rep(7000))
  local report = world:run()
  lu.assertEquals({ report.files[1].outcome, report.files[2].outcome }, { "unchanged", "stored" })
  world:advance(8 * sim.day)
  lu.assertEquals(world:run().exit_code, 0)
end

function TestTask:test_compress_says_what_it_will_do()
  local lines = said(make [[
    local snapshot = ctx:snapshot "a.db"
    local content = ctx:compress(snapshot, { codec = "gzip", level = 9 })
    ctx:log(content.name, content.size, content.codec, content.level, content.ratio > 2)
    ctx:log(ctx:compress(snapshot, "none").codec, ctx:compress(snapshot, "none").ratio)
    ctx:log(ctx:checksum(snapshot) == snapshot.sha256, #snapshot.sha256)
    local upload = ctx:open("cloud", content)
    ctx:log(upload.target, upload.state, upload.size, upload.stored_size)
    ctx:send(upload)
    ctx:log(upload.state, upload.codec, upload.stored_size < 1000, upload.sha256 == snapshot.sha256)
    ctx:abort(upload)
    ctx:log(upload.state, upload.stored_sha256 == upload.sha256) ]])
  lu.assertEquals(lines, { "a.db 20480 gzip 9 true", "none nil", "true 64", "cloud open 20480 nil",
    "sent gzip true true", "aborted false" })
end

function TestTask:test_what_is_closed_is_given_back()
  local world = make [[
    do
      local upload <close> = ctx:open("cloud", ctx:snapshot "a.db")
      ctx:send(upload)
    end
    ctx:log(pcall(function()
      local upload <close> = ctx:open("folder", ctx:snapshot "b.db")
      ctx:send(upload)
      error "half"
    end)) ]]
  local lines, report = said(world)
  lu.assertEquals(lines, { "false /home/person/policy.lua:12: half" })
  lu.assertEquals(report.exit_code, 1)
  lu.assertEquals(world:objects "cloud", {})
  lu.assertEquals(world:objects "folder", {})
  lu.assertStrContains(table.concat(world:story "requests", "\n"), "cloud  abort  DELETE")
end

function TestTask:test_state_is_kept_and_is_the_policys_own()
  local body = [[
    ctx.state.n = (ctx.state.n or 0) + 1
    ctx.state.text, ctx.state.yes, ctx.state.half = "t", true, 0.5
    ctx.state.gone = "x"
    ctx.state.gone = nil
    for name, value in pairs(ctx.state) do ctx:log(name, value, math.type(value)) end
    ctx:skip("a.db", "no need") ctx:skip("b.db", "no need") ]]
  local world = make(body)
  lu.assertEquals(said(world), { "half 0.5 float", "n 1 integer", "text t nil", "yes true nil" })
  world:set_clock(-3600)
  lu.assertEquals(select(2, said(world)).outcome, "unchanged")
  lu.assertStrContains(table.concat(world:log(), "\n"), "policy: n 2 integer")
end

function TestTask:test_state_and_audit_are_bounded()
  for _, case in ipairs {
    { "ctx.state['a b'] = 1", "expected a name of 1 to 64 letters" },
    { "ctx.state.a = {}", "expected a text, a finite number or a boolean, got a table" },
    { "ctx.state.a = 0/0", "expected a text, a finite number or a boolean, got number" },
    { "ctx.state.a = ('x'):rep(1025)", "at most 1024 bytes" },
    { "ctx.state.a = '\\xff'", "the text is not UTF-8" },
    { "for i = 1, 65 do ctx.state['k' .. i] = i end", "more than 64 keys" },
    { "for i = 1, 1001 do ctx:audit 'again' end", "more than 1000 records" },
    { "ctx:audit { [1] = 2 }", "expected names of 1 to 64 letters" },
    { "ctx:audit { a = {} }", "expected a text, a finite number or a boolean, got a table" },
    { "ctx:audit(('x'):rep(1025))", "at most 1024 bytes" },
    { "ctx:audit()", "expected a text, or a table" },
    { "ctx:skip 'a.db'", "expected a reason" },
  } do
    local report = make(case[1]):run()
    lu.assertStrContains(report.error.message, case[2], nil, case[1])
    lu.assertEquals({ report.exit_code, report.outcome }, { 3, "queued" })
  end
end

function TestTask:test_what_makes_no_sense_fails_closed()
  local open = "local upload = ctx:open('cloud', ctx:snapshot 'a.db') "
  for _, case in ipairs {
    { "error 'no'", "policy.lua:5: in run: no" },
    { "error {}", "no message but a table" },
    { "local h h = ctx:spawn(function() ctx:sleep(1) ctx:join(h) end) ctx:join(h)",
      "wait for itself" },
    { "local a, b a = ctx:spawn(function() ctx:sleep(1) ctx:join(b) end)"
      .. " b = ctx:spawn(function() ctx:join(a) end)", "every coroutine waits for another one" },
    { "coroutine.yield(1)", "coroutine.yield: nobody resumes a task but the engine" },
    { "coroutine.wrap(function() ctx:sleep(1) end)()", "only what ctx:spawn began may wait" },
    { "table.sort({ 2, 1 }, function() ctx:sleep(1) end)", "nothing may wait here" },
    { "ctx:spawn(function() error 'lost' end) ctx:sleep(2)", "policy.lua:5: in run: lost" },
    { "ctx:join(ctx:spawn(error, 'lost', 0))", "in run: lost" },
    { "ctx:join(7)", "expected what ctx:spawn returned" },
    { "ctx:spawn(7)", "ctx:spawn: expected a function" },
    { "for _ = 1, 1001 do ctx:spawn(ctx.sleep, ctx, 1) end", "more than 1000 coroutines at once" },
    { "while true do end", "it takes more than 1000000 instructions" },
    { "pcall(function() while true do end end) ctx:sleep(1)", "more than 1000000 instructions" },
    { "ctx:sleep(7 * 3600)", "the task goes on for more than 6 h" },
    { "ctx:sleep(-1)", "ctx:sleep: expected seconds from 0 to 86400, got number -1" },
    { "ctx:sleep(0/0)", "ctx:sleep: expected seconds from 0 to 86400" },
    { "ctx:snpashot()", 'ctx has no "snpashot"; did you mean "snapshot"?' },
    { "ctx.send = 1", "this table cannot be written to" },
    { "ctx:probe 'clod'", 'ctx:probe: no target is called "clod"; did you mean "cloud"?' },
    { "ctx:probe()", "ctx:probe: expected a target's name, got nothing" },
    { "ctx:snapshot 'x'", "ctx:snapshot: expected a source: one of ctx:sources(), or its name" },
    { "ctx:snapshot { name = 'a.db' }", "expected a source: one of ctx:sources()" },
    { "ctx:checksum 'a.db'", "ctx:checksum: expected a snapshot" },
    { "ctx:compress(ctx:snapshot 'a.db', 'lzma')", 'ctx:compress: expected "none", "gzip"' },
    { "ctx:open('cloud', 'a.db')", "ctx:open: expected a snapshot, or what ctx:compress made" },
    { "ctx:send(ctx:snapshot 'a.db')", "ctx:send: expected an upload" },
    { open .. "ctx:finish(upload)", "ctx:finish: this upload is not sent yet" },
    { open .. "ctx:abort(upload) ctx:send(upload)", "ctx:send: this upload is aborted" },
    { open .. "ctx:send(upload) ctx:send(upload)", "ctx:send: this upload is sent" },
    { open .. "ctx:spawn(ctx.send, ctx, upload) ctx:sleep(0) ctx:send(upload)",
      "is being sent" },
    { open .. "print(upload.sise)", 'an upload has no sise; did you mean "size"?' },
    { "for _ = 1, 257 do ctx:open('cloud', ctx:snapshot 'a.db') end", "more than 256 uploads" },
    { "ctx:skip('a.db', 'no') ctx:open('cloud', ctx:snapshot 'a.db')", "open: a.db was skipped" },
  } do
    local world = make(case[1])
    local report = world:run()
    lu.assertStrContains(report.error.message, case[2], nil, case[1])
    lu.assertEquals({ report.exit_code, report.outcome, #world:queue() }, { 3, "queued", 1 },
      case[1])
    lu.assertEquals(world:objects "cloud", {})
  end
end

function TestTask:test_a_loop_that_never_waits_ends()
  local report = make "while true do ctx:sleep(0) end":run()
  lu.assertStrContains(report.error.message, "it goes on more than 1000000 times")
  lu.assertEquals({ report.exit_code, report.outcome }, { 3, "queued" })
end

function TestTask:test_ctx_is_for_the_task_alone()
  local report = make [[ kept = ctx ]]:run()
  lu.assertEquals(report.exit_code, 1)
  local world = sim.world { small = true, policy_text = [[
    local akosha = require "akosha"
    local kept
    return akosha.task { api = 1, sources = { "~/a.db" },
      targets = { cloud = akosha.s3 { bucket = "memories" } },
      retry = function() kept:probe "cloud" end,
      run = function(ctx) kept = ctx ctx:probe "cloud" end }]], files = { ["~/a.db"] = "a" } }
  world.target.cloud:on "probe":fail "refused"
  report = world:run()
  lu.assertEquals(report.exit_code, 3)
  lu.assertStrContains(report.error.message,
    "ctx:probe: only in a task; this is a decision (retry)")
end

function TestTask:test_a_task_that_does_nothing_leaves_everything_queued()
  local world = make ""
  local report = world:run()
  lu.assertEquals({ report.exit_code, report.outcome }, { 1, "queued" })
  lu.assertEquals(report.files[1].reason, "undelivered")
  lu.assertStrContains(report.error.message, "the task ended without delivering it")
  lu.assertEquals(#world:queue(), 1)
end

function TestTask:test_a_dry_run_pretends()
  local body = SEND .. [[
    ctx:log(ctx:probe "cloud", ctx:held("a.db", "cloud"))
    ctx.state.n = 1
    ctx:audit "not written"
    ctx:sleep(5)
    send("a.db", "cloud")
    ctx:log(ctx:commit "cloud", ctx:now() >= 5) ]]
  local world = make(body)
  local lines, report = said(world, { dry_run = true })
  lu.assertEquals(lines, { "true false", "true true" })
  lu.assertTrue(world:now() < 1)
  lu.assertEquals(report.exit_code, 0)
  lu.assertEquals(report.files[1].outcome, "skipped")
  lu.assertEquals(world:story "requests", {})
  lu.assertEquals(world:queue(), {})
  lu.assertEquals(world:audit(), {})
end

function TestTask:test_a_job_is_taken_up_by_the_task_that_left_it()
  local body = SEND .. [[
    ctx.state.runs = (ctx.state.runs or 0) + 1
    for _, source in ipairs(ctx:sources()) do
      if ctx.state.runs > 1 or source.name == "a.db" then send(source, "cloud") end
    end
    ctx:commit "cloud" ]]
  local world = make(body)
  local report = world:run()
  lu.assertEquals({ report.outcome, report.exit_code }, { "partial", 1 })
  lu.assertEquals(world:queue()[1].sources, { "/home/person/b.db" })
  world:advance(sim.hour)
  lu.assertEquals(world:run { sources = { "~/a.db" } }.exit_code, 0)
  lu.assertEquals(world:queue(), {})
  lu.assertEquals(#world:manifest "cloud".objects, 2)
end

function TestTask:test_one_target_may_be_forced()
  local body = [[
    ctx:log(#ctx:targets(), ctx:targets()[1].name)
    ctx:log(pcall(ctx.probe, ctx, "cloud")) ]]
  local lines = said(make(body), { target = "folder" })
  lu.assertEquals(lines[1], "1 folder")
  lu.assertStrContains(lines[2], "ctx:probe: this run may not use that target: ")
end
