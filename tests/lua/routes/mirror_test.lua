-- What a mirror is in a world: who is sent to, what is enough, what stays owed, what comes later.
local lu, sim = require "luaunit", require "akosha.testing"

TestMirrors = {}

local KiB = sim.KiB

-- A policy with two clouds, a receiver and a folder.
local function world(route, options)
  options = options or {}
  options.small = true
  options.policy_text = ([[
local akosha = require "akosha"
return akosha.policy { api = 1, sources = { "m.bin" },
  targets = { a = akosha.s3 { bucket = "bucket-a" }, b = akosha.s3 { bucket = "bucket-b" },
              c = akosha.http { url = "https://put.example.org/c" },
              d = akosha.dir { path = "~/copies" } },
  route = %s, retry = %s%s }]]):format(route, options.retry or "akosha.retry.none()",
    options.more or "")
  options.retry, options.more = nil, nil
  options.files = options.files or { ["m.bin"] = sim.bytes(20 * KiB, 1) }
  return sim.world(options)
end

-- { a = "stored", b = "failed" }
local function copies(report, name)
  local found = {}
  for _, file in ipairs(report.files) do
    for _, copy in ipairs(file.mirror.copies) do
      if name == nil or file.name == name then
        found[copy.target] = copy.outcome
      end
    end
  end
  return found
end

-- How many requests of the story went to a target, or began with these words.
local function asked(w, words)
  local count = 0
  for _, line in ipairs(w:story "requests") do
    count = count + (line:find(words, 1, true) and 1 or 0)
  end
  return count
end

local function target(report, name)
  for _, row in ipairs(report.targets) do
    if row.name == name then
      return row
    end
  end
end

