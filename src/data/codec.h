/* Codecs that turn independent blocks into independent gzip members (RFC 1952) or zstd frames
 * (RFC 8878). Blocks joined in order are one ordinary .gz or .zst file. One block on one thread is
 * one call; blocks run side by side with an encoder each. Same input, level and library give same
 * bytes, whatever the encoder did before, and wherever it lies. */
#ifndef AKS_DATA_CODEC_H
#define AKS_DATA_CODEC_H

#include "base/alloc.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum aks_codec { AKS_CODEC_NONE, AKS_CODEC_GZIP, AKS_CODEC_ZSTD };

/* Input bytes of one block: the best ratio of size, memory and side-by-side work measured for
 * zstd 3 (0.55 % over one stream; 4 MiB would save 0.3 % and cost 12 MiB). */
#define AKS_CODEC_BLOCK_BYTES ((size_t)1024 * 1024)

#define AKS_CODEC_LEVEL_DEFAULT INT32_MIN
/* 1 and 2: ISA-L, one as the other; 3 to 9, and 1 and 2 without ISA-L: libdeflate; zlib without
 * that. */
#define AKS_CODEC_GZIP_LEVEL_MIN 1
#define AKS_CODEC_GZIP_LEVEL_MAX 9
#define AKS_CODEC_GZIP_LEVEL 2
#define AKS_CODEC_ZSTD_LEVEL_MIN (-7)   /* not 0, which zstd takes for 3 */
#define AKS_CODEC_ZSTD_LEVEL_MAX 19
/* Not zstd's own 3: on DuckDB and SQLite files 2 takes 0.7 of its time for 0.2 to 1.2 % more bytes,
 * and a closing session waits for neither. */
#define AKS_CODEC_ZSTD_LEVEL 2
/* Of zstd: fast, and what it cannot shrink no other level is worth trying on. */
#define AKS_CODEC_SAMPLE_LEVEL 1

struct aks_encoder;

/** "none", "gzip", "zstd". */
const char *aks_codec_name(enum aks_codec codec);
bool aks_codec_from_name(const char *name, enum aks_codec *ret_codec);
/** "", ".gz", ".zst". */
const char *aks_codec_suffix(enum aks_codec codec);
/** "application/octet-stream", "application/gzip", "application/zstd". */
const char *aks_codec_content_type(enum aks_codec codec);
/** The library and version that does the work, "isa-l 2.30.0", "zstd 1.5.4": for the journal.
 * ${level} as for aks_encoder_new, and within its limits. "none" for NONE. */
const char *aks_codec_version(enum aks_codec codec, int level);

/** An encoder for blocks of up to AKS_CODEC_BLOCK_BYTES. ${codec} is not NONE; ${level} within its
 * limits or DEFAULT, else AKS_SETTINGS. Owns its memory, from ${alloc} where the library allows it;
 * may be used on any thread, by one thread at a time. */
enum aks_status aks_encoder_new(const struct aks_alloc *alloc, enum aks_codec codec, int level,
    struct aks_encoder **ret_encoder, struct aks_error *err);
void aks_encoder_free(struct aks_encoder *encoder);
/** The most bytes that aks_encoder_block may write for a block of ${len} bytes, up to
 * AKS_CODEC_BLOCK_BYTES. Grows with ${len}. ${codec} is not NONE. */
size_t aks_encoder_bound(enum aks_codec codec, size_t len);
/** Encodes one block (an empty block gives an empty member or frame). ${out_bytes} is at least the
 * bound; the result does not depend on it. AKS_LIMIT without memory, AKS_INTERNAL with the
 * library's words if it fails otherwise. */
enum aks_status aks_encoder_block(struct aks_encoder *encoder, const void *data, size_t len,
    void *out, size_t out_bytes, size_t *ret_len, struct aks_error *err);

/** What ${len} bytes come to as zstd blocks of AKS_CODEC_SAMPLE_LEVEL: more than ${len} if they do
 * not shrink, 0 for nothing. Takes up to a block and the encoder's memory meanwhile. */
enum aks_status aks_codec_sample(const struct aks_alloc *alloc, const void *data, size_t len,
    size_t *ret_compressed, struct aks_error *err);

#endif
