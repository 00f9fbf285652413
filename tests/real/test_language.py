"""The Lua that a policy is written in: what expressions of the manual give, what is refused, and that answers have one order."""

import data
import steering
import sync

# Each gives what stands behind it; several values are shown with blanks between.
VALUES = (
    ("string.find('hello world', 'o w')", "5 7"), ("string.find('hello', 'l', 1, true)", "3 3"),
    ("string.find('abc', 'b', -1)", "nil"), ("string.find('a.b', '.', 2, true)", "2 2"), ("string.find('abc', '', 4)", "4 3"),
    ("string.find('abc', '', 5)", "nil"), ("string.find('abc', 'x', 1, true)", "nil"),
    ("string.find('key = value', '(%w+)%s*=%s*(%w+)')", "1 11 key value"),
    ("string.match('2026-11-26', '(%d+)-(%d+)-(%d+)')", "2026 11 26"),
    ("string.match('  trim  ', '^%s*(.-)%s*$') .. '|'", "trim|"), ("string.match('hello', '()ll()')", "3 5"),
    ("string.match('f(a(b)c)d', '%b()')", "(a(b)c)"), ("string.match('f(a(b', '%b()')", "nil"),
    ("string.match('THE (quick) fox', '%f[%a]%a+%f[%A]', 5)", "quick"), ("string.match('x', '%f[%z]')", ""),
    ("string.match('aa bb', '(%a)%1')", "a"), ("string.match('abab', '(ab)%1')", "ab"),
    ("string.match('abc', '(ab)%1')", "nil"), ("string.match('[x]', '[]]')", "]"), ("string.match('a-z', '[a%-z]+')", "a-z"),
    ("string.match('x^y', '[%^x]+')", "x^"), ("string.match('abc123', '[^%d]+')", "abc"),
    ("string.match('0x1F,', '%x+', 3)", "1F"), ("string.match('a\\tb', '%c') == '\\t'", "true"),
    ("string.match('aB1_', '%l%u%d%p')", "aB1_"), ("string.match('a b', '%S+$')", "b"), ("string.match('~!', '%g+')", "~!"),
    ("string.match('aaa', 'a-b')", "nil"), ("string.match('aaab', 'a-b')", "aaab"),
    ("string.match('color', 'colou?r')", "color"), ("string.match('aXb', 'a%Lb')", "aXb"), ("string.match('x$', '%$$')", "$"),
    ("string.match('a$b', 'a$b')", "a$b"), ("string.match('a%b', '%%.')", "%b"), ("string.match('abc', '((a)(b))')", "ab a b"),
    ("string.match('abcabc', '^(.*)c')", "abcab"), ("string.match('abc', '.', -2)", "b"),
    ("string.gsub('hello world', 'o', '0')", "hell0 w0rld 2"), ("string.gsub('hello', '', '-')", "-h-e-l-l-o- 6"),
    ("string.gsub('abc', '%w', '%0%0', 2)", "aabbc 2"), ("string.gsub('a,b', '(%w),(%w)', '%2,%1')", "b,a 1"),
    ("string.gsub('50', '%d+', '%%')", "% 1"), ("string.gsub('$name is $age', '%$(%w+)', { name = 'A', age = 7 })", "A is 7 2"),
    ("string.gsub('abc', '%w', { b = false })", "abc 3"),
    ("string.gsub('abc', '%w', function(c) if c == 'b' then return 'X' end end)", "aXc 3"),
    ("string.gsub('aaa', '^a', 'b')", "baa 1"), ("string.gsub('abc', '()', function(at) return at end)", "1a2b3c4 4"),
    ("string.gsub('abc', 'x*', '.')", ".a.b.c. 4"), ("list(string.gmatch('one two  three', '%a+'))", "one two three"),
    ("list(string.gmatch('k=1, l=2', '(%w)=(%w)'))", "k l"), ("list(string.gmatch('abc', ''))", "   "),
    ("list(string.gmatch('abc', '%w', 2))", "b c"), ("list(string.gmatch('abc', '^a'))", ""),
    ("string.format('%5.2f|%-4d|%04x|%q|%s', 3.14159, 42, 255, 'a\\nb', true)", ' 3.14|42  |00ff|"a\\\nb"|true'),
    ("string.rep('ab', 3, '-')", "ab-ab-ab"), ("('x'):byte(), string.char(72, 105)", "120 Hi"),
    ("utf8.char(8364), utf8.len('gr\\u{fc}n')", "€ 4"), ("table.concat({ 1, 2, 3 }, ', ')", "1, 2, 3"),
    ("table.unpack({ 1, 2, 3 }, 2)", "2 3"), ("select('#', table.unpack({}, 1, 3))", "3"),
    ("table.concat(table.move({ 1, 2, 3 }, 1, 3, 2), ' ')", "1 1 2 3"),
    ("table.remove({ 1, 2, 3 }), table.remove({ 1, 2, 3 }, 1)", "3 1"), ("sorted({ 3, 1, 2 })", "1 2 3"),
    ("sorted({ 'b', 'a', 'B', '' })", " B a b"), ("sorted({ 3, 1, 2 }, function(a, b) return a > b end)", "3 2 1"),
    ("sorted({ 'bb', 'a', 'cc', 'd', 'aa' }, function(a, b) return #a < #b end)", "a d bb cc aa"),
    ("sorted({ 1 }), sorted({})", "1 "),
    ("keys({ 10, 20, x = 1, [2.5] = 1, [true] = 1, [false] = 1, a = 1, [-1] = 1 })", "-1 1 2 2.5 a x false true"),
    ("keys(setmetatable({}, { __pairs = function() return next, { own = 1 }, nil end }))", "own"),
    ("next({}), next({ 'a' })", "nil 1 a"), ("next({ b = 2, a = 1 }, 'a')", "b 2"), ("next({ b = 2, a = 1 }, 'b')", "nil"),
    ("next({ b = 2 }, 'aa')", "b 2"), ("rawlen({ 1, 2 }), rawget({ x = 1 }, 'x')", "2 1"),
    ("math.tointeger(3.0), 7 // 2, 7 % -3, 2 ^ 10, 1e15", "3 3 -2 1024.0 1e+15"),
    ("math.type(1), math.type(1.0), math.ult(1, -1)", "integer float true"),
    ("tostring(nil), tostring(1.5), tonumber('0x10'), tonumber('z', 36), tonumber('1e1')", "nil 1.5 16 35 10.0"),
    ("load, dofile, io, os, debug, string.dump, math.randomseed, collectgarbage", "nil nil nil nil nil nil nil nil"),
    ("tostring(akosha.retry.none():decide { name = 'server', operation = 'part 1', transient = true })", "next_target"),
    ("tostring(akosha.retry.fixed { first = 3 }:decide { name = 'server', operation = 'part 1', transient "
     "= true })", "wait 3.0"),
    ("akosha.retry.fixed { first = 3 }:decide { name = 'server', operation = 'x', transient = true, "
     "retry_after = 9 }.seconds", "9.0"),
    ("akosha.retry.linear { first = 1, step = 2, jitter = 'none' }:decide { name = 'server', operation = "
     "'x', transient = true, attempt = 2 }.seconds", "3.0"),
    ("akosha.retry.exponential { first = 1, factor = 3, cap = 5, jitter = 'none', tries = 9 }:decide { "
     "name = 'server', operation = 'x', transient = true, attempt = 3 }.seconds", "5.0"),
    ("between(1, 3, akosha.retry.decorrelated { first = 1, factor = 3 }:decide { name = 'server', "
     "operation = 'x', transient = true }.seconds)", "true"),
    ("akosha.retry.none().decide == nil, akosha.retry.none().other, akosha.give_up.kind, "
     "akosha.give_up.seconds, akosha.give_up.other", "false nil give_up nil nil"),
    ("tostring(akosha.retry.by_failure { throttled = akosha.retry.fixed { first = 7 } }:decide { name = "
     "'throttled', operation = 'x', transient = true })", "wait 7.0"),
    ("tostring(akosha.retry.by_target { here = akosha.retry.fixed { first = 8 }, default = "
     "akosha.retry.none() }:decide { name = 'server', operation = 'x', transient = true, target = 'here' })", "wait 8.0"),
    ("tostring(akosha.retry.by_target { here = akosha.retry.fixed(), default = akosha.retry.none() "
     "}:decide { name = 'server', operation = 'x', transient = true, target = 'there' })", "next_target"),
)

