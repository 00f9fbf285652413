"""Each source of credentials against a server that tells them, and an upload that goes on when they expire."""

import http.server
import json
import threading
import time

import cases
import data
import faults
import moto
import owners
import sync
from world import ACCESS_KEY, BUCKET, REGION, SECRET_KEY

SIZE = 16 * data.MIB
ROLE = "arn:aws:iam::123456789012:role/backup"
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::*"}]}
CONTAINER_TOKEN = "planted.container.token"
METADATA_TOKEN = "planted.metadata.token=="


def date(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


class Machine(http.server.ThreadingHTTPServer):
    """What an instance and a container ask of their host, with the keys of the S3 server that stands behind it."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked, self.life_s, self.code = [], 3600, None
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def keys(self):
        return {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY,
                "Token": "", "Expiration": date(self.life_s), "LastUpdated": date(0)}


class Answer(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def say(self, status, text):
        body = text.encode()
        self.send_response(self.server.code or status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        self.server.asked.append(f"PUT {self.path}")
        fine = self.path == "/latest/api/token" and self.headers["x-aws-ec2-metadata-token-ttl-seconds"] == "21600"
        self.say(200 if fine else 400, METADATA_TOKEN if fine else "")

    def do_GET(self):
        self.server.asked.append(f"GET {self.path}")
        roles = "/latest/meta-data/iam/security-credentials/"
        if self.path == "/container?x=y":
            fine = self.headers["Authorization"] == CONTAINER_TOKEN
            self.say(200 if fine else 403, json.dumps(self.server.keys()) if fine else "{}")
        elif self.headers["x-aws-ec2-metadata-token"] != METADATA_TOKEN:
            self.say(401, "")
        elif self.path == roles:
            self.say(200, "web-server")
        elif self.path == roles + "web-server":
            self.say(200, json.dumps(self.server.keys()))
        else:
            self.say(404, "")


class Credentials(cases.Case):
    def setUp(self):
        self.me = self.person()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
            del self.me.environment[name]
        self.me.environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:1"
        self.source = self.me.source("memory.bin", data.half_compressible, SIZE)
        self.prefix = f"credentials-{self.me.folder.name}"

    def write(self, name, text, mode=0o600):
        path = self.me.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def run_with(self, url, credentials="auto", **options):
        text = sync.policy({"cloud": sync.s3_at(url, prefix=self.prefix, credentials=credentials)}, compress="'none'")
        result = self.me.run(text, [self.source], "--verbose", **options)
        for planted in (SECRET_KEY, CONTAINER_TOKEN, METADATA_TOKEN):
            self.assertNotIn(planted, result.out)
            self.assertNotIn(planted, result.err)
        return result

    def stored(self, result, source):
        self.assert_stored(result, "cloud")
        self.assertIn(source, result.err)

    def refused(self, result, failure, message, code=6):
        self.assert_code(result, code)
        self.assertEqual(result.report["error"]["failure"], failure, result)
        self.assertIn(message, result.report["error"]["message"], result)
        self.assertEqual(len(self.me.queue()), 1)

    # --- the machine itself -------------------------------------------------------------------------

    def test_an_instance(self):
        server = self.have(cases.world.versitygw)
        with Machine() as machine:
            environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": machine.url, "http_proxy": "http://127.0.0.1:1"}
            self.stored(self.run_with(server.url, environment=environment), "instance metadata, role web-server")
            self.assertEqual(machine.asked, [
                "PUT /latest/api/token", "GET /latest/meta-data/iam/security-credentials/",
                "GET /latest/meta-data/iam/security-credentials/web-server"])

    def test_an_instance_without_version_2(self):
        server = self.have(cases.world.versitygw)
        with Machine() as machine:
            machine.code = 403
            environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": machine.url}
            self.refused(self.run_with(server.url, "instance", environment=environment), "auth_missing",
                         "it gives no token (HTTP 403)")
            self.assertEqual(machine.asked, ["PUT /latest/api/token"])

    def test_a_container(self):
        server = self.have(cases.world.versitygw)
        with Machine() as machine:
            environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": machine.url + "/container?x=y",
                           "AWS_CONTAINER_AUTHORIZATION_TOKEN": "something-else"}
            self.refused(self.run_with(server.url, environment=environment), "forbidden", "HTTP 403")
            token = self.write("pod-token", CONTAINER_TOKEN + "\n")
            environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(token)
            self.stored(self.run_with(server.url, environment=environment), "container")

    def test_nobody(self):
        server = self.have(cases.world.versitygw)
        environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}
        self.refused(self.run_with(server.url, environment=environment), "auth_missing", "no credentials: none in")
        again = self.run_with(server.url, environment=environment)
        self.refused(again, "auth_missing", "nobody answered for instance metadata a while ago")
        environment = {"AWS_EC2_METADATA_DISABLED": "true"}
        self.refused(self.run_with(server.url, environment=environment), "auth_missing", "no credentials")

    def test_somebody_who_never_answers_is_waited_for_once(self):
        server = self.have(cases.world.versitygw)
        with faults.Silent() as silent:
            environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{silent.port}"}
            for _ in range(2):
                result = self.run_with(server.url, environment=environment)
                self.refused(result, "auth_missing", "no credentials: none in")
                print(f"figure: no credentials: known after {result.wall_s:.2f} s", flush=True)
            self.assertEqual(len(silent.connected_at), 1)

    # --- STS ----------------------------------------------------------------------------------------

    def moto(self):
        server = self.have(moto.get, cases.world)
        import boto3
        client = boto3.client("s3", endpoint_url=server.url, region_name=REGION, aws_access_key_id="x",
                              aws_secret_access_key="y")
        client.create_bucket(Bucket=BUCKET)
        return server

    def test_a_web_identity(self):
        server = self.moto()
        token = self.write("token", "planted.web.identity\n", 0o644)
        environment = {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ENDPOINT_URL_STS": server.url}
        with faults.Proxy(server.port) as proxy:
            self.stored(self.run_with(proxy.url, environment=environment), f"web identity, role {ROLE}")
            keys = {r.headers["x-amz-security-token"] for r in proxy.asked()}
            self.assertEqual(len(keys), 1)
            self.assertNotIn(None, keys)

    def test_a_role_of_a_profile(self):
        server = self.moto()
        self.write(".aws/config", f"[profile top]\nrole_arn = {ROLE}\nsource_profile = base\nexternal_id = e\n"
                   f"duration_seconds = 900\nendpoint_url = {server.url}\n", 0o644)
        self.write(".aws/credentials", "[base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = base\n")
        self.stored(self.run_with(server.url, "profile:top"), f"profile top, role {ROLE}")

    def minio_role(self):
        """A user of MinIO's, from whom a profile takes a role; MinIO answers for STS as well."""
        server = self.have(cases.world.minio)
        key = owners.minio_user(server, f"role{time.monotonic_ns()}", ALL)
        self.write(".aws/config", f"[profile top]\nrole_arn = {ROLE}\nsource_profile = base\nendpoint_url = {server.url}\n",
                   0o644)
        self.write(".aws/credentials", f"[base]\naws_access_key_id = {key.access}\naws_secret_access_key = {key.secret}\n")
        return server, key

    def test_a_role_of_minio(self):
        server, _ = self.minio_role()
        self.stored(self.run_with(server.url, "profile:top"), f"profile top, role {ROLE}")

    def test_a_role_of_minio_that_may_not_be_taken_on(self):
        server, key = self.minio_role()
        self.write(".aws/credentials", f"[base]\naws_access_key_id = {key.access}\naws_secret_access_key = wrong\n")
        with faults.Proxy(server.port) as proxy:
            self.write(".aws/config", f"[profile top]\nrole_arn = {ROLE}\nsource_profile = base\n"
                       f"endpoint_url = {proxy.url}\n", 0o644)
            self.refused(self.run_with(server.url, "profile:top"), "forbidden", "signature")
            self.assertEqual([r.method for r in proxy.asked()], ["POST"])

    def test_a_session_of_minio_that_expires_half_way(self):
        server, _ = self.minio_role()
        with faults.Proxy(server.port) as proxy:
            proxy.on(lambda r: r.is_part(2), faults.s3_error(400, "ExpiredToken"))
            result = self.run_with(proxy.url, "profile:top")
            self.stored(result, f"profile top, role {ROLE}")
            parts = proxy.asked(lambda r: r.is_part())
            self.assertEqual(sorted(r.query["partNumber"][0] for r in parts), ["1", "2", "2", "3", "4"], result)
            second = [r.headers["x-amz-security-token"] for r in parts if r.is_part(2)]
            self.assertNotEqual(second[0], second[1])
        key = result.files()["memory.bin"]["key"]
        self.assertEqual(data.sha256_of(server.get(f"{self.prefix}/{key}")["Body"], key), data.sha256(self.source))

    # --- programs and files -------------------------------------------------------------------------

    def program(self):
        """Each time that it is asked it tells another key, as far as there are any."""
        count = self.me.folder / "asked"
        return self.write("keys.sh", "#!/bin/sh\n"
                          f"echo x >> {count}\n"
                          "printf '{\"Version\": 1, \"AccessKeyId\": \"%s\", \"SecretAccessKey\": \"%s\", \"Expiration\": "
                          f"\"{date(3600)}\"}}' {ACCESS_KEY} {SECRET_KEY}\n", 0o700), count

    def test_a_token_that_expires_half_way(self):
        server = self.have(cases.world.versitygw)
        program, count = self.program()
        self.write(".aws/config", f"[default]\ncredential_process = {program}\n", 0o644)
        with faults.Proxy(server.port) as proxy:
            proxy.on(lambda r: r.is_part(2), faults.s3_error(400, "ExpiredToken"))
            result = self.run_with(proxy.url)
            self.stored(result, "credential_process")
            self.assertEqual(len(count.read_text().split()), 2)
            parts = [r.query["partNumber"][0] for r in proxy.asked(lambda r: r.is_part())]
            self.assertEqual(sorted(parts), ["1", "2", "2", "3", "4"], result)
            self.assertEqual(len(result.decided("auth_expired")), 1, result)
        key = result.files()["memory.bin"]["key"]
        self.assertEqual(data.sha256_of(server.get(f"{self.prefix}/{key}")["Body"], key), data.sha256(self.source))

    def test_a_program_that_fails(self):
        server = self.have(cases.world.versitygw)
        program = self.write("keys.sh", f"#!/bin/sh\necho 'the key {SECRET_KEY} is locked' >&2\nexit 3\n", 0o700)
        self.write(".aws/config", f"[default]\ncredential_process = {program}\n", 0o644)
        self.refused(self.run_with(server.url), "auth_missing", "ended with exit code 3: the key")

    def test_a_wrong_key_ends_in_one_try(self):
        server = self.have(cases.world.versitygw)
        with faults.Proxy(server.port) as proxy:
            for access, secret in (("AKIDNOBODY", SECRET_KEY), (ACCESS_KEY, "wrong")):
                before = len(proxy.asked())
                environment = {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret}
                self.refused(self.run_with(proxy.url, environment=environment), "auth_invalid", "")
                # A HEAD has no words: what it meant is asked with a GET.
                self.assertEqual([r.method for r in proxy.asked()[before:]], ["HEAD", "GET"])

    def test_keys_that_were_rotated(self):
        server = self.have(cases.world.versitygw)
        old = "[default]\naws_access_key_id = AKIDOLD\naws_secret_access_key = old\n"
        shared = self.write(".aws/credentials", old)
        new = f"[default]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"

        def rotate(exchange):
            shared.write_text(new)
            faults.s3_error(403, "InvalidAccessKeyId")(exchange)

        with faults.Proxy(server.port) as proxy:
            proxy.on(lambda r: r.method == "GET", rotate)
            self.stored(self.run_with(proxy.url), "credentials were read again")

    def test_files_that_others_can_read(self):
        server = self.have(cases.world.versitygw)
        shared = self.write(".aws/credentials", f"[default]\naws_access_key_id = {ACCESS_KEY}\n"
                            f"aws_secret_access_key = {SECRET_KEY}\n", 0o644)
        result = self.run_with(server.url)
        self.refused(result, "forbidden", "can be read by others (mode 0644)")
        self.assertIn(f"chmod 600 '{shared}'", result.report["error"]["hint"])

    def test_sso_is_refused_with_a_way_out(self):
        server = self.have(cases.world.versitygw)
        self.write(".aws/config", "[profile me]\nsso_session = s\n", 0o644)
        result = self.run_with(server.url, "profile:me")
        self.refused(result, "auth_missing", "sso_session")
        self.assertIn("credential_process", result.report["error"]["hint"])

    def test_doctor_tells_when_they_expire(self):
        server = self.have(cases.world.versitygw)
        program, _ = self.program()
        self.write(".aws/config", f"[default]\ncredential_process = {program}\n", 0o644)
        self.assert_stored(self.run_with(server.url))
        told = self.me.ask("doctor", "--json", "--policy", self.me.policy, "--state", self.me.state)
        target = [t for t in json.loads(told.out)["targets"] if t["name"] == "cloud"][0]
        self.assertEqual(target["credentials"]["source"], "profile default, credential_process")
        self.assertRegex(target["credentials"]["expires_at"], r"^\d{4}-\d\d-\d\dT")

    def test_profiles_that_lead_nowhere_say_where(self):
        server = self.have(cases.world.versitygw)
        role = f"role_arn = {ROLE}\n"
        chain = "".join(f"[profile p{i}]\n{role}source_profile = p{i + 1}\n" for i in range(12))
        for text, words in (
                (f"[profile me]\n{role}", "neither source_profile nor credential_source"),
                (f"[profile me]\n{role}source_profile = a\ncredential_source = Environment\n", "both source_profile and credential_source"),
                (f"[profile me]\n{role}credential_source = Somewhere\n", "credential_source is none of Environment, EcsContainer"),
                (f"[profile me]\n{role}credential_source = Environment\n", "credential_source Environment"),
                (f"[profile me]\n{role}credential_source = EcsContainer\n", "credential_source EcsContainer"),
                (f"[profile me]\n{role}source_profile = a\n[profile a]\n{role}source_profile = me\n", "source_profile leads back to profile me"),
                (f"[profile me]\n{role}source_profile = p0\n{chain}", "than"), (f"[profile me]\n{role}source_profile = absent\n", "absent"),
                (f"[profile me]\n{role}source_profile = a\nmfa_serial = arn:x\n", "mfa_serial, which is not supported"),
                (f"[profile me]\n{role}source_profile = a\nduration_seconds = 5\n", "duration_seconds is no number from 900"),
                (f"[profile me]\n{role}source_profile = a\nrole_session_name = a b\n", "a role session's name has"),
                (f"[profile me]\n{role}source_profile = a\nexternal_id = a b\n", "external_id has a blank"),
                ("[profile me]\nweb_identity_token_file = /nowhere\n", "web_identity_token_file is there, but role_arn is not"),
                (f"[profile me]\n{role}web_identity_token_file = {self.me.folder}/absent\n", "absent"),
                ("[profile me]\nregion = x\n", "profile me"), ("[profile other]\n", "profile me")):
            with self.subTest(text=text[:150]):
                self.write(".aws/config", text, 0o644)
                result = self.run_with(server.url, "profile:me")
                self.assertIn(result.code, (3, 6), result)
                self.assertIn(result.report["error"]["failure"], ("settings", "auth_missing"), result)
                self.assertIn(words, result.report["error"]["message"], result)
                self.assertEqual(len(self.me.queue()), 1)
