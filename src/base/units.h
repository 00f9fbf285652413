/* Sizes and durations as people write and read them. */
#ifndef AKS_BASE_UNITS_H
#define AKS_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define AKS_KIB INT64_C(1024)
#define AKS_MIB (1024 * AKS_KIB)
#define AKS_GIB (1024 * AKS_MIB)

#define AKS_MS_PER_S INT64_C(1000)
#define AKS_NS_PER_MS INT64_C(1000000)
#define AKS_NS_PER_S INT64_C(1000000000)
#define AKS_MS_PER_DAY (INT64_C(86400) * AKS_MS_PER_S)

#define AKS_UNITS_TEXT_BYTES 32

/** "41.7 MB", "512 B": decimal units, three digits. Returns ${ret_text} (AKS_UNITS_TEXT_BYTES). */
const char *aks_units_bytes(int64_t bytes, char ret_text[AKS_UNITS_TEXT_BYTES]);
/** "0.41 s", "2 min 5 s", "3 h 4 min". Returns ${ret_text}. */
const char *aks_units_duration(int64_t ms, char ret_text[AKS_UNITS_TEXT_BYTES]);

#endif
