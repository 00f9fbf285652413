-- How long uploads take that a throttle holds up, in a world's own time.
local lu, sim = require "luaunit", require "akosha.testing"

TestThrottle = {}

local POLICY = [[
local akosha = require "akosha"
return akosha.policy { api = 1, sources = { "a.bin" }, compress = "none",
  targets = { cloud = akosha.s3 { bucket = "memories" }, folder = akosha.dir { path = "~/backup" },
              http = akosha.http { url = akosha.env "AKOSHA_HTTP_URL" } },
  %s }
]]

local function world(fields, more)
  local options = { small = true, policy_text = POLICY:format(fields),
                    files = { ["a.bin"] = sim.bytes(200 * sim.KiB) } }
  for name, value in pairs(more or {}) do
    options[name] = value
  end
  return sim.world(options)
end

-- 200 KiB at 10 KiB/s, in forty parts of which up to eight are under way at once.
function TestThrottle:test_an_upload_takes_its_size_divided_by_the_rate()
  local report = world "throttle = 10 * akosha.KiB":run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertTrue(report.duration_s > 19.7 and report.duration_s < 20.5, report.duration_s)
  lu.assertTrue(world "":run().duration_s < 1)
end

function TestThrottle:test_one_rate_holds_for_whatever_kind_of_target()
  local report = world "throttle = 10 * akosha.KiB, route = 'http'":run()
  lu.assertTrue(report.duration_s > 19.7 and report.duration_s < 20.5, report.duration_s)
  report = world "throttle = 10 * akosha.KiB, route = 'folder'":run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertTrue(report.duration_s < 1)
end

function TestThrottle:test_a_line_that_is_slower_than_the_rate_has_the_say()
  local slow = { bandwidth = 2 * sim.KiB }
  local alone = world("", slow):run().duration_s
  local both = world("throttle = akosha.MiB", slow):run().duration_s
  lu.assertAlmostEquals(both, alone, alone * 0.05)
end

-- A part takes longer here than a server may be silent (30 s), and nothing is stalled.
function TestThrottle:test_what_is_held_up_does_not_stall()
  local world_ = world("throttle = akosha.KiB", { small = false,
    files = { ["a.bin"] = sim.bytes(200 * sim.KiB) } })
  local report = world_:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertTrue(report.duration_s > 199 and report.duration_s < 203, report.duration_s)
  lu.assertEquals(world_:story "decisions", {})
end

function TestThrottle:test_silence_is_still_noticed_under_a_throttle()
  local w = world "throttle = 10 * akosha.KiB, retry = akosha.retry.none()"
  w.target.cloud:on("part", 3):silent():at "send"
  local report = w:run()
  lu.assertEquals(report.target, "http")
  lu.assertEquals(report.targets[1].error.failure, "stalled")
end

-- Slow until 18:00, then as fast as it goes: 120 of the 200 KiB go by then.
function TestThrottle:test_a_function_is_asked_again_each_minute()
  local w = world([[throttle = akosha.throttle.when(akosha.window "08:00-18:00", akosha.KiB)]],
    { start = "2026-11-27 17:58" })
  local report, answers = w:run(), {}
  lu.assertEquals(report.outcome, "stored")
  lu.assertTrue(report.duration_s > 119 and report.duration_s < 125, report.duration_s)
  for _, decision in ipairs(report.decisions) do
    answers[#answers + 1] = ("%s %s %s"):format(decision.question, decision.answer,
      decision.facts.clock)
  end
  lu.assertEquals(answers, { "throttle 1024 bytes/s 2026-11-27T17:58+00:00",
    "throttle no limit 2026-11-27T18:00+00:00" })
end

function TestThrottle:test_a_function_that_fails_ends_the_run_and_keeps_the_work()
  local w = world("throttle = function(now) return now.clock.minute == 58 and 1024 or 'x' end",
    { start = "2026-11-27 17:58" })
  local report = w:run()
  lu.assertEquals(report.exit_code, 3)
  lu.assertEquals(report.outcome, "queued")
  lu.assertStrContains(report.error.message, "in throttle: the answer: expected a whole number")
  lu.assertTrue(report.duration_s < 75, report.duration_s)
  w = world "throttle = function() error 'no' end"
  report = w:run()
  lu.assertEquals(report.exit_code, 3)
  lu.assertEquals(#w:queue(), 1)
  lu.assertEquals(w:objects "cloud", {})
end

-- Nor is a run asked that sends nothing.
function TestThrottle:test_nobody_is_asked_where_nothing_is_sent()
  local w = world "throttle = function() akosha.log 'asked' return 1 << 20 end"
  w:run()
  lu.assertEquals(w:run().outcome, "unchanged")
  local count = 0
  for _, line in ipairs(w:log()) do
    count = count + (line:find "asked$" and 1 or 0)
  end
  lu.assertEquals(count, 1)
end

-- The rate of the line is not what the throttle made of it.
function TestThrottle:test_a_throttled_upload_does_not_count_as_the_rate_of_its_place()
  local w = world([[throttle = 50 * akosha.KiB,
    route = function(source, targets) print(targets.cloud.rate) return "cloud" end]],
    { files = { ["a.bin"] = sim.bytes(300 * sim.KiB) } })
  w:run()
  w:edit_file("a.bin", sim.bytes(300 * sim.KiB, 2))
  w:run()
  for _, line in ipairs(w:log()) do
    lu.assertNil(line:match "policy: %d+")
  end
end

function TestThrottle:test_loses_nothing_on_bad_days()
  sim.forall { seeds = 10, policy_text = POLICY:format "throttle = 20 * akosha.KiB",
               faults = { rules_max = 4, crashes = true },
               files = { ["a.bin"] = sim.bytes(40 * sim.KiB) } }
end

return lu.LuaUnit.run()
