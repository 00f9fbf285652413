/* What init has added, so that it can take away that and nothing else: init.json in the
 * configuration folder. */
#ifndef AKS_CLI_INIT_RECORD_H
#define AKS_CLI_INIT_RECORD_H

#include "base/buf.h"
#include "base/error.h"
#include "cli/init_hook.h"

#include <stdbool.h>

struct json_t;

struct aks_init_record {
    struct json_t *json;                /* owned */
};

/** What stands in ${text}; an empty record where it is none. AKS_LIMIT without memory. */
enum aks_status aks_init_record_read(struct aks_init_record *record, const char *text, size_t len,
    struct aks_error *err);
void aks_init_record_fini(struct aks_init_record *record);
/** Whose settings the hook was added to, or NULL; *ret_added is what for it. */
const char *aks_init_record_hook(const struct aks_init_record *record,
    struct aks_init_hook_added *ret_added);
/** Only where something was added: a hook that was there stays as it is known. */
void aks_init_record_set_hook(struct aks_init_record *record, const char *settings,
    const struct aks_init_hook_added *added);
/** The text of the file that was written to ${path}, or NULL. */
const char *aks_init_record_file(const struct aks_init_record *record, const char *path);
void aks_init_record_set_file(struct aks_init_record *record, const char *path, const char *text);
/** The path of the i-th of them, or NULL. */
const char *aks_init_record_path(const struct aks_init_record *record, size_t i);
/** Appends it as text. AKS_LIMIT without memory, or where a path is no UTF-8. */
enum aks_status aks_init_record_write(const struct aks_init_record *record, struct aks_buf *out,
    struct aks_error *err);

#endif
