"""The machine's side: nobody else reads or changes what is kept, whatever the umask, and no planted link is followed."""

import contextlib
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import time
from pathlib import Path

import cases
import data
import sync

SECONDS_MAX = 30
OTHER = 12345
FOLDERS = ("queue", "scratch", "snapshots", "drill")
FILES = ("state.db", "state.db-wal", "state.db-shm", "state.lock", "audit.jsonl", "worker.lock", "delivery.lock", "queue/.lock")


class Machine(cases.Case):
    def setUp(self):
        self.who = self.person()
        self.state, self.config = self.who.state, self.who.folder / "xdg-config" / "akosha-sync"
        self.target, self.source = self.who.folder / "target", self.who.source("a.bin", data.random_bytes, 300_000)
        self.who.policy.write_text(sync.policy({"here": sync.builder("dir", path=self.target)}))

    def do(self, command, *arguments, code=0, before=(), **options):
        """A command on the state folder: what it said."""
        words = [*before, str(self.who.program), command, "--state", str(self.state), *map(str, arguments)]
        done = subprocess.run(words, env=self.who.environment, cwd=self.who.folder, capture_output=True, text=True,
                              timeout=SECONDS_MAX, check=False, **options)
        self.assertNotIn("Sanitizer", done.stderr)
        self.assertEqual(done.returncode, code, (words, done.stdout, done.stderr))
        return done.stdout + done.stderr

    def run_once(self, **options):
        return self.do("run", "--policy", self.who.policy, self.source, **options)

    def enqueue(self, **options):
        return self.do("enqueue", "--no-worker", "--policy", self.who.policy, self.source, **options)

    def every_command_is_refused(self, *words, code=7):
        for command in (self.run_once, self.enqueue, lambda code: self.do("status", code=code),
                        lambda code: self.do("worker", "--once", code=code)):
            said = command(code=code)
            for word in words:
                self.assertIn(word, said)
            self.assertEqual(said.count("akosha-sync: "), 1, said)

    def need_root(self):
        if os.geteuid() != 0:
            self.skipTest("another user's files: needs root")

    # --- modes --------------------------------------------------------------------------------------------------------

    def assert_private(self, top):
        seen = 0
        for path in (top, *top.rglob("*")):
            info = path.lstat()
            wanted = 0o700 if stat.S_ISDIR(info.st_mode) else 0o600
            self.assertEqual((oct(stat.S_IMODE(info.st_mode)), info.st_uid), (oct(wanted), os.geteuid()), path)
            seen += 1
        self.assertGreater(seen, 1, top)

    def test_all_that_is_kept_is_private_whatever_the_umask(self):
        for umask in (0, 0o022, 0o777):
            with self.subTest(umask=oct(umask)):
                self.setUp()
                bare = {"preexec_fn": lambda umask=umask: os.umask(umask)}
                self.run_once(**bare)
                self.enqueue(**bare)
                self.assert_private(self.state)
                self.do("worker", "--once", **bare)
                self.do("secret", "add", "token", "--env", "MY_TOKEN", "--host", "example.org", **bare)
                for kept in (self.state, self.config, self.target):
                    self.assert_private(kept)

    def test_a_snapshot_is_private_while_it_is_there(self):
        server, snapshots = self.have(cases.world.versitygw), self.state / "snapshots"

        def there():
            return any(path.is_file() for path in snapshots.rglob("*"))
        self.who.policy.write_text(sync.policy({"t": sync.s3(server, prefix=self.id())}, compress="'gzip'", throttle=100_000))
        with contextlib.closing(sqlite3.connect(self.who.folder / "live.db")) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE t AS SELECT randomblob(3000000)")
            database.commit()
            words = [str(self.who.program), "run", "--state", str(self.state), "--policy", str(self.who.policy),
                     str(self.who.folder / "live.db")]
            process = subprocess.Popen(words, env=self.who.environment, stderr=subprocess.DEVNULL, preexec_fn=lambda: os.umask(0))
            try:
                until = time.monotonic() + SECONDS_MAX
                while not there() and time.monotonic() < until:
                    time.sleep(0.01)
                process.send_signal(signal.SIGSTOP)
                self.assertTrue(there())
                self.assert_private(self.state)
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
        self.assert_private(self.state)

    # --- whose it is --------------------------------------------------------------------------------------------------

    def test_a_state_folder_of_another_user_is_refused(self):
        self.need_root()
        self.run_once()
        os.chown(self.state, OTHER, OTHER)
        self.every_command_is_refused("belongs to somebody else (user 12345)", "hint: run it as that user")
        os.chown(self.state, 0, 0)
        os.chown(self.state / "state.db", OTHER, OTHER)
        self.every_command_is_refused("state.db belongs to somebody else (user 12345)")

    def test_as_another_user_ours_is_refused(self):
        self.need_root()
        self.run_once()
        self.state.chmod(0o755)
        as_other = ["setpriv", "--reuid", str(OTHER), "--regid", str(OTHER), "--clear-groups"]
        self.who.folder.chmod(0o755)
        self.source.chmod(0o644)
        self.who.policy.chmod(0o644)
        for command in ("run", "enqueue"):
            said = self.do(command, "--policy", self.who.policy, self.source, code=7, before=as_other)
            self.assertIn("belongs to somebody else (user 0)", said)
        self.assertIn("belongs to somebody else", self.do("status", code=7, before=as_other))

    def test_a_state_folder_that_others_may_write_into_is_refused(self):
        self.run_once()
        for mode in (0o770, 0o702, 0o1777):
            self.state.chmod(mode)
            self.every_command_is_refused(f"can be written by others (mode {mode:04o})", f"hint: chmod 700 '{self.state}'")
        self.state.chmod(0o700)
        self.run_once()

    def test_a_folder_above_that_everybody_may_write_into_is_told(self):
        above = self.who.folder / "above"
        above.mkdir()
        self.state = above / "deep" / "state"
        for mode, told in ((0o777, True), (0o1777, False), (0o755, False)):
            above.chmod(mode)
            said = self.run_once()
            self.assertEqual(f"everybody can write in {above} " in said, told, said)

    # --- links --------------------------------------------------------------------------------------------------------

    def victim(self):
        """A file and a folder that nothing may change, and what they are like."""
        folder = self.who.folder / "victim"
        folder.mkdir()
        (folder / "file").write_bytes(b"not yours\n")
        (folder / "folder").mkdir()
        (folder / "folder" / "inside").write_bytes(b"not yours either\n")
        return folder, lambda: sorted((str(p), p.lstat().st_mode, p.lstat().st_mtime_ns, p.is_file() and p.read_bytes())
                                      for p in folder.rglob("*"))

    def test_links_in_the_state_folder_are_refused_and_lead_nowhere(self):
        folder, like = self.victim()
        self.run_once()
        self.enqueue()
        before = like()
        for name in (*FOLDERS, *FILES):
            for leads_to in (folder / ("folder" if name in FOLDERS else "file"), self.who.folder / "dangling"):
                with self.subTest(name=name, leads_to=leads_to.name):
                    there, aside = self.state / name, self.who.folder / "aside"
                    if there.exists():
                        there.rename(aside)
                    there.symlink_to(leads_to)
                    for command in (self.run_once, self.enqueue):
                        said = command(code=7)
                        self.assertIn(f"{name} is a link, which is not followed here\nhint: move it away", said)
                    self.assertEqual(like(), before)
                    self.assertFalse((self.who.folder / "dangling").exists())
                    there.unlink()
                    if aside.exists():
                        aside.rename(there)
        there = self.state / "state.db"
        there.rename(folder.parent / "aside")
        there.symlink_to(folder / "file")
        self.every_command_is_refused("state.db is a link, which is not followed here")
        self.assertEqual(like(), before)

    def test_a_job_that_is_a_link_is_not_read(self):
        self.enqueue()
        job = next((self.state / "queue").glob("*.json"))
        elsewhere = self.who.folder / "job.json"
        job.rename(elsewhere)
        job.symlink_to(elsewhere)
        before = elsewhere.stat().st_mtime_ns, elsewhere.read_bytes()
        self.assertIn(f"cannot read the job {job.stem}", self.do("worker", "--once", code=1))
        self.assertIn(job.stem, self.do("status", "--verbose"))
        self.assertEqual((elsewhere.stat().st_mtime_ns, elsewhere.read_bytes()), before)
        self.assertTrue(job.is_symlink())
        self.assertFalse(self.target.exists())

    def test_what_is_swept_is_not_what_a_link_leads_to(self):
        folder, like = self.victim()
        self.run_once()
        (self.state / "snapshots").mkdir(mode=0o700, exist_ok=True)
        before = like()
        for place in ("snapshots", "scratch"):
            (self.state / place / "planted").symlink_to(folder / "folder")
        self.run_once()
        self.do("worker", "--once")
        self.assertEqual(like(), before)

    def test_a_link_in_the_place_of_the_workers_socket_is_not_connected_to(self):
        self.run_once()
        elsewhere = self.who.folder / "s"
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(elsewhere))
        listener.listen()
        listener.settimeout(0.2)
        (self.state / "worker.sock").symlink_to(elsewhere)
        # As long as somebody has the seat its door would be knocked at.
        holder = subprocess.Popen(["python3", "-c", "import fcntl, sys, time\nfile = open(sys.argv[1], 'r+')\n"
                                   "fcntl.lockf(file, fcntl.LOCK_EX)\nprint(flush=True)\ntime.sleep(60)",
                                   str(self.state / "worker.lock")], stdout=subprocess.PIPE)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        (self.state / "worker.lock").touch(mode=0o600)
        holder.stdout.readline()
        said = self.do("enqueue", "--policy", self.who.policy, self.source)
        self.assertIn("its worker.sock is a link", said)
        self.assertRaises(TimeoutError, listener.accept)
        self.assertTrue(elsewhere.is_socket())

    def test_the_state_folder_itself_may_be_a_link_of_ours(self):
        real = self.who.folder / "other disk"
        real.mkdir(mode=0o700)
        self.state.symlink_to(real)
        self.run_once()
        self.enqueue()
        self.do("worker", "--once")
        self.assert_private(real)
        if os.geteuid() == 0:
            os.chown(self.state, OTHER, OTHER, follow_symlinks=False)
            self.every_command_is_refused(f"the link {self.state} belongs to somebody else (user 12345)")

    # --- settings -----------------------------------------------------------------------------------------------------

    def configure(self):
        self.config.mkdir(parents=True, mode=0o700)
        policy = self.config / "policy.lua"
        policy.write_text(self.who.policy.read_text())
        policy.chmod(0o600)
        return policy

    def found_policy(self, code=0):
        said = self.do("check", code=code)
        self.do("enqueue", "--no-worker", self.source, code=code)
        return said

    def test_a_policy_that_is_found_is_ours_or_roots(self):
        policy = self.configure()
        self.found_policy()
        for path in (policy, self.config):
            path.chmod(0o707)
            self.assertIn("can be written by others (mode 0707)", self.found_policy(code=3))
            path.chmod(0o700)
            if os.geteuid() == 0:
                os.chown(path, OTHER, OTHER)
                self.assertIn(f"{path} belongs to somebody else (user 12345)", self.found_policy(code=3))
                os.chown(path, 0, 0)
        # Where people keep it elsewhere.
        policy.rename(self.who.folder / "dotfiles.lua")
        policy.symlink_to(self.who.folder / "dotfiles.lua")
        self.found_policy()
        # One that is named is the person's own choice.
        (self.who.folder / "dotfiles.lua").chmod(0o666)
        self.found_policy(code=3)
        self.do("check", "--policy", policy)

    def test_secrets_of_another_user_are_refused(self):
        self.do("secret", "add", "token", "--env", "MY_TOKEN", "--host", "example.org")
        self.need_root()
        for path in (self.config / "secrets.json", self.config):
            os.chown(path, OTHER, OTHER)
            self.assertIn("belongs to somebody else (user 12345)",
                          self.do("secret", "add", "more", "--env", "MY_TOKEN", "--host", "example.org", code=6))
            os.chown(path, 0, 0)
        Path(self.config / "secrets.json").chmod(0o604)
        self.do("secret", "list", code=6)
