/* Every question of the engine goes through here: the policy is asked first, the default answers
 * where it has no opinion, the answer is checked and clamped, and the record for the report is
 * kept. */
#ifndef AKS_ENGINE_ASK_H
#define AKS_ENGINE_ASK_H

#include "base/log.h"
#include "base/rng.h"
#include "engine/decide.h"
#include "engine/loop.h"
#include "engine/now.h"
#include "engine/policy.h"

/* A sample that shrinks less than this is sent as it is: the time and the loss of random access are
 * not worth two per cent. */
#define AKS_SAMPLE_RATIO_MIN 1.02

#define AKS_DECISIONS_MAX 1000      /* of each kind in a report; later ones are counted */

struct json_t;

struct aks_ask {
    const struct aks_loop *loop;
    const struct aks_policy *policy;
    const struct aks_log *log;
    struct aks_rng rng;
    int64_t started_ns;
    struct aks_now now;             /* its history is loaded by whoever has the state */
    struct json_t *decisions;       /* array for the report, owned */
    unsigned dropped;
    struct json_t *asked;           /* array for the report, owned: questions that nobody decided,
                                     * so that the settings hold */
    unsigned asked_dropped;
    int64_t throttle;               /* the last answer, -1: none yet */
    struct aks_error policy_error;  /* status AKS_OK until the policy itself failed; then the run
                                     * ends */
};

enum aks_status aks_ask_init(struct aks_ask *ask, const struct aks_loop *loop,
    const struct aks_policy *policy, const struct aks_log *log, uint64_t seed,
    struct aks_error *err);
void aks_ask_fini(struct aks_ask *ask);

/* Each returns AKS_OK with a definite answer (never NO_OPINION), or what the policy failed with,
 * which is kept in policy_error as well. */
enum aks_status aks_ask_retry(struct aks_ask *ask, const struct aks_failure_facts *facts,
    struct aks_retry_answer *ret, struct aks_error *err);
enum aks_status aks_ask_route(struct aks_ask *ask, const struct aks_source_facts *source,
    const struct aks_target_facts *targets, size_t target_count, struct aks_route_answer *ret,
    struct aks_error *err);
enum aks_status aks_ask_dedup(struct aks_ask *ask, const struct aks_dedup_facts *facts,
    enum aks_dedup_verdict *ret, struct aks_error *err);
/** ${otherwise}: where the policy has no opinion, as its table says. */
enum aks_status aks_ask_compress(struct aks_ask *ask, const struct aks_compress_facts *facts,
    const struct aks_compress_settings *otherwise, struct aks_compress_settings *ret,
    struct aks_error *err);
/** Of a source that is still busy after facts->waited_ms. ${otherwise}: as for compress.
 * *ret_more_ms: so much longer it is to be waited for, and after that *ret holds without another
 * question. "older" is answered only where there is such a copy, else "queue". */
enum aks_status aks_ask_snapshot(struct aks_ask *ask, const struct aks_snapshot_facts *facts,
    const struct aks_snapshot_settings *otherwise, enum aks_busy *ret, int64_t *ret_more_ms,
    struct aks_error *err);
/** Of a policy that has a function for it. An answer is recorded where it differs from the last. */
enum aks_status aks_ask_throttle(struct aks_ask *ask, int64_t *ret_bytes_per_s,
    struct aks_error *err);

/** For the report: what a policy that steers by itself did. Takes ${facts} (an object). */
void aks_ask_note(struct aks_ask *ask, const char *what, const char *target, struct json_t *facts,
    const char *answer);

#endif
