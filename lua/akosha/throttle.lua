-- Throttles: functions for the field `throttle`, made of rates in bytes per second, of predicates
-- over `now`, and of each other.
local core = ...

local throttle = {}

-- A function of `now` that answers with a rate, if it is not one already; without one, no limit.
local function answering(what, rate)
  if type(rate) == "function" then
    return rate
  end
  rate = rate ~= nil and core.rate(what, rate) or nil
  return function()
    return rate
  end
end

-- One rate while a predicate holds, another one, or no limit, while it does not.
function throttle.when(predicate, rate, otherwise)
  local what = "akosha.throttle.when"
  if type(predicate) ~= "function" and getmetatable(predicate) ~= "akosha.match" then
    core.expected(what, 'a predicate (akosha.window "08:00-18:00") or a function', predicate)
  end
  rate = answering(what, rate == nil and core.expected(what, "a rate or a function", rate) or rate)
  otherwise = answering(what, otherwise)
  return function(now)
    return (predicate(now) and rate or otherwise)(now)
  end
end

return throttle
