/* What a task learns of its sources: digests and samples of their snapshots. */
#include "base/check.h"
#include "base/encode.h"
#include "base/units.h"
#include "engine/pipeline.h"
#include "engine/task_internal.h"

#include <stdio.h>
#include <string.h>

/* Parts of a pass that only hashes: large enough to be cheap, small enough to be interrupted soon.
 */
#define READ_PART_BYTES (8 * AKS_MIB)

static struct aks_item *
item_of(const struct aks_task_request *request, size_t source)
{
    AKS_CHECK(source < request->task->run->item_count);
    return &request->task->run->items[source];
}

void
aks_task_source_failed(struct aks_task_request *request, size_t source, const struct aks_error *err)
{
    struct aks_item *item = item_of(request, source);

    if (item->state == AKS_ITEM_PENDING && err->status != AKS_CANCELLED)
        item->error = *err;
    aks_task_done_failed(request, err);
}

/* --- snapshots -------------------------------------------------------------------------------- */

static void
taken(struct aks_task_request *request, const struct aks_error *err)
{
    struct aks_item *item = item_of(request, request->source);

    if (err == NULL) {
        aks_task_done_ok(request);
        return;
    }
    /* The policy wants nothing of a source that is busy. */
    if (item->reason != NULL && item->state == AKS_ITEM_PENDING) {
        item->state = AKS_ITEM_SKIPPED;
        aks_task_done_failed(request, err);
        return;
    }
    aks_task_source_failed(request, request->source, err);
}

void
aks_task_snapshot(struct aks_task_request *request)
{
    aks_task_taken_take(request, taken);
}

/* --- a pass over all bytes -------------------------------------------------------------------- */

static void
leave_line(struct reading *reading)
{
    struct aks_task *task = reading->task;

    aks_task_line_leave(task, &reading->reader);
    if (!reading->reads)
        return;
    reading->reads = false;
    task->reading = false;
    aks_task_line_go_on(task);
}

void
aks_task_read_free(struct reading *reading)
{
    struct aks_task *task;

    if (reading == NULL)
        return;
    task = reading->task;
    aks_pipeline_free(reading->pipeline);
    reading->pipeline = NULL;
    aks_view_close(&reading->view);
    leave_line(reading);
    if (reading->row != NULL)
        aks_stored_fini(task->alloc, reading->row);
    aks_mem_free(task->alloc, reading->row);
    aks_mem_free(task->alloc, reading);
}

/* The digest is known, or why not. */
static void
end(struct reading *reading, const struct aks_error *err)
{
    struct aks_task_request *request = reading->request;
    struct aks_outcome outcome;

    aks_outcome_ok(&outcome);
    if (err != NULL)
        aks_outcome_failed(&outcome, err);
    leave_line(reading);
    reading->read(request, &outcome);
}

static void
changed(void *ctx)
{
    struct reading *reading = ctx;
    struct aks_task_request *request = reading->request;
    const struct aks_view *view;
    struct aks_part *part;
    struct aks_error err;

    while ((part = aks_pipeline_take(reading->pipeline)) != NULL)
        aks_pipeline_give(reading->pipeline, part);
    if (aks_pipeline_state(reading->pipeline, &err) == AKS_PIPELINE_RUNNING)
        return;
    view = aks_pipeline_view(reading->pipeline);
    if (aks_pipeline_state(reading->pipeline, &err) != AKS_PIPELINE_ENDED ||
        aks_view_check(view, &err) != AKS_OK) {
        end(reading, &err);
        return;
    }
    request->bytes = aks_pipeline_result(reading->pipeline)->plain_bytes;
    aks_hex_encode(aks_pipeline_result(reading->pipeline)->plain_sha256, AKS_SHA256_BYTES,
        request->sha256);
    end(reading, NULL);
}

static void
start(void *ctx)
{
    struct reading *reading = ctx;
    struct aks_run *run = reading->task->run;
    struct aks_pipeline_options options = { 0 };
    struct aks_error err;

    reading->reads = true;
    options.port = run->engine->port;
    options.loop = &run->engine->loop;
    options.pool = &run->pool;
    options.codec = AKS_CODEC_NONE;
    options.part_bytes = READ_PART_BYTES;
    options.check = AKS_PART_UNCHECKED;
    options.changed = changed;
    options.ctx = reading;
    if (aks_pipeline_new(&options, &reading->view, &reading->pipeline, &err) != AKS_OK)
        end(reading, &err);
}

struct reading *
aks_task_read(struct aks_task_request *request, struct aks_view *view,
    void (*read)(struct aks_task_request *request, const struct aks_outcome *outcome),
    struct aks_error *err)
{
    struct reading *reading = request->reading;

