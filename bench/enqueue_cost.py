"""What ending a session costs: whole processes of enqueue, one after the other, beside one that does nothing but start.

Each is started by posix_spawn and waited for by waitpid: subprocess.run looks again after 0.5, 1, 2 and 4 ms where it has
a timeout, and then that is what is measured.
"""

import json
import os
import signal
import tempfile
import time
from pathlib import Path

CALLS = 1000
# What the project promises of a quiet machine.
MEDIAN_MS, P99_MS = 3.0, 6.0
HOOK_MEDIAN_MS, HOOK_P99_MS = 4.0, 8.0
# What an agent hands over when its session ends.
SESSION_END = {"session_id": "0b2f6f4c-5a1b-4f0e-9c37-0d1f5b3a9c10", "transcript_path": "/home/me/.claude/projects/a/0b2f6f4c.jsonl",
               "cwd": "/home/me/a", "hook_event_name": "SessionEnd", "reason": "prompt_input_exit"}
# No series takes longer: a program that hangs ends the bench.
SERIES_SECONDS_MAX = 120
WORKER_SECONDS_MAX = 60
LOOK_SECONDS = 0.01

NULL_STREAMS = ((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0))


def took_too_long(*_):
    raise SystemExit(f"a series takes more than {SERIES_SECONDS_MAX} s")


def whole(command, environment, streams=NULL_STREAMS):
    """Seconds that a whole process of ${command} takes; it has to end with 0."""
    began = time.perf_counter()
    pid = os.posix_spawn(command[0], command, environment, file_actions=streams)
    _, status = os.waitpid(pid, 0)
    took = time.perf_counter() - began
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    return took


def times(command, environment, calls, before, said=None):
    """Median, p99 and the longest of ${calls} processes, in ms; ${before} is called before each and not measured. ${said}
    comes to each through a pipe that is closed behind it.
    """
    taken = []
    for _ in range(calls):
        before()
        if said is None:
            taken.append(whole(command, environment) * 1000)
            continue
        reading, writing = os.pipe()
        os.write(writing, said)
        os.close(writing)
        taken.append(whole(command, environment, ((os.POSIX_SPAWN_DUP2, reading, 0), *NULL_STREAMS[1:])) * 1000)
        os.close(reading)
    taken.sort()
    return taken[len(taken) // 2], taken[len(taken) * 99 // 100], taken[-1]


class Place:
    """A state folder of its own, a source, and the default policy with a folder as its target."""

    def __init__(self, program, folder):
        self.state, source = folder / "state", folder / "memory.db"
        source.write_bytes(os.urandom(4096))
        self.program, self.worker_pid = str(program), None
        self.environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8",
                            "AKOSHA_DIR": str(folder / "target")}
        self.enqueue = [self.program, "enqueue", "--state", str(self.state), str(source)]
        self.hook = [self.program, "hook", "session-end", "--state", str(self.state)]

    def clear(self):
        for path in (self.state / "queue").glob("*.json"):
            path.unlink()

    def begin_worker(self):
        """One that goes on waiting, and brings what it is told of."""
        self.worker_pid = os.posix_spawn(self.program, [self.program, "worker", "--quiet", "--state", str(self.state)],
                                         self.environment, file_actions=NULL_STREAMS)
        self.wait_for((self.state / "worker.sock").exists)

    def end_worker(self):
        os.kill(self.worker_pid, signal.SIGTERM)
        os.waitpid(self.worker_pid, 0)

    def settle(self):
        """What was enqueued is brought."""
        self.wait_for(lambda: not any((self.state / "queue").glob("*.json")))

    def no_worker(self):
        """The one that was started has brought everything and ended."""
        self.settle()
        self.wait_for(lambda: not (self.state / "worker.sock").exists())

    @staticmethod
    def wait_for(true):
        until = time.monotonic() + WORKER_SECONDS_MAX
        while not true():
            if time.monotonic() > until:
                raise SystemExit(f"the worker does not get on within {WORKER_SECONDS_MAX} s")
            time.sleep(LOOK_SECONDS)


def measure_hook(program, calls=CALLS):
    """What the end of an agent's session costs it."""
    program, said = Path(program).resolve(), json.dumps(SESSION_END).encode()
    with tempfile.TemporaryDirectory(prefix="akosha-bench-", dir=program.parent) as name:
        place = Place(program, Path(name))
        signal.signal(signal.SIGALRM, took_too_long)
        print(f"\nhook session-end, whole processes, ms; load {os.getloadavg()[0]:.1f}")
        print(f"  {'':44} {'median':>8} {'p99':>8} {'longest':>8}")

        def row(title, command, calls, before, said):
            signal.alarm(SERIES_SECONDS_MAX)
            figures = times(command, place.environment, calls, before, said)
            signal.alarm(0)
            print(f"  {f'{title} ({calls})':44} " + " ".join(f"{figure:8.2f}" for figure in figures), flush=True)

        row("a process that only starts", [place.program, "--version"], calls, lambda: None, None)
        row("a turn's end, which is nobody's business", place.hook, calls, lambda: None,
            json.dumps({**SESSION_END, "hook_event_name": "Stop"}).encode())
        place.begin_worker()
        row("a session's end, told to a worker that waits", place.hook, calls, place.settle, said)
        place.settle()
        place.end_worker()
        row("a session's end, and a worker started", place.hook, calls // 5, place.no_worker, said)
        place.no_worker()
        print(f"  {'promised of a quiet machine':44} {HOOK_MEDIAN_MS:8.2f} {HOOK_P99_MS:8.2f}")


def measure(program, calls=CALLS):
    program = Path(program).resolve()
    with tempfile.TemporaryDirectory(prefix="akosha-bench-", dir=program.parent) as name:
        place = Place(program, Path(name))
        signal.signal(signal.SIGALRM, took_too_long)
        print(f"\nenqueue, whole processes, ms; load {os.getloadavg()[0]:.1f}")
        print(f"  {'':44} {'median':>8} {'p99':>8} {'longest':>8}")

        def row(title, command, calls, before):
            signal.alarm(SERIES_SECONDS_MAX)
            figures = times(command, place.environment, calls, before)
            signal.alarm(0)
            print(f"  {f'{title} ({calls})':44} " + " ".join(f"{figure:8.2f}" for figure in figures), flush=True)

        row("a process that only starts", [place.program, "--version"], calls, lambda: None)
        row("a durable job", [*place.enqueue, "--no-worker"], calls, place.clear)
        place.clear()
        place.begin_worker()
        row("a durable job, told to a worker that waits", place.enqueue, calls, place.settle)
        place.settle()
        place.end_worker()
        row("a durable job, and a worker started", place.enqueue, calls // 5, place.no_worker)
        place.no_worker()
        print(f"  {'promised of a quiet machine':44} {MEDIAN_MS:8.2f} {P99_MS:8.2f}")
