/* The journal's tables, read. What stands in them may have been damaged: lengths are checked. */
#include "base/check.h"
#include "engine/state_internal.h"
#include "engine/state_journal.h"

#include <stdio.h>
#include <string.h>

static const char doing[] = "read what was being sent";

#define ROWS_FIRST 16
/* S3's own limit of parts, and so ours. */
#define PARTS_MAX 10000

enum object_column {
    ID, SOURCE, ROLE, KEY, TOKEN, CODEC, LEVEL, CODEC_VERSION, PART_BYTES, PART_CHECK, SNAPSHOT,
    SNAPSHOT_SHA256, FILE_TYPE, FILE_MODE, FILE_UID, FILE_DEVICE, FILE_INODE, FILE_BYTES,
    FILE_MTIME, FILE_CTIME, FILE_RACY, TAKEN_AT, STORED, BYTES, SHA256, STORED_BYTES, STORED_SHA256,
    PARTS, ENCRYPTION, HOLDS
};

void
aks_journal_object_fini(const struct aks_alloc *alloc, struct aks_journal_object *object)
{
    aks_mem_free(alloc, object->source);
    aks_mem_free(alloc, object->key);
    aks_mem_free(alloc, object->token);
    aks_mem_free(alloc, object->codec);
    aks_mem_free(alloc, object->codec_version);
    aks_mem_free(alloc, object->snapshot);
    memset(object, 0, sizeof(*object));
}

void
aks_journal_parts_free(const struct aks_alloc *alloc, struct aks_journal_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        aks_mem_free(alloc, parts[i].tag);
    aks_mem_free(alloc, parts);
}

/* Room for one row more than ${count}, in steps that double; false fails the query. */
static bool
grow(struct aks_state_query *query, void **rows, size_t count, size_t count_max, size_t bytes)
{
    size_t room = count == 0 ? ROWS_FIRST : 2 * count;
    void *more;

    if (count == count_max) {
        query->rc = SQLITE_TOOBIG;
        return false;
    }
    if (count != 0 && (count < ROWS_FIRST || (count & (count - 1)) != 0))
        return true;
    more = aks_mem_resize(query->state->alloc, *rows, room * bytes);
    if (more == NULL) {
        query->rc = SQLITE_NOMEM;
        return false;
    }
    *rows = more;
    return true;
}

/* An owned copy of a text or of bytes; NULL stays NULL. A failure sticks to the query. */
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

static void
copy_into(struct aks_state_query *query, int column, char *ret_text, size_t bytes)
{
    const char *text = (const char *)sqlite3_column_text(query->stmt, column);

    ret_text[0] = '\0';
    if (query->rc != SQLITE_OK || text == NULL)
        return;
    if (strlen(text) >= bytes)
        query->rc = SQLITE_CORRUPT;
    else
        (void)snprintf(ret_text, bytes, "%s", text);
}

static void
read_digest(struct aks_state_query *query, int column, char ret_hex[AKS_SHA256_HEX_BYTES])
{
    int rc = aks_state_query_digest(query, column, ret_hex);

    if (query->rc == SQLITE_OK)
        query->rc = rc;
}

static int64_t
number(const struct aks_state_query *query, int column)
{
    return sqlite3_column_int64(query->stmt, column);
}

static void
read_upload(struct aks_state_query *query, struct aks_journal_upload *ret_upload)
{
    memset(ret_upload, 0, sizeof(*ret_upload));
    ret_upload->id = number(query, 0);
    copy_into(query, 1, ret_upload->target, sizeof(ret_upload->target));
    copy_into(query, 2, ret_upload->upload_id, sizeof(ret_upload->upload_id));
    copy_into(query, 3, ret_upload->job_id, sizeof(ret_upload->job_id));
    ret_upload->begun_at_ms = number(query, 4);
    ret_upload->given_up = number(query, 5) != 0;
    if (number(query, 6) == 0)
        query->rc = SQLITE_CORRUPT;
}

enum aks_status
aks_state_journal_uploads(struct aks_state *state, const char *target,
    struct aks_journal_upload **ret_uploads, size_t *ret_count, struct aks_error *err)
{
    struct aks_state_query query;
    void *rows = NULL;
    size_t count = 0;
    enum aks_status status;

    *ret_uploads = NULL;
    *ret_count = 0;
    aks_state_query_begin(&query, state, "SELECT id, target, upload_id, job_id, begun_at_ms,"
        " given_up, " AKS_STATE_SUM_HOLDS(AKS_STATE_UPLOAD_SUMMED)
        " FROM uploads WHERE ?1 IS NULL OR target = ?1 ORDER BY id LIMIT ?2");
    aks_state_query_text(&query, target);
    aks_state_query_int(&query, AKS_JOURNAL_UPLOADS_MAX);
    while (aks_state_query_row(&query)) {
        if (!grow(&query, &rows, count, AKS_JOURNAL_UPLOADS_MAX,
                sizeof(struct aks_journal_upload)))
            break;
        read_upload(&query, (struct aks_journal_upload *)rows + count++);
    }
    status = aks_state_query_end(&query, doing, err);
    if (status != AKS_OK) {
        aks_mem_free(state->alloc, rows);
        return status;
    }
    *ret_uploads = rows;
    *ret_count = count;
    return AKS_OK;
}

