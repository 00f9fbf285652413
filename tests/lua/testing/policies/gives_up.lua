local akosha = require "akosha"
return akosha.policy { api = 1, sources = { "a.bin" },
  targets = { cloud = akosha.s3 { bucket = "memories", endpoint = "https://s3.example.org" },
              http = akosha.http { url = "https://put.example.org/upload" } },
  route = { "cloud", "http" }, compress = "none",
  retry = function(failure)
    if failure.operation == "complete" and failure.attempt == 2 then
      return akosha.give_up
    end
  end }
