-- Predicates over the facts of a source: match.kind "duckdb" & ~match.size "> 100 MiB".
local core = ...
local glob = require "akosha.glob"
local predicate = require "akosha.predicate"
local units = require "akosha.units"

local KINDS = { duckdb = 1, sqlite = 2, file = 3 }
local SIZES = { B = 1, KiB = units.KiB, MiB = units.MiB, GiB = units.GiB, kB = units.kB,
                MB = units.MB }
local TIMES = { s = 1, min = units.minute, h = units.hour, d = units.day }
local COMPARE = {
  ["<"] = function(a, b) return a < b end, ["<="] = function(a, b) return a <= b end,
  [">"] = function(a, b) return a > b end, [">="] = function(a, b) return a >= b end,
}

-- The least and the most that such a comparison holds for.
local function range(operator, limit)
  local beside = #operator == 1 and limit * 2 ^ -40 or 0
  if operator:sub(1, 1) == "<" then
    return { 0, limit - beside }
  end
  return { limit + beside, math.huge }
end

-- "> 100 MiB" about one field of the facts; what is not known does not match.
local function compare(what, field, names, expected, text)
  local operator, number, unit = tostring(text):match "^([<>]=?) *([%d.]+) *(%a+)$"
  number = tonumber(number)
  if type(text) ~= "string" or not number or not names[unit] then
    core.expected(what, expected, text)
  end
  local holds, limit = COMPARE[operator], number * names[unit]
  return predicate.of_source(function(source)
    return source[field] ~= nil and holds(source[field], limit)
  end, { [field] = range(operator, limit) })
end

local match = {}

function match.kind(kind)
  local number = KINDS[kind]
  if not number then
    core.expected("akosha.match.kind", '"duckdb", "sqlite" or "file"', kind)
  end
  return predicate.of_source(function(source) return source.kind == kind end,
    { kind = { number, number } })
end

-- The name in the target, where * stands for any letters and ? for one.
function match.name(stars)
  if type(stars) ~= "string" or stars == "" or #stars > 100 then
    core.expected("akosha.match.name", 'a name of 1 to 100 bytes, with * and ? like "*.db"', stars)
  end
  return predicate.of_source(function(source) return glob.matches(stars, source.name) end)
end

function match.size(text)
  return compare("akosha.match.size", "size", SIZES,
    'a comparison like "> 100 MiB" (B, KiB, MiB, GiB, kB, MB)', text)
end

-- Since it was last modified.
function match.age(text)
  return compare("akosha.match.age", "age", TIMES,
    'a comparison like "< 1 h" (s, min, h, d)', text)
end

return match
