#include "engine/history.h"

#include "engine/state_internal.h"
#include "engine/text.h"

#include <jansson.h>

/* What of a report stands in a history, as it is. */
static const char *const fields[] = { "run_id", "upload_id", "job_id", "started_at", "duration_s",
    "success", "exit_code", "outcome", "method", "target", "dry_run", "bytes", "error" };
static const char *const file_fields[] = { "name", "kind", "outcome", "targets", "pending",
    "reason", "bytes" };

static void
copy(const json_t *from, const char *const *names, size_t count, json_t *to)
{
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_object_get(from, names[i]);

        if (value != NULL)
            (void)json_object_set(to, names[i], value);
    }
}

static json_t *
run_json(const json_t *report)
{
    json_t *run = json_object();
    json_t *files = json_array();
    json_t *file;
    size_t i;

    copy(report, fields, sizeof(fields) / sizeof(fields[0]), run);
    json_array_foreach(json_object_get(report, "files"), i, file) {
        json_t *told = json_object();

        copy(file, file_fields, sizeof(file_fields) / sizeof(file_fields[0]), told);
        (void)json_array_append_new(files, told);
    }
    (void)json_object_set_new(run, "files", files);
    return run;
}

static const char *
column(const struct aks_state_query *query, int i)
{
    const char *text = (const char *)sqlite3_column_text(query->stmt, i);

    return text != NULL ? text : "";
}

static enum aks_status
read_runs(struct aks_state *state, const struct aks_history_options *options, json_t *runs,
    struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, "SELECT run_id, outcome,"
        " iif(report_bytes <= ?, report, '') FROM runs WHERE ? = '' OR outcome = ?"
        " ORDER BY id DESC LIMIT ?");
    aks_state_query_int(&query, (int64_t)AKS_HISTORY_REPORT_BYTES_MAX);
    aks_state_query_text(&query, options->outcome != NULL ? options->outcome : "");
    aks_state_query_text(&query, options->outcome != NULL ? options->outcome : "");
    aks_state_query_int(&query, options->runs_max);
    while (aks_state_query_row(&query)) {
        json_t *report = json_loads(column(&query, 2), 0, NULL);

        (void)json_array_append_new(runs, report != NULL ? run_json(report)
            : json_pack("{s:o, s:o}", "run_id", aks_text_json(column(&query, 0)), "outcome",
                aks_text_json(column(&query, 1))));
        json_decref(report);
    }
    return aks_state_query_end(&query, "read what the last runs did", err);
}

enum aks_status
aks_history(const struct aks_port *port, const struct aks_history_options *options,
    json_t **ret_report, struct aks_error *err)
{
    struct aks_state *state = NULL;
    json_t *runs = json_array();
    enum aks_status status = aks_state_open_reading(port->alloc, &port->files,
        options->state_folder, &state, err);

    if (status == AKS_OK)
        status = read_runs(state, options, runs, err);
    else if (status == AKS_NOT_FOUND)
        status = AKS_OK;        /* nothing has run yet */
    aks_state_close(state);
    if (status != AKS_OK) {
        json_decref(runs);
        return status;
    }
    *ret_report = json_pack("{s:i, s:b, s:i, s:o, s:n}", "schema", 1, "success", 1, "exit_code", 0,
        "runs", runs, "error");
    return *ret_report != NULL ? AKS_OK : aks_error_memory(err, "telling what the last runs did");
}
