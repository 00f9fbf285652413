/* A growing byte buffer with a ceiling and a sticky failure.
 *
 * Appends after a failure are no-ops, so a text is built with a row of appends and asked once, at
 * the end, whether it is whole (aks_buf_status). The bytes are always followed by a NUL that is not
 * counted, so text needs no copy. */
#ifndef AKS_BASE_BUF_H
#define AKS_BASE_BUF_H

#include "base/alloc.h"
#include "base/error.h"

#include <stdarg.h>
#include <stddef.h>

struct aks_buf {
    const struct aks_alloc *alloc;
    char *data;             /* never NULL after init: "" before the first append */
    size_t len;
    size_t capacity;        /* 0 while data is the shared empty string */
    size_t bytes_max;       /* ceiling on len */
    enum aks_status failed; /* AKS_OK, or AKS_LIMIT: no memory, or over bytes_max */
};

/** ${bytes_max} > 0. Allocates nothing. Borrows ${alloc}. */
void aks_buf_init(struct aks_buf *buf, const struct aks_alloc *alloc, size_t bytes_max);
/** Frees the bytes and leaves an empty, usable buffer. Fine on a zeroed struct. */
void aks_buf_fini(struct aks_buf *buf);
/** Empties without giving memory back; clears the failure. */
void aks_buf_reset(struct aks_buf *buf);
void aks_buf_append(struct aks_buf *buf, const void *data, size_t len);
void aks_buf_puts(struct aks_buf *buf, const char *text);
void aks_buf_putc(struct aks_buf *buf, char c);
void aks_buf_printf(struct aks_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** AKS_OK, or AKS_LIMIT with ${err} telling that ${what} was too long or memory ran out. */
enum aks_status aks_buf_status(const struct aks_buf *buf, const char *what, struct aks_error *err);
/** Hands the bytes over (free with aks_mem_free) and leaves the buffer empty; NULL if it has failed
 * or there is no memory for the terminating NUL. */
char *aks_buf_take(struct aks_buf *buf);

#endif
