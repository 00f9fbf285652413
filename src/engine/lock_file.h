/* A file that processes lock by its name. */
#ifndef AKS_ENGINE_LOCK_FILE_H
#define AKS_ENGINE_LOCK_FILE_H

#include "port/files.h"

#include <stdbool.h>

/* Whoever waited for a lock while its folder was replaced opens it again, so often. */
#define AKS_LOCK_FILE_TRIES_MAX 3

/** Do others that lock ${path} lock another file than ${file} by now? No where nobody can tell. */
bool aks_lock_file_replaced(const struct aks_files *files, struct aks_file *file, const char *path);

#endif
