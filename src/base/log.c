#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void
aks_log_write(const struct aks_log *log, enum aks_log_level level, const char *format, ...)
{
    char text[AKS_LOG_LINE_BYTES];
    va_list args;

    if (log == NULL || level > log->level)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log->line(log->ctx, level, text);
}
