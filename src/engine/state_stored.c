#include "engine/state_internal.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

/* Sources of one place: far more than any policy names, and no more than memory is worth. */
#define AKS_STATE_STORED_MAX 100000

#define COLUMNS AKS_STATE_STORED_COLUMNS
#define SUMMED AKS_STATE_STORED_SUMMED
#define HOLDS AKS_STATE_SUM_HOLDS(SUMMED)

/* In the order of COLUMNS. */
enum column {
    SOURCE, NAME, KIND, KEY, UPLOAD_ID, CODEC, SHA256, STORED_SHA256, METHOD, WAL_KEY, WAL_CODEC,
    WAL_SHA256, WAL_STORED_SHA256, BYTES, STORED_BYTES, PART_BYTES, PARTS, TAKEN_AT, STORED_AT,
    CHECKED_AT, FILE_TYPE, FILE_MODE, FILE_UID, FILE_DEVICE, FILE_INODE, FILE_BYTES, FILE_MTIME,
    FILE_CTIME, FILE_RACY, WRITER, WAL_BYTES, WAL_STORED_BYTES, WAL_PART_BYTES, WAL_PARTS,
    WAL_THERE, WAL_FILE_TYPE, WAL_FILE_MODE, WAL_FILE_UID, WAL_FILE_DEVICE, WAL_FILE_INODE,
    WAL_FILE_BYTES, WAL_FILE_MTIME, WAL_FILE_CTIME, ENCRYPTION, WAL_ENCRYPTION, COLUMN_COUNT,
    ROW_HOLDS = COLUMN_COUNT
};

void
aks_stored_fini(const struct aks_alloc *alloc, struct aks_stored *stored)
{
    aks_mem_free(alloc, stored->source);
    aks_mem_free(alloc, stored->name);
    aks_mem_free(alloc, stored->kind);
    aks_mem_free(alloc, stored->key);
    aks_mem_free(alloc, stored->upload_id);
    aks_mem_free(alloc, stored->codec);
    aks_mem_free(alloc, stored->method);
    aks_mem_free(alloc, stored->wal.key);
    aks_mem_free(alloc, stored->wal.codec);
    memset(stored, 0, sizeof(*stored));
}

