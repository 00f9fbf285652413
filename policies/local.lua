-- A folder and nothing else: a second disk, a mounted share, something that a backup carries away.
local akosha = require "akosha"

return akosha.policy {
  api = 1,
  sources = { "~/.claude/data/reflection.duckdb", "~/.claude/data/knowledge_graph.duckdb" },
  targets = {
    folder = akosha.dir { path = akosha.env("AKOSHA_DIR", "~/.local/share/akosha-sync") },
  },
  compress = "zstd",
  dedup = "unchanged",
}
