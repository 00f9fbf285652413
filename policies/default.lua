-- Built into the program, used where no policy is given: each setting is an environment variable.
-- AKOSHA_* win over the names of the original, SESSION_BUDDY_AKOSHA_*.
local akosha = require "akosha"

local ORIGINAL = "SESSION_BUDDY_AKOSHA_"
local SWITCH = { ["true"] = true, ["1"] = true, yes = true, on = true,
                 ["false"] = false, ["0"] = false, no = false, off = false }

local function own(name)
  return akosha.env("AKOSHA_" .. name)
end

local function setting(name)
  return own(name) or akosha.env(ORIGINAL .. name)
end

-- A number of the original's settings, within its bounds.
local function number(name, default, min, max)
  local text = akosha.env(ORIGINAL .. name)
  local value = tonumber(text or default)
  if value and value >= min and value <= max then
    return value
  end
  error(("%s%s: expected a number from %s to %s, got %q"):format(ORIGINAL, name, min, max, text))
end

local function switch(name)
  local text = akosha.env(ORIGINAL .. name, "true")
  local value = SWITCH[text:lower()]
  if value == nil then
    error(("%s%s: expected true or false, got %q"):format(ORIGINAL, name, text))
  end
  return value
end

local bucket, mcp, url, folder = setting "CLOUD_BUCKET", own "MCP_URL", own "HTTP_URL", own "DIR"
local cloud = bucket and akosha.s3 { bucket = bucket, endpoint = setting "CLOUD_ENDPOINT",
                                     region = setting "CLOUD_REGION", prefix = own "CLOUD_PREFIX" }
if not bucket and not mcp and not url and not folder then
  local data = akosha.env "XDG_DATA_HOME"
  folder = (data and data:sub(1, 1) == "/" and data or "~/.local/share") .. "/akosha-sync"
end
local targets = { cloud = cloud, akosha = mcp and akosha.mcp { url = mcp },
                  http = url and akosha.http { url = url },
                  ["local"] = folder and akosha.dir { path = folder } }

-- What the original calls http is both ways that are not the cloud.
local method = akosha.env(ORIGINAL .. "FORCE_METHOD", "auto")
local METHODS = { auto = { "cloud", "akosha", "http", "local" }, cloud = { "cloud" },
                  http = { "akosha", "http" } }
local route = {}
for _, name in ipairs(METHODS[method] or {}) do
  route[#route + 1] = targets[name] and name
end
if #route == 0 then
  error(("%sFORCE_METHOD: %q is not auto, or a method that is set up"):format(ORIGINAL, method))
elseif not switch "ENABLE_FALLBACK" then
  route = { route[1] }
end

local named = akosha.env "AKOSHA_SOURCES"
local sources = {}
for path in (named or "~/.claude/data/reflection.duckdb:~/.claude/data/knowledge_graph.duckdb")
    :gmatch "[^:]+" do
  sources[#sources + 1] = { path = path }
end

return akosha.policy {
  api = 1,
  sources = sources,
  missing = named and "fail" or "skip", -- who names none need not have both
  targets = targets,
  route = route,
  system_id = setting "SYSTEM_ID",
  compress = switch "ENABLE_COMPRESSION" and "zstd" or "none",
  dedup = switch "ENABLE_DEDUPLICATION" and "unchanged" or "always",
  part_size = math.max(5, number("CHUNK_SIZE_MB", 5, 1, 100)) // 1 * akosha.MiB,
  retry = akosha.retry.exponential {
    tries = math.max(1, number("MAX_RETRIES", 3, 0, 10) // 1),
    first = number("RETRY_BACKOFF_SECONDS", 2, 0.1, 60),
  },
}
