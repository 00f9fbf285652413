/* How many plain worlds a core lives in a second: one source, one run, the laws. */
#ifndef AKS_SOAK_RATES_H
#define AKS_SOAK_RATES_H

/** Prints two lines: 20 KiB in parts of 5 KiB, and 20 MiB in parts of 5 MiB. 0, or 1 if a world fails. */
int rates_print(void);

#endif
