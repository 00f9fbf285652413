"""The rules of the house, one function each: (tree) -> list of violations, as "file:line: what"."""

import ast
import re
import subprocess
import tempfile
from pathlib import Path

import pages
import reference
from sources import functions, layers, without_comments

FILE_LINES_MAX = 600
# Looked up and not read: an editor wants what a policy can name in one file, and mutants are a list.
LOOKED_UP = ("lua/akosha/types.lua", "tests/mutants/mutants.py")
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
DOCUMENT_COLUMNS_MAX = 200      # prose and tables are wrapped by whoever reads them

BANNED = ("strcpy", "strcat", "sprintf", "vsprintf", "gets", "strtok", "atoi", "atol", "atof", "alloca", "setjmp",
          "longjmp", "system", "popen", "tmpnam", "mktemp", "rand", "srand", "strncpy", "scanf", "sscanf")
# Only these layers may name these functions: the world is reached through ports, standard output belongs to cli.
RESERVED = {
    "getenv": ("os",), "secure_getenv": ("os",), "setenv": ("os",),
    "printf": ("cli",), "puts": ("cli",), "putchar": ("cli",), "perror": ("cli",), "exit": ("cli",), "_exit": ("cli",),
    "time": ("os",), "clock_gettime": ("os",), "gettimeofday": ("os",), "usleep": ("os",), "sleep": ("os",),
    "open": ("os",), "fopen": ("os",), "unlink": ("os",), "socket": ("os",), "fork": ("os",),
    "getrandom": ("os",), "pthread_create": ("os",), "posix_spawn": ("os",), "posix_spawnp": ("os",), "execve": ("os",),
    "execv": ("os",), "execvp": ("os",),
}
# The bytes of a secret are asked for where they are sent, and nowhere else.
REVEALS = "aks_secret_reveal"
REVEALED_IN = ("src/base/secret.c", "src/base/secret.h", "src/data/age_wrap.c", "src/engine/credentials_container.c",
               "src/engine/credentials_instance.c", "src/engine/credentials_sts.c", "src/engine/handed.c",
               "src/engine/target_akosha_call.c", "src/engine/target_http_call.c", "src/engine/target_s3_request.c")
# What people and other programs read leaves by one file, as the redactor stands there; whoever writes past it tells
# secrets. (file, word) -> why it may all the same.
PRINTING = re.compile(r"(?<![\w.>])(v?f?printf|v?dprintf|fputs|fputc|puts|putc|putchar|fwrite|perror|psignal|warnx?|errx?|syslog)"
                      r"\s*\(|\b(stdout|stderr|STD(?:OUT|ERR)_FILENO)\b")
