"""Sessions that end: jobs that a worker brings, whatever happens to who enqueued them, and however many there are."""

import collections
import json
import os
import pty
import signal
import subprocess
import time

import cases
import data
import schema
import sync
from world import SECRET_KEY

SECONDS_MAX = 30
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


class Background(cases.Case):
    def setUp(self):
        self.who = self.person()
        self.addCleanup(self.end_worker)
        self.target = self.who.folder / "target"
        self.source = self.who.source("a.bin", data.random_bytes, 3_000_000)
        self.local(throttle=None)

    def local(self, **fields):
        fields = {name: value for name, value in fields.items() if value is not None}
        self.who.policy.write_text(sync.policy({"here": sync.builder("dir", path=self.target)}, compress="'none'", **fields))

    def slow(self, server, rate=1_000_000):
        """A bucket to which three megabytes take three seconds."""
        self.who.policy.write_text(sync.policy({"cloud": sync.s3(server, prefix=self.id())}, compress="'none'",
                                               throttle=rate))

    def words(self, *arguments):
        return self.who.command([arguments[0], "--state", self.who.state, *arguments[1:]])

    def enqueue(self, *arguments, without=(), **options):
        environment = {name: value for name, value in self.who.environment.items() if name not in without}
        done = subprocess.run(self.words("enqueue", "--policy", self.who.policy, *arguments, self.source),
                              env=environment, cwd=self.who.folder, capture_output=True, text=True, timeout=SECONDS_MAX,
                              check=False, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.strip()

    def status(self, *arguments):
        done = subprocess.run(self.words("status", "--json", *arguments), env=self.who.environment, capture_output=True,
                              text=True, timeout=SECONDS_MAX, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        report = json.loads(done.stdout)
        schema.check("status", report)
        return report

    def worker(self):
        """The process that has the seat, or None."""
        for name in os.listdir("/proc"):
            try:
                words = open(f"/proc/{name}/cmdline", "rb").read().split(b"\0") if name.isdigit() else []
            except OSError:
                continue
            if b"worker" in words and os.fsencode(self.who.state) in words:
                return int(name)
        return None

    def end_worker(self):
        pid = self.worker()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    def wait(self, what, true):
        until = time.monotonic() + SECONDS_MAX
        while time.monotonic() < until:
            value = true()
            if value:
                return value
            time.sleep(0.05)
        return self.fail(f"{what}: not within {SECONDS_MAX} s: {self.status()}")

    def outcome(self, job):
        return self.wait("the job's end", lambda: self.status(job)["job"].get("outcome"))

    def uploads(self):
        return sorted(path.parent for path in self.target.glob("systems/*/*/manifest.json"))

    def assert_idle(self):
        self.wait("the worker's end", lambda: self.worker() is None)
        report = self.status()
        self.assertEqual((report["queue"], report["worker"], report["now"]),
                         ([], {"running": False, "delivering": False}, None))

    # --- the caller's end ---------------------------------------------------------------------------------------------

    def test_outlives_the_process_group_of_its_caller(self):
        self.slow(self.have(cases.world.versitygw))
        words = self.words("enqueue", "--policy", self.who.policy, self.source)
        shell = subprocess.Popen(["sh", "-c", '"$@"; kill -9 0', "sh", *words], env=self.who.environment,
                                 cwd=self.who.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 start_new_session=True)
        job, errors = shell.communicate(timeout=SECONDS_MAX)
        self.assertEqual((shell.returncode, errors), (-signal.SIGKILL, ""))
        self.assertEqual(self.outcome(job.strip()), "stored")
        self.assert_idle()

    def test_outlives_its_terminal(self):
        self.slow(self.have(cases.world.versitygw))
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.who.folder)
            os.execve(self.who.program, self.words("enqueue", "--policy", self.who.policy, self.source),
                      self.who.environment)
        job = os.read(terminal, 4096).decode().strip()
        worker = self.wait("a worker", self.worker)
        os.close(terminal)
        os.waitpid(pid, 0)
        self.assertEqual(os.getsid(worker), worker)
        self.assertEqual(self.outcome(job), "stored")
        self.assert_idle()

    def test_a_worker_has_nothing_of_its_caller(self):
        self.slow(self.have(cases.world.versitygw))
        reader, writer = os.pipe()
        self.enqueue(pass_fds=(writer,))
        worker = self.wait("a worker", self.worker)
        os.close(writer)
        self.assertEqual(os.read(reader, 1), b"", "the worker holds a descriptor of its caller")
        os.close(reader)
        self.assertEqual([os.readlink(f"/proc/{worker}/fd/{fd}") for fd in range(3)], ["/dev/null"] * 3)
        self.assertEqual(os.readlink(f"/proc/{worker}/cwd"), "/")
        self.assertEqual(os.stat(f"/proc/{worker}").st_uid, os.getuid())
        self.wait("a low priority", lambda: os.getpriority(os.PRIO_PROCESS, worker) >= 10)
        fields = open(f"/proc/{worker}/stat").read().rsplit(")", 1)[1].split()
        self.assertEqual(fields[4], "0", "it has a terminal")
        os.kill(worker, signal.SIGTERM)
        self.wait("its end", lambda: self.worker() is None)
        self.assertEqual([job["state"] for job in self.status()["queue"]], ["waiting"])

    # --- credentials --------------------------------------------------------------------------------------------------

    def test_credentials_of_the_caller_alone_are_in_memory_alone(self):
        self.slow(self.have(cases.world.versitygw))
        job = self.enqueue()
        worker = self.wait("a worker", self.worker)
        for name in ("environ", "cmdline"):
            text = open(f"/proc/{worker}/{name}", "rb").read()
            self.assertNotIn(SECRET_KEY.encode(), text)
            self.assertNotIn(b"AWS_", text)
        self.assert_nowhere(SECRET_KEY.encode())
        self.assertEqual(self.outcome(job), "stored")
        self.assert_nowhere(SECRET_KEY.encode())

    def assert_nowhere(self, secret):
        for path in self.who.state.rglob("*"):
            if path.is_file():
                self.assertNotIn(secret, path.read_bytes(), path)

    def test_a_worker_that_runs_is_handed_the_next_callers_credentials(self):
        self.slow(self.have(cases.world.versitygw))
        waiting = self.enqueue(without=CREDENTIALS)
        self.wait("no credentials", lambda: any(job["reason"] == "auth_missing" for job in self.status()["queue"]))
        worker = self.worker()
        self.assertIsNotNone(worker)
        job = self.enqueue()
        self.assertEqual(self.outcome(job), "stored")
        ended = self.status(waiting)["job"]
        self.assertEqual((ended["outcome"], ended["by"]), ("superseded", job))
        self.assert_idle()

    def test_after_the_worker_is_gone_a_job_says_what_would_help(self):
        self.slow(self.have(cases.world.versitygw))
        job = self.enqueue("--no-worker")
        done = subprocess.run(self.words("worker", "--once"), capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
                              env={name: value for name, value in self.who.environment.items() if name not in CREDENTIALS})
        self.assertEqual(done.returncode, 6, done.stderr)
        queued = self.status(job)["job"]
        self.assertEqual((queued["state"], queued["reason"]), ("waiting", "auth_missing"))
        self.assertIn("its caller's environment", queued["hint"])
        done = subprocess.run(self.words("worker", "--once"), capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
                              env=self.who.environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.status(job)["job"]["outcome"], "stored")

    # --- several ------------------------------------------------------------------------------------------------------

    def test_five_sessions_that_end_at_once_are_one_upload(self):
        processes = []
        for i in range(5):
            with open(self.source, "ab") as file:
                file.write(b"session %d\n" % i)
            processes.append(subprocess.Popen(self.words("enqueue", "--policy", self.who.policy, self.source),
                                              env=self.who.environment, stdout=subprocess.PIPE, text=True))
        jobs = [process.communicate(timeout=SECONDS_MAX)[0].strip() for process in processes]
        self.assertEqual([process.returncode for process in processes], [0] * 5)
        told = collections.Counter(self.outcome(job) for job in jobs)
        self.assertEqual(sum(told.values()), 5)
        self.assertLessEqual(set(told), {"stored", "unchanged", "superseded"})
        self.assert_idle()
        newest = self.uploads()[-1]
        self.assertEqual(data.sha256(newest / "a.bin"), data.sha256(self.source))
        self.assertEqual(told["stored"], len(self.uploads()))

    def test_200_processes_on_one_state_folder(self):
        for commands in (["run"], ["enqueue"], ["run", "enqueue"]):
            with self.subTest(commands=commands):
                self.setUp()
                processes = [subprocess.Popen(self.words(commands[i % len(commands)], "--policy", self.who.policy,
                                                         self.source),
                                              env=self.who.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                              text=True) for i in range(200)]
                errors = collections.Counter(process.communicate(timeout=300)[1] for process in processes)
                self.assertEqual(errors, {"": 200})
                self.assertEqual([process.returncode for process in processes], [0] * 200)
                self.assert_idle()
                self.assertEqual(len(self.uploads()), 1)

    def test_a_run_beside_a_worker_waits_for_its_turn(self):
        self.slow(self.have(cases.world.versitygw))
        job = self.enqueue()
        self.wait("a delivery", lambda: self.status()["worker"]["delivering"])
        result = self.who.ask("run", "--json", "--state", self.who.state, "--policy", self.who.policy, self.source)
        self.assertEqual((result.code, result.report["outcome"]), (0, "unchanged"), result)
        self.assertEqual(self.status(job)["job"]["outcome"], "stored")
        self.assert_idle()

    def test_a_second_worker_ends_at_once(self):
        self.slow(self.have(cases.world.versitygw))
        job = self.enqueue()
        self.wait("a delivery", lambda: self.status()["worker"]["delivering"])
        done = subprocess.run(self.words("worker", "--json"), env=self.who.environment, capture_output=True, text=True,
                              timeout=SECONDS_MAX, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["outcome"], "busy")
        self.assertEqual(self.outcome(job), "stored")

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def test_a_worker_that_is_killed_loses_nothing(self):
        self.slow(self.have(cases.world.versitygw))
        first = self.enqueue()
        self.wait("a delivery", lambda: self.status()["worker"]["delivering"])
        os.kill(self.worker(), signal.SIGKILL)
        self.wait("its end", lambda: self.worker() is None)
        self.assertEqual([job["job_id"] for job in self.status()["queue"]], [first])
        self.assertFalse(self.status()["worker"]["running"])
        second = self.enqueue()
        self.assertEqual(self.outcome(second), "stored")
        self.assertEqual(self.outcome(first), "superseded")
        self.assert_idle()

    def measured(self):
        """What is going on, once it has a rate."""
        now = self.status()["now"] or {}
        return now if (now.get("bytes_per_s") or 0) > 0 else None

    def test_status_tells_what_is_going_on(self):
        self.slow(self.have(cases.world.versitygw), rate=2_000_000)
        data.random_bytes(self.source, 24_000_000)      # of several parts: what is told is what has arrived
        job = self.enqueue()
        now = self.wait("a rate", self.measured)
        self.assertEqual((now["job_id"], now["target"], now["files_total"]), (job, "cloud", 1))
        self.assertEqual([queued["state"] for queued in self.status()["queue"]], ["running"])
        self.assertEqual(self.outcome(job), "stored")

    def test_a_source_that_has_vanished_is_told_and_closed(self):
        job = self.enqueue("--no-worker")
        self.source.unlink()
        done = subprocess.run(self.words("worker", "--once", "--json"), env=self.who.environment, capture_output=True, text=True,
                              timeout=SECONDS_MAX, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        ended = self.status(job)["job"]
        self.assertEqual((ended["outcome"], ended["reason"]), ("vanished", "source_missing"))

    def test_settings_that_change_meanwhile_are_those_of_later_jobs(self):
        first = self.enqueue("--no-worker")
        elsewhere = self.who.folder / "elsewhere"
        self.who.policy.write_text(sync.policy({"other": sync.builder("dir", path=elsewhere)}))
        done = subprocess.run(self.words("worker", "--once"), env=self.who.environment, capture_output=True, text=True,
                              timeout=SECONDS_MAX, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.status(first)["job"]["outcome"], "stored")
        self.assertEqual((len(self.uploads()), elsewhere.exists()), (1, False))

    def test_a_cancelled_job_is_not_put_back(self):
        self.who.policy.write_text(sync.policy({"web": sync.builder("http", url="http://127.0.0.1:9/")}))
        job = self.enqueue()
        self.wait("a try", lambda: self.status()["queue"][0]["tries"] > 0)
        done = subprocess.run(self.words("cancel", job), env=self.who.environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.status(job)["job"]["outcome"], "cancelled")
        self.assert_idle()

    def test_status_makes_nothing(self):
        report = self.status()
        self.assertEqual((report["queue"], report["last_run"], report["last_stored_at"]), ([], None, None))
        self.assertFalse(self.who.state.exists())
