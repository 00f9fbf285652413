"""The way back: what was stored is brought back as it was, or one clear message and nothing else."""

import http.server
import itertools
import os
import shutil
import subprocess
import threading
from pathlib import Path

import cases
import data
import schema
import sync
import uploads


class Endless:
    """An S3 server whose lists go on and on, with or without names on each page."""

    def __init__(self, full):
        counter = itertools.count()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):
                page = next(counter)
                keys = "".join(f"<CommonPrefixes><Prefix>systems/{sync.SYSTEM}/20260101T000000Z-{page:06d}{i:04d}/"
                               "</Prefix></CommonPrefixes>" for i in range(1000 if full else 0))
                body = ("<?xml version='1.0'?><ListBucketResult><IsTruncated>true</IsTruncated>"
                        f"<NextContinuationToken>t{page}</NextContinuationToken>{keys}</ListBucketResult>").encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


NEW = (data.DATABASES / "knowledge_graph.duckdb").read_bytes()


class Back(cases.Case):
    def setUp(self):
        self.someone = self.person()
        self.root = self.someone.folder / "dir"
        self.to = self.someone.folder / "back"
        self.policy({"here": sync.builder("dir", path=self.root)})

    def policy(self, targets, **fields):
        self.someone.policy.write_text(sync.policy(targets, **fields))

    def ask(self, command, *more, name=None, **options):
        """A command with --json; its document is held against its schema."""
        result = self.someone.ask(command, "--json", "--policy", self.someone.policy, "--state", self.someone.state,
                                  *more, **options)
        if result.report is not None and "schema" in result.report and command != "run":
            schema.check(command, result.report)
        return result

    def restore(self, *more, **options):
        return self.ask("restore", "--to", self.to, *more, **options)

    def sync(self, sources):
        result = self.someone.run(None, sources)
        self.assert_stored(result)
        return result

    def assert_restored(self, result, digests):
        self.assert_code(result, 0)
        self.assertEqual({Path(f["main"]["path"]).name: data.sha256(f["main"]["path"]) for f in result.report["files"]},
                         digests)
        self.assert_tidy()

    def assert_tidy(self):
        """No temporary file is left."""
        if self.to.exists():
            self.assertEqual([p.name for p in self.to.iterdir() if p.name.startswith(".")], [])

    def assert_refused(self, result, code, words):
        self.assert_code(result, code)
        self.assertIn(words, result.report["error"]["message"] if result.report else result.err, result)
        self.assertEqual([line for line in result.err.splitlines() if line.startswith("akosha-sync: ")][1:], [], result)


