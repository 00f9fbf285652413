-- For a line that is slow or paid for: small files at once and large ones once a day, squeezed the
-- harder the slower the line is, and never more than so much in a month.
local akosha = require "akosha"

local small = akosha.match.size "< 8 MiB"

return akosha.policy {
  api = 1,
  sources = { "~/.claude/data/reflection.duckdb", "~/.claude/data/knowledge_graph.duckdb" },
  targets = {
    cloud = akosha.s3 {
      bucket = akosha.env "AKOSHA_CLOUD_BUCKET",
      endpoint = akosha.env "AKOSHA_CLOUD_ENDPOINT",
    },
  },
  budget = akosha.budget { bytes = 2 * akosha.GiB, per = "month" },
  dedup = function(facts)
    local fresh = facts.stored and facts.stored < akosha.day
    return not facts.unchanged and fresh and not small(facts.source) and "skip" or nil
  end,
  -- At 1 MiB/s the processor is still the faster of both; where nothing is known, so is it.
  compress = function(facts)
    local slow = not facts.target.rate or facts.target.rate < akosha.MiB
    if slow and facts.sample_ratio > 1.1 then
      return { codec = "zstd", level = facts.sample_ratio > 2 and 19 or 12 }
    end
  end,
  -- Each try costs: two are enough, and the next run goes on.
  retry = akosha.retry.fixed { first = 5, tries = 2 },
}
