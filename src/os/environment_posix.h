/* The process's environment as port/environment.h. Nothing is copied but the answers that the
 * system writes into a buffer of ours. */
#ifndef AKS_OS_ENVIRONMENT_POSIX_H
#define AKS_OS_ENVIRONMENT_POSIX_H

#include "port/environment.h"

#include <limits.h>

struct aks_environment_posix {
    char host_name[HOST_NAME_MAX + 1];
    char home[PATH_MAX];
    char working_folder[PATH_MAX];
};

/** ${environment} must outlive ${ret_port}. */
void aks_environment_posix_init(struct aks_environment_posix *environment,
    struct aks_environment *ret_port);

#endif
