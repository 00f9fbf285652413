/* The state database (SQLite, WAL): what is believed of each target, run history, breakers,
 * endpoint facts. Everything in it can be lost without losing a source: it saves work, it is not
 * the work (that is the queue). Opened by any number of processes; busy timeout 5 s. All calls are
 * synchronous and short. Failures: AKS_STATE (corrupt, newer, unreadable), AKS_NO_SPACE,
 * AKS_LIMIT. */
#ifndef AKS_ENGINE_STATE_H
#define AKS_ENGINE_STATE_H

#include "base/alloc.h"
#include "base/error.h"
#include "data/age.h"
#include "port/files.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_STATE_VERSION 7
#define AKS_STATE_RUNS_MAX 1000         /* kept in the history */
#define AKS_STATE_RECENT_BYTES_MAX (256 * 1024)
#define AKS_STATE_JOBS_MAX 2000         /* of those that have ended */
#define AKS_STATE_FACT_UPLOAD "upload_id"       /* of a target: an upload that may be there now */

struct aks_state;

/** Opens ${folder}/state.db, makes or migrates it. The folder exists. A database of a newer
 * version is refused untouched; one that is damaged is set aside under another name, and a new one
 * made (aks_state_aside tells). */
enum aks_status aks_state_open(const struct aks_alloc *alloc, const struct aks_files *files,
    const char *folder, struct aks_state **ret_state, struct aks_error *err);
/** As aks_state_open, in the place of ${before}, which stays open (NULL: of none). If that was
 * found damaged and still lies there it is set aside: at once where a row makes no sense, else if
 * all of it that is read now is not whole. */
enum aks_status aks_state_reopen(const struct aks_alloc *alloc, const struct aks_files *files,
    const char *folder, const struct aks_state *before, struct aks_state **ret_state,
    struct aks_error *err);
/** NULL is fine. */
void aks_state_close(struct aks_state *state);
/** Where the damaged database lies in whose place this one was made; NULL: there was none. */
const char *aks_state_aside(const struct aks_state *state);
/** Is it still what stands in its folder, and is no damage known of it? Else another process has
 * set it aside: what is read here is old, what is written is lost. True where nobody can tell. */
bool aks_state_current(const struct aks_state *state, const struct aks_files *files);
/** Is damage known of it? */
bool aks_state_damaged(const struct aks_state *state);
/** Reads all of it for damage: AKS_STATE if there is some. */
enum aks_status aks_state_check(struct aks_state *state, struct aks_error *err);
/** What owned results are freed with. */
const struct aks_alloc *aks_state_alloc(const struct aks_state *state);

/* A write-ahead log that was stored with its database, as an object of its own. */
struct aks_stored_wal {
    char *key;                          /* NULL: there was none to be stored */
    int64_t bytes;
    char sha256[65];                    /* "" without a key, as the next */
    char *codec;
    enum aks_encryption encryption;
    int64_t stored_bytes;
    char stored_sha256[65];
    int64_t part_bytes;
    int64_t parts;
};

/* One source in one place, as last stored. Strings are borrowed by put, owned by the row after
 * get. */
struct aks_stored {
    char *source;                       /* absolute path */
    char *name;
    char *kind;
    char *key;
    char *upload_id;
    int64_t bytes;
    char sha256[65];
    char *codec;
    enum aks_encryption encryption;
    int64_t stored_bytes;
    char stored_sha256[65];
    int64_t part_bytes;
    int64_t parts;
    int64_t taken_at_ms;
    int64_t stored_at_ms;
    int64_t checked_at_ms;              /* when the target last confirmed it */
    char *method;                       /* of its snapshot; NULL is "identity" */
    bool writer;                        /* somebody was writing meanwhile */
    struct aks_file_info info;          /* identity of the file then */
    bool info_racy;                     /* it, or its log, was so fresh then that equal stamps prove
                                         * nothing */
    bool wal_there;                     /* it had a log then, be it an empty one, */
    struct aks_file_info wal_info;      /* with this identity */
    struct aks_stored_wal wal;
};

