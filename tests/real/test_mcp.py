"""`akosha-sync mcp`: driven by the official SDK against a real S3 server, and by raw bytes that no client sends."""

import json
import os
import queue
import select
import signal
import subprocess
import threading
import time

import cases
import data
import mcp_sdk
import schema
import sync
from world import BUCKET

OLD, NEW = "2025-06-18", "2025-11-25"
SECONDS_MAX = 60
TOOLS = ("sync_now", "sync_status", "sync_history", "verify_upload", "explain_policy")
REPORT, POLICY = "akosha-sync://report/last", "akosha-sync://policy"


class Server:
    """The server at the end of two pipes."""

    def __init__(self, person, *more, read=True):
        self.process = subprocess.Popen(
            person.command(("mcp", "--policy", person.policy, "--state", person.state, *more)), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=person.folder, env=person.environment)
        self.said, self.err, self.threads = queue.Queue(), [], []
        self.follow(lambda: self.err.extend(self.process.stderr))
        if read:
            self.follow(self.listen)

    def follow(self, what):
        self.threads.append(threading.Thread(target=what, daemon=True))
        self.threads[-1].start()

    def listen(self):
        for line in self.process.stdout:
            self.said.put(json.loads(line))

    def raw(self, text):
        self.process.stdin.write(text if isinstance(text, bytes) else text.encode())
        self.process.stdin.flush()

    def send(self, method, id=None, **params):
        message = {"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})}
        self.raw(json.dumps(message if id is None else {**message, "id": id}) + "\n")

    def next(self):
        return self.said.get(timeout=SECONDS_MAX)

    def answer(self, id):
        """The next answer with that id; what else is said before it is passed over."""
        while True:
            message = self.next()
            if "method" not in message and message["id"] == id:
                return message

    def notified(self, enough):
        """The next progress that is ${enough}."""
        while True:
            message = self.next()
            if message.get("method") == "notifications/progress" and enough(message["params"]):
                return message["params"]

    def begin(self, version=NEW):
        self.send("initialize", "begin", protocolVersion=version, capabilities={}, clientInfo={"name": "t", "version": "1"})
        found = self.answer("begin")["result"]["protocolVersion"]
        self.send("notifications/initialized")
        return found

    def call(self, id, tool, token=None, **arguments):
        meta = {} if token is None else {"_meta": {"progressToken": token}}
        self.send("tools/call", id, name=tool, arguments=arguments, **meta)

    def finish(self, close=True):
        """The exit code; nothing was said that is not JSON-RPC, and no sanitizer said anything."""
        if close:
            self.process.stdin.close()
        code = self.process.wait(timeout=SECONDS_MAX)
        for thread in self.threads:
            thread.join(timeout=SECONDS_MAX)
        err = b"".join(self.err).decode("utf-8", "replace")
        self.process.stdout.close()
        self.process.stderr.close()
        assert "Sanitizer" not in err and "runtime error:" not in err, err
        return code


class Mcp(cases.Case):
    def setUp(self):
        self.me = self.person()

    def folder_policy(self, *sources):
        names = ", ".join(sync.quoted(source) for source in sources)
        self.me.policy.write_text(sync.policy({"here": sync.builder("dir", path=self.me.folder / "target")},
                                              sources=f"{{ {names} }}"))

    def slow_policy(self, bits_per_s, size):
        """A source on a slow line to versitygw."""
        server = self.have(cases.world.versitygw)
        port = self.have(cases.world.toxiproxy).slow(server.port, bits_per_s)
        source = self.me.source("memory.bin", data.random_bytes, size)
        self.me.policy.write_text(sync.policy({"cloud": sync.s3(server, port=port, prefix=self.me.folder.name)},
                                              sources=f"{{ {sync.quoted(source)} }}", compress="'none'"))

    def serve(self, *more, **options):
        server = Server(self.me, *more, **options)
        self.addCleanup(lambda: server.process.poll() is None and server.process.kill())
        return server

    def sdk(self):
        return self.have(mcp_sdk.python)

    # --- the official client --------------------------------------------------------------------------------------------

    def every_tool(self, version, *more):
        server = self.have(cases.world.versitygw)
        python = self.sdk()
        sources = ", ".join(sync.quoted(path) for path in data.databases(self.me.folder))
        targets = {"cloud": sync.s3(server, prefix=self.me.folder.name),
                   "other": sync.builder("http", url="https://vault.example.test/up")}
        self.me.policy.write_text(sync.policy(targets, route="{ 'cloud' }", sources=f"{{ {sources} }}"))
        steps = (["tools"], ["resources"], ["templates"], ["ping"], ["level", "debug"], ["read", REPORT], ["read", POLICY],
                 ["call", "sync_now", {"dry_run": True}], ["call", "sync_now", {"details": True}], ["call", "sync_now", {}],
                 ["call", "sync_status", {}], ["call", "sync_history", {"limit": 5}], ["call", "verify_upload", {}],
                 ["call", "explain_policy", {"events": ["cloud: throttled x2, retry_after=40"]}],
                 ["call", "explain_policy", {"replay": "last"}], ["read", REPORT],
                 ["call", "sync_status", {"job_id": "20200101T000000Z-000000"}], ["call", "sync_history", {"limit": 0}],
                 ["call", "no_such_tool", {}], ["read", "akosha-sync://nothing"])
        seen = mcp_sdk.talk(python, self.me, version, steps, *more)
        self.assertEqual(seen["initialize"]["protocolVersion"], version)
        (tools, resources, templates, ping, _, none, policy, dry, first, second, status, history, verified, explained,
         replayed, report, unknown, wrong, no_tool, no_resource) = seen["steps"]
        self.assertEqual(tuple(tool["name"] for tool in tools["tools"]), TOOLS)
        self.assertEqual([resource["uri"] for resource in resources["resources"]], [REPORT, POLICY])
        self.assertEqual((templates["resourceTemplates"], ping), ([], {}))
        self.assertEqual(none["code"], -32002)
        self.assertIn("akosha.policy {", policy["contents"][0]["text"])
        self.assertEqual((dry["structuredContent"]["dry_run"], dry["isError"]), (True, False))
        self.assertEqual((first["structuredContent"]["outcome"], first["isError"]), ("stored", False))
        self.assertGreater(len(first["progress"]), 0)
        self.assertGreater(len(first["structuredContent"]["asked"]), 0)
        self.assertEqual(first["content"][0]["text"], "stored in cloud: 3 files")
        self.assertEqual(json.loads(first["content"][1]["text"]), first["structuredContent"])
        done = [progress for progress, _, _ in first["progress"]]
        self.assertEqual(done, sorted(set(done)))
        self.assertEqual((second["structuredContent"]["outcome"], second["structuredContent"]["asked"]), ("unchanged", []))
        self.assertGreater(second["structuredContent"]["asked_dropped"], 0)
        self.assertEqual(status["structuredContent"]["queue"], [])
        self.assertEqual([run["outcome"] for run in history["structuredContent"]["runs"]], ["unchanged", "stored"])
        schema.check("history", history["structuredContent"])
        self.assertEqual([one["outcome"] for one in verified["structuredContent"]["targets"][0]["objects"]], ["proven"] * 3)
        self.assertGreater(len(verified["progress"]), 0)
        self.assertIn("wait 40", json.dumps(explained["structuredContent"]["decisions"]))
        self.assertEqual(replayed["structuredContent"]["replay"]["different"], 0)
        self.assertEqual(json.loads(report["contents"][0]["text"])["outcome"], "unchanged")
        self.assertTrue(unknown["isError"])
        self.assertEqual(no_tool["code"], -32602)
        self.assertEqual(no_resource["code"], -32002)
        if version == OLD:
            self.assertEqual(wrong["code"], -32602)
        else:
            self.assertEqual((wrong["isError"], "1 to 100" in wrong["content"][0]["text"]), (True, True))
        return seen

    def test_every_tool_by_the_official_client(self):
        seen = self.every_tool(NEW, "--keep-names")
        schema.check("report", seen["steps"][8]["structuredContent"])
        schema.check("verify", seen["steps"][12]["structuredContent"])

    def test_every_tool_in_the_protocol_before_and_no_name_leaves(self):
        said = json.dumps(self.every_tool(OLD))
        names = (BUCKET, sync.SYSTEM, str(self.me.folder), self.me.folder.name, "vault.example.test")
        self.assertEqual([name for name in names if name in said], [])
        marks = ("[bucket]", "[system]", "[host]", "[prefix]", "~/")
        self.assertEqual([mark for mark in marks if mark not in said], [])

    def test_the_tools_are_those_of_the_docs(self):
        self.folder_policy()
        server = self.serve()
        server.begin()
        server.send("tools/list", 1)
        told = server.answer(1)["result"]
        self.assertEqual(server.finish(), 0)
        self.assertEqual(told, json.loads((schema.FOLDER / "mcp_tools.json").read_text()))

    def test_a_cancelled_sync_ends_and_the_next_goes_on(self):
        self.slow_policy(40_000_000, 24 * data.MIB)
        seen = mcp_sdk.talk(self.sdk(), self.me, NEW, (
            ["cancel", "sync_now", {}, 11 * data.MIB], ["call", "sync_status", {}], ["call", "sync_now", {}],
            ["call", "sync_status", {}]))
        cancelled, owed, brought, after = seen["steps"]
        self.assertEqual(cancelled["answered"], [])
        self.assertEqual(len(owed["structuredContent"]["queue"]), 1)
        report = brought["structuredContent"]
        self.assertEqual((report["success"], brought["isError"]), (True, False), report)
        # What was sent before is not sent again.
        self.assertLess(report["bytes"]["sent"], 20 * data.MIB)
        self.assertEqual(after["structuredContent"]["queue"], [])
        print(f"    a cancelled sync had ended after {cancelled['ended_s']:.2f} s", flush=True)

    def test_a_sync_in_the_background_outlives_the_server(self):
        self.folder_policy(self.me.source("memory.bin", data.random_bytes, data.MIB))
        server = self.serve()
        server.begin()
        server.call(1, "sync_now", background=True)
        queued = server.answer(1)["result"]["structuredContent"]
        self.assertEqual((queued["outcome"], queued["worker"]), ("queued", True))
        self.assertEqual(server.finish(), 0)
        deadline = time.monotonic() + SECONDS_MAX
        while self.me.ask("status", "--state", self.me.state, "--json").report["queue"]:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        [manifest] = (self.me.folder / "target").rglob("manifest.json")
        self.assertEqual([one["name"] for one in json.loads(manifest.read_text())["objects"]], ["memory.bin"])

    # --- by hand --------------------------------------------------------------------------------------------------------

    def test_bad_input_is_answered_and_the_conversation_goes_on(self):
        self.folder_policy()
        server = self.serve()
        self.assertEqual(server.begin("1999-01-01"), NEW)
        for line, code, id in (
                (b"nonsense", -32700, None), (b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe"}', -32700, None),
                (b'{"jsonrpc":"2.0","id":1,"method":"ping\x00"}', -32700, None), (b"[]", -32600, None),
                (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600, None), (b"{}", -32600, None), (b"17", -32600, None),
                (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, None),
                (b'{"jsonrpc":"2.0","id":[],"method":"ping"}', -32600, None),
                (b'{"jsonrpc":"2.0","id":"x","method":"ping","params":7}', -32602, "x"),
                (b'{"jsonrpc":"2.0","id":2,"method":"initialize","params":{}}', -32600, 2),
                (b'{"jsonrpc":"2.0","id":2,"method":"prompts/list"}', -32601, 2),
                (b"[" * 100_000, -32700, None)):
            with self.subTest(line[:60]):
                server.raw(line + b"\n")
                said = server.next()
                self.assertEqual((said["error"]["code"], said["id"]), (code, id), said)
        server.send("ping", "still there")
        self.assertEqual(server.answer("still there")["result"], {})
        server.raw(b'{"jsonrpc":"2.0","id":"half","method":"pi')
        self.assertEqual(server.finish(), 0)
        self.assertEqual(server.next()["error"]["code"], -32700)

    def test_a_line_of_a_hundred_megabytes(self):
        self.folder_policy()
        server = self.serve()
        server.begin()
        server.raw(b'{"jsonrpc":"2.0","id":1,"method":"')
        for _ in range(100):
            server.raw(b"x" * 1_000_000)
        server.raw(b'"}\n')
        self.assertEqual(server.next()["error"]["code"], -32600)
        server.send("ping", 2)
        self.assertEqual(server.next()["id"], 2)
        peak = [line for line in open(f"/proc/{server.process.pid}/status", encoding="ascii") if line.startswith("VmHWM")]
        self.assertEqual(server.finish(), 0)
        print(f"    {peak[0].strip()}", flush=True)

    def test_a_flood_of_requests(self):
        self.folder_policy()
        server = self.serve()
        server.begin()
        ping = b'{"jsonrpc":"2.0","id":%d,"method":"ping"}\n'
        call = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"sync_history"}}\n'
        server.raw(b"".join((call if i < 200 else ping) % i for i in range(100_000)))
        pongs = answered = refused = 0
        for _ in range(100_000):
            said = server.next()
            if "result" not in said:
                self.assertEqual(said["error"]["code"], -32000, said)
                refused += 1
            elif said["result"] == {}:
                pongs += 1
            else:
                answered += 1
        self.assertEqual((pongs, answered + refused), (99_800, 200))
        self.assertGreaterEqual(answered, 32)
        self.assertEqual(server.finish(), 0)

    def test_a_client_that_reads_nothing_and_then_everything(self):
        source = self.me.source("memory.bin", data.random_bytes, 3 * data.MIB)
        self.folder_policy(source)
        server = self.serve(read=False)
        server.send("initialize", 0, protocolVersion=NEW, capabilities={}, clientInfo={"name": "t", "version": "1"})
        server.call(1, "sync_now", token=1)
        for i in range(2, 4000):
            server.send("tools/list" if i % 100 == 0 else "ping", i)
        # The sync goes on though its progress is not read.
        deadline = time.monotonic() + SECONDS_MAX
        while not list(self.me.folder.glob("target/systems/*/*/manifest.json")):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        server.follow(server.listen)
        found = {said.get("id") for said in (server.next() for _ in range(4000))}
        while not found >= set(range(4000)):
            found.add(server.next().get("id"))
        self.assertEqual(server.finish(), 0)

    def test_a_client_that_has_gone(self):
        self.slow_policy(20_000_000, 24 * data.MIB)
        server = self.serve(read=False)
        server.send("initialize", 0, protocolVersion=NEW, capabilities={}, clientInfo={"name": "t", "version": "1"})
        server.call(1, "sync_now", token=1)
        select.select([server.process.stdout], [], [], SECONDS_MAX)
        server.process.stdout.close()
        code = server.process.wait(timeout=SECONDS_MAX)
        self.assertEqual(code, 2)
        self.assertIn(b"cannot write to standard output", b"".join(server.err))

    def test_what_is_asked_before_the_end_of_input_is_answered(self):
        self.folder_policy()
        server = self.serve()
        server.send("tools/call", 0, name="sync_status")
        self.assertEqual(server.answer(0)["error"]["code"], -32600)
        server.begin(OLD)
        for i in range(1, 9):
            server.call(i, ("sync_status", "sync_history")[i % 2])
        self.assertEqual(server.finish(), 0)
        self.assertEqual({server.next()["id"] for _ in range(8)}, set(range(1, 9)))

    def interrupted(self, end, code):
        """A sync that is under way when the server ends: kept in the queue, and the next goes on."""
        self.slow_policy(40_000_000, 24 * data.MIB)
        server = self.serve()
        server.begin()
        server.call(1, "sync_now", token="t")
        server.call(2, "sync_now")
        server.notified(lambda params: params["progress"] >= 6 * data.MIB)
        server.send("ping", 3)
        self.assertEqual(server.answer(3)["result"], {})
        end(server)
        self.assertEqual(server.finish(close=end != self.close), code)
        said = {}
        while not server.said.empty():
            message = server.next()
            said[message.get("id")] = message
        self.assertEqual(said[2]["error"]["code"], -32000)
        self.assertEqual(said[1]["result"]["isError"], True)
        self.assertEqual(len(self.me.queue()), 1)
        result = self.me.run(None, [])
        self.assert_code(result, 0)
        self.assertLess(result.report["bytes"]["sent"], 24 * data.MIB)
        self.assertEqual(self.me.queue(), [])

    @staticmethod
    def close(server):
        server.process.stdin.close()

    def test_input_that_ends_in_the_middle_of_a_sync(self):
        self.interrupted(self.close, 0)

    def test_sigterm_in_the_middle_of_a_sync(self):
        self.interrupted(lambda server: server.process.send_signal(signal.SIGTERM), 128 + signal.SIGTERM)

    def test_signals_while_nothing_goes_on(self):
        self.folder_policy()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            server = self.serve()
            server.begin()
            server.process.send_signal(number)
            self.assertEqual(server.finish(close=False), 128 + number)

    def test_a_sync_that_is_killed_is_told_of(self):
        self.slow_policy(20_000_000, 24 * data.MIB)
        server = self.serve()
        server.begin()
        server.call(1, "sync_now", token=1)
        server.notified(lambda params: params["progress"] > 0)
        child = int(subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True,
                                   check=True).stdout.split()[0])
        os.kill(child, signal.SIGKILL)
        self.assertIn("signal 9", server.answer(1)["error"]["message"])
        server.send("ping", 2)
        self.assertEqual(server.answer(2)["result"], {})
        self.assertEqual(server.finish(), 0)
        self.assertEqual(len(self.me.queue()), 1)

    def test_it_waits_while_another_delivers_and_says_so(self):
        self.slow_policy(40_000_000, 16 * data.MIB)
        other = self.me.start(*self.me.run_arguments(None, []))
        server = self.serve()
        server.begin()
        deadline = time.monotonic() + SECONDS_MAX
        delivering = False
        while not delivering:
            self.assertLess(time.monotonic(), deadline)
            server.call("status", "sync_status")
            delivering = server.answer("status")["result"]["structuredContent"]["worker"]["delivering"]
        server.call(1, "sync_now", token=1)
        self.assertIn("waiting for another", server.notified(lambda params: True)["message"])
        self.assert_code(self.me.finish(other), 0)
        self.assertEqual(server.answer(1)["result"]["structuredContent"]["outcome"], "unchanged")
        self.assertEqual(server.finish(), 0)

    def test_a_policy_that_cannot_be_used(self):
        self.me.policy.write_text("return 1")
        server = self.serve()
        server.begin()
        for tool in ("sync_now", "verify_upload", "explain_policy"):
            server.call(tool, tool)
            result = server.answer(tool)["result"]
            self.assertEqual((result["isError"], "policy" in result["content"][0]["text"]), (True, True), result)
        server.call(1, "sync_status")
        self.assertEqual(server.answer(1)["result"]["isError"], False)
        self.assertEqual(server.finish(), 0)
