"""The systemd units: what systemd itself says of them, and what they promise in docs/hardening.md."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import cases

UNITS = Path(__file__).resolve().parents[2] / "packaging" / "systemd"
# Of systemd-analyze security: 10 is no protection at all. What is left is what a worker needs: a network, files.
EXPOSURE_MAX = 6.0


class Units(cases.Case):
    def analyze(self, *arguments):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("units are not looked at: needs systemd-analyze")
        folder = cases.world.place("units")
        for unit in UNITS.iterdir():
            text = unit.read_text().replace("ExecStart=akosha-sync", f"ExecStart={cases.sanitized}")
            (folder / unit.name).write_text(text)
        return subprocess.run(["systemd-analyze", "--user", *arguments, *map(str, sorted(folder.iterdir()))], text=True,
                              env={**os.environ, "XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)}, capture_output=True,
                              check=False)

    def test_systemd_finds_nothing_wrong(self):
        done = self.analyze("verify")
        # Of other units of the machine it may have much to say.
        said = [line for line in (done.stdout + done.stderr).splitlines() if "akosha-sync" in line]
        self.assertEqual((done.returncode, said), (0, []))

    def test_a_worker_is_shut_in(self):
        done = self.analyze("security", "--offline=true")
        figure = re.search(r"exposure level for akosha-sync-worker.service: ([0-9.]+)", done.stdout)
        if figure is None:
            self.skipTest("exposure is not looked at: this systemd-analyze does not do so offline")
        self.assertLessEqual(float(figure[1]), EXPOSURE_MAX)

    def test_what_is_promised_stands_in_the_unit(self):
        lines = (UNITS / "akosha-sync-worker.service").read_text().splitlines()
        for line in ("UMask=0077", "LimitCORE=0", "ProtectSystem=strict", "PrivateTmp=yes", "NoNewPrivileges=yes",
                     "LockPersonality=yes", "MemoryDenyWriteExecute=yes", "RestrictNamespaces=yes",
                     "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK", "SystemCallFilter=@system-service"):
            self.assertIn(line, lines)