void aks_stored_fini(const struct aks_alloc *alloc, struct aks_stored *stored);
/** AKS_NOT_FOUND if there is none. */
enum aks_status aks_state_stored_get(struct aks_state *state, const char *target_identity,
    const char *source, struct aks_stored *ret_stored, struct aks_error *err);
/** All of one place in order of source; array and rows owned by the caller (aks_stored_fini each,
 * then aks_mem_free of the array). */
enum aks_status aks_state_stored_all(struct aks_state *state, const char *target_identity,
    struct aks_stored **ret_rows, size_t *ret_count, struct aks_error *err);
/** The newest upload anywhere that is known, by its id's time (engine/upload_id.h); "" if none is.
 */
enum aks_status aks_state_newest_upload(struct aks_state *state, char ret_id[32],
    struct aks_error *err);
/** Does any target hold ${source} and, of whatever source, an upload of ${upload_id}'s time or a
 * later one? */
enum aks_status aks_state_stored_since(struct aks_state *state, const char *source,
    const char *upload_id, bool *ret_stored, struct aks_error *err);
/** Inserts or replaces all rows in one durable transaction. */
enum aks_status aks_state_stored_put(struct aks_state *state, const char *target_identity,
    const struct aks_stored *rows, size_t count, struct aks_error *err);
enum aks_status aks_state_stored_forget(struct aks_state *state, const char *target_identity,
    const char *source, struct aks_error *err);
/** Was something of that upload stored from here, as far as is known still? ${uploaded_at_ms}: as
 * its manifest says. What was only learnt from the manifest has just that time, so the answer is
 * yes only where the time is an earlier one. */
bool aks_state_stored_here(struct aks_state *state, const char *upload_id,
    int64_t uploaded_at_ms);

/* A breaker: a target that failed is not asked again until its cool-off ends. */
#define AKS_BREAKER_FIRST_MS INT64_C(60000)
#define AKS_BREAKER_MAX_MS INT64_C(900000)

struct aks_breaker {
    unsigned failures;                  /* in a row */
    int64_t open_until_ms;              /* wall clock; 0: closed */
    int64_t last_success_ms;            /* wall clock; 0: never */
    enum aks_status reason;
};

/** A place never heard of is closed. A stamp further ahead than AKS_BREAKER_MAX_MS (the clock was
 * set back) counts as closed. */
enum aks_status aks_state_breaker_get(struct aks_state *state, const char *target_identity,
    int64_t wall_ms, struct aks_breaker *ret_breaker, struct aks_error *err);
/** One more failure: open for FIRST * 2^(failures - 1) or ${least_ms} (what the server asked for),
 * at most MAX. */
enum aks_status aks_state_breaker_failed(struct aks_state *state, const char *target_identity,
    int64_t wall_ms, enum aks_status reason, int64_t least_ms, struct aks_error *err);
enum aks_status aks_state_breaker_succeeded(struct aks_state *state, const char *target_identity,
    int64_t wall_ms, struct aks_error *err);

/** Endpoint facts: "region" = "eu-central-1", "crc64nvme" = "yes". Value copied into ${ret_value}
 * (cut); AKS_NOT_FOUND if there is none younger than ${age_max_ms}. */
enum aks_status aks_state_fact_get(struct aks_state *state, const char *target_identity,
    const char *fact, int64_t wall_ms, int64_t age_max_ms, char *ret_value, size_t value_bytes,
    struct aks_error *err);
enum aks_status aks_state_fact_put(struct aks_state *state, const char *target_identity,
    const char *fact, const char *value, int64_t wall_ms, struct aks_error *err);
/** The same for what must outlast a power failure: after AKS_OK it is on the medium. */
enum aks_status aks_state_fact_keep(struct aks_state *state, const char *target_identity,
    const char *fact, const char *value, int64_t wall_ms, struct aks_error *err);

/* What was spent of a budget in one period. */
#define AKS_STATE_PERIOD_BYTES 24

struct aks_spent {
    int64_t bytes;
    int64_t tries;
};

