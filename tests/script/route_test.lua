-- Routes and predicates out of the builders, asked with facts of many sources.
local lu = require "luaunit"
local host = require "host"

TestRoute = {}

local function policy(route)
  local loaded, message = host.load { text = ([[
local akosha = require "akosha"
local match, route = akosha.match, akosha.route
return akosha.policy { api = 1,
  targets = { cloud = akosha.s3 { bucket = "memories" }, disk = akosha.dir { path = "/x" } },
  route = %s }]]):format(route) }
  return lu.assertNotNil(loaded, message) or loaded
end

-- Whether a predicate holds for a source with these facts.
local function holds(predicate, source)
  return policy(("route.when(%s, 'cloud', 'disk')"):format(predicate)):route(source)[1] == "cloud"
end

function TestRoute:test_first_is_the_order_that_is_given()
  lu.assertEquals(policy("route.first { 'disk', 'cloud' }"):route {}, { "disk", "cloud" })
  lu.assertEquals(policy("route.first 'disk'"):route {}, { "disk" })
end

function TestRoute:test_when_without_otherwise_has_no_opinion()
  local p = policy "route.when(match.kind 'sqlite', 'disk')"
  lu.assertEquals(p:route { kind = "sqlite" }, { "disk" })
  lu.assertNil(p:route { kind = "duckdb" })
end

function TestRoute:test_routes_stand_in_each_other_and_beside_functions()
  local p = policy [[route.when(match.name "*.duckdb", route.first { "cloud", "disk" },
    route.when(function(source) return source.size < 10 end, "disk",
      function(source, targets) return targets.cloud.healthy and "cloud" or nil end))]]
  lu.assertEquals(p:route { name = "a.duckdb" }, { "cloud", "disk" })
  lu.assertEquals(p:route { name = "a", bytes = 9 }, { "disk" })
  lu.assertEquals(p:route({ name = "a", bytes = 10 }, { cloud = { healthy = true } }), { "cloud" })
  lu.assertNil(p:route({ name = "a", bytes = 10 }, { cloud = { healthy = false } }))
end

function TestRoute:test_by_kind()
  local p = policy "route.by_kind { duckdb = 'cloud', default = { 'disk', 'cloud' } }"
  lu.assertEquals(p:route { kind = "duckdb" }, { "cloud" })
  lu.assertEquals(p:route { kind = "sqlite" }, { "disk", "cloud" })
  lu.assertNil(policy("route.by_kind { duckdb = 'cloud' }"):route { kind = "file" })
end

function TestRoute:test_a_list_that_changes_afterwards_changes_nothing()
  local p = policy [[(function()
    local names = { "disk" }
    local r = route.first(names)
    names[1] = "nowhere"
    return r
  end)()]]
  lu.assertEquals(p:route {}, { "disk" })
end

function TestRoute:test_a_route_that_is_built_while_it_is_asked_is_checked_as_an_answer()
  local p = policy "function(s, t) return route.first { s.name }(s, t) end"
  lu.assertEquals(p:route { name = "disk" }, { "disk" })
  local answer, message = p:route { name = "disc" }
  lu.assertFalse(answer)
  lu.assertStrContains(message, 'there is no target "disc"; did you mean "disk"?')
end

function TestRoute:test_kind_and_name()
  lu.assertTrue(holds("match.kind 'duckdb'", { kind = "duckdb" }))
  lu.assertFalse(holds("match.kind 'duckdb'", { kind = "file" }))
  for glob, names in pairs {
    ["*.db"] = { ["a.db"] = true, [".db"] = true, ["a.db.old"] = false, adb = false },
    ["a?c*"] = { abc = true, abcd = true, ac = false, aXc = true },
    ["*a*b*"] = { ab = true, xaxbx = true, ba = false, aab = true },
    ["a.b"] = { ["a.b"] = true, axb = false },
    ["100%"] = { ["100%"] = true, ["100"] = false },
    ["**"] = { x = true },
    ["?"] = { x = true, xy = false },
  } do
    for name, expected in pairs(names) do
      lu.assertEquals(holds(("match.name %q"):format(glob), { name = name }), expected,
        glob .. " " .. name)
    end
  end
end

-- A glob of many stars on a name that nearly fits: within what one answer may cost.
function TestRoute:test_a_glob_never_takes_long()
  lu.assertFalse(holds(("match.name %q"):format(("*a"):rep(49) .. "b"),
    { name = ("a"):rep(255) }))
end

function TestRoute:test_size_and_age()
  local MiB = 1 << 20
  for predicate, cases in pairs {
    ["match.size '> 100 MiB'"] = { [100 * MiB] = false, [100 * MiB + 1] = true },
    ["match.size '>=100MiB'"] = { [100 * MiB] = true, [100 * MiB - 1] = false },
    ["match.size '< 1.5 kB'"] = { [1499] = true, [1500] = false },
    ["match.size '<= 7 B'"] = { [7] = true, [8] = false },
  } do
    for bytes, expected in pairs(cases) do
      lu.assertEquals(holds(predicate, { bytes = bytes }), expected, predicate .. " " .. bytes)
    end
  end
  lu.assertTrue(holds("match.age '< 1 h'", { age_ms = 3599999 }))
  lu.assertFalse(holds("match.age '< 1 h'", { age_ms = 3600000 }))
  lu.assertTrue(holds("match.age '> 2 d'", { age_ms = 2 * 86400000 + 1 }))
  lu.assertTrue(holds("match.age '>= 90 min'", { age_ms = 90 * 60000 }))
  lu.assertTrue(holds("match.age '<= 30 s'", { age_ms = 30000 }))
