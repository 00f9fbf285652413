"""The way back on bad days: cut off, mangled on its way, replaced meanwhile, no room; and what it takes."""

import http.server
import os
import shutil
import signal
import subprocess
import threading
import time
from functools import partial
from pathlib import Path

import cases
import data
import engines
import faults
import sync
import test_restore
import uploads
from world import BUCKET

# What the engines find in version 2 of the databases of tests/data: {table: [rows, digest of them all]}.
VERSION_2 = {
    "reflection.duckdb": {
        "conversations_v2": [1640, "6947969f96b2d43d10bd020aaff190a887d9c303a5979cd5a41df048b8d11d46"],
        "memory_provenance": [800, "fdaeaa56dd8c5cff4f09ab29928a87336d90909344ff521b406cf9a09f5ce6d5"],
        "query_cache_l2": [12, "3ccb854d3fa1c3e92218b632b2d5219193c7e29dfdd6060c8f7149eeac7e624e"],
        "reflections_v2": [405, "1216b3b3023c5042a22621dfc2581d12d02381e6ce645e03b940c532f2140d73"]},
    "knowledge_graph.duckdb": {
        "kg_entities": [1015, "fb5194db69a21c165e883524379d3cd51883f3ea3612281ff222b1ae691e4ea4"],
        "kg_relationships": [2020, "af8cb0d65335b5ade8e3495e920b09b62b953a66fb04d0ab0013ef2d4e78bcf9"]},
    "memory.db": {
        "memories": [1222, "72a139ecfbf3c9b27b3b2e80f90211a830643642326c4bd807be3998c973ab47"],
        "meta": [1, "ee23898fb4a85534d6793aa58969c862343fb9101a2ffd0682a52916a9ca6302"]}}


def is_range(request):
    return request.method == "GET" and "Range" in request.headers


class Mangled:
    """Forwards, with one bit of the reply turned."""

    def __call__(self, exchange):
        answer = exchange.answer

        def turned(status, headers, body):
            if is_range(exchange.request) and body:
                body = body[:-1] + bytes([body[-1] ^ 1])
            answer(status, headers, body)

        exchange.answer = turned
        try:
            exchange.forward()
        finally:
            exchange.answer = answer


