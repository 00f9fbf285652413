/* Which upload a run goes on with. An upload that is in the journal is gone on with by its own job,
 * from the snapshots that it was begun with, whatever has become of the sources since; and by a new
 * run, which takes it over, as long as the sources still are what was taken. Everything that has
 * been begun of it must be among what is to be sent now: what readers will find under one upload id
 * comes out of one run. Else the objects that still are what is to be sent go on as a part of
 * another upload. Where a later upload holds, at whatever target, what was not begun of it, it ends
 * with what was, and the rest follows under a later id: else the newer would be under the older. */
#include "base/check.h"
#include "base/encode.h"
#include "engine/run_upload_internal.h"
#include "engine/state_memories.h"
#include "engine/state_snapshots.h"
#include "engine/target_key.h"
#include "wire/manifest.h"

#include <stdio.h>
#include <string.h>

static int64_t
wall_ms(const struct aks_run *run)
{
    const struct aks_clock *clock = &run->engine->port->clock;

    return clock->wall_ms(clock->ctx);
}

bool
aks_run_resume_too_old(const struct aks_run *run, const struct aks_journal_upload *upload)
{
    int64_t age_ms = wall_ms(run) - upload->begun_at_ms;

    /* One from the future was begun before the clock was set back: nobody knows when. */
    return age_ms >= AKS_JOURNAL_AGE_MS || age_ms <= -AKS_JOURNAL_AGE_MS;
}

static struct aks_item *
item_of(const struct upload *upload, const char *source)
{
    for (size_t i = 0; i < upload->count; i++) {
        if (strcmp(upload->copies[i]->item->source.path, source) == 0)
            return upload->copies[i]->item;
    }
    return NULL;
}

/* Is the source still what ${object} was made from? */
static bool
still(const struct aks_run *run, const struct aks_item *item,
    const struct aks_journal_object *object)
{
    struct aks_snapshot_row row;
    struct aks_snapshot seen;
    struct aks_error err;
    bool is_still = false;

    if (item->snapshot != NULL)
        return aks_journal_object_of(object, item->snapshot);
    if (object->snapshot == NULL || object->snapshot[0] == '\0') {
        if (aks_run_snapshot_look(run, item, &seen, &err) != AKS_OK)
            return false;
        is_still = aks_journal_object_of(object, &seen);
        aks_snapshot_fini(&seen);
        return is_still;
    }
    if (aks_state_snapshot_get(run->engine->state, object->snapshot, &row, &err) != AKS_OK)
        return false;
    is_still = row.taken && !row.snapshot.racy &&
        aks_snapshot_still(run->engine->port, &row.snapshot);
    aks_state_snapshot_row_fini(run->engine->port->alloc, &row);
    return is_still;
}

/* May this run go on with ${object}? */
static bool
object_fits(const struct upload *upload, const struct aks_journal *journal,
    const struct aks_journal_object *object)
{
    const struct aks_run *run = upload->run;
    bool own = strcmp(journal->upload.job_id, run->job_id) == 0;
    const struct aks_item *item = object->source != NULL ? item_of(upload, object->source) : NULL;

    if (item == NULL || object->role < 0 || object->role >= AKS_SNAPSHOT_ROLES)
        return false;
    return (own && item->snapshot == NULL) || still(run, item, object);
}

/* May it go on with all that ${journal} tells? */
static bool
fits(const struct upload *upload, const struct aks_journal *journal)
{
    for (size_t i = 0; i < journal->count; i++) {
        const struct aks_journal_object *object = &journal->objects[i];

        if (!object_fits(upload, journal, object))
            return false;
        /* Where all of them are stored, so may be the manifest. */
        if (object->encryption != AKS_ENCRYPTION_NONE && !object->stored)
            return false;
    }
    return journal->count > 0;
}

static bool
begun(const struct aks_journal *journal, const struct aks_copy *copy)
{
    for (int role = 0; role < AKS_SNAPSHOT_ROLES; role++) {
        if (aks_journal_object(journal, copy->item->source.path, (enum aks_snapshot_role)role) !=
            NULL)
            return true;
    }
    return false;
}

