-- Tokens in worlds: what a policy names is there and is sent where it may; what is told of it.
local lu, sim = require "luaunit", require "akosha.testing"

TestSecrets = {}

local POLICY = [[
local akosha = require "akosha"
return akosha.policy { api = 1, sources = { "a.bin" },
  targets = { http = akosha.http { url = "https://put.example.org:8682/upload",
                                   token = akosha.secret "akosha-token" },
              disk = akosha.dir { path = "~/copies" } },
  route = { "http", "disk" }, compress = "none",
  retry = akosha.retry.exponential { first = 2, jitter = "none" } }
]]

local function world(options)
  options = options or {}
  options.small, options.seed, options.policy_text = true, 1, POLICY
  return sim.world(options)
end

local function failure(report, name)
  for _, target in ipairs(report.targets) do
    if target.name == name then
      return target.error and target.error.failure, target.error and target.error.message
    end
  end
end

function TestSecrets:test_what_the_policy_names_is_there()
  local w = world()
  local report = w:run()
  lu.assertEquals(report.outcome, "stored")
  lu.assertEquals(report.target, "http")
  lu.assertEquals(w:run().outcome, "unchanged")
end

function TestSecrets:test_without_it_the_next_target_takes_over()
  local report = world { secrets = { ["akosha-token"] = false } }:run()
  lu.assertEquals(report.target, "disk")
  local failed, message = failure(report, "http")
  lu.assertEquals(failed, "auth_missing")
  lu.assertEquals(message,
    "cannot use target http: there is no secret akosha-token on this machine")
end

function TestSecrets:test_bound_elsewhere_nothing_is_sent_anywhere()
  local w = world { secrets = { ["akosha-token"] = { "put.example.org", "other.example" } } }
  local report = w:run()
  lu.assertEquals(report.exit_code, 6)
  lu.assertEquals(report.outcome, "queued")
  lu.assertEquals(report.error.failure, "forbidden")
  lu.assertEquals(report.error.message, "cannot use target http: secret akosha-token may not be "
    .. "sent to put.example.org:8682: it is bound to put.example.org, other.example")
  lu.assertEquals(w:objects "disk", {})
  lu.assertEquals(w:story "requests", {})
  lu.assertEquals(#w:queue(), 1)
end

function TestSecrets:test_bound_to_several_hosts_it_goes_to_its_own()
  local w = world { secrets = { ["akosha-token"] = { "other.example", "PUT.example.org:8682" } } }
  lu.assertEquals(w:run().target, "http")
end

function TestSecrets:test_a_server_that_does_not_know_it()
  local w = world()
  w.target.http:on "any":reply { status = 401 }
  local report = w:run()
  lu.assertEquals(report.target, "disk")
  lu.assertEquals(failure(report, "http"), "auth_invalid")
end

function TestSecrets:test_a_server_that_forbids_and_one_that_leads_elsewhere()
  for status, name in pairs { [403] = "forbidden", [302] = "bad_reply", [307] = "bad_reply",
                              [308] = "bad_reply" } do
    local w = world()
    w.target.http:on "put":reply { status = status }
    local report = w:run()
    lu.assertEquals(report.target, "disk")
    lu.assertEquals(failure(report, "http"), name)
  end
end

function TestSecrets:test_nobody_says_what_it_is()
  local w = world()
  w:run()
  local all = table.concat(w:log(), "\n") .. table.concat(w:story "events", "\n")
  lu.assertNil(all:find("planted", 1, true))
  lu.assertErrorMsgContains("sim.world: secrets: expected", world, { secrets = { x = "planted" } })
  lu.assertErrorMsgContains("a host is HOST or HOST:PORT", world, { secrets = { x = { "*" } } })
  lu.assertErrorMsgContains("1 to 16 hosts", world, { secrets = { x = {} } })
  lu.assertErrorMsgContains("cannot be a secret's name", world, { secrets = { ["a b"] = false } })
end
