/* A simulated network with one server, a fault where a test wants it, and a record of both. */
#ifndef AKS_TESTS_NETWORK_H
#define AKS_TESTS_NETWORK_H

#include "port/port.h"
#include "sim/network_sim.h"

#define NETWORK_NAME "s3.example.org:443"
#define NETWORK_URL "https://s3.example.org/bucket/key?x=%2F&y"
#define NETWORK_WALL_MS INT64_C(1795416300000)
/* Steps begin so much later than they might, at most, all together. */
#define NETWORK_SHUFFLE_NS 10000

struct network {
    struct aks_agenda agenda;
    struct aks_network_sim *sim;
    struct aks_port port;               /* http and events; for http_try */
    struct aks_sim_hook hook;

    /* Strikes at the steps of this verb, so many times. */
    const char *verb;                   /* NULL: nowhere */
    unsigned times;
    struct aks_sim_fault fault;
    char steps[8192];                   /* "verb host:port bytes\n" of each */

    /* The server: answers 200 with this text, or what answer says. */
    const char *text;
    void (*answer)(struct network *network, const struct aks_sim_request *request,
        struct aks_sim_reply *reply);
    int64_t server_skew_ms;             /* set before network_set */
    unsigned served;
    int64_t served_at_ns;
    int64_t served_wall_ms;
    bool unheard;                       /* the last one */
    /* "PUT https s3.example.org /bucket/key x=%2F&y\nname=value\n" */
    char request[4096];
    size_t good_bytes;                  /* of its body, that were as they should be */
};

/** One server, NETWORK_NAME, 1 ms away, without limits of bandwidth. Wait and delays use the
 * agenda. */
enum aks_status network_open(struct network *network, const struct aks_alloc *alloc, uint64_t seed);
void network_close(struct network *network);
/** The same, for setup and teardown of cmocka. */
int network_setup(void **state);
int network_teardown(void **state);
/** A host like the one that is there, of another name. */
void network_add(struct network *network, const char *name);
/** Replaces the server: so far away, and so many bytes a second both ways. */
void network_set(struct network *network, int64_t latency_ns, int64_t bytes_per_s);
/** The steps of ${verb} take ${delay_ns} (negative: for ever), and end with ${status}. */
void network_strike(struct network *network, const char *verb, int64_t delay_ns,
    enum aks_status status);
/** Fires what is due within ${ns}. */
void network_pass(struct network *network, int64_t ns);

#endif
