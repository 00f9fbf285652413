"""TLS: whom the program talks to, and whom it does not. Each bad server is refused in words of its own, is sent nothing,
and what is owed goes to the next target or stays queued."""

import base64
import contextlib
import hashlib
import os
import socket
import ssl
import subprocess
import threading
import time

import cases
import data
import faults
import servers
import sync
from world import ACCESS_KEY, BUCKET, SECRET_KEY, die_with_parent, free_port, openssl, wait_for_port

SIZE = 16 * data.MIB
OTHER_PIN = "sha256//" + "A" * 43 + "="
LOOPBACK = "IP:127.0.0.1,DNS:localhost"


class Authority:
    """A CA that signs whatever it is asked for: with dates, names and uses as a test wants them."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        folder.mkdir()
        self.certificate, self.key = self.make("ca", issuer=self, extra="basicConstraints=critical,CA:TRUE")
        self.ca = self.certificate

    def make(self, name, alternative=LOOPBACK, begins=-1, ends=2, issuer=None, extra="basicConstraints=CA:FALSE"):
        """(certificate, key) valid from and until so many days from now, signed by ${issuer} (itself: by its own key)."""
        request, key, certificate = (self.folder / f"{name}.{kind}" for kind in ("req", "key", "pem"))
        issuer = issuer or self
        settings = self.folder / f"{name}.cnf"
        index = self.folder / f"{name}.index"
        index.write_text("")
        own = issuer is self and not hasattr(self, "certificate")
        settings.write_text(f"""
            [ca]
            default_ca = own
            [own]
            database = {index}
            new_certs_dir = {self.folder}
            rand_serial = yes
            default_md = sha256
            policy = any
            x509_extensions = extensions
            unique_subject = no
            [any]
            commonName = supplied
            [extensions]
            subjectAltName = {alternative}
            {extra}
            """)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                "-subj", f"/CN={self.name} {name}")
        signer = ("-selfsign", "-keyfile", key) if own or issuer == "itself" else (
            "-cert", issuer.certificate, "-keyfile", issuer.key)
        openssl("ca", "-batch", "-notext", "-config", settings, "-in", request, "-out", certificate, *signer,
                "-startdate", when(begins), "-enddate", when(ends))
        return certificate, key


class Link:
    """A certificate that signs others although it is no CA's."""

    def __init__(self, pair):
        self.certificate, self.key = pair


def when(days):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))


def pin_of(key):
    der = subprocess.run(["openssl", "pkey", "-in", str(key), "-pubout", "-outform", "der"], check=True,
                         capture_output=True).stdout
    return "sha256//" + base64.b64encode(hashlib.sha256(der).digest()).decode()


class Recorder:
    """openssl s_server: what came through TLS stands in its log."""

    def __init__(self, world, pair, *options):
        self.port = free_port()
        command = ["openssl", "s_server", "-accept", f"127.0.0.1:{self.port}", "-cert", pair[0], "-key", pair[1],
                   "-cert_chain", pair[0], *options]
        log = world.place("s_server") / "log"
        with open(log, "ab") as out:
            # It ends with its standard input.
            self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=out, stderr=out,
                                            preexec_fn=die_with_parent)
        self.process.log = log
        wait_for_port(self.process, self.port)

    def heard(self):
        """What a client said, without what s_server itself says of the connection."""
        return self.process.log.read_bytes()

    def stop(self):
        self.process.terminate()
        self.process.communicate()


