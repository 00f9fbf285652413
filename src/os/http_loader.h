/* port/http.h by way of a module that is loaded at the first request. */
#ifndef AKS_OS_HTTP_LOADER_H
#define AKS_OS_HTTP_LOADER_H

#include "base/alloc.h"
#include "port/clock.h"
#include "port/http.h"

#include <stdbool.h>

struct aks_http_loader;

/** Loads nothing yet. Borrows both. */
enum aks_status aks_http_loader_new(const struct aks_alloc *alloc, const struct aks_clock *clock,
    struct aks_http_loader **ret_loader, struct aks_error *err);
/** Ends every call without a completion. NULL is fine. */
void aks_http_loader_free(struct aks_http_loader *loader);
/** The first submit is AKS_SETTINGS if the module cannot be had. */
void aks_http_loader_init(struct aks_http_loader *loader, struct aks_http *ret_port);
/** The module lies near the shared library that this code is part of, not near the program. */
void aks_http_loader_of_library(struct aks_http_loader *loader);
/** Is there anything to wait for but the eventfd? */
bool aks_http_loader_loaded(const struct aks_http_loader *loader);
/** struct aks_http_module's turn; only once loaded. */
enum aks_status aks_http_loader_turn(struct aks_http_loader *loader, int wake_fd,
    int64_t timeout_ns, struct aks_error *err);

#endif
