"""`migrate`: a file with every key of session-buddy's becomes a policy that passes check and means the same."""

import json

import cases
import schema
import sync

EVERY_KEY = {
    "akosha_cloud_bucket": "my-memories", "akosha_cloud_endpoint": "https://s3.example.org", "akosha_cloud_region": "eu-central-1",
    "akosha_system_id": "laptop-7", "akosha_upload_on_session_end": "true", "akosha_enable_fallback": "false",
    "akosha_force_method": "auto", "akosha_upload_timeout_seconds": "120", "akosha_max_retries": "4",
    "akosha_retry_backoff_seconds": "1.5", "akosha_enable_compression": "false", "akosha_enable_deduplication": "false",
    "akosha_chunk_size_mb": "2"}


class Migrate(cases.Case):
    def setUp(self):
        self.who = self.person()
        self.yaml = self.who.folder / "session-buddy.yaml"
        self.policy = self.who.folder / "xdg-config" / "akosha-sync" / "policy.lua"
        self.yaml.write_text("log_level: INFO\n" + "".join(f"{name}: {value}\n" for name, value in EVERY_KEY.items()))

    def migrate(self, *more, code=0, environment=None):
        result = self.who.ask("migrate", *more, environment=environment)
        self.assert_code(result, code)
        if "--json" in more:
            schema.check("migrate", result.report)
        return result

    def explain(self, *more, environment=None):
        result = self.who.ask("explain", "--json", "--at", "2026-11-26 12:00", *more, environment=environment)
        self.assert_code(result, 0)
        return result.report

    def said(self, report):
        return {setting["name"]: setting for setting in report["settings"]}

    def test_every_key(self):
        result = self.migrate(self.yaml, "--write", "--json")
        self.assertEqual({name: (setting["value"], setting["line"]) for name, setting in self.said(result.report).items()},
                         {name: (value, line) for line, (name, value) in enumerate(EVERY_KEY.items(), 2)})
        self.assertEqual(result.report["others"], 1)
        self.assertTrue(result.report["policy"]["written"])
        checked = self.who.ask("check", "--json")
        self.assert_code(checked, 0)
        self.assertEqual(self.policy.stat().st_mode & 0o777, 0o600)
        # It decides what it says it means.
        found = self.explain("--event", "cloud: throttled x3")
        self.assertEqual(found["policy"]["path"], str(self.policy))
        for source in found["plan"]:
            self.assertEqual((source["target"], source["targets"], source["codec"], source["unchanged"]),
                             ("cloud", ["cloud"], "none", "upload"))
        # Each operation's waits double from the first on.
        for decision in found["decisions"]:
            if decision["question"] == "retry":
                self.assertEqual(decision["chance"], [0.0, 1.5 * 2 ** (decision["facts"]["attempt"] - 1)])
        text = self.policy.read_text()
        for part in ('bucket = "my-memories"', 'endpoint = "https://s3.example.org"', 'region = "eu-central-1"', 'system_id = "laptop-7"',
                     "part_size = 5 * akosha.MiB", "tries = 4"):
            self.assertIn(part, text)
        self.assertIn("S3 takes no smaller parts", self.said(result.report)["akosha_chunk_size_mb"]["becomes"])

    def test_means_what_the_variables_mean_without_a_policy(self):
        """The built-in default honours the same names: what it decides, the policy decides."""
        variables = {f"SESSION_BUDDY_{name.upper()}": value for name, value in EVERY_KEY.items()}
        events = ("--event", "cloud: throttled x2", "--event", "cloud: server")
        for changed in ({}, {"AKOSHA_ENABLE_COMPRESSION": "true"}, {"AKOSHA_ENABLE_DEDUPLICATION": "yes", "AKOSHA_MAX_RETRIES": "0"},
                        {"AKOSHA_FORCE_METHOD": "cloud", "AKOSHA_ENABLE_FALLBACK": "true"}, {"AKOSHA_CHUNK_SIZE_MB": "64"}):
            with self.subTest(changed=changed):
                environment = {**variables, **{f"SESSION_BUDDY_{name}": value for name, value in changed.items()}}
                by_default = self.explain(*events, environment=environment)
                self.migrate("--to", self.who.folder / "to.lua", "--force", environment=environment)
                by_policy = self.explain(*events, "--policy", self.who.folder / "to.lua")
                for report in (by_default, by_policy):
                    del report["policy"]
                    for decision in report["decisions"]:
                        del decision["line"]
                self.assertEqual(by_default, by_policy)

    def test_dry_until_it_is_asked_for(self):
        result = self.migrate(self.yaml)
        self.assertIn("akosha_enable_fallback = false", result.out)
        self.assertIn("before: ignored", result.out)
        self.assertIn("return akosha.policy {", result.out)
        self.assertFalse(self.policy.exists())
        self.policy.parent.mkdir(parents=True)
        self.policy.write_text("-- mine\n")
        result = self.migrate(self.yaml, "--write", code=3)
        self.assertIn("is there already, and stays as it is", result.err)
        self.assertEqual(self.policy.read_text(), "-- mine\n")
        self.migrate(self.yaml, "--write", "--force")
        [kept] = self.policy.parent.glob("policy.lua.akosha-sync-*.bak")
        self.assertEqual(kept.read_text(), "-- mine\n")
        self.assertEqual(sorted(p.name for p in self.policy.parent.iterdir()), sorted(["policy.lua", kept.name]))

    def test_variables_win_over_files_and_later_files_over_earlier_ones(self):
        local = self.who.folder / "local.yaml"
        local.write_text("akosha_cloud_bucket: local\nakosha_system_id: second\n")
        report = self.migrate(self.yaml, local, "--json", environment={"SESSION_BUDDY_AKOSHA_SYSTEM_ID": "third",
                                                                       "SESSION_BUDDY_AKOSHA_URL": "http://x"}).report
        said = self.said(report)
        self.assertEqual((said["akosha_cloud_bucket"]["value"], said["akosha_cloud_bucket"]["from"]), ("local", str(local)))
        self.assertEqual((said["akosha_system_id"]["value"], said["akosha_system_id"]["from"]),
                         ("third", "SESSION_BUDDY_AKOSHA_SYSTEM_ID"))
        self.assertEqual(said["akosha_cloud_region"]["from"], str(self.yaml))
        self.assertEqual([unknown["name"] for unknown in report["unknown"]], ["akosha_url"])

    def test_what_is_wrong(self):
        for text, says in (("akosha_chunk_size_mb: 200\n", "expected a whole number from 1 to 100"), ("a: *b\n", "an alias"),
                           ("akosha_cloud_bucket: [", "no YAML"), ("akosha_cloud_bucket: 192.168.0.1\n", "bucket"),
                           ("akosha_cloud_bucket: UPPER\n", "bucket"),
                           ("akosha_cloud_bucket: mine\nakosha_cloud_endpoint: http://s3.example.org\n", "endpoint"),
                           ("x" * 300_000, "longer than a settings file is")):
            with self.subTest(text=text[:60]):
                self.yaml.write_text(text)
                result = self.migrate(self.yaml, "--write", "--json", code=3)
                self.assertIn(says, json.loads(result.out)["error"]["message"])
                self.assertFalse(self.policy.exists())
        self.migrate(self.who.folder / "none.yaml", code=3)
        self.migrate(self.who.folder, code=3)

    def test_no_file_is_looked_for_beside_the_usual_ones(self):
        result = self.migrate("--json")
        self.assertEqual(result.report["read"], [])
        folder = self.who.folder / "settings"
        folder.mkdir()
        (folder / "session-buddy.yaml").write_text("akosha_cloud_bucket: mine\n")
        self.assertEqual(self.migrate("--json").report["read"], ["settings/session-buddy.yaml"])
        self.assertIn(sync.quoted("mine"), self.migrate().out)

    def test_akosha_itself(self):
        self.yaml.write_text("akosha_force_method: http\n")
        self.migrate(self.yaml, "--write")
        self.assertIn('akosha = akosha.mcp { url = "http://localhost:8682/mcp" }', self.policy.read_text())
        self.assert_code(self.who.ask("check"), 0)
