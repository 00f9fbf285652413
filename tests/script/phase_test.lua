-- When a function of `akosha` may be called: the table, what is annotated, and what happens.
local lu = require "luaunit"
local host = require "host"

TestPhase = {}

local file = assert(io.open "lua/akosha/types.lua")
local said = require "annotations" (file:read "a")
file:close()

-- Runs ${code} in a phase; what it raised, or nil. The function of a decision was made at load.
local RUN = {
  load = function(code)
    local _, message = host.load { text = "local akosha = require 'akosha'\n" .. code
      .. "\nreturn akosha.policy { api = 1, targets = { d = akosha.dir { path = '/x' } } }" }
    return message
  end,
  decide = function(code)
    local policy = assert(host.load { text = "local akosha = require 'akosha'\n"
      .. "return akosha.policy { api = 1, targets = { d = akosha.dir { path = '/x' } },\n"
      .. "retry = function()\n" .. code .. "\nend }" })
    local _, message = policy:retry {}
    return message
  end,
}

local HERE = { load = "the policy is being loaded", decide = "this is a decision (retry)" }
local ONLY = { load = "while the policy is loaded", decide = "in a decision", task = "in a task" }

local ORDER = { "load", "decide", "task", "test" }

-- "while the policy is loaded or in a task", for what a rule says.
local function only(rule)
  local names = {}
  for _, phase in ipairs(ORDER) do
    names[#names + 1] = rule[phase] and ONLY[phase] or nil
  end
  return table.concat(names, " or ")
end

function TestPhase:test_every_function_has_a_rule_and_every_rule_a_function()
  local rules, functions = {}, {}
  for name in pairs(host.phases()) do
    rules[name] = "function"
  end
  for name, kind in pairs(said.names) do
    functions[name] = kind == "function" and kind or nil
  end
  lu.assertEquals(rules, functions)
end

function TestPhase:test_every_rule_is_annotated()
  local ruled, annotated = {}, {}
  for name, rule in pairs(host.phases()) do
    local list = {}
    for _, phase in ipairs(ORDER) do
      list[#list + 1] = rule[phase] and phase or nil
    end
    ruled[name] = table.concat(list, ", ")
    annotated[name] = said.phases[name] or "load, decide, task"
  end
  lu.assertEquals(annotated, ruled)
end

function TestPhase:test_every_function_refuses_to_be_called_in_a_wrong_phase()
  local refused = 0
  for name, rule in pairs(host.phases()) do
    for phase, run in pairs(RUN) do
      local expected = ("%s: only %s; %s"):format(name, only(rule), HERE[phase])
      for _, call in ipairs { name .. "()", "coroutine.wrap(" .. name .. ")()",
                              "error(select(2, pcall(" .. name .. ")), 0)" } do
        local message = run(call) or ""
        if rule[phase] then
          lu.assertNotStrContains(message, ": only ")
        else
          lu.assertStrContains(message, expected)
          refused = refused + 1
        end
      end
    end
  end
  lu.assertTrue(refused >= 3 * 4, refused)
end

function TestPhase:test_the_phase_is_when_it_runs_and_not_where_it_was_made()
  local policy, message = host.load { text = [[
local akosha = require "akosha"
local dir, kept = akosha.dir
local go_on = coroutine.wrap(function()
  kept = dir { path = "/made-at-load" }
  while true do
    coroutine.yield()
    print(pcall(dir, { path = "/x" }))
  end
end)
go_on()
return akosha.policy { api = 1, targets = { d = kept },
  retry = function() go_on() end, finished = function() go_on() end }]] }
  lu.assertNotNil(policy, message)
  lu.assertEquals(policy:settings().targets[1].path, "/made-at-load")
  lu.assertNil((policy:retry {}))
  lu.assertTrue(policy:finished {})
  local expected = "policy: false /home/me/policy.lua:7: akosha.dir: only while the policy is"
    .. " loaded; this is a decision (%s)"
  lu.assertEquals(host.lines(), { expected:format "retry", expected:format "finished" })
end

function TestPhase:test_modules_are_loaded_with_the_policy_and_found_again_later()
  local text = [[
local akosha = require "akosha"
require "rules"
return akosha.policy { api = 1, targets = { d = akosha.dir { path = "/x" } },
  retry = function()
    print(require "rules", require "akosha" == akosha, require "akosha.retry" == akosha.retry)
    print(select(2, pcall(require, "later")))
  end }]]
  local policy = host.load { text = text, modules = { rules = "return 7", later = "return 8" } }
  lu.assertNil((policy:retry {}))
  lu.assertEquals(host.lines(), { "policy: 7 true true", "policy: /home/me/policy.lua:6: "
    .. 'require "later": only while the policy is loaded; this is a decision (retry)' })
end

function TestPhase:test_what_is_for_tests_is_refused_to_policies()
  for phase, run in pairs(RUN) do
    lu.assertStrContains(run 'require "akosha.testing"',
      'require "akosha.testing": only in a test; ' .. HERE[phase])
  end
end

return lu.LuaUnit.run()
