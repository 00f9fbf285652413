/* Shared by network_sim.c (a request's way through the steps), network_sim_copy.c (what of it
 * arrives, and what comes back) and network_sim_check.c (what is not sent at all). */
#ifndef AKS_SIM_NETWORK_SIM_INTERNAL_H
#define AKS_SIM_NETWORK_SIM_INTERNAL_H

#include "sim/network_sim.h"

/* Of one request or reply: parts of simulated uploads are small. */
#define AKS_NETWORK_SIM_BODY_BYTES_MAX ((size_t)256 * 1024 * 1024)

/* In the order of enum aks_http_phase, which they become where a request fails. */
enum step { STEP_NAME, STEP_CONNECT, STEP_TLS, STEP_SEND, STEP_SERVE, STEP_REPLY, STEP_DONE };

/* Idle connections that are kept, as with the real port: of all hosts together. */
#define AKS_NETWORK_SIM_IDLE_MAX 16

/* That can be used again. */
struct connection {
    char name[AKS_SIM_HOST_BYTES];
    int64_t since_ns;
};

struct aks_network_sim {
    const struct aks_alloc *alloc;
    struct aks_agenda *agenda;
    const struct aks_sim_hook *hook;
    int64_t (*wall_ms)(void *ctx);
    void *wall_ctx;
    struct aks_http http;
    struct aks_sim_host hosts[AKS_SIM_HOSTS_MAX];
    size_t host_count;
    struct aks_sim_host nowhere;                /* serve is NULL: a name that nobody has */
    struct connection idle[AKS_NETWORK_SIM_IDLE_MAX];   /* idle longest first */
    size_t idle_count;
    struct aks_http_call *calls;
    unsigned under_way;
};

struct aks_http_call {
    struct aks_http_call *prev;
    struct aks_http_call *next;
    struct aks_network_sim *network;
    const struct aks_sim_host *host;
    char name[AKS_SIM_HOST_BYTES];              /* "host:port", in lower case */
    const struct aks_http_request *request;     /* the client's; gone once it is an orphan */
    aks_http_done *done;
    void *done_ctx;
    enum step step;
    struct aks_sim_fault fault;                 /* of this step */
    bool orphan;                                /* nobody waits for its answer any more */
    int64_t begun_ns;
    int64_t answer_due_ns;
    int64_t stall_due_ns;
    size_t ungranted;                           /* of the body: what the gate has still to let go */
    int64_t arrives_ns;                         /* when it arrives if no gate holds it up */
    struct aks_agenda_entry entry;
    struct aks_agenda_entry connect_entry;
    struct aks_agenda_entry answer_entry;
    struct aks_agenda_entry stall_entry;
    char *text;                                 /* what copy points into */
    struct aks_http_header headers[AKS_HTTP_HEADERS_MAX + 1];
    char length[24];
    struct aks_sim_request copy;
    struct aks_sim_reply reply;
    struct aks_http_header told_headers[AKS_SIM_REPLY_HEADERS_MAX + 1];
    char told_length[24];
    struct aks_http_reply told;
};

/** AKS_SETTINGS or AKS_LIMIT for what the real port would not send either; says nothing secret. */
enum aks_status aks_network_sim_check(const struct aks_http_request *request,
    struct aks_error *err);
/** Is "host", or "host:port", this machine? */
bool aks_network_sim_check_loopback(const char *authority);
/** Everything but the body, and the host that it goes to. */
enum aks_status aks_network_sim_copy_head(struct aks_http_call *call, struct aks_error *err);
/** Reads the body; a failure is in call->told. */
enum aks_status aks_network_sim_copy_body(struct aks_http_call *call);
void aks_network_sim_copy_fini(struct aks_http_call *call);
/** The beginning of a body is all that ever comes: what a host that takes such does with it. */
void aks_network_sim_serve_piece(struct aks_http_call *call);
/** The fault's answer instead of the server's. */
void aks_network_sim_instead(struct aks_http_call *call);
/** The head of call->reply as it comes: status and headers. Of HEAD there is no more. */
void aks_network_sim_tell_head(struct aks_http_call *call);
/** Does its client go on waiting when all has come that the server ever sends? */
bool aks_network_sim_never_ends(const struct aks_http_call *call);
/** Its body has come, whole; it may be too much. */
void aks_network_sim_tell_body(struct aks_http_call *call);

#endif
