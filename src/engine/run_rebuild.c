/* The index out of a target's own manifests: where this machine believes nothing of a place, though
 * something of its system is there, its state was lost. What the newest manifests say is believed
 * from then on, so that what has not changed, by its digest, is not sent again. */
#include "base/check.h"
#include "engine/memories.h"
#include "engine/reader.h"
#include "engine/run_upload_internal.h"
#include "engine/state_memories.h"
#include "engine/target_key.h"
#include "engine/upload_id.h"
#include "wire/manifest.h"

#include <stdio.h>
#include <string.h>

/* Each lists all that the target holds, so the newest is nearly enough; one that is damaged is
 * passed over. */
#define MANIFESTS_MAX 4
/* That a place was looked at is remembered, so that an empty one is asked once. */
#define FACT "index"
#define FACT_MS (365 * AKS_MS_PER_DAY)

struct rebuild {
    struct upload *upload;
    struct aks_reader_names ids;
    struct aks_stored *rows;            /* borrow from the manifests */
    size_t count;
    struct aks_manifest manifests[MANIFESTS_MAX];
    size_t manifest_count;
    bool cut;                           /* the loop cannot be turned: what was asked is still under
                                         * way, and nobody may go on with the target */
    bool broken;                        /* nor with the upload: it has no id */
};

static int64_t
wall_ms(const struct upload *upload)
{
    const struct aks_clock *clock = &upload->run->engine->port->clock;

    return clock->wall_ms(clock->ctx);
}

static enum aks_status
is_wanted(const struct upload *upload, bool *ret_wanted, struct aks_error *err)
{
    const struct aks_run *run = upload->run;
    const char *identity = run->targets[upload->index].identity;
    struct aks_stored *rows = NULL;
    size_t count = 0;
    char value[8];
    enum aks_status status;

    *ret_wanted = false;
    if (!upload->class->can_list || run->settings->dedup == AKS_DEDUP_ALWAYS ||
        aks_state_fact_get(run->engine->state, identity, FACT, wall_ms(upload), FACT_MS, value,
            sizeof(value), NULL) == AKS_OK)
        return AKS_OK;
    status = aks_state_stored_all(run->engine->state, identity, &rows, &count, err);
    for (size_t i = 0; i < count; i++)
        aks_stored_fini(run->engine->port->alloc, &rows[i]);
    aks_mem_free(run->engine->port->alloc, rows);
    *ret_wanted = status == AKS_OK && count == 0;
    return status;
}

static enum aks_status
note_id(void *ctx, const char *name, bool is_folder, int64_t bytes, struct aks_error *err)
{
    return is_folder ? aks_reader_names_add(ctx, name, err) : AKS_OK;
}

static enum aks_status
ask_ids(struct rebuild *rebuild)
{
    struct upload *upload = rebuild->upload;
    struct call call = { 0 };
    char folder[AKS_TARGET_KEY_FOLDER_BYTES];

    (void)aks_target_key_uploads(upload->settings, upload->run->system_id, folder);
    upload->class->list(upload->target, folder, note_id, &rebuild->ids, aks_run_upload_called,
        &call);
    (void)aks_run_upload_wait(upload, &call);
    rebuild->cut = !call.done;
    return upload->outcome.status;
}

/* The manifest of one upload; one that is not there, or damaged, is none. */
static enum aks_status
ask_manifest(struct rebuild *rebuild, const char *id)
{
    struct upload *upload = rebuild->upload;
    struct aks_run *run = upload->run;
    struct aks_manifest *manifest = &rebuild->manifests[rebuild->manifest_count];
    struct call call = { 0 };
    struct aks_buf text;
    char key[PATH_BYTES];
    enum aks_status status;

    if (aks_target_key_upload(upload->settings, run->system_id, id, AKS_MANIFEST_NAME, key,
            sizeof(key)) == 0)
        return AKS_OK;
    aks_buf_init(&text, run->engine->port->alloc, AKS_MANIFEST_BYTES_MAX);
    upload->class->get(upload->target, key, &text, aks_run_upload_called, &call);
    status = aks_run_upload_wait(upload, &call);
    rebuild->cut = !call.done;
    if (status == AKS_OK) {
        aks_manifest_init(manifest, run->engine->port->alloc);
        if (aks_manifest_read(text.data, text.len, manifest, NULL) == AKS_OK &&
            strcmp(manifest->upload_id, id) == 0 &&
            strcmp(manifest->system_id, run->system_id) == 0)
            rebuild->manifest_count++;
        else
            aks_manifest_fini(manifest);
    }
    aks_buf_fini(&text);
    return status == AKS_NOT_FOUND ? AKS_OK : status;
}

/* Is it an object of this system in this layout, whose path can be known for certain? Bytes that
 * are no UTF-8 stand as "%FF", and so may a name that only looks like it. */
static bool
may_be_believed(const struct rebuild *rebuild, const struct aks_manifest_object *object)
{
    char folder[AKS_TARGET_KEY_FOLDER_BYTES];
    size_t len = aks_target_key_uploads(rebuild->upload->settings,
        rebuild->upload->run->system_id, folder);

    return strncmp(object->key, folder, len) == 0 && object->source_name[0] == '/' &&
        strchr(object->source_name, '%') == NULL;
}

