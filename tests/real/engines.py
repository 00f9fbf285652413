"""The real engines, for looking at databases: sqlite3 of Python, and DuckDB's Python module in a folder of its own."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import servers

VERSIONS = {"duckdb": "1.5.6", "duckdb2": "2.0.0"}
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


def duckdb_python(name="duckdb"):
    """A Python that has that version of DuckDB's module; servers.Missing where it cannot be had."""
    version = VERSIONS[name]
    folder = servers.CACHE.parent / f"duckdb-{version}"
    python = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"duckdb-{version}.lock", "w", encoding="ascii") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            print(f"installing duckdb {version} into {folder} (once)", file=sys.stderr, flush=True)
            try:
                subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True,
                               timeout=INSTALL_SECONDS_MAX)
                subprocess.run([str(python), "-m", "pip", "install", "-q", f"duckdb=={version}"], check=True,
                               capture_output=True, stdin=subprocess.DEVNULL, timeout=INSTALL_SECONDS_MAX)
            except (OSError, subprocess.SubprocessError) as why:
                raise servers.Missing(f"duckdb {version}: pip cannot install it: {why}") from None
            (folder / "ready").touch()
    return python


def tables(path, python=None):
    """{table: [rows, digest of all rows]} as the engine of the file finds it. ${python}: of duckdb_python."""
    kind = "sqlite" if Path(path).read_bytes()[:6] == b"SQLite" else "duckdb"
    done = subprocess.run([str(python or (sys.executable if kind == "sqlite" else duckdb_python())), "-c", LOOK, kind,
                           str(path)], capture_output=True, text=True, check=False, env=dict(os.environ, LC_ALL="C"))
    assert done.returncode == 0, f"{path} does not open: {done.stderr[-2000:]}"
    return json.loads(done.stdout)
