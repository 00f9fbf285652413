"""Users of real S3 servers beside the one that owns everything: with keys of their own, and what they are allowed."""

import ctypes
import ctypes.util
import hashlib
import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import servers
from world import ACCESS_KEY, REGION, SECRET_KEY, S3Server, free_port


class Key:
    """What a user signs with."""

    def __init__(self, name):
        self.access, self.secret = name, f"{name}-secret-0123456789"

    def environment(self):
        return {"AWS_ACCESS_KEY_ID": self.access, "AWS_SECRET_ACCESS_KEY": self.secret}

    def client(self, server, **options):
        servers.get("boto3")
        import boto3
        from botocore.config import Config
        return boto3.client(
            "s3", endpoint_url=server.url, region_name=REGION, aws_access_key_id=self.access,
            aws_secret_access_key=self.secret, verify=str(server.ca) if server.tls else None,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}), **options)


def versitygw_user(server, name):
    """A user of a versitygw that keeps users (--iam-dir)."""
    key = Key(name)
    command = [servers.get("versitygw"), "admin", "--access", ACCESS_KEY, "--secret", SECRET_KEY,
               "--endpoint-url", server.url, *(["--allow-insecure"] if server.tls else []),
               "create-user", "--access", key.access, "--secret", key.secret, "--role", "user"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"versitygw made no user {name}: {done.stdout}{done.stderr}")
    return key


def minio_user(server, name, document):
    """A user of MinIO who is allowed what ${document} says, by its administration interface."""
    key = Key(name)
    policy = f"{name}-policy"
    minio_ask(server, "add-canned-policy", {"name": policy}, json.dumps(document).encode())
    minio_ask(server, "add-user", {"accessKey": key.access},
              sealed(SECRET_KEY, json.dumps({"secretKey": key.secret, "status": "enabled"}).encode()))
    minio_ask(server, "set-user-or-group-policy", {"policyName": policy, "userOrGroup": name, "isGroup": "false"}, b"")
    return key


def minio_ask(server, what, query, body):
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    url = f"{server.url}/minio/admin/v3/{what}?{urllib.parse.urlencode(query)}"
    request = AWSRequest(method="PUT", url=url, data=body)
    S3SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", REGION).add_auth(request)
    asked = urllib.request.Request(url, data=body, headers=dict(request.headers), method="PUT")
    try:
        urllib.request.urlopen(asked, timeout=60).close()
    except urllib.error.HTTPError as why:
        raise RuntimeError(f"MinIO: {what}: {why.code} {why.read()[:500]}") from why


def sealed(password, data):
    """As MinIO wants secrets over this interface: a salt, how it was sealed (2: PBKDF2 and AES-256-GCM), a nonce, and one
    last fragment of a stream in which the tag of nothing stands before every fragment."""
    salt, nonce = os.urandom(32), os.urandom(8)
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 8192, 32)
    first = aes_256_gcm(key, nonce + (0).to_bytes(4, "little"), b"", b"")
    return salt + b"\x02" + nonce + aes_256_gcm(key, nonce + (1).to_bytes(4, "little"), data, b"\x80" + first)


def aes_256_gcm(key, nonce, data, beside):
    """Ciphertext and tag, by OpenSSL's library: Python has none of its own."""
    crypto = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
    for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_gcm"):
        getattr(crypto, name).restype = ctypes.c_void_p
    context = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new())
    out, tag, length = ctypes.create_string_buffer(len(data) + 16), ctypes.create_string_buffer(16), ctypes.c_int()
    get_tag = 0x10
    done = (crypto.EVP_EncryptInit_ex(context, ctypes.c_void_p(crypto.EVP_aes_256_gcm()), None, key, nonce),
            crypto.EVP_EncryptUpdate(context, None, ctypes.byref(length), beside, len(beside)),
            crypto.EVP_EncryptUpdate(context, out, ctypes.byref(length), data, len(data)),
            crypto.EVP_EncryptFinal_ex(context, out, ctypes.byref(length)) if not data else
            crypto.EVP_EncryptFinal_ex(context, ctypes.byref(out, len(data)), ctypes.byref(length)),
            crypto.EVP_CIPHER_CTX_ctrl(context, get_tag, 16, tag))
    crypto.EVP_CIPHER_CTX_free(context)
    if done != (1, 1, 1, 1, 1):
        raise RuntimeError(f"AES-256-GCM: {done}")
    return out.raw[:len(data)] + tag.raw


def versitygw_with_users(world, tls):
    """A versitygw of its own that keeps users, with the bucket."""
    def make():
        program, port = servers.get("versitygw"), free_port()
        certificates = world.certificates()
        command = [program, "--port", f"127.0.0.1:{port}", "--quiet", "--keep-alive", "--iam-dir", world.place("users")]
        if tls:
            command += ["--cert", certificates.certificate, "--key", certificates.key]
        process = world.start(f"versitygw-users-{tls}", [*command, "posix", world.place("versitygw")],
                              {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY})
        return S3Server("versitygw", port, tls, certificates.ca).ready(process)
    return world.once(("versitygw with users", tls), make)
