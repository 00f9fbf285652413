/* Repeatable bytes to digest and compress. */
#ifndef AKS_TESTS_SAMPLE_BYTES_H
#define AKS_TESTS_SAMPLE_BYTES_H

#include "base/rng.h"

#include <stddef.h>
#include <stdint.h>

/* NOISE does not shrink. ROWS does as a database does: short repeated fields between noise. ZEROS
 * is all zero. MIXED is noise and rows in turns of a few KiB. */
enum sample_kind { SAMPLE_NOISE, SAMPLE_ROWS, SAMPLE_ZEROS, SAMPLE_MIXED, SAMPLE_KINDS };

void sample_fill(enum sample_kind kind, struct aks_rng *rng, uint8_t *p, size_t len);
/** A whole number from 0 to ${max}. */
size_t sample_below(struct aks_rng *rng, size_t max);

#endif
