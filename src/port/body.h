/* Bytes that are there and can be read at any offset, more than once: a range of a snapshot, or a
 * buffer. Random access is what lets a request be sent again without anybody rewinding. */
#ifndef AKS_PORT_BODY_H
#define AKS_PORT_BODY_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct aks_body {
    int64_t bytes;
    /* Reads up to ${len} > 0 bytes at ${offset} (0 <= offset < bytes); at least one byte on AKS_OK.
     * A file that has become shorter is AKS_SOURCE_CHANGED. Called on the loop's thread. */
    enum aks_status (*read)(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
        struct aks_error *err);
    void *ctx;
};

#endif
