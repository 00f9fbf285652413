"""docs/reference.md out of lua/akosha/types.lua. As a program it writes it; checks.py compares.

What it goes by, in types.lua: `-- Title. ---` begins a section; text after `---` before a class or a function tells of it;
`---Phase: load.` says where a function may be called; a field's text ends with what it is when it is not given, in brackets.
"""

import re
import sys
from pathlib import Path

SOURCE = "lua/akosha/types.lua"
DOCUMENT = "docs/reference.md"
HEAD = f"""# Reference

Everything that a policy can name, out of `{SOURCE}` (`./dev reference` writes this page). What it is for, with examples:
`docs/policy.md`. Times are seconds and sizes bytes unless something else is said; `?` marks what may be left out, and of facts what
may be `nil` because it is not known. A function without a phase can be called anywhere.
"""
OPERATORS = {"call": "predicate(source)", "band": "a & b", "bor": "a | b", "bnot": "~a"}
OPEN, CLOSE = "([{<", ")]}>"


def split_type(text):
    """("fun(a: b): c|nil", "the rest"): a type ends at a blank that stands in no bracket and behind no ':' or ','."""
    depth = 0
    for i, c in enumerate(text):
        depth += (c in OPEN) - (c in CLOSE)
        if c == " " and depth == 0 and text[i - 1] not in ":,|":
            return text[:i], text[i + 1:]
    return text, ""


def split_default(text):
    """("Seconds", "2") of "Seconds (2)."."""
    found = re.fullmatch(r"(.*?) ?\(([^()]*(?:\([^()]*\)[^()]*)*)\)\.?", text)
    return (found[1], found[2]) if found else (text if text.endswith("...") else text.rstrip("."), "")


class Item:
    """A class, an alias or a function with what was said before it."""

    def __init__(self, kind, name, text, phase, rest=""):
        self.kind, self.name, self.text, self.phase, self.rest = kind, name, text, phase, rest
        self.fields, self.parameters, self.returns = [], [], None


def read(source):
    """[(title, items)] of the annotations."""
    sections, text, phase, parameters, returns, item = [("", [])], [], "", [], None, None
    for line in source.splitlines():
        found = re.match(r"-- (.*?)\.? -{5,}$", line)
        if found:
            sections.append((found[1], []))
            continue
        if match := re.match(r"---@(class|alias) ([\w.]+)(.*)$", line):
            kind = match[1]
            rest, words = split_type(match[3].strip(" :")) if kind == "alias" else (match[3].strip(" :"), "")
            item = Item(kind, match[2], " ".join([*text, words]).strip(), phase, rest)
            sections[-1][1].append(item)
            text, phase = [], ""
        elif match := re.match(r"---@field ([\w]+)(\??) (.*)$", line):
            item.fields.append((match[1], match[2], *split_type(match[3])))
        elif match := re.match(r"---@operator (\w+)(?:\(([\w.]+)\))?: ([\w.]+)", line):
            item.fields.append((OPERATORS[match[1]], "", match[3], ""))
        elif line.startswith("---| "):
            item.rest += (" | " if item.rest else "") + line[5:].strip()
        elif match := re.match(r"---@param ([\w.]+)(\??) (.*)$", line):
            parameters.append((match[1], match[2], *split_type(match[3])))
        elif match := re.match(r"---@return (.*)$", line):
            returns = match[1]
        elif match := re.match(r"---Phase: (.*?)\.$", line):
            phase = match[1]
        elif re.match(r"---[^@|-]", line):
            text.append(line[3:].strip())
        elif match := re.match(r"function ([\w.:]+)\(", line):
            function = Item("function", match[1], " ".join(text), phase)
            function.parameters, function.returns = parameters, returns
            sections[-1][1].append(function)
            text, phase, parameters, returns = [], "", [], None
    return sections


def cell(text):
    return text.replace("|", "\\|")


def code(text):
    return f"`{cell(text)}`" if text else ""


def table(fields, what):
    rows = [(f"`{name}{optional}`", code(kind), *split_default(text)) for name, optional, kind, text in fields]
    defaults = any(row[3] for row in rows)
    head = [what, "type", "", "without it"][:4 if defaults else 3]
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    for name, kind, text, default in rows:
        cells = [name, kind, cell(text), cell(default)][:len(head)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines + [""]


def tell_function(item, classes, told):
    """The signature; the options' table where the function alone takes them."""
    names = ", ".join(name + optional for name, optional, _, _ in item.parameters)
    lines = [f"### `{item.name}({names})`", ""]
    if item.text:
        lines += [item.text, ""]
    facts = [f"Returns `{item.returns}`."] if item.returns else []
    facts += [f"Phase: {item.phase}."] if item.phase else []
    if facts:
        lines += [" ".join(facts), ""]
    options = classes.get(item.parameters[0][2]) if len(item.parameters) == 1 else None
    if options and re.search("(Options|Fields)$", options.name):
        told.add(options.name)
        return lines + ([options.text, ""] if options.text else []) + (table(options.fields, "field") if options.fields
                                                                       else ["No fields.", ""])
    return lines + (table(item.parameters, "parameter") if item.parameters else [])


def tell_class(item):
    lines = [f"### `{item.name}`", ""]
    if item.text:
        lines += [item.text, ""]
    if item.rest:
        lines += [code(item.rest).replace("\\|", "|"), ""]
    return lines + (table(item.fields, "field") if item.fields else [])


def tell_aliases(aliases):
    if not aliases:
        return []
    lines = ["| name | stands for | |", "| --- | --- | --- |"]
    return lines + [f"| `{item.name}` | {code(item.rest)} | {item.text.rstrip('.')} |" for item in aliases] + [""]


def tell_section(title, items, classes):
    told = set()
    lines = [f"## {title}", ""] if title else []
    for item in items:
        if item.kind == "function":
            lines += tell_function(item, classes, told)
    for item in items:
        if item.kind == "class" and item.name not in told and (item.fields or item.rest or item.text):
            lines += tell_class(item)
    return lines + tell_aliases([item for item in items if item.kind == "alias"])


def of(source):
    """The page's text."""
    sections = read(source)
    classes = {item.name: item for _, items in sections for item in items if item.kind == "class"}
    lines = [HEAD]
    for title, items in sections:
        lines += tell_section(title, items, classes)
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[2]
    (ROOT / DOCUMENT).write_text(of((ROOT / SOURCE).read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)
