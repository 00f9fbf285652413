-- Each policy of docs/cookbook.md, as it stands, in a world: it does what the page says.
local lu, sim = require "luaunit", require "akosha.testing"

TestCookbook = {}

local KiB = sim.KiB

-- The listings by the names of their files.
local recipes, paragraph, listing = {}, "", nil
for line in io.lines "docs/cookbook.md" do
  if line == "```lua" then
    listing = {}
  elseif line == "```" then
    recipes[paragraph:match ".*`([%w_]+)%.lua`"] = table.concat(listing, "\n") .. "\n"
    listing, paragraph = nil, ""
  elseif listing then
    listing[#listing + 1] = line
  else
    paragraph = paragraph .. line
  end
end

local function world(name, options)
  options = options or {}
  options.policy_text, options.small = recipes[name], true
  options.files = options.files or { ["~/notes.db"] = sim.bytes(20 * KiB) }
  return sim.world(options)
end

-- Where each source is, by its name.
local function places(report)
  local found = {}
  for _, file in ipairs(report.files) do
    found[file.name] = table.concat(file.targets, " ")
  end
  return found
end

function TestCookbook:test_second_disk()
  local w = world("second_disk", { files = { ["~/notes.db"] = "notes", ["~/graph.db"] = "graph" } })
  w.target.cloud:on "any":fail "offline":until_time(60)
  lu.assertEquals(places(w:run()), { ["notes.db"] = "disk", ["graph.db"] = "disk" })
  w:advance(sim.hour)
  lu.assertEquals(places(w:run()), { ["notes.db"] = "cloud", ["graph.db"] = "cloud" })
end

function TestCookbook:test_patience()
  local w = world "patience"
  w.target.cloud:on("part", 2):reply { status = 503, code = "SlowDown" }:times(8)
  lu.assertEquals(w:run().target, "cloud")
  w = world "patience"
  w.target.cloud:on("part", 2):reply { status = 500 }
  lu.assertEquals(w:run().target, "http")
  lu.assertEquals(w:story "decisions", { "  0.0  cloud  part 2  server -> wait 1.0",
                                         "  1.0  cloud  part 2  server -> next_target" })
end

function TestCookbook:test_large()
  local report = world("large", { files = { ["~/notes.db"] = sim.bytes(20 * KiB),
                                            ["~/archive.db"] = sim.bytes(1025 * KiB) } }):run()
  lu.assertEquals(places(report), { ["notes.db"] = "cloud", ["archive.db"] = "disk" })
  report = world("large", { files = { ["~/notes.db"] = sim.bytes(20 * KiB),
                                      ["~/archive.db"] = sim.bytes(1024 * KiB) } }):run()
  lu.assertEquals(places(report)["archive.db"], "cloud")
end

function TestCookbook:test_at_rest()
  local w = world "at_rest"
  w:edit_file("~/notes.db", sim.bytes(20 * KiB, 2))
  w:advance(59)
  lu.assertEquals(w:run().files[1].outcome, "skipped")
  lu.assertEquals(w:objects "cloud", {})
  w:advance(2)
  lu.assertEquals(w:run().outcome, "stored")
end

function TestCookbook:test_weekly()
  local w = world "weekly"
  lu.assertEquals(w:run().outcome, "stored")
  w:advance(6 * sim.day)
  lu.assertEquals(w:run().outcome, "unchanged")
  w:advance(2 * sim.day)
  lu.assertEquals(w:run().outcome, "stored")
end

function TestCookbook:test_compress()
  -- It shrinks to a fifth or so: worth the work, and no more than a person's notes do.
  local words = {}
  for i = 1, 2000 do
    words[i] = ("what I remember of day %d; "):format(i * 7919 % 10007)
  end
  local files = { ["~/notes.db"] = table.concat(words) }
  local w = world("compress", { files = files })
  lu.assertEquals(w:run().files[1].codec, "zstd")
  lu.assertEquals(w:story "decisions", { "  0.0  cloud  compress  zstd" })
  w = world("compress", { files = files })
  w.target.cloud:on "any":fail "offline"
  local file = w:run().files[1]
  lu.assertEquals({ file.targets, file.codec }, { { "disk" }, "none" })
end

function TestCookbook:test_two_clouds()
  local w = world "two_clouds"
  lu.assertEquals(w:run().target, "home")
  w = world "two_clouds"
  w.target.home:on "any":fail "offline":until_time(60)
  lu.assertEquals(w:run().target, "away")
  w:advance(sim.day)
  w:edit_file("~/notes.db", sim.bytes(20 * KiB, 2))
  lu.assertEquals(w:run().target, "away")
end

function TestCookbook:test_two_places()
  local files = { ["~/notes.db"] = "notes", ["~/archive.db"] = "archive" }
  local w = world("two_places", { files = files })
  lu.assertEquals(places(w:run()), { ["notes.db"] = "cloud disk", ["archive.db"] = "disk" })
  w = world("two_places", { files = files })
  w.target.cloud:on "any":fail "offline":until_time(60)
  local report = w:run()
  lu.assertEquals(places(report), { ["notes.db"] = "disk", ["archive.db"] = "disk" })
  lu.assertEquals({ report.exit_code, report.files[1].pending }, { 1, { "cloud" } })
  w:advance(sim.hour)
  lu.assertEquals(w:run().exit_code, 0)
end

function TestCookbook:test_two_minutes()
  local w = world "two_minutes"
  w.target.cloud:on("part", 2):reply { status = 500 }
  local report = w:run()
  lu.assertEquals(report.target, "http")
  lu.assertTrue(report.duration_s <= 121, report.duration_s)
  lu.assertTrue(#w:story "decisions" > 3)
end

function TestCookbook:test_tell()
  local w = world "tell"
  lu.assertEquals(w:run().outcome, "stored")
  lu.assertStrContains(table.concat(w:log(), "\n"), "policy: stored: ")
  w = world "tell"
  w.target.cloud:on "any":reply { status = 403, code = "AccessDenied" }
  w:run()
  lu.assertStrContains(table.concat(w:log(), "\n"), "policy: notes.db: forbidden")
end

function TestCookbook:test_member()
  local w = world("member", { modules = { team = recipes.team }, env = { USER = "ada" } })
  lu.assertEquals(w:run().outcome, "stored")
  lu.assertStrContains(table.concat(w:log(), "\n"), "team-memories-ada.s3.")
end

function TestCookbook:test_graph_first()
  local w = world("graph_first", { files = { ["~/notes.db"] = "notes", ["~/graph.db"] = "graph" } })
  lu.assertEquals(places(w:run()), { ["notes.db"] = "cloud", ["graph.db"] = "cloud" })
  lu.assertEquals(#w:manifests "cloud", 2)
  lu.assertTrue(w:now() >= 60)
end

function TestCookbook:test_every_recipe_has_a_test_and_every_test_a_recipe()
  local tested, there = { team = true }, {}
  for name in pairs(TestCookbook) do
    tested[name:match "^test_(.*)$"] = true
  end
  tested.every_recipe_has_a_test_and_every_test_a_recipe = nil
  for name in pairs(recipes) do
    there[name] = true
  end
  lu.assertEquals(tested, there)
end

return lu.LuaUnit.run()
