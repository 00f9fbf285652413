-- What akosha.match and akosha.window make: called like a function of a source's facts and `now`,
-- or of `now` alone, joined with &, | and ~. Functions may be joined with them.
local core = ...

local NAME = "akosha.match"
local meta = { __metatable = NAME }

local function new(holds)
  return setmetatable({ holds = holds }, meta)
end

-- For what holds or not by the facts of a source.
local function of_source(holds)
  return new(function(source)
    if type(source) ~= "table" or not source.kind or not source.size then
      core.expected(NAME, "the facts of a source", source)
    end
    return holds(source)
  end)
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

function meta.__band(a, b)
  a, b = operand(a), operand(b)
  return new(function(...) return a(...) and b(...) end)
end

function meta.__bor(a, b)
  a, b = operand(a), operand(b)
  return new(function(...) return a(...) or b(...) end)
end

function meta.__bnot(a)
  return new(function(...) return not a(...) end)
end

return { new = new, of_source = of_source }
