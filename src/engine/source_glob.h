/* The files that a glob stands for, found through the files port. */
#ifndef AKS_ENGINE_SOURCE_GLOB_H
#define AKS_ENGINE_SOURCE_GLOB_H

#include "base/error.h"
#include "port/port.h"

#include <stddef.h>

/* Names that are looked at for all globs of a run together. 100,000 take about a tenth of a
 * second. */
#define AKS_SOURCE_GLOB_NAMES_MAX 100000

/** The regular files that ${pattern} (absolute, and checked with aks_glob_check) stands for, links
 * followed, in byte order of their paths: array and strings owned by the caller, also after a
 * failure. What lives beside a database (".wal", "-wal" and the like) is none of them, nor is what
 * cannot be found out to be no file. Folders that are not there have nothing in them. Ends early at
 * ${max} + 1 files. ${names_left}, which begins with AKS_SOURCE_GLOB_NAMES_MAX, is counted down.
 * AKS_SOURCE_UNREADABLE if a folder cannot be listed, or there are too many names; AKS_LIMIT
 * without memory. */
enum aks_status aks_source_glob(const struct aks_port *port, const char *pattern, size_t max,
    size_t *names_left, char ***ret_paths, size_t *ret_count, struct aks_error *err);
void aks_source_glob_free(const struct aks_alloc *alloc, char **paths, size_t count);

#endif
