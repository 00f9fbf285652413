/* What was added to bad days later: databases that are written meanwhile, jobs that a worker
 * brings, a lid that is closed, a clock that steps, a damaged state; and everything is restored in
 * the end. Drawn from a stream of its own, on every other seed, so that the days of the first seeds
 * stay what they were. */
#ifndef AKS_SOAK_EXTRA_H
#define AKS_SOAK_EXTRA_H

#include "base/buf.h"
#include "base/error.h"
#include "testkit/world.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXTRA_DATABASES_MAX 2
#define EXTRA_ROUNDS_MAX 4
#define EXTRA_JOBS_MAX 3

enum extra_damage { EXTRA_INTACT, EXTRA_BYTES, EXTRA_CUT, EXTRA_DELETED };

struct extra_round {
    unsigned jobs;                      /* so many are enqueued, and a worker begins; 0: a run */
    bool change;                        /* a database's owner is busy between two jobs */
    uint64_t lid_at;                    /* at this step nine hours pass; 0: never */
    uint64_t clock_at;                  /* at this step the clock steps; 0: never */
    int64_t clock_by_ms;
    enum extra_damage damage;           /* of the state database, before */
    uint64_t damage_at;                 /* where, of its bytes */
    struct aks_world_pace pace;         /* of the databases' writers */
};

struct extra {
    bool on;
    size_t database_count;
    struct aks_world_writer databases[EXTRA_DATABASES_MAX];
    char paths[EXTRA_DATABASES_MAX][64];
    struct extra_round rounds[EXTRA_ROUNDS_MAX];
    enum aks_http_model_tus tus;        /* what the receiver of PUT offers beside */
    const struct extra_round *now;      /* of the round that goes on, or NULL */
    uint64_t step;
    bool lid_closed;                    /* it was, in this round */
};

void extra_draw(struct extra *extra, uint64_t seed);
/** "'live0.db'," for the list of a policy's sources. */
void extra_sources(const struct extra *extra, char *text, size_t bytes);
void extra_describe(const struct extra *extra, unsigned round, struct aks_buf *out);
/** The databases, and their writers. */
enum aks_status extra_make(struct extra *extra, struct aks_world *world, struct aks_error *err);
/** Before a round: the damage, the writers' pace. True if there was damage. */
bool extra_begin(struct extra *extra, struct aks_world *world, unsigned round);
struct json_t;
/** Did a run with this report (NULL: there is none) end because the state is damaged? */
bool extra_state_refused(const struct json_t *report);
/** Somebody takes the state database away. */
void extra_remove_state(struct aks_world *world);
/** At each of its steps; ${disk}: of the disk. */
void extra_step(struct extra *extra, struct aks_world *world, bool disk);
/** Afterwards nothing goes on. */
void extra_end(struct extra *extra, struct aks_world *world);
/** Does a server of ${plan} refuse what it is asked? */
bool extra_refuses(const struct aks_fault_plan *plan);
/** Everybody is at rest and all is delivered: what comes back is what is there. */
enum aks_status extra_restore(struct aks_world *world, struct aks_error *err);

#endif
