"""A policy that steers by itself, against a real server: policies/imperative.lua, but for where it sends to."""

import contextlib
from pathlib import Path

import cases
import data
import faults
import sync

POLICY = (Path(__file__).resolve().parents[2] / "policies" / "imperative.lua").read_text()
OLD = ('akosha.s3 { bucket = akosha.env "AKOSHA_CLOUD_BUCKET" }', 'akosha.env("AKOSHA_DIR", "~/akosha-mirror")',
       '{ "~/.claude/data/reflection.duckdb", "~/.claude/data/knowledge_graph.duckdb" }', "{ 5, 30, 120 }")


class Task(cases.Case):
    def setUp(self):
        self.server = self.have(cases.world.s3, "versitygw")
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.proxy = stack.enter_context(faults.Proxy(self.server.port))

    def steer(self, prefix):
        person = self.person()
        person.source("notes.db", data.half_compressible, 12 << 20)
        person.source("graph.db", data.half_compressible, 7000, 2)
        text = POLICY
        for old, new in zip(OLD, (sync.s3(self.server, port=self.proxy.port, prefix=prefix), f'"{person.folder}/disk"',
                                  '{ "notes.db", "graph.db" }', "{ 0.1, 0.1, 0.1 }")):
            self.assertEqual(text.count(old), 1, old)
            text = text.replace(old, new)
        person.policy.write_text(text)
        return person

    def sync(self, person):
        return person.ask("run", "--json", "--policy", person.policy, "--state", person.state)

    def test_both_targets_have_what_was_read(self):
        person = self.steer("task")
        result = self.sync(person)
        self.assert_stored(result)
        for name, file in result.files().items():
            self.assertEqual(sorted(file["targets"]), ["cloud", "mirror"])
            self.assertEqual(file["sha256"], data.sha256(person.folder / name))
            self.assertEqual(data.sha256_of(self.server.get(f"task/{file['key']}")["Body"], file["key"]), file["sha256"])
        self.assertEqual(self.sync(person).report["outcome"], "unchanged")

    def test_what_the_cloud_does_not_take_waits_in_the_mirror(self):
        person = self.steer("away")
        self.proxy.on(lambda _: True, faults.reset_early, times=1000)
        result = self.sync(person)
        self.assert_stored(result)
        self.assertEqual({name: file["targets"] for name, file in result.files().items()},
                         {"notes.db": ["mirror"], "graph.db": ["mirror"]})
        self.proxy.rules.clear()
        result = self.sync(person)
        self.assertEqual({name: sorted(file["targets"]) for name, file in result.files().items()},
                         {"notes.db": ["cloud", "mirror"], "graph.db": ["cloud", "mirror"]})
