/* Objects as a person would unpack them, with the libraries that gzip and zstd are made of: many
 * members or frames, one file. */
#ifndef AKS_TESTKIT_UNPACK_H
#define AKS_TESTKIT_UNPACK_H

#include "base/buf.h"
#include "base/error.h"

#include <stddef.h>

/** Appends the plain bytes of ${data}. ${codec}: "none" "gzip" "zstd". AKS_CORRUPT if it is not
 * whole, AKS_LIMIT beyond ${out}'s ceiling. */
enum aks_status aks_unpack(const char *codec, const void *data, size_t len, struct aks_buf *out,
    struct aks_error *err);

#endif
