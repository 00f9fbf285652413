/* What the files of state share: the handle, queries with a sticky failure, transactions. */
#ifndef AKS_ENGINE_STATE_INTERNAL_H
#define AKS_ENGINE_STATE_INTERNAL_H

#include "data/digest.h"
#include "engine/state.h"

#include <sqlite3.h>

struct aks_state {
    const struct aks_alloc *alloc;
    sqlite3 *db;
    char *path;
    int synchronous;        /* as set on this connection; -1: not yet */
    bool damaged;           /* it is no database, or a broken one */
    bool senseless;         /* damaged by what a row says, which SQLite cannot see */
    uint64_t device;        /* of the file that is open; */
    uint64_t inode;         /* both 0: not known */
    char *aside;            /* where a damaged one was put when this one was made, or NULL */
};

/* A statement under way. A failure sticks: what follows is a no-op, and aks_state_query_end tells
 * it. */
struct aks_state_query {
    struct aks_state *state;
    sqlite3_stmt *stmt;
    int bound;              /* parameters bound so far, from the left */
    int rc;                 /* SQLITE_OK, or the first failure */
};

/** What to do about a damaged database. */
void aks_state_hint_damaged(struct aks_error *err);
/** Fills ${err} with what ${rc} of SQLite means while ${doing}; ${rc} is a failure. */
enum aks_status aks_state_failure(struct aks_state *state, int rc, const char *doing,
    struct aks_error *err);
/** Statements without parameters and results. */
enum aks_status aks_state_exec(struct aks_state *state, const char *sql, const char *doing,
    struct aks_error *err);

/** Must be ended with aks_state_query_end. */
void aks_state_query_begin(struct aks_state_query *query, struct aks_state *state, const char *sql);
/** The next parameter. Borrowed until the end; NULL binds NULL. */
void aks_state_query_text(struct aks_state_query *query, const char *text);
/** Bytes of a path, which need not be UTF-8. */
void aks_state_query_path(struct aks_state_query *query, const char *path);
/** The digest in a column: 64 lower-case hex digits, or "" for none. Anything else there is damage
 * that SQLite does not see: SQLITE_CORRUPT, and "". */
int aks_state_query_digest(const struct aks_state_query *query, int column,
    char ret_hex[AKS_SHA256_HEX_BYTES]);
void aks_state_query_bytes(struct aks_state_query *query, const void *bytes, size_t len);
void aks_state_query_int(struct aks_state_query *query, int64_t value);
/** The next row: false at the end of the rows, and after a failure. */
bool aks_state_query_row(struct aks_state_query *query);
/** Ready for the parameters of the next execution. */
void aks_state_query_again(struct aks_state_query *query);
/** Finalises; AKS_OK or what went wrong while ${doing}. */
enum aks_status aks_state_query_end(struct aks_state_query *query, const char *doing,
    struct aks_error *err);

/** How much the next writes outside of a transaction last: durable ones are on the medium when they
 * return, others may be lost by a power cut, though never by a crash of the process. */
enum aks_status aks_state_set_durable(struct aks_state *state, bool durable, const char *doing,
    struct aks_error *err);
/** A transaction that holds the write lock from its start, so that it cannot fail half way for want
 * of it. */
enum aks_status aks_state_begin(struct aks_state *state, bool durable, const char *doing,
    struct aks_error *err);
/** Commits if ${status} is AKS_OK, else rolls back and returns ${status}. */
enum aks_status aks_state_finish(struct aks_state *state, enum aks_status status, const char *doing,
    struct aks_error *err);

/** state_sum.c: the SQL function aks_sum, by which rows are found to be what was written. */
int aks_state_sum_register(sqlite3 *db);
/** Is each row of which that is known what was written? Else the database is damaged. */
enum aks_status aks_state_sum_check(struct aks_state *state, struct aks_error *err);
/* Of a row's columns: they are what they were when the row was written. Of rows without a sum, as
 * a release before wrote them, nobody knows. */
#define AKS_STATE_SUM_HOLDS(columns) "ifnull(row_sum = aks_sum(" columns "), 1)"
#define AKS_STATE_STORED_COLUMNS "source, name, kind, key, upload_id, codec, sha256," \
    " stored_sha256, method, wal_key, wal_codec, wal_sha256, wal_stored_sha256, bytes," \
    " stored_bytes, part_bytes, parts, taken_at_ms, stored_at_ms, checked_at_ms, file_type," \
    " file_mode, file_uid, file_device, file_inode, file_bytes, file_mtime_ns, file_ctime_ns," \
    " file_racy, writer, wal_bytes, wal_stored_bytes, wal_part_bytes, wal_parts, wal_there," \
    " wal_file_type, wal_file_mode, wal_file_uid, wal_file_device, wal_file_inode," \
    " wal_file_bytes, wal_file_mtime_ns, wal_file_ctime_ns, encryption, wal_encryption"
#define AKS_STATE_STORED_SUMMED "target, " AKS_STATE_STORED_COLUMNS
/* Of an upload of the journal what never changes. */
#define AKS_STATE_UPLOAD_SUMMED "target, upload_id, begun_at_ms"
/* Of an object of the journal, wherever it belongs. */
#define AKS_STATE_OBJECT_SUMMED "source, role, key, token, codec, level, codec_version," \
    " part_bytes, part_check, snapshot, snapshot_sha256, file_type, file_mode, file_uid," \
    " file_device, file_inode, file_bytes, file_mtime_ns, file_ctime_ns, file_racy, taken_at_ms," \
    " stored, bytes, sha256, stored_bytes, stored_sha256, parts, encryption"

/** Brings the tables from ${version} to AKS_STATE_VERSION inside of the caller's transaction. */
enum aks_status aks_state_migrate(struct aks_state *state, int64_t version, struct aks_error *err);

/** Moves ${path} in ${folder}, and its log, to a name of its own (*ret_aside, owned). Under the
 * lock of who makes the tables. Where it is cut short there is no ${path}, and what is left of it
 * is for aks_state_set_rest_aside. */
enum aks_status aks_state_set_aside(const struct aks_alloc *alloc, const struct aks_files *files,
    const char *folder, const char *path, char **ret_aside, struct aks_error *err);
/** Before ${path} is made, which is not there or is ${empty}, under the same lock: a log that lies
 * there is of one that is gone, and is moved to it where that was set aside, else to a name of its
 * own (*ret_aside, owned; left as it is where there is no log). */
enum aks_status aks_state_set_rest_aside(const struct aks_alloc *alloc,
    const struct aks_files *files, const char *folder, const char *path, bool empty,
    char **ret_aside, struct aks_error *err);

#endif
