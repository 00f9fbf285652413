"""tusd behind nginx, over one folder: PUT and GET are nginx's, everything of tus is tusd's.

A hook of tusd's makes `filename` of Upload-Metadata the upload's id, so that its address is that of the file which it
becomes; without the hook it is a random one.
"""

import os
import sys

import servers
from world import free_port, wait_for_port

HOOK = """#!{python} -IS
import json, sys
told = json.load(sys.stdin)["Event"]["Upload"]["MetaData"]
json.dump({{"ChangeFileInfo": {{"ID": told["filename"]}}}}, sys.stdout)
"""


class Tusd:
    """Until ${world} stops. ${named}: with the hook."""

    def __init__(self, world, named=True):
        place = world.place("tusd")
        self.port, inner = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}/upload"
        self.ca = None
        self.files = place / "root" / "upload"
        self.files.mkdir(parents=True)
        hooks = place / "hooks"
        hooks.mkdir()
        command = [servers.get("tusd"), "-host", "127.0.0.1", "-port", inner, "-base-path", "/upload/", "-behind-proxy",
                   "-upload-dir", self.files, "-show-greeting=false"]
        if named:
            hook = hooks / "pre-create"
            hook.write_text(HOOK.format(python=sys.executable))
            hook.chmod(0o700)
            command += ["-hooks-dir", hooks, "-hooks-enabled-events", "pre-create"]
        wait_for_port(world.start("tusd", command), inner)
        self.start_nginx(world, place, inner)

    def start_nginx(self, world, place, inner):
        (place / "nginx.conf").write_text(f"""
            daemon off; worker_processes 1; pid {place}/pid; error_log {place}/error.log;
            {"user root;" if os.geteuid() == 0 else ""}
            events {{ worker_connections 64; }}
            http {{
                access_log {place}/access.log;
                client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;
                fastcgi_temp_path {place}/fastcgi; uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
                server {{
                    listen 127.0.0.1:{self.port};
                    root {place}/root; client_max_body_size 0;
                    location /upload/ {{
                        error_page 418 = @tus;
                        if ($http_tus_resumable != "") {{ return 418; }}
                        if ($request_method = OPTIONS) {{ return 418; }}
                        dav_methods PUT DELETE MKCOL; create_full_put_path on;
                    }}
                    location @tus {{
                        proxy_pass http://127.0.0.1:{inner};
                        proxy_http_version 1.1; proxy_request_buffering off;
                        proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Forwarded-Proto http;
                    }}
                }}
            }}""")
        process = world.start("nginx-tus", [servers.get("nginx"), "-p", place, "-e", place / "error.log",
                                            "-c", place / "nginx.conf"])
        wait_for_port(process, self.port)
