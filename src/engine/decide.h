/* The questions that the engine asks, and the answers it accepts.
 *
 * An answerer is a Lua policy (script/decide_lua.c) or a test's C; the engine cannot tell which.
 * Facts are borrowed for the duration of the call; answers own nothing. "No opinion" is always
 * legal: then engine/decide_default.c answers out of the settings. A function that is NULL has no
 * opinion. Every function returns AKS_OK, or AKS_POLICY / AKS_LIMIT with the error filled when the
 * policy itself failed: the run then fails closed. None blocks; none may start anything. Times are
 * milliseconds, sizes bytes. */
#ifndef AKS_ENGINE_DECIDE_H
#define AKS_ENGINE_DECIDE_H

#include "base/error.h"
#include "engine/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_t;

/* Local time, to the minute. */
struct aks_clock_facts {
    int year;
    int month;                  /* 1 to 12 */
    int day;                    /* 1 to 31 */
    int hour;
    int minute;
    int weekday;                /* 0: Monday */
    int32_t utc_offset_s;
};

#define AKS_HISTORY_MAX 10      /* runs that a policy is told of */

/* An earlier run. */
struct aks_history_facts {
    int64_t started_at_ms;      /* wall clock */
    char outcome[16];           /* as in its report */
    char method[16];            /* "" if not known */
    char target[AKS_TARGET_NAME_BYTES]; /* that held everything, or "" */
    char failure[32];           /* why not all is well, or "" */
    int64_t duration_ms;        /* -1: not known */
    int64_t sent_bytes;         /* -1: not known */
};

/* What every question may look at besides its own facts. */
struct aks_now_facts {
    int64_t wall_ms;            /* when this was so */
    struct aks_clock_facts clock;
    struct aks_history_facts history[AKS_HISTORY_MAX];  /* the newest first */
    size_t history_count;
};

struct aks_source_facts {
    const char *name;           /* as in the target: "reflection.duckdb" */
    const char *path;           /* absolute */
    const char *kind;           /* "duckdb" "sqlite" "file" */
    int64_t bytes;
    int64_t age_ms;             /* since it was last modified */
};

struct aks_target_facts {
    const char *name;
    const char *kind;           /* "s3" "http" "dir" */
    bool healthy;               /* its breaker is closed */
    int64_t last_success_ms;    /* ago; -1: never */
    int64_t rate;               /* bytes per second of recent uploads; -1: not known */
    int64_t budget_left;        /* bytes; -1: it has none */
    int64_t tries_left;         /* -1: any */
};

struct aks_failure_facts {
    const char *target;
    const char *operation;      /* "probe" "create" "part 2" "complete" "put" "manifest" "route"
                                 * ... */
    const char *source;         /* name, or NULL where it concerns no one source */
    enum aks_status failure;
    bool transient;
    bool corrected;             /* the engine has mended the cause meanwhile (clock, region,
                                 * credentials) */
    int http_status;            /* 0: no reply */
    int64_t retry_after_ms;     /* what the server asked for; -1: nothing */
    unsigned attempt;           /* 1 for the first failure of this operation */
    int64_t elapsed_ms;         /* since the operation began */
};

struct aks_dedup_facts {
    struct aks_source_facts source;
    struct aks_target_facts target;
    bool unchanged;             /* this target holds these very bytes, as far as is known */
    int64_t stored_ms;          /* ago; -1: never stored there */
};

struct aks_compress_facts {
    struct aks_source_facts source;
    struct aks_target_facts target;
    double sample_ratio;        /* plain / compressed of a sample by zstd 1; 1.0 = it does not
                                 * shrink */
};

/* A source that was still busy after the first, short wait for it. */
struct aks_snapshot_facts {
    struct aks_source_facts source;
    enum aks_status failure;    /* AKS_SOURCE_BUSY, or AKS_SOURCE_CHANGED each time it was read */
    const char *why;            /* for people: "a writer holds it" ... */
    int64_t waited_ms;
    int64_t stored_ms;          /* the last stored copy, ago; -1: never stored anywhere */
    int64_t older_ms;           /* the copy that its target holds was taken so long ago; -1: there
                                 * is none */
};

enum aks_verdict { AKS_NO_OPINION, AKS_WAIT, AKS_NEXT_TARGET, AKS_RESTART, AKS_GIVE_UP };

struct aks_retry_answer {
    enum aks_verdict verdict;
    int64_t wait_ms;            /* of AKS_WAIT: 0 to AKS_RETRY_WAIT_MS_MAX */
    /* What chance might have made of wait_ms, as far as a schedule knows; equal: it has no part. */
    int64_t least_ms;
    int64_t most_ms;
};

enum aks_dedup_verdict { AKS_DEDUP_NO_OPINION, AKS_DEDUP_UPLOAD, AKS_DEDUP_REUSE, AKS_DEDUP_SKIP };

struct aks_route_answer {
    bool opinion;
    struct aks_route route;             /* at least one target with an opinion */
};

struct aks_compress_answer {
    bool opinion;
    struct aks_compress_settings compress;
};

struct aks_snapshot_answer {
    bool opinion;
    struct aks_snapshot_settings snapshot;  /* wait_ms: in all, what was waited included; 0 where
                                             * nothing was said of it */
};

struct aks_decide {
    /* Told before the first question, and before another one when the minute has changed: what is
     * so from now on. ${now} is borrowed until it is told again. NULL: nobody wants to know. */
    void (*now)(void *ctx, const struct aks_now_facts *now);
    enum aks_status (*route)(void *ctx, const struct aks_source_facts *source,
        const struct aks_target_facts *targets, size_t target_count, struct aks_route_answer *ret,
        struct aks_error *err);
    enum aks_status (*dedup)(void *ctx, const struct aks_dedup_facts *facts,
        enum aks_dedup_verdict *ret, struct aks_error *err);
    enum aks_status (*compress)(void *ctx, const struct aks_compress_facts *facts,
        struct aks_compress_answer *ret, struct aks_error *err);
    enum aks_status (*snapshot)(void *ctx, const struct aks_snapshot_facts *facts,
        struct aks_snapshot_answer *ret, struct aks_error *err);
    enum aks_status (*retry)(void *ctx, const struct aks_failure_facts *facts,
        struct aks_retry_answer *ret, struct aks_error *err);
    /* How many bytes a second may be sent from now on, in all: as data/throttle.h, 0 for no limit.
     * Asked when the first upload of a run begins, and about once a minute after that. */
    enum aks_status (*throttle)(void *ctx, int64_t *ret_bytes_per_s, struct aks_error *err);
    /* Told once, at the end, with the report as it will be printed; its result is ignored. */
    enum aks_status (*finished)(void *ctx, const struct json_t *report, struct aks_error *err);
    void *ctx;
};

#endif
