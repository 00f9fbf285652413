#include "engine/state_snapshots.h"

#include "base/check.h"
#include "engine/state_internal.h"

#include <string.h>

enum column { ID, JOB, SOURCE, KIND, METHOD, FOLDER, BESIDE, IN_PLACE, WRITER, RACY, TAKEN,
    TAKEN_AT, WAITED };

#define COLUMNS "id, job, source, kind, method, folder, beside, in_place, writer, racy, taken, " \
    "taken_at_ms, waited_ms"

enum file_column { ROLE, FILE_THERE, PATH, BYTES, SHA256, SOURCE_THERE, TYPE, MODE, UID, DEVICE,
    INODE, SOURCE_BYTES, MTIME, CTIME };

#define FILE_COLUMNS "role, file_there, path, bytes, sha256, source_there, source_type, " \
    "source_mode, source_uid, source_device, source_inode, source_bytes, source_mtime_ns, " \
    "source_ctime_ns"

void
aks_state_snapshot_row_fini(const struct aks_alloc *alloc, struct aks_snapshot_row *row)
{
    aks_mem_free(alloc, row->job);
    row->job = NULL;
    aks_snapshot_fini(&row->snapshot);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Paths are bytes; none is NULL. */
static void
bind_path(struct aks_state_query *query, const char *path)
{
    if (path != NULL)
        aks_state_query_path(query, path);
    else
        aks_state_query_text(query, NULL);
}

static void
put_file(struct aks_state_query *query, const struct aks_snapshot *snapshot, size_t role)
{
    const struct aks_file_info *info = &snapshot->sources[role].info;
    const int64_t numbers[] = { snapshot->sources[role].there, (int64_t)info->type, info->mode,
        info->uid, (int64_t)info->device, (int64_t)info->inode, info->bytes, info->mtime_ns,
        info->ctime_ns };

    aks_state_query_text(query, snapshot->id);
    aks_state_query_int(query, (int64_t)role);
    aks_state_query_int(query, snapshot->files[role].there);
    bind_path(query, snapshot->files[role].path);
    aks_state_query_int(query, snapshot->files[role].bytes);
    aks_state_query_text(query, snapshot->files[role].sha256);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        aks_state_query_int(query, numbers[i]);
    (void)aks_state_query_row(query);
    aks_state_query_again(query);
}

static enum aks_status
put_head(struct aks_state *state, const char *job, const struct aks_snapshot *snapshot,
    const char *doing, struct aks_error *err)
{
    const int64_t numbers[] = { snapshot->in_place, snapshot->writer, snapshot->racy,
        snapshot->files[AKS_SNAPSHOT_MAIN].there, snapshot->taken_at_ms, snapshot->waited_ms };
    struct aks_state_query query;

    aks_state_query_begin(&query, state, "INSERT OR REPLACE INTO snapshots (" COLUMNS ")"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    aks_state_query_text(&query, snapshot->id);
    aks_state_query_text(&query, job);
    aks_state_query_path(&query, snapshot->source);
    aks_state_query_text(&query, aks_source_kind_name(snapshot->kind));
    aks_state_query_text(&query, snapshot->method);
    bind_path(&query, snapshot->folder);
    bind_path(&query, snapshot->beside);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        aks_state_query_int(&query, numbers[i]);
    (void)aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_snapshot_put(struct aks_state *state, const char *job,
    const struct aks_snapshot *snapshot, struct aks_error *err)
{
    static const char doing[] = "keep a snapshot";
    struct aks_state_query query;
    enum aks_status status;

    AKS_CHECK(snapshot->id != NULL && snapshot->source != NULL);
    status = aks_state_begin(state, true, doing, err);
    if (status != AKS_OK)
        return status;
    status = put_head(state, job, snapshot, doing, err);
    if (status == AKS_OK) {
        aks_state_query_begin(&query, state, "INSERT OR REPLACE INTO snapshot_files"
            " (snapshot, " FILE_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        for (size_t role = 0; role < AKS_SNAPSHOT_ROLES; role++)
            put_file(&query, snapshot, role);
        status = aks_state_query_end(&query, doing, err);
    }
    return aks_state_finish(state, status, doing, err);
}

static enum aks_status
forget_in(struct aks_state *state, const char *sql, const char *id, const char *doing,
    struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, sql);
    aks_state_query_text(&query, id);
    (void)aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_snapshot_forget(struct aks_state *state, const char *id, struct aks_error *err)
{
    static const char doing[] = "forget a snapshot";
    enum aks_status status = aks_state_begin(state, true, doing, err);

    if (status != AKS_OK)
        return status;
    status = forget_in(state, "DELETE FROM snapshot_files WHERE snapshot = ?", id, doing, err);
    if (status == AKS_OK)
        status = forget_in(state, "DELETE FROM snapshots WHERE id = ?", id, doing, err);
    return aks_state_finish(state, status, doing, err);
}

/* --- reading ---------------------------------------------------------------------------------- */

static int64_t
number(const struct aks_state_query *query, int column)
{
    return sqlite3_column_int64(query->stmt, column);
}

/* An owned copy of a text or bytes; NULL for NULL. A failure sticks to the query. */
static char *
copy(struct aks_state_query *query, int column)
{
    const char *bytes = sqlite3_column_blob(query->stmt, column);
    int len = sqlite3_column_bytes(query->stmt, column);
    char *text;

    if (query->rc != SQLITE_OK || sqlite3_column_type(query->stmt, column) == SQLITE_NULL)
        return NULL;
    text = aks_mem_strndup(query->state->alloc, bytes != NULL ? bytes : "", (size_t)len);
    if (text == NULL)
        query->rc = SQLITE_NOMEM;
    return text;
}

/* The names that there are in the program, for what a row says. */
static const char *
method_of(const struct aks_state_query *query)
{
    static const char *const methods[] = { "seqlock", "transaction", "backup" };
    const char *text = (const char *)sqlite3_column_text(query->stmt, METHOD);

    for (size_t i = 0; text != NULL && i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(text, methods[i]) == 0)
            return methods[i];
    }
    return "identity";
}

static enum aks_source_kind
kind_of(const struct aks_state_query *query)
{
    const char *text = (const char *)sqlite3_column_text(query->stmt, KIND);

    if (text != NULL && strcmp(text, "duckdb") == 0)
        return AKS_SOURCE_DUCKDB;
    return text != NULL && strcmp(text, "sqlite") == 0 ? AKS_SOURCE_SQLITE : AKS_SOURCE_FILE;
}

static void
read_head(struct aks_state_query *query, struct aks_snapshot_row *ret_row)
{
    struct aks_snapshot *snapshot = &ret_row->snapshot;

    memset(ret_row, 0, sizeof(*ret_row));
    snapshot->alloc = query->state->alloc;
    snapshot->id = copy(query, ID);
    ret_row->job = copy(query, JOB);
    snapshot->source = copy(query, SOURCE);
    snapshot->folder = copy(query, FOLDER);
    snapshot->beside = copy(query, BESIDE);
    snapshot->kind = kind_of(query);
    snapshot->method = method_of(query);
    snapshot->in_place = number(query, IN_PLACE) != 0;
    snapshot->writer = number(query, WRITER) != 0;
    snapshot->racy = number(query, RACY) != 0;
    ret_row->taken = number(query, TAKEN) != 0;
    snapshot->taken_at_ms = number(query, TAKEN_AT);
    snapshot->waited_ms = number(query, WAITED);
}

static void
read_info(const struct aks_state_query *query, struct aks_file_info *ret_info)
{
    ret_info->type = (enum aks_file_type)number(query, TYPE);
    ret_info->mode = (uint32_t)number(query, MODE);
    ret_info->uid = (uint32_t)number(query, UID);
    ret_info->device = (uint64_t)number(query, DEVICE);
    ret_info->inode = (uint64_t)number(query, INODE);
    ret_info->bytes = number(query, SOURCE_BYTES);
    ret_info->mtime_ns = number(query, MTIME);
    ret_info->ctime_ns = number(query, CTIME);
}

static void
read_file(struct aks_state_query *query, struct aks_snapshot *snapshot)
{
    int64_t role = number(query, ROLE);

    if (role < 0 || role >= AKS_SNAPSHOT_ROLES || snapshot->files[role].path != NULL ||
        aks_state_query_digest(query, SHA256, snapshot->files[role].sha256) != SQLITE_OK) {
        query->rc = SQLITE_CORRUPT;
        return;
    }
    snapshot->files[role].there = number(query, FILE_THERE) != 0;
    snapshot->files[role].path = copy(query, PATH);
    snapshot->files[role].bytes = number(query, BYTES);
    snapshot->sources[role].there = number(query, SOURCE_THERE) != 0;
    read_info(query, &snapshot->sources[role].info);
    if (query->rc == SQLITE_OK && snapshot->files[role].there && snapshot->files[role].path == NULL)
        query->rc = SQLITE_CORRUPT;
}

static enum aks_status
read_files(struct aks_state *state, struct aks_snapshot_row *row, const char *doing,
    struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state,
        "SELECT " FILE_COLUMNS " FROM snapshot_files WHERE snapshot = ? ORDER BY role");
    aks_state_query_text(&query, row->snapshot.id);
    while (aks_state_query_row(&query))
        read_file(&query, &row->snapshot);
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_snapshot_get(struct aks_state *state, const char *id, struct aks_snapshot_row *ret_row,
    struct aks_error *err)
{
    static const char doing[] = "read what snapshots there are";
    struct aks_state_query query;
    enum aks_status status;
    bool found;

    memset(ret_row, 0, sizeof(*ret_row));
    aks_state_query_begin(&query, state, "SELECT " COLUMNS " FROM snapshots WHERE id = ?");
    aks_state_query_text(&query, id);
    found = aks_state_query_row(&query);
    if (found)
        read_head(&query, ret_row);
    status = aks_state_query_end(&query, doing, err);
    if (status == AKS_OK && !found)
        return aks_error_set(err, AKS_NOT_FOUND, "there is no snapshot %s", id);
    if (status == AKS_OK)
        status = read_files(state, ret_row, doing, err);
    if (status != AKS_OK)
        aks_state_snapshot_row_fini(state->alloc, ret_row);
    return status;
}

/* The ids first, then each of them: rows of two tables do not come at once. */
static enum aks_status
read_heads(struct aks_state *state, struct aks_snapshot_row **rows, size_t *count,
    const char *doing, struct aks_error *err)
{
    struct aks_state_query query;
    size_t capacity = 0;

    aks_state_query_begin(&query, state, "SELECT " COLUMNS " FROM snapshots ORDER BY id");
    while (aks_state_query_row(&query)) {
        if (*count == AKS_STATE_SNAPSHOTS_MAX) {
            query.rc = SQLITE_TOOBIG;
            break;
        }
        if (*count == capacity) {
            struct aks_snapshot_row *more;

            capacity = capacity > 0 ? capacity * 2 : 16;
            more = aks_mem_resize(state->alloc, *rows, capacity * sizeof(**rows));
            if (more == NULL) {
                query.rc = SQLITE_NOMEM;
                break;
            }
            *rows = more;
        }
        read_head(&query, &(*rows)[(*count)++]);
    }
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_snapshots_all(struct aks_state *state, struct aks_snapshot_row **ret_rows,
    size_t *ret_count, struct aks_error *err)
{
    static const char doing[] = "read what snapshots there are";
    struct aks_snapshot_row *rows = NULL;
    size_t count = 0;
    enum aks_status status = read_heads(state, &rows, &count, doing, err);

    *ret_rows = NULL;
    *ret_count = 0;
    for (size_t i = 0; i < count && status == AKS_OK; i++)
        status = read_files(state, &rows[i], doing, err);
    if (status == AKS_OK) {
        *ret_rows = rows;
        *ret_count = count;
        return AKS_OK;
    }
    for (size_t i = 0; i < count; i++)
        aks_state_snapshot_row_fini(state->alloc, &rows[i]);
    aks_mem_free(state->alloc, rows);
    return status;
}