end

function TestRoute:test_what_is_not_known_does_not_match()
  lu.assertFalse(holds("match.age '< 1 h'", { age_ms = -1 }))
  lu.assertFalse(holds("match.age '> 1 h'", { age_ms = -1 }))
end

function TestRoute:test_predicates_compose()
  local graph = "match.kind 'duckdb' & match.name '*graph*' & ~match.size '> 1 GiB'"
  lu.assertTrue(holds(graph, { name = "graph.db", bytes = 5 }))
  lu.assertFalse(holds(graph, { name = "graph.db", bytes = 1 << 31 }))
  lu.assertFalse(holds(graph, { name = "other.db", bytes = 5 }))
  lu.assertFalse(holds(graph, { name = "graph.db", bytes = 5, kind = "file" }))
  local either = "match.kind 'sqlite' | match.kind 'file' & match.size '< 10 B'"
  lu.assertTrue(holds(either, { kind = "sqlite", bytes = 99 }))
  lu.assertTrue(holds(either, { kind = "file", bytes = 9 }))
  lu.assertFalse(holds(either, { kind = "file", bytes = 99 }))
  local mixed = "(function(s) return s.size == 3 end) & match.kind 'file'"
  lu.assertTrue(holds(mixed, { kind = "file", bytes = 3 }))
  lu.assertFalse(holds(mixed, { kind = "file", bytes = 4 }))
end

-- { what it is, text, part of the message }
local function with(fields)
  return 'local akosha = require "akosha"\n'
      .. 'return akosha.policy { api = 1, targets = { disk = akosha.dir { path = "/x" } },\n'
      .. fields .. " }"
end

local WRONG = {
  { "a route to a target that there is not", with "route = akosha.route.first { 'disc' }",
      ':2: akosha.route.first of line 3: there is no target "disc"; did you mean "disk"?' },
  { "a route of nothing", with "route = akosha.route.first()",
      "akosha.route.first: expected a name of a target, a list of names or a function,"
          .. " got nothing" },
  { "an empty route", with "route = akosha.route.first {}",
      "akosha.route.first: the list is empty" },
  { "a route of numbers", with "route = akosha.route.first { 1 }",
      "akosha.route.first: expected names of targets, got number 1" },
  { "a target twice", with "route = akosha.route.first { 'disk', 'disk' }",
      'target "disk" is named twice' },
  { "a route when nothing", with "route = akosha.route.when(nil, 'disk')",
      "akosha.route.when: expected a predicate" },
  { "a route when something, to nowhere",
      with "route = akosha.route.when(akosha.match.kind 'file')",
      "akosha.route.when: expected a name of a target" },
  { "a kind that there is not", with "route = akosha.route.by_kind { duckbd = 'disk' }",
      'akosha.route.by_kind: unknown field "duckbd"; did you mean "duckdb"?' },
  { "a kind's route as number", with "route = akosha.route.by_kind { file = 5 }",
      "akosha.route.by_kind: file: expected a name of a target" },
  { "a match of an unknown kind", "local a = require 'akosha'\nlocal _ = a.match.kind 'duck'",
      ':2: akosha.match.kind: expected "duckdb", "sqlite" or "file", got string "duck"' },
  { "a match of no name", "local _ = require 'akosha'.match.name ''",
      ':1: akosha.match.name: expected a name of 1 to 100 bytes' },
  { "a match of a bare size", "local _ = require 'akosha'.match.size '100 MiB'",
      ':1: akosha.match.size: expected a comparison like "> 100 MiB"' },
  { "a match of a size without a unit", "local _ = require 'akosha'.match.size '> 100'",
      'got string "> 100"' },
  { "a match of a size as number", "local _ = require 'akosha'.match.size(100)", "got number 100" },
  { "a match of an age in bytes", "local _ = require 'akosha'.match.age '< 1 MiB'",
      ':1: akosha.match.age: expected a comparison like "< 1 h" (s, min, h, d), got string' },
  { "a predicate and a number", "local _ = require 'akosha'.match.kind 'file' & 1",
      ":1: akosha.match: & and |: expected a predicate or a function, got number 1" },
  { "a predicate of no source", "local _ = require 'akosha'.match.kind 'file' {}",
      ":1: akosha.match: expected the facts of a source, got a table" },
  { "a predicate's metatable", "setmetatable(require 'akosha'.match.kind 'file', {})",
      ":1: setmetatable: the metatable is protected" },
}

function TestRoute:test_what_is_wrong_is_refused_when_the_policy_is_loaded()
  for _, case in ipairs(WRONG) do
    local loaded, message, _, status = host.load { text = case[2] }
    lu.assertNil(loaded, case[1])
    lu.assertStrContains(message, case[3])
    lu.assertEquals(status, "policy")
  end
end

return lu.LuaUnit.run()
