"""Forgetting uploads: what stays, and that what is being removed never looks complete."""

import json
import shutil
import time

import cases
import data
import faults
import sync
import test_restore
import uploads


class Prune(test_restore.Back):
    def uploads(self, *days):
        made = [uploads.Upload(self.root, f"202601{day:02d}T120000Z-0000{day:02x}") for day in days]
        for one in made:
            one.add("x.txt", f"of {one.id}".encode())
            one.commit()
        return made

    def prune(self, *more, keep="last=2", **options):
        return self.ask("prune", "--keep", keep, *more, **options)

    def there(self):
        return sorted(p.name for p in (self.root / "systems" / sync.SYSTEM).iterdir())

    def outcomes(self, result):
        return {u["upload_id"]: (u["outcome"], u["reason"]) for u in result.report["targets"][0]["uploads"]}

    def test_it_is_only_shown_until_it_is_wanted(self):
        made = self.uploads(1, 2, 3, 4)
        result = self.prune()
        self.assert_code(result, 0)
        self.assertEqual([o for o, _ in self.outcomes(result).values()], ["remove", "remove", "keep", "keep"])
        self.assertEqual(len(self.there()), 4)
        before, after = (result.report["targets"][0][f] for f in ("stored_bytes", "stored_bytes_after"))
        self.assertEqual((before, after), (sum(u.objects[0]["stored_bytes"] for u in made),
                                           sum(u.objects[0]["stored_bytes"] for u in made[2:])))
        self.assert_code(self.prune("--apply"), 0)
        self.assertEqual(self.there(), [u.id for u in made[2:]])
        self.assert_code(self.restore(), 0)

    def test_what_others_need_stays(self):
        made = self.uploads(1, 2, 3, 4, 5)
        self.assert_code(self.ask("verify", "--upload", made[1].id), 0)
        entry = made[2].objects[0]
        made[4].objects.append({**entry, "name": "y.txt", "source_name": "/home/someone/y.txt"})
        made[4].commit()
        made[3].head["memories"] = {"mode": "new", "tables": {"t": {"after": 1, "to": 2, "rows": 1}}}
        made[3].commit()
        result = self.prune("--apply", keep="last=1")
        self.assert_code(result, 0)
        self.assertEqual(self.outcomes(result), {
            made[0].id: ("removed", "no rule keeps it"), made[1].id: ("keep", "the newest that was verified"),
            made[2].id: ("keep", "a kept upload names an object of it"),
            made[3].id: ("keep", "no kept upload holds its memories"), made[4].id: ("keep", "the newest")})
        self.assert_code(self.restore(), 0)
        self.assertEqual((self.to / "y.txt").read_bytes(), f"of {made[2].id}".encode())

    def test_the_policy_may_say_what_stays(self):
        made = self.uploads(1, 2, 3)
        self.policy({"here": sync.builder("dir", path=self.root)}, keep="{ last = 2 }")
        self.assert_code(self.ask("prune", "--apply"), 0)
        self.assertEqual(self.there(), [u.id for u in made[1:]])
        self.assert_code(self.prune("--apply", keep="last=1"), 0)
        self.assertEqual(self.there(), [made[2].id])

    def test_only_this_systems_uploads_are_touched(self):
        made = self.uploads(1, 2, 3)
        other = uploads.Upload(self.root, "20250101T120000Z-000001", system="another")
        other.add("x.txt", b"another's")
        other.commit()
        self.assert_code(self.prune("--apply", keep="last=1"), 0)
        self.assertEqual(self.there(), [made[2].id])
        self.assertTrue((other.folder / "manifest.json").exists())

    def test_what_was_never_finished_goes_when_it_is_old(self):
        self.uploads(3)
        old = uploads.Upload(self.root, "20260101T120000Z-000001")
        old.add("x.txt", b"half")
        now = uploads.Upload(self.root, time.strftime("%Y%m%dT%H%M%SZ-000001", time.gmtime()))
        now.add("x.txt", b"half")
        self.assert_code(self.prune("--apply"), 0)
        self.assertFalse(old.folder.exists())
        self.assertTrue(now.folder.exists())

    def test_rules_that_are_none_are_refused(self):
        for rules in (("--keep", "7"), ("--keep", "last=0"), ("--keep", "last=1;daily=2"), ("--keep", "monthly=3"), ()):
            result = self.someone.ask("prune", *rules, "--policy", self.someone.policy, "--state", self.someone.state)
            self.assert_code(result, 2)
            self.assertIn("usage: ", result.err)

    def test_what_cannot_be_begun_is_as_the_schemas_say(self):
        self.someone.policy.write_text("return 7\n")
        for command in ("list", "fleet", "verify", "prune", "restore"):
            result = self.ask(command, *(["--to", self.to] if command == "restore" else []))
            self.assert_code(result, 3)
            self.assertEqual((result.report["success"], result.report["error"]["failure"]), (False, "policy"))

    def test_real_servers_and_one_that_is_cut_off_goes_on(self):
        for make in (cases.world.versitygw, cases.world.minio):
            with self.subTest(server=make.__name__):
                server = self.have(make)
                prefix = f"prune-{time.monotonic_ns()}"
                source = self.someone.folder / f"{prefix}.bin"
                with faults.Proxy(server.port) as proxy:
                    self.policy({"cloud": sync.s3(server, port=proxy.port, prefix=prefix)}, dedup='"always"')
                    digests = []
                    for i in range(4):
                        data.random_bytes(source, 1000 + i)
                        digests.append(data.sha256(source))
                        self.sync([source])
                        time.sleep(1.1)     # ids of one second have no order
                    manifests = self.manifests(server, prefix)
                    self.assertEqual(len(manifests), 4)
                    proxy.on(lambda r: r.method == "DELETE" and not r.path.endswith("/manifest.json"),
                             faults.s3_error(403, "AccessDenied"), times=1000)
                    result = self.prune("--apply", keep="last=2")
                    self.assert_refused(result, 6, "AccessDenied")
                    # What has begun to go has no manifest any more.
                    self.assertEqual(self.manifests(server, prefix), manifests[1:])
                    proxy.rules.clear()
                    self.assert_code(self.prune("--apply", keep="last=2"), 0)
                    self.assertEqual(self.manifests(server, prefix), manifests[2:])
                    kept = {key.rsplit("/", 2)[-2] for key in server.objects(f"{prefix}/systems/{sync.SYSTEM}/2")}
                    self.assertEqual(kept, {key.rsplit("/", 2)[-2] for key in manifests[2:]})
                    shutil.rmtree(self.to, ignore_errors=True)
                    self.assert_restored(self.restore(), {source.name: digests[-1]})
                    # What is believed to be stored is still true.
                    self.assert_code(self.someone.run(None, [source]), 0)

    def manifests(self, server, prefix):
        return sorted(key for key in server.objects(f"{prefix}/") if key.endswith("/manifest.json"))

    def test_other_credentials_remove(self):
        server = self.have(cases.world.minio)
        prefix = f"prune-{time.monotonic_ns()}"
        source = data.random_bytes(self.someone.folder / "x.bin", 1000)
        self.policy({"cloud": sync.s3(server, prefix=prefix)}, dedup='"always"')
        self.sync([source])
        result = self.prune("--apply", "--credentials", "profile:nobody", keep="last=1")
        self.assert_code(result, 6)
        folder = self.someone.folder / ".aws"
        folder.mkdir()
        (folder / "credentials").write_text("[cleaner]\naws_access_key_id = %s\naws_secret_access_key = %s\n" % (
            self.someone.environment["AWS_ACCESS_KEY_ID"], self.someone.environment["AWS_SECRET_ACCESS_KEY"]))
        (folder / "credentials").chmod(0o600)
        self.assert_code(self.prune("--apply", "--credentials", "profile:cleaner", keep="last=1"), 0)
        self.policy({"here": sync.builder("dir", path=self.root)})
        self.assert_refused(self.prune("--target", "here", "--credentials", "profile:cleaner"), 3, "only s3 targets")

    def test_the_report_says_the_same_as_the_text(self):
        self.uploads(1, 2, 3)
        result = self.someone.ask("prune", "--keep", "last=1", "--policy", self.someone.policy, "--state",
                                  self.someone.state)
        self.assert_code(result, 0)
        self.assertIn("1 of 3 uploads stay", result.out)
        self.assertIn("nothing was removed", result.err)
        self.assertEqual(json.loads(self.prune().out)["applied"], False)
