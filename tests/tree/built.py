"""Rules for what was built: exported names of the layers' libraries, hardening of the program."""

import re
import subprocess

# symbol (or beginning of symbols, with *) -> why it does not carry its file's name
EXCEPTIONS = {
    "aks_status_*": "error.c: the enum and the error object are one module",
    "akosha_*": "the public interface",
}


def exports(library):
    """(object file, symbol) of everything that a library defines for others."""
    out = subprocess.run(["nm", "-A", "--defined-only", "-g", str(library)], capture_output=True, text=True, check=True)
    for line in out.stdout.splitlines():
        where, _, kind, symbol = re.match(r"(\S+):(\S*)\s+(\S)\s+(\S+)$", line).groups()
        if kind in "TDRBVWC" and not symbol.startswith(("__asan", "__odr_asan", "__gcov", "__llvm", "__tsan")):
            yield where.split(":")[-1], symbol


def excepted(symbol):
    return any(symbol == name or (name.endswith("*") and symbol.startswith(name[:-1])) for name in EXCEPTIONS)


def check_exports(folder):
    """foo_bar.c exports aks_foo_bar_* or, as one of several files of module foo, aks_foo_*."""
    bad, seen = [], 0
    for library in sorted(folder.glob("libaks_*.a")):
        for member, symbol in exports(library):
            seen += 1
            words = re.sub(r"\.c\.o$", "", member).split("_")
            stems = ["_".join(words[:count]) for count in range(1, len(words) + 1)]
            if not excepted(symbol) and not any(re.match(rf"aks_{stem}(_|$)", symbol) for stem in stems):
                bad.append(f"{library.name}({member}): exports {symbol}")
    return bad if seen else [f"{folder}: no libraries: build first"]


def readelf(*arguments):
    return subprocess.run(["readelf", "-W", *map(str, arguments)], capture_output=True, text=True, check=True).stdout


def check_hardening(folder):
    """Position independent, relocations read-only and bound at start, stack protected, no executable stack."""
    bad = []
    for name in ("akosha-sync", "akosha-sync-http.so"):
        path = folder / name
        if not path.exists():
            bad.append(f"{path}: not built")
            continue
        header, segments, dynamic = readelf("-h", path), readelf("-l", path), readelf("-d", path)
        symbols = readelf("--dyn-syms", path)
        for holds, what in (
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


def check_curl_is_not_linked(folder):
    """The program starts without libcurl, which costs milliseconds; only its module has it."""
    needed = readelf("-d", folder / "akosha-sync")
    return [f"akosha-sync: linked to {lib}" for lib in re.findall(r"Shared library: \[(lib(?:curl|ssl)[^\]]*)\]", needed)]


CHECKS = {
    "exported names": check_exports,
    "the program is hardened": check_hardening,
    "the program starts without libcurl": check_curl_is_not_linked,
}
