-- Plans as tests write them.
local lu, sim = require "luaunit", require "akosha.testing"

TestFault = {}

local POLICY = [[
local akosha = require "akosha"
return akosha.policy { api = 1, sources = { "a.bin" },
  targets = { cloud = akosha.s3 { bucket = "memories", endpoint = "https://s3.example.org" },
              http = akosha.http { url = "https://put.example.org/upload" } },
  route = { "cloud", "http" }, compress = "none",
  retry = akosha.retry.exponential { first = 2, jitter = "none" } }
]]

local function small(bytes)
  return sim.world { seed = 3, small = true, policy_text = POLICY,
                     files = { ["a.bin"] = sim.bytes(bytes or 20 * sim.KiB) } }
end

-- Whatever a seed can draw is printed, read, and printed again.
function TestFault:test_reads_what_is_printed()
  local world = small(1)
  local drawn, seen = 0, {}
  for seed = 1, 4000 do
    world:clear_plan()
    world:draw(seed, { rules_max = 6, crashes = true, disk = true, transient = seed % 3 == 0 })
    local plan = world:plan()
    world:clear_plan()
    for _, line in ipairs(plan) do
      assert(load("local world = ...; " .. line))(world)
    end
    lu.assertEquals(world:plan(), plan)
    drawn = drawn + #plan
    for _, line in ipairs(plan) do
      for word in line:gmatch ":(%l[%l_]+)" do
        seen[word] = true
      end
    end
  end
  world:clear_plan()
  lu.assertTrue(drawn > 8000)
  for _, word in ipairs { "on", "at", "reply", "fail", "silent", "slow", "lost", "dies", "served",
                          "after_bytes", "nth", "once", "times", "rate", "from_time",
                          "until_time" } do
    lu.assertTrue(seen[word], word)
  end
end

local function requests_of(world, operation)
  local count = 0
  for _, line in ipairs(world:story "requests") do
    if line:find("  " .. operation .. "  ", 1, true) and line:find "%->" then
      count = count + 1
    end
  end
  return count
end

function TestFault:test_replies()
  local world = small()
  world.target.cloud:on("part", 2):reply { status = 503, code = "SlowDown",
                                           retry_after = 40 }:once()
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertEquals(world:story "decisions", { "  0.0  cloud  part 2  throttled -> wait 40.0",
                                             " 40.0  cloud  part 2  ok" })
end

function TestFault:test_failures_on_the_way()
  local world = small()
  world.target.cloud:on "part 3":at "send":fail "bad_reply":once()
  world.target.cloud:on "complete":lost():once()
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertStrContains(table.concat(world:story "decisions", "\n"), "part 3  bad_reply -> wait 2.0")
end

function TestFault:test_cuts_and_slowness()
  local world = small()
  world.target.cloud:on("part", 1):cut(100):once()
  world.target.cloud:on("part", 4):slow(7):once()
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertTrue(world:now() >= 7)
end

function TestFault:test_silence_ends_in_a_time_out()
  local world = small()
  world.target.cloud:on("part", 1):silent():at "reply":once()
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertTrue(world:now() > 1)
end

function TestFault:test_falls_back_while_a_target_is_away()
  local world = small()
  world.target.cloud:on "any":fail "dns":until_time(60)
  lu.assertEquals(world:run().target, "http")
  world:advance(3600)
  world:put_file("a.bin", "new")
  lu.assertEquals(world:run().target, "cloud")
end

function TestFault:test_counts()
  local world = small()
  world.target.cloud:on "part":reply { status = 500 }:nth(3)
  world.target.cloud:on "complete":reply { status = 500 }:times(2)
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertEquals(requests_of(world, "complete"), 1)
end

