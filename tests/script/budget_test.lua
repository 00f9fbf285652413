-- akosha.budget and the field `budget`: what they take and refuse.
local lu = require "luaunit"
local host = require "host"

TestBudget = {}

local function load(budget)
  return host.load { text = ([[
local akosha = require "akosha"
return akosha.policy { api = 1, targets = { cloud = akosha.s3 { bucket = "memories" },
    web = akosha.http { url = "https://h" }, disk = akosha.dir { path = "/x" } },
  budget = %s }]]):format(budget) }
end

local function settings(budget)
  local loaded, message = load(budget)
  return (lu.assertNotNil(loaded, message) or loaded):settings()
end

function TestBudget:test_one_of_all_together()
  local found = settings "akosha.budget { bytes = 2 * akosha.GiB, tries = 100 }"
  lu.assertEquals(found.budget, { per = "day", bytes = 2 << 30, tries = 100 })
  lu.assertNil(found.targets[1].budget)
  found = settings "akosha.budget { tries = 1, per = 'month' }"
  lu.assertEquals(found.budget, { per = "month", bytes = -1, tries = 1 })
  lu.assertNil(settings("nil").budget)
end

function TestBudget:test_one_of_each()
  local found = settings "{ cloud = akosha.budget { bytes = 5, per = 'hour' } }"
  lu.assertNil(found.budget)
  lu.assertEquals(found.targets[1].budget, { per = "hour", bytes = 5, tries = -1 })
  lu.assertNil(found.targets[2].budget)
end

function TestBudget:test_nonsense_is_refused()
  for budget, expected in pairs {
    ["akosha.budget {}"] = "akosha.budget: neither bytes nor tries: it bounds nothing",
    ["akosha.budget()"] = "akosha.budget: expected a table",
    ["akosha.budget { byte = 1 }"] = 'akosha.budget: unknown field "byte"; did you mean "bytes"?',
    ["akosha.budget { bytes = 0 }"] = "akosha.budget: bytes: expected a whole number of bytes",
    ["akosha.budget { bytes = -1 }"] = "got number -1",
    ["akosha.budget { bytes = 0/0 }"] = "akosha.budget: bytes: ",
    ["akosha.budget { bytes = math.huge }"] = "akosha.budget: bytes: ",
    ["akosha.budget { bytes = 2^60 }"] = "akosha.budget: bytes: ",
    ["akosha.budget { bytes = '2 GiB' }"] = 'akosha.budget: bytes: ',
    ["akosha.budget { tries = 1.5 }"] = "akosha.budget: tries: ",
    ["akosha.budget { tries = 1000001 }"] = "from 1 to 1000000",
    ["akosha.budget { tries = 1, per = 'week' }"] =
      'akosha.budget: per: expected "hour", "day" or "month", got string "week"',
    ["{ clod = akosha.budget { tries = 1 } }"] =
      'akosha.policy: budget: there is no target "clod"; did you mean "cloud"?',
    ["{ disk = akosha.budget { tries = 1 } }"] =
      "akosha.policy: budget: disk is a folder, and what goes there is not counted",
    ["{ cloud = 5 }"] = "budget: cloud: expected akosha.budget { ... }, got number 5",
    ["{ akosha.budget { tries = 1 } }"] = "akosha.policy: budget: ",
    ["5"] = "akosha.policy: budget: expected akosha.budget { ... } or a table of those by target",
    ["function() end"] = "akosha.policy: budget: expected akosha.budget { ... } or a table",
  } do
    local loaded, message = load(budget)
    lu.assertNil(loaded, budget)
    lu.assertStrContains(message, expected)
  end
end

return lu.LuaUnit.run()
