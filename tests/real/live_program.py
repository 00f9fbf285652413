"""What lives beside the program under test: writers of databases, and who looks at copies of them.

    live_program.py write KIND DATABASE PROGRESS     until its stdin ends; then a line of JSON
    live_program.py check                            a line "KIND DATABASE" in, a line of JSON out

Runs in whatever Python has the engine. Each transaction leaves the database in a state of which can be told that
it is one: rows are numbered without a gap, sums fit, bulk rows come by whole batches. PROGRESS holds how many
transactions were certainly committed, so that a copy that is too old is known too.
"""

import json
import os
import select
import sqlite3
import struct
import sys
import time

BULK_ROWS = 250_000
BATCHES_KEPT = 3
PAIRS = 200
TEXT = "what an agent remembers of a session, in words that do not matter " * 4
SCHEMA = (
    "CREATE TABLE meta (n BIGINT, first_batch BIGINT, last_batch BIGINT)",
    "CREATE TABLE log (seq BIGINT, text VARCHAR)",
    "CREATE TABLE pairs (id BIGINT, a BIGINT, b BIGINT)",
    "CREATE TABLE bulk (batch BIGINT, i BIGINT)",
    "INSERT INTO meta VALUES (0, 1, 0)",
)


def ended():
    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(ready) and os.read(0, 1) == b""


class Writer:
    """Commits, and counts what went wrong; no error is expected, whatever reads the database meanwhile."""

    def __init__(self, path, progress):
        self.path = path
        self.progress = os.open(progress, os.O_RDWR | os.O_CREAT, 0o600)
        self.n = 0
        self.batch = 0
        self.errors = []
        self.longest_s = 0.0

    def note(self):
        os.pwrite(self.progress, struct.pack("<q", self.n), 0)

    def make(self):
        db = self.open()
        for statement in SCHEMA:
            db.execute(statement)
        for i in range(PAIRS):
            db.execute(f"INSERT INTO pairs VALUES ({i}, 0, 0)")
        self.commit(db)
        self.close(db)
        self.note()

    def commit(self, db):
        pass

    def transaction(self, db):
        db.execute("BEGIN" if not hasattr(self, "begin") else self.begin)
        n = self.n + 1
        db.execute(f"INSERT INTO log VALUES ({n}, '{n} {TEXT}')")
        db.execute(f"UPDATE pairs SET a = a + 1, b = b - 1 WHERE id = {n * 7 % PAIRS}")
        db.execute(f"UPDATE meta SET n = {n}")
        db.execute("COMMIT")
        self.n = n
        self.note()

    def bulk(self, db):
        """A batch more, and the oldest one less."""
        self.batch += 1
        db.execute("BEGIN")
        self.insert_batch(db)
        first = max(1, self.batch - BATCHES_KEPT + 1)
        db.execute(f"DELETE FROM bulk WHERE batch < {first}")
        db.execute(f"UPDATE meta SET first_batch = {first}, last_batch = {self.batch}")
        db.execute("COMMIT")

    def timed(self, step, db):
        began = time.monotonic()
        try:
            step(db)
        except Exception as error:      # whatever it is, it is counted and told
            self.errors.append(f"{step.__name__}: {error}")
            try:
                db.execute("ROLLBACK")
            except Exception:
                pass
        self.longest_s = max(self.longest_s, time.monotonic() - began)

    def run(self):
        self.make()
        print("ready", flush=True)
        self.live()
        print(json.dumps({"commits": self.n, "errors": self.errors[:20], "error_count": len(self.errors),
                          "longest_s": round(self.longest_s, 3), "batches": self.batch}), flush=True)


class DuckWriter(Writer):
    def open(self):
        import duckdb
        return duckdb.connect(self.path)

    def close(self, db):
        db.close()

    def insert_batch(self, db):
        db.execute(f"INSERT INTO bulk SELECT {self.batch}, range FROM range({BULK_ROWS})")


