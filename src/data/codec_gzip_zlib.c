/* gzip members by zlib: for where neither of the faster libraries is built in. */
#include "base/check.h"
#include "data/codec.h"
#include "data/codec_gzip_engines.h"

#define ZLIB_CONST
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <zlib.h>

/* 16 more than the bits of the window asks for the wrapper of gzip. */
#define WINDOW_BITS_GZIP (15 + 16)
/* zlib's own default. */
#define MEMORY_LEVEL 8

struct zlib_state {
    const struct aks_alloc *alloc;
    z_stream stream;
};

static char version_text[32];

static void
make_version(void)
{
    (void)snprintf(version_text, sizeof(version_text), "zlib %s", zlibVersion());
}

static const char *
loaded_version(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    AKS_CHECK(pthread_once(&once, make_version) == 0);
    return version_text;
}

static void *
zlib_take(void *ctx, unsigned count, unsigned bytes)
{
    return aks_mem_array(ctx, count, bytes);
}

static void
zlib_give(void *ctx, void *p)
{
    aks_mem_free(ctx, p);
}

static enum aks_status
failed(const z_stream *stream, int code, struct aks_error *err)
{
    if (code == Z_MEM_ERROR)
        return aks_error_memory(err, "compressing with zlib");
    return aks_error_set(err, AKS_INTERNAL, "cannot compress a block with zlib: %s",
        stream->msg != NULL ? stream->msg : zError(code));
}

static void
zlib_close(void *state)
{
    struct zlib_state *zlib = state;

    if (zlib == NULL)
        return;
    /* Nothing to end where deflateInit2 failed: zlib says so and does nothing. */
    (void)deflateEnd(&zlib->stream);
    aks_mem_free(zlib->alloc, zlib);
}

static enum aks_status
zlib_open(const struct aks_alloc *alloc, int level, void **ret_state, struct aks_error *err)
{
    struct zlib_state *zlib = aks_mem_new(alloc, sizeof(*zlib));
    enum aks_status status = AKS_OK;
    int code;

    if (zlib == NULL)
        return aks_error_memory(err, "starting zlib");
    zlib->alloc = alloc;
    zlib->stream.zalloc = zlib_take;
    zlib->stream.zfree = zlib_give;
    zlib->stream.opaque = (void *)(uintptr_t)alloc;
    code = deflateInit2(&zlib->stream, level, Z_DEFLATED, WINDOW_BITS_GZIP, MEMORY_LEVEL,
        Z_DEFAULT_STRATEGY);
    if (code != Z_OK) {
        status = failed(&zlib->stream, code, err);
        goto out;
    }
    *ret_state = zlib;
    zlib = NULL;
out:
    zlib_close(zlib);
    return status;
}

static enum aks_status
zlib_encode(void *state, const void *data, size_t len, void *out, size_t out_bytes,
    size_t *ret_len, struct aks_error *err)
{
    struct zlib_state *zlib = state;
    int code = deflateReset(&zlib->stream);

    AKS_CHECK(len <= AKS_CODEC_BLOCK_BYTES && out_bytes <= UINT_MAX);
    if (code != Z_OK)
        return failed(&zlib->stream, code, err);
    zlib->stream.next_in = data;
    zlib->stream.avail_in = (uInt)len;
    zlib->stream.next_out = out;
    zlib->stream.avail_out = (uInt)out_bytes;
    code = deflate(&zlib->stream, Z_FINISH);
    if (code == Z_STREAM_END)
        *ret_len = out_bytes - zlib->stream.avail_out;
    else if (code == Z_OK)
        *ret_len = 0;
    else
        return failed(&zlib->stream, code, err);
    return AKS_OK;
}

const struct aks_gzip_engine aks_gzip_engine_zlib = {
    .version = loaded_version,
    .level_min = AKS_CODEC_GZIP_LEVEL_MIN,
    .level_max = AKS_CODEC_GZIP_LEVEL_MAX,
    .open = zlib_open,
    .encode = zlib_encode,
    .close = zlib_close,
};
