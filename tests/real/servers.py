"""Finds the programs that the tests run against, or makes them, outside the tree.

Looked for in the cache folder, then on PATH; servers written in Go are built there at pinned versions if the
machine has a Go that can. Run as a program it says what there is: `./dev servers`.
"""

import fcntl
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "akosha-sync" / "servers"
BUILD_SECONDS_MAX = 1500     # MinIO takes two minutes on two cores; a slow machine gets ten times that
GO_THAT_FETCHES_NEWER = (1, 21)     # from here on Go gets the toolchain that a module asks for by itself

# name: (module with the program, version, the Go it asks for, name that `go install` gives it)
GO_PROGRAMS = {
    "versitygw": ("github.com/versity/versitygw/cmd/versitygw", "v1.8.0", (1, 25), "versitygw"),
    "minio": ("github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c", (1, 24), "minio"),
    "tusd": ("github.com/tus/tusd/v2/cmd/tusd", "v2.9.1", (1, 24), "tusd"),
    "age": ("filippo.io/age/cmd/age", "v1.2.1", (1, 19), "age"),
    "age-keygen": ("filippo.io/age/cmd/age-keygen", "v1.2.1", (1, 19), "age-keygen"),
    "toxiproxy": ("github.com/Shopify/toxiproxy/v2/cmd/server", "v2.5.0", (1, 17), "server"),
}
NEEDED = ("versitygw", "minio", "tusd", "toxiproxy", "nginx", "boto3", "age", "age-keygen", "age-vectors")
# Test vectors for age by its authors: data of a Go module, which is never part of this tree.
AGE_VECTORS = "c2sp.org/CCTV/age@v0.0.0-20251208015420-e9274a7bdbfd"


class Missing(Exception):
    """A server that cannot be had here; the text says what to install."""


def on_path(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/go/bin")


def go_version(go):
    out = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"go(\d+)\.(\d+)", out)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def go_build(name):
    module, version, wanted, installed = GO_PROGRAMS[name]
    hint = f"install Go {wanted[0]}.{wanted[1]} or newer, or put {name} on PATH"
    go = on_path("go")
    if go is None:
        raise Missing(f"{name}: not found, and no Go to build it: {hint}")
    have = go_version(go)
    if have < wanted and have < GO_THAT_FETCHES_NEWER:
        raise Missing(f"{name}: Go {have[0]}.{have[1]} is too old to build it: {hint}")
    print(f"building {name} {version} into {CACHE} (once; minutes)", file=sys.stderr, flush=True)
    folder = CACHE / f"build-{name}"
    environment = dict(os.environ, GOBIN=str(folder), GOFLAGS="-mod=mod", CGO_ENABLED="0")
    try:
        done = subprocess.run([go, "install", f"{module}@{version}"], env=environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              timeout=BUILD_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        raise Missing(f"{name}: building it took over {BUILD_SECONDS_MAX} s: {hint}") from None
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Missing(f"{name}: building {module}@{version} failed: {why}; {hint}")
    (folder / installed).replace(CACHE / name)
    (CACHE / f"{name}.version").write_text(version)
    folder.rmdir()


def nginx_unpack():
    """The program out of Debian's package without installing it: installing would start a web server."""
    folder = CACHE / "build-nginx"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    why = "apt-get cannot fetch it"
    for package in ("nginx", "nginx-core", "nginx-light"):
        subprocess.run(["apt-get", "-q", "download", package], cwd=folder, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        for archive in folder.glob(f"{package}_*.deb"):
            subprocess.run(["dpkg", "-x", str(archive), str(folder)], check=True)
        program = folder / "usr/sbin/nginx"
        if program.exists():
            program.replace(CACHE / "nginx")
            shutil.rmtree(folder)
            return
        why = "its packages hold no nginx"
    raise Missing(f"nginx: {why}: apt-get install nginx")


def has_dav(nginx):
    out = subprocess.run([nginx, "-V"], capture_output=True, text=True, check=False)
    return "http_dav_module" in out.stderr


def built_as_pinned(name):
    """A program without a note of its version was put there by a person, who knows why."""
    note = CACHE / f"{name}.version"
    return (CACHE / name).exists() and (not note.exists() or note.read_text() == GO_PROGRAMS[name][1])


def age_vectors():
    """The folder of the vectors: copied out of Go's module cache into ours."""
    folder, note = CACHE / "age-vectors", CACHE / "age-vectors.version"
    if folder.exists() and note.exists() and note.read_text() == AGE_VECTORS:
        return str(folder)
    go = on_path("go")
    if go is None:
        raise Missing(f"age-vectors: no Go to fetch {AGE_VECTORS}: install Go 1.21 or newer")
    # Outside of any module of this tree.
    done = subprocess.run([go, "mod", "download", "-json", AGE_VECTORS], cwd=CACHE, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False, timeout=BUILD_SECONDS_MAX)
    if done.returncode != 0:
        raise Missing(f"age-vectors: {AGE_VECTORS} cannot be fetched: {(done.stderr or done.stdout).strip()[-200:]}")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(Path(json.loads(done.stdout)["Dir"]) / "testdata", folder)
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    note.write_text(AGE_VECTORS)
    return str(folder)


def get(name):
    """Path of the program (or the name of the module, for boto3); raises Missing."""
    if name == "boto3":
        if importlib.util.find_spec("boto3") is None:
            raise Missing("boto3: this Python has none: apt-get install python3-boto3")
        return name
    CACHE.mkdir(parents=True, exist_ok=True)
    if name == "age-vectors":
        with open(CACHE / "lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return age_vectors()
    if name == "nginx":
        found = on_path("nginx")
        if found is None or not has_dav(found):
            if not (CACHE / "nginx").exists():
                nginx_unpack()
            found = str(CACHE / "nginx")
        if not has_dav(found):
            raise Missing(f"nginx: {found} does not start or lacks http_dav_module: apt-get install nginx")
        return found
    if built_as_pinned(name):
        return str(CACHE / name)
    found = on_path({"toxiproxy": "toxiproxy-server"}.get(name, name))
    if found is not None:
        return found
    with open(CACHE / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)    # somebody else may be building it
        if not built_as_pinned(name):
            go_build(name)
    return str(CACHE / name)


def main():
    missing = 0
    for name in NEEDED:
        try:
            print(f"{name}: {get(name)}")
        except Missing as why:
            missing += 1
            print(why)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
