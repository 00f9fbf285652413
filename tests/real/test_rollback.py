"""An SQLite database whose owner was killed in the middle of a transaction: what is stored is what was committed, and the
database and its journal stay as they are for whoever opens it next."""

import os
import signal
import sqlite3
import subprocess
import sys

import cases
import data
import sync

# Pages that are not committed get into the file; then it is killed, and nobody rolls it back.
DIES = r"""
import os, signal, sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("PRAGMA cache_size = 2")
c.execute("BEGIN EXCLUSIVE")
c.execute("UPDATE notes SET text = 'never committed'")
c.executemany("INSERT INTO notes (text) VALUES (?)", [("y" * 2000,)] * 200)
os.kill(os.getpid(), signal.SIGKILL)
"""
LONG_AGO_S = 100


class Rollback(cases.Case):
    def setUp(self):
        self.someone = self.person()
        self.path = self.someone.folder / "memory.db"
        with sqlite3.connect(self.path) as owner:
            owner.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
            owner.executemany("INSERT INTO notes (text) VALUES (?)", [("x" * 2000,)] * 300)
        owner.close()
        self.journal = self.path.with_name("memory.db-journal")
        done = subprocess.run([sys.executable, "-I", "-c", DIES, self.path], check=False)
        self.assertEqual(done.returncode, -signal.SIGKILL)
        self.assertGreater(self.journal.stat().st_size, 0)
        # Nobody has written to it for a while.
        for path in (self.path, self.journal):
            then = path.stat().st_mtime - LONG_AGO_S
            os.utime(path, (then, then))

    def sync(self, **fields):
        return self.someone.run(sync.policy({"place": sync.builder("dir", path=self.someone.folder / "copies")},
                                            compress="'none'", **fields), [self.path])

    def test_what_was_committed_is_stored_and_nothing_is_touched(self):
        before = {path: data.sha256(path) for path in (self.path, self.journal)}
        result = self.sync(snapshot="akosha.snapshot { wait = 30 }")
        self.assert_stored(result, "place")
        self.assertEqual({path: data.sha256(path) for path in before}, before)
        copy, = (self.someone.folder / "copies").rglob("memory.db")
        with sqlite3.connect(f"file:{copy}?immutable=1", uri=True) as stored:
            self.assertEqual(stored.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            self.assertEqual(stored.execute("SELECT count(*), min(text), max(text) FROM notes").fetchone(),
                             (300, "x" * 2000, "x" * 2000))
        stored.close()
        self.assertEqual(result.files()["memory.db"]["sha256"], data.sha256(copy))
        self.assertEqual([path.name for path in self.someone.state.rglob("*-journal")], [])
        # Whoever opens it next finds the same.
        with sqlite3.connect(self.path) as owner:
            self.assertEqual(owner.execute("SELECT count(*), min(text) FROM notes").fetchone(), (300, "x" * 2000))
        owner.close()
