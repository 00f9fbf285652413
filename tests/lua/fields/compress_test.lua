-- Codecs, in sizes at which parts have to wait for memory.
local lu, sim = require "luaunit", require "akosha.testing"

TestCompress = {}

-- One source is all read, and only its last requests are on their way, when the next one begins. If
-- its upload is gone then, it is read again beside the other, and both wait for buffers of parts.
function TestCompress:test_a_source_begins_anew_while_another_one_is_read()
  local world = sim.world { seed = 1, bandwidth = 2 * sim.MiB,
    files = { ["a.bin"] = sim.bytes(12 * sim.MiB), ["b.bin"] = sim.bytes(40 * sim.MiB) },
    policy_text = [[
      local akosha = require "akosha"
      return akosha.policy { api = 1, sources = { "a.bin", "b.bin" },
        targets = {
          cloud = akosha.s3 { bucket = "memories", endpoint = "https://s3.example.org" },
        },
        compress = { codec = "zstd", always = true } }
    ]] }
  world.target.cloud:on "complete":reply { status = 404, code = "NoSuchUpload" }:once()
  lu.assertEquals(world:run().outcome, "stored")
  lu.assertEquals(world:story "decisions"[1], "  2.5  cloud  complete  not_found -> restart")
end
