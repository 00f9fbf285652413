/* What is encoded, encrypted or both: blocks are read and encoded side by side, then encrypted and
 * joined one after the other into part buffers. */
#include "base/check.h"
#include "engine/pipeline_internal.h"

#include <string.h>

static enum aks_status
init_block(struct aks_pipeline *pipeline, struct block *block, struct aks_error *err)
{
    const struct aks_alloc *alloc = pipeline->options.port->alloc;
    size_t in_bytes = AKS_CODEC_BLOCK_BYTES;

    if ((int64_t)in_bytes > pipeline->plain_bytes)
        in_bytes = (size_t)pipeline->plain_bytes;
    block->pipeline = pipeline;
    block->in = aks_mem_resize(alloc, NULL, in_bytes > 0 ? in_bytes : 1);
    if (block->in == NULL)
        return aks_error_memory(err, "starting to read a source");
    if (pipeline->options.codec == AKS_CODEC_NONE)
        return AKS_OK;
    block->out_bytes = aks_encoder_bound(pipeline->options.codec, in_bytes);
    block->out = aks_mem_resize(alloc, NULL, block->out_bytes);
    if (block->out == NULL)
        return aks_error_memory(err, "starting to compress a source");
    return aks_encoder_new(alloc, pipeline->options.codec, pipeline->options.level,
        &block->encoder, err);
}

enum aks_status
aks_pipeline_codec_init(struct aks_pipeline *pipeline, struct aks_error *err)
{
    const struct aks_work *work = &pipeline->options.port->work;
    uint64_t blocks = work->width(work->ctx) + 1u;
    enum aks_status status = AKS_OK;

    pipeline->room.room = aks_pipeline_go_on;
    pipeline->room.ctx = pipeline;
    pipeline->block_count = ((uint64_t)pipeline->plain_bytes + AKS_CODEC_BLOCK_BYTES - 1) /
        AKS_CODEC_BLOCK_BYTES;
    if (pipeline->block_count == 0)
        pipeline->block_count = 1;
    if (blocks > AKS_PIPELINE_BLOCKS_MAX)
        blocks = AKS_PIPELINE_BLOCKS_MAX;
    if (blocks > pipeline->block_count)
        blocks = pipeline->block_count;
    for (uint64_t i = 0; i < blocks && status == AKS_OK; i++)
        status = init_block(pipeline, &pipeline->blocks[i], err);
    return status;
}

void
aks_pipeline_codec_fini(struct aks_pipeline *pipeline)
{
    const struct aks_alloc *alloc = pipeline->options.port->alloc;

    for (size_t i = 0; i < AKS_PIPELINE_BLOCKS_MAX; i++) {
        aks_mem_free(alloc, pipeline->blocks[i].in);
        aks_mem_free(alloc, pipeline->blocks[i].out);
        aks_encoder_free(pipeline->blocks[i].encoder);
    }
    memset(pipeline->blocks, 0, sizeof(pipeline->blocks));
    aks_age_writer_free(pipeline->writer);
    pipeline->writer = NULL;
    aks_mem_free(alloc, pipeline->sealed);
    pipeline->sealed = NULL;
    pipeline->sealed_room = 0;
}

static void
encode_block(void *arg)
{
    struct block *block = arg;
    int64_t offset = (int64_t)(block->index * AKS_CODEC_BLOCK_BYTES);

    if (aks_view_read(&block->pipeline->view, offset, block->in, block->in_len,
            &block->error) != AKS_OK)
        return;
    block->out_len = block->in_len;
    if (block->encoder != NULL)
        (void)aks_encoder_block(block->encoder, block->in, block->in_len, block->out,
            block->out_bytes, &block->out_len, &block->error);
}

static void
encode_block_done(void *arg)
{
    struct block *block = arg;
    struct aks_pipeline *pipeline = block->pipeline;

    if (aks_pipeline_job_done(pipeline))
        return;
    if (block->error.status != AKS_OK) {
        aks_pipeline_fail(pipeline, &block->error);
    } else {
        block->state = BLOCK_ENCODED;
        pipeline->read_bytes += (int64_t)block->in_len;
    }
    aks_pipeline_pump(pipeline);
}

/* Free blocks go to the workers in the order of the source. */
static void
pump_encode(struct aks_pipeline *pipeline)
{
    for (size_t i = 0; i < AKS_PIPELINE_BLOCKS_MAX; i++) {
        struct block *block = &pipeline->blocks[i];
        int64_t left;

        if (block->in == NULL || block->state != BLOCK_FREE)
            continue;
        if (pipeline->next_block == pipeline->block_count ||
            pipeline->state != AKS_PIPELINE_RUNNING)
            return;
        block->index = pipeline->next_block++;
        left = pipeline->plain_bytes - (int64_t)(block->index * AKS_CODEC_BLOCK_BYTES);
        block->in_len = left < (int64_t)AKS_CODEC_BLOCK_BYTES ? (size_t)left
            : AKS_CODEC_BLOCK_BYTES;
        block->out_len = 0;
        block->joined = 0;
        block->hashed = false;
        aks_error_clear(&block->error);
        block->state = BLOCK_ENCODING;
        aks_pipeline_submit(pipeline, encode_block, encode_block_done, block);
    }
}

/* What the block came to before it was encrypted. */
static const uint8_t *
encoded(const struct block *block)
{
    return block->encoder != NULL ? block->out : block->in;
}

/* The block is what it was encrypted to from here on: pipeline->sealed, until the next one's turn.
 * The writer, and with it the file key, is this pipeline's: whoever begins anew has another. */
