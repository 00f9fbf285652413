"""`akosha-sync check` and `explain`, the program: what they say of a policy or a run, and what they leave alone."""

import json
import re
import shutil
from pathlib import Path

import cases
import data
import sync

SHIPPED = Path(__file__).resolve().parents[2] / "policies"
HEAD = 'local akosha = require "akosha"\nreturn akosha.policy {\n  api = 1,\n'
FOLDER = '  targets = { disk = akosha.dir { path = "/disk" } },\n'
DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "policy.md").read_text()
FIVE = re.search(r"five mistakes:\n.*?```lua\n(.*?)```", DOCUMENT, re.DOTALL)[1]
VARIABLES = {"AKOSHA_CLOUD_BUCKET": "memories", "AKOSHA_HTTP_URL": "https://akosha.example/upload"}
WARNINGS = {
    "no route leads to": '  targets = { a = akosha.dir { path = "/a" }, b = akosha.dir { path = "/b" } },\n  route = "a",\n',
    "is the same place as": '  targets = { a = akosha.dir { path = "/a" }, b = akosha.dir { path = "/a" } },\n',
    "can wait 7200 s in all, 2.0 hours": FOLDER + "  retry = akosha.retry.fixed { first = 3600 },\n",
    "is the same file as": FOLDER + '  sources = { "a.db", "./a.db" },\n',
    "has no sources": FOLDER + '  missing = "skip",\n',
}
NETWORK = ("socket", "connect", "bind", "listen", "accept", "sendto", "recvfrom", "socketpair")


class Case(cases.Case):
    def assert_leaves_alone(self, person, *arguments, code):
        """The command opens no socket and makes no file."""
        if shutil.which("strace") is None:
            self.skipTest("no socket is opened: needs strace")
        for path in person.folder.glob("figures-*"):
            path.unlink()
        before = sorted(person.folder.rglob("*"))
        trace = person.folder / "trace"
        result = person.ask(*arguments, before=(
            shutil.which("strace"), "-f", "-qq", "-o", str(trace), "-e", "trace=%network,openat,mkdir,mkdirat"),
            environment={**VARIABLES, "ASAN_OPTIONS": "detect_leaks=0"})
        self.assert_code(result, code)
        calls = "".join(line for line in trace.read_text().splitlines(True) if ".gcda" not in line)
        self.assertIn(".lua", calls)
        for name in NETWORK:
            self.assertNotRegex(calls, rf"\b{name}\(")
        self.assertNotRegex(calls, r"O_WRONLY|O_RDWR|O_CREAT|mkdir")
        trace.unlink()
        for path in person.folder.glob("figures-*"):
            path.unlink()
        self.assertEqual(sorted(person.folder.rglob("*")), before)


