/* The simulated network: struct aks_http on the virtual clock. A request goes name, connect, tls,
 * send, serve, reply; each step asks the hook (sim/fault.h) and takes its time; the request's own
 * time-outs end it as they would really. Who answers is a handler by host: a model of a server, or
 * a test's own. */
#ifndef AKS_SIM_NETWORK_SIM_H
#define AKS_SIM_NETWORK_SIM_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "port/http.h"
#include "sim/agenda.h"
#include "sim/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_SIM_HOST_BYTES 320
#define AKS_SIM_HOSTS_MAX 32
#define AKS_SIM_REPLY_HEADERS_MAX 32
#define AKS_SIM_REPLY_HEADER_BYTES 1024

/* A request as it arrived, whole. Borrowed for the call. */
struct aks_sim_request {
    const char *method;
    bool tls;
    const char *host;               /* as in Host: "name" or "name:port" */
    const char *path;               /* from the first '/', as on the wire, without the query */
    const char *query;              /* as on the wire, without '?'; "" if there is none */
    const struct aks_http_header *headers;  /* as the client gave them, and Content-Length */
    size_t header_count;
    const uint8_t *body;
    size_t body_len;
    bool partial;                   /* the connection ended in the middle of the body: this is what
                                     * had come; only where the host takes such */
    bool unheard;                   /* the client will not get the answer: it is lost, or replaced,
                                     * or nobody waits for it any more */
    int64_t begun_ns;               /* when the client asked: a server may be slower than the life
                                     * of a process */
};

/* A reply to be filled by a handler: aks_sim_reply_* of network_sim.c. */
struct aks_sim_reply {
    int status;
    struct aks_buf body;
    struct aks_sim_reply_header {
        char name[64];
        char value[AKS_SIM_REPLY_HEADER_BYTES];
    } headers[AKS_SIM_REPLY_HEADERS_MAX];
    size_t header_count;
    bool open;                      /* the server does not end it: it is whole only for a client
                                     * to which what has come is enough */
};

/** Value of the first header of that name (any case), or NULL. */
const char *aks_sim_request_header(const struct aks_sim_request *request, const char *name);
/** Adds a header; too long or too many is a programmer's mistake. */
void aks_sim_reply_header(struct aks_sim_reply *reply, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Serves one request at the server's time ${wall_ms}. ${reply} is handed in empty, its body with a
 * ceiling. */
typedef void aks_sim_serve(void *ctx, int64_t wall_ms, const struct aks_sim_request *request,
    struct aks_sim_reply *reply);

struct aks_sim_host {
    char name[AKS_SIM_HOST_BYTES];  /* "host:port" as in URLs; without a port 443 or 80. A name that
                                     * begins with "." stands for every name that ends so */
    aks_sim_serve *serve;
    void *ctx;
    int64_t latency_ns;             /* one way, each step */
    int64_t up_bytes_per_s;         /* 0: no limit */
    int64_t down_bytes_per_s;
    bool takes_pieces;              /* it is served what has come of a body that is cut */
    int64_t skew_ms;                /* how far the server's clock is ahead of the world's */
};

struct aks_network_sim;

/** Requests to a host that is not known fail with AKS_DNS. ${wall_ms} is the world's true time. */
enum aks_status aks_network_sim_new(const struct aks_alloc *alloc, struct aks_agenda *agenda,
    const struct aks_sim_hook *hook, int64_t (*wall_ms)(void *ctx), void *wall_ctx,
    struct aks_network_sim **ret_network, struct aks_error *err);
/** Requests that are under way are dropped without a completion. */
void aks_network_sim_free(struct aks_network_sim *network);
const struct aks_http *aks_network_sim_port(const struct aks_network_sim *network);
/** Adds a host, or replaces the one of its name. */
void aks_network_sim_host(struct aks_network_sim *network, const struct aks_sim_host *host);
/** The process is gone, and its requests with it; what a server has begun to serve is served. */
void aks_network_sim_crash(struct aks_network_sim *network);
/** Requests under way. */
unsigned aks_network_sim_under_way(const struct aks_network_sim *network);

#endif
