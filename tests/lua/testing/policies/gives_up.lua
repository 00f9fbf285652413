-- A policy with a hidden flaw: once a server was busy, the first answer that is lost ends it all.
local akosha = require "akosha"

local busy = false

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
    busy = busy or failure.http_status == 503
    if busy and failure.failure == "bad_reply" then
      return akosha.give_up
    end
  end,
}
