"""Checks of the pages that people read: their links, and what each has to name."""

import posixpath
import re

import c_api
import manual

FENCED = re.compile(r"^( *)(`{3,}).*?^\1\2$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PAGE = re.compile(r"`(docs/[\w/.-]+\.md)(#[\w-]+)?`")


def pages(tree):
    return [name for name in tree.names if name.endswith(".md") and not name.startswith("tests/data/")]


def words(text):
    """What a reader sees: no fences, no comments; lines stay where they are."""
    def blank(match):
        return "\n" * match[0].count("\n")
    return re.sub(r"<!--.*?-->", blank, FENCED.sub(blank, text), flags=re.DOTALL)


def anchor(heading):
    """As a renderer of Markdown makes it of a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchors(text):
    return {anchor(line.lstrip("#")) for line in words(text).splitlines() if re.match(r"#{1,6} ", line)}


def check_links(tree):
    """A link, or a page that is named, is there; an anchor as well."""
    bad = []
    for name in pages(tree):
        for number, line in enumerate(words(tree.text(name)).splitlines(), 1):
            named = [(posixpath.join(posixpath.dirname(name), link.split("#")[0]) if not link.startswith("#") else name,
                      link.partition("#")[2], link) for link in LINK.findall(re.sub(r"`[^`]*`", "``", line))
                     if not re.match(r"[a-z]+:", link)]
            named += [(page, mark[1:], page + mark) for page, mark in PAGE.findall(line)]
            for path, mark, link in named:
                path = posixpath.normpath(path)
                if path not in tree.names and not any(other.startswith(path.rstrip("/") + "/") for other in tree.names):
                    bad.append(f"{name}:{number}: {link} leads nowhere")
                elif mark and path.endswith(".md") and mark not in anchors(tree.text(path)):
                    bad.append(f"{name}:{number}: {link}: there is no such heading")
    return bad


def check_c_api(tree):
    """The page of the C library is of today's header."""
    if c_api.SOURCE not in tree.names:
        return []
    expected = c_api.of(tree.text(c_api.SOURCE)).splitlines()
    found = tree.lines(c_api.DOCUMENT) if c_api.DOCUMENT in tree.names else []
    if found == expected:
        return []
    line = next((i for i, pair in enumerate(zip(found, expected), 1) if pair[0] != pair[1]), min(len(found), len(expected)) + 1)
    return [f"{c_api.DOCUMENT}:{line}: differs from what {c_api.SOURCE} says; ./dev reference writes it anew"]


def check_made(tree):
    """Manual pages, completions and the configuration's tables are of today's commands and annotations."""
    if manual.COMMANDS not in tree.names:
        return []
    bad = []
    for name, make in manual.MADE.items():
        if name not in tree.names:
            bad.append(f"{name}:1: is missing; ./dev reference writes it")
        elif tree.text(name) != make(tree):
            bad.append(f"{name}:1: is not of today's commands and annotations; ./dev reference writes it anew")
    page = tree.text(manual.CONFIGURATION) if manual.CONFIGURATION in tree.names else ""
    return bad + [f"{manual.CONFIGURATION}:1: does not name {name}, which the program reads"
                  for name in manual.variables(tree) if f"`{name}`" not in page]


def check_failures(tree):
    """Each failure has an entry where people look it up."""
    source, bad = "src/base/error.h", []
    if source not in tree.names:
        return []
    names = re.findall(r'^\s*X\(\w+, "(\w+)"', tree.text(source), re.MULTILINE)
    for page in ("docs/failures.md", "docs/troubleshooting.md"):
        text = tree.text(page) if page in tree.names else ""
        bad += [f"{page}:1: has no entry for {name}" for name in names if name != "ok" and f"| `{name}` |" not in text]
    return bad


def check_index(tree):
    """Each page is reached from the first one."""
    index = tree.text("docs/README.md") if "docs/README.md" in tree.names else ""
    return [f"docs/README.md:1: does not link {name}" for name in tree.files(".md", under="docs/")
            if index and name.count("/") == 1 and name != "docs/README.md" and f"({name.removeprefix('docs/')})" not in index]


CHECKS = {
    "what is made of commands and annotations is of today": check_made,
    "each failure has an entry": check_failures,
    "each page is linked": check_index,
    "the page of the C library is of today's header": check_c_api,
    "links lead somewhere": check_links,
}
