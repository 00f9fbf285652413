/* Memory through a vtable that is passed in, so that a test can make any allocation fail. */
#ifndef AKS_BASE_ALLOC_H
#define AKS_BASE_ALLOC_H

#include <stdarg.h>
#include <stddef.h>

/* resize(ctx, NULL, n) allocates n > 0 bytes, resize(ctx, p, n) moves p, resize(ctx, p, 0) frees
 * it and returns NULL. NULL for n > 0 means no memory; p is then still valid. Called from worker
 * threads too: an implementation must be thread-safe. */
struct aks_alloc {
    void *(*resize)(void *ctx, void *p, size_t bytes);
    void *ctx;
};

/** The C library's allocator. */
const struct aks_alloc *aks_alloc_system(void);

/** ${bytes} zeroed bytes, or NULL. Free with aks_mem_free. */
void *aks_mem_new(const struct aks_alloc *alloc, size_t bytes);
/** ${count} * ${bytes} zeroed bytes, NULL on overflow as well. */
void *aks_mem_array(const struct aks_alloc *alloc, size_t count, size_t bytes);
/** Resizes; on NULL ${p} stays valid. Bytes past the old size are not zeroed. */
void *aks_mem_resize(const struct aks_alloc *alloc, void *p, size_t bytes);
/** NULL is fine. */
void aks_mem_free(const struct aks_alloc *alloc, void *p);
/** Owned copy; NULL if ${s} is NULL or there is no memory. */
char *aks_mem_strdup(const struct aks_alloc *alloc, const char *s);
char *aks_mem_strndup(const struct aks_alloc *alloc, const char *s, size_t len);
/** Owned formatted string, or NULL. */
char *aks_mem_printf(const struct aks_alloc *alloc, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
