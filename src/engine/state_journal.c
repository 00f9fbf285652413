/* The journal's tables, written. */
#include "engine/state_journal.h"

#include "base/check.h"
#include "engine/state_internal.h"

#include <string.h>

static const char doing[] = "keep what is being sent";

/* A statement whose parameters the caller binds, run once. */
static enum aks_status
run(struct aks_state_query *query, struct aks_error *err)
{
    (void)aks_state_query_row(query);
    return aks_state_query_end(query, doing, err);
}

static enum aks_status
run_of(struct aks_state *state, const char *sql, int64_t id, struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, sql);
    aks_state_query_int(&query, id);
    return run(&query, err);
}

/* Of a row that has been put or changed, in the same transaction. */
static enum aks_status
sum_object(struct aks_state *state, int64_t object, struct aks_error *err)
{
    return run_of(state, "UPDATE objects SET row_sum = aks_sum(" AKS_STATE_OBJECT_SUMMED ")"
        " WHERE row_sum IS NULL AND id = ?", object, err);
}

/* What is not what was written stays so, whatever of it changes. */
#define CHANGED " row_sum = NULL WHERE " AKS_STATE_SUM_HOLDS(AKS_STATE_OBJECT_SUMMED) " AND id = ?"

static enum aks_status
put_upload(struct aks_state *state, const struct aks_journal_upload *upload, struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, "WITH fresh (" AKS_STATE_UPLOAD_SUMMED ", job_id,"
        " given_up) AS (VALUES (?, ?, ?, ?, ?))"
        " INSERT INTO uploads (" AKS_STATE_UPLOAD_SUMMED ", job_id, given_up, row_sum)"
        " SELECT " AKS_STATE_UPLOAD_SUMMED ", job_id, given_up,"
        " aks_sum(" AKS_STATE_UPLOAD_SUMMED ")"
        " FROM fresh");
    aks_state_query_text(&query, upload->target);
    aks_state_query_text(&query, upload->upload_id);
    aks_state_query_int(&query, upload->begun_at_ms);
    aks_state_query_text(&query, upload->job_id);
    aks_state_query_int(&query, upload->given_up ? 1 : 0);
    return run(&query, err);
}

static enum aks_status
forget_object(struct aks_state *state, int64_t object, struct aks_error *err)
{
    enum aks_status status = run_of(state, "DELETE FROM parts WHERE object = ?", object, err);

    return status == AKS_OK ? run_of(state, "DELETE FROM objects WHERE id = ?", object, err)
        : status;
}

/* It goes to an upload of its own that is given up, in the caller's transaction. */
static enum aks_status
leave(struct aks_state *state, int64_t object, struct aks_error *err)
{
    struct aks_state_query query;
    enum aks_status status = run_of(state, "INSERT INTO uploads (target, upload_id, job_id,"
        " begun_at_ms, given_up, row_sum) SELECT target, upload_id, job_id, begun_at_ms, 1,"
        " row_sum FROM uploads"
        " WHERE id = (SELECT upload FROM objects WHERE id = ?)", object, err);

    if (status != AKS_OK)
        return status;
    aks_state_query_begin(&query, state, "UPDATE objects SET upload = ? WHERE id = ?");
    aks_state_query_int(&query, sqlite3_last_insert_rowid(state->db));
    aks_state_query_int(&query, object);
    return run(&query, err);
}

/* An earlier try at the same object. One with a token may still lie at the target half sent, where
 * nobody but the journal knows it: that could not be written down when it was dropped. */
static enum aks_status
remove_object(struct aks_state *state, int64_t upload, const struct aks_journal_object *object,
    struct aks_error *err)
{
    struct aks_state_query query;
    int64_t before = 0;
    bool has_token = false;
    enum aks_status status;

