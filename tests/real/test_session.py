"""From nothing to memories in a bucket: `init` in an empty home, a session that ends, and the way back."""

import json
import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import cases
import schema
import sync
from world import ACCESS_KEY, BUCKET, SECRET_KEY

SECONDS_MAX = 60
DATABASES = Path(__file__).resolve().parents[1] / "data" / "databases"
END = json.dumps({"session_id": "abc", "transcript_path": "/t.jsonl", "cwd": "/", "hook_event_name": "SessionEnd", "reason": "other"})


class Session(cases.Case):
    def setUp(self):
        self.who = self.person()
        self.home = self.who.folder
        self.settings = self.home / ".claude" / "settings.json"
        self.policy = self.home / "xdg-config" / "akosha-sync" / "policy.lua"
        data = self.home / ".claude" / "data"
        data.mkdir(parents=True)
        for name in ("reflection.duckdb", "knowledge_graph.duckdb"):
            shutil.copy(DATABASES / name, data / name)

    def init(self, *more, code=0, **options):
        result = self.who.ask("init", *more, **options)
        self.assert_code(result, code)
        if "--json" in more:
            schema.check("init", result.report)
            if result.report.get("doctor"):
                schema.check("doctor", result.report["doctor"])
        return result

    def hooks(self):
        found = json.loads(self.settings.read_text())
        return [handler["command"] for group in found.get("hooks", {}).get("SessionEnd", []) for handler in group["hooks"]]

    def files(self):
        """Everything below the home but what the program under test measures by."""
        return {str(path.relative_to(self.home)): path.read_bytes() for path in self.home.rglob("*")
                if path.is_file() and not path.name.startswith("figures-")}

    # --- must show -------------------------------------------------------------------------------------------------------

    def test_from_nothing_to_a_bucket(self):
        server = self.have(cases.world.versitygw)
        aws = self.home / ".aws"
        aws.mkdir(mode=0o700)
        (aws / "credentials").write_text(f"[sync]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n")
        (aws / "credentials").chmod(0o600)
        without = {name: "" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        before = set(server.objects("systems/session-box/"))
        done = self.init("--bucket", BUCKET, "--endpoint", server.url, "--region", "us-east-1", "--credentials", "profile:sync",
                         "--system-id", "session-box", "--yes", environment=without)
        self.assertIn("cloud", done.out)
        [command] = self.hooks()
        # As the agent does it: a shell, the JSON on standard input, and nothing more.
        environment = {name: value for name, value in self.who.environment.items() if name not in without}
        done = subprocess.run(["sh", "-c", command], input=END, capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
                              env=environment, cwd="/")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        deadline = time.monotonic() + SECONDS_MAX
        while not [key for key in set(server.objects("systems/session-box/")) - before if key.endswith("manifest.json")]:
            self.assertLess(time.monotonic(), deadline, self.who.ask("status").out)
            time.sleep(0.05)
        keys = sorted(set(server.objects("systems/session-box/")) - before)
        names = [key.removeprefix("systems/session-box/").partition("/")[2] for key in keys]
        self.assertIn("systems/session-box/", set(server.objects("systems/session-box/")))
        for name in ("knowledge_graph.duckdb.zst", "reflection.duckdb.zst", "manifest.json"):
            self.assertIn(name, names)
        [manifest] = [json.loads(server.get(key)["Body"].read()) for key in keys if key.endswith("manifest.json")]
        self.assertEqual((manifest["format"], manifest["system_id"]), ("akosha-sync/1", "session-box"))
        self.wait_for_no_worker()

    def wait_for_no_worker(self):
        deadline = time.monotonic() + SECONDS_MAX
        while (self.home / "xdg-state" / "akosha-sync" / "worker.sock").exists():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    # --- init ------------------------------------------------------------------------------------------------------------

    def test_nothing_without_consent(self):
        before = self.files()
        self.init("--json", code=2)
        result = self.init(code=2)
        self.assertIn("nothing is changed, as nobody can be asked here", result.err)
        self.assertIn("+            \"type\": \"command\",", result.out)
        result = self.init("--dry-run")
        self.assertIn("+return akosha.policy {", result.out)
        result = self.init("--dry-run", "--json")
        self.assertEqual([change["action"] for change in result.report["changes"]], ["written", "written"])
        self.assertFalse(result.report["changed"])
        self.assertIsNone(result.report["doctor"])
        self.assertEqual(self.files(), before)

    def test_once_is_as_often_as_one_likes(self):
        self.init("--yes")
        self.assertEqual(len(self.hooks()), 1)
        self.assertEqual(self.policy.stat().st_mode & 0o777, 0o600)
        texts = self.settings.read_bytes(), self.policy.read_bytes()
        result = self.init("--yes", "--json")
        self.assertEqual([change["action"] for change in result.report["changes"]], ["unchanged", "unchanged"])
        self.assertTrue(result.report["success"])
        self.assertEqual(result.report["doctor"]["exit_code"], 0)
        self.assertEqual((self.settings.read_bytes(), self.policy.read_bytes()), texts)
        # A policy is the person's; another one is kept beside it.
        self.policy.write_text(texts[1].decode() + "-- mine\n")
        self.assertNotIn("stays as it is", self.init("--yes").err)
        result = self.init("--yes", "--dir", self.home / "other")
        self.assertIn("stays as it is; --force replaces it", result.err)
        self.init("--yes", "--force")
        self.assertEqual(self.policy.read_bytes(), texts[1])
        [kept] = self.policy.parent.glob("policy.lua.akosha-sync-*.bak")
        self.assertEqual(kept.read_text(), texts[1].decode() + "-- mine\n")

    def test_undo_leaves_what_was_there(self):
        for text, mode in (("{\n  \"model\": \"opus\"\n}\n", 0o644), ("{}", 0o600), ("{\"hooks\": {\"Stop\": []}, \"z\": 1, \"a\": 2}", 0o640),
                           (None, None)):
            with self.subTest(text=text):
                if text is None:
                    self.settings.unlink(missing_ok=True)
                else:
                    self.settings.write_text(text)
                    self.settings.chmod(mode)
                self.init("--yes")
                self.assertEqual(len(self.hooks()), 1)
                if text is not None:
                    self.assertEqual(self.settings.stat().st_mode & 0o777, mode)
                self.init("--undo", "--yes")
                if text is None:
                    self.assertFalse(self.settings.exists())
                else:
                    self.assertEqual((self.settings.read_text(), self.settings.stat().st_mode & 0o777), (text, mode))
                self.assertFalse(self.policy.exists())
                self.init("--undo", "--yes")

    def test_undo_after_others_have_changed_it(self):
        self.settings.write_text('{"model": "opus"}\n')
        self.init("--yes")
        found = json.loads(self.settings.read_text())
        found["permissions"] = {"allow": ["Bash(ls)"]}
        found["hooks"]["SessionEnd"].append({"hooks": [{"type": "command", "command": "echo bye"}]})
        self.settings.write_text(json.dumps(found, indent=4))
        self.policy.write_text(self.policy.read_text() + "-- mine\n")
        self.init("--undo", "--yes")
        found["hooks"]["SessionEnd"].pop(0)
        self.assertEqual(json.loads(self.settings.read_text()), found)
        self.assertTrue(self.policy.exists())

    def test_undo_that_failed_can_be_done_again(self):
        self.init("--yes", "--dir", str(self.home / "backup"))
        # Where the settings would be written anew: a folder is in the way.
        in_the_way = self.settings.with_name("settings.json.akosha-sync.fresh")
        self.settings.write_text(self.settings.read_text().replace("{", '{ "model": "opus",', 1))
        in_the_way.mkdir()
        self.init("--undo", "--yes", code=7)
        self.assertEqual(len(self.hooks()), 1)
        in_the_way.rmdir()
        self.init("--undo", "--yes")
        self.assertEqual(json.loads(self.settings.read_text()), {"model": "opus"})
        self.assertFalse(self.policy.exists())

    def test_a_policy_that_does_not_load_is_not_written(self):
        (self.home / ".claude" / "data" / "a\nb.db").write_text("")
        before = self.files()
        for more in (("--bucket", "Not_A_Bucket"), ("--http", "http://elsewhere.example"), ("--bucket", "box", "--credentials", "none")):
            with self.subTest(more=more):
                self.assertIn("refused", self.init("--yes", *more, code=3).err)
                self.assertEqual(self.files(), before)
        self.init("--yes", "--dir", str(self.home / "backup"))
        self.assertNotIn("\\010", self.policy.read_text())

    def test_settings_that_are_left_alone(self):
        other = self.home / "other.json"
        for name, prepare, says in (
                ("a link", lambda: (other.write_text("{}"), self.settings.symlink_to(other)), "it is a link"),
                ("comments", lambda: self.settings.write_text('{\n  // mine\n  "a": 1\n}\n'), "there are comments in them"),
                ("no JSON", lambda: self.settings.write_text('{"a": 1,}'), "they are no JSON, at line 1"),
                ("read-only", lambda: (self.settings.write_text("{}"), self.settings.chmod(0o444)), "it is read-only"),
                ("a folder", self.settings.mkdir, "it is no file"),
                ("a pipe", lambda: os.mkfifo(self.settings), "it is no file"),
                ("too much", lambda: self.settings.write_text('{"a": "%s"}' % ("x" * (1 << 20))), "it is too large"),
                ("another shape", lambda: self.settings.write_text('{"hooks": [1]}'), '"hooks" in them is no object')):
            with self.subTest(name=name):
                prepare()
                before = self.files()
                result = self.init("--yes", code=3)
                self.assertIn(says, result.err)
                self.assertIn(str(self.settings), result.err)
                self.assertEqual(self.files(), before)
                # The rest goes without it.
                self.init("--yes", "--no-hook")
                self.init("--undo", "--yes", "--settings", self.home / "none.json")
                if self.settings.is_dir() and not self.settings.is_symlink():
                    self.settings.rmdir()
                else:
                    self.settings.unlink()

    def test_a_path_with_anything_in_it_is_one_word(self):
        folder = self.home / "my $(tools); it's \"here\""
        (folder / "libexec").mkdir(parents=True)
        for name in ("akosha-sync", "libexec/akosha-sync", "akosha-sync-http.so"):
            shutil.copy(cases.sanitized.parent / name, folder / name)
        program, self.who.program = self.who.program, folder / "akosha-sync"
        self.addCleanup(setattr, self.who, "program", program)
        self.init("--yes", "--dir", self.home / "a target")
        [command] = self.hooks()
        done = subprocess.run(["sh", "-c", command + " --verbose --no-worker"], input=END, capture_output=True, text=True,
                              env=self.who.environment, timeout=SECONDS_MAX, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("the agent says: SessionEnd", done.stderr)
        # Installed elsewhere, it is called there.
        self.who.program = program
        self.init("--yes", "--dir", self.home / "a target")
        self.assertEqual(self.hooks(), [f"{cases.sanitized} hook session-end"])
        self.init("--undo", "--yes")
        self.assertFalse(self.settings.exists())

    def test_units_of_systemd(self):
        tools = self.home / "bin"
        tools.mkdir()
        (tools / "systemctl").write_text(f'#!/bin/sh\necho "$@" >>{self.home}/systemctl.log\n')
        (tools / "systemctl").chmod(0o755)
        environment = {"PATH": f"{tools}:{self.who.environment['PATH']}"}
        self.init("--yes", "--systemd", environment=environment)
        units = self.home / "xdg-config" / "systemd" / "user"
        service = (units / "akosha-sync-worker.service").read_text()
        self.assertIn(f'ExecStart="{cases.sanitized}" worker --until-empty --quiet', service)
        self.assertEqual(self.hooks(), [f"{cases.sanitized} hook session-end --no-worker"])
        self.init("--undo", "--yes", environment=environment)
        self.assertEqual(list(units.iterdir()), [])
        self.assertEqual((self.home / "systemctl.log").read_text().splitlines(), [
            "--user daemon-reload", "--user enable --now akosha-sync-worker.path akosha-sync-worker.timer",
            "--user disable --now akosha-sync-worker.path akosha-sync-worker.timer"])

    # --- a person at a terminal --------------------------------------------------------------------------------------------

    def at_terminal(self, answers, *more):
        """What is said when ${answers} are typed one after the other, each at its question, and the exit code."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.home)
            os.execve(str(self.who.program), self.who.command(["init", *more]), self.who.environment)
        said, code, answers = b"", None, list(answers)
        deadline = time.monotonic() + SECONDS_MAX
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(terminal, 4096)
            except OSError:
                break
            if not piece:
                break
            said += piece
            if answers and said.rstrip(b" ").endswith(b"]:"):
                os.write(terminal, answers.pop(0).encode() + b"\n")
                said += b"\n"
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        os.close(terminal)
        return said.decode(errors="replace"), code

    def test_asks_at_a_terminal(self):
        (self.home / ".aws").mkdir()
        (self.home / ".aws" / "config").write_text("[default]\nregion = x\n[profile sync]\n[sso-session mine]\n")
        (self.home / ".aws" / "credentials").write_text("[sync]\naws_secret_access_key = planted-secret\n[other]\n")
        said, code = self.at_terminal(["memories", "", "profile:sync", "n"])
        self.assertEqual(code, 2, said)
        self.assertIn("of default, sync, other", said)
        self.assertNotIn("planted-secret", said)
        self.assertIn('bucket = "memories", credentials = "profile:sync"', said)
        self.assertIn("nothing is changed", said)
        self.assertFalse(self.policy.exists())
        said, code = self.at_terminal(["", "y"])
        self.assertEqual(code, 0, said)
        self.assertIn("akosha.dir", self.policy.read_text())
        self.assertEqual(len(self.hooks()), 1)
