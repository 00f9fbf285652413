"""`payload = "crc64nvme"`: parts over TLS whose bytes a CRC vouches for, where the server is seen to check it; else as ever."""

import contextlib

import cases
import data
import faults
import sync
import world

CRC = "x-amz-checksum-crc64nvme"


class Payload(cases.Case):
    def setUp(self):
        self.someone = self.person()
        self.source = self.someone.source("notes.bin", data.half_compressible, 6 * data.MIB)

    def through(self, server):
        """A proxy with a certificate before a server without."""
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.certificates = cases.world.certificates()
        self.server, self.prefix = server, f"payload-{self.someone.folder.name}"
        self.proxy = stack.enter_context(faults.Proxy(server.port, self.certificates))

    def sync(self, **fields):
        target = sync.s3_at(self.proxy.url, prefix=self.prefix, ca=self.certificates.ca, payload="crc64nvme")
        text = sync.policy({"cloud": target}, compress="'none'", dedup="'always'", **fields)
        return self.someone.run(text, [self.source], "--verbose")

    def parts(self):
        return self.proxy.asked(faults.Request.is_part)

    def assert_there(self, result):
        self.assert_stored(result, "cloud")
        key = result.files()["notes.bin"]["key"]
        self.assertEqual(data.sha256_of(self.server.get(f"{self.prefix}/{key}")["Body"], key), data.sha256(self.source))

    def test_a_server_that_checks_gets_parts_that_are_not_signed_byte_by_byte(self):
        for make in (cases.world.minio, cases.world.versitygw):
            with self.subTest(server=make.__name__):
                self.through(self.have(make))
                self.assert_there(self.sync())
                self.assertEqual(len(self.parts()), 2)
                unsigned = [r.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD" for r in self.parts()]
                self.assertEqual(unsigned, [r.headers[CRC] is not None for r in self.parts()])
                if make is cases.world.minio:
                    self.assertEqual(unsigned, [True, True])
                # What was found out once is known.
                before = len(self.proxy.asked())
                self.assert_there(self.sync())
                self.assertEqual([r for r in self.proxy.asked()[before:]
                                  if r.method == "PUT" and CRC in r.headers and not r.is_part()], [])

    def test_a_server_that_takes_what_is_wrong_gets_what_is_signed(self):
        self.through(self.have(cases.world.minio))
        self.proxy.on(lambda r: CRC in r.headers and not r.is_part(), faults.Reply(200), times=1000)
        result = self.sync()
        self.assert_there(result)
        self.assertIn("the endpoint does not check CRC64NVME, so parts are signed with SHA-256", result.err)
        self.assertEqual({r.headers[CRC] for r in self.parts()}, {None})

    def test_a_server_that_says_nothing_of_it_is_asked_again_another_time(self):
        self.through(self.have(cases.world.minio))
        self.proxy.on(lambda r: CRC in r.headers and not r.is_part(), faults.silent, times=1)
        result = self.sync()
        self.assert_there(result)
        self.assertIn("it could not be found out in time whether the endpoint checks CRC64NVME", result.err)
        self.assertEqual({r.headers[CRC] for r in self.parts()}, {None})
        result = self.sync()
        self.assert_there(result)
        self.assertNotIn("CRC64NVME", result.err)

    def test_a_server_that_wants_to_be_left_alone_is(self):
        self.through(self.have(cases.world.minio))
        self.proxy.on(lambda r: CRC in r.headers and not r.is_part(), faults.s3_error(503, "SlowDown", {"Retry-After": "1"}))
        self.assert_there(self.sync(retry=sync.RETRY))

    def test_bytes_that_change_on_the_way_are_refused_and_sent_again(self):
        self.through(self.have(cases.world.minio))

        def mangle(exchange):
            real = exchange.body
            exchange.body = lambda: (bytes(len(piece)) for piece in real())
            try:
                exchange.forward()
            finally:
                del exchange.body

        self.proxy.on(lambda r: r.is_part(2), mangle)
        result = self.sync()
        self.assert_there(result)
        self.assertEqual(sorted(r.query["partNumber"][0] for r in self.parts()), ["1", "2", "2"])
        self.assertEqual([r.status for r in self.parts() if r.is_part(2)][0] // 100, 4)
        self.assertNotIn(world.SECRET_KEY, result.err)
