"""SQLite databases that their owner keeps locked: waited for, then what the policy says, and never a half-written state."""

import sqlite3

import cases
import sync

WAIT = "akosha.snapshot { busy = '%s', wait = 0.3 }"


class Locked(cases.Case):
    def setUp(self):
        self.someone = self.person()
        self.copies = self.someone.folder / "copies"
        self.path = self.someone.folder / "memory.db"
        self.owner = self.open("delete")
        self.owner.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
        self.write(3)

    def open(self, mode):
        owner = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(owner.close)
        owner.execute(f"PRAGMA journal_mode = {mode}")
        return owner

    def write(self, rows):
        self.owner.executemany("INSERT INTO notes (text) VALUES (?)", [("x" * 2000,)] * rows)

    def lock(self, rows):
        """Takes it, and lets pages that are not committed get into the file."""
        self.owner.execute("PRAGMA cache_size = 2")
        self.owner.execute("BEGIN EXCLUSIVE")
        self.write(rows)

    def sync(self, busy):
        return self.someone.run(sync.policy({"place": sync.builder("dir", path=self.copies)}, snapshot=WAIT % busy), [self.path])

    def restored_rows(self):
        back = self.someone.folder / "back"
        done = self.someone.ask("restore", "--policy", self.someone.policy, "--state", self.someone.state, "--to", back, "--force")
        self.assert_code(done, 0)
        with sqlite3.connect(back / "memory.db") as copy:
            self.assertEqual(copy.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            return copy.execute("SELECT count(*) FROM notes").fetchone()[0]

    def manifests(self):
        return len(list(self.copies.rglob("manifest.json")))

    def test_queued_and_stored_once_it_is_free(self):
        self.lock(200)
        result = self.sync("queue")
        self.assert_code(result, 1)
        told = result.files()["memory.db"]
        self.assertEqual((result.report["outcome"], told["outcome"]), ("queued", "queued"), result)
        self.assertIn("busy", str(told["reason"]), result)
        self.assertEqual((len(self.someone.queue()), self.manifests()), (1, 0))
        self.owner.execute("COMMIT")
        result = self.sync("queue")
        self.assert_stored(result, "place")
        self.assertEqual(self.someone.queue(), [])
        self.assertEqual(self.restored_rows(), 203)

    def test_skipped_where_the_policy_says_so(self):
        self.lock(200)
        result = self.sync("skip")
        self.assertEqual(result.files()["memory.db"]["outcome"], "skipped", result)
        self.assertEqual(self.manifests(), 0)
        self.owner.execute("ROLLBACK")
        self.assert_stored(self.sync("skip"), "place")
        self.assertEqual(self.restored_rows(), 3)

    def test_the_older_copy_stays_and_the_newer_follows(self):
        self.assert_stored(self.sync("older"), "place")
        self.write(4)
        self.lock(200)
        result = self.sync("older")
        self.assertNotIn("Sanitizer", result.err, result)
        self.assertNotEqual(result.files()["memory.db"]["outcome"], "stored", result)
        self.assertEqual(self.restored_rows(), 3)
        self.owner.execute("ROLLBACK")
        self.assert_stored(self.sync("older"), "place")
        self.assertEqual(self.restored_rows(), 7)

    def test_a_log_lets_readers_in_beside_a_writer(self):
        self.owner.close()
        self.owner = self.open("wal")
        self.lock(200)
        self.assert_stored(self.sync("queue"), "place")
        self.owner.execute("COMMIT")
        self.assertEqual(self.restored_rows(), 3)

    def test_an_owner_who_shares_with_nobody(self):
        """locking_mode = exclusive: the index of the log is in the owner's memory alone."""
        self.owner.close()
        self.owner = self.open("delete")
        self.owner.execute("PRAGMA locking_mode = EXCLUSIVE")
        self.owner.execute("PRAGMA journal_mode = wal")
        self.write(4)
        result = self.sync("queue")
        self.assert_code(result, 1)
        self.assertEqual((len(self.someone.queue()), self.manifests()), (1, 0))
        self.write(4)
        self.owner.close()
        self.assert_stored(self.sync("queue"), "place")
        self.assertEqual(self.restored_rows(), 11)
