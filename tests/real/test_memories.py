"""memories.json: a manifest that Akosha's rules take, and a worker that does what Akosha's does, which finds all uploads and
ends with as many memories as the tables have rows, content and embeddings equal to a direct query, none twice."""

import json
import shutil
import subprocess

import cases
import data
import engines
import sync

PYDANTIC = "2.14.4"
RULES = r"""
import json, sys
from datetime import datetime, timedelta, timezone
from typing import Optional
from pydantic import BaseModel, Field, field_validator, model_validator
class Manifest(BaseModel):
    uploaded_at: datetime
    conversation_count: int = Field(ge=0, le=1_000_000)
    total_size_bytes: Optional[int] = Field(default=None, ge=0, le=100_000_000_000)
    version: str = Field(default="1.0", pattern=r"^\d+\.\d+$")
    system_type: Optional[str] = Field(default=None, min_length=1, max_length=50)
    checksum: Optional[str] = Field(default=None, pattern=r"^[a-f0-9]{64}$")
    compressed: bool = False
    compression_format: Optional[str] = None
    files: list[str] = Field(default_factory=list)
    metadata: dict = Field(default_factory=dict)
    @field_validator("uploaded_at")
    @classmethod
    def recent(cls, value):
        now = datetime.now(timezone.utc)
        assert now - timedelta(days=365) <= value <= now + timedelta(minutes=5)
        return value
    @field_validator("files")
    @classmethod
    def names(cls, value):
        import re
        for name in value:
            assert len(name) <= 255 and re.match(r"^[a-zA-Z0-9_\-\.]+$", name) and ".." not in name and "~" not in name
        return value
    @model_validator(mode="after")
    def format_fits(self):
        assert self.compression_format in (("gzip", "zstd", "lz4") if self.compressed else (None,))
        return self
for text in json.load(sys.stdin):
    print(Manifest.model_validate(json.loads(text)).conversation_count)
"""
# {table: {id: [text, embedding or null]}} as they should arrive.
DIRECT = r"""
import duckdb, json, sys
c = duckdb.connect(sys.argv[1], read_only=True)
found = {}
for table, more in (("conversations_v2", "reasoning"), ("reflections_v2", "NULL")):
    found[table] = {i: [t if not r else t + "\n\nReasoning: " + r, e and list(e)] for i, t, r, e in
                    c.execute("SELECT id, content, %s, embedding FROM %s" % (more, table)).fetchall()}
print(json.dumps(found))
"""
ONE_MORE = r"""
import duckdb, sys
c = duckdb.connect(sys.argv[1])
for i in range(7):
    c.execute("INSERT INTO conversations_v2 (id, content, embedding, category, timestamp, reasoning) VALUES"
              " (uuid(), ?, ?, 'test', TIMESTAMP '2026-11-01' + INTERVAL (?) SECOND, ?)",
              ["quoted \"text\" \\ \u00e4 \n " + str(i), [i / 7] * 384 if i < 5 else None, i, "why" if i == 3 else None])
"""


class Worker:
    """What Akosha's does each round, with a `get` in the adapter that collapses slashes."""

    def __init__(self, server, flat):
        self.server, self.flat = server, flat
        self.memories, self.twice, self.uploads, self.manifests = {}, [], [], []

    def list(self, prefix):
        keys = list(self.server.objects(prefix))
        if self.flat:
            return keys
        return sorted({prefix + key[len(prefix):].split("/")[0] + "/" for key in keys if "/" in key[len(prefix):]})

    def get(self, key):
        while "//" in key:
            key = key.replace("//", "/")
        try:
            return self.server.get(key)["Body"].read()
        except self.server.client().exceptions.NoSuchKey:
            return None

    def round(self):
        for system in {found.rstrip("/").split("/")[-1] for found in self.list("systems/")}:
            for prefix in self.list(f"systems/{system}/"):
                if prefix.endswith("/") and prefix.rstrip("/").split("/")[-1] != system:
                    self.take(prefix)
        return self

    def take(self, prefix):
        manifest = self.get(prefix + "manifest.json")
        if manifest is None:
            return
        self.uploads.append(prefix.rstrip("/").split("/")[-1])
        self.manifests.append(manifest.decode())
        text = self.get(prefix + "/memories.json")
        taken = json.loads(text)["conversations"] if text is not None else []
        assert len(taken) == json.loads(manifest)["conversation_count"], prefix
        for memory in taken:
            if memory["id"] in self.memories:
                self.twice.append(memory["id"])
            self.memories[memory["id"]] = memory


