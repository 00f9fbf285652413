#include "data/cpu.h"

#include "base/check.h"

#include <stdatomic.h>

#if AKS_CPU_X86_64
#include <cpuid.h>
#endif

/* Set beside the features, so that "none of them" can be told from "not asked yet". */
#define ASKED (1U << 31)

static unsigned
ask(void)
{
    unsigned features = 0;
#if AKS_CPU_X86_64
    unsigned eax, ebx, ecx, edx;
    unsigned sse41 = 0;

    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0) {
        sse41 = ecx & bit_SSE4_1;
        if ((ecx & bit_SSE4_2) != 0)
            features |= AKS_CPU_CRC32C;
        if ((ecx & bit_PCLMUL) != 0)
            features |= AKS_CPU_CLMUL;
    }
    /* All three work on SSE registers, which every 64-bit system saves: no need to ask it. */
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & bit_SHA) != 0 && sse41 != 0)
        features |= AKS_CPU_SHA;
#endif
    return features;
}

bool
aks_cpu_has(enum aks_cpu_feature feature)
{
    /* cpuid leaves a virtual machine, which costs as much as hashing some KiB: it is asked once.
     * Two threads that both ask store the same answer. */
    static atomic_uint known;
    unsigned features = atomic_load_explicit(&known, memory_order_relaxed);

    AKS_CHECK(feature != 0);
    if ((features & ASKED) == 0) {
        features = ask() | ASKED;
        atomic_store_explicit(&known, features, memory_order_relaxed);
    }
    return (features & (unsigned)feature) == (unsigned)feature;
}
