#include "base/error.h"

#include "base/check.h"
#include "base/redact.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    bool transient;
} statuses[AKS_STATUS_COUNT] = {
#define AKS_STATUS_ROW(symbol, name, transient) [symbol] = { name, transient },
    AKS_STATUS_LIST(AKS_STATUS_ROW)
#undef AKS_STATUS_ROW
};

const char *
aks_status_name(enum aks_status status)
{
    AKS_CHECK((unsigned)status < AKS_STATUS_COUNT);
    return statuses[status].name;
}

bool
aks_status_transient(enum aks_status status)
{
    AKS_CHECK((unsigned)status < AKS_STATUS_COUNT);
    return statuses[status].transient;
}

bool
aks_status_from_name(const char *name, enum aks_status *ret_status)
{
    for (unsigned i = 0; i < AKS_STATUS_COUNT; i++) {
        if (strcmp(name, statuses[i].name) == 0) {
            *ret_status = (enum aks_status)i;
            return true;
        }
    }
    return false;
}

/* A message that is cut says so, so that nobody takes half a path for a whole one. Whatever goes on
 * to be told of a failure, here it loses what is secret. */
static void
redact_cut(char *text, size_t bytes, int len)
{
    bool cut = len >= 0 && (size_t)len >= bytes;
    size_t end;

    if (len < 0)
        text[0] = '\0';
    (void)aks_redact_text(text, cut ? AKS_REDACT_CUT : 0);
    end = strlen(text);
    if (cut)
        memcpy(text + (end < bytes - 4 ? end : bytes - 4), "...", 4);
}

static void format_cut(char *text, size_t bytes, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void
format_cut(char *text, size_t bytes, const char *format, va_list args)
{
    redact_cut(text, bytes, vsnprintf(text, bytes, format, args));
}

void
aks_error_clear(struct aks_error *err)
{
    if (err == NULL)
        return;
    err->status = AKS_OK;
    err->message[0] = '\0';
    err->hint[0] = '\0';
}

enum aks_status
aks_error_set(struct aks_error *err, enum aks_status status, const char *format, ...)
{
    char text[AKS_ERROR_MESSAGE_BYTES];
    va_list args;

    AKS_CHECK(status != AKS_OK);
    if (err == NULL)
        return status;
    /* By way of a copy: an argument may be the old message itself. */
    va_start(args, format);
    format_cut(text, sizeof(text), format, args);
    va_end(args);
    memcpy(err->message, text, sizeof(text));
    err->status = status;
    err->hint[0] = '\0';
    return status;
}

enum aks_status
aks_error_wrap(struct aks_error *err, const char *format, ...)
{
    char prefix[AKS_ERROR_MESSAGE_BYTES / 2];
    char old[AKS_ERROR_MESSAGE_BYTES];
    va_list args;
    int len;

    if (err == NULL)
        return AKS_INTERNAL;
    va_start(args, format);
    format_cut(prefix, sizeof(prefix), format, args);
    va_end(args);
    memcpy(old, err->message, sizeof(old));
    len = snprintf(err->message, sizeof(err->message), "%s: %s", prefix, old);
    /* The old one as well: a module that was loaded knows no secrets of ours. */
    redact_cut(err->message, sizeof(err->message), len);
    return err->status;
}

void
aks_error_hint(struct aks_error *err, const char *format, ...)
{
    va_list args;

    if (err == NULL)
        return;
    va_start(args, format);
    format_cut(err->hint, sizeof(err->hint), format, args);
    va_end(args);
}

enum aks_status
aks_error_memory(struct aks_error *err, const char *doing)
{
    return aks_error_set(err, AKS_LIMIT, "out of memory while %s", doing);
}
