-- What `memories` may be, and what is said of what it may not.
local lu, sim = require "luaunit", require "akosha.testing"

TestMemories = {}

local T = '{ table = "t", id = "i", text = "x" }'
local U = '{ table = "u", id = "i", text = "x", at = "a" }'

local function run(memories)
  return sim.world { small = true, seed = 1, files = { ["a.db"] = "text" }, policy_text = [[
    local akosha = require "akosha"
    return akosha.policy { api = 1, sources = { "a.db" }, route = "cloud",
      targets = { cloud = akosha.s3 { bucket = "memories" } },
      memories = ]] .. memories .. " }" }:run()
end

function TestMemories:test_a_mode_a_mapping_or_a_list_of_them()
  for _, memories in ipairs { '"new"', '"all"', '"none"', '{ mode = "all" }', T,
    "{ " .. T .. ", " .. U .. " }", '{ mode = "all", tables = { ' .. T .. " } }" } do
    local report = run(memories)
    lu.assertEquals(report.outcome, "stored")
    lu.assertNil(report.targets[1].memories_file)
  end
end
