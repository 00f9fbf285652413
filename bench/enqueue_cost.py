"""What ending a session costs: whole processes of enqueue, one after the other, beside one that does nothing but start."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

PROD = Path(__file__).resolve().parent.parent / "policies" / "prod.lua"
CALLS = 1000
# What the project promises of a quiet machine.
MEDIAN_MS, P99_MS = 3.0, 6.0
SECONDS_MAX = 60


def clear(queue):
    for path in queue.glob("*.json"):
        path.unlink()


def times(command, environment, calls, between=lambda: None):
    taken = []
    for _ in range(calls):
        between()
        began = time.perf_counter()
        subprocess.run(command, env=environment, check=True, timeout=SECONDS_MAX, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return taken[len(taken) // 2], taken[len(taken) * 99 // 100]


def measure(program, calls=CALLS):
    program = Path(program).resolve()
    with tempfile.TemporaryDirectory(prefix="akosha-bench-", dir=program.parent) as name:
        folder = Path(name)
        source = folder / "memory.db"
        source.write_bytes(os.urandom(4096))
        # Alone in a folder, as a person's policy is: what lies beside one goes into the job.
        policy = folder / "policy" / "policy.lua"
        policy.parent.mkdir()
        policy.write_text(PROD.read_text())
        environment = {"HOME": name, "PATH": os.environ["PATH"], "AKOSHA_DIR": str(folder / "target"), "LANG": "C.UTF-8"}
        state = folder / "state"
        enqueue = [program, "enqueue", "--state", state, "--policy", policy, source]
        print(f"\nenqueue, {calls} whole processes each, ms; load {os.getloadavg()[0]:.1f}")
        print(f"  {'':34} {'median':>8} {'p99':>8}")
        rows = (("a process that only starts", [program, "--version"], lambda: None),
                ("a durable job", [*enqueue, "--no-worker"], lambda: clear(state / "queue")),
                ("a durable job, and its worker", enqueue, lambda: None))
        for title, command, between in rows:
            median, p99 = times(command, environment, calls, between)
            print(f"  {title:34} {median:8.2f} {p99:8.2f}")
        print(f"  {'promised of a quiet machine':34} {MEDIAN_MS:8.2f} {P99_MS:8.2f}")
        subprocess.run([program, "worker", "--once", "--quiet", "--state", state], env=environment, check=False,
                       timeout=SECONDS_MAX, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
