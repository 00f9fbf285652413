-- docs/policy.md begins with the smallest policy and grows it, step by step: each step, put into
-- the policy of before, loads and brings the source home.
local lu, sim = require "luaunit", require "akosha.testing"

TestGuide = {}

-- The listings of the page's first section.
local listings, listing = {}, nil
for line in io.lines "docs/policy.md" do
  if line:find "^## The fields" then
    break
  elseif line == "```lua" then
    listing = {}
  elseif listing and line == "```" then
    listings[#listings + 1], listing = table.concat(listing, "\n"), nil
  elseif listing then
    listing[#listing + 1] = line
  end
end

-- The fields of a listing: { name = "its text" }, in their order of appearance.
local function fields(text)
  local found, name = {}, nil
  for line in (text .. "\n"):gmatch "(.-)\n" do
    local begins = line:match "^  ([%a_]+) = "
    if begins then
      name = begins
      found[name] = ""
    end
    if name and line ~= "}" then
      found[name] = found[name] .. line .. "\n"
    end
  end
  return found
end

function TestGuide:test_each_step_loads_and_stores()
  local policy, steps = {}, 0
  for _, text in ipairs(listings) do
    for name, field in pairs(fields(text)) do
      policy[name] = field
    end
    local whole = { 'local akosha = require "akosha"\nreturn akosha.policy {\n' }
    for _, name in ipairs { "api", "sources", "targets", "route", "retry", "throttle" } do
      whole[#whole + 1] = policy[name] or ""
    end
    local world = sim.world { small = true, policy_text = table.concat(whole) .. "}\n" }
    local report = world:run()
    lu.assertEquals(report.outcome, "stored", text)
    steps = steps + 1
  end
  lu.assertEquals(steps, 7)
end

function TestGuide:test_the_smallest_is_whole()
  local world = sim.world { small = true, policy_text = listings[1] .. "\n" }
  lu.assertEquals(world:run().target, "folder")
end

-- What is said of the last steps is so.
function TestGuide:test_a_mirror_has_two_copies_and_a_throttled_cloud_is_waited_for()
  local head = listings[1]:gsub("  targets = .-\n", "")
  local function made(...)
    return (head:gsub("\n}$", "\n" .. table.concat({ ... }, "\n") .. "\n}\n"))
  end
  local world = sim.world { small = true, policy_text = made(listings[2]:gsub("  route = .*", ""),
    listings[3]) }
  lu.assertEquals(world:run().files[1].targets, { "cloud", "http" })
  world = sim.world { small = true, policy_text = made(listings[2], listings[6]) }
  world.target.cloud:on "put":reply { status = 503, code = "SlowDown" }:times(4)
  lu.assertEquals(world:run().target, "cloud")
end

return lu.LuaUnit.run()
