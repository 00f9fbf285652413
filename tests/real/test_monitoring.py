"""Figures: what `metrics`, `stats` and `fleet` say after real runs, and whether dashboard, alerts and docs speak of series that are there."""

import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import cases
import data
import schema
import servers
import sync
from world import ACCESS_KEY, BUCKET, SECRET_KEY

ROOT = Path(__file__).resolve().parents[2]
SERIES = re.compile(r"\bakosha_sync_[a-z_]+\b")
SECONDS_MAX = 60
DOWNLOAD_SECONDS_MAX = 300


def find_promtool():
    """One that is there, else the one of Debian's package, unpacked into the cache folder once: installing the package would
    start a server. None if it cannot be had."""
    found = shutil.which("promtool")
    kept = servers.CACHE / "promtool"
    if found is not None or kept.exists():
        return found or kept
    servers.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=servers.CACHE) as folder:
        for command in (["sh", "-c", "apt-get download -q prometheus || (apt-get update && apt-get download -q prometheus)"],
                        ["sh", "-c", "dpkg-deb -x prometheus_*.deb ."]):
            try:
                subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=DOWNLOAD_SECONDS_MAX)
            except (subprocess.SubprocessError, OSError):
                return None
        (Path(folder) / "usr" / "bin" / "promtool").rename(kept)
    return kept


