"""`akosha-sync check`, the program: what it finds in a policy, how it says so, and what it leaves alone."""

import shutil
from pathlib import Path

import cases

SHIPPED = Path(__file__).resolve().parents[2] / "policies"
HEAD = 'local akosha = require "akosha"\nreturn akosha.policy {\n  api = 1,\n'
FOLDER = '  targets = { disk = akosha.dir { path = "/disk" } },\n'
FIVE = """local akosha = require "akosha"

return akosha.policy {
  api = 1,
  targets = {
    cloud = akosha.s3 {
      bukcet = "memories",
      endpoint = "ftp://akosha.example",
    },
  },
  rout = "cloud",
  part_size = 5 * akosha.KiB,
  retry = akosha.retry.exponential {
    tries = 0,
  },
}
"""
WARNINGS = {
    "no route leads to": '  targets = { a = akosha.dir { path = "/a" }, b = akosha.dir { path = "/b" } },\n  route = "a",\n',
    "is the same place as": '  targets = { a = akosha.dir { path = "/a" }, b = akosha.dir { path = "/a" } },\n',
    "can wait 7200 s in all, 2.0 hours": FOLDER + "  retry = akosha.retry.fixed { first = 3600 },\n",
    "is the same file as": FOLDER + '  sources = { "a.db", "./a.db" },\n',
    "has no sources": FOLDER + '  missing = "skip",\n',
}
NETWORK = ("socket", "connect", "bind", "listen", "accept", "sendto", "recvfrom", "socketpair")


class Checking(cases.Case):
    def check(self, person, text, *arguments, code=0, **options):
        person.policy.write_text(text)
        result = person.ask("check", "--policy", person.policy, *arguments, **options)
        self.assert_code(result, code)
        return result

    def test_names_five_mistakes_with_line_and_nearest_name(self):
        person = self.person()
        result = self.check(person, FIVE, code=3)
        lines = result.out.splitlines()
        self.assertEqual([int(line.split(":")[1]) for line in lines], [7, 8, 11, 12, 14], result)
        self.assertIn('did you mean "bucket"?', lines[0])
        self.assertIn('did you mean "route"?', lines[2])
        self.assertIn("5 errors", result.err)

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
        self.assertRegex(self.check(person, "return {\n", code=3).out, r"policy.lua:\d+: ")

    def test_warns_of_what_is_hardly_meant(self):
        person = self.person()
        for words, fields in WARNINGS.items():
            with self.subTest(words):
                result = self.check(person, HEAD + fields + "}\n")
                self.assertEqual(result.out.count("warning: "), 1, result)
                self.assertIn(words, result.out)
                self.assertIn("1 warning", result.out)

    def test_shipped_policies_are_fine(self):
        person = self.person()
        shutil.copytree(SHIPPED, person.folder / "policies")
        for path in sorted((person.folder / "policies").glob("*.lua")):
            with self.subTest(path.name):
                result = person.ask("check", "--policy", path, "--json",
                                    environment={"AKOSHA_CLOUD_BUCKET": "memories"})
                self.assert_code(result, 0)
                self.assertEqual(result.report["problems"], [])
        result = person.ask("check")
        self.assert_code(result, 0)
        self.assertIn("built-in default: fine", result.out)

    def test_opens_no_socket_and_writes_nothing(self):
        if shutil.which("strace") is None:
            self.skipTest("no socket is opened: needs strace")
        person = self.person()
        before = sorted(person.folder.rglob("*"))
        person.policy.write_text(FIVE)
        trace = person.folder / "trace"
        result = person.ask("check", "--policy", person.policy, before=(
            shutil.which("strace"), "-f", "-qq", "-o", str(trace), "-e",
            "trace=%network,openat,mkdir,mkdirat"),
            environment={"ASAN_OPTIONS": "detect_leaks=0"})
        self.assert_code(result, 3)
        calls = trace.read_text()
        self.assertIn("policy.lua", calls)
        for name in NETWORK:
            self.assertNotRegex(calls, rf"\b{name}\(")
        self.assertNotRegex(calls, r"O_WRONLY|O_RDWR|O_CREAT|mkdir")
        trace.unlink()
        for path in person.folder.glob("figures-*"):
            path.unlink()
        self.assertEqual(sorted(person.folder.rglob("*")), sorted([*before, person.policy]))
