-- The first task of docs/tasks.md, as it stands: what a page begins with is what people keep.
local lu, sim = require "luaunit", require "akosha.testing"

TestTasksPage = {}

local task = nil
for line in io.lines "docs/tasks.md" do
  if line == "```lua" then
    task = ""
  elseif line == "```" then
    break
  elseif task then
    task = task .. line .. "\n"
  end
end

local function world()
  return sim.world { policy_text = task, small = true,
                     files = { ["~/notes.db"] = sim.bytes(20 * sim.KiB) } }
end

function TestTasksPage:test_stores_and_then_has_nothing_to_do()
  local w = world()
  lu.assertEquals({ w:run().outcome, w:run().outcome }, { "stored", "unchanged" })
  w:advance(8 * sim.day)
  local report = w:run()
  lu.assertEquals({ report.outcome, report.exit_code }, { "unchanged", 0 })
end

function TestTasksPage:test_a_dry_run_comes_to_its_end()
  local w = world()
  local report = w:run { dry_run = true }
  lu.assertEquals({ report.exit_code, report.error }, { 0, nil })
  lu.assertEquals(w:objects "cloud", {})
end

function TestTasksPage:test_what_is_not_committed_is_told()
  local w = world()
  w.target.cloud:on "manifest":reply { status = 403, code = "AccessDenied" }
  local report = w:run()
  lu.assertEquals({ report.exit_code, report.files[1].outcome }, { 3, "queued" })
  lu.assertStrContains(report.error.message, "AccessDenied")
end

return lu.LuaUnit.run()
