-- Graph databases go to the cloud and nowhere else: they are wanted where everybody's are searched
-- together. Everything else goes to the cloud, or over HTTP, or into a folder, whatever takes it.
local akosha = require "akosha"
local match = akosha.match

local url = akosha.env "AKOSHA_HTTP_URL"
local graph = match.kind "duckdb" & match.name "*graph*"

return akosha.policy {
  api = 1,
  sources = { "~/.claude/data/reflection.duckdb", "~/.claude/data/knowledge_graph.duckdb" },
  targets = {
    cloud = akosha.s3 {
      bucket = akosha.env "AKOSHA_CLOUD_BUCKET",
      endpoint = akosha.env "AKOSHA_CLOUD_ENDPOINT",
    },
    http = url and akosha.http { url = url },
    folder = akosha.dir { path = akosha.env("AKOSHA_DIR", "~/.local/share/akosha-sync") },
  },
  route = akosha.route.when(graph, "cloud",
    url and { "cloud", "http", "folder" } or { "cloud", "folder" }),
}