    aks_state_query_begin(&query, state, "SELECT id, token NOT NULL FROM objects"
        " WHERE upload = ? AND source = ? AND role = ?");
    aks_state_query_int(&query, upload);
    aks_state_query_path(&query, object->source);
    aks_state_query_int(&query, object->role);
    if (aks_state_query_row(&query)) {
        before = sqlite3_column_int64(query.stmt, 0);
        has_token = sqlite3_column_int(query.stmt, 1) != 0;
    }
    status = aks_state_query_end(&query, doing, err);
    if (status != AKS_OK || before == 0)
        return status;
    return has_token ? leave(state, before, err) : forget_object(state, before, err);
}

static enum aks_status
put_object(struct aks_state *state, int64_t upload, const struct aks_journal_object *object,
    struct aks_error *err)
{
    const struct aks_file_info *info = &object->info;
    const int64_t stamps[] = { (int64_t)info->type, info->mode, info->uid, (int64_t)info->device,
        (int64_t)info->inode, info->bytes, info->mtime_ns, info->ctime_ns, object->info_racy,
        object->taken_at_ms };
    struct aks_state_query query;

    aks_state_query_begin(&query, state, "INSERT INTO objects (upload, source, role, key, token,"
        " codec, level, codec_version, part_bytes, part_check, snapshot, snapshot_sha256,"
        " file_type, file_mode, file_uid, file_device, file_inode, file_bytes, file_mtime_ns,"
        " file_ctime_ns, file_racy, taken_at_ms, encryption, stored) VALUES"
        " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)");
    aks_state_query_int(&query, upload);
    aks_state_query_path(&query, object->source);
    aks_state_query_int(&query, object->role);
    aks_state_query_text(&query, object->key);
    aks_state_query_text(&query, object->token);
    aks_state_query_text(&query, object->codec);
    aks_state_query_int(&query, object->level);
    aks_state_query_text(&query, object->codec_version);
    aks_state_query_int(&query, object->part_bytes);
    aks_state_query_int(&query, object->check);
    aks_state_query_text(&query, object->snapshot);
    aks_state_query_text(&query, object->snapshot_sha256);
    for (size_t i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++)
        aks_state_query_int(&query, stamps[i]);
    aks_state_query_int(&query, object->encryption);
    return run(&query, err);
}

static enum aks_status
put_parts(struct aks_state *state, int64_t object, const struct aks_journal_part *parts,
    size_t count, struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, "INSERT OR REPLACE INTO parts (object, number, bytes,"
        " sha256, crc64nvme, tag) VALUES (?, ?, ?, ?, ?, NULL)");
    for (size_t i = 0; i < count; i++) {
        aks_state_query_int(&query, object);
        aks_state_query_int(&query, parts[i].number);
        aks_state_query_int(&query, parts[i].bytes);
        aks_state_query_bytes(&query, parts[i].sha256, sizeof(parts[i].sha256));
        aks_state_query_int(&query, (int64_t)parts[i].crc64nvme);
        (void)aks_state_query_row(&query);
        aks_state_query_again(&query);
    }
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_journal_begin(struct aks_state *state, struct aks_journal_upload *upload,
    struct aks_journal_object *object, const struct aks_journal_part *parts, size_t count,
    struct aks_error *err)
{
    int64_t upload_id = upload->id;
    int64_t object_id = 0;
    enum aks_status status = aks_state_begin(state, true, doing, err);

    if (status != AKS_OK)
        return status;
    if (upload_id == 0) {
        status = put_upload(state, upload, err);
        upload_id = sqlite3_last_insert_rowid(state->db);
    }
    if (status == AKS_OK)
        status = remove_object(state, upload_id, object, err);
    if (status == AKS_OK)
        status = put_object(state, upload_id, object, err);
    if (status == AKS_OK) {
        object_id = sqlite3_last_insert_rowid(state->db);
        status = sum_object(state, object_id, err);
    }
    if (status == AKS_OK)
        status = put_parts(state, object_id, parts, count, err);
    status = aks_state_finish(state, status, doing, err);
    if (status == AKS_OK) {
        upload->id = upload_id;
        object->id = object_id;
    }
    return status;
}

