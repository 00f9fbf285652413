"""What `doctor` finds out of real servers and of this machine, and what it says that it cannot know."""

import json
import re
import socket
import sys
import time
from pathlib import Path

import cases
import faults
import owners
import schema
import sync
import test_least_privilege
from world import ACCESS_KEY, BUCKET, SECRET_KEY, free_port

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "doctor.md").read_text()
NEEDLESS = ("least_list", "least_read", "least_delete")


class Doctor(cases.Case):
    def setUp(self):
        self.me = self.person()
        self.prefix = f"doctor-{time.monotonic_ns()}"

    def policy(self, targets, **fields):
        self.me.policy.write_text(sync.policy(targets, **fields))

    def ask(self, *more, code=0, **options):
        result = self.me.ask("doctor", "--json", "--policy", self.me.policy, "--state", self.me.state, *more, **options)
        self.assert_code(result, code)
        schema.check("doctor", result.report)
        self.assertEqual(result.report["exit_code"], code)
        for finding in result.report["findings"]:
            self.assertIn(f"`{finding['check']}`", PAGE)
        for secret in (SECRET_KEY, ACCESS_KEY):
            self.assertNotIn(secret, result.out + result.err)
        return result

    def found(self, result, target=None):
        return {f["check"]: f["outcome"] for f in result.report["findings"] if f["target"] == target}

    def message(self, result, check):
        return next(f["message"] for f in result.report["findings"] if f["check"] == check)

    def target(self, result, name="cloud"):
        return next(t for t in result.report["targets"] if t["name"] == name)

    def identity(self, *more):
        printed = self.me.ask("bucket-policy", "--bucket", BUCKET, "--prefix", self.prefix, "--system-id", sync.SYSTEM,
                              "--document", "identity", *more)
        self.assert_code(printed, 0)
        return json.loads(printed.out)

    def test_a_key_that_may_everything(self):
        for make in (cases.world.versitygw, cases.world.minio):
            with self.subTest(server=make.__name__):
                server = self.have(make)
                self.policy({"cloud": sync.s3(server, prefix=self.prefix)})
                result = self.ask()
                found = self.found(result, "cloud")
                for check in NEEDLESS:
                    self.assertEqual(found[check], "warning", check)
                for check in ("reachable", "credentials", "put", "list", "clock", "public"):
                    self.assertEqual(found[check], "ok", check)
                self.assertEqual(found["transport"], "warning")
                target = self.target(result)
                self.assertEqual(target["credentials"]["source"], "environment")
                self.assertIs(target["capabilities"]["conditional_put"], True)
                self.assertLess(abs(target["clock_skew_s"]), 30)
                # Nothing was left there, and nothing was taken away, but the marker.
                self.assertEqual(list(server.objects(f"{self.prefix}/")), [f"{self.prefix}/systems/{sync.SYSTEM}/"])

    def test_a_key_that_may_what_it_needs(self):
        server = self.have(cases.world.minio)
        key = owners.minio_user(server, f"doctor{time.monotonic_ns()}", self.identity())
        self.policy({"cloud": sync.s3(server, prefix=self.prefix)})
        result = self.ask(environment=key.environment())
        found = self.found(result, "cloud")
        for check in (*NEEDLESS, "put", "list", "public"):
            self.assertEqual(found[check], "ok", check)
        # It is not permitted to know what the bucket is like, and says so.
        for check in ("public_policy", "encryption", "versioning", "lifecycle"):
            self.assertEqual(found[check], "unknown", check)
        self.assertIn("this key may not ask", self.message(result, "encryption"))
        # A store that says 403 of what is not there, too, as AWS does, leaves one thing open.
        with faults.Proxy(server.port) as proxy:
            proxy.on(lambda r: r.method in ("GET", "HEAD") and r.path.count("/") > 2 and not r.query,
                     test_least_privilege.as_aws, times=1000)
            self.policy({"cloud": sync.s3(server, port=proxy.port, prefix=self.prefix)})
            found = self.found(self.ask(environment=key.environment()), "cloud")
        self.assertEqual([found[check] for check in NEEDLESS], ["ok", "unknown", "ok"])

    def test_a_key_that_may_not_put(self):
        server = self.have(cases.world.minio)
        server.client().put_object(Bucket=BUCKET, Key=f"{self.prefix}/systems/{sync.SYSTEM}/", Body=b"")
        key = owners.minio_user(server, f"reader{time.monotonic_ns()}", self.identity("--for", "restore"))
        self.policy({"cloud": sync.s3(server, prefix=self.prefix)})
        result = self.ask(code=6, environment=key.environment())
        self.assertEqual(self.found(result, "cloud")["put"], "problem")
        self.assertEqual(result.report["error"]["failure"], "forbidden")

    def test_a_public_bucket_and_its_rules(self):
        server = self.have(cases.world.minio)
        bucket = f"doctor-{time.monotonic_ns()}"
        client = server.client()
        client.create_bucket(Bucket=bucket)
        self.policy({"cloud": sync.s3(server, bucket=bucket)})
        found = self.found(self.ask(), "cloud")
        self.assertEqual([found[c] for c in ("public", "public_policy", "encryption")], ["ok", "ok", "warning"])
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject"], "Resource": [f"arn:aws:s3:::{bucket}/*"]}]}))
        result = self.ask(code=1)
        self.assertEqual(self.found(result, "cloud")["public"], "problem")
        self.assertIn("read what is stored", self.message(result, "public"))
        self.assertIn("versions are kept", self.message(result, "versioning"))
        self.assertIn("public-access", result.report["error"]["hint"])
        # Asking whether it may delete has left no marker of a deletion.
        self.assertNotIn("DeleteMarkers", client.list_object_versions(Bucket=bucket))

    def test_an_unreachable_cloud_is_known_soon(self):
        closed = free_port()
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        self.policy({"refused": sync.s3_at(f"http://127.0.0.1:{closed}"),
                     "silent": sync.s3_at(f"http://127.0.0.1:{silent.getsockname()[1]}"),
                     "here": sync.builder("dir", path=self.me.folder / "there")})
        result = self.ask(code=1)
        for name in ("refused", "silent"):
            self.assertEqual(self.found(result, name), {"reachable": "problem"}, name)
            self.assertIs(self.target(result, name)["reachable"], False)
        self.assertEqual(self.found(result, "here"), {"reachable": "ok"})
        self.assertEqual(self.found(self.ask("--target", "here"), "refused"), {})

    def test_keys_that_are_wrong_or_missing(self):
        server = self.have(cases.world.minio)
        self.policy({"cloud": sync.s3(server, prefix=self.prefix)})
        for environment in ({"AWS_SECRET_ACCESS_KEY": "wrong"}, {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}):
            result = self.ask(code=6, environment=environment)
            self.assertEqual(self.found(result, "cloud"), {"credentials": "problem"})

    def test_keys_that_expire(self):
        server = self.have(cases.world.minio)
        program = self.me.source("keys.py", lambda path: path.write_text("print(%r)" % json.dumps(
            {"Version": 1, "AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY, "Expiration": "2099-01-02T03:04:05Z"})))
        folder = self.me.folder / ".aws"
        folder.mkdir(mode=0o700)
        (folder / "config").write_text(f"[default]\ncredential_process = {sys.executable} {program}\n")
        (folder / "config").chmod(0o600)
        self.policy({"cloud": sync.s3(server, prefix=self.prefix)})
        result = self.ask(environment={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})
        self.assertEqual(self.target(result)["credentials"]["expires_at"], "2099-01-02T03:04:05.000Z")
        self.assertIn("until 2099-01-02", self.message(result, "credentials"))

    def test_a_clock_that_is_wrong(self):
        server = self.have(cases.world.versitygw)
        with faults.Proxy(server.port) as proxy:
            self.policy({"cloud": sync.s3(server, port=proxy.port, prefix=self.prefix)})

            def later(exchange):
                tell = exchange.answer

                def answer(status, headers, body):
                    moved = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3600))
                    tell(status, {**{n: v for n, v in headers.items() if n.lower() != "date"}, "Date": moved}, body)

                exchange.answer = answer
                exchange.forward()
                exchange.answer = tell

            proxy.on(lambda _: True, later, times=1000)
            result = self.ask()
        self.assertEqual(self.found(result, "cloud")["clock"], "warning")
        self.assertIn("behind", self.message(result, "clock"))
        self.assertAlmostEqual(self.target(result)["clock_skew_s"], 3600, delta=60)

    def test_a_policy_that_cannot_be_loaded_is_a_finding(self):
        self.me.policy.write_text("return 1")
        result = self.ask(code=3)
        found = self.found(result)
        self.assertEqual((found["policy"], found["targets"], found["state_folder"]), ("problem", "unknown", "ok"))
        self.assertEqual(result.report["targets"], [])

    def test_this_machine(self):
        self.policy({"here": sync.builder("dir", path=self.me.folder / "there")})
        source = self.me.source("x.txt", lambda path: path.write_text("x"))
        found = self.found(self.ask())
        for check in ("policy", "state_folder", "state_database", "queue", "worker", "audit", "readers", "sources", "encrypt"):
            self.assertEqual(found[check], "ok", check)
        self.assertEqual(found["restore"], "warning")
        self.assert_stored(self.me.run(None, [source]))
        self.assert_code(self.me.ask("restore", "--to", self.me.folder / "back", "--policy", self.me.policy, "--state",
                                     self.me.state), 0)
        self.assertEqual(self.found(self.ask())["restore"], "ok")
        self.me.state.chmod(0o755)
        result = self.ask()
        self.assertEqual(self.found(result)["state_folder"], "warning")
        self.assertIn(f"chmod 700 '{self.me.state}'", [f["hint"] for f in result.report["findings"]])
        self.me.state.chmod(0o700)
        self.assert_code(self.me.ask("enqueue", "--no-worker", "--policy", self.me.policy, "--state", self.me.state, source), 0)
        self.assertEqual(self.found(self.ask())["queue"], "warning")
        self.assertEqual([d["free_bytes"] > 0 for d in result.report["disk"]], [True])
        self.policy({"here": sync.builder("dir", path=self.me.folder / "there")}, sources="{ '/nowhere/x.db' }")
        self.assertEqual(self.found(self.ask())["sources"], "warning")

    def test_a_record_that_was_changed(self):
        self.policy({"here": sync.builder("dir", path=self.me.folder / "there")})
        self.assert_stored(self.me.run(None, [self.me.source("x.txt", lambda path: path.write_text("x"))]))
        log = self.me.state / "audit.jsonl"
        lines = log.read_text().splitlines(keepends=True)
        self.assertGreater(len(lines), 1)
        log.write_text("".join([lines[0].replace('"event"', '"Event"'), *lines[1:]]))
        result = self.ask(code=5)
        self.assertEqual(self.found(result)["audit"], "problem")

    def test_text_says_the_same(self):
        self.policy({"here": sync.builder("dir", path=self.me.folder / "there")})
        result = self.me.ask("doctor", "--policy", self.me.policy, "--state", self.me.state)
        self.assert_code(result, 0)
        self.assertRegex(result.out, r"(?m)^ok       here reachable: the folder can be written$")
        self.assertRegex(result.out, r"\n\d+ ok, 0 unknown, \d+ warnings, 0 problems\n$")
        self.assert_code(self.me.ask("doctor", "--policy", self.me.policy, "--state", self.me.state, "--target", "x"), 3)
        self.assertGreater(len(re.findall(r"^\| `[a-z_]+` \|", PAGE, re.MULTILINE)), 20)
