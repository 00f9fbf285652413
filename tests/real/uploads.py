"""Uploads made by hand in the folder of a dir target: such as earlier releases left, others wrote, or nobody should."""

import gzip
import hashlib
import json
import subprocess
from pathlib import Path

import sync


def zstd(data):
    return subprocess.run(["zstd", "-c", "-q"], input=data, capture_output=True, check=True).stdout


PACK = {"none": bytes, "gzip": lambda data: gzip.compress(data, mtime=0), "zstd": zstd}
SUFFIX = {"none": "", "gzip": ".gz", "zstd": ".zst"}


def sha(data):
    return hashlib.sha256(data).hexdigest()


class Upload:
    """One upload: add objects, change what is wanted wrong in .manifest, and commit."""

    def __init__(self, root, upload_id, system=sync.SYSTEM):
        self.root, self.id, self.system = Path(root), upload_id, system
        self.folder = self.root / "systems" / system / upload_id
        self.folder.mkdir(parents=True)
        self.objects = []
        self.head = {"format": "akosha-sync/1", "version": "1.0", "system_id": system, "upload_id": upload_id,
                     "uploader": {"name": "akosha-sync", "version": "0.1.0"}, "uploaded_at": self.date(),
                     "conversation_count": 0, "memories": None, "policy_sha256": None, "audit_head": None}

    def date(self):
        i = self.id
        return f"{i[0:4]}-{i[4:6]}-{i[6:8]}T{i[9:11]}:{i[11:13]}:{i[13:15]}Z"

    def add(self, name, data, source=None, kind="file", role="main", codec="zstd", key=None, **fields):
        stored = PACK[codec](data)
        entry = {"name": name, "key": key or f"systems/{self.system}/{self.id}/{name}{SUFFIX[codec]}",
                 "source_name": source or f"/home/someone/{name}", "kind": kind, "role": role, "bytes": len(data),
                 "sha256": sha(data), "codec": codec, "encryption": None, "stored_bytes": len(stored),
                 "stored_sha256": sha(stored), "part_bytes": 5 * 1024 * 1024, "parts": 1,
                 "snapshot": {"method": "identity", "writer": False, "taken_at": self.date()}, **fields}
        if key is None:
            (self.folder / Path(entry["key"]).name).write_bytes(stored)
        self.objects.append(entry)
        return entry

    def commit(self):
        files = [{"name": Path(o["key"]).name, "size_bytes": o["stored_bytes"], "sha256": o["stored_sha256"]}
                 for o in self.objects]
        text = {**self.head, "objects": self.objects, "files": files,
                "total_size_bytes": sum(f["size_bytes"] for f in files)}
        (self.folder / "manifest.json").write_text(json.dumps(text, indent=2) + "\n")
        return self
