/* Uploads of a task: objects from open to finish. */
#include "base/check.h"
#include "base/encode.h"
#include "engine/task_internal.h"

#include <stdio.h>
#include <string.h>

static struct aks_item *
item_of(const struct object *object)
{
    return &object->task->run->items[object->source];
}

static void
end_with(struct object *object, const struct aks_error *err)
{
    struct aks_outcome outcome;

    aks_outcome_failed(&outcome, err);
    outcome.verdict = AKS_GIVE_UP;
    aks_task_object_end_failed(object, &outcome);
}

/* --- the transfer ----------------------------------------------------------------------------- */

/* What is told of an upload is what came of its main file. */
static void
keep_told(struct object_file *file)
{
    struct object *object = file->object;
    struct aks_task_request *told = &object->told;
    const struct aks_pipeline_result *sent = aks_transfer_sent(file->transfer);

    if (file != &object->files[AKS_SNAPSHOT_MAIN])
        return;
    told->bytes = sent->plain_bytes;
    told->stored_bytes = sent->stored_bytes;
    told->codec = aks_transfer_codec(file->transfer);
    aks_hex_encode(sent->plain_sha256, AKS_SHA256_BYTES, told->sha256);
    aks_hex_encode(sent->stored_sha256, AKS_SHA256_BYTES, told->stored_sha256);
}

static void
tell_sent(const struct object *object, struct aks_task_request *request)
{
    const struct aks_task_request *told = &object->told;

    request->bytes = told->bytes;
    request->stored_bytes = told->stored_bytes;
    request->codec = told->codec;
    memcpy(request->sha256, told->sha256, sizeof(request->sha256));
    memcpy(request->stored_sha256, told->stored_sha256, sizeof(request->stored_sha256));
}

static void
transfer_read(void *ctx)
{
    struct object *object = ((struct object_file *)ctx)->object;

    aks_task_object_stop_reading(object);
    aks_task_line_go_on(object->task);
}

static void
transfer_left(void *ctx, const struct aks_error *left)
{
    struct object *object = ((struct object_file *)ctx)->object;
    struct aks_run *run = object->task->run;
    struct aks_error err;

    aks_log_write(run->engine->log, AKS_LOG_WARNING, "%s", left->message);
    if (aks_run_commit_audit(&object->place->upload, "upload_left", left, &err) != AKS_OK)
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "%s", err.message);
}

static void enter_line(struct object *object);

/* All parts of one file are sent: then those of the next, if there is one. */
static void
transfer_held(void *ctx)
{
    struct object_file *file = ctx;
    struct object *object = file->object;
    struct aks_task *task = object->task;
    struct aks_task_request *request = object->request;

    keep_told(file);
    aks_task_object_stop_sending(object);
    if (object->role == AKS_SNAPSHOT_MAIN && object->content.snapshot.wal) {
        object->role = AKS_SNAPSHOT_WAL;
        enter_line(object);
        aks_task_line_go_on(task);
        return;
    }
    object->role = AKS_SNAPSHOT_MAIN;
    if (object->finish) {
        /* It was to be finished, and had to begin anew. */
        object->state = OBJECT_FINISHING;
        task->finishing++;
        aks_transfer_finish(object->files[AKS_SNAPSHOT_MAIN].transfer);
        aks_task_line_go_on(task);
        return;
    }
    object->state = OBJECT_SENT;
    object->request = NULL;
    tell_sent(object, request);
    aks_task_note(task, "send", object->place->upload.index, item_of(object), "ok");
    aks_task_done_ok(request);
    aks_task_line_go_on(task);
}

/* Two files that were read in place are of one moment if none has changed since. */
static enum aks_status
check_moment(const struct object *object, struct aks_error *err)
{
    const struct aks_snapshot *snapshot = object->snapshot;

    if (!snapshot->in_place || !object->content.snapshot.wal ||
        aks_snapshot_still(object->task->run->engine->port, snapshot))
        return AKS_OK;
    return aks_error_set(err, AKS_SOURCE_CHANGED, "source %s: changed since the snapshot was taken",
        snapshot->source);
}

/* One file is there; with the last of them the upload is finished. */
static void
finished(struct object_file *file)
{
    struct object *object = file->object;
    struct aks_task_request *request = object->request;
    const struct aks_transfer_result *result = aks_transfer_result(file->transfer);
    enum aks_snapshot_role role = (enum aks_snapshot_role)(file - object->files);
    struct aks_outcome outcome;
    struct aks_error err;
    enum aks_status status;

    object->task->run->sent_bytes += result->bytes.stored_bytes;
    status = aks_run_object_add(&object->place->upload, &object->copy, object->snapshot, role,
        result, &err);
    aks_task_object_forget(file);
    if (status == AKS_OK && aks_task_object_alive(object)) {
        object->role = AKS_SNAPSHOT_WAL;
        aks_transfer_finish(object->files[AKS_SNAPSHOT_WAL].transfer);
        return;
    }
    if (status == AKS_OK)
        status = check_moment(object, &err);
    if (status == AKS_OK)
        status = aks_task_commit_add(object, &err);
    if (status != AKS_OK) {
        end_with(object, &err);
        return;
    }
    if (request != NULL)
        tell_sent(object, request);
    aks_task_note(object->task, "finish", object->place->upload.index, item_of(object), "ok");
    aks_outcome_ok(&outcome);
    aks_task_object_end(object, &outcome);
}

