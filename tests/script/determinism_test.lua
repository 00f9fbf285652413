-- What a policy sees is the same in every run: no address, no seed of Lua's own, no time of day.
local lu = require "luaunit"
local host = require "host"

TestDeterminism = {}

-- What the code prints while it is loaded; it fails afterwards, being no policy.
local function printed(code, more)
  more = more or {}
  more.text = code .. "\nerror('done', 0)"
  local _, message = host.load(more)
  lu.assertStrContains(message, "done")
  local lines = host.lines()
  for i, line in ipairs(lines) do
    lines[i] = line:gsub("^policy: ", "")
  end
  return lines
end

local function word(code)
  return table.concat(printed(code), "\n")
end

-- Names of the keys in the order of a walk.
local SHOW = [[
local function show(...)
  local names = {}
  for key in ... do names[#names + 1] = tostring(key) end
  print(table.concat(names, " "))
end
]]

function TestDeterminism:test_pairs_goes_by_numbers_strings_booleans_and_objects_as_they_were_made()
  lu.assertEquals(word(SHOW .. [[
local t = { z = 1, a = 1, aa = 1, B = 1, [""] = 1, ["a\0b"] = 1, [true] = 1, [false] = 1,
  [2.5] = 1, [3] = 1, [-1] = 1, [0] = 1, [1e300] = 1, [-1e300] = 1, [math.huge] = 1,
  [-math.huge] = 1, [math.maxinteger] = 1, [math.mininteger] = 1, [2 ^ 63] = 1 }
show(pairs(t))
show(next, t)]]),
    ("-inf -1e+300 -9223372036854775808 -1 0 2.5 3 9223372036854775807 9.2233720368548e+18 1e+300 "
    .. "inf  B a a b aa z false true\n"):rep(2):sub(1, -2))
  lu.assertEquals(word [[
local akosha = require "akosha"
local made, names = {}, {}
for i = 1, 30 do
  local kinds = { {}, function() return i end, coroutine.create(function() end), akosha.wait(i) }
  made[i] = kinds[i % 4 + 1]
end
for i = 30, 1, -1 do names[made[i] ] = i end
local seen = {}
for _, i in pairs(names) do seen[#seen + 1] = i end
for object in next, names do seen[#seen + 1] = names[object] end
print(table.concat(seen, " "))]],
    ("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 ")
    :rep(2):sub(1, -2))
end

function TestDeterminism:test_pairs_and_next_agree_on_tables_of_every_size()
  lu.assertEquals(word [[
for _, size in ipairs { 0, 1, 2, 15, 16, 17, 18, 31, 32, 33, 34, 100, 1000 } do
  local t, keys = {}, {}
  for i = 1, size do
    local key = i % 3 == 0 and i or "k" .. i * 7919 % 1000 .. "." .. i
    t[key] = i
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    if type(a) ~= type(b) then return type(a) == "number" end
    return a < b
  end)
  local at = 0
  for key, value in pairs(t) do
    at = at + 1
    assert(key == keys[at] and value == t[key])
  end
  assert(at == size)
  for key, value in next, t do
    assert(key == keys[at - size + 1] and value == t[key])
    at = at + 1
  end
  assert(at == 2 * size)
  assert(next(t, keys[size]) == nil and next(t) == keys[1])
end
print "agreed"]], "agreed")
end

function TestDeterminism:test_a_table_may_change_while_it_is_walked()
  for _, size in ipairs { 6, 60 } do
    for _, walk in ipairs { "pairs(t)", "next, t" } do
      lu.assertEquals(word(([[
local t, sum, count = {}, 0, 0
for i = 1, %d do t["k" .. i] = i end
for key, value in %s do
  sum, count = sum + value, count + 1
  t[key] = nil
  t["k" .. value + 1] = t["k" .. value + 1] and value + 1
  if next(t) == nil then print "empty" end
end
print(count, sum, next(t))]]):format(size, walk)), ("empty\n%d %d nil")
          :format(size, size * (size + 1) // 2))
    end
  end
  -- A field that goes before its turn is left out, one that comes is not met.
  lu.assertEquals(word(SHOW .. [[
local t = { a = 1, b = 1, c = 1, d = 1 }
local seen = {}
for key in pairs(t) do
  seen[#seen + 1] = key
  t.c, t["x" .. key] = nil, 1
end
print(table.concat(seen, " "))
show(pairs(t))]]), "a b d\na b d xa xb xd")
  -- Many walks of next at a time, over large tables, deleting.
  lu.assertEquals(word [[
local tables, cursors, left = {}, {}, 0
for i = 1, 9 do
  tables[i] = {}
  for k = 1, 40 do tables[i]["k" .. k] = k end
end
local met, walking = 0, true
while walking do
  walking = false
  for i, t in ipairs(tables) do
    if cursors[i] ~= false then
      local before = cursors[i]
      cursors[i] = next(t, before) or false
      if before then t[before] = nil end
      met = met + (cursors[i] and 1 or 0)
      walking = true
    end
  end
end
print(met)]], "360")
end

function TestDeterminism:test_next_goes_on_from_a_key_that_is_not_there()
  lu.assertEquals(word [[
local t = { b = 2, d = 4 }
print(next(t, "a"), next(t, "c"), next(t, "x"), next(t, 7), next({}, "a"))
for i = 1, 50 do t["k" .. i] = i end
print(next(t, "c"), next(t, "k"), next(t, "z"), next(t, 1.0))]],
    "b d nil b nil\nd k1 nil b 2")
end

function TestDeterminism:test_what_pairs_gives_can_be_used_as_next()
  lu.assertEquals(word [[
local t, other = { a = 1, b = 2, c = 3 }, { x = 9 }
local step, state, start = pairs(t)
print(state == t, start)
print(step(t), step(t, "a"), step(t, "c"), step(t), step(t, "b"))
print(step(other), step(other, "x"))
print(pcall(step, t, 0/0))]],
    "true nil\na b nil a c 3\nx nil\nfalse invalid key to 'next'")
end

function TestDeterminism:test_pairs_asks_its_metamethod()
  lu.assertEquals(word [[
local t = setmetatable({ a = 1 }, { __pairs = function(t)
  return function(_, i) if i < 3 then return i + 1, rawget(t, "a") end end, nil, 0
end })
for i, v in pairs(t) do print(i, v) end
local slow = setmetatable({}, { __pairs = function() return coroutine.yield "asked" end })
local walk = coroutine.wrap(function() for k in pairs(slow) do print("key", k) end return "end" end)
print(walk())
print(walk(next, { k = 1 }))
print(pcall(function() for _ in pairs(5) do end end))]],
    "1 1\n2 1\n3 1\nasked\nkey k\nend\n"
    .. "false /home/me/policy.lua:9: bad argument #1 to 'pairs' (table expected, got number)")
end

function TestDeterminism:test_facts_are_walked_in_order()
  local policy = host.load { text = [[
local akosha = require "akosha"
return akosha.policy { api = 1, targets = { d = akosha.dir { path = "/x" } },
  retry = function(failure)
    for name, value in pairs(failure) do print(name, value) end
    local key, keys = next(failure), {}
    while key do keys[#keys + 1], key = key, next(failure, key) end
    print(table.concat(keys, " "))
  end }]] }
  policy:retry { source = "a.db", http_status = 503, retry_after_ms = 500 }
  lu.assertEquals(table.concat(host.lines(), "\n"):gsub("policy: ", ""), [[
attempt 1
corrected false
elapsed 0.0
http_status 503
name throttled
operation part 2
retry_after 0.5
source a.db
target cloud
transient true
attempt corrected elapsed http_status name operation retry_after source target transient]])
end

function TestDeterminism:test_no_address_is_shown()
  lu.assertEquals(word [[
local akosha = require "akosha"
local t, f, co = {}, function() end, coroutine.create(print)
print(t, f, co, akosha.retry.none(), akosha.give_up)
print(tostring(t), tostring(f), tostring {}, print, string.format)
print(string.format("%s|%10s|%-9.5s|%p|%-10p|%%p|%5p|%p|%q", t, f, f, t, co, 5, "x", "y"))
print(setmetatable({}, { __name = "thing" }), setmetatable({}, { __tostring = function() return "!"
  end }))
print(coroutine.running())
print(pcall(function() return string.format("%d", {}) end))
print(pcall(function() return ("%s"):format() end))
print(pcall(string.format, "%y", t))
print(select(2, pcall(error, t)))
print(select(2, pcall(function() return t + 1 end)))
print(string, akosha, io, 1, 1.5, -0.0, true, nil, "x\0y")]], [[
table: 1 function: 2 thread: 3 akosha.schedule: 4 give_up
table: 1 function: 2 table: 5 function: builtin function: 6
table: 1|function: 2|funct    |table: 1|thread: 3 |%p|(null)|(null)|"y"
thing: 7 !
thread: 8 true
false /home/me/policy.lua:9: bad argument #2 to 'format' (number expected, got table)
false /home/me/policy.lua:10: bad argument #1 to 'format' (no value)
false invalid conversion '%y' to 'format'
table: 1
/home/me/policy.lua:13: attempt to perform arithmetic on a table value (upvalue 't')
table: 9 table: 10 nil 1 1.5 -0.0 true nil x y]])
end

function TestDeterminism:test_sort_is_stable_and_leaves_the_list_alone_until_it_is_done()
  lu.assertEquals(word [[
local list = {}
for i = 1, 500 do list[i] = { group = i * 7919 % 10, at = i } end
table.sort(list, function(a, b) return a.group < b.group end)
for i = 2, #list do
  local a, b = list[i - 1], list[i]
  assert(a.group < b.group or a.group == b.group and a.at < b.at)
end
local t = { 3, 1, 2 }
print(pcall(table.sort, t, function(a, b) if a == 2 then error("no", 0) end return a < b end))
print(table.concat(t, " "))
table.sort(t)
print(table.concat(t, " "))
t = { "b", "a", "C", "" }
table.sort(t, nil)
print(table.concat(t, " "))
print(pcall(table.sort, { 1, "x" }))
print(pcall(function() table.sort({ 1, 2 }, 5) end))
print(pcall(table.sort, string))
table.sort(t, function() return true end)
print(#t)]], [[
false no
3 1 2
1 2 3
 C a b
false attempt to compare string with number
false /home/me/policy.lua:17: bad argument #2 to 'sort' (function expected, got number)
true
4]])
end

function TestDeterminism:test_of_several_mistakes_the_first_by_name_is_told()
  for _ = 1, 20 do
    local _, message = host.load { text = [[local akosha = require "akosha"
return akosha.policy { api = 1, zzzzzz = 1, qqqqqq = 1, mmmmmm = 1, vvvvvv = 1 }]] }
    lu.assertStrContains(message, 'unknown field "mmmmmm"')
    _, message = host.load { text = [[local akosha = require "akosha"
return akosha.policy { api = 1, targets = { d = 1, c = 1, b = 1, a = 1, e = 1 } }]] }
    lu.assertStrContains(message, "targets: a: expected")
    _, message = host.load { text = [[local akosha = require "akosha" return akosha.xB]] }
    lu.assertStrContains(message, 'did you mean "MB"?')
  end
end

local RANDOM = "print(math.random(1 << 40), math.random(1 << 40))"

function TestDeterminism:test_random_numbers_are_those_of_the_seed()
  lu.assertEquals(printed(RANDOM, { seed = 7 }), printed(RANDOM, { seed = 7 }))
  lu.assertNotEquals(printed(RANDOM, { seed = 7 }), printed(RANDOM, { seed = 8 }))
end

-- All that answers.lua writes, in another process: other addresses, another time of day.
local function answers()
  local pipe = assert(io.popen(("'%s' '%s/answers.lua'"):format(host.program, host.folder)))
  local text = pipe:read "a"
  lu.assertTrue(pipe:close())
  return text
end

function TestDeterminism:test_processes_agree_on_all_that_a_policy_answers()
  local file = assert(io.open(host.folder .. "/answers.txt"))
  local expected = file:read "a"
  file:close()
  local first = answers()
  -- Then comes what the library holds, which may grow.
  lu.assertEquals(first:sub(1, #expected), expected)
  lu.assertTrue(#first > #expected)
  for _ = 1, 4 do
    lu.assertEquals(answers(), first)
  end
end

return lu.LuaUnit.run()
