"""Runs a program and writes what it cost to a file: `python3 -I -S measure.py FILE PROGRAM [ARGUMENT...]`.

A small process of its own, because a child's peak RSS as the kernel counts it begins with that of the process it was
forked from: measured from the large process of the tests it would say nothing. So nothing below 10 MiB is seen.
"""

import json
import os
import resource
import signal
import sys
import time


def main():
    figures, command = sys.argv[1], sys.argv[2:]
    began = time.monotonic()
    child = os.posix_spawn(command[0], command, os.environ)
    # An interruption is for the program; we stay to say how it ended.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda n, _: os.kill(child, n))
    _, status, used = os.wait4(child, 0)
    with open(figures, "w", encoding="utf-8") as out:
        json.dump({"code": os.waitstatus_to_exitcode(status), "began": began, "ended": time.monotonic(),
                   "cpu_s": used.ru_utime + used.ru_stime, "rss_kib": used.ru_maxrss,
                   "own_rss_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}, out)


if __name__ == "__main__":
    main()
