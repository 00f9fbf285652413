/* zstd: each block a frame of its own, with its size and a checksum in it. */
#include "base/check.h"
#include "data/codec_internal.h"

#include <pthread.h>
#include <stdio.h>
#include <zstd.h>
#include <zstd_errors.h>

/* A match cannot reach out of its block, so a larger window would be memory for nothing. */
#define WINDOW_LOG 20

_Static_assert((size_t)1 << WINDOW_LOG == AKS_CODEC_BLOCK_BYTES, "the window is the block");

/* The context's own memory comes from malloc: what would take an allocator is zstd's experimental
 * interface, which a shared library need not keep from one version to the next. */
struct zstd_state {
    const struct aks_alloc *alloc;
    ZSTD_CCtx *context;
};

static bool
zstd_has_level(int level)
{
    /* zstd takes 0 for its default, which is not what people mean by 0. */
    return level >= AKS_CODEC_ZSTD_LEVEL_MIN && level <= AKS_CODEC_ZSTD_LEVEL_MAX && level != 0;
}

static size_t
zstd_bound(size_t len)
{
    return ZSTD_compressBound(len);
}

static char version_text[32];

static void
make_version(void)
{
    (void)snprintf(version_text, sizeof(version_text), "zstd %s", ZSTD_versionString());
}

/* Of the library that is loaded, which need not be the one whose header was compiled in. */
static const char *
zstd_version(int level)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)level;
    AKS_CHECK(pthread_once(&once, make_version) == 0);
    return version_text;
}

static enum aks_status
failed(size_t code, struct aks_error *err)
{
    if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
        return aks_error_memory(err, "compressing a block with zstd");
    return aks_error_set(err, AKS_INTERNAL, "cannot compress a block with zstd: %s",
        ZSTD_getErrorName(code));
}

static void
zstd_close(void *state)
{
    struct zstd_state *zstd = state;

    if (zstd == NULL)
        return;
    (void)ZSTD_freeCCtx(zstd->context);
    aks_mem_free(zstd->alloc, zstd);
}

static enum aks_status
zstd_open(const struct aks_alloc *alloc, int level, void **ret_state, struct aks_error *err)
{
    const struct {
        ZSTD_cParameter parameter;
        int value;
    } settings[] = {
        { ZSTD_c_compressionLevel, level },
        { ZSTD_c_windowLog, WINDOW_LOG },
        { ZSTD_c_contentSizeFlag, 1 },
        { ZSTD_c_checksumFlag, 1 },
    };
    struct zstd_state *zstd = aks_mem_new(alloc, sizeof(*zstd));
    enum aks_status status = AKS_OK;

    if (zstd == NULL)
        return aks_error_memory(err, "starting zstd");
    zstd->alloc = alloc;
    zstd->context = ZSTD_createCCtx();
    if (zstd->context == NULL) {
        status = aks_error_memory(err, "starting zstd");
        goto out;
    }
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        size_t code = ZSTD_CCtx_setParameter(zstd->context, settings[i].parameter,
            settings[i].value);

        if (ZSTD_isError(code)) {
            status = failed(code, err);
            goto out;
        }
    }
    *ret_state = zstd;
    zstd = NULL;
out:
    zstd_close(zstd);
    return status;
}

static enum aks_status
zstd_encode(void *state, const void *data, size_t len, void *out, size_t *ret_len,
    struct aks_error *err)
{
    struct zstd_state *zstd = state;
    size_t written = ZSTD_compress2(zstd->context, out, zstd_bound(len), data, len);

    if (ZSTD_isError(written))
        return failed(written, err);
    *ret_len = written;
    return AKS_OK;
}

const struct aks_codec_ops aks_codec_zstd = {
    .has_level = zstd_has_level,
    .levels = "levels -7 to -1 and 1 to 19",
    .level_default = AKS_CODEC_ZSTD_LEVEL,
    .bound = zstd_bound,
    .version = zstd_version,
    .open = zstd_open,
    .encode = zstd_encode,
    .close = zstd_close,
};
