"""The checks find what they are for: each planted in a small tree of its own that is otherwise clean."""

import json
import re
import subprocess
import tempfile
from pathlib import Path

import built
import c_api
import manual
import checks
import reference
from sources import Tree

CMAKE = "aks_layer(base)\naks_layer(engine USES base LIBRARIES x)\naks_layer(script USES base engine)\n"
ANNOTATIONS = "---@class akosha\n---@field KiB integer 1024 bytes\nlocal akosha = {}\n"
HEADER = """#ifndef AKOSHA_AKOSHA_H
#define AKOSHA_AKOSHA_H

#ifdef __cplusplus
extern "C" {
#endif

#define AKOSHA_API

/** Does it. */
AKOSHA_API int akosha_b(void);

#ifdef __cplusplus
}
#endif

#endif
"""
CLEAN = {
    "CMakeLists.txt": CMAKE,
    "src/base/a.h": "#ifndef AKS_BASE_A_H\n#define AKS_BASE_A_H\n\nint aks_a(void);\n\n#endif\n",
    "src/base/a.c": '#include "base/a.h"\n\nint\naks_a(void)\n{\n    return 0;   /* system() in words */\n}\n',
    "src/engine/b.c": '#include "base/a.h"\n\nint\naks_b(void)\n{\n    return aks_a();\n}\n',
    reference.SOURCE: ANNOTATIONS,
    reference.DOCUMENT: reference.of(ANNOTATIONS),
    "docs/policy.md": "# A policy\n",
    "docs/embedding.md": "# Embedding\n",
    "docs/failures.md": "# Failures\n\n| `bad` | yes |\n",
    "docs/troubleshooting.md": "# Troubleshooting\n\n| `bad` | mend it |\n",
    "src/base/error.h": ("#ifndef AKS_BASE_ERROR_H\n#define AKS_BASE_ERROR_H\n\n#define AKS_STATUS_LIST(X) \\\n"
                         '    X(AKS_OK, "ok", false) \\\n    X(AKS_BAD, "bad", true)\n\n#endif\n'),
    manual.COMMANDS: 'const struct aks_command aks_commands[] = {\n'
                     '    { "run", "[run]", "sync now", "", "  akosha-sync", "policy", 0, -1, aks_cmd_run },\n    { 0 },\n};\n',
    manual.MACROS: "#ifndef AKS_CLI_COMMANDS_H\n#define AKS_CLI_COMMANDS_H\n#endif\n",
    manual.OPTIONS: 'static const struct option options[] = {\n'
                    '    { "policy", "FILE", "the policy", false },\n    { "json", NULL, "as JSON", true },\n};\n',
    c_api.SOURCE: HEADER,
    c_api.DOCUMENT: c_api.of(HEADER),
}
LONG = "int\naks_long(void)\n{\n" + "    aks_a();\n" * 69 + "    return 0;\n}\n"

CLEAN[manual.CONFIGURATION] = "# All\n\n<!-- made: flags -->\n<!-- until here -->\n"
with tempfile.TemporaryDirectory() as made_in:
    for made, text in CLEAN.items():
        (Path(made_in) / made).parent.mkdir(parents=True, exist_ok=True)
        (Path(made_in) / made).write_text(text)
    CLEAN |= {made: make(Tree(made_in)) for made, make in manual.MADE.items()}
CLEAN["docs/README.md"] = "# The site\n\n" + "".join(
    f"[{made}]({made.removeprefix('docs/')})\n" for made in CLEAN if re.fullmatch(r"docs/[^/]+\.md", made))

