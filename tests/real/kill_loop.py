"""Kills the program at random moments, many times: `kill_loop.py --program FILE [--count N] [--seed S] [--server NAME]`.

Jobs are enqueued, workers and runs deliver them to a real server, sources change, and whatever runs is killed. Now and
then all is left in peace: then everything that was enqueued must come back by `restore`, byte for byte; every manifest
names objects that are there with the bytes that it says; no upload is open; and by the log of a proxy before the server
no part that was acknowledged was sent again. Ends with the line `N passed, N failed`.
"""

import argparse
import collections
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import data
import faults
import sync
import world as worlds
from world import BUCKET

BIG_BYTES = 21 * data.MIB       # five parts
SMALL_BYTES = 300 * data.KIB
PARTS_IN_FLIGHT = 3             # 15 MiB of buffers, parts of 5 MiB
SETTLE_EVERY = 8
SECONDS_MAX = 120               # for whatever is left to end by itself
SETTLE_TRIES_MAX = 4


class Wrong(Exception):
    """Something was lost, or done twice."""


class Source:
    """A file and everything that it ever was: one digest for each time that it changed."""

    def __init__(self, path):
        self.path, self.versions, self.owed = path, [], None

    def change(self, rng):
        rest = self.path.with_name(self.path.name + ".new")
        data.random_bytes(rest, BIG_BYTES if "big" in self.path.name else SMALL_BYTES, rng.getrandbits(60))
        self.versions.append(data.sha256(rest))
        rest.replace(self.path)

    def now(self):
        return len(self.versions) - 1

    def check(self, restored):
        digest = data.sha256(restored)
        if digest not in self.versions:
            raise Wrong(f"{self.path.name} came back as it never was")
        if self.owed is not None and self.versions.index(digest) < self.owed:
            raise Wrong(f"{self.path.name} came back older than what was enqueued")


class Database(Source):
    """A SQLite database in WAL mode that its owner keeps open."""

    def __init__(self, path):
        super().__init__(path)
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE state (id INTEGER PRIMARY KEY, n INTEGER)")

    def change(self, rng):
        self.versions.append(len(self.versions))
        self.connection.execute("BEGIN")
        for row in range(200):
            self.connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (row, self.versions[-1]))
        self.connection.execute("COMMIT")

    def check(self, restored):
        connection = sqlite3.connect(restored)
        try:
            if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise Wrong("the database came back damaged")
            least, most = connection.execute("SELECT min(n), max(n) FROM state").fetchone()
        finally:
            connection.close()
        if least != most or (self.owed is not None and most < self.owed):
            raise Wrong(f"the database came back as of {least} to {most}; enqueued was {self.owed}")


