"""Planted secrets: searched for in everything that the program says, writes, starts, and leaves behind."""

import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from xml.sax.saxutils import escape

import cases
import planted
import sync

SECONDS_MAX = 30
RETRY = "akosha.retry.exponential { first = 0.01, factor = 1, cap = 0.01, jitter = 'none', tries = 2 }"
# status, code of S3, and which failure that is: docs/failures.md
S3_ERRORS = (
    (400, "ExpiredToken"), (403, "RequestTimeTooSkewed"), (403, "InvalidAccessKeyId"), (403, "SignatureDoesNotMatch"),
    (403, "AccessDenied"), (404, "NoSuchBucket"), (409, "OperationAborted"), (412, "PreconditionFailed"),
    (413, "EntityTooLarge"), (429, "SlowDown"), (500, "InternalError"), (503, "ServiceUnavailable"), (400, "Strange"))
HTTP_STATUSES = (301, 307, 308, 400, 401, 403, 404, 409, 411, 413, 418, 429, 500, 502, 503, 507)


class Echo:
    """A server that answers with all it was sent and all it might know, in every encoding and wherever it can."""

    def __init__(self, status=500, code=None, body=None, hang=False):
        self.status, self.code, self.body, self.asked = status, code, body, 0
        self.release = threading.Event()
        if not hang:
            self.release.set()
        echo = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                echo.asked += 1
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if not echo.release.wait(SECONDS_MAX):
                    return
                body = echo.text(self)
                self.send_response(echo.status, f"No, {echo.known()}")
                for name, value in self.headers.items():
                    self.send_header(f"X-Echo-{name}", value)
                self.send_header("Location", f"http://{planted.KEY_ID}:{planted.SECRET_KEY}@127.0.0.1/?token={planted.BEARER}")
                self.send_header("WWW-Authenticate", f'Bearer realm="{planted.BEARER}"')
                self.send_header("x-amz-request-id", planted.SESSION_TOKEN)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body if self.command != "HEAD" else b"")
                self.close_connection = True

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_OPTIONS = do_PATCH = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None      # a client that died
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @staticmethod
    def known():
        return f"{planted.KEY_ID} {planted.SECRET_KEY} {planted.BEARER}"

    def text(self, handler):
        sent = "\n".join(f"{name}: {value}" for name, value in handler.headers.items())
        encodings = " ".join(needle.decode("latin-1") for _, form, needle in planted.NEEDLES if form != "UTF-16")
        if self.body is not None:
            return self.body.encode()
        if self.code is None:
            return f"{sent}\n{encodings}".encode("latin-1")
        return (f"<?xml version=\"1.0\"?><Error><Code>{self.code}</Code><Message>{escape(self.known())} for {escape(sent)} "
                f"{escape(encodings)}</Message><RequestId>{escape(planted.SESSION_TOKEN)}</RequestId></Error>").encode("latin-1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


class Leak(cases.Case):
    def setUp(self):
        self.me = self.person()
        self.begin(self.me)

    def begin(self, me):
        """A person who has every secret that there is."""
        self.own = set()
        me.environment.update({
            "AWS_ACCESS_KEY_ID": planted.KEY_ID, "AWS_SECRET_ACCESS_KEY": planted.SECRET_KEY,
            "AWS_SESSION_TOKEN": planted.SESSION_TOKEN, "PUSH_TOKEN": planted.BEARER,
            "AKOSHA_AGE_PASSPHRASE": planted.PASSPHRASE, "AKOSHA_AGE_IDENTITY_SECRET": planted.IDENTITY})
        self.source = me.source("memory.bin", lambda path: path.write_bytes(os.urandom(100_000)))
        self.mine(me, "file.secret", planted.FILE_VALUE + "\n")
        self.mine(me, "identity.txt", planted.IDENTITY + "\n")
        self.mine(me, "command.secret", planted.COMMAND_VALUE)
        self.mine(me, ".aws/credentials", f"[default]\naws_access_key_id = {planted.KEY_ID}\naws_secret_access_key = "
                  f"{planted.SECRET_KEY}\naws_session_token = {planted.SESSION_TOKEN}\n")
        return me

    def mine(self, me, name, text):
        """A file that a secret is meant to be in."""
        path = me.folder / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        self.own.add(path)

    def know(self, port, me=None):
        me = me or self.me
        for name, arguments in (("from-env", ("--env", "PUSH_TOKEN")), ("from-file", ("--file", me.folder / "file.secret")),
                                ("from-command", ("--command", f"cat {me.folder / 'command.secret'}"))):
            self.assert_code(me.ask("secret", "add", name, *arguments, "--host", f"127.0.0.1:{port}", "--force"), 0)

    def nowhere(self, *results, me=None, dead=False):
        me = me or self.me
        for result in results:
            for what, said in (("stdout", result.out), ("stderr", result.err)):
                self.assertEqual(planted.search(said), [], f"{what}: {said[-3000:]}")
            self.assertTrue(dead or "Sanitizer" not in result.err, result)
        found, seen = planted.search_folder(me.folder, but=self.own)
        self.assertEqual(found, [])
        self.assertGreater(seen, 2)

    def attempt(self, text, *more, code=None, **options):
        """A run in JSON and one in words, both as talkative as can be."""
        results = [self.me.run(text, [self.source], "--verbose", *more, **options),
                   self.me.ask("run", "--policy", self.me.policy, "--state", self.me.state, "--verbose", *more,
                               self.source, **options)]
        self.nowhere(*results)
        if code is not None:
            self.assert_code(results[0], code)
        return results[0]

    def policy(self, **targets):
        return sync.policy(targets, retry=RETRY)

    # --- the search itself ----------------------------------------------------------------------------------------------

    def test_the_search_finds_what_is_there(self):
        for name, value in planted.PLANTED.items():
            for form, needle in planted.forms(value):
                self.assertTrue(any(find.startswith(f"the {name} as") for find in planted.search(b"x" + needle + b"y")),
                                (name, form))
        self.assertEqual(planted.search("nothing of the kind, " + "0123456789abcdef" * 100), [])
        self.me.folder.joinpath("left").mkdir()
        self.me.folder.joinpath("left/behind").write_bytes(b"\0" * 5000 + planted.SECRET_KEY.encode().hex().encode())
        found, _ = planted.search_folder(self.me.folder, but=self.own)
        self.assertEqual(found, [("left/behind", "the secret key as hex")])

    # --- failures -------------------------------------------------------------------------------------------------------

    def test_an_s3_server_that_repeats_all_it_knows(self):
        seen = set()
        for status, code in S3_ERRORS:
            with self.subTest(code), Echo(status, code) as echo:
                report = self.attempt(self.policy(cloud=sync.s3_at(echo.url))).report
                self.assertGreater(echo.asked, 0)
                seen.add(report["error"]["failure"])
        self.assertGreaterEqual(len(seen), 6, seen)

    def test_an_http_server_that_repeats_all_it_knows(self):
        seen = set()
        for i, status in enumerate(HTTP_STATUSES):
            with self.subTest(status), Echo(status) as echo:
                self.know(echo.port)
                name = ("from-env", "from-file", "from-command")[i % 3]
                report = self.attempt(self.policy(web=sync.http(url=echo.url, token=name))).report
                self.assertGreater(echo.asked, 0)
                seen.add(report["error"]["failure"])
        self.assertGreaterEqual(len(seen), 5, seen)

    def test_answers_that_are_none(self):
        for body in (planted.SECRET_KEY, f"<Error><Code>{planted.KEY_ID}", "{\"message\": \"%s" % planted.BEARER,
                     "x" * 900 + planted.SESSION_TOKEN, "x" * 990 + planted.SECRET_KEY):
            for status in (200, 400, 500):
                with self.subTest(status), Echo(status, body=body) as echo:
                    self.attempt(self.policy(cloud=sync.s3_at(echo.url)))

    def test_no_server_at_all(self):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{holder.getsockname()[1]}"
            self.attempt(self.policy(cloud=sync.s3_at(url)), code=1)
        with Echo() as echo:
            self.attempt(self.policy(cloud=sync.s3_at(echo.url.replace("http", "https"))), code=1)
            self.attempt(self.policy(cloud=sync.s3_at(echo.url)), environment={
                "https_proxy": f"http://me:{planted.PROXY_PASSWORD}@127.0.0.1:{echo.port}"})
            self.attempt(self.policy(cloud=sync.s3_at("https://akosha.invalid")), environment={
                "https_proxy": f"http://me:{planted.PROXY_PASSWORD}@127.0.0.1:{echo.port}"})

    # --- what is wrong before anything is sent --------------------------------------------------------------------------

    def test_settings_that_have_them_in_them(self):
        bad = (
            f"return {planted.SECRET_KEY}", f"local x = '{planted.BEARER}", f"error('{planted.BEARER}')",
            f"error({{ {json.dumps(planted.SESSION_TOKEN)} }})",
            self.policy(web=sync.builder("http", url="https://h/", token=planted.BEARER)),
            self.policy(web=sync.builder("http", url=f"https://me:{planted.BEARER}@h/")),
            self.policy(web=sync.builder("http", url=f"https://h/?token={planted.BEARER}")),
            self.policy(cloud=sync.builder("s3", bucket=planted.SECRET_KEY, endpoint="https://h")),
            self.policy(cloud=sync.builder("s3", bucket="b", endpoint="https://h", secret_key=planted.SECRET_KEY)),
            self.policy(cloud=sync.builder("s3", bucket="b", endpoint="https://h", **{planted.KEY_ID: "x"})),
            self.policy(cloud=sync.builder("s3", bucket="b", endpoint="https://h", credentials=planted.SECRET_KEY)))
        for text in bad:
            with self.subTest(text):
                self.own.add(self.me.policy)
                self.attempt(text)
                for command in ("check", "explain", "enqueue"):
                    more = ("--no-worker",) if command == "enqueue" else ()
                    self.nowhere(self.me.ask(command, "--policy", self.me.policy, "--state", self.me.state, *more),
                                 self.me.ask(command, "--json", "--policy", self.me.policy, "--state", self.me.state, *more))

    def test_a_policy_that_tells_all_it_can_reach(self):
        walk = """
            local seen, out = {}, {}
            local function walk(value, depth)
              if depth > 6 or seen[value] then return end
              if type(value) == "table" then
                seen[value] = true
                for k, v in pairs(value) do walk(k, depth + 1) walk(v, depth + 1) end
                local meta = getmetatable(value)
                if type(meta) == "table" then walk(meta, depth + 1) end
              end
              out[#out + 1] = tostring(value)
            end
            walk(_G, 0) walk(akosha, 0) walk(akosha.secret "from-env", 0) walk(package and package.loaded, 0)
            for _, name in ipairs { "AWS_SECRET_ACCESS_KEY", "PUSH_TOKEN", "AWS_SESSION_TOKEN" } do
              local ok, why = pcall(akosha.env, name)
              out[#out + 1] = tostring(why)
            end
        """
        last = "error(table.concat(out, ' '):sub(%d))"
        with Echo(403, "AccessDenied") as echo:
            self.know(echo.port)
            text = self.policy(cloud=sync.s3_at(echo.url), web=sync.http(url=echo.url, token="from-env"))
            for at in (1, -900):
                self.attempt("local akosha = require 'akosha'" + walk + last % at)
                self.attempt(text.replace("retry = " + RETRY, "retry = function(facts)" + walk
                                          + "walk(facts, 0) " + last % at + " end"))
            self.assertGreater(echo.asked, 0)

    def test_files_of_settings_that_are_broken(self):
        credentials = self.me.folder / ".aws" / "credentials"
        without = {name: "" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
        with Echo(403, "InvalidAccessKeyId") as echo:
            text = self.policy(cloud=sync.s3_at(echo.url))
            for broken in (f"[default\n{planted.SECRET_KEY}\n", f"[default]\naws_secret_access_key {planted.SECRET_KEY}\n",
                           f"[default]\naws_access_key_id = {planted.KEY_ID}\n{planted.SECRET_KEY}\n",
                           f"[default]\naws_access_key_id = {planted.KEY_ID} x\naws_secret_access_key = {planted.SECRET_KEY}\n",
                           credentials.read_text()):
                with self.subTest(broken):
                    credentials.write_text(broken)
                    self.attempt(text, environment=without)
            known = self.me.folder / "xdg-config" / "akosha-sync" / "secrets.json"
            self.own.add(known)
            self.know(echo.port)
            for broken in (f"{{ {planted.BEARER} }}", json.dumps({planted.BEARER: planted.SECRET_KEY})):
                known.write_text(broken)
                self.attempt(self.policy(web=sync.http(url=echo.url, token="from-env")))
                self.nowhere(self.me.ask("secret", "list"), self.me.ask("secret", "list", "--json"))

    # --- commands -------------------------------------------------------------------------------------------------------

    def commands(self):
        """Every command there is, as the help tells them."""
        text = self.me.ask("--help").out
        names = re.findall(r"^  ([a-z][a-z-]+)  ", text, re.MULTILINE)
        self.assertIn("run", names, text)
        return names

    def test_every_command(self):
        with Echo(403, "AccessDenied") as echo:
            self.know(echo.port)
            self.me.policy.write_text(self.policy(cloud=sync.s3_at(echo.url), web=sync.http(url=echo.url, token="from-env"),
                                                  here=sync.builder("dir", path=self.me.folder / "target")))
            common = ("--state", self.me.state)
            with_policy = ("--policy", self.me.policy)
            known = {
                "run": [(*with_policy, "--verbose", self.source)], "enqueue": [(*with_policy, "--no-worker", self.source)],
                "worker": [("--once", "--verbose")], "test": [("--list", self.me.folder)], "check": [with_policy],
                "explain": [(*with_policy, "--verbose", self.source), (*with_policy, "--event", "forbidden", self.source),
                            (*with_policy, "--replay", "last")],
                "list": [with_policy], "verify": [with_policy], "restore": [(*with_policy, "--to", self.me.folder / "back")],
                "prune": [(*with_policy, "--keep", "last=1", "--apply")], "secret": [("list",), ("list", "--verbose")],
                "status": [(), ("--verbose",)], "cancel": [("20261123T084512Z-3f9a2c",)],
                "stats": [(), ("--verbose",)], "metrics": [(), ("--textfile", self.me.folder / "figures.prom")],
                "fleet": [with_policy, (*with_policy, "--stale", "1m")],
            }
            for command in self.commands():
                for arguments in known.get(command, [with_policy, ()]):
                    for more in ((), ("--json",)):
                        self.nowhere(self.me.ask(command, *arguments, *common, *more))
            self.assertGreater(echo.asked, 0)

    def test_all_that_an_agent_is_told(self):
        calls = (("sync_now", {"details": True}), ("sync_status", {}), ("sync_history", {}), ("verify_upload", {}),
                 ("explain_policy", {}), ("explain_policy", {"replay": "last"}), ("explain_policy", {"events": [planted.BEARER]}),
                 ("sync_status", {"job_id": planted.SECRET_KEY}), ("verify_upload", {"upload_id": planted.SESSION_TOKEN}),
                 ("sync_now", {planted.KEY_ID: planted.SECRET_KEY}), (planted.BEARER, {}))
        lines = [{"method": "initialize", "params": {"protocolVersion": "2025-11-25"}},
                 {"method": "logging/setLevel", "params": {"level": "debug"}}, {"method": planted.SECRET_KEY},
                 *({"method": "tools/call", "params": {"name": name, "arguments": arguments, "_meta": {"progressToken": i}}}
                   for i, (name, arguments) in enumerate(calls)),
                 *({"method": "resources/read", "params": {"uri": uri}}
                   for uri in ("akosha-sync://report/last", "akosha-sync://policy", planted.BEARER))]
        with Echo(403, "AccessDenied") as echo:
            self.know(echo.port)
            self.own.add(self.me.policy)
            self.me.policy.write_text("-- %s\n" % planted.BEARER + self.policy(
                cloud=sync.s3_at(echo.url), web=sync.http(url=echo.url, token="from-env"))
                .replace("return", "local password = '%s'\nreturn" % planted.SECRET_KEY, 1))
            server = subprocess.Popen(
                self.me.command(("mcp", "--keep-names", "--verbose", "--policy", self.me.policy, "--state", self.me.state,
                                 self.source)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, cwd=self.me.folder, env=self.me.environment)
            said = []
            for i, line in enumerate(lines):
                server.stdin.write(json.dumps({"jsonrpc": "2.0", "id": i, **line}) + "\n")
                server.stdin.flush()
                while True:
                    said.append(json.loads(server.stdout.readline()))
                    if said[-1].get("id") == i:
                        break
            out, err = server.communicate(timeout=SECONDS_MAX)
            self.assertEqual(server.returncode, 0, err)
            told = "\n".join(map(json.dumps, said)) + out
            self.assertEqual([planted.search(told), planted.search(err)], [[], []], told[-3000:])
            self.assertGreater(sum("progressToken" in json.dumps(message) for message in said), 0)
            self.assertGreater(echo.asked, 0)
            # A job has the policy with it, as the person wrote it.
            self.own.update((self.me.state / "queue").iterdir())
            self.nowhere()

    def test_a_notification_and_what_it_runs(self):
        """All that the program was given lies in the home that is searched, with the words of a server that echoes."""
        tell = self.me.folder / "tell.sh"
        tell.write_text('#!/bin/sh\nenv >>"$HOME/told"\ncat /proc/self/cmdline >>"$HOME/told"\necho "$AKOSHA_TEXT"\necho "$AKOSHA_TEXT" >&2\n'
                        'exit 1\n')
        tell.chmod(0o700)
        (self.me.folder / "xdg-config").mkdir(mode=0o700, exist_ok=True)
        self.mine(self.me, "xdg-config/akosha-sync/settings.json", json.dumps(
            {"schema": 1, "notify": {"command": str(tell), "after_tries": 1, "names": True}}))
        with Echo(403, "AccessDenied") as echo:
            self.know(echo.port)
            self.me.policy.write_text(self.policy(cloud=sync.s3_at(echo.url), web=sync.http(url=echo.url, token="from-env")))
            self.assert_code(self.me.ask("enqueue", "--policy", self.me.policy, "--state", self.me.state, "--no-worker",
                                         self.source), 0)
            self.nowhere(self.me.ask("worker", "--once", "--verbose", "--state", self.me.state))
        self.assertIn("AKOSHA_TEXT=akosha-sync cannot deliver", (self.me.folder / "told").read_text())

    def test_arguments_that_have_them_in_them(self):
        for arguments in (("run", "--target", planted.BEARER), ("status", planted.SESSION_TOKEN),
                          ("run", f"--{planted.BEARER}"), ("cancel", planted.BEARER),
                          ("list", "--policy", f"/nowhere/{planted.SECRET_KEY}"),
                          ("secret", "add", "x", "--host", f"me:{planted.BEARER}@h", "--env", "X_TOKEN"),
                          ("run", "--limit", planted.BEARER), ("explain", "--event", planted.SECRET_KEY)):
            for more in ((), ("--json",)):
                result = self.me.ask(*arguments, *more)
                self.nowhere(result)
                self.assertNotEqual(result.code, 0, result)

    def test_what_is_encrypted_with_them(self):
        phrase = planted.SECRET_KEY     # a passphrase as good as any; a value has no blanks
        self.mine(self.me, "phrase.secret", phrase)
        self.assert_code(self.me.ask("secret", "add", "phrase", "--file", self.me.folder / "phrase.secret", "--host",
                                     "age.invalid"), 0)
        here = sync.builder("dir", path=self.me.folder / "target")
        self.attempt(sync.policy({"here": here}, encrypt="akosha.age { passphrase = akosha.secret 'phrase' }"), code=0)
        back = self.me.ask("restore", "--policy", self.me.policy, "--state", self.me.state, "--to", self.me.folder / "back",
                           "--passphrase-secret", "phrase", "--verbose", "--json")
        self.assert_code(back, 0)
        self.nowhere(back)
        wrong = self.me.ask("restore", "--policy", self.me.policy, "--state", self.me.state, "--to", self.me.folder / "wrong",
                            "--identity", self.me.folder / "identity.txt", "--verbose", "--json")
        self.assertNotEqual(wrong.code, 0)
        self.nowhere(wrong)
        # An identity where a recipient belongs.
        self.own.add(self.me.policy)
        self.attempt(sync.policy({"here": here}, encrypt="akosha.age { recipients = { '%s' } }" % planted.IDENTITY))

    # --- a bug report ---------------------------------------------------------------------------------------------------

    def support(self, *arguments):
        result = self.me.ask("support", "--policy", self.me.policy, "--state", self.me.state, *arguments,
                             environment={"USER": "planted-user", "AKOSHA_SYSTEM_ID": "planted-system"})
        self.assert_code(result, 0)
        self.nowhere(result)
        return result

    def test_a_bug_report_has_no_secrets_and_no_names(self):
        self.own.add(self.me.policy)
        with Echo(403, "AccessDenied") as echo:
            self.know(echo.port)
            self.me.policy.write_text(f"-- for planted-user: {planted.BEARER}\n" + self.policy(
                cloud=sync.s3_at(echo.url, bucket="planted-bucket"), far=sync.builder("http", url="https://planted.example:1/")))
            self.me.ask("run", "--policy", self.me.policy, "--state", self.me.state, self.source)
        names = ("planted-user", "planted-system", "planted-bucket", "planted.example", str(self.me.folder), socket.gethostname())
        bundle = json.loads(self.support().out)
        self.assertEqual((bundle["format"], bundle["names"]), ("akosha-sync-support/1", "removed"))
        for name in names:
            self.assertNotIn(name, json.dumps(bundle))
        self.assertIn("bucket = \"[bucket]\"", bundle["policy"]["text"])
        self.assertEqual(bundle["runs"][0]["error"]["failure"], "forbidden")
        self.assertEqual([secret["name"] for secret in bundle["secrets"]], ["from-command", "from-env", "from-file"])
        self.assertIn("AWS_SECRET_ACCESS_KEY", bundle["environment"])
        self.assertTrue(bundle["audit"] and bundle["capabilities"] is not None and bundle["files"])
        kept = json.loads(self.support("--keep-names").out)
        for name in names[1:]:
            self.assertEqual(name in json.dumps(kept), name not in ("planted-system", socket.gethostname()), name)

    def test_a_bug_report_of_what_is_broken(self):
        self.me.policy.write_text("return nonsense(")
        path = self.me.folder / "report.json"
        told = self.support("--output", path, "--json")
        self.assertEqual(json.loads(told.out)["file"], str(path))
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(json.loads(path.read_text())["policy"]["text"], "return nonsense(")
        again = self.me.ask("support", "--output", path)
        self.assert_code(again, 2)
        self.me.state.mkdir(exist_ok=True)
        (self.me.state / "state.db").write_bytes(b"no database at all, " * 500)
        self.assertIsNotNone(json.loads(self.support().out)["state_error"])
        self.me.policy.unlink()
        self.assertIn("error", json.loads(self.support().out)["policy"])

    # --- death ----------------------------------------------------------------------------------------------------------

    def wait(self, what, true):
        until = time.monotonic() + SECONDS_MAX
        while time.monotonic() < until:
            value = true()
            if value:
                return value
            time.sleep(0.02)
        return self.fail(f"{what}: not within {SECONDS_MAX} s")

    def program(self, process):
        """The program itself, below whatever runs it."""
        def find():
            pid = process.pid
            while pid is not None and not os.readlink(f"/proc/{pid}/exe").endswith("akosha-sync"):
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                pid = int(children[0]) if children else None
            return pid
        return self.wait("the program", find)

    def assert_closed(self, pid):
        limits = Path(f"/proc/{pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        # The kernel gives what belongs to a process that may not be dumped to root.
        self.assertEqual(os.stat(f"/proc/{pid}/environ").st_uid, 0)
        self.assertEqual(os.stat(f"/proc/{pid}/mem").st_uid, 0)

    def test_death_leaves_nothing(self):
        me = self.begin(self.person(figures=True))
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
            with self.subTest(number), Echo(503, "SlowDown", hang=True) as echo:
                self.know(echo.port, me)
                me.policy.write_text(self.policy(cloud=sync.s3_at(echo.url), web=sync.http(url=echo.url, token="from-env")))
                process = me.start("run", "--policy", me.policy, "--state", me.state, "--verbose", "--json", self.source)
                self.wait("a request", lambda: echo.asked)
                pid = self.program(process)
                self.assertRegex(Path(f"/proc/{pid}/limits").read_text(), r"Max core file size +0 +0 ")
                self.assertEqual(planted.search(Path(f"/proc/{pid}/cmdline").read_bytes()), [])
                os.kill(pid, number)
                self.nowhere(me.finish(process), me=me, dead=True)
                self.assertEqual([path for path in me.folder.rglob("*core*")], [])

    def test_nobody_looks_into_it(self):
        if os.geteuid() != 0:
            before, user = (), os.geteuid()
        else:
            user = 65534
            before = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--")
            for path in [self.me.folder, *self.me.folder.rglob("*")]:
                os.chown(path, user, user)
        with Echo(503, "SlowDown", hang=True) as echo:
            self.me.policy.write_text(self.policy(cloud=sync.s3_at(echo.url)))
            for path in [self.me.folder, *self.me.folder.rglob("*")]:
                os.chown(path, user, user)
            process = subprocess.Popen([*before, *self.me.command(("run", "--policy", self.me.policy, "--state", self.me.state,
                                                                    self.source))],
                                       env=self.me.environment, cwd=self.me.folder, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                self.wait("a request", lambda: echo.asked or process.poll() is not None)
                self.assertIsNone(process.poll(), process.poll() and process.stderr.read())
                self.assert_closed(process.pid)
                look = f"open('/proc/{process.pid}/environ', 'rb').read()"
                looked = subprocess.run([*before, sys.executable, "-I", "-c", look], capture_output=True, text=True, check=False)
                self.assertIn("PermissionError", looked.stderr)
            finally:
                process.kill()
                out, err = process.communicate()
            self.assertEqual(planted.search(out) + planted.search(err), [])

    # --- children -------------------------------------------------------------------------------------------------------

    def test_children_get_nothing_that_they_need_not(self):
        seen, spy = self.me.folder / "seen", self.me.folder / "spy.py"
        spy.write_text(
            "import os, sys\n"
            f"with open({str(seen)!r}, 'wb') as out:\n"
            "    for name in ('environ', 'cmdline'):\n"
            "        out.write(open('/proc/self/' + name, 'rb').read() + b'\\n')\n"
            "    out.write(b'descriptors ' + ' '.join(sorted(set(os.listdir('/proc/self/fd')) - {str(out.fileno())})).encode())\n"
            f"sys.stdout.write(open({str(self.me.folder / 'command.secret')!r}).read())\n")
        extra = os.open(self.me.folder / "file.secret", os.O_RDONLY)
        os.set_inheritable(extra, True)
        self.addCleanup(os.close, extra)
        with Echo(401) as echo:
            self.assert_code(self.me.ask("secret", "add", "spied", "--command", f"{sys.executable} -I {spy}", "--host",
                                         f"127.0.0.1:{echo.port}"), 0)
            environment = {"LC_SECRET_TOKEN": planted.BEARER, "XDG_SESSION_TOKEN": planted.SESSION_TOKEN}
            self.me.policy.write_text(self.policy(web=sync.http(url=echo.url, token="spied")))
            result = self.me.ask("run", "--policy", self.me.policy, "--state", self.me.state, "--verbose", self.source,
                                 environment=environment, pass_fds=(extra,))
            self.assertGreater(echo.asked, 0)
        text = seen.read_text()
        self.assertIn("HOME=", text)
        self.assertEqual(planted.search(text), [])
        # Its three, and the one of the listing itself.
        self.assertLessEqual(len(text.split("descriptors ")[1].split()), 4, text)
        self.nowhere(result)

    def test_a_worker_has_them_in_memory_alone(self):
        with Echo(503, "SlowDown", hang=True) as echo:
            self.know(echo.port)
            self.me.policy.write_text(self.policy(cloud=sync.s3_at(echo.url)))
            enqueued = self.me.ask("enqueue", "--policy", self.me.policy, "--state", self.me.state, self.source)
            self.assert_code(enqueued, 0)
            self.nowhere(enqueued)
            pid = self.wait("the worker", self.worker)
            try:
                self.wait("a request", lambda: echo.asked)
                self.assertEqual(planted.search(Path(f"/proc/{pid}/environ").read_bytes()), [])
                self.assertEqual(planted.search(Path(f"/proc/{pid}/cmdline").read_bytes()), [])
                self.assert_closed(pid)
                self.nowhere(self.me.ask("status", "--json", "--state", self.me.state))
                echo.release.set()
                self.wait("an outcome", lambda: '"slow' in self.status() or '"throttled"' in self.status()
                          or '"server"' in self.status())
                self.nowhere(self.me.ask("status", "--state", self.me.state))
            finally:
                os.kill(pid, signal.SIGKILL)
        self.nowhere()

    def status(self):
        return self.me.ask("status", "--json", "--state", self.me.state).out

    def worker(self):
        for name in os.listdir("/proc"):
            try:
                words = open(f"/proc/{name}/cmdline", "rb").read().split(b"\0") if name.isdigit() else []
            except OSError:
                continue
            if b"worker" in words and os.fsencode(self.me.state) in words:
                return int(name)
        return None
