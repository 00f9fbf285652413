/* Streams that claim to be gzip or zstd: the first byte chooses, the next two declare how many
 * bytes they should unpack to. What comes out does not depend on the pieces that go in. */
#include "base/check.h"
#include "data/decoder.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct sum {
    int64_t bytes;
    uint64_t hash;
};

static enum aks_status
add(void *ctx, const void *data, size_t len, struct aks_error *err)
{
    const uint8_t *at = data;
    struct sum *sum = ctx;

    AKS_CHECK(len > 0 && len <= AKS_DECODER_OUT_BYTES);
    for (size_t i = 0; i < len; i++)
        sum->hash = (sum->hash ^ at[i]) * UINT64_C(1099511628211);
    sum->bytes += (int64_t)len;
    return AKS_OK;
}

static enum aks_status
unpack(enum aks_codec codec, const uint8_t *data, size_t len, size_t piece, int64_t bytes,
    struct sum *ret_sum)
{
    struct aks_decoder *decoder = NULL;
    enum aks_status status;
    int64_t stored;
    int64_t plain;

    memset(ret_sum, 0, sizeof(*ret_sum));
    status = aks_decoder_new(aks_alloc_system(), codec, bytes, &decoder, NULL);
    AKS_CHECK(status == AKS_OK);
    for (size_t at = 0; at < len && status == AKS_OK; at += piece)
        status = aks_decoder_feed(decoder, data + at, len - at < piece ? len - at : piece, add,
            ret_sum, NULL);
    AKS_CHECK(ret_sum->bytes <= bytes);
    aks_decoder_boundary(decoder, &stored, &plain);
    AKS_CHECK(stored >= 0 && stored <= (int64_t)len && plain >= 0 && plain <= ret_sum->bytes);
    if (status == AKS_OK)
        status = aks_decoder_end(decoder, NULL);
    AKS_CHECK(status == AKS_CORRUPT || (status == AKS_OK && ret_sum->bytes == bytes));
    aks_decoder_free(decoder);
    return status;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    enum aks_codec codec;
    struct sum whole;
    struct sum pieces;
    enum aks_status at_once;
    enum aks_status bit_by_bit;
    int64_t bytes;

    if (len < 3)
        return 0;
    codec = data[0] % 2 == 0 ? AKS_CODEC_GZIP : AKS_CODEC_ZSTD;
    bytes = (int64_t)data[1] << 8 | data[2];
    data += 3;
    len -= 3;
    at_once = unpack(codec, data, len, len + 1, bytes, &whole);
    bit_by_bit = unpack(codec, data, len, 3, bytes, &pieces);
    /* libzstd reads a frame that is there as a whole in another way, which is stricter: it refuses
     * an empty block that claims to be compressed, out of which nothing comes. */
    AKS_CHECK(codec == AKS_CODEC_ZSTD || at_once == bit_by_bit);
    AKS_CHECK(at_once != AKS_OK || bit_by_bit != AKS_OK ||
        (whole.bytes == pieces.bytes && whole.hash == pieces.hash));
    return 0;
}
