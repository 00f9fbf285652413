-- What lua/akosha/types.lua tells an editor is what the program has, and the other way round.
local lu = require "luaunit"
local host = require "host"

TestTypes = {}

local file = assert(io.open "lua/akosha/types.lua")
local said = require "annotations" (file:read "a")
file:close()

local function load(text, options)
  options = options or {}
  options.text = 'local akosha = require "akosha"\n' .. text
  return host.load(options)
end

local function policy(fields)
  local loaded, message = load([[return akosha.policy { api = 1,
    targets = { cloud = akosha.s3 { bucket = "memories" }, disk = akosha.dir { path = "/x" } }, ]]
    .. fields .. " }")
  return lu.assertNotNil(loaded, message) or loaded
end

-- Lua's type, and integer or number, for what an annotation calls it.
local function in_lua(name)
  if name == "akosha.Decision" then
    return "userdata"
  end
  if said.classes[name] then
    return "table"
  end
  return said.aliases[name] and "string" or name
end

function TestTypes:test_every_name_of_akosha_is_annotated_and_every_annotation_is_there()
  load [[
    local function walk(t, path)
      for name, value in pairs(t) do
        local inner = path .. "." .. name
        print(inner, math.type(value) or type(value))
        if type(value) == "table" then walk(value, inner) end
      end
    end
    walk(akosha, "akosha")
  ]]
  local real, expected = {}, {}
  for _, line in ipairs(host.lines()) do
    local name, kind = line:match "^policy: (%S+) (%S+)$"
    real[name] = kind
  end
  for name, kind in pairs(said.names) do
    expected[name] = in_lua(kind)
  end
  lu.assertEquals(real, expected)
end

-- What a table of options may have, out of the message about one that it may not have.
local function known(builder)
  local _, message = load(("local _ = %s { zzzzzzzzzzzz = 1 }"):format(builder))
  local list = message:match 'unknown field "zzzzzzzzzzzz"; known: (.*)$' or
    message:match 'unknown field "zzzzzzzzzzzz": it takes none()$' and ""
  local names = {}
  for name in lu.assertNotNil(list, message) or list:gmatch "[^, ]+" do
    names[name] = true
  end
  return names
end

local function fields(class)
  local names = {}
  for name in pairs(said.classes[class]) do
    names[name] = true
  end
  return names
end

function TestTypes:test_every_option_of_a_builder_is_annotated_and_every_annotation_is_taken()
  local compared = 0
  for name, class in pairs(said.parameters) do
    if said.classes[class] and (class:find "Options$" or class:find "Fields$") then
      lu.assertEquals(known(name), fields(class), name)
      compared = compared + 1
    end
  end
  lu.assertEquals(compared, 16)
  local _, message = load [[return akosha.policy { api = 1,
    targets = { d = akosha.dir { path = "/" } }, compress = { zzzzzzzz = 1 } }]]
  lu.assertStrContains(message, "known: codec, level, always")
  lu.assertEquals(fields "akosha.CompressOptions", { codec = true, level = true, always = true })
  _, message = load [[return akosha.policy { api = 1,
    targets = { d = akosha.dir { path = "/" } }, sources = { { zzzzzzzz = 1 } } }]]
  lu.assertStrContains(message, "known: path, glob, kind, codec, snapshot, priority, name")
  _, message = load [[return akosha.policy { api = 1,
    targets = { d = akosha.dir { path = "/" } }, keep = { zzzzzzzz = 1 } }]]
  lu.assertStrContains(message, "known: last, daily, weekly")
  lu.assertEquals(fields "akosha.KeepOptions", { last = true, daily = true, weekly = true })
  _, message = load [[return akosha.policy { api = 1,
    targets = { d = akosha.dir { path = "/" } }, limits = { zzzzzzzz = 1 } }]]
  lu.assertStrContains(message, "known: memory, instructions, time, coroutines, log")
  lu.assertEquals(fields "akosha.LimitOptions", { memory = true, instructions = true, time = true,
    coroutines = true, log = true })
  lu.assertEquals(fields "akosha.SourceOptions", { path = true, glob = true, kind = true,
    codec = true, snapshot = true, priority = true, name = true })
end

-- What a schedule without chance answers to the first failures.
local function answers(builder, option, value)
  local more = option ~= "tries" and "tries = 9," or ""
  local p = policy(("retry = function() return %s { jitter = 'none', %s %s } end")
    :format(builder, more, value and ("%s = %d"):format(option, value) or ""))
  local list = {}
  for attempt = 1, 9 do
    list[attempt] = { p:retry { failure = "server", attempt = attempt } }
  end
  return list
end

function TestTypes:test_a_number_that_an_option_is_without_a_value_is_its_default()
  local compared = 0
  for builder, class in pairs(said.parameters) do
    local options = builder:find "^akosha.retry" and said.classes[class] or {}
    for option, field in pairs(options.jitter and options or {}) do
      local default = tonumber(field.default)
      if default then
        local without = answers(builder, option)
        lu.assertEquals(answers(builder, option, default), without, builder .. " " .. option)
        lu.assertNotEquals(answers(builder, option, default + 1), without, builder .. " " .. option)
        compared = compared + 1
      end
    end
  end
  lu.assertEquals(compared, 9)
end

local FULL = { last_success_ms = 1, rate = 1, budget_left = 1, tries_left = 1 }
-- { question, facts with everything, facts with nothing that can be missing }
local QUESTIONS = {
  { "retry", "f", "akosha.Failure", { source = "a", http_status = 503, retry_after_ms = 1 }, {} },
  { "route", "f", "akosha.Source", { age_ms = 1 }, { age_ms = -1 } },
  { "route", "t.cloud", "akosha.TargetFacts", {}, {}, { cloud = FULL }, {} },
  { "dedup", "f", "akosha.DedupFacts", { stored_ms = 1, unchanged = true }, {} },
  { "dedup", "f.source", "akosha.Source", {}, { source = { age_ms = -1 } } },
  { "dedup", "f.target", "akosha.TargetFacts", { target = FULL }, {} },
  { "compress", "f", "akosha.CompressFacts", {}, {} },
  { "compress", "f.source", "akosha.Source", {}, { source = { age_ms = -1 } } },
  { "compress", "f.target", "akosha.TargetFacts", { target = FULL }, {} },
  { "snapshot", "f", "akosha.SnapshotFacts", { stored_ms = 1, older_ms = 1 }, {} },
  { "snapshot", "f.source", "akosha.Source", {}, { source = { age_ms = -1 } } },
}

-- The fields of one table of facts, with their types, as the policy sees them.
local function seen(question, expression, facts, targets)
  local p = policy(("%s = function(f, t) for name, value in pairs(%s) do "
    .. "print(name, math.type(value) or type(value)) end end"):format(question, expression))
  p[question](p, facts, targets)
  local found = {}
  for _, line in ipairs(host.lines()) do
    local name, kind = line:match "^policy: (%S+) (%S+)$"
    found[name] = kind == "float" and "number" or kind
  end
  return found
end

function TestTypes:test_every_fact_is_annotated_and_every_annotation_is_a_fact()
  for _, case in ipairs(QUESTIONS) do
    local question, expression, class = table.unpack(case)
    local all, some = {}, {}
    for name, field in pairs(said.classes[class]) do
      all[name] = in_lua(field.type)
      some[name] = not field.optional and all[name] or nil
    end
    lu.assertEquals(seen(question, expression, case[4], case[6]), all, question .. " " .. class)
    lu.assertEquals(seen(question, expression, case[5], case[7]), some, question .. " " .. class)
  end
end

function TestTypes:test_every_fact_of_now_is_annotated_and_every_annotation_is_a_fact()
  local every = { outcome = "stored", duration_ms = 1, sent_bytes = 1, method = "cloud",
    target = "cloud", failure = "offline" }
  for expression, class in pairs { now = "akosha.Now", ["now.clock"] = "akosha.Clock",
      ["now.history[1]"] = "akosha.Run", ["now.history[2]"] = "akosha.Run" } do
    local p = policy(([[retry = function(f, now) for name, value in pairs(%s) do
      print(name, math.type(value) or type(value)) end end]]):format(expression))
    p:now { history = { every, {} } }
    p:retry {}
    local found, expected = {}, {}
    for _, line in ipairs(host.lines()) do
      local name, kind = line:match "^policy: (%S+) (%S+)$"
      found[name] = kind == "float" and "number" or kind
    end
    for name, field in pairs(said.classes[class]) do
      if not (field.optional and expression == "now.history[2]") then
        expected[name] = field.type:find "%[%]$" and "table" or in_lua(field.type)
      end
    end
    lu.assertEquals(found, expected, expression)
  end
  for i, day in ipairs(said.aliases["akosha.Weekday"]) do
    local p = policy "retry = function(f, now) print(now.clock.weekday) end"
    p:now { weekday = i - 1 }
    p:retry {}
    lu.assertEquals(host.lines(), { "policy: " .. day })
  end
end

-- The alternatives of a message of the form: expected "a", "b" or "c", got ...
local function alternatives(message)
  local values = {}
  for value in message:match "expected (.-), got":gmatch '"([^"]*)"' do
    values[#values + 1] = value
  end
  return values
end

function TestTypes:test_every_alternative_is_annotated()
  local function refused(text)
    local _, message = load(text)
    return alternatives(message)
  end
  local function field(name, value)
    return refused(([[return akosha.policy { api = 1, targets = { d = akosha.dir { path = "/x" } },
      %s = %s }]]):format(name, value))
  end
  lu.assertEquals(field("dedup", "1"), said.aliases["akosha.Dedup"])
  lu.assertEquals(field("missing", "'x'"), said.aliases["akosha.Missing"])
  lu.assertEquals(field("compress", "'x'"), said.aliases["akosha.Codec"])
  lu.assertEquals(field("snapshot", "'x'"), said.aliases["akosha.Busy"])
  lu.assertEquals(refused "local _ = akosha.snapshot { busy = 'x' }", said.aliases["akosha.Busy"])
  lu.assertEquals(field("verify", "'x'"), said.aliases["akosha.Verify"])
  lu.assertEquals(field("drill", "'x'"), said.aliases["akosha.DrillName"])
  lu.assertEquals(refused "local _ = akosha.match.kind 'x'", said.aliases["akosha.SourceKind"])
  lu.assertItemsEquals(field("sources", "{ { path = '/', kind = 'x' } }"),
    said.aliases["akosha.SourceKind"])
  lu.assertEquals(refused "local _ = akosha.retry.fixed { jitter = 'x' }",
    said.aliases["akosha.Jitter"])
  lu.assertEquals(refused "local _ = akosha.s3 { bucket = 'memories', payload = 'x' }",
    said.aliases["akosha.Payload"])
  local p = policy "dedup = function() return 'x' end"
  lu.assertEquals(alternatives(select(2, p:dedup {})), said.aliases["akosha.DedupAnswer"])
end

function TestTypes:test_every_failure_is_annotated()
  local names = {}
  for line in io.lines "docs/failures.md" do
    names[#names + 1] = line:match "^| `([%w_]+)` |"
  end
  lu.assertEquals(said.aliases["akosha.FailureName"], names)
  local p = policy "retry = function() end"
  for _, name in ipairs(names) do
    lu.assertNil(p:retry { failure = name })
  end
end

function TestTypes:test_decisions_and_schedules_have_what_is_annotated()
  local decision = said.classes["akosha.Decision"]
  load [[
    for _, d in ipairs { akosha.wait(1), akosha.next_target, akosha.restart, akosha.give_up } do
      print(d.kind, type(d.seconds))
    end
    print(type(akosha.retry.none().decide))
  ]]
  lu.assertEquals(host.lines(), { "policy: wait number", "policy: next_target nil",
    "policy: restart nil", "policy: give_up nil", "policy: function" })
  lu.assertEquals(decision.kind.values, { "wait", "next_target", "restart", "give_up" })
  lu.assertEquals(fields "akosha.Decision", { kind = true, seconds = true })
  lu.assertEquals(fields "akosha.Schedule", { decide = true })
end

function TestTypes:test_no_policy_can_require_it()
  local _, message = load 'require "akosha.types"'
  lu.assertStrContains(message, 'there is no module "akosha.types"')
end

return lu.LuaUnit.run()
