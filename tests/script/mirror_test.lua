-- Routes to several targets at once: as a value, as an answer, in other routes; what is refused.
local lu = require "luaunit"
local host = require "host"

TestMirror = {}

local HEAD = [[
local akosha = require "akosha"
local route = akosha.route
return akosha.policy { api = 1,
  targets = { a = akosha.s3 { bucket = "memories" }, b = akosha.s3 { bucket = "others" },
              a2 = akosha.s3 { bucket = "memories" }, disk = akosha.dir { path = "/x" } },
  route = ]]

local function policy(text)
  local loaded, message = host.load { text = HEAD .. text .. " }" }
  return lu.assertNotNil(loaded, message) or loaded
end

local function settings(text)
  return policy(text):settings().route
end

function TestMirror:test_as_a_value_it_is_a_setting_and_nobody_is_asked()
  lu.assertEquals(settings "route.all { 'disk', 'a' }", { "disk", "a", needed = 2 })
  lu.assertEquals(settings "route.quorum(2, { 'b', 'a', 'disk' })",
    { "b", "a", "disk", needed = 2 })
  lu.assertEquals(settings "route.quorum(2.0, { 'b', 'a' })", { "b", "a", needed = 2 })
  lu.assertEquals(settings "route.all 'disk'", { "disk", needed = 1 })
  lu.assertEquals(settings "{ 'disk', 'a' }", { "disk", "a" })
end

function TestMirror:test_as_an_answer()
  local p = policy [[function(source)
    if source.size > 9 then
      return route.quorum(1, { "a", "disk" })
    end
    return source.size > 5 and route.all { "b", "disk" } or { "b", "disk" }
  end]]
  lu.assertEquals(p:route { bytes = 10 }, { "a", "disk", needed = 1 })
  lu.assertEquals(p:route { bytes = 6 }, { "b", "disk", needed = 2 })
  lu.assertEquals(p:route { bytes = 1 }, { "b", "disk" })
end

function TestMirror:test_in_other_routes()
  local p = policy [[route.by_kind { duckdb = route.all { "a", "b" },
    default = route.when(function(s) return s.size > 5 end,
      route.first(route.quorum(2, { "a", "b", "disk" })), "disk") }]]
  lu.assertEquals(p:route { kind = "duckdb" }, { "a", "b", needed = 2 })
  lu.assertEquals(p:route { kind = "file", bytes = 6 }, { "a", "b", "disk", needed = 2 })
  lu.assertEquals(p:route { kind = "file", bytes = 5 }, { "disk" })
end

function TestMirror:test_a_list_that_changes_afterwards_changes_nothing()
  lu.assertEquals(settings [[(function()
    local names = { "disk", "a" }
    local mirror = route.all(names)
    names[1] = "nowhere"
    return mirror
  end)()]], { "disk", "a", needed = 2 })
end

-- { text, part of the message }; each also as an answer.
local WRONG = {
  { "route.all { 'a', 'c' }", 'there is no target "c"' },
  { "route.all { 'a', 'dosk' }", 'there is no target "dosk"; did you mean "disk"?' },
  { "route.all { 'a', 'a' }", 'target "a" is named twice' },
  { "route.all {}", "akosha.route.all: the list is empty" },
  { "route.all { 'a', 1 }", "akosha.route.all: expected names of targets, got number 1" },
  { "route.all { a = 'a' }", "akosha.route.all: expected a list of names of targets" },
  { "route.all(setmetatable({ 'a' }, {}))", "akosha.route.all: expected a plain table" },
  { "route.all()", "akosha.route.all: expected a list of names of targets, got nothing" },
  { "route.all(function() end)", "akosha.route.all: expected a list of names of targets" },
  { "route.all(route.all { 'a' })", "akosha.route.all: expected a list of names of targets" },
  { "route.all { 'a', 'a2' }", '"a2" is the same place as "a": two names of it are one copy' },
  { "route.quorum(0, { 'a', 'b' })",
    "akosha.route.quorum: expected a whole number from 1 to 2, got number 0" },
  { "route.quorum(3, { 'a', 'b' })", "from 1 to 2, got number 3" },
  { "route.quorum(-1, { 'a', 'b' })", "from 1 to 2, got number -1" },
  { "route.quorum(1.5, { 'a', 'b' })", "from 1 to 2, got number 1.5" },
  { "route.quorum(0/0, { 'a', 'b' })", "from 1 to 2, got number" },
  { "route.quorum(1/0, { 'a', 'b' })", "from 1 to 2, got number inf" },
  { "route.quorum(1e308, { 'a', 'b' })", "from 1 to 2, got number 1e+308" },
  { "route.quorum('2', { 'a', 'b' })", 'from 1 to 2, got string "2"' },
  { "route.quorum(nil, { 'a', 'b' })", "from 1 to 2, got nothing" },
  { "route.quorum({ 'a', 'b' }, 2)", "akosha.route.quorum: expected a list of names of targets" },
  { "route.quorum(2)", "akosha.route.quorum: expected a list of names of targets, got nothing" },
}

function TestMirror:test_what_cannot_be_is_refused_when_the_policy_is_loaded()
  for _, case in ipairs(WRONG) do
    local loaded, message, _, status = host.load { text = HEAD .. case[1] .. " }" }
    lu.assertNil(loaded, case[1])
    lu.assertStrContains(message, case[2])
    lu.assertEquals(status, "policy")
  end
end

-- Also where nobody has asked yet: in a part that no source of the first day meets.
function TestMirror:test_it_is_refused_deep_inside_as_well()
  for _, case in ipairs(WRONG) do
    local loaded, message = host.load { text = HEAD .. ("route.by_kind { sqlite = %s } }")
      :format(case[1]) }
    lu.assertNil(loaded, case[1])
    lu.assertStrContains(message, case[2])
  end
end

function TestMirror:test_as_an_answer_it_fails_closed()
  for _, case in ipairs(WRONG) do
    local answer, message, _, status = policy(("function() return %s end"):format(case[1])):route {}
    lu.assertFalse(answer, case[1])
    lu.assertStrContains(message, case[2])
    lu.assertEquals(status, "policy")
  end
end

-- Where a lie would begin: a value that only looks like one.
function TestMirror:test_nothing_else_is_a_mirror()
  for _, text in ipairs { "setmetatable({ 'a' }, { __name = 'akosha.mirror' })",
                          "{ needed = 1, 'a' }", "akosha.retry.none()", "akosha.next_target" } do
    lu.assertNil(host.load { text = HEAD .. text .. " }" }, text)
    lu.assertFalse((policy(("function() return %s end"):format(text)):route {}), text)
  end
end

function TestMirror:test_it_shows_nothing_and_takes_nothing()
  for _, text in ipairs { "local _ = mirror.needed", "mirror.needed = 1", "mirror[1] = 'a'",
                          "setmetatable(mirror, {})", "local _ = #mirror" } do
    lu.assertNil(host.load { text = 'local mirror = require "akosha".route.all { "a" }\n'
      .. text }, text)
  end
end

return lu.LuaUnit.run()
