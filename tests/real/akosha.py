"""A FastMCP server that stands for Akosha, and what it has been given."""

import fcntl
import json
import subprocess
import sys
from pathlib import Path

import servers
from world import free_port, wait_for_port

PACKAGES = ["fastmcp==3.4.11", "duckdb==1.5.6"]
FOLDER = "fastmcp-3.4.11"
INSTALL_SECONDS_MAX = 600
SERVER = Path(__file__).with_name("akosha_server.py")
ROWS = "SELECT metadata->>'original_id', system_id, content, embedding, timestamp, kind FROM conversations ORDER BY id"


def python():
    """A Python that has FastMCP and DuckDB, installed into a folder of its own, once."""
    folder = servers.CACHE.parent / FOLDER
    program = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"{FOLDER}.lock", "w", encoding="ascii") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            print(f"installing {' and '.join(PACKAGES)} into {folder} (once)", file=sys.stderr, flush=True)
            try:
                subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True,
                               timeout=INSTALL_SECONDS_MAX)
                subprocess.run([str(program), "-m", "pip", "install", "-q", *PACKAGES], check=True,
                               capture_output=True, stdin=subprocess.DEVNULL, timeout=INSTALL_SECONDS_MAX)
            except (OSError, subprocess.SubprocessError) as why:
                raise servers.Missing(f"{PACKAGES[0]}: pip cannot install it: {why}") from None
            (folder / "ready").touch()
    return program


class Akosha:
    """Its table and its requests outlive each process of it."""

    def __init__(self, world, *flags, **options):
        self.world = world
        self.python = python()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        folder = world.place("akosha")
        self.database, self.requests = folder / "hot.duckdb", folder / "requests"
        self.requests.touch()
        self.process = None
        self.begin(*flags, **options)

    def begin(self, *flags, **options):
        """Starts it, perhaps again; ${flags} and ${options} are akosha_server.py's."""
        words = [*flags, *(f"{name.replace('_', '-')}={value}" for name, value in options.items())]
        self.process = self.world.start("akosha", [self.python, SERVER, self.port, self.database, self.requests,
                                                   *words])
        wait_for_port(self.process, self.port)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=20)

    def seen(self):
        """Every request and every batch, in their order."""
        return [json.loads(line) for line in self.requests.read_text().splitlines()]

    def batches(self):
        return [entry for entry in self.seen() if "tool" in entry]

    def rows(self):
        """What it has stored, once it is stopped: DuckDB lets one process in."""
        self.stop()
        return query(self.database, ROWS)


def query(database, statement):
    """Rows of ${database} as lists."""
    text = ("import duckdb, json, sys\n"
            "rows = duckdb.connect(sys.argv[1], read_only=True).execute(sys.argv[2]).fetchall()\n"
            "print(json.dumps(rows, default=lambda value: [x for x in value] if hasattr(value, '__iter__')"
            " else str(value)))")
    done = subprocess.run([str(python()), "-c", text, str(database), statement], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