/* Would anything that was not begun get bytes of now under the former id, of which who asks for the
 * newest finds others under a later one? Where that cannot be read it may be so. */
static bool
overtaken(const struct upload *upload, const struct aks_journal *journal)
{
    struct aks_state *state = upload->run->engine->state;
    bool later = false;

    for (size_t i = 0; i < upload->count && !later; i++) {
        if (!begun(journal, upload->copies[i]) && aks_state_stored_since(state,
                upload->copies[i]->item->source.path, journal->upload.upload_id, &later, NULL) !=
                AKS_OK)
            later = true;
    }
    return later;
}

/* Only what was begun; that comes first among the copies now. */
static void
narrow(struct upload *upload, const struct aks_journal *journal)
{
    size_t count = 0;

    for (size_t i = 0; i < upload->count; i++) {
        struct aks_copy *copy = upload->copies[i];

        if (!begun(journal, copy))
            continue;
        upload->copies[i] = upload->copies[count];
        upload->copies[count++] = copy;
    }
    upload->count = count;
}

static void
fill_upload(const struct upload *upload, int64_t begun_at_ms, struct aks_journal_upload *ret_row)
{
    const struct aks_run *run = upload->run;

    (void)snprintf(ret_row->target, sizeof(ret_row->target), "%s",
        run->targets[upload->index].identity);
    (void)snprintf(ret_row->upload_id, sizeof(ret_row->upload_id), "%s", upload->upload_id);
    (void)snprintf(ret_row->job_id, sizeof(ret_row->job_id), "%s", run->job_id);
    ret_row->begun_at_ms = begun_at_ms;
}

/* A journal of its own, of which nothing is written down yet. */
static enum aks_status
begin_anew(struct upload *upload, struct aks_error *err)
{
    struct aks_run *run = upload->run;
    struct aks_journal_upload fresh = { 0 };

    fill_upload(upload, wall_ms(run), &fresh);
    upload->journalled = true;
    return aks_journal_init(&upload->journal, run->engine->port->alloc, run->engine->log,
        run->engine->state, &fresh, err);
}

/* Of what was begun, some is not what is to be sent now: the rest goes on where it lies, as a part
 * of an upload of this run's own id, whose manifest will name it by its earlier key. Nothing is
 * written over under the former id, whose manifest may still be on its way. *ret_taken tells. */
static enum aks_status
carry_over(struct upload *upload, bool *ret_taken, struct aks_error *err)
{
    struct aks_run *run = upload->run;
    const struct aks_journal *found = &upload->journal;
    int64_t begun_at_ms = found->upload.begun_at_ms;
    int64_t *ids = aks_mem_array(run->engine->port->alloc, found->count + 1, sizeof(*ids));
    struct aks_journal_upload own = { 0 };
    size_t count = 0;
    enum aks_status status = AKS_OK;

    *ret_taken = false;
    if (ids == NULL)
        return aks_error_memory(err, "going on with an upload");
    /* The address of what tus has begun may be the object's own: nothing tells half from whole. */
    for (size_t i = 0; i < found->count && upload->settings->kind == AKS_TARGET_S3; i++) {
        /* What is encrypted begins anew. */
        if (found->objects[i].encryption == AKS_ENCRYPTION_NONE &&
            object_fits(upload, found, &found->objects[i]))
            ids[count++] = found->objects[i].id;
    }
    if (count > 0) {
        fill_upload(upload, begun_at_ms, &own);
        status = aks_state_journal_carry(run->engine->state, &own, ids, count, err);
    }
    aks_mem_free(run->engine->port->alloc, ids);
    if (count == 0 || status != AKS_OK)
        return status;
    aks_log_write(run->engine->log, AKS_LOG_INFO, "target %s: going on with %zu of %zu objects of "
        "upload %s, as a part of %s", upload->settings->name, count, found->count,
        found->upload.upload_id, own.upload_id);
    aks_journal_fini(&upload->journal);
    status = aks_journal_init(&upload->journal, run->engine->port->alloc, run->engine->log,
        run->engine->state, &own, err);
    *ret_taken = status == AKS_OK;
    return status;
}

