/* What the program and its module akosha-sync-http.so agree on: the transport stands behind one
 * exported struct, so that a run which sends nothing does not pay for loading libcurl (4 ms) and
 * starting it (5 ms). */
#ifndef AKS_OS_HTTP_MODULE_H
#define AKS_OS_HTTP_MODULE_H

#include "base/alloc.h"
#include "port/clock.h"
#include "port/http.h"

#include <stdint.h>

/* Raised with each change of this header or of port/http.h. */
#define AKS_HTTP_MODULE_ABI 4
#define AKS_HTTP_MODULE_FILE "akosha-sync-http.so"
#define AKS_HTTP_MODULE_SYMBOL "aks_http_module"

struct aks_http_engine;

struct aks_http_module {
    uint32_t abi;           /* AKS_HTTP_MODULE_ABI; first, whatever else changes */
    const char *version;    /* of the program that it was built with */
    /* Borrows both; to be closed from the thread that opened. */
    enum aks_status (*open)(const struct aks_alloc *alloc, const struct aks_clock *clock,
        struct aks_http_engine **ret_engine, struct aks_error *err);
    /* Ends every call without a completion. NULL is fine. */
    void (*close)(struct aks_http_engine *engine);
    enum aks_status (*submit)(struct aks_http_engine *engine,
        const struct aks_http_request *request, aks_http_done *done, void *done_ctx,
        struct aks_http_call **ret_call, struct aks_error *err);
    void (*cancel)(struct aks_http_engine *engine, struct aks_http_call *call);
    /* Waits for a socket, for ${wake_fd} to be readable or for ${timeout_ns} (negative: no limit),
     * moves every call on and delivers what has ended. */
    enum aks_status (*turn)(struct aks_http_engine *engine, int wake_fd, int64_t timeout_ns,
        struct aks_error *err);
};

#endif