class Web:
    """nginx, one port for each certificate; a log for each request that came through TLS."""

    def __init__(self, world, pairs, old):
        """${pairs}: name -> (certificate, key). ${old}: names of those that speak TLS 1.1 at most."""
        place = world.place("tls-nginx")
        self.log = place / "access.log"
        self.ports = {name: free_port() for name in pairs}
        blocks = "".join(f"""
            server {{
                listen 127.0.0.1:{self.ports[name]} ssl; root {place}/root;
                ssl_certificate {pair[0]}; ssl_certificate_key {pair[1]};
                ssl_protocols {"TLSv1 TLSv1.1" if name in old else "TLSv1.2 TLSv1.3"};
                ssl_ciphers {"ALL:@SECLEVEL=0" if name in old else "HIGH"};
                location / {{ dav_methods PUT DELETE; create_full_put_path on; client_max_body_size 0; }}
            }}""" for name, pair in pairs.items())
        (place / "root").mkdir()
        (place / "nginx.conf").write_text(f"""
            daemon off; worker_processes 1; pid {place}/pid; error_log {place}/error.log;
            {"user root;" if os.geteuid() == 0 else ""}
            events {{ worker_connections 64; }}
            http {{
                log_format told "$server_port $request $status";
                access_log {self.log} told;
                client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;
                fastcgi_temp_path {place}/fastcgi; uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
                {blocks}
            }}""")
        process = world.start("tls-nginx", [servers.get("nginx"), "-p", place, "-e", place / "error.log",
                                            "-c", place / "nginx.conf"])
        for port in self.ports.values():
            wait_for_port(process, port)

    def heard(self, name):
        return [line for line in self.log.read_text().splitlines() if line.startswith(f"{self.ports[name]} ")
                and not line.endswith(" 400")]


# name: (what the message says, what the hint says)
REFUSED = {
    "expired": ("certificate has expired", "clock"),
    "tomorrow": ("not yet valid", "clock"),
    "another host": ("does not match|matches target host name|no alternative", "another host's"),
    "itself": ("self.signed certificate", "CA of your own"),
    "unknown CA": ("unable to get local issuer|unable to get issuer", "CA of your own"),
    "TLS 1.1": ("protocol", "TLS 1.1"),
    "bad pin": ("none of those that the target's pin names", "stand in between"),
    "client's": ("unsuitable certificate purpose|unsupported certificate purpose", ""),
    "no CA between": ("invalid CA certificate|unable to get local issuer|path length|CA certificate key", ""),
}


class Pairs:
    """Every certificate that a test needs, by name: (certificate, key)."""

    def __init__(self, place):
        self.ca, other = Authority(place / "good", "good"), Authority(place / "other", "other")
        self.good = self.ca.make("good")
        between = self.ca.make("between")
        leaf = self.ca.make("no-ca-between", issuer=Link(between))
        chain = place / "chain.pem"
        chain.write_bytes(leaf[0].read_bytes() + between[0].read_bytes())
        self.of = {
            "good": self.good,
            "expired": self.ca.make("expired", begins=-3, ends=-1),
            "tomorrow": self.ca.make("tomorrow", begins=1, ends=3),
            "another host": self.ca.make("another", alternative="DNS:elsewhere.example.com,IP:127.0.0.9"),
            "itself": other.make("itself", issuer="itself"),
            "unknown CA": other.make("unknown"),
            "TLS 1.1": self.ca.make("old"),
            "bad pin": self.good,
            "client's": self.ca.make("client", extra="extendedKeyUsage=clientAuth"),
            "no CA between": (chain, leaf[1]),
        }


class Tls(cases.Case):
    def setUp(self):
        pairs = cases.world.once("tls-pairs", lambda: Pairs(cases.world.place("tls")))
        self.ca, self.good, self.pairs = pairs.ca, pairs.good, pairs.of
        self.nginx = self.have(cases.world.nginx)
        self.web = self.have(lambda: cases.world.once("tls-nginx", lambda: Web(cases.world, self.pairs, ["TLS 1.1"])))
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def runs(self, targets, *more):
        person = self.person()
        source = person.source("memory.bin", data.half_compressible, 100_000)
        return person, source, person.run(sync.policy(targets), [source], *more)


