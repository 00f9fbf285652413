/* What status tells out of the state database. */
#include "base/units.h"
#include "engine/state_internal.h"

#include <stdio.h>

enum aks_status
aks_state_last_stored_ms(struct aks_state *state, int64_t *ret_ms, struct aks_error *err)
{
    struct aks_state_query query;

    *ret_ms = 0;
    aks_state_query_begin(&query, state, "SELECT ifnull(max(stored_at_ms), 0) FROM stored");
    if (aks_state_query_row(&query))
        *ret_ms = sqlite3_column_int64(query.stmt, 0);
    return aks_state_query_end(&query, "read when something was stored last", err);
}

enum aks_status
aks_state_targets_each(struct aks_state *state, int64_t wall_ms,
    void (*each)(void *ctx, const struct aks_target_health *health), void *ctx,
    struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, "SELECT n.target, n.value, ifnull(b.failures, 0),"
        " ifnull(b.open_until_ms, 0), ifnull(b.last_success_ms, 0), ifnull(b.reason, 'ok')"
        " FROM facts n LEFT JOIN breakers b ON b.target = n.target WHERE n.fact = ?"
        " ORDER BY n.value, n.target LIMIT ?");
    aks_state_query_text(&query, AKS_STATE_FACT_NAME);
    aks_state_query_int(&query, AKS_STATE_TARGETS_MAX);
    while (aks_state_query_row(&query)) {
        const char *reason = (const char *)sqlite3_column_text(query.stmt, 5);
        struct aks_target_health health = { 0 };

        health.name = (const char *)sqlite3_column_text(query.stmt, 1);
        health.failures = (unsigned)sqlite3_column_int64(query.stmt, 2);
        health.open_until_ms = sqlite3_column_int64(query.stmt, 3);
        health.last_success_ms = sqlite3_column_int64(query.stmt, 4);
        (void)aks_status_from_name(reason != NULL ? reason : "ok", &health.reason);
        /* As the breaker itself is read: a clock was set back. */
        if (health.open_until_ms <= wall_ms ||
            health.open_until_ms - wall_ms > AKS_BREAKER_MAX_MS)
            health.open_until_ms = 0;
        if (health.name != NULL)
            each(ctx, &health);
    }
    return aks_state_query_end(&query, "read what is known of the targets", err);
}