function TestFault:test_a_function_may_say_when()
  local world = small()
  local steps = {}
  world.target.cloud:on "part":reply { status = 500 }:times(1):when(function(step)
    steps[#steps + 1] = step
    return #steps == 3
  end)
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertEquals(steps[1].target, "cloud")
  lu.assertStrMatches(steps[1].operation, "part %d")
  lu.assertEquals(steps[1].step, "serve")
  lu.assertTrue(steps[1].now > 0)
end

function TestFault:test_a_function_may_change_the_world()
  local world = small()
  world.disk:on("read", "a.bin"):slow(0):maybe():when(function()
    world:edit_file("a.bin", "another text")
    return true
  end)
  lu.assertEquals(world:run().outcome, "queued")
  lu.assertErrorMsgContains("world:run while the world runs", function()
    local other = small()
    other.network:on "any":slow(0):when(function() other:run() end):maybe()
    other:run()
  end)
end

function TestFault:test_the_disk_has_its_own()
  local world = small()
  world.disk:on("write", ".jsonl"):fail "no_space":after_bytes(10):once()
  lu.assertStrContains(world:run().error.message, "audit")
  local other = small()
  other.disk:on("sync", ".json"):dies()
  lu.assertErrorMsgContains("did you mean \"rename\"?", function() other.disk:on "renam" end)
  lu.assertErrorMsgContains(":reply is for the network",
    function() other.disk:on "write":reply { status = 500 } end)
  other:clear_plan()
end

function TestFault:test_words_come_in_any_order()
  local world = small(1)
  world.target.cloud:on "part":at "reply":nth(2):times(3):rate(0.5):from_time(1):until_time(9)
    :maybe():fail "bad_reply"
  lu.assertEquals(world:plan(), { "world.target[\"cloud\"]:on(\"part\"):at \"reply\""
    .. ":fail \"bad_reply\":nth(2):times(3):rate(0.5):from_time(1):until_time(9)" })
end

function TestFault:test_says_what_it_does_not_know()
  local world = small()
  for message, call in pairs {
    ["unknown target \"clod\"; did you mean \"cloud\"?"] = function() return world.target.clod end,
    ["unknown operation \"compete\"; did you mean \"complete\"?"] =
      function() world.network:on "compete" end,
    ["unknown failure \"refuse\"; did you mean \"refused\"?"] =
      function() world.network:on "part":fail "refuse" end,
    ["unknown failure \"no_space\"; known: dns"] =
      function() world.network:on "part":fail "no_space" end,
    ["unknown step \"conect\"; did you mean \"connect\"?"] =
      function() world.network:on "part":at "conect" end,
    ["a fault has no \"onec\"; did you mean \"once\"?"] =
      function() world.network:on "part":lost():onec() end,
    [":reply: unknown field \"statos\"; did you mean \"status\"?"] =
      function() world.network:on "part":reply { statos = 500 } end,
    [":reply: status: expected a whole number from 100 to 599"] =
      function() world.network:on "part":reply { code = "SlowDown" } end,
    ["only parts have numbers"] = function() world.network:on("put", 2) end,
    ["a fault does one thing"] = function() world.network:on "part":lost():silent() end,
    [":rate: expected a number above 0"] = function() world.network:on "part":rate(0) end,
    [":times: expected a whole number from 1"] = function() world.network:on "part":times(0) end,
    ["crash_at: unknown operation \"manifst\"; did you mean \"manifest\"?"] =
      function() world:crash_at "manifst" end,
    ["crash_at: unknown target \"htp\"; did you mean \"http\"?"] =
      function() world:crash_at { "htp", "manifest" } end,
    ["faults: unknown field \"crash\"; did you mean \"crashes\"?"] =
      function() world:draw(1, { crash = true }) end,
  } do
    lu.assertErrorMsgContains(message, call)
  end
  world:clear_plan()
end

function TestFault:test_a_plan_has_room_for_sixty_four()
  local world = small()
  for _ = 1, 64 do
    world.network:on "any":slow(0):maybe()
  end
  lu.assertErrorMsgContains("64 faults at most", function() world.network:on "any" end)
end

return lu.LuaUnit.run()
