-- Cloud first; over HTTP when no cloud can be reached. Bucket and URL come from the environment.
local akosha = require "akosha"

local http = akosha.env "AKOSHA_HTTP_URL"

return akosha.policy {
  api = 1,
  sources = { "~/.claude/data/reflection.duckdb", "~/.claude/data/knowledge_graph.duckdb" },
  targets = {
    cloud = akosha.s3 {
      bucket = akosha.env "AKOSHA_CLOUD_BUCKET",
      endpoint = akosha.env "AKOSHA_CLOUD_ENDPOINT",
      region = akosha.env("AKOSHA_CLOUD_REGION", "auto"),
      prefix = akosha.env "AKOSHA_CLOUD_PREFIX",
    },
    http = http and akosha.http { url = http },
  },
  route = http and { "cloud", "http" } or { "cloud" },
  compress = "zstd",
  dedup = "unchanged",
  retry = akosha.retry.exponential { first = 2, factor = 2, cap = 30, jitter = "full", tries = 3 },
}
