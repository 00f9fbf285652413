-- What a policy gets from require "akosha".
local core = ...
local units = require "akosha.units"

local akosha = {
  -- The policy itself, and what it sends to.
  policy = core.policy,
  task = core.task,
  s3 = core.s3,
  http = core.http,
  mcp = core.mcp,
  dir = core.dir,

  -- What a function for `retry` decides.
  wait = core.wait,
  next_target = core.next_target,
  restart = core.restart,
  give_up = core.give_up,

  -- What becomes of a source that is being written.
  snapshot = core.snapshot,

  -- Whom it is encrypted for.
  age = core.age,

  -- What may be sent in a day.
  budget = core.budget,

  -- What `retry`, `route` and `throttle` can be without a function of one's own.
  retry = require "akosha.retry",
  route = require "akosha.route",
  throttle = require "akosha.throttle",
  match = require "akosha.match",
  window = require "akosha.window".window,

  env = core.env,
  secret = core.secret,
  log = core.log,
}

for name, value in pairs(units) do
  akosha[name] = value
end

return akosha
