#include "base/units.h"
#include "engine/decide.h"
#include "engine/state_internal.h"

#include <stdio.h>
#include <string.h>

/* One report, and all that are kept: history must not fill a disk. */
#define AKS_STATE_REPORT_BYTES_MAX (8 * 1024 * 1024)
#define AKS_STATE_HISTORY_BYTES_MAX (64 * 1024 * 1024)
/* Old runs go in batches: removing one with each that comes would double the pages that a run
 * writes. */
#define AKS_STATE_RUNS_BATCH 50

/* The rows that go: those before the newest (MAX - BATCH), and those that the newest leave no room
 * for. */
static enum aks_status
trim(struct aks_state *state, int64_t newest, const char *doing, struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state,
        "DELETE FROM runs WHERE id <= max(?, (SELECT ifnull(max(id), 0) FROM"
        " (SELECT id, sum(report_bytes) OVER (ORDER BY id DESC) AS total FROM runs)"
        " WHERE total > ?)) AND id < ?");
    aks_state_query_int(&query, newest - (AKS_STATE_RUNS_MAX - AKS_STATE_RUNS_BATCH));
    aks_state_query_int(&query, AKS_STATE_HISTORY_BYTES_MAX);
    aks_state_query_int(&query, newest);
    (void)aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_run_put(struct aks_state *state, const char *run_id, int64_t started_at_ms,
    const char *outcome, const char *report, struct aks_error *err)
{
    static const char doing[] = "keep the report of a run";
    size_t len = strlen(report);
    struct aks_state_query query;
    enum aks_status status;
    int64_t newest;

    if (len > AKS_STATE_REPORT_BYTES_MAX)
        return aks_error_set(err, AKS_LIMIT, "cannot %s: it is over %d bytes", doing,
            AKS_STATE_REPORT_BYTES_MAX);
    status = aks_state_set_durable(state, false, doing, err);
    if (status != AKS_OK)
        return status;
    aks_state_query_begin(&query, state, "INSERT INTO runs"
        " (run_id, started_at_ms, outcome, report_bytes, report) VALUES (?, ?, ?, ?, ?)");
    aks_state_query_text(&query, run_id);
    aks_state_query_int(&query, started_at_ms);
    aks_state_query_text(&query, outcome);
    aks_state_query_int(&query, (int64_t)len);
    aks_state_query_text(&query, report);
    (void)aks_state_query_row(&query);
    status = aks_state_query_end(&query, doing, err);
    newest = sqlite3_last_insert_rowid(state->db);
    if (status == AKS_OK && newest % AKS_STATE_RUNS_BATCH == 0)
        status = trim(state, newest, doing, err);
    return status;
}

/* Ends ${query} with the report of its row. */
static enum aks_status
take_report(struct aks_state_query *query, struct aks_state *state, char **ret_report,
    const char *doing, struct aks_error *err)
{
    enum aks_status status;
    bool found = aks_state_query_row(query);

    *ret_report = NULL;
    if (found) {
        *ret_report = aks_mem_strdup(state->alloc,
            (const char *)sqlite3_column_text(query->stmt, 0));
        if (*ret_report == NULL)
            query->rc = SQLITE_NOMEM;
    }
    status = aks_state_query_end(query, doing, err);
    return status == AKS_OK && !found ? AKS_NOT_FOUND : status;
}

static void
copy_text(const struct aks_state_query *query, int column, char *ret, size_t bytes)
{
    const char *text = (const char *)sqlite3_column_text(query->stmt, column);

    (void)snprintf(ret, bytes, "%s", text != NULL ? text : "");
}

static int64_t
number_or(const struct aks_state_query *query, int column, double factor)
{
    if (sqlite3_column_type(query->stmt, column) == SQLITE_NULL)
        return -1;
    return (int64_t)(sqlite3_column_double(query->stmt, column) * factor);
}

static void
read_recent(const struct aks_state_query *query, struct aks_history_facts *ret_run)
{
    ret_run->started_at_ms = sqlite3_column_int64(query->stmt, 0);
    copy_text(query, 1, ret_run->outcome, sizeof(ret_run->outcome));
    ret_run->duration_ms = number_or(query, 2, (double)AKS_MS_PER_S);
    ret_run->sent_bytes = number_or(query, 3, 1);
    copy_text(query, 4, ret_run->method, sizeof(ret_run->method));
    copy_text(query, 5, ret_run->target, sizeof(ret_run->target));
    copy_text(query, 6, ret_run->failure, sizeof(ret_run->failure));
}

enum aks_status
aks_state_runs_recent(struct aks_state *state, struct aks_history_facts *ret_runs, size_t max,
    size_t *ret_count, struct aks_error *err)
{
    struct aks_state_query query;

    *ret_count = 0;
    /* A text that is no JSON is somebody else's doing: known is then what stands beside it. */
    aks_state_query_begin(&query, state, "SELECT started_at_ms, outcome,"
        " json_extract(r, '$.duration_s'), json_extract(r, '$.bytes.sent'),"
        " json_extract(r, '$.method'), json_extract(r, '$.target'),"
        " json_extract(r, '$.error.failure') FROM (SELECT id, started_at_ms, outcome,"
        "   iif(report_bytes <= ? AND json_valid(report), report, '{}') AS r"
        "   FROM runs ORDER BY id DESC LIMIT ?) ORDER BY id DESC");
    aks_state_query_int(&query, AKS_STATE_RECENT_BYTES_MAX);
    aks_state_query_int(&query, (int64_t)max);
    while (*ret_count < max && aks_state_query_row(&query))
        read_recent(&query, &ret_runs[(*ret_count)++]);
    return aks_state_query_end(&query, "read what the last runs did", err);
}

enum aks_status
aks_state_run_last(struct aks_state *state, char **ret_report, struct aks_error *err)
{
    struct aks_state_query query;
    enum aks_status status;

    aks_state_query_begin(&query, state, "SELECT report FROM runs ORDER BY id DESC LIMIT 1");
    status = take_report(&query, state, ret_report, "read the last report", err);
    return status != AKS_NOT_FOUND ? status : aks_error_set(err, AKS_NOT_FOUND, "no run is known");
}

enum aks_status
aks_state_run_get(struct aks_state *state, const char *run_id, char **ret_report,
    struct aks_error *err)
{
    struct aks_state_query query;
    enum aks_status status;

    aks_state_query_begin(&query, state,
        "SELECT report FROM runs WHERE run_id = ? ORDER BY id DESC LIMIT 1");
    aks_state_query_text(&query, run_id);
    status = take_report(&query, state, ret_report, "read the report of a run", err);
    return status != AKS_NOT_FOUND ? status : aks_error_set(err, AKS_NOT_FOUND,
        "no run %s is known", run_id);
}