class Refused(Tls):
    def refused(self, name, cloud):
        """The reason is told, and kept in the queue; with another target it goes there."""
        message, hint = REFUSED[name]
        person, source, result = self.runs({"cloud": cloud})
        self.assert_code(result, 1)
        error = result.report["error"]
        self.assertEqual((result.report["outcome"], error["failure"]), ("queued", "tls"), result)
        self.assertRegex(error["message"], message)
        self.assertIn(hint, error["hint"] or "", result)
        self.assertEqual(len(person.queue()), 1)
        self.assertNotIn(SECRET_KEY, result.out + result.err)
        later = person.run(sync.policy({"cloud": cloud, "web": sync.http(url=self.nginx.url)}), [source])
        self.assert_stored(later, "web")
        self.assertEqual(person.queue(), [])

    def fields(self, name):
        return {"ca": None if name == "itself" else self.ca.ca, "pin": OTHER_PIN if name == "bad pin" else None}

    def refused_everywhere(self, kind):
        for name in REFUSED:
            with self.subTest(server=kind, case=name):
                kind(self, name)

    def test_nginx(self):
        def one(self, name):
            self.refused(name, sync.builder("http", url=f"https://127.0.0.1:{self.web.ports[name]}/up", **self.fields(name)))
            self.assertEqual(self.web.heard(name), [])
        self.refused_everywhere(one)

    def test_openssl(self):
        def one(self, name):
            old = ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0") if name == "TLS 1.1" else ()
            recorder = Recorder(cases.world, self.pairs[name], *old)
            self.addCleanup(recorder.stop)
            url = f"https://127.0.0.1:{recorder.port}"
            self.refused(name, sync.s3_at(url, **self.fields(name)))
            for said in (ACCESS_KEY.encode(), b"AWS4-HMAC", b"HTTP/1.1", BUCKET.encode()):
                self.assertNotIn(said, recorder.heard())
        self.refused_everywhere(one)

    def test_a_pin_that_fits(self):
        for pin in (f'"{pin_of(self.good[1])}"', f'{{ "{OTHER_PIN}", "{pin_of(self.good[1])}" }}'):
            url = f"https://127.0.0.1:{self.web.ports['good']}/up"
            text = sync.builder("http", url=url, ca=self.ca.ca).replace(" }", f", pin = {pin} }}")
            self.assert_stored(self.runs({"web": text})[2], "web")
        self.assertTrue(self.web.heard("good"))
        server = self.have(cases.world.versitygw, True)
        pin = pin_of(cases.world.certificates().key)
        person, source, result = self.runs({"cloud": sync.s3(server, prefix="pinned", pin=pin)})
        self.assert_stored(result, "cloud")
        # The way back is guarded as well.
        text = sync.policy({"cloud": sync.s3(server, prefix="pinned", pin=OTHER_PIN)})
        person.policy.write_text(text)
        for command in (("list",), ("verify",), ("restore", "--to", person.folder / "back")):
            back = person.ask(command[0], "--json", "--policy", person.policy, "--state", person.state, *command[1:])
            self.assert_code(back, 1)
            self.assertIn("pin names", back.out + back.err)
        self.assertFalse((person.folder / "back").exists() and list((person.folder / "back").iterdir()))

    def test_a_server_that_speaks_no_tls(self):
        with faults.Server() as plain:
            plain.serve = lambda connection: (connection.recv(4096), connection.sendall(b"HTTP/1.1 400 Bad\r\n\r\n"))
            person, _, result = self.runs({"cloud": sync.s3_at(f"https://127.0.0.1:{plain.port}", ca=self.ca.ca)})
        self.assert_code(result, 1)
        self.assertEqual(result.report["error"]["failure"], "tls", result)
        self.assertIn("speaks no TLS", result.report["error"]["hint"])
        self.assertEqual(len(person.queue()), 1)

    def test_openssl_sees_1_3_where_it_can_be_had_and_1_2_else(self):
        for options, version in ((), "TLSv1.3"), (("-no_tls1_3",), "TLSv1.2"):
            recorder = Recorder(cases.world, self.good, "-www", *options)
            self.addCleanup(recorder.stop)
            seen = []
            with Tap(recorder.port, seen) as tap:
                self.runs({"web": sync.builder("http", url=f"https://127.0.0.1:{tap.port}/up", ca=self.ca.ca)})
            self.assertEqual({version_of(hello) for hello in seen}, {version})


class Tap(faults.Server):
    """A line that lets everything through and keeps what the server says first."""

    def __init__(self, upstream_port, seen):
        self.upstream_port, self.seen = upstream_port, seen
        super().__init__()

    def serve(self, connection):
        with socket.create_connection(("127.0.0.1", self.upstream_port)) as upstream:
            connection.settimeout(5)
            upstream.settimeout(5)
            upstream.sendall(connection.recv(16384))
            hello = upstream.recv(16384)
            self.seen.append(hello)
            connection.sendall(hello)
            threading.Thread(target=faults.relay, args=(upstream, connection), daemon=True).start()
            faults.relay(connection, upstream)


def version_of(hello):
    """Of a ServerHello: with the extension supported_versions (43) it is 1.3."""
    assert hello[0] == 22 and hello[5] == 2, hello[:16]
    return "TLSv1.3" if b"\x00\x2b\x00\x02\x03\x04" in hello[:200] else "TLSv1.2"


