/* Which files a run is about: those that are given to it, or those that its policy's sources and
 * globs stand for, in the order in which they are sent; each with what the policy says of it. */
#ifndef AKS_ENGINE_RUN_SOURCES_H
#define AKS_ENGINE_RUN_SOURCES_H

#include "engine/run.h"

struct aks_named {
    char *path;                     /* absolute; where ${failed}, the glob's own pattern */
    const struct aks_source_settings *settings;     /* the policy's, or NULL */
    bool found;                     /* by a glob */
    enum aks_status failed;         /* a glob that has no file: AKS_SOURCE_MISSING, or
                                     * AKS_SOURCE_UNREADABLE; else AKS_OK */
    char *message;                  /* why, or NULL */
};

struct aks_named_list {
    const struct aks_alloc *alloc;
    struct aks_named *named;
    size_t count;
};

/** Fills ${ret_list}, which must be given to fini also after a failure. A file that a glob finds
 * and a path names, or another glob has found, is there once. AKS_SETTINGS without a source, and
 * with more than AKS_SOURCES_MAX. */
enum aks_status aks_run_sources(const struct aks_run *run, struct aks_named_list *ret_list,
    struct aks_error *err);
void aks_run_sources_fini(struct aks_named_list *list);

#endif
