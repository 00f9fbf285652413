"""Manual pages, completions and tables, out of the commands' own help (src/cli) and the annotations of policies (lua/akosha/types.lua).

As a program it writes them: `./dev reference`. pages.py compares.
"""

import re
import sys
from pathlib import Path

import reference

COMMANDS, MACROS, OPTIONS, FAILURES = "src/cli/commands.c", "src/cli/commands.h", "src/cli/args.c", "docs/failures.md"
MAN, POLICY_MAN = "packaging/man/akosha-sync.1", "packaging/man/akosha-policy.5"
BASH, FISH = "packaging/completions/akosha-sync.bash", "packaging/completions/akosha-sync.fish"
TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([A-Za-z_][A-Za-z_0-9]*|-?\d+)|([{},])|\s+|.', re.DOTALL)
ESCAPES = {"n": "\n", '"': '"', "\\": "\\", "t": "\t"}


def rows(text):
    """The fields of each innermost { ... } of C: strings joined, words as they are."""
    text = re.sub(r"/\*.*?\*/", "", text.replace("\\\n", " "), flags=re.DOTALL)
    row, value = None, None
    for string, word, mark in (match.groups() for match in TOKEN.finditer(text)):
        if mark == "{":
            row, value = [], None
        elif row is not None and mark in (",", "}"):
            if value is not None:
                row.append(value)
            value = None
            if mark == "}":
                yield row
                row = None
        elif row is not None and word:
            value = word
        elif row is not None and string is not None and string != "":
            value = (value or "") + re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[1]), string)
        elif row is not None and string == "":
            value = value or ""


def commands(tree):
    """(name, usage, does, details, example, options) of each command, in the order of the help."""
    found = [row for row in rows(tree.text(COMMANDS)) if len(row) == 9]
    macros = {row[0]: row for row in rows(tree.text(MACROS)) if len(row) == 9}
    order = re.findall(r'^    (?:\{ "(\w[\w-]*)"|AKS_COMMAND_(\w+))', tree.text(COMMANDS), re.MULTILINE)
    known = {row[0]: row for row in found} | macros
    names = [name or macro.lower() for name, macro in order]
    return [tuple(known[name][:6]) for name in names if name in known]


def options(tree):
    """{name: (value or "", what it does, is it of every command)}."""
    text = tree.text(OPTIONS)
    text = text[text.index("options[] = {"):]
    return {row[0]: ("" if row[1] == "NULL" else row[1], " ".join(row[2].split()), row[3] == "true")
            for row in rows(text[:text.index("\n};")] + "\n}") if len(row) == 4}


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))


def head(name, section, title):
    return [f'.TH {name} {section} "" "akosha\\-sync" "{title}"']


def tell_option(name, value, does):
    return [".TP", f"\\fB\\-\\-{escaped(name)}\\fR" + (f" \\fI{escaped(value)}\\fR" if value else ""), escaped(does)]


def command_page(tree):
    known = options(tree)
    lines = head("AKOSHA\\-SYNC", 1, "User commands")
    lines += [".SH NAME", "akosha\\-sync \\- bring agent\\-memory databases safely to the cloud, under a policy in Lua", ".SH SYNOPSIS",
              ".B akosha\\-sync", "[\\fICOMMAND\\fR] [\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...", ".SH DESCRIPTION",
              "Without a command: \\fBrun\\fR. What a policy is and how it is written: \\fBakosha\\-policy\\fR(5).", ".SH COMMANDS"]
    for name, usage, does, details, example, taken in commands(tree):
        lines += [f".SS {escaped(name)}", ".nf", f"akosha\\-sync {escaped(usage)}", ".fi", ".PP", escaped(does[0].upper() + does[1:] + ".")]
        lines += [".PP", escaped(details)] if details else []
        for option in known:
            if option in taken.split():
                lines += tell_option(option, *known[option][:2])
        lines += [".PP", "Example:", ".PP", ".nf", escaped(example), ".fi"]
    lines += [".SH OPTIONS", "Every command takes these:"]
    for option, (value, does, common) in known.items():
        if common:
            lines += tell_option(option, value, does)
    lines += [".SH EXIT STATUS"]
    for code, means in CODES:
        lines += [".TP", f".B {code}", escaped(means)]
    lines += [".SH ENVIRONMENT", escaped("The built-in default policy reads AKOSHA_CLOUD_BUCKET, AKOSHA_CLOUD_ENDPOINT, AKOSHA_HTTP_URL, "
              "AKOSHA_DIR, AKOSHA_SOURCES and others; AKOSHA_POLICY names a policy. All of them: docs/configuration.md."),
              ".SH FILES", ".TP", ".I ~/.config/akosha\\-sync/policy.lua", "The policy, where none is named.",
              ".TP", ".I ~/.local/state/akosha\\-sync/", "Queue, state and audit log (docs/state.md).",
              ".SH SEE ALSO", ".BR akosha\\-policy (5)"]
    return "\n".join(lines) + "\n"


CODES = (("0", "delivered and verified, or nothing had changed"), ("1", "not delivered now; kept in the queue"),
         ("2", "usage"), ("3", "policy or settings are wrong"), ("4", "a source cannot be read"),
         ("5", "integrity: something does not verify"), ("6", "refused: credentials are missing, expired or not allowed"),
         ("7", "failed and not kept"), ("130, 143", "interrupted; the next run goes on"))