# Each raises an error with these words.
REFUSED = (
    ("string.find('a', '[a')", "missing ']'"), ("string.find('a', '%')", "ends with '%'"),
    ("string.find('a', '(a')", "unfinished capture"), ("string.match('a', 'a)')", "invalid pattern capture"),
    ("string.find('a', '%1')", "invalid capture index"), ("string.find('a', '%b')", "missing arguments to '%b'"),
    ("string.find('a', '%fa')", "missing '[' after '%f'"), ("string.find('aa', '(a%1)')", "invalid capture index"),
    ("string.find('a', ('()'):rep(33))", "too many captures"), ("string.gsub('a', 'a', '%2')", "invalid capture index"),
    ("string.gsub('a', 'a', '%x')", "invalid use of '%'"),
    ("string.gsub('a', 'a', function() return {} end)", "invalid replacement value (a table)"),
    ("string.gsub('a', 'a', true)", "string/function/table expected"), ("table.sort({ 1, 'a' })", "attempt to compare"),
    ("table.sort({ 1, 2 }, 7)", "function expected"), ("next({}, 0/0)", "invalid key to 'next'"),
    ("keys { [print] = 1, [type] = 2 }", "has no order"), ("rawset(ctx:sources(), 1, 2)", "cannot be written to"),
    ("setmetatable(ctx:sources(), {})", "protected"), ("string.rep('x', 1 << 21)", "string.rep"),
    ("table.concat({ {} })", "invalid value"),
    ("akosha.retry.fixed { frist = 1 }", 'unknown field "frist"; did you mean "first"?'),
    ("akosha.retry.fixed { tries = 0 }", "from 1 to 100"), ("akosha.retry.exponential { jitter = 'some' }", "jitter"),
    ("akosha.retry.by_failure { throttle = akosha.retry.none() }", 'did you mean "throttled"?'),
    ("akosha.retry.by_failure { throttled = 7 }", "expected a schedule"),
    ("akosha.retry.by_failure { server = akosha.retry.by_failure {} }", "expected a schedule"),
    ("akosha.retry.by_target { akosha.retry.none() }", "names of targets as keys"),
    ("akosha.retry.by_target { here = 1 }", "a schedule that is not by target"),
    ("akosha.retry.by_target 'here'", "a plain table of schedules"),
    ("akosha.retry.by_target { heer = akosha.retry.none() }", 'did you mean "here"?'),
    ("akosha.retry.none():decide()", "expected the facts of a failure"),
    ("akosha.retry.none():decide { name = 'nothing', operation = 'x' }", "the name of a failure"),
    ("akosha.retry.none():decide { name = 'server' }", "their operation is no string"),
    ("akosha.retry.none():decide { name = 'server', operation = 'x', transient = 1 }", "their transient is no boolean"),
    ("akosha.retry.none():decide { name = 'server', operation = 'x', attempt = 0 }", "failure.attempt"),
    ("akosha.retry.none():decide { name = 'server', operation = 'x', retry_after = -1 }", "failure.retry_after"),
    ("akosha.route.all 'here'", None), ("akosha.route.all {}", "the list is empty"),
    ("akosha.route.all { 7 }", "names of targets"), ("akosha.route.all(7)", "a list of names of targets"),
    ("akosha.route.quorum(3, { 'here', 'there' })", "a whole number from 1 to 2, got number 3"),
    ("akosha.route.first(7)", "a name of a target, a list of names or a function"),
    ("akosha.route.by_kind { sqlight = 'here' }", "known: duckdb, sqlite, file, default"),
    ("akosha.route.when(7, 'here')", "akosha.route.when"), ("akosha.match.size 'large'", "akosha.match.size"),
    ("akosha.match.age '> 3 y'", "akosha.match.age"), ("akosha.match.name(7)", "akosha.match.name"),
    ("akosha.match.kind 'duck'", "akosha.match.kind"), ("akosha.window 'mon-fry'", "akosha.window"),
    ("akosha.window '25:00-26:00'", "akosha.window"), ("akosha.throttle.when(akosha.window 'mon', 7)", "akosha.throttle.when"),
    ("akosha.snapshot { busy = 'never' }", "busy"), ("akosha.snapshot { wait = 601 }", "wait"),
    ("akosha.env 'SECRET_KEY'", "akosha.env"), ("akosha.nothing", 'akosha has no "nothing"'),
    ("akosha.retry.fixd", 'did you mean "fixed"?'),
)

