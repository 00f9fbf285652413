/* The tables, version by version. A step that has been released is never changed: the next one is
 * added. */
#include "engine/state_internal.h"

#include "base/check.h"

/* steps[i] leads from version i to i + 1. Paths are BLOBs because they need not be UTF-8. */
static const char *const steps[AKS_STATE_VERSION] = {
    "CREATE TABLE stored ("
    "  target TEXT NOT NULL, source BLOB NOT NULL, name TEXT, kind TEXT, key TEXT, upload_id TEXT,"
    "  bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, codec TEXT,"
    "  stored_bytes INTEGER NOT NULL, stored_sha256 TEXT NOT NULL,"
    "  part_bytes INTEGER NOT NULL, parts INTEGER NOT NULL,"
    "  taken_at_ms INTEGER NOT NULL, stored_at_ms INTEGER NOT NULL, checked_at_ms INTEGER NOT NULL,"
    "  file_type INTEGER NOT NULL, file_mode INTEGER NOT NULL, file_uid INTEGER NOT NULL,"
    "  file_device INTEGER NOT NULL, file_inode INTEGER NOT NULL, file_bytes INTEGER NOT NULL,"
    "  file_mtime_ns INTEGER NOT NULL, file_ctime_ns INTEGER NOT NULL, file_racy INTEGER NOT NULL,"
    "  PRIMARY KEY (target, source)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE breakers ("
    "  target TEXT NOT NULL PRIMARY KEY, failures INTEGER NOT NULL, open_until_ms INTEGER NOT NULL,"
    "  last_success_ms INTEGER NOT NULL, reason TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE facts ("
    "  target TEXT NOT NULL, fact TEXT NOT NULL, value TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (target, fact)"
    ") STRICT, WITHOUT ROWID;"
    /* The report last: its length is known without reading it. */
    "CREATE TABLE runs ("
    "  id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, started_at_ms INTEGER NOT NULL,"
    "  outcome TEXT NOT NULL, report_bytes INTEGER NOT NULL, report TEXT NOT NULL"
    ") STRICT;",
    /* What was stored before had no log: sources that had one were busy. */
    "ALTER TABLE stored ADD COLUMN method TEXT;"
    "ALTER TABLE stored ADD COLUMN writer INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE stored ADD COLUMN wal_key TEXT;"
    "ALTER TABLE stored ADD COLUMN wal_codec TEXT;"
    "ALTER TABLE stored ADD COLUMN wal_sha256 TEXT;"
    "ALTER TABLE stored ADD COLUMN wal_stored_sha256 TEXT;"
    "ALTER TABLE stored ADD COLUMN wal_bytes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE stored ADD COLUMN wal_stored_bytes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE stored ADD COLUMN wal_part_bytes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE stored ADD COLUMN wal_parts INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE stored ADD COLUMN wal_there INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE stored ADD COLUMN wal_file_type INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE stored ADD COLUMN wal_file_mode INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE stored ADD COLUMN wal_file_uid INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE stored ADD COLUMN wal_file_device INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE stored ADD COLUMN wal_file_inode INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE stored ADD COLUMN wal_file_bytes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE stored ADD COLUMN wal_file_mtime_ns INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE stored ADD COLUMN wal_file_ctime_ns INTEGER NOT NULL DEFAULT 0;"
    /* The journal (engine/state_journal.h). */
    "CREATE TABLE uploads ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, upload_id TEXT NOT NULL,"
    "  job_id TEXT NOT NULL, begun_at_ms INTEGER NOT NULL, given_up INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE objects ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, upload INTEGER NOT NULL, source BLOB NOT NULL,"
    "  role INTEGER NOT NULL, key TEXT NOT NULL, token TEXT,"
    "  codec TEXT NOT NULL, level INTEGER NOT NULL, codec_version TEXT NOT NULL,"
    "  part_bytes INTEGER NOT NULL, part_check INTEGER NOT NULL,"
    "  snapshot TEXT NOT NULL, snapshot_sha256 TEXT NOT NULL,"
    "  file_type INTEGER NOT NULL, file_mode INTEGER NOT NULL, file_uid INTEGER NOT NULL,"
    "  file_device INTEGER NOT NULL, file_inode INTEGER NOT NULL, file_bytes INTEGER NOT NULL,"
    "  file_mtime_ns INTEGER NOT NULL, file_ctime_ns INTEGER NOT NULL, file_racy INTEGER NOT NULL,"
    "  taken_at_ms INTEGER NOT NULL, stored INTEGER NOT NULL,"
    "  bytes INTEGER, sha256 TEXT, stored_bytes INTEGER, stored_sha256 TEXT, parts INTEGER,"
    "  UNIQUE (upload, source, role)"
    ") STRICT;"
    "CREATE TABLE parts ("
    "  object INTEGER NOT NULL, number INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    "  sha256 BLOB NOT NULL, crc64nvme INTEGER NOT NULL, tag TEXT,"
    "  PRIMARY KEY (object, number)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE snapshots ("
    "  id TEXT NOT NULL PRIMARY KEY, job TEXT, source BLOB NOT NULL, kind TEXT NOT NULL,"
    "  method TEXT NOT NULL, folder BLOB, beside BLOB, in_place INTEGER NOT NULL,"
    "  writer INTEGER NOT NULL, racy INTEGER NOT NULL, taken INTEGER NOT NULL,"
    "  taken_at_ms INTEGER NOT NULL, waited_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE snapshot_files ("
    "  snapshot TEXT NOT NULL, role INTEGER NOT NULL, file_there INTEGER NOT NULL, path BLOB,"
    "  bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, source_there INTEGER NOT NULL,"
    "  source_type INTEGER NOT NULL, source_mode INTEGER NOT NULL, source_uid INTEGER NOT NULL,"
    "  source_device INTEGER NOT NULL, source_inode INTEGER NOT NULL,"
    "  source_bytes INTEGER NOT NULL, source_mtime_ns INTEGER NOT NULL,"
    "  source_ctime_ns INTEGER NOT NULL,"
    "  PRIMARY KEY (snapshot, role)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE proofs ("
    "  id INTEGER PRIMARY KEY, target TEXT NOT NULL, upload_id TEXT NOT NULL, how TEXT NOT NULL,"
    "  at_ms INTEGER NOT NULL, outcome TEXT NOT NULL, objects INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE prunes ("
    "  target TEXT NOT NULL, upload_id TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (target, upload_id)"
    ") STRICT, WITHOUT ROWID;"
    /* What became of jobs that are no longer in the queue: state_jobs.c. */
    "CREATE TABLE jobs ("
    "  id TEXT NOT NULL PRIMARY KEY, enqueued_at_ms INTEGER NOT NULL, ended_at_ms INTEGER NOT NULL,"
    "  outcome TEXT NOT NULL, by_job TEXT, run_id TEXT, reason TEXT, tries INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;",
    /* enum aks_encryption: what was stored before is not encrypted. */
    "ALTER TABLE stored ADD COLUMN encryption INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE stored ADD COLUMN wal_encryption INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE objects ADD COLUMN encryption INTEGER NOT NULL DEFAULT 0;",
    /* How far rows have been brought (engine/state_memories.h). A source is a path. */
    "CREATE TABLE memories ("
    "  target TEXT NOT NULL, upload_id TEXT NOT NULL, source BLOB NOT NULL, name TEXT NOT NULL,"
    "  at TEXT, id TEXT, all_at_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (target, upload_id, source, name)"
    ") STRICT, WITHOUT ROWID;",
    /* Figures over time (engine/state_figures.h). */
    "CREATE TABLE figures ("
    "  id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, duration_ms INTEGER NOT NULL,"
    "  outcome TEXT NOT NULL, method TEXT NOT NULL, failure TEXT NOT NULL,"
    "  source_bytes INTEGER NOT NULL, plain_bytes INTEGER NOT NULL, stored_bytes INTEGER NOT NULL,"
    "  sent_bytes INTEGER NOT NULL, memories INTEGER NOT NULL, memory_bytes INTEGER NOT NULL,"
    "  fallback INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE sums ("
    "  day INTEGER NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,"
    "  PRIMARY KEY (day, name)"
    ") STRICT, WITHOUT ROWID;",
    /* Is the row what was written? (state_sum.c) Of rows of before nobody knows. */
    "ALTER TABLE stored ADD COLUMN row_sum INTEGER;"
    "ALTER TABLE objects ADD COLUMN row_sum INTEGER;",
    "ALTER TABLE uploads ADD COLUMN row_sum INTEGER;",
};

enum aks_status
aks_state_migrate(struct aks_state *state, int64_t version, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    AKS_CHECK(version >= 0 && version <= AKS_STATE_VERSION);
    for (int64_t i = version; i < AKS_STATE_VERSION && status == AKS_OK; i++)
        status = aks_state_exec(state, steps[i], "make the tables", err);
    return status;
}
