-- What becomes of `sources` in a world: globs, and what a table says of a source.
local lu, sim = require "luaunit", require "akosha.testing"

TestSources = {}

-- A policy with a folder and, first, a cloud.
local function policy(sources, more)
  return 'local akosha = require "akosha"\nreturn akosha.policy { api = 1, sources = ' .. sources
    .. [[, targets = { cloud = akosha.s3 { bucket = "memories" },
      disk = akosha.dir { path = "/disk" } },
    ]] .. (more or 'route = { "cloud", "disk" }') .. " }"
end

local function world(sources, files, more)
  return sim.world { small = true, seed = 1, policy_text = policy(sources, more), files = files }
end

-- "a.db stored, b.db skipped", in the order of the report.
local function told(report)
  local list = {}
  for i, file in ipairs(report.files) do
    list[i] = file.source:gsub("^/home/person/", "") .. " " .. file.outcome
  end
  return table.concat(list, ", ")
end

local function reason(report, n)
  return report.files[n].reason
end

local DATA = "{ '~/data/*.duckdb' }"

function TestSources:test_a_glob_is_the_files_that_are_there_when_it_runs()
  local w = world(DATA, { ["~/data/b.duckdb"] = "b", ["~/data/a.duckdb"] = "a",
    ["~/data/.c.duckdb"] = "c", ["~/data/a.duckdb.wal"] = "", ["~/data/deep/d.duckdb"] = "d",
    ["~/data/e.txt"] = "e" })
  lu.assertEquals(told(w:run()), "data/a.duckdb stored, data/b.duckdb stored")
  w:put_file("~/data/new.duckdb", "n")
  w:remove_file "~/data/a.duckdb"
  lu.assertEquals(told(w:run()), "data/b.duckdb unchanged, data/new.duckdb stored")
end

