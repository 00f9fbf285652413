"""docs/c-api.md out of include/akosha/akosha.h. As a program it writes it; pages.py compares.

What it goes by in the header: `/** ... */` before an AKOSHA_API function tells of it, `/* ... */` before an enum or a struct.
"""

import re
import sys
from pathlib import Path

SOURCE = "include/akosha/akosha.h"
DOCUMENT = "docs/c-api.md"
HEAD = f"""# The C library

Every function and type of `{SOURCE}`, out of that header (`./dev reference` writes this page). How a program is built with it, and a whole
one: [embedding](embedding.md). `${{name}}` in the header is `name` here.

One engine belongs to one thread, but for `akosha_interrupt`. Nothing is printed, and no signal is touched but by `akosha_system_open`.
Every call that can fail returns a code of `enum akosha_code` and, unless that is `AKOSHA_OK`, fills the `struct akosha_error` that its caller
gave, which is never NULL. Strings that are handed in are borrowed for the call; strings that are handed out live as long as what they were got from.
"""
PART = re.compile(
    r"(?:/\*\*?(?P<comment>(?:(?!\*/).)*)\*/\s*)?"
    r"(?P<text>AKOSHA_API [^;]+;|(?:enum|struct) \w+ \{.*?^\};|(?:enum|struct) \w+ \{[^}\n]*\};|#define AKOSHA_[A-Z_]+ \d+)",
    re.DOTALL | re.MULTILINE)


def parts(header):
    """(kind, name, comment, text) in the order of the header."""
    body = header[header.index('extern "C" {'):]
    for match in PART.finditer(re.sub(r"#if defined\(__GNUC__\).*?#endif", "", body, flags=re.DOTALL)):
        text = match["text"]
        if text.startswith("AKOSHA_API"):
            yield "function", re.search(r"(\w+)\(", text)[1], match["comment"], text.removeprefix("AKOSHA_API ")
        elif text.startswith("#define"):
            yield "number", text.split()[1], match["comment"], text
        else:
            yield "type", " ".join(text.split()[:2]), match["comment"], text


def functions(header):
    return [name for kind, name, _, _ in parts(header) if kind == "function"]


def words(comment):
    text = " ".join(re.sub(r"^ ?\* ?", "", line).strip() for line in (comment or "").strip().splitlines())
    return re.sub(r"\$\{(\w+)\}", r"`\1`", text)


def of(header):
    lines = [HEAD]
    for kind, name, comment, text in parts(header):
        shown = text
        lines += [f"## `{name}`", ""]
        if words(comment):
            lines += [words(comment), ""]
        if kind != "number":
            lines += ["```c", shown, "```", ""]
        else:
            lines += [f"`{text.split()[2]}`", ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[2]
    (ROOT / DOCUMENT).write_text(of((ROOT / SOURCE).read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)
