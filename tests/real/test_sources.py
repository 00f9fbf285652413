"""What a policy's globs and tables of sources stand for in real folders, in which order they go, and what each is told."""

import os

import cases
import data
import sync


class Sources(cases.Case):
    def setUp(self):
        self.someone = self.person()
        self.notes = self.someone.folder / "notes"
        for name in ("b.md", "a.md", "z.txt", ".hidden.md", "deep/one/c.md", "deep/two/d.md", "deep/two/D.md", "kept.db", "kept.db-wal",
                     "kept.duckdb.wal", "deep/[x].md"):
            path = self.notes / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name} " * 200)
        (self.notes / "folder.md").mkdir()
        (self.notes / "link.md").symlink_to(self.notes / "z.txt")
        (self.notes / "nowhere.md").symlink_to(self.notes / "gone")
        os.mkfifo(self.notes / "pipe.md")

    def sync(self, sources, *more, code=0, given=(), **fields):
        text = sync.policy({"here": sync.builder("dir", path=self.someone.folder / "disk")}, sources="{ %s }" % sources, **fields)
        result = self.someone.run(text, given, *more)
        self.assert_code(result, code)
        return result

    def names(self, result):
        return [file["name"] for file in result.report["files"]]

    def test_globs_find_files_in_the_order_of_their_bytes(self):
        for glob, names in (("notes/*.md", ["a.md", "b.md", "link.md"]), ("notes/.*.md", [".hidden.md"]), ("notes/?.md", ["a.md", "b.md"]),
                            ("notes/deep/*/*.md", ["c.md", "D.md", "d.md"]), ("notes/deep/*/[a-z].md", ["c.md", "d.md"]),
                            ("notes/deep/two/[!a-z].md", ["D.md"]), ("notes/kept*", ["kept.db"]), ("notes/*/two/d.m?", ["d.md"])):
            with self.subTest(glob=glob):
                self.assertEqual(self.names(self.sync(f"{{ glob = '{glob}' }}", "--dry-run")), names)
        # Once each: as its path says, else as the first glob; and a link is the file that it leads to.
        self.assertEqual(self.names(self.sync("'notes/*.md', 'notes/a.md', 'notes/?.*'", "--dry-run")), ["b.md", "link.md", "a.md"])
        self.assertEqual(self.names(self.sync(f"'{self.notes}/deep/*/c.md', {{ path = 'notes/deep/[x].md', name = 'x.md' }}", "--dry-run")),
                         ["c.md", "x.md"])

    def test_each_is_sent_as_its_table_says_and_the_urgent_ones_first(self):
        result = self.sync("""{ glob = 'notes/?.md', codec = { codec = 'gzip', level = 9 }, priority = -1 }, 'notes/z.txt',
            { path = 'notes/deep/one/c.md', name = 'first.md', codec = 'none', priority = 10 }, { path = 'notes/kept.db', kind = 'file' }""")
        self.assertEqual([(file["name"], file["kind"], file["codec"]) for file in result.report["files"]],
                         [("first.md", "file", "none"), ("z.txt", "file", "zstd"), ("kept.db", "file", "zstd"), ("a.md", "file", "gzip"),
                          ("b.md", "file", "gzip")])
        for file in result.report["files"]:
            stored = self.someone.folder / "disk" / file["key"]
            with open(stored, "rb") as stream:
                self.assertEqual(data.sha256_of(stream, stored.name), data.sha256(file["source"]))
        # What the command line names has what the policy says of that file.
        (self.notes / "a.md").write_text("another " * 300)
        given = self.sync("{ glob = 'notes/?.md', codec = { codec = 'gzip', level = 9 } }, 'notes/z.txt'", given=[self.notes / "a.md"])
        self.assertEqual([(file["name"], file["codec"]) for file in given.report["files"]], [("a.md", "gzip")])

    def test_a_glob_without_files_and_a_path_without_one(self):
        result = self.sync("'notes/*.none', 'notes/a.md'")
        self.assertEqual([(file["outcome"], file["name"], file["reason"]) for file in result.report["files"] if file["outcome"] != "stored"],
                         [("skipped", "-.none", "no file matches")])
        alone = self.sync("'notes/*.none'", code=4)
        self.assertEqual((alone.report["outcome"], alone.report["error"]["failure"]), ("failed", "source_missing"))
        self.assertEqual(self.someone.queue(), [])
        missing = self.sync("'notes/absent.md', 'notes/b.md'", code=4)
        self.assertEqual({file["name"]: file["outcome"] for file in missing.report["files"]}, {"absent.md": "queued", "b.md": "stored"})
        self.assertEqual(len(self.someone.queue()), 1)
        self.sync("'notes/absent.md', 'notes/b.md'", missing="'skip'")

    def test_what_cannot_be_meant_is_an_error(self):
        for sources, words in (
                ("{ path = 'a', glob = 'b' }", "glob"), ("{}", "path"), ("{ glob = 'notes/**/x' }", "**"), ("{ glob = 'notes/[a' }", "["),
                               ("'a.md', 'a.md'", "a.md"), ("{ path = 'a', name = 'b/c' }", "name"),
                               ("{ glob = '*.md', name = 'x' }", "name"),
                               ("{ path = 'a', priority = 1001 }", "priority"), ("{ path = 'a', kind = 'oracle' }", "kind"),
                               ("7", "sources"),
                               ("{ path = 'a', codec = 'zip' }", "codec"), ("{ pth = 'a' }", 'did you mean "path"?')):
            with self.subTest(sources=sources):
                result = self.sync(sources, code=3)
                self.assertIn(words, result.err)
                self.assertIn("sources", result.err)