class Checking(Case):
    def check(self, person, text, *arguments, code=0, **options):
        person.policy.write_text(text)
        result = person.ask("check", "--policy", person.policy, *arguments, **options)
        self.assert_code(result, code)
        return result

    def test_names_five_mistakes_with_line_and_nearest_name(self):
        person = self.person()
        result = self.check(person, FIVE, code=3)
        lines = result.err.splitlines()
        self.assertEqual([int(line.split(":")[2]) for line in lines], [7, 8, 11, 12, 14], result)
        self.assertEqual(result.out, "")
        self.assertIn('did you mean "bucket"?', lines[0])
        self.assertIn('did you mean "route"?', lines[2])

    def test_tells_a_task_in_its_own_words_and_lines(self):
        person = self.person()
        result = self.check(person, 'local akosha = require "akosha"\nreturn akosha.task {\n  api = 1,\n'
                            '  targets = { a = akosha.dir { path = "/a" } },\n  route = "a",\n  probe = -1,\n}\n', code=3)
        for line, words in ((2, "akosha.task: no run"), (5, 'akosha.task: unknown field "route"'), (6, "akosha.task: probe: ")):
            self.assertIn(f"policy.lua:{line}: {words}", result.err)

    def test_whoever_runs_it_can_widen_its_limits(self):
        person = self.person()
        text = HEAD + FOLDER + '  limits = { memory = 64 * akosha.MiB },\n}\n'
        result = self.check(person, text, code=3)
        self.assertIn("--limit memory=64MiB", result.err)
        self.check(person, text, "--limit", "memory=64MiB")
        self.check(person, text, "--limit", "memory=2GiB", code=2)
        self.assert_code(person.ask("explain", "--policy", person.policy), 3)
        self.assert_code(person.ask("explain", "--policy", person.policy, "--limit=memory=64MiB"), 0)

    def test_says_the_same_as_json(self):
        person = self.person()
        report = self.check(person, FIVE, "--json", code=3).report
        self.assertEqual((report["schema"], report["success"], report["exit_code"]), (1, False, 3))
        self.assertEqual(report["policy"]["path"], str(person.policy))
        self.assertEqual(len(report["policy"]["sha256"]), 64)
        self.assertEqual([(p["line"], p["field"], p["severity"]) for p in report["problems"]],
                         [(7, "bukcet", "error"), (8, "endpoint", "error"), (11, "rout", "error"),
                          (12, "part_size", "error"), (14, "tries", "error")])

    def test_a_policy_that_cannot_be_read_is_wrong(self):
        person = self.person()
        result = person.ask("check", "--policy", "nowhere.lua", "--json")
        self.assert_code(result, 3)
        self.assertEqual(result.report["problems"], [])
        self.assertIn("nowhere.lua", result.report["error"]["message"])
        self.assertRegex(self.check(person, "return {\n", code=3).err, r"policy.lua:\d+: ")

    def test_warns_of_what_is_hardly_meant(self):
        person = self.person()
        for words, fields in WARNINGS.items():
            with self.subTest(words):
                result = self.check(person, HEAD + fields + "}\n")
                self.assertEqual(result.err.count("warning: "), 1, result)
                self.assertIn(words, result.err)
                self.assertIn("1 warning", result.out)

    def test_shipped_policies_are_fine(self):
        person = self.person()
        shutil.copytree(SHIPPED, person.folder / "policies")
        for path in sorted((person.folder / "policies").glob("*.lua")):
            with self.subTest(path.name):
                result = person.ask("check", "--policy", path, "--json",
                                    environment={"AKOSHA_CLOUD_BUCKET": "memories",
                                                 "AKOSHA_SECOND_BUCKET": "copies"})
                self.assert_code(result, 0)
                self.assertEqual(result.report["problems"], [])
        result = person.ask("check")
        self.assert_code(result, 0)
        self.assertIn("built-in default: fine", result.out)

    def test_opens_no_socket_and_writes_nothing(self):
        person = self.person()
        person.policy.write_text(FIVE)
        self.assert_leaves_alone(person, "check", "--policy", person.policy, code=3)


