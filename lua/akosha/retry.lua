-- Schedules: how long to wait before the next try, and how many tries there are, the first
-- included. A schedule is a value for the field `retry`; a function for `retry` may return one as
-- well, or ask it with schedule:decide(failure).
local core = ...

local CAP = 10

-- A cap that nobody named does not cut a first wait that somebody did.
local function cap_for(cap, first)
  if cap == nil and type(first) == "number" and first > CAP then
    return first
  end
  return cap or CAP
end

local retry = {}

-- One try; a transient failure means the next target.
function retry.none(options)
  core.take("akosha.retry.none", options)
  return core.schedule("akosha.retry.none", "none", {
    first = 0, cap = 0, jitter = "none", tries = 1,
  })
end

-- The same wait each time.
function retry.fixed(options)
  local o = core.take("akosha.retry.fixed", options, "first", "jitter", "tries")
  local first = o.first or 2
  return core.schedule("akosha.retry.fixed", "fixed", {
    first = first, cap = first, jitter = o.jitter or "none", tries = o.tries or 3,
  })
end

-- first, first + step, first + 2 * step ... up to cap.
function retry.linear(options)
  local o = core.take("akosha.retry.linear", options, "first", "step", "cap", "jitter", "tries")
  local first = o.first or 2
  return core.schedule("akosha.retry.linear", "linear", {
    first = first, step = o.step or first, cap = cap_for(o.cap, first),
    jitter = o.jitter or "full", tries = o.tries or 3,
  })
end

-- first, first * factor, first * factor^2 ... up to cap.
function retry.exponential(options)
  local o = core.take("akosha.retry.exponential", options,
    "first", "factor", "cap", "jitter", "tries")
  local first = o.first or 2
  return core.schedule("akosha.retry.exponential", "exponential", {
    first = first, factor = o.factor or 2, cap = cap_for(o.cap, first),
    jitter = o.jitter or "full", tries = o.tries or 3,
  })
end

return retry