HEAD = """
    local function list(each) local t = {}; for one in each do t[#t + 1] = one end; return table.concat(t, ' ') end
    local function sorted(t, before) table.sort(t, before); return table.concat(t, ' ') end
    local function keys(t) local k = {}; for key in pairs(t) do k[#k + 1] = tostring(key) end; return table.concat(k, ' ') end
    local function between(low, high, value) return value >= low and value <= high end
    local function values(...)
      local t = table.pack(...)
      for i = 1, t.n do t[i] = tostring(t[i]) end
      return table.concat(t, ' ')
    end
"""


class Language(steering.Case):
    def setUp(self):
        self.someone = self.person()
        self.source = self.someone.source("notes.txt", data.random_bytes, 10)

    def told(self, lines, code=1):
        """Values of expressions, ten to a record."""
        body = [HEAD]
        for i in range(0, len(lines), 10):
            body.append(f"    tell('{i}', " + ",\n      ".join(lines[i:i + 10]) + ")\n    ctx:sleep(0)\n")
        targets = {"here": sync.builder("dir", path=str(self.someone.folder / "disk")),
                   "there": sync.builder("dir", path=str(self.someone.folder / "other"))}
        return [value for one in self.steer(self.someone, "".join(body), targets, [self.source], code) for value in one[1:]]

    def test_expressions_give_what_the_manual_says(self):
        told = self.told([f"values({text})" for text, _ in VALUES])
        self.assertEqual(dict(zip((text for text, _ in VALUES), told, strict=True)), dict(VALUES))

    def test_what_is_wrong_is_an_error(self):
        told = self.told([f"failed(function() return {text} end)" for text, _ in REFUSED])
        for (text, words), message in zip(REFUSED, told, strict=True):
            with self.subTest(text=text):
                self.assertIn(words or "no error", message)

    def test_a_table_that_changes_while_it_is_walked(self):
        told = self.told(["""(function()
            local t, seen = {}, {}
            for i = 1, 200 do t['k' .. i] = i end
            for key in pairs(t) do seen[#seen + 1] = key; t[key] = nil end
            return #seen .. ' ' .. tostring(next(t))
          end)()""", """(function()
            local t, count, key = {}, 0, nil
            for i = 1, 100 do t['k' .. i] = i end
            repeat
              key = next(t, key)
              if key then count = count + 1; if count % 3 == 0 then t[key] = nil end end
            until not key
            return count
          end)()""", """(function()
            local tables, order = {}, {}
            for i = 1, 3 do tables[i] = {} end
            local t = { [tables[3]] = 3, [tables[1]] = 1, [tables[2]] = 2 }
            for _, value in pairs(t) do order[#order + 1] = value end
            return table.concat(order, ' ')
          end)()""", """(function()
            local a, b, count = {}, {}, 0
            for i = 1, 40 do a['k' .. i], b['k' .. i] = i, i end
            local x, y = next(a), next(b)
            while x and y do count = count + (x == y and 1 or 0); x, y = next(a, x), next(b, y) end
            return count
          end)()""", """(function()
            local t = {}
            for i = 1, 3000 do t[i] = (i * 7919) % 3001 end
            table.sort(t)
            for i = 2, #t do if t[i - 1] > t[i] then return 'not sorted' end end
            return #t
          end)()""", """(function()
            local t = { 5, 4, 3, 2, 1 }
            local ok = pcall(table.sort, t, function(a, b) if b == 3 then error 'stop' end; return a < b end)
            return tostring(ok) .. ' ' .. table.concat(t, ' ')
          end)()"""])
        self.assertEqual(told, ["200 nil", 100, "1 2 3", 40, 3000, "false 5 4 3 2 1"])

    def test_what_would_never_end_is_ended(self):
        # Not by time: a machine may be busy.
        patient, ended = ("--limit", "time=60s"), "it takes more than 1000000 instructions"
        targets = {"here": sync.builder("dir", path=str(self.someone.folder / "disk"))}
        for body, words in (("string.find(('a'):rep(40), ('a?'):rep(40) .. ('a'):rep(40) .. 'b')", ended),
                            ("while pcall(error) == false do end", ended),
                            ("local t = {} for i = 1, 400000 do t['k' .. i % 100] = i end", ended),
                            ("local function f() return f() + 1 end; f()", "it calls too deep"),
                            ("local t = {} for i = 1, 50001 do t[i] = i end; table.sort(t)", "at most 50000 entries")):
            with self.subTest(body=body):
                self.steer(self.someone, body, targets, [self.source], 3, patient)
                self.assertIn(words, self.result.report["error"]["message"])
                self.assertEqual(len(self.someone.queue()), 1)
        self.steer(self.someone, "local function f() return f() + 1 end; f()", targets, [self.source], 3, patient,
                   limits="{ memory = 2 * akosha.MiB }")
        self.assertIn("it needs more than 2 MiB of memory", self.result.report["error"]["message"])
