"""Secrets that are planted, and the search for them: in every encoding that a program might tell them in."""

import base64
import json
import os
import urllib.parse
from pathlib import Path

# Whoever adds a kind of secret to the program adds it here: (name, value, variable that it is planted in, or None).
KEY_ID = "AKIAPLANTEDKEYID0042"
SECRET_KEY = "wPlantedKey/bPxRfi+CYSECRETKEY0123456789"
SESSION_TOKEN = "FwoPlantedSession//" + "Tok3n+" * 30 + "end=="
BEARER = "planted.bearer+token/of~the~leak~tests=="
FILE_VALUE = "planted-file-value/8c1f+2b~77"
COMMAND_VALUE = "planted-command-value/5d0e+9a~31"
PROXY_PASSWORD = "planted-proxy-password-66aa"
PASSPHRASE = "planted passphrase & \"quotes\" of nine words"
IDENTITY = "AGE-SECRET-KEY-1PLANTED9X8GF2TVDW0S3JN54KHCE6MUA7L0QQPZRY9X8GF2TVDW0S"
PLANTED = {
    "key id": KEY_ID,
    "secret key": SECRET_KEY,
    "session token": SESSION_TOKEN,
    "bearer token": BEARER,
    "secret file's value": FILE_VALUE,
    "secret command's value": COMMAND_VALUE,
    "proxy password": PROXY_PASSWORD,
    "passphrase": PASSPHRASE,
    "age identity": IDENTITY,
}
PIECE = 20      # so much of a value in a row is a find as well


def base64_forms(value):
    """What the value looks like wherever it stands in something that is encoded: its own whole characters."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + value)
        first = (before * 8 + 5) // 6
        whole = encoded[first:(before + len(value)) * 8 // 6]
        yield f"base64 at {before}", whole
        yield f"base64url at {before}", whole.replace(b"+", b"-").replace(b"/", b"_")


def forms(value):
    """(name, bytes) of a value in every encoding, and of its beginning and its end."""
    raw = value.encode()
    yield "raw", raw
    if len(raw) > PIECE:
        yield "its beginning", raw[:PIECE]
        yield "its end", raw[-PIECE:]
    yield "hex", raw.hex().encode()
    yield "HEX", raw.hex().upper().encode()
    percent = urllib.parse.quote(value, safe="")
    yield "percent", percent.encode()
    yield "percent, lower case", "".join(c if c[0] != "%" else c.lower() for c in percent_parts(percent)).encode()
    yield "percent, but slashes", urllib.parse.quote(value, safe="/").encode()
    yield "percent, all of it", "".join(f"%{byte:02X}" for byte in raw).encode()
    yield "percent, twice", urllib.parse.quote(percent, safe="").encode()
    yield "JSON", json.dumps(value)[1:-1].encode()
    yield "JSON in JSON", json.dumps(json.dumps(value)[1:-1])[1:-1].encode()
    yield "JSON, slashes too", json.dumps(value)[1:-1].replace("/", "\\/").encode()
    yield "UTF-16", value.encode("utf-16-le")
    yield from base64_forms(raw)


def percent_parts(text):
    at = 0
    while at < len(text):
        width = 3 if text[at] == "%" else 1
        yield text[at:at + width]
        at += width


NEEDLES = [(name, form, needle) for name, value in PLANTED.items() for form, needle in dict(forms(value)).items()]


def search(blob):
    """"the secret key in hex" for each that is found in those bytes."""
    if isinstance(blob, str):
        blob = blob.encode("utf-8", "surrogateescape")
    return sorted({f"the {name} as {form}" for name, form, needle in NEEDLES if needle in blob})


def search_folder(folder, but=()):
    """(path, what) of all that is found below a folder, in files, their names and what links point to; how many there were."""
    found, seen = [], 0
    for here, folders, names in os.walk(folder):
        for name in folders + names:
            path = Path(here) / name
            if path in but:
                continue
            finds = search(str(path))
            if path.is_symlink():
                finds += search(os.readlink(path))
            elif path.is_file():
                seen += 1
                finds += search(path.read_bytes())
            found += [(str(path.relative_to(folder)), find) for find in finds]
    return found, seen