/* Takes ${found} if it fits, or what of it does; *ret_taken tells. */
static enum aks_status
try_upload(struct upload *upload, const struct aks_journal_upload *found, bool *ret_taken,
    struct aks_error *err)
{
    struct aks_run *run = upload->run;
    bool own = strcmp(found->job_id, run->job_id) == 0;
    bool whole;
    enum aks_status status = aks_journal_init(&upload->journal, run->engine->port->alloc,
        run->engine->log, run->engine->state, found, err);

    whole = status == AKS_OK && fits(upload, &upload->journal);
    if (whole && overtaken(upload, &upload->journal))
        narrow(upload, &upload->journal);
    *ret_taken = whole;
    if (whole && !own)
        status = aks_state_journal_adopt(run->engine->state, found->id, run->job_id, err);
    else if (status == AKS_OK && !whole)
        status = carry_over(upload, ret_taken, err);
    /* Of what the job has begun, not all is wanted any more. */
    if (status == AKS_OK && !whole && own)
        status = aks_state_journal_give_up(run->engine->state, found->id, err);
    if (!*ret_taken || status != AKS_OK) {
        aks_journal_fini(&upload->journal);
        return status;
    }
    upload->journalled = true;
    upload->resumed = true;
    if (!whole)
        return AKS_OK;
    /* Of this target alone: another may hold a committed upload of that id already. */
    (void)snprintf(upload->upload_id, sizeof(upload->upload_id), "%s", found->upload_id);
    aks_log_write(run->engine->log, AKS_LOG_INFO, "target %s: going on with upload %s",
        upload->settings->name, found->upload_id);
    return AKS_OK;
}

enum aks_status
aks_run_resume_choose(struct upload *upload, struct aks_error *err)
{
    struct aks_run *run = upload->run;
    struct aks_journal_upload *found = NULL;
    size_t count = 0;
    bool taken = false;
    enum aks_status status;

    if (!upload->class->resumes)
        return AKS_OK;
    status = aks_state_journal_uploads(run->engine->state, run->targets[upload->index].identity,
        &found, &count, err);
    for (size_t i = count; i > 0 && status == AKS_OK && !taken; i--) {
        if (!found[i - 1].given_up && !aks_run_resume_too_old(run, &found[i - 1]))
            status = try_upload(upload, &found[i - 1], &taken, err);
    }
    aks_mem_free(run->engine->port->alloc, found);
    if (status == AKS_OK && !taken)
        status = begin_anew(upload, err);
    return status;
}

/* --- an upload that was committed after all --------------------------------------------------- */

static void
result_of(const struct aks_journal_object *object, struct aks_transfer_result *ret_result)
{
    struct aks_pipeline_result *bytes = &ret_result->bytes;

    memset(ret_result, 0, sizeof(*ret_result));
    ret_result->key = object->key;
    (void)aks_codec_from_name(object->codec, &ret_result->codec);
    ret_result->encryption = object->encryption;
    ret_result->part_bytes = object->part_bytes;
    bytes->plain_bytes = object->bytes;
    (void)aks_hex_decode(object->sha256, bytes->plain_sha256, sizeof(bytes->plain_sha256));
    bytes->stored_bytes = object->stored_bytes;
    (void)aks_hex_decode(object->stored_sha256, bytes->stored_sha256,
        sizeof(bytes->stored_sha256));
    bytes->parts = (uint32_t)object->parts;
}

