/* Figures over time: one narrow row for each of the last runs, and sums for each day, which go on
 * when those rows and the reports are gone. Not synced, as the history: a power cut may cost the
 * last of them. */
#ifndef AKS_ENGINE_STATE_FIGURES_H
#define AKS_ENGINE_STATE_FIGURES_H

#include "engine/state.h"

/* Rows of single runs; older ones live on in the sums. */
#define AKS_STATE_FIGURES_MAX 20000
/* Days that have sums of their own; what is older is added up in one, AKS_STATE_DAY_BEFORE. */
#define AKS_STATE_DAYS_MAX 400
#define AKS_STATE_DAY_BEFORE 0
#define AKS_STATE_SUM_NAME_BYTES 48

/* Upper bounds of the histogram of durations, in milliseconds; what is longer is in none. */
#define AKS_STATE_DURATIONS 12
extern const int64_t aks_state_durations_ms[AKS_STATE_DURATIONS];

/* What there is a sum of, beside those that have the name of a thing behind a dot. */
#define AKS_STATE_SUM_RUNS "runs"
#define AKS_STATE_SUM_DURATION_MS "duration_ms"
#define AKS_STATE_SUM_SOURCE_BYTES "source_bytes"
#define AKS_STATE_SUM_PLAIN_BYTES "plain_bytes"
#define AKS_STATE_SUM_STORED_BYTES "stored_bytes"
#define AKS_STATE_SUM_SENT_BYTES "sent_bytes"
#define AKS_STATE_SUM_FALLBACKS "fallbacks"
#define AKS_STATE_SUM_MEMORIES "memories"
#define AKS_STATE_SUM_OUTCOME "outcome."        /* of a report */
#define AKS_STATE_SUM_METHOD "method."
#define AKS_STATE_SUM_FAILURE "failure."        /* name of a failure */
#define AKS_STATE_SUM_NOTIFIED "notified."      /* engine/notify.h */
#define AKS_STATE_SUM_DURATION "duration."      /* the bound in ms: runs up to it, and over the one
                                                 * before it */
/* Of which the greatest is kept and nothing is added. */
#define AKS_STATE_SUM_MAX "max."
#define AKS_STATE_SUM_MEMORY_BYTES AKS_STATE_SUM_MAX "memory_bytes"

/* One run. */
struct aks_run_figures {
    int64_t at_ms;                      /* when it began; wall clock */
    int64_t duration_ms;
    char outcome[16];
    char method[16];
    char failure[32];                   /* name of what its report ends with, or "" */
    int64_t source_bytes;               /* of all sources that it was about */
    int64_t plain_bytes;                /* of those that it stored, before codec and encryption */
    int64_t stored_bytes;               /* and after them */
    int64_t sent_bytes;                 /* with all that was sent in vain */
    int64_t memories;                   /* rows that were delivered */
    int64_t memory_bytes;               /* the most that its process has had by then; 0: unknown */
    bool fallback;                      /* a source went to another target than its first */
};

/** Keeps a run and adds it to its day. */
enum aks_status aks_state_figures_put(struct aks_state *state,
    const struct aks_run_figures *figures, struct aks_error *err);
/** Each run since ${from_ms} that has a row, the newest first. In a database of an older version
 * there is none. */
enum aks_status aks_state_figures_each(struct aks_state *state, int64_t from_ms,
    void (*each)(void *ctx, const struct aks_run_figures *figures), void *ctx,
    struct aks_error *err);

/** The last run that has a row, or with ${success} the last that ended without a failure; zeroed
 * where there is none. */
enum aks_status aks_state_figures_last(struct aks_state *state, bool success,
    struct aks_run_figures *ret_figures, struct aks_error *err);

/** The day of ${wall_ms}: days since 1970, UTC; 1 for what would be none. */
int64_t aks_state_day(int64_t wall_ms);
/** Adds ${value} to the sum called ${name} (borrowed) of the day of ${wall_ms}. */
enum aks_status aks_state_sum_add(struct aks_state *state, int64_t wall_ms, const char *name,
    int64_t value, struct aks_error *err);
/** Each sum of the days since ${from_day}, or with AKS_STATE_DAY_BEFORE of all time; oldest day
 * first, by name. ${name} is borrowed for the call. */
enum aks_status aks_state_sums_each(struct aks_state *state, int64_t from_day,
    void (*each)(void *ctx, int64_t day, const char *name, int64_t value), void *ctx,
    struct aks_error *err);

#endif
