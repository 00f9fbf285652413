"""Breaks the engine on purpose, one mutant at a time, and sees it caught: `run.py [--jobs N] [--resume] [--learn] [NAME PART...]`.

Each mutant changes one place of one file in a copy of the tree, is built, and has to turn a test red. Which one it is
expected to, expected.json knows: that one alone is built and run first, and only if it stays green all the others are.
A mutant that another test caught passes, and is told; `--learn` notes what caught it. Nothing counts as red that was not
seen green on the tree as it is. `--resume` takes what an earlier run found for the very same tree.
Ends with the line `N passed, N failed`.
"""

import argparse
import collections
import contextlib
import fcntl
import hashlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import catchers
import mutants
import mutants_commands
import mutants_figures
import mutants_rows
import mutants_setup

MUTANTS = mutants.MUTANTS + mutants_commands.MUTANTS + mutants_figures.MUTANTS + mutants_rows.MUTANTS + mutants_setup.MUTANTS
ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "mutants"
EXPECTED = Path(__file__).resolve().parent / "expected.json"
COPIED = ("CMakeLists.txt", "bench", "cmake", "docs", "include", "lua", "packaging", "policies", "src", "tests")
JOBS_MAX = 64
BUILD_SECONDS_MAX = 1800
# How long a catcher may take: as long as it took when nothing was broken, and plenty, since the machine may be busy.
SECONDS_MAX = 600
SECONDS_MIN = 30
TIMES_MAX = 6
BASELINE_STEP = 10      # catchers from one line of progress to the next
SAID_MAX = 1 << 20
RUNNING = set()         # leaders of what was begun: a mutant may run for ever, and must not outlive this program
ENDING = threading.Event()


def kill(leader):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def stop(_signal, _frame):
    raise SystemExit("ended")


def command(arguments, folder, seconds):
    """(ended well, the last of what it said); what it began ends with it."""
    if ENDING.is_set():
        raise SystemExit("ended")
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                   start_new_session=True)
        RUNNING.add(process.pid)
        try:
            code = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            code = None
        kill(process.pid)
        process.wait()
        RUNNING.discard(process.pid)
        if ENDING.is_set():         # it may have been killed: that is no verdict
            raise SystemExit("ended")
        if code is None:
            return False, f"did not end within {seconds:.0f} s"
        out.seek(max(0, out.seek(0, os.SEEK_END) - SAID_MAX))
        return code == 0, out.read().decode(errors="replace")


def first_words(said):
    """What a catcher said, in a line."""
    for line in said.splitlines():
        if line.startswith(("seed ", "ERROR: ", "[  ERROR   ]", "akosha-sync: internal error", "1) Test")):
            return line[:150]
    return (said.strip().splitlines() or ["no word"])[-1][:150]


def files_of(root):
    """Path in the tree -> file, of all that is copied."""
    found = {}
    for name in COPIED:
        top = root / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found[str(path.relative_to(root))] = path
    return found


class Tree:
    """A copy of the tree with a build of its own; one mutant at a time breaks it."""

    def __init__(self, folder, source, workers):
        self.folder = folder
        self.built = folder / "build" / "broken"        # as deep as every build, from which programs look for files
        self.workers = workers
        self.take(source)
        fine, said = command(["cmake", "-S", str(folder), "-B", str(self.built), "-G", "Ninja",
                              "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS_RELEASE=-O1", "-DAKS_WERROR=OFF"],
                             folder, 120)
        if not fine:
            raise SystemExit(f"the tree cannot be configured:\n{said[-3000:]}")

    def take(self, source):
        """Only what differs is written, so that a build of before is gone on with."""
        self.folder.mkdir(parents=True, exist_ok=True)
        wanted, there = files_of(source), files_of(self.folder)
        for name in there.keys() - wanted.keys():
            there[name].unlink()
        for name, path in wanted.items():
            if name not in there or there[name].read_bytes() != path.read_bytes():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, self.folder / name)

    def digest(self):
        """Of all that a mutant's fate depends on, but for the list of mutants and how they are run."""
        digest = hashlib.sha256()
        for name, path in files_of(self.folder).items():
            if not name.startswith("tests/mutants/") or name == "tests/mutants/catchers.py":
                digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        return digest.hexdigest()

    def build(self, targets):
        return command(["cmake", "--build", str(self.built), "-j", str(self.workers), "--target", *targets],
                       self.folder, BUILD_SECONDS_MAX)

    def run(self, catcher, seconds):
        program = str(self.built / catcher.arguments[0])
        return command([program, *catcher.arguments[1:]], self.folder if catcher.in_tree else self.built, seconds)

    @contextlib.contextmanager
    def broken(self, edits):
        """Breaks what ${edits} say, (file, old, new) each, and puts it back."""
        before = {}
        try:
            for file, old, new in edits:
                text = (self.folder / file).read_text()
                before.setdefault(file, text)
                if text.count(old) != 1:
                    raise LookupError(f"{file} has what it replaces {text.count(old)} times")
                (self.folder / file).write_text(text.replace(old, new))
            yield
        finally:
            for file, text in before.items():
                (self.folder / file).write_text(text)


