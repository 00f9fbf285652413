-- What a property finds, and what it says.
local lu, sim = require "luaunit", require "akosha.testing"

TestForall = {}

local function keeps_trying(world, report)
  lu.assertNotEquals(report.outcome, "failed", "it gave up")
end

function TestForall:test_finds()
  sim.forall { seeds = 1000, first_seed = 1, policy = "tests/lua/testing/policies/gives_up.lua",
    faults = { rules_max = 6, transient = true }, files = { ["a.bin"] = sim.bytes(20 * sim.KiB) },
    runs = 1,
    check = function(world, report)
      for _, d in ipairs(report.decisions or {}) do
        lu.assertNotEquals(d.answer, "give_up")
      end
    end }
end
