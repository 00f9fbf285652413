/* The libraries that make gzip members, and what stands in where a member would not shrink. Users
 * include data/codec.h; this is for codec_gzip.c, which chooses, and the tests, which try each. */
#ifndef AKS_DATA_CODEC_GZIP_ENGINES_H
#define AKS_DATA_CODEC_GZIP_ENGINES_H

#include "base/alloc.h"
#include "base/error.h"

#include <stddef.h>

/* Levels as in data/codec.h. Members carry no time and no name, so that they depend on the bytes,
 * the level and the library alone. */
struct aks_gzip_engine {
    const char *(*version)(void);
    int level_min;
    int level_max;
    enum aks_status (*open)(const struct aks_alloc *alloc, int level, void **ret_state,
        struct aks_error *err);
    /** Writes one member of up to ${out_bytes} bytes and its length; a length of 0, with AKS_OK, if
     * it would be longer. What is at ${out} is then undefined, but nothing beyond it is touched. */
    enum aks_status (*encode)(void *state, const void *data, size_t len, void *out,
        size_t out_bytes, size_t *ret_len, struct aks_error *err);
    /** NULL is fine. */
    void (*close)(void *state);
};

extern const struct aks_gzip_engine aks_gzip_engine_zlib;       /* 1 to 9 */
#if AKS_HAVE_ISAL
extern const struct aks_gzip_engine aks_gzip_engine_isal;       /* 1 and 2 */
#endif
#if AKS_HAVE_LIBDEFLATE
extern const struct aks_gzip_engine aks_gzip_engine_libdeflate; /* 1 to 9 */
#endif

/** The engine for a level that exists. */
const struct aks_gzip_engine *aks_gzip_engine_of(int level);

/** The length of a member that stores ${len} bytes as they are. */
size_t aks_gzip_stored_bytes(size_t len);
/** Writes that member. */
void aks_gzip_store(const void *data, size_t len, void *out);

#endif
