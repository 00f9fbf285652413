"""`hook session-end`: whatever an agent does, it ends with 0, at once and silent; a job is kept, or status says why not."""

import json
import os
import pty
import subprocess
import time

import cases
import data
import schema
import sync

SECONDS_MAX = 30
END = {"session_id": "abc", "transcript_path": "/no/such/transcript.jsonl", "cwd": "/no/such", "hook_event_name": "SessionEnd",
       "reason": "other"}


class Hook(cases.Case):
    def setUp(self):
        self.who = self.person()
        self.source = self.who.source("a.bin", data.random_bytes, 10_000)
        self.who.policy.write_text(sync.policy({"here": sync.builder("dir", path=self.who.folder / "target")},
                                               sources="{ %s }" % sync.quoted(self.source)))

    def call(self, said=b"", *more, environment=None, stdin=None, worker=False, policy=None, **options):
        """The hook, with ${said} as its standard input. It has to end well, whatever that is."""
        command = self.who.command(["hook", "session-end", "--state", self.who.state, "--policy", policy or self.who.policy,
                                    *([] if worker else ["--no-worker"]), *more])
        streams = {"stdin": stdin} if stdin is not None else {"input": said}
        done = subprocess.run(command, env={**self.who.environment, **(environment or {})}, cwd=self.who.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS_MAX, check=False,
                              **streams, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        if "--verbose" not in more:
            self.assertEqual((done.stdout, done.stderr), (b"", b""))
        return done

    def status(self):
        result = self.who.ask("status", "--json", "--state", self.who.state)
        self.assert_code(result, 0)
        schema.check("status", result.report)
        return result.report

    def assert_enqueued(self, count):
        self.assertEqual(len(self.who.queue()), count)

    # --- what is said ---------------------------------------------------------------------------------------------------

    def test_a_session_that_ends_is_brought(self):
        self.call(json.dumps(END).encode(), worker=True)
        deadline = time.monotonic() + SECONDS_MAX
        while self.who.queue() or not list(self.who.folder.glob("target/systems/*/*/manifest.json")):
            self.assertLess(time.monotonic(), deadline, "no worker brings it")
            time.sleep(0.02)

    def test_a_turn_is_no_session(self):
        for event in ("Stop", "SubagentStop"):
            self.call(json.dumps({**END, "hook_event_name": event}).encode())
        self.assert_enqueued(0)
        done = self.call(json.dumps({**END, "hook_event_name": "Stop"}).encode(), "--verbose")
        self.assertIn(b"a turn ended and not a session", done.stderr)
        self.call(json.dumps({**END, "hook_event_name": "Stop"}).encode(), "--on-stop")
        self.assert_enqueued(1)

    def test_anything_else_is_taken_for_an_end(self):
        deep = b"[" * 100_000
        for count, said in enumerate((
                b"", b"\n", b"no json", b"{", b"\x00\xff\xfe", b"null", b"[]", b'"SessionEnd"', b"{}", b'{"hook_event_name": 7}', deep,
                b'{"a": ' + deep, json.dumps({**END, "x": "y" * 3_000_000}).encode(), b'{"hook_event_name": "Sessi',
                json.dumps({"hook_event_name": "BeforeLogout"}).encode()), 1):
            with self.subTest(said=said[:40]):
                self.call(said)
                self.assert_enqueued(count)

    def test_more_than_is_looked_at_is_no_harm(self):
        """A writer that writes without an end is left alone."""
        with subprocess.Popen(["cat", "/dev/zero"], stdout=subprocess.PIPE) as writer:
            self.call(stdin=writer.stdout)
            writer.stdout.close()
            writer.kill()
        self.assert_enqueued(1)

    def test_nothing_is_waited_for(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        self.addCleanup(os.close, reading)
        self.call(stdin=reading)
        # What it needs is there although nobody closes the pipe: no JSON is waited for behind it.
        os.write(writing, json.dumps({**END, "hook_event_name": "Stop"}).encode())
        self.call(stdin=reading)
        self.assert_enqueued(1)

    def test_a_terminal_is_not_read(self):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        os.write(ours, b'{"hook_event_name": "Stop"}\n')
        self.call(stdin=theirs)
        os.close(theirs)
        self.assert_enqueued(1)

    def test_closed_streams(self):
        words = " ".join(map(str, self.who.command(["hook", "session-end", "--state", self.who.state, "--policy", self.who.policy,
                                                    "--no-worker"])))
        for count, closed in enumerate(("<&-", ">&-", "2>&-", "<&- >&- 2>&-", "</dev/full >/dev/full 2>/dev/full"), 1):
            with self.subTest(closed=closed):
                done = subprocess.run(["sh", "-c", f"{words} {closed}"], env=self.who.environment, cwd=self.who.folder,
                                      capture_output=True, timeout=SECONDS_MAX, check=False)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
                self.assert_enqueued(count)

    def test_nothing_of_it_is_run_or_opened(self):
        mark = self.who.folder / "mark"
        evil = {"hook_event_name": f"$(touch {mark})", "transcript_path": f"/dev/stdin; touch {mark}", "cwd": str(self.who.folder / "x"),
                "session_id": f"`touch {mark}`"}
        done = self.call(json.dumps(evil).encode(), "--verbose", f"; touch {mark}")
        self.assertFalse(mark.exists())
        self.assertIn(b"the agent says: nothing", done.stderr)
        [job] = [json.loads((self.who.state / "queue" / name).read_text()) for name in self.who.queue()]
        self.assertNotIn("touch", json.dumps(job))
        self.assertEqual(job.get("sources", []), [])

    def test_the_switch_of_the_original(self):
        for value in ("false", "False", "0", "no", "OFF"):
            self.call(environment={"SESSION_BUDDY_AKOSHA_UPLOAD_ON_SESSION_END": value})
        self.call(environment={"AKOSHA_UPLOAD_ON_SESSION_END": "off", "SESSION_BUDDY_AKOSHA_UPLOAD_ON_SESSION_END": "true"})
        self.assert_enqueued(0)
        for value in ("true", "1", "", "perhaps"):
            self.call(environment={"SESSION_BUDDY_AKOSHA_UPLOAD_ON_SESSION_END": value})
        self.call(environment={"AKOSHA_UPLOAD_ON_SESSION_END": "on", "SESSION_BUDDY_AKOSHA_UPLOAD_ON_SESSION_END": "false"})
        self.assert_enqueued(5)

    # --- what fails -----------------------------------------------------------------------------------------------------

    def assert_told(self, message, times=1, failure=None):
        hook = self.status()["hook"]
        self.assertIsNotNone(hook)
        self.assertIn(message, hook["message"])
        self.assertEqual(hook["times"], times)
        if failure:
            self.assertEqual(hook["failure"], failure)
        said = self.who.ask("status", "--state", self.who.state).out
        self.assertIn(f"hook: failed {times} time", said)

    def test_a_failure_is_kept_for_status_until_one_succeeds(self):
        self.assertIsNone(self.status()["hook"])
        for times in (1, 2, 3):
            self.call(policy="/no/such/policy.lua")
            self.assert_told("cannot read the policy /no/such/policy.lua", times, "policy")
        done = self.call(b"", "--verbose", policy="/no/such/policy.lua")
        self.assertIn(b"akosha-sync: cannot read the policy", done.stderr)
        self.call()
        self.assertIsNone(self.status()["hook"])

    def test_a_wrong_command_line_is_no_error_of_the_session(self):
        for more in (["session-begin"], ["--no-such-option"], [], ["session-end", "--limit", "memory=much"], ["session-end", "--state"]):
            with self.subTest(more=more):
                done = subprocess.run(self.who.command(["hook", "--state", self.who.state, *more]), env=self.who.environment,
                                      capture_output=True, timeout=SECONDS_MAX, check=False, stdin=subprocess.DEVNULL)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
                self.assert_told("usage:", self.status()["hook"]["times"], "settings")
        self.assert_enqueued(0)

    def test_a_broken_policy_is_the_workers_to_tell(self):
        self.who.policy.write_text("this is no Lua")
        self.call()
        self.assert_enqueued(1)
        self.assertIsNone(self.status()["hook"])

    def test_a_state_folder_that_cannot_be_used(self):
        runtime = self.who.folder / "run"
        runtime.mkdir(mode=0o700)
        self.who.state.write_text("a file")
        self.call(environment={"XDG_RUNTIME_DIR": str(runtime)})
        # Where it can be seen: the state folder has no place for it.
        note = json.loads((runtime / "akosha-sync-hook.json").read_text())
        self.assertEqual((note["state"], note["times"]), (str(self.who.state), 1))
        self.call()

    def test_a_full_disk(self):
        self.need_mounts("a disk that is full")
        runtime = self.who.folder / "run"
        runtime.mkdir(mode=0o700)
        self.who.state.mkdir(mode=0o700)
        command = " ".join(map(str, self.who.command(["hook", "session-end", "--state", self.who.state, "--policy", self.who.policy])))
        status = " ".join(map(str, self.who.command(["status", "--json", "--state", self.who.state])))
        script = (f"mount -t tmpfs -o size=64k,mode=700 none {self.who.state} && "
                  f"head -c 100000 /dev/zero >{self.who.state}/filler 2>/dev/null; {command} </dev/null; echo $?; {status}")
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], env={**self.who.environment, "XDG_RUNTIME_DIR": str(runtime)},
                              capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
        code, _, report = done.stdout.partition("\n")
        self.assertEqual((code, done.stderr), ("0", ""))
        hook = json.loads(report)["hook"]
        self.assertEqual((hook["failure"], hook["times"]), ("no_space", 1))

    def test_no_worker_can_be_started(self):
        front = self.who.folder / "akosha-sync"
        front.write_bytes(self.who.program.read_bytes())
        front.chmod(0o755)
        done = subprocess.run([str(front), "hook", "session-end", "--state", str(self.who.state), "--policy", str(self.who.policy)],
                              env=self.who.environment, capture_output=True, timeout=SECONDS_MAX, check=False, input=b"")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
        self.assert_enqueued(1)
        self.assert_told("cannot start akosha-sync")
