-- Policies that are wrong, greedy or hostile: each ends in the way that stands beside it.
local lu = require "luaunit"
local host = require "host"

TestBadPolicies = {}

local AKOSHA = 'local akosha = require "akosha"\n'

-- A policy with these fields, beside a folder.
local function with(fields)
  return AKOSHA
      .. 'return akosha.policy { api = 1, targets = { disk = akosha.dir { path = "/x" } },\n'
      .. fields .. " }"
end

-- A policy with these targets.
local function to(targets)
  return AKOSHA .. "return akosha.policy { api = 1, targets = {\n" .. targets .. " } }"
end

-- { what it is, text, part of the message, status (default "policy"), part of the hint }
local CASES = {
  -- no policy at all
  { "an empty file", "",
      "the policy returns nothing: its last line is return akosha.policy { ... }" },
  { "a plain table", "return { api = 1 }", "returns a plain table: return akosha.policy { ... }" },
  { "a string", 'return "prod"', 'returns string "prod"' },
  { "a syntax error", "return {\n  x = = 1\n}",
      "/home/me/policy.lua:2: unexpected symbol near '='" },
  { "an unfinished string", "x = 'abc", ":1: unfinished string near" },
  { "bytecode", string.dump(function() end),
      ":1: this is compiled Lua (bytecode); a policy is given as source text" },
  { "bytecode behind a first line", "#!x\n\27Lua", ":2: unexpected symbol near '<\\27>'" },
  { "bytes", "\0\1\2\255", ":1: unexpected symbol" },
  { "a runtime error", "local x\nlocal y = x.z", ":2: attempt to index a nil value (local 'x')" },
  { "require forgotten", "return akosha.policy {}",
      ":1: attempt to index a nil value (global 'akosha')", "policy",
    'a policy begins with: local akosha = require "akosha"' },
  { "an error without a position", "error('no bucket today', 0)",
      "/home/me/policy.lua:1: no bucket today" },
  { "an error of two lines", "error('one\\ntwo')", ":1: one two" },
  { "a table as error", "error({})", ":1: an error was raised that is no message but a table" },
  { "nil as error", "error(nil)", ":1: an error was raised that is no message but a nil" },
  { "a function as error", "error(print)", "is no message but a function" },
  { "an error that cannot be described",
      "error(setmetatable({}, { __tostring = function() error 'again' end }))",
    ":1: again" },
  { "an error whose description is the same error",
      "local e = {} error(setmetatable(e, { __tostring = function() error(e) end }))",
    "C stack overflow" },
  { "an error whose text is no text",
      "error(setmetatable({}, { __tostring = function() return {} end }))",
    "'__tostring' must return a string" },

  -- fields
  { "no api", AKOSHA .. "return akosha.policy {}", ":2: akosha.policy: no api: say api = 1" },
  { "an api to come", AKOSHA .. "return akosha.policy { api = 2 }",
      "api 2 is not known to this program, which knows 1" },
  { "a text as api", AKOSHA .. 'return akosha.policy { api = "1" }',
      'api: expected 1, got string "1"' },
  { "no table", AKOSHA .. "return akosha.policy()",
      "akosha.policy: expected a table of fields, got nothing" },
  { "a list", AKOSHA .. "return akosha.policy { 1 }",
      "expected names of fields as keys, got number 1" },
  { "a field with a typo", with "retyr = 1",
      ':2: akosha.policy: unknown field "retyr"; did you mean "retry"?' },
  { "a field in capitals", with "Compress = 1",
      'unknown field "Compress"; did you mean "compress"?' },
  { "a field like no other", with "zzzzzz = 1",
      'unknown field "zzzzzz"; known: api, sources, targets, route,' },
  { "a field where there are none", with "retry = akosha.retry.none { zzzzzzzz = 1 }",
    'unknown field "zzzzzzzz": it takes none' },
  { "a field of a later version", with "schedule = {}", 'unknown field "schedule"' },
  { "a metatable", AKOSHA .. "return akosha.policy(setmetatable({}, {}))",
      "expected a plain table, got one with a metatable" },
  { "two policies", AKOSHA
      .. "local function p() return akosha.policy { api = 1, targets = { d = akosha.dir { path "
      .. "= '/x' } } } end\np() return p()",
    ":2: akosha.policy: called a second time" },
  { "part_size as text", with 'part_size = "5MB"',
      'part_size: expected a whole number of bytes from 5242880 to 5368709120, got string "5MB"' },
  { "part_size too large", with "part_size = 6 * akosha.GiB", "got number 6442450944" },
  { "an infinite part_size", with "part_size = 1/0",
      "part_size: expected a whole number of bytes" },
  { "a negative probe", with "probe = -1",
      "probe: expected seconds from 0.001 to 60, got number -1" },
  { "a system_id with blanks", with 'system_id = "my laptop"',
      'system_id: expected 1 to 84 letters, digits, \'_\' and \'-\', got string "my laptop"' },
  { "a system_id that is too long", with 'system_id = ("x"):rep(85)',
      "system_id: expected 1 to 84" },
  { "compress as number", with "compress = 3",
      'compress: expected "none", "gzip", "zstd", a table' },
  { "an unknown way with missing sources", with 'missing = "ignore"',
      'missing: expected "fail" or "skip", got string "ignore"' },
  { "an unknown codec", with 'compress = "lz4"',
      'expected "none", "gzip" or "zstd", got string "lz4"' },
  { "dedup as boolean", with "dedup = true",
      'dedup: expected "unchanged", "always", "never" or a function, got true' },
  { "retry as number", with "retry = 3",
      "retry: expected a schedule (akosha.retry.exponential { ... }) or a function, got number 3" },
  { "retry as decision", with "retry = akosha.give_up", "retry: expected a schedule" },
  { "finished as text", with 'finished = "done"', "finished: expected a function" },
  { "sources as text", with 'sources = "~/a.db"',
      'sources: expected a list of paths, got string "~/a.db"' },
  { "a source that is a number", with "sources = { 5 }",
      "sources: expected a path, a glob, or a table (" },
  { "an empty source", with 'sources = { "" }', "sources: the string is empty" },
  { "a source twice", with 'sources = { "/a", "/a" }', 'sources: "/a" is there twice' },
  { "sources with a gap", with 'sources = { "/a", nil, "/b" }', "without gaps" },
  { "a source with a line end", with 'sources = { "/a\\nb" }', "control character at byte 3" },
  { "too many sources",
      with("sources = (function() local t = {} for i = 1, 1001 do t[i] = '/' .. i end return t "
      .. "end)()"),
    "sources: at most 1000 entries, got 1001" },

  -- targets
  { "no targets", AKOSHA .. "return akosha.policy { api = 1 }", ":2: akosha.policy: no targets" },
  { "targets that are all off", to "cloud = false", "akosha.policy: no targets" },
  { "targets as a list", to "akosha.dir { path = '/x' }",
      "targets: expected names as keys (cloud = akosha.s3 { ... })" },
  { "a target that is a table", to 'cloud = { bucket = "memories" }',
      "targets: cloud: expected akosha.s3 { ... }, akosha.http { ... }" },
  { "a target with an odd name", to '["my cloud"] = akosha.dir { path = "/x" }',
      "targets: expected names of 1 to 63 letters" },
  { "too many targets", AKOSHA
      .. "local t = {} for i = 1, 17 do t['t' .. i] = akosha.dir { path = '/x' } end\nreturn "
      .. "akosha.policy { api = 1, targets = t }",
    "targets: at most 16" },
  { "no bucket", to "cloud = akosha.s3 { bucket = akosha.env 'AKOSHA_CLOUD_BUCKET' }",
      ":3: akosha.s3: no bucket", "policy",
    "not set in the environment: AKOSHA_CLOUD_BUCKET" },
  { "a bad bucket", to "cloud = akosha.s3 { bucket = 'My_Bucket' }",
      "akosha.s3: bucket: a bucket's name has lower-case letters" },
  { "a bucket that is a number", to "cloud = akosha.s3 { bucket = 5 }",
      "akosha.s3: bucket: expected a string, got number 5" },
  { "an unknown field of s3", to "cloud = akosha.s3 { bucket = 'memories', regoin = 'x' }",
      'akosha.s3: unknown field "regoin"; did you mean "region"?' },
  { "a bad endpoint", to "cloud = akosha.s3 { bucket = 'memories', endpoint = 's3.example.org' }",
      "akosha.s3: endpoint: " },
  { "plain http to a foreign host",
      to "cloud = akosha.s3 { bucket = 'memories', endpoint = 'http://s3.example.org' }",
      "akosha.s3: endpoint: " },
  { "an absolute prefix", to "cloud = akosha.s3 { bucket = 'memories', prefix = '/a' }",
      "akosha.s3: prefix: expected one without '/' in front" },
  { "a prefix that climbs", to "cloud = akosha.s3 { bucket = 'memories', prefix = 'a/../b' }",
      "akosha.s3: prefix: expected" },
  { "a prefix with blanks", to "cloud = akosha.s3 { bucket = 'memories', prefix = 'a b' }",
      "akosha.s3: prefix: expected letters, digits" },
  { "a region with a slash", to "cloud = akosha.s3 { bucket = 'memories', region = 'a/b' }",
      "akosha.s3: region: expected letters, digits" },
  { "path_style as text", to "cloud = akosha.s3 { bucket = 'memories', path_style = 'yes' }",
      "path_style: expected true or false" },
  { "an unknown payload", to "cloud = akosha.s3 { bucket = 'memories', payload = 'md5' }",
      'payload: expected "signed" or "crc64nvme"' },
  { "an unknown layout", to "cloud = akosha.s3 { bucket = 'memories', layout = 'flat' }",
      'akosha.s3: layout: expected "akosha" or "original"' },
  { "an unknown layout of a folder", to "here = akosha.dir { path = '~/b', layout = true }",
      'akosha.dir: layout: expected "akosha" or "original"' },
  { "markers that are no boolean", to "cloud = akosha.s3 { bucket = 'memories', markers = 1 }",
      "akosha.s3: markers: expected true or false, got number 1" },
  { "markers of a folder", to "here = akosha.dir { path = '~/b', markers = false }",
      'akosha.dir: unknown field "markers"' },
  { "credentials in the policy",
      to "cloud = akosha.s3 { bucket = 'memories', credentials = 'AKIAPLANTED:wJalrPLANTED' }",
    'credentials: expected "auto", "environment", "profile:NAME", "web_identity", ' ..
      '"container", "instance", "role" or "role:ARN", got another string' },
  { "a profile without a name",
      to "cloud = akosha.s3 { bucket = 'memories', credentials = 'profile:' }",
      "credentials: expected" },
  { "no url", to "up = akosha.http {}", ":3: akosha.http: no url" },
  { "a url with a password", to "up = akosha.http { url = 'https://me:PLANTED@host/' }",
      "akosha.http: url: " },
  { "a token that is written down", to "up = akosha.http { url = 'https://h', token = 'PLANTED' }",
      'akosha.http: token: expected akosha.secret "NAME", got a string' },
  { "a token for a bucket", to "c = akosha.s3 { bucket = 'abc', token = akosha.secret 'x' }",
      'akosha.s3: unknown field "token"' },
  { "a secret whose name is its value", AKOSHA .. "akosha.secret 'PLANTED/value+of='",
      "akosha.secret: a name has 1 to 63 letters, digits, '_' and '-'" },
  { "a secret without a name", AKOSHA .. "akosha.secret ''", "akosha.secret: a name has 1 to 63" },
  { "a secret whose name goes on behind a NUL", AKOSHA .. "akosha.secret 'a\\0b'",
      "akosha.secret: a name has 1 to 63" },
  { "a secret that is a number", AKOSHA .. "akosha.secret(1)",
      "akosha.secret: expected the name of a secret, got number 1" },
  { "a secret that is written to", AKOSHA .. "akosha.secret('x').value = 'y'",
      "attempt to index a akosha.secret value" },
  { "no path", to "d = akosha.dir { path = '' }", "akosha.dir: no path" },
  { "someone else's home", to "d = akosha.dir { path = '~you/x' }", 'only "~/" can begin with' },
  { "a builder that is not there", to "up = akosha.ftp { url = 'ftp://host' }",
      'akosha has no "ftp"' },
  { "a builder with a typo", to "up = akosha.htpp { url = 'https://host' }",
      'akosha has no "htpp"; did you mean "http"?' },

  -- routes
  { "a target twice in a route", with 'route = { "disk", "disk" }',
      'route: target "disk" is named twice' },
  { "a route to an unknown target", with 'route = { "disc" }',
      'route: there is no target "disc"; did you mean "disk"?' },
  { "an empty route", with "route = {}", "route: the list is empty" },
  { "a route of numbers", with "route = { 1 }", "route: expected names of targets, got number 1" },
  { "a route that is true", with "route = true",
      "route: expected names of targets or a function, got true" },

  -- schedules
  { "a schedule with a typo", with "retry = akosha.retry.exponential { frist = 1 }",
      ':3: akosha.retry.exponential: unknown field "frist"; did you mean "first"?' },
  { "a schedule that is not there", with "retry = akosha.retry.quadratic {}",
      'akosha.retry has no "quadratic"' },
  { "too many tries", with "retry = akosha.retry.fixed { tries = 101 }",
      "akosha.retry.fixed: tries: expected a whole number from 1 to 100, got number 101" },
  { "no try at all", with "retry = akosha.retry.fixed { tries = 0 }",
      "tries: expected a whole number from 1" },
  { "half a try", with "retry = akosha.retry.fixed { tries = 1.5 }",
      "tries: expected a whole number" },
  { "a factor that shrinks", with "retry = akosha.retry.exponential { factor = 0.5 }",
      "factor: expected a number from 1 to 100, got number 0.5" },
  { "a factor that is NaN", with "retry = akosha.retry.exponential { factor = 0/0 }",
      "factor: expected a number" },
  { "a cap below the first wait", with "retry = akosha.retry.exponential { first = 5, cap = 1 }",
      "akosha.retry.exponential: cap is below first" },
  { "an unknown jitter", with "retry = akosha.retry.fixed { jitter = 'some' }",
      'jitter: expected "none", "full" or "equal"' },
  { "a first wait as text", with "retry = akosha.retry.linear { first = '2' }",
      'akosha.retry.linear: first: expected seconds from 0 to 86400, got string "2"' },
  { "a jitter for decorrelated", with "retry = akosha.retry.decorrelated { jitter = 'full' }",
      ':3: akosha.retry.decorrelated: unknown field "jitter"' },
  { "a factor below 1", with "retry = akosha.retry.decorrelated { factor = 0.5 }",
      "akosha.retry.decorrelated: factor: expected a number from 1 to 100, got number 0.5" },
  { "a failure that there is not",
      with "retry = akosha.retry.by_failure { throtled = akosha.retry.none() }",
      ':3: akosha.retry.by_failure: unknown field "throtled"; did you mean "throttled"?' },
  { "a schedule for a failure that another try cannot mend",
      with "retry = akosha.retry.by_failure { forbidden = akosha.retry.none() }",
      'akosha.retry.by_failure: unknown field "forbidden"; known: offline, dns,' },
  { "a failure without a schedule", with "retry = akosha.retry.by_failure { server = 3 }",
      "akosha.retry.by_failure: server: expected a schedule (akosha.retry.exponential { ... }),"
          .. " got number 3" },
  { "by_failure in by_failure",
      with "retry = akosha.retry.by_failure { default = akosha.retry.by_failure {} }",
      "akosha.retry.by_failure: default: expected a schedule" },
  { "by_failure of nothing", with "retry = akosha.retry.by_failure()",
      "akosha.retry.by_failure: expected a table of fields, got nothing" },

  { "options for none", with "retry = akosha.retry.none { tries = 2 }",
      'akosha.retry.none: unknown field "tries"' },

  -- what is not there
  { "os", "os.exit(1)", ":1: attempt to index a nil value (global 'os')", "policy",
      "a policy has no 'os'" },
  { "io", "io.open('/etc/passwd')", "(global 'io')", "policy", "a policy has no 'io'" },
  { "debug", "debug.sethook()", "(global 'debug')", "policy", "a policy has no 'debug'" },
  { "package", "package.loadlib('x', 'y')", "(global 'package')", "policy",
      "a policy has no 'package'" },
  { "load", "load('x = 1')()", "(global 'load')", "policy", "a policy has no 'load'" },
  { "dofile", "dofile('/etc/passwd')", "(global 'dofile')", "policy", "a policy has no 'dofile'" },
  { "string.dump", "string.dump(print)", "(field 'dump')", "policy", "a policy has no 'dump'" },
  { "math.randomseed", "math.randomseed(1)", "(field 'randomseed')" },
  { "collectgarbage", "collectgarbage('count')", "(global 'collectgarbage')", "policy",
      "a policy has no 'collectgarbage'" },
  { "a module that is not there", "require 'socket'", 'require: there is no module "socket"' },
  { "a module out of the folder", "require '../secrets'", 'there is no module "../secrets"' },
  { "an absolute module", "require '/etc/passwd'", "there is no module" },
  { "a module of the engine's insides", "require 'akosha.core'",
      'there is no module "akosha.core"' },
  { "a module that is a number", "require(5)",
      "require: expected the name of a module, got number 5" },

  -- greed
  { "an endless loop", "while true do end",
      "/home/me/policy.lua:1: it takes more than 10000000 instructions", "limit" },
  { "an endless loop in pcall", "while true do pcall(function() while true do end end) end",
      "it takes more than", "limit" },
  { "an endless loop in xpcall's handler", "xpcall(error, function() while true do end end)",
      "it takes more than", "limit" },
  { "an endless loop in xpcall's handler after an endless loop",
      "xpcall(function() while true do end end, function() while true do end end)",
      "it takes more than", "limit" },
  { "an endless loop in a handler within a coroutine",
      "coroutine.wrap(function() xpcall(function() while true do end end, function() while true "
      .. "do end end) end)()", "it takes more than", "limit" },
  { "an endless loop in __close of a wrapped coroutine that is over its limit", [[
      coroutine.wrap(function()
        local x <close> = setmetatable({}, { __close = function() while true do end end })
        while true do end
      end)()]], "it takes more than", "limit" },
  { "an endless loop in __close of a coroutine that is over its limit", [[
      local co = coroutine.create(function()
        local x <close> = setmetatable({}, { __close = function() while true do end end })
        while true do end
      end)
      coroutine.resume(co)
      coroutine.close(co)]], "it takes more than", "limit" },
  { "an endless loop in __close after an error in a wrapped coroutine", [[
      coroutine.wrap(function()
        local x <close> = setmetatable({}, { __close = function() while true do end end })
        error "out"
      end)()]], "it takes more than", "limit" },
  { "an endless loop in __close of a for loop",
      "for _ in next, { 1 }, nil, setmetatable({}, { __close = function() while true do end end "
      .. "}) do end", "it takes more than", "limit" },
  { "an endless loop in a coroutine", "coroutine.wrap(function() while true do end end)()",
      "it takes more than", "limit" },
  { "an endless loop of coroutines", "while true do coroutine.wrap(function() end)() end",
      "it takes more than", "limit" },
  { "an endless loop of coroutines under pcall", [[
      local function spin()
        while true do
          pcall(coroutine.wrap(function() pcall(spin) while true do end end))
        end
      end
      spin()]], "it takes more than", "limit" },
  { "an endless loop in a metamethod",
      "return setmetatable({}, { __index = function() while true do end end }).x",
      "it takes more than", "limit" },
  { "an endless loop in a comparator", "table.sort({ 3, 2, 1 }, function() while true do end end)",
      "it takes more than", "limit" },
  { "an endless loop in gsub", "string.gsub('aaa', 'a', function() while true do end end)",
      "it takes more than", "limit" },
  { "an endless loop in __close",
      "do local x <close> = setmetatable({}, { __close = function() while true do end end }) end",
      "it takes more than", "limit" },
  { "an endless loop in a for iterator", "for _ in function() return 1 end do end",
      "it takes more than", "limit" },
  { "a limit that pcall swallows in the last instruction",
      "pcall(function() while true do end end)", "it takes more than", "limit" },
  { "a loop with goto", "::again:: goto again", "it takes more than", "limit" },
  { "a bomb of strings", "local s = 'x' while true do s = s .. s end",
      "/home/me/policy.lua: it makes a string of more than 4 MiB", "limit" },
  { "a bomb of tables", "local t = {} while true do t[#t + 1] = {} end", "MiB of memory", "limit" },
  { "a bomb of coroutines", "local t = {} while true do t[#t + 1] = coroutine.create(print) end",
      "more than 1024 coroutines at once", "limit" },
  { "a bomb of closures", "local t = {} while true do t = { function() return t end, t } end", "",
      "limit" },
  { "a bomb of strings under pcall",
      "while true do pcall(function() local s = 'x' while true do s = s .. s end end) end",
      "it makes a string of more than 4 MiB", "limit" },
  { "a bomb of tables under pcall",
      "while true do pcall(function() local t = {} while true do t = { t } end end) end",
      "it needs more than 32 MiB of memory", "limit" },
  { "string.rep", "return ('x'):rep(1 << 40)",
      "string.rep: the result would be longer than 1048576 bytes" },
  { "string.rep of nothing", "return (''):rep(1 << 40)", "string.rep: the result would be longer" },
  { "string.rep with a separator", "return (''):rep(1 << 19, 'xxx')",
      "string.rep: the result would be longer" },
  { "string.rep with a count that overflows", "return ('xx'):rep(math.maxinteger)",
      "string.rep: the result would be longer" },
  { "deep recursion", "local function f() return 1 + f() end return f()",
      "it calls too deep, or takes more than 65536 values at once", "limit" },
  { "deep recursion under pcall", "local function f() return pcall(f) end f()",
      "the policy returns nothing" },
  { "deep recursion of coroutines", "local function f() return coroutine.wrap(f)() end f()",
      "C stack overflow" },
  { "deep recursion of metamethods",
      "local t = {} setmetatable(t, { __index = function(_, k) return t[k + 1] end }) return t[1]",
      "stack overflow" },
  { "a sort of too many", "local t = {} for i = 1, 100001 do t[i] = i end table.sort(t)",
      "table.sort: at most 50000 entries" },
  { "a sort of an invented length",
      "table.sort(setmetatable({}, { __len = function() return 1 << 30 end }), rawequal)",
      "no table with a __len of its own" },
  { "an insert into an invented length",
      "table.insert(setmetatable({}, { __len = function() return 1 << 40 end }), 1, 1)",
      "no table with a __len of its own" },
  { "a move of nothing for ever", "table.move({}, 1, 1 << 40, 2)",
      "table.move: at most 50000 entries" },
  { "a move that overflows", "table.move({}, math.mininteger, math.maxinteger, 1)",
      "table.move: at most" },
  { "unpack of too many", "return table.unpack({}, 1, 1 << 30)",
      "table.unpack: at most 50000 entries" },
  { "a key that is no key", "next({}, 0/0)", "invalid key to 'next'" },
  { "next of nothing", "return next()",
      "bad argument #1 to 'next' (table expected, got no value)" },
  { "pairs of nothing", "for _ in pairs(nil) do end",
      "bad argument #1 to 'pairs' (table expected, got nil)" },
  { "pairs over a huge table, again and again", [[
      local t = {}
      for i = 1, 1e5 do t["k" .. i] = i end
      while true do for k in pairs(t) do break end end]],
    ":3: it takes more than 10000000 instructions", "limit" },
  { "pairs over a huge list, again and again", [[
      local t = {}
      for i = 1, 1e5 do t[i] = i end
      while true do for k in pairs(t) do break end end]],
    ":3: it takes more than 10000000 instructions", "limit" },
  { "next over a huge table, again and again", [[
      local t = {}
      for i = 1, 1e5 do t["k" .. i] = i end
      while true do next(t) end]],
    ":3: it takes more than 10000000 instructions", "limit" },
  { "next over many huge tables in turn", [[
      local t, key = {}, {}
      for n = 1, 9 do t[n] = {} for i = 1, 2e4 do t[n][i / 2] = i end end
      while true do for n = 1, 9 do key[n] = next(t[n], key[n]) end end]],
    ":3: it takes more than 10000000 instructions", "limit" },
  { "a walk over what was taken away", [[
      while true do
        local t = {}
        for i = 1, 1e4 do t["k" .. i] = i end
        local step = pairs(t)
        local key = step(t)
        for k in pairs(t) do t[k] = nil end
        step(t, key)
      end]], "it takes more than 10000000 instructions", "limit" },
  { "an endless loop under pcall in pairs", [[
      local t = setmetatable({}, { __pairs = function() while true do end end })
      while true do pcall(pairs, t) end]], "it takes more than", "limit" },
  { "an endless loop in what __pairs returns", [[
      local t = setmetatable({}, { __pairs = function() return function() return 1 end end })
      for k in pairs(t) do end]], "it takes more than", "limit" },
  { "__pairs without end", [[
      local t = setmetatable({}, { __pairs = function(t) return pairs(t) end })
      for k in pairs(t) do end]], "stack overflow" },
  { "__pairs that gives nothing",
      "for k in pairs(setmetatable({}, { __pairs = function() end })) do end",
    ":1: attempt to call a nil value" },
  { "__pairs that is no function", "for k in pairs(setmetatable({}, { __pairs = 5 })) do end",
      ":1: attempt to call a number value" },
  { "__pairs that raises",
      "for k in pairs(setmetatable({}, { __pairs = function() error 'no' end })) do end",
    ":1: no" },
  { "a table that grows while pairs walks it", [[
      local t = { 1 }
      for k in pairs(t) do t[k + 1] = 1 end
      for k in pairs(t) do t[k / 2] = 1 end]], "the policy returns nothing" },
  { "a table that grows while next walks it", [[
      local t = { 1 }
      for k in next, t do t[k + 1] = 1 end]], "the policy returns nothing" },
  { "a table that is emptied while it is walked", [[
      local t = {}
      for i = 1, 100 do t["k" .. i] = i end
      for k in pairs(t) do for other in next, t do t[other] = nil end end
      assert(next(t) == nil)]], "the policy returns nothing" },
  { "a comparator that changes the list", [[
      local t = { 5, 4, 3, 2, 1 }
      table.sort(t, function(a, b) for k in pairs(t) do t[k] = nil end return a < b end)]],
    "the policy returns nothing" },
  { "an endless loop in a comparator under pcall",
      "while true do pcall(table.sort, { 2, 1 }, function() while true do end end) end",
      "it takes more than", "limit" },
  { "two of Lua's own functions as keys", "for k in pairs { [type] = 1, [select] = 2 } do end",
      "a table with more than one of Lua's own functions as keys has no order" },
  { "the same for next", "next { [type] = 1, [select] = 2, [1] = 1 }", "has no order" },
  { "a text that is its own text", [[
      local t = setmetatable({}, { __tostring = function(t) return tostring(t) end })
      return tostring(t)]], "C stack overflow" },
  { "a text that is its own format", [[
      local t = setmetatable({}, { __tostring = function(t) return ("%s"):format(t) end })
      return tostring(t)]], "C stack overflow" },
  { "an endless loop in a text",
      "print(setmetatable({}, { __tostring = function() while true do end end }))",
      "it takes more than", "limit" },
  { "an endless loop in a text under pcall", [[
      local t = setmetatable({}, { __tostring = function() while true do end end })
      while true do pcall(string.format, "%s", t) end]], "it takes more than", "limit" },
  { "a text that is no text", "print(setmetatable({}, { __tostring = function() return {} end }))",
      "'__tostring' must return a string" },
  { "a format that is too long", "return ('%s'):rep(1 << 19):format(1)",
      "bad argument #2 to 'format' (no value)" },
  { "a weak table", "setmetatable({}, { __mode = 'k' })",
      "setmetatable: a metatable with __mode is not allowed" },
  { "a finalizer", "setmetatable({}, { __gc = function() while true do end end })",
      "setmetatable: a metatable with __gc is not allowed" },

  -- tampering
  { "a library function replaced", "string.format = print",
      ':1: this table cannot be written to (field string "format")' },
  { "a library function replaced raw", "rawset(string, 'format', print)", "cannot be written to" },
  { "akosha tampered with", AKOSHA .. "akosha.s3 = akosha.dir",
      'cannot be written to (field string "s3")' },
  { "units tampered with", "require('akosha.units').MiB = 1",
      'cannot be written to (field string "MiB")' },
  { "the metatable of strings", "getmetatable('').__index = {}",
      "attempt to index a boolean value" },
  { "the metatable of a library", "setmetatable(string, {})", "the metatable is protected" },
  { "the metatable of a decision", AKOSHA .. "getmetatable(akosha.give_up).__index = nil",
      "attempt to index a boolean value" },
  { "a decision written to", AKOSHA .. "akosha.give_up.kind = 'wait'",
      "attempt to index a akosha.decision value" },
}