PRINTS = "src/cli/print.c"
PRINTING_BUT = {
    ("src/base/check.c", "fprintf"): "a line of our own source",
    ("src/base/check.c", "stderr"): "the same",
    ("src/cli/session.c", "STDOUT_FILENO"): "is it a terminal?",
    ("src/cli/cmd_test.c", "STDOUT_FILENO"): "is it a terminal?",
    ("src/cli/cmd_explain.c", "STDOUT_FILENO"): "is it a terminal?",
    ("src/cli/mcp_pipe.c", "STDOUT_FILENO"): "messages, each of which it redacts",
    ("src/cli/progress.c", "STDERR_FILENO"): "is it a terminal, and how wide?",
    ("src/cli/cmd_hook.c", "STDERR_FILENO"): "is it a terminal?",
    ("src/cli/duckdb_child.c", "fprintf"): "to the engine alone, which redacts it",
    ("src/cli/duckdb_child.c", "stderr"): "the same",
    ("src/cli/duckdb_child.c", "puts"): "the same",
    ("src/os/child_posix.c", "STDOUT_FILENO"): "where a child's output goes",
    ("src/os/process_posix.c", "STDOUT_FILENO"): "the same",
    ("src/os/process_posix.c", "STDERR_FILENO"): "the same",
    ("src/os/background_posix.c", "STDOUT_FILENO"): "the same",
    ("src/os/background_posix.c", "STDERR_FILENO"): "the same",
}
# Every program of ours begins alike, and closes its memory to others first of all.
# But for one that is given no secret, and is to take no more memory than it needs.
BEGINS_BUT = ("src/cli/duckdb_child.c",)
BEGINS, BEGINS_IN, GUARD = "aks_begin", "src/cli/begin.c", "aks_guard_posix_close"
# An error's words are set where they are redacted, and copied whole from there.
SETS_ERROR = re.compile(r"\b(?:v?snprintf|memcpy|memmove)\(\s*(?:err|\w*error)(?:->|\.)(?:message|hint)\b")
SETS_ERROR_IN = ("src/base/error.c",)
COPIES_ERROR_IN = re.compile(r"src/(?:api|cli|lib)/|src/testkit/first_test\.c$")
# (file, function) -> why it may all the same
RESERVED_BUT = {
    ("src/cli/print.c", "open"): "fills standard descriptors that the caller closed, before there are ports",
    ("src/cli/progress.c", "clock_gettime"): "how often a person's terminal is drawn is nothing of the engine's",
    ("src/os/child_posix.c", "exit"): "a child has nobody to return to",
}
# header -> where it may be included
HEADERS = {
    r"(?:lua5\.4/)?(?:lua|lauxlib|lualib)\.h": r"src/script/|src/testkit/lib_testing|tests/c/script/|tests/script/",
    r"curl/.*": r"src/os/http_curl[^/]*$",
    r"sqlite3\.h": r"src/engine/|src/sim/vfs_sim|src/testkit/writer_sqlite|tests/c/engine/|tests/c/sim/|"
                   r"tests/c/testkit/(?:akosha_test|lost_state_test|memory_database|rows_world_test)",
    r"openssl/.*": r"src/data/|src/os/|src/testkit/model_digest|tests/c/",
    r"yaml\.h": r"src/cli/migrate_yaml\.c$",
    r"pthread\.h": r"src/os/|src/data/codec_|src/base/secret\.c$|tests/c/",
}
PUBLIC = "akosha"               # include/akosha/
PUBLIC_IN = {"api", "lib", "cli", "testkit"}
UNFINISHED = re.compile("TO" + "DO|FIX" + r"ME|\bX" + r"XX\b")
# Spelled in pieces, so that this file does not find itself.
OUTSIDE = re.compile("|".join((
    r"(?:^|[^a-z.$}])/(?:wo" + r"rk|fa" + r"rm)/[a-z.]", "bash_" + "jobs", "fa" + r"rm-[a-z]+",
    r"https?://[^ ]*(?:gol" + "ang|py" + "pi|python" + "hosted|npm" + "js|crates" + r"\.|ma" + r"ven|deb" + r"ian)[^ ]*")))
DATA = "tests/data/"
CORPUS = "tests/c/fuzz/corpus/"


def written(tree):
    """Text that people wrote, as against data of tests."""
    return [n for n in tree.names if not n.startswith((DATA, CORPUS)) and tree.is_text(n)]


def c_files(tree):
    return tree.files(".c", ".h", under="src/") + tree.files(".h", under="include/")


def check_layers(tree):
    """A file in src/X includes only headers of layers that CMakeLists.txt names for X."""
    bad, allowed = [], layers(tree.text("CMakeLists.txt"))
    for name in tree.files(".c", ".h", under="src/"):
        layer = name.split("/")[1]
        for number, line in enumerate(tree.lines(name), 1):
            match = re.match(r'\s*#\s*include\s+"([^"/]+)/', line)
            if match and match[1] == PUBLIC and layer not in (PUBLIC_IN | {PUBLIC}):
                bad.append(f"{name}:{number}: the public header is for {', '.join(sorted(PUBLIC_IN))}")
            elif match and match[1] not in allowed.get(layer, {layer}) | {PUBLIC}:
                bad.append(f"{name}:{number}: {layer} may not include {match[1]}")
            elif re.match(r'\s*#\s*include\s+"([^/"]*|\.\..*)"', line):
                bad.append(f'{name}:{number}: headers are included as "layer/file.h"')
    return bad


def check_headers_of_libraries(tree):
    """Libraries that have a place are included there alone."""
    bad = []
    for name in tree.files(".c", ".h"):
        for number, line in enumerate(tree.lines(name), 1):
            match = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
            for header, places in HEADERS.items() if match else ():
                if re.fullmatch(header, match[1]) and not re.match(places, name):
                    bad.append(f"{name}:{number}: {match[1]} has no place here")
    return bad


