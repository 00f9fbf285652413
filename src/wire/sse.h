/* Server-sent events (WHATWG HTML, section 9.2.6) as they come: a text is handed in that grows, and
 * every event is told once its empty line has come. Of the fields only data counts; event, id and
 * retry are read over, as are comments. */
#ifndef AKS_WIRE_SSE_H
#define AKS_WIRE_SSE_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* The data of one event, its lines joined. */
#define AKS_SSE_EVENT_BYTES_MAX ((size_t)4 * 1024 * 1024)
/* In one stream; pings do not count. */
#define AKS_SSE_EVENTS_MAX 10000

struct aks_sse {
    size_t offset;          /* of the text: up to here it was read, */
    size_t scanned;         /* and up to here it has no line end */
    bool begun;
    bool after_cr;          /* a line feed that comes next belongs to the line end before it */
    bool has_data;          /* the event that is being read */
    bool too_long;
    unsigned events;
    struct aks_buf data;
};

enum aks_sse_found {
    AKS_SSE_EVENT,          /* one; it may be empty */
    AKS_SSE_MORE            /* nothing that is whole any more: more of the text has to come */
};

/** Borrows ${alloc}. Allocates nothing. */
void aks_sse_init(struct aks_sse *sse, const struct aks_alloc *alloc);
void aks_sse_fini(struct aks_sse *sse);
/** The next event of ${text}, which begins with all that was handed in before (it may lie elsewhere
 * now). ${ret_found}, and with AKS_SSE_EVENT sse->data: its data, NUL-terminated, until the next
 * call. AKS_BAD_REPLY for an event that is too long, or too many; AKS_LIMIT without memory. Each
 * byte is looked at a few times, whatever the pieces it comes in. */
enum aks_status aks_sse_next(struct aks_sse *sse, const char *text, size_t len,
    enum aks_sse_found *ret_found, struct aks_error *err);

#endif
