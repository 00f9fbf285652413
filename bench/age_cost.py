"""What encrypting costs: 1 GiB from a file in memory to /dev/null, ours beside age itself, taking turns; medians."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "real"))

import servers  # noqa: E402

MIB = 1024 * 1024
SIZE_MIB = 1024
ROUNDS = 7
LEAST = 0.8             # of age's speed
SECONDS_MAX = 300


def seconds(command, source):
    with open(source, "rb") as stdin, open(os.devnull, "wb") as sink:
        began = time.perf_counter()
        used = os.times()
        subprocess.run(command, stdin=stdin, stdout=sink, check=True, timeout=SECONDS_MAX)
        after = os.times()
        return (time.perf_counter() - began,
                after.children_user + after.children_system - used.children_user - used.children_system)


def measure(program, folder, rounds=ROUNDS):
    """False if ours is slower than is promised. ${folder}: where 1 GiB has room, best in memory."""
    tool = Path(program).resolve().parent / "age_tool"
    if not tool.exists():
        print("\nage: not measured: this build has no age_tool (it is one of the tests)")
        return True
    try:
        age, keygen = servers.get("age"), servers.get("age-keygen")
    except servers.Missing as why:
        print(f"\nage: not measured: {why}")
        return True
    identity = subprocess.run([keygen], capture_output=True, check=True).stdout
    recipient = subprocess.run([keygen, "-y"], input=identity, capture_output=True, text=False, check=True).stdout
    recipient = recipient.decode().strip()
    source = Path(folder) / "age-bench.bin"
    commands = {"ours": [tool, "encrypt", recipient], "age": [age, "-r", recipient]}
    taken = {name: [] for name in commands}
    block = os.urandom(MIB)
    try:
        with open(source, "wb") as file:
            for _ in range(SIZE_MIB):
                file.write(block)
        for name, command in commands.items():
            seconds(command, source)        # once to warm up
        for _ in range(rounds):
            for name, command in commands.items():
                taken[name].append(seconds(command, source))
    finally:
        source.unlink(missing_ok=True)
    print(f"\nage, {SIZE_MIB} MiB to /dev/null, {rounds} rounds in turns; load {os.getloadavg()[0]:.1f}")
    print(f"  {'':8} {'wall s':>8} {'MiB/s':>8} {'CPU s':>8} {'of all':>20}")
    median = {}
    for name, rows in taken.items():
        wall, cpu = (statistics.median(row[i] for row in rows) for i in (0, 1))
        median[name] = wall, cpu
        print(f"  {name:8} {wall:8.3f} {SIZE_MIB / wall:8.0f} {cpu:8.3f} "
              f"{min(row[0] for row in rows):9.3f} to {max(row[0] for row in rows):.3f}")
    ratio = median["age"][0] / median["ours"][0]
    print(f"  ratio of speeds: {ratio:.2f} of age's (by CPU time {median['age'][1] / median['ours'][1]:.2f}); "
          f"promised: at least {LEAST}")
    return ratio >= LEAST
