"""Akosha's side of the push: a FastMCP server with its two tools over a DuckDB table, as docs/akosha.md describes them.

Run by the Python of akosha.py's folder: akosha_server.py PORT DATABASE REQUESTS [json] [die-after=N] [token=T]
REQUESTS gets one line of JSON for each request: method, path, bytes of the body, and what the tool said.
"""

import json
import os
import sys
import tempfile
from datetime import datetime, timezone

import duckdb
import uvicorn
from fastmcp import FastMCP
from starlette.responses import JSONResponse

BATCH_MAX = 1000
TABLE = """CREATE TABLE IF NOT EXISTS conversations (
    id VARCHAR PRIMARY KEY, system_id VARCHAR NOT NULL, content TEXT NOT NULL, embedding FLOAT[384],
    timestamp TIMESTAMP NOT NULL, metadata JSON, kind VARCHAR)"""

port, database, requests = int(sys.argv[1]), sys.argv[2], sys.argv[3]
options = dict(item.partition("=")[::2] for item in sys.argv[4:])
die_after = int(options.get("die-after", 0))
connection = duckdb.connect(database)
connection.execute(TABLE)
batches = 0


def note(**fields):
    with open(requests, "a", encoding="utf-8") as file:
        file.write(json.dumps(fields) + "\n")


def row_of(memory):
    """Raises as the original does."""
    if not memory.get("memory_id"):
        raise ValueError("memory_id cannot be empty")
    if not memory.get("text"):
        raise ValueError("text cannot be empty")
    metadata = memory.get("metadata") or {}
    stamp = datetime.now(timezone.utc)
    if "created_at" in metadata:
        stamp = datetime.fromisoformat(metadata["created_at"])
    return {"id": memory["memory_id"], "system_id": metadata.get("source", "unknown"), "content": memory["text"],
            "embedding": memory["embedding"], "timestamp": stamp.replace(tzinfo=None).isoformat(sep=" "),
            "metadata": json.dumps({"original_id": metadata.get("original_id")}),
            "kind": metadata.get("type", "session_memory")}


def insert(rows):
    """In one statement: a list that is bound takes 70 ms, a list of JSON next to nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(rows, file)
        file.flush()
        connection.execute(f"INSERT INTO conversations SELECT id, system_id, content, embedding::FLOAT[384], "
                           f"timestamp, metadata, kind FROM read_json('{file.name}', format = 'array', columns = "
                           "{id: 'VARCHAR', system_id: 'VARCHAR', content: 'VARCHAR', embedding: 'FLOAT[]', "
                           "timestamp: 'TIMESTAMP', metadata: 'VARCHAR', kind: 'VARCHAR'}, "
                           "maximum_object_size = 16777216)")


def store(memories):
    """What went wrong, memory by memory. What is not there is tried at once first, as that is quicker."""
    there = {row[0] for row in connection.execute("SELECT id FROM conversations").fetchall()}
    try:
        insert([row_of(memory) for memory in memories if memory.get("memory_id") not in there])
        memories = [memory for memory in memories if memory.get("memory_id") in there]
    except Exception:               # pylint: disable=broad-except
        pass
    errors = []
    for memory in memories:
        try:
            insert([row_of(memory)])
        except Exception as why:    # pylint: disable=broad-except
            errors.append({"memory_id": memory.get("memory_id"), "error": str(why)})
    return errors


mcp = FastMCP("akosha")


@mcp.tool
def store_memory(memory_id: str, text: str, embedding: list[float] | None = None,
                 metadata: dict | None = None) -> dict:
    """Stores one memory."""
    try:
        insert([row_of({"memory_id": memory_id, "text": text, "embedding": embedding, "metadata": metadata})])
    except Exception as why:        # pylint: disable=broad-except
        return {"status": "failed", "memory_id": memory_id, "error": str(why)}
    return {"status": "stored", "memory_id": memory_id, "stored_at": datetime.now(timezone.utc).isoformat(),
            "embedding_dim": len(embedding), "source": (metadata or {}).get("source", "unknown")}


@mcp.tool
def batch_store_memories(memories: list[dict]) -> dict:
    """Stores up to 1000 memories."""
    global batches
    batches += 1
    total = len(memories)
    if total > BATCH_MAX:
        return {"status": "failed", "total": total, "stored": 0, "failed": total,
                "error": f"batch too large: at most {BATCH_MAX}"}
    if die_after and batches == die_after:
        store(memories[:total // 2])
        connection.close()
        os._exit(9)                 # half of the batch is stored, and nobody is told
    errors = store(memories)
    note(tool="batch_store_memories", total=total, failed=len(errors),
         ids=[memory.get("memory_id") for memory in memories])
    status = "completed" if not errors else "failed" if len(errors) == total else "partial"
    return {"status": status, "total": total, "stored": total - len(errors), "failed": len(errors), "errors": errors,
            "stored_at": datetime.now(timezone.utc).isoformat()}


@mcp.custom_route("/health", methods=["GET"])
async def health(request):
    """As Akosha's."""
    return JSONResponse({"status": "ok", "service": "akosha", "version": "0.1.0"})


class Watch:
    """Notes each request with the bytes of its body, and wants a token where there is one."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        size = 0

        async def counted():
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return message

        if "token" in options and headers.get("authorization") != f"Bearer {options['token']}":
            await JSONResponse({"error": "who are you"}, status_code=401)(scope, receive, send)
            note(method=scope["method"], path=scope["path"], bytes=size, refused=True)
            return
        await self.app(scope, counted, send)
        note(method=scope["method"], path=scope["path"], bytes=size, session=headers.get("mcp-session-id"),
             accept=headers.get("accept"), protocol=headers.get("mcp-protocol-version"))


app = Watch(mcp.http_app(path="/mcp", json_response="json" in options))
uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
