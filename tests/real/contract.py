"""The contract suite's scripts: reading them, signing what they ask for, and asking a real server or the model.

The format is told in tests/contract/README.md.
"""

import base64
import binascii
import datetime
import functools
import hashlib
import hmac
import http.client
import re
import shlex
import subprocess
import time
import xml.etree.ElementTree
from pathlib import Path
from urllib.parse import parse_qsl, quote

FOLDER = Path(__file__).resolve().parents[1] / "contract"
SERVICE = "s3"
SECONDS_MAX = 60
SERVERS = ("minio", "versitygw")
UNSIGNED = "UNSIGNED-PAYLOAD"

# Words of a step that are no headers: what is done to the request on its way.
KNOBS = {"body", "secret", "access", "token", "skew", "region", "sha256", "sign", "length", "service", "scope"}


class Step:
    """One request of a story, and what is answered to it: by default, and by whom it is not."""

    def __init__(self, place, line):
        self.place, self.line = place, line
        asked, _, told = line.partition("->")
        words = shlex.split(asked)
        self.method, self.target = words[0], words[1] if len(words) > 1 else ""
        self.knobs, self.headers, self.late = {}, [], []
        for word in words[2:]:
            name, _, value = word.partition("=")
            if name in KNOBS:
                self.knobs[name] = value
            elif name.startswith("~"):
                self.late.append((name[1:], value))
            else:
                self.headers.append((name, value))
        self.saves, self.expected = [], {}
        for number, answer in enumerate(told.split("|")):
            words = answer.split()
            who = "all" if number == 0 else words.pop(0).rstrip(":")
            if who not in ("all", *SERVERS):
                raise ValueError(f"{place}: nobody is called {who}")
            self.saves += [word[1:] for word in words if word.startswith("$")]
            self.expected[who] = " ".join(word for word in words if not word.startswith("$"))

    def expects(self, who):
        return self.expected.get(who, self.expected["all"])

    def __str__(self):
        return f"{self.place}: {self.line}"


class Story:
    def __init__(self, place, title):
        self.place, self.title, self.steps = place, title, []


