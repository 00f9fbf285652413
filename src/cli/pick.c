#include "cli/pick.h"

#include <stdarg.h>
#include <stdio.h>

#define PATH_BYTES 128

const char *
aks_pick_text(const struct akosha_report *report, const char *format, ...)
{
    char path[PATH_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    return akosha_report_text(report, path);
}

int64_t
aks_pick_number(const struct akosha_report *report, const char *format, ...)
{
    char path[PATH_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    return akosha_report_number(report, path, 0);
}
