"""Reads a page of docs: its examples, in order, and what is hidden between them for the test that runs them.

How a page says what its examples need is told in docs/writing.md.
"""

import re
from dataclasses import dataclass, field

SHELL, SESSION, USAGE, TEXT, INDENTED, UNNAMED = "sh", "console", "usage", "text", "indented", ""
# What a fence may name. `text` is nothing that can be run; of the others each is held against something.
LANGUAGES = {SHELL, SESSION, USAGE, TEXT, "lua", "json", "c", "ini", "yaml", "python", "promql", "mermaid", "cmake"}
# Why an example is not run.
REASONS = ("needs AWS", "needs R2", "needs MinIO's mc", "needs systemd", "needs a terminal", "builds everything",
           "needs a store's administrator", "needs your own server", "needs a running Claude Code", "needs Prometheus")
SKIPPED_MAX = 30
OPTIONS = ("skip", "exit", "file", "needs")
# Numbers, times and ids of another day: a page shows those of the day on which it was written.
VARIES = re.compile(
    r"(?P<upload>\d{8}T\d{6}Z-[0-9a-f]{6})|(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)"
    r"|(?P<digest>\b[0-9a-f]{64}\b)|(?P<size>\b\d+(?:\.\d+)? (?:B|bytes|[kKMGT]i?B)\b)|(?P<seconds>\b\d+(?:\.\d+)? m?s\b)"
    r"|(?P<blanks> {2,})|(?P<anything>\.\.\.)")
VARIED = {"upload": r"\d{8}T\d{6}Z-[0-9a-f]{6}", "digest": "[0-9a-f]{64}", "blanks": " +", "anything": ".*",
          "time": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?",
          "size": r"\d+(?:\.\d+)? ?(?:B|bytes|[kKMGT]i?B)", "seconds": r"\d+(?:\.\d+)? m?s"}


@dataclass
class Block:
    """One example, or (with the language None) what is hidden and run where it stands."""
    line: int
    language: str | None
    text: str
    paragraph: str = ""
    options: dict = field(default_factory=dict)
    replaced: list = field(default_factory=list)    # (what stands on the page, a word of the shell)

    def commands(self):
        """(command, what it says) of a session."""
        for part in re.split(r"(?m)^\$ ", self.text)[1:]:
            lines = part.splitlines()
            length = 1
            while length < len(lines) and (lines[length - 1].endswith("\\") or lines[length].startswith("> ")):
                length += 1
            command = "\n".join([lines[0], *(line.removeprefix("> ") for line in lines[1:length])])
            yield command, lines[length:]

    def file(self):
        """Where a reader puts it: as the page says, or `name.lua`: at the end of what stands before."""
        said = re.search(r"`([\w./~-]+\.\w+)`:\s*\Z", self.paragraph)
        return self.options.get("file") or (said[1] if said and self.language not in (SHELL, SESSION) else None)


class Reader:
    def __init__(self, text):
        self.lines = text.splitlines()
        self.at = 0
        self.blocks, self.wrong = [], []
        self.forget()
        self.paragraph, self.before, self.in_list = "", "", False

    def forget(self):
        self.options, self.replaced = {}, []

    def until(self, ends):
        """The lines up to the one that ends it."""
        found = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            if ends(line):
                return found
            found.append(line)
        self.wrong.append((self.at, "begins and does not end"))
        return found

    def hidden(self, line, number):
        inline = re.fullmatch(r"<!-- run: (.*?) -->", line)
        if inline is None:
            if line != "<!-- run":
                self.wrong.append((number, f"not understood: {line}"))
            self.blocks.append(Block(number, None, "\n".join(self.until(lambda end: end == "-->"))))
            return
        name, equals, value = inline[1].partition("=")
        if not equals:
            self.wrong.append((number, f"not understood: {line}"))
        elif name not in OPTIONS:
            self.replaced.append((name, value))
        else:
            self.options[name] = value
            if name == "skip" and value not in REASONS:
                self.wrong.append((number, f"no reason to skip an example: {value!r}; there are {', '.join(REASONS)}"))

    def fence(self, line, number):
        indent, ticks, language = re.match(r"( *)(`{3,})(.*)", line).groups()
        inside = self.until(lambda end: end.strip() == ticks)
        text = "".join(re.sub(f"^ {{0,{len(indent)}}}", "", line) + "\n" for line in inside)
        self.blocks.append(Block(number, language.strip(), text, self.paragraph, self.options, self.replaced))
        self.forget()

    def indented(self, line, number):
        self.blocks.append(Block(number, INDENTED, line))
        self.at -= 1
        self.until_text()

    def until_text(self):
        while self.at < len(self.lines) and (not self.lines[self.at] or self.lines[self.at].startswith("    ")):
            self.at += 1

    def read(self):
        while self.at < len(self.lines):
            line = self.lines[self.at]
            number = self.at = self.at + 1
            if line.startswith("<!-- run"):
                self.hidden(line, number)
            elif re.match(r" *```", line):
                self.fence(line, number)
            elif re.match(r" {4,}(?![-*|0-9])\S", line) and self.before == "":
                self.indented(line, number)
            elif line:
                self.paragraph = line if self.before == "" else f"{self.paragraph}\n{line}"
                if self.options or self.replaced:
                    self.wrong.append((number, "what is said of an example stands right before it"))
                    self.forget()
            self.before = line
        return self.blocks, self.wrong


def read(text):
    """The blocks of a page, and (line, what) is wrong with its form."""
    return Reader(text).read()


def pattern(lines):
    """What a command says: `...` is anything (alone: any lines), and what differs from day to day may."""
    def line_pattern(line):
        found, at = [], 0
        for match in VARIES.finditer(line):
            found += [re.escape(line[at:match.start()]), VARIED[match.lastgroup]]
            at = match.end()
        return "".join(found) + re.escape(line[at:]) + "[ ]*\n"
    return re.compile(r"\A" + "".join(r"(?:.*\n)*?" if line == "..." else line_pattern(line) for line in lines) + r"\Z")