class Explaining(Case):
    def owner(self):
        """A person with the shipped policies and the sources that they name, which are all holes."""
        person = self.person()
        shutil.copytree(SHIPPED, person.folder / "policies")
        data = person.folder / ".claude" / "data"
        data.mkdir(parents=True)
        for name, mib in (("reflection", 7), ("knowledge_graph", 11)):
            with open(data / f"{name}.duckdb", "wb") as file:
                file.truncate(mib << 20)
        return person

    def explain(self, person, *arguments, code=0):
        result = person.ask("explain", *arguments, environment=VARIABLES)
        self.assert_code(result, code)
        return result

    def test_tells_whose_decision_it_was_and_its_line(self):
        person = self.owner()
        person.policy.write_text(HEAD + FOLDER.replace("disk = akosha.dir { path", "up = akosha.http { url").replace(
            '"/disk"', '"https://akosha.example/up"') + """
  sources = { "a.db" },
  retry = function(failure)
    if failure.attempt < 3 then return akosha.wait(5) end
  end,
}
""")
        (person.folder / "a.db").write_bytes(b"\0" * 100000)
        report = self.explain(person, "--policy", person.policy, "--json", "--event", "up: server x3").report
        self.assertEqual([(d["answer"], d["by"], d["line"]) for d in report["decisions"]],
                         [("wait 5.0", "policy", 8), ("wait 5.0", "policy", 8), ("next_target", "default", None),
                          ("wait 5.0", "policy", 8),
                          # What is gone on with may have been committed: there is no such manifest.
                          ("wait 5.0", "policy", 8), ("wait 5.0", "policy", 8), ("next_target", "default", None)])
        self.assertEqual(report["events"], [{"event": "up: server x3", "happened": 3}])
        self.assertEqual((report["success"], report["exit_code"]), (True, 0))
        self.assertEqual((report["ended"]["outcome"], report["ended"]["duration_s"] // 1), ("stored", 25))
        self.assertEqual((report["plan"][0]["source"], report["plan"][0]["bytes"]), ("a.db", 100000))

    def test_shows_that_a_task_steers_by_itself(self):
        person = self.owner()
        person.environment["AKOSHA_SECOND_BUCKET"] = "copies"
        report = self.explain(person, "--policy", "policies/imperative.lua", "--json").report
        self.assertEqual({(row["route_by"], row["unchanged"], row["outcome"]) for row in report["plan"]},
                         {("task", "reuse", "stored")})
        self.assertIn("(task)", self.explain(person, "--policy", "policies/imperative.lua").out)

    def test_shows_what_a_budget_is_spent_on(self):
        person = self.owner()
        person.policy.write_text(HEAD + """
  targets = { up = akosha.http { url = "https://akosha.example/up" }, disk = akosha.dir { path = "/disk" } },
  sources = { "a.bin", "b.bin" },
  route = { "up", "disk" },
  compress = "none",
  budget = { up = akosha.budget { bytes = 1000, per = "month" } },
}
""")
        for name in ("a.bin", "b.bin"):
            (person.folder / name).write_bytes(b"\0" * 2000)
        out = self.explain(person, "--policy", person.policy).out
        self.assertRegex(out, r"Budget of up each month, nothing spent before: 1000 bytes \(this takes [23]\d\d\d\)")
        report = self.explain(person, "--policy", person.policy, "--json").report
        self.assertEqual([row["target"] for row in report["plan"]], ["up", "disk"])

    def test_goes_by_the_time_that_it_is_told(self):
        person = self.owner()
        person.policy.write_text(HEAD + """
  targets = { up = akosha.http { url = "https://akosha.example/up" }, disk = akosha.dir { path = "/disk" } },
  sources = { "a.db" },
  throttle = akosha.throttle.when(akosha.window "fri 08:00-18:00", 2 * akosha.KiB),
  route = function(_, targets, now)
    if now.clock.hour >= 22 then
      return "disk"
    end
  end,
}
""")
        (person.folder / "a.db").write_bytes(b"\0" * 20000)
        day = self.explain(person, "--policy", person.policy, "--at", "2026-11-27 10:00").out
        self.assertIn("at 2026-11-27 10:00:", day)
        self.assertIn("Held up to: 2048 bytes/s (policy, line 7)", day)
        report = self.explain(person, "--policy", person.policy, "--at", "2026-11-27 22:30", "--json").report
        self.assertEqual((report["at"], report["plan"][0]["route"], report["throttle"]["answer"]),
                         ("2026-11-27T22:30+00:00", "disk", "no limit"))
        self.assertRegex(self.explain(person, "--policy", person.policy, "--json").report["at"], "^20")
        for words in ("2026-11-27", "2026-13-27 10:00", "now"):
            result = self.explain(person, "--policy", person.policy, "--at", words, code=2)
            self.assertIn("expected local time", result.err)

    def test_names_the_nearest_word_of_a_bad_event(self):
        person = self.owner()
        for event, nearest in (("cloud: throtled", "throttled"), ("clod: throttled", "cloud"),
                               ("cloud: server, operation=manifets", "manifest")):
            with self.subTest(event):
                result = self.explain(person, "--policy", "policies/prod.lua", "--event", event, code=2)
                self.assertIn(f'did you mean "{nearest}"?', result.err)
                self.assertEqual(result.out, "")

    def test_says_what_it_had_to_make_up(self):
        person = self.person()
        result = self.explain(person)
        self.assertIn("None of the sources is there", result.out)
        result = self.explain(person, "--policy", "nowhere.lua", code=3)
        self.assertIn("nowhere.lua", result.err)

    def test_opens_no_socket_and_writes_nothing(self):
        person = self.owner()
        self.assert_leaves_alone(person, "explain", "--policy", "policies/prod.lua", "--event", "cloud: refused", code=0)


OTHER = """local akosha = require "akosha"
return akosha.policy {
  api = 1,
  targets = {
    up = akosha.http { url = "http://127.0.0.1:9/" },
    disk = akosha.dir { path = "/disk" },
  },
  route = function(source)
    if source.size > 1000 then
      return "disk"
    end
  end,
}
"""


class Replaying(Case):
    def ran(self):
        """A person whose run went to a folder, as nobody answered at the first target."""
        person = self.person()
        targets = {"up": sync.http(url="http://127.0.0.1:9/"), "disk": sync.builder("dir", path=person.folder / "disk")}
        sources = [person.source("large.bin", data.half_compressible, 5000), person.source("small.bin", data.half_compressible, 50)]
        result = person.run(sync.policy(targets), sources)
        self.assert_stored(result, "disk")
        (person.folder / "report.json").write_text(result.out)
        (person.folder / "other.lua").write_text(OTHER)
        return person, result.report

    def replay(self, person, *arguments, code=0):
        result = person.ask("explain", "--state", person.state, *arguments)
        self.assert_code(result, code)
        return result

    def test_the_same_policy_answers_the_same(self):
        person, report = self.ran()
        told = self.replay(person, "--policy", person.policy, "--replay", "last", "--json").report
        self.assertEqual((told["success"], told["exit_code"], told["replay"]["run_id"]), (True, 0, report["run_id"]))
        self.assertEqual(told["policy"], report["policy"])
        counts = {name: told["replay"][name] for name in ("same", "different", "unanswerable", "dropped")}
        self.assertEqual(counts, {"same": len(report["decisions"]) + len(report["asked"]), "different": 0,
                                  "unanswerable": 0, "dropped": 0})

    def test_another_policy_is_shown_with_its_line(self):
        person, report = self.ran()
        out = {}
        for run in ("last", report["run_id"], "report.json", str(person.folder / "report.json")):
            out[run] = self.replay(person, "--policy", "other.lua", "--replay", run).out
        self.assertEqual(len(set(out.values())), 1, out)
        rows = [line.split() for line in out["last"].splitlines() if line.startswith("   0.0")]
        self.assertEqual(rows, [["0.0", "-", "route", "large.bin", "up,", "disk", "disk", "policy,", "line", "10"]])
        self.assertRegex(out["last"], r"Of \d+ questions \d+ would be answered as they were, 1 differently, and 0 cannot")
        everything = self.replay(person, "--policy", "other.lua", "--replay", "last", "--verbose").out
        self.assertIn("small.bin", everything)

    def test_bad_records_are_one_error(self):
        person, report = self.ran()
        (person.folder / "newer.json").write_text(json.dumps({**report, "schema": 9}))
        (person.folder / "list.json").write_text("[]")
        for run, words in (("20260101T000000Z-000000", "no run"), ("newer.json", "schema 9"), ("list.json", "is no report"),
                           ("nowhere", "is no run"), ("/dev/zero", "is no run"), (str(person.folder), "is no run")):
            with self.subTest(run):
                result = self.replay(person, "--policy", "other.lua", "--replay", run, "--json", code=2)
                self.assertEqual(result.err.count("akosha-sync: "), 1, result)
                self.assertIn(words, result.report["error"]["message"])
        for more in (("--event", "up: dns"), ("large.bin",)):
            self.replay(person, "--policy", "other.lua", "--replay", "last", *more, code=2)

    def test_opens_no_socket_and_writes_nothing(self):
        person, _ = self.ran()
        self.assert_leaves_alone(person, "explain", "--policy", "other.lua", "--replay", "report.json", code=0)
        result = person.ask("explain", "--policy", "other.lua", "--state", "nowhere", "--replay", "last")
        self.assert_code(result, 2)
        self.assertFalse((person.folder / "nowhere").exists())