class Loop:
    def __init__(self, world, program, server, seed):
        self.server, self.rng = server, random.Random(seed)
        self.person = sync.Person(world, Path(program).resolve())
        self.proxy = faults.Proxy(server.port)
        self.person.policy.write_text(sync.policy(
            {"cloud": sync.s3(server, self.proxy.port, prefix=f"loop-{seed}")}, compress="'none'"))
        self.prefix = f"loop-{seed}/"
        folder = self.person.folder
        self.sources = [Source(folder / "big.bin"), Source(folder / "small.bin"), Database(folder / "memory.db")]
        for source in self.sources:
            source.change(self.rng)
        self.kills, self.counts, self.checked = [], collections.Counter(), set()
        self.usual_s = 1.0

    # --- the program ---

    def command(self, name, *arguments):
        policy = () if name == "worker" else ("--policy", self.person.policy)
        return self.person.command([name, *policy, "--state", self.person.state, *arguments])

    def begin(self, name, *arguments):
        """Starts it in a session of its own, as an agent's hook would."""
        with open(self.person.folder / f"{name}.err", "wb") as err:
            return subprocess.Popen(self.command(name, *arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=err, env=self.person.environment, cwd=self.person.folder,
                                    start_new_session=True)

    def end(self, process, codes, name):
        """Lets it end by itself."""
        out, _ = process.communicate(timeout=SECONDS_MAX)
        said = (self.person.folder / f"{name}.err").read_text(errors="replace")
        if process.returncode not in codes or "Sanitizer" in said or "runtime error:" in said:
            raise Wrong(f"{name} ended with {process.returncode}: {said[-2000:]}")
        return out.decode()

    def living(self):
        """Pids of everything that this person has started, the detached worker too."""
        mark, found = f"HOME={self.person.folder}\0".encode(), []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if mark in (entry / "environ").read_bytes() and "Z" not in (entry / "stat").read_text().split()[2]:
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    def kill_all(self):
        found = self.living()
        self.kills.append(time.monotonic())
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.counts["processes killed"] += len(found)
        return found

    def wait_for_all(self):
        deadline = time.monotonic() + SECONDS_MAX
        while self.living():
            if time.monotonic() > deadline:
                raise Wrong(f"still running after {SECONDS_MAX} s: {self.living()}")
            time.sleep(0.01)

    # --- what happens ---

    def maybe_change(self):
        for source in self.sources:
            if self.rng.random() < 0.4:
                source.change(self.rng)

    def enqueue(self):
        """Only what it has said is promised."""
        now = [source.now() for source in self.sources]
        process = self.begin("enqueue", *(source.path for source in self.sources))
        if self.rng.random() < 0.2:
            time.sleep(self.rng.uniform(0, 0.02))
            process.kill()
            self.kills.append(time.monotonic())
            self.counts["processes killed"] += 1
            out, _ = process.communicate()
            if not out.strip():
                return
        else:
            out = self.end(process, (0,), "enqueue")
        self.counts["jobs enqueued"] += 1
        for source, number in zip(self.sources, now):
            source.owed = number

    def step(self):
        self.maybe_change()
        kind, moment = self.rng.random(), self.rng.uniform(0, 1.2 * self.usual_s)
        process = None
        if kind < 0.5:
            self.enqueue()
        elif kind < 0.75:
            process = self.begin("run", *(source.path for source in self.sources))
        else:
            process = self.begin("worker", "--once")
        time.sleep(moment)
        self.kill_all()
        if process is not None:
            process.communicate()

    def settle(self):
        """Peace: what is owed goes out, and everything is looked at."""
        self.enqueue_all()
        for _ in range(SETTLE_TRIES_MAX):
            self.wait_for_all()
            if not self.person.queue():
                break
            self.end(self.begin("worker", "--once"), (0, 1), "worker")
        if self.person.queue():
            raise Wrong(f"left in the queue: {self.person.queue()}")
        self.counts["times settled"] += 1
        self.check_restore()
        self.check_uploads()
        self.check_again()

    def enqueue_all(self):
        self.end(self.begin("enqueue", *(source.path for source in self.sources)), (0,), "enqueue")
        for source in self.sources:
            source.owed = source.now()

    def check_restore(self):
        folder = self.person.folder / "restored"
        shutil.rmtree(folder, ignore_errors=True)
        self.end(self.begin("restore", "--to", folder), (0,), "restore")
        for source in self.sources:
            found = [path for path in folder.rglob(source.path.name) if path.is_file()]
            if len(found) != 1:
                raise Wrong(f"restore brought {len(found)} files of the name {source.path.name}")
            source.check(found[0])
        self.counts["files restored"] += len(self.sources)

    def check_uploads(self):
        open_uploads = self.server.open_uploads(self.prefix)
        if open_uploads:
            raise Wrong(f"uploads are open: {open_uploads}")
        objects = self.server.objects(self.prefix)
        for key in objects:
            if key.endswith("/manifest.json") and key not in self.checked:
                manifest = json.loads(self.server.get(key)["Body"].read())
                for entry in manifest["objects"]:
                    self.check_object(key, entry, objects)
                self.checked.add(key)
                self.counts["manifests checked"] += 1

    def check_object(self, manifest, entry, objects):
        key = self.prefix + entry["key"]
        if key not in objects:
            raise Wrong(f"{manifest} names {key}, which is not there")
        if key in self.checked:
            return
        if data.sha256_of(self.server.get(key)["Body"]) != entry["stored_sha256"]:
            raise Wrong(f"{key} has other bytes than {manifest} says")
        self.checked.add(key)

    # --- what was sent twice ---

    def check_again(self):
        """By the proxy's log, from the beginning."""
        sent, figures = {}, collections.Counter()
        for request in self.proxy.asked(lambda r: r.is_object()):
            what = identity(request)
            part = request.is_part()
            figures["parts sent" if part else "single objects sent"] += 1
            before = sent.setdefault(what, [])
            same = [r for r in before if r.path == request.path]
            if same:
                figures["parts sent again" if part else "single objects sent again"] += 1
                if part and any(self.acknowledged(r) for r in same):
                    raise Wrong(f"a part that was acknowledged was sent again: {same} then {request}")
            elif before:    # something beside it has changed, and its upload was given back
                figures["sent anew for a newer job"] += 1
            before.append(request)
        for name, number in figures.items():
            self.counts[name] = number
        kills = max(len(self.kills), 1)
        if figures["parts sent again"] > PARTS_IN_FLIGHT * kills or figures["single objects sent again"] > kills:
            raise Wrong(f"too much was sent again for {kills} kills: {dict(figures)}")

    def acknowledged(self, request):
        """Answered while who asked still lived."""
        return request.status == 200 and request.answered_at is not None and not any(
            request.at <= kill <= request.answered_at for kill in self.kills)

    def run(self, count):
        began = time.monotonic()
        self.end(self.begin("run", *(source.path for source in self.sources)), (0,), "run")
        self.usual_s = time.monotonic() - began
        for number in range(1, count + 1):
            self.step()
            if number % SETTLE_EVERY == 0 or number == count:
                self.settle()
        return self.counts

    def close(self):
        self.kill_all()
        self.proxy.stop()
        self.person.close()


def identity(request):
    """Of a part its bytes, whatever upload it is sent to; of an object also its name."""
    digests = tuple(sorted((name.lower(), value) for name, value in request.headers.items()
                           if name.lower().startswith("x-amz-checksum") or name.lower() == "x-amz-content-sha256"))
    return (Path(request.path).name, request.query.get("partNumber", [""])[0], digests)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server", default="versitygw", choices=("versitygw", "minio"))
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    world = worlds.World()
    loop, failed = None, None
    try:
        loop = Loop(world, arguments.program, world.s3(arguments.server), arguments.seed)
        loop.run(arguments.count)
    except Wrong as why:
        failed = why
    finally:
        if loop is not None:
            print(f"seed {arguments.seed}, {arguments.server}: {len(loop.kills)} kills; "
                  + ", ".join(f"{number} {name}" for name, number in sorted(loop.counts.items())))
            loop.close()
        world.stop()
    if failed:
        print(f"seed {arguments.seed}: {failed}")
    print("0 passed, 1 failed" if failed else "1 passed, 0 failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
