-- Times of the week: akosha.window "mon-fri 18:00-08:00, sat-sun". Holds by the local clock of
-- `now`, joins with &, | and ~. A time that ends before it begins ends on the next day, so that
-- Friday's of the example lasts until Saturday 08:00. The end is not in it.
local core = ...
local predicate = require "akosha.predicate"

local WHAT = "akosha.window"
local EXPECTED = 'times like "mon-fri 18:00-08:00, sat-sun"'
local DAYS = { mon = 0, tue = 1, wed = 2, thu = 3, fri = 4, sat = 5, sun = 6 }
local DAY, WEEK = 24 * 60, 7 * 24 * 60 -- in minutes

local function day_number(name)
  return DAYS[name] or core.expected(WHAT, 'a day from "mon" to "sun"', name)
end

-- "18:00-08:00": the minute of the day when it begins, and how many minutes it lasts.
local function parse_times(word)
  local h1, m1, h2, m2 = word:match "^(%d%d):([0-5]%d)%-(%d%d):([0-5]%d)$"
  local from, to = (h1 or 0) * 60 + (m1 or 0), (h2 or 0) * 60 + (m2 or 0)
  if from == to or from >= DAY or to > DAY then
    core.expected(WHAT, 'a time from "00:00" to "24:00" like "18:00-08:00"', word)
  end
  return from, to > from and to - from or to - from + DAY
end

-- "mon-fri 18:00-08:00" as spans of the week.
local function add_spans(spans, entry)
  local days, times = entry:match "^%s*(%a[%a-]*)%s*(%S*)%s*$"
  days, times = days or "mon-sun", times or entry:match "^%s*(%S+)%s*$"
  local first, dash, last = days:match "^(%a+)(%-?)(%a*)$"
  if not times or not first or (dash == "") ~= (last == "") then
    core.expected(WHAT, EXPECTED, entry)
  end
  first, last = day_number(first), day_number(last ~= "" and last or first)
  local from, lasts = parse_times(times ~= "" and times or "00:00-24:00")
  for day = first, first + (last - first) % 7 do
    spans[#spans + 1] = { from = day * DAY + from, lasts = lasts }
  end
end

local function window(text)
  if type(text) ~= "string" or #text > 200 then
    core.expected(WHAT, EXPECTED, text)
  end
  local spans = {}
  for entry in (text .. ","):gmatch "([^,]*)," do
    add_spans(spans, entry)
  end
  return predicate.new(function(_, now)
    local clock = now and now.clock or core.expected(WHAT, "the `now` of a function", now)
    local minute = DAYS[clock.weekday] * DAY + clock.hour * 60 + clock.minute
    for _, span in ipairs(spans) do
      if (minute - span.from) % WEEK < span.lasts then return true end
    end
    return false
  end)
end

return { window = window }
