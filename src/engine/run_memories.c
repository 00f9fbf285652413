#include "engine/run_memories.h"

#include "base/check.h"
#include "base/encode.h"
#include "engine/run_memories_internal.h"
#include "engine/target_key.h"

#include <stdio.h>
#include <string.h>

static void
end(struct memories *memories, const struct aks_outcome *outcome)
{
    aks_done *done = memories->done;

    memories->done = NULL;
    done(memories->upload, outcome);
}

static void
end_ok(struct memories *memories)
{
    struct aks_outcome outcome;

    aks_outcome_ok(&outcome);
    end(memories, &outcome);
}

/* Something of this machine's: the bytes go, rows do not. */
static void
end_without(struct memories *memories, const struct aks_error *err)
{
    struct aks_run_memories_told *told = &memories->run->targets[memories->upload->index].memories;

    aks_log_write(memories->run->engine->log, AKS_LOG_WARNING, "rows are not sent: %s",
        err->message);
    told->tried = true;
    told->rows = 0;
    told->bytes = 0;
    told->error = *err;
    aks_manifest_memories_fini(memories->port->alloc, &memories->manifest);
    end_ok(memories);
}

/* --- sending ---------------------------------------------------------------------------------- */

static void
transfer_read(void *ctx)
{
}

static void
transfer_left(void *ctx, const struct aks_error *left)
{
    struct memories *memories = ctx;
    struct aks_error err;

    aks_log_write(memories->run->engine->log, AKS_LOG_WARNING, "%s", left->message);
    if (aks_run_commit_audit(memories->upload, "upload_left", left, &err) != AKS_OK)
        aks_log_write(memories->run->engine->log, AKS_LOG_WARNING, "%s", err.message);
}

static enum aks_status
take_object(struct memories *memories, const struct aks_transfer_result *result,
    struct aks_error *err)
{
    struct aks_manifest_memories *manifest = &memories->manifest;

    manifest->key = aks_mem_strdup(memories->port->alloc, result->key);
    if (manifest->key == NULL)
        return aks_error_memory(err, "listing memories");
    manifest->bytes = result->bytes.stored_bytes;
    aks_hex_encode(result->bytes.stored_sha256, AKS_SHA256_BYTES, manifest->sha256);
    memories->run->sent_bytes += result->bytes.stored_bytes - result->kept_bytes;
    return AKS_OK;
}

/* A file that is half sent when the process dies is made anew and never gone on with: from its
 * first part on it stands in the journal as an upload of its own, which is only there to be given
 * back. */
static enum aks_status
journal(struct memories *memories, struct aks_error *err)
{
    const struct upload *upload = memories->upload;
    const struct aks_run *run = memories->run;
    struct aks_journal_upload own = { .begun_at_ms = memories->wall_ms, .given_up = true };

    (void)snprintf(own.target, sizeof(own.target), "%s", run->targets[upload->index].identity);
    (void)snprintf(own.upload_id, sizeof(own.upload_id), "%s", upload->upload_id);
    (void)snprintf(own.job_id, sizeof(own.job_id), "%s", run->job_id);
    return aks_journal_init(&memories->journal, memories->port->alloc, run->engine->log,
        run->engine->state, &own, err);
}

/* It is there as a whole, or was given back; or it could not be, and stands there by itself. */
static void
journal_end(struct memories *memories)
{
    struct aks_error err;

    if (memories->journal.upload.id != 0 && !memories->journal.holds_left &&
        aks_state_journal_forget(memories->run->engine->state, memories->journal.upload.id,
            &err) != AKS_OK)
        aks_log_write(memories->run->engine->log, AKS_LOG_WARNING, "%s", err.message);
    aks_journal_fini(&memories->journal);
}

static void
transfer_done(void *ctx)
{
    struct memories *memories = ctx;
    struct aks_transfer *transfer = memories->transfer;
    struct aks_outcome outcome = *aks_transfer_outcome(transfer);
    struct aks_error err;
    enum aks_status status = AKS_OK;

    if (outcome.status == AKS_OK)
        status = take_object(memories, aks_transfer_result(transfer), &err);
    aks_transfer_free(transfer);
    memories->transfer = NULL;
    journal_end(memories);
    if (status != AKS_OK)
        end_without(memories, &err);
    else
        end(memories, &outcome);
}

