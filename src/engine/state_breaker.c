#include "engine/state_internal.h"

#include <string.h>

/* Doublings after which the cool-off has long been at its maximum. */
#define AKS_BREAKER_DOUBLINGS_MAX 20
#define AKS_BREAKER_FAILURES_MAX 1000000

static enum aks_status
reason_of(const struct aks_state_query *query, int column)
{
    const char *name = (const char *)sqlite3_column_text(query->stmt, column);
    enum aks_status reason;

    /* A name that only a newer program knows is some failure all the same. */
    if (name == NULL || !aks_status_from_name(name, &reason))
        return AKS_INTERNAL;
    return reason;
}

static void
read_breaker(const struct aks_state_query *query, int64_t wall_ms, struct aks_breaker *ret)
{
    int64_t failures = sqlite3_column_int64(query->stmt, 0);

    if (failures < 0 || failures > AKS_BREAKER_FAILURES_MAX)
        failures = AKS_BREAKER_FAILURES_MAX;
    ret->failures = (unsigned)failures;
    ret->open_until_ms = sqlite3_column_int64(query->stmt, 1);
    ret->last_success_ms = sqlite3_column_int64(query->stmt, 2);
    ret->reason = reason_of(query, 3);
    if (ret->open_until_ms <= wall_ms || ret->open_until_ms - wall_ms > AKS_BREAKER_MAX_MS)
        ret->open_until_ms = 0;
}

enum aks_status
aks_state_breaker_get(struct aks_state *state, const char *target_identity, int64_t wall_ms,
    struct aks_breaker *ret_breaker, struct aks_error *err)
{
    struct aks_state_query query;

    memset(ret_breaker, 0, sizeof(*ret_breaker));
    aks_state_query_begin(&query, state,
        "SELECT failures, open_until_ms, last_success_ms, reason FROM breakers WHERE target = ?");
    aks_state_query_text(&query, target_identity);
    if (aks_state_query_row(&query))
        read_breaker(&query, wall_ms, ret_breaker);
    return aks_state_query_end(&query, "read a target's health", err);
}

static int64_t
cool_off_ms(int64_t failures)
{
    int64_t ms = AKS_BREAKER_FIRST_MS;

    for (int64_t i = 1; i < failures && i <= AKS_BREAKER_DOUBLINGS_MAX; i++)
        ms *= 2;
    return ms < AKS_BREAKER_MAX_MS ? ms : AKS_BREAKER_MAX_MS;
}

/* Counting and reading the count are one statement, so that two processes count two failures. */
static enum aks_status
count_failure(struct aks_state *state, const char *target_identity, enum aks_status reason,
    int64_t *ret_failures, struct aks_error *err)
{
    struct aks_state_query query;

    *ret_failures = 1;
    aks_state_query_begin(&query, state,
        "INSERT INTO breakers (target, failures, open_until_ms, last_success_ms, reason)"
        " VALUES (?, 1, 0, 0, ?) ON CONFLICT (target) DO UPDATE SET"
        " failures = min(max(failures, 0) + 1, ?), reason = excluded.reason RETURNING failures");
    aks_state_query_text(&query, target_identity);
    aks_state_query_text(&query, aks_status_name(reason));
    aks_state_query_int(&query, AKS_BREAKER_FAILURES_MAX);
    while (aks_state_query_row(&query))
        *ret_failures = sqlite3_column_int64(query.stmt, 0);
    return aks_state_query_end(&query, "keep a target's health", err);
}

static enum aks_status
keep_open(struct aks_state *state, const char *target_identity, int64_t until_ms,
    struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, "UPDATE breakers SET open_until_ms = ? WHERE target = ?");
    aks_state_query_int(&query, until_ms);
    aks_state_query_text(&query, target_identity);
    (void)aks_state_query_row(&query);
    return aks_state_query_end(&query, "keep a target's health", err);
}

enum aks_status
aks_state_breaker_failed(struct aks_state *state, const char *target_identity, int64_t wall_ms,
    enum aks_status reason, int64_t least_ms, struct aks_error *err)
{
    static const char doing[] = "keep a target's health";
    int64_t failures = 0;
    int64_t open_ms;
    enum aks_status status = aks_state_begin(state, false, doing, err);

    if (status != AKS_OK)
        return status;
    status = count_failure(state, target_identity, reason, &failures, err);
    if (status == AKS_OK) {
        open_ms = cool_off_ms(failures);
        if (open_ms < least_ms)
            open_ms = least_ms < AKS_BREAKER_MAX_MS ? least_ms : AKS_BREAKER_MAX_MS;
        status = keep_open(state, target_identity, wall_ms + open_ms, err);
    }
    return aks_state_finish(state, status, doing, err);
}

enum aks_status
aks_state_breaker_succeeded(struct aks_state *state, const char *target_identity, int64_t wall_ms,
    struct aks_error *err)
{
    static const char doing[] = "keep a target's health";
    struct aks_state_query query;
    enum aks_status status = aks_state_set_durable(state, false, doing, err);

    if (status != AKS_OK)
        return status;
    aks_state_query_begin(&query, state, "INSERT OR REPLACE INTO breakers"
        " (target, failures, open_until_ms, last_success_ms, reason) VALUES (?, 0, 0, ?, ?)");
    aks_state_query_text(&query, target_identity);
    aks_state_query_int(&query, wall_ms);
    aks_state_query_text(&query, aks_status_name(AKS_OK));
    (void)aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}
