-- What lua/akosha/types.lua tells an editor of a report is what reports have, and the other way
-- round.
local lu, sim = require "luaunit", require "akosha.testing"

TestReport = {}

local POLICY = [[
local akosha = require "akosha"
return akosha.policy { api = 1, sources = { "a.bin", "b.bin" },
  targets = { cloud = akosha.s3 { bucket = "memories" },
              http = akosha.http { url = "https://put.example.org/upload" } },
  budget = { cloud = akosha.budget { bytes = akosha.GiB, tries = 100 } },
  dedup = function() return "upload" end,
  retry = require "rules" }
]]
local RULES = [[return function(failure)
  return failure.attempt == 1 and require "akosha".retry.exponential() or nil
end]]
-- Where more was decided, or asked, than a report keeps.
local RECIPIENT = "age19ljhmg68e43yx9fgm2k9lwefquc0la5y4lzvlshdjzv47kxt8d6qr9vf4p"
local RARE = { ["akosha.Report.decisions_dropped"] = true, ["akosha.Report.asked_dropped"] = true }

-- Of rows, which simulated databases have none: tests/real compares those with their schema.
local OF_ROWS = { ["akosha.ReportMemories"] = true, ["akosha.ReportMemoriesFile"] = true,
                  ["akosha.ReportMemoriesError"] = true,
                  ["akosha.ReportTarget.memories"] = true,
                  ["akosha.ReportTarget.memories_file"] = true }

local file = assert(io.open "lua/akosha/types.lua")
local said = require "tests.script.annotations" (file:read "a")
file:close()

local function type_of(value)
  local kind = math.type(value) or type(value)
  return kind == "float" and "number" or kind
end

-- Notes in ${met} each field that a table of this class has; fails for one that is not annotated.
local function compare(class, value, met)
  for name, inner in pairs(value) do
    local path = class .. "." .. name
    local field = lu.assertNotNil(said.classes[class][name], path) or said.classes[class][name]
    met[path] = true
    if field.list then
      for _, entry in ipairs(inner) do
        if said.classes[field.type] then
          compare(field.type, entry, met)
        else
          lu.assertEquals(type_of(entry), field.type, path)
        end
      end
    elseif said.classes[field.type] then
      compare(field.type, inner, met)
    else
      lu.assertEquals(type_of(inner), said.aliases[field.type] and "string" or field.type, path)
    end
  end
  for name, field in pairs(said.classes[class]) do
    lu.assertTrue(field.optional or value[name] ~= nil, class .. "." .. name)
  end
end

function TestReport:test_every_field_is_annotated_and_every_annotation_is_a_field()
  local met = {}
  local world = sim.world { small = true, policy_text = POLICY,
                            modules = { rules = RULES },
                            files = { ["a.bin"] = sim.bytes(20 * sim.KiB), ["b.bin"] = "b" } }
  world.target.cloud:on("part", 2):reply { status = 503 }:once()
  compare("akosha.Report", world:run { dry_run = true }, met)
  compare("akosha.Report", world:run(), met)
  world = sim.world { small = true, policy_text = POLICY,
                            modules = { rules = RULES },
                      files = { ["a.bin"] = sim.bytes(20 * sim.KiB), ["b.bin"] = false } }
  world.target.cloud:on "any":fail "dns"
  world.target.http:on "any":reply { status = 403 }
  compare("akosha.Report", world:run(), met)
  world = sim.world { small = true, policy_text = POLICY:gsub("retry =",
    'route = akosha.route.all { "cloud", "http" }, encrypt = akosha.age { recipients = { "' ..
    RECIPIENT .. '" } }, retry ='),
                      modules = { rules = RULES },
                      files = { ["a.bin"] = require "tests.script.duckdb", ["b.bin"] = "b",
                                ["a.bin.wal"] = "changes" } }
  world.target.http:on "any":fail "offline"
  compare("akosha.Report", world:run(), met)
  local missing = {}
  for class, fields in pairs(said.classes) do
    for name in pairs(class:find "^akosha%.Report" and fields or {}) do
      local path = class .. "." .. name
      local elsewhere = RARE[path] or OF_ROWS[class] or OF_ROWS[path]
      missing[#missing + 1] = not met[path] and not elsewhere and path or nil
    end
  end
  lu.assertEquals(missing, {})
end

return lu.LuaUnit.run()
