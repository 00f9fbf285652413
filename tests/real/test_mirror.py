"""A mirror over real servers: each has the same bytes, one that fails keeps nobody, and later it has them too."""

import json
import os
import signal

import cases
import data
import faults
import sync


class Mirror(cases.Case):
    def setUp(self):
        self.first = self.have(cases.world.versitygw)
        self.second = self.have(cases.world.minio)
        self.someone = self.person()
        self.folder = self.someone.folder / "copies"

    def text(self, prefix, route, first_port=None, second_port=None):
        return sync.policy({
            "first": sync.s3(self.first, port=first_port, prefix=prefix),
            "second": sync.s3(self.second, port=second_port, prefix=prefix),
            "folder": sync.builder("dir", path=self.folder)}, route=f"akosha.route.{route}")

    def s3_holds(self, server, prefix, file, digest):
        """The object that the report names is there, whole, and in the newest manifest."""
        copy = next(c for c in file["mirror"]["copies"] if c["target"] == ("first" if server is self.first else "second"))
        self.assertEqual(data.sha256_of(server.get(f"{prefix}/{copy['key']}")["Body"], copy["key"]), digest, copy)
        manifests = sorted(key for key in server.objects(f"{prefix}/") if key.endswith("/manifest.json"))
        manifest = json.load(server.get(manifests[-1])["Body"])
        self.assertIn(copy["key"], [entry["key"] for entry in manifest["objects"]])

    def folder_holds(self, file, digest):
        copy = next(c for c in file["mirror"]["copies"] if c["target"] == "folder")
        with open(self.folder / copy["key"], "rb") as stored:
            self.assertEqual(data.sha256_of(stored, copy["key"]), digest, copy)

    def outcomes(self, result, name):
        return {copy["target"]: copy["outcome"] for copy in result.files()[name]["mirror"]["copies"]}

    def test_all_have_the_same_and_a_second_run_sends_nothing(self):
        sources = data.databases(self.someone.folder)
        text = self.text("mirror-all", "all { 'first', 'second', 'folder' }")
        result = self.someone.run(text, sources)
        self.assert_stored(result, "first")
        for path, digest in sources.items():
            file = result.files()[path.name]
            self.assertEqual(sorted(file["targets"]), ["first", "folder", "second"])
            self.s3_holds(self.first, "mirror-all", file, digest)
            self.s3_holds(self.second, "mirror-all", file, digest)
            self.folder_holds(file, digest)
        result = self.someone.run(None, sources)
        self.assert_code(result, 0)
        self.assertEqual((result.report["outcome"], result.report["bytes"]["sent"]), ("unchanged", 0), result)

    def test_one_that_dies_half_way_keeps_nobody_and_is_brought_it_later(self):
        source = self.someone.source("long.bin", data.half_compressible, 40 * data.MIB)
        digest = data.sha256(source)
        with faults.Proxy(self.first.port) as cloud:
            cloud.on(lambda r: r.is_part(), faults.s3_error(403, "AccessDenied"), first=3, times=100)
            text = self.text("mirror-dies", "all { 'first', 'second', 'folder' }", first_port=cloud.port)
            result = self.someone.run(text, [source])
            self.assert_code(result, 6)
            self.assertEqual(self.outcomes(result, "long.bin"),
                             {"first": "failed", "second": "stored", "folder": "stored"})
            file = result.files()["long.bin"]
            self.assertEqual((file["outcome"], file["pending"]), ("partial", ["first"]), result)
            self.s3_holds(self.second, "mirror-dies", file, digest)
            self.folder_holds(file, digest)
            self.assertEqual([k for k in self.first.objects("mirror-dies/") if not k.endswith("/")], [])
            self.assertEqual(len(self.someone.queue()), 1)
            cloud.rules.clear()
            before = set(self.second.objects("mirror-dies/"))
            result = self.someone.run(None, [source])
            self.assert_stored(result, "first")
            self.assertEqual(self.outcomes(result, "long.bin"),
                             {"first": "stored", "second": "unchanged", "folder": "unchanged"})
            self.s3_holds(self.first, "mirror-dies", result.files()["long.bin"], digest)
            self.assertEqual(set(self.second.objects("mirror-dies/")), before)
            self.assertEqual(self.someone.queue(), [])

    def test_a_quorum_of_two_with_one_that_is_gone(self):
        source = self.someone.source("notes.bin", data.half_compressible, 300_000)
        with faults.Refusing() as gone:
            text = self.text("mirror-two", "quorum(2, { 'first', 'second', 'folder' })", second_port=gone.port)
            result = self.someone.run(text, [source])
        self.assert_stored(result, "first")
        self.assertEqual(self.outcomes(result, "notes.bin"), {"first": "stored", "second": "failed", "folder": "stored"})
        row = next(t for t in result.report["targets"] if t["name"] == "second")
        self.assertEqual((row["outcome"], row["error"]["failure"]), ("failed", "refused"), result)
        self.assertEqual(self.someone.queue(), [])

    def test_killed_between_the_two_it_goes_on_with_the_one_that_lacks_it(self):
        source = self.someone.source("long.bin", data.half_compressible, 20 * data.MIB)
        digest = data.sha256(source)
        with faults.Proxy(self.second.port) as cloud:
            text = self.text("mirror-killed", "all { 'first', 'second' }", second_port=cloud.port)
            process = None

            def kill(exchange):
                with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
                    os.kill(int(children.read()), signal.SIGKILL)
                exchange.reset()

            cloud.on(lambda r: r.is_part(), kill)
            process = self.someone.start(*self.someone.run_arguments(text, [source]))
            process.communicate(timeout=120)
            self.assertEqual(len(self.someone.queue()), 1)
            sent = set(self.first.objects("mirror-killed/"))
            self.assertTrue([key for key in sent if key.endswith("/manifest.json")])
            result = self.someone.run(None, [source])
        self.assert_stored(result, "first")
        self.assertEqual(self.outcomes(result, "long.bin"), {"first": "unchanged", "second": "stored"})
        self.s3_holds(self.second, "mirror-killed", result.files()["long.bin"], digest)
        self.assertEqual(set(self.first.objects("mirror-killed/")), sent)
        self.assertEqual(self.someone.queue(), [])