def promtool(case, *arguments, text=None):
    """Debian's `prometheus` has it; where it cannot be had the test is skipped by name."""
    found = find_promtool()
    if found is None:
        if cases.REQUIRE:
            case.fail("promtool is missing: apt-get install prometheus")
        case.skipTest("needs promtool (Debian's prometheus)")
    return subprocess.run([found, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=SECONDS_MAX,
                          check=False, stdin=None if text is not None else subprocess.DEVNULL)


class Monitoring(cases.Case):
    """After a run that stored, one that found nothing new, one that went to the second target, and one that failed."""

    def setUp(self):
        self.me = self.person()
        self.folder = self.me.folder / "target"
        self.source = next(iter(data.databases(self.me.folder)))

    def runs(self):
        own = sync.policy({"here": sync.builder("dir", path=self.folder)})
        self.assert_stored(self.me.run(own, [self.source]))
        self.assert_code(self.me.run(own, [self.source]), 0)
        down = sync.policy({"down": sync.http(url="http://127.0.0.1:9/x"), "here": sync.builder("dir", path=self.folder)})
        self.assert_code(self.me.run(down, [self.source]), 0)
        self.assert_code(self.me.run(own, [self.me.folder / "missing.db"]), 4)

    def text(self):
        result = self.me.ask("metrics", "--state", self.me.state)
        self.assert_code(result, 0)
        return result.out

    def value(self, text, series):
        return float(re.search("^%s (.*)$" % re.escape(series), text, re.MULTILINE).group(1))

    def names(self):
        return set(re.findall(r"^(akosha_sync_[a-z_]+)", self.text(), re.MULTILINE))

    def test_metrics_are_taken_by_promtool_and_are_true(self):
        self.runs()
        text = self.text()
        for outcome, count in (("stored", 1), ("unchanged", 2), ("queued", 1), ("partial", 0)):
            self.assertEqual(self.value(text, f'akosha_sync_runs_total{{outcome="{outcome}"}}'), count, text)
        self.assertEqual(self.value(text, 'akosha_sync_run_failures_total{failure="source_missing"}'), 1)
        self.assertEqual(self.value(text, "akosha_sync_fallbacks_total"), 1)
        self.assertEqual(self.value(text, "akosha_sync_queue_jobs"), 1)
        self.assertEqual(self.value(text, "akosha_sync_run_duration_seconds_count"), 4)
        self.assertEqual(self.value(text, 'akosha_sync_run_duration_seconds_bucket{le="+Inf"}'), 4)
        self.assertEqual(self.value(text, "akosha_sync_plain_bytes_total"), os.stat(self.source).st_size)
        self.assertLess(abs(self.value(text, "akosha_sync_last_success_timestamp_seconds") - time.time()), SECONDS_MAX)
        self.assertGreater(self.value(text, "akosha_sync_run_memory_peak_bytes"), 1 << 20)
        checked = promtool(self, "check", "metrics", text=text)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""), text)

    def test_an_empty_state_and_a_damaged_one_have_metrics_too(self):
        for make in (lambda: None, lambda: (self.me.state.mkdir(mode=0o700), (self.me.state / "state.db").write_bytes(b"x" * 8192),
                                            os.chmod(self.me.state / "state.db", 0o600))):
            make()
            text = self.text()
            checked = promtool(self, "check", "metrics", text=text)
            self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""), text)
        self.assertEqual(self.value(text, "akosha_sync_state_readable"), 0)
        self.assertNotIn("akosha_sync_runs_total", text)

    def test_labels_name_no_bucket_endpoint_or_path(self):
        server = self.have(cases.world.versitygw)
        self.assert_stored(self.me.run(sync.policy({"cloud": sync.s3(server, prefix=f"seen-{time.monotonic_ns()}")}), [self.source]))
        for text in (self.text(), self.me.ask("metrics", "--json", "--state", self.me.state).out):
            for word in (BUCKET, "127.0.0.1", ACCESS_KEY, SECRET_KEY, str(self.me.folder), "seen-", sync.SYSTEM):
                self.assertNotIn(word, text)
        self.assertIn('akosha_sync_target_healthy{target="cloud"} 1\n', text := self.text())
        self.assertIn('akosha_sync_run_methods_total{method="cloud"} 1\n', text)

    def test_textfile_is_put_in_place_as_a_whole_and_can_be_read_by_others(self):
        self.runs()
        path = self.me.folder / "akosha_sync.prom"
        path.write_text("old\n")
        for _ in range(2):
            result = self.me.ask("metrics", "--textfile", path, "--state", self.me.state)
            self.assert_code(result, 0)
            self.assertEqual(result.out, "")
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o644)
            self.assertIn("akosha_sync_build_info", path.read_text())
        self.assertEqual([name for name in os.listdir(self.me.folder) if ".new-" in name], [])
        bad = self.me.ask("metrics", "--textfile", self.me.folder / "no" / "such", "--state", self.me.state)
        self.assert_code(bad, 7)

    def test_documents_are_as_their_schemas_say(self):
        self.runs()
        for command in ("stats", "metrics", "status"):
            result = self.me.ask(command, "--json", "--state", self.me.state)
            self.assert_code(result, 0)
            schema.check(command, result.report)
        stats = self.me.ask("stats", "--json", "--state", self.me.state).report
        for period in stats["periods"]:
            self.assertEqual((period["runs"], period["fallbacks"], period["failures"]), (4, 1, {"source_missing": 1}))
            self.assertEqual(period["durations"]["runs"], 4)
            self.assertAlmostEqual(period["fallback_rate"], 1 / 3)
        self.assertEqual(stats["days"][-1]["undelivered"] + sum(d["undelivered"] for d in stats["days"][:-1]), 1)
        shown = self.me.ask("stats", "--state", self.me.state)
        self.assert_code(shown, 0)
        self.assertNotIn("\x1b", shown.out)
        self.assertIn("source_missing", shown.out)

    def test_a_damaged_database_has_no_figures_and_hides_no_job(self):
        self.runs()
        for name in ("state.db", "state.db-wal", "state.db-shm"):
            (self.me.state / name).unlink(missing_ok=True)
        (self.me.state / "state.db").write_text("no database at all, whatever it is called")
        stats = self.me.ask("stats", "--json", "--state", self.me.state)
        self.assert_code(stats, 7)
        schema.check("stats", stats.report)
        self.assertEqual((stats.report["success"], stats.report["error"]["failure"]), (False, "state"))
        status = self.me.ask("status", "--json", "--state", self.me.state)
        self.assert_code(status, 0)
        schema.check("status", status.report)
        self.assertEqual(status.report["error"]["failure"], "state")
        quiet = self.me.ask("status", "--quiet", "--state", self.me.state)
        self.assertEqual((quiet.code, quiet.out), (0, ""))
        self.assertIn("state.db", quiet.err)

    def test_dashboard_alerts_and_docs_name_series_that_are_there(self):
        self.runs()
        there = self.names()
        for path in ("packaging/grafana/akosha-sync.json", "packaging/prometheus/alerts.yml"):
            named = set(SERIES.findall((ROOT / path).read_text()))
            self.assertGreater(len(named), 5)
            self.assertEqual(named - there, set(), path)
        documented = {row[0]: row[1] for row in re.findall(r"^\| `(akosha_sync_[a-z_]+)` \| (\w+) \|",
                                                           (ROOT / "docs" / "monitoring.md").read_text(), re.MULTILINE)}
        families = self.me.ask("metrics", "--json", "--state", self.me.state).report["metrics"]
        self.assertEqual(documented, {family["name"]: family["type"] for family in families})
        json.loads((ROOT / "packaging" / "grafana" / "akosha-sync.json").read_text())

    def test_alerts_are_rules(self):
        checked = promtool(self, "check", "rules", ROOT / "packaging" / "prometheus" / "alerts.yml")
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertIn("SUCCESS", checked.stdout)