/* Makes the copy's row out of what the journal knows, and sees that the manifest says the same. */
static bool
believe_copy(struct upload *upload, struct aks_copy *copy, const struct aks_buf *manifest)
{
    struct aks_run *run = upload->run;
    struct aks_error err;

    if (aks_run_snapshot(run, copy, &err) != AKS_OK ||
        aks_run_object_begin(upload, copy, copy->item->snapshot, &err) != AKS_OK)
        return false;
    for (int role = 0; role < AKS_SNAPSHOT_ROLES; role++) {
        const struct aks_journal_object *object = aks_journal_object(&upload->journal,
            copy->item->source.path, (enum aks_snapshot_role)role);
        struct aks_transfer_result result;

        if (!aks_run_object_wanted(copy, copy->item->snapshot, (enum aks_snapshot_role)role))
            continue;
        if (object == NULL || !object->stored ||
            !aks_journal_object_of(object, copy->item->snapshot))
            return false;
        result_of(object, &result);
        if (aks_run_object_add(upload, copy, copy->item->snapshot, (enum aks_snapshot_role)role,
                &result, &err) != AKS_OK)
            return false;
    }
    return aks_run_confirm_names(run->engine->port->alloc, manifest, &copy->next);
}

static enum aks_status
believe(struct upload *upload, const struct aks_buf *manifest, struct aks_error *err)
{
    struct aks_run *run = upload->run;
    struct aks_run_target *target = &run->targets[upload->index];
    enum aks_status status = AKS_OK;

    aks_log_write(run->engine->log, AKS_LOG_INFO, "target %s: upload %s is complete there",
        upload->settings->name, upload->upload_id);
    for (size_t i = 0; i < upload->count && status == AKS_OK; i++) {
        struct aks_copy *copy = upload->copies[i];

        if (aks_journal_object(&upload->journal, copy->item->source.path, AKS_SNAPSHOT_MAIN) ==
                NULL || !believe_copy(upload, copy, manifest))
            continue;
        aks_run_object_end(upload, copy);
        aks_item_learn(copy->item, &copy->row);
        status = aks_state_stored_put(run->engine->state, target->identity, &copy->row, 1, err);
        (void)snprintf(target->upload_id, sizeof(target->upload_id), "%s", upload->upload_id);
    }
    if (status == AKS_OK)
        status = aks_state_memories_end(run->engine->state, target->identity, upload->upload_id,
            true, err);
    return status;
}

enum aks_status
aks_run_resume_another_id(struct upload *upload, const char *after, struct aks_error *err)
{
    struct aks_run *run = upload->run;
    enum aks_status status = aks_engine_upload_id(run->engine, after, run->upload_id, err);

    aks_journal_fini(&upload->journal);
    upload->resumed = false;
    if (status != AKS_OK)
        return status;
    (void)snprintf(upload->upload_id, sizeof(upload->upload_id), "%s", run->upload_id);
    (void)aks_target_key_upload(upload->settings, run->system_id, upload->upload_id, "",
        upload->folder, sizeof(upload->folder));
    return upload->journalled ? begin_anew(upload, err) : AKS_OK;
}

enum aks_status
aks_run_resume_settle(struct upload *upload)
{
    const struct aks_alloc *alloc = upload->run->engine->port->alloc;
    struct call call = { 0 };
    struct aks_buf manifest;
    struct aks_error err;
    char key[PATH_BYTES + 16];
    enum aks_status status;

    if (!upload->resumed)
        return AKS_OK;
    (void)snprintf(key, sizeof(key), "%s%s", upload->folder, AKS_MANIFEST_NAME);
    aks_buf_init(&manifest, alloc, AKS_MANIFEST_BYTES_MAX);
    upload->class->get(upload->target, key, &manifest, aks_run_upload_called, &call);
    status = aks_run_upload_wait(upload, &call);
    if (status == AKS_NOT_FOUND) {
        aks_outcome_ok(&upload->outcome);
        status = AKS_OK;
    } else if (status == AKS_OK) {
        status = believe(upload, &manifest, &err);
        if (status == AKS_OK)
            status = aks_state_journal_committed(upload->run->engine->state,
                upload->journal.upload.id, &err);
        if (status == AKS_OK)
            status = aks_run_resume_another_id(upload, upload->upload_id, &err);
        if (status != AKS_OK)
            (void)aks_run_upload_failed(upload, &err, AKS_NEXT_TARGET);
    }
    aks_buf_fini(&manifest);
    return status;
}

