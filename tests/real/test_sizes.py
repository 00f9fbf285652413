"""Every size around the edges of a part, by every target and codec, comes back as it was."""

import cases
import data
import sync
from world import BUCKET

PART = 5 * data.MIB
SIZES = {"empty": 0, "one": 1, "under": PART - 1, "part": PART, "over": PART + 1, "three": 3 * PART,
         "large": 200 * data.MIB}


class Sizes(cases.Case):
    made = None

    @classmethod
    def setUpClass(cls):
        folder = cases.world.place("sizes")
        cls.made = {}
        for seed, (name, size) in enumerate(SIZES.items()):
            path = data.half_compressible(folder / f"{name}.bin", size, seed)
            cls.made[path] = data.sha256(path)

    def passes(self, target, read, codec):
        """${read}(key) gives a stream of the object."""
        person = self.person()
        text = sync.policy({"only": target}, compress=sync.quoted(codec))
        result = person.run(text, self.made)
        self.assert_stored(result)
        self.assertEqual(len(result.report["files"]), len(SIZES))
        for path, digest in self.made.items():
            file = result.files()[path.name]
            self.assertEqual((file["bytes"], file["sha256"]), (path.stat().st_size, digest), file)
            with read(file["key"]) as stream:
                self.assertEqual(data.sha256_of(stream, file["key"]), digest, file)
        if codec != "none":
            self.assertEqual(result.files()["large.bin"]["codec"], codec)
            self.assertLess(result.files()["large.bin"]["stored_bytes"], 180 * data.MIB)

    def s3_passes(self, server, codec):
        prefix = f"sizes-{codec}"
        self.passes(sync.s3(server, prefix=prefix), lambda key: server.get(f"{prefix}/{key}")["Body"],
                    codec)
        for key in server.objects(prefix + "/"):
            server.client().delete_object(Bucket=BUCKET, Key=key)

    def test_versitygw_https_raw(self):
        self.s3_passes(self.have(cases.world.versitygw, True), "none")

    def test_versitygw_https_gzip(self):
        self.s3_passes(self.have(cases.world.versitygw, True), "gzip")

    def test_versitygw_https_zstd(self):
        self.s3_passes(self.have(cases.world.versitygw, True), "zstd")

    def test_minio_http_raw(self):
        self.s3_passes(self.have(cases.world.minio, False), "none")

    def test_minio_http_gzip(self):
        self.s3_passes(self.have(cases.world.minio, False), "gzip")

    def test_minio_http_zstd(self):
        self.s3_passes(self.have(cases.world.minio, False), "zstd")

    def nginx_passes(self, codec):
        server = self.have(cases.world.nginx)
        self.passes(sync.http(server), lambda key: open(server.files / key, "rb"), codec)

    def test_nginx_raw(self):
        self.nginx_passes("none")

    def test_nginx_gzip(self):
        self.nginx_passes("gzip")

    def test_nginx_zstd(self):
        self.nginx_passes("zstd")

    def folder_passes(self, codec):
        target = cases.world.place("target")
        self.passes(sync.builder("dir", path=target), lambda key: open(target / key, "rb"), codec)

    def test_folder_raw(self):
        self.folder_passes("none")

    def test_folder_gzip(self):
        self.folder_passes("gzip")

    def test_folder_zstd(self):
        self.folder_passes("zstd")
