"""How many lines of src/ tests reach: `coverage.py BUILD [--but FOLDER]... [--least PERCENT] [--worst N] NAME`.

BUILD is a folder that was built with -DAKS_COVERAGE=ON; what was run since its .gcda files were last removed counts. With
--remove they are removed instead. A program that is killed writes nothing down, and what it did does not count; an exec does.
Says which files miss most, then `coverage of NAME: P % of N lines`. Exit code 1 if that is less than PERCENT.
"""

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECONDS_MAX = 300


def objects(build):
    """The notes of everything under src/ that was compiled, also of what nothing has run."""
    return sorted(p for p in build.rglob("*.gcno") if "/src/" in str(p.relative_to(build)))


def lines_of(notes):
    """[(file, line, count)] of one object. gcov tells of headers too."""
    done = subprocess.run(["gcov", "--json-format", "--stdout", str(notes)], capture_output=True, text=True, check=False,
                          cwd=notes.parent, timeout=SECONDS_MAX, env={**os.environ, "LC_ALL": "C"})
    found = []
    for text in done.stdout.splitlines():
        if not text.startswith("{"):
            continue
        document = json.loads(text)
        for file in document["files"]:
            # Objects name files as from the root of the tree (cmake/flags.cmake), whatever folder they were built in.
            path = (ROOT / file["file"]).resolve()
            if path.is_relative_to(ROOT / "src"):
                found += [(str(path.relative_to(ROOT)), line["line_number"], line["count"]) for line in file["lines"]]
    return found


def measure(build, but):
    """{file: {line: count}}: a line counts as reached if it was in any of the objects that have it."""
    counts = defaultdict(lambda: defaultdict(int))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(lines_of, objects(build)):
            for file, line, count in found:
                if not any(file.startswith(f"src/{folder}/") for folder in but):
                    counts[file][line] += count
    return counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("name")
    parser.add_argument("--but", action="append", default=[])
    parser.add_argument("--least", type=float, default=0)
    parser.add_argument("--worst", type=int, default=25)
    parser.add_argument("--remove", action="store_true")
    arguments = parser.parse_args()
    if arguments.remove:
        for path in arguments.build.rglob("*.gcda"):
            path.unlink()
        return 0
    counts = measure(arguments.build.resolve(), arguments.but)
    total = sum(len(lines) for lines in counts.values())
    if total == 0:
        print(f"coverage of {arguments.name}: nothing was built with coverage in {arguments.build}")
        return 1
    missed = {file: sum(not n for n in lines.values()) for file, lines in counts.items()}
    folders = defaultdict(lambda: [0, 0])
    for file, lines in counts.items():
        folder = folders["/".join(file.split("/")[:2])]
        folder[0] += len(lines) - missed[file]
        folder[1] += len(lines)
    for folder, (reached, lines) in sorted(folders.items()):
        print(f"  {folder:<14} {100 * reached / lines:5.1f} % of {lines:6d} lines")
    print("  missed most:")
    for file, misses in sorted(missed.items(), key=lambda pair: -pair[1])[:arguments.worst]:
        if misses:
            print(f"  {misses:5d} of {len(counts[file]):5d}  {file}")
    percent = 100 * (total - sum(missed.values())) / total
    print(f"coverage of {arguments.name}: {percent:.1f} % of {total} lines (wanted: {arguments.least:.0f} %)")
    return 1 if percent < arguments.least else 0


if __name__ == "__main__":
    sys.exit(main())