class Memories(cases.Case):
    def setUp(self):
        self.python = self.have(engines.duckdb_python)
        self.path = {"PATH": f"{self.python.parent}:/usr/bin:/bin"}
        self.me = self.person()
        self.database = self.me.source("reflection.duckdb", lambda path: shutil.copy(data.DATABASES / path.name, path))
        self.wal = self.database.with_name("reflection.duckdb.wal")

    def run_it(self, text, **options):
        options.setdefault("environment", self.path)
        return self.me.run(text, [self.database], **options)

    def told(self, result):
        return result.report["targets"][0]["memories_file"]

    def direct(self):
        copy = self.me.folder / "direct.duckdb"
        shutil.copy(self.database, copy)
        if self.wal.exists():
            shutil.copy(self.wal, f"{copy}.wal")
        done = subprocess.run([self.python, "-c", DIRECT, copy], capture_output=True, text=True, check=True)
        return {i: row for rows in json.loads(done.stdout).values() for i, row in rows.items()}

    def add(self, script=ONE_MORE):
        subprocess.run([self.python, "-c", script, self.database], check=True)

    def test_a_worker_ends_with_every_row_once(self):
        server = self.have(cases.world.versitygw)
        text = sync.policy({"cloud": sync.s3(server)}, system_id="'memories-box'")
        rows = []
        for session in (lambda: None,
                        lambda: shutil.copy(data.DATABASES / "reflection.live.duckdb.wal", self.wal), self.add):
            session()
            result = self.run_it(text)
            self.assert_stored(result, "cloud")
            self.assertIsNone(self.told(result)["error"], result)
            rows.append(self.told(result)["rows"])
        self.assertEqual(rows, [2000, 45, 7])
        wanted = self.direct()
        self.assertEqual(len(wanted), 2052)
        for flat in (False, True):
            worker = Worker(server, flat).round()
            mine = {i: m for i, m in worker.memories.items() if m["metadata"]["source"] == "memories-box"}
            self.assertEqual(sum("memories-box" in m for m in worker.manifests), 3)
            self.assertEqual(worker.twice, [])
            self.assertEqual({i: [m["content"], m.get("embedding")] for i, m in mine.items()}, wanted)
        pydantic = self.have(engines.install, f"pydantic-{PYDANTIC}", engines.with_pip(f"pydantic=={PYDANTIC}"))
        done = subprocess.run([pydantic / "bin" / "python", "-c", RULES], input=json.dumps(worker.manifests),
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(map(int, done.stdout.split()))[-1], 2000)
        self.assertEqual(self.run_it(text).report["outcome"], "unchanged")

    def local(self, **fields):
        return sync.policy({"place": sync.builder("dir", path=self.me.folder / "there")}, **fields)

    def test_without_a_reader_the_file_goes_and_the_rows_follow(self):
        result = self.run_it(self.local(), environment={"PATH": "/nowhere"})
        self.assert_stored(result, "place")
        self.assertEqual((self.told(result)["rows"], self.told(result)["mode"]), (0, None))
        self.assertEqual(self.told(result)["error"]["source"], "reflection.duckdb")
        self.assertTrue(self.told(result)["error"]["hint"])
        self.assertEqual(list((self.me.folder / "there").rglob("memories.json")), [])
        self.add()
        result = self.run_it(None)
        self.assert_stored(result, "place")
        self.assertEqual(self.told(result)["rows"], 2007)
        self.assertEqual(self.told(result)["mode"], "all")

    def test_what_who_was_killed_left_is_taken_away(self):
        left = [self.me.state / "scratch" / name for name in ("memories-20200101T000000Z-a-0.json", "ab.memories")]
        left.append(self.me.state / "snapshots" / "rows-0123" / "main")
        other = self.me.state / "scratch" / "ab.part"
        for path in (*left, other):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_text("of a memory")
        self.me.state.chmod(0o700)
        self.assertEqual(self.told(self.run_it(self.local()))["rows"], 2000)
        self.assertEqual([path for path in left if path.exists()], [])
        self.assertTrue(other.exists())

    def test_a_policy_says_which(self):
        self.assertNotIn("memories_file", self.run_it(self.local(memories="'none'")).report["targets"][0])
        for rows in (2007, 2014):
            self.add()
            self.assertEqual(self.told(self.run_it(self.local(memories="'all'")))["rows"], rows)

    def test_who_lost_the_state_knows_from_the_manifests(self):
        self.assertEqual(self.told(self.run_it(self.local()))["rows"], 2000)
        shutil.rmtree(self.me.state)
        self.add()
        self.assertEqual(self.told(self.run_it(None))["rows"], 7)
        prune = self.me.ask("prune", "--policy", self.me.policy, "--state", self.me.state, "--keep", "last=1", "--json")
        self.assert_code(prune, 0)
        self.assertIn("no kept upload holds its memories", prune.out)

    def test_who_was_killed_before_it_was_noted_asks_the_manifest(self):
        self.assertEqual(self.told(self.run_it(self.local()))["rows"], 2000)
        import sqlite3
        upload, = ((self.me.folder / "there" / "systems" / sync.SYSTEM).iterdir())
        with sqlite3.connect(self.me.state / "state.db") as state:
            state.execute("UPDATE memories SET upload_id = ?", [upload.name])
            state.execute("INSERT INTO memories SELECT target, '20200101T000000Z-abcdef', source, name, at, 'zzz', 0 FROM memories")
        state.close()
        self.add()
        self.assertEqual(self.told(self.run_it(None))["rows"], 7)
        with sqlite3.connect(self.me.state / "state.db") as state:
            self.assertEqual(state.execute("SELECT count(*) FROM memories WHERE upload_id <> ''").fetchone(), (0,))
        state.close()
