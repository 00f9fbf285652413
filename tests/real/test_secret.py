"""A token that a server wants: found where the person said, sent there alone, and seen nowhere."""

import json
import os
import sys

import cases
import data
import sync
from world import TOKEN

NAME = "akosha-token"


class Secret(cases.Case):
    def setUp(self):
        self.nginx = self.have(cases.world.nginx, tls=True)
        self.host = f"127.0.0.1:{self.nginx.port}"
        self.me = self.person()
        self.token = self.me.folder / "token"
        self.source = self.me.source("memory.bin", lambda path: path.write_bytes(os.urandom(300_000)))

    def write_token(self, value, mode=0o600):
        self.token.write_text(value)
        self.token.chmod(mode)

    def add(self, *arguments, host=None, code=0, **options):
        result = self.me.ask("secret", "add", NAME, *arguments, "--host", host or self.host, **options)
        self.assert_code(result, code)
        return result

    def text(self, url=None):
        return sync.policy({"web": sync.http(self.nginx, url=url or self.nginx.guarded_url, token=NAME)})

    def run_verbose(self, url=None, **options):
        result = self.me.run(self.text(url), [self.source], "--verbose", **options)
        self.nowhere(result)
        return result

    def nowhere(self, *results):
        """The value is in nothing that was said or written, but for the file that it is kept in."""
        needle = TOKEN.encode()
        for result in results:
            self.assertNotIn(TOKEN, result.out)
            self.assertNotIn(TOKEN, result.err)
        seen = 0
        for folder, _, names in os.walk(self.me.folder):
            for name in names:
                path = os.path.join(folder, name)
                seen += 1
                with open(path, "rb") as file:
                    if path != str(self.token):
                        self.assertNotIn(needle, file.read(), path)
        self.assertGreater(seen, 3)

    def asked(self):
        return self.nginx.access_log.read_text().count("\n")

    def refused(self, result, failure, code, message):
        self.assert_code(result, code)
        self.assertEqual(result.report["error"]["failure"], failure, result)
        self.assertIn(message, result.report["error"]["message"])
        self.assertEqual(result.report["outcome"], "queued")
        self.assertEqual(len(self.me.queue()), 1)

    def test_a_server_that_wants_it_gets_it(self):
        self.write_token(TOKEN + "\n")
        self.add("--file", "token")
        result = self.run_verbose()
        self.assert_stored(result, "web")
        key = result.files()["memory.bin"]["key"]
        with open(self.nginx.guarded_files / key, "rb") as stored:
            self.assertEqual(data.sha256_of(stored, key), data.sha256_of(open(self.source, "rb"), "memory.bin"))
        self.assertTrue((self.me.state / "audit.jsonl").exists())
        self.assert_code(self.run_verbose(), 0)

    def test_from_a_variable_and_from_a_program(self):
        self.write_token(TOKEN)
        self.add("--env", "PUSH_TOKEN")
        self.refused(self.run_verbose(), "auth_missing", 6, "its variable PUSH_TOKEN is not set")
        self.assert_code(self.run_verbose(environment={"PUSH_TOKEN": TOKEN}), 0)
        self.add("--command", f"sh -c 'test -z \"$AWS_SECRET_ACCESS_KEY\" && cat {self.token}'", "--force")
        self.source.write_bytes(os.urandom(300_000))
        self.assert_stored(self.run_verbose(), "web")

    def test_a_caller_that_ignores_its_children(self):
        self.write_token(TOKEN)
        self.add("--command", f"cat {self.token}")
        ignore = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
        listed = self.me.ask("secret", "list", "--json", before=(sys.executable, "-c", ignore))
        self.assertTrue(json.loads(listed.out)["secrets"][0]["found"], listed)
        self.nowhere(listed)

    def test_a_wrong_one_waits_until_it_is_right(self):
        self.write_token("something-else")
        self.add("--file", self.token)
        self.refused(self.run_verbose(), "auth_invalid", 6, "HTTP 401")
        job = (self.me.state / "queue" / self.me.queue()[0]).read_text()
        self.assertNotIn("something-else", job)
        self.assertIn(NAME, job)
        self.write_token(TOKEN)
        self.assert_stored(self.run_verbose(), "web")
        self.assertEqual(self.me.queue(), [])

    def test_another_host_is_asked_nothing(self):
        self.write_token(TOKEN)
        self.add("--file", self.token)
        before = self.asked()
        result = self.run_verbose(url=self.nginx.guarded_url.replace("127.0.0.1", "localhost"))
        self.refused(result, "forbidden", 6, f"may not be sent to localhost:{self.nginx.port}: it is bound to {self.host}")
        self.assertIn("--force", result.report["error"]["hint"])
        self.assertEqual(self.asked(), before)

    def test_a_redirect_is_not_followed(self):
        self.write_token(TOKEN)
        self.add("--file", self.token)
        before = sorted(self.nginx.guarded_files.rglob("*"))
        self.refused(self.run_verbose(url=self.nginx.moved_url), "bad_reply", 1, "which is not followed")
        self.assertEqual(sorted(self.nginx.guarded_files.rglob("*")), before)

    def test_a_name_that_nobody_gave(self):
        result = self.run_verbose()
        self.refused(result, "auth_missing", 6, f"there is no secret {NAME} on this machine")
        self.assertIn(f"akosha-sync secret add {NAME} --env VARIABLE --host {self.host}", result.report["error"]["hint"])

    def test_files_that_others_can_read(self):
        self.write_token(TOKEN, 0o644)
        refused = self.add("--file", self.token, code=6)
        self.assertIn(f"chmod 600 '{self.token}'", refused.err)
        self.write_token(TOKEN)
        self.add("--file", self.token)
        self.token.chmod(0o640)
        self.refused(self.run_verbose(), "forbidden", 6, "can be read by others (mode 0640)")
        self.token.chmod(0o600)
        known = self.me.folder / "xdg-config" / "akosha-sync" / "secrets.json"
        known.chmod(0o644)
        result = self.run_verbose()
        self.refused(result, "forbidden", 6, "can be read by others (mode 0644)")
        self.assertIn(f"chmod 600 '{known}'", result.report["error"]["hint"])
        known.chmod(0o600)
        known.write_text("{ this is not it")
        self.refused(self.run_verbose(), "settings", 3, "it is no JSON")
        self.assertEqual(known.read_text(), "{ this is not it")

    def test_list_and_remove(self):
        self.write_token(TOKEN)
        self.add("--file", self.token, host="Akosha.Internal:8682")
        added = self.add("--env", "OTHER_TOKEN", code=2)
        self.assertIn("--force", added.err)
        listed = self.me.ask("secret", "list", "--json")
        self.assert_code(listed, 0)
        self.assertEqual(json.loads(listed.out)["secrets"], [
            {"name": NAME, "source": "file", "where": str(self.token), "hosts": ["akosha.internal:8682"],
             "found": True, "reason": None}])
        shown = self.me.ask("secret", "list")
        self.assertIn(f"file     {self.token}", shown.out)
        self.token.unlink()
        missing = self.me.ask("secret", "list")
        self.assertIn(f"not found: secret {NAME}: its file {self.token} is not there", missing.out)
        removed = self.me.ask("secret", "remove", NAME)
        self.assert_code(removed, 0)
        self.assert_code(self.me.ask("secret", "remove", NAME), 2)
        self.assertEqual(json.loads(self.me.ask("secret", "list", "--json").out)["secrets"], [])
        for arguments in (("secret", "add", "a b", "--env", "X_TOKEN", "--host", "h"),
                          ("secret", "add", NAME, "--env", "X_TOKEN"),
                          ("secret", "add", NAME, "--host", "h"),
                          ("secret", "add", NAME, "--env", "X_TOKEN", "--file", "x", "--host", "h"),
                          ("secret", "add", NAME, "--env", "AKOSHA_X", "--host", "h"),
                          ("secret", "add", NAME, "--env", "X_TOKEN", "--host", "*.example"),
                          ("secret", "add", NAME, "--env", "X_TOKEN", "--host", f"me:{TOKEN}@h"),
                          ("secret", "remove"), ("secret",), ("secret", "show")):
            wrong = self.me.ask(*arguments)
            self.assert_code(wrong, 2)
            self.nowhere(wrong)
        self.nowhere(listed, shown, missing, removed)

    def test_a_policy_that_is_let_read_the_variable(self):
        self.add("--env", "PLAIN_NAME")
        result = self.me.run(self.text(), [self.source], "--allow-env", "PLAIN_NAME",
                             environment={"PLAIN_NAME": TOKEN})
        self.assert_code(result, 3)
        self.assertIn(f"cannot allow PLAIN_NAME to the policy: the secret {NAME} is kept in it", result.err)
        self.nowhere(result)