class Fleet(cases.Case):
    def test_of_several_systems_the_stale_ones_are_told(self):
        server = self.have(cases.world.versitygw)
        prefix = f"fleet-{time.monotonic_ns()}"
        me = self.person()
        source = next(iter(data.databases(me.folder)))
        for system in ("laptop-1", "laptop-2"):
            text = sync.policy({"cloud": sync.s3(server, prefix=prefix)}).replace(sync.SYSTEM, system)
            self.assert_stored(me.run(text, [source], "--state", me.folder / system))
        fresh = me.ask("fleet", "--json", "--policy", me.policy, "--state", me.state)
        self.assert_code(fresh, 0)
        schema.check("fleet", fresh.report)
        rows = fresh.report["targets"][0]["systems"]
        self.assertEqual([(r["system_id"], r["stale"], r["files"], r["bytes"]) for r in rows],
                         [(s, False, 1, os.stat(source).st_size) for s in ("laptop-1", "laptop-2")])
        # One with an upload that was never finished, and one whose manifest is of long ago.
        server.client().put_object(Bucket=BUCKET, Key=f"{prefix}/systems/laptop-3/20261123T084512Z-3f9a2c/a.db", Body=b"x")
        key = next(k for k in server.objects(f"{prefix}/") if "laptop-2" in k and k.endswith("/manifest.json"))
        manifest = json.load(server.get(key)["Body"])
        manifest["uploaded_at"] = "2020-01-01T00:00:00Z"
        server.client().put_object(Bucket=BUCKET, Key=key, Body=json.dumps(manifest).encode())
        late = me.ask("fleet", "--json", "--stale", "36h", "--policy", me.policy, "--state", me.state)
        self.assert_code(late, 1)
        schema.check("fleet", late.report)
        self.assertEqual({r["system_id"]: r["stale"] for r in late.report["targets"][0]["systems"]},
                         {"laptop-1": False, "laptop-2": True, "laptop-3": True})
        self.assertEqual((late.report["systems"], late.report["stale"], late.report["stale_after_s"]), (3, 2, 36 * 3600))
        for wrong in ("", "2", "d", "0d", "2w", "99999999d", "-1d", "2d "):
            self.assert_code(me.ask("fleet", "--stale", wrong, "--policy", me.policy, "--state", me.state), 2)


