-- Objects that go to an http target by tus: they go on where they stopped, or go by PUT.
local lu, sim = require "luaunit", require "akosha.testing"

TestTus = {}

local SIZE = 22 * sim.KiB       -- five pieces of 5 KiB, the last one short

local function world(tus, options)
  local target = ("akosha.http { url = 'https://put.example.org/up'%s }"):format(options or "")
  return sim.world { small = true, seed = 1, tus = tus, files = { ["a.bin"] = sim.bytes(SIZE) },
    policy_text = [[
    local akosha = require "akosha"
    return akosha.policy { api = 1, sources = { "a.bin" }, compress = "none",
      targets = { http = ]] .. target .. [[ },
      retry = akosha.retry.exponential { first = 2, jitter = "none" } }]] }
end

-- "create, part, part 404, part?": what was asked of the server, in order; what it did not answer
-- well, or nobody heard.
local function asked(w)
  local list = {}
  for _, line in ipairs(w:story "requests") do
    local name, rest = line:match "^%s*%S+%s+http%s+(%S+)%s+(.*)$"
    local status = name and (rest:match "%-> (%d+)" or rest:match "answers (%d+)")
    if status and name ~= "probe" then
      list[#list + 1] = name .. (rest:find "unheard" and "?" or status < "300" and "" or " " ..
        status)
    end
  end
  return table.concat(list, ", ")
end

