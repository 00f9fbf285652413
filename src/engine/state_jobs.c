#include "base/units.h"
#include "engine/state_internal.h"

#include <stdio.h>

/* Beyond so many the oldest go, by their ids, which begin with a time. */
#define TRIM "DELETE FROM jobs WHERE id <= (SELECT id FROM jobs ORDER BY id DESC LIMIT 1 OFFSET ?)"

static enum aks_status
trim(struct aks_state *state, const char *doing, struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, TRIM);
    aks_state_query_int(&query, AKS_STATE_JOBS_MAX);
    (void)aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_job_ended(struct aks_state *state, const struct aks_job_end *end, struct aks_error *err)
{
    static const char doing[] = "note what became of a job";
    struct aks_state_query query;
    enum aks_status status = aks_state_begin(state, true, doing, err);

    if (status != AKS_OK)
        return status;
    aks_state_query_begin(&query, state, "INSERT OR REPLACE INTO jobs"
        " (id, enqueued_at_ms, ended_at_ms, outcome, by_job, run_id, reason, tries)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    aks_state_query_text(&query, end->id);
    aks_state_query_int(&query, end->enqueued_at_ms);
    aks_state_query_int(&query, end->ended_at_ms);
    aks_state_query_text(&query, end->outcome);
    aks_state_query_text(&query, end->by[0] != '\0' ? end->by : NULL);
    aks_state_query_text(&query, end->run_id[0] != '\0' ? end->run_id : NULL);
    aks_state_query_text(&query, end->reason[0] != '\0' ? end->reason : NULL);
    aks_state_query_int(&query, end->tries);
    (void)aks_state_query_row(&query);
    status = aks_state_query_end(&query, doing, err);
    if (status == AKS_OK)
        status = trim(state, doing, err);
    return aks_state_finish(state, status, doing, err);
}

static void
copy_text(const struct aks_state_query *query, int column, char *ret, size_t bytes)
{
    const char *text = (const char *)sqlite3_column_text(query->stmt, column);

    (void)snprintf(ret, bytes, "%s", text != NULL ? text : "");
}

enum aks_status
aks_state_job_get(struct aks_state *state, const char *id, struct aks_job_end *ret_end,
    struct aks_error *err)
{
    struct aks_state_query query;
    enum aks_status status;
    bool found;

    aks_state_query_begin(&query, state, "SELECT id, enqueued_at_ms, ended_at_ms, outcome, by_job,"
        " run_id, reason, tries FROM jobs WHERE id = ?");
    aks_state_query_text(&query, id);
    found = aks_state_query_row(&query);
    if (found) {
        copy_text(&query, 0, ret_end->id, sizeof(ret_end->id));
        ret_end->enqueued_at_ms = sqlite3_column_int64(query.stmt, 1);
        ret_end->ended_at_ms = sqlite3_column_int64(query.stmt, 2);
        copy_text(&query, 3, ret_end->outcome, sizeof(ret_end->outcome));
        copy_text(&query, 4, ret_end->by, sizeof(ret_end->by));
        copy_text(&query, 5, ret_end->run_id, sizeof(ret_end->run_id));
        copy_text(&query, 6, ret_end->reason, sizeof(ret_end->reason));
        ret_end->tries = sqlite3_column_int64(query.stmt, 7);
    }
    status = aks_state_query_end(&query, "read what became of a job", err);
    if (status == AKS_OK && !found)
        return aks_error_set(err, AKS_NOT_FOUND, "no job %s is known", id);
    return status;
}
