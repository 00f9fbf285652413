"""An upload that is cut half way is gone on with by the next process: what the server has is not sent again, however
the first one ended; and what nobody goes on with is given back. Between stands a proxy that counts and cuts."""

import contextlib
import os
import random
import signal
import sqlite3
import threading
import time
from pathlib import Path

import cases
import data
import faults
import sync

PARTS = 8
SIZE = PARTS * 5 * data.MIB         # of the smallest parts that S3 allows
CUT = 5                             # the part at which the first process ends
SETTLED_S = 2.1                     # after so long stamps tell one version of a file from the next
ABORTS_MAX = 50


def child(pid):
    """The program itself, below what measures it."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


class Resume(cases.Case):
    def begin(self, server, size=SIZE, count=1, **fields):
        self.server = server
        self.who = self.person()
        self.prefix = f"resume-{self.who.folder.name}"
        self.sources = [self.who.source(f"cut{i}.bin", data.half_compressible, size, i + 1) for i in range(count)]
        self.fields = {"compress": "'none'", **fields}
        # One for all runs: a target at another port would be another place.
        self.proxy = faults.Proxy(server.port)
        self.addCleanup(self.proxy.stop)

    def text(self):
        return sync.policy({"cloud": sync.s3(self.server, port=self.proxy.port, prefix=self.prefix)}, **self.fields)

    def cut(self, number=signal.SIGKILL, where=lambda r: r.is_part(CUT), heard=True, code=None):
        """A run that is ended by a signal when a request comes for which ${where} says yes; ${heard}: the server has
        it by then. The parts that were answered."""
        self.proxy.requests.clear()
        process = self.who.start(*self.who.run_arguments(self.text(), self.sources))
        ended = threading.Event()
        over = threading.Event()

        def end(exchange):
            if heard:
                exchange.forward(relay=False)
            else:
                exchange.read_body()
            if not ended.is_set():
                ended.set()
                os.kill(child(process.pid), number)
            over.wait(60)
            exchange.close()

        self.proxy.on(where, end, times=1000)
        result = self.who.finish(process)
        over.set()
        self.proxy.rules.clear()
        self.assertEqual(result.code, -number if code is None else code, result)
        return {r.query["partNumber"][0] for r in self.proxy.asked(faults.Request.is_part)
                if r.answered_at is not None}

    def go_on(self, *more, sources=None, code=0):
        self.proxy.requests.clear()
        result = self.who.run(self.text(), sources or self.sources, *more)
        self.assert_code(result, code)
        return self.proxy, result

    def journal(self, sql):
        state = sqlite3.connect(self.who.state / "state.db")
        rows = state.execute(sql).fetchall()
        state.commit()
        state.close()
        return rows

    def parts(self, proxy):
        return [r.query["partNumber"][0] for r in proxy.asked(faults.Request.is_part)]

    def whole(self, result):
        """Everything is there as it is here, nothing is owed, nothing is left open."""
        self.assert_stored(result)
        for source in self.sources:
            key = result.files()[source.name]["key"]
            self.assertEqual(data.sha256_of(self.server.get(f"{self.prefix}/{key}")["Body"], key), data.sha256(source))
        self.assertEqual(self.who.queue(), [])
        self.assertEqual(self.server.open_uploads(self.prefix), [])
        return {o.split("/")[-2] for o in self.server.objects(self.prefix) if o.endswith("manifest.json")}

    def resumed(self, number=signal.SIGKILL, again=0, **options):
        """Cut, then gone on with: no part is sent again that was answered, and few of those that were under way."""
        acknowledged = self.cut(number, **options)
        self.assertEqual(len(self.who.queue()), 1)
        self.assertTrue(acknowledged)
        proxy, result = self.go_on()
        sent = self.parts(proxy)
        self.assertEqual(acknowledged & set(sent), set(), "acknowledged parts were sent again")
        self.assertLessEqual(len(sent), PARTS - len(acknowledged))
        self.assertTrue(proxy.asked(lambda r: r.method == "GET" and "uploadId" in r.query), "it was not compared")
        self.whole(result)
        self.assertEqual(result.report["bytes"]["sent"], sum(
            int(r.headers["content-length"]) for r in proxy.asked(faults.Request.is_object)))
        return proxy, result


class Cut(Resume):
    def test_killed_at_half(self):
        for server in (self.have(cases.world.versitygw), self.have(cases.world.minio)):
            for heard in (True, False):
                with self.subTest(server=server.name, heard=heard):
                    self.begin(server)
                    self.resumed(heard=heard)

    def test_a_part_that_was_heard_and_not_answered_is_known_by_its_md5(self):
        self.begin(self.have(cases.world.versitygw))
        proxy, _ = self.resumed(heard=True)
        self.assertNotIn(str(CUT), self.parts(proxy))

    def test_terminated_at_half(self):
        for server in (self.have(cases.world.versitygw), self.have(cases.world.minio)):
            with self.subTest(server=server.name):
                self.begin(server)
                self.resumed(signal.SIGTERM, code=143)

    def test_compressed(self):
        self.begin(self.have(cases.world.versitygw), size=2 * SIZE, compress="'zstd'")
        acknowledged = self.cut()
        proxy, result = self.go_on()
        self.assertEqual(acknowledged & set(self.parts(proxy)), set())
        self.whole(result)

    def test_killed_when_the_upload_was_begun(self):
        """Its id was never heard: it is found by its key, and not left open."""
        for heard in (True, False):
            with self.subTest(heard=heard):
                self.begin(self.have(cases.world.versitygw))
                self.cut(where=lambda r: r.method == "POST" and "uploads" in r.query, heard=heard)
                _, result = self.go_on()
                self.whole(result)

    def test_killed_when_it_was_put_together(self):
        for server in (self.have(cases.world.versitygw), self.have(cases.world.minio)):
            for heard in (True, False):
                with self.subTest(server=server.name, heard=heard):
                    self.begin(server)
                    self.cut(where=lambda r: r.method == "POST" and "uploadId" in r.query, heard=heard)
                    proxy, result = self.go_on()
                    self.assertEqual(self.parts(proxy), [])
                    self.whole(result)

    def test_killed_at_the_manifest(self):
        """What is committed is believed: nothing is sent again, and no second upload is made."""
        for heard in (True, False):
            with self.subTest(heard=heard):
                self.begin(self.have(cases.world.versitygw), count=2)
                self.cut(where=lambda r: r.method == "PUT" and r.path.endswith("manifest.json"), heard=heard)
                proxy, result = self.go_on()
                self.assertEqual(proxy.asked(faults.Request.is_object), [])
                self.assertEqual(len(self.whole(result)), 1)

    def test_one_single_put_at_most_is_sent_again(self):
        self.begin(self.have(cases.world.versitygw), size=300000, count=6)
        for heard in (True, False):
            with self.subTest(heard=heard):
                self.cut(where=lambda r: r.is_object() and r.path.endswith("cut3.bin"), heard=heard)
                proxy, result = self.go_on()
                sent = {Path(r.path).name for r in proxy.asked(faults.Request.is_object)}
                self.assertEqual(sent & {"cut0.bin", "cut1.bin", "cut2.bin"}, set())
                self.assertEqual("cut3.bin" in sent, not heard)
                self.whole(result)
                for source in self.sources:
                    data.half_compressible(source, 300000, 50)

    def test_cut_again_and_again(self):
        self.begin(self.have(cases.world.versitygw))
        done = set()
        for _ in range(3):
            asked = []
            done |= self.cut(where=lambda r, asked=asked: r.is_part() and (asked.append(r) or len(asked) > 1),
                             heard=False)
        proxy, result = self.go_on()
        self.assertEqual(done & set(self.parts(proxy)), set())
        self.whole(result)


class Changed(Resume):
    def test_source_meanwhile(self):
        """The new run sends what there is now, and gives the other upload back."""
        self.begin(self.have(cases.world.versitygw))
        self.cut()
        data.half_compressible(self.sources[0], SIZE, 99)
        _, result = self.go_on()
        self.whole(result)

    def test_codec_in_the_policy_meanwhile(self):
        self.begin(self.have(cases.world.versitygw))
        self.cut()
        self.fields["compress"] = "'zstd'"
        _, result = self.go_on()
        self.assertTrue(result.files()["cut0.bin"]["key"].endswith(".zst"))
        self.whole(result)
        self.assertIn("starts over", result.err)
        audit = (self.who.state / "audit.jsonl").read_text()
        self.assertIn('"event":"upload_restarted"', audit.replace(": ", ":"))

    def test_part_size_in_the_policy_meanwhile(self):
        self.begin(self.have(cases.world.versitygw))
        self.cut()
        self.fields["part_size"] = "6 * akosha.MiB"
        _, result = self.go_on()
        self.whole(result)

    def abort(self, server, key, upload_id):
        """Until nothing is left: a part that the server is still busy with may be kept by the first one."""
        for _ in range(ABORTS_MAX):
            with contextlib.suppress(server.client().exceptions.NoSuchUpload):
                server.client().abort_multipart_upload(Bucket=sync.BUCKET, Key=key, UploadId=upload_id)
            if not server.open_uploads(self.prefix):
                return
            time.sleep(0.1)
        self.fail("the upload cannot be aborted")

    def test_upload_that_somebody_has_aborted(self):
        for server in (self.have(cases.world.versitygw), self.have(cases.world.minio)):
            with self.subTest(server=server.name):
                self.begin(server)
                self.cut()
                for key, token in self.journal("SELECT key, token FROM objects"):
                    self.abort(server, f"{self.prefix}/{key}", token.split()[1])
                proxy, result = self.go_on()
                self.assertEqual(len(set(self.parts(proxy))), PARTS)
                self.whole(result)

    def test_part_at_the_server_that_is_another(self):
        """What is there is not what was sent: it is sent again."""
        self.begin(self.have(cases.world.versitygw))
        other = min(self.cut())     # which are answered in any order
        [(key, token)] = self.journal("SELECT key, token FROM objects")
        self.server.client().upload_part(Bucket=sync.BUCKET, Key=f"{self.prefix}/{key}", UploadId=token.split()[1],
                                         PartNumber=int(other), Body=b"x" * (5 * data.MIB))
        proxy, result = self.go_on()
        self.assertIn(other, self.parts(proxy))
        self.whole(result)

    def forget(self, *names):
        for name in names:
            (self.who.state / name).unlink(missing_ok=True)

    def test_state_that_was_deleted(self):
        """Nobody knows of the upload any more: everything is sent, and the rule of the bucket has the rest."""
        self.begin(self.have(cases.world.versitygw))
        self.cut()
        self.forget("state.db", "state.db-wal", "state.db-shm")
        _, result = self.go_on()
        self.assert_stored(result)
        self.assertEqual(len(self.server.open_uploads(self.prefix)), 1)

    def test_journal_that_was_deleted(self):
        self.begin(self.have(cases.world.versitygw))
        self.cut()
        for table in ("parts", "objects", "uploads"):
            self.journal(f"DELETE FROM {table}")
        _, result = self.go_on()
        self.assert_stored(result)

    def test_upload_that_is_too_old_is_given_back(self):
        self.begin(self.have(cases.world.versitygw))
        self.cut()
        self.journal("UPDATE uploads SET row_sum = NULL, begun_at_ms = begun_at_ms - 8 * 86400000")
        proxy, result = self.go_on()
        self.assertEqual(len(set(self.parts(proxy))), PARTS)
        self.whole(result)

    def test_job_that_a_person_has_cancelled(self):
        self.begin(self.have(cases.world.versitygw))
        self.cut()
        for job in (self.who.state / "queue").glob("*.json"):
            job.unlink()
        other = self.who.source("other.bin", data.half_compressible, 1000)
        self.assert_stored(self.go_on(sources=[other])[1])
        self.assertEqual(self.server.open_uploads(self.prefix), [])

    def test_upload_of_another_machine_is_not_touched(self):
        self.begin(self.have(cases.world.versitygw))
        client = self.server.client()
        key = f"{self.prefix}/systems/{sync.SYSTEM}/20260101T000000Z-abcdef/cut0.bin"
        other = client.create_multipart_upload(Bucket=sync.BUCKET, Key=key)
        self.cut()
        _, result = self.go_on()
        self.assert_stored(result)
        self.assertEqual(self.server.open_uploads(self.prefix), [key])
        client.abort_multipart_upload(Bucket=sync.BUCKET, Key=key, UploadId=other["UploadId"])


def database(path, size, seed=1):
    """A SQLite database of about ${size} bytes, closed."""
    path.unlink(missing_ok=True)
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE memories (id INTEGER PRIMARY KEY, what BLOB)")
    for i in range(size // data.MIB):
        db.execute("INSERT INTO memories VALUES (?, ?)", (i, random.Random(seed * 1000 + i).randbytes(data.MIB - 2000)))
    db.commit()
    db.close()


class Database(Resume):
    def begin_database(self):
        self.begin(self.have(cases.world.versitygw), count=0)
        self.sources = [self.who.source("cut0.db", database, SIZE)]
        time.sleep(SETTLED_S)
        self.before = data.sha256(self.sources[0])

    def add(self):
        db = sqlite3.connect(self.sources[0])
        db.execute("INSERT INTO memories VALUES (1000, 'later')")
        db.commit()
        db.close()

    def snapshots(self):
        folder = self.who.state / "snapshots"
        return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []

    def test_is_gone_on_with_from_its_snapshot(self):
        self.begin_database()
        acknowledged = self.cut()
        self.assertEqual(len(self.snapshots()), 1)
        proxy, result = self.go_on()
        self.assertEqual(acknowledged & set(self.parts(proxy)), set())
        self.assertEqual(len(self.whole(result)), 1)
        self.assertEqual(self.snapshots(), [])

    def test_that_was_written_to_since_is_brought_by_its_job_as_it_was(self):
        self.begin_database()
        acknowledged = self.cut()
        self.add()
        self.proxy.requests.clear()
        done = self.who.ask("worker", "--once", "--state", self.who.state)
        self.assert_code(done, 0)
        self.assertEqual(acknowledged & set(self.parts(self.proxy)), set())
        self.assertEqual(self.who.queue(), [])
        [key] = [key for key in self.server.objects(self.prefix) if key.endswith("cut0.db")]
        self.assertEqual(data.sha256_of(self.server.get(key)["Body"], key), self.before)
        self.assertEqual(self.server.open_uploads(self.prefix), [])
        self.assertEqual(self.snapshots(), [])

    def test_that_was_written_to_since_is_taken_anew_by_a_new_run(self):
        self.begin_database()
        self.cut()
        self.add()
        _, result = self.go_on()
        self.whole(result)
        self.assertEqual(self.snapshots(), [])

    def test_whose_snapshot_was_damaged_starts_over(self):
        self.begin_database()
        self.cut()
        [folder] = self.snapshots()
        [copy] = [p for p in (self.who.state / "snapshots" / folder).iterdir() if p.stat().st_size > 1000000]
        copy.chmod(0o600)
        with open(copy, "r+b") as out:
            out.seek(20 * data.MIB)
            out.write(b"damage")
        _, result = self.go_on()
        self.whole(result)
        self.assertEqual(self.snapshots(), [])


class Credentials(Resume):
    def expire(self):
        """A run with credentials that are not taken any more from the fourth part on. The parts that were stored."""
        profile = self.who.folder / "credentials"
        good = (self.who.environment.pop("AWS_ACCESS_KEY_ID"), self.who.environment.pop("AWS_SECRET_ACCESS_KEY"))
        self.who.environment["AWS_SHARED_CREDENTIALS_FILE"] = str(profile)

        def write(token):
            profile.touch(0o600)
            profile.write_text(f"[default]\naws_access_key_id = {good[0]}\naws_secret_access_key = {good[1]}\n"
                               f"# {token}\n")

        write("old")
        expired = faults.s3_error(403, "ExpiredToken")
        taken, stored, third = [], [], threading.Event()

        def answer(exchange):
            if len(taken) < 3:
                taken.append(exchange)
                exchange.forward()
                stored.append(exchange.request.query["partNumber"][0])
                if len(stored) == 3:
                    third.set()
            else:
                third.wait(30)
                time.sleep(0.5)     # until the program has heard of it
                expired(exchange)

        self.proxy.on(faults.Request.is_part, answer, times=1000)
        result = self.who.run(self.text(), self.sources)
        self.proxy.rules.clear()
        return stored, result

    def test_expired_after_the_third_part_waits_and_a_later_run_goes_on(self):
        self.begin(self.have(cases.world.versitygw))
        stored, result = self.expire()
        self.assert_code(result, 6)
        self.assertEqual(result.report["error"]["failure"], "auth_expired", result)
        self.assertEqual(len(self.who.queue()), 1)
        proxy, result = self.go_on()
        self.assertEqual(len(stored), 3)
        self.assertEqual(set(stored) & set(self.parts(proxy)), set())
        self.assertEqual(set(stored) | set(self.parts(proxy)), {str(n + 1) for n in range(PARTS)})
        self.whole(result)