class Simple(Back):
    def test_what_was_stored_comes_back_from_every_kind_of_target(self):
        places = {"dir": lambda own: sync.builder("dir", path=self.root / own),
                  "versitygw": lambda own: sync.s3(self.have(cases.world.versitygw), prefix=own),
                  "minio": lambda own: sync.s3(self.have(cases.world.minio), prefix=own),
                  "nginx": lambda own: sync.http(url=f"{self.have(cases.world.nginx).url}/{own}")}
        for codec in ("none", "gzip", "zstd"):
            for name, place in places.items():
                with self.subTest(place=name, codec=codec):
                    folder = self.someone.folder / f"{name}-{codec}"
                    folder.mkdir()
                    self.to = folder / "back"
                    sources = data.databases(folder)
                    long = data.half_compressible(folder / "long.bin", 11 * data.MIB + 3)
                    empty = folder / "empty.bin"
                    empty.write_bytes(b"")
                    sources |= {long: data.sha256(long), empty: data.sha256(empty)}
                    self.policy({"there": place(f"back-{codec}")}, compress=f'"{codec}"')
                    self.sync(sources)
                    for quick in ((), ("--quick",)):
                        result = self.ask("verify", *quick)
                        self.assert_code(result, 0)
                        self.assertEqual({o["outcome"] for o in result.report["targets"][0]["objects"]}, {"proven"})
                    result = self.restore()
                    self.assert_restored(result, {path.name: digest for path, digest in sources.items()})
                    opened = {Path(f["source"]).name: f["opened"] for f in result.report["files"]}
                    self.assertEqual(opened["memory.db"], "quick_check")
                    self.assertEqual(opened["reflection.duckdb"], "checksums")
                    shutil.rmtree(folder)

    def test_the_newest_of_every_source_comes_out_of_several_uploads(self):
        uploads.Upload(self.root, "20260101T000000Z-00000a").add("unfinished.txt", b"no manifest")
        first = uploads.Upload(self.root, "20260102T000000Z-00000b")
        first.add("gone.txt", b"left the policy")
        first.add("here.txt", b"first")
        first.commit()
        second = uploads.Upload(self.root, "20260103T000000Z-00000c")
        second.add("here.txt", b"second")
        second.commit()
        result = self.restore()
        self.assert_code(result, 0)
        self.assertEqual({p.name: p.read_bytes() for p in self.to.iterdir()},
                         {"gone.txt": b"left the policy", "here.txt": b"second"})
        shutil.rmtree(self.to)
        self.assert_code(self.restore("here.txt", "--upload", "20260102T000000Z-00000b"), 0)
        self.assertEqual({p.name: p.read_bytes() for p in self.to.iterdir()}, {"here.txt": b"first"})
        self.assert_refused(self.restore("absent.txt"), 1, "absent.txt")
        self.assert_refused(self.restore("--upload", "20260101T000000Z-00000a"), 1, "no complete upload")
        self.assert_refused(self.restore("--upload", "../x"), 1, "no complete upload")
        self.assert_refused(self.restore("--target", "nowhere"), 3, "no target of that name")

    def test_files_of_one_name_come_back_side_by_side(self):
        both = uploads.Upload(self.root, "20260102T000000Z-00000b")
        both.add("a-11111111.db", b"one", source="/x/a.db")
        both.add("a-22222222.db", b"two", source="/y/a.db")
        both.add("sp-ce.txt", b"three", source="/y/sp ce.txt")
        both.commit()
        self.assert_code(self.restore(), 0)
        self.assertEqual({p.name: p.read_bytes() for p in self.to.iterdir()},
                         {"a-11111111.db": b"one", "a-22222222.db": b"two", "sp ce.txt": b"three"})
        shutil.rmtree(self.to)
        self.assert_code(self.restore("/y/a.db"), 0)
        self.assertEqual({p.name: p.read_bytes() for p in self.to.iterdir()}, {"a.db": b"two"})

    def test_a_target_that_lists_for_ever_is_given_up(self):
        for full in (False, True):
            server = Endless(full)
            self.addCleanup(server.stop)
            self.policy({"cloud": sync.s3_at(server.url)})
            for command in ("list",) if full else ("list", "restore"):
                more = ("--to", self.to) if command == "restore" else ()
                result = self.ask(command, *more)
                self.assert_refused(result, 1, "more than 100000 names" if full else "does not end")

    def test_list_shows_databases_with_their_logs(self):
        one = uploads.Upload(self.root, "20260102T000000Z-00000b")
        one.add("m.db", b"main", kind="sqlite")
        one.add("m.db-wal", b"log", source="/home/someone/m.db", kind="sqlite", role="wal")
        one.commit()
        uploads.Upload(self.root, "20260103T000000Z-00000c")
        result = self.ask("list")
        self.assert_code(result, 0)
        listed = result.report["targets"][0]["uploads"]
        self.assertEqual([(u["complete"], u.get("files")) for u in listed], [(True, 1), (False, None)])
        self.assertEqual([o["role"] for o in listed[0]["objects"]], ["main", "wal"])


