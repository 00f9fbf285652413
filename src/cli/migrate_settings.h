/* The settings of session-buddy's uploader: what was said, where, within which bounds, what each
 * becomes, and what it did before. */
#ifndef AKS_CLI_MIGRATE_SETTINGS_H
#define AKS_CLI_MIGRATE_SETTINGS_H

#include "base/alloc.h"
#include "base/error.h"
#include "cli/init_draft.h"
#include "cli/migrate_yaml.h"

#include <stdbool.h>
#include <stddef.h>

enum aks_migrate_key {
    AKS_MIGRATE_BUCKET,
    AKS_MIGRATE_ENDPOINT,
    AKS_MIGRATE_REGION,
    AKS_MIGRATE_SYSTEM_ID,
    AKS_MIGRATE_SESSION_END,
    AKS_MIGRATE_FALLBACK,
    AKS_MIGRATE_METHOD,
    AKS_MIGRATE_TIMEOUT,
    AKS_MIGRATE_RETRIES,
    AKS_MIGRATE_BACKOFF,
    AKS_MIGRATE_COMPRESSION,
    AKS_MIGRATE_DEDUPLICATION,
    AKS_MIGRATE_CHUNK,
    AKS_MIGRATE_KEYS
};

#define AKS_MIGRATE_BECOMES_BYTES 512
#define AKS_MIGRATE_UNKNOWN_MAX 64
#define AKS_MIGRATE_ADDRESS "http://localhost:8682/mcp"

struct aks_migrate_setting {
    const char *name;                   /* static: "akosha_cloud_bucket" */
    const char *before;                 /* static: what it did, where that was not what it says */
    char *value;                        /* owned; the original's default where nobody said it */
    char *from;                         /* owned; a file or a variable, NULL: the default */
    size_t line;                        /* of the file; 0: none */
    char becomes[AKS_MIGRATE_BECOMES_BYTES];
};

/* A name that is none of theirs. */
struct aks_migrate_unknown {
    char *name;
    char *from;
    size_t line;
    const char *why;                    /* static, or NULL */
};

struct aks_migrate_settings {
    const struct aks_alloc *alloc;
    struct aks_migrate_setting list[AKS_MIGRATE_KEYS];
    struct aks_migrate_unknown unknown[AKS_MIGRATE_UNKNOWN_MAX];
    size_t unknown_count;
    size_t others;                      /* settings of session-buddy's other parts */
    const char *file;                   /* that is being read; borrowed */
    char *system_id;                    /* as it may be */
};

enum aks_status aks_migrate_settings_init(struct aks_migrate_settings *settings,
    const struct aks_alloc *alloc, struct aks_error *err);
void aks_migrate_settings_fini(struct aks_migrate_settings *settings);
/** Takes what a YAML file says; later files win. Errors begin with the file and its line. */
enum aks_status aks_migrate_settings_file(struct aks_migrate_settings *settings, const char *path,
    const char *text, size_t len, struct aks_error *err);
/** Takes "SESSION_BUDDY_AKOSHA_...=value", which wins over files; other variables are passed
 * over. */
enum aks_status aks_migrate_settings_variable(struct aks_migrate_settings *settings,
    const char *pair, struct aks_error *err);
/** The policy that means the same: texts of ${ret_draft} live as long as ${settings}, and each
 * setting's `becomes` is filled. ${mcp}: Akosha's address, or NULL. AKS_SETTINGS for a value out of
 * its bounds, and for settings that contradict each other. */
enum aks_status aks_migrate_settings_draft(struct aks_migrate_settings *settings, const char *mcp,
    struct aks_init_draft *ret_draft, struct aks_error *err);

#endif
