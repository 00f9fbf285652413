/* The line to one target: an http port of its own around the machine's, through which every request
 * of the target goes. It holds bodies up where a throttle says so, and measures how fast they are
 * sent. */
#ifndef AKS_ENGINE_LINK_H
#define AKS_ENGINE_LINK_H

#include "port/port.h"

#include <stdbool.h>
#include <stdint.h>

/* Fewer bytes say more of the time that a server needs to answer than of the line. */
#define AKS_LINK_MEASURE_BYTES_MIN (256 * 1024)

/* Who wants to know how many bytes of bodies go. Told before a body is sent, as if all of it were;
 * when it has ended, what was more or (negative) less. Of one that is cancelled, nothing more. */
struct aks_link_meter {
    void (*sent)(void *ctx, int64_t bytes);
    void *ctx;
};

struct aks_link {
    struct aks_port port;               /* the machine's, but for http: what the target is given */
    const struct aks_port *machine;
    const struct aks_http_gate *throttle;   /* or NULL */
    struct aks_http_gate gate;          /* what requests are given in its place */
    const struct aks_link_meter *meter; /* or NULL; set after init */
    bool held_up;                       /* it made one wait */
    unsigned sending;                   /* requests with a body that are under way */
    int64_t busy_since_ns;              /* when there is one */
    int64_t busy_ns;                    /* before that */
    int64_t sent_bytes;                 /* of bodies, whatever came of the requests */
};

/** ${machine} is borrowed. ${link} must not move, and outlives its targets and the work that they
 * leave behind. */
void aks_link_init(struct aks_link *link, const struct aks_port *machine);
/** An upload begins: what was measured before is forgotten, unless another one goes on. ${throttle}
 * (or NULL) is borrowed. */
void aks_link_begin(struct aks_link *link, const struct aks_http_gate *throttle);
/** Bytes per second over the time with a body under way, waits for its answer included; -1 where
 * too little was sent to tell, or the throttle and not the line made it slow. */
int64_t aks_link_rate(const struct aks_link *link);

#endif
