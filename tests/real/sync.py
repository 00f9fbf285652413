"""Runs akosha-sync as a person would, in a home of its own, and reads what it says."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import schema
from world import ACCESS_KEY, BUCKET, REGION, SECRET_KEY

SYSTEM = "test-box"
RUN_SECONDS_MAX = 300
MEASURE = Path(__file__).with_name("measure.py")
RETRY = "akosha.retry.exponential { first = 0.2, factor = 2, cap = 2, jitter = 'none', tries = 3 }"
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99", "UBSAN_OPTIONS": "print_stacktrace=1"}


def quoted(value):
    """A Lua value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return '"%s"' % str(value).replace("\\", "\\\\").replace('"', '\\"')


def builder(kind, **fields):
    inside = ", ".join(f"{name} = {quoted(value)}" for name, value in fields.items() if value is not None)
    return f"akosha.{kind} {{ {inside} }}"


def s3(server, port=None, url=None, **fields):
    """The target of a running S3 server, perhaps by way of another port."""
    if port is not None:
        url = f"{'https' if server.tls else 'http'}://127.0.0.1:{port}"
    return builder("s3", **{"bucket": BUCKET, "region": REGION, "endpoint": url or server.url, "ca": server.ca,
                            "path_style": True, **fields})


def s3_at(url, **fields):
    return builder("s3", **{"bucket": BUCKET, "region": REGION, "endpoint": url, "path_style": True, **fields})


def http(server=None, url=None, token=None):
    text = builder("http", url=url or server.url, ca=server.ca if server else None)
    return text if token is None else text.replace(" }", f", token = akosha.secret {quoted(token)} }}")


def policy(targets, **fields):
    """Text of a policy; ${targets} in the order of the route, further fields (another route, too) in Lua."""
    lines = ["local akosha = require 'akosha'", "return akosha.policy {", "  api = 1,", f"  system_id = '{SYSTEM}',"]
    lines += ["  targets = {", *(f"    {name} = {text}," for name, text in targets.items()), "  },"]
    rest = {"route": "{ %s }" % ", ".join(map(quoted, targets)), "retry": RETRY, **fields}
    lines += [f"  {name} = {text}," for name, text in rest.items()]
    return "\n".join([*lines, "}", ""])


class Result:
    """How a run ended."""

    def __init__(self, figures, out, err):
        self.code, self.wall_s = figures["code"], figures["ended"] - figures["began"]
        self.began, self.ended = figures["began"], figures["ended"]
        self.cpu_s, self.rss_mib = figures["cpu_s"], figures["rss_kib"] / 1024
        self.out, self.err = out, err
        try:
            self.report = json.loads(out)
        except ValueError:
            self.report = None

    @property
    def decisions(self):
        return self.report["decisions"]

    def decided(self, failure):
        """The decisions after that failure."""
        return [d for d in self.decisions if d["facts"].get("failure") == failure]

    def files(self):
        return {Path(file["source"]).name: file for file in self.report["files"]}

    def __str__(self):
        return f"exit {self.code} after {self.wall_s:.3f} s\nstdout: {self.out[-3000:]}\nstderr: {self.err[-3000:]}"


class Person:
    """A home, a state folder, a policy, and the program."""

    def __init__(self, world, program):
        self.folder = world.place("home")
        self.program = Path(program)
        self.state = self.folder / "state"
        self.policy = self.folder / "policy.lua"
        self.environment = {
            "HOME": str(self.folder), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_EC2_METADATA_DISABLED": "true",    # nothing outside of this machine is asked, whatever it is
            "XDG_STATE_HOME": str(self.folder / "xdg-state"), "XDG_CONFIG_HOME": str(self.folder / "xdg-config"),
            "XDG_DATA_HOME": str(self.folder / "xdg-data"), **SANITIZERS}

    def source(self, name, make, *arguments):
        """A source made by ${make}(path, ...)."""
        path = self.folder / name
        make(path, *arguments)
        return path

    def command(self, arguments):
        return [str(self.program), *map(str, arguments)]

    def start(self, *arguments, before=(), environment=None, **options):
        """Begins a command; finish() ends it. ${before}: a program that runs it, with its own arguments."""
        figures = self.folder / f"figures-{time.monotonic_ns()}"
        command = [sys.executable, "-I", "-S", str(MEASURE), str(figures), *before, *self.command(arguments)]
        options.setdefault("stdout", subprocess.PIPE)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.folder, text=True,
            env={**self.environment, **(environment or {})}, **options)
        process.figures = figures
        return process

    def finish(self, process, seconds_max=RUN_SECONDS_MAX):
        try:
            out, err = process.communicate(timeout=seconds_max)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
        return Result(json.loads(process.figures.read_text()), out or "", err)

    def ask(self, *arguments, **options):
        """Any command, to its end."""
        return self.finish(self.start(*arguments, **options))

    def run_arguments(self, text, sources, *more):
        if text is not None:
            self.policy.write_text(text)
        return ("run", "--json", "--policy", self.policy, "--state", self.state, *more, *sources)

    def run(self, text, sources, *more, **options):
        """`run --json` of ${sources} under a policy (None: the one of before)."""
        result = self.ask(*self.run_arguments(text, sources, *more), **options)
        # A run that did not begin has an error alone.
        if result.report is not None and "run_id" in result.report:
            schema.check("report", result.report)
        return result

    def queue(self):
        """Names of the jobs that are still owed."""
        folder = self.state / "queue"
        return sorted(p.name for p in folder.iterdir() if p.suffix == ".json") if folder.is_dir() else []

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def later(seconds, action):
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()
    return timer
