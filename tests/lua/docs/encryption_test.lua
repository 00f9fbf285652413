-- What docs/encryption.md says of a policy, tried in a world.
local lu, sim = require "luaunit", require "akosha.testing"

TestEncryption = {}

local function example()
  local file = assert(io.open("docs/encryption.md"))
  local text = file:read "a"
  file:close()
  return assert(text:match "```lua\n(.-)```")
end

local function world(policy, more)
  local options = { small = true, seed = 1, policy_text = policy,
    env = { AKOSHA_CLOUD_BUCKET = "memories" },
    files = { ["~/.claude/data/reflection.duckdb"] = ("row after row\n"):rep(3000) } }
  for name, value in pairs(more or {}) do
    options[name] = value
  end
  return sim.world(options)
end

function TestEncryption:test_the_example_encrypts()
  local w = world('local akosha = require "akosha"\n' .. example())
  local report = w:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertEquals(report.files[1].encryption, "age")
  lu.assertStrContains(report.files[1].key, "/reflection.duckdb.zst.age")
  lu.assertEquals(w:manifests("cloud")[1].objects[1].encryption, "age")
  lu.assertEquals(w:run().outcome, "unchanged")
end

function TestEncryption:test_a_task_encrypts_too()
  local w = world [[
    local akosha = require "akosha"
    return akosha.task { api = 1, sources = { "~/.claude/data/reflection.duckdb" },
      targets = { cloud = akosha.s3 { bucket = "memories" } },
      encrypt = akosha.age { recipients_file = "recipients.txt" },
      run = function(ctx)
        for _, source in ipairs(ctx:sources()) do
          local upload <close> = assert(ctx:open("cloud", assert(ctx:snapshot(source))))
          assert(ctx:send(upload) and ctx:finish(upload))
        end
        assert(ctx:commit "cloud")
      end }
  ]]
  local report = w:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertEquals(report.files[1].encryption, "age")
end

function TestEncryption:test_a_file_of_recipients_that_is_none_sends_nothing()
  local w = world('local akosha = require "akosha"\n' .. example())
  w:put_file("~/.config/akosha-sync/recipients.txt", "# nobody\n")
  local report = w:run()
  lu.assertEquals(report.exit_code, 3)
  lu.assertStrContains(report.error.message, "there is no key in it")
  lu.assertEquals(#w:manifests "cloud", 0)
  lu.assertEquals(#w:queue(), 1)
end

return lu.LuaUnit.run()
