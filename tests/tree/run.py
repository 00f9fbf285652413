"""The test of the tree: `run.py [--build FOLDER] [--filter TEXT]`; FOLDER holds a release build.

Ends with the line `N passed, N failed`. Before a check is believed, it has to find what is planted for it.
"""

import argparse
import statistics
import sys
from pathlib import Path

import built
import checks
import selftest
from sources import Tree, functions

SHOWN_MAX = 40


def distribution(name, values):
    values = sorted(values)
    if values:
        print(f"{name}: {len(values)}, lines median {statistics.median(values):.0f}, "
              f"p90 {values[int(0.9 * (len(values) - 1))]}, longest {values[-1]}")


def sizes(tree):
    """Figures for whoever wants to know where the house is going."""
    sources = tree.files(".c", ".h", under="src/")
    distribution("files in src", [len(tree.lines(n)) for n in sources])
    distribution("functions in src", [f[2] for n in sources for f in functions(tree.text(n))])
    tests = tree.files(".c", under="tests/c/")
    distribution("functions in tests/c", [f[2] for n in tests for f in functions(tree.text(n))])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build")
    parser.add_argument("--filter", default="")
    arguments = parser.parse_args()
    tree = Tree(Path(__file__).resolve().parents[2])
    planned = {f"tree: {title}": lambda check=check: check(tree) for title, check in checks.CHECKS.items()}
    planned |= {f"tree: finds what is planted: {title}": lambda title=title: selftest.run(title)
                for title in checks.CHECKS}
    if arguments.build:
        planned |= {f"tree: {title}": lambda check=check: check(Path(arguments.build))
                    for title, check in built.CHECKS.items()}
        planned["tree: finds what is planted: what was built"] = selftest.run_built
    passed = failed = 0
    for title, run in planned.items():
        if arguments.filter not in title:
            continue
        bad = run()
        print(f"{'not ok' if bad else 'ok'} {title}")
        for violation in bad[:SHOWN_MAX]:
            print(f"    {violation}")
        if len(bad) > SHOWN_MAX:
            print(f"    and {len(bad) - SHOWN_MAX} more")
        passed, failed = passed + (not bad), failed + bool(bad)
    if not arguments.filter:
        sizes(tree)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
