#include "engine/pipeline.h"

#include "base/check.h"
#include "engine/pipeline_internal.h"

#include <string.h>

static const struct aks_alloc *
alloc_of(const struct aks_pipeline *pipeline)
{
    return pipeline->options.port->alloc;
}

static void
destroy(struct aks_pipeline *pipeline)
{
    const struct aks_alloc *alloc = alloc_of(pipeline);

    AKS_CHECK(pipeline->jobs == 0);
    aks_loop_clear(pipeline->options.loop, &pipeline->timer);
    aks_pool_leave(&pipeline->room);
    for (size_t i = 0; i < AKS_PIPELINE_PARTS_MAX; i++) {
        if (pipeline->parts[i].buffer != NULL)
            aks_pool_give(pipeline->options.pool, pipeline->parts[i].buffer,
                pipeline->options.part_bytes);
    }
    aks_pipeline_codec_fini(pipeline);
    aks_mem_free(alloc, pipeline->raw);
    aks_sha256_free(pipeline->plain_sha);
    aks_sha256_free(pipeline->stored_sha);
    aks_sha256_free(pipeline->part_sha);
    aks_view_close(&pipeline->view);
    aks_mem_free(alloc, pipeline);
}

bool
aks_pipeline_is_made(const struct aks_pipeline *pipeline)
{
    return pipeline->options.codec != AKS_CODEC_NONE || pipeline->options.seal != NULL;
}

static enum aks_status
init_digests(struct aks_pipeline *pipeline, struct aks_error *err)
{
    const struct aks_alloc *alloc = alloc_of(pipeline);
    bool encoded = aks_pipeline_is_made(pipeline);

    pipeline->plain_sha = aks_sha256_new(alloc);
    if (encoded)
        pipeline->stored_sha = aks_sha256_new(alloc);
    if (pipeline->options.check == AKS_PART_SHA256)
        pipeline->part_sha = aks_sha256_new(alloc);
    if (pipeline->plain_sha == NULL || (encoded && pipeline->stored_sha == NULL) ||
        (pipeline->options.check == AKS_PART_SHA256 && pipeline->part_sha == NULL))
        return aks_error_memory(err, "starting to read a source");
    return AKS_OK;
}

static void
tell(void *ctx)
{
    struct aks_pipeline *pipeline = ctx;
    bool wanted = pipeline->tell;

    pipeline->tell = false;
    if (wanted)
        pipeline->options.changed(pipeline->options.ctx);
}

/* Starts whatever can be started now. */
static void
advance(struct aks_pipeline *pipeline)
{
    if (pipeline->state != AKS_PIPELINE_RUNNING)
        return;
    if (aks_pipeline_is_made(pipeline))
        aks_pipeline_codec_pump(pipeline);
    else
        aks_pipeline_raw_pump(pipeline);
}

enum aks_status
aks_pipeline_new(const struct aks_pipeline_options *options, struct aks_view *view,
    struct aks_pipeline **ret_pipeline, struct aks_error *err)
{
    struct aks_pipeline *pipeline;
    enum aks_status status;

    AKS_CHECK(options->part_bytes > 0);
    pipeline = aks_mem_new(options->port->alloc, sizeof(*pipeline));
    if (pipeline == NULL) {
        aks_view_close(view);
        return aks_error_memory(err, "starting to read a source");
    }
    pipeline->options = *options;
    pipeline->view = *view;
    memset(view, 0, sizeof(*view));
    pipeline->plain_bytes = pipeline->view.info.bytes;
    pipeline->next_number = 1;
    pipeline->next_taken = 1;
    status = init_digests(pipeline, err);
    if (status == AKS_OK)
        status = aks_pipeline_is_made(pipeline) ? aks_pipeline_codec_init(pipeline, err)
            : aks_pipeline_raw_init(pipeline, err);
    if (status != AKS_OK) {
        destroy(pipeline);
        return status;
    }
    advance(pipeline);
    if (aks_pipeline_state(pipeline, err) == AKS_PIPELINE_FAILED) {
        status = pipeline->error.status;
        aks_pipeline_free(pipeline);
        return status;
    }
    *ret_pipeline = pipeline;
    return AKS_OK;
}

void
aks_pipeline_pump(struct aks_pipeline *pipeline)
{
    advance(pipeline);
    tell(pipeline);
}

void
aks_pipeline_submit(struct aks_pipeline *pipeline, aks_work_fn *fn, aks_work_done *done, void *arg)
{
    const struct aks_work *work = &pipeline->options.port->work;
    struct aks_error err;

    if (work->submit(work->ctx, fn, done, arg, &err) == AKS_OK)
        pipeline->jobs++;
    else
        aks_pipeline_fail(pipeline, &err);
}

bool
aks_pipeline_job_done(struct aks_pipeline *pipeline)
{
    AKS_CHECK(pipeline->jobs > 0);
    pipeline->jobs--;
    if (!pipeline->closing)
        return false;
    if (pipeline->jobs == 0) {
        struct aks_pool *pool = pipeline->options.pool;

        destroy(pipeline);
        AKS_CHECK(pool->lingering > 0);
        pool->lingering--;
    }
    return true;
}

void
aks_pipeline_fail(struct aks_pipeline *pipeline, const struct aks_error *err)
{
    if (pipeline->state == AKS_PIPELINE_FAILED)
        return;
    pipeline->state = AKS_PIPELINE_FAILED;
    pipeline->error = *err;
    pipeline->tell = true;
}

