#include "data/decoder.h"

#include "base/check.h"

#define ZLIB_CONST
#include <limits.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* 16 more than the bits of the window asks for the wrapper of gzip. */
#define WINDOW_BITS_GZIP (15 + 16)

struct aks_decoder {
    const struct aks_alloc *alloc;
    enum aks_codec codec;
    int64_t bytes;                      /* that are to come out */
    int64_t stored;                     /* taken in */
    int64_t plain;                      /* given out */
    int64_t boundary_stored;
    int64_t boundary_plain;
    bool inside;                        /* of a member or frame */
    bool zlib_open;
    z_stream zlib;
    ZSTD_DStream *zstd;
    uint8_t out[AKS_DECODER_OUT_BYTES];
};

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
open_zlib(struct aks_decoder *decoder, struct aks_error *err)
{
    decoder->zlib.zalloc = zlib_take;
    decoder->zlib.zfree = zlib_give;
    decoder->zlib.opaque = (void *)(uintptr_t)decoder->alloc;
    if (inflateInit2(&decoder->zlib, WINDOW_BITS_GZIP) != Z_OK)
        return aks_error_memory(err, "starting to unpack gzip");
    decoder->zlib_open = true;
    return AKS_OK;
}

static enum aks_status
open_zstd(struct aks_decoder *decoder, struct aks_error *err)
{
    decoder->zstd = ZSTD_createDStream();
    if (decoder->zstd == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(decoder->zstd,
            ZSTD_d_windowLogMax, AKS_DECODER_WINDOW_LOG_MAX)))
        return aks_error_memory(err, "starting to unpack zstd");
    return AKS_OK;
}

enum aks_status
aks_decoder_new(const struct aks_alloc *alloc, enum aks_codec codec, int64_t bytes,
    struct aks_decoder **ret_decoder, struct aks_error *err)
{
    struct aks_decoder *decoder = aks_mem_new(alloc, sizeof(*decoder));
    enum aks_status status = AKS_OK;

    AKS_CHECK(bytes >= 0);
    if (decoder == NULL)
        return aks_error_memory(err, "starting to unpack");
    decoder->alloc = alloc;
    decoder->codec = codec;
    decoder->bytes = bytes;
    if (codec == AKS_CODEC_GZIP)
        status = open_zlib(decoder, err);
    else if (codec == AKS_CODEC_ZSTD)
        status = open_zstd(decoder, err);
    if (status != AKS_OK) {
        aks_decoder_free(decoder);
        return status;
    }
    *ret_decoder = decoder;
    return AKS_OK;
}

void
aks_decoder_free(struct aks_decoder *decoder)
{
    if (decoder == NULL)
        return;
    if (decoder->zlib_open)
        (void)inflateEnd(&decoder->zlib);
    (void)ZSTD_freeDStream(decoder->zstd);
    aks_mem_free(decoder->alloc, decoder);
}

static enum aks_status
give(struct aks_decoder *decoder, const void *data, size_t len, aks_decoded *each, void *ctx,
    struct aks_error *err)
{
    if (len == 0)
        return AKS_OK;
    if ((uint64_t)len > (uint64_t)(decoder->bytes - decoder->plain))
        return aks_error_set(err, AKS_CORRUPT,
            "it unpacks to more than the %lld bytes that it should", (long long)decoder->bytes);
    decoder->plain += (int64_t)len;
    return each(ctx, data, len, err);
}

/* Room for what is still to come and one byte more, which must not be there. */
static size_t
room(const struct aks_decoder *decoder)
{
    uint64_t left = (uint64_t)(decoder->bytes - decoder->plain) + 1;

    return left < sizeof(decoder->out) ? (size_t)left : sizeof(decoder->out);
}

static void
mark(struct aks_decoder *decoder, int64_t stored)
{
    decoder->inside = false;
    decoder->boundary_stored = stored;
    decoder->boundary_plain = decoder->plain;
}

static enum aks_status
zlib_failed(const struct aks_decoder *decoder, int code, struct aks_error *err)
{
    if (code == Z_MEM_ERROR)
        return aks_error_memory(err, "unpacking gzip");
    return aks_error_set(err, AKS_CORRUPT, decoder->plain > 0 && !decoder->inside
        ? "there is something behind its end that is no gzip (%s)" : "it is no gzip (%s)",
        decoder->zlib.msg != NULL ? decoder->zlib.msg : "bad data");
}

