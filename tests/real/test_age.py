"""What is encrypted before it leaves: age itself reads what we write, and we what it writes; and what dies half way
begins anew, with another file key."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import cases
import data
import faults
import servers
import sync
import test_resume
import tusd
import uploads

PASSPHRASE = "a phrase with blanks, and ünlikely"
CHUNK = 64 * 1024
EDGES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7)


class Age(cases.Case):
    begin = test_resume.Resume.begin
    cut = test_resume.Resume.cut
    go_on = test_resume.Resume.go_on
    text = test_resume.Resume.text

    def setUp(self):
        self.age = self.have(servers.get, "age")
        self.keygen = self.have(servers.get, "age-keygen")

    def tool(self, *arguments, stdin=b""):
        return subprocess.run([str(a) for a in arguments], input=stdin, capture_output=True, check=True).stdout

    def pair(self, me, name="identity.txt"):
        """(identity file, recipient)"""
        path = me.folder / name
        self.tool(self.keygen, "-o", path)
        path.chmod(0o600)
        return path, self.tool(self.keygen, "-y", path).decode().strip()

    def opened(self, stored, identity):
        """The plain bytes of an object, by stock tools."""
        plain = self.tool(self.age, "-d", "-i", identity, stored)
        for ending, command in ((".gz.age", ["gzip", "-dc"]), (".zst.age", ["zstd", "-dcq"])):
            if str(stored).endswith(ending):
                plain = self.tool(*command, stdin=plain)
        return plain

    def stored(self, root):
        return {p.name: p for p in Path(root).rglob("*") if p.is_file() and p.name != "manifest.json"}

    def disk(self, me, encrypt, **fields):
        return sync.policy({"disk": sync.builder("dir", path=me.folder / "target")}, encrypt=encrypt, **fields)

    def restore(self, me, *more, code=0, to="back", **options):
        result = me.ask("restore", "--json", "--policy", me.policy, "--state", me.state, "--to", me.folder / to, *more,
                        **options)
        self.assert_code(result, code)
        return result

    def test_age_reads_what_we_write(self):
        me = self.person()
        identity, recipient = self.pair(me)
        other, second = self.pair(me, "other.txt")
        sources = [me.source(f"edge{size}.bin", data.random_bytes, size) for size in EDGES]
        sources.append(me.source("rows.bin", data.half_compressible, 6 * data.MIB))
        for codec, ending in (("none", ""), ("gzip", ".gz"), ("zstd", ".zst")):
            with self.subTest(codec=codec):
                me.policy.write_text("")
                text = self.disk(me, f"akosha.age {{ recipients = {{ '{recipient}', '{second}' }} }}",
                                 compress=f"{{ codec = '{codec}', always = true }}" if ending else "'none'",
                                 dedup="'always'")
                result = me.run(text, sources)
                self.assert_stored(result, "disk")
                for source in sources:
                    file = result.files()[source.name]
                    self.assertEqual(file["encryption"], "age")
                    self.assertTrue(file["key"].endswith(f"{ending}.age"), file["key"])
                    path = me.folder / "target" / file["key"]
                    self.assertEqual((path.stat().st_size, data.sha256(path)), (file["stored_bytes"], file["stored_sha256"]))
                    for key in (identity, other):
                        self.assertEqual(self.opened(path, key), source.read_bytes())

    def test_multipart_to_both_servers(self):
        for server in (self.have(cases.world.versitygw), self.have(cases.world.minio)):
            for codec in ("none", "zstd"):
                with self.subTest(server=server.name, codec=codec):
                    me = self.person()
                    identity, recipient = self.pair(me)
                    prefix = f"age-{me.folder.name}"
                    sources = [me.source("large.bin", data.half_compressible, 23 * data.MIB + 5, 3),
                               me.source("small.bin", data.random_bytes, 1000)]
                    result = me.run(sync.policy({"cloud": sync.s3(server, prefix=prefix)}, compress=f"'{codec}'",
                                                encrypt=f"akosha.age {{ recipients = '{recipient}' }}"), sources)
                    self.assert_stored(result, "cloud")
                    for source in sources:
                        key = result.files()[source.name]["key"]
                        reply = server.get(f"{prefix}/{key}")
                        self.assertEqual(reply["ContentType"], "application/octet-stream")
                        path = me.folder / Path(key).name
                        path.write_bytes(reply["Body"].read())
                        self.assertEqual(self.opened(path, identity), source.read_bytes())
                    manifest = json.loads(server.get(f"{prefix}/{Path(key).parent}/manifest.json")["Body"].read())
                    self.assertEqual({o["encryption"] for o in manifest["objects"]}, {"age"})
                    again = me.run(None, sources)
                    self.assertEqual(again.report["outcome"], "unchanged")
                    self.restore(me, "--identity", identity)
                    restored = [json.loads(line) for line in (me.state / "audit.jsonl").read_text().splitlines()][-1]
                    self.assertEqual((restored["event"], restored["keys"]), ("restored", [recipient]))
                    for source in sources:
                        self.assertEqual(data.sha256(me.folder / "back" / source.name), data.sha256(source))

    def test_over_http_and_tus(self):
        for name in ("nginx", "tusd"):
            with self.subTest(server=name):
                me = self.person()
                identity, recipient = self.pair(me)
                source = me.source("a.bin", data.half_compressible, 12 * data.MIB)
                server = self.have(cases.world.nginx, tls=True) if name == "nginx" else self.have(tusd.Tusd, cases.world)
                target = sync.http(server) if name == "nginx" else sync.builder(
                    "http", url=f"http://127.0.0.1:{server.port}/upload")
                result = me.run(sync.policy({"web": target}, compress="'none'",
                                            encrypt=f"akosha.age {{ recipients = '{recipient}' }}"), [source])
                self.assert_stored(result, "web")
                self.assertEqual(self.opened(server.files / result.files()["a.bin"]["key"], identity), source.read_bytes())

    def test_we_read_what_age_writes(self):
        me = self.person()
        identity, recipient = self.pair(me)
        root = me.folder / "target"
        upload = uploads.Upload(root, "20261101T000000Z-0000aa")
        plain = {f"edge{size}.bin": os.urandom(size) for size in EDGES}
        for i, (name, content) in enumerate(plain.items()):
            codec = ("none", "gzip", "zstd")[i % 3]
            packed = uploads.PACK[codec](content)
            stored = self.tool(self.age, "-r", recipient, stdin=packed)
            upload.add(name, content, codec=codec, encryption="age", stored_bytes=len(stored),
                       stored_sha256=uploads.sha(stored))
            path = root / upload.objects[-1]["key"]
            path.unlink()
            upload.objects[-1]["key"] += ".age"
            path.with_name(path.name + ".age").write_bytes(stored)
        upload.commit()
        me.policy.write_text(self.disk(me, "nil"))
        self.restore(me, "--identity", identity)
        for name, content in plain.items():
            self.assertEqual((me.folder / "back" / name).read_bytes(), content)

    def test_a_passphrase_both_ways(self):
        me = self.person()
        (me.folder / "phrase").write_text(PASSPHRASE + "\n")
        (me.folder / "phrase").chmod(0o600)
        self.assert_code(me.ask("secret", "add", "phrase", "--file", "phrase", "--host", "age.invalid"), 0)
        source = me.source("a.bin", data.half_compressible, 3 * data.MIB)
        result = me.run(self.disk(me, "akosha.age { passphrase = akosha.secret 'phrase' }"), [source], "--verbose")
        self.assert_stored(result, "disk")
        self.assertNotIn(PASSPHRASE, result.out + result.err)
        path = me.folder / "target" / result.files()["a.bin"]["key"]
        self.assertIn(b"\n-> scrypt ", path.read_bytes()[:100])
        plain = self.at_terminal([self.age, "-d", "-o", me.folder / "plain.zst", path], b"passphrase", PASSPHRASE)
        self.assertEqual(self.tool("zstd", "-dcq", me.folder / "plain.zst"), source.read_bytes(), plain)
        # The policy's own is found; then nothing has to be given.
        self.restore(me)
        self.assertEqual(data.sha256(me.folder / "back" / "a.bin"), data.sha256(source))
        me.policy.write_text(self.disk(me, "nil"))
        self.restore(me, to="none", code=6)
        self.restore(me, "--passphrase-secret", "phrase", to="named")
        told = self.at_terminal([me.program, "restore", "--policy", me.policy, "--state", me.state, "--to",
                                 me.folder / "typed", "--passphrase"], b"Passphrase", PASSPHRASE, me.environment)
        self.assertNotIn(PASSPHRASE.encode(), told)
        self.assertEqual(data.sha256(me.folder / "typed" / "a.bin"), data.sha256(source), told)
        refused = self.restore(me, "--passphrase", to="no-terminal", code=6, start_new_session=True)
        self.assertIn("--passphrase-secret NAME", refused.err)

    def at_terminal(self, command, asked, typed, environment=None):
        """Runs a command at a terminal of its own, types when it asks, and gives what the terminal showed."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(str(command[0]), [str(c) for c in command], environment or dict(os.environ))
        shown, answered, until = b"", False, time.monotonic() + 60
        while time.monotonic() < until:
            try:
                piece = os.read(fd, 4096)
            except OSError:
                break
            if not piece:
                break
            shown += piece
            if not answered and asked in shown and shown.rstrip(b" ").endswith((b":", b"\n")):
                time.sleep(0.2)     # until it has turned the echo off
                os.write(fd, typed.encode() + b"\n")
                answered = True
        os.close(fd)
        _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0, shown)
        return shown

    def test_without_an_identity(self):
        me = self.person()
        identity, recipient = self.pair(me)
        _, other = self.pair(me, "other.txt")
        source = me.source("a.bin", data.random_bytes, 200_000)
        self.assert_stored(me.run(self.disk(me, f"akosha.age {{ recipients = '{recipient}' }}"), [source]))
        result = self.restore(me, code=6)
        error = json.loads(result.out)["error"]
        self.assertEqual(error["failure"], "auth_missing")
        self.assertIn("it is encrypted, and no identity was given", error["message"])
        self.assertIn("--identity FILE", error["hint"])
        self.assertFalse((me.folder / "back" / "a.bin").exists())
        result = self.restore(me, "--identity", "other.txt", code=6)
        self.assertIn("no identity that was given opens it", result.out)
        identity.chmod(0o640)
        result = self.restore(me, "--identity", identity, code=6)
        self.assertIn(f"chmod 600 '{identity}'", result.err)
        identity.chmod(0o600)
        self.restore(me, "--identity", "missing.txt", code=6)
        (me.folder / "recipient.txt").write_text(other + "\n")
        (me.folder / "recipient.txt").chmod(0o600)
        self.assertIn("opens nothing", self.restore(me, "--identity", "recipient.txt", code=3).err)
        for more, opened in (((), False), (("--identity", identity), True)):
            verified = me.ask("verify", "--json", "--policy", me.policy, "--state", me.state, *more)
            self.assert_code(verified, 0)
            objects = json.loads(verified.out)["targets"][0]["objects"]
            self.assertEqual([(o["outcome"], o["encryption"], o["opened"]) for o in objects], [("proven", "age", opened)])
        self.assertIn("its contents were not opened", me.ask("verify", "--policy", me.policy, "--state", me.state).out)
        path = next(iter(self.stored(me.folder / "target").values()))
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        self.assert_code(me.ask("verify", "--json", "--policy", me.policy, "--state", me.state), 5)
        self.restore(me, "--identity", identity, code=5)

    def test_a_drill_says_what_it_did_not_open(self):
        me = self.person()
        _, recipient = self.pair(me)
        source = me.source("a.bin", data.random_bytes, 300_000)
        me.policy.write_text(self.disk(me, f"akosha.age {{ recipients = '{recipient}' }}", drill="'weekly'"))
        self.assert_code(me.ask("enqueue", "--no-worker", "--policy", me.policy, "--state", me.state, source), 0)
        worked = me.ask("worker", "--once", "--state", me.state)
        self.assert_code(worked, 0)
        self.assertIn("a.bin is encrypted: what is stored of it was read and is what was stored; its contents were not "
                      "opened, as no identity is here", worked.err)
        status = me.ask("status", "--json", "--state", me.state)
        self.assertIsNone(json.loads(status.out)["last_proven_restore_at"])
        # It is not tried over and over.
        self.assertNotIn("is encrypted", me.ask("worker", "--once", "--state", me.state).err)

    def test_a_drill_does_not_do_all_the_work_that_a_stranger_chose(self):
        me = self.person()
        (me.folder / "phrase").write_text(PASSPHRASE + "\n")
        (me.folder / "phrase").chmod(0o600)
        self.assert_code(me.ask("secret", "add", "phrase", "--file", "phrase", "--host", "age.invalid"), 0)
        source = me.source("a.bin", data.random_bytes, 1000)
        text = self.disk(me, "akosha.age { passphrase = akosha.secret 'phrase' }")
        self.assert_stored(me.run(text, [source]))
        path, = self.stored(me.folder / "target").values()
        stored = path.read_bytes()
        manifest = path.with_name("manifest.json")
        first = manifest.read_text()

        def forge(work):
            forged = stored.replace(b" 18\n", b" %d\n" % work, 1)
            self.assertNotEqual(forged, stored)
            path.write_bytes(forged)
            manifest.write_text(first.replace(uploads.sha(stored), uploads.sha(forged)))

        forge(21)
        me.policy.write_text(text.replace("encrypt =", "drill = 'weekly', encrypt =", 1))
        other = me.source("b.bin", data.random_bytes, 1000)
        self.assert_code(me.ask("enqueue", "--no-worker", "--policy", me.policy, "--state", me.state, other), 0)
        self.assertIn("more work than is done where nobody waits for it (scrypt beyond 2^20)",
                      me.ask("worker", "--once", "--state", me.state).err)
        # More than anybody does is refused for a person as well, in other words.
        forge(23)
        self.assertIn("scrypt beyond 2^22", self.restore(me, "a.bin", code=5).out)

    def test_what_was_stored_in_the_clear_is_sent_again(self):
        me = self.person()
        identity, recipient = self.pair(me)
        source = me.source("a.bin", data.random_bytes, 100_000)
        self.assert_stored(me.run(self.disk(me, "nil"), [source]))
        text = self.disk(me, f"akosha.age {{ recipients = '{recipient}' }}")
        plain = "not encrypted, though the policy encrypts"
        for encrypting in (False, True):
            me.policy.write_text(text if encrypting else self.disk(me, "nil"))
            for result in (self.restore(me, to=f"plain-{encrypting}"),
                           me.ask("verify", "--json", "--policy", me.policy, "--state", me.state)):
                self.assert_code(result, 0)
                notes = json.loads(result.out)["notes"]
                self.assertEqual([plain in note for note in notes], [True] * encrypting)
            told = me.ask("verify", "--policy", me.policy, "--state", me.state)
            self.assertEqual(plain in told.out + told.err, encrypting)
        self.assert_stored(me.run(text, [source]))
        self.assertEqual(me.run(text, [source]).report["outcome"], "unchanged")
        # Another recipient alone is no reason to send anything.
        _, other = self.pair(me, "other.txt")
        self.assertEqual(me.run(self.disk(me, f"akosha.age {{ recipients = '{other}' }}"), [source]).report["outcome"],
                         "unchanged")
        self.restore(me, "--identity", identity)

    def test_what_cannot_be_encrypted_is_not_sent(self):
        me = self.person()
        source = me.source("a.bin", data.random_bytes, 1000)
        recipients = me.folder / "recipients.txt"
        for make, mode, code, words in ((None, 0, 3, "is not there"), ("# none\n", 0o644, 3, "there is no key in it"),
                                        ("age1pq1xyz\n", 0o644, 3, "hybrid"), (self.pair(me)[1], 0o666, 6, "chmod")):
            if make is not None:
                recipients.write_text(make)
                recipients.chmod(mode)
            result = me.run(self.disk(me, "akosha.age { recipients_file = 'recipients.txt' }"), [source])
            self.assert_code(result, code)
            error = result.report["error"]
            self.assertIn(words, error["message"] + (error["hint"] or ""))
            self.assertEqual(len(me.queue()), 1)
            self.assertFalse((me.folder / "target").exists() and self.stored(me.folder / "target"))
        recipients.chmod(0o644)
        self.assert_stored(me.run(None, [source]))

    def headers(self, proxy):
        """The beginnings of the objects that were sent."""
        return [r.begins[:200] for r in proxy.asked(faults.Request.is_object)
                if r.begins.startswith(b"age-encryption.org/v1\n")]

    def test_killed_half_way_begins_anew_with_another_key(self):
        for number, code in ((signal.SIGKILL, None), (signal.SIGTERM, 143)):
            for server in (self.have(cases.world.versitygw), self.have(cases.world.minio)):
                with self.subTest(server=server.name, number=number):
                    self.begin(server)
                    identity, recipient = self.pair(self.who)
                    self.fields["encrypt"] = f"akosha.age {{ recipients = '{recipient}' }}"
                    acknowledged = self.cut(number, code=code)
                    self.assertTrue(acknowledged)
                    before = self.headers(self.proxy)
                    proxy, result = self.go_on()
                    self.assert_stored(result, "cloud")
                    after = self.headers(proxy)
                    self.assertEqual((len(before), len(after)), (1, 1))
                    self.assertEqual(set(before) & set(after), set())
                    # All of it was sent, and what was there of the first is given back.
                    sent = {r.query["partNumber"][0] for r in proxy.asked(faults.Request.is_part)}
                    self.assertEqual(sent, {str(i + 1) for i in range(test_resume.PARTS + 1)})
                    self.assertEqual(server.open_uploads(self.prefix), [])
                    self.assertEqual(self.who.queue(), [])
                    key = result.files()[self.sources[0].name]["key"]
                    path = self.who.folder / "object.age"
                    path.write_bytes(server.get(f"{self.prefix}/{key}")["Body"].read())
                    self.assertEqual(self.opened(path, identity), self.sources[0].read_bytes())

    def test_killed_at_the_manifest_is_believed(self):
        self.begin(self.have(cases.world.versitygw), size=300_000, count=2)
        identity, recipient = self.pair(self.who)
        self.fields["encrypt"] = f"akosha.age {{ recipients = '{recipient}' }}"
        self.cut(where=lambda r: r.method == "PUT" and r.path.endswith("manifest.json"))
        proxy, result = self.go_on()
        self.assertEqual(proxy.asked(faults.Request.is_object), [])
        self.restore(self.who, "--identity", identity)
        for source in self.sources:
            self.assertEqual(data.sha256(self.who.folder / "back" / source.name), data.sha256(source))

    def test_a_part_that_failed_is_sent_again_as_it_was(self):
        self.begin(self.have(cases.world.versitygw), size=12 * data.MIB)
        identity, recipient = self.pair(self.who)
        self.fields["encrypt"] = f"akosha.age {{ recipients = '{recipient}' }}"
        self.proxy.on(lambda r: r.is_part(1), faults.s3_error(503, "SlowDown"), times=2)
        _, result = self.go_on()
        self.assert_stored(result, "cloud")
        headers = self.headers(self.proxy)
        self.assertEqual((len(headers), len(set(headers))), (3, 1))
        self.restore(self.who, "--identity", identity)
        self.assertEqual(data.sha256(self.who.folder / "back" / self.sources[0].name), data.sha256(self.sources[0]))


if __name__ == "__main__":
    sys.exit("run by tests/real/run.py")