class InTheWay(Back):
    def setUp(self):
        super().setUp()
        one = uploads.Upload(self.root, "20260102T000000Z-00000b")
        one.add("m.db", NEW, kind="duckdb")
        one.commit()
        self.to.mkdir()

    def test_nothing_that_is_there_is_touched_without_force(self):
        for name in ("m.db", "m.db.wal"):
            (self.to / name).write_bytes(b"mine")
            self.assert_refused(self.restore(), 1, "is there already")
            self.assertEqual([(p.name, p.read_bytes()) for p in self.to.iterdir()], [(name, b"mine")])
            (self.to / name).unlink()
        (self.to / "m.db").symlink_to(self.someone.folder / "elsewhere")
        self.assert_refused(self.restore(), 1, "is there already")
        self.assertFalse((self.someone.folder / "elsewhere").exists())

    def test_force_replaces_a_database_and_takes_its_old_log_away(self):
        (self.to / "m.db").write_bytes(b"old main")
        (self.to / "m.db.wal").write_bytes(b"old log")
        self.assert_code(self.restore("--force"), 0)
        self.assertEqual([(p.name, p.read_bytes()) for p in self.to.iterdir()], [("m.db", NEW)])
        result = self.restore()
        self.assert_code(result, 0)
        self.assertEqual(result.report["files"][0]["outcome"], "present")

    def test_force_replaces_a_link_and_not_what_it_leads_to(self):
        elsewhere = self.someone.folder / "elsewhere"
        elsewhere.write_bytes(b"somebody's")
        (self.to / "m.db").symlink_to(elsewhere)
        self.assert_code(self.restore("--force"), 0)
        self.assertFalse((self.to / "m.db").is_symlink())
        self.assertEqual((elsewhere.read_bytes(), (self.to / "m.db").read_bytes()), (b"somebody's", NEW))

    def test_what_another_program_has_open_for_writing_is_not_replaced(self):
        path = self.to / "m.db"
        path.write_bytes(b"old main")
        holder = subprocess.Popen(["python3", "-c", "import fcntl,sys\nf=open(sys.argv[1],'r+')\nfcntl.lockf(f,fcntl.LOCK_EX)\n"
                                   "print('held',flush=True)\nsys.stdin.read()", str(path)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        try:
            holder.stdout.readline()
            self.assert_refused(self.restore("--force"), 1, "another program has it open")
        finally:
            holder.communicate(b"")
        self.assertEqual(path.read_bytes(), b"old main")

    def test_a_folder_that_cannot_be_restored_to_is_told(self):
        file = self.someone.folder / "file"
        file.write_bytes(b"")
        self.to = file
        self.assert_refused(self.restore(), 1, "is not a folder")
        self.to = self.someone.folder / "no" / "such"
        self.assert_refused(self.restore(), 1, "cannot restore to")


class Hostile(Back):
    """Manifests of somebody who can write to the target."""

    def expect(self, code, words, *more):
        before = sorted(str(p) for p in self.someone.folder.rglob("*") if "state" not in p.parts)
        result = self.restore("--upload", self.one.id, *more)
        self.assert_refused(result, code, words)
        after = sorted(str(p) for p in self.someone.folder.rglob("*") if "state" not in p.parts)
        self.assertEqual([p for p in after if p not in before and Path(p).parent != self.to and Path(p) != self.to and
                          not Path(p).name.startswith("figures-")], [])
        if self.to.exists():
            self.assertEqual([p.name for p in self.to.iterdir() if not p.name.startswith(".akosha-")], [])

    def upload(self, number, *arguments, **fields):
        self.one = uploads.Upload(self.root, f"20260102T000000Z-{number:06x}")
        self.one.add(*arguments, **fields)
        return self.one

    def test_names_that_lead_elsewhere_are_refused(self):
        names = ["../x", "a/b", "/etc/x", "..", ".", "", "a\n", "x" * 300]
        for i, name in enumerate(names):
            self.upload(i, "x", b"x")
            self.one.objects[0]["name"] = name
            self.one.commit()
            self.expect(5, "manifest")

    def test_keys_of_others_are_refused(self):
        keys = ["systems/another/20260102T000000Z-00000b/x", "../x", "/etc/passwd", "systems/test-box/../another/x", "x"]
        for i, key in enumerate(keys):
            self.upload(i, "x", b"x", codec="none")
            self.one.objects[0]["key"] = key
            self.one.commit()
            self.expect(5, "manifest")

    def test_a_source_name_is_never_a_path_to_write_to(self):
        for i, name in enumerate(["/x/..", "/x/.", "/", "../..", "/x/a\tb", "/x/%2e%2e"]):
            self.upload(i, f"safe-{i}", b"x", source=name)
            self.one.commit()
            self.assert_code(self.restore("--upload", self.one.id), 0)
            self.assertEqual((self.to / f"safe-{i}").read_bytes(), b"x")
        self.assertEqual(len(list(self.to.iterdir())), 6)

    def test_what_is_there_twice_is_refused(self):
        self.upload(1, "x", b"x").add("x", b"y", source="/other")
        self.one.commit()
        self.expect(5, "twice")
        self.upload(2, "x", b"x", source="/a").add("y", b"y", source="/a")
        self.one.commit()
        self.expect(5, "twice")
        # A log that would be another source's file.
        self.upload(3, "m", b"x", kind="sqlite", source="/a/m").add("w", b"y", source="/b/m-wal")
        self.one.add("m-wal", b"log", kind="sqlite", role="wal", source="/a/m")
        self.one.commit()
        self.expect(1, "would be restored as")

    def test_sizes_beyond_reason_are_refused_before_anything_is_read(self):
        for i, (size, code) in enumerate([(1 << 62, 7), (9223372036854775807, 7), (-1, 5), (1 << 70, 5)]):
            self.upload(i, "x", b"x")
            self.one.objects[0]["bytes"] = size
            self.one.commit()
            self.expect(code, "")

    def test_bombs_are_stopped_at_the_first_byte_too_much(self):
        for i, codec in enumerate(("gzip", "zstd")):
            self.upload(i, "x", bytes(200 * data.MIB), codec=codec)
            self.one.objects[0]["bytes"] = 1000
            self.one.commit()
            self.expect(5, "more than the 1000 bytes")
            self.assertLess(sum(p.stat().st_size for p in self.to.iterdir()), data.MIB)

    def test_what_is_mangled_at_rest_is_found_by_verify_and_never_gets_its_name(self):
        def shorter(path):
            os.truncate(path, path.stat().st_size - 1)

        def flipped(path):
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content)

        def longer(path):
            with open(path, "ab") as file:
                file.write(b"garbage")

        for i, (codec, spoil) in enumerate((c, s) for c in ("none", "gzip", "zstd")
                                           for s in (shorter, flipped, longer, Path.unlink)):
            entry = self.upload(i, "x", os.urandom(100000), codec=codec).objects[0]
            self.one.commit()
            spoil(self.root / entry["key"])
            result = self.ask("verify", "--upload", self.one.id)
            self.assert_code(result, 5)
            self.assertEqual(result.report["targets"][0]["objects"][0]["outcome"], "corrupt")
            quick = self.ask("verify", "--quick", "--upload", self.one.id)
            self.assert_code(quick, 0 if spoil is flipped else 5)
            self.expect(1 if spoil is Path.unlink else 5, "")

    def test_a_manifest_that_is_damaged_is_told_and_an_older_one_serves(self):
        good = uploads.Upload(self.root, "20260101T000000Z-000001")
        good.add("x", b"good")
        good.commit()
        for i, text in enumerate([b"", b"{", b"[]", b"null", b"{\"format\": \"other\"}", b"\xff" * 100, b"[" * 100000]):
            one = uploads.Upload(self.root, f"20260102T000000Z-{i:06x}")
            (one.folder / "manifest.json").write_bytes(text)
        result = self.restore()
        self.assert_code(result, 0)
        self.assertEqual((self.to / "x").read_bytes(), b"good")
        self.assertEqual(len(result.report["notes"]), 7, result)
        self.assert_refused(self.restore("--force", "--upload", "20260102T000000Z-000001"), 5, "manifest")

    def test_a_manifest_of_another_upload_in_its_place_is_refused(self):
        other = self.upload(1, "x", b"x").commit()
        self.one = uploads.Upload(self.root, "20260102T000000Z-00000f")
        shutil.copy(other.folder / "manifest.json", self.one.folder)
        self.expect(5, "is that of upload")
