-- What a property finds, and what it says of it.
local lu, sim = require "luaunit", require "akosha.testing"

TestForall = {}

local FLAWED = "tests/lua/testing/policies/gives_up.lua"

local NONE = { rules_max = 0 }

local function gave_up(report)
  for _, decision in ipairs(report.decisions or {}) do
    if decision.answer == "give_up" and decision.by == "policy" then
      return true
    end
  end
  return false
end

local function never_gives_up(_, report)
  if report.outcome ~= "crashed" then
    lu.assertFalse(gave_up(report), "gave up")
  end
end

-- What it found: its message, and the test in it.
local function find(options)
  local ok, message = pcall(sim.forall, options)
  lu.assertFalse(ok)
  return message, message:match "%-%- A test to paste:\n(.*)$"
end

-- Runs a test that was pasted into this file, as it were; why it fails.
local function fails(text)
  local env = setmetatable({ lu = lu, sim = sim, gave_up = gave_up }, { __index = _G })
  assert(load(text, "=pasted", "t", env))()
  local name = text:match "function (test_seed_%d+)"
  local ok, message = pcall(env[name])
  lu.assertFalse(ok, text)
  return message
end

local function count(text, what)
  return select(2, text:gsub(what, ""))
end

function TestForall:test_finds_a_hidden_flaw_and_makes_it_small()
  local message, text = find { seeds = 1000, first_seed = 36, policy = FLAWED, faults = sim.any,
    files = { ["a.bin"] = sim.bytes(40 * sim.KiB) }, check = never_gives_up }
  lu.assertStrContains(message, "LuaUnit test FAILURE: sim.forall: ")
  lu.assertStrContains(message, "gave up")
  lu.assertTrue(count(text, "\n  world[.:]") <= 2, text)
  lu.assertStrContains(fails(text), "gave up")
end

function TestForall:test_finds_it_with_faults_that_are_over_soon_too()
  for first = 1, 601, 200 do
    local _, text = find { seeds = 1000, first_seed = first, policy = FLAWED, runs = 3,
      faults = { rules_max = 8, transient = true, crashes = true },
      files = { ["a.bin"] = sim.bytes(20 * sim.KiB), ["b.bin"] = "b" },
      check = function(_, report)
        lu.assertFalse(report.outcome ~= "crashed" and gave_up(report), "gave up")
      end }
    lu.assertTrue(count(text, "\n  world[.:]") <= 2, text)
    lu.assertStrContains(fails(text), "gave up")
  end
end

function TestForall:test_a_law_that_is_broken_is_found_without_a_check()
  local message, text = find { seeds = 3, first_seed = 7, policy = FLAWED, runs = 5, faults = NONE,
    check = function(world)
      world:edit_file("~/.local/state/akosha-sync/audit.jsonl", "{\"prev\": \"none\"}\n")
    end }
  lu.assertStrContains(message, "sim.forall: law broken: one chain")
  lu.assertStrContains(message, "seed 7, number 1 of 3")
  lu.assertStrContains(text, "for run = 1, 2 do")
  lu.assertStrContains(fails(text), "law broken: one chain")
end

function TestForall:test_what_holds_is_no_failure()
  local runs = 0
  sim.forall { seeds = 10, first_seed = 1, policy = "policies/prod.lua", runs = 3, faults = NONE,
    check = function(_, report)
      runs = runs + 1
      lu.assertEquals(report.outcome, runs % 3 == 1 and "stored" or "unchanged")
    end }
  lu.assertEquals(runs, 30)
end

function TestForall:test_texts_of_policies_and_odd_names_are_printed_whole()
  local policy_text = io.open(FLAWED):read "a":gsub("a%.bin", "it's [[odd]] \\\"1\\\".bin")
  local message, text = find { seeds = 1, first_seed = 5, policy_text = policy_text, faults = NONE,
    env = { AKOSHA_HTTP_URL = false, AKOSHA_X = "a\"b\nc" }, modules = { m = "return 1\r\n" },
    files = { ["it's [[odd]] \"1\".bin"] = "one\0two", z = sim.bytes(3, 9) }, latency = 0.25,
    check = function(_, report)
      lu.fail("it was " .. report.outcome)
    end }
  lu.assertStrContains(text, "env = { AKOSHA_HTTP_URL = false, ")
  lu.assertStrContains(fails(text), message:match "it was %a+")
end

function TestForall:test_chance_from_outside_is_noticed()
  local tries = 0
  local message = find { seeds = 5, first_seed = 1, policy = FLAWED, faults = NONE,
    check = function()
      tries = tries + 1
      lu.assertNotEquals(tries, 3)
    end }
  lu.assertStrContains(message, "failed once and not again")
end

function TestForall:test_says_what_it_does_not_know()
  for message, options in pairs {
    ["sim.forall: unknown field \"seed\"; did you mean \"seeds\"?"] = { seed = 1 },
    ["sim.forall: seeds: expected a whole number from 1"] = { seeds = 0 },
    ["sim.forall: check: expected a function"] = { check = 1 },
    ["faults: unknown field \"rules\""] = { faults = { rules = 1 } },
    ["sim.world: files: expected"] = { files = { 1 }, seeds = 1 },
  } do
    lu.assertErrorMsgContains(message, sim.forall, options)
  end
end

return lu.LuaUnit.run()
