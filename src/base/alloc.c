#include "base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
system_resize(void *ctx, void *p, size_t bytes)
{
    (void)ctx;
    if (bytes == 0) {
        free(p);
        return NULL;
    }
    return realloc(p, bytes);
}

const struct aks_alloc *
aks_alloc_system(void)
{
    static const struct aks_alloc alloc = { system_resize, NULL };

    return &alloc;
}

void *
aks_mem_new(const struct aks_alloc *alloc, size_t bytes)
{
    void *p = alloc->resize(alloc->ctx, NULL, bytes > 0 ? bytes : 1);

    if (p != NULL)
        memset(p, 0, bytes > 0 ? bytes : 1);
    return p;
}

void *
aks_mem_array(const struct aks_alloc *alloc, size_t count, size_t bytes)
{
    if (bytes != 0 && count > SIZE_MAX / bytes)
        return NULL;
    return aks_mem_new(alloc, count * bytes);
}

void *
aks_mem_resize(const struct aks_alloc *alloc, void *p, size_t bytes)
{
    return alloc->resize(alloc->ctx, p, bytes > 0 ? bytes : 1);
}

void
aks_mem_free(const struct aks_alloc *alloc, void *p)
{
    if (p != NULL)
        (void)alloc->resize(alloc->ctx, p, 0);
}

char *
aks_mem_strndup(const struct aks_alloc *alloc, const char *s, size_t len)
{
    char *copy;

    if (s == NULL)
        return NULL;
    copy = alloc->resize(alloc->ctx, NULL, len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *
aks_mem_strdup(const struct aks_alloc *alloc, const char *s)
{
    return s == NULL ? NULL : aks_mem_strndup(alloc, s, strlen(s));
}

char *
aks_mem_printf(const struct aks_alloc *alloc, const char *format, ...)
{
    va_list args;
    char *text;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return NULL;
    text = alloc->resize(alloc->ctx, NULL, (size_t)len + 1);
    if (text == NULL)
        return NULL;
    va_start(args, format);
    (void)vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}
