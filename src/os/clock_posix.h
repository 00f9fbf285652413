/* The system's clocks as port/clock.h. */
#ifndef AKS_OS_CLOCK_POSIX_H
#define AKS_OS_CLOCK_POSIX_H

#include "port/clock.h"

void aks_clock_posix_init(struct aks_clock *ret_clock);

#endif
