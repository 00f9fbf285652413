"""Servers that mean harm, or have gone mad: whatever they answer, the program ends soon, stays small, says what happened in
one line, believes nothing, sends nothing anywhere else, and keeps what is owed."""

import concurrent.futures
import gzip
import itertools
import json
import re
import threading

import cases
import data
import faults
import sync
from world import SECRET_KEY

WALL_S_MAX = 100        # for one command, on a machine that does much else; what waits, waits 30 s once
RSS_MIB_MAX = 96
AT_ONCE = 4
STREAM_BYTES_MAX = 64 * data.MIB
# What a terminal could obey: of ASCII, and U+0080 to U+009F.
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
ONCE = "akosha.retry.none()"
XML = "Content-Type: application/xml"


# --- answers: functions of an exchange whose request was read ------------------------------------

def reading(send):
    """The body of the request is read first."""
    def action(exchange):
        exchange.read_body()
        send(exchange)
        exchange.close()
    return action


def raw(*pieces):
    def send(exchange):
        for piece in pieces:
            exchange.send(piece if isinstance(piece, bytes) else piece.encode("latin-1"))
    return reading(send)


def endless(first, again, count=None):
    """${first}, and then ${again} until the program has had enough."""
    def send(exchange):
        exchange.send(first)
        sent = 0
        for i in itertools.count() if count is None else range(count):
            piece = again(i) if callable(again) else again
            exchange.send(piece)
            sent += len(piece)
            if sent > STREAM_BYTES_MAX:
                return
        exchange.proxy.stopping.wait(1)
    return reading(send)


def dripping(first, again, pause=1.0):
    def send(exchange):
        exchange.send(first)
        while not exchange.proxy.stopping.wait(pause):
            exchange.send(again)
    return reading(send)


def reply(body=b"", status="200 OK", *headers):
    if isinstance(body, str):
        body = body.encode()
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""])
    return raw(head, body)


def error(code, status="403 Forbidden", inside="", *headers):
    return reply(f"<?xml version='1.0'?><Error><Code>{code}</Code>{inside}</Error>", status, XML, *headers)


def changed(**headers):
    """The real answer, with other headers (None: without)."""
    def action(exchange):
        real = exchange.answer

        def answer(status, given, body):
            kept = {name: value for name, value in given.items() if name.lower() not in
                    {name.lower().replace("_", "-") for name in headers}}
            real(status, {**kept, **{n.replace("_", "-"): v for n, v in headers.items() if v is not None}}, body)
        exchange.answer = answer
        try:
            exchange.forward()
        finally:
            exchange.answer = real
    return action


def laughs():
    lines = "".join(f'<!ENTITY l{i} "{"&l%d;" % (i - 1) * 10}">' for i in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{lines}]><x>&l9;</x>'


PACKED = gzip.compress(bytes(16 * data.MIB))

