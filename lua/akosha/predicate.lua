-- What akosha.match and akosha.window make: called like a function of a source's facts and `now`,
-- or of `now` alone, joined with &, | and ~. Functions may be joined with them.
local core = ...

local NAME = "akosha.match"
local meta = { __metatable = NAME }

-- Where it is known, ${ranges} has what it needs: { size = { least, most } }.
local function new(holds, ranges)
  return setmetatable({ holds = holds, ranges = ranges or {} }, meta)
end

-- For what holds or not by the facts of a source.
local function of_source(holds, ranges)
  return new(function(source)
    if type(source) ~= "table" or not source.kind or not source.size then
      core.expected(NAME, "the facts of a source", source)
    end
    return holds(source)
  end, ranges)
end

function meta.__call(self, source, now)
  if now == nil and type(source) == "table" and source.clock then
    source, now = nil, source
  end
  return self.holds(source, now)
end

local function operand(value)
  if type(value) ~= "function" and getmetatable(value) ~= NAME then
    core.expected(NAME .. ": & and |", "a predicate or a function", value)
  end
  return value
end

-- What both need; a field of which no source has that at once is told.
local function both(a, b)
  local joined = {}
  for _, ranges in ipairs { a.ranges, b.ranges } do
    for field, range in pairs(ranges) do
      local other = joined[field] or range
      joined[field] = { math.max(range[1], other[1]), math.min(range[2], other[2]) }
      if joined[field][1] > joined[field][2] then
        core.warn(NAME, ("no source has both: its %s cannot be so"):format(field))
        return {}
      end
    end
  end
  return joined
end

function meta.__band(a, b)
  a, b = operand(a), operand(b)
  local ranges = type(a) == "table" and type(b) == "table" and both(a, b) or nil
  return new(function(...) return a(...) and b(...) end, ranges)
end

function meta.__bor(a, b)
  a, b = operand(a), operand(b)
  return new(function(...) return a(...) or b(...) end)
end

function meta.__bnot(a)
  return new(function(...) return not a(...) end)
end

return { new = new, of_source = of_source }
