/* Shared by pipeline.c (frame, parts), pipeline_raw.c and pipeline_codec.c. */
#ifndef AKS_ENGINE_PIPELINE_INTERNAL_H
#define AKS_ENGINE_PIPELINE_INTERNAL_H

#include "engine/pipeline.h"

/* What a worker reads at once when it only hashes: full speed from 4 KiB on, and it stays in the
 * cache. */
#define AKS_PIPELINE_SLICE_BYTES ((size_t)64 * 1024)
/* Blocks in work: two for the workers of a small machine, one being joined. Each costs 2 MiB and an
 * encoder. */
#define AKS_PIPELINE_BLOCKS_MAX 3

enum part_state { PART_FREE, PART_FILLING, PART_READY, PART_TAKEN };

struct pipeline_part {
    struct aks_part part;               /* first: take hands it out */
    enum part_state state;
    struct aks_pipeline *pipeline;
    uint8_t *buffer;                    /* from the pool, or NULL (raw) */
};

/* A raw part being hashed. */
struct raw_job {
    struct pipeline_part *part;
    uint8_t slice[AKS_PIPELINE_SLICE_BYTES];
    struct aks_error error;
};

enum block_state { BLOCK_FREE, BLOCK_ENCODING, BLOCK_ENCODED, BLOCK_JOINING };

struct block {
    struct aks_pipeline *pipeline;
    enum block_state state;
    struct aks_encoder *encoder;
    uint64_t index;
    uint8_t *in;
    size_t in_len;
    uint8_t *out;
    size_t out_bytes;
    size_t out_len;
    size_t joined;                      /* of what it came to */
    bool hashed;                        /* in went into the plain digest, and out was encrypted */
    struct aks_error error;
};

/* The one join under way: block -> the part that is being filled. */
struct join_job {
    struct block *block;
    size_t room;                        /* bytes that the part can take */
    size_t take;                        /* bytes from block->joined on that it took */
};

struct aks_pipeline {
    struct aks_pipeline_options options;
    struct aks_view view;
    int64_t plain_bytes;                /* in all */
    enum aks_pipeline_state state;
    struct aks_error error;
    struct pipeline_part parts[AKS_PIPELINE_PARTS_MAX];
    uint32_t next_number;               /* of the next part to be cut, from 1 */
    uint32_t next_taken;                /* of the next part to be handed out */
    int64_t stored_bytes;               /* so far */
    int64_t read_bytes;                 /* plain, so far */
    struct aks_sha256 *plain_sha;
    struct aks_sha256 *stored_sha;      /* NULL for raw: the same as plain */
    struct aks_sha256 *part_sha;
    uint64_t part_crc;
    struct aks_pipeline_result result;
    unsigned jobs;                      /* with the workers */
    bool closing;
    bool tell;                          /* changed is to be called at the end of this completion */
    struct aks_timer timer;             /* where there is no completion: changed from the loop */
    /* raw */
    struct raw_job *raw;
    /* codec */
    struct block blocks[AKS_PIPELINE_BLOCKS_MAX];
    uint64_t block_count;
    uint64_t next_block;                /* to be encoded */
    uint64_t next_join;                 /* to be joined */
    struct join_job join;
    struct aks_age_writer *writer;      /* from the first block that is joined */
    uint8_t *sealed;                    /* what the block that is joined came to, encrypted */
    size_t sealed_room;
    struct pipeline_part *filling;
    struct aks_pool_waiter room;        /* a buffer is waited for */
};

/* Are parts buffers, made once? Else they are the view itself. */
bool aks_pipeline_is_made(const struct aks_pipeline *pipeline);
/* A free part in state FILLING with its number, or NULL. */
struct pipeline_part *aks_pipeline_part_begin(struct aks_pipeline *pipeline);
/* ${part} is whole. */
void aks_pipeline_part_ready(struct aks_pipeline *pipeline, struct pipeline_part *part, bool last);
void aks_pipeline_fail(struct aks_pipeline *pipeline, const struct aks_error *err);
/* Hands a job to the workers and counts it; failure fails the pipeline. */
void aks_pipeline_submit(struct aks_pipeline *pipeline, aks_work_fn *fn, aks_work_done *done,
    void *arg);
/* To be called first in every completion: true if the pipeline is gone or on its way out. */
bool aks_pipeline_job_done(struct aks_pipeline *pipeline);
/* To be called last: goes on with whatever can go on, and tells the owner. */
void aks_pipeline_pump(struct aks_pipeline *pipeline);
/* Goes on outside of a completion, when room was made; ${ctx} is the pipeline. */
void aks_pipeline_go_on(void *ctx);

enum aks_status aks_pipeline_raw_init(struct aks_pipeline *pipeline, struct aks_error *err);
void aks_pipeline_raw_pump(struct aks_pipeline *pipeline);
enum aks_status aks_pipeline_codec_init(struct aks_pipeline *pipeline, struct aks_error *err);
void aks_pipeline_codec_pump(struct aks_pipeline *pipeline);
void aks_pipeline_codec_fini(struct aks_pipeline *pipeline);

#endif
