"""A home in which the examples of a page are run, one after the other, as a reader would type them."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pages
import servers
from world import ACCESS_KEY, REGION, ROOT, SECRET_KEY

SECONDS_MAX = 120
BUCKETS = ("my-bucket", "my-memories")
SYSTEM = "laptop-7"
TOOLS = Path(__file__).with_name("docs_tools")
# A fragment of a policy is tried as each of these.
FRAMES = (
    "return akosha.policy { api = 1, sources = { 'notes.db' }, targets = TARGETS,\n%s\n}",
    "return akosha.policy { api = 1, targets = { cloud =\n%s\n} }",
    "return akosha.policy { api = 1, sources = { 'notes.db' },\n%s\n}",
    "return akosha.policy { api = 1, targets = {\n%s\n} }",
)
STATEMENTS = ("%s\nreturn akosha.policy { api = 1, targets = TARGETS }",)
TARGETS = """{ cloud = akosha.s3 { bucket = 'my-memories' }, disk = akosha.dir { path = '/mnt/backup' },
  here = akosha.s3 { bucket = 'here' }, there = akosha.s3 { bucket = 'there' }, folder = akosha.dir { path = '/mnt/folder' },
  http = akosha.http { url = 'https://backup.example.org/upload' } }"""


class Failed(Exception):
    pass


def places(folder, s3_url, http_url):
    """What stands on a page for something of the reader's, and what it is here."""
    return {"https://s3.example.org": s3_url, "https://backup.example.org": http_url,
            "your-key-id": ACCESS_KEY, "your-secret-key": SECRET_KEY, "/mnt/backup": f"{folder}/backup"}