/** ${period} is a name of the caller's ("2026-11-26"). Nothing spent is no failure. */
enum aks_status aks_state_budget_get(struct aks_state *state, const char *place,
    const char *period, struct aks_spent *ret_spent, struct aks_error *err);
/** Adds ${bytes}, durably; or takes some back, if it is negative. */
enum aks_status aks_state_budget_spend(struct aks_state *state, const char *place,
    const char *period, int64_t wall_ms, int64_t bytes, struct aks_error *err);
/** One more try, durably, if fewer than these were spent (-1: any); of several processes only as
 * many get one. */
enum aks_status aks_state_budget_try(struct aks_state *state, const char *place,
    const char *period, int64_t wall_ms, int64_t bytes_max, int64_t tries_max, bool *ret_left,
    struct aks_error *err);

/** Keeps a run's report (JSON text); not synced: history may lose its last line in a power cut. */
enum aks_status aks_state_run_put(struct aks_state *state, const char *run_id,
    int64_t started_at_ms, const char *outcome, const char *report, struct aks_error *err);
struct aks_history_facts;

/** What became of the last ${max} runs that ended, the newest first. Of reports over
 * AKS_STATE_RECENT_BYTES_MAX only when they began, and their outcome. */
enum aks_status aks_state_runs_recent(struct aks_state *state, struct aks_history_facts *ret_runs,
    size_t max, size_t *ret_count, struct aks_error *err);
/** The newest report, owned; AKS_NOT_FOUND if there is none. */
enum aks_status aks_state_run_last(struct aks_state *state, char **ret_report,
    struct aks_error *err);

/** The report of that run, owned; AKS_NOT_FOUND if it is not kept, or any more. */
enum aks_status aks_state_run_get(struct aks_state *state, const char *run_id, char **ret_report,
    struct aks_error *err);

/* What became of a job of the queue that is there no more. */
#define AKS_STATE_JOB_ID_BYTES 64

struct aks_job_end {
    char id[AKS_STATE_JOB_ID_BYTES];
    int64_t enqueued_at_ms;
    int64_t ended_at_ms;
    char outcome[24];                   /* "stored", "unchanged", "skipped", "superseded",
                                         * "vanished", "cancelled" */
    char by[AKS_STATE_JOB_ID_BYTES];    /* the job that superseded it, or "" */
    char run_id[AKS_STATE_JOB_ID_BYTES];    /* of the run that ended it, or "" */
    char reason[64];                    /* name of a failure, or "" */
    int64_t tries;
};

/** Durable. One that is known is told anew. */
enum aks_status aks_state_job_ended(struct aks_state *state, const struct aks_job_end *end,
    struct aks_error *err);
/** AKS_NOT_FOUND if nothing is known of it. */
enum aks_status aks_state_job_get(struct aks_state *state, const char *id,
    struct aks_job_end *ret_end, struct aks_error *err);

/** Opens ${folder}/state.db to be read, as it is: nothing is made, migrated or waited for.
 * AKS_NOT_FOUND if there is none; AKS_STATE as for open. */
enum aks_status aks_state_open_reading(const struct aks_alloc *alloc, const struct aks_files *files,
    const char *folder, struct aks_state **ret_state, struct aks_error *err);

/* The name that a policy gave a place last, among its facts. */
#define AKS_STATE_FACT_NAME "name"
#define AKS_STATE_TARGETS_MAX 64

struct aks_target_health {
    const char *name;                   /* borrowed for the call */
    unsigned failures;                  /* in a row */
    int64_t open_until_ms;              /* wall clock; 0: it may be asked */
    int64_t last_success_ms;            /* wall clock; 0: never */
    enum aks_status reason;
};

/** Wall clock; 0: nothing is known to be stored anywhere. */
enum aks_status aks_state_last_stored_ms(struct aks_state *state, int64_t *ret_ms,
    struct aks_error *err);
/** Each place that has a name, by name; at most AKS_STATE_TARGETS_MAX. */
enum aks_status aks_state_targets_each(struct aks_state *state, int64_t wall_ms,
    void (*each)(void *ctx, const struct aks_target_health *health), void *ctx,
    struct aks_error *err);

#endif
