-- The field `memories`, and `missing`: what is wrong with them, in their own words.
local lu = require "luaunit"
local host = require "host"

TestMemories = {}

-- { what it is, fields, part of the message }
local CASES = {
  { "missing as a boolean", "missing = true",
      'missing: expected "fail" or "skip", got true' },
  { "memories as a function", "memories = function() end",
      "memories: a function decides nothing here: expected " },
  { "memories as a number", "memories = 1", "akosha.policy: memories: expected " },
  { "an unknown mode of memories", "memories = 'some'", "akosha.policy: memories: expected " },
  { "a list of tables that are none", "memories = { 1 }",
      "memories: expected a table ({ table = " },
  { "an empty list of tables", "memories = { tables = {} }", "tables: the list is empty" },
  { "a table and a list of them", "memories = { table = 'a', tables = {} }",
      "memories: table and tables: all of them belong into the list" },
  { "a column of no table", "memories = { id = 'k' }",
      "memories: id: of which table? There is no table = " },
  { "a table without its text", "memories = { table = 'a', id = 'k' }", "memories: text: " },
  { "a table twice", [[memories = { { table = 'a', id = 'k', text = 't' },
      { table = 'a', id = 'k', text = 't' } }]], 'memories: table "a" is there twice' },
  { "too many tables", "memories = { tables = { " .. ("1, "):rep(17) .. "} }",
      "memories: tables: " },
}

function TestMemories:test_each_ends_in_its_own_words()
  for _, case in ipairs(CASES) do
    local what, fields, expected = table.unpack(case)
    local policy, message, _, status = host.load { text = [[
local akosha = require "akosha"
return akosha.policy { api = 1, targets = { disk = akosha.dir { path = "/x" } },
]] .. fields .. " }" }
    lu.assertNil(policy, what)
    lu.assertStrContains(message, expected, false, false, what)
    lu.assertStrContains(message, "/home/me/policy.lua:")
    lu.assertEquals(status, "policy", what)
  end
end

function TestMemories:test_a_table_of_ones_own_is_taken()
  lu.assertNotNil(host.load { text = [[
local akosha = require "akosha"
return akosha.policy { api = 1, targets = { disk = akosha.dir { path = "/x" } },
  memories = { mode = "new", table = "a", id = "k", text = "t", at = "made" } }]] })
end

return lu.LuaUnit.run()
