/* What init has added, so that it can take away that and nothing else: init.json in the
 * configuration folder. */
#ifndef AKS_CLI_INIT_RECORD_H
#define AKS_CLI_INIT_RECORD_H

#include "base/buf.h"
#include "base/error.h"
#include "cli/init_hook.h"

#include <stdbool.h>
#include <stddef.h>

/* Settings that it holds, and files. */
#define AKS_INIT_RECORD_MAX 24

struct json_t;

struct aks_init_record {
    struct json_t *json;                /* owned */
    bool ours;                          /* it was read: an object of the schema that is written */
};

/** What stands in ${text}, also in the form of older versions; an empty record where it is none.
 * AKS_LIMIT without memory. */
enum aks_status aks_init_record_read(struct aks_init_record *record, const char *text, size_t len,
    struct aks_error *err);
void aks_init_record_fini(struct aks_init_record *record);
/** Was the hook added to the file ${settings}? *ret_added is what for it. */
bool aks_init_record_hook(const struct aks_init_record *record, const char *settings,
    struct aks_init_hook_added *ret_added);
/** The path of the i-th of those files, or NULL. */
const char *aks_init_record_settings(const struct aks_init_record *record, size_t i);
/** Only where something was added: a hook that was there stays as it is known. */
void aks_init_record_set_hook(struct aks_init_record *record, const char *settings,
    const struct aks_init_hook_added *added);
/** The text of the file that was written to ${path}, or NULL. */
const char *aks_init_record_file(const struct aks_init_record *record, const char *path);
/** Where that is kept which stood there before, or NULL. */
const char *aks_init_record_kept(const struct aks_init_record *record, const char *path);
/** Without ${kept} it stays as it is known. */
void aks_init_record_set_file(struct aks_init_record *record, const char *path, const char *text,
    const char *kept);
/** The path of the i-th of them, or NULL. */
const char *aks_init_record_path(const struct aks_init_record *record, size_t i);
/** Nothing of ours is at ${path} any more. */
void aks_init_record_forget(struct aks_init_record *record, const char *path);
bool aks_init_record_is_empty(const struct aks_init_record *record);
/** Appends it as text. AKS_LIMIT without memory, or where a path is no UTF-8; AKS_SETTINGS where it
 * would hold more than AKS_INIT_RECORD_MAX. */
enum aks_status aks_init_record_write(const struct aks_init_record *record, struct aks_buf *out,
    struct aks_error *err);

#endif
