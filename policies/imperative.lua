-- One idea: steer by oneself. Each source goes to cloud and mirror side by side, a target that does
-- not answer is tried again on a schedule of one's own, what was stored is checked, and only then
-- committed. docs/tasks.md tells of ctx.
local akosha = require "akosha"

local PAUSES = { 5, 30, 120 }

-- What a step returns, tried again while that may help.
local function patiently(ctx, step)
  for attempt = 1, #PAUSES + 1 do
    local result, failure = step()
    if result or not failure.transient or not PAUSES[attempt] then
      return result, failure
    end
    ctx:log(failure.operation, failure.name, "pause", PAUSES[attempt])
    ctx:sleep(math.max(PAUSES[attempt], failure.retry_after or 0))
  end
end

-- One source to one target: a new snapshot for each try, as the source may have changed.
local function store(ctx, source, target)
  return patiently(ctx, function()
    local snapshot, failure = ctx:snapshot(source)
    if not snapshot then
      return nil, failure
    end
    local digest, unread = ctx:checksum(snapshot)
    if not digest then
      return nil, unread
    end
    local upload <close>, closed = ctx:open(target, snapshot)
    if not upload then
      return nil, closed
    end
    local sent, lost = ctx:send(upload)
    if not sent then
      return nil, lost
    end
    assert(upload.sha256 == digest, "what was sent is not what was read before")
    return ctx:finish(upload)
  end)
end

local function deliver(ctx, target)
  for _, source in ipairs(ctx:sources()) do
    if not ctx:held(source, target) then
      local stored, failure = store(ctx, source, target)
      if not stored then
        ctx:audit { target = target, source = source.name, failure = failure.name }
      end
    end
  end
  return patiently(ctx, function() return ctx:commit(target) end)
end

return akosha.task {
  api = 1,
  sources = { "~/.claude/data/reflection.duckdb", "~/.claude/data/knowledge_graph.duckdb" },
  missing = "skip",
  targets = {
    cloud = akosha.s3 { bucket = akosha.env "AKOSHA_CLOUD_BUCKET" },
    mirror = akosha.dir { path = akosha.env("AKOSHA_DIR", "~/akosha-mirror") },
  },
  run = function(ctx)
    local both = { ctx:spawn(deliver, ctx, "cloud"), ctx:spawn(deliver, ctx, "mirror") }
    for _, one in ipairs(both) do
      ctx:join(one)
    end
  end,
}
