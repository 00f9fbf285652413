/* What was spent of budgets: facts of a place, one of bytes and one of tries for each period. */
#include "engine/state_internal.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

#define FACT_BYTES (AKS_STATE_PERIOD_BYTES + 16)
/* Of one place; older ones go. A clock that was wrong for a while does not bring back what was
 * spent before. */
#define ROWS_MAX 200

static const char doing[] = "count what a budget has left";

static enum aks_status
read_one(struct aks_state *state, const char *place, const char *what, const char *period,
    int64_t *ret_value, struct aks_error *err)
{
    struct aks_state_query query;
    char fact[FACT_BYTES];

    (void)snprintf(fact, sizeof(fact), "budget.%s %s", what, period);
    *ret_value = 0;
    aks_state_query_begin(&query, state,
        "SELECT CAST(value AS INTEGER) FROM facts WHERE target = ? AND fact = ?");
    aks_state_query_text(&query, place);
    aks_state_query_text(&query, fact);
    if (aks_state_query_row(&query))
        *ret_value = sqlite3_column_int64(query.stmt, 0);
    return aks_state_query_end(&query, doing, err);
}

static enum aks_status
add_one(struct aks_state *state, const char *place, const char *what, const char *period,
    int64_t wall_ms, int64_t add, struct aks_error *err)
{
    struct aks_state_query query;
    char fact[FACT_BYTES];

    if (add == 0)
        return AKS_OK;
    (void)snprintf(fact, sizeof(fact), "budget.%s %s", what, period);
    aks_state_query_begin(&query, state, "INSERT INTO facts (target, fact, value, at_ms)"
        " VALUES (?1, ?2, CAST(max(0, ?3) AS TEXT), ?4) ON CONFLICT (target, fact) DO UPDATE SET"
        " value = CAST(max(0, CAST(value AS INTEGER) + ?3) AS TEXT), at_ms = ?4");
    aks_state_query_text(&query, place);
    aks_state_query_text(&query, fact);
    aks_state_query_int(&query, add);
    aks_state_query_int(&query, wall_ms);
    (void)aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}

static enum aks_status
trim(struct aks_state *state, const char *place, struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, "DELETE FROM facts WHERE target = ?1 AND fact GLOB"
        " 'budget.*' AND fact NOT IN (SELECT fact FROM facts WHERE target = ?1 AND fact GLOB"
        " 'budget.*' ORDER BY at_ms DESC LIMIT ?2)");
    aks_state_query_text(&query, place);
    aks_state_query_int(&query, ROWS_MAX);
    (void)aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_budget_get(struct aks_state *state, const char *place, const char *period,
    struct aks_spent *ret_spent, struct aks_error *err)
{
    enum aks_status status = read_one(state, place, "bytes", period, &ret_spent->bytes, err);

    if (status == AKS_OK)
        status = read_one(state, place, "tries", period, &ret_spent->tries, err);
    return status;
}

enum aks_status
aks_state_budget_spend(struct aks_state *state, const char *place, const char *period,
    int64_t wall_ms, int64_t bytes, struct aks_error *err)
{
    enum aks_status status = aks_state_set_durable(state, bytes > 0, doing, err);

    return status == AKS_OK ? add_one(state, place, "bytes", period, wall_ms, bytes, err) : status;
}

enum aks_status
aks_state_budget_try(struct aks_state *state, const char *place, const char *period,
    int64_t wall_ms, int64_t bytes_max, int64_t tries_max, bool *ret_left, struct aks_error *err)
{
    struct aks_spent spent = { 0 };
    enum aks_status status = aks_state_begin(state, true, doing, err);

    *ret_left = false;
    if (status != AKS_OK)
        return status;
    status = aks_state_budget_get(state, place, period, &spent, err);
    if (status == AKS_OK) {
        *ret_left = (bytes_max < 0 || spent.bytes < bytes_max) &&
            (tries_max < 0 || spent.tries < tries_max);
        if (*ret_left)
            status = add_one(state, place, "tries", period, wall_ms, 1, err);
    }
    if (status == AKS_OK)
        status = trim(state, place, err);
    return aks_state_finish(state, status, doing, err);
}
