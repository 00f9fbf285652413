"""`akosha-sync test`, the program: what it runs, what it makes of bad input, and what it leaves alone."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
import unittest
import xml.etree.ElementTree
from pathlib import Path

import cases
import sync

SHIPPED = Path(__file__).resolve().parents[2] / "policies"
POLICIES = ("prod", "local", "default")
HEAD = 'local lu, sim = require "luaunit", require "akosha.testing"\n'
TAIL = "\nreturn lu.LuaUnit.run()\n"
WORLD = 'local world = sim.world { policy = "policies/prod.lua" }\n'
GOOD = "function TestGood() end\nfunction test_good() end"
# Work without end in one call of C, which no limit on Lua sees.
DEAF = 'string.find(("a"):rep(60), (".-"):rep(20) .. "b")'
NETWORK = ("socket", "connect", "bind", "listen", "accept", "sendto", "recvfrom", "socketpair")


class PolicyTests(cases.Case):
    def project(self, figures=False, **files):
        """A person in a project with the shipped policies and these files of tests."""
        person = self.person(figures=figures)
        shutil.copytree(SHIPPED, person.folder / "policies")
        for name, body in files.items():
            self.write(person, f"tests/lua/{name}_test.lua", body)
        return person

    def write(self, person, name, body):
        path = person.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD + body + TAIL)
        return path

    def ran(self, person, *arguments, code=0, **options):
        result = person.ask("test", *arguments, **options)
        self.assert_code(result, code)
        return result

    def told_once(self, result, *words):
        """One place, in results or errors, has all of it."""
        places = [block for block in (result.out + "\n" + result.err).split("\n\n") if all(w in block for w in words)]
        self.assertEqual(len(places), 1, result)

    def closing(self, result):
        return re.search(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", result.out, re.MULTILINE)[0]


class Running(PolicyTests):
    def test_first_tests_of_shipped_policies_pass_as_they_stand(self):
        person = self.project()
        for name in POLICIES:
            made = self.ran(person, "--new", f"policies/{name}.lua")
            self.assertIn(f"wrote tests/lua/{name}_test.lua\nnext: akosha-sync test tests/lua/{name}_test.lua\n", made.out)
        for seed in range(5):
            self.assertTrue(self.closing(self.ran(person, "--seed", seed)).startswith("12 passed, 0 failed"))

    def test_first_tests_never_replace_anything(self):
        person = self.project(prod="-- mine")
        before = (person.folder / "tests/lua/prod_test.lua").read_text()
        result = self.ran(person, "--new", "policies/prod.lua", code=2)
        self.assertIn("is there already", result.err)
        self.assertEqual((person.folder / "tests/lua/prod_test.lua").read_text(), before)

    def test_a_second_is_enough_and_no_socket_is_opened(self):
        person = self.project(figures=True)
        for name in POLICIES:
            self.ran(person, "--new", f"policies/{name}.lua")
        result = self.ran(person)
        self.assertLess(result.wall_s, 1)
        self.assertNotIn("curl", subprocess.run(["ldd", str(person.program)], capture_output=True, text=True,
                                                check=True).stdout)
        if shutil.which("strace") is None:
            self.skipTest("no socket is opened: needs strace")
        trace = person.folder / "trace"
        self.ran(person, before=[shutil.which("strace"), "-f", "-qq", "-o", str(trace), "-e", "trace=network,openat"])
        calls = trace.read_text()
        self.assertIn("prod_test.lua", calls)
        self.assertNotIn("akosha-sync-http.so", calls)
        self.assertEqual([line for line in calls.splitlines() if re.search(rf"\b({'|'.join(NETWORK)})\(", line)], [])

    def test_same_seed_same_results_in_any_number_of_processes(self):
        person = self.project(**{f"t{i}": 'function test_random() print(math.random(1e9)) end' for i in range(6)})

        def said(*arguments):
            files = json.loads(self.ran(person, "--json", *arguments).out)["files"]
            return [(f["file"], [(t["name"], t["outcome"], t["output"]) for t in f["tests"]]) for f in files]
        first = said("--seed", 7, "--jobs", 1)
        self.assertEqual(said("--seed", 7, "--jobs", 6), first)
        self.assertNotEqual(said("--seed", 8), first)

    def test_a_fresh_seed_is_told_and_repeats(self):
        person = self.project(a=GOOD)
        seeds = {re.search(r"^seed (\d+): repeat with --seed \1$", self.ran(person).out, re.MULTILINE)[1]
                 for _ in range(3)}
        self.assertEqual(len(seeds), 3)

    def test_reports_are_what_others_read(self):
        person = self.project(a="function test_bad() print '<&' lu.assertEquals('<', '&') end\nfunction test_ok() end")
        self.ran(person, "--report", "r.xml", code=1)
        suites = xml.etree.ElementTree.parse(person.folder / "r.xml").getroot()
        self.assertEqual((suites.get("tests"), suites.get("failures")), ("2", "1"))
        self.assertEqual(suites.find(".//system-out").text, "<&\n")
        self.ran(person, "--report", "r.tap", code=1)
        tap = (person.folder / "r.tap").read_text().splitlines()
        self.assertEqual(tap[:2], ["TAP version 13", "1..2"])
        self.assertEqual(sum(line.startswith("ok ") for line in tap), 1)
        self.assertEqual(sum(line.startswith("not ok ") for line in tap), 1)
        self.assertEqual(self.ran(person, "--format", "tap", "--seed", 1, code=1).out.splitlines()[:2], tap[:2])
        xml.etree.ElementTree.fromstring(self.ran(person, "--format", "junit", code=1).out)

    def test_coverage_names_what_was_never_reached(self):
        person = self.project(a="function test_store() " + WORLD + "world:run() end")
        (person.folder / "policies/prod.lua").write_text(
            "local akosha = require 'akosha'\nreturn akosha.policy { api = 1, sources = { 'a' },\n"
            "  targets = { cloud = akosha.s3 { bucket = 'memories' } },\n  retry = function(failure)\n"
            "    if failure.name == 'throttled' then\n      return akosha.wait(1)\n    end\n  end }\n")
        text = self.ran(person, "--coverage").out
        self.assertIn("never reached    5-6", text)
        self.assertRegex(text, "never tried +offline, dns, refused")
        coverage = json.loads(self.ran(person, "--coverage", "--json").out)["coverage"]
        self.assertEqual([(c["file"], c["never_reached"]) for c in coverage], [("policies/prod.lua", "5-6")])

    def test_list_and_filter(self):
        person = self.project(a="function test_one() end\nfunction test_two() error 'x' end", b=GOOD)
        self.assertEqual(len(self.ran(person, "--list").out.splitlines()), 4)
        listed = json.loads(self.ran(person, "--list", "--json").out)["tests"]
        self.assertIn({"file": "tests/lua/a_test.lua", "name": "test_two"}, listed)
        self.assertTrue(self.closing(self.ran(person, "--filter", "one")).startswith("1 passed"))
        self.assertIn("none of 2 files", self.ran(person, "--filter", "absent", code=2).err)

    def test_help_has_an_example_and_the_docs_have_every_option(self):
        told = self.ran(self.person(), "--help").out
        self.assertIn("example:\n  akosha-sync test", told)
        docs = (SHIPPED.parent / "docs/testing.md").read_text()
        for option in set(re.findall(r"^  (--[a-z]+)", told, re.MULTILINE)) - {"--state", "--help", "--version"}:
            self.assertIn(f"`{option}", docs)


class BadTests(PolicyTests):
    """Each is one clear message; the tests beside it go on."""

    def bad(self, body, *words, code=1, passed=2, arguments=("--timeout", "1"), as_json=True):
        person = self.project(bad=body, good=GOOD)
        result = self.ran(person, *arguments, code=code)
        self.told_once(result, *words)
        self.assertTrue(self.closing(result).startswith(f"{passed} passed, 1 failed"), result)
        if not as_json:
            return
        document = json.loads(self.ran(person, "--json", *arguments, code=code).out)
        self.assertEqual((document["passed"], document["failed"], document["exit_code"]), (passed, 1, code))

    def fault(self, fault, *words, **options):
        self.bad("function test_x() " + WORLD + fault + "\nworld:run() end", *words, **options)

    def test_endless_loop(self):
        self.bad("function test_x() while true do end end\nfunction test_y() end", "test_x", "without an end", passed=3)

    def test_endless_loop_in_pcall(self):
        self.bad("function test_x() while true do pcall(function() while true do end end) end end", "without an end")

    def test_endless_loop_at_load(self):
        self.bad("while true do end", "bad_test.lua", "without an end", code=3)

    def test_work_that_hears_no_limit(self):
        self.bad(f"function test_x() {DEAF} end\nfunction test_y() end", "test_x", "did not end within 1.00 s",
                 passed=3, as_json=False)

    def test_memory_without_end(self):
        self.bad("function test_x() local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1e8) .. i end end", "MiB of memory",
                 arguments=("--timeout", "60"), as_json=False)

    def test_reading_outside_the_folder(self):
        self.bad('function test_x() assert(io.open "/etc/passwd") end', "/etc/passwd lies outside")

    def test_reading_outside_through_a_link(self):
        person = self.project(bad='function test_x() assert(io.open "link") end')
        (person.folder / "link").symlink_to("/etc/passwd")
        self.told_once(self.ran(person, code=1), "lies outside")

    def test_socket(self):
        self.bad('function test_x() require "socket" end', "tests have no network")
        self.bad('local socket = require "socket"\nfunction test_x() end', "tests have no network", code=3)

    def test_unknown_target(self):
        self.fault('world.target.clod:on("put"):reply { status = 503 }', 'unknown target "clod"; did you mean "cloud"?')

    def test_unknown_operation(self):
        self.fault('world.target.cloud:on("putt"):reply { status = 503 }',
                   'unknown operation "putt"; did you mean "put"?')

    def test_fault_that_never_happens(self):
        self.fault('world.target.cloud:on("part", 9):reply { status = 503 }', "planned but did not happen",
                   'bad_test.lua:3: world.target["cloud"]:on("part", 9)')

    def test_policy_that_does_not_load(self):
        body = 'function test_x() lu.assertEquals(sim.world { policy = "policies/bad.lua" }:run().outcome, "stored") end'
        person = self.project(bad=body, good=GOOD)
        (person.folder / "policies/bad.lua").write_text("return {\n  x = = 1\n}\n")
        self.told_once(self.ran(person, code=1), "policies/bad.lua:2: unexpected symbol near '='")
        self.assertIn("policies/bad.lua:2:", self.ran(person, "--new", "policies/bad.lua", code=3).err)

    def test_policy_that_is_missing(self):
        self.bad('function test_x() sim.world { policy = "policies/none.lua" } end', "cannot read the policy", "none.lua")

    def test_syntax_error(self):
        self.bad("x = = 1", "bad_test.lua:2: unexpected symbol", code=3)

    def test_no_tests_in_a_file(self):
        self.bad("local x = 1", "bad_test.lua: no tests in this file", code=3)

    def test_exit(self):
        self.bad("function test_x() os.exit(0) end", "os.exit is refused")

    def test_no_tests_at_all(self):
        person = self.project()
        self.assertIn("there is no tests/lua", self.ran(person, code=2).err)
        (person.folder / "tests/lua").mkdir(parents=True)
        self.assertIn("no *_test.lua in tests/lua", self.ran(person, code=2).err)
        document = json.loads(self.ran(person, "--json", code=2).out)
        self.assertEqual((document["success"], document["exit_code"]), (False, 2))

    def test_report_that_cannot_be_written(self):
        person = self.project(a=GOOD)
        for path in (person.folder / "absent/r.xml", person.folder, "/dev/full"):
            with self.subTest(path=path):
                result = self.ran(person, "--report", path, code=2)
                self.assertEqual(len(re.findall("^akosha-sync: ", result.err, re.MULTILINE)), 1, result)
                self.assertIn("the report", result.err)

    def test_wrong_options(self):
        person = self.project(a=GOOD)
        for words in (["--seed", "x"], ["--jobs", "0"], ["--jobs", "17"], ["--timeout", "0"], ["--format", "xml"],
                      ["--json", "--format", "tap"], ["--new"], ["--policy", "p.lua"], [""]):
            with self.subTest(words=words):
                result = self.ran(person, *words, code=2)
                self.assertEqual(len(re.findall("^akosha-sync: ", result.err, re.MULTILINE)), 1, result)


class Ending(PolicyTests):
    def started(self):
        """A run whose tests do not end, and the process that runs them."""
        person = self.project(deaf=f"function test_x() {DEAF} end", good=GOOD)
        process = person.start("test", "--jobs", "1", "tests/lua/deaf_test.lua", "tests/lua/good_test.lua")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            program = self.children(process.pid)
            tests = self.children(program[0]) if program else []
            if tests:
                return person, process, program[0], tests[0]
            time.sleep(0.01)
        self.fail("no test process was started")
        return None

    def children(self, pid):
        try:
            return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            return []

    def gone(self, pid):
        deadline = time.monotonic() + 60
        while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
            time.sleep(0.01)
        return not os.path.exists(f"/proc/{pid}")

    def test_a_test_process_that_is_killed(self):
        person, process, _, test = self.started()
        os.kill(test, signal.SIGKILL)
        result = person.finish(process)
        self.assert_code(result, 1)
        self.assertIn("ended with signal 9", result.out)
        self.assertIn("good_test.lua  ok: 2 passed", result.out)

    def test_interrupted(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                person, process, program, test = self.started()
                os.kill(program, number)
                self.assert_code(person.finish(process), 128 + number)
                self.assertTrue(self.gone(test))

    def test_killed_it_takes_its_children_along(self):
        _, process, program, test = self.started()
        os.kill(program, signal.SIGKILL)
        process.communicate()
        self.assertTrue(self.gone(test))


if __name__ == "__main__":
    unittest.main()
