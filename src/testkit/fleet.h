/* A fleet: many machines whose sessions end together, against one bucket that takes so many writes
 * a second and answers SlowDown beyond. Its figures tell how a retry schedule behaves in a crowd.
 *
 * A machine here is light: it sends what the engine sends for one small source, and leaves every
 * failure to the engine's own classify, attempt, ask and default; but it has no disk, no policy and
 * no bytes. tests/c/testkit/fleet_test.c holds it against the engine that ships. */
#ifndef AKS_TESTKIT_FLEET_H
#define AKS_TESTKIT_FLEET_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "engine/settings.h"

#include <stdbool.h>
#include <stdint.h>

#define AKS_FLEET_MACHINES_MAX 100000
#define AKS_FLEET_LATENCY_NS_MAX INT64_C(100000000)
/* What AWS names for each prefix: docs.aws.amazon.com/AmazonS3/latest/userguide/
 * optimizing-performance.html */
#define AKS_FLEET_WRITES_PER_S 3500
#define AKS_FLEET_READS_PER_S 5500
#define AKS_FLEET_MACHINES 10000            /* that such a bucket is for */

/* What a bucket says of the time when it refuses. */
enum aks_fleet_pace {
    AKS_FLEET_PACE_SILENT,      /* nothing, as S3 does */
    AKS_FLEET_PACE_SECOND,      /* Retry-After: 1, to everybody */
    AKS_FLEET_PACE_SLOT         /* Retry-After: when there is room next, each refusal behind the
                                 * last one; in whole seconds, rounded up */
};

enum aks_fleet_object {
    AKS_FLEET_SYSTEM,           /* systems/<id>/: the system's marker */
    AKS_FLEET_SOURCE,
    AKS_FLEET_MANIFEST,
    AKS_FLEET_UPLOAD            /* systems/<id>/<upload>/: the upload's marker */
};

/* A request as it arrives. */
struct aks_fleet_request {
    unsigned machine;           /* from 0 */
    const char *method;
    enum aks_fleet_object object;
    int64_t now_ns;
};

struct aks_fleet_answer {
    bool refused;               /* SlowDown */
    int64_t retry_after_s;      /* of a refusal; -1: not told */
};

struct aks_fleet_options {
    const struct aks_alloc *alloc;
    uint64_t seed;
    unsigned machines;          /* 1 to AKS_FLEET_MACHINES_MAX */
    uint64_t jitter_seed;       /* of every machine's waits; 0: each has its own */
    struct aks_retry_settings retry;
    bool first;                 /* no machine has ever synced: more reads, and one more write */
    int64_t window_ms;          /* the sessions end within it */
    int64_t latency_ns_min;     /* one way, of each machine its own */
    int64_t latency_ns_max;     /* at most AKS_FLEET_LATENCY_NS_MAX, so that no probe runs out of
                                 * time */
    int64_t bytes_max;          /* of a source, as stored */
    int64_t up_bytes_per_s;     /* 0: no limit */
    int64_t writes_per_s;       /* 0: no limit */
    int64_t reads_per_s;
    enum aks_fleet_pace pace;
    /* Answers instead of the bucket. NULL: the bucket does. Handed in as no refusal, -1. */
    void (*serve)(void *ctx, const struct aks_fleet_request *request,
        struct aks_fleet_answer *ret_answer);
    void *serve_ctx;
};

/* Times in milliseconds, from when the first session may end. */
struct aks_fleet_figures {
    unsigned delivered;
    unsigned queued;            /* gave up, with the work kept in the queue; the rest */
    int64_t half_ms;            /* so much of the fleet is delivered; -1: never */
    int64_t most_ms;            /* 99 % */
    int64_t all_ms;
    int64_t ended_ms;           /* the last machine's run was over */
    uint64_t requests;
    uint64_t wasted;            /* of them, answered SlowDown */
    uint64_t burst_100ms;       /* most requests that came within so long */
    uint64_t burst_1s;
    uint64_t again_100ms;       /* the same of those that came back after a wait */
    uint64_t again_1s;
    int64_t wait_ms;            /* the longest that any machine waited at once */
};

/** The usual fleet: the engine's default retry, and of AWS's limits as much as ${machines} are of
 * AKS_FLEET_MACHINES, so that a small fleet behaves as a large one. */
void aks_fleet_options_init(struct aks_fleet_options *options, const struct aks_alloc *alloc,
    unsigned machines);
/** Runs until every machine's run is over. Same options, same figures. */
enum aks_status aks_fleet_run(const struct aks_fleet_options *options,
    struct aks_fleet_figures *ret_figures, struct aks_error *err);

/** Retry schedules beside each other: the tables of docs/fleet.md. */
enum aks_status aks_fleet_table(const struct aks_alloc *alloc, unsigned machines, uint64_t seed,
    struct aks_buf *out, struct aks_error *err);

#endif
