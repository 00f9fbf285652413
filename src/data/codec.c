#include "data/codec.h"

#include "base/check.h"
#include "data/codec_internal.h"

#include <string.h>

struct aks_encoder {
    const struct aks_alloc *alloc;
    const struct aks_codec_ops *ops;
    void *state;
};

static const struct {
    const char *name;
    const char *suffix;
    const char *content_type;
    const struct aks_codec_ops *ops;    /* NULL: bytes stay as they are */
} codecs[] = {
    [AKS_CODEC_NONE] = { "none", "", "application/octet-stream", NULL },
    [AKS_CODEC_GZIP] = { "gzip", ".gz", "application/gzip", &aks_codec_gzip },
    [AKS_CODEC_ZSTD] = { "zstd", ".zst", "application/zstd", &aks_codec_zstd },
};

#define CODECS (sizeof(codecs) / sizeof(codecs[0]))

const char *
aks_codec_name(enum aks_codec codec)
{
    AKS_CHECK((unsigned)codec < CODECS);
    return codecs[codec].name;
}

bool
aks_codec_from_name(const char *name, enum aks_codec *ret_codec)
{
    for (unsigned i = 0; i < CODECS; i++) {
        if (strcmp(name, codecs[i].name) == 0) {
            *ret_codec = (enum aks_codec)i;
            return true;
        }
    }
    return false;
}

const char *
aks_codec_suffix(enum aks_codec codec)
{
    AKS_CHECK((unsigned)codec < CODECS);
    return codecs[codec].suffix;
}

const char *
aks_codec_content_type(enum aks_codec codec)
{
    AKS_CHECK((unsigned)codec < CODECS);
    return codecs[codec].content_type;
}

static const struct aks_codec_ops *
ops_of(enum aks_codec codec)
{
    AKS_CHECK((unsigned)codec < CODECS);
    AKS_CHECK(codecs[codec].ops != NULL);
    return codecs[codec].ops;
}

const char *
aks_codec_version(enum aks_codec codec, int level)
{
    const struct aks_codec_ops *ops;

    if (codec == AKS_CODEC_NONE)
        return aks_codec_name(codec);
    ops = ops_of(codec);
    if (level == AKS_CODEC_LEVEL_DEFAULT)
        level = ops->level_default;
    AKS_CHECK(ops->has_level(level));
    return ops->version(level);
}

enum aks_status
aks_encoder_new(const struct aks_alloc *alloc, enum aks_codec codec, int level,
    struct aks_encoder **ret_encoder, struct aks_error *err)
{
    const struct aks_codec_ops *ops = ops_of(codec);
    struct aks_encoder *encoder = NULL;
    enum aks_status status;

    *ret_encoder = NULL;
    if (level == AKS_CODEC_LEVEL_DEFAULT)
        level = ops->level_default;
    if (!ops->has_level(level)) {
        status = aks_error_set(err, AKS_SETTINGS, "cannot compress with %s at level %d: it has %s",
            aks_codec_name(codec), level, ops->levels);
        aks_error_hint(err, "leave the level out for the default, %d", ops->level_default);
        return status;
    }
    encoder = aks_mem_new(alloc, sizeof(*encoder));
    if (encoder == NULL)
        return aks_error_memory(err, "starting to compress");
    encoder->alloc = alloc;
    encoder->ops = ops;
    status = ops->open(alloc, level, &encoder->state, err);
    if (status != AKS_OK)
        goto out;
    *ret_encoder = encoder;
    encoder = NULL;
out:
    aks_encoder_free(encoder);
    return status;
}

void
aks_encoder_free(struct aks_encoder *encoder)
{
    if (encoder == NULL)
        return;
    encoder->ops->close(encoder->state);
    aks_mem_free(encoder->alloc, encoder);
}

size_t
aks_encoder_bound(enum aks_codec codec, size_t len)
{
    AKS_CHECK(len <= AKS_CODEC_BLOCK_BYTES);
    return ops_of(codec)->bound(len);
}

enum aks_status
aks_encoder_block(struct aks_encoder *encoder, const void *data, size_t len, void *out,
    size_t out_bytes, size_t *ret_len, struct aks_error *err)
{
    AKS_CHECK(len <= AKS_CODEC_BLOCK_BYTES);
    AKS_CHECK(out_bytes >= encoder->ops->bound(len));
    /* The libraries like no NULL, not even for nothing. */
    return encoder->ops->encode(encoder->state, len > 0 ? data : "", len, out, ret_len, err);
}

enum aks_status
aks_codec_sample(const struct aks_alloc *alloc, const void *data, size_t len,
    size_t *ret_compressed, struct aks_error *err)
{
    const uint8_t *p = data;
    size_t block = len < AKS_CODEC_BLOCK_BYTES ? len : AKS_CODEC_BLOCK_BYTES;
    size_t out_bytes = aks_encoder_bound(AKS_CODEC_ZSTD, block);
    struct aks_encoder *encoder = NULL;
    void *out = aks_mem_new(alloc, out_bytes);
    enum aks_status status;
    size_t compressed = 0;

    if (out == NULL)
        return aks_error_memory(err, "compressing a sample");
    status = aks_encoder_new(alloc, AKS_CODEC_ZSTD, AKS_CODEC_SAMPLE_LEVEL, &encoder, err);
    while (status == AKS_OK && len > 0) {
        size_t now = len < block ? len : block;
        size_t written = 0;

        status = aks_encoder_block(encoder, p, now, out, out_bytes, &written, err);
        compressed += written;
        p += now;
        len -= now;
    }
    if (status == AKS_OK)
        *ret_compressed = compressed;
    aks_encoder_free(encoder);
    aks_mem_free(alloc, out);
    return status;
}