static const struct aks_manifest_object *
wal_of(const struct aks_manifest *manifest, const struct aks_manifest_object *main)
{
    for (size_t i = 0; i < manifest->object_count; i++) {
        if (strcmp(manifest->objects[i].role, "wal") == 0 &&
            strcmp(manifest->objects[i].source_name, main->source_name) == 0)
            return &manifest->objects[i];
    }
    return NULL;
}

/* Its stamps are not known: they fit no file, so the digest decides. */
static void
add_row(struct rebuild *rebuild, const struct aks_manifest *manifest,
    const struct aks_manifest_object *main)
{
    const struct aks_manifest_object *wal = wal_of(manifest, main);
    struct aks_stored *row = &rebuild->rows[rebuild->count++];

    row->source = main->source_name;
    row->name = main->name;
    row->kind = main->kind;
    row->key = main->key;
    row->upload_id = manifest->upload_id;
    row->bytes = main->bytes;
    memcpy(row->sha256, main->sha256, sizeof(row->sha256));
    row->codec = main->codec;
    row->encryption = main->encryption;
    row->stored_bytes = main->stored_bytes;
    memcpy(row->stored_sha256, main->stored_sha256, sizeof(row->stored_sha256));
    row->part_bytes = main->part_bytes;
    row->parts = main->parts;
    row->taken_at_ms = main->taken_at_ms;
    row->stored_at_ms = manifest->uploaded_at_ms;
    row->checked_at_ms = wall_ms(rebuild->upload);
    row->method = main->snapshot_method;
    row->writer = main->snapshot_writer;
    row->info.type = AKS_FILE_OTHER;
    row->info_racy = true;
    row->wal_there = wal != NULL;
    if (wal == NULL)
        return;
    row->wal.key = wal->key;
    row->wal.bytes = wal->bytes;
    memcpy(row->wal.sha256, wal->sha256, sizeof(row->wal.sha256));
    row->wal.codec = wal->codec;
    row->wal.encryption = wal->encryption;
    row->wal.stored_bytes = wal->stored_bytes;
    memcpy(row->wal.stored_sha256, wal->stored_sha256, sizeof(row->wal.stored_sha256));
    row->wal.part_bytes = wal->part_bytes;
    row->wal.parts = wal->parts;
    row->wal_info.type = AKS_FILE_OTHER;
}

/* The first manifest that names a source, the newest, is believed. */
static enum aks_status
keep_rows(struct rebuild *rebuild, struct aks_error *err)
{
    const struct aks_run *run = rebuild->upload->run;
    size_t total = 0;
    enum aks_status status;

    for (size_t i = 0; i < rebuild->manifest_count; i++)
        total += rebuild->manifests[i].object_count;
    rebuild->rows = aks_mem_array(run->engine->port->alloc, total + 1, sizeof(*rebuild->rows));
    if (rebuild->rows == NULL)
        return aks_error_memory(err, "looking up what is stored");
    for (size_t i = 0; i < rebuild->manifest_count; i++) {
        const struct aks_manifest *manifest = &rebuild->manifests[i];

        for (size_t j = 0; j < manifest->object_count; j++) {
            const struct aks_manifest_object *object = &manifest->objects[j];
            bool known = false;

            for (size_t k = 0; k < rebuild->count && !known; k++)
                known = strcmp(rebuild->rows[k].source, object->source_name) == 0;
            if (!known && strcmp(object->role, "main") == 0 && may_be_believed(rebuild, object))
                add_row(rebuild, manifest, object);
        }
    }
    status = aks_state_stored_put(run->engine->state,
        run->targets[rebuild->upload->index].identity, rebuild->rows, rebuild->count, err);
    if (status == AKS_OK && rebuild->count > 0)
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "%s: nothing was known of what is stored "
            "there: the newest manifests tell of %zu files", rebuild->upload->settings->name,
            rebuild->count);
    return status;
}

/* How far the rows of one table have come, behind what older manifests told. All of them count as
 * sent with the last of their parts; until then they are under way. */
static enum aks_status
keep_mark(struct rebuild *rebuild, const struct aks_manifest *manifest,
    const struct aks_manifest_table *table, struct aks_error *err)
{
    const struct aks_run *run = rebuild->upload->run;
    const char *identity = run->targets[rebuild->upload->index].identity;
    struct aks_memories_mark before = { 0 };
    struct aks_memories_mark mark = { .source = table->source, .table = table->table,
        .cursor = { table->to_at, table->to_id } };
    bool beginning = table->after_id == NULL;
    enum aks_status status = AKS_NOT_FOUND;

    if (!beginning)
        status = aks_state_memories_get(run->engine->state, identity, table->source, table->table,
            &before, err);
    if (status != AKS_OK && status != AKS_NOT_FOUND)
        return status;
    mark.all_at_ms = aks_memories_all_at(status == AKS_OK ? &before : NULL, beginning,
        !table->complete, manifest->uploaded_at_ms);
    if (status == AKS_OK)
        aks_memories_mark_fini(run->engine->port->alloc, &before);
    return aks_state_memories_put(run->engine->state, identity, &mark, 1, err);
}

