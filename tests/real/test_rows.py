"""Rows of DuckDB databases, read by the real readers and by such as are no good: what they give is what a direct query
gives; and where nobody can, the file goes all the same and the reason is told."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import cases
import data
import engines
import sync

COLUMNS = ("id", "content", "embedding", "timestamp")
SECONDS_MAX = 100
# Names that would be statements, calls or files where they are not quoted; and what stands in the way of our own.
EVIL = "t\"; DROP TABLE x;--'/etc/passwd'"
HOSTILE = r"""
import duckdb, sys
c = duckdb.connect(sys.argv[1])
name = '"%s"' % sys.argv[2].replace('"', '""')
c.execute("CREATE TABLE %s (%s VARCHAR, at_time TIMESTAMP, v FLOAT[2])" % (name, name))
c.execute("INSERT INTO %s VALUES (?, '2026-01-02 03:04:05.5', [1.5, CAST('nan' AS FLOAT)])" % name, [sys.argv[2]])
for macro in ("strftime(a, b) AS 'evil'", "count() AS 7", "least(a, b) AS 0", "duckdb_tables() AS TABLE SELECT 1 AS evil"):
    c.execute("CREATE MACRO " + macro)
c.execute("CREATE VIEW passwords AS SELECT content AS id FROM read_text('/etc/passwd')")
c.execute("CREATE VIEW duckdb_columns AS SELECT 1 AS evil")
"""
MADE_BY_2 = r"""
import duckdb, sys
c = duckdb.connect(sys.argv[1])
c.execute("CREATE TABLE conversations_v2 (id VARCHAR PRIMARY KEY, content VARCHAR, embedding FLOAT[3], timestamp TIMESTAMP)")
c.execute("INSERT INTO conversations_v2 SELECT 'c' || i, 'text ' || i, [i, i / 2, 0.1], TIMESTAMP '2026-01-01' + INTERVAL (i) SECOND"
          " FROM range(500) r(i)")
"""
DIRECT = r"""
import duckdb, json, sys
c = duckdb.connect(sys.argv[1], read_only=True)
for row in c.execute("SELECT id, content, embedding, timestamp FROM conversations_v2 ORDER BY timestamp NULLS FIRST, id").fetchall():
    print(json.dumps([row[0], row[1], None if row[2] is None else list(row[2]), row[3].isoformat(timespec="microseconds")]))
