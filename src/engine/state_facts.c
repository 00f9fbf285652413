#include "engine/state_internal.h"

#include "base/check.h"

#include <stdio.h>

enum aks_status
aks_state_fact_get(struct aks_state *state, const char *target_identity, const char *fact,
    int64_t wall_ms, int64_t age_max_ms, char *ret_value, size_t value_bytes, struct aks_error *err)
{
    struct aks_state_query query;
    enum aks_status status;
    bool found = false;

    AKS_CHECK(value_bytes > 0);
    ret_value[0] = '\0';
    aks_state_query_begin(&query, state,
        "SELECT value, at_ms FROM facts WHERE target = ? AND fact = ?");
    aks_state_query_text(&query, target_identity);
    aks_state_query_text(&query, fact);
    if (aks_state_query_row(&query)) {
        const char *value = (const char *)sqlite3_column_text(query.stmt, 0);
        int64_t at_ms = sqlite3_column_int64(query.stmt, 1);

        /* One from the future was learnt before the clock was set back: nobody knows when. */
        found = value != NULL && at_ms <= wall_ms && at_ms > wall_ms - age_max_ms;
        if (found)
            (void)snprintf(ret_value, value_bytes, "%s", value);
    }
    status = aks_state_query_end(&query, "read what is known of a target", err);
    if (status == AKS_OK && !found)
        return aks_error_set(err, AKS_NOT_FOUND, "no recent %s is known of %s", fact,
            target_identity);
    return status;
}

static enum aks_status
put(struct aks_state *state, bool durable, const char *target_identity, const char *fact,
    const char *value, int64_t wall_ms, struct aks_error *err)
{
    static const char doing[] = "keep what is known of a target";
    struct aks_state_query query;
    enum aks_status status = aks_state_set_durable(state, durable, doing, err);

    if (status != AKS_OK)
        return status;
    aks_state_query_begin(&query, state,
        "INSERT OR REPLACE INTO facts (target, fact, value, at_ms) VALUES (?, ?, ?, ?)");
    aks_state_query_text(&query, target_identity);
    aks_state_query_text(&query, fact);
    aks_state_query_text(&query, value);
    aks_state_query_int(&query, wall_ms);
    (void)aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_fact_put(struct aks_state *state, const char *target_identity, const char *fact,
    const char *value, int64_t wall_ms, struct aks_error *err)
{
    return put(state, false, target_identity, fact, value, wall_ms, err);
}

enum aks_status
aks_state_fact_keep(struct aks_state *state, const char *target_identity, const char *fact,
    const char *value, int64_t wall_ms, struct aks_error *err)
{
    return put(state, true, target_identity, fact, value, wall_ms, err);
}
