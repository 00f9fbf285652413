/* What the codecs made, made plain again, piece by piece: gzip (RFC 1952) of any number of members,
 * zstd (RFC 8878) of any number of frames, or bytes as they are. Input is hostile: it may be cut,
 * end in something else, or unpack to more than there is room for, so a decoder is told how many
 * bytes it is to give and stops at the first one more. */
#ifndef AKS_DATA_DECODER_H
#define AKS_DATA_DECODER_H

#include "base/alloc.h"
#include "base/error.h"
#include "data/codec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Plain bytes that are given at once, at most. */
#define AKS_DECODER_OUT_BYTES ((size_t)128 * 1024)
/* A zstd frame that wants a larger window is refused: ours want 1 MiB, and zstd itself takes no
 * more than this at its ordinary levels. A decoder takes this much memory at most. */
#define AKS_DECODER_WINDOW_LOG_MAX 23

struct aks_decoder;

/* ${len} > 0 plain bytes, valid for the call. What is not AKS_OK ends the feeding. */
typedef enum aks_status aks_decoded(void *ctx, const void *data, size_t len, struct aks_error *err);

/** For an object of ${bytes} plain bytes, 0 or more. zlib's memory comes from ${alloc}, zstd's from
 * malloc. AKS_LIMIT without memory. */
enum aks_status aks_decoder_new(const struct aks_alloc *alloc, enum aks_codec codec, int64_t bytes,
    struct aks_decoder **ret_decoder, struct aks_error *err);
/** NULL is fine. */
void aks_decoder_free(struct aks_decoder *decoder);
/** The next ${len} bytes as stored, of which all are taken. AKS_CORRUPT if they are no such stream,
 * or give more than the bytes that were declared (what was given until then is not taken back);
 * AKS_LIMIT without memory; or what ${each} said. Nothing is fed after a failure. */
enum aks_status aks_decoder_feed(struct aks_decoder *decoder, const void *data, size_t len,
    aks_decoded *each, void *ctx, struct aks_error *err);
/** Is it whole, and exactly as many bytes as were declared? Else AKS_CORRUPT. */
enum aks_status aks_decoder_end(const struct aks_decoder *decoder, struct aks_error *err);
/** The end of the last whole member or frame: a decoder may begin anew there. Bytes as stored and
 * plain bytes before it; both 0 in the beginning. */
void aks_decoder_boundary(const struct aks_decoder *decoder, int64_t *ret_stored,
    int64_t *ret_plain);

#endif
