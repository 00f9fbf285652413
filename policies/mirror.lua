-- No cloud is the only one to have a memory: everything goes to two of them and into a folder, and
-- is delivered as soon as any two hold it. The third one is brought what it lacks by later runs.
local akosha = require "akosha"

local profile = akosha.env "AKOSHA_SECOND_PROFILE"

return akosha.policy {
  api = 1,
  sources = { "~/.claude/data/reflection.duckdb", "~/.claude/data/knowledge_graph.duckdb" },
  targets = {
    first = akosha.s3 {
      bucket = akosha.env "AKOSHA_CLOUD_BUCKET",
      endpoint = akosha.env "AKOSHA_CLOUD_ENDPOINT",
    },
    second = akosha.s3 {
      bucket = akosha.env "AKOSHA_SECOND_BUCKET",
      endpoint = akosha.env "AKOSHA_SECOND_ENDPOINT",
      credentials = profile and "profile:" .. profile,
    },
    folder = akosha.dir { path = akosha.env("AKOSHA_DIR", "~/.local/share/akosha-sync") },
  },
  route = akosha.route.quorum(2, { "first", "second", "folder" }),
}
