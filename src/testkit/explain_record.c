/* A run that was recorded: by its id or the word "last" out of the state database, or a report in a
 * file. */
#include "api/api_internal.h"
#include "base/check.h"
#include "engine/job_json.h"
#include "engine/whole_file.h"
#include "testkit/explain_internal.h"

#include <string.h>

#define RECORD_BYTES_MAX ((size_t)8 * 1024 * 1024)  /* as engine/state_runs.c keeps */
#define SCHEMA 1
#define LAST "last"

static enum aks_status
read_state(const struct aks_explain_options *options, char **ret_text, struct aks_error *err)
{
    const struct aks_port *real = options->real;
    const char *run = options->run;
    struct aks_state *state = NULL;
    struct aks_file_info info;
    char *folder = NULL;
    char *database = NULL;
    enum aks_status status = akosha_api_state_folder(real, options->state, &folder, err);

    if (status == AKS_OK) {
        database = aks_mem_printf(real->alloc, "%s/state.db", folder);
        if (database == NULL)
            status = aks_error_memory(err, "looking for a run");
    }
    /* Opening it would make it. */
    if (status == AKS_OK &&
        real->files.stat(real->files.ctx, database, true, &info, NULL) != AKS_OK)
        status = aks_error_set(err, AKS_NOT_FOUND, "no run %s is known: there is no %s", run,
            database);
    if (status == AKS_OK)
        status = aks_state_open(real->alloc, &real->files, folder, &state, err);
    if (status == AKS_OK && strcmp(run, LAST) == 0)
        status = aks_state_run_last(state, ret_text, err);
    else if (status == AKS_OK)
        status = aks_state_run_get(state, run, ret_text, err);
    aks_state_close(state);
    aks_mem_free(real->alloc, database);
    aks_mem_free(real->alloc, folder);
    return status;
}

static enum aks_status
read_file(const struct aks_explain_options *options, char **ret_text, struct aks_error *err)
{
    const struct aks_port *real = options->real;
    const char *run = options->run;
    struct aks_error why = { 0 };
    enum aks_status status;
    char *path;
    size_t len;

    path = run[0] == '/' ? aks_mem_strdup(real->alloc, run) : aks_mem_printf(real->alloc, "%s/%s",
        real->environment.working_folder(real->environment.ctx), run);
    if (path == NULL)
        return aks_error_memory(err, "reading a report");
    status = aks_whole_file_read(real, path, RECORD_BYTES_MAX, ret_text, &len, &why);
    aks_mem_free(real->alloc, path);
    if (status == AKS_OK && strlen(*ret_text) == len)
        return AKS_OK;
    if (status == AKS_OK)
        return aks_error_set(err, AKS_NOT_FOUND, "%s is no report: it is no text", run);
    (void)aks_error_set(err, AKS_NOT_FOUND, "%s is no run: %s", run, why.message);
    aks_error_hint(err, "name a run by its run_id, the newest by the word " LAST ", or a file that "
        "holds what run --json printed");
    return AKS_NOT_FOUND;
}

static bool
has(const json_t *report, const char *name, json_type type)
{
    const json_t *value = json_object_get(report, name);

    return value != NULL && json_typeof(value) == type;
}

static enum aks_status
check_report(const char *run, const json_t *report, struct aks_error *err)
{
    const json_t *schema = json_object_get(report, "schema");

    if (json_is_integer(schema) && json_integer_value(schema) > SCHEMA)
        return aks_error_set(err, AKS_NOT_FOUND, "the report of %s is of schema %lld, and this "
            "program knows those up to %d", run, (long long)json_integer_value(schema), SCHEMA);
    if (!json_is_integer(schema) || json_integer_value(schema) != SCHEMA ||
        !has(report, "run_id", JSON_STRING) || !has(report, "policy", JSON_OBJECT) ||
        !has(report, "decisions", JSON_ARRAY))
        return aks_error_set(err, AKS_NOT_FOUND, "%s is no report of a run: it has not the fields "
            "that run --json prints", run);
    return AKS_OK;
}

enum aks_status
aks_explain_record(const struct aks_explain_options *options, json_t **ret_report,
    struct aks_error *err)
{
    bool known = strcmp(options->run, LAST) == 0 || aks_job_json_id_valid(options->run);
    json_error_t why;
    json_t *report = NULL;
    char *text = NULL;
    enum aks_status status = known ? read_state(options, &text, err)
        : read_file(options, &text, err);

    if (status == AKS_OK) {
        report = json_loads(text, JSON_REJECT_DUPLICATES, &why);
        if (report == NULL)
            status = aks_error_set(err, AKS_NOT_FOUND, "%s is no report: line %d: %s", options->run,
                why.line, why.text);
    }
    aks_mem_free(options->real->alloc, text);
    if (status == AKS_OK)
        status = check_report(options->run, report, err);
    if (status == AKS_OK)
        *ret_report = report;
    else
        json_decref(report);
    return status;
}
