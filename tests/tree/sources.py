"""What the checks know about the text of the tree."""

import re
import shutil
import subprocess
from pathlib import Path

CONTROL = ("if", "for", "while", "switch", "return", "sizeof")


class Tree:
    """Files below ${root}: those that git knows or would add, or, where there is no repository, all."""

    def __init__(self, root):
        self.root = Path(root)
        listed = b""
        if shutil.which("git"):
            listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z", "-co", "--exclude-standard"],
                                    capture_output=True, check=False).stdout
        if listed:
            names = listed.decode().split("\0")
            self.names = sorted(n for n in set(names) if n and (self.root / n).is_file())
        else:
            self.names = sorted(str(p.relative_to(self.root)) for p in self.root.rglob("*")
                                if p.is_file() and p.relative_to(self.root).parts[0] not in (".git", "build"))

    def files(self, *suffixes, under=""):
        return [n for n in self.names if n.startswith(under) and (not suffixes or n.endswith(suffixes))]

    def text(self, name):
        return (self.root / name).read_text(encoding="utf-8", errors="replace")

    def lines(self, name):
        return self.text(name).splitlines()

    def is_text(self, name):
        with open(self.root / name, "rb") as file:
            return b"\0" not in file.read(8000)


def without_comments(text, strings=False):
    """C with comments (and, on request, the insides of strings) blanked; lines stay where they are."""
    def blank(match):
        found = match[0]
        if found.startswith("/"):
            return re.sub(r"[^\n]", " ", found)
        return found[0] + " " * (len(found) - 2) + found[-1] if strings else found
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, text, flags=re.DOTALL)


def functions(text):
    """(name, first line, lines) of each function: the house style puts name and both braces in column 0."""
    found, name, name_line, began = [], None, 0, None
    for number, line in enumerate(text.splitlines(), 1):
        if began is None:
            match = re.match(r"(?:[A-Za-z_][\w \t*]*?[ \t*])?([A-Za-z_]\w*)\(", line)
            if match and match[1] not in CONTROL and not line.rstrip().endswith(";"):
                name, name_line = match[1], number
            elif line == "{" and name is not None:
                began = name_line
        elif line == "}":
            found.append((name, began, number - began + 1))
            name, began = None, None
    return found


def layers(cmake):
    """Layer -> the layers whose headers it sees, as CMakeLists.txt says."""
    found = {}
    for match in re.finditer(r"^aks_(layer|module)\(([^)]*)\)", cmake, re.MULTILINE):
        words = match[2].split()
        name = words[1] if match[1] == "module" else words[0]
        uses = words[words.index("USES") + 1:] if "USES" in words else []
        stop = next((i for i, word in enumerate(uses) if word.isupper()), len(uses))
        found.setdefault(name, {name}).update(uses[:stop])
    program = re.search(r"target_link_libraries\(akosha-sync-full PRIVATE ([^)]*)\)", cmake)
    found["cli"] = {"cli", *(re.findall(r"aks_(\w+)", program[1]) if program else ())} - {"flags"}
    return found
