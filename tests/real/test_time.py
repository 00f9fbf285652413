"""A lid that was closed: the program stands still for a minute in the middle of an upload, and goes on, before a server
that allows signatures to be 30 s old."""

import calendar
import contextlib
import hashlib
import hmac
import http.client
import os
import signal
import threading
import time

import cases
import data
import faults
import sync
from world import ACCESS_KEY, BUCKET, REGION, SECRET_KEY

SIZE = 42 * data.MIB
SKEW_S_MAX = 30
STANDS_STILL_S = 60
PART = 3


def age(request):
    """Seconds since the request was signed, or None."""
    date = request.headers.get("X-Amz-Date")
    return None if date is None else time.time() - calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))


def too_old(request):
    """As a server with such a rule sees it when the request arrives; the signature itself is the real server's to
    check, which gets it as it is."""
    signed = age(request)
    return signed is None or abs(signed) > SKEW_S_MAX


def signed(port, at):
    """Headers of GET /BUCKET/none, signed then."""
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
    nothing = hashlib.sha256(b"").hexdigest()
    headers = {"host": f"127.0.0.1:{port}", "x-amz-content-sha256": nothing, "x-amz-date": date}
    names = ";".join(headers)
    request = "\n".join(["GET", f"/{BUCKET}/none", "", *(f"{n}:{v}" for n, v in headers.items()), "", names, nothing])
    scope = f"{date[:8]}/{REGION}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = ("AWS4" + SECRET_KEY).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return {**headers, "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={names}, "
            f"Signature={signature}"}


class Strict(faults.Proxy):
    """Before a real server; ${reached} is set when the part number ${PART} arrives."""

    def __init__(self, port, drops):
        self.reached, self.drops = threading.Event(), drops
        super().__init__(port)
        self.on(self.arrives, faults.s3_error(403, "RequestTimeTooSkewed"), times=10**6)

    def arrives(self, request):
        if request.is_part(PART):
            self.reached.set()
        return too_old(request)

    def drop(self):
        """Every connection that is open now ends, as if nobody had been there for too long."""
        with self._lock:
            for connection in self._open:
                faults.reset_socket(connection)


class Still(cases.Case):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        before = faults.IDLE_SECONDS_MAX
        faults.IDLE_SECONDS_MAX = 4 * STANDS_STILL_S
        self.addCleanup(setattr, faults, "IDLE_SECONDS_MAX", before)

    def test_server_is_strict(self):
        # Else the other test would show nothing.
        server = self.have(cases.world.versitygw)
        proxy = self.stack.enter_context(Strict(server.port, False))
        for seconds, status in ((SKEW_S_MAX + 5, 403), (0, 404)):
            connection = http.client.HTTPConnection("127.0.0.1", proxy.port)
            connection.request("GET", f"/{BUCKET}/none", headers=signed(proxy.port, time.time() - seconds))
            self.assertEqual(connection.getresponse().status, status)
            connection.close()

    def begin(self, server, drops):
        """A run that stands still from the time when its third part arrives."""
        proxy = self.stack.enter_context(Strict(server.port, drops))
        person = self.person()
        source = person.source("a.bin", data.random_bytes, SIZE)
        target = sync.s3(server, url=proxy.url, prefix=f"still-{drops}")
        text = sync.policy({"cloud": target}, compress="'none'")
        process = person.start(*person.run_arguments(text, [source]))
        self.addCleanup(process.kill)
        self.assertTrue(proxy.reached.wait(60))
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
            program = int(children.read())
        os.kill(program, signal.SIGSTOP)
        return proxy, person, source, process, program

    def test_goes_on_with_fresh_signatures(self):
        server = self.have(cases.world.versitygw)
        running = [self.begin(server, drops) for drops in (False, True)]
        time.sleep(STANDS_STILL_S)
        for proxy, *_ in running:
            if proxy.drops:
                proxy.drop()
        went_on = time.time()
        for *_, program in running:
            os.kill(program, signal.SIGCONT)
        for proxy, person, source, process, _ in running:
            result = person.finish(process)
            self.assert_stored(result, "cloud")
            key = f"still-{proxy.drops}/{result.report['files'][0]['key']}"
            self.assertEqual(data.sha256_of(server.get(key)["Body"]),
                             data.sha256_of(open(source, "rb")))
            refused = [r for r in proxy.asked() if r.status == 403]
            fresh = [r for r in proxy.asked() if r.is_part() and r.status == 200 and
                     calendar.timegm(time.strptime(r.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")) >= int(went_on)]
            self.assertTrue(fresh, proxy.asked())
            print(f"figure: stood still for {STANDS_STILL_S} s ({'connections dropped' if proxy.drops else 'alive'}): "
                  f"{len(refused)} requests refused as too old, {len(fresh)} parts with fresh signatures, ended "
                  f"{result.report['outcome']} after {result.wall_s:.1f} s")
