/* port/usage.h on getrusage. */
#ifndef AKS_OS_USAGE_POSIX_H
#define AKS_OS_USAGE_POSIX_H

#include "port/usage.h"

void aks_usage_posix_init(struct aks_usage *ret_usage);

#endif
