"""The mutants of what becomes of rows: as those of mutants.py."""

MUTANTS = (
    ("a cursor moves though its upload is not there", "src/engine/state_memories.c",
     "    if (there)\n        status = run(", "    if (there || upload_id != NULL)\n        status = run("),
    ("a short id is anybody's", "src/engine/memories_row.c",
     "    if (!is_uuid(inner) && !is_ulid(inner) && !is_digest(inner)) {",
     "    if (!is_uuid(inner) && !is_ulid(inner) && !is_digest(inner) && inner->len == 0) {"),
    ("a row of the future is taken for the last", "src/engine/memories.c",
     "    if (!ahead && why != AKS_MEMORIES_NO_ID)", "    if (why != AKS_MEMORIES_NO_ID)"),
    ("an embedding may have any length", "src/engine/memories_value.c",
     "    return count == AKS_MEMORIES_EMBEDDING ? AKS_MEMORIES_SKIPS : AKS_MEMORIES_EMBEDDING_LENGTH;",
     "    return count > 0 ? AKS_MEMORIES_SKIPS : AKS_MEMORIES_EMBEDDING_LENGTH;"),
    ("a text loses its reasoning", "src/engine/memories_row.c",
     "    if (row->reasoning.len > 0) {", "    if (row->reasoning.len > 1000) {"),
)
