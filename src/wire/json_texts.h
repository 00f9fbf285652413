/* One JSON object of texts (RFC 8259), as programs and machines answer with keys in it. For answers
 * that hold secrets: what is read is given to the caller and kept nowhere else, so that nothing is
 * left in memory that somebody else gets. */
#ifndef AKS_WIRE_JSON_TEXTS_H
#define AKS_WIRE_JSON_TEXTS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define AKS_JSON_TEXTS_BYTES_MAX (64 * 1024)
#define AKS_JSON_TEXTS_DEPTH_MAX 16
/* Of a name; longer ones are "", which matches nothing. */
#define AKS_JSON_TEXTS_NAME_BYTES 64
/* Of a value. */
#define AKS_JSON_TEXTS_VALUE_BYTES 8192

/* A member. ${quoted}: a string; else a number, true or false as it is written. Both are
 * NUL-terminated, and wiped when the reader returns. Another status than AKS_OK ends the reading
 * with it. */
typedef enum aks_status aks_json_text(void *ctx, const char *name, const char *text, bool quoted,
    struct aks_error *err);

/** Calls ${each} for the members of the object that are no objects, lists or null; those are read
 * over. AKS_BAD_REPLY, which never shows the text, for what is no JSON object, is cut, has
 * something behind it, holds a NUL or a broken escape, or is over a limit. */
enum aks_status aks_json_texts(const char *json, size_t len, aks_json_text *each, void *ctx,
    struct aks_error *err);

#endif
