"""Files for tests: seeded, so that a failure can be made again."""

import hashlib
import random
import shutil
import subprocess
import threading
from pathlib import Path

DATABASES = Path(__file__).resolve().parents[1] / "data" / "databases"
SLICE = 64 * 1024
KIB = 1024
MIB = 1024 * KIB


def half_compressible(path, size, seed=1):
    """${size} bytes: slices of noise and slices of words by turns."""
    rng = random.Random(seed)
    words = [b"%x" % rng.getrandbits(40) for _ in range(500)]
    with open(path, "wb") as out:
        left, noisy = size, True
        while left > 0:
            data = rng.randbytes(SLICE) if noisy else b" ".join(rng.choices(words, k=SLICE // 10))
            left -= out.write(data[:min(left, SLICE)])
            noisy = not noisy
    return path


def random_bytes(path, size, seed=1):
    rng = random.Random(seed)
    with open(path, "wb") as out:
        for begin in range(0, size, MIB):
            out.write(rng.randbytes(min(MIB, size - begin)))
    return path


def databases(folder):
    """Copies of the three real databases, as path -> SHA-256 of its content."""
    pinned = dict(reversed(line.split()) for line in (DATABASES / "SHA256SUMS").read_text().splitlines())
    found = {}
    for name, digest in pinned.items():
        found[Path(shutil.copy(DATABASES / name, folder / name))] = digest
    return found


LIVE = {"reflection.duckdb": ("reflection.live.duckdb.wal", ".wal"),
        "knowledge_graph.duckdb": ("knowledge_graph.live.duckdb.wal", ".wal"), "memory.db": ("memory.live.db-wal", "-wal")}


def live_databases(folder):
    """The same as their session left them, each with its log beside it; as path -> SHA-256 of both."""
    pinned = dict(reversed(line.split()) for name in ("SHA256SUMS", "LIVE_SHA256SUMS")
                  for line in (DATABASES / name).read_text().splitlines())
    found = {}
    for name, (log, suffix) in LIVE.items():
        path = Path(shutil.copy(DATABASES / name, folder / name))
        shutil.copy(DATABASES / log, folder / (name + suffix))
        found[path] = (pinned[name], pinned[log])
    return found


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Feeder(threading.Thread):
    """Copies a stream into a pipe, so that the other end can be read meanwhile."""

    def __init__(self, stream, pipe):
        super().__init__(daemon=True)
        self.stream, self.pipe, self.error = stream, pipe, None
        self.start()

    def run(self):
        try:
            with self.pipe:
                for data in iter(lambda: self.stream.read(MIB), b""):
                    self.pipe.write(data)
        except OSError as why:
            self.error = why


def sha256_of(stream, name=""):
    """Digest of a stream's plain bytes: what ends in .gz or .zst goes through gzip or zstd, the programs."""
    command = {".gz": ["gzip", "-dc"], ".zst": ["zstd", "-dcq"]}.get(Path(name).suffix)
    digest = hashlib.sha256()
    if command is None:
        for data in iter(lambda: stream.read(MIB), b""):
            digest.update(data)
        return digest.hexdigest()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as unpack:
        feeder = Feeder(stream, unpack.stdin)
        for data in iter(lambda: unpack.stdout.read(MIB), b""):
            digest.update(data)
        feeder.join()
    if unpack.returncode != 0 or feeder.error:
        raise ValueError(f"{command[0]} cannot read {name}: {feeder.error or unpack.returncode}")
    return digest.hexdigest()