class Turning(faults.Proxy):
    """Good until connection number ${first}; from there on, ${times} times, somebody else's certificate or worse."""

    def __init__(self, upstream_port, good, first, times=1000, bad=None, spoil=None):
        super().__init__(upstream_port, reuse=False)
        self.first, self.times, self.count, self.spoil = first, times, 0, spoil
        self.good_context, self.bad_context = context_of(good), context_of(bad) if bad else None
        self.heard_by_bad = []
        self.url = f"https://127.0.0.1:{self.port}"

    def serve(self, connection):
        with self._lock:
            self.count += 1
            turned = self.first <= self.count < self.first + self.times
        if turned and self.spoil == "handshake":
            connection.recv(16)
            faults.reset_socket(connection)
            return
        chosen = self.bad_context if turned and self.bad_context else self.good_context
        secure = chosen.wrap_socket(connection, server_side=True)
        if turned and self.bad_context:
            self.heard_by_bad.append(secure.recv(65536))
            return
        exchange = faults.Exchange(self, secure)
        if not exchange.next():
            return
        self.requests.append(exchange.request)
        if turned and self.spoil == "garbage":
            exchange.read_body()
            # Below TLS: what the program reads is no record of the connection.
            os.write(secure.fileno(), b"\x17\x03\x03\x00\x40" + os.urandom(64))
            time.sleep(0.2)
            exchange.close()
            return
        exchange.forward()


def context_of(pair):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context


class HalfWay(Tls):
    """A server that is another one from some connection of an upload on."""

    def turns(self, first, fields=None, **options):
        server = self.have(cases.world.versitygw)
        person = self.person()
        source = person.source("long.bin", data.half_compressible, SIZE)
        prefix = f"turns-{person.folder.name}"
        proxy = self.stack.enter_context(Turning(server.port, self.good, first, **options))
        cloud = sync.s3_at(proxy.url, ca=self.ca.ca, prefix=prefix, **(fields or {}))
        targets = {"cloud": cloud, "web": sync.http(url=self.nginx.url)}
        return server, person, source, prefix, proxy, person.run(sync.policy(targets, compress="'none'"), [source])

    def left(self, message, first=4, **options):
        """Refused from there on: nothing more goes there, readers find nothing there, and all is at the other target."""
        server, person, source, prefix, proxy, result = self.turns(first, **options)
        self.assert_stored(result, "web")
        self.assertTrue(result.decided("tls"), result)
        self.assertEqual([said for said in proxy.heard_by_bad if said], [])
        self.assertEqual([key for key in server.objects(prefix) if key.endswith("manifest.json")], [])
        key = result.files()["long.bin"]["key"]
        with open(self.nginx.files / key, "rb") as stored:
            self.assertEqual(data.sha256_of(stored, key), data.sha256(source))
        self.assertEqual(person.queue(), [])
        # Why, in words.
        alone = sync.s3_at(proxy.url, ca=self.ca.ca, **(options.get("fields") or {}))
        other = person.source("other.bin", data.half_compressible, 1000)
        (person.state / "state.db").unlink()
        again = person.run(sync.policy({"cloud": alone}), [other])
        self.assertRegex(again.report["error"]["message"], message)

    def test_another_ca(self):
        self.left("unable to get local issuer", bad=self.pairs["unknown CA"])

    def test_another_host(self):
        self.left(REFUSED["another host"][0], bad=self.pairs["another host"])

    def test_another_key_of_the_same_ca(self):
        self.left("pin names", bad=self.ca.make("second"), fields={"pin": pin_of(self.good[1])})

    def mended(self, **options):
        """What is no question of whom one talks to is tried again."""
        server, person, source, prefix, proxy, result = self.turns(5, times=2, **options)
        self.assert_stored(result, "cloud")
        self.assertTrue(result.decided("bad_reply"), result)
        key = result.files()["long.bin"]["key"]
        self.assertEqual(data.sha256_of(server.get(f"{prefix}/{key}")["Body"], key), data.sha256(source))
        self.assertEqual(person.queue(), [])

    def test_garbage_inside_tls(self):
        self.mended(spoil="garbage")

    def test_a_handshake_that_is_cut(self):
        self.mended(spoil="handshake")


