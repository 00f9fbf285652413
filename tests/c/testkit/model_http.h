/* The port of HTTP with a model's handler behind it: no socket, no time, no faults. Requests are
 * served in the order they came, one each time it is asked to deliver. */
#ifndef AKS_TESTS_MODEL_HTTP_H
#define AKS_TESTS_MODEL_HTTP_H

#include "port/clock.h"
#include "port/http.h"
#include "sim/network_sim.h"

#include <stdbool.h>

struct model_http {
    struct aks_http http;               /* hand this out */
    aks_sim_serve *serve;
    void *serve_ctx;
    const struct aks_clock *clock;      /* of client and server */
    struct aks_http_call *calls;
};

void model_http_init(struct model_http *server, aks_sim_serve *serve, void *serve_ctx,
    const struct aks_clock *clock);
/** No call may be under way. */
void model_http_fini(struct model_http *server);
/** Serves one request; false if there is none. */
bool model_http_deliver(void *server);

#endif
