"""Databases that are open: each lands with its log, as two objects of one moment, and a session costs its log."""

import hashlib
import json
import shutil
from pathlib import Path

import cases
import data
import sync


class Pairs(cases.Case):
    def setUp(self):
        self.someone = self.person()
        self.sources = data.live_databases(self.someone.folder)

    def log_of(self, path):
        return Path(str(path) + data.LIVE[path.name][1])

    def manifest(self, read, listed):
        newest = sorted(key for key in listed if key.endswith("/manifest.json"))[-1]
        return json.loads(read(newest))

    def check_pairs(self, read, listed, result):
        """Main file and log of each, read back and unpacked by nobody: codec none."""
        manifest = self.manifest(read, listed)
        objects = {(item["source_name"], item["role"]): item for item in manifest["objects"]}
        self.assertEqual(len(objects), 2 * len(self.sources), objects)
        for path, digests in self.sources.items():
            main, wal = objects[(str(path), "main")], objects[(str(path), "wal")]
            self.assertEqual(wal["name"], main["name"] + data.LIVE[path.name][1])
            self.assertEqual(wal["kind"], main["kind"])
            self.assertEqual(wal["snapshot"], main["snapshot"])
            if main["kind"] == "duckdb":
                self.assertEqual(main["snapshot"]["method"], "seqlock")
            for item, digest in zip((main, wal), digests):
                self.assertEqual((item["sha256"], item["stored_sha256"]), (digest, digest))
                self.assertEqual(hashlib.sha256(read(item["key"])).hexdigest(), digest, item["key"])
            told = result.files()[path.name]
            self.assertEqual((told["key"], told["wal"]["key"]), (main["key"], wal["key"]))
            self.assertEqual((told["sha256"], told["wal"]["sha256"]), digests)
        self.assertEqual(len(result.report["files_uploaded"]), 2 * len(self.sources))
        whole = sum(path.stat().st_size + self.log_of(path).stat().st_size for path in self.sources)
        self.assertEqual(result.report["bytes"]["source"], whole)
        self.assertEqual(list((self.someone.state / "snapshots").glob("*")), [])

    def lands(self, target, read, listed):
        result = self.someone.run(sync.policy({"place": target}, compress="'none'"), self.sources)
        self.assert_stored(result, "place")
        self.check_pairs(read, listed(), result)
        result = self.someone.run(None, self.sources)
        self.assert_code(result, 0)
        self.assertEqual((result.report["outcome"], result.report["bytes"]["sent"]), ("unchanged", 0), result)

    def test_into_a_folder(self):
        copies = self.someone.folder / "copies"
        self.lands(sync.builder("dir", path=copies), lambda key: (copies / key).read_bytes(),
                   lambda: [str(path.relative_to(copies)) for path in copies.rglob("*") if path.is_file()])

    def test_into_a_bucket(self):
        server = self.have(cases.world.versitygw)
        self.lands(sync.s3(server, prefix="pairs"), lambda key: server.get("pairs/" + key)["Body"].read(),
                   lambda: [key.removeprefix("pairs/") for key in server.objects("pairs/")])

    def test_over_http(self):
        server = self.have(cases.world.nginx)
        place = server.files / f"pairs-{self.someone.folder.name}"
        self.lands(sync.http(url=f"http://127.0.0.1:{server.port}/upload/{place.name}"), lambda key: (place / key).read_bytes(),
                   lambda: [str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()])

    def test_a_session_costs_its_log(self):
        """The owner stays: only the log grows, and the manifest names the main file where it was."""
        copies = self.someone.folder / "copies"
        path = next(path for path in self.sources if path.name == "reflection.duckdb")
        log, whole = self.log_of(path), self.log_of(path).read_bytes()
        log.write_bytes(whole[:len(whole) // 3])
        result = self.someone.run(sync.policy({"place": sync.builder("dir", path=copies)}), [path])
        self.assert_stored(result, "place")
        first = result.files()[path.name]
        log.write_bytes(whole)
        result = self.someone.run(None, [path])
        self.assert_stored(result, "place")
        second = result.files()[path.name]
        self.assertEqual((second["key"], second["sha256"]), (first["key"], first["sha256"]))
        self.assertNotEqual(second["wal"]["key"], first["wal"]["key"])
        self.assertEqual(result.report["files_uploaded"], [Path(second["wal"]["key"]).name])
        self.assertEqual(result.report["bytes"]["sent"], second["wal"]["stored_bytes"])
        print(f"      {result.report['bytes']['sent']:,} bytes were sent for a session of {len(whole):,} bytes of log, "
              f"beside a database of {path.stat().st_size:,}")
        # The owner has gone, and its log with it: the absence of one counts too.
        log.unlink()
        result = self.someone.run(None, [path])
        self.assert_stored(result, "place")
        third = result.files()[path.name]
        self.assertEqual((third["key"], "wal" in third, result.report["files_uploaded"]), (first["key"], False, []))
        result = self.someone.run(None, [path])
        self.assertEqual(result.report["outcome"], "unchanged", result)

    def test_a_log_as_a_source_of_its_own_makes_way(self):
        copies = self.someone.folder / "copies"
        path = next(path for path in self.sources if path.name == "memory.db")
        result = self.someone.run(sync.policy({"place": sync.builder("dir", path=copies)}), [path, self.log_of(path)])
        self.assert_stored(result, "place")
        names = sorted(file["name"] for file in result.report["files"])
        self.assertEqual(names[1], "memory.db")
        self.assertRegex(names[0], r"^memory-[0-9a-f]{8}\.db-wal$")

    def test_a_dry_run_takes_no_copy(self):
        text = sync.policy({"place": sync.builder("dir", path=self.someone.folder / "copies")})
        result = self.someone.run(text, self.sources, "--dry-run")
        self.assert_code(result, 0)
        self.assertEqual({file["outcome"] for file in result.report["files"]}, {"skipped"}, result)
        self.assertFalse((self.someone.state / "snapshots").exists())

    def test_no_room_for_a_copy_is_told_and_kept(self):
        """A source that needs a private copy beside a state folder that cannot hold one."""
        shutil.rmtree(self.someone.state, ignore_errors=True)
        self.someone.state.mkdir(mode=0o700)
        (self.someone.state / "snapshots").write_text("no folder")
        text = sync.policy({"place": sync.builder("dir", path=self.someone.folder / "copies")})
        result = self.someone.run(text, self.sources)
        self.assertNotEqual(result.code, 0, result)
        self.assertEqual(len(self.someone.queue()), 1, result)
