/* What the files of the fleet share: fleet.c (time and figures), fleet_machine.c (what a machine
 * does), fleet_bucket.c (who answers), fleet_table.c (what is told). */
#ifndef AKS_TESTKIT_FLEET_INTERNAL_H
#define AKS_TESTKIT_FLEET_INTERNAL_H

#include "engine/attempt.h"
#include "port/port.h"
#include "sim/agenda.h"
#include "testkit/fleet.h"

#define FLEET_BIN_NS INT64_C(10000000)
#define FLEET_BINS 100
#define FLEET_BINS_SHORT 10             /* 100 ms */

struct fleet_limit {
    int64_t per_s;                      /* 0: none */
    int64_t level;                      /* of a bucket of tokens, each 1e9 */
    int64_t at_ns;
    int64_t slot_ns;                    /* when the last refusal was told to come back */
};

/* Requests of the last second, in bins, and the most there ever were. */
struct fleet_burst {
    uint64_t bins[FLEET_BINS];
    int64_t bin;                        /* the newest, counted from time 0 */
    uint64_t most_100ms;
    uint64_t most_1s;
};

struct fleet_bucket {
    struct fleet_limit writes;
    struct fleet_limit reads;
    enum aks_fleet_pace pace;
    struct fleet_burst all;
    struct fleet_burst again;
};

enum fleet_stage {
    FLEET_PROBE_HEAD, FLEET_PROBE_GET, FLEET_SOURCE, FLEET_DELETE, FLEET_SYSTEM_MARKER,
    FLEET_MANIFEST, FLEET_UPLOAD_MARKER
};

struct fleet;

struct fleet_machine {
    struct fleet *fleet;
    unsigned number;
    uint64_t seed;
    int64_t latency_ns;
    int64_t bytes;
    bool marked;                        /* its marker is in the bucket */
    bool running;
    enum fleet_stage stage;
    unsigned rounds;
    unsigned deletes;
    struct aks_agenda_entry entry;      /* the session's end, then the request under way */
    struct aks_timer timer;             /* between rounds, and between deletes */
    struct aks_timer limit;             /* of giving back what was sent */
    struct aks_ask ask;
    struct aks_attempt attempt;
    struct aks_fleet_request request;
    struct aks_fleet_answer answer;
    bool again;                         /* the request comes after a wait */
    bool connected;
    int64_t answered_ns;                /* the last time */
    int64_t not_before_ns;              /* the bucket asked to be left alone until then */
};

struct fleet {
    struct aks_fleet_options options;
    struct aks_port port;               /* clock and events; there is nothing else */
    struct aks_agenda agenda;
    struct aks_loop loop;
    struct aks_settings settings;
    struct aks_policy policy;
    struct fleet_bucket bucket;
    struct fleet_machine *machines;
    unsigned running;
    struct aks_fleet_figures *figures;
    struct aks_error error;             /* status AKS_OK, or why nothing goes on */
};

/* fleet.c */

/** No memory: the fleet stops. */
void aks_fleet_fail(struct fleet *fleet, const struct aks_error *err);
void aks_fleet_delivered(struct fleet *fleet);
/** The machine's run is over. */
void aks_fleet_ended(struct fleet *fleet, bool delivered);

/* fleet_bucket.c */

void aks_fleet_bucket_init(struct fleet_bucket *bucket, const struct aks_fleet_options *options);
void aks_fleet_bucket_serve(struct fleet_bucket *bucket, const struct aks_fleet_request *request,
    struct aks_fleet_answer *ret_answer);
/** Counts a request at ${now_ns}, which never goes back; ${again}: it comes back after a wait. */
void aks_fleet_bucket_count(struct fleet_bucket *bucket, int64_t now_ns, bool again);

/* fleet_machine.c */

/** Its session ends: the run begins. ${ctx} is the machine. */
void aks_fleet_machine_begin(void *ctx);
/** Whatever it is doing, it does not go on. */
void aks_fleet_machine_stop(struct fleet_machine *machine);

#endif
