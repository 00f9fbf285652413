"""Fills the disk of the state folder at random moments: `full_disk.py STATE PROGRAM HOME ROUNDS SEED`.

Runs where STATE is a small file system of its own (test_full.py sees to that). A database and a file change, are synced
or enqueued, and somewhere meanwhile the disk fills up. What the exit code says has to be true: 0, it is in the target; 1, a
job has it; 7, nothing is kept. What the state database believes has to be in the target, always. Prints one line of JSON.
"""

import collections
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

SECONDS_MAX = 120
WORKER_SECONDS = 1
LEFT_BYTES_MAX = 300_000
FILE_BYTES = 400_000


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Wrong(Exception):
    pass


class Disk:
    def __init__(self, state):
        self.filler = state / "filler"
        self.state = state

    def fill(self, left):
        """All but ${left} bytes are taken."""
        try:
            with open(self.filler, "wb") as out:
                space = os.statvfs(self.state)
                out.write(b"\0" * max(space.f_bavail * space.f_frsize - left, 0))
        except OSError:
            pass        # it is full all the more

    def empty(self):
        self.filler.unlink(missing_ok=True)


class Full:
    def __init__(self, state, program, home, seed):
        self.state, self.program, self.home, self.rng = state, program, home, random.Random(seed)
        self.disk, self.target = Disk(state), home / "target"
        self.file, self.database = home / "small.bin", home / "memory.db"
        self.connection = sqlite3.connect(self.database, isolation_level=None)
        self.connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE state (id INTEGER PRIMARY KEY, pad BLOB)")
        self.counts, self.usual_s = collections.Counter(), 0.2
        self.policy = home / "policy.lua"
        self.policy.write_text(f"""local akosha = require 'akosha'
            return akosha.policy {{ api = 1, sources = {{ '{self.file}', '{self.database}' }},
              targets = {{ folder = akosha.dir {{ path = '{self.target}' }} }}, route = 'folder',
              retry = akosha.retry.none() }}""")
        self.change()

    def change(self):
        self.file.write_bytes(self.rng.randbytes(FILE_BYTES))
        self.connection.execute("BEGIN")
        for row in range(200):
            self.connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (row, self.rng.randbytes(3000)))
        self.connection.execute("COMMIT")

    def ask(self, name, *arguments):
        done = subprocess.run([self.program, name, "--policy", self.policy, "--state", self.state, *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
        if "Sanitizer" in done.stderr or "runtime error:" in done.stderr or done.returncode < 0:
            raise Wrong(f"{name} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done

    # --- what is true ---

    def manifests(self):
        for path in self.target.rglob("manifest.json"):
            yield json.loads(path.read_text())

    def is_held(self, digest):
        """In a manifest, with an object that is there and has the bytes that it says."""
        for manifest in self.manifests():
            for entry in manifest["objects"]:
                if entry["sha256"] == digest and sha256(self.target / entry["key"]) == entry["stored_sha256"]:
                    return True
        return False

    def queued(self):
        folder = self.state / "queue"
        found = [p for p in folder.iterdir() if p.suffix == ".json"] if folder.is_dir() else []
        return [json.loads(p.read_text()) for p in found]

    def check_beliefs(self):
        database = self.state / "state.db"
        if not database.exists():
            return
        connection = sqlite3.connect(database)
        try:
            rows = connection.execute("SELECT key, sha256 FROM stored").fetchall()
        except sqlite3.OperationalError as why:
            if "no such table" not in str(why):
                raise
            return      # the disk was full before it was made
        finally:
            connection.close()
        for key, digest in rows:
            if not (self.target / key).exists():
                raise Wrong(f"{key} is believed to be stored and is not there")
            if not self.is_held(digest):
                raise Wrong(f"{digest} is believed to be stored and no manifest has it")

    def check(self, name, done):
        code, jobs = done.returncode, self.queued()
        self.counts[f"{name}: exit {code}"] += 1
        if code not in (0, 1, 7):
            raise Wrong(f"{name} ended with {code}: {done.stderr}")
        if name == "run" and code == 0 and not self.is_held(sha256(self.file)):
            raise Wrong("the exit code is 0, and the file is not in the target")
        if (name == "run" and code == 1) or (name == "enqueue" and code == 0):
            if not jobs and not self.is_held(sha256(self.file)):
                raise Wrong(f"{name} ended with {code}, and no job is there: {done.stderr}")
        if code == 7 and "akosha-sync: " not in done.stderr:
            raise Wrong(f"{name} ended with 7 and says nothing")

    # --- what happens ---

    def workers(self):
        """Pids of whatever enqueue has begun in the background."""
        mark = os.fsencode(self.state)
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()
                and int(entry.name) not in (os.getpid(), os.getppid()) and b"worker" in command(entry)
                and mark in command(entry)]

    def end_worker(self):
        """It may bring the job; one that waits for better days is killed."""
        deadline = time.monotonic() + WORKER_SECONDS
        while self.workers() and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in self.workers():
            os.kill(pid, signal.SIGKILL)
            self.counts["workers killed"] += 1

    def round(self):
        self.change()
        name = self.rng.choice(("run", "run", "enqueue"))
        left = self.rng.choice((0, 0, 4096, 20_000, self.rng.randrange(LEFT_BYTES_MAX)))
        filling = threading.Timer(self.rng.uniform(0, self.usual_s), self.disk.fill, (left,))
        filling.start()
        done = self.ask(name, "--json") if name == "run" else self.ask(name)
        filling.join()
        if name == "enqueue":
            self.end_worker()
        self.disk.empty()
        self.check(name, done)
        self.check_beliefs()

    def calm(self):
        done = self.ask("run", "--json")
        if done.returncode != 0 or not self.is_held(sha256(self.file)):
            raise Wrong(f"all is well, and a run ends with {done.returncode}: {done.stderr}{done.stdout}")
        if self.queued():
            raise Wrong(f"all is well, and these are left: {self.queued()}")
        self.check_beliefs()

    def run(self, rounds):
        began = time.monotonic()
        self.calm()
        self.usual_s = time.monotonic() - began
        for _ in range(rounds):
            self.round()
            if self.rng.random() < 0.3:
                self.calm()
        self.calm()
        left = [p.name for p in (self.state / "snapshots").iterdir()] if (self.state / "snapshots").is_dir() else []
        if left:
            raise Wrong(f"snapshots are left: {left}")
        return self.counts


def command(entry):
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def main():
    state, program, home = (Path(a) for a in sys.argv[1:4])
    full = Full(state, program, home, int(sys.argv[5]))
    try:
        counts, failed = full.run(int(sys.argv[4])), None
    except Wrong as why:
        counts, failed = full.counts, str(why)
    shutil.rmtree(full.target, ignore_errors=True)
    print(json.dumps({"failed": failed, "counts": counts}))


if __name__ == "__main__":
    main()
