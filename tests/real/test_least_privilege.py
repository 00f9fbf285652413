"""With a key that may do no more than `bucket-policy` says: what needs a right that it has not, or an answer that it does not get.

AWS tells such a key 403 where a key is not there, since it may not list everything: absence is not to be taken for a refusal.
MinIO tells it 404, so a proxy before it says what AWS would.
"""

import json
import sqlite3
import time

import cases
import faults
import owners
import sync
import test_resume
from world import BUCKET


def as_aws(exchange):
    """What is not there is refused."""
    tell = exchange.answer

    def answer(status, headers, body):
        if status == 404:
            status, headers, body = 403, {"Content-Type": "application/xml"}, b"<Error><Code>AccessDenied</Code></Error>"
        tell(status, headers, body)

    exchange.answer = answer
    exchange.forward()
    exchange.answer = tell


class Least(test_resume.Resume):
    def begin(self, server, **fields):
        super().begin(server, **fields)
        aws = faults.Proxy(server.port)
        self.addCleanup(aws.stop)
        aws.on(lambda r: r.method in ("GET", "HEAD") and r.path.count("/") > 1 and not r.query, as_aws, times=10**6)
        self.proxy.upstream_port = aws.port
        printed = self.who.ask("bucket-policy", "--bucket", BUCKET, "--prefix", self.prefix, "--system-id", sync.SYSTEM,
                               "--document", "identity")
        self.assert_code(printed, 0)
        key = owners.minio_user(server, f"least{time.monotonic_ns()}", json.loads(printed.out))
        self.who.environment.update(key.environment())

    def test_an_upload_that_was_cut_is_gone_on_with(self):
        self.begin(self.have(cases.world.minio))
        proxy, _ = self.resumed()
        self.assertTrue([r for r in proxy.asked(lambda r: r.method == "GET" and r.path.endswith("/manifest.json"))])

    def test_an_upload_that_nobody_goes_on_with_is_given_back(self):
        self.begin(self.have(cases.world.minio))
        self.cut()
        key = self.journal("SELECT key FROM objects")[0][0]
        self.assertEqual(len(self.server.open_uploads(f"{self.prefix}/{key}")), 1)
        self.assert_code(self.who.ask("cancel", self.who.queue()[0].removesuffix(".json"), "--state", self.who.state), 0)
        other = self.who.source("other.txt", lambda path: path.write_text("something else"))
        _, result = self.go_on(sources=[other])
        self.assert_stored(result)
        self.assertEqual(self.server.open_uploads(f"{self.prefix}/{key}"), [], result)

    def test_an_upload_whose_id_was_never_heard_is_no_obstacle(self):
        """It cannot be looked for, and is left to the bucket's lifecycle rule."""
        self.begin(self.have(cases.world.minio))
        self.cut(where=lambda r: r.method == "POST" and "uploads" in r.query)
        proxy, result = self.go_on()
        self.assert_stored(result)
        self.assertEqual([r.status for r in proxy.asked(lambda r: r.method == "GET" and "uploads" in r.query)], [403])
        self.assertEqual(self.who.queue(), [])

    def test_an_answer_to_complete_that_was_lost(self):
        self.begin(self.have(cases.world.minio), size=2 * 5 * 1024 * 1024)
        self.proxy.on(lambda r: r.method == "POST" and "uploadId" in r.query, faults.lose)
        _, result = self.go_on()
        self.whole(result)

    def test_what_was_emptied_is_noticed(self):
        self.begin(self.have(cases.world.minio), size=1000)
        _, result = self.go_on()
        self.whole(result)
        for key in self.server.objects(self.prefix):
            self.server.client().delete_object(Bucket=BUCKET, Key=key)
        state = sqlite3.connect(self.who.state / "state.db")
        state.execute("UPDATE stored SET row_sum = NULL, checked_at_ms = checked_at_ms - 30 * 86400000")
        state.commit()
        state.close()
        _, result = self.go_on()
        self.whole(result)
        self.assertEqual(self.who.ask("verify", "--json", "--policy", self.who.policy, "--state", self.who.state).code, 0)

    def test_an_upload_that_is_not_there(self):
        self.begin(self.have(cases.world.minio), size=1000)
        _, result = self.go_on()
        self.whole(result)
        missing = self.who.ask("verify", "--policy", self.who.policy, "--state", self.who.state, "--upload",
                               "20250101T000000Z-000000")
        self.assert_code(missing, 1)
        self.assertIn("holds no complete upload", missing.err)
