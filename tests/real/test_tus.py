"""A large object over HTTP that is cut off goes on where it stopped, if the server speaks tus; else it begins anew."""

import contextlib
import http.client
import os
import signal
import time

import cases
import data
import faults
import sync
import tusd

SIZE = 22 * data.MIB
PIECE = 5 * data.MIB
CUT = 3 * data.MIB      # of the second piece


def is_piece(request):
    return request.method == "PATCH"


def is_put(request):
    return request.is_object()


def cut_after(bytes_max):
    """The server gets so many bytes of the body; then the line is gone, on both sides."""
    def action(exchange):
        request = exchange.request
        upstream = http.client.HTTPConnection("127.0.0.1", exchange.proxy.upstream_port)
        upstream.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders()
        left = bytes_max
        for piece in exchange.body():
            upstream.send(piece[:left])
            left -= min(left, len(piece))
            if left == 0:
                break
        time.sleep(0.2)     # so that it arrives before the end does
        upstream.close()
        exchange.reset()
    return action


class Tus(cases.Case):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def proxy(self, server):
        return self.stack.enter_context(faults.Proxy(server.port))

    def upload(self, proxy, **fields):
        """A person whose one file of ${SIZE} goes through ${proxy}; and how that ended."""
        person = self.person()
        self.source = person.source("a.bin", data.random_bytes, SIZE)
        target = sync.builder("http", url=f"{proxy.url}/upload", **fields)
        result = person.run(sync.policy({"web": target}, compress="'none'", part_size=PIECE), [self.source])
        self.assert_stored(result, "web")
        return person, result

    def has_it(self, server, result):
        key = result.report["files"][0]["key"]
        stored = server.files / key
        self.assertEqual(data.sha256_of(open(stored, "rb"), key), data.sha256_of(open(self.source, "rb"), "a.bin"))
        manifest = stored.parent / "manifest.json"
        self.assertTrue(manifest.exists())
        # As a reader gets it, who knows nothing of tus.
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", f"/upload/{key}")
        self.assertEqual(len(connection.getresponse().read()), SIZE)
        connection.close()

    def pieces(self, proxy):
        """(offset, bytes, status) of every PATCH. libcurl repeats one whose connection, used before, ends without an
        answer; the server, which stands elsewhere by then, refuses it (409, as 502 where nginx still sends)."""
        return [(int(r.headers["Upload-Offset"]), int(r.headers["Content-Length"]), r.status)
                for r in proxy.asked(is_piece)]

    def taken(self, proxy):
        return [(offset, size) for offset, size, status in self.pieces(proxy) if status == 204]

    def test_goes_in_pieces(self):
        server = self.have(tusd.Tusd, cases.world)
        proxy = self.proxy(server)
        _, result = self.upload(proxy)
        self.has_it(server, result)
        self.assertEqual(self.pieces(proxy), [(i * PIECE, min(PIECE, SIZE - i * PIECE), 204) for i in range(5)])
        self.assertFalse(proxy.asked(is_put))

    def test_cut_off_goes_on_at_the_byte(self):
        server = self.have(tusd.Tusd, cases.world)
        proxy = self.proxy(server).on(is_piece, cut_after(CUT), first=2)
        _, result = self.upload(proxy)
        self.has_it(server, result)
        self.assertEqual(self.pieces(proxy)[1], (PIECE, PIECE, None))
        # What had arrived of the second is not sent again.
        taken = self.taken(proxy)
        self.assertEqual(taken, [(0, PIECE), *((at, min(PIECE, SIZE - at)) for at in range(PIECE + CUT, SIZE, PIECE))])
        print(f"figure: tus: cut after {CUT} bytes of the second piece, gone on at byte {taken[1][0]} of {SIZE}")

    def test_killed_half_way_another_process_goes_on(self):
        server = self.have(tusd.Tusd, cases.world)
        proxy, person = self.proxy(server), self.person()
        self.source = person.source("a.bin", data.random_bytes, SIZE)
        text = sync.policy({"web": sync.builder("http", url=f"{proxy.url}/upload")}, compress="'none'", part_size=PIECE)

        def kill(exchange):
            with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
                os.kill(int(children.read()), signal.SIGKILL)
            cut_after(CUT)(exchange)
        proxy.on(is_piece, kill, first=3)
        process = person.start(*person.run_arguments(text, [self.source]))
        self.assertEqual(person.finish(process).code, -signal.SIGKILL)
        result = person.run(None, [self.source])
        self.assert_stored(result, "web")
        self.has_it(server, result)
        self.assertEqual(len(proxy.asked(lambda r: r.method == "POST")), 1)
        # Of the third piece what had arrived is kept: how much that was, the server says.
        taken = self.taken(proxy)
        self.assertEqual(taken[:2], [(0, PIECE), (PIECE, PIECE)])
        self.assertGreaterEqual(taken[2][0], 2 * PIECE)
        self.assertEqual(sum(size for _, size in taken), SIZE - (taken[2][0] - 2 * PIECE))
        print(f"figure: tus: killed in the third piece, another process goes on at byte {taken[2][0]} of {SIZE}")

    def test_answer_that_is_lost_is_asked_for(self):
        server = self.have(tusd.Tusd, cases.world)
        proxy = self.proxy(server).on(is_piece, faults.lose, first=3)
        _, result = self.upload(proxy)
        self.has_it(server, result)
        self.assertEqual([offset for offset, _ in self.taken(proxy)], [*range(0, SIZE, PIECE)])

    def test_server_that_is_told_to_wait(self):
        server = self.have(tusd.Tusd, cases.world)
        proxy = self.proxy(server).on(is_piece, faults.Reply(503, {"Retry-After": "1"}), first=2)
        _, result = self.upload(proxy)
        self.has_it(server, result)
        self.assertEqual(result.decided("throttled")[0]["answer"], "wait 1.0")

    def test_upload_that_expired_begins_anew(self):
        server = self.have(tusd.Tusd, cases.world)

        def expire(exchange):
            for info in server.files.rglob("*.info"):
                info.unlink()
            exchange.forward()
        proxy = self.proxy(server).on(is_piece, expire, first=3)
        _, result = self.upload(proxy)
        self.has_it(server, result)
        self.assertEqual([offset for offset, _ in self.taken(proxy)], [0, PIECE, *range(0, SIZE, PIECE)])

    def test_address_of_its_own_is_not_where_readers_look(self):
        server = self.have(tusd.Tusd, cases.world, named=False)
        proxy = self.proxy(server)
        person, result = self.upload(proxy)
        self.has_it(server, result)
        self.assertEqual((self.pieces(proxy), len(proxy.asked(is_put))), ([], 1))
        # What was begun was given back, and is not tried again.
        self.assertFalse(list(server.files.rglob("*.info")))
        with open(self.source, "ab") as more:
            more.write(b"more")
        self.assert_stored(person.run(None, [self.source]))
        self.assertEqual(len(proxy.asked(lambda r: r.method == "POST")), 1)

    def test_without_tus_what_is_cut_off_begins_anew(self):
        server = self.have(cases.world.nginx)
        proxy = self.proxy(server).on(is_put, cut_after(SIZE // 2))
        _, result = self.upload(proxy)
        self.has_it(server, result)
        puts = proxy.asked(is_put)
        self.assertEqual([int(r.headers["Content-Length"]) for r in puts], [SIZE, SIZE])
        self.assertFalse(proxy.asked(is_piece))

    def test_policy_can_say_no(self):
        server = self.have(tusd.Tusd, cases.world)
        proxy = self.proxy(server)
        _, result = self.upload(proxy, tus=False)
        self.has_it(server, result)
        self.assertFalse(proxy.asked(lambda r: r.method in ("OPTIONS", "POST", "PATCH")))