/* Only a new beginning helps, in its turn; but another snapshot is the policy's to take. */
static bool
wants_anew(struct object *object, const struct aks_outcome *outcome)
{
    bool raw = outcome->status == AKS_NO_SPACE && outcome->http_status == 0 &&
        object->place->upload.settings->kind == AKS_TARGET_HTTP && !object->raw_only &&
        aks_seal_of(&object->task->run->seal) == NULL;

    if (object->state == OBJECT_ABORTING || object->task->closed ||
        outcome->status == AKS_SOURCE_CHANGED ||
        (!raw && (outcome->verdict != AKS_RESTART ||
            object->restarts == AKS_TRANSFER_RESTARTS_MAX)))
        return false;
    object->raw_only = object->raw_only || raw;
    return true;
}

static void
begin_anew(struct object *object)
{
    struct aks_error err;

    if (object->state == OBJECT_FINISHING)
        object->task->finishing--;
    object->restarts++;
    object->failed = object->anew = false;
    object->role = AKS_SNAPSHOT_MAIN;
    aks_task_object_stop_sending(object);
    object->state = OBJECT_SENDING;
    if (aks_run_object_begin(&object->place->upload, &object->copy, object->snapshot,
            &err) != AKS_OK)
        end_with(object, &err);
    else
        enter_line(object);
}

/* One of its files is of no use without the other, which is given back first. */
static void
transfer_done(void *ctx)
{
    struct object_file *file = ctx;
    struct object *object = file->object;
    struct aks_outcome outcome = *aks_transfer_outcome(file->transfer);
    unsigned generation = object->generation;

    if (outcome.status == AKS_OK && object->state == OBJECT_FINISHING && !object->failed) {
        finished(file);
        return;
    }
    if (!object->failed) {
        object->failed = true;
        object->failure = outcome;
        object->anew = wants_anew(object, &outcome);
    }
    aks_task_object_forget(file);
    aks_task_object_leave_lines(object);
    aks_task_object_stop_sending(object);
    for (size_t i = 0; i < AKS_SNAPSHOT_ROLES; i++) {
        if (object->files[i].transfer != NULL)
            aks_transfer_give_up(object->files[i].transfer);
        if (object->state == OBJECT_FREE || object->generation != generation)
            return;
    }
    if (aks_task_object_alive(object))
        return;
    if (object->anew && object->state != OBJECT_ABORTING && !object->task->closed)
        begin_anew(object);
    else
        aks_task_object_end_failed(object, &object->failure);
}

/* Before a transfer of it was begun; another one may be alive. */
static void
end_early(struct object *object, const struct aks_error *err)
{
    if (!aks_task_object_alive(object)) {
        end_with(object, err);
        return;
    }
    object->failed = true;
    aks_outcome_failed(&object->failure, err);
    object->failure.verdict = AKS_GIVE_UP;
    aks_transfer_give_up(object->files[AKS_SNAPSHOT_MAIN].transfer);
}

static void
start_transfer(struct object *object)
{
    static const struct aks_compress_settings raw = { .codec = AKS_CODEC_NONE };
    struct aks_transfer_options options = { 0 };
    struct aks_run *run = object->task->run;
    struct place *place = object->place;
    struct object_file *file = &object->files[object->role];
    const struct aks_item *item = item_of(object);
    struct aks_error err;

    options.port = run->engine->port;
    options.loop = &run->engine->loop;
    options.ask = &run->ask;
    options.log = run->engine->log;
    options.pool = &run->pool;
    options.target = place->upload.target;
    options.target_facts = &place->upload.facts;
    options.source = &item->source;
    options.snapshot = object->snapshot;
    options.role = object->role;
    options.seal = aks_seal_of(&run->seal);
    options.folder = object->folder;
    options.scratch_folder = run->engine->scratch_folder;
    if (item->settings != NULL && item->settings->compress_given)
        options.compress = &item->settings->compress;
    if (object->content.chosen)
        options.chosen = &object->content.compress;
    options.codec_reason = object->content.codec_reason;
    if (object->raw_only) {
        options.chosen = &raw;
        options.codec_reason = "no room for a compressed copy";
    }
    options.once = true;
    options.read = transfer_read;
    options.left = transfer_left;
    options.held = transfer_held;
    options.done = transfer_done;
    options.ctx = file;
    if (aks_transfer_new(&options, &file->transfer, &err) != AKS_OK) {
        end_early(object, &err);
        return;
    }
    *aks_task_object_shown(file) = file->transfer;
    run->progress.source = item->source.name;
    run->progress.target = place->upload.settings->name;
    run->targets[place->upload.index].used = true;
}

