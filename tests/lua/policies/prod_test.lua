local lu = require "luaunit"
local host = require "host"

TestProd = {}

local function load(env)
  return host.load { path = "policies/prod.lua", env = env }
end

function TestProd:test_goes_to_the_cloud_then_over_http()
  local s = load({ AKOSHA_CLOUD_BUCKET = "memories", AKOSHA_HTTP_URL = "https://akosha.internal:8682/upload" }):settings()
  lu.assertEquals(s.route, { "cloud", "http" })
  lu.assertEquals(s.targets[1].bucket, "memories")
  lu.assertEquals(s.targets[1].region, "auto")
  lu.assertNil(s.targets[1].endpoint)
  lu.assertEquals(s.targets[1].path_style, -1)
  lu.assertEquals(s.targets[2].url, "https://akosha.internal:8682/upload")
end

return lu.LuaUnit.run()
