-- What `dedup` does with sources that a target has had before.
local lu, sim = require "luaunit", require "akosha.testing"

TestDedup = {}

local function world(dedup)
  return sim.world { small = true, seed = 1, files = { ["a.db"] = "first" }, policy_text = [[
    local akosha = require "akosha"
    return akosha.policy { api = 1, sources = { "a.db" }, route = "cloud",
      targets = { cloud = akosha.s3 { bucket = "memories" } }, dedup = ]] .. dedup .. " }" }
end

local function outcome(w)
  return w:run().files[1].outcome
end

function TestDedup:test_never_sends_what_the_target_has_any_copy_of()
  local w = world '"never"'
  lu.assertEquals(outcome(w), "stored")
  lu.assertEquals(outcome(w), "unchanged")
  w:put_file("a.db", "second")
  local report = w:run()
  lu.assertEquals(report.files[1].outcome, "skipped")
  lu.assertEquals(report.files[1].reason, "the policy skips it")
  lu.assertEquals(report.exit_code, 0)
  lu.assertEquals(#w:manifests "cloud", 1)
  lu.assertEquals(w:queue(), {})
end

function TestDedup:test_the_others_send_what_has_changed()
  for _, dedup in ipairs { '"unchanged"', '"always"' } do
    local w = world(dedup)
    lu.assertEquals(outcome(w), "stored")
    w:put_file("a.db", "second")
    lu.assertEquals(outcome(w), "stored")
    lu.assertEquals(outcome(w), dedup == '"always"' and "stored" or "unchanged")
  end
end

-- An older copy counts only while it is there.
function TestDedup:test_never_looks_again_for_what_it_has_not_seen_for_a_week()
  local w = world '"never"'
  lu.assertEquals(outcome(w), "stored")
  w:put_file("a.db", "second")
  w:advance(8 * sim.day)
  local before = #w:story "requests"
  lu.assertEquals(outcome(w), "skipped")
  lu.assertTrue(#w:story "requests" > before)
  w:advance(8 * sim.day)
  w.target.cloud:on "get":reply { status = 404, code = "NoSuchKey" }
  w.target.cloud:on("look"):reply { status = 404 }:maybe()
  lu.assertEquals(outcome(w), "stored")
end

function TestDedup:test_facts_tell_what_is_known()
  local w = world [[function(f)
    print(f.unchanged, f.changed, f.stored and "stored" or nil)
  end]]
  lu.assertEquals(outcome(w), "stored")
  w:run()
  w:put_file("a.db", "second")
  w:run()
  local lines = {}
  for _, line in ipairs(w:log()) do
    lines[#lines + 1] = line:match "policy: (.*)$"
  end
  lu.assertEquals(lines, { "false nil nil", "true 0 stored", "false nil stored" })
end

return lu.LuaUnit.run()
