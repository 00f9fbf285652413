"""The test vectors of age's authors (C2SP's CCTV): what our reader makes of every one of them, but for those of hybrid keys, which
are not known here.

A vector is a few lines "key: value", an empty line, and a file; `expect` says what comes of it, `payload` is the digest
of all plain bytes that are given, also before a failure."""

import hashlib
import subprocess
import tempfile
import unittest
import zlib
from pathlib import Path

import cases
import servers

SECONDS_MAX = 60
KNOWN_KEYS = {"expect", "payload", "identity", "passphrase", "armored", "compressed", "file key", "comment"}
# Fewer than these would mean that they were not found.
LEAST = {"x25519": 14, "scrypt": 25, "armor": 32, "stream": 28, "stanza": 14, "hmac": 8, "header": 1}


class Vector:
    def __init__(self, path):
        head, self.body = path.read_bytes().split(b"\n\n", 1)
        self.name, self.fields = path.name, []
        for line in head.decode().split("\n"):
            key, value = line.split(": ", 1)
            self.fields.append((key, value))
        if self.one("compressed") == "zlib":
            self.body = zlib.decompress(self.body)

    def all(self, key):
        return [value for name, value in self.fields if name == key]

    def one(self, key):
        return (self.all(key) or [None])[0]

    def unsupported(self):
        """Why it is not for us, or None."""
        for key, _ in self.fields:
            if key not in KNOWN_KEYS:
                return f"a field that is not known: {key}"
        if self.one("compressed") not in (None, "zlib"):
            return "compressed in another way"
        if any(not identity.startswith("AGE-SECRET-KEY-1") for identity in self.all("identity")):
            return "an identity of another kind"
        return None

    def run(self, tool):
        """(what came of it, plain bytes)"""
        command = [tool, "decrypt"] + (["--armored"] if self.one("armored") == "yes" else [])
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(self.all("identity")) + "\n")
            file.flush()
            if self.all("identity"):
                command += ["--identity", file.name]
            for passphrase in self.all("passphrase"):
                command += ["--passphrase", passphrase]
            done = subprocess.run(command, input=self.body, capture_output=True, check=False, timeout=SECONDS_MAX)
        if done.returncode == 0:
            return "success", done.stdout
        return done.stderr.decode().split(":")[0], done.stdout


class AgeVectors(cases.Case):
    def test_every_vector(self):
        folder = Path(self.have(servers.get, "age-vectors"))
        tool = str(cases.sanitized.parent / "age_tool")
        counted, unsupported = {}, []
        for path in sorted(folder.iterdir()):
            vector = Vector(path)
            why = vector.unsupported()
            if why is not None:
                unsupported.append(f"{vector.name} ({why})")
                continue
            counted[vector.name.split("_")[0]] = counted.get(vector.name.split("_")[0], 0) + 1
            with self.subTest(vector=vector.name):
                outcome, plain = vector.run(tool)
                self.assertEqual(outcome, vector.one("expect"))
                if vector.one("payload") is not None:
                    self.assertEqual(hashlib.sha256(plain).hexdigest(), vector.one("payload"))
                elif outcome != "success":
                    self.assertEqual(plain, b"")
        print(f"age vectors: {sum(counted.values())} run ({', '.join(f'{n} {k}' for k, n in sorted(counted.items()))}); "
              f"not supported: {', '.join(unsupported) or 'none'}", flush=True)
        for kind, least in LEAST.items():
            self.assertGreaterEqual(counted.get(kind, 0), least, kind)


if __name__ == "__main__":
    unittest.main()