def policy_page(tree):
    lines = head("AKOSHA\\-POLICY", 5, "File formats")
    lines += [".SH NAME", "akosha\\-policy \\- the policy of akosha\\-sync, a file in Lua", ".SH DESCRIPTION",
              escaped("A policy is a Lua file that returns akosha.policy { ... }, or a task. Times are seconds and sizes bytes unless "
                      "something else is said; ? marks what may be left out. docs/policy.md is the guide."), ".SH EXAMPLE", ".nf",
              escaped('local akosha = require "akosha"\n\nreturn akosha.policy {\n  api = 1,\n'
                      '  sources = { "~/notes.db" },\n  targets = { cloud = akosha.s3 { bucket = "my-memories" } },\n}'), ".fi"]
    for title, items in reference.read(tree.text(reference.SOURCE)):
        shown = [item for item in items if item.text or item.fields or item.parameters]
        if not shown:
            continue
        lines += [f".SH {escaped((title or 'types').upper())}"]
        for item in shown:
            names = ", ".join(name + optional for name, optional, _, _ in item.parameters)
            lines += [f".SS {escaped(item.name + (f'({names})' if item.kind == 'function' else ''))}"]
            lines += [escaped(item.text)] if item.text else []
            for name, optional, kind, text in [*item.parameters, *item.fields]:
                lines += [".TP", f"\\fB{escaped(name + optional)}\\fR (\\fI{escaped(kind)}\\fR)", escaped(text or name)]
    lines += [".SH SEE ALSO", ".BR akosha\\-sync (1)"]
    return "\n".join(lines) + "\n"


def bash(tree):
    known = options(tree)
    common = [name for name, (_, _, every) in known.items() if every]
    lines = ["# bash completion for akosha-sync; written by ./dev reference", "_akosha_sync() {",
             "    local word=${COMP_WORDS[COMP_CWORD]} command=run options i", "    for ((i = 1; i < COMP_CWORD; i++)); do",
             "        case ${COMP_WORDS[i]} in -*) ;; *) command=${COMP_WORDS[i]}; break ;; esac", "    done",
             "    case $command in"]
    table = commands(tree)
    for name, _, _, _, _, taken in table:
        words = " ".join(f"--{option}" for option in [*taken.split(), *common])
        lines.append(f"        {name}) options='{words}' ;;")
    words = " ".join(f"--{option}" for option in [*table[0][5].split(), *common])
    lines += [f"        *) options='{words}' ;;", "    esac", "    COMPREPLY=()",
              "    if [[ $word == -* ]]; then", '        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")',
              "    elif ((COMP_CWORD == 1)); then",
              f"        mapfile -t COMPREPLY < <(compgen -W '{' '.join(row[0] for row in table)}' -- \"$word\")", "    fi", "}",
              "complete -o default -F _akosha_sync akosha-sync"]
    return "\n".join(lines) + "\n"


def fish(tree):
    known = options(tree)
    quoted = lambda text: "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    lines = ["# fish completion for akosha-sync; written by ./dev reference"]
    for name, _, does, _, _, taken in commands(tree):
        lines.append(f"complete -c akosha-sync -n __fish_use_subcommand -a {name} -d {quoted(does)}")
        for option in taken.split():
            value, told, _ = known[option]
            lines.append(f"complete -c akosha-sync -n '__fish_seen_subcommand_from {name}' -l {option}"
                         f"{' -r' if value else ''} -d {quoted(told)}")
    for option, (value, told, common) in known.items():
        if common:
            lines.append(f"complete -c akosha-sync -l {option}{' -r' if value else ''} -d {quoted(told)}")
    return "\n".join(lines) + "\n"


def cell(text):
    return text.replace("|", "\\|")


def flags(tree):
    table, lines = commands(tree), ["| flag | | of |", "| --- | --- | --- |"]
    for option, (value, does, common) in options(tree).items():
        of = "every command" if common else ", ".join(f"`{name}`" for name, *_, taken in table if option in taken.split())
        lines.append(f"| `--{option}{' ' + cell(value) if value else ''}` | {cell(does)} | {of} |")
    return lines


def fields(tree):
    lines = []
    for item in (item for _, items in reference.read(tree.text(reference.SOURCE)) for item in items):
        if item.kind == "class" and re.search("(Fields|Options)$", item.name) and item.fields:
            lines += [f"### {item.name}", "", *reference.table(item.fields, "field")]
    return lines[:-1]


# What of configuration.md is made, by the name in its markers.
PARTS = {"flags": flags, "fields": fields}
CONFIGURATION = "docs/configuration.md"


def configuration(tree):
    """The page with its made parts as they should be."""
    def made(match):
        return "\n".join([match[1], "", *PARTS[match[2]](tree), "", match[3]])
    return re.sub(r"(<!-- made: (\w+) -->)\n.*?(<!-- until here -->)", made, tree.text(CONFIGURATION), flags=re.DOTALL)


MADE = {MAN: command_page, POLICY_MAN: policy_page, BASH: bash, FISH: fish, CONFIGURATION: configuration}
# Variables that the program reads, in its own text and in the default policy's.
VARIABLE = re.compile(r'"((?:AKOSHA|SESSION_BUDDY_AKOSHA|AWS|XDG|SSL_CERT|CURL)_[A-Z0-9_]*[A-Z0-9]|(?:https?|all|no)_proxy|NO_COLOR)"')


def variables(tree):
    found = {name for file in tree.files(".c", under="src/") if not file.startswith(("src/sim/", "src/testkit/"))
             for name in VARIABLE.findall(tree.text(file))}
    default = tree.text("policies/default.lua") if "policies/default.lua" in tree.names else ""
    found |= {f"AKOSHA_{name}" for name in re.findall(r'\b(?:own|setting) ?\(?"(\w+)"', default)}
    found |= {f"SESSION_BUDDY_AKOSHA_{name}" for name in re.findall(r'\b(?:setting|number|switch) ?\(?"(\w+)"', default)}
    return sorted(found)


def main():
    from sources import Tree
    root = Path(__file__).resolve().parents[2]
    for name, make in MADE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(make(Tree(root)), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
