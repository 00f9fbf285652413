-- Built into the program, used where no policy is given: each setting is an environment variable.
-- AKOSHA_* win over the names of the original, SESSION_BUDDY_AKOSHA_*.
local akosha = require "akosha"

local function own(name)
  return akosha.env("AKOSHA_" .. name)
end

local function setting(name)
  return own(name) or akosha.env("SESSION_BUDDY_AKOSHA_" .. name)
end

-- A number of the original's settings, within its bounds.
local function number(name, default, min, max)
  local text = akosha.env("SESSION_BUDDY_AKOSHA_" .. name)
  local value = tonumber(text or default)
  if not value or not (value >= min and value <= max) then
    error(("SESSION_BUDDY_AKOSHA_%s: expected a number from %s to %s, got %q")
      :format(name, min, max, text))
  end
  return value
end

local SWITCH = { ["true"] = true, ["1"] = true, yes = true, on = true,
                 ["false"] = false, ["0"] = false, no = false, off = false }

local function switch(name)
  local text = akosha.env("SESSION_BUDDY_AKOSHA_" .. name, "true")
  local value = SWITCH[text:lower()]
  if value == nil then
    error(("SESSION_BUDDY_AKOSHA_%s: expected true or false, got %q"):format(name, text))
  end
  return value
end

local bucket, url, folder = setting "CLOUD_BUCKET", own "HTTP_URL", own "DIR"
local targets, route = {}, {}

local function add(name, target)
  targets[name] = target
  route[#route + 1] = name
end

if bucket then
  add("cloud", akosha.s3 { bucket = bucket, endpoint = setting "CLOUD_ENDPOINT",
                           region = setting "CLOUD_REGION", prefix = own "CLOUD_PREFIX" })
end
if url then
  add("http", akosha.http { url = url })
end
if folder or #route == 0 then
  local data = akosha.env "XDG_DATA_HOME"
  data = data and data:sub(1, 1) == "/" and data or "~/.local/share"
  add("local", akosha.dir { path = folder or data .. "/akosha-sync" })
end

local method = akosha.env("SESSION_BUDDY_AKOSHA_FORCE_METHOD", "auto")
if method ~= "auto" then
  if (method ~= "cloud" and method ~= "http") or not targets[method] then
    error(("SESSION_BUDDY_AKOSHA_FORCE_METHOD: %q is not auto, or a method that is set up")
      :format(method))
  end
  route = { method }
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
