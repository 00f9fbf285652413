/* gzip: each block a member of its own, by the engine that is best at the level.
 *
 * What an engine may write at worst is nowhere promised (ISA-L) or differs from engine to engine.
 * So each is given the room of a stored member; what does not fit in there has not shrunk, and is
 * stored. That makes the bound exact, and the same whatever is built in. */
#include "base/check.h"
#include "data/codec_gzip_engines.h"
#include "data/codec_internal.h"

#define ZLIB_CONST
#include <string.h>
#include <zlib.h>

#define HEADER_BYTES 10
#define TRAILER_BYTES 8
/* Of deflate: a stored block begins with five bytes and holds at most this. */
#define STORED_HEADER_BYTES 5
#define STORED_BYTES_MAX ((size_t)UINT16_MAX)

struct gzip_state {
    const struct aks_alloc *alloc;
    const struct aks_gzip_engine *engine;
    void *engine_state;
};

const struct aks_gzip_engine *
aks_gzip_engine_of(int level)
{
    AKS_CHECK(level >= AKS_CODEC_GZIP_LEVEL_MIN && level <= AKS_CODEC_GZIP_LEVEL_MAX);
#if AKS_HAVE_ISAL
    if (level <= aks_gzip_engine_isal.level_max)
        return &aks_gzip_engine_isal;
#endif
#if AKS_HAVE_LIBDEFLATE
    return &aks_gzip_engine_libdeflate;
#else
    return &aks_gzip_engine_zlib;
#endif
}

size_t
aks_gzip_stored_bytes(size_t len)
{
    /* Nothing takes a block too. */
    size_t blocks = len > 0 ? (len - 1) / STORED_BYTES_MAX + 1 : 1;

    return HEADER_BYTES + blocks * STORED_HEADER_BYTES + len + TRAILER_BYTES;
}

static uint8_t *
put_little(uint8_t *p, uint32_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *p++ = (uint8_t)(value >> (8 * i));
    return p;
}

void
aks_gzip_store(const void *data, size_t len, void *out)
{
    /* Deflate; no flags, no time, no extra flags; system unknown. */
    static const uint8_t header[HEADER_BYTES] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };
    const uint8_t *from = data;
    uint8_t *to = out;
    uint32_t crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), from, len);
    size_t left = len;
    size_t now;

    memcpy(to, header, sizeof(header));
    to += sizeof(header);
    do {
        now = left < STORED_BYTES_MAX ? left : STORED_BYTES_MAX;
        left -= now;
        *to++ = left == 0 ? 1 : 0;
        to = put_little(to, (uint32_t)now, 2);
        to = put_little(to, ~(uint32_t)now, 2);
        memcpy(to, from, now);
        to += now;
        from += now;
    } while (left > 0);
    to = put_little(to, crc, 4);
    to = put_little(to, (uint32_t)len, 4);
    AKS_CHECK((size_t)(to - (uint8_t *)out) == aks_gzip_stored_bytes(len));
}

static bool
gzip_has_level(int level)
{
    return level >= AKS_CODEC_GZIP_LEVEL_MIN && level <= AKS_CODEC_GZIP_LEVEL_MAX;
}

static const char *
gzip_version(int level)
{
    return aks_gzip_engine_of(level)->version();
}

static void
gzip_close(void *state)
{
    struct gzip_state *gzip = state;

    if (gzip == NULL)
        return;
    gzip->engine->close(gzip->engine_state);
    aks_mem_free(gzip->alloc, gzip);
}

static enum aks_status
gzip_open(const struct aks_alloc *alloc, int level, void **ret_state, struct aks_error *err)
{
    struct gzip_state *gzip = aks_mem_new(alloc, sizeof(*gzip));
    enum aks_status status;

    if (gzip == NULL)
        return aks_error_memory(err, "starting gzip");
    gzip->alloc = alloc;
    gzip->engine = aks_gzip_engine_of(level);
    status = gzip->engine->open(alloc, level, &gzip->engine_state, err);
    if (status != AKS_OK)
        goto out;
    *ret_state = gzip;
    gzip = NULL;
out:
    gzip_close(gzip);
    return status;
}

static enum aks_status
gzip_encode(void *state, const void *data, size_t len, void *out, size_t *ret_len,
    struct aks_error *err)
{
    struct gzip_state *gzip = state;
    size_t room = aks_gzip_stored_bytes(len);
    size_t written = 0;
    enum aks_status status;

    status = gzip->engine->encode(gzip->engine_state, data, len, out, room, &written, err);
    if (status != AKS_OK)
        return status;
    if (written == 0) {
        aks_gzip_store(data, len, out);
        written = room;
    }
    *ret_len = written;
    return AKS_OK;
}

const struct aks_codec_ops aks_codec_gzip = {
    .has_level = gzip_has_level,
    .levels = "levels 1 to 9",
    .level_default = AKS_CODEC_GZIP_LEVEL,
    .bound = aks_gzip_stored_bytes,
    .version = gzip_version,
    .open = gzip_open,
    .encode = gzip_encode,
    .close = gzip_close,
};
