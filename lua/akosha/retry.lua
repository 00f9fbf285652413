-- Schedules: how long to wait before the next try, and how many tries there are, the first
-- included. A schedule is a value for the field `retry`; a function for `retry` may return one as
-- well, or ask it with schedule:decide(failure).
local core = ...

local retry = {}

-- One try; a transient failure means the next target.
function retry.none(options)
  core.take("akosha.retry.none", options)
  return core.schedule("akosha.retry.none", "none",
    { first = 0, cap = 0, jitter = "none", tries = 1 })
end

-- The same wait each time.
function retry.fixed(options)
  local o = core.take("akosha.retry.fixed", options, "first", "jitter", "tries")
  local first = o.first or 2
  return core.schedule("akosha.retry.fixed", "fixed",
    { first = first, cap = first, jitter = o.jitter or "none", tries = o.tries or 3 })
end

-- first, first + step, first + 2 * step ... up to cap.
function retry.linear(options)
  local o = core.take("akosha.retry.linear", options, "first", "step", "cap", "jitter", "tries")
  local first = o.first or 2
  return core.schedule("akosha.retry.linear", "linear", { first = first, step = o.step or first,
    cap = o.cap, jitter = o.jitter or "full", tries = o.tries or 3 })
end

-- first, first * factor, first * factor^2 ... up to cap.
function retry.exponential(options)
  local o = core.take("akosha.retry.exponential", options,
    "first", "factor", "cap", "jitter", "tries")
  return core.schedule("akosha.retry.exponential", "exponential", { first = o.first or 2,
    factor = o.factor or 2, cap = o.cap, jitter = o.jitter or "full", tries = o.tries or 3 })
end

-- Anything from first to factor times the wait before, up to cap: AWS's "decorrelated jitter".
function retry.decorrelated(options)
  local o = core.take("akosha.retry.decorrelated", options, "first", "factor", "cap", "tries")
  return core.schedule("akosha.retry.decorrelated", "decorrelated", { first = o.first or 2,
    factor = o.factor or 3, cap = o.cap, jitter = "none", tries = o.tries or 3 })
end

-- A schedule for each failure that is named, as in docs/failures.md; `default` for the others.
function retry.by_failure(schedules)
  return core.by_failure("akosha.retry.by_failure", schedules, retry.exponential())
end

-- A schedule for each target that is named; `default` for the others.
function retry.by_target(schedules)
  return core.by_target("akosha.retry.by_target", schedules, retry.exponential())
end

return retry