def stories(folder=FOLDER):
    found = []
    for path in sorted(folder.glob("*.script")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            place = f"{path.name}:{number}"
            if line.startswith("story "):
                found.append(Story(place, line[len("story "):]))
            elif line.strip() and not line.startswith("#"):
                found[-1].steps.append(Step(place, line))
    return found


# --- values ----------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=64)
def crc(data, polynomial, bits):
    table, mask = [], (1 << bits) - 1
    for index in range(256):
        for _ in range(8):
            index = index >> 1 ^ (polynomial if index & 1 else 0)
        table.append(index)
    value = mask
    for byte in data:
        value = value >> 8 ^ table[(value ^ byte) & 255]
    return (value ^ mask).to_bytes(bits // 8, "big")


DIGESTS = {
    "md5": lambda data: hashlib.md5(data).digest(),
    "sha1": lambda data: hashlib.sha1(data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "crc32": lambda data: binascii.crc32(data).to_bytes(4, "big"),
    "crc32c": lambda data: crc(data, 0x82F63B78, 32),
    "crc64nvme": lambda data: crc(data, 0x9A6C9329AC4BC9B5, 64),
}


# What a reply is compared by, besides status, code and bytes. Headers and elements of XML by value:
HEADERS = {"etag", "content-length", "content-range", "content-type", "x-amz-bucket-region", "x-amz-checksum-type",
           "x-amz-checksum-algorithm", *(f"x-amz-checksum-{name}" for name in DIGESTS)}
ELEMENTS = {"Key", "Size", "ETag", "Prefix", "Delimiter", "IsTruncated", "KeyCount", "MaxKeys", "EncodingType", "Name",
            "PartNumber", "PartNumberMarker", "NextPartNumberMarker", "MaxParts", "MaxUploads", "Bucket", "StartAfter",
            "KeyMarker", "NextKeyMarker", "ChecksumType", "ChecksumAlgorithm", "LocationConstraint",
            *(f"Checksum{name.upper()}" for name in DIGESTS)}
# and by being there, since each server has values of its own.
HEADERS_PRESENT = {"date", "last-modified", "accept-ranges", "x-amz-request-id", "server"}
ELEMENTS_PRESENT = {"UploadId", "LastModified", "Initiated", "NextContinuationToken", "NextUploadIdMarker"}
# Of an error, whose words are each server's own.
ERROR_HEADERS = {"x-amz-bucket-region", "date", "x-amz-request-id", "server"}
ERROR_ELEMENTS = {"Code", "Region"}
ERROR_ELEMENTS_PRESENT = {"RequestId", "ServerTime", "MaxAllowedSkewMilliseconds"}


def body_of(text):
    """`hello`, `1024*a` or `5M*a`; pieces are joined by `+`."""
    out = b""
    for piece in text.split("+"):
        times = re.fullmatch(r"(\d+)(M?)\*(.)", piece)
        if times:
            out += times[3].encode() * (int(times[1]) * (1 << 20 if times[2] else 1))
        else:
            out += piece.encode().replace(b"\\n", b"\n")
    return out


def part_list(text):
    """The body of Complete for `1:etag,2:etag`; `;crc32~value` behind an etag goes with its part."""
    out = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
    for part in filter(None, text.split(",")):
        tag_text, *checksums = part.split(";")
        number, _, etag = tag_text.partition(":")
        out += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>"
        for name, value in (item.split("~", 1) for item in checksums):
            out += f"<Checksum{name.upper()}>{value}</Checksum{name.upper()}>"
        out += "</Part>"
    return (out + "</CompleteMultipartUpload>").encode()


def value_of(text, saved, body):
    """Puts in saved values ($name), and digests: {md5} of the body, {sha256:text} of a text, {crc32:a,b} of the
    digests of texts (composite)."""
    def put(match):
        name, _, of = match[1].partition(":")
        if not of:
            digest = DIGESTS[name](body)
        elif "," in of:
            pieces = of.split(",")
            digest = DIGESTS[name](b"".join(DIGESTS[name](body_of(piece)) for piece in pieces))
        else:
            digest = DIGESTS[name](body_of(of))
        return base64.b64encode(digest).decode()

    text = re.sub(r"\$(\w+)", lambda match: saved.get(match[1], "unknown"), text)
    return re.sub(r"\{([a-z0-9]+(?::[^}]*)?)\}", put, text)


# --- requests --------------------------------------------------------------------------------------------


class Request:
    """As it goes on the wire."""

    def __init__(self, step, saved, prefix, at):
        """${at}: host, bucket, region, access key, secret and token of the other side."""
        self.method, self.host = step.method, at["host"]
        knobs = {name: value_of(value, saved, b"") for name, value in step.knobs.items()}
        text = knobs.get("body", "")
        self.body = part_list(text[6:-1]) if text.startswith("parts(") else body_of(text)
        key, _, query = value_of(step.target, saved, self.body).partition("?")
        key = re.sub(r"<(\d+)>", lambda match: ("n" * 99 + "/") * (int(match[1]) // 100) + "n", key)
        if key.startswith("!"):         # another bucket, or none
            self.path = key[1:]
        elif key == ".":
            self.path = f"/{at['bucket']}"
        else:
            self.path = f"/{at['bucket']}/" + quote(prefix + key, safe="/-._~")
        pairs = [(name, value.replace("@", prefix)) for name, value in parse_qsl(query, keep_blank_values=True)]
        self.query = "&".join(f"{quote(name, safe='-._~')}={quote(value, safe='-._~')}"
                              for name, value in sorted(pairs))
        self.headers = [(name, value_of(value, saved, self.body).replace("@", f"{at['bucket']}/{prefix}"))
                        for name, value in step.headers]
        self.length = "Content-Length" if knobs.get("length") != "none" else None
        if knobs.get("sign") != "no":
            self.sign(knobs, at)
        self.headers += step.late

    def sign(self, knobs, at):
        now = time.time() + int(knobs.get("skew", 0))
        date = datetime.datetime.fromtimestamp(now, datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        region, secret = knobs.get("region", at["region"]), knobs.get("secret", at["secret"])
        payload = {None: hashlib.sha256(self.body).hexdigest(), "unsigned": UNSIGNED, "wrong": "0" * 64}.get(
            knobs.get("sha256"), knobs.get("sha256"))
        if payload != "none":
            self.headers.append(("x-amz-content-sha256", payload))
        self.headers.append(("x-amz-date", date))
        token = knobs.get("token", at.get("token"))
        if token:
            self.headers.append(("x-amz-security-token", token))
        signed = sorted((name.lower(), " ".join(value.split())) for name, value in [("host", self.host), *self.headers])
        names = ";".join(name for name, _ in signed)
        canonical = "\n".join([self.method, self.path, self.query, *(f"{name}:{value}" for name, value in signed), "",
                               names, payload])
        scope = knobs.get("scope", f"{date[:8]}/{region}/{knobs.get('service', SERVICE)}/aws4_request")
        text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("AWS4" + secret).encode()
        for part in [*scope.split("/"), text]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        access = knobs.get("access", at["access"])
        self.headers.append(("Authorization", f"AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, "
                                              f"Signature={key.hex()}"))


class Reply:
    def __init__(self, method, status, headers, body):
        self.method, self.status, self.body = method, status, body
        self.headers = {name.lower(): value for name, value in headers}
        self.xml = None
        if body.lstrip().startswith(b"<"):
            try:
                self.xml = xml.etree.ElementTree.fromstring(body.strip())
            except xml.etree.ElementTree.ParseError:
                pass

    def text(self, name):
        if self.xml is None:
            return None
        return next((node.text or "" for node in self.xml.iter() if tag(node) == name), None)

    def outcome(self):
        """`412 PreconditionFailed`, as scripts write it."""
        code = self.text("Code") if self.xml is not None and tag(self.xml) == "Error" else None
        return f"{self.status} {code}" if code else str(self.status)

    def facts(self):
        """What must be the same on both sides: name -> value."""
        found, error = {"outcome": self.outcome()}, self.status >= 300
        for name, value in self.headers.items():
            if error and name not in ERROR_HEADERS:
                continue
            if name.startswith("x-amz-meta-") or (name in HEADERS and not self.says_nothing(name)):
                found[name] = value
            elif name in HEADERS_PRESENT and (name != "accept-ranges" or self.is_object()):
                found[name] = "present"
        if self.xml is not None:
            by_value, by_presence = ((ERROR_ELEMENTS, ERROR_ELEMENTS_PRESENT) if error
                                     else (ELEMENTS, ELEMENTS_PRESENT))
            for path, name, text in elements(self.xml):
                # "null" is versitygw's word for nothing; where a list ends, where it goes on is nobody's business
                if text in ("", "null") or (name.startswith("Next") and self.text("IsTruncated") == "false"):
                    continue
                if name in by_value or name in by_presence:
                    found.setdefault(path, []).append(text if name in by_value else "present")
        elif self.body:
            found["body"] = hashlib.sha256(self.body).hexdigest()
        return found

    def is_object(self):
        return self.method in ("GET", "HEAD") and self.xml is None and "etag" in self.headers

    def says_nothing(self, name):
        """Lengths and types are of objects and XML; what XML says need not be said in headers too."""
        return ((name == "content-length" and not self.is_object()) or (name == "etag" and self.xml is not None)
                or (name == "content-type" and self.xml is None and not self.is_object()))


def tag(node):
    return node.tag.rsplit("}", 1)[-1]


def elements(node, path=""):
    """(path, name, text) of every leaf; lists in their own order."""
    name = tag(node)
    path = f"{path}/{name}"
    if len(node) == 0:
        yield path, name, node.text or ""
    for child in node:
        yield from elements(child, path)


# --- the other side --------------------------------------------------------------------------------------


class Server:
    """A real one on loopback."""

    def __init__(self, name, port):
        self.name, self.port = name, port

    def ask(self, request):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS_MAX)
        try:
            target = request.path + (f"?{request.query}" if request.query else "")
            connection.putrequest(request.method, target, skip_accept_encoding=True)
            for name, value in request.headers:
                connection.putheader(name, value)
            if request.length and (request.body or request.method in ("PUT", "POST")):
                connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders()
            try:
                connection.send(request.body)
            except OSError:
                pass                    # refused before it was read; what it says counts
            reply = connection.getresponse()
            return Reply(request.method, reply.status, reply.getheaders(), reply.read())
        finally:
            connection.close()


class Model:
    """The model in a process of its own, spoken to over pipes."""

    def __init__(self, program, profile, at):
        self.name = profile
        self.process = subprocess.Popen(
            [str(program), profile, at["region"], at["bucket"], at["access"], at["secret"], at.get("token") or ""],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, request):
        headers = list(request.headers)
        if request.length and (request.body or request.method in ("PUT", "POST")):
            headers.append(("Content-Length", str(len(request.body))))
        head = [f"request {int(time.time() * 1000)} {len(headers)} {len(request.body)}", request.method, request.host,
                request.path, request.query, *(f"{name}: {value}" for name, value in headers)]
        self.process.stdin.write("".join(line + "\n" for line in head).encode("latin-1") + request.body)
        self.process.stdin.flush()
        first = self.process.stdout.readline().split()
        if len(first) != 4:
            raise RuntimeError(f"the model of {self.name} ended with {self.process.wait()}")
        status, count, length = (int(word) for word in first[1:])
        lines = [self.process.stdout.readline().decode("latin-1").rstrip("\n") for _ in range(count)]
        body = self.process.stdout.read(length)
        return Reply(request.method, status, [line.split(": ", 1) for line in lines], body)

    def close(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=SECONDS_MAX)
        self.process.stdout.close()
        return code


def play(story, side, at, prefix):
    """(step, reply) for each step."""
    saved = {}
    for step in story.steps:
        reply = side.ask(Request(step, saved, prefix, at))
        for name in step.saves:
            saved[name] = {"upload": reply.text("UploadId"), "next": reply.text("NextContinuationToken")}.get(
                name.rstrip("0123456789")) or reply.text("ETag") or reply.headers.get("etag", "")
        yield step, reply
