"""Databases that are being written to: every snapshot holds together, and no writer notices.

AKS_LIVE_SNAPSHOTS says how many of each kind into a folder (`./dev live 500`), AKS_LIVE_SERVER how many to a server.
"""

import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import time
from pathlib import Path

import cases
import engines
import sync

PROGRAM = Path(__file__).with_name("live_program.py")
SNAPSHOTS = int(os.environ.get("AKS_LIVE_SNAPSHOTS", "20"))
TO_SERVER = int(os.environ.get("AKS_LIVE_SERVER", "5"))
WRITER_SECONDS_MAX = 60     # to begin, and to end
METHODS = {"duckdb": {"seqlock"}, "sqlite": {"transaction", "identity"}}


class Writer:
    """A program that writes to a database until it is told to end."""

    def __init__(self, python, kind, path):
        self.progress_path = path.with_name("progress")
        self.process = subprocess.Popen([str(python), str(PROGRAM), "write", kind, str(path), str(self.progress_path)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise AssertionError(f"the writer {kind} does not begin")

    def committed(self):
        return struct.unpack("<q", self.progress_path.read_bytes()[:8])[0]

    def end(self):
        """What it did, and whether anything went wrong."""
        out, _ = self.process.communicate(timeout=WRITER_SECONDS_MAX)
        return json.loads(out)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Checker:
    """Opens copies with the real engine."""

    def __init__(self, python):
        self.process = subprocess.Popen([str(python), str(PROGRAM), "check"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def look(self, kind, path):
        self.process.stdin.write(f"{kind} {path}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.communicate(timeout=WRITER_SECONDS_MAX)


class Live(cases.Case):
    def python(self, engine):
        return sys.executable if engine == "sqlite" else self.have(engines.duckdb_python, engine)

    def live(self, kind, engine, target, count):
        """${count} runs beside one writer, each restored and opened."""
        python = self.python(engine)
        someone = self.person(figures=count > 50)
        folder = someone.folder / "data"
        folder.mkdir()
        source = folder / "memory.db"
        writer = Writer(python, kind, source)
        self.addCleanup(writer.kill)
        checker = Checker(python)
        self.addCleanup(checker.end)
        text = sync.policy({"there": target(someone)})
        longest_s = waited_s = 0.0
        methods = {}
        for i in range(count):
            result, manifest = self.one(someone, text, source, writer, checker, kind, i)
            longest_s = max(longest_s, result.report["duration_s"])
            # Of a wait of less than 0.2 s nobody is asked.
            waited_s = max([waited_s] + [d["facts"]["waited"] for d in result.decisions if d["question"] == "snapshot"])
            for item in manifest["objects"]:
                key = (item["role"], item["snapshot"]["method"], item["snapshot"]["writer"])
                methods[key] = methods.get(key, 0) + 1
        told = writer.end()
        self.assertEqual(told["error_count"], 0, told)
        self.assertEqual({method for _, method, _ in methods} - METHODS[kind.split("-", maxsplit=1)[0]], set())
        self.assertEqual(sorted(p.name for p in (someone.state / "snapshots").glob("*")), [])
        if kind.startswith("sqlite"):
            self.assertLessEqual({p.name for p in folder.iterdir()}, {"memory.db", "memory.db-wal", "memory.db-shm",
                                                                     "progress"})
        else:
            self.assertLessEqual({p.name for p in folder.iterdir()}, {"memory.db", "memory.db.wal", "progress"})
        print(f"live: {kind} {engine}: {count} snapshots, 0 wrong; the longest run took {longest_s:.3f} s, the "
              f"longest wait for a moment that anybody was asked about {waited_s:.3f} s; writer: "
              f"{told['commits']} commits, longest {told['longest_s']:.3f} s, 0 errors; {methods}", flush=True)

    def one(self, someone, text, source, writer, checker, kind, i):
        before = writer.committed()
        deadline = time.monotonic() + 10
        while writer.committed() == before and time.monotonic() < deadline:
            time.sleep(0.001)       # there is something new
        before = writer.committed()
        result = someone.run(text, [source])
        after = writer.committed()
        self.assert_stored(result)
        upload = result.report["upload_id"]
        to = someone.folder / "back"
        back = someone.ask("restore", "--json", "--policy", someone.policy, "--state", someone.state, "--to", to,
                           "--upload", upload)
        self.assert_code(back, 0)
        state = checker.look(kind, to / "memory.db")
        self.assertEqual(state["wrong"], [], f"snapshot {i}: {state}: {result}")
        # Committed before the run began is in it; the last commit may not be told yet.
        self.assertTrue(before <= state["n"] <= after + 1, f"{before} <= {state['n']} <= {after} + 1")
        shutil.rmtree(to)
        return result, self.manifest(someone, upload)

    def manifest(self, someone, upload):
        """What it says of each object; of an upload to a server, nothing."""
        path = someone.folder / "dir" / "systems" / sync.SYSTEM / upload / "manifest.json"
        return json.loads(path.read_text()) if path.exists() else {"objects": []}

    def to_folder(self, kind, engine):
        self.live(kind, engine, lambda someone: sync.builder("dir", path=someone.folder / "dir"), SNAPSHOTS)

    def to_server(self, kind, engine):
        server = self.have(cases.world.versitygw)
        self.live(kind, engine, lambda someone: sync.s3(server, prefix=f"live-{kind}-{engine}"), TO_SERVER)

    def test_duckdb_1_that_one_program_keeps_open(self):
        self.to_folder("duckdb-busy", "duckdb")

    def test_duckdb_2_that_one_program_keeps_open(self):
        self.to_folder("duckdb-busy", "duckdb2")

    def test_duckdb_1_that_is_opened_for_each_session(self):
        self.to_folder("duckdb-sessions", "duckdb")

    def test_duckdb_2_that_is_opened_for_each_session(self):
        self.to_folder("duckdb-sessions", "duckdb2")

    def test_sqlite_in_wal_mode(self):
        self.to_folder("sqlite-wal", "sqlite")

    def test_sqlite_in_rollback_mode(self):
        self.to_folder("sqlite-rollback", "sqlite")

    def test_one_that_is_open_and_at_rest_is_not_copied_again(self):
        """Its log is there, and empty."""
        someone = self.person()
        path = someone.folder / "memory.db"
        db = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(db.close)
        for statement in ("PRAGMA journal_mode = WAL", "CREATE TABLE t (i)", "PRAGMA wal_checkpoint(TRUNCATE)"):
            db.execute(statement)
        self.assertEqual(path.with_name("memory.db-wal").stat().st_size, 0)
        os.utime(path, (0, 1_700_000_000))
        text = sync.policy({"there": sync.builder("dir", path=someone.folder / "dir")})
        self.assert_stored(someone.run(text, [path]))
        seen = (someone.state / "snapshots").stat().st_mtime_ns
        result = someone.run(text, [path])
        self.assertEqual(result.report["outcome"], "unchanged", result)
        self.assertEqual((someone.state / "snapshots").stat().st_mtime_ns, seen)

    def test_all_of_them_to_a_server(self):
        for kind in ("duckdb-busy", "duckdb-sessions"):
            for engine in ("duckdb", "duckdb2"):
                with self.subTest(kind=kind, engine=engine):
                    self.to_server(kind, engine)
        for kind in ("sqlite-wal", "sqlite-rollback"):
            with self.subTest(kind=kind):
                self.to_server(kind, "sqlite")
