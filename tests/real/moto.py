"""AWS as moto imitates it: STS and S3 behind one port of this machine."""

import fcntl
import subprocess
import sys

import servers
from world import free_port, wait_for_port

VERSION = "5.1.4"
SECONDS_MAX = 900


def command():
    """What starts it: a moto_server that is there, else one that is installed into a folder of its own, once."""
    folder = servers.CACHE.parent / f"moto-{VERSION}"
    program = folder / "bin" / "moto_server"
    if program.exists():
        return [program]
    found = servers.on_path("moto_server")
    if found is not None and subprocess.run([found, "--help"], capture_output=True, check=False).returncode == 0:
        return [found]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"moto-{VERSION}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            print(f"installing moto {VERSION} into {folder} (once)", file=sys.stderr, flush=True)
            try:
                subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True,
                               timeout=SECONDS_MAX)
                subprocess.run([str(folder / "bin" / "python"), "-m", "pip", "install", "-q", f"moto[server]=={VERSION}"],
                               check=True, capture_output=True, text=True, timeout=SECONDS_MAX)
            except (subprocess.SubprocessError, OSError) as why:
                raise servers.Missing(f"moto {VERSION}: pip cannot install it: {why}") from None
    return [program]


class Moto:
    """Started in ${world}, once: ${url} is where STS and S3 are."""

    def __init__(self, world):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        process = world.start("moto", [*command(), "-H", "127.0.0.1", "-p", self.port],
                              {"MOTO_S3_CUSTOM_ENDPOINTS": self.url})
        wait_for_port(process, self.port)


def get(world):
    return world.once("moto", lambda: Moto(world))
