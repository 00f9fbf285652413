"""Jobs that something has happened to while they waited: told with their file, left where they are, in nobody's way."""

import json

import cases
import data
import sync


class Jobs(cases.Case):
    def setUp(self):
        self.someone = self.person()
        self.source = self.someone.source("notes.txt", data.random_bytes, 1000)
        self.other = self.someone.source("other.txt", data.random_bytes, 1000, 2)
        text = sync.policy({"away": sync.builder("http", url="http://127.0.0.1:1/upload")}, retry="akosha.retry.none()")
        result = self.someone.run(text, [self.source])
        self.assert_code(result, 1)
        self.job, = (self.someone.state / "queue").glob("*.json")
        self.kept = json.loads(self.job.read_text())

    def status(self):
        return self.someone.ask("status", "--state", self.someone.state)

    def test_a_damaged_one_is_told_and_stays(self):
        def but(**members):
            return json.dumps({**self.kept, **members})

        modules = {"m.lua": "x"}
        for text, why in (
                ("", "it is no JSON"), (json.dumps(self.kept)[:100], "it is no JSON"), ("[]", "it is no job"),
                ('{"a": 1}', "it is no job"),
                (but(format="akosha-job/9"), 'it is of format "akosha-job/9", this program knows "akosha-job/1"'),
                (but(id="mine"), ""), (but(id="20200101T000000Z-abcdef"), "it holds another job than its name says"),
                (but(sources=7), '"sources" is missing or wrong'), (but(sources=["relative"]), "source"),
                (but(sources=[self.kept]), "wrong"),
                (but(folder="relative"), "folder"), (but(enqueued_at_ms="now"), '"enqueued_at_ms" is missing or wrong'),
                (but(no_fallback=7), "no_fallback"),
                (but(policy=[]), "policy"), (but(policy=modules), "policy"), (but(variables={"A": 7}), ""),
                (but(target=""), "target"),
                (but(replaces=["x"]), "replaces")):
            with self.subTest(text=text[-80:]):
                self.job.write_text(text)
                shown = self.status()
                self.assertNotIn("Sanitizer", shown.err, shown)
                said = shown.out + shown.err
                self.assertIn(self.job.name.removesuffix(".json"), said)
                self.assertIn("damaged, and left alone", said)
                self.assertIn(why, said)
                self.assertEqual(self.job.read_text(), text)
        # Others go on meanwhile, and this one once it is mended.
        self.job.write_text("damaged")
        place = sync.policy({"here": sync.builder("dir", path=self.someone.folder / "disk")})
        self.assert_stored(self.someone.run(place, [self.other]), "here")
        self.assertEqual(self.someone.queue(), [self.job.name])
        self.job.write_text(json.dumps(self.kept))
        self.assert_stored(self.someone.run(place, [self.source]), "here")
        self.assertEqual(self.someone.queue(), [])
