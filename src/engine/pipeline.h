/* The path of a byte before it is sent: view -> digest (plain) -> codec -> age -> equal parts ->
 * digest (as sent).
 *
 * Byte work runs on workers; parts come out on the loop, in order. Raw data needs no part buffers:
 * a part is hashed in a first pass and read again from the view as it is sent. What is encoded or
 * encrypted are buffers out of the pool: encrypted bytes exist once, since nothing is ever
 * encrypted twice with one file key. Blocks are encoded side by side, and encrypted and joined in
 * order. */
#ifndef AKS_ENGINE_PIPELINE_H
#define AKS_ENGINE_PIPELINE_H

#include "data/codec.h"
#include "data/digest.h"
#include "engine/pool.h"
#include "engine/seal.h"
#include "engine/view.h"
#include "engine/target.h"

struct aks_pipeline;

/* Parts that may be out at once, ready or taken: no target asks for more in flight. */
#define AKS_PIPELINE_PARTS_MAX 16

struct aks_pipeline_options {
    const struct aks_port *port;
    struct aks_loop *loop;
    struct aks_pool *pool;
    enum aks_codec codec;
    int level;
    const struct aks_seal *seal;        /* what it is encrypted with; NULL: it is not. Borrowed */
    int64_t part_bytes;
    enum aks_part_check check;
    /* From the loop, never from inside a call: a part is ready, the end is reached, or it has
     * failed. */
    void (*changed)(void *ctx);
    void *ctx;
};

enum aks_pipeline_state { AKS_PIPELINE_RUNNING, AKS_PIPELINE_ENDED, AKS_PIPELINE_FAILED };

struct aks_pipeline_result {
    int64_t plain_bytes;
    uint8_t plain_sha256[AKS_SHA256_BYTES];
    int64_t stored_bytes;
    uint8_t stored_sha256[AKS_SHA256_BYTES];
    uint32_t parts;
};

/** Starts at once. Takes ${view} over, after a failure too (it is zeroed), and closes it in the
 * end. */
enum aks_status aks_pipeline_new(const struct aks_pipeline_options *options,
    struct aks_view *view, struct aks_pipeline **ret_pipeline, struct aks_error *err);
/** The next part in order, or NULL if none is ready. It stays valid until it is given back. */
struct aks_part *aks_pipeline_take(struct aks_pipeline *pipeline);
/** Part ${number} if it is ready and was not taken yet, to be looked at; else NULL. */
struct aks_part *aks_pipeline_peek(struct aks_pipeline *pipeline, uint32_t number);
/** A part that was taken is not needed any more (stored, or given up). */
void aks_pipeline_give(struct aks_pipeline *pipeline, struct aks_part *part);
/** ENDED: every part was handed out by take or is ready, and the result is known. */
enum aks_pipeline_state aks_pipeline_state(const struct aks_pipeline *pipeline,
    struct aks_error *ret_error);
/** Of a pipeline that has ENDED. */
const struct aks_pipeline_result *aks_pipeline_result(const struct aks_pipeline *pipeline);
/** Plain bytes read so far, and bytes made of them so far. */
void aks_pipeline_progress(const struct aks_pipeline *pipeline, int64_t *ret_plain,
    int64_t *ret_stored);
/** The whole object as a body that can be read again; bytes -1 if it was encoded or
 * encrypted. */
struct aks_body aks_pipeline_whole(struct aks_pipeline *pipeline);
const struct aks_view *aks_pipeline_view(const struct aks_pipeline *pipeline);
/** Of a pipeline that has ENDED and whose parts are given back: frees what only reading needed.
 * Result, whole and view stay. */
void aks_pipeline_trim(struct aks_pipeline *pipeline);
/** No part may be in use any more. ${changed} is not called again. Work under way finishes first,
 * behind the caller's back (pool->lingering counts such pipelines). NULL is fine. */
void aks_pipeline_free(struct aks_pipeline *pipeline);

#endif