"""
# What calls itself DuckDB 9, and is none: its body is run where it is asked for more than its version.
FAKE = "#!/bin/sh\nfor last; do :; done\nif [ \"$last\" = --version ]; then echo 'v9.0.0 (Fake)'; exit 0; fi\n%s\n"
NO_GOOD = {
    "hangs": ("sleep 100", "it did not end within"),
    "hangs and has closed its output": ("exec >&-; sleep 100", "it did not end within"),
    "crashes": ("kill -SEGV $$", "it was ended by signal 11"),
    "eats memory": ("exec python3 -I -c 'a = [bytearray(1 << 20) for _ in range(4096)]; print(len(a))'", "MemoryError"),
    "floods": ("yes", "it wrote something else than rows"),
    "floods without a line end": ("yes | tr -d '\\n'", "is longer than"),
    "writes garbage": ("head -c 100000 /dev/urandom", "it wrote something else than rows"),
    "writes nothing": (":", "it ended without its last row"),
    "breaks off": ("printf '{\"table\":\"conversations_v2\",\"na'", "it ended without its last row"),
    "fails": ("echo 'IO Error: no such luck' >&2; exit 3", "IO Error: no such luck"),
}


class Rows(cases.Case):
    def setUp(self):
        self.tool = cases.sanitized.parent / "rows_tool"
        if not self.tool.exists():
            self.skipTest(f"{self.tool} is not built")
        self.folder = cases.world.place("rows")
        self.scratch = self.folder / "scratch"
        self.addCleanup(self.nothing_is_left)

    def nothing_is_left(self):
        self.assertEqual(os.listdir(self.scratch) if self.scratch.exists() else [], [])

    def place(self, name, command):
        """A folder for PATH with that command in it."""
        folder = self.folder / name.replace(" ", "-")
        folder.mkdir()
        if isinstance(command, str):
            (folder / "duckdb").write_text(command, encoding="ascii")
            (folder / "duckdb").chmod(0o755)
        else:
            (folder / "duckdb").symlink_to(command)
        return folder

    def read(self, path, *folders, wal="-", in_place=False, timeout_ms=0, table="conversations_v2", at="timestamp",
             columns=COLUMNS, **environment):
        """(rows, what was told beside)"""
        done = subprocess.run(
            [self.tool, "duckdb", path, wal, self.scratch, str(int(in_place)), str(timeout_ms), table, at, columns[0], *columns],
            env={"PATH": ":".join(map(str, (*folders, "/usr/bin", "/bin"))), "HOME": str(self.folder), **sync.SANITIZERS,
                 **environment}, capture_output=True, text=True, check=False, timeout=SECONDS_MAX)
        self.assertNotIn("Sanitizer", done.stderr)
        told = dict(line.split(": ", 1) for line in done.stderr.splitlines() if ": " in line)
        return [list(json.loads(line).values()) for line in done.stdout.splitlines()], told

    def direct(self, path, python):
        done = subprocess.run([str(python), "-I", "-c", DIRECT, str(path)], capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def live(self):
        """A database and its log, under the names of a snapshot."""
        shutil.copy(data.DATABASES / "reflection.duckdb", self.folder / "main")
        shutil.copy(data.DATABASES / "reflection.live.duckdb.wal", self.folder / "wal")
        return self.folder / "main", self.folder / "wal"

    def test_every_reader_gives_what_a_query_gives(self):
        python = self.have(engines.duckdb_python)
        path = data.DATABASES / "reflection.duckdb"
        expected = self.direct(path, python)
        readers = {"command": {"AKOSHA_DUCKDB": str(self.have(engines.duckdb_command))},
                   "Python module of": {"AKOSHA_DUCKDB": str(python)},
                   "library": {"AKOSHA_DUCKDB": str(self.have(engines.duckdb_library))}}
        self.assertGreater(len(expected), 1000)
        for kind, environment in readers.items():
            with self.subTest(kind):
                rows, told = self.read(path, **environment)
                self.assertEqual(told["reader"], f"DuckDB 1.5.6 ({kind} {environment['AKOSHA_DUCKDB']})", told)
                self.assertEqual(rows, expected)
                self.assertEqual((told["rows"], told["count"]), (str(len(expected)),) * 2)

    def test_the_log_counts_and_nothing_is_touched(self):
        command = self.place("duckdb", self.have(engines.duckdb_command))
        main, wal = self.live()
        before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in (main, wal)}
        without, _ = self.read(main, command)
        for in_place in (True, False):
            rows, told = self.read(main, command, wal=wal, in_place=in_place)
            self.assertNotIn("failed", told)
            self.assertGreater(len(rows), len(without))
            self.assertEqual(before, {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in (main, wal)})
        shutil.copy(main, self.folder / "x.duckdb")
        shutil.copy(wal, self.folder / "x.duckdb.wal")
        self.assertEqual(rows, self.direct(self.folder / "x.duckdb", self.have(engines.duckdb_python)))

    def test_no_reader(self):
        _, told = self.read(data.DATABASES / "reflection.duckdb")
        self.assertIn("not_found: there is no DuckDB on this machine", told["failed"])
        self.assertIn("pip install -U duckdb", told["hint"])

    def test_one_that_is_too_old_and_one_that_is_not(self):
        python = self.have(engines.duckdb_python, "duckdb2")
        old = self.place("old", self.have(engines.duckdb_command))
        path = self.folder / "made-by-2"
        subprocess.run([str(python), "-I", "-c", MADE_BY_2, str(path)], check=True)
        _, told = self.read(path, old)
        self.assertIn("not_found: no DuckDB on this machine can read", told["failed"])
        self.assertIn("DuckDB 1.5.6 (command", told["failed"])
        self.assertIn("but we can only read versions between 64 and 68", told["failed"])
        self.assertIn("install a newer DuckDB", told["hint"])
        rows, told = self.read(path, old, python.parent)
        self.assertIn("DuckDB 2.0.0 (Python module of", told["reader"])
        self.assertEqual(rows, self.direct(path, python))
        # And the newest reads what the old one made, first of all.
        rows, told = self.read(data.DATABASES / "reflection.duckdb", old, python.parent)
        self.assertIn("DuckDB 2.0.0", told["reader"])

    def test_one_that_is_no_good_is_told_and_followed(self):
        sound = self.place("sound", self.have(engines.duckdb_command))
        path = data.DATABASES / "reflection.duckdb"
        for name, (body, reason) in NO_GOOD.items():
            with self.subTest(name):
                bad = self.place(name, FAKE % body)
                # Time enough for the others to show what they are.
                _, told = self.read(path, bad, timeout_ms=1000 if "hangs" in name else 0)
                self.assertIn(reason, told["failed"])
                self.assertTrue(told["hint"] or "too_large" in told["failed"])
                if "too_large" in told["failed"] or "closed" in name:
                    continue
                rows, told = self.read(path, bad, sound, timeout_ms=12000 if "hangs" in name else 0)
                self.assertEqual(told.get("reader"), f"DuckDB 1.5.6 (command {sound}/duckdb)", told)
                self.assertEqual(told["rows"], str(len(rows)))
                self.assertGreater(len(rows), 1000)

    def test_names_are_no_statements_and_macros_are_not_called(self):
        python = self.have(engines.duckdb_python)
        path = self.folder / "hostile"
        subprocess.run([str(python), "-I", "-c", HOSTILE, str(path), EVIL], check=True)
        for reader in (python, self.have(engines.duckdb_command)):
            rows, told = self.read(path, table=EVIL, at="at_time", columns=(EVIL, "at_time", "v"), AKOSHA_DUCKDB=str(reader))
            self.assertEqual(rows, [[EVIL, "2026-01-02T03:04:05.500000", [1.5, None]]], told)
            _, told = self.read(path, table="passwords", at="-", columns=("id",), AKOSHA_DUCKDB=str(reader))
            self.assertEqual(told["failed"], "not_found: there is no table passwords")

    def test_what_a_kill_left_is_of_no_name_that_matters(self):
        """A reader that is killed with us leaves a folder rows-..., which the sweep of snapshots takes."""
        bad = self.place("hangs", FAKE % "sleep 5")
        process = subprocess.Popen(
            [self.tool, "duckdb", data.DATABASES / "reflection.duckdb", "-", self.scratch, "0", "60000", "t", "-", "id", "id"],
            env={"PATH": f"{bad}:/usr/bin:/bin", "HOME": str(self.folder), **sync.SANITIZERS}, stderr=subprocess.DEVNULL)
        while not (self.scratch.exists() and os.listdir(self.scratch)):
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = os.listdir(self.scratch)
        self.assertTrue(left and all(name.startswith("rows-") for name in left))
        for name in left:
            shutil.rmtree(self.scratch / name)


class Bytes(cases.Case):
    """The program as a whole: whatever reads rows, the file is stored, and comes back."""

    def setUp(self):
        self.me = self.person()
        self.source = Path(shutil.copy(data.DATABASES / "reflection.duckdb", self.me.folder / "reflection.duckdb"))
        self.me.policy.write_text(sync.policy({"here": sync.builder("dir", path=str(self.me.folder / "target"))}),
                                  encoding="ascii")

    def there_and_back(self, number, path, damaged=False, **environment):
        environment = {"PATH": f"{path}:/usr/bin:/bin", **environment}
        with open(self.source, "r+b") as file:      # what is behind the blocks counts for nobody
            file.seek(0, 2)
            file.write(b"%d" % number)
        result = self.me.ask("run", "--policy", self.me.policy, "--state", self.me.state, "--json", self.source,
                             environment=environment)
        self.assert_stored(result)
        self.memories = result.report["targets"][0]["memories_file"]
        verified = self.me.ask("verify", "--policy", self.me.policy, "--state", self.me.state, "--json",
                               environment=environment)
        self.assert_code(verified, 5 if damaged else 0)
        to = self.me.folder / f"back-{number}"
        back = self.me.ask("restore", "--policy", self.me.policy, "--state", self.me.state, "--to", to, "--json",
                           environment=environment)
        self.assert_code(back, 5 if damaged else 0)
        self.assertEqual(os.listdir(self.me.state / "snapshots"), [])
        seen = verified.report["targets"][0]["objects"][0]
        if damaged:
            self.assertEqual((seen["outcome"], seen["error"]["failure"]), ("corrupt", "corrupt"))
            self.assertFalse((to / "reflection.duckdb").exists())
            return back.report["files"][0]
        self.assertEqual(seen["read_by"], back.report["files"][0]["read_by"])
        self.assertEqual(bool(seen["unread"]), bool(back.report["files"][0]["unread"]))
        self.assertEqual((to / "reflection.duckdb").read_bytes(), self.source.read_bytes())
        return back.report["files"][0]

    def test_whatever_the_reader_does_the_file_goes_and_comes_back(self):
        place = self.me.folder / "bin"
        place.mkdir()
        file = self.there_and_back(1, place)
        self.assertIsNone(file["read_by"])
        self.assertIn("there is no DuckDB on this machine", file["unread"])
        self.assertIn("there is no DuckDB on this machine", self.memories["error"]["message"])
        self.assertIn("pip install -U duckdb", self.memories["error"]["hint"])
        for number, name in enumerate(("crashes", "eats memory", "writes garbage"), 2):
            with self.subTest(name):
                (place / "duckdb").write_text(FAKE % NO_GOOD[name][0], encoding="ascii")
                (place / "duckdb").chmod(0o755)
                file = self.there_and_back(number, place)
                self.assertIsNone(file["read_by"])
                self.assertIn(NO_GOOD[name][1], file["unread"])
                self.assertIn(NO_GOOD[name][1], self.memories["error"]["message"])
        (place / "duckdb").write_text(FAKE % "echo 'IO Error: Corrupt database file: computed checksum 1' >&2; exit 1")
        file = self.there_and_back(8, place, damaged=True)
        self.assertIn("computed checksum 1", file["error"]["message"])
        command = self.have(engines.duckdb_command)
        file = self.there_and_back(9, place, AKOSHA_DUCKDB=str(command))
        self.assertEqual((file["read_by"], file["unread"]), (f"DuckDB 1.5.6 (command {command})", None))
        self.assertGreater(self.memories["rows"], 1000)
        self.assertIsNone(self.memories["error"])
