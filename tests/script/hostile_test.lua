-- Hostile code wherever a policy's code runs: while it is loaded, and in each question that its
-- functions are asked.
local lu = require "luaunit"
local host = require "host"

TestHostile = {}

local HEAD = [[
local akosha = require "akosha"
local function meta(event, f) return setmetatable({}, { [event] = f }) end
local function spin() while true do end end
local function grow(s, n) for _ = 1, n do s = s .. s end return s end
]]
local POLICY = [[
return akosha.policy { api = 1,
  targets = { cloud = akosha.s3 { bucket = "memories" }, disk = akosha.dir { path = "/x" } },
]]
local ALL = "load route dedup compress snapshot retry throttle finished"

-- Small enough that hundreds of cases end soon; the defaults are those of bad_policies_test.lua.
local LIMITS = { memory_bytes = 6 << 20, load_instructions = 500000,
  decision_instructions = 500000 }

local WORK, MEMORY = "instructions", "MiB of memory"
local TEXT = "it makes a string of more than 4 MiB"
local DEEP = "it calls too deep, or takes more than 65536 values at once"

-- { what it is, code, part of the message, status (default "limit"), where (default ALL) }
local CASES = {
  -- loops
  { "a loop", "while true do end", WORK },
  { "a loop of repeat", "repeat until false", WORK },
  { "a loop of goto", "::again:: goto again", WORK },
  { "a loop to infinity", "for _ = 1, math.huge do end", WORK },
  { "a loop of tail calls", "local function g() return g() end g()", WORK },
  { "a loop in pcall", "while true do pcall(spin) end", WORK },
  { "a loop in pcall in pcall", "while true do pcall(pcall, pcall, spin) end", WORK },
  { "a loop in xpcall's handler", "xpcall(error, spin)", WORK },
  { "a loop in the handler of a loop", "while true do xpcall(spin, spin) end", WORK },
  { "a loop in a coroutine", "coroutine.wrap(spin)()", WORK },
  { "a loop in a coroutine that is resumed",
    "while true do coroutine.resume(coroutine.create(spin)) end", WORK },
  { "a loop of yields",
    "local co = coroutine.wrap(function() while true do coroutine.yield() end end) while "
      .. "true do co() end",
    WORK },
  { "two coroutines that wake each other", [[
    local function ping(other)
      while true do if other then coroutine.resume(other) end coroutine.yield() end
    end
    local a = coroutine.create(ping) coroutine.resume(a)
    while true do coroutine.resume(coroutine.create(ping), a) end]], WORK },
  { "a loop in coroutine.close", [[
    local co = coroutine.create(function()
      local x <close> = meta("__close", spin)
      coroutine.yield()
    end)
    coroutine.resume(co)
    coroutine.close(co)]], WORK },
  { "loops in many variables of coroutine.close", [[
    local co = coroutine.create(function()
      local a <close>, b = meta("__close", spin)
      local c <close> = meta("__close", spin)
      coroutine.yield(b)
    end)
    coroutine.resume(co)
    while true do pcall(coroutine.close, co) end]], WORK },
  { "a loop in __close", "local x <close> = meta('__close', spin)", WORK },
  { "a loop in __close after an error",
    "pcall(function() local x <close> = meta('__close', spin) error 'no' end)", WORK },
  { "a loop in __close of a for", "for _ in next, { 1 }, nil, meta('__close', spin) do end", WORK },
  { "a loop in __index", "return meta('__index', spin).x", WORK },
  { "a loop in __newindex", "meta('__newindex', spin).x = 1", WORK },
  { "a loop in __eq", "return meta('__eq', spin) == meta('__eq', spin)", WORK },
  { "a loop in __lt", "return meta('__lt', spin) < 1", WORK },
  { "a loop in __le", "return meta('__le', spin) <= 1", WORK },
  { "a loop in __concat", "return 'x' .. meta('__concat', spin)", WORK },
  { "a loop in __len", "return #meta('__len', spin)", WORK },
  { "a loop in __call", "return meta('__call', spin)()", WORK },
  { "a loop in __add", "return meta('__add', spin) + 1", WORK },
  { "a loop in __unm", "return -meta('__unm', spin)", WORK },
  { "a loop in __bnot", "return ~meta('__bnot', spin)", WORK },
  { "a loop in __tostring", "return tostring(meta('__tostring', spin))", WORK },
  { "a loop in __tostring of what is printed", "print(meta('__tostring', spin))", WORK },
  { "a loop in __tostring of what is formatted",
    "while true do pcall(string.format, '%s', meta('__tostring', spin)) end", WORK },
  { "a loop in __pairs", "for _ in pairs(meta('__pairs', spin)) do end", WORK },
  { "a loop in what __pairs gives",
    "for _ in pairs(meta('__pairs', function() return function() return 1 end end)) do end", WORK },
  { "a loop in a comparator", "table.sort({ 2, 1 }, spin)", WORK },
  { "a loop in __lt of a sort", "table.sort { meta('__lt', spin), 1 }", WORK },
  { "a loop in a replacement", "return ('a'):gsub('a', spin)", WORK },
  { "a loop in a table of replacements", "return ('a'):gsub('a', meta('__index', spin))", WORK },
  { "a loop over gmatch", "while true do for _ in ('aaaa'):gmatch 'a' do end end", WORK },
  { "a loop in the text of an error", "error(meta('__tostring', spin))", WORK },
  { "a loop in the text of an error of a coroutine",
    "coroutine.wrap(function() error(meta('__tostring', spin)) end)()", WORK },
  { "a loop in a predicate",
    "return (akosha.match.kind 'file' & spin) { kind = 'file', size = 1 }", WORK },
  { "a loop in facts made for a schedule",
    "return akosha.retry.fixed():decide(meta('__index', spin))", WORK },

  -- loops in C functions, where no instruction is counted
  { "concat over what C invents",
    "return table.concat(meta('__index', table.concat), '', 1, 900000)", WORK },
  { "concat to the last integer",
    "return table.concat(meta('__index', table.concat), '', 1, math.maxinteger)",
    "table.concat: at most 1000000 entries", "policy" },
  { "unpack of nothing, again and again", "while true do table.unpack({}, 1, 40000) end", WORK },
  { "unpack to the last integer",
    "return table.unpack({}, math.mininteger, math.maxinteger)",
    "table.unpack: at most 50000 entries", "policy" },
  { "rep of nothing, again and again", "while true do (''):rep(1 << 20) end", WORK },
  { "a move through C metamethods", [[
    local t = setmetatable({}, { __index = rawequal, __newindex = rawequal })
    while true do table.move(t, 1, 5e4, 1) end]], WORK },
  { "an insert in front of many",
    "local t = {} for i = 1, 1e4 do t[i] = i end while true do table.insert(t, 1, 1) "
      .. "table.remove(t, 1) end",
    WORK },
  { "long strings that are sorted", [[
    local a = grow("x", 20) local b, t = a .. "b", {} a = a .. "a"
    for i = 1, 300 do t[i] = i % 2 == 0 and a or b end
    table.sort(t)]], WORK },
  { "long strings as keys", [[
    local t, s = {}, grow("x", 16)
    for i = 1, 40 do t[s .. i] = i end
    while true do pairs(t) end]], WORK },
  { "long strings as keys for next", [[
    local t, s = {}, grow("x", 18)
    for i = 1, 9 do t[s .. i] = i end
    while true do next(t) end]], WORK },
  { "blanks that are a number to math.max",
    "local s, t = grow(' ', 20) .. 1, {} for i = 1, 200 do t[i] = s end return "
      .. "math.max(table.unpack(t))",
    WORK },
  { "blanks that are a number to string.char",
    "local s, t = grow(' ', 20) .. 1, {} for i = 1, 200 do t[i] = s end return "
      .. "string.char(table.unpack(t))",
    WORK },
  { "blanks that are a number to string.pack", [[
    local s, t = grow(" ", 20) .. 1, {} for i = 1, 200 do t[i] = s end
    return string.pack(("d"):rep(200), table.unpack(t))]], WORK },
  { "blanks that are a number to utf8.char",
    "local s, t = grow(' ', 20) .. 1, {} for i = 1, 200 do t[i] = s end return "
      .. "utf8.char(table.unpack(t))",
    WORK },
  { "blanks that are a number to tonumber",
    "local s = grow(' ', 20) while true do tonumber(s, 36) end", WORK },
  { "blanks that are added",
    "local s = grow(' ', 20) .. 1 while true do local _ = s + 1 end", WORK },
  { "blanks that are negated",
    "local s = grow(' ', 20) .. 1 while true do local _ = -s end", WORK },
  { "a text of which nothing is shown", [[
    local s, t = grow("x", 20), {} for i = 1, 200 do t[i] = s end
    return ("%.1s"):rep(200):format(table.unpack(t))]], WORK },
  { "bytes between two characters", [[
    local f, s = utf8.codes("a" .. grow("\x80", 20))
    while true do pcall(f, s, 1) end]], WORK },
  { "a long text that is measured", "local s = grow('x', 20) while true do utf8.len(s) end", WORK },

  -- memory
  { "a bomb of tables",
    "local t = {} while true do t[#t + 1] = { t, t, t, t, t, t, t, t } end", MEMORY },
  { "a bomb of tables in tables", "local t = {} while true do t = { t, {} } end", MEMORY },
  { "a bomb of closures",
    "local t = {} while true do t = { function() return t end, t } end", MEMORY },
  { "a bomb of texts", "local t = {} while true do t[#t + 1] = grow('x', 10) .. #t end", "it " },
  { "a bomb of keys", "local t = {} for i = 1, math.huge do t[i .. ''] = true end", "it " },
  { "a bomb of handles", "local t = {} while true do t[#t + 1] = akosha.retry.fixed() end", "it " },
  { "a bomb of coroutines",
    "local t = {} while true do t[#t + 1] = coroutine.create(spin) end", "it " },
  { "a bomb in concat",
    "local t = {} for i = 1, 5 do t[i] = grow('x', 20) end return table.concat(t)", "it " },
  { "a text that doubles", "local s = 'x' while true do s = s .. s end", TEXT },
  { "a text that doubles under pcall", "while true do pcall(grow, 'x', 40) end", TEXT },
  { "a text that pack pads", "return string.pack('c1000000000', '')", "it " },
  { "a text that gsub grows", "return grow('x', 12):gsub('x', grow('y', 12))", "it " },
  { "a text of many codes",
    "local t, s = {}, '' for i = 1, 200 do t[i] = 0x7fffffff end while true do s = s .. "
      .. "utf8.char(table.unpack(t)) end",
    "it " },
  { "memory that pcall would win back",
    "pcall(function() local t = {} while true do t = { t, t, t, t, t, t, t, t } end end)", MEMORY },
  { "memory that a coroutine would win back",
    "pcall(coroutine.wrap(function() local t = {} while true do t = { t, t, t, t, t, t, "
      .. "t, t } end end))",
    MEMORY },
  { "memory at the ceiling, again and again", [[
    local t = {}
    while true do pcall(function() while true do t = { t } end end) end]], MEMORY },
  { "rep of too much",
    "return ('x'):rep(1 << 40)", "string.rep: the result would be longer", "policy" },
  { "format of a huge width", "return ('%99999d'):format(1)", "invalid conversion", "policy" },
  { "unpack of too many",
    "return select('#', table.unpack({}, 1, 1 << 30))", "table.unpack: at most 50000", "policy" },
  { "bytes of too much",
    "return select('#', grow('x', 20):byte(1, -1))",
    "string.byte: at most 50000 results", "policy" },
  { "codes of too much",
    "return select('#', utf8.codepoint(grow('x', 20), 1, -1))",
    "utf8.codepoint: at most 50000 results", "policy" },
  { "unpack of a long format",
    "return string.unpack(('B'):rep(1 << 17), grow('x', 18))",
    "string.unpack: at most 50000 results", "policy" },
  { "arguments that double",
    "local function g(...) return g(1, ..., ...) end return g(table.unpack({}, 1, 40000))", DEEP },

  -- recursion
  { "recursion", "local function g() return 1 + g() end return g()", DEEP },
  { "recursion in __index",
    "local t t = meta('__index', function(_, k) return t[k + 1] end) return t[1]",
    "stack overflow", "policy" },
  { "recursion in __concat",
    "local t t = meta('__concat', function() return t .. 1 end) return t .. 1",
    "stack overflow", "policy" },
  { "recursion in __tostring",
    "return tostring(meta('__tostring', tostring))", "C stack overflow", "policy" },
  { "recursion in a replacement",
    "local function g() return (('a'):gsub('a', g)) end return g()", "C stack overflow", "policy" },
  { "recursion in a comparator",
    "local function g() table.sort({ 2, 1 }, g) end g()", "C stack overflow", "policy" },
  { "recursion in coroutines",
    "local function g() return coroutine.wrap(g)() end g()", "C stack overflow", "policy" },
  { "recursion in __pairs",
    "for _ in pairs(meta('__pairs', pairs)) do end", "C stack overflow", "policy" },
  { "a table that is its own __call",
    "local t = {} return setmetatable(t, { __call = t })()", DEEP },
  { "an __index that is itself",
    "local t = {} setmetatable(t, { __index = t }) return t.x",
    "'__index' chain too long", "policy" },
  { "two __index that are each other", [[
    local a, b = {}, {}
    setmetatable(a, { __index = b }) setmetatable(b, { __index = a }) return a.x]],
    "'__index' chain too long", "policy" },
  { "an error in the handler of an error",
    "local _, e = xpcall(error, error, 'x') error(e, 0)", "error in error handling", "policy" },

  -- patterns
  { "a pattern that tries all ways", "return ('a'):rep(40):find(('.-'):rep(12) .. 'b')", WORK },
  { "a pattern of brackets", "return grow('(', 18):find('%b()%b()%b()x')", WORK },
  { "a pattern with a long back reference", "return grow('a', 18):match('^(a*)%1b')", WORK },
  { "a pattern of a text that is its own",
    "return ('%'):rep(3):find('%')", "malformed pattern", "policy" },

  -- errors
  { "the error nil", "error(nil)", "an error was raised that is no message but a nil", "policy" },
  { "the error false", "error(false)", "no message but a boolean", "policy" },
  { "a table as error", "error {}", "no message but a table", "policy" },
  { "a function as error", "error(spin)", "no message but a function", "policy" },
  { "a coroutine as error", "error((coroutine.running()))", "no message but a thread", "policy" },
  { "a decision as error", "error(akosha.wait(2))", "wait 2.0", "policy" },
  { "a schedule as error", "error(akosha.retry.fixed())", "no message but a userdata", "policy" },
  { "a table with a name as error",
    "error(setmetatable({}, { __name = 'akosha.decision' }))", "no message but a table", "policy" },
  { "an error with a text",
    "error(meta('__tostring', function() return 'of its own' end))", "of its own", "policy" },
  { "an error whose text raises",
    "error(meta('__tostring', function() error('in the text', 0) end))", "in the text", "policy" },
  { "an error whose text raises itself",
    "local e e = meta('__tostring', function() error(e) end) error(e)",
    "C stack overflow", "policy" },
  { "an error whose text is a table",
    "error(meta('__tostring', function() return {} end))",
    "'__tostring' must return a string", "policy" },
  { "an error whose text waits",
    "error(meta('__tostring', coroutine.yield))", "attempt to yield", "policy" },
  { "an error of a coroutine", "coroutine.wrap(error)()", "no message but a nil", "policy" },
  { "a long error", "error(grow('x', 20), 0)", "xxx...", "policy" },
  { "an error with a false place",
    "error('/home/me/policy.lua:999: ', 0)", "policy.lua:", "policy" },
  { "an error of control characters", "error('a\\0b\\27[2Jc\\r\\nd', 0)", "a b [2Jc  d", "policy" },
  { "an assertion of nothing", "assert(nil, {})", "no message but a table", "policy" },
  { "a yield to nobody", "coroutine.yield(1)", "outside a coroutine", "policy" },
}

-- The policy that runs ${code} there; what the case's table of facts is called f.
local function text_of(code, where)
  if where == "load" then
    return HEAD .. "local function run(f, ...)\n" .. code .. "\nend\nrun { name = 'x' }\n" .. POLICY
        .. "}"
  end
  return HEAD .. POLICY .. where .. " = function(f, ...)\n" .. code .. "\nend }"
end

-- answer, message, hint, status of the code there; the answer is false where it failed.
local function try(code, where, options)
  options = options or {}
  options.text = text_of(code, where)
  options.limits = options.limits or LIMITS
  local policy, message, hint, status = host.load(options)
  if where == "load" or not policy then
    return policy and true, message, hint, status
  end
  policy:now {}
  return policy[where](policy, {})
end

local function fault(case, where, options)
  local _, code, expected, status = table.unpack(case)
  local question = where ~= "load" and "in " .. where .. ": " or ""
  local answer, message, hint, got = try(code, where, options)
  if answer or not message then
    return "it went well"
  elseif got ~= (status or "limit") then
    return "it ended with " .. got .. ": " .. message
  elseif not message:find(expected, 1, true) then
    return message
  elseif not message:find("^/home/me/policy%.lua:?%d*: " .. question) then
    return "the place is missing: " .. message
  elseif where ~= "load" and where ~= "finished" and not hint:find("asked about ", 1, true) then
    return "the facts are missing: " .. hint
  elseif (message .. hint):find "[%c]" or #message > 1024 then
    return "it is no line: " .. message
  end
end

function TestHostile:test_each_ends_in_its_named_way_wherever_it_runs()
  local faults = {}
  for _, case in ipairs(CASES) do
    for where in (case[5] or ALL):gmatch "%a+" do
      local what = fault(case, where)
      faults[#faults + 1] = what and ("%s, %s: %s"):format(case[1], where, what)
    end
  end
  lu.assertEquals(table.concat(faults, "\n"), "")
end

-- No limit is of use that a second pcall around it takes away.
function TestHostile:test_no_limit_can_be_caught()
  local faults = {}
  for _, case in ipairs(CASES) do
    if not case[4] and not case[1]:find("the text of an error", 1, true) then
      local code = "for _ = 1, 3 do pcall(function(...) " .. case[2] .. " end) end"
      local caught = { case[1], code, "it " }
      local what = fault(caught, "load") or fault(caught, "retry")
      faults[#faults + 1] = what and case[1] .. ": " .. what
    end
  end
  lu.assertEquals(table.concat(faults, "\n"), "")
end

function TestHostile:test_a_question_that_failed_leaves_the_next_one_alone()
  for _, case in ipairs(CASES) do
    local code = "if f.attempt == 1 then " .. case[2] .. "\nend return akosha.restart"
    local policy = host.load { limits = LIMITS, text = text_of(code, "retry") }
    lu.assertFalse((policy:retry { attempt = 1 }), case[1])
    lu.assertEquals(policy:retry { attempt = 2 }, "restart", case[1])
  end
end

-- { what it is, text, part of the message, status (default "policy") }
local TEXTS = {
  { "parentheses", "return " .. ("("):rep(1e5), "C stack overflow" },
  { "braces", "return " .. ("{"):rep(1e5), "C stack overflow" },
  { "functions", ("return function() "):rep(1e5), "C stack overflow" },
  { "signs", "return " .. ("- "):rep(1e5) .. "1", "C stack overflow" },
  { "joins", "return 'a'" .. (" .. 'a'"):rep(1e5), "C stack overflow" },
  { "blocks", ("do "):rep(1e5), "C stack overflow" },
  { "conditions", ("if x then "):rep(1e5), "C stack overflow" },
  { "names on the left", ("a,"):rep(1e5) .. "a = 1", "C stack overflow" },
  { "locals", ("local a = 1\n"):rep(201), ":201: too many local variables (limit is 200)" },
  { "parameters", "return function(" .. ("a,"):rep(1e3) .. "a) end", "too many local variables" },
  { "arguments", "return print(" .. ("1,"):rep(1e3) .. "1)", "too many registers" },
  { "jumps", ("goto x "):rep(1e5), "too many labels/gotos" },
  { "a string", "return '" .. ("x"):rep(5 << 20) .. "'", TEXT, "limit" },
  { "a name", "return " .. ("x"):rep(5 << 20), TEXT, "limit" },
  { "a list", "return {" .. ("{},"):rep(2e5) .. "}", "it ", "limit" },
  { "a string without an end", "return [[" .. ("x"):rep(1e6), ":1: unfinished long string" },
}

function TestHostile:test_texts_that_wear_the_compiler_out()
  for _, case in ipairs(TEXTS) do
    local _, message, _, status = host.load { text = case[2] }
    lu.assertStrContains(message or "", case[3], false, false, case[1])
    lu.assertEquals(status, case[4] or "policy", case[1])
  end
end

function TestHostile:test_limits_are_looked_at_while_a_text_is_compiled()
  local _, message, _, status = host.load { clock_step_ms = 100,
      text = "return x" .. (" or x"):rep(50000) }
  lu.assertEquals(message, "/home/me/policy.lua: it runs for more than 5000 ms")
  lu.assertEquals(status, "limit")
  message = select(2, host.load { limits = { load_instructions = 20000 },
      text = "--" .. ("x"):rep(1 << 20) })
  lu.assertEquals(message, "/home/me/policy.lua: it takes more than 20000 instructions")
end

return lu.LuaUnit.run()
