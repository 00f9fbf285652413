-- The disk is full when the log is to be written, and a cloud that dies half-way.
local lu, sim = require "luaunit", require "akosha.testing"

TestFullLog = {}

local function world()
  return sim.world { small = true, seed = 1, files = { ["a.bin"] = sim.bytes(22 * sim.KiB) },
    policy_text = [[
    local akosha = require "akosha"
    return akosha.policy { api = 1, sources = { "a.bin" }, compress = "none",
      targets = {
        cloud = akosha.s3 { bucket = "memories", endpoint = "https://s3.example.org" },
        http = akosha.http { url = "https://put.example.org/up" } },
      route = { "cloud", "http" },
      retry = akosha.retry.exponential { first = 2, jitter = "none" } }]] }
end

-- What cannot be recorded is not committed: the work stays queued, nothing is believed, and the
-- next run brings it.
function TestFullLog:test_without_a_record_nothing_is_committed()
  for _, verb in ipairs { "open", "write", "sync" } do
    local w = world()
    w.disk:on(verb, "audit.jsonl"):fail "no_space":until_time(50)
    local report = w:run()
    lu.assertEquals({ report.outcome, report.exit_code, report.target }, { "queued", 1 }, verb)
    lu.assertEquals(report.error.failure, "no_space")
    lu.assertStrContains(report.error.message, "cannot write the audit log: ")
    lu.assertEquals({ #w:queue(), #w:manifests "cloud", #w:manifests "http" }, { 1, 0, 0 }, verb)
    lu.assertNil(next(w:state().targets.cloud.stored or {}), verb)
    w:advance(100)
    report = w:run()
    lu.assertEquals({ report.outcome, report.exit_code, report.target }, { "stored", 0, "cloud" })
    lu.assertEquals(w:queue(), {})
  end
end

-- One record that fails, wherever it is: stored is what is stored, and what is queued is brought.
function TestFullLog:test_each_record_in_turn()
  local queued, stored = 0, 0
  for _, verb in ipairs { "open", "write", "sync" } do
    for nth = 1, 8 do
      local w = world()
      w.disk:on(verb, "audit.jsonl"):nth(nth):fail "no_space":maybe()
      local report = w:run()
      lu.assertEquals(report.exit_code, report.outcome == "stored" and 0 or 1, verb .. nth)
      lu.assertEquals(#w:queue(), report.exit_code, verb .. nth)
      lu.assertEquals(#w:manifests "cloud", report.outcome == "stored" and 1 or 0, verb .. nth)
      queued = queued + report.exit_code
      stored = stored + 1 - report.exit_code
      report = w:run()
      lu.assertEquals(report.exit_code, 0, verb .. nth)
      lu.assertEquals(#w:manifests "cloud", 1, verb .. nth)
    end
  end
  lu.assertTrue(queued >= 3 and stored >= 3, queued .. " " .. stored)
end

-- It answers until the n-th part, and then to nobody: the source goes over HTTP at once, and to the
-- cloud when that is there again.
function TestFullLog:test_a_cloud_that_dies_after_the_start()
  for nth = 1, 4 do
    for _, failure in ipairs { "bad_reply", "stalled", "offline" } do
      local w = world()
      local parts, dead = 0, false
      w.target.cloud:on "any":at "send":fail(failure):when(function(step)
        parts = parts + (step.operation:find "^part" and 1 or 0)
        dead = step.now < 3600 and (dead or parts >= nth)
        return dead
      end)
      local report = w:run()
      local what = failure .. nth
      lu.assertEquals({ report.outcome, report.target, report.method, report.exit_code },
        { "stored", "http", "http", 0 }, what)
      lu.assertEquals({ #w:manifests "cloud", #w:manifests "http" }, { 0, 1 }, what)
      lu.assertEquals(w:object("http", report.files[1].key), w:file "a.bin", what)
      w:advance(2 * 3600)
      w:put_file("a.bin", sim.bytes(21 * sim.KiB))
      report = w:run()
      lu.assertEquals({ report.outcome, report.target }, { "stored", "cloud" }, what)
      lu.assertEquals(w:object("cloud", report.files[1].key), w:file "a.bin", what)
    end
  end
end

return lu.LuaUnit.run()