static void
read_stamps(const struct aks_state_query *query, struct aks_journal_object *ret_object)
{
    struct aks_file_info *info = &ret_object->info;

    info->type = (enum aks_file_type)number(query, FILE_TYPE);
    info->mode = (uint32_t)number(query, FILE_MODE);
    info->uid = (uint32_t)number(query, FILE_UID);
    info->device = (uint64_t)number(query, FILE_DEVICE);
    info->inode = (uint64_t)number(query, FILE_INODE);
    info->bytes = number(query, FILE_BYTES);
    info->mtime_ns = number(query, FILE_MTIME);
    info->ctime_ns = number(query, FILE_CTIME);
    ret_object->info_racy = number(query, FILE_RACY) != 0;
    ret_object->taken_at_ms = number(query, TAKEN_AT);
}

static void
read_object(struct aks_state_query *query, struct aks_journal_object *ret_object)
{
    memset(ret_object, 0, sizeof(*ret_object));
    if (number(query, HOLDS) == 0)
        query->rc = SQLITE_CORRUPT;
    ret_object->id = number(query, ID);
    ret_object->source = copy(query, SOURCE);
    ret_object->role = (int)number(query, ROLE);
    ret_object->key = copy(query, KEY);
    ret_object->token = copy(query, TOKEN);
    ret_object->codec = copy(query, CODEC);
    ret_object->level = number(query, LEVEL);
    ret_object->codec_version = copy(query, CODEC_VERSION);
    ret_object->part_bytes = number(query, PART_BYTES);
    ret_object->check = number(query, PART_CHECK);
    ret_object->snapshot = copy(query, SNAPSHOT);
    read_digest(query, SNAPSHOT_SHA256, ret_object->snapshot_sha256);
    read_stamps(query, ret_object);
    ret_object->stored = number(query, STORED) != 0;
    ret_object->bytes = number(query, BYTES);
    read_digest(query, SHA256, ret_object->sha256);
    ret_object->stored_bytes = number(query, STORED_BYTES);
    read_digest(query, STORED_SHA256, ret_object->stored_sha256);
    ret_object->parts = number(query, PARTS);
    ret_object->encryption = number(query, ENCRYPTION) != 0 ? AKS_ENCRYPTION_AGE
        : AKS_ENCRYPTION_NONE;
}

enum aks_status
aks_state_journal_objects(struct aks_state *state, int64_t upload,
    struct aks_journal_object **ret_objects, size_t *ret_count, struct aks_error *err)
{
    struct aks_state_query query;
    void *rows = NULL;
    size_t count = 0;
    enum aks_status status;

    *ret_objects = NULL;
    *ret_count = 0;
    aks_state_query_begin(&query, state, "SELECT id, " AKS_STATE_OBJECT_SUMMED
        ", " AKS_STATE_SUM_HOLDS(AKS_STATE_OBJECT_SUMMED) " FROM objects WHERE upload = ?"
        " ORDER BY source, role");
    aks_state_query_int(&query, upload);
    while (aks_state_query_row(&query)) {
        if (!grow(&query, &rows, count, AKS_JOURNAL_OBJECTS_MAX,
                sizeof(struct aks_journal_object)))
            break;
        read_object(&query, (struct aks_journal_object *)rows + count++);
    }
    status = aks_state_query_end(&query, doing, err);
    if (status == AKS_OK) {
        *ret_objects = rows;
        *ret_count = count;
        return AKS_OK;
    }
    for (size_t i = 0; i < count; i++)
        aks_journal_object_fini(state->alloc, (struct aks_journal_object *)rows + i);
    aks_mem_free(state->alloc, rows);
    return status;
}

static void
read_part(struct aks_state_query *query, struct aks_journal_part *ret_part)
{
    const void *sha256 = sqlite3_column_blob(query->stmt, 2);
    int64_t part_number = number(query, 0);

    memset(ret_part, 0, sizeof(*ret_part));
    if (sha256 == NULL || sqlite3_column_bytes(query->stmt, 2) != AKS_SHA256_BYTES ||
        part_number < 1 || part_number > PARTS_MAX) {
        query->rc = SQLITE_CORRUPT;
        return;
    }
    ret_part->number = (uint32_t)part_number;
    ret_part->bytes = number(query, 1);
    memcpy(ret_part->sha256, sha256, AKS_SHA256_BYTES);
    ret_part->crc64nvme = (uint64_t)number(query, 3);
    ret_part->tag = copy(query, 4);
}

enum aks_status
aks_state_journal_known(struct aks_state *state, int64_t object,
    struct aks_journal_part **ret_parts, size_t *ret_count, struct aks_error *err)
{
    struct aks_state_query query;
    void *rows = NULL;
    size_t count = 0;
    enum aks_status status;

    *ret_parts = NULL;
    *ret_count = 0;
    aks_state_query_begin(&query, state, "SELECT number, bytes, sha256, crc64nvme, tag FROM parts"
        " WHERE object = ? ORDER BY number");
    aks_state_query_int(&query, object);
    while (aks_state_query_row(&query)) {
        if (!grow(&query, &rows, count, PARTS_MAX, sizeof(struct aks_journal_part)))
            break;
        read_part(&query, (struct aks_journal_part *)rows + count++);
    }
    status = aks_state_query_end(&query, doing, err);
    if (status != AKS_OK) {
        aks_journal_parts_free(state->alloc, rows, count);
        return status;
    }
    *ret_parts = rows;
    *ret_count = count;
    return AKS_OK;
}
