/* What this processor can do beyond the base of its architecture. For the digests only. */
#ifndef AKS_DATA_CPU_H
#define AKS_DATA_CPU_H

#include <stdbool.h>

#if defined(__x86_64__)
#define AKS_CPU_X86_64 1
#else
#define AKS_CPU_X86_64 0
#endif

enum aks_cpu_feature {
    AKS_CPU_SHA = 1,        /* SHA-NI, with the SSE4.1 that goes with it */
    AKS_CPU_CRC32C = 2,     /* the crc32 instruction of SSE4.2 */
    AKS_CPU_CLMUL = 4,      /* carry-less multiplication of 64 by 64 bits */
    AKS_CPU_CLMUL_WIDE = 8  /* four of them at once in AVX-512 registers, which the system saves;
                             * with AKS_CPU_CLMUL */
};

/** Always false where there is no code for the processor. Safe on any thread. */
bool aks_cpu_has(enum aks_cpu_feature feature);

#endif