bool
aks_run_resume_open(const struct upload *upload)
{
    for (size_t i = 0; i < upload->count; i++) {
        if (upload->copies[i]->state != AKS_COPY_STORED)
            return true;
    }
    return false;
}

/* --- how it ends ------------------------------------------------------------------------------ */

enum aks_status
aks_run_resume_start_over(struct upload *upload)
{
    struct aks_run *run = upload->run;
    struct aks_error err;
    struct aks_error ignored;
    enum aks_status status;

    aks_log_write(run->engine->log, AKS_LOG_WARNING, "target %s: upload %s starts over: %s",
        upload->settings->name, upload->upload_id, upload->outcome.error.message);
    (void)aks_run_commit_audit(upload, "upload_restarted", &upload->outcome.error, &ignored);
    status = upload->journal.upload.id == 0 ? AKS_OK
        : aks_state_journal_give_up(run->engine->state, upload->journal.upload.id, &err);
    if (status == AKS_OK)
        status = aks_run_resume_another_id(upload, upload->upload_id, &err);
    if (status != AKS_OK)
        return aks_run_upload_failed(upload, &err, AKS_NEXT_TARGET);
    for (size_t i = 0; i < upload->count; i++) {
        aks_error_clear(&upload->copies[i]->error);
        if (upload->copies[i]->state == AKS_COPY_STORED)
            run->progress.files_done--;
        upload->copies[i]->state = AKS_COPY_OPEN;
    }
    upload->differs = false;
    upload->condemned = false;
    upload->done = false;
    upload->now = NULL;
    upload->next = 0;
    return AKS_OK;
}

/* What stays there half sent is told by its names. */
static void
tell_kept(struct upload *upload)
{
    struct aks_run *run = upload->run;
    struct aks_journal journal;
    struct aks_error kept;
    struct aks_error err;

    if (aks_journal_init(&journal, run->engine->port->alloc, run->engine->log, run->engine->state,
            &upload->journal.upload, &err) == AKS_OK && journal.count > 0) {
        (void)aks_error_set(&kept, upload->outcome.status != AKS_OK ? upload->outcome.status
                : AKS_UNDELIVERED,
            "%s: upload %s stays there to be gone on with: %s%s", upload->settings->name,
            upload->upload_id, journal.objects[0].key, journal.count > 1 ? " and others" : "");
        aks_log_write(run->engine->log, AKS_LOG_INFO, "%s", kept.message);
        (void)aks_run_commit_audit(upload, "upload_kept", &kept, &err);
    }
    aks_journal_fini(&journal);
}

void
aks_run_resume_end(struct upload *upload, bool committed)
{
    struct aks_error err;

    /* What is there was read back, and is not what was sent: nobody goes on with it. */
    if (!committed && upload->journal.upload.id != 0 && upload->outcome.status == AKS_CORRUPT)
        (void)aks_state_journal_give_up(upload->run->engine->state, upload->journal.upload.id,
            &err);
    else if (!committed && upload->journal.upload.id != 0)
        tell_kept(upload);

    /* With something in it that was left it is given back, which touches nothing that is whole. */
    if (committed && upload->journal.upload.id != 0 && (upload->journal.holds_left
            ? aks_state_journal_give_up(upload->run->engine->state, upload->journal.upload.id,
                &err)
            : aks_state_journal_committed(upload->run->engine->state, upload->journal.upload.id,
                &err)) != AKS_OK)
        aks_log_write(upload->run->engine->log, AKS_LOG_DEBUG, "%s", err.message);
    aks_journal_fini(&upload->journal);
}

/* --- snapshots -------------------------------------------------------------------------------- */

