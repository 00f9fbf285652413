-- What akosha.task takes and refuses; what it does is seen in worlds (tests/lua/task).
local lu = require "luaunit"
local host = require "host"

TestTaskFields = {}

local TARGETS = "targets = { d = akosha.dir { path = '/x' } }, "

local function load(fields)
  return host.load { text = "local akosha = require 'akosha'\nreturn akosha.task { api = 1, "
    .. fields .. " }" }
end

local function refused(fields, expected)
  local policy, message = load(fields)
  lu.assertNil(policy)
  lu.assertStrContains(message, expected)
end

function TestTaskFields:test_settings_are_those_of_a_policy()
  local policy, message = load(TARGETS .. [[run = function() end, sources = { "a" },
    missing = "skip", retry = akosha.retry.fixed { first = 3 }, compress = "gzip",
    part_size = 6 * akosha.MiB, probe = 2, system_id = "me"]])
  lu.assertNotNil(policy, message)
  local settings = policy:settings()
  lu.assertEquals(settings.part_bytes, 6 * 1024 * 1024)
  lu.assertEquals(settings.system_id, "me")
end

function TestTaskFields:test_run_is_a_function_and_has_to_be_there()
  refused(TARGETS, "akosha.task: no run: say run = function(ctx) ... end")
  for _, value in ipairs { "1", "{}", "'x'", "true", "0/0", "akosha.next_target" } do
    refused(TARGETS .. "run = " .. value, "akosha.task: run: expected a function, got")
  end
end

function TestTaskFields:test_what_a_task_decides_itself_is_no_field_of_it()
  for _, name in ipairs { "route", "dedup", "finished" } do
    refused(TARGETS .. "run = print, " .. name .. " = nil or 'd'",
      'akosha.task: unknown field "' .. name .. '"')
  end
  refused(TARGETS .. "rum = print", 'akosha.task: unknown field "rum"; did you mean "run"?')
  local _, message = host.load { text = "local akosha = require 'akosha'\n"
    .. "return akosha.policy { api = 1, " .. TARGETS .. "run = print }" }
  lu.assertStrContains(message, 'akosha.policy: unknown field "run"')
end

function TestTaskFields:test_nonsense_is_told_in_the_words_of_a_task()
  refused("run = print", "akosha.task: no targets")
  refused(TARGETS .. "run = print, probe = 0/0", "akosha.task: probe: expected seconds")
  refused(TARGETS .. "run = print, part_size = 1", "akosha.task: part_size: expected a whole")
  refused(TARGETS .. "run = print, retry = 7", "akosha.task: retry: expected a schedule")
  refused(TARGETS .. "run = print, missing = 'x'", 'akosha.task: missing: expected "fail"')
  refused("targets = 1, run = print", "akosha.task: targets: expected a table")
end

function TestTaskFields:test_a_policy_is_one()
  local _, message = host.load { text = "local akosha = require 'akosha'\nakosha.policy { api = 1, "
    .. TARGETS .. "}\nreturn akosha.task { api = 1, " .. TARGETS .. "run = print }" }
  lu.assertStrContains(message, "akosha.task: called a second time: a policy is one")
end

return lu.LuaUnit.run()
