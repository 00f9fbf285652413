-- What akosha.match makes: called like a function of a source's facts, joined with &, | and ~.
-- Functions may be joined with them.
local core = ...

local NAME = "akosha.match"
local meta = { __metatable = NAME }

local function new(holds)
  return setmetatable({ holds = holds }, meta)
end

function meta.__call(self, source)
  if type(source) ~= "table" or not source.kind or not source.size then
    core.expected(NAME, "the facts of a source", source)
  end
  return self.holds(source)
end

local function operand(value)
  if type(value) ~= "function" and getmetatable(value) ~= NAME then
    core.expected(NAME .. ": & and |", "a predicate or a function", value)
  end
  return value
end

function meta.__band(a, b)
  a, b = operand(a), operand(b)
  return new(function(source) return a(source) and b(source) end)
end

function meta.__bor(a, b)
  a, b = operand(a), operand(b)
  return new(function(source) return a(source) or b(source) end)
end

function meta.__bnot(a)
  return new(function(source) return not a(source) end)
end

return { new = new }
