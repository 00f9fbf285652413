#include "base/rng.h"

void
aks_rng_init(struct aks_rng *rng, uint64_t seed)
{
    rng->state = seed;
}

uint64_t
aks_rng_next(struct aks_rng *rng)
{
    uint64_t z = (rng->state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double
aks_rng_unit(struct aks_rng *rng)
{
    return (double)(aks_rng_next(rng) >> 11) * 0x1.0p-53;
}
