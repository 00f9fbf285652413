-- What the loader makes of `sources`, and what it refuses.
local lu = require "luaunit"
local host = require "host"

TestSources = {}

local function load(sources)
  return host.load { text = 'local akosha = require "akosha"\nreturn akosha.policy { api = 1,\n'
    .. "targets = { d = akosha.dir { path = '/x' } },\nsources = " .. sources .. " }" }
end

local function sources(text)
  local policy, message = load(text)
  return lu.assertNotNil(policy, message) or policy:settings().sources
end

function TestSources:test_text_with_wildcards_is_a_glob_and_other_text_a_path()
  lu.assertEquals(sources [[{ "~/a.db", "~/.claude/data/*.duckdb", "b?.db", "[cd].db" }]],
    { "~/a.db", { glob = "~/.claude/data/*.duckdb", priority = 0 },
      { glob = "b?.db", priority = 0 }, { glob = "[cd].db", priority = 0 } })
  lu.assertEquals(sources [[{ { path = "a*.db" }, { glob = "a*.db" } }]],
    { "a*.db", { glob = "a*.db", priority = 0 } })
end

function TestSources:test_a_table_says_more()
  lu.assertEquals(sources [[{ { path = "/a.bin", kind = "duckdb", priority = 5, name = "a-1.duckdb",
      codec = { codec = "zstd", level = 3, always = true } },
    { glob = "/b/*", kind = "file", codec = "none", priority = -1000 },
    { path = "/c", kind = "sqlite" },
  }]], { { path = "/a.bin", kind = "duckdb", priority = 5, name = "a-1.duckdb",
           codec = { codec = "zstd", level = 3, always = true } },
         { glob = "/b/*", kind = "file", priority = -1000,
           codec = { codec = "none", always = false } },
         { path = "/c", kind = "sqlite", priority = 0 } })
end

-- { sources, part of the message }
local REFUSED = {
  { "{ true }",
    'expected a path, a glob, or a table ({ path = "...", kind = "duckdb" }), got true' },
  { "{ {} }", "sources: no path, and no glob" },
  { "{ { path = '' } }", "sources: path: the string is empty" },
  { "{ { path = 5 } }", "sources: path: expected a string, got number 5" },
  { "{ { glob = {} } }", "sources: glob: expected a string, got a table" },
  { "{ { path = '/a', glob = '/*' } }", "path and glob: a source is one of them" },
  { "{ { glob = '/a' } }", "there is no '*', '?' or '[' in it" },
  { "{ '/a/**/b' }", '"**" is not known here' },
  { "{ '/a/[b' }", "'[' without its ']'" },
  { "{ '/a/*/' }", "it names folders" },
  { "{ '/*/*/*/*/*/*/*/*/*' }", "at most 8 of its folders" },
  { "{ ('x'):rep(4096) .. '*' }", "longer than 4095 bytes" },
  { "{ 'a\\n*' }", "control character" },
  { "{ { pth = '/a' } }", 'unknown field "pth"; did you mean "path"?' },
  { "{ { path = '/a', size = 1 } }", "known: path, glob, kind, codec, snapshot, priority, name" },
  { "{ setmetatable({ path = '/a' }, {}) }", "one with a metatable" },
  { "{ { '/a' } }", "expected names of fields as keys, got number 1" },
  { "{ { path = '/a', kind = 'duck' } }",
    'sources: kind: expected "file", "duckdb" or "sqlite", got string "duck"' },
  { "{ { path = '/a', codec = 'lz4' } }", 'sources: codec: expected "none", "gzip" or "zstd"' },
  { "{ { path = '/a', codec = 7 } }", "sources: codec: expected" },
  { "{ { path = '/a', codec = { codec = 'gzip', level = 10 } } }", "codec: level: expected" },
  { "{ { path = '/a', codec = function() end } }", "codec: expected" },
  { "{ { path = '/a', priority = 1001 } }",
    "sources: priority: expected a whole number from -1000 to 1000, got number 1001" },
  { "{ { path = '/a', priority = 0.5 } }", "got number 0.5" },
  { "{ { path = '/a', priority = 0/0 } }", "priority: expected" },
  { "{ { path = '/a', priority = 'high' } }", 'got string "high"' },
  { "{ { path = '/a', name = 'a b' } }", "sources: name: expected letters, digits" },
  { "{ { path = '/a', name = '../a' } }", "sources: name: expected" },
  { "{ { path = '/a', name = 'a..b' } }", "sources: name: expected" },
  { "{ { path = '/a', name = '.a' } }", "sources: name: expected" },
  { "{ { path = '/a', name = 'a.' } }", "sources: name: expected" },
  { "{ { path = '/a', name = 'a/b' } }", "sources: name: expected" },
  { "{ { path = '/a', name = ('n'):rep(201) } }", "longer than 200 bytes" },
  { "{ { path = '/a', name = 'manifest.json' } }",
    "stands beside the sources in a target already" },
  { "{ { glob = '/*', name = 'a' } }", "a glob may stand for several files" },
  { "{ { path = '/a', name = 'x.db' }, { path = '/b', name = 'x.db.zst' } }",
    'name: "x.db" and "x.db.zst" would be one object' },
  { "{ '/a', { path = '/a', priority = 1 } }", '"/a" is there twice' },
  { "{ '/a*', { glob = '/a*' } }", '"/a*" is there twice' },
}

function TestSources:test_what_makes_no_sense_is_refused_with_its_field()
  for _, case in ipairs(REFUSED) do
    local policy, message = load(case[1])
    lu.assertNil(policy, case[1])
    lu.assertStrContains(message, "/home/me/policy.lua:2: akosha.policy: sources: ")
    lu.assertStrContains(message, case[2])
  end
end

return lu.LuaUnit.run()