/* Takes the snapshot that ${object} was made from, if this run may use it. */
static bool
take_recorded(struct aks_run *run, const struct aks_item *item,
    const struct aks_journal_object *object, bool own, struct aks_snapshot *ret_snapshot)
{
    const struct aks_port *port = run->engine->port;
    struct aks_snapshot_row row;

    if (object->source == NULL || strcmp(object->source, item->source.path) != 0 ||
        object->snapshot == NULL || object->snapshot[0] == '\0' ||
        aks_state_snapshot_get(run->engine->state, object->snapshot, &row, NULL) != AKS_OK)
        return false;
    if (!row.taken || row.snapshot.kind != item->source.kind ||
        (!own && (row.snapshot.racy || !aks_snapshot_still(port, &row.snapshot)))) {
        aks_state_snapshot_row_fini(port->alloc, &row);
        return false;
    }
    *ret_snapshot = row.snapshot;
    memset(&row.snapshot, 0, sizeof(row.snapshot));
    aks_state_snapshot_row_fini(port->alloc, &row);
    return true;
}

bool
aks_run_resume_snapshot(struct aks_run *run, const struct aks_item *item,
    struct aks_snapshot *ret_snapshot)
{
    const struct aks_alloc *alloc = run->engine->port->alloc;
    struct aks_journal_upload *uploads = NULL;
    size_t count = 0;
    bool found = false;

    (void)aks_state_journal_uploads(run->engine->state, NULL, &uploads, &count, NULL);
    for (size_t i = count; i > 0 && !found; i--) {
        struct aks_journal journal;

        if (uploads[i - 1].given_up || aks_run_resume_too_old(run, &uploads[i - 1]))
            continue;
        (void)aks_journal_init(&journal, alloc, run->engine->log, run->engine->state,
            &uploads[i - 1], NULL);
        for (size_t k = 0; k < journal.count && !found; k++)
            found = take_recorded(run, item, &journal.objects[k],
                strcmp(uploads[i - 1].job_id, run->job_id) == 0, ret_snapshot);
        aks_journal_fini(&journal);
    }
    aks_mem_free(alloc, uploads);
    return found;
}

bool
aks_run_resume_needs(const struct aks_run *run, const struct aks_snapshot *snapshot)
{
    bool needs = false;

    /* Where that cannot be read it is kept: whoever sweeps asks again. */
    return snapshot->id != NULL && !snapshot->in_place &&
        (aks_state_journal_needs(run->engine->state, snapshot->id, &needs, NULL) != AKS_OK ||
            needs);
}

static bool
keeps(void *ctx, const char *id, const char *job)
{
    const struct aks_engine *engine = ctx;
    bool needs = false;

    return aks_state_journal_needs(engine->state, id, &needs, NULL) != AKS_OK || needs;
}

/* Files of memories that somebody who was killed was about to send. */
static enum aks_status
sweep_memories(void *ctx, const char *name, struct aks_error *err)
{
    static const char begin[] = "memories-";
    static const char end[] = ".memories";
    const struct aks_engine *engine = ctx;
    const struct aks_files *files = &engine->port->files;
    size_t len = strlen(name);
    char path[AKS_PATH_BYTES];
    int n;

    if (strncmp(name, begin, sizeof(begin) - 1) != 0 &&
        (len < sizeof(end) || strcmp(name + len - (sizeof(end) - 1), end) != 0))
        return AKS_OK;
    n = snprintf(path, sizeof(path), "%s/%s", engine->scratch_folder, name);
    if (n > 0 && (size_t)n < sizeof(path))
        (void)files->unlink(files->ctx, path, NULL);
    return AKS_OK;
}

void
aks_run_resume_sweep(struct aks_engine *engine)
{
    const struct aks_files *files = &engine->port->files;
    struct aks_error err;
    unsigned left = 0;

    if (files->list(files->ctx, engine->scratch_folder, sweep_memories, engine, &err) != AKS_OK)
        aks_log_write(engine->log, AKS_LOG_WARNING, "%s", err.message);
    if (aks_snapshot_sweep(engine->port, engine->state, engine->snapshot_folder, keeps, engine,
            &left, &err) != AKS_OK)
        aks_log_write(engine->log, AKS_LOG_WARNING, "%s", err.message);
    else if (left > 0)
        aks_log_write(engine->log, AKS_LOG_WARNING, "%u snapshots could not be removed",
            left);
}
