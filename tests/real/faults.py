"""Things that go wrong between the program and a server, each a thread or two on loopback.

Proxy stands in front of a real HTTP server, keeps a list of what was asked, and follows rules: answer in its place,
reset, cut the reply short, stay silent, lose the reply, die. The rest are servers that only ever do one wrong thing.
"""

import http.client
import socket
import ssl
import struct
import threading
import time
from urllib.parse import parse_qs, urlsplit

SLICE = 64 * 1024
IDLE_SECONDS_MAX = 60
BEGINS_BYTES = 512              # of a body, that are kept to be looked at


class Request:
    """One request as it came in."""

    def __init__(self, method, target, headers, connection):
        self.method, self.target, self.headers = method, target, headers
        self.connection = connection    # a number: each connection of the program has its own
        self.at = time.monotonic()
        split = urlsplit(target)
        self.path, self.query = split.path, parse_qs(split.query, keep_blank_values=True)
        self.begins = b""       # the first bytes of its body
        self.status = None      # of the reply, once there is one
        self.answered_at = None

    def is_part(self, number=None):
        return self.method == "PUT" and "partNumber" in self.query and (
            number is None or self.query["partNumber"] == [str(number)])

    def is_object(self):
        """The bytes of an object, whole or a part; neither a marker nor the manifest."""
        return self.method == "PUT" and not self.path.endswith(("/", "/manifest.json"))

    def __repr__(self):
        return f"{self.method} {self.target} -> {self.status}"


class Reply:
    """Answer in the server's place, after the body was read."""

    def __init__(self, status, headers=None, body=b""):
        self.status, self.headers, self.body = status, headers or {}, body

    def __call__(self, exchange):
        exchange.read_body()
        exchange.answer(self.status, self.headers, self.body)


def s3_error(status, code, headers=None):
    text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>planned</Message></Error>"
    return Reply(status, {"Content-Type": "application/xml", **(headers or {})}, text.encode())


def reset(exchange):
    exchange.read_body()
    exchange.reset()


def reset_early(exchange):
    """Before the body was read."""
    exchange.reset()


def cut(exchange):
    """A reply that ends before its end."""
    exchange.read_body()
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: \"x\"\r\n\r\n<half")
    exchange.close()


def silent(exchange):
    """Reads everything, answers nothing."""
    exchange.read_body()
    exchange.proxy.stopping.wait(IDLE_SECONDS_MAX)
    exchange.close()


def lose(exchange):
    """The server hears the request; the program never hears the reply."""
    exchange.forward(relay=False)
    exchange.reset()


def die(exchange):
    """The server is gone, with all its connections."""
    exchange.proxy.die()


class Rule:
    def __init__(self, matches, action, first, times):
        self.matches, self.action, self.first, self.times, self.seen = matches, action, first, times, 0

    def applies(self, request):
        if not self.matches(request):
            return False
        self.seen += 1
        return self.first <= self.seen < self.first + self.times


class Server:
    """A listener whose connections are each served by a thread; stopped by stop() or the end of a with block."""

    def __init__(self, backlog=64):
        self.stopping = threading.Event()
        self.connected_at = []
        self._open, self._lock = set(), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connected_at.append(time.monotonic())
            connection.settimeout(IDLE_SECONDS_MAX)
            with self._lock:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.serve(connection)
        except (OSError, http.client.HTTPException, ValueError):
            pass        # the program went away in the middle, which is what many tests are about
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def serve(self, connection):
        raise NotImplementedError

    def die(self):
        """Refuses from now on; what is open is reset."""
        self.stopping.set()
        # A thread that waits in accept() keeps a closed listener alive: shutdown wakes it.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        with self._lock:
            for connection in self._open:
                reset_socket(connection)

    stop = die

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def reset_socket(connection):
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)     # wakes a thread that reads from it
        connection.close()
    except OSError:
        pass


class Proxy(Server):
    """In front of 127.0.0.1:${upstream_port} (plain http). Without ${reuse} each connection serves one request."""

    def __init__(self, upstream_port, certificates=None, reuse=True):
        self.upstream_port, self.reuse = upstream_port, reuse
        self.requests, self.rules = [], []
        self.context = None
        if certificates is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificates.certificate, certificates.key)
        super().__init__()
        self.url = f"{'https' if certificates else 'http'}://127.0.0.1:{self.port}"

    def on(self, matches, action, first=1, times=1):
        """The ${first} request for which ${matches} says yes, and the following, ${times} in all, meet ${action}."""
        self.rules.append(Rule(matches, action, first, times))
        return self

    def serve(self, connection):
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_side=True)
        exchange = Exchange(self, connection)
        while not self.stopping.is_set() and exchange.next():
            request = exchange.request
            with self._lock:
                self.requests.append(request)
                actions = [rule.action for rule in self.rules if rule.applies(request)]
            if actions:
                actions[0](exchange)
            else:
                exchange.forward()
            if exchange.closed or not self.reuse:
                return

    def asked(self, matches=lambda request: True):
        with self._lock:
            return [request for request in self.requests if matches(request)]


