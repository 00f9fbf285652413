-- Writes all that a policy does which shows whatever could differ between two runs. The test of
-- determinism runs it in processes of its own and compares its beginning with answers.txt, so that
-- every compiler's build is held to the same text.
local host = require "host"

local policy, message = host.load { seed = 7, text = [[
local akosha = require "akosha"

local function walk(value, depth, seen)
  if type(value) ~= "table" or depth == 0 or seen[value] then return tostring(value) end
  seen[value] = true
  local parts = {}
  for key, inner in pairs(value) do
    parts[#parts + 1] = tostring(key) .. "=" .. walk(inner, depth - 1, seen)
  end
  return tostring(value) .. "{" .. table.concat(parts, " ") .. "}"
end

-- Orders what it compares as it goes, so that a quicksort does badly (McIlroy 1999).
local function adversary(n)
  local value, solid, candidate, asked, list = {}, 0, nil, 0, {}
  for i = 1, n do value[i], list[i] = math.huge, i end
  table.sort(list, function(x, y)
    asked = asked + 1
    if value[x] == math.huge and value[y] == math.huge then
      solid = solid + 1
      if x == candidate then value[x] = solid else value[y] = solid end
    end
    if value[x] == math.huge then candidate = x elseif value[y] == math.huge then candidate = y end
    return value[x] < value[y]
  end)
  return asked .. " " .. table.concat(list, " ", 1, 12)
end

local objects, names = {}, {}
for i = 1, 12 do
  objects[i] = i % 3 == 0 and {} or i % 3 == 1 and function() return i end
    or coroutine.wrap(function() return i end)
  names[objects[i] ] = "object " .. i
  names["name " .. i] = objects[i]
  names[i / 2] = i
end
for key, value in pairs(names) do print(key, value) end
for key in next, names do names[key] = nil print(next(names)) end
print(adversary(1000))
print(math.random(), math.random(1000), math.random(1 << 60))
print(pcall(error, objects[3]))
print(select(2, pcall(function() return objects[3] < objects[6] end)))
print(string.format("%s %p %5.2f %q", objects[3], objects[4], 0.1, 1 / 3))

return akosha.policy { api = 1, targets = { d = akosha.dir { path = "/x" },
    c = akosha.s3 { bucket = "memories" }, b = akosha.http { url = "https://h/" } },
  route = function(source, targets)
    local route = {}
    for name, target in pairs(targets) do
      if type(name) == "string" and target.healthy then route[#route + 1] = name end
    end
    if math.random() < 0.5 then route[1], route[2] = route[2], route[1] end
    return route
  end,
  retry = function(failure)
    print(walk(failure, 2, {}))
    local schedule = akosha.retry.linear { first = 1, cap = 60, tries = 9 }
    print(schedule:decide(failure), schedule)
    return failure.attempt < 4 and akosha.wait(math.random(1, 30)) or schedule
  end,
  finished = function(report)
    print(walk(report, 4, {}))
    print "library"
    for _, library in pairs { _G, akosha } do
      for key, value in pairs(library) do print(key, walk(value, 2, {})) end
    end
  end }
]] }
assert(policy, message)
for _ = 1, 8 do
  print("route", table.concat(policy:route({}, {}), " "))
end
for attempt = 1, 6 do
  print("retry", policy:retry { attempt = attempt, failure = "server" })
end
policy:finished { outcome = "stored", files = { { name = "a", bytes = 1 }, { name = "b" } } }
for _, line in ipairs(host.lines()) do
  print(line)
end
return 0