/* Until the target may be asked again. */
static void
wait_left_alone(struct object *object, int64_t ms, void (*then)(void *ctx))
{
    struct aks_error err;

    if (aks_loop_set(&object->task->run->engine->loop, &object->request->timer, ms, then,
            object->request, &err) != AKS_OK)
        end_early(object, &err);
}

static void
reenter(void *ctx)
{
    struct aks_task_request *request = ctx;

    enter_line(aks_task_object(request->task, request->upload));
}

/* It is its turn, unless the target meanwhile asked to be left alone. */
static void
start_sending(void *ctx)
{
    struct object *object = ctx;
    int64_t left_ms = aks_run_health_left_alone_ms(object->task->run, object->place->upload.index);

    object->reads = true;
    object->sends = true;
    if (left_ms == 0) {
        start_transfer(object);
        return;
    }
    aks_task_object_stop_sending(object);
    wait_left_alone(object, left_ms, reenter);
}

static void
enter_line(struct object *object)
{
    object->reader.sends = true;
    object->reader.start = start_sending;
    object->reader.ctx = object;
    aks_task_line_enter(object->task, &object->reader);
}

/* --- what is asked for ------------------------------------------------------------------------ */

/* Objects of one source under one id would have one key. */
static enum aks_status
choose_folder(struct object *object, struct aks_error *err)
{
    struct place *place = object->place;
    unsigned *begun = &place->begun[object->source];
    enum aks_status status = AKS_OK;

    if (place->spent || *begun == place->id_count)
        status = aks_task_place_new_id(place, err);
    *begun = place->id_count;
    (void)snprintf(object->folder, sizeof(object->folder), "%s", place->upload.folder);
    return status;
}

static enum aks_status
open_object(struct place *place, struct aks_task_request *request, struct aks_error *err)
{
    struct aks_task *task = place->task;
    size_t source = request->content.snapshot.source;
    struct object *object = task->objects;
    unsigned generation;

    if (task->run->items[source].state == AKS_ITEM_SKIPPED)
        return aks_error_set(err, AKS_POLICY, "%s was skipped",
            task->run->items[source].source.name);
    if (aks_task_copy(&task->run->items[source], place->upload.index) == NULL) {
        *err = task->run->items[source].error;
        return err->status;
    }
    if (task->open_count == AKS_TASK_UPLOADS_MAX)
        return aks_error_set(err, AKS_POLICY, "more than %d uploads are open at once",
            AKS_TASK_UPLOADS_MAX);
    /* The try was spent when the target was made. */
    if (aks_run_budget_ends(task->run, place->upload.index, err))
        return AKS_BUDGET;
    while (object->state != OBJECT_FREE)
        object++;
    generation = object->generation;
    memset(object, 0, sizeof(*object));
    object->generation = generation + 1;
    object->task = task;
    object->place = place;
    object->source = source;
    object->content = request->content;
    object->copy.item = &task->run->items[source];
    object->copy.target = place->upload.index;
    for (size_t i = 0; i < AKS_SNAPSHOT_ROLES; i++)
        object->files[i].object = object;
    if (choose_folder(object, err) != AKS_OK)
        return err->status;
    object->snapshot = aks_task_taken_use(task, &request->content.snapshot, err);
    if (object->snapshot == NULL)
        return err->status;
    if (aks_run_object_begin(&place->upload, &object->copy, object->snapshot, err) != AKS_OK) {
        aks_stored_fini(task->alloc, &object->copy.next);
        aks_task_taken_let(task, &request->content.snapshot);
        return err->status;
    }
    object->state = OBJECT_OPEN;
    task->open_count++;
    request->upload.slot = (unsigned)(object - task->objects);
    request->upload.generation = object->generation;
    return AKS_OK;
}

void
aks_task_open(struct place *place, struct aks_task_request *request)
{
    struct aks_error err;

    if (open_object(place, request, &err) == AKS_OK)
        aks_task_done_ok(request);
    else
        aks_task_done_failed(request, &err);
    aks_task_place_leave(place);
}

