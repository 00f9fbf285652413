/* Files of a person's that are changed or taken away: as a whole or not at all, and only if nobody
 * else has changed them since they were read. */
#ifndef AKS_OS_REPLACE_POSIX_H
#define AKS_OS_REPLACE_POSIX_H

#include "base/alloc.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file as it was read. */
struct aks_replace_posix {
    bool exists;
    bool nowhere;                       /* of a failure: what should be a folder above it is none */
    char *text;                         /* owned; "" where there is no file */
    size_t len;
    uint32_t mode;                      /* that a new one gets: 0600 where there is none */
    uint32_t gid;
    uint64_t device;
    uint64_t inode;
    int64_t mtime_ns;
};

/** Reads ${path}. One that is not there is no error. AKS_SETTINGS, in words for a person, for what
 * is not to be changed: a link, no regular file, somebody else's, one that its owner may not write,
 * more than ${bytes_max}. */
enum aks_status aks_replace_posix_read(const struct aks_alloc *alloc, const char *path,
    size_t bytes_max, struct aks_replace_posix *ret_file, struct aks_error *err);
/** Fine on a zeroed struct. */
void aks_replace_posix_free(const struct aks_alloc *alloc, struct aks_replace_posix *file);
/** Writes beside ${path}, syncs, renames; mode and group are those of ${seen}. AKS_CONFLICT if it
 * is not what was read any more. Whatever fails: what was there is there. */
enum aks_status aks_replace_posix_write(const char *path, const struct aks_replace_posix *seen,
    const char *text, size_t len, struct aks_error *err);
/** The same, of a removal. */
enum aks_status aks_replace_posix_remove(const char *path, const struct aks_replace_posix *seen,
    struct aks_error *err);

#endif
