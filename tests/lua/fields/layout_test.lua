-- Where uploads lie in a target, and whether folders have markers.
local lu, sim = require "luaunit", require "akosha.testing"

TestLayout = {}

local TARGETS = {
  s3 = "akosha.s3 { bucket = 'memories', %s }",
  http = "akosha.http { url = 'https://put.example.org/up', %s }",
  dir = "akosha.dir { path = '~/backup', %s }",
}
local FOLDERS = { akosha = "^systems/[^/]+/[^/]+/", original = "^systems/[^/]+/uploads/[^/]+/" }

local function policy(target, fields)
  return [[
    local akosha = require "akosha"
    return akosha.policy { api = 1, sources = { "a.bin" }, system_id = "box",
      targets = { it = ]] .. TARGETS[target]:format(fields) .. " } }"
end

local function world(target, fields)
  return sim.world { small = true, seed = 1, files = { ["a.bin"] = sim.bytes(22 * sim.KiB) },
    policy_text = policy(target, fields) }
end

local function keys(w)
  local found = {}
  for key in pairs(w:objects "it") do found[#found + 1] = key end
  table.sort(found)
  return found
end

local function stored(w)
  local report = w:run()
  lu.assertEquals(report.outcome, "stored", table.concat(w:log(), "\n"))
  return report
end

-- The markers, without what stands before their last two folders.
local function markers(w)
  local found = {}
  for _, key in ipairs(keys(w)) do
    if key:sub(-1) == "/" then found[#found + 1] = key:gsub("%d+T%d+Z%-%x+", "ID") end
  end
  return found
end

function TestLayout:test_goes_there_and_comes_back_from_there()
  for target in pairs(TARGETS) do
    for layout, folder in pairs(FOLDERS) do
      local w = world(target, ("layout = '%s'"):format(layout))
      local report = stored(w)
      lu.assertStrMatches(report.files[1].key, folder .. "[^/]+$")
      lu.assertEquals(w:manifest "it".objects[1].key, report.files[1].key)
      -- Nothing of it lies in the other layout.
      for _, key in ipairs(keys(w)) do
        lu.assertEquals(key:find "/uploads/" ~= nil, layout == "original" and key ~= "systems/box/",
          key)
      end
      lu.assertEquals(w:run().outcome, "unchanged")
      lu.assertEquals(w:restore({ to = "~/back" }).exit_code, 0)
      lu.assertEquals(w:file "back/a.bin", w:file "a.bin")
      lu.assertEquals(w:verify().exit_code, 0)
    end
  end
end

function TestLayout:test_what_is_believed_of_one_layout_is_not_of_the_other()
  for target in pairs(TARGETS) do
    local w = world(target, "")
    stored(w)
    w:put_file("policy.lua", policy(target, "layout = 'original'"))
    lu.assertStrMatches(stored(w).files[1].key, FOLDERS.original .. "[^/]+$")
    lu.assertEquals(#w:manifests "it", 2)
    w:put_file("policy.lua", policy(target, ""))
    lu.assertEquals(w:run().outcome, "unchanged")
  end
end

function TestLayout:test_markers_are_put_or_not()
  local w = world("s3", "")
  stored(w)
  lu.assertEquals(markers(w), { "systems/box/", "systems/box/ID/" })
  w = world("s3", "layout = 'original'")
  stored(w)
  lu.assertEquals(markers(w), { "systems/box/", "systems/box/uploads/ID/" })
  for layout in pairs(FOLDERS) do
    w = world("s3", ("markers = false, layout = '%s'"):format(layout))
    stored(w)
    lu.assertEquals(markers(w), {})
    lu.assertEquals(w:run().outcome, "unchanged")
    lu.assertEquals(w:restore({ to = "~/back" }).exit_code, 0)
    lu.assertEquals(w:file "back/a.bin", w:file "a.bin")
  end
end

function TestLayout:test_bad_days()
  for _, target in ipairs { "s3", "dir" } do
    sim.forall { seeds = 60, small = true, faults = sim.any, runs = 3,
      files = { ["a.bin"] = sim.bytes(22 * sim.KiB) },
      policy_text = policy(target, "layout = 'original'" ..
        (target == "s3" and ", markers = false" or "")) }
  end
end

return lu.LuaUnit.run()
