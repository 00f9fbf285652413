"""Each failure that there is, provoked by its name, with every secret planted: found nowhere.

Whoever adds a failure to src/base/error.h adds here how it comes about.
"""

import re
import signal
import sqlite3
import tempfile
from pathlib import Path

import cases
import faults
import planted
import sync
import test_leak

ERROR_H = Path(__file__).parents[2] / "src" / "base" / "error.h"
ONCE = "akosha.retry.none()"
# What cannot be had from a program that works, and why.
NEVER = {
    "ok": "it is no failure",
    "internal": "a bug: whoever knows how to have one mends it; its message goes through the same aks_error_set",
}


def failures_of_the_enum():
    return re.findall(r'X\(AKS_\w+, "(\w+)", (?:true|false)\)', ERROR_H.read_text())


def told_by(value):
    """Every failure that a report tells of."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "failure" and isinstance(inner, str):
                yield inner
            yield from told_by(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from told_by(inner)


def stop_reading(exchange):
    """The head of a request is read, of its body nothing any more."""
    exchange.proxy.stopping.wait(faults.IDLE_SECONDS_MAX)
    exchange.close()


class Noise(faults.Server):
    """Repeats what it was asked, and what it may know, and calls that an answer."""

    def serve(self, connection):
        connection.sendall(b"HTTP/1.1 abc " + connection.recv(faults.SLICE) + test_leak.Echo.known().encode())


class Each(cases.Case):
    setUp, begin, mine, know = (getattr(test_leak.Leak, name) for name in ("setUp", "begin", "mine", "know"))
    nowhere, wait, program = (getattr(test_leak.Leak, name) for name in ("nowhere", "wait", "program"))

    # --- how each comes about: what was told ----------------------------------------------------------------------------

    def run_with(self, targets, sources=None, before=(), environment=None, **fields):
        text = sync.policy(targets, **{"retry": ONCE, **fields})
        result = self.me.run(text, sources or [self.source], "--verbose", before=before, environment=environment)
        return result

    def here(self):
        return {"here": sync.builder("dir", path=self.me.folder / "target")}

    def s3_says(self, status, code):
        with test_leak.Echo(status, code) as echo:
            return self.run_with({"cloud": sync.s3_at(echo.url)})

    def http_says(self, status, **options):
        with test_leak.Echo(status, **options) as echo:
            self.know(echo.port)
            return self.run_with({"web": sync.http(url=echo.url, token="from-env")})

    def offline(self):
        self.need_mounts("a network of its own")
        return self.run_with({"cloud": sync.s3_at("http://127.0.0.1:9")}, before=("/usr/bin/unshare", "-n"))

    def dns(self):
        return self.run_with({"cloud": sync.s3_at("https://akosha.invalid")})

    def refused(self):
        with faults.Refusing() as nobody:
            return self.run_with({"cloud": sync.s3_at(f"http://127.0.0.1:{nobody.port}")})

    def connect_timeout(self):
        with faults.FullQueue() as full:
            return self.run_with({"cloud": sync.s3_at(f"https://127.0.0.1:{full.port}")})

    def tls(self):
        with test_leak.Echo() as echo:
            return self.run_with({"cloud": sync.s3_at(echo.url.replace("http", "https"))})

    def timeout(self):
        return self.http_says(500, hang=True)

    def at_versitygw(self, action, path):
        """What becomes of ${path} where ${action} is what happens to what is sent of it first."""
        server = self.have(cases.world.versitygw)
        environment = {"AWS_ACCESS_KEY_ID": sync.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": sync.SECRET_KEY, "AWS_SESSION_TOKEN": ""}
        with faults.Proxy(server.port) as proxy:
            proxy.on(lambda request: request.method == "PUT" and request.is_object(), action)
            return self.run_with({"cloud": sync.s3(server, port=proxy.port)}, [path], environment=environment,
                                 compress="'none'")

    def stalled(self):
        return self.at_versitygw(stop_reading, self.me.source("big.bin", lambda path: path.write_bytes(b"x" * 12_000_000)))

    def auth_missing(self):
        (self.me.folder / ".aws" / "credentials").unlink()
        nothing = {name: "" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
        with test_leak.Echo() as echo:
            return self.run_with({"cloud": sync.s3_at(echo.url)}, environment=nothing)

    def bad_reply(self):
        with Noise() as noise:
            self.know(noise.port)
            return self.run_with({"web": sync.http(url=f"http://127.0.0.1:{noise.port}", token="from-env")})

    def conflict(self):
        self.assert_code(self.run_with(self.here()), 0)
        back = self.me.folder / "back"
        back.mkdir()
        (back / self.source.name).write_text("somebody else's")
        return self.me.ask("restore", "--json", "--policy", self.me.policy, "--state", self.me.state, "--to", back)

    def corrupt(self):
        self.assert_code(self.run_with(self.here()), 0)
        stored = next(path for path in (self.me.folder / "target").rglob("memory.bin*") if path.is_file())
        stored.write_bytes(b"x" + stored.read_bytes()[1:])
        return self.me.ask("verify", "--json", "--policy", self.me.policy, "--state", self.me.state)

    def source_missing(self):
        return self.run_with(self.here(), [self.me.folder / "nowhere.bin"])

    def source_busy(self):
        path = self.me.folder / "busy.db"
        owner = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(owner.close)
        owner.executescript("PRAGMA cache_size = 2; CREATE TABLE a (b); BEGIN EXCLUSIVE")
        owner.executemany("INSERT INTO a VALUES (?)", [(planted.PASSPHRASE * 50,)] * 100)
        self.own |= {path, Path(f"{path}-journal")}
        return self.run_with(self.here(), [path], snapshot="akosha.snapshot { busy = 'queue', wait = 0.3 }")

    def source_changed(self):
        # Where a file system can clone, a copy is of one moment: not in memory.
        folder = tempfile.TemporaryDirectory(dir="/dev/shm", prefix="akosha-sync-changing-")
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "changing.bin"
        path.write_bytes(b"x" * 20_000_000)

        def edit(exchange):
            path.write_bytes(b"y" * 20_000_000)
            exchange.forward()
        return self.at_versitygw(edit, path)

    def source_unreadable(self):
        folder = self.me.folder / "folder.bin"
        folder.mkdir()
        return self.run_with(self.here(), [folder])

    def no_space(self):
        self.need_mounts("a small disk of its own")
        small = self.me.folder / "small"
        small.mkdir()
        mount = 'mount -t tmpfs -o size=40k tmpfs "$0" && exec "$@"'
        return self.run_with({"here": sync.builder("dir", path=small)}, compress="'none'",
                             before=("/usr/bin/unshare", "-m", "/bin/sh", "-c", mount, str(small)))

    def budget(self):
        with test_leak.Echo() as echo:
            text = {"cloud": sync.s3_at(echo.url)}
            self.run_with(text, budget="akosha.budget { tries = 1 }")
            return self.run_with(text, budget="akosha.budget { tries = 1 }")

    def state(self):
        self.me.state = self.me.folder / "no-folder"
        self.me.state.write_text("a file")
        return self.run_with(self.here())

    def policy(self):
        self.own.add(self.me.policy)
        return self.run_with(self.here(), route=f"function() error('{planted.BEARER}') end")

    def settings(self):
        with test_leak.Echo() as echo:
            self.know(echo.port)
            return self.run_with({"web": sync.http(url=echo.url, token="from-env")},
                                 environment={"PUSH_TOKEN": planted.BEARER + "\a"})

    def limit(self):
        return self.run_with(self.here(), route="function() while true do end end")

    def cancelled(self):
        with test_leak.Echo(hang=True) as echo:
            self.me.policy.write_text(sync.policy({"cloud": sync.s3_at(echo.url)}, retry=ONCE, probe="60"))
            process = self.me.start("run", "--json", "--policy", self.me.policy, "--state", self.me.state, self.source)
            self.wait("a request", lambda: echo.asked)
            self.program(process)
            process.send_signal(signal.SIGINT)
            return self.me.finish(process)

    def undelivered(self):
        text = "\n".join(("local akosha = require 'akosha'", "return akosha.task { api = 1,", "targets = { here = "
                          + self.here()["here"] + " },", "run = function(ctx) end }", ""))
        return self.me.run(text, [self.source], "--verbose")

    PROVOKED = {
        **{name: name for name in (
            "offline", "dns", "refused", "connect_timeout", "tls", "timeout", "stalled", "auth_missing", "bad_reply", "conflict",
            "corrupt", "source_missing", "source_busy", "source_changed", "source_unreadable", "no_space", "budget", "state",
            "policy", "settings", "limit", "cancelled", "undelivered")},
        "throttled": lambda self: self.s3_says(429, "SlowDown"),
        "server": lambda self: self.s3_says(500, "InternalError"),
        "clock_skew": lambda self: self.s3_says(403, "RequestTimeTooSkewed"),
        "auth_expired": lambda self: self.s3_says(400, "ExpiredToken"),
        "auth_invalid": lambda self: self.s3_says(403, "InvalidAccessKeyId"),
        "forbidden": lambda self: self.s3_says(403, "AccessDenied"),
        "not_found": lambda self: self.s3_says(404, "NoSuchBucket"),
        "too_large": lambda self: self.http_says(413),
    }

    def test_each_failure_of_the_enum_is_provoked_or_cannot_be(self):
        enum = failures_of_the_enum()
        self.assertGreater(len(enum), 30)
        self.assertEqual(sorted(enum), sorted([*self.PROVOKED, *NEVER]))

    def test_each_failure_tells_no_secret(self):
        for name, provoke in self.PROVOKED.items():
            with self.subTest(name):
                self.me.close()
                self.setUp()
                result = getattr(self, provoke)() if isinstance(provoke, str) else provoke(self)
                self.assertIn(name, set(told_by(result.report)), result)
                self.nowhere(result)
