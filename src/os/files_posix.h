/* The system's files as port/files.h. */
#ifndef AKS_OS_FILES_POSIX_H
#define AKS_OS_FILES_POSIX_H

#include "base/alloc.h"
#include "port/files.h"

/** Borrows ${alloc} for open files and lists. */
void aks_files_posix_init(struct aks_files *ret_files, const struct aks_alloc *alloc);

#endif
