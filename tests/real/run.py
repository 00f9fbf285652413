"""Runs the tests against real servers: `run.py --sanitized FOLDER --release FOLDER [--filter TEXT]`.

Ends with the line `N passed, N failed[, N skipped]`.
"""

import argparse
import signal
import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import cases  # noqa: E402  (after the path is set)


class Result(unittest.TextTestResult):
    """Says each test's name and how long it took; subtests count as one with their test."""

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        self.stream.writeln(f"    {time.monotonic() - self.began:6.1f} s")


def tests_in(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_in(test)
        else:
            yield test


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sanitized", required=True)
    parser.add_argument("--release", required=True)
    parser.add_argument("--filter", default="")
    arguments = parser.parse_args()
    chosen = unittest.TestSuite(test for test in tests_in(unittest.defaultTestLoader.discover(str(HERE)))
                                if arguments.filter in f"real/{test.id()}")
    if chosen.countTestCases() == 0:
        print("0 passed, 0 failed")
        return 0
    # However we are ended, servers and folders go with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A shell that starts us in the background ignores it, and so would every program that is tested.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)        # and nohup does so with this one
    cases.begin(arguments.sanitized, arguments.release)
    try:
        result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(chosen)
    finally:
        cases.end()
    for why in sorted({why for _, why in result.skipped}):
        print(f"skipped: {why}")
    bad = {test.id().split(" ")[0] for test, _ in result.failures + result.errors}
    bad |= {test.id() for test in result.unexpectedSuccesses}
    passed = result.testsRun - len(bad) - len(result.skipped)
    line = f"{max(passed, 0)} passed, {len(bad)} failed"
    print(line + (f", {len(result.skipped)} skipped" if result.skipped else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
