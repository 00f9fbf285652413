/* A small seeded generator (splitmix64, Steele et al. 2014) for jitter: repeatable, not secret. */
#ifndef AKS_BASE_RNG_H
#define AKS_BASE_RNG_H

#include <stdint.h>

struct aks_rng {
    uint64_t state;
};

void aks_rng_init(struct aks_rng *rng, uint64_t seed);
uint64_t aks_rng_next(struct aks_rng *rng);
/** Uniform in [0, 1). */
double aks_rng_unit(struct aks_rng *rng);

#endif