# check -> planted files, each of which must be found
PLANTED = {
    "layers include only what stands below them": {
        "src/base/up.c": '#include "engine/b.h"\n',
        "src/base/bare.c": '#include "a.h"\n',
        "src/engine/public.c": '#include "akosha/akosha.h"\n'},
    "libraries are included in their place": {
        "src/engine/lua.c": "#include <lua.h>\n",
        "src/engine/curl.c": "#include <curl/curl.h>\n"},
    "headers compile alone": {
        "src/base/needy.h": "#ifndef AKS_BASE_NEEDY_H\n#define AKS_BASE_NEEDY_H\n\nsize_t aks_needy(void);\n\n#endif\n"},
    "guards are paths": {"src/base/guard.h": "#ifndef GUARD_H\n#define GUARD_H\n#endif\n"},
    "banned functions": {
        "src/base/copy.c": "void\naks_copy(char *to)\n{\n    strcpy(to, \"x\");\n}\n",
        "src/engine/env.c": "void\naks_env(void)\n{\n    getenv(\"HOME\");\n}\n",
        "src/engine/reveal.c": "void\naks_reveal(void)\n{\n    log(aks_secret_reveal(x));\n}\n",
        "src/engine/print.c": "void\naks_print(void)\n{\n    fputs(\"x\", stdout);\n}\n"},
    "text leaves through the redactor": {
        "src/base/tell.c": "void\naks_tell(void)\n{\n    (void)fprintf(stderr, \"x\");\n}\n",
        "src/cli/put.c": "void\naks_put(void)\n{\n    fputs(\"x\", where);\n}\n",
        "src/os/fd.c": "void\naks_fd(void)\n{\n    write(STDERR_FILENO, \"x\", 1);\n}\n",
        "src/engine/err.c": "void\naks_err(void)\n{\n    (void)snprintf(err->message, 4, \"x\");\n}\n",
        "src/cli/other.c": "int\nmain(void)\n{\n    return 0;\n}\n"},
    "sizes of files and functions": {
        "src/base/long.c": LONG,
        "src/base/file.c": "int x;\n" * 601},
    "columns": {
        "src/base/wide.c": "/* " + "x" * 100 + " */\n",
        "src/base/tab.c": "int\n\tx;\n",
        "src/base/blank.c": "int x; \n"},
    "promises are kept by something": {"SECURITY.md": (
        "| promise | kept by |\n| --- | --- |\n| It is so | `src/base/a.c` |\n| It is not | `src/base/gone.c` |\n")},
    "links lead somewhere": {
        "docs/a.md": "# A\n\nSee [b](gone.md).\n",
        "docs/c.md": "# C\n\nSee `docs/gone.md`.\n",
        "docs/d.md": "# D\n\nSee [itself](#no-such-heading).\n"},
    "what is made of commands and annotations is of today": {
        manual.MAN: "old\n", manual.BASH: "old\n", manual.CONFIGURATION: "# All\n\n<!-- made: flags -->\nold\n<!-- until here -->\n"},
    "each failure has an entry": {"docs/failures.md": "| `other` | yes |\n", "docs/troubleshooting.md": "| `other` |\n"},
    "each page is linked": {"docs/README.md": "# The site\n"},
    "the page of the C library is of today's header": {c_api.DOCUMENT: c_api.of(HEADER.replace("akosha_b", "akosha_c"))},
    "nothing unfinished": {"src/base/later.c": "/* TO" + "DO: later */\n"},
    "nothing of a machine or a registry": {
        "docs/path.md": "see /wo" + "rk/main\n",
        "docs/host.md": "from https://py" + "pi.org/simple\n"},
    "the reference is of today's annotations": {reference.DOCUMENT: reference.of(ANNOTATIONS.replace("1024", "1000"))},
    "mutants find their places": {
        "tests/mutants/mutants.py": 'MUTANTS = (("it is not there", "src/base/a.c", "return 9;", "return 1;"),)\n'},
    "no test is switched off": {"tests/c/off_test.c": "void x(void) { ski" + "p(); }\n"},
}


def write(folder, files):
    for name, text in files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def run(title):
    """What is wrong with the check of that title."""
    check = checks.CHECKS[title]
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        write(folder, CLEAN)
        bad += [f"found in a clean tree: {found}" for found in check(Tree(folder))]
        write(folder, PLANTED[title])
        found = check(Tree(folder))
        for name in PLANTED[title]:
            if not any(violation.startswith(f"{name}:") for violation in found):
                bad.append(f"not found: what was planted in {name}")
        if len(found) < len(PLANTED[title]):
            bad.append(f"found {len(found)} of {len(PLANTED[title])}")
    return bad


def compile_c(folder, name, text, *flags):
    (folder / f"{name}.c").write_text(text)
    subprocess.run(["gcc", "-w", *flags, "-o", str(folder / name), str(folder / f"{name}.c")], check=True)


def run_built():
    """What is wrong with the checks of what was built: a stray export, a soft program and an old table are found."""
    bad = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_c(folder, "heap.c.o", "int aks_heap_new(void) { return 0; } int stray(void) { return 0; }", "-xc", "-c")
        subprocess.run(["ar", "qc", str(folder / "libaks_base.a"), str(folder / "heap.c.o")], check=True)
        found = built.check_exports(folder)
        if found != ["libaks_base.a(heap.c.o): exports stray"]:
            bad.append(f"a stray export: {found}")
        compile_c(folder, "libakosha.so", "int stray(void) { return 0; }", "-shared", "-fPIC")
        found = built.check_library(folder)
        if "exports stray" not in found[0] or not any(line.endswith("has no akosha_run") for line in found):
            bad.append(f"a library that is not its header: {found}")
        (folder / "libexec").mkdir()
        for program in built.BUILT:
            compile_c(folder, program, "int main(void) { return 0; }", "-no-pie", "-fno-stack-protector",
                      "-fcf-protection=none", "-Wl,-z,norelro,-z,lazy,-z,execstack,-z,noseparate-code,-rpath,/nowhere")
        found = built.check_hardening(folder)
        for lacks in ("apart from", "shadow stack", "position independent", "RELRO", "BIND_NOW", "not executable", "stack protector", "fortified",
                      "no run path"):
            if not any(lacks in line for line in found):
                bad.append(f"not found: {lacks}")
        compile_c(folder, "akosha-sync", "double cos(double); int main(int n, char **v) { return cos(n) > 0; }",
                  "-fno-builtin", "-Wl,--no-as-needed", "-lm")
        if built.check_the_front_is_light(folder) != ["akosha-sync: linked to libm.so.6"]:
            bad.append("not found: a library that the front program is linked to")
        (folder / "compile_commands.json").write_text(json.dumps([{
            "file": f"{folder}/src/base/heap.c", "command": "gcc -fstack-protector-strong -fcf-protection=full"}]))
        found = built.check_compiled_hardened(folder)
        if len(found) != 3 or not all(line.startswith("heap.c: compiled without ") for line in found):
            bad.append(f"a file that is compiled soft: {found}")
        (folder / "bench").mkdir()
        compile_c(folder / "bench", "fleet", 'int puts(const char *); int main(void) { return puts("| 1 |") < 0; }')
        document = folder / "fleet.md"
        for text, differs in (("# A fleet\n\n| 1 |\n", False), ("# A fleet\n\n| 2 |\n", True)):
            document.write_text(text)
            if bool(built.check_fleet(folder, document)) != differs:
                bad.append(f"not told apart: a table that the program prints, and another ({text!r})")
    return bad
