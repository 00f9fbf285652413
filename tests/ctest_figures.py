"""Adds up a JUnit report of ctest: each cmocka and LuaUnit test inside a program counts, a program without
such tests counts as one. Ends with the line `N passed, N failed[, N skipped]`."""

import os
import re
import sys
import xml.etree.ElementTree as ElementTree

CMOCKA = {"passed": r"\[  PASSED  \] (\d+) test", "failed": r"\[  FAILED  \] (\d+) test",
          "skipped": r"\[  SKIPPED \] (\d+) test"}
LUAUNIT = {"passed": r"(\d+) success", "failed": r"(\d+) (?:failure|error)", "skipped": r"(\d+) skipped"}


def found(kind, text):
    """What the last summary of either framework says: earlier lines may be output of the code under test."""
    cmocka = re.findall(CMOCKA[kind], text)
    ran = re.findall(r"^Ran \d+ tests .*$", text, re.MULTILINE)
    total = int(cmocka[-1]) if cmocka else 0
    if ran:
        total += sum(int(n) for n in re.findall(LUAUNIT[kind], ran[-1]))
    return total


def figures_of(case):
    text = (case.findtext("system-out") or "") + (case.findtext("failure") or "")
    ok = case.get("status") == "run"
    passed, failed, skipped = (found(kind, text) for kind in ("passed", "failed", "skipped"))
    if ok:
        return (passed or (0 if skipped else 1), 0, skipped)
    # A program that died, timed out or was never built counts at least once.
    return (passed, max(failed, 1), skipped)


def main():
    if not os.path.exists(sys.argv[1]):
        print("ctest wrote no report")
        print("0 passed, 1 failed")
        return 1
    totals = [0, 0, 0]
    for case in ElementTree.parse(sys.argv[1]).getroot().iter("testcase"):
        if case.get("status") == "disabled":
            totals[2] += 1
            continue
        totals = [a + b for a, b in zip(totals, figures_of(case))]
    print("%d passed, %d failed" % tuple(totals[:2]) + (", %d skipped" % totals[2] if totals[2] else ""))
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main())
