/* port/process.h by posix_spawn. */
#ifndef AKS_OS_PROCESS_POSIX_H
#define AKS_OS_PROCESS_POSIX_H

#include "port/process.h"

/** Borrows ${alloc}. */
void aks_process_posix_init(const struct aks_alloc *alloc, struct aks_process *ret_process);
/** Programs of ours lie near the shared library that this code is part of, not near the program. */
void aks_process_posix_of_library(struct aks_process *process);

#endif
