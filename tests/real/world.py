"""Real servers on loopback: started when a test first asks, stopped when the tests end.

Each has its own port, data folder and log below one scratch folder; https ones use a certificate of a CA made here.
"""

import atexit
import ctypes
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import servers

ACCESS_KEY = "AKSTESTACCESSKEY"
SECRET_KEY = "aks-test-secret-0123456789"
TOKEN = "planted.token+of/real~tests=="
BUCKET = "akosha-test"
REGION = "us-east-1"
START_SECONDS_MAX = 60
PR_SET_PDEATHSIG = 1
ROOT = Path(__file__).resolve().parents[2]


class World:
    """The scratch folder and everything that runs in it."""

    def __init__(self, parent=ROOT / "build"):
        parent.mkdir(exist_ok=True)
        self._scratch = tempfile.TemporaryDirectory(prefix="akosha-sync-real-", dir=parent)
        self.folder = Path(self._scratch.name)
        self.folder.chmod(0o755)    # some tests run the program as another user
        self._processes = []
        self._started = {}
        atexit.register(self.stop)

    def stop(self):
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self._processes):
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        self._started.clear()
        self._scratch.cleanup()

    def place(self, name):
        """A new folder."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))

    def start(self, name, command, environment=None, cwd=None, pass_fds=()):
        """Runs a server that dies with us; its output goes to a log that a failure to start shows."""
        log = self.folder / f"{name}.log"
        with open(log, "ab") as out:
            process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd,
                env=dict(os.environ, **(environment or {})), preexec_fn=die_with_parent, pass_fds=pass_fds)
        process.log = log
        self._processes.append(process)
        return process

    def once(self, key, make):
        """make() the first time; a server that could not be had or started raises each time."""
        if key not in self._started:
            try:
                self._started[key] = make()
            except (servers.Missing, RuntimeError) as why:
                self._started[key] = why
        if isinstance(self._started[key], Exception):
            raise self._started[key]
        return self._started[key]

    def versitygw(self, tls=False):
        return self.once(("versitygw", tls), lambda: S3Server.versitygw(self, tls))

    def minio(self, tls=False):
        return self.once(("minio", tls), lambda: S3Server.minio(self, tls))

    def s3(self, name, tls=False):
        return {"versitygw": self.versitygw, "minio": self.minio}[name](tls)

    def nginx(self, tls=False):
        return self.once(("nginx", tls), lambda: Nginx(self, tls))

    def toxiproxy(self):
        return self.once("toxiproxy", lambda: Toxiproxy(self))

    def certificates(self):
        return self.once("certificates", lambda: Certificates(self.place("certificates")))


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(process, port):
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"{process.args[0]} did not start:\n{process.log.read_text()[-2000:]}")


class Certificates:
    """A CA and one certificate for this machine's loopback names."""

    def __init__(self, folder):
        self.ca, self.certificate, self.key = folder / "ca.pem", folder / "public.crt", folder / "private.key"
        ca_key, request, names = folder / "ca.key", folder / "request.pem", folder / "names"
        names.write_text(f"subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:{BUCKET}.localhost\n")
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", "-x509", *curve, "-keyout", ca_key, "-out", self.ca, "-days", "2", "-subj", "/CN=test CA")
        openssl("req", *curve, "-keyout", self.key, "-out", request, "-subj", "/CN=localhost")
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2",
                "-extfile", names, "-out", self.certificate)


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class S3Server:
    """An S3 server with one bucket."""

    def __init__(self, name, port, tls, ca):
        self.name, self.port, self.tls = name, port, tls
        self.ca = ca if tls else None
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"

    @classmethod
    def versitygw(cls, world, tls):
        program, port, data = servers.get("versitygw"), free_port(), world.place("versitygw")
        certificates = world.certificates()
        command = [program, "--port", f"127.0.0.1:{port}", "--quiet", "--keep-alive"]
        if tls:
            command += ["--cert", certificates.certificate, "--key", certificates.key]
        process = world.start(f"versitygw-{tls}", [*command, "posix", data],
                              {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY})
        return cls("versitygw", port, tls, certificates.ca).ready(process)

    @classmethod
    def minio(cls, world, tls):
        program, port, data = servers.get("minio"), free_port(), world.place("minio")
        certificates = world.certificates()
        command = [program, "server", "--quiet", "--address", f"127.0.0.1:{port}",
                   "--console-address", f"127.0.0.1:{free_port()}"]
        command += ["--certs-dir", certificates.certificate.parent if tls else world.place("no-certificates")]
        process = world.start(f"minio-{tls}", [*command, data],
                              {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY, "MINIO_BROWSER": "off",
                               "MINIO_UPDATE": "off", "MINIO_DOMAIN": "localhost", "HOME": str(data)})
        return cls("minio", port, tls, certificates.ca).ready(process)

    def ready(self, process):
        wait_for_port(process, self.port)
        client = self.client()
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:     # MinIO listens a moment before it can serve
            try:
                client.create_bucket(Bucket=BUCKET)
                return self
            except Exception as why:    # boto3 makes its exceptions at run time
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} has no bucket: {why}") from why
                time.sleep(0.1)

    def client(self, url=None):
        servers.get("boto3")
        import boto3
        from botocore.config import Config
        return boto3.client(
            "s3", endpoint_url=url or self.url, region_name=REGION, aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY, verify=str(self.ca) if self.tls else None,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}))

    def objects(self, prefix):
        """Key -> entry of the listing."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {entry["Key"]: entry for page in pages for entry in page.get("Contents", ())}

    def get(self, key):
        return self.client().get_object(Bucket=BUCKET, Key=key)

    def open_uploads(self, prefix):
        """Keys of multipart uploads that were begun and neither completed nor aborted."""
        found = self.client().list_multipart_uploads(Bucket=BUCKET, Prefix=prefix)
        return [upload["Key"] for upload in found.get("Uploads", ()) if upload["Key"].startswith(prefix)]


class Nginx:
    """A receiver of PUT."""

    def __init__(self, world, tls):
        program, self.port, place = servers.get("nginx"), free_port(), world.place("nginx")
        self.ca = world.certificates().ca if tls else None
        base = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.url = f"{base}/upload"
        self.files = place / "root" / "upload"
        self.files.mkdir(parents=True)
        # Only for who has the token; and an address that leads there.
        self.guarded_url, self.moved_url = f"{base}/guarded", f"{base}/moved"
        self.guarded_files = place / "root" / "guarded"
        self.guarded_files.mkdir()
        self.access_log = place / "access.log"
        certificates = world.certificates()
        secure = f"ssl_certificate {certificates.certificate}; ssl_certificate_key {certificates.key};" if tls else ""
        (place / "nginx.conf").write_text(f"""
            daemon off; worker_processes 1; pid {place}/pid; error_log {place}/error.log;
            {"user root;" if os.geteuid() == 0 else ""}
            events {{ worker_connections 64; }}
            http {{
                access_log {place}/access.log;
                client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;
                fastcgi_temp_path {place}/fastcgi; uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
                server {{
                    listen 127.0.0.1:{self.port}{" ssl" if tls else ""}; {secure}
                    root {place}/root; client_max_body_size 0;
                    location / {{ dav_methods PUT DELETE MKCOL; create_full_put_path on; }}
                    location /guarded/ {{
                        if ($http_authorization != "Bearer {TOKEN}") {{ return 401; }}
                        dav_methods PUT DELETE MKCOL; create_full_put_path on;
                    }}
                    location /moved/ {{ return 308 {base}/guarded/; }}
                }}
            }}""")
        process = world.start(f"nginx-{tls}", [program, "-p", place, "-e", place / "error.log",
                                               "-c", place / "nginx.conf"])
        wait_for_port(process, self.port)


class Toxiproxy:
    """A proxy that makes a network bad; told how over its own HTTP interface."""

    def __init__(self, world):
        self.port = free_port()
        process = world.start("toxiproxy", [servers.get("toxiproxy"), "-host", "127.0.0.1", "-port", self.port])
        wait_for_port(process, self.port)

    def ask(self, path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"}, method="POST")
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    def slow(self, upstream_port, bits_per_s):
        """The port of a new line to ${upstream_port} of that bandwidth, upwards."""
        port = free_port()
        name = f"line-{port}"
        self.ask("/proxies", {"name": name, "listen": f"127.0.0.1:{port}",
                              "upstream": f"127.0.0.1:{upstream_port}", "enabled": True})
        self.ask(f"/proxies/{name}/toxics", {"type": "bandwidth", "stream": "upstream",
                                             "attributes": {"rate": bits_per_s // 8 // 1000}})
        return port