/* The upload, if it is ${state}; else ${request} is refused. */
static struct object *
wanted(struct aks_task_request *request, enum object_state state, const char *why)
{
    struct object *object = aks_task_object(request->task, request->upload);

    if (object == NULL) {
        aks_task_done_refused(request, "this upload is over");
        return NULL;
    }
    if (object->state != state || object->abort != NULL) {
        aks_task_done_refused(request, why);
        return NULL;
    }
    /* It waits, in a line or for a target that wants to be left alone. */
    if (object->request != NULL) {
        aks_task_done_refused(request, "this upload is being finished");
        return NULL;
    }
    object->request = request;
    return object;
}

void
aks_task_send(struct aks_task_request *request)
{
    struct object *object = wanted(request, OBJECT_OPEN, "this upload was sent, or is being sent");

    if (object == NULL)
        return;
    if (object->task->run->options->dry_run) {
        object->state = OBJECT_SENT;
        object->request = NULL;
        aks_task_note(object->task, "send", object->place->upload.index, item_of(object),
            "not in a dry run");
        aks_task_done_ok(request);
        return;
    }
    object->state = OBJECT_SENDING;
    enter_line(object);
}

static void finish_start(struct object *object);

static void
finish_again(void *ctx)
{
    struct aks_task_request *request = ctx;

    finish_start(aks_task_object(request->task, request->upload));
}

static void
finish_start(struct object *object)
{
    struct aks_task *task = object->task;
    int64_t left_ms = aks_run_health_left_alone_ms(task->run, object->place->upload.index);

    if (left_ms > 0) {
        wait_left_alone(object, left_ms, finish_again);
        return;
    }
    if (task->finishing < AKS_TASK_FINISHES_MAX) {
        object->state = OBJECT_FINISHING;
        task->finishing++;
        aks_transfer_finish(object->files[AKS_SNAPSHOT_MAIN].transfer);
        return;
    }
    object->in_line = true;
    object->behind = NULL;
    *task->finish_last = object;
    task->finish_last = &object->behind;
}

void
aks_task_finish_go_on(struct aks_task *task)
{
    while (task->finish_line != NULL && task->finishing < AKS_TASK_FINISHES_MAX &&
        !task->closed) {
        struct object *object = task->finish_line;

        aks_task_object_leave_lines(object);
        finish_start(object);
    }
}

void
aks_task_finish(struct aks_task_request *request)
{
    struct object *object = wanted(request, OBJECT_SENT, "this upload is not sent yet");
    struct aks_outcome ok;

    if (object == NULL)
        return;
    object->finish = true;
    if (!object->task->run->options->dry_run) {
        finish_start(object);
        return;
    }
    aks_outcome_ok(&ok);
    aks_task_object_end(object, &ok);
}

/* What is under way is told that it was given up. */
static void
give_up(struct object *object, struct aks_task_request *request)
{
    struct aks_task_request *waiting = object->request;
    unsigned generation = object->generation;
    struct aks_outcome ok;
    struct aks_error err;

    object->request = NULL;
    object->abort = request;
    if (waiting != NULL) {
        (void)aks_error_set(&err, AKS_CANCELLED, "source %s: given up by the policy",
            item_of(object)->source.path);
        aks_task_done_failed(waiting, &err);
    }
    if (!object->task->run->options->dry_run)
        aks_task_note(object->task, "abort", object->place->upload.index, item_of(object), "ok");
    if (!aks_task_object_alive(object)) {
        aks_outcome_ok(&ok);
        aks_task_object_end(object, &ok);
        return;
    }
    aks_task_object_leave_lines(object);
    if (object->state == OBJECT_FINISHING)
        object->task->finishing--;
    object->state = OBJECT_ABORTING;
    for (size_t i = 0; i < AKS_SNAPSHOT_ROLES && object->generation == generation; i++) {
        if (object->files[i].transfer != NULL)
            aks_transfer_give_up(object->files[i].transfer);
    }
}

void
aks_task_abort(struct aks_task_request *request)
{
    struct object *object = aks_task_object(request->task, request->upload);

    if (object == NULL)
        aks_task_done_refused(request, "this upload is over");
    else if (object->state == OBJECT_ABORTING)
        aks_task_done_refused(request, "this upload is being given up");
    else
        give_up(object, request);
}

void
aks_task_drop(struct aks_task *task, struct aks_task_upload upload)
{
    struct object *object = aks_task_object(task, upload);

    if (object != NULL && object->state != OBJECT_ABORTING)
        give_up(object, NULL);
}

int64_t
aks_task_progress(const struct aks_task *task, struct aks_task_upload upload)
{
    const struct object *object = aks_task_object(task, upload);
    int64_t bytes = 0;

    if (object == NULL)
        return -1;
    for (size_t i = 0; i < AKS_SNAPSHOT_ROLES; i++) {
        if (object->files[i].transfer != NULL)
            bytes += aks_transfer_progress(object->files[i].transfer);
    }
    return bytes;
}
