"""Memories that are pushed to Akosha: a FastMCP server with its tools, over a real DuckDB table."""

import random
import shutil
import sqlite3
import struct
import subprocess

import akosha
import cases
import data
import engines
import faults
import sync

BODY_MAX = 4 * 1024 * 1024
ROWS = """SELECT id, content || CASE WHEN {reasoning} THEN chr(10) || chr(10) || 'Reasoning: ' || reasoning ELSE '' END,
    embedding FROM {table} ORDER BY id"""
# As many as fill a few batches.
TRIM = """
import duckdb, sys
c = duckdb.connect(sys.argv[1])
for table, rows in (("conversations_v2", 650), ("reflections_v2", 150)):
    c.execute(f"DELETE FROM {table} WHERE id NOT IN (SELECT id FROM {table} ORDER BY id LIMIT {rows})")
"""
# Conversations and reflections that a session adds.
GROW = """
import duckdb, sys
c = duckdb.connect(sys.argv[1])
for table in ("conversations_v2", "reflections_v2"):
    c.execute(f"CREATE TEMP TABLE fresh AS SELECT * FROM {table} ORDER BY id LIMIT 30")
    c.execute(f"UPDATE fresh SET id = 'later-' || id, timestamp = (SELECT max(timestamp) + INTERVAL 1 SECOND FROM {table})")
    c.execute(f"INSERT INTO {table} SELECT * FROM fresh")
    c.execute("DROP TABLE fresh")
"""


def small(path, rows):
    """A SQLite database with that many conversations."""
    rng = random.Random(7)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS conversations_v2 (id TEXT PRIMARY KEY, content TEXT, "
                           "embedding BLOB, project TEXT, timestamp TEXT)")
        for i in range(rows):
            connection.execute("INSERT OR IGNORE INTO conversations_v2 VALUES (?, ?, ?, 'p', ?)", (
                f"c{i:05}", f"conversation {i}", struct.pack("<384f", *(rng.random() for _ in range(384))),
                f"2026-01-01T{i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}"))
    connection.close()
    return path


