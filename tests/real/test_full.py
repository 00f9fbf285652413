"""The disk of the state folder, 8 MiB, fills up at random moments: what the exit code says is true each time."""

import json
import sys
from pathlib import Path

import cases

DRIVER = Path(__file__).with_name("full_disk.py")
MOUNT = 'mount -t tmpfs -o size=8m,mode=700 tmpfs "$0" && exec "$@"'


class Full(cases.Case):
    def filled(self, program, rounds, seed):
        self.need_mounts("a small disk of its own")
        person = self.person()
        person.program = Path(sys.executable)
        person.state.mkdir(mode=0o700)
        result = person.ask("-I", DRIVER, person.state, program, person.folder, rounds, seed,
                            before=["/usr/bin/unshare", "-m", "/bin/sh", "-c", MOUNT, str(person.state)])
        self.assertEqual(result.code, 0, result)
        told = json.loads(result.out)
        self.assertIsNone(told["failed"], f"seed {seed}: {told}")
        self.assertGreater(sum(n for name, n in told["counts"].items() if not name.endswith(" 0")), rounds / 10, told)
        return told["counts"]

    def test_at_a_hundred_moments(self):
        self.filled(cases.release, 100, 1)

    def test_at_thirty_moments_under_sanitizers(self):
        self.filled(cases.sanitized, 30, 2)
