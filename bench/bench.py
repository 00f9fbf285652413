"""Figures: ours beside whichever other clients are found, one run, one server, taking turns; medians.

`bench.py --program build/release/akosha-sync [policy] [enqueue] [hook] [raw] [pair] [unchanged] [limits] [large]`. Gates nothing but
what a policy costs.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "real"))

import data  # noqa: E402
import age_cost  # noqa: E402
import enqueue_cost  # noqa: E402
import memories_cost  # noqa: E402
import peers  # noqa: E402
import policy_cost  # noqa: E402
import servers  # noqa: E402
import sync  # noqa: E402
from world import BUCKET, World  # noqa: E402

PARTS = ("policy", "enqueue", "hook", "age", "memories", "limits", "raw", "pair", "unchanged")
BY_HAND = ("large",)            # only when asked for: takes 25 GB of disk and minutes
LARGE_BYTES = 8 * 1024 * data.MIB
GENERATED = servers.CACHE.parent / "bench"
COMMAND_SECONDS_MAX = 300
UNCHANGED_RUNS = 500
MEMORY_FREE_MIN = 6 * 1024 * data.MIB


def scratch():
    """A folder in memory, if there is room and it takes the attributes that versitygw sets: else the disk behind the
    server decides who is fast."""
    memory = Path("/dev/shm")
    try:
        if shutil.disk_usage(memory).free < MEMORY_FREE_MIN:
            return HERE.parent / "build"
        with tempfile.NamedTemporaryFile(dir=memory) as probe:
            os.setxattr(probe.name, "user.probe", b"1")
    except OSError:
        return HERE.parent / "build"
    return memory


class Failed(Exception):
    """A command that ended badly, with what it said."""


class Bench:
    def __init__(self, program, rounds, parent):
        self.program, self.rounds = Path(program).resolve(), rounds
        self.world = World(parent)
        self.server = self.world.versitygw(True)
        self.environment = {**os.environ, **peers.environment(self.server)}

    def measured(self, command):
        figures = self.world.folder / "figures"
        done = subprocess.run([sys.executable, "-I", "-S", str(sync.MEASURE), str(figures), *map(str, command)],
                              env=self.environment, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=COMMAND_SECONDS_MAX)
        found = json.loads(figures.read_text())
        if found["code"] != 0:
            raise Failed(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        found["wall_s"] = found["ended"] - found["began"]
        return found

    def ours(self, files, prefix, codec, **target):
        """Our command for a first sync of ${files}: the state is new each time."""
        folder = Path(tempfile.mkdtemp(dir=self.world.folder))
        policy = folder / "policy.lua"
        cloud = sync.s3(self.server, prefix=prefix, **target)
        policy.write_text(sync.policy({"cloud": cloud}, compress=sync.quoted(codec)))
        return [self.program, "run", "--quiet", "--policy", policy, "--state", folder / "state", *files]

    def take_turns(self, commands):
        """name -> make(key prefix) of a command; each runs ${rounds} times, in turn. Returns name -> medians.

        A peer that fails is told and left out; ours has to work.
        """
        runs = {name: [] for name in commands}
        for turn in range(self.rounds):
            for index, (name, make) in enumerate(commands.items()):
                prefix = f"bench/{index}/{turn}"
                if name not in runs:
                    continue
                try:
                    found = self.measured(make(prefix))
                except Failed as why:
                    if name.startswith("akosha-sync"):
                        raise SystemExit(str(why)) from why
                    print(f"  {name} is left out: {why}", file=sys.stderr, flush=True)
                    del runs[name]
                    continue
                found["bytes"] = self.forget(prefix)
                runs[name].append(found)
                print(f"  {name}: {found['wall_s']:.3f} s", file=sys.stderr, flush=True)
        return {name: {field: statistics.median(run[field] for run in all_of)
                       for field in ("wall_s", "cpu_s", "rss_kib", "bytes")} for name, all_of in runs.items()}

    def forget(self, prefix):
        """Removes what was stored; returns its bytes, manifests and markers aside."""
        client, total = self.server.client(), 0
        for key, entry in self.server.objects(prefix + "/").items():
            if not key.endswith(("/", "manifest.json")):
                total += entry["Size"]
            client.delete_object(Bucket=BUCKET, Key=key)
        return total

    def raw(self):
        file = data.random_bytes(self.world.folder / "random.bin", 1024 * data.MIB)
        commands = {"akosha-sync, signed": lambda prefix: self.ours([file], prefix, "none"),
                    "akosha-sync, CRC64NVME": lambda prefix: self.ours([file], prefix, "none", payload="crc64nvme")}
        for name, make in peers.raw().items():
            commands[name] = lambda prefix, make=make: make(file, f"{prefix}/random.bin")
        table("raw, 1 GiB of noise, one object, https", self.take_turns(commands))
        file.unlink()

    def pair(self):
        files = duckdb_pair(self.world.folder)
        commands = {f"akosha-sync, {codec}": lambda prefix, codec=codec: self.ours(files, prefix, codec)
                    for codec in ("gzip", "zstd")}
        for name, (_, make) in peers.compressed().items():
            commands[name] = lambda prefix, make=make: [
                "/bin/sh", "-c", " && ".join(make(f, f"{prefix}/{f.name}") for f in files)]
        size = sum(f.stat().st_size for f in files)
        table(f"the pair, {size / 1e6:.1f} MB of DuckDB, https", self.take_turns(commands),
              {"akosha-sync, gzip": "gzip -6 | s5cmd pipe", "akosha-sync, zstd": "zstd -3 -T2 | s5cmd pipe"})

    def unchanged(self):
        files = duckdb_pair(self.world.folder)
        target = self.world.place("target")
        folder = self.world.place("unchanged")
        policy = folder / "policy.lua"
        policy.write_text(sync.policy({"folder": sync.builder("dir", path=target)}))
        command = [str(self.program), "run", "--quiet", "--policy", str(policy), "--state", str(folder / "state"),
                   *map(str, files)]
        self.measured(command)
        time.sleep(2.5)     # stamps as fresh as the files themselves prove nothing and are not believed
        self.measured(command)
        walls = sorted(once(command) for _ in range(UNCHANGED_RUNS))
        print(f"\nnothing changed, {UNCHANGED_RUNS} runs, whole process, ms: least {walls[0] * 1e3:.2f}, "
              f"median {statistics.median(walls) * 1e3:.2f}, p99 {walls[int(0.99 * len(walls))] * 1e3:.2f}")
        true = sorted(once(["/bin/true"]) for _ in range(UNCHANGED_RUNS))
        print(f"  /bin/true the same way: median {statistics.median(true) * 1e3:.2f}")

    def large(self):
        """A file larger than memory is: stored, fetched, unpacked, compared; and what it took."""
        # versitygw keeps a list of parts in one attribute, which most file systems hold to 4 KiB.
        self.server = self.world.minio(True)
        file = data.half_compressible(self.world.folder / "large.bin", LARGE_BYTES)
        digest = data.sha256(file)
        print(f"\n{LARGE_BYTES / 2**30:.0f} GiB, seeded, half compressible, https")
        for codec in ("none", "zstd"):
            found = self.measured(self.ours([file], "large", codec))
            keys = [key for key in self.server.objects("large/") if "/large.bin" in key]
            same = data.sha256_of(self.server.get(keys[0])["Body"], keys[0]) == digest
            size = self.forget("large")
            print(f"  {codec}: {found['wall_s']:.1f} s, CPU {found['cpu_s']:.1f} s, RSS {found['rss_kib'] / 1024:.1f} MiB, "
                  f"{size / 1e6:.0f} MB stored, content {'the same' if same else 'DIFFERS'}", flush=True)
            if not same:
                raise SystemExit("what was stored is not what was sent")

    def limits(self):
        print("\nlimits of this machine, one core")
        for name in ("sha256", "aes-256-gcm"):
            done = subprocess.run(["openssl", "speed", "-mr", "-seconds", "1", "-bytes", "65536", "-evp", name],
                                  capture_output=True, text=True, check=False)
            found = re.search(r"^\+F:\d+:[^:]+:([\d.]+)", done.stdout, re.MULTILINE)
            if found:
                rate = float(found[1])
                what = "TLS records" if "gcm" in name else "digest"
                print(f"  {name} ({what}): {rate / 1e6:.0f} MB/s, 1 GiB in {1024 * data.MIB / rate:.2f} s")
        largest = max(duckdb_pair(self.world.folder), key=lambda f: f.stat().st_size)
        for command in (["zstd", "-q", "-3", "-T2", "-c"], ["zstd", "-q", "-3", "-c"], ["gzip", "-6", "-c"]):
            if shutil.which(command[0]):
                found = self.measured(["/bin/sh", "-c", f"{' '.join(command)} '{largest}' >/dev/null"])
                print(f"  {' '.join(command)}: {largest.stat().st_size / found['wall_s'] / 1e6:.0f} MB/s")


def once(command):
    began = time.perf_counter()
    child = os.posix_spawn(command[0], command, {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise SystemExit(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - began


def duckdb_pair(folder):
    """The pair as the real engine makes it, if Node can be had; else the small databases, repeated."""
    made = [GENERATED / "reflection.duckdb", GENERATED / "knowledge_graph.duckdb"]
    if not all(path.exists() for path in made) and not generate():
        made = [folder / "reflection.duckdb", folder / "knowledge_graph.duckdb"]
        for path, times in zip(made, (6, 15)):
            if not path.exists():
                path.write_bytes((data.DATABASES / path.name).read_bytes() * times)
    return made


def generate():
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        print("no node and npm: the pair is made of the small databases, repeated", file=sys.stderr)
        return False
    GENERATED.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "generate.mjs", GENERATED / "generate.mjs")
    commands = (
        [npm, "install", "--no-fund", "--no-audit", "@duckdb/node-api@1.5.6-r.1"],
        [node, "generate.mjs", "--only", "reflection", "--size", "42M", "--no-v2", "--out", "."],
        [node, "generate.mjs", "--only", "kg", "--size", "58M", "--no-v2", "--out", "."])
    for command in commands:
        done = subprocess.run(command, cwd=GENERATED, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=COMMAND_SECONDS_MAX)
        if done.returncode != 0:
            print(f"{' '.join(command)} failed: {(done.stderr or done.stdout)[-500:]}", file=sys.stderr)
            return False
    return True


def table(title, medians, against=None):
    """Ours first; ratios against each peer, or against the one that ${against} names."""
    print(f"\n{title}, medians")
    print(f"  {'':28} {'wall s':>8} {'CPU s':>8} {'RSS MiB':>8} {'MB':>8}")
    for name, row in medians.items():
        print(f"  {name:28} {row['wall_s']:8.3f} {row['cpu_s']:8.3f} {row['rss_kib'] / 1024:8.1f} "
              f"{row['bytes'] / 1e6:8.2f}")
    for ours in (name for name in medians if name.startswith("akosha-sync")):
        for peer in (name for name in medians if not name.startswith("akosha-sync")):
            if against is None or against.get(ours) == peer:
                a, b = medians[ours], medians[peer]
                print(f"  {ours} / {peer}: wall {a['wall_s'] / b['wall_s']:.2f}, CPU {a['cpu_s'] / b['cpu_s']:.2f}, "
                      f"RSS {a['rss_kib'] / b['rss_kib']:.2f}, bytes {a['bytes'] / max(b['bytes'], 1):.3f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("parts", nargs="*", metavar=f"{{{','.join(PARTS)}}}")
    arguments = parser.parse_args()
    for part in arguments.parts:
        if part not in PARTS + BY_HAND:
            parser.error(f"no such part: {part}")
    parts = list(arguments.parts or PARTS)
    if "policy" in parts:
        policy_cost.measure(arguments.program)
        parts.remove("policy")
    if "enqueue" in parts:
        enqueue_cost.measure(arguments.program)
        parts.remove("enqueue")
    if "hook" in parts:
        enqueue_cost.measure_hook(arguments.program)
        parts.remove("hook")
    if "age" in parts:
        age_cost.measure(arguments.program, scratch())
        parts.remove("age")
    if "memories" in parts:
        with tempfile.TemporaryDirectory(prefix="akosha-bench-", dir=scratch()) as folder:
            memories_cost.measure(arguments.program, arguments.rounds, Path(folder), duckdb_pair(Path(folder))[0])
        parts.remove("memories")
    if not parts:
        return
    try:
        memory = scratch() if "large" not in arguments.parts else HERE.parent / "build"
        bench = Bench(arguments.program, arguments.rounds, memory)
    except servers.Missing as why:
        raise SystemExit(str(why)) from why
    for part in parts:
        getattr(bench, part)()


if __name__ == "__main__":
    main()