/* It is sent as it is, whatever the policy says of sources: Akosha's worker reads plain JSON. */
static void
send(struct memories *memories)
{
    static const struct aks_compress_settings plain = { .codec = AKS_CODEC_NONE };
    static char name[] = AKS_MEMORIES_NAME;
    struct upload *upload = memories->upload;
    struct aks_run *run = memories->run;
    struct aks_transfer_options options = { 0 };
    struct aks_error err;

    memories->source.path = memories->path;
    memories->source.name = name;
    memories->source.kind = AKS_SOURCE_FILE;
    memories->snapshot.source = memories->path;
    memories->snapshot.kind = AKS_SOURCE_FILE;
    memories->snapshot.method = "identity";
    memories->snapshot.taken_at_ms = memories->wall_ms;
    memories->snapshot.files[AKS_SNAPSHOT_MAIN].there = true;
    memories->snapshot.files[AKS_SNAPSHOT_MAIN].path = memories->path;
    memories->snapshot.files[AKS_SNAPSHOT_MAIN].bytes = memories->bytes;
    options.port = run->engine->port;
    options.loop = &run->engine->loop;
    options.ask = &run->ask;
    options.log = run->engine->log;
    options.pool = &run->pool;
    options.target = upload->target;
    options.target_facts = &upload->facts;
    options.source = &memories->source;
    options.snapshot = &memories->snapshot;
    options.role = AKS_SNAPSHOT_MAIN;
    options.chosen = &plain;
    options.journal = upload->class->resumes ? &memories->journal : NULL;
    options.folder = upload->folder;
    options.scratch_folder = run->engine->scratch_folder;
    options.read = transfer_read;
    options.left = transfer_left;
    options.done = transfer_done;
    options.ctx = memories;
    if (journal(memories, &err) != AKS_OK ||
        aks_transfer_new(&options, &memories->transfer, &err) != AKS_OK)
        end_without(memories, &err);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void
made(void *arg)
{
    struct memories *memories = arg;
    struct aks_error err;

    memories->working = false;
    if (memories->upload == NULL) {
        memories->run->pool.lingering--;
        aks_run_memories_free(memories);
        return;
    }
    if (aks_run_memories_list(memories, &err) != AKS_OK)
        end_without(memories, &err);
    else if (memories->rows == 0)
        end_ok(memories);
    else
        send(memories);
}

static void
read_rows(struct memories *memories)
{
    const struct aks_work *work = &memories->port->work;
    struct aks_error err;
    enum aks_status status = aks_run_memories_plan(memories, &err);

    if (status == AKS_OK && memories->source_count == 0) {
        end_ok(memories);
        return;
    }
    if (status == AKS_OK)
        status = work->submit(work->ctx, aks_run_memories_make, made, memories, &err);
    memories->working = status == AKS_OK;
    if (status != AKS_OK)
        end_without(memories, &err);
}

/* --- what an earlier process did not live to see ---------------------------------------------- */

static void resolve(struct memories *memories);

static void
manifest_got(void *ctx, const struct aks_outcome *outcome)
{
    struct memories *memories = ctx;
    struct aks_run *run = memories->run;
    const char *upload_id = memories->begun[memories->begun_at].upload_id;
    bool there = outcome->status == AKS_OK || outcome->status == AKS_TOO_LARGE;
    struct aks_error err;

    /* Where that cannot be known it is asked again the next time. */
    if ((there || outcome->status == AKS_NOT_FOUND) &&
        aks_state_memories_end(run->engine->state, run->targets[memories->upload->index].identity,
            upload_id, there, &err) != AKS_OK)
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "%s", err.message);
    while (memories->begun_at < memories->begun_count &&
        strcmp(memories->begun[memories->begun_at].upload_id, upload_id) == 0)
        memories->begun_at++;
    resolve(memories);
}

/* Was the manifest of the next of them written after all? */
static void
resolve(struct memories *memories)
{
    struct upload *upload = memories->upload;

    if (memories->begun_at == memories->begun_count) {
        read_rows(memories);
        return;
    }
    aks_buf_reset(&memories->text);
    (void)aks_target_key_upload(upload->settings, memories->run->system_id,
        memories->begun[memories->begun_at].upload_id, AKS_MANIFEST_NAME, memories->key,
        sizeof(memories->key));
    upload->class->get(upload->target, memories->key, &memories->text, manifest_got, memories);
}

/* --- from outside ----------------------------------------------------------------------------- */

/* Is there anything to be read? Nothing is started for an upload without a database. */
static bool
wanted(const struct upload *upload)
{
    if (!aks_settings_memories(upload->run->settings))
        return false;
    for (size_t i = 0; i < upload->count; i++) {
        const struct aks_copy *copy = upload->copies[i];

        if (copy->state == AKS_COPY_STORED && copy->item != NULL &&
            copy->item->snapshot != NULL && copy->item->snapshot->kind != AKS_SOURCE_FILE)
            return true;
    }
    return false;
}

static enum aks_status
prepare(struct upload *upload, struct memories *memories, struct aks_error *err)
{
    struct aks_run *run = upload->run;
    const struct aks_port *port = run->engine->port;

    memories->upload = upload;
    memories->run = run;
    memories->port = port;
    memories->wall_ms = port->clock.wall_ms(port->clock.ctx);
    atomic_init(&memories->stop, false);
    aks_buf_init(&memories->text, port->alloc, AKS_MANIFEST_BYTES_MAX);
    (void)snprintf(memories->system_id, sizeof(memories->system_id), "%s", run->system_id);
    memories->path = aks_mem_printf(port->alloc, "%s/memories-%s-%zu.json",
        run->engine->scratch_folder, upload->upload_id, upload->index);
    return memories->path == NULL ? aks_error_memory(err, "making memories of rows")
        : aks_state_memories_begun(run->engine->state, run->targets[upload->index].identity,
            &memories->begun, &memories->begun_count, err);
}

