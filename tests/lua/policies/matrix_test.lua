-- The built-in policy in every configuration that its variables can give it, against targets of
-- every kind that answer, refuse, or say nothing. What has to come out is worked out here, from
-- what the settings are said to mean, and not asked of the program.
local lu, sim = require "luaunit", require "akosha.testing"

TestMatrix = {}

local BUDDY = "SESSION_BUDDY_AKOSHA_"
local STATES = { "unset", "answers", "refuses", "silent" }
local FOLDERS = { "unset", "answers", "refuses" }
local METHODS = { auto = { "cloud", "akosha", "http", "local" }, cloud = { "cloud" },
                  http = { "akosha", "http" } }
local METHOD = { cloud = "cloud", http = "http", ["local"] = "local" }
-- Of the failures that can come of it here; the folder cannot be one.
local EXIT = { refused = 1, connect_timeout = 1, timeout = 1, stalled = 1, offline = 1,
               settings = 3 }
local TEXT = ("the same again and again "):rep(100)
-- A folder below something that is a file takes nothing.
local FOLDER = { answers = "/mnt/b", refuses = "/mnt/file/b" }

-- What has to be: { error = true }, or { target =, codec =, again = }, or { queued = true }.
local function oracle(cell)
  local states = { cloud = cell.cloud, akosha = cell.akosha or "unset", http = cell.http,
                   ["local"] = cell.folder }
  local set = {}
  for name, state in pairs(states) do
    set[#set + 1] = state ~= "unset" and name or nil
  end
  if #set == 0 then
    states["local"] = "answers"
  end
  local route = {}
  for _, name in ipairs(METHODS[cell.method]) do
    if states[name] ~= "unset" then
      route[#route + 1] = name
    end
  end
  if #route == 0 then
    return { error = true }
  elseif not cell.fallback then
    route = { route[1] }
  end
  -- The source has no rows: Akosha, however well it is, does not take it.
  for _, name in ipairs(route) do
    if states[name] == "answers" and name ~= "akosha" then
      return { target = name, codec = cell.compress and "zstd" or "none",
               again = cell.dedup and "unchanged" or "stored" }
    end
  end
  return { queued = true }
end

local function yes(value)
  return value and "true" or "false"
end

local function make(cell, expected)
  local world = sim.world {
    small = true,
    files = { ["reflection.duckdb"] = TEXT, ["knowledge_graph.duckdb"] = false,
              ["/mnt/file"] = "no folder" },
    env = {
      AKOSHA_CLOUD_BUCKET = cell.cloud ~= "unset" and "memories",
      AKOSHA_HTTP_URL = cell.http ~= "unset" and "https://akosha.example/upload",
      AKOSHA_DIR = FOLDER[cell.folder] or false,
      AKOSHA_MCP_URL = (cell.akosha or "unset") ~= "unset" and "https://akosha.example/mcp",
      [BUDDY .. "ENABLE_FALLBACK"] = yes(cell.fallback), [BUDDY .. "FORCE_METHOD"] = cell.method,
      [BUDDY .. "ENABLE_COMPRESSION"] = yes(cell.compress),
      [BUDDY .. "ENABLE_DEDUPLICATION"] = yes(cell.dedup),
    },
  }
  -- A policy that does not load has no targets that anything could go wrong with.
  for _, name in ipairs(expected.error and {} or { "cloud", "akosha", "http" }) do
    if cell[name] == "refuses" then
      world.target[name]:on "any":fail "refused":maybe()
    elseif cell[name] == "silent" then
      world.target[name]:on "any":silent():maybe()
    end
  end
  return world
end

-- How many objects, manifests and markers left out, each target holds.
local function objects(world, cell)
  local counts = {}
  for name, state in pairs { cloud = cell.cloud, http = cell.http } do
    counts[name] = 0
    for key in pairs(state ~= "unset" and world:objects(name) or {}) do
      counts[name] = counts[name] + (key:find "reflection" and 1 or 0)
    end
  end
  return counts
end

local function check(cell, expected)
  local world = make(cell, expected)
  local report = world:run()
  if expected.error then
    lu.assertEquals({ report.outcome, report.exit_code }, { "failed", 3 })
    lu.assertEquals(report.error.failure, "settings")
    lu.assertStrContains(report.error.message, "FORCE_METHOD")
    return
  end
  if expected.queued then
    lu.assertEquals({ report.outcome, report.method, report.success }, { "queued", "none", false })
    lu.assertEquals(report.exit_code, lu.assertNotNil(EXIT[report.error.failure],
      report.error.failure) or EXIT[report.error.failure])
    lu.assertEquals(#world:queue(), 1)
    lu.assertEquals(objects(world, cell), { cloud = 0, http = 0 })
    return
  end
  lu.assertEquals({ report.outcome, report.target, report.method, report.exit_code },
    { "stored", expected.target, METHOD[expected.target], 0 })
  lu.assertEquals(report.files[1].codec, expected.codec)
  lu.assertEquals(report.files[1].key:match "%.zst$" ~= nil, expected.codec == "zstd")
  lu.assertEquals(#world:queue(), 0)
  world:advance(60)
  report = world:run()
  lu.assertEquals({ report.outcome, report.target }, { expected.again, expected.target })
  -- Nothing is anywhere else; and what was not to be sent again was not.
  local counts = { cloud = 0, http = 0 }
  if expected.target ~= "local" then
    counts[expected.target] = expected.again == "stored" and 2 or 1
  end
  lu.assertEquals(objects(world, cell), counts)
end

local function check_cell(cell)
  local ok, message = xpcall(check, function(e)
    return type(e) == "table" and e.msg or tostring(e)
  end, cell, oracle(cell))
  lu.assertTrue(ok, ("cloud %s, akosha %s, http %s, folder %s, method %s, fallback %s, "
    .. "compress %s, dedup %s: %s"):format(cell.cloud, cell.akosha, cell.http, cell.folder,
      cell.method, cell.fallback, cell.compress, cell.dedup, message))
end

-- All that can be set beside the states of both.
local function check_all(cloud, http)
  for _, folder in ipairs(FOLDERS) do
    for _, method in ipairs { "auto", "cloud", "http" } do
      for bits = 0, 7 do
        local cell = { cloud = cloud, http = http, folder = folder, method = method,
                       fallback = bits & 1 == 0, compress = bits & 2 == 0, dedup = bits & 4 == 0 }
        check_cell(cell)
      end
    end
  end
end

for _, cloud in ipairs(STATES) do
  for _, http in ipairs(STATES) do
    TestMatrix[("test_cloud_%s_http_%s"):format(cloud, http)] = function()
      check_all(cloud, http)
    end
  end
end

-- Akosha's own endpoint is one more in the order: what is behind it still has its turn.
for _, akosha in ipairs { "answers", "refuses", "silent" } do
  TestMatrix["test_akosha_" .. akosha] = function()
    for _, cloud in ipairs(FOLDERS) do
      for _, http in ipairs(FOLDERS) do
        for _, method in ipairs { "auto", "cloud", "http" } do
          check_cell { cloud = cloud, akosha = akosha, http = http, folder = "unset",
                       method = method, fallback = method == "auto", compress = true, dedup = true }
          check_cell { cloud = cloud, akosha = akosha, http = http, folder = "answers",
                       method = method, fallback = http == "unset", compress = true, dedup = true }
        end
      end
    end
  end
end

function TestMatrix:test_is_as_large_as_it_says()
  lu.assertEquals(#STATES * #STATES * #FOLDERS * 3 * 8, 1152)
end

return lu.LuaUnit.run()