function TestMirrors:test_all_is_owed_until_everyone_has_it()
  local w = world "akosha.route.all { 'a', 'b', 'd' }"
  w.target.b:on "any":fail "offline":until_time(60)
  local report = w:run()
  lu.assertEquals({ report.outcome, report.exit_code, report.target, report.method },
    { "partial", 1, "a", "cloud" })
  local file = report.files[1]
  lu.assertEquals({ file.outcome, file.targets, file.pending, file.reason },
    { "partial", { "a", "d" }, { "b" }, "offline" })
  lu.assertEquals(copies(report), { a = "stored", b = "failed", d = "stored" })
  lu.assertEquals({ report.error.failure, report.error.target }, { "offline", "b" })
  lu.assertEquals(report.files_uploaded, { "m.bin" })
  lu.assertEquals(w:queue()[1].sources, { "/home/person/m.bin" })
  w:advance(60)
  report = w:run()
  lu.assertEquals({ report.outcome, report.exit_code }, { "stored", 0 })
  lu.assertEquals(copies(report), { a = "unchanged", b = "stored", d = "unchanged" })
  lu.assertEquals(#w:manifests "a", 1)
  lu.assertEquals(w:queue(), {})
end

function TestMirrors:test_a_job_of_the_queue_brings_what_is_missing_under_its_own_policy()
  local w = world("akosha.route.all { 'b', 'a' }", { files = {
    ["m.bin"] = sim.bytes(20 * KiB, 1), ["other.bin"] = "other" } })
  w.target.a:on "any":fail "dns":until_time(60)
  lu.assertEquals(w:run().outcome, "partial")
  w:advance(sim.hour)
  local report = w:run { sources = { "/home/person/other.bin" } }
  lu.assertEquals(report.jobs[1].outcome, "stored")
  lu.assertEquals(#w:manifest "a".objects, 2)
  lu.assertEquals(w:queue(), {})
end

-- A worker does not insist where a person would.
function TestMirrors:test_a_job_waits_for_a_target_that_is_better_left_alone()
  local w = world("akosha.route.all { 'b', 'a' }", { files = {
    ["m.bin"] = sim.bytes(20 * KiB, 1), ["other.bin"] = "other" } })
  w.target.a:on "any":fail "dns":until_time(3)
  lu.assertEquals(w:run().outcome, "partial")
  w:advance(5)
  local report = w:run { sources = { "/home/person/other.bin" }, target = "b" }
  lu.assertEquals({ report.exit_code, report.jobs[1].outcome }, { 0, "partial" })
  lu.assertStrContains(report.jobs[1].reason, "a: not asked before")
  lu.assertStrContains(report.jobs[1].reason, ": it failed 1 time in a row")
  lu.assertEquals(w:run().outcome, "stored")
end

function TestMirrors:test_a_cloud_that_dies_half_way_keeps_nobody()
  local w = world "akosha.route.all { 'a', 'b', 'c' }"
  w.target.a:on("part", 2):fail "stalled":until_time(3600)
  local report = w:run()
  lu.assertEquals(copies(report), { a = "failed", b = "stored", c = "stored" })
  lu.assertEquals(target(report, "a").outcome, "failed")
  lu.assertEquals(target(report, "a").error.failure, "stalled")
  w:advance(2 * sim.hour)
  lu.assertEquals(copies(w:run()), { a = "stored", b = "unchanged", c = "unchanged" })
end

function TestMirrors:test_a_quorum_is_content_and_tells_who_failed()
  local w = world "akosha.route.quorum(2, { 'a', 'b', 'd' })"
  w.target.a:on "any":fail "refused":until_time(60)
  local report = w:run()
  lu.assertEquals({ report.outcome, report.exit_code, report.error }, { "stored", 0, nil })
  lu.assertEquals({ report.files[1].outcome, report.files[1].pending }, { "stored", {} })
  lu.assertEquals({ target(report, "a").outcome, target(report, "a").error.failure },
    { "failed", "refused" })
  lu.assertEquals(w:queue(), {})
  -- At once it is known to be away: nobody asks it, and it is told all the same.
  local before = asked(w, " a ")
  report = w:run()
  lu.assertEquals({ report.outcome, asked(w, " a ") }, { "unchanged", before })
  lu.assertEquals(copies(report), { a = "failed", b = "unchanged", d = "unchanged" })
  lu.assertStrContains(target(report, "a").error.message, "a: not asked before")
  -- Later it is brought what it lacks, though nothing has changed elsewhere.
  w:advance(sim.hour)
  report = w:run()
  lu.assertEquals(copies(report), { a = "stored", b = "unchanged", d = "unchanged" })
  lu.assertEquals(report.outcome, "stored")
end

function TestMirrors:test_too_few_is_too_few()
  local w = world "akosha.route.quorum(2, { 'a', 'b', 'c' })"
  w.target.a:on "any":fail "offline"
  w.target.c:on "any":reply { status = 500 }
  local report = w:run()
  lu.assertEquals({ report.outcome, report.exit_code, report.target }, { "partial", 1, "b" })
  lu.assertEquals(report.files[1].pending, { "a", "c" })
  w.target.b:on "any":reply { status = 500 }
  w:edit_file("m.bin", ("new"):rep(2000))
  report = w:run()
  lu.assertEquals({ report.outcome, report.exit_code, report.target }, { "queued", 1, nil })
  lu.assertEquals(report.files[1].outcome, "queued")
end

-- With one of many needed the others are sent to as well.
function TestMirrors:test_a_quorum_of_one_sends_to_all()
  local w = world "akosha.route.quorum(1, { 'a', 'd' })"
  lu.assertEquals(copies(w:run()), { a = "stored", d = "stored" })
end

function TestMirrors:test_whoever_types_run_wants_those_asked_that_are_needed()
  local w = world "akosha.route.all { 'a', 'b' }"
  w.target.a:on "any":fail "offline":until_time(1)
  lu.assertEquals(w:run().outcome, "partial")
  w:advance(2)
  lu.assertNotNil(w:state().targets.a.breaker)
  lu.assertEquals(copies(w:run()), { a = "stored", b = "unchanged" })
end

function TestMirrors:test_the_routes_are_gone_through_again_as_retry_says()
  local w = world("akosha.route.all { 'a', 'b' }",
    { retry = "akosha.retry.fixed { first = 4, tries = 3 }" })
  w.target.b:on "any":fail "offline":until_time(3)
  lu.assertEquals(copies(w:run()), { a = "stored", b = "stored" })
  lu.assertEquals(#w:manifests "a", 1)
  local again = {}
  for _, line in ipairs(w:story "decisions") do
    again[#again + 1] = line:match "route .*"
  end
  lu.assertEquals(again[1], "route  offline -> wait 4.0")
end

function TestMirrors:test_a_server_that_asks_for_time_gets_it()
  local w = world("akosha.route.all { 'a', 'b' }",
    { retry = "akosha.retry.fixed { first = 1, tries = 2 }" })
  w.target.a:on "probe":reply { status = 503, retry_after = 40 }:once()
  lu.assertEquals(w:run().outcome, "stored")
  lu.assertTrue(w:now() >= 40)
end

function TestMirrors:test_the_worst_failure_of_those_that_are_needed_is_the_exit_code()
  local w = world "akosha.route.all { 'a', 'b', 'c' }"
  w.target.a:on "any":fail "offline"
  w.target.b:on "any":reply { status = 403, code = "AccessDenied" }
  local report = w:run()
  lu.assertEquals({ report.exit_code, report.error.failure, report.error.target },
    { 6, "forbidden", "b" })
  w = world "akosha.route.quorum(1, { 'b', 'c' })"
  w.target.b:on "any":reply { status = 403, code = "AccessDenied" }
  lu.assertEquals(w:run().exit_code, 0)
end

-- What holds other bytes than the others does not count, and gets the new ones.
function TestMirrors:test_a_source_that_changes_between_two_copies()
  local w = world("akosha.route.all { 'a', 'b' }",
    { retry = "akosha.retry.fixed { first = 1, tries = 3 }" })
  local changed = false
  w.target.b:on "probe":fail "offline":at "send":maybe():when(function()
    if not changed then
      changed = true
      w:edit_file("m.bin", ("changed"):rep(3000))
    end
    return false
  end)
  local report = w:run()
  lu.assertEquals({ report.outcome, #w:manifests "a" }, { "stored", 2 })
  lu.assertEquals(copies(report), { a = "stored", b = "stored" })
  lu.assertEquals(w:manifest "a".objects[1].sha256, w:manifest "b".objects[1].sha256)
  lu.assertEquals(w:manifest "a".objects[1].bytes, 21000)
end

-- One that changes each time never is in both: that is told, and is no endless loop.
function TestMirrors:test_a_source_that_never_stands_still()
  local w = world("akosha.route.all { 'a', 'b' }",
    { retry = "akosha.retry.fixed { first = 1, tries = 3 }" })
  local n = 0
  for _, name in ipairs { "a", "b" } do
    w.target[name]:on "probe":fail "offline":at "send":maybe():when(function()
      n = n + 1
      w:edit_file("m.bin", ("x"):rep(3000 + n))
      return false
    end)
  end
  local report = w:run()
  lu.assertEquals({ report.outcome, report.exit_code, report.files[1].reason },
    { "partial", 1, "source_changed" })
  lu.assertStrContains(report.error.message, "was changed after it was stored in")
end

function TestMirrors:test_what_is_believed_is_looked_at_in_each_target()
  local w = world "akosha.route.all { 'a', 'b' }"
  w:run()
  w:advance(8 * sim.day)
  local a, b = asked(w, " a "), asked(w, " b ")
  local report = w:run()
  lu.assertEquals(report.outcome, "unchanged")
  lu.assertTrue(asked(w, " a ") > a and asked(w, " b ") > b)
end

-- Targets of which nothing is known any more are brought everything; no copy is lost by it.
function TestMirrors:test_a_second_file_goes_along_in_the_same_upload()
  local w = world("akosha.route.all { 'a', 'b' }", { files = {
    ["m.bin"] = "one", ["n.bin"] = "two" } })
  local both = { sources = { "/home/person/n.bin", "/home/person/m.bin" } }
  w.target.a:on "any":fail "offline":until_time(60)
  w:run { sources = { "/home/person/n.bin" } }
  w:advance(sim.hour)
  w:edit_file("m.bin", "three")
  local report = w:run(both)
  lu.assertEquals(copies(report, "n.bin"), { a = "stored", b = "unchanged" })
  lu.assertEquals(copies(report, "m.bin"), { a = "stored", b = "stored" })
  lu.assertEquals({ #w:manifests "a", #w:manifests "b" }, { 1, 2 })
  lu.assertEquals(#w:manifest "b".objects, 2)
end

function TestMirrors:test_dedup_is_asked_for_each_target()
  local w = world("akosha.route.all { 'a', 'b', 'd' }", { more = [[,
  dedup = function(facts) if facts.target.kind == "dir" then return "skip" end end]] })
  local report = w:run()
  lu.assertEquals(copies(report), { a = "stored", b = "stored", d = "skipped" })
  lu.assertEquals({ report.outcome, report.files[1].targets }, { "stored", { "a", "b" } })
  w = world("akosha.route.quorum(2, { 'a', 'b' })", { more = [[,
  dedup = function(facts) return "skip" end]] })
  report = w:run()
  lu.assertEquals({ report.outcome, report.files[1].outcome, report.files[1].reason },
    { "unchanged", "skipped", "the policy skips it" })
end

function TestMirrors:test_without_a_fallback_so_many_are_left_as_are_needed()
  local w = world "akosha.route.quorum(2, { 'a', 'b', 'd' })"
  local report = w:run { no_fallback = true }
  lu.assertEquals(copies(report), { a = "stored", b = "stored" })
  w = world "akosha.route.quorum(2, { 'a', 'b', 'd' })"
  w.target.a:on "any":fail "offline"
  report = w:run { no_fallback = true }
  lu.assertEquals({ report.outcome, report.files[1].pending }, { "partial", { "a" } })
  w = world "akosha.route.all { 'a', 'b', 'd' }"
  lu.assertEquals(copies(w:run { no_fallback = true }),
    { a = "stored", b = "stored", d = "stored" })
end

function TestMirrors:test_a_forced_target_is_all_that_a_run_asks_for_and_no_job_is_done_by_it()
  local w = world "akosha.route.all { 'a', 'b' }"
  w.target.b:on "any":fail "offline":until_time(60)
  w:run()
  w:advance(5)
  local report = w:run { target = "a" }
  lu.assertEquals({ report.exit_code, report.outcome, report.files[1].mirror },
    { 0, "unchanged", nil })
  lu.assertEquals(#w:queue(), 1)
  w:advance(sim.hour)
  lu.assertEquals(w:run().outcome, "stored")
  lu.assertEquals(w:queue(), {})
end

function TestMirrors:test_a_dry_run_tells_where_it_would_go()
  local w = world "akosha.route.all { 'a', 'b', 'd' }"
  w:run { target = "b" }
  local before = #w:story "requests"
  local report = w:run { dry_run = true }
  lu.assertEquals(copies(report), { a = "skipped", b = "unchanged", d = "skipped" })
  lu.assertEquals({ report.files[1].outcome, report.exit_code }, { "skipped", 0 })
  lu.assertEquals(#w:story "requests", before)
  w:run()
  report = w:run { dry_run = true }
  lu.assertEquals({ report.outcome, report.files[1].outcome }, { "unchanged", "unchanged" })
end

function TestMirrors:test_a_policy_that_gives_up_ends_the_round()
  local w = world("akosha.route.all { 'a', 'b', 'd' }", { retry = [[function(failure)
    return failure.target == "b" and akosha.give_up or nil end]] })
  w.target.b:on "any":fail "offline"
  local report = w:run()
  lu.assertEquals(copies(report), { a = "stored", b = "failed", d = "failed" })
  lu.assertEquals({ report.exit_code, report.files[1].pending }, { 1, { "b", "d" } })
end

function TestMirrors:test_a_policy_that_fails_half_way_fails_closed()
  local w = world("akosha.route.all { 'a', 'b', 'd' }", { retry = [[function(failure)
    error("no idea") end]] })
  w.target.b:on "any":fail "offline"
  local report = w:run()
  lu.assertEquals({ report.exit_code, report.error.failure }, { 3, "policy" })
  lu.assertEquals(copies(report), { a = "stored", b = "failed", d = "failed" })
  lu.assertEquals(#w:queue(), 1)
end

function TestMirrors:test_it_can_be_an_answer_and_a_part_of_other_routes()
  local function placed(route, text)
    return copies(world(route, { files = { ["m.bin"] = text or "text" } }):run())
  end
  local both = { a = "stored", d = "stored" }
  lu.assertEquals(placed "function() return akosha.route.all { 'a', 'd' } end", both)
  lu.assertEquals(placed "akosha.route.by_kind { file = akosha.route.quorum(2, { 'd', 'a' }) }",
    both)
  lu.assertEquals(placed [[akosha.route.when(akosha.match.size "< 1 KiB",
    akosha.route.all { 'a', 'd' }, 'b')]], both)
  lu.assertEquals(placed "akosha.route.first(akosha.route.all { 'a', 'd' })", both)
end

function TestMirrors:test_wrong_answers_fail_closed()
  for answer, message in pairs {
    ["akosha.route.quorum(3, { 'a', 'b' })"] =
      "akosha.route.quorum: expected a whole number from 1 to 2, got number 3",
    ["akosha.route.quorum(0, { 'a', 'b' })"] = "from 1 to 2, got number 0",
    ["akosha.route.quorum(0/0, { 'a', 'b' })"] = "from 1 to 2, got",
    ["akosha.route.all { 'a', 'bb' }"] = 'there is no target "bb"; did you mean "b"?',
    ["akosha.route.all { 'a', 'a' }"] = 'target "a" is named twice',
    ["akosha.route.all {}"] = "the list is empty",
  } do
    local w = world(("function() return %s end"):format(answer))
    local report = w:run()
    lu.assertEquals({ report.exit_code, report.error.failure }, { 3, "policy" }, answer)
    lu.assertStrContains(report.error.message, message)
    lu.assertEquals({ w:story "requests", #w:queue() }, { {}, 1 }, answer)
  end
end

-- What no text shows: both names lead to one folder, and one copy would count as two.
function TestMirrors:test_two_names_of_one_place_fail_closed()
  local w = sim.world { small = true, files = { ["m.bin"] = "text" }, policy_text = [[
local akosha = require "akosha"
return akosha.policy { api = 1, sources = { "m.bin" },
  targets = { d = akosha.dir { path = "~/copies" },
              e = akosha.dir { path = "/home/person/copies" } },
  route = akosha.route.all { "d", "e" } }]] }
  local report = w:run()
  lu.assertEquals({ report.exit_code, report.error.failure }, { 3, "policy" })
  lu.assertStrContains(report.error.message, 'in route: "e" is the same place as "d"')
  lu.assertEquals({ w:objects "d", #w:queue() }, { {}, 1 })
  lu.assertEquals(w:run { target = "d" }.outcome, "stored")
end

-- Wherever the process dies, or the power is lost: what was begun comes home to all of them.
function TestMirrors:test_deaths_at_many_moments()
  for n = 3, 400, 13 do
    local w = world("akosha.route.all { 'a', 'd', 'b' }", { seed = n })
    w:crash_at(n)
    local report = w:run()
    if report.outcome == "crashed" then
      w:restart { power = n % 2 == 0 }
    end
    w:advance(sim.hour)
    report = w:run()
    lu.assertEquals(report.exit_code, 0, n)
    lu.assertEquals(report.files[1].targets, { "a", "b", "d" }, n)
    lu.assertEquals(w:queue(), {}, n)
  end
end

-- A fault for each target and nearly each of its operations, then all is well again.
function TestMirrors:test_bad_days()
  sim.forall { seeds = 40, faults = { rules_max = 4, crashes = true, disk = true }, small = true,
    policy_text = [[local akosha = require "akosha"
      return akosha.policy { api = 1, sources = { "m.bin" },
        targets = { a = akosha.s3 { bucket = "bucket-a" }, b = akosha.s3 { bucket = "bucket-b" },
                    c = akosha.http { url = "https://put.example.org/c" } },
        route = akosha.route.quorum(2, { "a", "b", "c" }) }]],
    files = { ["m.bin"] = sim.bytes(20 * KiB) },
    check = function(_, report)
      local file = report.files and report.files[1]
      if file and file.outcome == "stored" then
        lu.assertTrue(#file.targets >= 2)
      end
    end }
end

return lu.LuaUnit.run()