/* An owned copy of a text or bytes; *ret stays NULL for NULL. */
static int
copy_column(struct aks_state_query *query, enum column column, char **ret)
{
    const char *bytes = sqlite3_column_blob(query->stmt, (int)column);
    int len = sqlite3_column_bytes(query->stmt, (int)column);

    if (sqlite3_column_type(query->stmt, (int)column) == SQLITE_NULL)
        return SQLITE_OK;
    *ret = aks_mem_strndup(query->state->alloc, bytes != NULL ? bytes : "", (size_t)len);
    return *ret != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

static int64_t
number(const struct aks_state_query *query, enum column column)
{
    return sqlite3_column_int64(query->stmt, (int)column);
}

/* Eight columns in a row, of which ${first} is the first. */
static void
read_info(const struct aks_state_query *query, enum column first, struct aks_file_info *ret_info)
{
    ret_info->type = (enum aks_file_type)number(query, first);
    ret_info->mode = (uint32_t)number(query, first + FILE_MODE - FILE_TYPE);
    ret_info->uid = (uint32_t)number(query, first + FILE_UID - FILE_TYPE);
    ret_info->device = (uint64_t)number(query, first + FILE_DEVICE - FILE_TYPE);
    ret_info->inode = (uint64_t)number(query, first + FILE_INODE - FILE_TYPE);
    ret_info->bytes = number(query, first + FILE_BYTES - FILE_TYPE);
    ret_info->mtime_ns = number(query, first + FILE_MTIME - FILE_TYPE);
    ret_info->ctime_ns = number(query, first + FILE_CTIME - FILE_TYPE);
}

static enum aks_encryption
encryption(const struct aks_state_query *query, enum column column)
{
    return number(query, column) != 0 ? AKS_ENCRYPTION_AGE : AKS_ENCRYPTION_NONE;
}

static void
read_numbers(const struct aks_state_query *query, struct aks_stored *ret_stored)
{
    ret_stored->bytes = number(query, BYTES);
    ret_stored->stored_bytes = number(query, STORED_BYTES);
    ret_stored->part_bytes = number(query, PART_BYTES);
    ret_stored->parts = number(query, PARTS);
    ret_stored->taken_at_ms = number(query, TAKEN_AT);
    ret_stored->stored_at_ms = number(query, STORED_AT);
    ret_stored->checked_at_ms = number(query, CHECKED_AT);
    ret_stored->info_racy = number(query, FILE_RACY) != 0;
    ret_stored->writer = number(query, WRITER) != 0;
    read_info(query, FILE_TYPE, &ret_stored->info);
    ret_stored->wal_there = number(query, WAL_THERE) != 0;
    read_info(query, WAL_FILE_TYPE, &ret_stored->wal_info);
    ret_stored->wal.bytes = number(query, WAL_BYTES);
    ret_stored->wal.stored_bytes = number(query, WAL_STORED_BYTES);
    ret_stored->wal.part_bytes = number(query, WAL_PART_BYTES);
    ret_stored->wal.parts = number(query, WAL_PARTS);
    ret_stored->encryption = encryption(query, ENCRYPTION);
    ret_stored->wal.encryption = encryption(query, WAL_ENCRYPTION);
}

/* The row that the query stands on. A failure sticks to the query; the row is then empty. */
static void
read_row(struct aks_state_query *query, struct aks_stored *ret_stored)
{
    struct {
        enum column column;
        char **text;
    } texts[] = {
        { SOURCE, &ret_stored->source }, { NAME, &ret_stored->name }, { KIND, &ret_stored->kind },
        { KEY, &ret_stored->key }, { UPLOAD_ID, &ret_stored->upload_id },
        { CODEC, &ret_stored->codec }, { METHOD, &ret_stored->method },
        { WAL_KEY, &ret_stored->wal.key }, { WAL_CODEC, &ret_stored->wal.codec },
    };
    struct {
        enum column column;
        char *text;
    } digests[] = {
        { SHA256, ret_stored->sha256 }, { STORED_SHA256, ret_stored->stored_sha256 },
        { WAL_SHA256, ret_stored->wal.sha256 },
        { WAL_STORED_SHA256, ret_stored->wal.stored_sha256 },
    };
    int rc = number(query, ROW_HOLDS) != 0 ? SQLITE_OK : SQLITE_CORRUPT;

    memset(ret_stored, 0, sizeof(*ret_stored));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && rc == SQLITE_OK; i++)
        rc = copy_column(query, texts[i].column, texts[i].text);
    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]) && rc == SQLITE_OK; i++)
        rc = aks_state_query_digest(query, (int)digests[i].column, digests[i].text);
    if (rc != SQLITE_OK) {
        aks_stored_fini(query->state->alloc, ret_stored);
        query->rc = rc;
        return;
    }
    read_numbers(query, ret_stored);
}

enum aks_status
aks_state_stored_get(struct aks_state *state, const char *target_identity, const char *source,
    struct aks_stored *ret_stored, struct aks_error *err)
{
    struct aks_state_query query;
    enum aks_status status;
    bool found;

    memset(ret_stored, 0, sizeof(*ret_stored));
    aks_state_query_begin(&query, state,
        "SELECT " COLUMNS ", " HOLDS " FROM stored WHERE target = ? AND source = ?");
    aks_state_query_text(&query, target_identity);
    aks_state_query_path(&query, source);
    found = aks_state_query_row(&query);
    if (found)
        read_row(&query, ret_stored);
    status = aks_state_query_end(&query, "read what is stored", err);
    if (status == AKS_OK && !found)
        return aks_error_set(err, AKS_NOT_FOUND, "%s is not known to be stored in %s", source,
            target_identity);
    return status;
}