class OnTheWay(test_restore.Back):
    """A file in versitygw, with a proxy between."""

    def begin(self, size, codec):
        server = self.have(cases.world.versitygw)
        proxy = faults.Proxy(server.port)
        self.addCleanup(proxy.die)
        self.prefix = f"on-the-way-{time.monotonic_ns()}"
        self.source = data.half_compressible(self.someone.folder / "long.bin", size)
        self.digest = data.sha256(self.source)
        self.policy({"cloud": sync.s3(server, port=proxy.port, prefix=self.prefix)}, compress=f'"{codec}"')
        self.stored = self.sync([self.source]).report["files"][0]
        proxy.requests.clear()
        return server, proxy

    def test_a_restore_that_is_killed_goes_on_where_it_was(self):
        for codec, kill in (("none", signal.SIGKILL), ("zstd", signal.SIGKILL), ("gzip", signal.SIGTERM)):
            with self.subTest(codec=codec, kill=kill):
                shutil.rmtree(self.to, ignore_errors=True)
                _, proxy = self.begin(90 * data.MIB, codec)
                ranges = -(-self.stored["stored_bytes"] // data.MIB)
                proxy.on(is_range, faults.silent, first=ranges * 3 // 4, times=1000)
                process = self.someone.start("restore", "--json", "--policy", self.someone.policy, "--state",
                                             self.someone.state, "--to", self.to)
                deadline = time.monotonic() + 60
                while len(proxy.asked(is_range)) < ranges * 3 // 4 + 1 and time.monotonic() < deadline:
                    time.sleep(0.02)
                child = int(subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True,
                                           check=True).stdout.split()[0])
                os.kill(child, kill)
                ended = self.someone.finish(process)
                self.assertIn(ended.code, (-9, 137) if kill == signal.SIGKILL else (143,), ended)
                self.assertFalse((self.to / "long.bin").exists())
                proxy.rules.clear()
                proxy.requests.clear()
                result = self.restore()
                self.assert_restored(result, {"long.bin": self.digest})
                self.assertGreaterEqual(result.report["files"][0]["main"]["resumed_bytes"], 32 * data.MIB, result)
                self.assertLess(len(proxy.asked(is_range)), ranges * 3 // 4, "nothing was saved")

    def test_a_part_that_was_changed_meanwhile_is_found_and_begun_anew(self):
        _, proxy = self.begin(60 * data.MIB, "zstd")
        proxy.on(is_range, faults.s3_error(403, "AccessDenied"), first=25, times=1000)
        self.assert_code(self.restore(), 6)
        part = next(self.to.glob(".akosha-*.part"))
        with open(part, "r+b") as file:
            file.seek(1000)
            file.write(b"changed")
        proxy.rules.clear()
        result = self.restore()
        self.assert_restored(result, {"long.bin": self.digest})
        self.assertEqual(result.report["files"][0]["main"]["resumed_bytes"], 0)
        self.assertIn("read once more", result.report["notes"][0])

    def test_what_is_mangled_on_its_way_is_read_once_more_and_never_believed(self):
        _, proxy = self.begin(9 * data.MIB, "none")
        proxy.on(is_range, Mangled(), first=3, times=1)
        self.assert_restored(self.restore(), {"long.bin": self.digest})
        shutil.rmtree(self.to)
        proxy.on(is_range, Mangled(), times=1000)
        self.assert_refused(self.restore(), 5, "digest")
        self.assertFalse((self.to / "long.bin").exists())
        result = self.ask("verify")
        self.assert_refused(result, 5, "digest")

    def test_an_object_that_is_replaced_while_it_is_read_is_noticed(self):
        server, proxy = self.begin(12 * data.MIB, "none")
        key = f"{self.prefix}/{self.stored['key']}"
        same = self.source.read_bytes()

        def replace(content, exchange):
            server.client().put_object(Bucket=BUCKET, Key=key, Body=content)
            exchange.forward()

        proxy.on(is_range, partial(replace, os.urandom(len(same))), first=4)
        self.assert_refused(self.restore(), 5, "")
        self.assertFalse((self.to / "long.bin").exists())
        server.client().put_object(Bucket=BUCKET, Key=key, Body=same)
        proxy.rules.clear()
        self.assert_restored(self.restore(), {"long.bin": self.digest})

    def test_a_server_that_fails_for_a_while_is_asked_again(self):
        _, proxy = self.begin(9 * data.MIB, "zstd")
        proxy.on(is_range, faults.s3_error(503, "SlowDown"), first=2, times=2)
        proxy.on(is_range, faults.reset, first=5)
        proxy.on(is_range, faults.cut, first=6)
        self.assert_restored(self.restore(), {"long.bin": self.digest})


class ReadBack(test_restore.Back):
    """verify = "read_back": what was sent is read again before readers may see it."""

    def test_what_does_not_verify_right_after_it_was_stored_is_never_shown(self):
        server = self.have(cases.world.versitygw)
        for codec in ("none", "zstd"):
            prefix = f"read-back-{time.monotonic_ns()}"
            source = data.half_compressible(self.someone.folder / f"{codec}.bin", 12 * data.MIB)
            with faults.Proxy(server.port) as proxy:
                self.policy({"cloud": sync.s3(server, port=proxy.port, prefix=prefix)}, compress=f'"{codec}"',
                            verify='"read_back"')
                proxy.on(is_range, Mangled(), times=1000)
                result = self.someone.run(None, [source])
                self.assert_code(result, 5)
                self.assertEqual(result.report["error"]["failure"], "corrupt")
                self.assertIn("what was just stored does not verify", result.report["error"]["message"])
                self.assertEqual(len(self.someone.queue()), 1)
                self.assertEqual([k for k in server.objects(f"{prefix}/") if k.endswith("/manifest.json")], [])
                proxy.rules.clear()
                proxy.requests.clear()
                result = self.someone.run(None, [source])
                self.assert_stored(result, "cloud")
                self.assertEqual(self.someone.queue(), [])
                stored = result.report["files"][0]["stored_bytes"]
                self.assertGreaterEqual(len(proxy.asked(is_range)), -(-stored // data.MIB))


class Lost(test_restore.Back):
    """The state folder is gone, and what is stored is known again."""

    def test_what_has_not_changed_is_not_sent_again(self):
        places = {"dir": lambda: sync.builder("dir", path=self.root),
                  "minio": lambda: sync.s3(self.have(cases.world.minio), prefix=f"lost-{time.monotonic_ns()}")}
        for name, place in places.items():
            with self.subTest(place=name):
                folder = self.someone.folder / name
                folder.mkdir()
                sources = [data.half_compressible(folder / f"{i}.bin", 7 * data.MIB, seed=i) for i in range(3)]
                self.policy({"there": place()})
                self.sync(sources)
                shutil.rmtree(self.someone.state)
                result = self.someone.run(None, sources)
                self.assert_code(result, 0)
                self.assertEqual((result.report["outcome"], result.report["bytes"]["sent"]), ("unchanged", 0), result)
                shutil.rmtree(self.someone.state)
                data.random_bytes(sources[1], 1000)
                result = self.someone.run(None, sources)
                self.assert_stored(result, "there")
                self.assertEqual({n: f["outcome"] for n, f in result.files().items()},
                                 {"0.bin": "unchanged", "1.bin": "stored", "2.bin": "unchanged"})
                self.to = folder / "back"
                self.assert_restored(self.restore(), {p.name: data.sha256(p) for p in sources})


class Drill(test_restore.Back):
    def test_a_worker_tries_a_restore_out_when_it_is_due(self):
        source = data.half_compressible(self.someone.folder / "x.bin", 3 * data.MIB)
        self.policy({"here": sync.builder("dir", path=self.root)}, drill='"weekly"')
        result = self.someone.ask("status", "--json", "--state", self.someone.state)
        self.assertIsNone(result.report["last_proven_restore_at"])
        for _ in range(2):
            self.assert_code(self.someone.ask("enqueue", "--policy", self.someone.policy, "--state", self.someone.state,
                                              source), 0)
            self.assert_code(self.someone.ask("worker", "--once", "--state", self.someone.state), 0)
            deadline = time.monotonic() + 60
            while self.someone.queue() and time.monotonic() < deadline:
                time.sleep(0.05)
        deadline = time.monotonic() + 60
        proven = None
        while proven is None and time.monotonic() < deadline:
            result = self.someone.ask("status", "--json", "--state", self.someone.state)
            proven = result.report["last_proven_restore_at"]
        self.assertIsNotNone(proven, result)
        while (self.someone.state / "drill").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertFalse((self.someone.state / "drill").exists())


class Whole(http.server.SimpleHTTPRequestHandler):
    """A server that knows no Range."""

    def log_message(self, *_):
        pass


class WholeServer(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Who has read enough hangs up."""


class WithoutRange(test_restore.Back):
    def test_it_is_read_whole_up_to_a_limit_and_told(self):
        server = WholeServer(("127.0.0.1", 0), partial(Whole, directory=str(self.root)))
        self.root.mkdir()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        one = uploads.Upload(self.root, "20260102T000000Z-00000b")
        content = os.urandom(10 * data.MIB)
        one.add("fits.bin", content, codec="none")
        one.commit()
        two = uploads.Upload(self.root, "20260103T000000Z-00000b")
        two.add("large.bin", bytes(65 * data.MIB), codec="none")
        two.commit()
        self.policy({"http": sync.http(url=f"http://127.0.0.1:{server.server_address[1]}")})
        result = self.restore("--upload", one.id)
        self.assert_code(result, 0)
        self.assertEqual((self.to / "fits.bin").read_bytes(), content)
        self.assert_refused(self.restore("--upload", two.id), 1, "no parts of files")


class NoRoom(test_restore.Back):
    def test_too_little_room_is_known_before_anything_is_written(self):
        self.need_mounts("a small disk")
        one = uploads.Upload(self.root, "20260102T000000Z-00000b")
        one.add("x.bin", os.urandom(8 * data.MIB))
        one.commit()
        self.to.mkdir()
        mount = 'mount -t tmpfs -o size=4m tmpfs "$0" && "$@"; code=$?; ls -A "$0" >&2; exit $code'
        result = self.restore(before=["/usr/bin/unshare", "-m", "/bin/sh", "-c", mount, str(self.to)])
        self.assert_code(result, 7)
        self.assertEqual(result.report["error"]["failure"], "no_space")
        self.assertEqual(len(result.err.splitlines()), 1, result)


class Pairs(test_restore.Back):
    """Databases with their logs, as an agent leaves them when its session ends."""

    def assert_version_2(self, folder, names=tuple(VERSION_2)):
        python = self.have(engines.duckdb_python)
        for name in names:
            self.assertEqual(engines.tables(folder / name, None if name == "memory.db" else python), VERSION_2[name], name)

    def forge(self, codec="zstd"):
        one = uploads.Upload(self.root, "20260102T000000Z-00000b")
        for name, (log, suffix) in data.LIVE.items():
            kind = "sqlite" if suffix == "-wal" else "duckdb"
            one.add(name, (data.DATABASES / name).read_bytes(), kind=kind, codec=codec)
            one.add(name + suffix, (data.DATABASES / log).read_bytes(), source=f"/home/someone/{name}", kind=kind,
                    role="wal", codec=codec)
        return one

    def test_a_pair_comes_back_as_it_was_and_opens_with_exactly_the_rows_of_its_session(self):
        self.forge().commit()
        result = self.restore()
        self.assert_code(result, 0)
        self.assert_tidy()
        for name, (log, suffix) in data.LIVE.items():
            for stored, path in ((name, self.to / name), (log, self.to / (name + suffix))):
                self.assertEqual(path.read_bytes(), (data.DATABASES / stored).read_bytes(), path)
        self.assertEqual(sorted(p.name for p in self.to.iterdir()),
                         sorted([*data.LIVE, *(name + suffix for name, (_, suffix) in data.LIVE.items())]))
        self.assert_version_2(self.to)

    def test_live_databases_synced_and_restored_have_exactly_the_rows_of_version_2(self):
        places = {"dir": lambda: sync.builder("dir", path=self.root),
                  "versitygw": lambda: sync.s3(self.have(cases.world.versitygw), prefix=f"pairs-{time.monotonic_ns()}"),
                  "minio": lambda: sync.s3(self.have(cases.world.minio), prefix=f"pairs-{time.monotonic_ns()}"),
                  "nginx": lambda: sync.http(url=f"{self.have(cases.world.nginx).url}/pairs-{time.monotonic_ns()}")}
        for name, place in places.items():
            with self.subTest(place=name):
                folder = self.someone.folder / name
                folder.mkdir()
                sources = data.live_databases(folder)
                self.policy({"there": place()})
                self.sync(sources)
                self.to = folder / "back"
                result = self.restore()
                self.assert_code(result, 0)
                self.assert_tidy()
                for path, digests in sources.items():
                    pair = (path.name, path.name + data.LIVE[path.name][1])
                    self.assertEqual(tuple(data.sha256(self.to / one) for one in pair), digests, path.name)
                self.assert_version_2(self.to)
                # Nothing was done to the person's own.
                for path, digests in sources.items():
                    pair = (path, path.with_name(path.name + data.LIVE[path.name][1]))
                    self.assertEqual(tuple(data.sha256(one) for one in pair), digests, path.name)
                shutil.rmtree(folder)

    def test_neither_half_gets_its_name_if_the_other_does_not_verify(self):
        for role in ("main", "wal"):
            one = self.forge()
            one.commit()
            for entry in one.objects:
                if entry["role"] == role:
                    path = self.root / entry["key"]
                    path.write_bytes(path.read_bytes()[:-1])
            self.assert_refused(self.restore(), 5, "")
            self.assertEqual([p.name for p in self.to.iterdir() if not p.name.startswith(".akosha-")], [])
            shutil.rmtree(self.root)

    def test_a_database_that_is_damaged_is_told_before_it_gets_its_name(self):
        for name, kind, at, words in (("memory.db", "sqlite", 4096 * 7, "SQLite finds that it is damaged"),
                                      ("reflection.duckdb", "duckdb", 300000, "block 1 does not have its checksum"),
                                      ("reflection.duckdb", "duckdb", 4100, "headers")):
            one = uploads.Upload(self.root, f"20260102T000000Z-{at:06x}")
            content = bytearray((data.DATABASES / name).read_bytes())
            content[at:at + 8192] = os.urandom(8192)
            one.add(name, bytes(content), kind=kind)
            one.commit()
            self.assert_refused(self.restore(), 5, words)
            self.assertFalse((self.to / name).exists())
            shutil.rmtree(one.folder)


class Memory(test_restore.Back):
    """A gigabyte takes what a megabyte takes: the program as people run it."""

    def test_restoring_takes_little_memory(self):
        self.someone = self.person(figures=True)
        server = self.have(cases.world.versitygw, True)
        for codec, size, most in (("none", 200 * data.MIB, 36), ("zstd", 1024 * data.MIB, 36)):
            self.to = self.someone.folder / f"back-{codec}"
            source = data.half_compressible(self.someone.folder / f"{codec}.bin", size)
            digest = data.sha256(source)
            self.policy({"cloud": sync.s3(server, prefix=f"memory-{codec}")}, compress=f'"{codec}"')
            self.sync([source])
            source.unlink()
            result = self.restore()
            self.assert_restored(result, {source.name: digest})
            print(f"{size // data.MIB} MiB as {codec}: {result.rss_mib:.1f} MiB, "
                  f"{size / data.MIB / result.wall_s:.0f} MiB/s", end=" ", flush=True)
            self.assertLessEqual(result.rss_mib, most)
            shutil.rmtree(self.to)
