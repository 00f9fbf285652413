/* Hex, base64 (RFC 4648) and percent encoding (RFC 3986). */
#ifndef AKS_BASE_ENCODE_H
#define AKS_BASE_ENCODE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Lower-case hex of ${len} bytes and a NUL into ${ret_hex}, which has room for 2 * len + 1. */
void aks_hex_encode(const void *data, size_t len, char *ret_hex);
/** Exactly ${len} bytes out of 2 * len hex digits of either case; false if ${hex} is anything else.
 */
bool aks_hex_decode(const char *hex, void *ret_data, size_t len);
/** Padded base64 of ${len} bytes appended to ${out}. */
void aks_base64_encode(const void *data, size_t len, struct aks_buf *out);
/** Bytes needed for base64 text with its NUL. */
#define AKS_BASE64_BYTES(len) ((((len) + 2) / 3) * 4 + 1)
/** Percent-encodes every byte outside A-Z a-z 0-9 - . _ ~, upper-case hex, once, as S3 signs it
 * (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html); `/` is kept if asked. */
void aks_percent_encode(const char *text, size_t len, bool keep_slash, struct aks_buf *out);

#endif
