#include "data/cpu.h"

#include "base/check.h"

#include <stdatomic.h>

#if AKS_CPU_X86_64
#include <cpuid.h>
#endif

/* Set beside the features, so that "none of them" can be told from "not asked yet". */
#define ASKED (1U << 31)

#if AKS_CPU_X86_64
/* What the system saves of the vector registers when it switches threads (Intel SDM volume 1,
 * 13.3). */
#define SAVES_AVX512 0xe6U      /* SSE, AVX, and the three parts of AVX-512 */

static bool
system_saves_avx512(unsigned leaf_1_ecx)
{
    unsigned low, high;

    if ((leaf_1_ecx & bit_OSXSAVE) == 0)
        return false;
    __asm__ volatile ("xgetbv" : "=a" (low), "=d" (high) : "c" (0));
    return (low & SAVES_AVX512) == SAVES_AVX512;
}
#endif

static unsigned
ask(void)
{
    unsigned features = 0;
#if AKS_CPU_X86_64
    unsigned eax, ebx, ecx, edx;
    unsigned sse41 = 0;
    bool wide = false;

    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0) {
        sse41 = ecx & bit_SSE4_1;
        wide = (ecx & bit_PCLMUL) != 0 && system_saves_avx512(ecx);
        if ((ecx & bit_SSE4_2) != 0)
            features |= AKS_CPU_CRC32C;
        if ((ecx & bit_PCLMUL) != 0)
            features |= AKS_CPU_CLMUL;
    }
    /* The others work on SSE registers, which every 64-bit system saves: no need to ask it. */
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0) {
        if ((ebx & bit_SHA) != 0 && sse41 != 0)
            features |= AKS_CPU_SHA;
        if (wide && (ebx & bit_AVX512F) != 0 && (ecx & bit_VPCLMULQDQ) != 0)
            features |= AKS_CPU_CLMUL_WIDE;
    }
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