# Wherever an answer is expected.
ANYWHERE = {
    "headers without end": endless(b"HTTP/1.1 200 OK\r\n", lambda i: b"X-%d: y\r\n" % i),
    "one header of 1 MiB": raw("HTTP/1.1 200 OK\r\nX: ", "y" * data.MIB, "\r\nContent-Length: 0\r\n\r\n"),
    "10,000 headers": raw("HTTP/1.1 200 OK\r\n", "X: y\r\n" * 10_000, "Content-Length: 0\r\n\r\n"),
    "a status line without end": endless(b"HTTP/1.1 200 ", b"O" * 4096),
    "a body that is cut": raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: \"x\"\r\n\r\n<half"),
    "chunks without end": endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    "a chunk that is none": raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx"),
    "trailers without end": endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 100),
    "a body without end": endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
    "gzip as a transfer coding": raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                                     f"{len(PACKED):x}\r\n", PACKED, "\r\n0\r\n\r\n"),
    "100 Continue without end": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10),
    "103 Early Hints without end": endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"),
    "101 Switching Protocols": endless(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", b"x" * 1000, 10),
    "HTTP/0.9": raw("<html>all is well</html>\n"),
    "a preface of HTTP/2": raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes(30)),
    "status 999": raw("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"),
    "status 000": raw("HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n"),
    "NUL in a header": raw(b"HTTP/1.1 200 OK\r\nETag: \"a\0b\"\r\nContent-Length: 0\r\n\r\n"),
    "noise": raw(bytes(range(256)) * 64),
    "nothing": raw(),
    "100 redirects' worth of hosts": raw("HTTP/1.1 302 Found\r\n", "Location: http://127.0.0.1:1/\r\n" * 99,
                                         "Content-Length: 0\r\n\r\n"),
}
# Where XML is expected.
IN_XML = {
    "a billion laughs": reply(laughs(), "200 OK", XML),
    "XML a million deep": reply("<a>" * 1_000_000, "200 OK", XML),
    "XML with an outer entity": reply('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "200 OK", XML),
    "XML of 8 MiB": reply("<a>" + "<b/>" * (2 * data.MIB) + "</a>", "200 OK", XML),
    "HTML": reply("<html><body>Sign in</body></html>", "200 OK", "Content-Type: text/html"),
    "XML that is packed": reply(gzip.compress(laughs().encode()), "200 OK", XML, "Content-Encoding: gzip"),
    "an empty body": reply(),
}
UPLOAD_IDS = {
    "an upload id that leaves the path": "../../../other?uploads=",
    "an upload id with a line end": "a&#13;&#10;X-Injected: y",
    "an upload id of 10,000 bytes": "x" * 10_000,
    "an upload id that is empty": "",
    "somebody else's upload id": "0123456789abcdef0123456789abcdef",
}
ETAGS = {
    "no ETag": None,
    "an ETag of 60,000 bytes": '"' + "x" * 60_000 + '"',
    "an ETag with a bell": '"a\x07b"',
    "an ETag that closes the XML": '"</ETag></Part></CompleteMultipartUpload>"',
}
STAGES = {
    "put": lambda r: r.is_object() and not r.is_part(),
    "create": lambda r: r.method == "POST" and "uploads" in r.query,
    "part": lambda r: r.is_part(1),
    "complete": lambda r: r.method == "POST" and "uploadId" in r.query,
    "manifest": lambda r: r.method == "PUT" and r.path.endswith("/manifest.json"),
    "head": lambda r: r.method == "HEAD",
    "list": lambda r: r.method == "GET" and "list-type" in r.query,
    "read the manifest": lambda r: r.method == "GET" and r.path.endswith("/manifest.json"),
    "read": lambda r: r.method == "GET" and r.path.endswith(".bin"),
}
PARTS = ("create", "part", "complete")
KEPT = {"bad_reply", "too_large", "stalled", "timeout", "settings", "not_found", "conflict", "corrupt", "server", "refused"}


def rows_of_a_run():
    for i, (name, action) in enumerate(ANYWHERE.items()):
        # Each of them at two places, and each place with several.
        for stage in ({"put", "manifest"}, {"create", "part"}, {"complete", "part"})[i % 3]:
            yield name, stage, action
    for i, (name, action) in enumerate(IN_XML.items()):
        yield name, "create", action
        if name != "an empty body":
            yield name, "complete", action
    for name, text in UPLOAD_IDS.items():
        body = f"<InitiateMultipartUploadResult><UploadId>{text}</UploadId></InitiateMultipartUploadResult>"
        yield name, "create", reply(body, "200 OK", XML)
    for name, etag in ETAGS.items():
        yield name, "part", changed(ETag=etag)
    yield "an error inside a 200", "complete", error("InternalError", "200 OK")
    for year in ("9999", "10000", "0000"):
        date = f"Fri, 31 Dec {year} 23:59:59 GMT"
        yield f"a clock of {year}", "part", error("RequestTimeTooSkewed", "403 Forbidden",
                                                   f"<ServerTime>{year}-12-31T23:59:59Z</ServerTime>", f"Date: {date}")
    for text in ("31536000000", "-5", "soon", "Fri, 31 Dec 9999 23:59:59 GMT", "1e9", "9" * 400):
        yield f"Retry-After: {text[:30]}", "part", error("SlowDown", "503 Slow", "", f"Retry-After: {text}")


class Elsewhere(faults.Server):
    """Where nobody should ever come."""

    def __init__(self):
        self.heard = []
        super().__init__()

    def serve(self, connection):
        self.heard.append(connection.recv(65536))


def rows_of_redirects(elsewhere):
    for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"):
        for place in ("http://169.254.169.254/latest/meta-data/iam/security-credentials/", f"http://127.0.0.1:{elsewhere.port}/x",
                      f"//127.0.0.1:{elsewhere.port}/"):
            host = f"127.0.0.1:{elsewhere.port}"
            inside = f"<Endpoint>{host}</Endpoint><Region>x.{host}/</Region><Bucket>b</Bucket>"
            for stage in ("head", "part") if status[0:3] in ("301", "307") else ("create",):
                yield f"{status} to {place[:25]}", stage, error(
                    "PermanentRedirect" if status.startswith("301") else "TemporaryRedirect", status, inside,
                    f"Location: {place}", f"x-amz-bucket-region: {host}/#")


class Hostile(cases.Case):
    """Rows are tried at once, as most of what they do is wait."""

    def setUp(self):
        self.server = self.have(cases.world.versitygw)
        self.web = self.have(cases.world.nginx)
        self.large = cases.world.once("hostile-large", lambda: data.half_compressible(
            cases.world.place("hostile") / "long.bin", 6 * data.MIB))
        self.small = cases.world.once("hostile-small", lambda: data.half_compressible(
            cases.world.place("hostile") / "short.bin", 10_000))
        self.lock = threading.Lock()

    def try_all(self, rows, check, at_once=AT_ONCE):
        """check(program, *row) for each row, with the program as it is tested and as people have it."""
        rows = [(program, *row) for row in rows for program in (cases.sanitized, cases.release)]
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            done = [(row, pool.submit(check, *row)) for row in rows]
        for row, future in done:
            with self.subTest(case=row[1], at=row[2], program=row[0].parent.name):
                future.result()

    def someone(self, program):
        with self.lock:
            person = sync.Person(cases.world, program)
        self.addCleanup(person.close)
        return person

    def bounded(self, result, program):
        self.assertNotIn("Sanitizer", result.err, result)
        self.assertNotIn("runtime error:", result.err, result)
        self.assertLess(result.wall_s, WALL_S_MAX, result)
        if program == cases.release:
            self.assertLess(result.rss_mib, RSS_MIB_MAX, result)
        self.assertNotIn(SECRET_KEY, result.out + result.err)
        self.plain(result.err)

    def plain(self, text):
        """Lines of ours, without anything that a terminal would obey."""
        self.assertIsNone(CONTROLS.search(text), repr(text[-2000:]))
        for line in text.splitlines():
            self.assertRegex(line, r"^(akosha-sync: |hint: |warning: |kept in the queue as job )")

    def kept(self, person, result, believed=False):
        """Told as one of the known failures, and owed."""
        self.assertIsNotNone(result.report, result)
        if believed and result.code == 0:
            return
        self.assertIn(result.code, (1, 3, 5, 6), result)
        self.assertEqual(result.report["outcome"], "queued", result)
        self.assertIn(result.report["error"]["failure"], KEPT | {"clock_skew", "throttled", "auth_invalid", "forbidden"})
        self.assertTrue(result.report["error"]["message"])
        self.assertEqual(len(person.queue()), 1, result)

    def run_at(self, program, name, stage, action):
        person = self.someone(program)
        prefix = f"hostile-{person.folder.name}"
        with faults.Proxy(self.server.port) as proxy:
            proxy.on(STAGES[stage], action, times=1000)
            text = sync.policy({"cloud": sync.s3(self.server, port=proxy.port, prefix=prefix)}, compress="'none'", retry=ONCE)
            result = person.run(text, [self.large if stage in PARTS else self.small])
            self.assertTrue(proxy.asked(STAGES[stage]), (name, stage, result))
            # Nothing is signed for a day of the server's choice.
            self.assertLessEqual({r.headers["x-amz-date"][:3] for r in proxy.asked()}, {"202", "203"})
        self.bounded(result, program)
        manifests = [key for key in self.server.objects(prefix) if key.endswith("manifest.json")]
        # What does not read as an answer to a PUT may be one, as far as a bucket is concerned.
        self.kept(person, result, believed=True)
        if result.code == 0:
            key = result.files()[(self.large if stage in PARTS else self.small).name]["key"]
            self.assertEqual(data.sha256_of(self.server.get(f"{prefix}/{key}")["Body"], key),
                             data.sha256(self.large if stage in PARTS else self.small))
            self.assertEqual(len(manifests), 1)
        else:
            self.assertEqual(manifests, [])

    def web_at(self, program, name, stage, action):
        person = self.someone(program)
        with faults.Proxy(self.web.port) as proxy:
            proxy.on(STAGES[stage], action, times=1000)
            place = f"hostile-{person.folder.name}"
            text = sync.policy({"web": sync.http(url=f"{proxy.url}/{place}")}, compress="'none'", retry=ONCE)
            result = person.run(text, [self.small])
            self.assertTrue(proxy.asked(STAGES[stage]), (name, stage, result))
        self.bounded(result, program)
        root = self.web.files.parent / place
        stored = list(root.rglob("manifest.json"))
        self.kept(person, result, believed=True)
        self.assertEqual(len(stored), 1 if result.code == 0 else 0, (name, stage, result))
        if result.code == 0:
            [path] = root.rglob("short.bin")
            self.assertEqual(data.sha256(path), data.sha256(self.small))


class Bucket(Hostile):
    def test_a_run(self):
        self.try_all(rows_of_a_run(), self.run_at)

    def test_a_redirect_leads_nowhere(self):
        with Elsewhere() as elsewhere:
            def check(program, name, stage, action):
                self.run_at(program, name, stage, action)
            self.try_all(rows_of_redirects(elsewhere), check)
            self.assertEqual(elsewhere.heard, [])

    def test_an_answer_behind_an_answer_is_not_the_next_one(self):
        """What comes behind a reply's end belongs to no request: the connection is not used again."""
        forged = b"HTTP/1.1 200 OK\r\nETag: \"forged\"\r\nContent-Length: 0\r\n\r\n"

        def smuggle(exchange):
            exchange.forward()
            exchange.send(forged * 3)
        self.try_all([("forged answers", stage, smuggle) for stage in ("head", "create", "part")], self.run_at)

    def test_words_of_a_server_are_shown_as_words(self):
        fake = "&#13;&#10;akosha-sync: all is well&#10;&#9;&#x85;&#x9b;31m&#x2028;%s%n"

        def check(program, name, stage, action):
            person = self.someone(program)
            with faults.Proxy(self.server.port) as proxy:
                proxy.on(STAGES[stage], action, times=1000)
                text = sync.policy({"cloud": sync.s3(self.server, port=proxy.port, prefix="words")}, retry=ONCE)
                result = person.run(text, [self.small], "--verbose")
            self.kept(person, result)
            self.assertIsNone(CONTROLS.search(result.err + result.out), repr(result.err))
            self.assertNotRegex(result.err, r"(?m)^akosha-sync: all is well")
            self.assertNotIn("\n", result.report["error"]["message"])
            log = (person.state / "audit.jsonl").read_text()
            for line in log.strip("\n").split("\n"):
                json.loads(line)
        message = f"<Message>{fake}</Message><RequestId>{fake}</RequestId><Region>{fake}</Region>"
        rows = [("in XML", "put", error("AccessDenied", "403 Forbidden", message)),
                ("in a header", "put", reply(b"", "403 Forbidden", "x-amz-request-id: a\x9b31m\xc2\x9b31m\x1b[31m"))]
        self.try_all(rows, check)


class Back(Hostile):
    """list, verify and restore from a bucket whose server lies."""

    def setUp(self):
        super().setUp()
        self.prefix = "hostile-back"
        cases.world.once("hostile-back", self.store)

    def store(self):
        person = sync.Person(cases.world, cases.sanitized)
        text = sync.policy({"cloud": sync.s3(self.server, prefix=self.prefix)}, compress="'none'")
        self.assert_stored(person.run(text, [self.small]))
        person.close()
        return True

    def back_at(self, program, name, stage, action, *commands):
        for command in commands or (("restore",) if stage == "read" else ("list", "restore", "verify")):
            person = self.someone(program)
            back = person.folder / "back"
            with faults.Proxy(self.server.port) as proxy:
                proxy.on(STAGES[stage], action, times=100_000)
                person.policy.write_text(sync.policy(
                    {"cloud": sync.s3(self.server, port=proxy.port, prefix=self.prefix)}, retry=ONCE))
                more = ("--to", back) if command == "restore" else ()
                result = person.ask(command, "--json", "--policy", person.policy, "--state", person.state, *more)
            self.bounded_back(result, program)
            if command == "list" and stage == "read the manifest":
                self.assertIn(result.code, (0, 1, 5), (name, command, result))
            else:
                self.assertIn(result.code, (1, 5), (name, command, result))
            # What was read so far is kept for the next time, under a name that nobody looks at.
            left = [path.name for path in back.iterdir() if not path.name.startswith(".akosha-")] if back.exists() else []
            self.assertEqual(left, [], (name, command, result))

    def bounded_back(self, result, program):
        self.assertNotIn("Sanitizer", result.err, result)
        self.assertNotIn("runtime error:", result.err, result)
        self.assertLess(result.wall_s, WALL_S_MAX, result)
        if program == cases.release:
            self.assertLess(result.rss_mib, RSS_MIB_MAX, result)
        self.assertIsNone(CONTROLS.search(result.err), repr(result.err))

    def test_answers(self):
        rows = []
        for i, (name, action) in enumerate(ANYWHERE.items()):
            rows.append((name, ("list", "read the manifest", "read")[i % 3], action))
        rows += [(name, "list", action) for name, action in IN_XML.items()]
        self.try_all([(*row, command) for row in rows for command in self.commands(row[1])], self.back_at)

    @staticmethod
    def commands(stage):
        return ("restore",) if stage == "read" else ("restore", "verify") if stage == "read the manifest" else ("list",)

    def test_lists_that_lie(self):
        def page(inside, more="false", token=""):
            return reply(f"<ListBucketResult><IsTruncated>{more}</IsTruncated>{token}{inside}</ListBucketResult>", "200 OK", XML)
        own = f"{self.prefix}/systems/{sync.SYSTEM}/"
        rows = [
            ("keys of others", "list", page("<Contents><Key>other/x</Key><Size>1</Size></Contents>")),
            ("folders of others", "list", page("<CommonPrefixes><Prefix>systems/other/</Prefix></CommonPrefixes>")),
            ("keys above", "list", page(f"<Contents><Key>{own}../../other/x</Key><Size>1</Size></Contents>")),
            ("a size below nothing", "list", page(f"<Contents><Key>{own}x</Key><Size>-1</Size></Contents>")),
            ("more, and no token", "list", page("", "true")),
            ("the same page for ever", "list", page("", "true", "<NextContinuationToken>t</NextContinuationToken>")),
            ("a token of a million bytes", "list", page("", "true", f"<NextContinuationToken>{'t' * 1_000_000}</NextContinuationToken>")),
        ]
        self.try_all([(*row, "list") for row in rows], self.lists_at)

    def lists_at(self, program, name, stage, action, command):
        if name == "keys above":
            # A list that names what nobody can name is passed over or refused; nothing comes of it.
            person = self.someone(program)
            with faults.Proxy(self.server.port) as proxy:
                proxy.on(STAGES[stage], action, times=100_000)
                person.policy.write_text(sync.policy({"cloud": sync.s3(self.server, port=proxy.port, prefix=self.prefix)}, retry=ONCE))
                result = person.ask(command, "--json", "--policy", person.policy, "--state", person.state)
                self.assertEqual([r for r in proxy.asked() if "other" in r.path], [])
            self.bounded_back(result, program)
            return
        self.back_at(program, name, stage, action, command)

    def test_a_manifest_of_others(self):
        texts = {"somebody else's": {"format": "akosha-sync/1", "system_id": "other", "upload_id": "x", "objects": []},
                 "no JSON": None, "nested": "[" * 100_000}
        rows = [(name, "read the manifest", reply(text if isinstance(text, str) else json.dumps(text)), command)
                for name, text in texts.items() for command in ("restore", "verify")]
        self.try_all(rows, self.back_at)


class Web(Hostile):
    """An http target."""

    def test_a_run(self):
        rows = [(name, ("put", "head", "manifest")[i % 3], action) for i, (name, action) in enumerate(ANYWHERE.items())]
        self.try_all(rows, self.web_at)

    def test_a_redirect_leads_nowhere(self):
        with Elsewhere() as elsewhere:
            rows = [(f"{status} to {place}", stage, reply(b"", status, f"Location: {place}"))
                    for status in ("301 Moved", "302 Found", "303 Other", "307 Temporary", "308 Permanent")
                    for place in ("http://169.254.169.254/latest/", f"http://127.0.0.1:{elsewhere.port}/x")
                    for stage in ("put", "head")]
            self.try_all(rows, self.web_at)
            self.assertEqual(elsewhere.heard, [])

    def test_tus_leads_to_no_other_host(self):
        with Elsewhere() as elsewhere:
            def check(program, name, stage, action):
                person = self.someone(program)
                with faults.Proxy(self.web.port) as proxy:
                    place = f"tus-{person.folder.name}"
                    offer = reply(b"", "204 No Content", "Tus-Resumable: 1.0.0", "Tus-Version: 1.0.0", "Tus-Extension: creation")
                    proxy.on(lambda r: r.method == "OPTIONS", offer, times=1000)
                    proxy.on(lambda r: r.method == "POST", action, times=1000)
                    text = sync.policy({"web": sync.http(url=f"{proxy.url}/{place}").replace(" }", ", tus = true }")},
                                       compress="'none'", retry=ONCE)
                    result = person.run(text, [self.large])
                    self.assertTrue(proxy.asked(lambda r: r.method == "POST"), result)
                self.bounded(result, program)
                self.assert_code(result, 0)
                [path] = (self.web.files.parent / place).rglob("long.bin")
                self.assertEqual(data.sha256(path), data.sha256(self.large))
            here = f"127.0.0.1:{elsewhere.port}"
            places = (f"http://{here}/x", f"//{here}/x", f"https://{here}/x", "http://169.254.169.254/x", f"http:{here}",
                      f"http://127.0.0.1@{here}/x", f"\\\\{here}\\x", "", "http://[", "x" * 60_000)
            self.try_all([(f"Location: {place[:40]}", "post", reply(b"", "201 Created", "Tus-Resumable: 1.0.0",
                                                                    f"Location: {place}")) for place in places], check)
            self.assertEqual(elsewhere.heard, [])


class Drips(Hostile):
    """Servers that say a little all the time. All at once: each waits until nothing has come for half a minute."""

    def drips_at(self, program, name, stage, action, check):
        check(program, name, stage, action)

    def test_what_drips_is_given_up(self):
        body = b" OK\r\nContent-Length: 9000\r\n\r\n"
        bucket, web = self.run_at, self.web_at
        rows = [("a byte a second", "part", dripping(b"HTTP/1.1 200" + body, b"x"), bucket),
                ("a byte a second", "put", dripping(b"HTTP/1.1 201" + body, b"x"), web),
                ("a header a second", "part", dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), bucket),
                ("an interim answer a second", "part", dripping(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), bucket),
                ("a body without end or length", "put", dripping(b"HTTP/1.1 201 Created\r\n\r\n", b""), web),
                ("a byte of the status a second", "head", dripping(b"", b"H"), bucket)]
        self.try_all(rows, self.drips_at, at_once=2 * len(rows))