class Home:
    def __init__(self, folder, program, here):
        """${here}: see places()."""
        self.folder, self.program, self.here = Path(folder), Path(program), here
        self.home, self.notes = self.folder / "home", self.folder / "notes"
        self.home.mkdir()
        self.notes.mkdir()
        (self.notes / "cwd").write_text(str(self.home))
        (self.notes / "env").write_text("")
        # What a reader has: the databases of an agent, some others, and the policies that ship.
        code, said = self.shell("example-database .claude/data/reflection.duckdb .claude/data/knowledge_graph.duckdb "
                                'memory.db notes.db notes.duckdb; cp -r "$DOCS_ROOT/policies" .')
        if code != 0:
            raise RuntimeError(said)

    def environment(self):
        tools = [self.program.parent, TOOLS, servers.CACHE, os.environ["PATH"], "/usr/sbin"]
        return {
            "HOME": str(self.home), "PATH": ":".join(map(str, tools)), "LANG": "C.UTF-8", "USER": "you", "TZ": "UTC",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_S3": self.here["https://s3.example.org"], "AWS_EC2_METADATA_DISABLED": "true",
            "AKOSHA_SYSTEM_ID": SYSTEM, "DOCS_PYTHON": sys.executable, "DOCS_ROOT": str(ROOT), "DOCS_BUILD": str(self.program.parent),
            "TMPDIR": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1",
            # Whatever is not loopback ends here.
            "https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1,localhost"}

    def translated(self, text, block=None):
        for word, value in block.replaced if block else ():
            if word not in text:
                raise Failed(f"{word!r} does not stand in what follows")
            text = text.replace(word, self.evaluated(value))
        for there, here in self.here.items():
            text = text.replace(there, here)
        return text

    def evaluated(self, value):
        code, said = self.shell(f'printf %s "{value}"')
        if code != 0 or not said:
            raise Failed(f"{value}: {said or 'nothing'}")
        return said

    def shell(self, script):
        """Its exit code and what it says; folder and variables are as the script before left them."""
        (self.notes / "script").write_text(script + "\n")
        frame = (f'source "{self.notes}/env"; cd "$(cat "{self.notes}/cwd")"; set -aeo pipefail\n'
                 f'trap \'code=$?; trap - EXIT; export -p >"{self.notes}/env"; pwd >"{self.notes}/cwd"; exit $code\' EXIT\n'
                 f'source "{self.notes}/script"\n')
        out = self.notes / "out"
        # A file and no pipe: what goes on in the background keeps nobody waiting.
        with open(out, "wb") as file:
            try:
                code = subprocess.run(["bash", "-c", frame], env=self.environment(), stdin=subprocess.DEVNULL, stdout=file,
                                      stderr=subprocess.STDOUT, check=False, timeout=SECONDS_MAX).returncode
            except subprocess.TimeoutExpired:
                code = "none: it does not end"
        said = out.read_text(errors="replace")
        for there, here in self.here.items():
            said = said.replace(here, there)
        return code, said.replace(str(self.home), "/home/you")

    # --- one example -----------------------------------------------------------------------------------

    def run(self, block):
        """Raises Failed. What was not run because a program is missing is returned."""
        missing = [name for name in block.options.get("needs", "").split() if not self.has(name)]
        if missing:
            return missing[0]
        kind = block.language
        if block.file() and kind not in (None, pages.SHELL, pages.SESSION):
            self.write(block)
        if kind in (None, pages.SHELL):
            self.script(block)
        elif kind == pages.SESSION:
            self.session(block)
        elif kind == pages.USAGE:
            self.usage(block)
        elif kind == "lua":
            self.lua(block)
        return None

    def has(self, name):
        return shutil.which(name, path=self.environment()["PATH"]) is not None

    def write(self, block):
        path = self.place(block.file())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.translated(block.text, block))

    def place(self, name):
        return self.home / name[2:] if name.startswith("~/") else Path((self.notes / "cwd").read_text().strip()) / name

    def script(self, block):
        wanted = int(block.options.get("exit", 0))
        code, said = self.shell(self.translated(block.text, block))
        if code != wanted:
            raise Failed(f"exit code {code}, not {wanted}:\n{said}")

    def session(self, block):
        commands = list(block.commands())
        if not commands:
            raise Failed("a session without a command")
        for number, (command, lines) in enumerate(commands, 1):
            wanted = int(block.options.get("exit", 0)) if number == len(commands) else 0
            code, said = self.shell(self.translated(command, block if any(w in command for w, _ in block.replaced) else None))
            if code != wanted:
                raise Failed(f"{command}: exit code {code}, not {wanted}:\n{said}")
            while lines and not lines[-1]:
                lines.pop()
            if lines and not pages.pattern(lines).match(said.rstrip("\n") + "\n"):
                raise Failed(f"{command}: the page shows\n{chr(10).join(lines)}\nand it says\n{said}")

    def usage(self, block):
        """What the program's own help says."""
        for line in block.text.replace("\\\n", " ").splitlines():
            words = line.split()
            _, said = self.shell(" ".join([*words[:2], "--help"]))
            if " ".join(words) not in " ".join(said.split()):
                raise Failed(f"{line}: the program's help says\n{said.split(chr(10) * 2)[0]}")

    # --- Lua -------------------------------------------------------------------------------------------

    def lua(self, block):
        text = self.translated(block.text, None)
        whole = re.search(r"^return akosha\.(policy|task)", text, re.MULTILINE)
        if whole or "luaunit" in text:
            path = self.place(block.file() or "example.lua")
            path.write_text(text)
            command = "check --policy" if whole else "test --seed 1"
            code, said = self.shell(f'akosha-sync {command} "{path}"')
            if code != int(block.options.get("exit", 0)):
                raise Failed(f"akosha-sync {command} {path.name}: exit code {code}:\n{said}")
        elif block.file():
            path = self.place(block.file())
            self.frame(f"local module = require '{path.stem}'\nreturn akosha.policy {{ api = 1, targets = {TARGETS} }}",
                       path.parent)
        else:
            self.fragment(text)

    def frame(self, text, folder=None):
        path = (folder or self.folder) / "framed.lua"
        path.write_text(f"local akosha = require 'akosha'\n{text}\n")
        code, said = self.shell(f'akosha-sync check --policy "{path}"')
        path.unlink()
        if code != 0:
            raise Failed(said)

    def fragment(self, text):
        text = re.sub(r"\A\s*local akosha[^\n]*\n", "", text)
        why = []
        for frame in FRAMES if re.match(r"local |for |if |function ", text) is None else STATEMENTS:
            try:
                return self.frame(frame.replace("TARGETS", TARGETS) % text.rstrip().rstrip(","))
            except Failed as failed:
                why.append(str(failed))
        raise Failed("no part of a policy:\n" + "\n".join(why))

    # --- the end ---------------------------------------------------------------------------------------

    def close(self):
        """Ends what the page left running: workers, servers."""
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and f"HOME={self.home}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                    os.kill(int(folder.name), signal.SIGTERM)
            except OSError:
                continue