/* Room for one more row; false if there is no memory. */
static bool
grow(const struct aks_alloc *alloc, struct aks_stored **rows, size_t count, size_t *capacity)
{
    struct aks_stored *more;

    if (count < *capacity)
        return true;
    *capacity = *capacity > 0 ? *capacity * 2 : 16;
    more = aks_mem_resize(alloc, *rows, *capacity * sizeof(**rows));
    if (more == NULL)
        return false;
    *rows = more;
    return true;
}

enum aks_status
aks_state_stored_all(struct aks_state *state, const char *target_identity,
    struct aks_stored **ret_rows, size_t *ret_count, struct aks_error *err)
{
    struct aks_state_query query;
    struct aks_stored *rows = NULL;
    size_t count = 0;
    size_t capacity = 0;
    enum aks_status status;

    *ret_rows = NULL;
    *ret_count = 0;
    aks_state_query_begin(&query, state,
        "SELECT " COLUMNS ", " HOLDS " FROM stored WHERE target = ? ORDER BY source");
    aks_state_query_text(&query, target_identity);
    while (aks_state_query_row(&query)) {
        if (count == AKS_STATE_STORED_MAX)
            query.rc = SQLITE_TOOBIG;
        else if (!grow(state->alloc, &rows, count, &capacity))
            query.rc = SQLITE_NOMEM;
        else
            read_row(&query, &rows[count]);
        if (query.rc == SQLITE_OK)
            count++;
    }
    status = aks_state_query_end(&query, "read what is stored", err);
    if (status == AKS_OK) {
        *ret_rows = rows;
        *ret_count = count;
        return AKS_OK;
    }
    for (size_t i = 0; i < count; i++)
        aks_stored_fini(state->alloc, &rows[i]);
    aks_mem_free(state->alloc, rows);
    return status;
}

static void
bind_info(struct aks_state_query *query, const struct aks_file_info *info)
{
    const int64_t numbers[] = { (int64_t)info->type, info->mode, info->uid, (int64_t)info->device,
        (int64_t)info->inode, info->bytes, info->mtime_ns, info->ctime_ns };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        aks_state_query_int(query, numbers[i]);
}

/* In the order of COLUMNS. */
static void
bind_row(struct aks_state_query *query, const struct aks_stored *row)
{
    const struct aks_stored_wal *wal = &row->wal;
    const char *const texts[] = { row->name, row->kind, row->key, row->upload_id, row->codec,
        row->sha256, row->stored_sha256, row->method, wal->key, wal->codec, wal->sha256,
        wal->stored_sha256 };
    const int64_t numbers[] = { row->bytes, row->stored_bytes, row->part_bytes, row->parts,
        row->taken_at_ms, row->stored_at_ms, row->checked_at_ms };
    const int64_t wal_numbers[] = { row->writer, wal->bytes, wal->stored_bytes, wal->part_bytes,
        wal->parts, row->wal_there };

    aks_state_query_path(query, row->source);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        aks_state_query_text(query, texts[i]);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        aks_state_query_int(query, numbers[i]);
    bind_info(query, &row->info);
    aks_state_query_int(query, row->info_racy);
    for (size_t i = 0; i < sizeof(wal_numbers) / sizeof(wal_numbers[0]); i++)
        aks_state_query_int(query, wal_numbers[i]);
    bind_info(query, &row->wal_info);
    aks_state_query_int(query, row->encryption);
    aks_state_query_int(query, wal->encryption);
}

/* "(?, ?, ?)" for the target and all of COLUMNS. */
#define PLACES "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, " \
    "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_Static_assert(sizeof(PLACES) == 3 * (COLUMN_COUNT + 1) + 1, "one for each column");

