"""The way back over HTTP from servers that know less than nginx, or lie: what comes back is what was stored, or nothing does."""

import contextlib

import cases
import data
import faults
import sync
import test_restore


def without_range(exchange):
    """As a server that knows no parts of files."""
    del exchange.request.headers["Range"]
    exchange.forward()


def without_length(headers):
    return {name: value for name, value in headers.items() if name.lower() != "content-length"}


def changed(change):
    """The real answer as ${change}(status, headers, body) makes it."""
    def action(exchange):
        real = exchange.answer
        exchange.answer = lambda status, headers, body: real(*change(status, without_length(headers), body))
        try:
            exchange.forward()
        finally:
            exchange.answer = real
    return action


class Reading(test_restore.Back):
    def setUp(self):
        super().setUp()
        nginx = self.have(cases.world.nginx)
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.proxy = stack.enter_context(faults.Proxy(nginx.port))
        self.place = f"reading-{self.someone.folder.name}"
        self.folder = nginx.files.parent / self.place
        self.policy({"web": sync.http(url=f"{self.proxy.url}/{self.place}")}, compress="'zstd'", dedup="'always'",
                    retry="akosha.retry.none()")
        self.source = data.half_compressible(self.someone.folder / "long.bin", 9 * data.MIB + 5)
        self.digests = {"long.bin": data.sha256(self.source)}
        self.sync([self.source])

    @staticmethod
    def of_object(request):
        return request.method == "GET" and request.path.endswith(".zst")

    def test_without_parts_files_are_read_as_wholes(self):
        self.proxy.on(lambda r: "Range" in r.headers, without_range, times=1000)
        result = self.restore("--verbose")
        self.assert_restored(result, self.digests)
        self.assertIn("this server gives no parts of files (Range): each is read as a whole", result.err)
        # Once, and not for each part of it.
        self.assertLessEqual(len([r for r in self.proxy.asked(self.of_object) if "Range" not in r.headers]), 3)
        self.assert_code(self.ask("verify"), 0)

    def test_a_lie_is_told_and_nothing_gets_its_name(self):
        stored, = self.folder.rglob("long.bin.zst")
        kept = stored.read_bytes()

        def shift(status, headers, body):
            return status, {**headers, "Content-Range": "bytes 1-%d/%d" % (len(body), len(kept))}, body

        for name, change in (("another range", shift), ("no range", lambda s, h, b: (s, {**h, "Content-Range": "all of it"}, b)),
                             ("shorter", lambda s, h, b: (s, h, b[:-7])), ("flipped", lambda s, h, b: (s, h, b[:-1] + bytes([b[-1] ^ 1]))),
                             ("gone", lambda s, h, b: (404, {}, b"")), ("broken", lambda s, h, b: (500, {}, b""))):
            with self.subTest(name):
                self.proxy.rules.clear()
                self.proxy.on(self.of_object, changed(change), times=1000)
                result = self.restore()
                self.assertNotIn(result.code, (0, 99), result)
                self.assertEqual(len([line for line in result.err.splitlines() if line.startswith("akosha-sync: ")]), 1, result)
                self.assertFalse((self.to / "long.bin").exists())
        self.proxy.rules.clear()
        self.assert_restored(self.restore(), self.digests)

    def test_what_is_replaced_while_it_is_read_is_not_mixed(self):
        stored, = self.folder.rglob("long.bin.zst")
        asked = []

        def replace(exchange):
            asked.append(exchange.request)
            if len(asked) == 2:
                stored.write_bytes(bytes(stored.stat().st_size + 1))
            exchange.forward()

        self.proxy.on(self.of_object, replace, times=1000)
        result = self.restore()
        self.assertNotIn(result.code, (0, 99), result)
        self.assertFalse((self.to / "long.bin").exists())

    def test_prune_needs_a_list_and_takes_nothing_away(self):
        self.sync([self.source])
        result = self.ask("prune", "--keep", "last=1", "--apply")
        self.assert_refused(result, 3, "no target whose uploads can be listed")
        self.assertEqual(len(list(self.folder.rglob("manifest.json"))), 2)
        self.assert_restored(self.restore(), self.digests)
