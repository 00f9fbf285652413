-- A database and its log in a world: one copy of two objects.
local lu, sim = require "luaunit", require "akosha.testing"
local DUCKDB = require "tests.script.duckdb"

TestLog = {}

local function world(more)
  return sim.world { small = true, policy_text = [[
    local akosha = require "akosha"
    return akosha.policy { api = 1, sources = { "a.duckdb" },
      targets = { cloud = akosha.s3 { bucket = "memories", endpoint = "https://s3.example.org" } },
      compress = "none", ]] .. (more or "") .. [[ route = { "cloud" } } ]],
    files = { ["a.duckdb"] = DUCKDB .. ("m"):rep(20000), ["a.duckdb.wal"] = "log" } }
end

-- Of the only file: outcome, key of the main object, that of the log, and what was sent.
local function told(report)
  local file = report.files[1]
  return file.outcome, file.key, file.wal and file.wal.key, table.concat(report.files_uploaded, " ")
end

function TestLog:test_only_what_has_grown_is_sent()
  local w = world()
  local outcome, key, log, sent = told(w:run())
  lu.assertEquals({ outcome, sent }, { "stored", "a.duckdb a.duckdb.wal" })
  w:advance(10)
  lu.assertEquals(told(w:run()), "unchanged")
  w:put_file("a.duckdb.wal", "log and more")
  local again, same, other, only = told(w:run())
  lu.assertEquals({ again, same, only }, { "stored", key, "a.duckdb.wal" })
  lu.assertNotEquals(other, log)
end

function TestLog:test_a_log_that_is_gone_counts()
  local w = world()
  local _, key = told(w:run())
  w:advance(10)
  w:remove_file "a.duckdb.wal"
  local outcome, same, log, sent = told(w:run())
  lu.assertEquals({ outcome, same, log, sent }, { "stored", key, nil, "" })
  w:advance(10)
  lu.assertEquals(told(w:run()), "unchanged")
  w:put_file("a.duckdb.wal", "")
  lu.assertEquals(told(w:run()), "unchanged")
end

function TestLog:test_a_main_file_of_the_same_size_is_sent_where_its_bytes_differ()
  local w = world()
  local _, key = told(w:run())
  w:advance(10)
  w:put_file("a.duckdb", DUCKDB .. ("n"):rep(20000))
  w:put_file("a.duckdb.wal", "longer than it was")
  local outcome, other, _, sent = told(w:run())
  lu.assertEquals({ outcome, sent }, { "stored", "a.duckdb a.duckdb.wal" })
  lu.assertNotEquals(other, key)
end

function TestLog:test_bytes_of_before_under_new_stamps_are_unchanged()
  local w = world()
  told(w:run())
  w:advance(10)
  w:put_file("a.duckdb.wal", "log")
  lu.assertEquals(told(w:run()), "unchanged")
  w:advance(10)
  w:put_file("a.duckdb.wal", "gol")
  lu.assertEquals(select(4, told(w:run())), "a.duckdb.wal")
end

function TestLog:test_everything_is_sent_where_the_policy_says_so()
  local w = world "dedup = 'always',"
  told(w:run())
  w:advance(10)
  w:put_file("a.duckdb.wal", "log and more")
  lu.assertEquals(select(4, told(w:run())), "a.duckdb a.duckdb.wal")
end

function TestLog:test_one_object_that_fails_leaves_neither()
  local w = world()
  -- The main object comes in parts.
  w.target.cloud:on("put"):reply { status = 403 }
  local report = w:run()
  lu.assertEquals(report.outcome, "queued")
  lu.assertNil(report.files[1].key)
  w:clear_plan()
  lu.assertEquals(told(w:run()), "stored")
end

return lu.LuaUnit.run()
