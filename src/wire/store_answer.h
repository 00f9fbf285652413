/* What Akosha's tool batch_store_memories says of a batch: {status, total, stored, failed, errors:
 * [{memory_id, error}], error}. Successes are not named, so every memory that no error names counts
 * as stored: which is believed only where the numbers agree. */
#ifndef AKS_WIRE_STORE_ANSWER_H
#define AKS_WIRE_STORE_ANSWER_H

#include "base/error.h"
#include "wire/jsonrpc.h"

#include <stddef.h>

/* What became of one memory. */
enum aks_store_fate {
    AKS_STORE_STORED,
    AKS_STORE_THERE,        /* it was there already: an earlier try got through */
    AKS_STORE_REFUSED,      /* it will never be taken as it is */
    AKS_STORE_FAILED        /* for a reason that may have nothing to do with it */
};

struct aks_store_memory {
    const char *id;                         /* that was sent, borrowed */
    enum aks_store_fate fate;
    char words[AKS_JSONRPC_WORDS_BYTES];    /* of its error, or "" */
};

struct aks_store_answer {
    size_t stored;          /* AKS_STORE_THERE included */
    size_t there;
    size_t refused;
    size_t failed;
};

/** Fills fate and words of the ${count} > 0 memories that were sent, and counts them. AKS_BAD_REPLY
 * where the answer cannot be true: numbers that do not add up, errors of memories that were not
 * sent, or of one twice. AKS_SERVER where the tool as a whole has failed. */
enum aks_status aks_store_answer_read(const struct json_t *value,
    struct aks_store_memory *memories, size_t count, struct aks_store_answer *ret_answer,
    struct aks_error *err);
/** What the words of an error mean for the memory that they are about. */
enum aks_store_fate aks_store_fate_of(const char *words);

#endif
