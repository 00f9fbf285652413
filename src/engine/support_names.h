/* Names that do not leave this machine, and taking them out of a document: for engine/support.c and
 * engine/leave.c. */
#ifndef AKS_ENGINE_SUPPORT_NAMES_H
#define AKS_ENGINE_SUPPORT_NAMES_H

#include "base/error.h"
#include "base/redact_names.h"
#include "port/port.h"

struct json_t;

/** Adds to ${names}: home, user and host, and the buckets, prefixes, hosts and system ids that the
 * environment and ${document} name, the text at "policy.text" in it included. */
void aks_support_names_find(struct aks_redact_names *names, const struct aks_port *port,
    const struct json_t *document);
/** Takes ${names} out of every string in ${value}. AKS_LIMIT without memory: then it may not go
 * out. */
enum aks_status aks_support_names_take(const struct aks_redact_names *names, struct json_t *value,
    struct aks_error *err);

/** Out of every string in ${document}: home, user and host, and the buckets, prefixes, hosts and
 * system ids that the environment, secrets.json, and the document itself name. AKS_LIMIT without
 * memory: then it may not go out. */
enum aks_status aks_support_names_remove(const struct aks_port *port, struct json_t *document,
    struct aks_error *err);

#endif
