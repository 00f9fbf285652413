#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>

const char *
aks_units_bytes(int64_t bytes, char ret_text[AKS_UNITS_TEXT_BYTES])
{
    static const char *const names[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
    double value = (double)bytes / 1000;
    size_t unit = 0;

    if (bytes < 1000) {
        (void)snprintf(ret_text, AKS_UNITS_TEXT_BYTES, "%" PRId64 " B", bytes);
        return ret_text;
    }
    while (value >= 999.5 && unit + 1 < sizeof(names) / sizeof(names[0])) {
        value /= 1000;
        unit++;
    }
    (void)snprintf(ret_text, AKS_UNITS_TEXT_BYTES, value < 99.95 ? "%.1f %s" : "%.0f %s", value,
        names[unit]);
    return ret_text;
}

const char *
aks_units_duration(int64_t ms, char ret_text[AKS_UNITS_TEXT_BYTES])
{
    int64_t s = ms / AKS_MS_PER_S;

    if (ms < 60 * AKS_MS_PER_S)
        (void)snprintf(ret_text, AKS_UNITS_TEXT_BYTES, ms < 10 * AKS_MS_PER_S ? "%.2f s" : "%.1f s",
            (double)ms / 1000);
    else if (s < 3600)
        (void)snprintf(ret_text, AKS_UNITS_TEXT_BYTES, "%" PRId64 " min %" PRId64 " s", s / 60,
            s % 60);
    else
        (void)snprintf(ret_text, AKS_UNITS_TEXT_BYTES, "%" PRId64 " h %" PRId64 " min", s / 3600,
            s % 3600 / 60);
    return ret_text;
}
