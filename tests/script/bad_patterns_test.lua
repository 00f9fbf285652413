-- Patterns that are wrong, greedy or hostile: each ends in the way that stands beside it, where no
-- limit would be looked at in a matcher of Lua's own.
local lu = require "luaunit"
local host = require "host"

TestBadPatterns = {}

-- { what it is, text, part of the message, status (default "policy") }
local CASES = {
  { "a pattern that never ends", "return ('a'):rep(30):find(('.-'):rep(9) .. 'b')",
      "it takes more than", "limit" },
  { "a pattern that never ends in pcall",
      "while true do pcall(string.find, ('a'):rep(30), ('.-'):rep(9) .. 'b') end",
      "it takes more than", "limit" },
  { "a pattern that never ends in a coroutine",
      "coroutine.wrap(function() return ('a'):rep(300):match('a*a*a*a*b') end)()",
      "it takes more than", "limit" },
  { "a pattern on a long text", "return ('a'):rep(1 << 20):match('.-b')",
      "it takes more than", "limit" },
  { "a pattern of options",
      "return ('a'):rep(40):match('^' .. ('a?'):rep(40) .. ('a'):rep(40) .. 'b')",
      "it takes more than", "limit" },
  { "brackets that are never balanced", "return ('('):rep(1 << 20):gsub('%b()', '')",
      "it takes more than", "limit" },
  { "a capture that is compared again and again",
      "return ('a'):rep(1 << 20):match('^(a*)%1b')", "it takes more than", "limit" },
  { "a set that is long on a text that is long",
      "return ('a'):rep(1 << 20):match('[' .. ('b'):rep(1 << 20) .. 'a]*')",
      "it takes more than", "limit" },
  { "a frontier with a long set",
      "return ('a'):rep(1 << 20):match('%f[' .. ('b'):rep(1 << 20) .. ']')",
      "it takes more than", "limit" },
  { "a walk of gmatch that never ends", "for _ in ('a'):rep(1 << 20):gmatch '.-b' do end",
      "it takes more than", "limit" },
  { "a replacement of many captures of nothing",
      "return ('a'):rep(1 << 20):gsub('()', ('%1'):rep(1 << 19))", "", "limit" },
  { "a replacement that is a bomb", "return ('x'):rep(1 << 20):gsub('x', ('y'):rep(1 << 20))",
      "", "limit" },
  { "a replacement that is a bomb under pcall",
      "while true do pcall(string.gsub, ('x'):rep(1 << 10), 'x', ('y'):rep(1 << 20)) end",
      "it takes more than", "limit" },
  { "a plain search in a long text",
      "local s = ('a'):rep(1 << 20) return s:find(('a'):rep(1 << 19) .. 'b', 1, true)",
      "it takes more than", "limit" },
  { "a pattern of many items that ends soon", [[
      local first, rest = ("key=value; "):rep(1000):match "^%s*(.-)=.-;%s*(.*)$"
      assert(first == "key" and #rest == 10989)]], "the policy returns nothing" },
  { "a plain search that ends soon",
      "assert((('a'):rep(1 << 20) .. 'b'):find('ab', 1, true) == 1 << 20)",
      "the policy returns nothing" },
  { "a pattern that is too complex", "return ('a'):rep(300):match(('a?'):rep(200))",
      ":1: pattern too complex" },
  { "a pattern of too many captures", "return ('a'):rep(33):match(('(a)'):rep(33))",
      ":1: too many captures" },
  { "a pattern that is cut", "return ('a'):match('[a')", ":1: malformed pattern (missing ']')" },
  { "a capture that is not closed", "return ('a'):match('(a')", ":1: unfinished capture" },
  { "a replacement that is none", "return ('a'):gsub('a', function() return {} end)",
      ":1: invalid replacement value (a table)" },
  { "a replacement that raises", "return ('a'):gsub('a', function() error 'no' end)", ":1: no" },
  { "a replacement that waits",
      "coroutine.wrap(function() return ('a'):gsub('a', coroutine.yield) end)()",
      "attempt to yield across a C-call boundary" },
  { "deep recursion of replacements",
      "local function f() return (('a'):gsub('a', f)) end return f()", "C stack overflow" },
}

-- What is wrong with how a case ended, or nil.
local function fault(case, options)
  local _, text, expected, status = table.unpack(case)
  options.text = text
  local policy, message, _, got_status = host.load(options)
  if policy then
    return "it was loaded"
  elseif not message:find(expected, 1, true) then
    return "expected " .. expected .. ", got " .. message
  elseif got_status ~= (status or "policy") then
    return "expected " .. (status or "policy") .. ", got " .. got_status .. ": " .. message
  elseif not message:find("/home/me/policy.lua", 1, true) then
    return "the file is not named: " .. message
  end
end

function TestBadPatterns:test_each_ends_in_its_named_way()
  local faults = {}
  for _, case in ipairs(CASES) do
    local what = fault(case, {})
    faults[#faults + 1] = what and case[1] .. ": " .. what
  end
  lu.assertEquals(table.concat(faults, "\n"), "")
end

function TestBadPatterns:test_who_is_told_the_lines_does_not_loosen_the_limits()
  for _, case in ipairs(CASES) do
    if case[4] == "limit" then
      lu.assertNil(fault(case, { lines = true, limits = { load_instructions = 1000000 } }), case[1])
    end
  end
end

function TestBadPatterns:test_time_is_looked_at_within_a_pattern()
  -- Far from the limit of instructions; the clock moves with each look.
  local _, message, _, status = host.load { clock_step_ms = 100,
      limits = { load_instructions = 1 << 40 }, text = "return ('a'):rep(1 << 20):find '.-b'" }
  lu.assertEquals(message, "/home/me/policy.lua:1: it runs for more than 5000 ms")
  lu.assertEquals(status, "limit")
end

return lu.LuaUnit.run()
