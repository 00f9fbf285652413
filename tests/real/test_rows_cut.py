"""Rows beside a database whose upload is cut off between memories.json and the manifest, or for whose file there is no room:
the database arrives, and in the end each row is there once."""

import contextlib
import json
import signal
import sqlite3

import cases
import data
import sync
import test_resume

TABLE = "{ { table = 'notes', id = 'id', text = 'said', at = 'at' } }"
# Of each such letter JSON makes six.
WIDE = "\x01"
MOUNT = ('mount -t tmpfs -o size=5m,mode=700 tmpfs "$0" && { "$@" > first.json; echo $? > first.code; } && '
         'mount -o remount,size=64m "$0" && exec "$@"')


def notes(path, texts=()):
    """A database of notes; more of them where it is there already."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, said TEXT, at TEXT)")
        begin = database.execute("SELECT count(*) FROM notes").fetchone()[0]
        database.executemany("INSERT INTO notes VALUES (?, ?, ?)", [
            (begin + i, text, f"2026-01-01T00:{(begin + i) // 60:02}:{(begin + i) % 60:02}Z") for i, text in enumerate(texts)])
        database.commit()
    return path


def said_in(documents):
    """What is remembered in all of these memories.json."""
    return sorted(memory["content"] for text in documents for memory in json.loads(text)["conversations"])


class Cut(test_resume.Resume):
    def start_with(self, count):
        self.begin(self.have(cases.world.versitygw), count=0, memories=TABLE)
        self.wanted = [f"note {i}" for i in range(count)]
        self.sources = [self.who.source("notes.db", notes, self.wanted)]

    def committed(self):
        """The memories.json that manifests name."""
        texts = []
        for key in self.server.objects(f"{self.prefix}/"):
            if not key.endswith("/manifest.json"):
                continue
            manifest = json.loads(self.server.get(key)["Body"].read())
            if manifest["conversation_count"]:
                texts.append(self.server.get(key.replace("manifest.json", "memories.json"))["Body"].read())
                self.assertEqual(len(json.loads(texts[-1])["conversations"]), manifest["conversation_count"])
        return texts

    def test_killed_between_the_rows_and_the_manifest(self):
        for heard, grown in ((False, False), (False, True), (True, True)):
            with self.subTest(heard=heard, grown=grown):
                self.start_with(30)
                self.cut(where=lambda r: r.method == "PUT" and r.path.endswith("manifest.json"), heard=heard)
                self.assertTrue([key for key in self.server.objects(self.prefix) if key.endswith("memories.json")])
                self.assertEqual(len(self.committed()), heard)
                self.assertEqual(len(self.who.queue()), 1)
                if grown:
                    self.wanted += ["one more", "and another"]
                    notes(self.sources[0], self.wanted[-2:])
                _, result = self.go_on()
                self.whole(result)
                self.assertEqual(said_in(self.committed()), sorted(self.wanted))
                self.assertEqual(list((self.who.state / "scratch").glob("memories-*")), [])

    def test_killed_while_the_rows_are_sent(self):
        for heard in (False, True):
            with self.subTest(heard=heard):
                self.start_with(12)
                self.cut(where=lambda r: r.method == "PUT" and r.path.endswith("memories.json"), heard=heard)
                self.assertEqual(self.committed(), [])
                _, result = self.go_on()
                self.whole(result)
                self.assertEqual(said_in(self.committed()), sorted(self.wanted))

    def test_interrupted_while_the_rows_are_sent(self):
        self.start_with(12)
        self.cut(signal.SIGTERM, where=lambda r: r.method == "PUT" and r.path.endswith("memories.json"), code=143)
        self.assertEqual(self.committed(), [])
        _, result = self.go_on()
        self.whole(result)
        self.assertEqual(said_in(self.committed()), sorted(self.wanted))


class Full(cases.Case):
    def test_without_room_for_the_rows_the_database_goes_and_they_follow(self):
        self.need_mounts("a small disk of its own")
        person = self.person()
        wanted = [f"{i} " + WIDE * 20_000 for i in range(60)]
        source = person.source("notes.db", notes, wanted)
        person.state.mkdir(mode=0o700)
        text = sync.policy({"here": sync.builder("dir", path=person.folder / "disk")}, memories=TABLE, dedup="'always'",
                           compress="'none'")
        second = person.run(text, [source], before=["/usr/bin/unshare", "-m", "/bin/sh", "-c", MOUNT, str(person.state)])
        first = json.loads((person.folder / "first.json").read_text())
        self.assertEqual((person.folder / "first.code").read_text().strip(), "0", first)
        told = first["targets"][0]["memories_file"]
        self.assertEqual((first["outcome"], told["rows"], told["error"]["source"]), ("stored", 0, "notes.db"))
        self.assertEqual(told["error"]["failure"], "no_space", told)
        self.assert_stored(second, "here")
        told = second.report["targets"][0]["memories_file"]
        self.assertEqual((told["rows"], told["error"]), (60, None))
        found = sorted((person.folder / "disk").rglob("memories.json"))
        self.assertEqual(said_in(path.read_text() for path in found), sorted(wanted))
        for path in (person.folder / "disk").rglob("notes.db"):
            self.assertEqual(data.sha256(path), data.sha256(source))