enum aks_status
aks_state_journal_parts(struct aks_state *state, int64_t object,
    const struct aks_journal_part *parts, size_t count, struct aks_error *err)
{
    enum aks_status status = aks_state_begin(state, true, doing, err);

    AKS_CHECK(object != 0);
    if (status == AKS_OK)
        status = aks_state_finish(state, put_parts(state, object, parts, count, err), doing, err);
    return status;
}

enum aks_status
aks_state_journal_token(struct aks_state *state, int64_t object, const char *token,
    struct aks_error *err)
{
    struct aks_state_query query;
    enum aks_status status;

    AKS_CHECK(object != 0);
    if (strlen(token) > AKS_JOURNAL_TOKEN_BYTES_MAX)
        return aks_error_set(err, AKS_LIMIT, "cannot %s in %s: it is too long", doing,
            state->path);
    status = aks_state_begin(state, true, doing, err);
    if (status != AKS_OK)
        return status;
    aks_state_query_begin(&query, state, "UPDATE objects SET token = ?," CHANGED);
    aks_state_query_text(&query, token);
    aks_state_query_int(&query, object);
    status = run(&query, err);
    if (status == AKS_OK)
        status = sum_object(state, object, err);
    if (status == AKS_OK)
        status = run_of(state, "UPDATE parts SET tag = NULL WHERE object = ? AND tag NOT NULL",
            object, err);
    return aks_state_finish(state, status, doing, err);
}

enum aks_status
aks_state_journal_part_stored(struct aks_state *state, int64_t object, uint32_t number,
    const char *tag, struct aks_error *err)
{
    struct aks_state_query query;
    enum aks_status status = aks_state_set_durable(state, false, doing, err);

    AKS_CHECK(object != 0);
    if (status != AKS_OK)
        return status;
    aks_state_query_begin(&query, state,
        "UPDATE parts SET tag = ? WHERE object = ? AND number = ?");
    aks_state_query_text(&query, tag);
    aks_state_query_int(&query, object);
    aks_state_query_int(&query, number);
    return run(&query, err);
}

enum aks_status
aks_state_journal_stored(struct aks_state *state, const struct aks_journal_object *object,
    struct aks_error *err)
{
    struct aks_state_query query;
    enum aks_status status = aks_state_begin(state, false, doing, err);

    AKS_CHECK(object->id != 0);
    if (status != AKS_OK)
        return status;
    aks_state_query_begin(&query, state, "UPDATE objects SET stored = 1, bytes = ?, sha256 = ?,"
        " stored_bytes = ?, stored_sha256 = ?, parts = ?," CHANGED);
    aks_state_query_int(&query, object->bytes);
    aks_state_query_text(&query, object->sha256);
    aks_state_query_int(&query, object->stored_bytes);
    aks_state_query_text(&query, object->stored_sha256);
    aks_state_query_int(&query, object->parts);
    aks_state_query_int(&query, object->id);
    status = run(&query, err);
    if (status == AKS_OK)
        status = sum_object(state, object->id, err);
    return aks_state_finish(state, status, doing, err);
}

enum aks_status
aks_state_journal_give_up(struct aks_state *state, int64_t upload, struct aks_error *err)
{
    enum aks_status status = aks_state_set_durable(state, true, doing, err);

    if (status != AKS_OK)
        return status;
    return run_of(state, "UPDATE uploads SET given_up = 1 WHERE id = ?", upload, err);
}

enum aks_status
aks_state_journal_leave(struct aks_state *state, int64_t object, struct aks_error *err)
{
    enum aks_status status = aks_state_begin(state, true, doing, err);

    return status == AKS_OK ? aks_state_finish(state, leave(state, object, err), doing, err)
        : status;
}