-- What is wrong with how a case ended, or nil.
local function fault(case)
  local _, text, expected, status, hint = table.unpack(case)
  local policy, message, got_hint, got_status = host.load { text = text }
  if policy then
    return "it was loaded"
  elseif not message:find(expected, 1, true) then
    return "expected " .. expected .. ", got " .. message
  elseif got_status ~= (status or "policy") then
    return "expected " .. (status or "policy") .. ", got " .. got_status .. ": " .. message
  elseif hint and not got_hint:find(hint, 1, true) then
    return "expected the hint " .. hint .. ", got " .. got_hint
  elseif not message:find("/home/me/policy.lua", 1, true) then
    return "the file is not named: " .. message
  elseif (message .. got_hint):find "PLANTED" then
    return "a secret is repeated: " .. message
  elseif message:find "[\n\r]" then
    return "more than one line: " .. message
  end
end

function TestBadPolicies:test_each_ends_in_its_named_way()
  local faults = {}
  for _, case in ipairs(CASES) do
    local what = fault(case)
    faults[#faults + 1] = what and case[1] .. ": " .. what
  end
  lu.assertEquals(table.concat(faults, "\n"), "")
end

function TestBadPolicies:test_who_is_told_the_lines_does_not_loosen_the_limits()
  for _, case in ipairs(CASES) do
    local name, text, expected = table.unpack(case)
    if expected:find("it takes more than", 1, true) then
      local _, message, _, status = host.load { text = text, lines = true,
        limits = { load_instructions = 1000000 } }
      lu.assertStrContains(name .. ": " .. message, "it takes more than 1000000 instructions")
      lu.assertEquals(status, "limit")
    end
  end
end

function TestBadPolicies:test_a_module_that_requires_itself()
  local _, message = host.load { text = "require 'a'", modules = { a = "require 'b'",
      b = "require 'a'" } }
  lu.assertEquals(message,
      '/home/me/b.lua:1: require "a": it requires itself, or has failed before')
end

function TestBadPolicies:test_bytecode_in_a_module()
  local _, message = host.load { text = "require 'a'",
      modules = { a = string.dump(function() end) } }
  lu.assertStrContains(message, "/home/me/a.lua:1: this is compiled Lua")
end

local DECISION = AKOSHA .. [[
return akosha.policy { api = 1, targets = { disk = akosha.dir { path = "/x" } }, retry = function(f)
  %s
end }]]

function TestBadPolicies:test_greed_in_a_decision_meets_the_limits_of_decisions()
  for code, expected in pairs {
    ["while true do end"] = "/home/me/policy.lua:3: in retry: it takes more than 1000000 "
        .. "instructions",
    ["while true do pcall(function() while true do end end) end"] = "it takes more than 1000000 "
        .. "instructions",
    ["while true do coroutine.wrap(function() while true do end end)() end"] = "it takes more than",
    ["local t = {} while true do t = { t, t, t, t, t, t, t, t } end"] = "in retry: it ",
    ["local t = {} while true do t[#t + 1] = ('x'):rep(1 << 20) .. #t end"] = "in retry: it ",
  } do
    local p = host.load { text = DECISION:format(code) }
    local answer, message, hint, status = p:retry {}
    lu.assertFalse(answer, code)
    lu.assertStrContains(message, expected)
    lu.assertStrContains(hint, "asked about target cloud, part 2: throttled, attempt 1")
    lu.assertEquals(status, "limit")
  end
end

function TestBadPolicies:test_a_limit_that_is_caught_in_the_last_instruction_still_counts()
  -- Nothing of the policy runs after the pcall that could die of it.
  local p = host.load { text = (DECISION:gsub("retry",
      "finished")):format "return pcall(function() while true do end end)" }
  local answer, message, _, status = p:finished {}
  lu.assertFalse(answer)
  lu.assertStrContains(message, "in finished: it takes more than 1000000 instructions")
  lu.assertEquals(status, "limit")
end

function TestBadPolicies:test_time_is_limited_where_instructions_are_not_yet()
  local p = host.load { clock_step_ms = 100,
      text = DECISION:format "for i = 1, 1e5 do local _ = ('x'):upper() end" }
  local answer, message, _, status = p:retry {}
  lu.assertFalse(answer)
  lu.assertEquals(message, "/home/me/policy.lua:3: in retry: it runs for more than 1000 ms")
  lu.assertEquals(status, "limit")
  _, message, _, status = host.load { clock_step_ms = 1000, text = "while true do end" }
  lu.assertEquals(message, "/home/me/policy.lua:1: it runs for more than 5000 ms")
  lu.assertEquals(status, "limit")
end

function TestBadPolicies:test_limits_can_be_set()
  local _, message = host.load { limits = { load_instructions = 100000 },
      text = "while true do end" }
  lu.assertStrContains(message, "it takes more than 100000 instructions")
  _, message = host.load { limits = { memory_bytes = 1 << 20 },
      text = "local s = 'x' while true do s = s .. s end" }
  lu.assertStrContains(message, "it needs more than 1 MiB of memory")
end

function TestBadPolicies:test_coroutines_are_charged_for_themselves()
  -- Each of these loops would be nearly free if only a coroutine's own instructions counted.
  local _, message = host.load { limits = { load_instructions = 100000 },
    text = "for i = 1, 1000 do coroutine.wrap(function() end)() end" }
  lu.assertStrContains(message or "", "it takes more than 100000 instructions")
end

return lu.LuaUnit.run()
