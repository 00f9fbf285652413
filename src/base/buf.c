#include "base/buf.h"

#include "base/check.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define AKS_BUF_FIRST_BYTES 128

static char empty[1];

void
aks_buf_init(struct aks_buf *buf, const struct aks_alloc *alloc, size_t bytes_max)
{
    AKS_CHECK(bytes_max > 0);
    AKS_CHECK(bytes_max < SIZE_MAX / 4);
    memset(buf, 0, sizeof(*buf));
    buf->alloc = alloc;
    buf->data = empty;
    buf->bytes_max = bytes_max;
}

void
aks_buf_fini(struct aks_buf *buf)
{
    if (buf->capacity > 0)
        aks_mem_free(buf->alloc, buf->data);
    buf->data = empty;
    buf->len = 0;
    buf->capacity = 0;
    buf->failed = AKS_OK;
}

void
aks_buf_reset(struct aks_buf *buf)
{
    buf->len = 0;
    buf->failed = AKS_OK;
    if (buf->capacity > 0)
        buf->data[0] = '\0';
}

/* Room for ${more} bytes and the NUL; false (and sticky) if there is none. */
static bool
reserve(struct aks_buf *buf, size_t more)
{
    size_t capacity = buf->capacity > 0 ? buf->capacity : AKS_BUF_FIRST_BYTES;
    char *data;

    if (buf->failed != AKS_OK)
        return false;
    if (more > buf->bytes_max - buf->len) {
        buf->failed = AKS_LIMIT;
        return false;
    }
    if (buf->len + more < buf->capacity)
        return true;
    while (capacity <= buf->len + more)
        capacity *= 2;
    data = aks_mem_resize(buf->alloc, buf->capacity > 0 ? buf->data : NULL, capacity);
    if (data == NULL) {
        buf->failed = AKS_LIMIT;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void
aks_buf_append(struct aks_buf *buf, const void *data, size_t len)
{
    if (len == 0 || !reserve(buf, len))
        return;
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void
aks_buf_puts(struct aks_buf *buf, const char *text)
{
    aks_buf_append(buf, text, strlen(text));
}

void
aks_buf_putc(struct aks_buf *buf, char c)
{
    aks_buf_append(buf, &c, 1);
}

void
aks_buf_printf(struct aks_buf *buf, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len <= 0 || !reserve(buf, (size_t)len))
        return;
    va_start(args, format);
    (void)vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

enum aks_status
aks_buf_status(const struct aks_buf *buf, const char *what, struct aks_error *err)
{
    if (buf->failed == AKS_OK)
        return AKS_OK;
    return aks_error_set(err, AKS_LIMIT, "%s: out of memory, or over %zu bytes", what,
        buf->bytes_max);
}

char *
aks_buf_take(struct aks_buf *buf)
{
    char *data;

    if (buf->failed != AKS_OK)
        return NULL;
    if (buf->capacity == 0) {
        data = aks_mem_new(buf->alloc, 1);
    } else {
        data = buf->data;
        buf->capacity = 0;
    }
    buf->data = empty;
    buf->len = 0;
    return data;
}