def check_headers_stand_alone(tree):
    """Each header compiles by itself."""
    bad, allowed = [], layers(tree.text("CMakeLists.txt"))
    flags = subprocess.run(["pkg-config", "--cflags", "lua5.4", "jansson"], capture_output=True, text=True, check=False)
    with tempfile.TemporaryDirectory() as folder:
        roots = {}
        for layer in {name for uses in allowed.values() for name in uses}:
            roots[layer] = Path(folder) / layer
            roots[layer].mkdir()
            (roots[layer] / layer).symlink_to((tree.root / "src" / layer).resolve())
        for name in tree.files(".h", under="src/") + tree.files(".h", under="include/"):
            layer = name.split("/")[1] if name.startswith("src/") else None
            include = [f"-I{roots[used]}" for used in sorted(allowed.get(layer, ()))]
            done = subprocess.run(
                ["gcc", "-std=c11", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused",
                 f"-I{tree.root}/include", *include, *flags.stdout.split(), "-include", str(tree.root / name),
                 "-xc", "/dev/null"], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                bad.append(f"{name}:1: does not compile by itself: {done.stderr.strip().splitlines()[0]}")
    return bad


def check_guards(tree):
    """A header's guard is its path."""
    bad = []
    for name in tree.files(".h", under="src/"):
        guard = "AKS_" + re.sub(r"[^A-Z0-9]", "_", name[len("src/"):].upper())
        if f"#ifndef {guard}\n#define {guard}\n" not in tree.text(name):
            bad.append(f"{name}:1: its guard is not {guard}")
    return bad


def check_banned(tree):
    """Functions that nobody needs, and functions that have a layer."""
    bad = []
    for name in tree.files(".c", ".h", under="src/"):
        layer = name.split("/")[1]
        for number, line in enumerate(without_comments(tree.text(name), strings=True).splitlines(), 1):
            for call in re.findall(r"(?<![\w.>])(\w+)\s*\(", line):
                if call == REVEALS and name not in REVEALED_IN:
                    bad.append(f"{name}:{number}: {call}() is for what sends a secret")
                elif call in BANNED:
                    bad.append(f"{name}:{number}: {call}() is banned")
                elif (call in RESERVED and layer not in RESERVED[call]
                      and (name, call) not in RESERVED_BUT):
                    bad.append(f"{name}:{number}: {call}() belongs to {', '.join(RESERVED[call])}")
            if re.search(r"\bstdout\b", line) and layer != "cli":
                bad.append(f"{name}:{number}: stdout belongs to cli")
    return bad


def check_printing(tree):
    """Text leaves by one file, and an error's words are made in one: where the redactor is."""
    bad = []
    for name in tree.files(".c", ".h", under="src/"):
        text = without_comments(tree.text(name), strings=True)
        for number, line in enumerate(text.splitlines(), 1):
            for match in PRINTING.finditer(line):
                word = match[1] or match[2]
                if name != PRINTS and (name, word) not in PRINTING_BUT:
                    bad.append(f"{name}:{number}: {word} writes past {PRINTS}")
            if SETS_ERROR.search(line) and name not in SETS_ERROR_IN and not COPIES_ERROR_IN.match(name):
                bad.append(f"{name}:{number}: an error's words are set past aks_error_set")
        for function, line, length in functions(text) if name.endswith(".c") else ():
            if function == "main" and name not in BEGINS_BUT and BEGINS not in "\n".join(text.splitlines()[line - 1:line - 1 + length]):
                bad.append(f"{name}:{line}: a program that does not begin with {BEGINS}")
        if name == BEGINS_IN and GUARD not in text:
            bad.append(f"{name}:1: does not call {GUARD}")
    return bad


def check_sizes(tree):
    """Files and functions that a reader can hold."""
    bad = []
    for name in written(tree):
        if name.endswith((".c", ".h", ".lua", ".py")) and name not in LOOKED_UP and len(tree.lines(name)) > FILE_LINES_MAX:
            bad.append(f"{name}:1: {len(tree.lines(name))} lines, more than {FILE_LINES_MAX}")
    for name in tree.files(".c"):
        for function, line, length in functions(tree.text(name)):
            if length > FUNCTION_LINES_MAX:
                bad.append(f"{name}:{line}: {function} has {length} lines, more than {FUNCTION_LINES_MAX}")
    return bad


def check_columns(tree):
    """Lines that fit beside another window; no tabs, no blanks at the end of a line."""
    bad = []
    for name in written(tree):
        code = name.endswith((".c", ".h", ".lua"))
        for number, line in enumerate(tree.lines(name), 1):
            if code and len(line) > COLUMNS_MAX:
                bad.append(f"{name}:{number}: {len(line)} columns, more than {COLUMNS_MAX}")
            if code and "\t" in line:
                bad.append(f"{name}:{number}: a tab")
            if code and line != line.rstrip():
                bad.append(f"{name}:{number}: blanks at the end")
    return bad


def check_unfinished(tree):
    """Nothing that somebody meant to come back to."""
    return [f"{name}:{number}: {match[0]}" for name in written(tree)
            for number, line in enumerate(tree.lines(name), 1) for match in [UNFINISHED.search(line)] if match]


def check_outside(tree):
    """No path of some machine and no host of a package registry: both are settings of whoever builds."""
    return [f"{name}:{number}: {match[0].strip()}" for name in written(tree)
            for number, line in enumerate(tree.lines(name), 1) for match in [OUTSIDE.search(line)] if match]


def check_disabled(tree):
    """No test that is switched off (a server that cannot be had is another matter: it is reported by name)."""
    off = re.compile(r"\bski" + r"p\(\)|lu\.ski" + r"p|DISA" + r"BLED_|#if 0|if \(0\)")
    return [f"{name}:{number}: {match[0]}" for name in tree.files(".c", ".lua")
            for number, line in enumerate(tree.lines(name), 1) for match in [off.search(line)] if match]


def check_reference(tree):
    """The page that is made of the annotations is of these annotations."""
    if reference.SOURCE not in tree.names:
        return []
    expected = reference.of(tree.text(reference.SOURCE)).splitlines()
    found = tree.lines(reference.DOCUMENT) if reference.DOCUMENT in tree.names else []
    if found == expected:
        return []
    line = next((i for i, pair in enumerate(zip(found, expected), 1) if pair[0] != pair[1]), min(len(found), len(expected)) + 1)
    return [f"{reference.DOCUMENT}:{line}: differs from what {reference.SOURCE} says; ./dev reference writes it anew"]


def check_promises(tree):
    """Each promise of SECURITY.md names what keeps it: a file of this tree, or a test in one."""
    bad = []
    for number, line in enumerate(tree.lines("SECURITY.md") if "SECURITY.md" in tree.names else (), 1):
        kept = re.fullmatch(r"\| (?!promise \||---).* \| (.*) \|", line)
        # The table of attackers has three columns and no paths.
        if kept is None or line.count(" | ") > 1:
            continue
        names = re.findall(r"`([^`]+)`", kept[1])
        if not names:
            bad.append(f"SECURITY.md:{number}: a promise that nothing keeps")
        for name in names:
            path, _, inside = name.partition("::")
            if path not in tree.names or (inside and f"def {inside}(" not in tree.text(path)):
                bad.append(f"SECURITY.md:{number}: there is no {name}")
    return bad


def mutants(tree):
    """(file of mutants, what stands in it) of each; one list may take another one in."""
    for path in tree.files(".py", under="tests/mutants/"):
        for node in ast.parse(tree.text(path)).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "MUTANTS" and isinstance(node.value, ast.Tuple):
                yield from ((path, ast.literal_eval(entry)) for entry in node.value.elts if isinstance(entry, ast.Tuple))


def check_mutants(tree):
    """What each mutant breaks stands in its file once: one that finds no place is a guard that nobody tries."""
    bad = []
    for path, (name, *places) in mutants(tree):
        for file, old, _ in zip(places[::3], places[1::3], places[2::3]):
            count = tree.text(file).count(old) if file in tree.names else 0
            if count != 1:
                bad.append(f"{path}: {name}: what it breaks stands {count} times in {file}")
    return bad


CHECKS = {
    "mutants find their places": check_mutants,
    "promises are kept by something": check_promises,
    "layers include only what stands below them": check_layers,
    "libraries are included in their place": check_headers_of_libraries,
    "headers compile alone": check_headers_stand_alone,
    "guards are paths": check_guards,
    "banned functions": check_banned,
    "text leaves through the redactor": check_printing,
    "sizes of files and functions": check_sizes,
    "columns": check_columns,
    "nothing unfinished": check_unfinished,
    "nothing of a machine or a registry": check_outside,
    "no test is switched off": check_disabled,
    "the reference is of today's annotations": check_reference,
    **pages.CHECKS,
}
