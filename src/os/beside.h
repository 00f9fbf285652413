/* Files that belong to what is running and lie near it: its module, the program behind it. */
#ifndef AKS_OS_BESIDE_H
#define AKS_OS_BESIDE_H

#include "base/alloc.h"
#include "base/error.h"

#include <limits.h>
#include <stddef.h>

/* Near what: the running program, or the shared library that this code is part of (in a program
 * that is not ours). */
enum aks_beside { AKS_BESIDE_PROGRAM, AKS_BESIDE_LIBRARY };

/** The first of ${count} ${places} (seen from the folder of ${beside}; "" or ending in a slash)
 * that has ${file} is written to ${ret_path}. Nothing else is asked: no PATH, no variable.
 * AKS_SETTINGS: none has it, or what is there is not to be trusted: no regular file, of somebody
 * else than root, the owner of ${beside} and this user, or anybody may write to it. The message
 * begins "cannot ${verb} ${file}". */
enum aks_status aks_beside_find(const struct aks_alloc *alloc, enum aks_beside beside,
    const char *verb, const char *file, const char *const *places, size_t count,
    char ret_path[PATH_MAX], struct aks_error *err);

#endif