enum aks_status
aks_state_journal_adopt(struct aks_state *state, int64_t upload, const char *job_id,
    struct aks_error *err)
{
    struct aks_state_query query;
    enum aks_status status = aks_state_set_durable(state, true, doing, err);

    if (status != AKS_OK)
        return status;
    aks_state_query_begin(&query, state, "UPDATE uploads SET job_id = ? WHERE id = ?");
    aks_state_query_text(&query, job_id);
    aks_state_query_int(&query, upload);
    return run(&query, err);
}

enum aks_status
aks_state_journal_carry(struct aks_state *state, struct aks_journal_upload *upload,
    const int64_t *objects, size_t count, struct aks_error *err)
{
    struct aks_state_query query;
    int64_t id = 0;
    enum aks_status status = aks_state_begin(state, true, doing, err);

    AKS_CHECK(upload->id == 0);
    if (status != AKS_OK)
        return status;
    status = put_upload(state, upload, err);
    id = sqlite3_last_insert_rowid(state->db);
    for (size_t i = 0; i < count && status == AKS_OK; i++) {
        aks_state_query_begin(&query, state, "UPDATE objects SET upload = ? WHERE id = ?");
        aks_state_query_int(&query, id);
        aks_state_query_int(&query, objects[i]);
        status = run(&query, err);
    }
    status = aks_state_finish(state, status, doing, err);
    if (status == AKS_OK)
        upload->id = id;
    return status;
}

enum aks_status
aks_state_journal_needs(struct aks_state *state, const char *snapshot, bool *ret_needs,
    struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, "SELECT 1 FROM objects JOIN uploads"
        " ON uploads.id = objects.upload WHERE snapshot = ? AND given_up = 0 LIMIT 1");
    aks_state_query_text(&query, snapshot);
    *ret_needs = aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_journal_shares(struct aks_state *state, int64_t upload, bool *ret_shares,
    struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, "SELECT 1 FROM uploads AS own"
        " JOIN objects AS mine ON mine.upload = own.id JOIN objects AS others ON"
        " others.key = mine.key AND others.upload <> own.id JOIN uploads AS other ON"
        " other.id = others.upload AND other.target = own.target AND other.given_up = 0"
        " WHERE own.id = ? LIMIT 1");
    aks_state_query_int(&query, upload);
    *ret_shares = aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_journal_forget(struct aks_state *state, int64_t upload, struct aks_error *err)
{
    enum aks_status status = aks_state_begin(state, false, doing, err);

    if (status != AKS_OK)
        return status;
    status = run_of(state, "DELETE FROM parts WHERE object IN"
        " (SELECT id FROM objects WHERE upload = ?)", upload, err);
    if (status == AKS_OK)
        status = run_of(state, "DELETE FROM objects WHERE upload = ?", upload, err);
    if (status == AKS_OK)
        status = run_of(state, "DELETE FROM uploads WHERE id = ?", upload, err);
    return aks_state_finish(state, status, doing, err);
}

enum aks_status
aks_state_journal_committed(struct aks_state *state, int64_t upload, struct aks_error *err)
{
    struct aks_state_query query;
    enum aks_status status;
    bool left;

    aks_state_query_begin(&query, state, "SELECT 1 FROM objects WHERE upload = ? AND stored = 0");
    aks_state_query_int(&query, upload);
    left = aks_state_query_row(&query);
    status = aks_state_query_end(&query, doing, err);
    if (status != AKS_OK)
        return status;
    return left ? aks_state_journal_give_up(state, upload, err)
        : aks_state_journal_forget(state, upload, err);
}

enum aks_status
aks_state_journal_forget_object(struct aks_state *state, int64_t object, struct aks_error *err)
{
    enum aks_status status = aks_state_begin(state, false, doing, err);

    return status == AKS_OK
        ? aks_state_finish(state, forget_object(state, object, err), doing, err) : status;
}
