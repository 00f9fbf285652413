/* Raw data: one pass of reading and hashing ahead of the sends, no buffers. */
#include "base/check.h"
#include "engine/pipeline_internal.h"


/* Parts hashed ahead of the one that is taken next. Far enough that sending never waits for
 * hashing, near enough that their bytes are still in the processor's cache when they are read again
 * to be sent. */
#define RAW_AHEAD_MAX 2

enum aks_status
aks_pipeline_raw_init(struct aks_pipeline *pipeline, struct aks_error *err)
{
    pipeline->raw = aks_mem_new(pipeline->options.port->alloc, sizeof(*pipeline->raw));
    if (pipeline->raw == NULL)
        return aks_error_memory(err, "starting to read a source");
    return AKS_OK;
}

static enum aks_status
read_part(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len, struct aks_error *err)
{
    struct pipeline_part *part = ctx;
    int64_t left = part->part.body.bytes - offset;
    enum aks_status status;

    AKS_CHECK(offset >= 0 && left > 0);
    if ((int64_t)len > left)
        len = (size_t)left;
    status = aks_view_read(&part->pipeline->view, part->part.offset + offset, data, len,
        err);
    *ret_len = status == AKS_OK ? len : 0;
    return status;
}

/* On a worker. The digests are this job's alone: there is one at a time. */
static void
hash_part(void *arg)
{
    struct aks_pipeline *pipeline = arg;
    struct raw_job *job = pipeline->raw;
    int64_t offset = job->part->part.offset;
    int64_t left = job->part->part.body.bytes;

    while (left > 0) {
        size_t len = left < (int64_t)sizeof(job->slice) ? (size_t)left : sizeof(job->slice);

        if (aks_view_read(&pipeline->view, offset, job->slice, len, &job->error) != AKS_OK)
            return;
        if (pipeline->options.check == AKS_PART_SHA256)
            aks_sha256_update_two(pipeline->plain_sha, pipeline->part_sha, job->slice, len);
        else
            aks_sha256_update(pipeline->plain_sha, job->slice, len);
        if (pipeline->options.check == AKS_PART_CRC64NVME)
            pipeline->part_crc = aks_crc64nvme(pipeline->part_crc, job->slice, len);
        offset += (int64_t)len;
        left -= (int64_t)len;
    }
}

static void
hash_part_done(void *arg)
{
    struct aks_pipeline *pipeline = arg;
    struct raw_job *job = pipeline->raw;
    struct pipeline_part *part = job->part;

    if (aks_pipeline_job_done(pipeline))
        return;
    job->part = NULL;
    if (job->error.status != AKS_OK) {
        aks_pipeline_fail(pipeline, &job->error);
    } else {
        pipeline->read_bytes += part->part.body.bytes;
        aks_pipeline_part_ready(pipeline, part, pipeline->read_bytes == pipeline->plain_bytes);
    }
    aks_pipeline_pump(pipeline);
}

void
aks_pipeline_raw_pump(struct aks_pipeline *pipeline)
{
    struct raw_job *job = pipeline->raw;
    int64_t left = pipeline->plain_bytes - pipeline->stored_bytes;

    if (job->part != NULL || pipeline->next_number > pipeline->next_taken + RAW_AHEAD_MAX)
        return;
    job->part = aks_pipeline_part_begin(pipeline);
    if (job->part == NULL)
        return;
    aks_error_clear(&job->error);
    job->part->part.body.bytes = left < pipeline->options.part_bytes ? left
        : pipeline->options.part_bytes;
    job->part->part.body.read = read_part;
    job->part->part.body.ctx = job->part;
    aks_pipeline_submit(pipeline, hash_part, hash_part_done, pipeline);
}