static enum aks_status
feed_zlib(struct aks_decoder *decoder, const void *data, size_t len, aks_decoded *each, void *ctx,
    struct aks_error *err)
{
    z_stream *zlib = &decoder->zlib;
    bool full = false;

    AKS_CHECK(len <= UINT_MAX);
    zlib->next_in = data;
    zlib->avail_in = (uInt)len;
    while (zlib->avail_in > 0 || full) {
        size_t size = room(decoder);
        enum aks_status status;
        int code;

        zlib->next_out = decoder->out;
        zlib->avail_out = (uInt)size;
        code = inflate(zlib, Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return zlib_failed(decoder, code, err);
        decoder->inside = true;
        full = zlib->avail_out == 0;
        status = give(decoder, decoder->out, size - zlib->avail_out, each, ctx, err);
        if (status != AKS_OK)
            return status;
        if (code == Z_STREAM_END) {
            mark(decoder, decoder->stored + (int64_t)(len - zlib->avail_in));
            full = false;
            if (inflateReset(zlib) != Z_OK)
                return aks_error_set(err, AKS_INTERNAL, "cannot unpack gzip");
        } else if (code == Z_BUF_ERROR) {
            break;
        }
    }
    decoder->stored += (int64_t)len;
    return AKS_OK;
}

static enum aks_status
zstd_failed(const struct aks_decoder *decoder, size_t code, struct aks_error *err)
{
    if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
        return aks_error_memory(err, "unpacking zstd");
    return aks_error_set(err, AKS_CORRUPT, decoder->plain > 0 && !decoder->inside
        ? "there is something behind its end that is no zstd (%s)" : "it is no zstd (%s)",
        ZSTD_getErrorName(code));
}

static enum aks_status
feed_zstd(struct aks_decoder *decoder, const void *data, size_t len, aks_decoded *each, void *ctx,
    struct aks_error *err)
{
    ZSTD_inBuffer in = { data, len, 0 };
    bool full = false;

    while (in.pos < in.size || full) {
        ZSTD_outBuffer out = { decoder->out, room(decoder), 0 };
        size_t code = ZSTD_decompressStream(decoder->zstd, &out, &in);
        enum aks_status status;

        if (ZSTD_isError(code))
            return zstd_failed(decoder, code, err);
        decoder->inside = true;
        full = out.pos == out.size && code != 0;
        status = give(decoder, decoder->out, out.pos, each, ctx, err);
        if (status != AKS_OK)
            return status;
        if (code == 0)
            mark(decoder, decoder->stored + (int64_t)in.pos);
    }
    decoder->stored += (int64_t)len;
    return AKS_OK;
}

enum aks_status
aks_decoder_feed(struct aks_decoder *decoder, const void *data, size_t len, aks_decoded *each,
    void *ctx, struct aks_error *err)
{
    enum aks_status status;

    switch (decoder->codec) {
    case AKS_CODEC_GZIP:
        return feed_zlib(decoder, data, len, each, ctx, err);
    case AKS_CODEC_ZSTD:
        return feed_zstd(decoder, data, len, each, ctx, err);
    case AKS_CODEC_NONE:
        break;
    }
    status = give(decoder, data, len, each, ctx, err);
    if (status != AKS_OK)
        return status;
    decoder->stored += (int64_t)len;
    mark(decoder, decoder->stored);
    return AKS_OK;
}

enum aks_status
aks_decoder_end(const struct aks_decoder *decoder, struct aks_error *err)
{
    if (decoder->inside)
        return aks_error_set(err, AKS_CORRUPT, "it ends in the middle of a %s block",
            aks_codec_name(decoder->codec));
    if (decoder->plain != decoder->bytes)
        return aks_error_set(err, AKS_CORRUPT, "it unpacks to %lld bytes and not to the %lld that "
            "it should", (long long)decoder->plain, (long long)decoder->bytes);
    return AKS_OK;
}

void
aks_decoder_boundary(const struct aks_decoder *decoder, int64_t *ret_stored, int64_t *ret_plain)
{
    *ret_stored = decoder->boundary_stored;
    *ret_plain = decoder->boundary_plain;
}
