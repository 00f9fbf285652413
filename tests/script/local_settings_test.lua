local lu = require "luaunit"
local host = require "host"

TestLocal = {}

local function load(env)
  return host.load { path = "policies/local.lua", env = env }:settings()
end

function TestLocal:test_has_a_folder_and_nothing_else()
  local s = load { AKOSHA_DIR = "/mnt/backup", AKOSHA_CLOUD_BUCKET = "memories" }
  lu.assertEquals(s.targets, { { name = "folder", kind = "dir", path = "/mnt/backup" } })
  lu.assertEquals(s.route, { "folder" })
  lu.assertEquals(s.compress.codec, "zstd")
  lu.assertEquals(s.dedup, "unchanged")
end

function TestLocal:test_falls_back_to_the_users_data_folder()
  lu.assertEquals(load({}).targets[1].path, "~/.local/share/akosha-sync")
end

return lu.LuaUnit.run()
