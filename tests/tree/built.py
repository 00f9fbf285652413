"""Rules for what was built: exported names of the layers' libraries, hardening of the program."""

import json
import re
import subprocess
from pathlib import Path

import c_api

FLEET = Path(__file__).resolve().parents[2] / "docs" / "fleet.md"

# (file, beginning of its symbols) -> why they do not carry the file's name
EXCEPTIONS = {
    ("error", "aks_status_"): "the enum of failures and the error that carries one are one module",
    ("alloc", "aks_mem_"): "what is done with an allocator, as against struct aks_alloc itself",
    ("encode", "aks_hex_"): "three encodings of one kind, named for what they make",
    ("encode", "aks_base64_"): "the same",
    ("encode", "aks_percent_"): "the same",
    ("codec", "aks_encoder_"): "a codec is an enum; what has a state is its encoder",
    ("digest_sha256", "aks_hmac_"): "HMAC is made of two of them",
    ("attempt", "aks_outcome_"): "an attempt ends in an outcome",
    ("queue", "aks_job_"): "the queue is of jobs",
    ("settings", "aks_target_kind_"): "an enum of the settings",
    ("embed", "aks_embedded_"): "what was embedded",
    ("load", "aks_script_loader_"): "the one door of the layer",
    ("dates", "aks_date_"): "one date at a time",
}


def exports(library):
    """(object file, symbol) of everything that a library defines for others."""
    out = subprocess.run(["nm", "-A", "--defined-only", "-g", str(library)], capture_output=True, text=True, check=True)
    for line in out.stdout.splitlines():
        where, _, kind, symbol = re.match(r"(\S+):(\S*)\s+(\S)\s+(\S+)$", line).groups()
        if kind in "TDRBVWC" and not symbol.startswith(("__asan", "__odr_asan", "__gcov", "__llvm", "__tsan")):
            yield where.split(":")[-1], symbol


def excepted(file, symbol):
    return symbol.startswith("akosha_") or any(
        file == name and symbol.startswith(prefix) for name, prefix in EXCEPTIONS)


def check_exports(folder):
    """foo_bar.c exports aks_foo_bar_* or, with words of its name in their order, aks_foo_* or aks_bar_*."""
    bad, seen = [], 0
    for library in sorted(folder.glob("libaks_*.a")):
        for member, symbol in exports(library):
            seen += 1
            file = re.sub(r"\.c\.o$", "", member)
            words = file.split("_")
            stems = ["_".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)]
            if not excepted(file, symbol) and not any(re.match(rf"aks_{stem}(_|$)", symbol) for stem in stems):
                bad.append(f"{library.name}({member}): exports {symbol}")
    if not seen:
        bad.append(f"{folder}: no libraries: build first")
    return bad


def readelf(*arguments):
    return subprocess.run(["readelf", "-W", *map(str, arguments)], capture_output=True, text=True, check=True).stdout


BUILT = ("akosha-sync", "libexec/akosha-sync", "akosha-sync-http.so", "libakosha.so")
HEADER = Path(__file__).resolve().parents[2] / "include" / "akosha" / "akosha.h"


def check_library(folder):
    """The library has the functions of its header, and nothing else for anybody."""
    out = subprocess.run(["nm", "-D", "--defined-only", str(folder / "libakosha.so")], capture_output=True, text=True, check=True)
    found = {line.split()[-1] for line in out.stdout.splitlines()}
    said = set(c_api.functions(HEADER.read_text(encoding="utf-8")))
    return ([f"libakosha.so: exports {name}, which its header does not name" for name in sorted(found - said)]
            + [f"libakosha.so: has no {name}" for name in sorted(said - found)])



def check_hardening(folder):
    """Position independent, relocations read-only and bound at start, stack protected, no executable stack."""
    bad = []
    for name in BUILT:
        path = folder / name
        if not path.exists():
            bad.append(f"{path}: not built")
            continue
        header, segments, dynamic = readelf("-h", path), readelf("-l", path), readelf("-d", path)
        symbols, notes = readelf("--dyn-syms", path), readelf("-n", path)
        loads = re.findall(r"^\s*LOAD\s.*?\s(R?\s?W?\s?E?)\s+0x[0-9a-f]+$", segments, re.MULTILINE)
        x86 = "X86-64" in header
        for holds, what in (
                (loads and not any("W" in flags and "E" in flags for flags in loads) and loads[0].strip() == "R",
                 "code apart from everything else"),
                (not x86 or "SHSTK" in notes, "the note that a shadow stack is fine"),
                (re.search(r"Type:\s+DYN", header), "position independent"),
                ("GNU_RELRO" in segments, "RELRO"),
                (re.search(r"\bBIND_NOW\b|FLAGS_1.*\bNOW\b", dynamic), "BIND_NOW"),
                (re.search(r"GNU_STACK.*\bRW\s", segments), "a stack that is not executable"),
                ("__stack_chk_fail" in symbols, "a stack protector"),
                ("_chk@" in symbols.replace("__stack_chk_fail", ""), "fortified functions"),
                (not re.search(r"\((RPATH|RUNPATH)\)", dynamic), "no run path")):
            if not holds:
                bad.append(f"{name}: lacks {what}")
    return bad


COMPILED_WITH = ("-fstack-protector-strong", "-fstack-clash-protection", "-ftrivial-auto-var-init=zero", "-D_FORTIFY_SOURCE=")


def check_compiled_hardened(folder):
    """What cannot be seen in the result stands in the commands that made it; each file of ours has all of it."""
    bad, seen = [], 0
    machine = readelf("-h", folder / "akosha-sync")
    flags = (*COMPILED_WITH, "-fcf-protection=full") if "X86-64" in machine else COMPILED_WITH
    for entry in json.loads((folder / "compile_commands.json").read_text()):
        file = entry["file"]
        if "/src/" not in file and "/generated/" not in file:
            continue
        seen += 1
        bad += [f"{Path(file).name}: compiled without {flag}" for flag in flags if flag not in entry["command"]]
    return bad if seen else [f"{folder}/compile_commands.json: names no file of ours"]


def linked(path):
    """Names of the shared libraries that a program is linked to."""
    return re.findall(r"Shared library: \[([^\]]*)\]", readelf("-d", path))


def check_curl_is_not_linked(folder):
    """The full program starts without libcurl, which costs milliseconds; only its module has it."""
    return [f"libexec/akosha-sync: linked to {lib}" for lib in linked(folder / "libexec" / "akosha-sync")
            if re.match(r"lib(curl|ssl)\b", lib)]


def check_the_front_is_light(folder):
    """Each library costs an enqueue some tenths of a millisecond, libcrypto a whole one."""
    return [f"akosha-sync: linked to {lib}" for lib in linked(folder / "akosha-sync")
            if not re.match(r"(libc|libjansson|ld-linux[-\w]*)\.so\b", lib)]


def check_fleet(folder, document=FLEET):
    """The tables of docs/fleet.md are what `./dev fleet` prints."""
    printed = subprocess.run([str(folder / "bench" / "fleet")], capture_output=True, text=True, check=True, timeout=120)
    if printed.stdout and printed.stdout in document.read_text():
        return []
    return [f"{document.name}: holds other tables than `./dev fleet` prints"]


CHECKS = {
    "exported names": check_exports,
    "the library is its header": check_library,
    "the programs and the module are hardened": check_hardening,
    "everything is compiled hardened": check_compiled_hardened,
    "the full program starts without libcurl": check_curl_is_not_linked,
    "the front program is linked to libc and jansson alone": check_the_front_is_light,
    "the fleet's tables are those of the docs": check_fleet,
}
