-- For a machine that is seldom online: nothing waits for the cloud. While it cannot be reached, the
-- folder takes everything at once; when it is healthy again, the next run brings it what it lacks.
local akosha = require "akosha"

return akosha.policy {
  api = 1,
  sources = { "~/.claude/data/reflection.duckdb", "~/.claude/data/knowledge_graph.duckdb" },
  targets = {
    folder = akosha.dir { path = akosha.env("AKOSHA_DIR", "~/.local/share/akosha-sync") },
    cloud = akosha.s3 {
      bucket = akosha.env "AKOSHA_CLOUD_BUCKET",
      endpoint = akosha.env "AKOSHA_CLOUD_ENDPOINT",
    },
  },
  route = function(_, targets)
    return targets.cloud.healthy and { "cloud", "folder" } or "folder"
  end,
  retry = function(failure)
    return failure.target == "cloud" and akosha.retry.none() or nil
  end,
}