class Deciding(cases.Case):
    """Rules as functions: what they answer is done, and one that fails ends the run before anything goes anywhere."""

    def setUp(self):
        self.someone = self.person()
        self.source = self.someone.source("notes.txt", lambda path: path.write_text("all the same " * 2000))
        self.disk = self.someone.folder / "disk"

    def run_with(self, code=0, **fields):
        targets = {"away": sync.builder("http", url="http://127.0.0.1:1/upload"), "here": sync.builder("dir", path=self.disk)}
        result = self.someone.run(sync.policy(targets, **{"retry": "akosha.retry.none()", **fields}), [self.source])
        self.assert_code(result, code)
        return result

    def test_one_that_fails_says_what_it_was_asked_and_the_work_stays(self):
        wrong = "function(facts) return facts.nothing.more end"
        for name, function, words in (
                ("route", wrong, "asked about source notes.txt (file, 26000 bytes)"),
                ("route", "function() return 'heer' end", 'did you mean "here"?'),
                ("route", "function() return 7 end", "expected names of targets or nil, got number 7"),
                ("dedup", wrong, "asked about source notes.txt, target here, changed"),
                ("dedup", "function() return 'perhaps' end", "in dedup"),
                ("compress", wrong, "asked about source notes.txt, target here, sample ratio "),
                ("compress", "function() return 'zip' end", "in compress"),
                ("retry", wrong, "asked about target away, probe: refused, attempt 1"),
                ("retry", "function() return 'wait' end", "in retry"),
                ("throttle", wrong, "in throttle")):
            with self.subTest(name=name, words=words):
                result = self.run_with(code=3, **{name: function, **({} if name in ("retry", "route") else {"route": "'here'"})})
                self.assertEqual(result.report["error"]["failure"], "policy")
                self.assertIn(f"in {name}: ", result.err)
                self.assertIn(words, result.err)
                self.assertEqual(len(self.someone.queue()), 1)
                self.assertEqual(list(self.disk.rglob("manifest.json")), [])
        self.assert_stored(self.run_with(), "here")

    def test_what_they_answer_is_done_and_told(self):
        result = self.run_with(
            route="function(source, targets, now) if source.kind == 'file' and #targets == 2 and targets.away.kind == 'http' then "
                  "return { 'away', 'here' } end end",
            retry="function(failure, now) if failure.name == 'refused' and now.clock.weekday then "
                  "return akosha.retry.fixed { first = 0.1, tries = 2 } end end",
            compress="function(facts) return { codec = 'gzip', level = facts.sample_ratio > 1 and 9 or 1 } end",
            dedup="function(facts) return not facts.unchanged and 'upload' or nil end",
            throttle="function(now) return now.clock.hour < 24 and 1 << 30 end",
            finished="function(report) akosha.log('finished', report.outcome, report.files[1].codec, #report.files) end")
        self.assert_stored(result, "here")
        self.assertEqual(result.files()["notes.txt"]["codec"], "gzip")
        by = {(d["question"], d["answer"].split(" ")[0]) for d in result.decisions if d["by"].startswith("policy")}
        self.assertLessEqual({("route", "away,"), ("compress", "gzip")}, by, result.decisions)
        self.someone.run(None, [self.source], "--verbose")
        told = self.someone.run(None, [self.source], "--verbose")
        self.assertIn("finished unchanged", told.err.replace("\t", " "))

    def test_an_error_in_what_is_told_at_the_end_changes_nothing_of_it(self):
        result = self.run_with(finished="function(report) return report.nothing.more end", route="'here'")
        self.assertEqual(result.report["outcome"], "stored")
        self.assertEqual(self.someone.queue(), [])
