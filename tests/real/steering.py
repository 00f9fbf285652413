"""Tasks that tell the test what they saw: each tell(...) of the Lua text is a record of the audit log."""

import json

import cases
import sync

# tell(name, ...): a record with the values in their order; failed(f, ...): the message of the error that f(...) raises.
HEAD = """local akosha = require 'akosha'
local ctx
local function shown(value)
  local kind = type(value)
  if kind == 'string' or kind == 'number' or kind == 'boolean' then return value end
  return tostring(value)
end
local function tell(step, ...)
  local record = { step = step }
  for i = 1, select('#', ...) do record[string.char(96 + i)] = shown((select(i, ...))) end
  ctx:audit(record)
end
local function failed(f, ...)
  local ok, why = pcall(f, ...)
  return ok and 'no error' or (tostring(why):gsub('^.-%.lua:%d+: ', ''))
end
return akosha.task {
  api = 1, system_id = '%s', targets = { %s }, %s
  run = function(given)
    ctx = given
%s
  end,
}
"""


def task(body, targets, **fields):
    """Text of a task; ${targets} by name, further fields in Lua."""
    fields = {"retry": sync.RETRY, **fields}
    named = ", ".join(f"{name} = {text}" for name, text in targets.items())
    head, rest = HEAD.split("return akosha.task", 1)
    rest = "return akosha.task" + rest
    return head + rest % (sync.SYSTEM, named, "".join(f"{name} = {text}, " for name, text in fields.items()), body)


class Case(cases.Case):
    def steer(self, person, body, targets, sources, code=0, more=(), **fields):
        """Runs ${body} as a task; its end is ${code}. What it told: a list of (step, value, ...)."""
        log = person.state / "audit.jsonl"
        before = log.stat().st_size if log.exists() else 0
        self.result = person.run(task(body, targets, **fields), sources, *more)
        self.assert_code(self.result, code)
        records = [json.loads(line) for line in log.read_bytes()[before:].splitlines()] if log.exists() else []
        said = [record["said"] for record in records if record["event"] == "policy" and "step" in record["said"]]
        return [(one.pop("step"), *(one[name] for name in sorted(one))) for one in said]
