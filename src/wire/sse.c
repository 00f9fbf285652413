#include "wire/sse.h"

#include "base/check.h"

#include <string.h>

#define BOM "\xef\xbb\xbf"
#define BOM_LEN (sizeof(BOM) - 1)

void
aks_sse_init(struct aks_sse *sse, const struct aks_alloc *alloc)
{
    memset(sse, 0, sizeof(*sse));
    aks_buf_init(&sse->data, alloc, AKS_SSE_EVENT_BYTES_MAX);
}

void
aks_sse_fini(struct aks_sse *sse)
{
    aks_buf_fini(&sse->data);
}

/* Passes over a byte order mark; false: that cannot be told yet. */
static bool
begin(struct aks_sse *sse, const char *text, size_t len)
{
    size_t there = len < BOM_LEN ? len : BOM_LEN;

    if (sse->begun)
        return true;
    if (memcmp(text, BOM, there) == 0) {
        if (there < BOM_LEN)
            return false;
        sse->offset = BOM_LEN;
    }
    sse->begun = true;
    return true;
}

static bool
is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

/* The line that begins at sse->offset, without its end, and goes past it. */
static bool
next_line(struct aks_sse *sse, const char *text, size_t len, const char **ret_line, size_t *ret_len)
{
    size_t at;

    if (sse->after_cr && sse->offset < len) {
        sse->after_cr = false;
        if (text[sse->offset] == '\n')
            sse->offset++;
    }
    at = sse->scanned > sse->offset ? sse->scanned : sse->offset;
    while (at < len && !is_line_end(text[at]))
        at++;
    sse->scanned = at;
    if (at == len)
        return false;
    *ret_line = text + sse->offset;
    *ret_len = at - sse->offset;
    sse->after_cr = text[at] == '\r';
    sse->offset = at + 1;
    return true;
}

static void
read_field(struct aks_sse *sse, const char *line, size_t len)
{
    static const char name[] = "data";
    size_t name_len = sizeof(name) - 1;

    if (len < name_len || memcmp(line, name, name_len) != 0 ||
        (len > name_len && line[name_len] != ':'))
        return;
    if (sse->has_data && sse->data.len == AKS_SSE_EVENT_BYTES_MAX)
        sse->too_long = true;
    else if (sse->has_data)
        aks_buf_putc(&sse->data, '\n');
    sse->has_data = true;
    if (len == name_len)
        return;
    line += name_len + 1;
    len -= name_len + 1;
    if (len > 0 && line[0] == ' ') {
        line++;
        len--;
    }
    if (len > AKS_SSE_EVENT_BYTES_MAX - sse->data.len)
        sse->too_long = true;
    else
        aks_buf_append(&sse->data, line, len);
}

static enum aks_status
verdict(const struct aks_sse *sse, struct aks_error *err)
{
    if (sse->too_long)
        return aks_error_set(err, AKS_BAD_REPLY, "the stream has an event of more than %zu bytes",
            AKS_SSE_EVENT_BYTES_MAX);
    if (sse->events > AKS_SSE_EVENTS_MAX)
        return aks_error_set(err, AKS_BAD_REPLY, "the stream has more than %d events",
            AKS_SSE_EVENTS_MAX);
    return sse->data.failed == AKS_OK ? AKS_OK : aks_error_memory(err, "reading an event");
}

enum aks_status
aks_sse_next(struct aks_sse *sse, const char *text, size_t len, enum aks_sse_found *ret_found,
    struct aks_error *err)
{
    const char *line;
    size_t line_len;

    AKS_CHECK(len >= sse->offset);
    *ret_found = AKS_SSE_MORE;
    if (!sse->has_data)
        aks_buf_reset(&sse->data);
    if (len == 0 || !begin(sse, text, len))
        return AKS_OK;
    while (next_line(sse, text, len, &line, &line_len)) {
        if (line_len > 0) {
            read_field(sse, line, line_len);
        } else if (sse->has_data) {
            sse->has_data = false;
            sse->events++;
            *ret_found = AKS_SSE_EVENT;
            break;
        }
    }
    return verdict(sse, err);
}