static enum aks_status
seal_block(struct aks_pipeline *pipeline, struct block *block, struct aks_error *err)
{
    const struct aks_alloc *alloc = pipeline->options.port->alloc;
    bool last = block->index + 1 == pipeline->block_count;
    enum aks_status status = AKS_OK;
    size_t bound;
    uint8_t *larger;

    if (pipeline->writer == NULL)
        status = aks_seal_begin(pipeline->options.seal, &pipeline->writer, err);
    if (status != AKS_OK)
        return status;
    bound = aks_age_writer_bound(pipeline->writer, block->out_len);
    if (bound > pipeline->sealed_room) {
        larger = aks_mem_resize(alloc, pipeline->sealed, bound);
        if (larger == NULL)
            return aks_error_memory(err, "encrypting a source");
        pipeline->sealed = larger;
        pipeline->sealed_room = bound;
    }
    aks_age_writer_write(pipeline->writer, encoded(block), block->out_len, last, pipeline->sealed,
        &block->out_len);
    return AKS_OK;
}

/* On a worker; one join at a time, in order. Hashing is part of it: bytes are in the cache here. */
static void
join_block(void *arg)
{
    struct aks_pipeline *pipeline = arg;
    struct block *block = pipeline->join.block;
    const uint8_t *from;
    size_t take;

    if (!block->hashed)
        aks_sha256_update(pipeline->plain_sha, block->in, block->in_len);
    if (!block->hashed && pipeline->options.seal != NULL &&
        seal_block(pipeline, block, &block->error) != AKS_OK)
        return;
    from = (pipeline->options.seal != NULL ? pipeline->sealed : encoded(block)) + block->joined;
    take = block->out_len - block->joined;
    take = take < pipeline->join.room ? take : pipeline->join.room;
    pipeline->join.take = take;
    if (pipeline->options.check == AKS_PART_SHA256)
        aks_sha256_update_two(pipeline->stored_sha, pipeline->part_sha, from, take);
    else
        aks_sha256_update(pipeline->stored_sha, from, take);
    if (pipeline->options.check == AKS_PART_CRC64NVME)
        pipeline->part_crc = aks_crc64nvme(pipeline->part_crc, from, take);
    memcpy(pipeline->filling->buffer + pipeline->filling->part.body.bytes, from, take);
}

static enum aks_status
read_buffer(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    const struct pipeline_part *part = ctx;
    int64_t left = part->part.body.bytes - offset;

    AKS_CHECK(offset >= 0 && left > 0);
    if ((int64_t)len > left)
        len = (size_t)left;
    memcpy(data, part->buffer + offset, len);
    *ret_len = len;
    return AKS_OK;
}

static void
join_block_done(void *arg)
{
    struct aks_pipeline *pipeline = arg;
    struct block *block = pipeline->join.block;
    bool last;

    if (aks_pipeline_job_done(pipeline))
        return;
    pipeline->join.block = NULL;
    if (block->error.status != AKS_OK) {
        aks_pipeline_fail(pipeline, &block->error);
        aks_pipeline_pump(pipeline);
        return;
    }
    block->hashed = true;
    block->joined += pipeline->join.take;
    pipeline->filling->part.body.bytes += (int64_t)pipeline->join.take;
    if (block->joined == block->out_len) {
        block->state = BLOCK_FREE;
        pipeline->next_join++;
    } else {
        block->state = BLOCK_ENCODED;
    }
    last = pipeline->next_join == pipeline->block_count;
    if (last || pipeline->filling->part.body.bytes == pipeline->options.part_bytes) {
        struct pipeline_part *part = pipeline->filling;

        pipeline->filling = NULL;
        if (pipeline->state == AKS_PIPELINE_RUNNING)
            aks_pipeline_part_ready(pipeline, part, last);
    }
    /* The last parts may be on their way for long, while the next source is read into blocks of
     * its own. */
    if (last)
        aks_pipeline_codec_fini(pipeline);
    aks_pipeline_pump(pipeline);
}

/* A part to fill, with a buffer; false if it must wait for one that is given back. */
static bool
begin_part(struct aks_pipeline *pipeline)
{
    struct pipeline_part *part;
    struct aks_error err;
    uint8_t *buffer;
    bool failed;

    if (pipeline->filling != NULL)
        return true;
    buffer = aks_pool_take(pipeline->options.pool, pipeline->options.part_bytes, &failed);
    if (failed) {
        (void)aks_error_memory(&err, "compressing a source");
        aks_pipeline_fail(pipeline, &err);
    }
    if (buffer == NULL) {
        if (!failed)
            aks_pool_wait(pipeline->options.pool, &pipeline->room);
        return false;
    }
    part = aks_pipeline_part_begin(pipeline);
    if (part == NULL) {
        aks_pool_give(pipeline->options.pool, buffer, pipeline->options.part_bytes);
        return false;
    }
    part->buffer = buffer;
    part->part.in_memory = true;
    part->part.body.read = read_buffer;
    part->part.body.ctx = part;
    pipeline->filling = part;
    return true;
}

static void
pump_join(struct aks_pipeline *pipeline)
{
    if (pipeline->join.block != NULL || pipeline->state != AKS_PIPELINE_RUNNING)
        return;
    for (size_t i = 0; i < AKS_PIPELINE_BLOCKS_MAX; i++) {
        struct block *block = &pipeline->blocks[i];
        if (block->state != BLOCK_ENCODED || block->index != pipeline->next_join)
            continue;
        if (!begin_part(pipeline))
            return;
        pipeline->join.room = (size_t)(pipeline->options.part_bytes -
            pipeline->filling->part.body.bytes);
        pipeline->join.block = block;
        block->state = BLOCK_JOINING;
        aks_pipeline_submit(pipeline, join_block, join_block_done, pipeline);
        return;
    }
}

void
aks_pipeline_codec_pump(struct aks_pipeline *pipeline)
{
    pump_join(pipeline);
    pump_encode(pipeline);
}
