/* What the files of explain share: explain.c (the policy and its worlds), explain_source.c (its
 * sources), explain_tell.c (what their reports say, as one document), explain_record.c (a recorded
 * run), explain_facts.c (its questions), explain_replay.c (asked once more). */
#ifndef AKS_TESTKIT_EXPLAIN_INTERNAL_H
#define AKS_TESTKIT_EXPLAIN_INTERNAL_H

#include "engine/policy.h"
#include "script/load.h"
#include "testkit/event.h"
#include "testkit/explain.h"
#include "testkit/world.h"

#include <jansson.h>

struct aks_explain_source {
    char *shown;            /* as the policy or the command line has it; UTF-8 */
    char *real;             /* absolute */
    char *world;            /* where it lies in the world */
    char *told;             /* ${world} as a report has it, which is UTF-8 */
    int64_t bytes;          /* -1: not there */
    int64_t simulated;      /* bytes of it in the world */
};

struct aks_explain {
    const struct aks_explain_options *options;
    const struct aks_alloc *alloc;
    struct aks_event events[AKS_EXPLAIN_EVENTS_MAX];
    struct aks_policy_text text;
    struct aks_policy_environment environment;
    struct aks_script_options script;   /* of every policy that is loaded */
    struct aks_policy *policy;
    struct aks_explain_source sources[AKS_EXPLAIN_SOURCES_MAX];
    size_t source_count;
    int64_t wall_ms;        /* when the worlds begin, and how far local time is ahead of UTC */
    int32_t utc_offset_s;
    bool assumed;           /* none of the sources is there */
};

enum aks_explain_kind {
    AKS_EXPLAIN_ROUTE, AKS_EXPLAIN_DEDUP, AKS_EXPLAIN_COMPRESS, AKS_EXPLAIN_SNAPSHOT,
    AKS_EXPLAIN_RETRY, AKS_EXPLAIN_THROTTLE, AKS_EXPLAIN_STEP, AKS_EXPLAIN_UNKNOWN
};

/* A question of a record. All that it points to is the record's. */
struct aks_explain_question {
    const json_t *entry;
    enum aks_explain_kind kind;
    const char *was;                /* the answer of then */
    const char *target;             /* or NULL */
    struct aks_failure_facts failure;
    struct aks_source_facts source;
    struct aks_target_facts targets[AKS_TARGETS_MAX];
    struct aks_dedup_facts dedup;
    struct aks_compress_facts compress;
    struct aks_snapshot_facts snapshot;
    struct aks_clock_facts clock;
    int64_t wall_ms;                /* when it was asked; 0: not known */
    const char *needs;              /* a fact without which nobody can answer, and */
    const char *lacks;              /* one that a function would see, not recorded; or NULL */
    const char *unknown;            /* a target of the policy that the record does not know */
    char why[160];                  /* it cannot be put to the policy; or "" */
};

/* explain.c */

/** The policy once more, with chance of its own; it knows its lines. */
enum aks_status aks_explain_load(struct aks_explain *explain, uint64_t seed,
    struct aks_policy **ret_policy, struct aks_error *err);

/** How ${settings} say that the source at ${path} is compressed, where no function answers. */
const struct aks_compress_settings *aks_explain_codec(const struct aks_explain *explain,
    const struct aks_settings *settings, const char *path);

/** The same of a source that is busy. */
const struct aks_snapshot_settings *aks_explain_busy(const struct aks_explain *explain,
    const struct aks_settings *settings, const char *path);

/* explain_source.c */

/** Finds the sources, and says how many bytes each has in worlds. AKS_SETTINGS: too many. */
enum aks_status aks_explain_sources(struct aks_explain *explain, struct aks_error *err);

/* explain_record.c */

/** The report that options->run names (json_decref). AKS_NOT_FOUND where there is none that can be
 * read; what the state database failed with. */
enum aks_status aks_explain_record(const struct aks_explain_options *options, json_t **ret_report,
    struct aks_error *err);

/* explain_facts.c */

/** Reads a decision of ${report}. AKS_NOT_FOUND if it is none. */
enum aks_status aks_explain_facts(const json_t *report, const json_t *entry,
    struct aks_explain_question *ret, struct aks_error *err);
/** The runs before that of ${report}, whose last question was asked at ${wall_ms}. */
void aks_explain_facts_history(const json_t *report, int64_t wall_ms, struct aks_now_facts *ret);
/** Fills question->targets with the facts of the policy's own, as far as they are recorded. */
void aks_explain_facts_targets(const struct aks_settings *settings,
    struct aks_explain_question *question);

/* explain_replay.c */

/** Puts "replay" into the document. */
enum aks_status aks_explain_replay(struct aks_explain *explain, json_t *document,
    struct aks_error *err);

/* explain_tell.c; each is NULL without memory. */

json_t *aks_explain_tell_policy(const struct aks_explain *explain);
/** ${first}: the report of a calm run, ${again}: that of a second one, nothing changed. */
json_t *aks_explain_tell_plan(const struct aks_explain *explain, const json_t *first,
    const json_t *again);
json_t *aks_explain_tell_throttle(const struct aks_explain *explain, const json_t *report);
/** The line of the policy that made a decision: in its function, or that of its field; null where
 * the function had no answer, or it cannot be found. */
json_t *aks_explain_tell_line(const struct aks_explain *explain, const json_t *decision);
/** The decisions of a run that are worth telling, each with its line. */
json_t *aks_explain_tell_decisions(const struct aks_explain *explain, const json_t *report);
/** How a run ended. */
json_t *aks_explain_tell_end(const struct aks_explain *explain, const json_t *report,
    const struct aks_error *err);

#endif
