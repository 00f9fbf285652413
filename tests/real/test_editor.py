"""What editors need: the annotations where the program is installed, and a .luarc.json that says so."""

import json
import shutil
import subprocess
from pathlib import Path

import cases

TREE = Path(__file__).resolve().parents[2]
TYPES = TREE / "lua" / "akosha" / "types.lua"
TEXT = 'return require "akosha".policy { api = 1, targets = { d = require "akosha".dir { path = "/d" } } }\n'


class Editor(cases.Case):
    def installed(self):
        """A person whose program is installed below their home."""
        person = self.person()
        prefix = person.folder / "usr"
        done = subprocess.run(["cmake", "--install", str(cases.sanitized.parent), "--prefix", str(prefix)],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        person.program = prefix / "bin" / "akosha-sync"
        person.policy.write_text(TEXT)
        return person

    def check(self, person, *arguments, code=0):
        result = person.ask("check", *arguments)
        self.assert_code(result, code)
        return result

    def settings(self, person):
        return json.loads((person.folder / ".luarc.json").read_text())

    def test_the_installed_program_names_the_installed_annotations(self):
        person = self.installed()
        report = self.check(person, "--policy", person.policy, "--luarc", "--json").report
        types = person.folder / "usr" / "share" / "akosha-sync" / "lua" / "akosha" / "types.lua"
        self.assertEqual(report["editor"], {"file": str(person.folder / ".luarc.json"), "annotations": str(types),
                                            "kept": False})
        self.assertEqual(types.read_text(), TYPES.read_text())
        settings = self.settings(person)
        self.assertEqual(settings["workspace.library"], [str(types)])
        self.assertEqual(settings["runtime.version"], "Lua 5.4")
        self.assertEqual(sorted(settings["runtime.builtin"]), ["debug", "io", "os", "package"])

    def test_the_shipped_policies_are_installed_and_fine(self):
        person = self.installed()
        policies = sorted((person.folder / "usr" / "share" / "akosha-sync" / "policies").glob("*.lua"))
        self.assertEqual([p.name for p in policies], sorted(p.name for p in (TREE / "policies").glob("*.lua")))
        person.environment.update({"AKOSHA_CLOUD_BUCKET": "memories", "AKOSHA_SECOND_BUCKET": "copies"})
        for policy in policies:
            self.check(person, "--policy", policy)

    def test_a_program_in_its_build_names_the_tree(self):
        person = self.person()
        person.policy.write_text(TEXT)
        result = self.check(person, "--policy", person.policy, "--luarc")
        self.assertIn(f"annotations are {TYPES}", result.err)
        self.assertEqual(self.settings(person)["workspace.library"], [str(TYPES)])

    def test_a_policy_may_be_named_from_the_folder_that_one_is_in(self):
        person = self.person()
        person.policy.write_text(TEXT)
        folder = person.folder / "rules"
        folder.mkdir()
        shutil.copy(person.policy, folder / "mine.lua")
        for name, beside in ((person.policy.name, person.folder), ("rules/mine.lua", folder)):
            report = self.check(person, "--policy", name, "--luarc", "--json").report
            self.assertEqual(report["editor"]["file"], str(beside / ".luarc.json"))
            self.assertEqual(json.loads((beside / ".luarc.json").read_text())["runtime.version"], "Lua 5.4")

    def test_what_is_there_stays(self):
        person = self.installed()
        own = person.folder / ".luarc.json"
        own.write_text("{}\n")
        result = self.check(person, "--policy", person.policy, "--luarc")
        self.assertIn("stays as it is", result.err)
        self.assertEqual(own.read_text(), "{}\n")

    def test_nothing_is_written_unasked(self):
        person = self.installed()
        self.check(person, "--policy", person.policy)
        self.assertFalse((person.folder / ".luarc.json").exists())

    def test_a_wrong_policy_is_edited_too(self):
        person = self.installed()
        person.policy.write_text("return {\n")
        self.check(person, "--policy", person.policy, "--luarc", code=3)
        self.assertIn("workspace.library", self.settings(person))

    def test_refusals_are_one_error(self):
        person = self.installed()
        report = self.check(person, "--luarc", "--json", code=3).report
        self.assertIn("the built-in default has no file", report["error"]["message"])
        shutil.rmtree(person.folder / "usr" / "share")
        result = self.check(person, "--policy", person.policy, "--luarc", code=3)
        self.assertEqual(result.err.count("akosha-sync: "), 1, result)
        self.assertIn("hint: ", result.err)
        self.assertFalse((person.folder / ".luarc.json").exists())
