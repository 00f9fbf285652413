-- For a line that people work on by day: what runs then goes slowly and lets large files wait; at
-- night and at weekends everything goes, as fast as it can.
local akosha = require "akosha"

local night = akosha.window "mon-fri 19:00-07:00, sat-sun"
local large = akosha.match.size "> 64 MiB"

return akosha.policy {
  api = 1,
  sources = { "~/.claude/data/reflection.duckdb", "~/.claude/data/knowledge_graph.duckdb" },
  targets = {
    cloud = akosha.s3 {
      bucket = akosha.env "AKOSHA_CLOUD_BUCKET",
      endpoint = akosha.env "AKOSHA_CLOUD_ENDPOINT",
    },
  },
  -- A worker that began by day goes faster as soon as it is night.
  throttle = akosha.throttle.when(~night, 200 * akosha.KiB),
  dedup = function(facts, now)
    return not facts.unchanged and (large & ~night)(facts.source, now) and "skip" or nil
  end,
}
