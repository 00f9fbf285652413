-- akosha.age, and what `encrypt` may be: each mistake in one clear line, and no key in any.
local lu = require "luaunit"
local host = require "host"

TestEncrypt = {}

-- A policy with these fields, beside a folder.
local function with(fields)
  return 'local akosha = require "akosha"\n'
      .. 'return akosha.policy { api = 1, targets = { disk = akosha.dir { path = "/x" } },\n'
      .. fields .. " }"
end

-- { what it is, text, part of the message }
local WRONG = {
  { "text", with 'encrypt = "age1..."', ":2: akosha.policy: encrypt: expected akosha.age" },
  { "a table", with "encrypt = { recipients = {} }", "expected akosha.age { ... }" },
  { "a function", with "encrypt = function() end", "a function decides nothing here" },
  { " false", with "encrypt = false", "expected akosha.age { ... }" },
  { "for nobody", with "encrypt = akosha.age {}", "nobody could read it again" },
  { "an empty list of recipients", with "encrypt = akosha.age { recipients = {} }",
      "akosha.age: recipients: the list is empty" },
  { "a recipient that is a number", with "encrypt = akosha.age { recipients = { 1 } }",
      "akosha.age: recipients: expected texts" },
  { "a recipient that was mistyped",
      with 'encrypt = akosha.age { recipients = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq" }',
      "a recipient that was mistyped or cut" },
  { "a plugin's recipient", with 'encrypt = akosha.age { recipients = "age1yubikey1qqqqqqq" }',
      "it is a plugin's key, and only X25519 keys (age1...) are known here" },
  { "a hybrid recipient", with 'encrypt = akosha.age { recipients = "age1pq1qqqqqqq" }',
      "it is a hybrid (post-quantum) key" },
  { "an SSH key", with 'encrypt = akosha.age { recipients = "ssh-ed25519 AAAA" }', "an SSH key" },
  { "an identity where a recipient is wanted",
      with 'encrypt = akosha.age { recipients = "AGE-SECRET-KEY-1QQQQ" }',
      "it is an identity, which is secret" },
  { "a passphrase in clear text", with 'encrypt = akosha.age { passphrase = "1234" }',
      'expected akosha.secret "name": a policy has no values of secrets' },
  { "a passphrase and recipients", with [[encrypt = akosha.age {
      passphrase = akosha.secret "p", recipients_file = "r.txt" }]], "a passphrase stands alone" },
  { "a field that is mistyped", with 'encrypt = akosha.age { recipient = "age1" }',
      'did you mean "recipients"?' },
}

function TestEncrypt:test_each_mistake_is_told()
  for _, case in ipairs(WRONG) do
    local policy, message, _, status = host.load { text = case[2] }
    lu.assertNil(policy, case[1])
    lu.assertStrContains(message, case[3], false, case[1])
    lu.assertEquals(status, "policy", case[1])
  end
end

function TestEncrypt:test_an_identity_in_the_wrong_place_is_not_repeated()
  local secret = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
  for _, field in ipairs { "recipients", "recipients_file", "passphrase" } do
    local _, message = host.load { text = with(("encrypt = akosha.age { %s = %q }"):format(field,
      secret)) }
    lu.assertFalse(message ~= nil and message:find("P2LM0", 1, true) ~= nil, message)
  end
end

function TestEncrypt:test_what_is_right()
  local one = '"age19ljhmg68e43yx9fgm2k9lwefquc0la5y4lzvlshdjzv47kxt8d6qr9vf4p"'
  for _, options in ipairs {
    "recipients = " .. one, "recipients = { " .. one .. ", " .. one .. " }",
    "recipients = " .. one .. ", recipients_file = 'more.txt'", "recipients_file = '~/r.txt'",
    "passphrase = akosha.secret 'backup'",
  } do
    lu.assertNotNil(host.load { text = with("encrypt = akosha.age { " .. options .. " }") })
  end
  lu.assertNotNil(host.load { text = with "encrypt = nil" })
end

return lu.LuaUnit.run()
