"""The official SDK of the Model Context Protocol, as a client of the program that is tested."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import servers

VERSION = "1.30.0"
INSTALL_SECONDS_MAX = 600
TALK_SECONDS_MAX = 120
CLIENT = Path(__file__).with_name("mcp_client.py")


def python():
    """A Python that has the SDK, installed once into a folder of its own; servers.Missing where it cannot be had."""
    folder = servers.CACHE.parent / f"mcp-{VERSION}"
    program = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"mcp-{VERSION}.lock", "w", encoding="ascii") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            print(f"installing mcp {VERSION} into {folder} (once)", file=sys.stderr, flush=True)
            try:
                subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True,
                               timeout=INSTALL_SECONDS_MAX)
                subprocess.run([str(program), "-m", "pip", "install", "-q", f"mcp=={VERSION}"], check=True,
                               capture_output=True, stdin=subprocess.DEVNULL, timeout=INSTALL_SECONDS_MAX)
            except (OSError, subprocess.SubprocessError) as why:
                raise servers.Missing(f"mcp {VERSION}: pip cannot install it: {why}") from None
            (folder / "ready").touch()
    return program


def talk(program, person, version, steps, *more):
    """What the client saw of ${steps}, in order (mcp_client.py), in a conversation of protocol ${version}."""
    plan = {"command": person.command(("mcp", "--policy", person.policy, "--state", person.state, *more)),
            "environment": person.environment, "cwd": str(person.folder), "version": version, "steps": steps}
    done = subprocess.run([str(program), "-I", str(CLIENT)], input=json.dumps(plan), capture_output=True, text=True,
                          timeout=TALK_SECONDS_MAX, check=False, env=dict(os.environ))
    if done.returncode != 0:
        raise AssertionError(f"the client ended with {done.returncode}:\n{done.stderr[-4000:]}")
    if "Sanitizer" in done.stderr or "runtime error:" in done.stderr:
        raise AssertionError(done.stderr[-4000:])
    return json.loads(done.stdout)