class Akosha(cases.Case):
    def setUp(self):
        self.have(akosha.python)
        self.duckdb = self.have(engines.duckdb_python, "duckdb2")
        self.me = self.person()
        self.me.environment["PATH"] = f"{self.duckdb.parent}:{self.me.environment['PATH']}"

    def server(self, *flags, **options):
        server = akosha.Akosha(cases.world, *flags, **options)
        self.addCleanup(server.stop)
        return server

    def text(self, server, **targets):
        return sync.policy({**targets, "akosha": sync.builder("mcp", url=server.url)})

    def memories(self, result):
        target = next(t for t in result.report["targets"] if t["name"] == "akosha")
        self.assertEqual((target["kind"], target["delivers"], target["method"]), ("akosha", "rows", "http"))
        return target.get("memories")

    def told(self, result, **wanted):
        memories = self.memories(result)
        self.assertEqual({name: memories[name] for name in wanted}, wanted, result)

    def database(self):
        path = self.me.folder / "reflection.duckdb"
        shutil.copyfile(data.DATABASES / "reflection.duckdb", path)
        self.change(path, TRIM)
        return path

    def change(self, path, program):
        done = subprocess.run([str(engines.duckdb_python()), "-c", program, str(path)], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def rows_of(self, path):
        """(text, embedding) by id, of both tables, as a query finds them."""
        rows = {}
        for table, reasoning in (("conversations_v2", "reasoning IS NOT NULL AND reasoning != ''"),
                                 ("reflections_v2", "false")):
            statement = ROWS.format(table=table, reasoning=reasoning)
            if table == "reflections_v2":
                statement = "SELECT id, content, embedding FROM reflections_v2 ORDER BY id"
            rows.update({(table, row[0]): row[1:] for row in akosha.query(path, statement)})
        return rows

    def assert_all_there(self, server, path):
        wanted = self.rows_of(path)
        stored = server.rows()
        self.assertEqual(len(stored), len(wanted))
        found = {}
        for original_id, system, text, embedding, _, kind in stored:
            self.assertEqual(system, sync.SYSTEM)
            table = {"conversation": "conversations_v2", "reflection": "reflections_v2"}[kind]
            found[(table, original_id)] = [text, embedding]
        self.assertEqual(set(found), set(wanted))
        for key, (text, embedding) in wanted.items():
            self.assertEqual(found[key][0], text, key)
            self.assertEqual(found[key][1], embedding or [0.0] * 384, key)

    def assert_bodies(self, server):
        sizes = [entry["bytes"] for entry in server.seen() if entry.get("method") == "POST"]
        self.assertTrue(sizes)
        self.assertLessEqual(max(sizes), BODY_MAX)
        print(f"figure: akosha: {len(sizes)} requests, the longest body {max(sizes) / 1048576:.2f} MiB")

    def test_all_arrive_and_what_is_new_follows(self):
        server = self.server()
        path = self.database()
        text = self.text(server)
        result = self.me.run(text, [path])
        self.assert_stored(result, "akosha")
        before = len(self.rows_of(path))
        self.told(result, stored=before, there=0, refused=0, left_out=0)
        result = self.me.run(text, [path])
        self.assert_code(result, 0)
        self.assertEqual(result.report["outcome"], "unchanged")
        self.change(path, GROW)
        result = self.me.run(text, [path])
        self.assert_stored(result, "akosha")
        after = len(self.rows_of(path))
        self.assertEqual(after, before + 60)
        self.told(result, stored=60, there=0, refused=0)
        self.assert_bodies(server)
        sessions = {entry["session"] for entry in server.seen() if entry.get("method") == "DELETE"}
        self.assertEqual(len(sessions), 2)
        # Who has lost his state sends all once more: none is there twice, and none is an error.
        shutil.rmtree(self.me.state)
        result = self.me.run(text, [path])
        self.assert_stored(result, "akosha")
        self.told(result, stored=0, there=after, refused=0, error=None)
        self.assert_all_there(server, path)

    def test_server_that_dies_half_way_is_gone_on_with(self):
        server = self.server(die_after=2)
        path = small(self.me.folder / "notes.db", 1100)
        text = self.text(server)
        result = self.me.run(text, [path])
        self.assert_code(result, 1)
        self.assertEqual(result.report["outcome"], "queued")
        self.told(result, stored=500)
        self.assertEqual(len(self.me.queue()), 1)
        server.begin()
        result = self.me.run(text, [path])
        self.assert_stored(result, "akosha")
        self.told(result, stored=350, there=250, refused=0)
        self.assertEqual(self.me.queue(), [])
        first, *others = [set(batch["ids"]) for batch in server.batches()]
        self.assertTrue(first.isdisjoint(set().union(*others)))
        self.assertEqual(len(server.rows()), 1100)

    def test_rows_at_once_and_the_file_when_the_cloud_is_back(self):
        s3 = self.have(cases.world.versitygw)
        server = self.server("json")
        path = small(self.me.folder / "notes.db", 30)
        with faults.Proxy(s3.port) as proxy:
            proxy.on(lambda request: True, lambda exchange: exchange.reset(), times=1_000_000)
            text = self.text(server, cloud=sync.s3(s3, port=proxy.port, prefix="akosha-rows"))
            result = self.me.run(text, [path])
            self.assert_code(result, 1)
            self.assertEqual((result.report["outcome"], result.report["target"]), ("partial", None), result)
            self.assertEqual((result.files()["notes.db"]["targets"], result.files()["notes.db"]["pending"]),
                             (["akosha"], ["cloud"]))
            self.told(result, stored=30)
            self.assertEqual(len(self.me.queue()), 1)
            # Another session, and the cloud still gone: only what is new goes.
            small(path, 50)
            result = self.me.run(text, [path])
            self.assert_code(result, 1)
            self.told(result, stored=20, there=0)
            self.assertEqual(len(self.me.queue()), 1)
            proxy.rules.clear()
            result = self.me.run(text, [path])
            self.assert_stored(result, "cloud")
            self.assertEqual(result.files()["notes.db"]["pending"], [])
        self.assertEqual(self.me.queue(), [])
        self.assertTrue(any(key.endswith("manifest.json") for key in s3.objects("akosha-rows/")))
        ids = [memory for batch in server.batches() for memory in batch["ids"]]
        self.assertEqual((len(ids), len(set(ids))), (50, 50))
        self.assertEqual(len(server.rows()), 50)

    def test_token_that_a_proxy_wants(self):
        server = self.server(token="planted.token.of.akosha")
        path = small(self.me.folder / "notes.db", 3)
        text = self.text(server)
        result = self.me.run(text, [path])
        self.assert_code(result, 6)
        self.assertEqual(result.report["error"]["failure"], "auth_invalid", result)
        (self.me.folder / "token").write_text("planted.token.of.akosha\n")
        (self.me.folder / "token").chmod(0o600)
        self.assert_code(self.me.ask("secret", "add", "akosha", "--file", "token", "--host",
                                     f"127.0.0.1:{server.port}"), 0)
        text = text.replace(f'"{server.url}"', f'"{server.url}", token = akosha.secret "akosha"')
        result = self.me.run(text, [path])
        self.assert_stored(result, "akosha")
        self.assertNotIn("planted", result.out + result.err)
        self.told(result, stored=3)

    def test_built_in_policy_and_a_machine_without_a_reader(self):
        server = self.server()
        s3 = self.have(cases.world.versitygw)
        self.me.environment.update({"AKOSHA_MCP_URL": server.url, "PATH": "/nowhere"})
        path = self.database()
        arguments = ("run", "--json", "--state", self.me.state, path)
        result = self.me.ask(*arguments)
        self.assert_code(result, 1)
        target = result.report["targets"][0]
        self.assertEqual((target["name"], target["outcome"]), ("akosha", "failed"), result)
        self.assertIn("DuckDB", target["error"]["message"])
        self.assertEqual(len(self.me.queue()), 1)
        self.me.environment.update({"AKOSHA_CLOUD_BUCKET": "akosha-test", "AKOSHA_CLOUD_ENDPOINT": s3.url,
                                    "AKOSHA_CLOUD_PREFIX": "rows-built-in"})
        result = self.me.ask(*arguments)
        self.assert_stored(result, "cloud")
        self.assertEqual(server.batches(), [])
        for command in ("list", "verify", "prune"):
            result = self.me.ask(command, "--json", "--state", self.me.state,
                                 *(["--keep", "last=1"] if command == "prune" else []))
            self.assertEqual(result.code, 0, result)
