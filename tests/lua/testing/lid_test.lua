-- A lid that is closed: in the middle of an upload, and between two runs.
local lu, sim = require "luaunit", require "akosha.testing"

TestLid = {}

local HOURS = 9 * 3600

local function world(targets, route, options)
  options = options or {}
  return sim.world { small = true, seed = options.seed or 1, tus = "key",
    files = { ["a.bin"] = sim.bytes(42 * sim.KiB) }, policy_text = [[
    local akosha = require "akosha"
    local all = {
      cloud = akosha.s3 { bucket = "memories", endpoint = "https://s3.example.org" },
      http = akosha.http { url = "https://put.example.org/up" } }
    return akosha.policy { api = 1, sources = { "a.bin" }, compress = "none",
      targets = { ]] .. targets .. [[ }, route = ]] .. route .. [[,
      retry = akosha.retry.exponential { first = 2, jitter = "none" } }]] }
end

-- The lid closes when the source is read for the n-th time; when it opens nine hours later, every
-- connection is dead, and the server takes no signature that is older than a quarter of an hour.
function TestLid:test_an_upload_goes_on_after_nine_hours()
  local slept = 0
  for _, name in ipairs { "cloud", "http" } do
    for nth = 1, 30 do
      local w = world(name .. " = all." .. name, ("%q"):format(name), { seed = nth })
      local shut, dead = nil, 0
      w.disk:on("read", "a.bin"):nth(nth):slow(HOURS):maybe():when(function(step)
        shut = step.now
        return true
      end)
      w.network:on "any":at "serve":fail "bad_reply":maybe():when(function(step)
        if step.now >= HOURS and dead < 2 then
          dead = dead + 1
          return true
        end
      end)
      local report = w:run()
      lu.assertEquals(report.outcome, "stored", name .. nth)
      lu.assertEquals(w:object(name, report.files[1].key), w:file "a.bin", name .. nth)
      slept = slept + (w:now() > HOURS and 1 or 0)
    end
  end
  lu.assertTrue(slept >= 10, slept)
end

-- What could not be reached before the lid was closed is asked again after it was opened; what a
-- server has asked for is not forgotten.
function TestLid:test_a_breaker_is_forgotten_after_sleep_alone()
  local function second(fault, pause)
    local w = world("cloud = all.cloud, http = all.http", '{ "cloud", "http" }')
    fault(w.target.cloud:on "probe"):maybe():until_time(30)
    lu.assertEquals(w:run().target, "http")
    w:put_file("a.bin", sim.bytes(41 * sim.KiB))
    w[pause](w, 40)
    return w:run().target
  end
  local function refused(place) return place:fail "refused" end
  local function asked(place) return place:reply { status = 503, retry_after = 600 } end
  lu.assertEquals(second(refused, "advance"), "http")
  lu.assertEquals(second(refused, "sleep"), "cloud")
  lu.assertEquals(second(asked, "sleep"), "http")
end

return lu.LuaUnit.run()
