#include "base/log.h"

#include "base/redact.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void
aks_log_write(const struct aks_log *log, enum aks_log_level level, const char *format, ...)
{
    char text[AKS_LOG_LINE_BYTES];
    va_list args;
    int len;

    if (log == NULL || level > log->level)
        return;
    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len < 0)
        return;
    log->line(log->ctx, level,
        aks_redact_text(text, (size_t)len >= sizeof(text) ? AKS_REDACT_CUT : 0));
}