/* How far the rows of a table have come, by the newest manifest that tells of it; and when all of
 * them were sent last, by the newest that holds them by itself. Where none of these does, that is
 * not known, and they go with the next upload: what is promised of once in a month holds. */
static enum aks_status
keep_marks(struct rebuild *rebuild, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    /* From the oldest on: what a newer one says takes its place. */
    for (size_t i = rebuild->manifest_count; i > 0 && status == AKS_OK; i--) {
        const struct aks_manifest *manifest = &rebuild->manifests[i - 1];

        for (size_t j = 0; j < manifest->memories.count && status == AKS_OK; j++) {
            const struct aks_manifest_table *table = &manifest->memories.tables[j];

            if (table->source[0] == '/' && strchr(table->source, '%') == NULL)
                status = keep_mark(rebuild, manifest, table, err);
        }
    }
    return status;
}

/* What is there is older than what comes now, whatever the clock says. */
static enum aks_status
follow_ids(struct rebuild *rebuild, struct aks_error *err)
{
    struct upload *upload = rebuild->upload;
    const struct aks_reader_names *ids = &rebuild->ids;
    size_t last = ids->count;

    while (last > 0 && aks_upload_id_ms(ids->names[last - 1]) < 0)
        last--;
    if (last == 0 || upload->resumed || strncmp(ids->names[last - 1], upload->upload_id,
            AKS_UPLOAD_ID_STAMP_LEN) < 0)
        return AKS_OK;
    rebuild->broken = aks_run_resume_another_id(upload, ids->names[last - 1], err) != AKS_OK;
    return rebuild->broken ? err->status : AKS_OK;
}

static enum aks_status
look_up(struct rebuild *rebuild, struct aks_error *err)
{
    struct upload *upload = rebuild->upload;
    enum aks_status status = ask_ids(rebuild);

    if (status == AKS_OK && follow_ids(rebuild, err) != AKS_OK)
        return err->status;
    for (size_t i = rebuild->ids.count; i > 0 && status == AKS_OK &&
        rebuild->manifest_count < MANIFESTS_MAX && rebuild->ids.count - i < 2 * MANIFESTS_MAX;
        i--) {
        /* For its own an upload that is gone on with asks by itself. */
        if (!upload->resumed || strcmp(rebuild->ids.names[i - 1], upload->upload_id) != 0)
            status = ask_manifest(rebuild, rebuild->ids.names[i - 1]);
    }
    if (status != AKS_OK) {
        *err = upload->outcome.error;
        return status;
    }
    status = keep_rows(rebuild, err);
    if (status == AKS_OK)
        status = keep_marks(rebuild, err);
    if (status == AKS_OK)
        (void)aks_state_fact_put(upload->run->engine->state,
            upload->run->targets[upload->index].identity, FACT, "yes", wall_ms(upload), NULL);
    return status;
}

/* What turns out to be there already is taken out of the upload: copies that are still to be sent
 * come first, and count. */
static enum aks_status
sort_out(struct upload *upload, struct aks_error *err)
{
    size_t wanted = 0;

    for (size_t i = 0; i < upload->count; i++) {
        struct aks_copy *copy = upload->copies[i];
        enum aks_status status = aks_run_walk_consider(upload->run, copy, err);

        if (status != AKS_OK)
            return status;
        if (copy->state != AKS_COPY_OPEN)
            continue;
        upload->copies[i] = upload->copies[wanted];
        upload->copies[wanted++] = copy;
    }
    upload->count = wanted;
    return AKS_OK;
}

enum aks_status
aks_run_rebuild(struct upload *upload)
{
    const struct aks_alloc *alloc = upload->run->engine->port->alloc;
    struct rebuild rebuild = { .upload = upload };
    struct aks_error err;
    bool wanted;
    enum aks_status status = is_wanted(upload, &wanted, &err);

    if (status == AKS_OK && wanted) {
        aks_reader_names_init(&rebuild.ids, alloc);
        status = look_up(&rebuild, &err);
        if (status == AKS_OK && rebuild.count > 0)
            status = sort_out(upload, &err);
        for (size_t i = 0; i < rebuild.manifest_count; i++)
            aks_manifest_fini(&rebuild.manifests[i]);
        aks_mem_free(alloc, rebuild.rows);
        aks_reader_names_fini(&rebuild.ids);
    }
    if (rebuild.cut || rebuild.broken || status == AKS_CANCELLED ||
        upload->run->ask.policy_error.status != AKS_OK)
        return aks_run_upload_failed(upload, &err, AKS_GIVE_UP);
    /* It only saves work: whatever was wrong with it, sending is tried all the same. */
    if (status != AKS_OK)
        aks_log_write(upload->run->engine->log, AKS_LOG_INFO,
            "%s: what is stored there could not be looked up: %s", upload->settings->name,
            err.message);
    aks_outcome_ok(&upload->outcome);
    return AKS_OK;
}
