/* The text of secrets.json. */
#ifndef AKS_ENGINE_SECRET_JSON_H
#define AKS_ENGINE_SECRET_JSON_H

#include "base/buf.h"
#include "engine/secret_list.h"

#define AKS_SECRET_JSON_SCHEMA 1
#define AKS_SECRET_JSON_BYTES_MAX ((size_t)1024 * 1024)

/** Adds what stands in the text to ${list}, which is empty. AKS_SETTINGS (with line and column
 * where it is no JSON) if anything is not as it was written by us, a field more included: what is
 * not understood would be lost when it is written again. Nothing of the text but names of fields
 * and secrets is in the message: somebody may have put a value there. Empty after a failure. */
enum aks_status aks_secret_json_read(const char *text, size_t len, struct aks_secret_list *list,
    struct aks_error *err);
/** AKS_LIMIT if it would be longer than AKS_SECRET_JSON_BYTES_MAX, or without memory. */
enum aks_status aks_secret_json_write(const struct aks_secret_list *list, struct aks_buf *out,
    struct aks_error *err);

#endif
