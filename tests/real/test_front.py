"""The program is two: the front one, which people start and which enqueues, and the full one that takes its place."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import cases
import data
import sync

SECONDS_MAX = 30
FULL = Path("libexec") / "akosha-sync"


class Front(cases.Case):
    def setUp(self):
        self.who = self.person()
        self.full = cases.sanitized.parent / FULL
        self.source = self.who.source("a.bin", data.random_bytes, 10_000)
        self.who.policy.write_text(sync.policy({"here": sync.builder("dir", path=self.who.folder / "target")}))

    def do(self, program, *arguments, **options):
        return subprocess.run([str(program), *map(str, arguments)], env=self.who.environment, cwd=self.who.folder,
                              capture_output=True, text=True, timeout=SECONDS_MAX, check=False, **options)

    def alone(self):
        """The front program in a folder where nothing else lies."""
        folder = self.who.folder / "bin"
        folder.mkdir()
        return Path(shutil.copy(cases.sanitized, folder / "akosha-sync"))

    def enqueue(self, *more):
        return ("enqueue", "--state", self.who.state, "--policy", self.who.policy, *more, self.source)

    # --- nobody notices -----------------------------------------------------------------------------------------------

    def test_says_what_the_full_program_says(self):
        for arguments in (
                ["--version"], ["enqueue", "--version"], ["enqueue", "--help"], ["--help"], ["help"], ["status", "--help"],
                ["enqueue", "--no-such-option"], ["enqueue", "--once"], ["enqueue", "--policy"], ["enqueue", "--quiet", "--verbose"],
                ["enqueue", "--json", "--limit", "memory=much"], ["enqueue", "-x"], ["enqueue", "--json", "--policy", "/no/such.lua"],
                ["enqueue", "--policy", self.who.policy, "--allow-env", "MY_TOKEN", "a.db"], ["enqueued"], ["--json", "--at"],
                ["enqueue", "--state", self.who.policy, "--no-worker", "--policy", self.who.policy, "a.db"],
                ["check", "--json"], ["cancel"], ["status", "--json", "--state", "nowhere"]):
            with self.subTest(arguments=arguments):
                front, full = self.do(cases.sanitized, *arguments), self.do(self.full, *arguments)
                self.assertEqual((front.returncode, front.stdout), (full.returncode, full.stdout))
                ids = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")
                self.assertEqual(ids.sub("ID", front.stderr), ids.sub("ID", full.stderr))

    def test_closed_standard_streams_are_found_closed_by_whoever_ends_up_there(self):
        for command in (["status", "--state", self.who.state], self.enqueue("--no-worker")):
            with self.subTest(command=command[0]):
                words = " ".join(f"'{word}'" for word in (cases.sanitized, *command))
                done = subprocess.run(["sh", "-c", f"{words} >&-"], env=self.who.environment, cwd=self.who.folder,
                                      capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("standard output is closed", done.stderr)

    def test_the_full_program_has_the_name_and_the_arguments_of_the_front_one(self):
        process = subprocess.Popen(["called-so", "worker", "--state", str(self.who.state)], executable=str(cases.sanitized),
                                   env=self.who.environment, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        # For an instant it is the full program already and has no arguments yet.
        words = self.wait(lambda: self.exe(process.pid) == self.full and Path(f"/proc/{process.pid}/cmdline").read_bytes())
        self.assertEqual(words.split(b"\0")[:2], [b"called-so", b"worker"])
        self.assertEqual(Path(f"/proc/{process.pid}/comm").read_text().strip(), "akosha-sync")

    def test_a_worker_is_the_full_program_from_its_first_instruction(self):
        self.who.policy.write_text(sync.policy({"web": sync.builder("http", url="http://127.0.0.1:9/")}))
        done = self.do(cases.sanitized, *self.enqueue())
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        worker = self.wait(self.worker)
        self.addCleanup(os.kill, worker, signal.SIGKILL)
        self.assertEqual(self.exe(worker), self.full)
        self.assertEqual(Path(f"/proc/{worker}/comm").read_text().strip(), "akosha-sync")

    # --- what is missing ----------------------------------------------------------------------------------------------

    def test_without_the_full_program_a_job_is_kept_and_it_is_told(self):
        front = self.alone()
        done = self.do(front, *self.enqueue("--json"))
        self.assertEqual(done.returncode, 0, done.stderr)
        job = json.loads(done.stdout)["job_id"]
        self.assertRegex(done.stderr, r"\Awarning: the job is kept, but there is no worker to bring it: cannot start "
                                      r"akosha-sync: it is not there \(looked for [^\n]*\n\Z")
        self.assertTrue((self.who.state / "queue" / f"{job}.json").exists())
        # Nobody has the seat: the next one to come finds it free.
        done = self.do(cases.sanitized, "worker", "--until-empty", "--state", self.who.state)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse((self.who.state / "queue" / f"{job}.json").exists())

    def test_without_the_full_program_all_else_is_one_error(self):
        front = self.alone()
        for arguments in (["status"], [self.source], ["run", "--json", self.source], []):
            with self.subTest(arguments=arguments):
                done = self.do(front, *arguments)
                self.assertEqual((done.returncode, done.stdout), (7, ""))
                self.assertRegex(done.stderr, r"\Aakosha-sync: cannot start akosha-sync: it is not there \(looked for [^\n]*\n"
                                              r"hint: install all of akosha-sync[^\n]*\n\Z")

    def test_a_full_program_that_somebody_else_may_change_is_not_started(self):
        front = self.alone()
        full = front.parent / FULL
        full.parent.mkdir()
        full.write_text("#!/bin/sh\necho mine\n")
        full.chmod(0o777)
        done = self.do(front, "status")
        self.assertEqual((done.returncode, done.stdout), (7, ""))
        self.assertIn("anybody may write to it", done.stderr)
        full.chmod(0o755)
        if os.geteuid() == 0:
            shutil.copy(full, full.with_suffix(".copy"))
            os.chown(full, 12345, 12345)
            done = self.do(front, "status")
            self.assertEqual((done.returncode, done.stdout), (7, ""))
            self.assertIn("it belongs to somebody else (user 12345)", done.stderr)
            os.chown(full, 0, 0)
        self.assertEqual(self.do(front, "status").stdout, "mine\n")

    def test_no_variable_and_no_path_leads_elsewhere(self):
        front = self.alone()
        other = self.who.folder / "other"
        other.mkdir()
        (other / "akosha-sync").symlink_to(self.full)
        self.who.environment["PATH"] = f"{other}:{self.who.environment['PATH']}"
        self.assertEqual(self.do(front, "status").returncode, 7)

    def test_through_a_link_it_finds_what_lies_beside_the_file(self):
        link = self.who.folder / "link"
        link.symlink_to(cases.sanitized)
        self.assertEqual(self.do(link, "status", "--json", "--state", self.who.state).returncode, 0)

    # --- rights -------------------------------------------------------------------------------------------------------

    def test_refuses_more_rights_than_its_caller_has(self):
        if os.geteuid() != 0:
            self.skipTest("setuid for another user: needs root")
        bin_folder = self.who.folder / "setuid"
        (bin_folder / "libexec").mkdir(parents=True)
        for path in (self.who.folder, bin_folder, bin_folder / "libexec"):
            path.chmod(0o755)
        # Not the sanitized ones: a sanitizer's runtime has its own idea of such a process.
        front = Path(shutil.copy(cases.release, bin_folder / "akosha-sync"))
        full = Path(shutil.copy(cases.release.parent / FULL, bin_folder / FULL))
        for program in (front, full):
            os.chown(program, 12345, 12345)
            program.chmod(0o4755)
        for program, arguments in ((front, self.enqueue()), (front, ["status"]), (full, ["status"])):
            with self.subTest(program=program, command=arguments[0]):
                done = subprocess.run(["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups", str(program),
                                       *map(str, arguments)], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
                                      timeout=SECONDS_MAX, check=False)
                self.assertEqual((done.returncode, done.stdout), (7, ""), done.stderr)
                self.assertIn("cannot run with more rights than its caller has", done.stderr)
        self.assertFalse(self.who.state.exists())

    # --- helpers ------------------------------------------------------------------------------------------------------

    def exe(self, pid):
        return Path(os.readlink(f"/proc/{pid}/exe"))

    def worker(self):
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"--inherited" in words and os.fsencode(self.who.state) in words:
                return int(name)
        return None

    def wait(self, true):
        until = time.monotonic() + SECONDS_MAX
        while time.monotonic() < until:
            value = true()
            if value:
                return value
            time.sleep(0.02)
        return self.fail(f"not within {SECONDS_MAX} s")
