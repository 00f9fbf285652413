/* The kernel's random bytes as port/entropy.h. */
#ifndef AKS_OS_ENTROPY_POSIX_H
#define AKS_OS_ENTROPY_POSIX_H

#include "port/entropy.h"

void aks_entropy_posix_init(struct aks_entropy *ret_entropy);

#endif
