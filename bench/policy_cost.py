"""What a policy costs: a decision, loading, and that nothing is paid by the byte. Processor time, the least of many batches."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

PROD = Path(__file__).resolve().parent.parent / "policies" / "prod.lua"
LIMITS_US = {"value": 1.0, "function": 3.0, "load": 2000.0}
SIZES_MIB = (1, 32, 256)
SECONDS_MAX = 300

# Says of each time that Lua is called that it was.
CALLED = """
local akosha = require "akosha"
local function called() print "called" end
return akosha.policy { api = 1, targets = { folder = akosha.dir { path = "%s/target" } },
  route = called, dedup = called, compress = called, retry = called, finished = called }
"""


def measure(program):
    """Prints the figures, and what they are held against; ends the program where one is missed."""
    program = Path(program).resolve()
    costs = json.loads(subprocess.run([program.parent / "bench" / "policy", PROD], capture_output=True, text=True,
                                      check=True, timeout=SECONDS_MAX).stdout)
    missed = []
    print("\na policy, processor time, the least of 200 batches")
    for name, cost in costs.items():
        limit = LIMITS_US[name.split(":")[0]]
        missed += [name] if cost > limit else []
        what = "loading prod.lua" if name == "load" else f"a decision by a {name.replace(':', ',')}"
        print(f"  {what:36} {cost:9.3f} us of {limit:6.0f} ({cost / limit:.2f})")
    calls = [calls_of_lua(program, size) for size in SIZES_MIB]
    print(f"  calls of Lua for {', '.join(map(str, SIZES_MIB))} MiB: {', '.join(map(str, calls))}")
    missed += ["nothing per byte"] if len(set(calls)) > 1 or calls[0] == 0 else []
    if missed:
        raise SystemExit(f"over the limit: {', '.join(missed)}")


def calls_of_lua(program, mib):
    with tempfile.TemporaryDirectory() as folder:
        source, policy = Path(folder, "source.bin"), Path(folder, "policy.lua")
        policy.write_text(CALLED % folder)
        with source.open("wb") as file:
            for _ in range(mib):
                file.write(os.urandom(512 * 1024) + bytes(512 * 1024))
        done = subprocess.run([program, "run", "--verbose", "--policy", policy, "--state", Path(folder, "state"), source],
                              capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, timeout=SECONDS_MAX)
        return done.stderr.count("policy: called")
