"""What the test files share: one world, and persons in it."""

import os
import subprocess
import unittest
from pathlib import Path

import servers
import sync
from world import World

REQUIRE = os.environ.get("AKS_REQUIRE_SERVERS") == "1"

world = None
sanitized = None        # the program under ASan and UBSan: for everything that is not a figure
release = None          # the program as people run it: for time and memory


def begin(sanitized_folder, release_folder):
    global world, sanitized, release
    world = World()
    sanitized = Path(sanitized_folder).resolve() / "akosha-sync"
    release = Path(release_folder).resolve() / "akosha-sync"


def end():
    world.stop()


def counts_lines(program):
    """Is it a build for coverage? Its counters take room, and it writes them down at its end."""
    return b".gcda" in program.read_bytes()


class Case(unittest.TestCase):
    maxDiff = 4000

    def person(self, figures=False, **options):
        """${figures}: with the program that is measured."""
        person = sync.Person(world, release if figures else sanitized, **options)
        self.addCleanup(person.close)
        return person

    def have(self, get, *arguments, **options):
        """A server, or the end of this test: skipped, or failed where servers are required."""
        try:
            return get(*arguments, **options)
        except servers.Missing as why:
            if REQUIRE:
                self.fail(str(why))
            self.skipTest(str(why))
        return None

    def need_mounts(self, what):
        """Mounts that only the program under test sees: root, outside a chroot, in a container that lets it."""
        done = subprocess.run(["unshare", "-m", "true"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"{what}: needs root and mounts of its own: {done.stderr.strip()}")

    def assert_code(self, result, code):
        self.assertNotIn("Sanitizer", result.err, result)
        self.assertNotIn("runtime error:", result.err, result)
        self.assertEqual(result.code, code, result)

    def assert_stored(self, result, target=None):
        self.assert_code(result, 0)
        self.assertIsNotNone(result.report, result)
        self.assertEqual((result.report["outcome"], result.report["success"]), ("stored", True), result)
        if target is not None:
            self.assertEqual(result.report["target"], target, result)