local function stored(w)
  local report = w:run()
  lu.assertEquals(report.outcome, "stored", w.log and table.concat(w:log(), "\n"))
  lu.assertEquals(#w:manifests "http", 1)
  local key = report.files[1].key
  lu.assertEquals(w:object("http", key), w:file "a.bin")
  return report
end

local PARTS = "part, part, part, part, part"
local END = ", look, manifest, look"

function TestTus:test_goes_in_pieces_and_is_looked_for_under_its_key()
  local w = world "key"
  local report = stored(w)
  lu.assertEquals(asked(w), "options, create, " .. PARTS .. END)
  lu.assertEquals(report.method, "http")
end

function TestTus:test_small_objects_and_others_servers_get_a_put()
  local w = world "key"
  w:put_file("a.bin", sim.bytes(5 * sim.KiB))
  stored(w)
  lu.assertEquals(asked(w), "put" .. END)
  w = world "none"
  stored(w)
  lu.assertEquals(asked(w), "options, put" .. END)
end

function TestTus:test_what_a_server_offers_is_remembered_for_a_day()
  for tus, ways in pairs { key = { "create, " .. PARTS, "options, create, " .. PARTS },
      none = { "put", "options, put" } } do
    local w = world(tus)
    stored(w)
    local before = asked(w)
    for i, pause in ipairs { 3600, 25 * 3600 } do
      w:advance(pause)
      w:put_file("a.bin", sim.bytes(SIZE + i))
      w:run()
      lu.assertEquals(asked(w), before .. ", " .. ways[i] .. END)
      before = asked(w)
    end
  end
end

function TestTus:test_a_policy_without_it_never_asks()
  local w = world("key", ", tus = false")
  stored(w)
  lu.assertEquals(asked(w), "put" .. END)
end

-- 3000 bytes of the second piece have arrived when the line breaks: the server says so, and nothing
-- of them is sent again.
function TestTus:test_goes_on_at_the_byte_where_the_line_broke()
  local w = world "key"
  w.target.http:on "part":nth(2):cut(3000):once()
  stored(w)
  lu.assertEquals(asked(w), "options, create, part, part?, look, part, part, part" .. END)
  local sent = 0
  for _, line in ipairs(w:story "requests") do
    sent = sent + (tonumber(line:match "PATCH (%d+) %-> 204") or 0)
  end
  lu.assertEquals(sent, SIZE)
end

function TestTus:test_an_answer_that_is_lost_is_asked_for()
  for nth = 1, 5 do
    local w = world "key"
    w.target.http:on "part":nth(nth):lost():once()
    stored(w)
    -- The last one is whole already: there is nothing left to be sent.
    lu.assertEquals(select(2, asked(w):gsub("part", "")), 5, nth)
  end
end

function TestTus:test_waits_as_long_as_the_server_asks()
  for _, status in ipairs { 429, 503, 423 } do
    local w = world "key"
    w.target.http:on "part":nth(3):reply { status = status, retry_after = 40 }:once()
    stored(w)
    lu.assertStrContains(w:story "decisions"[1], ("part 3  %s -> wait 40.0"):format(
      status == 423 and "server" or "throttled"))
    lu.assertStrContains(asked(w), ("part, part, part %d, look, part, part, part"):format(status))
  end
end

function TestTus:test_an_upload_that_is_gone_begins_anew()
  for _, status in ipairs { 404, 410 } do
    local w = world "key"
    w.target.http:on "part":nth(3):reply { status = status }:once()
    stored(w)
    lu.assertEquals(asked(w), ("options, create, part, part, part %d, create, %s%s"):format(status,
      PARTS, END))
  end
end

function TestTus:test_another_offset_is_asked_for()
  for _, status in ipairs { 409, 403 } do
    local w = world "key"
    w.target.http:on "part":nth(2):reply { status = status }:once()
    stored(w)
    lu.assertEquals(asked(w), ("options, create, part, part %d, look, part, part, part, part%s")
      :format(status, END))
  end
end

function TestTus:test_a_server_that_loses_its_way_again_and_again_gets_a_put()
  for _, status in ipairs { 404, 409 } do
    local w = world "key"
    w.target.http:on "part":reply { status = status }
    stored(w)
    lu.assertStrContains(asked(w), "put" .. END)
    lu.assertEquals(select(2, asked(w):gsub("part", "")), 6, status)
  end
end

function TestTus:test_a_piece_that_arrives_otherwise_is_sent_again()
  local w = world "key"
  w.target.http:on "part":nth(2):reply { status = 460 }:once()
  stored(w)
  lu.assertStrContains(w:story "decisions"[1], "part 2  corrupt -> wait 2.0")
end

function TestTus:test_where_no_upload_is_made_a_put_is()
  for _, status in ipairs { 301, 400, 403, 404, 405, 409, 412, 501 } do
    local w = world "key"
    w.target.http:on "create":reply { status = status }:maybe()
    if status == 501 then
      lu.assertEquals(w:run().outcome, "queued")
    else
      stored(w)
      lu.assertEquals(asked(w), ("options, create %d, put%s"):format(status, END))
    end
  end
end

function TestTus:test_what_is_too_large_is_not_sent_at_all()
  local w = world "key"
  w.target.http:on "create":reply { status = 413 }
  local report = w:run()
  lu.assertEquals(report.error.failure, "too_large")
  lu.assertEquals(asked(w), "options, create 413")
end

function TestTus:test_a_server_without_an_answer_to_options_gets_a_put()
  for _, status in ipairs { 405, 404, 500, 302 } do
    local w = world "key"
    w.target.http:on "options":reply { status = status }
    stored(w)
    lu.assertEquals(asked(w), ("options %d, put%s"):format(status, END))
  end
  local w = world "key"
  w.target.http:on "options":at "serve":silent()
  stored(w)
  lu.assertStrContains(asked(w), "put" .. END)
end

function TestTus:test_an_upload_elsewhere_is_given_back_and_a_put_is_made()
  local w = world "elsewhere"
  stored(w)
  lu.assertEquals(asked(w), "options, create, other, put" .. END)
  w:put_file("a.bin", sim.bytes(SIZE + 1))
  w:run()
  lu.assertEquals(asked(w), "options, create, other, put" .. END .. ", put" .. END)
end

function TestTus:test_a_policy_can_say_that_what_is_taken_elsewhere_is_kept_in_its_place()
  local w = world("elsewhere", ", tus = true")
  stored(w)
  lu.assertEquals(asked(w), "options, create, " .. PARTS .. END)
end

function TestTus:test_what_is_not_where_it_belongs_goes_by_put()
  local w = world("lost", ", tus = true")
  stored(w)
  lu.assertStrContains(asked(w), PARTS .. ", look 404, look 404, look 404, other")
  lu.assertStrContains(asked(w), "put" .. END)
end

-- The process dies when a piece has arrived: another one goes on behind it, under the same id.
function TestTus:test_another_process_goes_on_where_the_first_one_died()
  for nth = 1, 5 do
    for _, power in ipairs { false, true } do
      local w = world "key"
      w.target.http:on "part":nth(nth):dies { served = true }
      lu.assertEquals(w:run().outcome, "crashed")
      w:restart { power = power }
      w:advance(60)
      stored(w)
      -- Every piece was sent once, and one upload was made.
      lu.assertEquals(select(2, asked(w):gsub("part", "")), 5, nth)
      lu.assertEquals(select(2, asked(w):gsub("create", "")), 1, nth)
    end
  end
end

function TestTus:test_dying_anywhere_loses_nothing()
  for step = 1, 90, 3 do
    local w = world "key"
    w:crash_at(step)
    local first = w:run()
    if first.outcome ~= "crashed" then break end
    w:restart {}
    w:advance(60)
    local report = w:run()
    lu.assertEquals(report.exit_code, 0, step)
    lu.assertEquals(w:object("http", w:manifest "http".objects[1].key), w:file "a.bin", step)
  end
end

function TestTus:test_bad_days()
  sim.forall { seeds = 150, small = true, tus = "key", faults = sim.any, runs = 3,
    files = { ["a.bin"] = sim.bytes(SIZE) }, policy_text = [[
    local akosha = require "akosha"
    return akosha.policy { api = 1, sources = { "a.bin" },
      targets = { http = akosha.http { url = "https://put.example.org/up" } } }]] }
end

return lu.LuaUnit.run()
