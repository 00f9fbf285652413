/* A file for other users, put in place as a whole. */
#ifndef AKS_OS_PUBLISH_POSIX_H
#define AKS_OS_PUBLISH_POSIX_H

#include "base/error.h"

#include <stddef.h>

/* Who reads it is somebody else, whatever the umask says. */
#define AKS_PUBLISH_POSIX_MODE 0644

/** Writes ${len} bytes to ${path}, over what is there: beside it first and renamed, so that nobody
 * ever reads half of it; not synced. The name beside it ends in ".new-" and digits. Failures as
 * port/files.h says. */
enum aks_status aks_publish_posix(const char *path, const char *text, size_t len,
    struct aks_error *err);

#endif
