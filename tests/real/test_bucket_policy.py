"""What `bucket-policy` prints, at work: a key that has only this can sync, list, verify and restore, and nothing more."""

import json
import re
import shlex
import time
from pathlib import Path

import cases
import data
import grants
import owners
import schema
import servers
import sync
from world import BUCKET

PRINCIPAL = "arn:aws:iam::123456789012:user/laptop-7"
OTHER = "arn:aws:iam::123456789012:user/else"
OWN = "team/systems/laptop-7/"
PART = 5 << 20
SECURE = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
# Keys of conditions that versitygw refuses since it does not know them: those statements are decided by grants.py alone.
NOT_KNOWN_THERE = {"NoOldTls"}

# action, is it of an object?
OF_OBJECTS = ("s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:DeleteObject",
              "s3:DeleteObjectVersion", "s3:PutObjectAcl", "s3:GetObjectVersion", "s3:BypassGovernanceRetention")
OF_BUCKETS = ("s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:DeleteBucket", "s3:PutBucketPolicy",
              "s3:DeleteBucketPolicy", "s3:PutLifecycleConfiguration", "s3:PutBucketVersioning", "s3:PutBucketAcl",
              "s3:PutEncryptionConfiguration", "s3:PutBucketPublicAccessBlock", "s3:GetBucketPolicy")
USES = {"sync": OF_OBJECTS[:4], "restore": ("s3:GetObject",), "prune": ("s3:GetObject", "s3:DeleteObject")}


