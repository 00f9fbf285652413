"""Real databases land in real buckets: complete, readable with stock tools, the manifest as promised and last."""

import hashlib
import json
import re

import cases
import data
import faults
import sync
from world import BUCKET

SUFFIX = {"none": "", "gzip": ".gz", "zstd": ".zst"}
SHA256 = re.compile(r"^[a-f0-9]{64}$")
UPLOAD_ID = re.compile(r"^\d{8}T\d{6}Z-[0-9a-f]{6}$")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


class Landing(cases.Case):
    def lands(self, server_name, tls):
        server = self.have(cases.world.s3, server_name, tls)
        for codec in SUFFIX:
            with self.subTest(codec=codec):
                person = self.person()
                sources = data.databases(person.folder)
                prefix = f"{server_name}-{tls}-{codec}"
                text = sync.policy({"cloud": sync.s3(server, prefix=prefix)}, compress=sync.quoted(codec))
                result = person.run(text, sources)
                self.assert_stored(result, "cloud")
                self.assertEqual(person.queue(), [])
                self.check_objects(server, prefix, result, sources, codec)

    def check_objects(self, server, prefix, result, sources, codec):
        upload_id = result.report["upload_id"]
        self.assertRegex(upload_id, UPLOAD_ID)
        folder = f"{prefix}/systems/{sync.SYSTEM}/"
        names = {path.name + SUFFIX[codec]: digest for path, digest in sources.items()}
        upload = folder + upload_id + "/"
        self.assertEqual(set(server.objects(folder)),
                         {folder, upload, upload + "manifest.json", *(upload + name for name in names)})
        for name, digest in names.items():
            got = server.get(upload + name)
            self.assertNotIn("ContentEncoding", got)
            self.assertEqual(data.sha256_of(got["Body"], name), digest, name)
        self.assertEqual(server.open_uploads(folder), [])
        manifest = json.load(server.get(upload + "manifest.json")["Body"])
        self.check_manifest(manifest, result, codec)
        stored = {file["key"]: file for file in result.report["files"]}
        self.assertEqual({item["key"] for item in manifest["objects"]}, set(stored))
        for item in manifest["objects"]:
            self.assertEqual(f"{prefix}/{item['key']}", upload + item["name"] + SUFFIX[codec])
            self.check_item(item, codec, server.get(f"{prefix}/{item['key']}")["Body"].read(), stored[item["key"]])

    def check_manifest(self, manifest, result, codec):
        """Akosha's own validation, then what stands beside it."""
        report = result.report
        self.assertRegex(manifest["uploaded_at"], TIME)
        self.assertIsInstance(manifest["conversation_count"], int)
        self.assertRegex(manifest.get("version", "1.0"), r"^\d+\.\d+$")
        self.assertEqual(manifest.get("compressed", False), codec != "none")
        self.assertEqual(manifest.get("compression_format"), None if codec == "none" else codec)
        for name in manifest["files"]:
            self.assertRegex(name, r"^[a-zA-Z0-9_.-]{1,255}$")
        self.assertEqual(manifest["format"], "akosha-sync/1")
        self.assertEqual((manifest["system_id"], manifest["upload_id"]), (sync.SYSTEM, report["upload_id"]))
        self.assertEqual(manifest["uploader"]["name"], "akosha-sync")
        self.assertEqual(manifest["policy_sha256"], report["policy"]["sha256"])
        self.assertIsNone(manifest["memories"])
        self.assertIn("audit_head", manifest)
        self.assertEqual(len(manifest["objects"]), len(report["files"]))

    def check_item(self, item, codec, body, file):
        self.assertEqual((item["codec"], item["encryption"], item["role"]), (codec, None, "main"))
        self.assertEqual(item["kind"], "sqlite" if item["name"].endswith(".db") else "duckdb")
        self.assertEqual(item["stored_bytes"], len(body))
        self.assertEqual(item["stored_sha256"], hashlib.sha256(body).hexdigest())
        self.assertRegex(item["sha256"], SHA256)
        self.assertEqual(item["parts"], max(1, -(-len(body) // item["part_bytes"])))
        self.assertRegex(item["snapshot"]["taken_at"], TIME)
        for field in ("bytes", "sha256", "codec", "stored_bytes", "stored_sha256"):
            self.assertEqual(file[field], item[field], field)

    def test_versitygw_over_http(self):
        self.lands("versitygw", False)

    def test_versitygw_over_https(self):
        self.lands("versitygw", True)

    def test_minio_over_http(self):
        self.lands("minio", False)

    def test_minio_over_https(self):
        self.lands("minio", True)

    def test_virtual_host_style(self):
        server = self.have(cases.world.minio, True)
        person = self.person()
        sources = data.databases(person.folder)
        target = sync.s3(server, url=f"https://localhost:{server.port}", path_style=False, prefix="virtual")
        result = person.run(sync.policy({"cloud": target}, compress="'none'"), sources)
        self.assert_stored(result)
        self.check_objects(server, "virtual", result, sources, "none")

    def test_nginx_over_http_and_https(self):
        for tls in (False, True):
            for codec in SUFFIX:
                with self.subTest(tls=tls, codec=codec):
                    server = self.have(cases.world.nginx, tls)
                    person = self.person()
                    sources = data.databases(person.folder)
                    text = sync.policy({"web": sync.http(server)}, compress=sync.quoted(codec))
                    result = person.run(text, sources)
                    self.assert_stored(result, "web")
                    self.assertEqual(result.report["method"], "http")
                    self.check_tree(server.files, result, sources, codec)

    def test_folder(self):
        for codec in SUFFIX:
            with self.subTest(codec=codec):
                person = self.person()
                sources = data.databases(person.folder)
                target = person.folder / "target"
                text = sync.policy({"folder": sync.builder("dir", path=target)}, compress=sync.quoted(codec))
                result = person.run(text, sources)
                self.assert_stored(result, "folder")
                self.assertEqual(result.report["method"], "local")
                self.check_tree(target, result, sources, codec)

    def check_tree(self, root, result, sources, codec):
        folder = root / "systems" / sync.SYSTEM / result.report["upload_id"]
        names = {path.name + SUFFIX[codec]: digest for path, digest in sources.items()}
        self.assertEqual({path.name for path in folder.iterdir()}, {"manifest.json", *names})
        for name, digest in names.items():
            with open(folder / name, "rb") as file:
                self.assertEqual(data.sha256_of(file, name), digest, name)
        manifest = json.loads((folder / "manifest.json").read_text())
        self.assertEqual({item["stored_sha256"] for item in manifest["objects"]},
                         {data.sha256(folder / name) for name in names})


class Order(cases.Case):
    def test_manifest_is_last_but_the_marker_and_a_second_run_sends_nothing(self):
        server = self.have(cases.world.versitygw)
        person = self.person()
        sources = data.databases(person.folder)
        with faults.Proxy(server.port) as proxy:
            text = sync.policy({"cloud": sync.s3(server, port=proxy.port, prefix="order")})
            result = person.run(text, sources)
            self.assert_stored(result)
            self.check_order(proxy, result)
            before = len(proxy.asked())
            again = person.run(None, sources)
            self.assert_code(again, 0)
            self.assertEqual(again.report["outcome"], "unchanged", again)
            self.assertEqual([file["outcome"] for file in again.report["files"]], ["unchanged"] * 3)
            later = proxy.asked()[before:]
            self.assertEqual([r for r in later if r.method in ("PUT", "POST")], [])

    def check_order(self, proxy, result):
        upload = f"/{BUCKET}/order/systems/{sync.SYSTEM}/{result.report['upload_id']}/"
        changes = proxy.asked(lambda r: r.method in ("PUT", "POST", "DELETE") and r.path.startswith(upload))
        self.assertEqual([r.path for r in changes[-2:]], [upload + "manifest.json", upload], changes)
        manifest = changes[-2]
        self.assertEqual(manifest.headers["If-None-Match"], "*")
        self.assertEqual([r for r in changes[:-1] if r.path == upload], [])
        self.assertEqual([r for r in proxy.asked() if "Authorization" not in r.headers], [])

    def test_a_changed_file_goes_alone_and_the_manifest_names_both(self):
        server = self.have(cases.world.versitygw)
        person = self.person()
        one = person.source("one.bin", data.half_compressible, 300000, 1)
        two = person.source("two.bin", data.half_compressible, 300000, 2)
        text = sync.policy({"cloud": sync.s3(server, prefix="changed")})
        first = person.run(text, (one, two))
        self.assert_stored(first)
        data.half_compressible(two, 300001, 3)
        second = person.run(None, (one, two))
        self.assert_stored(second)
        outcomes = {name: file["outcome"] for name, file in second.files().items()}
        self.assertEqual(outcomes, {"one.bin": "unchanged", "two.bin": "stored"})
        upload = f"systems/{sync.SYSTEM}/{second.report['upload_id']}/"
        manifest = json.load(server.get(f"changed/{upload}manifest.json")["Body"])
        keys = {item["name"]: item["key"] for item in manifest["objects"]}
        self.assertIn(first.report["upload_id"], keys["one.bin"])
        self.assertTrue(keys["two.bin"].startswith(upload), keys)
        for name, key in keys.items():
            stream = server.get(f"changed/{key}")["Body"]
            self.assertEqual(data.sha256_of(stream, key), data.sha256(person.folder / name))