    if (reading == NULL)
        reading = aks_mem_new(request->task->alloc, sizeof(*reading));
    if (reading == NULL) {
        aks_view_close(view);
        (void)aks_error_memory(err, "reading a source");
        return NULL;
    }
    reading->task = request->task;
    reading->request = request;
    reading->view = *view;
    reading->read = read;
    reading->reader.start = start;
    reading->reader.ctx = reading;
    request->reading = reading;
    aks_task_line_enter(request->task, &reading->reader);
    return reading;
}

static void
checksum_read(struct aks_task_request *request, const struct aks_outcome *outcome)
{
    if (outcome->status == AKS_OK)
        aks_task_done_ok(request);
    else
        aks_task_source_failed(request, request->content.snapshot.source, &outcome->error);
}

void
aks_task_checksum(struct aks_task_request *request)
{
    const struct aks_task_snapshot *snapshot = &request->content.snapshot;
    const struct aks_snapshot *files;
    struct aks_view view;
    struct aks_error err;

    files = aks_task_taken_use(request->task, snapshot, &err);
    if (files == NULL) {
        aks_task_source_failed(request, snapshot->source, &err);
        return;
    }
    (void)snprintf(request->sha256, sizeof(request->sha256), "%s",
        files->files[AKS_SNAPSHOT_MAIN].sha256);
    request->bytes = snapshot->bytes;
    aks_task_taken_let(request->task, snapshot);
    /* It was digested when it was copied. */
    if (request->sha256[0] != '\0')
        aks_task_done_ok(request);
    else if (aks_task_taken_view(request->task, snapshot, AKS_SNAPSHOT_MAIN, &view,
            &err) != AKS_OK || aks_task_read(request, &view, checksum_read, &err) == NULL)
        aks_task_source_failed(request, snapshot->source, &err);
}

/* --- samples ---------------------------------------------------------------------------------- */

struct sampling {
    struct aks_target_work work;        /* first */
    struct aks_task_request *request;
    struct aks_view view;
    struct aks_sample sample;
};

static enum aks_status
sample_run(struct aks_target_work *work, struct aks_error *err)
{
    struct sampling *sampling = (struct sampling *)work;

    aks_sample_take(&sampling->sample, &sampling->view, work->port->alloc);
    *err = sampling->sample.error;
    return err->status;
}

static void
sample_release(struct aks_target_work *work)
{
    aks_view_close(&((struct sampling *)work)->view);
}

static void
sample_done(void *ctx, struct aks_target_work *work)
{
    const struct sampling *sampling = (const struct sampling *)work;
    struct aks_task_request *request = ctx;
    struct aks_task_content *content = &request->content;

    request->work = NULL;
    if (work->error.status != AKS_OK) {
        aks_task_source_failed(request, content->snapshot.source, &work->error);
        return;
    }
    content->ratio = aks_sample_ratio(&sampling->sample);
    if (content->ratio < AKS_SAMPLE_RATIO_MIN) {
        content->compress.codec = AKS_CODEC_NONE;
        content->codec_reason = "a sample does not shrink";
    }
    aks_task_done_ok(request);
}

void
aks_task_sample(struct aks_task_request *request)
{
    struct aks_task_content *content = &request->content;
    struct sampling *sampling;
    struct aks_error err;

    content->chosen = true;
    content->ratio = 0;
    content->codec_reason = NULL;
    if (content->compress.codec == AKS_CODEC_NONE || content->compress.always ||
        content->snapshot.bytes == 0) {
        aks_task_done_ok(request);
        return;
    }
    sampling = aks_mem_new(request->task->alloc, sizeof(*sampling));
    if (sampling == NULL) {
        (void)aks_error_memory(&err, "looking at a sample");
        aks_task_source_failed(request, content->snapshot.source, &err);
        return;
    }
    sampling->work.port = request->task->run->engine->port;
    sampling->work.run = sample_run;
    sampling->work.release = sample_release;
    if (aks_task_taken_view(request->task, &content->snapshot, AKS_SNAPSHOT_MAIN,
            &sampling->view, &err) != AKS_OK) {
        aks_mem_free(request->task->alloc, sampling);
        aks_task_source_failed(request, content->snapshot.source, &err);
        return;
    }
    request->work = &sampling->work;
    if (aks_target_work_begin(&sampling->work, sample_done, request, &err) != AKS_OK) {
        request->work = NULL;
        aks_task_source_failed(request, content->snapshot.source, &err);
    }
}
