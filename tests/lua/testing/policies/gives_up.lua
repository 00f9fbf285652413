-- A policy with a hidden flaw: it gives up when two different failures meet in one run.
local akosha = require "akosha"

local first

return akosha.policy {
  api = 1,
  sources = { "a.bin" },
  targets = {
    cloud = akosha.s3 { bucket = "memories", endpoint = "https://s3.example.org" },
    http = akosha.http { url = "https://put.example.org/upload" },
  },
  route = { "cloud", "http" },
  compress = "none",
  retry = function(failure)
    first = first or failure.name
    if failure.name ~= first then
      return akosha.give_up
    end
  end,
}
