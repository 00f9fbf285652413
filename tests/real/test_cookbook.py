"""Three wishes of docs/cookbook.md, as they stand but for where they send to, against a real server."""

import contextlib
import re
from pathlib import Path

import cases
import data
import faults
import sync

COOKBOOK = (Path(__file__).resolve().parents[2] / "docs" / "cookbook.md").read_text()


class Cookbook(cases.Case):
    """`cloud` is a bucket of a real server, /mnt/backup a folder of the person's; the rest is the page's."""

    def setUp(self):
        self.server = self.have(cases.world.s3, "versitygw")
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.proxy = stack.enter_context(faults.Proxy(self.server.port))

    def cook(self, name):
        person = self.person()
        text = re.search(rf"`{name}\.lua`:\n\n```lua\n(.*?)```", COOKBOOK, re.DOTALL)[1]
        cloud = sync.s3(self.server, port=self.proxy.port, prefix=name)
        for old, new in (('akosha.s3 { bucket = "my-memories" }', cloud), ('"/mnt/backup"', f'"{person.folder}/disk"')):
            self.assertEqual(text.count(old), 1, text)
            text = text.replace(old, new)
        person.policy.write_text(text)
        return person

    def sync(self, person):
        return person.ask("run", "--json", "--policy", person.policy, "--state", person.state)

    def places(self, result):
        self.assert_stored(result)
        return {name: file["targets"] for name, file in result.files().items()}

    def test_a_second_disk_where_there_is_no_cloud(self):
        person = self.cook("second_disk")
        person.source("notes.db", data.half_compressible, 5000)
        person.source("graph.db", data.half_compressible, 7000, 2)
        # One connection that is refused after another, as at a machine that is off.
        self.proxy.on(lambda _: True, faults.reset_early, times=100)
        self.assertEqual(self.places(self.sync(person)), {"notes.db": ["disk"], "graph.db": ["disk"]})
        self.proxy.rules.clear()
        person.state = person.folder / "later"      # the cloud is not left alone any more
        result = self.sync(person)
        self.assertEqual(self.places(result), {"notes.db": ["cloud"], "graph.db": ["cloud"]})
        key = result.files()["graph.db"]["key"]
        self.assertEqual(data.sha256_of(self.server.get(f"second_disk/{key}")["Body"], key),
                         data.sha256(person.folder / "graph.db"))

    def test_large_files_stay_in_the_house(self):
        person = self.cook("large")
        person.source("notes.db", data.half_compressible, 2 << 20)
        person.source("archive.db", data.half_compressible, (1 << 20) + 1, 2)
        self.assertEqual(self.places(self.sync(person)), {"notes.db": ["cloud"], "archive.db": ["disk"]})
        self.assertEqual([key for key in self.server.objects("large/") if "archive" in key], [])

    def test_plain_files_in_the_folder_and_harder_work_for_the_cloud(self):
        person = self.cook("compress")
        (person.folder / "notes.db").write_bytes(b"the same again and again, " * 4000)
        result = self.sync(person)
        file = result.files()["notes.db"]
        self.assertEqual((file["targets"], file["codec"]), (["cloud"], "zstd"))
        self.assertEqual(data.sha256_of(self.server.get(f"compress/{file['key']}")["Body"], file["key"]),
                         data.sha256(person.folder / "notes.db"))
        self.proxy.die()
        person.state = person.folder / "later"
        file = self.sync(person).files()["notes.db"]
        self.assertEqual((file["targets"], file["codec"]), (["disk"], "none"))
        self.assertEqual((person.folder / "disk" / file["key"]).read_bytes(), (person.folder / "notes.db").read_bytes())