class Surroundings(Tls):
    """What a home or an environment could change."""

    def test_netrc_and_curlrc_are_not_read(self):
        with faults.Proxy(self.nginx.port) as web:
            person = self.person()
            (person.folder / ".netrc").write_text("machine 127.0.0.1 login planted password planted-netrc\n")
            (person.folder / ".curlrc").write_text("insecure\nheader = \"X-Planted: curlrc\"\n")
            for path in (".netrc", ".curlrc"):
                (person.folder / path).chmod(0o600)
            source = person.source("memory.bin", data.half_compressible, 1000)
            environment = {"NETRC": str(person.folder / ".netrc"), "CURL_HOME": str(person.folder),
                           "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9",
                           "ALL_PROXY": "http://127.0.0.1:9", "all_proxy": "http://127.0.0.1:9"}
            self.assert_stored(person.run(sync.policy({"web": sync.http(url=f"{web.url}/upload")}), [source],
                                          environment=environment), "web")
            for request in web.asked():
                self.assertNotIn("Authorization", request.headers)
                self.assertNotIn("X-Planted", request.headers)

    def test_keys_of_connections_are_not_written_down(self):
        person = self.person()
        source = person.source("memory.bin", data.half_compressible, 1000)
        keys = person.folder / "keys.log"
        target = sync.builder("http", url=f"https://127.0.0.1:{self.web.ports['good']}/up", ca=self.ca.ca)
        self.assert_stored(person.run(sync.policy({"web": target}), [source], environment={"SSLKEYLOGFILE": str(keys)}))
        self.assertFalse(keys.exists() and keys.read_bytes())


class Tunnel(faults.Server):
    """A proxy for https: keeps what it is told, and leads every name to one port; or lies."""

    def __init__(self, upstream_port, answer=b"HTTP/1.1 200 OK\r\n\r\n"):
        self.upstream_port, self.answer, self.heard = upstream_port, answer, []
        super().__init__()

    def serve(self, connection):
        said = b""
        while b"\r\n\r\n" not in said and (more := connection.recv(4096)):
            said += more
        self.heard.append(said)
        connection.sendall(self.answer)
        if b" 200 " not in self.answer[:20]:
            return
        with socket.create_connection(("127.0.0.1", self.upstream_port)) as upstream:
            threading.Thread(target=faults.relay, args=(upstream, connection), daemon=True).start()
            faults.relay(connection, upstream)


class Proxies(Tls):
    NAME = "store.example.test"

    def through(self, tunnel, pair, **environment):
        """A run to a name that only the proxy can lead to."""
        person = self.person()
        source = person.source("memory.bin", data.half_compressible, 1000)
        target = sync.builder("http", url=f"https://{self.NAME}/up", ca=self.ca.ca)
        return person, person.run(sync.policy({"web": target}), [source],
                                  environment={"https_proxy": f"http://127.0.0.1:{tunnel.port}", **environment})

    def test_a_proxy_hears_a_name_and_nothing_else(self):
        pair = self.ca.make("store", alternative=f"DNS:{self.NAME}")
        server = self.stack.enter_context(faults.Proxy(self.nginx.port))
        server.context = context_of(pair)
        with Tunnel(server.port) as tunnel:
            _, result = self.through(tunnel, pair)
        self.assert_stored(result, "web")
        for said in tunnel.heard:
            lines = said.decode("latin-1").lower().split("\r\n")
            self.assertEqual(lines[0], f"connect {self.NAME}:443 http/1.1")
            self.assertEqual({line.split(":")[0] for line in lines[1:] if line},
                             {"host", "user-agent", "proxy-connection"})

    def test_a_proxy_that_answers_itself_is_no_server(self):
        with Tunnel(self.web.ports["unknown CA"]) as tunnel:
            person, result = self.through(tunnel, None)
        self.assert_code(result, 1)
        self.assertEqual(result.report["error"]["failure"], "tls", result)
        self.assertEqual(self.web.heard("unknown CA"), [])
        for answer in (b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
                       b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
                       b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000):
            with Tunnel(1, answer) as tunnel:
                person, result = self.through(tunnel, None)
            self.assert_code(result, 1)
            self.assertEqual(result.report["outcome"], "queued", result)
            self.assertEqual(len(person.queue()), 1)
