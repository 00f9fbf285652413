/* Texts as servers read and write them. */
#ifndef AKS_TESTKIT_MODEL_TEXT_H
#define AKS_TESTKIT_MODEL_TEXT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_MODEL_DATE_BYTES 40

/** Decodes ${len} bytes into ${ret_text} (len + 1 bytes, with a NUL). False for '%' without two
 * digits and for %00, which no key of ours can hold. */
bool aks_model_text_percent_decode(const char *text, size_t len, char *ret_text);
/** Exactly ${len} bytes out of padded base64; false for anything else. */
bool aks_model_text_base64_decode(const char *text, uint8_t *ret_data, size_t len);
/** Appends ${text} as it stands in XML. */
void aks_model_text_xml(const char *text, struct aks_buf *out);
/** "Wed, 25 Nov 2026 22:27:47 GMT" (RFC 9110, 5.6.7). Returns ${ret_text}. */
const char *aks_model_text_http_date(int64_t wall_ms, char ret_text[AKS_MODEL_DATE_BYTES]);
/** A decimal number of 0 to ${max}; false for anything else. */
bool aks_model_text_number(const char *text, int64_t max, int64_t *ret_number);
/** Are two ETags the same, with or without quotes? */
bool aks_model_text_same_etag(const char *a, const char *b);
/** Does ${name} stand in a list of names with commas between? */
bool aks_model_text_lists(const char *list, const char *name);

enum aks_model_range {
    AKS_MODEL_RANGE_NONE,               /* no range, or none that is understood: everything */
    AKS_MODEL_RANGE_PART,
    AKS_MODEL_RANGE_OUTSIDE             /* 416 */
};

/** One range of bytes (RFC 9110, 14.1.2) of ${size} bytes; ${text} may be NULL. */
enum aks_model_range aks_model_text_range(const char *text, size_t size, size_t *ret_first,
    size_t *ret_len);

#endif
