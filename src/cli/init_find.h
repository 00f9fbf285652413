/* What there is on this machine that a policy can be about. Nothing is contacted. */
#ifndef AKS_CLI_INIT_FIND_H
#define AKS_CLI_INIT_FIND_H

#include "base/buf.h"
#include "base/error.h"
#include "cli/init_draft.h"
#include "port/port.h"

struct aks_init_found {
    const struct aks_alloc *alloc;
    char *sources[AKS_INIT_DRAFT_SOURCES_MAX];
    size_t source_count;
    struct aks_buf profiles;            /* "default, sync" */
};

/** Databases of ~/.claude/data by their names, and the names of AWS profiles; nothing else of those
 * files is kept. What cannot be read is not there. AKS_LIMIT without memory. Must be given back. */
enum aks_status aks_init_find(const struct aks_port *port, struct aks_init_found *ret_found,
    struct aks_error *err);
void aks_init_find_fini(struct aks_init_found *found);
/** The variable AKOSHA_${name}, else the original's; NULL where neither says anything. */
const char *aks_init_find_setting(const struct aks_port *port, const char *name);

#endif