class Printed(cases.Case):
    """The documents, decided by the rules that AWS has."""

    def print(self, *arguments, bucket="my-memories", system="laptop-7", code=0):
        result = self.person().ask("bucket-policy", "--bucket", bucket, "--system-id", system, *arguments)
        self.assert_code(result, code)
        return json.loads(result.out) if code == 0 else result

    def decide(self, documents, action, key=None, prefix=None, who=PRINCIPAL, **context):
        resource = "arn:aws:s3:::my-memories" + ("" if key is None else f"/{key}")
        asked = {**SECURE, **({} if prefix is None else {"s3:prefix": prefix}), **context}
        return grants.decision(documents, who, action, resource, asked)

    def assert_least(self, documents, use):
        """Of everything that is tried, exactly what the use needs is allowed."""
        for action in OF_OBJECTS:
            for key, own in ((OWN + "20260101T000000Z-abcdef/x.zst", True), (OWN, True), ("team/systems/laptop-70/x", False),
                             ("team/systems/laptop-7", False), ("team/systems/other/x", False), ("systems/laptop-7/x", False),
                             ("x/" + OWN + "x", False), ("team/x", False)):
                with self.subTest(action=action, key=key):
                    allowed = self.decide(documents, action, key) == "allow"
                    self.assertEqual(allowed, own and action in USES[use])
        for action in OF_BUCKETS:
            self.assertNotEqual(self.decide(documents, action, prefix=OWN), "allow", action)
        for prefix, allowed in ((OWN, True), (OWN + "20260101T000000Z-abcdef/", True), (None, False), ("", False),
                                ("team/", False), ("team/systems/", False), ("team/systems/laptop-7", False),
                                ("team/systems/laptop-70/", False)):
            self.assertEqual(self.decide(documents, "s3:ListBucket", prefix=prefix) == "allow", allowed, prefix)

    def test_an_identity_may_what_it_needs(self):
        for use in USES:
            self.assert_least([self.print("--prefix", "team", "--document", "identity", "--for", use)], use)

    def test_a_bucket_lets_one_principal_do_what_it_needs(self):
        for use in USES:
            document = self.print("--prefix", "team", "--principal", PRINCIPAL, "--for", use)
            self.assert_least([document], use)
            for action in OF_OBJECTS:
                self.assertEqual(self.decide([document], action, OWN + "x", who=OTHER), "none")

    def test_a_bucket_takes_away_what_something_else_allows(self):
        everything = {"Version": "2012-10-17", "Statement": [{"Sid": "All", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        document = self.print("--prefix", "team", "--principal", PRINCIPAL)
        for action in ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention", "s3:PutObjectAcl"):
            self.assertEqual(self.decide([everything, document], action, OWN + "x"), "deny", action)
        for action in OF_BUCKETS[1:-1]:
            self.assertEqual(self.decide([everything, document], action), "deny", action)
        for action in ("s3:ListBucket", "s3:ListBucketVersions"):
            self.assertEqual(self.decide([everything, document], action, prefix="team/systems/"), "deny")
            self.assertEqual(self.decide([everything, document], action), "deny")
        self.assertEqual(self.decide([everything, document], "s3:DeleteObject", OWN + "x", who=OTHER), "allow")
        pruner = self.print("--prefix", "team", "--principal", PRINCIPAL, "--for", "prune")
        self.assertEqual(self.decide([everything, pruner], "s3:DeleteObject", OWN + "x"), "allow")
        self.assertEqual(self.decide([everything, pruner], "s3:DeleteObjectVersion", OWN + "x"), "deny")

    def test_nobody_comes_over_plain_or_old_connections(self):
        everything = {"Version": "2012-10-17", "Statement": [{"Sid": "All", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        for document in (self.print(), self.print("--prefix", "team", "--principal", PRINCIPAL)):
            for who in (PRINCIPAL, OTHER):
                for context, wanted in (({"aws:SecureTransport": "false"}, "deny"), ({"s3:TlsVersion": "1.1"}, "deny"),
                                        ({"s3:TlsVersion": "1.0"}, "deny"), ({"s3:TlsVersion": "1.2"}, "allow"), ({}, "allow")):
                    self.assertEqual(self.decide([everything, document], "s3:GetObject", OWN + "x", who=who, **context), wanted)

    def test_names_that_would_stand_for_more_are_refused(self):
        for arguments in (("--prefix", "*"), ("--prefix", "a?"), ("--prefix", "${aws:username}"), ("--principal", "*"),
                          ("--principal", "arn:aws:iam::123456789012:root"), ("--principal", "123456789012"),
                          ("--document", "identity", "--principal", PRINCIPAL), ("--document", "everything"), ("--for", "all")):
            refused = self.print(*arguments, code=2)
            self.assertRegex(refused.err, r"^akosha-sync: .*\n(hint: .*\n)?$")
            self.assertEqual(refused.out, "")
        self.assertIn("bucket: ", self.print(bucket="my-*", code=2).err)
        self.assertIn("system id: ", self.print(system="*", code=2).err)
        told = self.print("--json", "--prefix", "*", code=2)
        self.assertEqual(json.loads(told.out)["error"]["failure"], "settings")
        self.assert_code(self.person().ask("bucket-policy"), 2)

    def test_the_machine_is_this_one_unless_another_is_named(self):
        person = self.person()
        named = person.ask("bucket-policy", "--bucket", "my-memories", "--document", "identity",
                           environment={"AKOSHA_SYSTEM_ID": "box-9"})
        self.assertIn('"arn:aws:s3:::my-memories/systems/box-9/*"', named.out)
        self.assertEqual(list(person.folder.glob("state*")), [])

    def test_what_is_broken_is_found_out(self):
        """The evaluator is no judge that lets everything pass."""
        good = json.dumps(self.print("--prefix", "team", "--principal", PRINCIPAL))
        for old, new, action, key, prefix, who, context in (
                ("systems/laptop-7/*", "systems/*", "s3:GetObject", "team/systems/other/x", None, PRINCIPAL, {}),
                ("systems/laptop-7/*", "systems/laptop-7*", "s3:PutObject", "team/systems/laptop-70/x", None, PRINCIPAL, {}),
                ("systems/laptop-7/*", "systems/*", "s3:ListBucket", None, "team/systems/", PRINCIPAL, {}),
                ('"s3:PutObject",', '"s3:PutObject", "s3:GetObjectVersion",', "s3:GetObjectVersion", OWN + "x", None, PRINCIPAL, {}),
                (PRINCIPAL, "*", "s3:GetObject", OWN + "x", None, OTHER, {}),
                ('"Deny"', '"Allow"', "s3:DeleteObject", OWN + "x", None, PRINCIPAL, {}),
                ('"false"', '"true"', "s3:GetObject", OWN + "x", None, PRINCIPAL, {"aws:SecureTransport": "false"}),
                ('"1.2"', '"1.0"', "s3:GetObject", OWN + "x", None, PRINCIPAL, {"s3:TlsVersion": "1.1"})):
            with self.subTest(old=old, new=new, action=action):
                self.assertIn(old, good)
                self.assertNotEqual(self.decide([json.loads(good)], action, key, prefix, who=who, **context), "allow")
                broken = json.loads(good.replace(old, new))
                self.assertEqual(self.decide([broken], action, key, prefix, who=who, **context), "allow")

    def test_documents_are_of_the_form_that_the_interface_has(self):
        servers.get("boto3")
        import botocore.session
        from botocore.validate import ParamValidator
        model = botocore.session.get_session().get_service_model("s3")
        for name, operation, field in (
                ("lifecycle", "PutBucketLifecycleConfiguration", "LifecycleConfiguration"),
                ("public-access", "PutPublicAccessBlock", "PublicAccessBlockConfiguration"),
                ("encryption", "PutBucketEncryption", "ServerSideEncryptionConfiguration")):
            shape = model.operation_model(operation).input_shape
            for fields, fits in (({field: self.print("--document", name)}, True), ({field: {"Rule": []}}, False)):
                found = ParamValidator().validate({"Bucket": "my-memories", **fields}, shape)
                self.assertEqual(not found.has_errors(), fits, found.generate_report())

    def test_all_is_each(self):
        everything = self.print("--document", "all", "--prefix", "team")
        for name, document in everything.items():
            self.assertEqual(document, self.print("--document", name, "--prefix", "team"))


class AtWork(cases.Case):
    """Real servers with a second and a third user."""

    def setUp(self):
        self.me = self.person()
        self.source = data.random_bytes(self.me.folder / "memory.bin", PART + 1000)
        self.small = self.me.source("notes.txt", lambda path: path.write_text("first"))
        self.prefix = f"guarded-{time.monotonic_ns()}"
        self.own = f"{self.prefix}/systems/{sync.SYSTEM}/"

    def print(self, *arguments):
        result = self.me.ask("bucket-policy", "--bucket", BUCKET, "--prefix", self.prefix, "--system-id", sync.SYSTEM, *arguments)
        self.assert_code(result, 0)
        return json.loads(result.out)

    def policy(self, server):
        self.me.policy.write_text(sync.policy({"cloud": sync.s3(server, prefix=self.prefix)}))

    def ask(self, key, *arguments):
        return self.me.ask(*arguments, "--json", "--policy", self.me.policy, "--state", self.me.state,
                           environment=key.environment())

    def assert_works(self, server, key):
        """Sync, also of what has changed and with a lost state; list, verify, restore."""
        self.policy(server)
        for i in range(2):
            result = self.ask(key, "run", str(self.source), str(self.small))
            self.assert_stored(result, "cloud")
            self.assertNotIn("could not", result.err)
            self.small.write_text(f"changed {i}")
        self.me.state = self.me.folder / "state-anew"
        self.assert_stored(self.ask(key, "run", str(self.source), str(self.small)), "cloud")
        listed = self.ask(key, "list")
        self.assert_code(listed, 0)
        schema.check("list", listed.report)
        self.assertEqual(len(listed.report["targets"][0]["uploads"]), 3)
        self.assert_code(self.ask(key, "verify"), 0)
        to = self.me.folder / "back"
        self.assert_code(self.ask(key, "restore", "--to", str(to)), 0)
        self.assertEqual(data.sha256(to / "memory.bin"), data.sha256(self.source))
        self.assertEqual((to / "notes.txt").read_text(), "changed 1")

    def assert_refused(self, server, key, name, **fields):
        """On a connection of its own: versitygw takes a body that it refused for the next request."""
        from botocore.exceptions import ClientError
        client = key.client(server)
        self.addCleanup(client.close)
        with self.assertRaises(ClientError) as raised:
            getattr(client, name)(Bucket=BUCKET, **fields)
        self.assertIn(raised.exception.response["Error"]["Code"], ("AccessDenied", "403"), raised.exception)

    def assert_no_more(self, server, key):
        """Others' objects and names, and removing anything at all."""
        owner, client = server.client(), key.client(server)
        other = f"{self.prefix}/systems/{sync.SYSTEM}-2/20260101T000000Z-abcdef/x"
        owner.put_object(Bucket=BUCKET, Key=other, Body=b"another's")
        mine = next(k for k in sorted(server.objects(self.own)) if k.endswith("manifest.json"))
        self.assertEqual(client.get_object(Bucket=BUCKET, Key=mine)["Body"].read()[:1], b"{")
        for name, fields in (("get_object", {"Key": other}), ("head_object", {"Key": other}), ("delete_object", {"Key": other}),
                             ("delete_object", {"Key": mine}), ("put_object", {"Key": other, "Body": b"mine now"}),
                             ("put_object", {"Key": f"{self.prefix}/systems/x", "Body": b""}),
                             ("put_object", {"Key": "x", "Body": b""}),
                             ("create_multipart_upload", {"Key": other}),
                             ("copy_object", {"Key": self.own + "stolen", "CopySource": f"{BUCKET}/{other}"}),
                             ("list_objects_v2", {}), ("list_objects_v2", {"Prefix": f"{self.prefix}/systems/"}),
                             ("list_objects_v2", {"Prefix": f"{self.prefix}/systems/{sync.SYSTEM}-2/"}),
                             ("list_multipart_uploads", {}), ("get_bucket_policy", {}), ("delete_bucket_policy", {}),
                             ("delete_bucket", {})):
            with self.subTest(name=name, **{k: str(v) for k, v in fields.items()}):
                self.assert_refused(server, key, name, **fields)
        errors = client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": mine}, {"Key": other}]}).get("Errors", [])
        self.assertEqual(len(errors), 2)
        self.assertEqual(owner.get_object(Bucket=BUCKET, Key=other)["Body"].read(), b"another's")
        self.assertIn(mine, server.objects(self.own))
        self.assertEqual(server.open_uploads(self.prefix), [])

    def assert_prunes(self, server, key, cleaner):
        """The key of every day cannot; the one for it can, and can do nothing else."""
        self.assert_code(self.ask(key, "prune", "--keep", "last=1", "--apply"), 6)
        before = sum(k.endswith("manifest.json") for k in server.objects(self.own))
        self.assert_code(self.ask(cleaner, "prune", "--keep", "last=1", "--apply"), 0)
        self.assertLess(sum(k.endswith("manifest.json") for k in server.objects(self.own)), before)
        self.assert_refused(server, cleaner, "put_object", Key=self.own + "x", Body=b"")
        self.assert_refused(server, cleaner, "list_objects_v2", Prefix=f"{self.prefix}/systems/")

    def put_policy(self, server, *documents):
        """As the bucket's owner; without what the server does not know."""
        statements = {one["Sid"] + str(i): one for i, document in enumerate(documents) for one in document["Statement"]
                      if one["Sid"] not in NOT_KNOWN_THERE}
        server.client().put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(
            {"Version": "2012-10-17", "Statement": [{**one, "Sid": sid} for sid, one in statements.items()]}))
        self.addCleanup(server.client().delete_bucket_policy, Bucket=BUCKET)

    def test_versitygw_with_other_users(self):
        server = self.have(owners.versitygw_with_users, cases.world, True)
        key, cleaner = (owners.versitygw_user(server, f"{name}{time.monotonic_ns()}") for name in ("laptop", "cleaner"))
        self.policy(server)
        self.assert_code(self.ask(key, "run", str(self.small)), 6)
        self.put_policy(server, self.print("--principal", key.access),
                        self.print("--principal", cleaner.access, "--for", "prune"))
        self.assert_works(server, key)
        self.assert_no_more(server, key)
        self.assert_prunes(server, key, cleaner)

    def test_versitygw_over_a_plain_connection(self):
        server = self.have(owners.versitygw_with_users, cases.world, False)
        key = owners.versitygw_user(server, f"laptop{time.monotonic_ns()}")
        document = self.print("--principal", key.access)
        without = {"Statement": [one for one in document["Statement"] if one["Sid"] != "NoPlainTransport"]}
        self.put_policy(server, without)
        self.policy(server)
        self.assert_stored(self.ask(key, "run", str(self.small)), "cloud")
        self.put_policy(server, document)
        self.small.write_text("changed")
        refused = self.ask(key, "run", str(self.small))
        self.assert_code(refused, 6)
        self.assertEqual(refused.report["error"]["failure"], "forbidden")

    def test_minio_with_a_user(self):
        server = self.have(cases.world.minio)
        documents = [self.print("--document", "identity", "--for", use) for use in ("sync", "prune")]
        key, cleaner = (owners.minio_user(server, f"{name}{time.monotonic_ns()}", document)
                        for name, document in zip(("laptop", "cleaner"), documents))
        self.assert_works(server, key)
        self.assert_no_more(server, key)
        self.assert_prunes(server, key, cleaner)


class Page(cases.Case):
    """docs/security.md says what the program says."""

    PAGE = (Path(__file__).resolve().parents[2] / "docs" / "security.md").read_text()

    def test_the_documents_of_the_page_are_what_is_printed(self):
        shown = re.findall(r"^akosha-sync (bucket-policy .*)\n```\n\n```json\n(.*?)```", self.PAGE, re.MULTILINE | re.DOTALL)
        self.assertEqual(len(shown), 1)
        for command, document in shown:
            result = self.person().ask(*shlex.split(command))
            self.assert_code(result, 0)
            self.assertEqual(result.out, document)

    def test_every_command_of_the_page_is_one(self):
        commands = re.findall(r"^akosha-sync (bucket-policy [^>|\n]*)", self.PAGE, re.MULTILINE)
        self.assertGreater(len(commands), 6)
        for command in commands:
            self.assert_code(self.person().ask(*shlex.split(command)), 0)
