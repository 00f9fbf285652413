/* "did you mean": the known name that is nearest to one that is not known. */
#ifndef AKS_SCRIPT_NEAREST_H
#define AKS_SCRIPT_NEAREST_H

#include <stddef.h>

#define AKS_NEAREST_NAME_BYTES 64       /* longer names are not compared */

/** Insertions, deletions, replacements and swaps of neighbours that make ${b} of ${a}, letter
 * case aside. */
unsigned aks_nearest_distance(const char *a, const char *b);

/* The best so far; begin with all zero and offer each candidate. */
struct aks_nearest {
    const char *name;       /* borrowed; NULL as long as nothing is near */
    unsigned distance;
};

/** Keeps ${candidate} if it is near enough to ${name} to be meant, and nearer than what is kept; of
 * two that are as near, the one that comes first in the alphabet, in whatever order they come. */
void aks_nearest_offer(struct aks_nearest *best, const char *name, const char *candidate);

#endif
