-- Pins of a server's public key: what is taken, and what is refused with the form that is expected.
local lu = require "luaunit"
local host = require "host"

TestPin = {}

local PIN = "sha256//" .. ("A"):rep(43) .. "="

local function load(target)
  return host.load { text = 'local akosha = require "akosha"\n' ..
      "return akosha.policy { api = 1, targets = {\n" .. target .. " } }" }
end

local function refused(target, words)
  local policy, message, _, status = load(target)
  lu.assertNil(policy)
  lu.assertEquals(status, "policy")
  lu.assertStrContains(message, words)
end

local EXPECTED = 'pin: expected "sha256//" and the base64 of the SHA-256 of a public key'
    .. ", or a list of such"

function TestPin:test_one_and_eight_are_taken()
  lu.assertNotNil(load(("a = akosha.http { url = 'https://h', pin = '%s' }"):format(PIN)))
  local eight = ("'" .. PIN .. "', "):rep(8)
  lu.assertNotNil(load(("a = akosha.s3 { bucket = 'abc', pin = { %s } }"):format(eight)))
end

function TestPin:test_what_is_no_pin_is_refused()
  for _, pin in ipairs { "''", "'/etc/key.pem'", "'sha256//AAAA'", "5", "true", "{ 5 }",
      "{ '" .. PIN .. "', 'x' }", "'" .. PIN .. ";" .. PIN .. "'", "'" .. PIN .. "\\0'",
      "'" .. PIN:upper() .. "'", "'sha256//" .. ("A"):rep(42) .. "B='" } do
    local field = ", pin = " .. pin .. " }"
    refused("a = akosha.http { url = 'https://h'" .. field, "akosha.http: " .. EXPECTED)
    refused("a = akosha.s3 { bucket = 'abc'" .. field, "akosha.s3: " .. EXPECTED)
  end
end

function TestPin:test_lists_that_are_none_are_refused()
  refused("a = akosha.http { url = 'https://h', pin = {} }", "akosha.http: pin: the list is empty")
  refused("a = akosha.http { url = 'https://h', pin = { a = 'x' } }",
      "pin: expected a list of pins without gaps")
  local nine = ("'" .. PIN .. "', "):rep(9)
  refused(("a = akosha.s3 { bucket = 'abc', pin = { %s } }"):format(nine),
      "akosha.s3: pin: at most 8 entries, got 9")
end

function TestPin:test_an_address_without_tls_has_no_key()
  refused(("a = akosha.http { url = 'http://127.0.0.1:1', pin = '%s' }"):format(PIN),
      "akosha.http: pin: a server without TLS has no key that could be pinned")
  local plain = "a = akosha.s3 { bucket = 'abc', endpoint = 'HTTP://[::1]:9000', pin = '%s' }"
  refused(plain:format(PIN),
      "akosha.s3: pin: a server without TLS has no key")
end

function TestPin:test_a_folder_has_none()
  refused(("a = akosha.dir { path = '/x', pin = '%s' }"):format(PIN),
      'akosha.dir: unknown field "pin"')
end

return lu.LuaUnit.run()
