/* A change as people read it: a unified diff of one hunk. */
#ifndef AKS_CLI_INIT_DIFF_H
#define AKS_CLI_INIT_DIFF_H

#include "base/buf.h"

#include <stddef.h>

#define AKS_INIT_DIFF_CONTEXT 3

/** Appends what turns ${before} into ${after}; nothing if they are the same. One hunk, from the
 * first line that differs to the last. A line that does not end in '\n' says so, as patch wants. */
void aks_init_diff_write(const char *path, const char *before, size_t before_len,
    const char *after, size_t after_len, struct aks_buf *out);

#endif
