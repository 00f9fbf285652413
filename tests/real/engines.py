"""The real engines, for looking at databases: sqlite3 of Python, and DuckDB's Python module in a folder of its own."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import servers

VERSIONS = {"duckdb": "1.5.6", "duckdb2": "2.0.0", "duckdb-cli": "1.5.6", "libduckdb": "1.5.6-r.1"}
LIBRARY_PACKAGE = "@duckdb/node-bindings-linux-x64"
INSTALL_SECONDS_MAX = 300

# Prints {table: [rows, SHA-256 over all rows in order]} of a database, opened read-only.
LOOK = r"""
import hashlib, json, sys
def look(connection, names):
    found = {}
    for name in names:
        rows = sorted(repr(row) for row in connection.execute('SELECT * FROM "%s"' % name).fetchall())
        found[name] = [len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()]
    return found
kind, path = sys.argv[1:]
if kind == "sqlite":
    import sqlite3
    connection = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1").fetchall()
else:
    import duckdb
    connection = duckdb.connect(path, read_only=True)
    names = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
print(json.dumps(look(connection, [name for name, in names])))
"""


def install(name, commands):
    """The folder ~/.cache/akosha-sync/NAME, filled once by ${commands}(folder); servers.Missing where that fails."""
    folder = servers.CACHE.parent / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            print(f"installing {name} into {folder} (once)", file=sys.stderr, flush=True)
            try:
                for command in commands(folder):
                    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL,
                                   timeout=INSTALL_SECONDS_MAX)
            except (OSError, subprocess.SubprocessError) as why:
                raise servers.Missing(f"{name}: cannot be installed: {why}") from None
            (folder / "ready").touch()
    return folder


def with_pip(package):
    return lambda folder: ([sys.executable, "-m", "venv", "--clear", str(folder)],
                           [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", package])


def duckdb_python(name="duckdb"):
    """A Python that has that version of DuckDB's module; servers.Missing where it cannot be had."""
    version = VERSIONS[name]
    return install(f"duckdb-{version}", with_pip(f"duckdb=={version}")) / "bin" / "python"


def duckdb_command():
    """The command, as people start it: no wrapper."""
    version = VERSIONS["duckdb-cli"]
    folder = install(f"duckdb-cli-{version}", with_pip(f"duckdb-cli=={version}"))
    return next(folder.glob("lib/python3*/site-packages/duckdb_cli/duckdb"))


def duckdb_library():
    version = VERSIONS["libduckdb"]
    folder = install(f"libduckdb-{version}", lambda folder: (
        ["npm", "install", "--silent", "--no-save", "--prefix", str(folder), f"{LIBRARY_PACKAGE}@{version}"],))
    return folder / "node_modules" / LIBRARY_PACKAGE / "libduckdb.so"


def tables(path, python=None):
    """{table: [rows, digest of all rows]} as the engine of the file finds it. ${python}: of duckdb_python."""
    kind = "sqlite" if Path(path).read_bytes()[:6] == b"SQLite" else "duckdb"
    done = subprocess.run([str(python or (sys.executable if kind == "sqlite" else duckdb_python())), "-c", LOOK, kind,
                           str(path)], capture_output=True, text=True, check=False, env=dict(os.environ, LC_ALL="C"))
    assert done.returncode == 0, f"{path} does not open: {done.stderr[-2000:]}"
    return json.loads(done.stdout)