void
aks_run_memories_begin(struct upload *upload, aks_done *done)
{
    struct memories *memories;
    struct aks_outcome outcome;
    struct aks_error err;

    aks_outcome_ok(&outcome);
    aks_run_memories_end(upload);
    if (!wanted(upload)) {
        done(upload, &outcome);
        return;
    }
    memories = aks_mem_new(upload->run->engine->port->alloc, sizeof(*memories));
    if (memories == NULL) {
        (void)aks_error_memory(&err, "making memories of rows");
        aks_outcome_failed(&outcome, &err);
        outcome.verdict = AKS_GIVE_UP;
        done(upload, &outcome);
        return;
    }
    upload->memories = memories;
    memories->done = done;
    if (prepare(upload, memories, &err) != AKS_OK)
        end_without(memories, &err);
    else
        resolve(memories);
}

void
aks_run_memories_end(struct upload *upload)
{
    struct memories *memories = upload->memories;

    upload->memories = NULL;
    if (memories == NULL)
        return;
    aks_transfer_free(memories->transfer);
    memories->transfer = NULL;
    aks_journal_fini(&memories->journal);
    memories->upload = NULL;
    atomic_store(&memories->stop, true);
    if (memories->working)
        memories->run->pool.lingering++;
    else
        aks_run_memories_free(memories);
}

/* The marks that ${source} leads to; all borrowed. Returns how many. */
static size_t
marks_of(const struct memories *memories, const struct memories_source *source,
    struct aks_memories_mark *marks)
{
    for (size_t i = 0; i < source->result.count; i++) {
        const struct aks_memories_taken *taken = &source->result.tables[i];
        const struct aks_memories_mark *before = NULL;
        struct aks_memories_mark mark = { .source = source->path, .table = taken->table,
            .cursor = taken->to };

        for (size_t j = 0; j < source->after_count; j++) {
            if (strcmp(source->after[j].table, taken->table) == 0)
                before = &source->after[j];
        }
        mark.all_at_ms = aks_memories_all_at(before, taken->after.id == NULL,
            aks_memories_more(taken), memories->wall_ms);
        marks[i] = mark;
    }
    return source->result.count;
}

enum aks_status
aks_run_memories_note(struct upload *upload, struct aks_error *err)
{
    const struct memories *memories = upload->memories;
    struct aks_run *run = upload->run;
    struct aks_memories_mark *marks;
    size_t count = 0;
    enum aks_status status = AKS_OK;

    if (memories == NULL || memories->manifest.count == 0)
        return AKS_OK;
    marks = aks_mem_array(memories->port->alloc, memories->manifest.count, sizeof(*marks));
    if (marks == NULL)
        return aks_error_memory(err, "noting how far rows have come");
    for (size_t i = 0; i < memories->source_count; i++)
        count += marks_of(memories, &memories->sources[i], marks + count);
    AKS_CHECK(count == memories->manifest.count);
    status = aks_state_memories_begin(run->engine->state, run->targets[upload->index].identity,
        upload->upload_id, marks, count, err);
    aks_mem_free(memories->port->alloc, marks);
    return status;
}

enum aks_status
aks_run_memories_manifest(const struct upload *upload, struct aks_manifest *manifest,
    struct aks_error *err)
{
    const struct memories *memories = upload->memories;
    enum aks_status status = AKS_OK;

    if (memories == NULL || memories->manifest.key == NULL)
        return AKS_OK;
    for (size_t i = 0; i < memories->manifest.count && status == AKS_OK; i++)
        status = aks_manifest_memories_add(manifest->alloc, &manifest->memories,
            &memories->manifest.tables[i], err);
    if (status != AKS_OK)
        return status;
    manifest->memories.key = aks_mem_strdup(manifest->alloc, memories->manifest.key);
    if (manifest->memories.key == NULL)
        return aks_error_memory(err, "writing a manifest");
    manifest->memories.bytes = memories->manifest.bytes;
    memcpy(manifest->memories.sha256, memories->manifest.sha256,
        sizeof(manifest->memories.sha256));
    return AKS_OK;
}

enum aks_status
aks_run_memories_moved(struct upload *upload, struct aks_error *err)
{
    struct aks_run *run = upload->run;

    if (upload->memories == NULL || upload->memories->manifest.count == 0)
        return AKS_OK;
    return aks_state_memories_end(run->engine->state, run->targets[upload->index].identity,
        upload->upload_id, true, err);
}

bool
aks_run_memories_object(const struct upload *upload, const char **ret_key, int64_t *ret_bytes,
    const char **ret_sha256)
{
    const struct memories *memories = upload->memories;

    if (memories == NULL || memories->manifest.key == NULL)
        return false;
    *ret_key = memories->manifest.key;
    *ret_bytes = memories->manifest.bytes;
    *ret_sha256 = memories->manifest.sha256;
    return true;
}
