#include "testkit/unpack.h"

#include <stdint.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define PIECE_BYTES ((size_t)64 * 1024)
#define GZIP_WINDOW (15 + 16)           /* zlib: the largest window, with gzip's frame */

/* What could not be unpacked for want of room is not corrupt. */
static enum aks_status
corrupt(const char *codec, const struct aks_buf *out, struct aks_error *err)
{
    if (out->failed != AKS_OK)
        return aks_buf_status(out, "an unpacked object", err);
    return aks_error_set(err, AKS_CORRUPT, "an object is no whole %s file", codec);
}

static enum aks_status
unpack_gzip(const void *data, size_t len, struct aks_buf *out, struct aks_error *err)
{
    uint8_t piece[PIECE_BYTES];
    z_stream stream = { 0 };
    int rc = inflateInit2(&stream, GZIP_WINDOW);

    if (rc != Z_OK)
        return aks_error_memory(err, "unpacking an object");
    stream.next_in = (Bytef *)(uintptr_t)data;
    stream.avail_in = (uInt)len;
    while (rc == Z_OK || (rc == Z_STREAM_END && stream.avail_in > 0)) {
        if (rc == Z_STREAM_END)
            (void)inflateReset(&stream);
        stream.next_out = piece;
        stream.avail_out = sizeof(piece);
        rc = inflate(&stream, Z_NO_FLUSH);
        aks_buf_append(out, piece, sizeof(piece) - stream.avail_out);
        if (out->failed != AKS_OK)
            break;
    }
    (void)inflateEnd(&stream);
    return rc == Z_STREAM_END ? AKS_OK : corrupt("gzip", out, err);
}

static enum aks_status
unpack_zstd(const void *data, size_t len, struct aks_buf *out, struct aks_error *err)
{
    uint8_t piece[PIECE_BYTES];
    ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer in = { data, len, 0 };
    size_t left = 0;

    if (stream == NULL)
        return aks_error_memory(err, "unpacking an object");
    while (in.pos < in.size || left != 0) {
        ZSTD_outBuffer to = { piece, sizeof(piece), 0 };
        size_t before = in.pos;

        left = ZSTD_decompressStream(stream, &to, &in);
        if (ZSTD_isError(left) != 0 || out->failed != AKS_OK)
            break;
        aks_buf_append(out, piece, to.pos);
        if (to.pos == 0 && in.pos == before)
            break;
    }
    (void)ZSTD_freeDStream(stream);
    /* Nothing at all is no frame. */
    return left == 0 && in.pos == in.size && len > 0 ? AKS_OK : corrupt("zstd", out, err);
}

enum aks_status
aks_unpack(const char *codec, const void *data, size_t len, struct aks_buf *out,
    struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    if (strcmp(codec, "gzip") == 0)
        status = unpack_gzip(data, len, out, err);
    else if (strcmp(codec, "zstd") == 0)
        status = unpack_zstd(data, len, out, err);
    else if (strcmp(codec, "none") == 0)
        aks_buf_append(out, data, len);
    else
        return aks_error_set(err, AKS_CORRUPT, "\"%s\" is no codec", codec);
    if (status != AKS_OK)
        return status;
    return aks_buf_status(out, "an unpacked object", err);
}