class Notification(cases.Case):
    """A worker whose target is not there, and a program that keeps what it was told."""

    def setUp(self):
        self.me = self.person()
        self.source = next(iter(data.databases(self.me.folder)))
        self.told = self.me.folder / "told"
        self.tell = self.me.folder / "tell.sh"
        self.tell.write_text('#!/bin/sh\nenv >>"$HOME/told"\necho --- >>"$HOME/told"\n')
        self.tell.chmod(0o700)
        self.me.policy.write_text(sync.policy({"http": sync.http(url="http://127.0.0.1:9/secret-place")}))

    def settings(self, mode=0o600, **fields):
        folder = self.me.folder / "xdg-config" / "akosha-sync"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / "settings.json"
        path.write_text(json.dumps({"schema": 1, "notify": {"command": str(self.tell), **fields}}))
        path.chmod(mode)

    def work(self, code):
        result = self.me.ask("worker", "--once", "--json", "--state", self.me.state, environment={"AKS_PLANTED": "yes"})
        self.assert_code(result, code)
        return result

    def times(self):
        return self.told.read_text().split("---\n")[:-1] if self.told.exists() else []

    def enqueue(self):
        self.assert_code(self.me.ask("enqueue", "--no-worker", "--policy", self.me.policy, "--state", self.me.state, self.source), 0)

    def test_told_once_that_it_fails_and_once_that_it_is_well(self):
        self.settings(after_tries=2)
        self.enqueue()
        self.work(1)
        self.assertEqual(self.times(), [])
        for _ in range(2):
            self.work(1)
        [told] = self.times()
        self.assertIn("AKOSHA_EVENT=failing\n", told)
        self.assertRegex(told, r"AKOSHA_TEXT=akosha-sync cannot deliver: 1 job waits, the oldest for .*, tried 2 times \(refused\)\n")
        for word in (ACCESS_KEY, SECRET_KEY, "AKS_PLANTED", "127.0.0.1", "secret-place"):
            self.assertNotIn(word, told)
        self.me.policy.write_text(sync.policy({"here": sync.builder("dir", path=self.me.folder / "target")}))
        self.enqueue()
        for _ in range(2):
            self.work(0)
        self.assertIn("AKOSHA_EVENT=well\n", self.times()[1])
        self.assertEqual(len(self.times()), 2)
        text = self.me.ask("metrics", "--state", self.me.state).out
        self.assertIn('akosha_sync_notifications_total{event="failing"} 1\n', text)
        self.assertIn('akosha_sync_notifications_total{event="well"} 1\n', text)
        shown = self.me.ask("audit", "show", "--event", "notified", "--json", "--state", self.me.state)
        self.assertEqual([(r["about"], r["told"]) for r in shown.report["records"]], [("failing", True), ("well", True)])

    def test_names_only_where_they_are_asked_for(self):
        self.settings(after_tries=1, names=True)
        self.enqueue()
        self.work(1)
        self.assertIn("127.0.0.1", self.times()[0])

    def test_doctor_tells_what_is_wrong_with_it(self):
        def found():
            result = self.me.ask("doctor", "--json", "--policy", self.me.policy, "--state", self.me.state)
            return [(f["outcome"], f["message"]) for f in result.report["findings"] if f["check"] == "notify"]

        self.assertEqual(found(), [])
        self.settings()
        self.assertEqual(found(), [])
        for mode, fields, word in ((0o600, {"after_hours": 0}, "after_hours"), (0o600, {"colour": 1}, "colour"), (0o622, {}, "settings.json")):
            with self.subTest(word=word):
                self.settings(mode, **fields)
                [(outcome, message)] = found()
                self.assertEqual(outcome, "warning")
                self.assertIn(word, message)

    def test_what_is_wrong_with_it_holds_nothing_up(self):
        self.enqueue()
        for fields in ({"mode": 0o666, "after_tries": 1}, {"after_tries": 1, "command": "/no/such/program"}, {"after_tries": 0}):
            self.settings(**fields)
            result = self.work(1)
            self.assertRegex(result.err, "nobody (can|could) be told")
        self.assertEqual(self.times(), [])
