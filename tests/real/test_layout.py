"""Where uploads lie in a bucket, and whether folders have markers: written, read, listed and pruned as the policy says."""

import shutil
import time

import cases
import data
import schema
import sync
import test_restore


class Layout(test_restore.Back):
    def begin(self, **fields):
        self.server = self.have(cases.world.versitygw)
        self.prefix = f"layout-{time.monotonic_ns()}"
        self.source = data.random_bytes(self.someone.folder / "x.bin", 1000)
        self.target(**fields)

    def target(self, **fields):
        self.policy({"cloud": sync.s3(self.server, prefix=self.prefix, **fields)})

    def keys(self):
        return sorted(key[len(self.prefix) + 1:] for key in self.server.objects(f"{self.prefix}/"))

    def assert_unchanged(self):
        result = self.someone.run(None, [self.source])
        self.assert_code(result, 0)
        self.assertEqual((result.report["outcome"], result.report["bytes"]["sent"]), ("unchanged", 0), result)

    def assert_back(self):
        shutil.rmtree(self.to, ignore_errors=True)
        self.assert_restored(self.restore(), {"x.bin": data.sha256(self.source)})

    def test_all_commands_go_by_it(self):
        self.begin(layout="original", markers=False)
        folder, ids = f"systems/{sync.SYSTEM}/uploads", []
        for size in (1000, 1001, 1002):
            data.random_bytes(self.source, size)
            result = self.sync([self.source])
            ids.append(result.report["upload_id"])
            self.assertEqual(result.files()["x.bin"]["key"].rsplit("/", 1)[0], f"{folder}/{ids[-1]}")
            self.assert_unchanged()
            time.sleep(1.1)     # ids of one second have no order
        self.assertEqual([key.rsplit("/", 1)[0] for key in self.keys() if key.endswith("/manifest.json")],
                         [f"{folder}/{i}" for i in ids])
        self.assertEqual([key for key in self.keys() if key.endswith("/") or not key.startswith(f"{folder}/")], [])
        self.assert_back()
        listed = self.ask("list")
        self.assert_code(listed, 0)
        self.assertEqual(sorted(u["upload_id"] for u in listed.report["targets"][0]["uploads"]), ids)
        self.assert_code(self.ask("verify"), 0)
        fleet = self.ask("fleet")
        self.assert_code(fleet, 0)
        schema.check("fleet", fleet.report)
        self.assertEqual([(s["system_id"], s["upload_id"], s["uploads"]) for s in fleet.report["targets"][0]["systems"]],
                         [(sync.SYSTEM, ids[-1], 3)])
        # The state is lost: manifests tell what is there.
        shutil.rmtree(self.someone.state)
        self.assert_unchanged()
        self.assert_code(self.ask("prune", "--keep", "last=1", "--apply"), 0)
        self.assertEqual({key.split("/")[3] for key in self.keys()}, {ids[-1]})
        self.assert_back()
        self.assert_unchanged()

    def test_two_layouts_in_one_place_do_not_see_each_other(self):
        self.begin()
        self.sync([self.source])
        mine = self.keys()
        self.assertEqual([key for key in mine if key.endswith("/")][0], f"systems/{sync.SYSTEM}/")
        self.target(layout="original")
        self.assertEqual(self.ask("list").report["targets"][0]["uploads"], [])
        self.sync([self.source])
        self.assert_unchanged()
        self.assert_code(self.ask("prune", "--keep", "last=1", "--apply"), 0)
        both = self.keys()
        self.assertEqual([key for key in both if "/uploads/" not in key], mine)
        self.target()
        self.assertEqual(len(self.ask("list").report["targets"][0]["uploads"]), 1)
        self.assert_unchanged()
        self.assert_code(self.ask("prune", "--keep", "last=1", "--apply"), 0)
        self.assertEqual(self.keys(), both)
        self.assert_back()

    def test_doctor_puts_no_marker_either(self):
        self.begin(markers=False)
        result = self.ask("doctor", "--target", "cloud")
        self.assertFalse(result.report["targets"][0]["capabilities"]["markers"], result)
        self.assertEqual(self.keys(), [])