class Exchange:
    """One connection of the program and, if needed, one to the server."""

    def __init__(self, proxy, connection):
        self.proxy, self.connection = proxy, connection
        self.reader = connection.makefile("rb")
        self.upstream = None
        self.request = None
        self.left = 0
        self.closed = False

    def next(self):
        line = self.reader.readline(SLICE).decode("latin-1").strip()
        if not line:
            return False
        method, target, _ = line.split(" ", 2)
        headers = http.client.parse_headers(self.reader)
        self.request = Request(method, target, headers, id(self))
        self.left = int(headers.get("Content-Length", 0))
        return True

    def body(self):
        if headers_expect(self.request.headers):
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        while self.left > 0:
            data = self.reader.read1(min(SLICE, self.left))
            if not data:
                raise ValueError("the body ended early")
            self.left -= len(data)
            if len(self.request.begins) < BEGINS_BYTES:
                self.request.begins += data[:BEGINS_BYTES]
            yield data

    def read_body(self):
        for _ in self.body():
            pass

    def send(self, data):
        self.connection.sendall(data)

    def answer(self, status, headers, body):
        self.request.status = status
        lines = [f"HTTP/1.1 {status} {http.client.responses.get(status, 'Planned')}"]
        headers = {"Content-Length": str(len(body)), **headers}
        if not self.proxy.reuse:
            headers["Connection"] = "close"
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if self.request.method != "HEAD":
            self.send(body)
        self.request.answered_at = time.monotonic()

    def forward(self, relay=True):
        if self.upstream is None:
            self.upstream = http.client.HTTPConnection("127.0.0.1", self.proxy.upstream_port, timeout=IDLE_SECONDS_MAX)
        request = self.request
        self.upstream.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            if name.lower() != "expect":
                self.upstream.putheader(name, value)
        self.upstream.endheaders()
        for data in self.body():
            self.upstream.send(data)
        reply = self.upstream.getresponse()
        body = reply.read()
        request.status = reply.status
        if relay:
            headers = {name: value for name, value in reply.getheaders()
                       if name.lower() not in ("transfer-encoding", "connection")}
            if request.method != "HEAD":
                headers["Content-Length"] = str(len(body))
            self.answer(reply.status, headers, body)

    def reset(self):
        self.closed = True
        # makefile() holds the socket open: without closing it first nothing would be reset.
        self.reader.close()
        reset_socket(self.connection)

    def close(self):
        self.closed = True
        self.reader.close()
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.connection.close()


def headers_expect(headers):
    return headers.get("Expect", "").lower() == "100-continue"


class Silent(Server):
    """Accepts, reads, never answers: with https an endless TLS handshake."""

    def serve(self, connection):
        while connection.recv(SLICE):
            pass


class SlowLine(Server):
    """A line to 127.0.0.1:${upstream_port} whose connections share so many bits a second upwards."""

    def __init__(self, upstream_port, bits_per_s):
        self.upstream_port, self.bytes_per_s = upstream_port, bits_per_s / 8
        self.turn, self.free_at = threading.Lock(), time.monotonic()
        super().__init__()

    def serve(self, connection):
        with socket.create_connection(("127.0.0.1", self.upstream_port)) as upstream:
            threading.Thread(target=relay, args=(upstream, connection), daemon=True).start()
            # A small window, as of a real line: what is not through yet still waits at the sender's.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLICE)
            while data := connection.recv(SLICE // 4):
                with self.turn:
                    self.free_at = max(self.free_at, time.monotonic()) + len(data) / self.bytes_per_s
                    wait = self.free_at - time.monotonic()
                if self.stopping.wait(max(wait, 0)):
                    return
                upstream.sendall(data)


def relay(source, sink):
    try:
        while data := source.recv(SLICE):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class FullQueue:
    """A listener whose queue is full, so that further SYNs are never answered."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.waiting = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self.waiting.append(filler)
        time.sleep(0.05)    # the kernel moves the first ones into the queue

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for filler in self.waiting:
            filler.close()
        self.listener.close()


class Refusing:
    """A port where nobody listens; kept bound so that nobody else comes to."""

    def __init__(self):
        self.holder = socket.socket()
        self.holder.bind(("127.0.0.1", 0))
        self.port = self.holder.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.holder.close()


class SilentResolver:
    """A name server that takes questions and answers none; needs root for its port."""

    ADDRESS = "127.0.53.77"

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.ADDRESS, 53))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