struct pipeline_part *
aks_pipeline_part_begin(struct aks_pipeline *pipeline)
{
    for (size_t i = 0; i < AKS_PIPELINE_PARTS_MAX; i++) {
        struct pipeline_part *part = &pipeline->parts[i];

        if (part->state != PART_FREE)
            continue;
        memset(part, 0, sizeof(*part));
        part->state = PART_FILLING;
        part->pipeline = pipeline;
        part->part.number = pipeline->next_number++;
        part->part.offset = pipeline->stored_bytes;
        return part;
    }
    return NULL;
}

static void
end(struct aks_pipeline *pipeline)
{
    struct aks_pipeline_result *result = &pipeline->result;

    result->plain_bytes = pipeline->plain_bytes;
    result->stored_bytes = pipeline->stored_bytes;
    result->parts = pipeline->next_number - 1;
    aks_sha256_final(pipeline->plain_sha, result->plain_sha256);
    if (pipeline->stored_sha != NULL)
        aks_sha256_final(pipeline->stored_sha, result->stored_sha256);
    else
        memcpy(result->stored_sha256, result->plain_sha256, AKS_SHA256_BYTES);
    pipeline->state = AKS_PIPELINE_ENDED;
}

void
aks_pipeline_part_ready(struct aks_pipeline *pipeline, struct pipeline_part *part, bool last)
{
    AKS_CHECK(part->state == PART_FILLING);
    if (pipeline->options.check == AKS_PART_SHA256)
        aks_sha256_final(pipeline->part_sha, part->part.sha256);
    part->part.crc64nvme = pipeline->part_crc;
    pipeline->part_crc = 0;
    part->part.last = last;
    part->state = PART_READY;
    pipeline->stored_bytes += part->part.body.bytes;
    pipeline->tell = true;
    if (last)
        end(pipeline);
}

struct aks_part *
aks_pipeline_take(struct aks_pipeline *pipeline)
{
    for (size_t i = 0; i < AKS_PIPELINE_PARTS_MAX; i++) {
        struct pipeline_part *part = &pipeline->parts[i];

        if (part->state == PART_READY && part->part.number == pipeline->next_taken) {
            part->state = PART_TAKEN;
            pipeline->next_taken++;
            aks_pipeline_go_on(pipeline);
            return &part->part;
        }
    }
    return NULL;
}

struct aks_part *
aks_pipeline_peek(struct aks_pipeline *pipeline, uint32_t number)
{
    for (size_t i = 0; i < AKS_PIPELINE_PARTS_MAX; i++) {
        struct pipeline_part *part = &pipeline->parts[i];

        if (part->state == PART_READY && part->part.number == number)
            return &part->part;
    }
    return NULL;
}

void
aks_pipeline_give(struct aks_pipeline *pipeline, struct aks_part *part)
{
    struct pipeline_part *own = (struct pipeline_part *)part;

    AKS_CHECK(own->pipeline == pipeline);
    AKS_CHECK(own->state == PART_TAKEN);
    if (own->buffer != NULL)
        aks_pool_give(pipeline->options.pool, own->buffer, pipeline->options.part_bytes);
    own->buffer = NULL;
    own->state = PART_FREE;
    aks_pipeline_go_on(pipeline);
}

void
aks_pipeline_go_on(void *ctx)
{
    struct aks_pipeline *pipeline = ctx;

    advance(pipeline);
    /* Only a failure can be news here. Its owner is in the middle of something, and hears of it
     * from the loop. */
    if (pipeline->tell && pipeline->timer.node.place == 0)
        (void)aks_loop_set(pipeline->options.loop, &pipeline->timer, 0, tell, pipeline, NULL);
}

enum aks_pipeline_state
aks_pipeline_state(const struct aks_pipeline *pipeline, struct aks_error *ret_error)
{
    if (pipeline->state == AKS_PIPELINE_FAILED && ret_error != NULL)
        *ret_error = pipeline->error;
    return pipeline->state;
}

const struct aks_pipeline_result *
aks_pipeline_result(const struct aks_pipeline *pipeline)
{
    AKS_CHECK(pipeline->state == AKS_PIPELINE_ENDED);
    return &pipeline->result;
}

void
aks_pipeline_progress(const struct aks_pipeline *pipeline, int64_t *ret_plain, int64_t *ret_stored)
{
    *ret_plain = pipeline->read_bytes;
    *ret_stored = pipeline->stored_bytes;
}

static enum aks_status
read_whole(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    struct aks_pipeline *pipeline = ctx;
    int64_t left = pipeline->plain_bytes - offset;
    enum aks_status status;

    AKS_CHECK(offset >= 0 && left > 0);
    if ((int64_t)len > left)
        len = (size_t)left;
    status = aks_view_read(&pipeline->view, offset, data, len, err);
    *ret_len = status == AKS_OK ? len : 0;
    return status;
}

struct aks_body
aks_pipeline_whole(struct aks_pipeline *pipeline)
{
    struct aks_body body = { pipeline->plain_bytes, read_whole, pipeline };

    if (aks_pipeline_is_made(pipeline))
        body.bytes = -1;
    return body;
}

const struct aks_view *
aks_pipeline_view(const struct aks_pipeline *pipeline)
{
    return &pipeline->view;
}

void
aks_pipeline_trim(struct aks_pipeline *pipeline)
{
    AKS_CHECK(pipeline->state == AKS_PIPELINE_ENDED && pipeline->jobs == 0);
    aks_pipeline_codec_fini(pipeline);
    aks_mem_free(alloc_of(pipeline), pipeline->raw);
    pipeline->raw = NULL;
}

void
aks_pipeline_free(struct aks_pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    pipeline->closing = true;
    aks_loop_clear(pipeline->options.loop, &pipeline->timer);
    aks_pool_leave(&pipeline->room);
    if (pipeline->jobs == 0)
        destroy(pipeline);
    else
        pipeline->options.pool->lingering++;
}
