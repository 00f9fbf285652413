/* What a target takes that delivers rows: memories, in batches. The part of its class that targets
 * of files do not have. */
#ifndef AKS_ENGINE_TARGET_ROWS_H
#define AKS_ENGINE_TARGET_ROWS_H

#include "engine/attempt.h"
#include "wire/store_answer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aks_target;

/* Of one batch. A body over 4 MiB is refused by servers (MCP SDK from 1.29), and a tool call takes
 * 1000 memories; what is around the memories has room in what is left. */
#define AKS_ROWS_BATCH_BYTES_MAX ((size_t)3584 * 1024)
#define AKS_ROWS_BATCH_MAX 500
/* What is around them, at most. */
#define AKS_ROWS_ENVELOPE_BYTES 512

/* Borrowed until done. */
struct aks_rows_batch {
    const char *items;                  /* JSON objects with ',' between; with the envelope at most
                                         * AKS_ROWS_BATCH_BYTES_MAX */
    size_t len;
    struct aks_store_memory *memories;  /* in the same order; done finds their fates in it */
    size_t count;                       /* 1 to AKS_ROWS_BATCH_MAX */
    const char *source;                 /* name, for the policy's facts */
};

struct aks_rows_result {
    struct aks_store_answer answer;
    /* The server does not take the batch for what is in it, or for its size: a smaller one may do,
     * and of one memory it is this one that is never taken. Then nothing is in answer. */
    bool refused;
    bool too_large;                     /* for its size */
    char words[AKS_JSONRPC_WORDS_BYTES];
};

/** Brings one batch. With AKS_OK the server has said what became of each memory, in
 * ret_result->answer and the memories' fates, or refuses all of it. Where each of them has failed
 * that is AKS_SERVER, with their fates. One at a time. */
typedef void aks_rows_push(struct aks_target *target, const struct aks_rows_batch *batch,
    struct aks_rows_result *ret_result, aks_done *done, void *ctx);
/** Ends a push that is under way, without its done, and lets the other side forget whom it has
 * talked to; of no consequence if that fails, so done is
 * given AKS_OK. Within ${deadline_ms}. */
typedef void aks_rows_leave(struct aks_target *target, int64_t deadline_ms, aks_done *done,
    void *ctx);

struct aks_target_rows {
    aks_rows_push *push;
    aks_rows_leave *leave;
};

#endif
