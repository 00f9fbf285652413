"""Uses that are unlikely and right: each is delivered, or refused with one error and nothing left behind."""

import json
import os
import shutil
import signal
import sqlite3
import time

import cases
import data
import faults
import sync


class Breaking(cases.Case):
    def begin(self, **fields):
        person = self.person()
        self.target = person.folder / "target"
        person.policy.write_text(sync.policy({"folder": sync.builder("dir", path=self.target)}, **fields))
        (person.folder / "sources").mkdir()
        return person

    def objects(self):
        """Of the only manifest; each is there with the bytes it tells, under a name and key of its own."""
        manifests = list(self.target.rglob("*/manifest.json"))
        self.assertEqual(len(manifests), 1)
        objects = json.loads(manifests[0].read_bytes())["objects"]
        for field in ("name", "key"):
            self.assertEqual(len({o[field] for o in objects}), len(objects), objects)
        for o in objects:
            self.assertEqual(data.sha256(self.target / o["key"]), o["stored_sha256"], o)
        return objects


class Names(Breaking):
    def stored(self, *names, **fields):
        person = self.begin(**fields)
        folder = os.fsencode(person.folder / "sources")
        sources = [os.fsdecode(os.path.join(folder, os.fsencode(name))) for name in names]
        for i, source in enumerate(sources):
            (data.random_bytes if source.endswith((".zst", ".gz")) else data.half_compressible)(source, 200000 + i)
        self.assert_stored(person.run(None, sources))
        return self.objects()

    def test_one_with_the_ending_of_the_codec_beside_one_without(self):
        self.assertEqual(len(self.stored("a.db", "a.db.zst", "a.db.zst.gz", compress="'zstd'")), 3)

    def test_those_of_our_own_objects(self):
        self.assertEqual(len(self.stored("manifest.json", "memories.json", compress="'none'")), 2)

    def test_no_utf8(self):
        found = self.stored(b"mem\xffory%.db", "other.db")
        self.assertTrue(any(o["source_name"].endswith("mem%FFory%25.db") for o in found), found)

    def test_dots_at_the_end(self):
        self.assertEqual(len(self.stored("a.", "...", "..x", compress="'zstd'")), 3)


class Sources(Breaking):
    def test_three_hundred(self):
        person = self.begin()
        sources = [data.half_compressible(person.folder / "sources" / f"{'n' * 180}{i}", 10) for i in range(300)]
        self.assert_stored(person.run(None, sources))
        self.assertEqual(len(self.objects()), 300)

    def refused(self, person, sources, *more, **options):
        result = person.run(None, sources, *more, **options)
        self.assert_code(result, 3)
        self.assertEqual((result.report["outcome"], result.report["error"]["failure"]), ("failed", "settings"), result)
        self.assertEqual(person.queue(), [], result)

    def test_too_many(self):
        person = self.begin()
        self.refused(person, [f"/absent/{i}" for i in range(1001)])

    def test_one_named_twice_leaves_no_job(self):
        person = self.begin()
        source = person.source("kept.bin", data.half_compressible, 1000)
        link = person.folder / "link.bin"
        link.symlink_to(source)
        self.refused(person, [source, link])

    def test_unknown_target_leaves_no_job(self):
        person = self.begin()
        self.refused(person, [person.source("kept.bin", data.half_compressible, 1000)], "--target", "none")

    def test_relative_in_a_folder_that_is_gone(self):
        person = self.begin()
        gone = person.folder / "gone"
        gone.mkdir()
        self.refused(person, ["kept.bin"], before=["/bin/sh", "-c", 'cd gone && rmdir ../gone && exec "$@"', "sh"])

    def test_a_missing_one_whose_name_is_no_utf8_is_told(self):
        person = self.begin()
        for name in (b"/absent/\xff.db", ("/absent/" + "\u00e9" * 1500).encode()):
            result = person.run(None, [os.fsdecode(name)])
            self.assert_code(result, 4)
            self.assertEqual(result.report["error"]["failure"], "source_missing", result)
            self.assertIn("/absent/", result.report["files"][0]["message"], result)


class Beliefs(Breaking):
    def test_one_from_the_future_is_looked_at(self):
        person = self.begin()
        source = person.source("kept.bin", data.half_compressible, 1000)
        self.assert_stored(person.run(None, [source]))
        state = sqlite3.connect(person.state / "state.db")
        state.execute("UPDATE stored SET row_sum = NULL, checked_at_ms = 9000000000000")
        state.commit()
        state.close()
        shutil.rmtree(self.target)
        self.assert_stored(person.run(None, [source]))

    def test_what_a_policy_skips_stays_in_an_older_job(self):
        person = self.begin()
        source = person.source("kept.bin", data.half_compressible, 1000)
        gone = sync.policy({"far": sync.http(url="http://127.0.0.1:9/")}, retry="akosha.retry.none()")
        self.assert_code(person.run(gone, [source]), 1)
        job = person.queue()
        self.assertEqual(len(job), 1)
        text = sync.policy({"folder": sync.builder("dir", path=self.target)}, dedup="function() return 'skip' end")
        self.assert_code(person.run(text, [source]), 0)
        self.assertEqual(person.queue(), job)


class Signals(Breaking):
    def test_one_that_is_ignored_stays_so(self):
        person = self.begin()
        source = person.source("kept.bin", data.half_compressible, 1000)
        with faults.Proxy(1) as proxy:
            proxy.on(lambda r: True, lambda exchange: (time.sleep(1), exchange.reset()), times=100)
            text = sync.policy({"far": sync.http(url=proxy.url + "/upload"),
                                "folder": sync.builder("dir", path=self.target)})
            process = person.start(*person.run_arguments(text, [source]),
                                   before=["/usr/bin/setsid", "/usr/bin/nohup"], stdout=-1)
            while not proxy.asked():
                time.sleep(0.02)
            hang_up(process.pid)
            self.assert_stored(person.finish(process), "folder")


def hang_up(parent):
    """SIGHUP to everything below ${parent}."""
    with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as children:
        for child in map(int, children.read().split()):
            hang_up(child)
            os.kill(child, signal.SIGHUP)