class Green:
    """What passes on the tree as it is, and how many seconds it took: nothing else may catch anything."""

    def __init__(self, seconds):
        self.seconds = seconds

    def see(self, tree, catcher):
        if catcher.words in self.seconds:
            return
        fine, said = tree.build([catcher.target])
        if not fine:
            raise SystemExit(f"the tree cannot be built as it is:\n{said[-3000:]}")
        began = time.monotonic()
        fine, said = tree.run(catcher, SECONDS_MAX)
        if not fine:
            raise SystemExit(f"red before anything is broken: {catcher.words}: {first_words(said)}")
        self.seconds[catcher.words] = time.monotonic() - began

    def limit(self, catcher):
        return min(SECONDS_MAX, SECONDS_MIN + TIMES_MAX * self.seconds.get(catcher.words, SECONDS_MAX))


class Fate(NamedTuple):
    """What became of a mutant: the words of what caught it (None if it was missed), and how."""

    catcher: str | None
    how: str


def catch(tree, edits, tried, green):
    """(catcher, what it said) of the first of ${tried} that turns red; None for it if all stay green."""
    with tree.broken(edits):
        for catcher in tried:
            fine, said = tree.build([catcher.target])
            if not fine:
                raise LookupError(f"does not build: {said[-1500:]}")
            fine, said = tree.run(catcher, green.limit(catcher))
            if not fine:
                return catcher, first_words(said)
    return None, "NOT CAUGHT"


def try_mutant(tree, mutant, tried, green):
    try:
        catcher, how = catch(tree, [mutant[i:i + 3] for i in range(1, len(mutant), 3)], tried, green)
    except LookupError as error:
        return Fate(None, str(error))
    if catcher is None:
        return Fate(None, how)
    green.see(tree, catcher)        # of what stands behind the expected one, when only some mutants are wanted
    return Fate(catcher.words, how)


class Records:
    """What is expected, what an earlier run of the same tree found, and what this one finds."""

    def __init__(self, options, digest):
        self.options = options
        self.expected = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
        self.done_file = WORK / "done.json"
        self.done = {"tree": digest, "green": {}, "fates": {}}
        if options.resume and self.done_file.exists():
            before = json.loads(self.done_file.read_text())
            if before["tree"] == digest:
                self.done = before
        self.fates = {}
        self.elsewhere = []
        self.lock = threading.Lock()

    def first(self, mutant):
        words = self.expected.get(mutant[0])
        return catchers.by_words().get(words) or catchers.guess(mutant[1])

    def tried(self, mutant, seconds):
        """Every catcher: the expected one first, then what has most catches near by for the time that it takes."""
        near = collections.Counter(self.expected.get(m[0]) for m in MUTANTS if m[1].split("/")[:2] == mutant[1].split("/")[:2])
        first = self.first(mutant)
        return [first, *sorted((catcher for catcher in catchers.CATCHERS if catcher != first), key=lambda catcher:
                               (catcher.in_tree != catchers.is_script(mutant[1]),
                                (1 + seconds.get(catcher.words, 0)) / (1 + near[catcher.words])))]

    def earlier(self, mutant):
        known = self.done["fates"].get(mutant[0])
        return Fate(*known["fate"]) if known and known["mutant"] == list(mutant[1:]) else None

    def note(self, mutant, fate, told, count):
        name = mutant[0]
        with self.lock:
            self.fates[name] = fate
            expected = self.expected.get(name)
            if fate.catcher and fate.catcher != expected:
                self.elsewhere.append(name)
                told += f", not by {expected or 'anything that was expected'}"
            print(f"{'caught' if fate.catcher else 'MISSED'}  {name}\n"
                  f"        {fate.catcher + ': ' if fate.catcher else ''}{fate.how} ({told}) "
                  f"[{len(self.fates)} of {count}]", flush=True)
            self.done["fates"][name] = {"mutant": mutant[1:], "fate": fate}
            self.write(self.done_file, self.done)
            if self.options.learn and fate.catcher:
                self.expected[name] = fate.catcher
                self.write(EXPECTED, {m[0]: self.expected[m[0]] for m in MUTANTS if m[0] in self.expected})

    @staticmethod
    def write(file, document):
        new = file.with_suffix(".new")
        new.write_text(json.dumps(document, indent=0, ensure_ascii=False) + "\n")
        new.replace(file)


