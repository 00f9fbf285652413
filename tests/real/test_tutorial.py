"""The tutorial, as a new user would follow it: every listing is written, every command run, every answer compared."""

import os
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

import cases

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
SECONDS_MAX = 300
ELLIPSIS = "..."


def listings(text):
    """("file", path, content) and ("console", command, lines it says), in the order of the page."""
    paragraph = ""
    for block in re.split(r"(?ms)^(```\w*\n.*?^```\n)", text):
        fence = re.match(r"(?s)```(\w*)\n(.*)```\n", block)
        if not fence:
            paragraph = block
        elif fence[1] == "lua":
            names = re.findall(r"`([\w./]+\.lua)`", paragraph)
            yield "file", names[-1], fence[2]
        elif fence[1] == "console":
            for part in re.split(r"(?m)^\$ ", fence[2])[1:]:
                command, _, said = part.partition("\n")
                yield "console", command, said.splitlines()


def pattern(lines):
    """What is said, where `...` stands for anything: within a line, or alone for any number of lines."""
    whole = []
    for line in lines:
        if line == ELLIPSIS:
            whole.append(r"(?:.*\n)*?")
        else:
            whole.append(".*".join(re.escape(piece) for piece in line.split(ELLIPSIS)) + "\n")
    return "".join(whole)


class Tutorial(cases.Case):
    def test_does_what_it_says(self):
        program = cases.release
        files = commands = 0
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "HOME": folder, "PATH": f"{program.parent}:{os.environ['PATH']}"}
            for kind, name, content in listings(TUTORIAL.read_text()):
                if kind == "file":
                    path = Path(folder) / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(content)
                    files += 1
                    continue
                done = subprocess.run(shlex.split(name), cwd=folder, env=environment, text=True, check=False,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      timeout=SECONDS_MAX)
                self.assertRegex(done.stdout, re.compile(r"\A" + pattern(content) + r"\Z"), name)
                commands += 1
        self.assertEqual((files, commands), (5, 7))


