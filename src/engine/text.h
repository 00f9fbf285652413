/* Texts that hold what others wrote, such as paths: made fit for JSON, which is UTF-8. */
#ifndef AKS_ENGINE_TEXT_H
#define AKS_ENGINE_TEXT_H

#include "base/alloc.h"

#include <stdbool.h>

struct json_t;

/** ${text}, mended, as a JSON string (a new reference); NULL if there is no memory. */
struct json_t *aks_text_json(const char *text);
/** In place: every string in ${value}, however deep, loses what is secret (base/redact.h, and its
 * flags). False if there was no memory for one, which then may not go out. */
bool aks_text_redact(struct json_t *value, unsigned flags);
/** ${path}, owned, with its bytes percent-encoded where it is no UTF-8; NULL if there is no
 * memory. */
char *aks_text_path(const struct aks_alloc *alloc, const char *path);

#endif
