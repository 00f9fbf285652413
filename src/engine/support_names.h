/* Names that do not leave this machine, and taking them out of a document: a part of
 * engine/support.c. */
#ifndef AKS_ENGINE_SUPPORT_NAMES_H
#define AKS_ENGINE_SUPPORT_NAMES_H

#include "base/error.h"
#include "port/port.h"

struct json_t;

/** Out of every string in ${document}: home, user and host, and the buckets, prefixes, hosts and
 * system ids that the environment, secrets.json, and the document itself name. AKS_LIMIT without
 * memory: then it may not go out. */
enum aks_status aks_support_names_remove(const struct aks_port *port, struct json_t *document,
    struct aks_error *err);

#endif
