"""What a server can do wrong, one thing at a time: what the policy saw and answered stands in the report."""

import signal
import time
from email.utils import formatdate

import cases
import data
import faults
import sync

SIZE = 16 * data.MIB
SKEW_S = 400        # less than the quarter of an hour that S3 tolerates, so that the real server behind accepts it


class Faults(cases.Case):
    def meets(self, matches, action, outcome="stored", code=0, reuse=True, **rule):
        """A run of one raw file in four parts whose requests meet ${action} where ${matches} says so."""
        server = self.have(cases.world.versitygw)
        person = self.person()
        source = person.source("faulty.bin", data.half_compressible, SIZE)
        prefix = f"faults-{person.folder.name}"
        with faults.Proxy(server.port, reuse=reuse) as proxy:
            proxy.on(matches, action, **rule)
            text = sync.policy({"cloud": sync.s3(server, port=proxy.port, prefix=prefix)}, compress="'none'")
            result = person.run(text, [source])
            if outcome != "stored":
                self.goes_on(server, person, proxy, prefix, source)
        self.assert_code(result, code)
        self.assertEqual(result.report["outcome"], outcome, result)
        if outcome == "stored":
            key = result.files()["faulty.bin"]["key"]
            self.assertEqual(data.sha256_of(server.get(f"{prefix}/{key}")["Body"], key), data.sha256(source))
            self.assertEqual(person.queue(), [])
        self.assertEqual(server.open_uploads(prefix), [])
        return proxy, result

    def goes_on(self, server, person, proxy, prefix, source):
        """It is owed, readers see nothing, and what was sent is not sent again when the trouble is over."""
        self.assertEqual(len(person.queue()), 1)
        self.assertEqual([key for key in server.objects(prefix) if key.endswith("manifest.json")], [])
        proxy.rules.clear()
        stored = {r.target for r in proxy.asked(lambda r: r.is_part() and r.status == 200)}
        begun = len(proxy.asked())
        later = person.run(None, [source])
        self.assert_stored(later)
        sent = {r.target for r in proxy.asked()[begun:] if r.is_part()}
        self.assertEqual(stored & sent, set(), later)
        self.assertEqual(person.queue(), [])

    def retried(self, result, failure, answer="wait"):
        """The report says that the policy was asked about ${failure}, what it knew, and what it answered."""
        decided = result.decided(failure)
        self.assertTrue(decided, result)
        for decision in decided:
            self.assertEqual((decision["question"], decision["target"]), ("retry", "cloud"), decision)
            self.assertGreaterEqual(decision["facts"]["attempt"], 1, decision)
            self.assertIn(decision["by"], ("policy", "default"), decision)
        self.assertTrue(decided[0]["answer"].startswith(answer), decided)
        return decided

    def test_503_with_retry_after_is_waited_for(self):
        slow = faults.s3_error(503, "SlowDown", {"Retry-After": "2"})
        proxy, result = self.meets(lambda r: r.is_part(2), slow)
        decided = self.retried(result, "throttled")
        self.assertEqual(decided[0]["answer"], "wait 2.0")
        tries = proxy.asked(lambda r: r.is_part(2))
        self.assertGreaterEqual(tries[1].at - tries[0].at, 2.0)

    def test_500(self):
        _, result = self.meets(lambda r: r.is_part(3), faults.s3_error(500, "InternalError"), times=2)
        self.assertEqual([d["facts"]["attempt"] for d in self.retried(result, "server")], [1, 2])

    def test_500_to_the_end_of_tries_keeps_the_work(self):
        _, result = self.meets(lambda r: r.is_part(3), faults.s3_error(500, "InternalError"), "queued", 1, times=100)
        self.assertEqual(result.report["error"]["failure"], "server")

    def test_connection_reset(self):
        # Never one that was used before: there libcurl itself asks again, and nobody needs to be asked.
        _, result = self.meets(lambda r: r.is_part(1), faults.reset, reuse=False)
        self.retried(result, "bad_reply")

    def test_connection_reset_before_the_body_was_read(self):
        self.meets(lambda r: r.is_part(1), faults.reset_early)

    def test_reply_cut_short(self):
        _, result = self.meets(lambda r: r.method == "POST" and "uploads" in r.query, faults.cut)
        self.retried(result, "bad_reply")

    def test_token_that_has_expired(self):
        _, result = self.meets(lambda r: r.is_part(2), faults.s3_error(403, "ExpiredToken"), "queued", 6, times=100)
        self.assertEqual(result.report["error"]["failure"], "auth_expired", result)
        self.assertTrue(result.decided("auth_expired"), result)

    def test_clock_that_is_wrong_is_corrected_from_the_reply(self):
        for status in (400, 403):
            with self.subTest(status=status):
                skewed = faults.s3_error(status, "RequestTimeTooSkewed",
                                         {"Date": formatdate(time.time() + SKEW_S, usegmt=True)})
                proxy, result = self.meets(lambda r: r.is_part(2), skewed)
                self.assertTrue(result.decided("clock_skew"), result)
                before, after = [self.signed_at(r) for r in proxy.asked(lambda r: r.is_part(2))]
                self.assertAlmostEqual(after - before, SKEW_S, delta=10)

    @staticmethod
    def signed_at(request):
        return time.mktime(time.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ"))

    def test_200_that_carries_an_error(self):
        complete = faults.s3_error(200, "InternalError")
        _, result = self.meets(lambda r: r.method == "POST" and "uploadId" in r.query, complete)
        self.retried(result, "server")

    def test_lost_answer_to_complete_is_settled_by_looking(self):
        proxy, _ = self.meets(lambda r: r.method == "POST" and "uploadId" in r.query, faults.lose)
        self.assertTrue(proxy.asked(lambda r: r.method == "HEAD" and r.path.endswith("faulty.bin")))

    def test_lost_answer_to_the_manifest_is_no_conflict(self):
        self.meets(lambda r: r.method == "PUT" and r.path.endswith("manifest.json"), faults.lose)

    def test_forbidden(self):
        _, result = self.meets(lambda r: r.is_part(1), faults.s3_error(403, "AccessDenied"), "queued", 6, times=100)
        self.assertEqual(result.report["error"]["failure"], "forbidden", result)

    def test_no_such_bucket(self):
        server = self.have(cases.world.versitygw)
        person = self.person()
        source = person.source("lost.bin", data.half_compressible, 1000)
        result = person.run(sync.policy({"cloud": sync.s3(server, bucket="no-such-bucket")}), [source])
        self.assert_code(result, 1)
        self.assertEqual(result.report["error"]["failure"], "not_found", result)
        self.assertIn("NoSuchBucket", result.report["error"]["message"])
        self.assertEqual(len(person.queue()), 1)

    def test_wrong_secret(self):
        server = self.have(cases.world.minio)
        person = self.person()
        source = person.source("lost.bin", data.half_compressible, 1000)
        result = person.run(sync.policy({"cloud": sync.s3(server)}), [source],
                            environment={"AWS_SECRET_ACCESS_KEY": "planted-wrong-secret"})
        self.assert_code(result, 6)
        self.assertEqual(result.report["error"]["failure"], "auth_invalid", result)
        self.assertEqual(len(person.queue()), 1)
        self.assertNotIn("planted-wrong-secret", result.out + result.err)

    def test_certificate_of_nobody(self):
        server = self.have(cases.world.versitygw, True)
        person = self.person()
        source = person.source("lost.bin", data.half_compressible, 1000)
        result = person.run(sync.policy({"cloud": sync.s3(server, ca=None)}), [source])
        self.assert_code(result, 1)
        self.assertEqual(result.report["error"]["failure"], "tls", result)

    def test_next_run_takes_up_what_is_owed(self):
        server = self.have(cases.world.versitygw)
        person = self.person()
        source = person.source("owed.bin", data.half_compressible, SIZE)
        with faults.Proxy(server.port) as proxy:
            proxy.on(lambda r: r.is_part(1), faults.s3_error(500, "InternalError"), times=100)
            text = sync.policy({"cloud": sync.s3(server, port=proxy.port, prefix="owed")}, compress="'none'")
            first = person.run(text, [source])
            self.assert_code(first, 1)
            self.assertEqual(len(person.queue()), 1)
            proxy.rules.clear()
            # The breaker remembers the failure; the work is there for whoever comes when it is forgotten.
            (person.state / "state.db").unlink()
            second = person.run(None, [source])
            self.assert_stored(second)
            self.assertEqual(person.queue(), [])


class Redirects(cases.Case):
    def test_http_target_never_follows_one(self):
        nginx = self.have(cases.world.nginx)
        with faults.Proxy(nginx.port) as elsewhere, faults.Proxy(nginx.port) as web:
            to = {"Location": f"{elsewhere.url}/upload/x"}
            web.on(lambda r: r.method == "PUT", faults.Reply(307, to), times=100)
            person = self.person()
            source = person.source("moved.bin", data.half_compressible, 1000)
            result = person.run(sync.policy({"web": sync.http(url=f"{web.url}/upload")}), [source])
            self.assert_code(result, 1)
            self.assertEqual(elsewhere.asked(), [])
            self.assertEqual(len(person.queue()), 1)


class Interrupted(cases.Case):
    def ends_soon(self, signal_name, code):
        server = self.have(cases.world.versitygw)
        person = self.person()
        source = person.source("long.bin", data.half_compressible, 20 * data.MIB)
        prefix = f"stopped-{code}"
        sent_at = []

        def send():
            sent_at.append(time.monotonic())
            process.send_signal(getattr(signal, signal_name))
        with faults.SlowLine(server.port, 16_000_000) as line:
            text = sync.policy({"cloud": sync.s3(server, port=line.port, prefix=prefix)}, compress="'none'")
            process = person.start(*person.run_arguments(text, [source]))
            sync.later(3, send)
            result = person.finish(process)
        self.assert_code(result, code)
        self.assertLess(result.ended - sent_at[0], 1.0, result)
        self.assertEqual(len(person.queue()), 1)
        self.assertEqual([key for key in server.objects(prefix) if not key.endswith("/")], [])
        self.assertRegex(result.err, r"(?m)^akosha-sync: .*interrupted")

    def test_by_ctrl_c(self):
        self.ends_soon("SIGINT", 130)

    def test_by_termination(self):
        self.ends_soon("SIGTERM", 143)