def in_trees(trees, tasks, work):
    """work(tree, task) for each task, side by side; the first error ends all."""
    waiting, errors = queue.SimpleQueue(), []
    for task in tasks:
        waiting.put(task)

    def worker(tree):
        try:
            while not errors:
                work(tree, waiting.get_nowait())
        except queue.Empty:
            pass
        except BaseException as error:      # SystemExit as well: it is told by the main thread
            errors.append(error)

    threads = [threading.Thread(target=worker, args=(tree,), daemon=True) for tree in trees]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@contextlib.contextmanager
def alone():
    """Two runs at a time would break each other's trees."""
    WORK.mkdir(parents=True, exist_ok=True)
    with (WORK / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"another run is under way in {WORK}") from None
        yield


def asked():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N",
                        help="mutants side by side, each in a tree of its own (as many as there are cores)")
    parser.add_argument("--learn", action="store_true", help="note in expected.json what catches each mutant")
    parser.add_argument("--resume", action="store_true", help="do not try again what was tried on the very same tree")
    parser.add_argument("parts", nargs="*", metavar="NAME PART", help="only mutants whose names have one of these in them")
    options = parser.parse_args()
    options.jobs = min(max(options.jobs, 1), JOBS_MAX)
    return options


def summary(records, seconds):
    caught = collections.Counter(fate.catcher for fate in records.fates.values() if fate.catcher)
    for words, count in caught.most_common():
        print(f"{count:4}  {words}")
    if records.elsewhere:
        print(f"{len(records.elsewhere)} caught by what was not expected to (--learn notes it)")
    for name, fate in records.fates.items():
        if not fate.catcher:
            print(f"MISSED  {name}: {fate.how.splitlines()[0]}")
    passed = sum(caught.values())
    print(f"{seconds / 60:.0f} minutes")
    print(f"{passed} passed, {len(records.fates) - passed} failed")
    return passed != len(records.fates)


def main():
    options = asked()
    wanted = [m for m in MUTANTS if not options.parts or any(part in m[0] for part in options.parts)]
    if not wanted:
        raise SystemExit("no mutant has such a name")
    with alone():
        return run(options, wanted)


def run(options, wanted):
    began = time.monotonic()
    jobs = min(options.jobs, len(wanted))
    workers = max(1, (os.cpu_count() or 1) // jobs)
    trees = [Tree(WORK / "tree-1", ROOT, workers)]
    trees += [Tree(WORK / f"tree-{i}", WORK / "tree-1", workers) for i in range(2, jobs + 1)]
    records = Records(options, trees[0].digest())
    green = Green(records.done["green"])
    firsts = catchers.CATCHERS if not options.parts else list(dict.fromkeys(records.first(m) for m in wanted))
    for done in range(0, len(firsts), BASELINE_STEP):
        in_trees(trees, firsts[done:done + BASELINE_STEP], green.see)
        print(f"green as it is: {min(done + BASELINE_STEP, len(firsts))} of {len(firsts)} catchers "
              f"({time.monotonic() - began:.0f} s)", flush=True)
        records.write(records.done_file, records.done)

    def work(tree, mutant):
        since = time.monotonic()
        fate, told = records.earlier(mutant), "earlier"
        if fate is None:
            fate = try_mutant(tree, mutant, records.tried(mutant, green.seconds), green)
            told = f"{time.monotonic() - since:.0f} s"
        records.note(mutant, fate, told, len(wanted))

    in_trees(trees, wanted, work)
    return summary(records, time.monotonic() - began)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    try:
        sys.exit(main())
    finally:
        ENDING.set()
        for began in list(RUNNING):
            kill(began)
