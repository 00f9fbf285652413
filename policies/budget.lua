-- For whoever pays for what is sent: the cloud has its share of each day; what is over goes to a
-- folder at once, and to the cloud on a day that has room for it.
local akosha = require "akosha"

return akosha.policy {
  api = 1,
  sources = { "~/.claude/data/reflection.duckdb", "~/.claude/data/knowledge_graph.duckdb" },
  targets = {
    cloud = akosha.s3 {
      bucket = akosha.env "AKOSHA_CLOUD_BUCKET",
      endpoint = akosha.env "AKOSHA_CLOUD_ENDPOINT",
    },
    folder = akosha.dir { path = akosha.env("AKOSHA_DIR", "~/.local/share/akosha-sync") },
  },
  budget = { cloud = akosha.budget { bytes = 256 * akosha.MiB, tries = 50 } },
  -- Small files must not find the day's share used up: large ones leave them the last of it.
  route = function(source, targets)
    local left = targets.cloud.budget_left
    if left < 32 * akosha.MiB and source.size > akosha.MiB then
      return "folder"
    end
    return { "cloud", "folder" }
  end,
}
