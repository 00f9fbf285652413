"""What memories.json costs: a whole first run to a folder, with and without it, beside the duckdb command's own COPY of the
same rows. The peak is that of our process alone, its child (the reader) left out: its own high water mark, looked at as it goes.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "real"))
import engines  # noqa: E402
import servers  # noqa: E402

LOOK_SECONDS = 0.005
TIMES_MAX, PEAK_MIB_MAX = 2.0, 64.0
COPY = ("COPY (SELECT * FROM conversations_v2 ORDER BY timestamp, id) TO '{0}/c.json' (FORMAT JSON);"
        "COPY (SELECT * FROM reflections_v2 ORDER BY timestamp, id) TO '{0}/r.json' (FORMAT JSON)")
POLICY = """local akosha = require "akosha"
return akosha.policy {{ api = 1, system_id = "bench", sources = {{ "{database}" }}, memories = "{mode}",
  targets = {{ folder = akosha.dir {{ path = "{place}/there" }} }} }}
"""


def copy(command, database, place):
    began = time.perf_counter()
    subprocess.run([command, "-readonly", database, "-c", COPY.format(place)], check=True, capture_output=True)
    return time.perf_counter() - began


def peak_kib(pid):
    try:
        return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        return 0


def run(program, database, place, path, mode):
    """(seconds, peak in MiB, what the report says of memories.json)"""
    (place / "policy.lua").write_text(POLICY.format(database=database, place=place, mode=mode))
    began, peak = time.perf_counter(), 0
    with open(place / "report", "w+", encoding="utf-8") as out:
        process = subprocess.Popen([program, "run", "--json", "--policy", place / "policy.lua", "--state", place / "state"],
                                   stdout=out, env={"PATH": path, "HOME": str(place)})
        while process.poll() is None:
            peak = max(peak, peak_kib(process.pid))
            time.sleep(LOOK_SECONDS)
        took = time.perf_counter() - began
        out.seek(0)
        report = json.load(out)
    if process.returncode != 0:
        raise SystemExit(f"the run ended with {process.returncode}: {report['error']}")
    return took, peak / 1024, report["targets"][0].get("memories_file")


def measure(program, rounds, folder, database):
    try:
        command = engines.duckdb_command()
    except servers.Missing as why:
        raise SystemExit(str(why)) from why
    commands = folder / "commands"
    commands.mkdir()
    (commands / "duckdb").symlink_to(command)
    path = f"{commands}:/usr/bin:/bin"
    copies, without, with_it, peaks, told = [], [], [], [], None
    for number in range(rounds):
        place = folder / str(number)
        for mode, taken in (("none", without), ("all", with_it)):
            (place / mode).mkdir(parents=True)
            took, peak, told = run(program, database, place / mode, path, mode)
            taken.append(took)
        peaks.append(peak)
        copies.append(copy(command, database, place))
    wall, own = statistics.median(with_it), statistics.median(copies)
    size = os.stat(database).st_size / 1e6
    print(f"memories.json of {size:.0f} MB, {told['rows']} rows, {told['bytes'] / 1e6:.0f} MB, by {told['reader']}")
    print(f"  the whole run   {wall:6.2f} s   without it {statistics.median(without):6.2f} s   peak {max(peaks):.1f} MiB"
          f" (under {PEAK_MIB_MAX:.0f})")
    print(f"  duckdb's COPY   {own:6.2f} s   ratio {wall / own:.2f} (under {TIMES_MAX:.0f})")