class DuckBusy(DuckWriter):
    """One process that keeps it open: 85 transactions a second, a checkpoint every 40, bulk inserts."""

    def live(self):
        db = self.open()
        while not ended():
            self.timed(self.transaction, db)
            if self.n % 40 == 0:
                self.timed(self.checkpoint, db)
            if self.n % 130 == 20:
                self.timed(self.bulk, db)
            time.sleep(0.0075)
        db.close()

    def checkpoint(self, db):
        db.execute("CHECKPOINT")


class DuckSessions(DuckWriter):
    """A process that opens it for each session and closes it after."""

    def live(self):
        while not ended():
            try:
                db = self.open()
            except Exception as error:
                self.errors.append(f"open: {error}")
                time.sleep(0.02)
                continue
            for _ in range(8):
                self.timed(self.transaction, db)
                time.sleep(0.003)
            if self.n // 8 % 15 == 1:
                self.timed(self.bulk, db)
            self.timed(self.close, db)
            time.sleep(0.03)


class SqliteWriter(Writer):
    begin = "BEGIN IMMEDIATE"
    rows = 4000

    def open(self):
        db = sqlite3.connect(self.path, timeout=1.0, isolation_level=None)
        db.execute(f"PRAGMA journal_mode = {self.mode}")
        db.execute("PRAGMA synchronous = NORMAL")
        return db

    def close(self, db):
        db.close()

    def insert_batch(self, db):
        db.executemany("INSERT INTO bulk VALUES (?, ?)", ((self.batch, i) for i in range(self.rows)))

    def live(self):
        db = self.open()
        while not ended():
            self.timed(self.transaction, db)
            if self.n % 150 == 0:
                self.timed(self.bulk, db)
            if self.mode == "WAL" and self.n % 400 == 0:
                self.timed(self.checkpoint, db)
            if self.n % 700 == 0:
                db.close()
                db = self.open()
            time.sleep(0.002)
        db.close()

    def checkpoint(self, db):
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class SqliteWal(SqliteWriter):
    mode = "WAL"


class SqliteRollback(SqliteWriter):
    mode = "DELETE"


KINDS = {"duckdb-busy": DuckBusy, "duckdb-sessions": DuckSessions, "sqlite-wal": SqliteWal,
         "sqlite-rollback": SqliteRollback}


def look(kind, path):
    """The state of a copy, and what is wrong with it."""
    if kind.startswith("duckdb"):
        import duckdb
        db = duckdb.connect(path)
        rows = BULK_ROWS
    else:
        db = sqlite3.connect(path)
        rows = SqliteWriter.rows
    try:
        def one(sql):
            return tuple(int(value or 0) for value in db.execute(sql).fetchone())
        wrong = []
        n, first, last = one("SELECT n, first_batch, last_batch FROM meta")
        if one("SELECT count(*) FROM meta") != (1,):
            wrong.append("meta has not one row")
        if one("SELECT count(*), count(DISTINCT seq), max(seq) FROM log") != (n, n, n):
            wrong.append(f"log does not count to {n}")
        if one("SELECT count(*), sum(a), sum(b) FROM pairs") != (PAIRS, n, -n):
            wrong.append(f"pairs do not add up to {n}")
        batches = last - first + 1
        if one("SELECT count(*), count(DISTINCT batch), sum(i) FROM bulk") != (
                batches * rows, batches, batches * (rows * (rows - 1) // 2)):
            wrong.append(f"bulk does not hold the batches {first} to {last}")
        if not kind.startswith("duckdb") and db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            wrong.append("integrity_check")
        return {"n": n, "wrong": wrong}
    finally:
        db.close()


def check():
    for line in sys.stdin:
        kind, path = line.rstrip("\n").split(" ", 1)
        try:
            answer = look(kind, path)
        except Exception as error:
            answer = {"n": -1, "wrong": [f"cannot be opened: {error}"]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "check":
        check()
    else:
        KINDS[sys.argv[2]](sys.argv[3], sys.argv[4]).run()
