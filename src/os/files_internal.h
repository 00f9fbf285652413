/* files_posix.c has what is done with an open file, files_names.c what is done with a name. */
#ifndef AKS_OS_FILES_INTERNAL_H
#define AKS_OS_FILES_INTERNAL_H

#include "base/error.h"
#include "port/files.h"

#include <sys/stat.h>

/** The status of port/files.h for ${number}, an errno, with "cannot <verb> <path>: <strerror>". */
enum aks_status aks_files_names_fail(struct aks_error *err, int number, const char *verb,
    const char *path);
void aks_files_names_info(const struct stat *from, struct aks_file_info *ret_info);
/** Sets everything of ${ret_files} that takes a path, but for open. */
void aks_files_names_init(struct aks_files *ret_files);

#endif