enum aks_status
aks_state_stored_put(struct aks_state *state, const char *target_identity,
    const struct aks_stored *rows, size_t count, struct aks_error *err)
{
    static const char doing[] = "keep what is stored";
    struct aks_state_query query;
    enum aks_status status;

    if (count == 0)
        return AKS_OK;
    status = aks_state_begin(state, true, doing, err);
    if (status != AKS_OK)
        return status;
    aks_state_query_begin(&query, state, "WITH fresh (" SUMMED ") AS (VALUES " PLACES ")"
        " INSERT OR REPLACE INTO stored (" SUMMED ", row_sum)"
        " SELECT " SUMMED ", aks_sum(" SUMMED ") FROM fresh");
    for (size_t i = 0; i < count; i++) {
        AKS_CHECK(rows[i].source != NULL);
        aks_state_query_text(&query, target_identity);
        bind_row(&query, &rows[i]);
        (void)aks_state_query_row(&query);
        aks_state_query_again(&query);
    }
    status = aks_state_query_end(&query, doing, err);
    return aks_state_finish(state, status, doing, err);
}

enum aks_status
aks_state_stored_forget(struct aks_state *state, const char *target_identity, const char *source,
    struct aks_error *err)
{
    static const char doing[] = "forget what was stored";
    struct aks_state_query query;
    enum aks_status status = aks_state_set_durable(state, true, doing, err);

    if (status != AKS_OK)
        return status;
    aks_state_query_begin(&query, state, "DELETE FROM stored WHERE target = ? AND source = ?");
    aks_state_query_text(&query, target_identity);
    aks_state_query_path(&query, source);
    (void)aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}

bool
aks_state_stored_here(struct aks_state *state, const char *upload_id, int64_t uploaded_at_ms)
{
    struct aks_state_query query;
    bool found;

    aks_state_query_begin(&query, state,
        "SELECT 1 FROM stored WHERE upload_id = ? AND stored_at_ms < ? LIMIT 1");
    aks_state_query_text(&query, upload_id);
    aks_state_query_int(&query, uploaded_at_ms);
    found = aks_state_query_row(&query);
    return aks_state_query_end(&query, "look for an upload", NULL) == AKS_OK && found;
}

enum aks_status
aks_state_newest_upload(struct aks_state *state, char ret_id[32], struct aks_error *err)
{
    struct aks_state_query query;

    ret_id[0] = '\0';
    aks_state_query_begin(&query, state, "SELECT max(upload_id) FROM"
        " (SELECT upload_id FROM stored UNION ALL SELECT upload_id FROM uploads"
        " UNION ALL SELECT upload_id FROM proofs"
        " UNION ALL SELECT value FROM facts WHERE fact = '" AKS_STATE_FACT_UPLOAD "')"
        " WHERE upload_id GLOB '[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9]"
        "[0-9]Z*' AND upload_id < '9999'");
    if (aks_state_query_row(&query)) {
        const char *id = (const char *)sqlite3_column_text(query.stmt, 0);

        (void)snprintf(ret_id, 32, "%.31s", id != NULL ? id : "");
    }
    return aks_state_query_end(&query, "read what is stored", err);
}

/* Whatever an upload was about, its manifest names all that its target holds of the route. */
enum aks_status
aks_state_stored_since(struct aks_state *state, const char *source, const char *upload_id,
    bool *ret_stored, struct aks_error *err)
{
    struct aks_state_query query;

    *ret_stored = false;
    aks_state_query_begin(&query, state, "SELECT 1 FROM stored a JOIN stored b"
        " ON b.target = a.target WHERE a.source = ? AND a.key <> ''"
        " AND substr(b.upload_id, 1, 16) >= substr(?, 1, 16) LIMIT 1");
    aks_state_query_path(&query, source);
    aks_state_query_text(&query, upload_id);
    *ret_stored = aks_state_query_row(&query);
    return aks_state_query_end(&query, "read what is stored", err);
}