function TestSources:test_names_with_blanks_line_ends_and_other_bytes()
  local w = world("{ '~/data/*' }", { ["~/data/a b.db"] = "1", ["~/data/c\nd.db"] = "2",
                                      ["~/data/\xff.db"] = "3" })
  local report = w:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertEquals(report.exit_code, 0)
  lu.assertEquals({ report.files[1].name, report.files[2].name, report.files[3].name },
    { "a-b.db", "c-d.db", "-.db" })
  w.target.cloud:on "any":reply { status = 403 }:until_time(600)
  w.disk:on("make_folder", "/disk"):fail "forbidden":until_time(600)
  w:edit_file("~/data/c\nd.db", "4")
  w:edit_file("~/data/\xff.db", "5")
  lu.assertEquals(w:run().outcome, "queued")
  lu.assertEquals(#w:queue()[1].sources, 2)
  w:advance(sim.day)
  lu.assertEquals(w:run().exit_code, 0)
  lu.assertEquals(w:queue(), {})
end

-- A glob without files is no failure as long as there is anything.
function TestSources:test_a_glob_that_finds_nothing_is_told_and_skipped()
  local w = world("{ '~/none/*.db', '~/data/*.duckdb', 'x.db' }", { ["x.db"] = "x" })
  local report = w:run()
  lu.assertEquals(told(report),
    "none/*.db skipped, data/*.duckdb skipped, x.db stored")
  lu.assertEquals(reason(report, 1), "no file matches")
  lu.assertEquals(report.exit_code, 0)
  lu.assertEquals(report.target, "cloud")
end

function TestSources:test_nothing_at_all_is_a_failure_and_is_not_queued()
  for _, missing in ipairs { "", "missing = 'skip'" } do
    local w = world(DATA, {}, missing)
    local report = w:run()
    lu.assertEquals(told(report), "data/*.duckdb failed")
    lu.assertEquals(report.outcome, "failed")
    lu.assertEquals(report.exit_code, 4)
    lu.assertEquals(report.error.failure, "source_missing")
    lu.assertEquals(report.error.message, "source /home/person/data/*.duckdb: no file matches")
    lu.assertEquals(w:queue(), {})
    lu.assertEquals(w:story "requests", {})
  end
end

function TestSources:test_a_path_that_is_missing_is_a_failure_beside_a_glob_that_finds_some()
  local files = { ["~/data/a.duckdb"] = "a", ["x.db"] = false }
  local report = world("{ '~/data/*.duckdb', 'x.db' }", files):run()
  lu.assertEquals(told(report), "data/a.duckdb stored, x.db queued")
  lu.assertEquals(report.exit_code, 4)
  report = world("{ '~/data/*.duckdb', 'x.db' }", files, "missing = 'skip'"):run()
  lu.assertEquals(told(report), "data/a.duckdb stored, x.db skipped")
  lu.assertEquals(report.exit_code, 0)
end

-- It is told, hides nothing else, and no job is made of what nobody knows.
function TestSources:test_a_folder_that_cannot_be_listed()
  local w = world("{ '~/data/*.duckdb', 'x.db' }", { ["~/data/a.duckdb"] = "a", ["x.db"] = "x" })
  w.disk:on("list", "data"):fail "forbidden"
  local report = w:run()
  lu.assertEquals(told(report), "data/*.duckdb failed, x.db stored")
  lu.assertEquals(reason(report, 1), "source_unreadable")
  lu.assertEquals(report.exit_code, 4)
  lu.assertEquals(report.outcome, "partial")
  lu.assertEquals(w:queue(), {})
  w:clear_plan()
  lu.assertEquals(told(w:run()), "data/a.duckdb stored, x.db unchanged")
end

function TestSources:test_a_file_that_several_name_is_sent_once_as_its_path_says()
  local files = { ["~/data/a.duckdb"] = "a", ["~/data/b.duckdb"] = "b" }
  local report = world([[{ "~/data/*.duckdb", { glob = "~/*/a.*", kind = "sqlite" },
    { path = "~/data/b.duckdb", kind = "sqlite" } }]], files):run()
  lu.assertEquals(told(report), "data/a.duckdb stored, data/b.duckdb stored")
  lu.assertEquals({ report.files[1].kind, report.files[2].kind }, { "file", "sqlite" })
end

function TestSources:test_what_is_more_urgent_is_sent_first()
  local w = world([[{ "a.db", { path = "b.db", priority = -1 }, { glob = "~/data/*", priority = 2 },
    { path = "c.db", priority = 2 }, { path = "d.db", priority = 3 } }]],
    { ["~/data/y"] = "y", ["~/data/x"] = "x" })
  -- They are sent side by side, but read one after the other.
  local opened = {}
  w.disk:on "open":maybe():fail "state":when(function(step)
    local path = step.subject:match "^/home/person/([^.]*[%l.]+)$"
    if path ~= opened[#opened] then
      opened[#opened + 1] = path
    end
    return false
  end)
  lu.assertEquals(told(w:run()), "d.db stored, data/x stored, data/y stored, c.db stored,"
    .. " a.db stored, b.db stored")
  lu.assertEquals(table.concat(opened, " ", #opened - 5), "d.db data/x data/y c.db a.db b.db")
end

function TestSources:test_a_kind_that_is_given_counts_for_more_than_the_bytes()
  local w = world([[{ { path = "a.bin", kind = "duckdb" }, { path = "b.db", kind = "file" } }]],
    { ["a.bin"] = "not really", ["b.db"] = "SQLite format 3\0and more",
      ["~/a.bin.wal"] = "changes", ["~/b.db-wal"] = "changes" })
  local report = w:run()
  lu.assertEquals({ report.files[1].kind, report.files[2].kind }, { "duckdb", "file" })
  -- A database with a WAL is busy, a file is a file.
  lu.assertEquals(told(report), "a.bin queued, b.db stored")
  lu.assertEquals(reason(report, 1), "source_busy")
end

function TestSources:test_a_codec_of_its_own_counts_for_more_than_that_of_all()
  local text = ("to be compressed "):rep(2000)
  local files = { ["a"] = text, ["b"] = text, ["c"] = text }
  local sources = [[{ { path = "a", codec = "none" }, { path = "b", codec = { codec = "gzip",
    level = 9 } }, "c" }]]
  local function codecs(more)
    local list = {}
    for i, file in ipairs(world(sources, files, more):run().files) do
      list[i] = file.codec
    end
    return table.concat(list, " ")
  end
  lu.assertEquals(codecs "compress = 'zstd'", "none gzip zstd")
  lu.assertEquals(codecs "compress = 'none'", "none gzip none")
  -- A function that answers has the last word; its nil means the source's own.
  lu.assertEquals(codecs [[compress = function(f)
    if f.source.name == "a" then return "zstd" end end]], "zstd gzip zstd")
end

function TestSources:test_a_name_of_its_own_is_that_in_the_target()
  local w = world([[{ { path = "a.db", name = "main.db" }, "main.db" }]],
    { ["a.db"] = "a", ["main.db"] = "m" })
  local report = w:run()
  lu.assertEquals(report.files[1].name, "main.db")
  lu.assertStrMatches(report.files[2].name, "main%-%x+%.db")
  lu.assertStrMatches(report.files[1].key, ".*/main%.db")
  lu.assertEquals(w:object("cloud", report.files[1].key), "a")
end

-- What is queued is taken up with what the policy said of it, by a run about something else.
function TestSources:test_a_job_that_is_taken_up_keeps_what_the_policy_said()
  local text = ("to be compressed "):rep(2000)
  local w = world([[{ { glob = "~/data/*", kind = "sqlite", codec = "gzip" },
    { path = "x.bin", name = "other.bin", priority = 1 } }]],
    { ["~/data/a"] = text, ["x.bin"] = text, ["y.bin"] = "y" })
  w.target.cloud:on "any":fail "offline":until_time(600)
  w.disk:on("make_folder", "/disk"):fail "forbidden":until_time(600)
  lu.assertEquals(told(w:run()), "x.bin queued, data/a queued")
  lu.assertEquals(w:queue()[1].sources, { "/home/person/x.bin", "/home/person/data/a" })
  w:advance(sim.day)
  lu.assertEquals(w:run { sources = { "/home/person/y.bin" } }.exit_code, 0)
  lu.assertEquals(w:queue(), {})
  local objects = {}
  for _, manifest in ipairs(w:manifests "cloud") do
    for _, object in ipairs(manifest.objects) do
      objects[object.source_name] = object.name .. " " .. object.kind .. " " .. object.codec
    end
  end
  lu.assertEquals(objects, { ["/home/person/x.bin"] = "other.bin file zstd",
    ["/home/person/data/a"] = "a sqlite gzip", ["/home/person/y.bin"] = "y.bin file none" })
end

function TestSources:test_a_file_that_is_named_on_the_command_line_is_as_the_policy_says()
  local w = world([[{ { glob = "*.bin", kind = "sqlite" } }]], { ["~/a.bin"] = "a" })
  local report = w:run { sources = { "/home/person/a.bin" } }
  lu.assertEquals(report.files[1].kind, "sqlite")
end

function TestSources:test_a_dry_run_tells_the_files()
  local w = world(DATA, { ["~/data/a.duckdb"] = "a" })
  lu.assertEquals(told(w:run { dry_run = true }), "data/a.duckdb skipped")
end

function TestSources:test_loses_nothing_on_bad_days()
  sim.forall { seeds = 10, faults = { rules_max = 4, crashes = true, disk = true },
    policy_text = policy "{ { glob = '~/data/*.db', priority = 1 }, 'x.db' }",
    files = { ["~/data/a.db"] = sim.bytes(20 * sim.KiB),
              ["~/data/b.db"] = sim.bytes(3 * sim.KiB) } }
end

return lu.LuaUnit.run()
