-- What lua/akosha/types.lua says of ctx and of what it gives is what there is, and the other way
-- round.
local lu, sim = require "luaunit", require "akosha.testing"

TestTaskTypes = {}

-- { methods of ctx, { class = { field = true } } }
local function annotated()
  local methods, classes, class = {}, {}, nil
  for line in io.lines "lua/akosha/types.lua" do
    local name = line:match "^%-%-%-@class akosha%.(%w+)"
    class = name and {} or class
    classes[name or ""] = class
    local field = line:match "^%-%-%-@field ([%w_]+)"
    if field and class then
      class[field] = true
    end
    methods[#methods + 1] = line:match "^function ctx:([%w_]+)%("
  end
  table.sort(methods)
  return methods, classes
end

local BODY = [[
local function tell(name, value, fields)
  local found = {}
  for field in fields:gmatch "%%S+" do
    if not pcall(function() return value[field] end) then found[#found + 1] = field end
  end
  ctx:log(name, table.concat(found, " "), pcall(function() return value.zzz end))
end
local names = {}
for name, value in pairs(ctx) do
  if type(value) == "function" then names[#names + 1] = name end
end
ctx:log(table.concat(names, " "))
ctx:log(type(ctx.state))
local snapshot = ctx:snapshot "a.db"
tell("Snapshot", snapshot, %q)
tell("Content", ctx:compress(snapshot, "zstd"), %q)
tell("Upload", ctx:open("cloud", snapshot), %q)
local failure = select(2, ctx:probe "http")
local fields = {}
for name in pairs(failure) do fields[#fields + 1] = name end
ctx:log(table.concat(fields, " "))
]]

local function words(set)
  local list = {}
  for name in pairs(set) do
    list[#list + 1] = name
  end
  table.sort(list)
  return table.concat(list, " ")
end

function TestTaskTypes:test_ctx_and_its_handles()
  local methods, classes = annotated()
  local world = sim.world { small = true, files = { ["~/a.db"] = "a" }, policy_text = ([[
    local akosha = require "akosha"
    return akosha.task { api = 1, sources = { "~/a.db" },
      targets = { cloud = akosha.s3 { bucket = "memories" },
                  http = akosha.http { url = "https://put.example.org/upload" } },
      run = function(ctx) ]] .. BODY:format(words(classes.Snapshot), words(classes.Content),
      words(classes.Upload)) .. " end }") }
  world.target.http:on "probe":reply { status = 503, retry_after = 3 }
  world:run()
  local lines = {}
  for _, line in ipairs(world:log()) do
    lines[#lines + 1] = line:match "^info: policy: (.*)$"
  end
  lu.assertEquals(lines[1], table.concat(methods, " "))
  lu.assertEquals({ lines[2], words(classes.Context) }, { "userdata", "state" })
  for i, class in ipairs { "Snapshot", "Content", "Upload" } do
    -- No field that is annotated is refused, and one that is not is.
    lu.assertStrContains(lines[i + 2], class .. "  false ")
  end
  -- Of a probe's failure there is all but the source.
  classes.TaskFailure.source = nil
  lu.assertEquals(lines[6], words(classes.TaskFailure))
end
