/* What a bug report needs, as one JSON document that its sender can read: never a secret, and no
 * names of buckets, hosts, people and homes unless they are wanted. Needs neither a healthy
 * database nor a policy that can be loaded: what cannot be read says why. */
#ifndef AKS_ENGINE_SUPPORT_H
#define AKS_ENGINE_SUPPORT_H

#include "base/error.h"
#include "port/port.h"

#include <stdbool.h>

#define AKS_SUPPORT_RUNS_MAX 5
#define AKS_SUPPORT_REPORT_BYTES_MAX ((size_t)256 * 1024)
#define AKS_SUPPORT_AUDIT_BYTES ((size_t)64 * 1024)
#define AKS_SUPPORT_FACTS_MAX 200
#define AKS_SUPPORT_FILES_MAX 1000
#define AKS_SUPPORT_TEXT_BYTES_MAX ((size_t)8 * 1024 * 1024)   /* one text without its names */

struct json_t;

/* Borrowed for the call. */
struct aks_support_options {
    const char *state_folder;
    const char *policy;                 /* its file, or NULL: the built-in default */
    const struct json_t *program;       /* what is known of the program and the system */
    bool keep_names;
};

/** *ret_document is owned by the caller. Fails without memory alone. */
enum aks_status aks_support(const struct aks_port *port, const struct aks_support_options *options,
    struct json_t **ret_document, struct aks_error *err);

#endif
