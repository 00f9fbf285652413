/* Assertions that stay on in release: for a programmer's mistake, never for the world's. */
#ifndef AKS_BASE_CHECK_H
#define AKS_BASE_CHECK_H

#include <stdnoreturn.h>

/** Prints where and what to stderr and aborts. */
noreturn void aks_check_failed(const char *file, int line, const char *what);

#define AKS_CHECK(condition) \
    ((condition) ? (void)0 : aks_check_failed(__FILE__, __LINE__, #condition))

#endif
