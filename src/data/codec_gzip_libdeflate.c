/* gzip members by libdeflate: half as long to make as zlib's, and smaller. */
#include "data/codec.h"
#include "data/codec_gzip_engines.h"

#if AKS_HAVE_LIBDEFLATE

#include <libdeflate.h>

/* The compressor's own memory comes from malloc: libdeflate's allocator is one for the process, and
 * this is not the place to set that. */
struct libdeflate_state {
    const struct aks_alloc *alloc;
    struct libdeflate_compressor *compressor;
};

/* The library cannot say which version is loaded. */
static const char *
deflate_version(void)
{
    return "libdeflate " LIBDEFLATE_VERSION_STRING;
}

static void
deflate_close(void *state)
{
    struct libdeflate_state *deflate = state;

    if (deflate == NULL)
        return;
    libdeflate_free_compressor(deflate->compressor);
    aks_mem_free(deflate->alloc, deflate);
}

static enum aks_status
deflate_open(const struct aks_alloc *alloc, int level, void **ret_state, struct aks_error *err)
{
    struct libdeflate_state *deflate = aks_mem_new(alloc, sizeof(*deflate));

    if (deflate == NULL)
        return aks_error_memory(err, "starting libdeflate");
    deflate->alloc = alloc;
    deflate->compressor = libdeflate_alloc_compressor(level);
    if (deflate->compressor == NULL) {
        deflate_close(deflate);
        return aks_error_memory(err, "starting libdeflate");
    }
    *ret_state = deflate;
    return AKS_OK;
}

static enum aks_status
deflate_encode(void *state, const void *data, size_t len, void *out, size_t out_bytes,
    size_t *ret_len, struct aks_error *err)
{
    struct libdeflate_state *deflate = state;

    (void)err;
    /* 0 means to it what it means here: no room. It cannot fail otherwise. */
    *ret_len = libdeflate_gzip_compress(deflate->compressor, data, len, out, out_bytes);
    return AKS_OK;
}

const struct aks_gzip_engine aks_gzip_engine_libdeflate = {
    .version = deflate_version,
    .level_min = AKS_CODEC_GZIP_LEVEL_MIN,
    .level_max = AKS_CODEC_GZIP_LEVEL_MAX,
    .open = deflate_open,
    .encode = deflate_encode,
    .close = deflate_close,
};

#endif
