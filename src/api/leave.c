/* What is told to somebody else's program: documents made fit to leave, what the last runs did, the
 * policy's text. No engine is needed. */
#include "api/api_internal.h"

#include "base/encode.h"
#include "data/digest.h"
#include "engine/history.h"
#include "engine/leave.h"
#include "engine/policy_text.h"
#include "engine/text.h"
#include "script/embed.h"

#include <stdlib.h>

struct akosha_leaving {
    const struct aks_port *port;
    struct aks_leave *leave;
};

int
akosha_leaving_open(const struct akosha_leaving_options *options,
    struct akosha_leaving **ret_leaving, struct akosha_error *ret_error)
{
    const struct aks_port *port = options->port;
    struct aks_leave_options leave = { .keep_names = options->keep_names };
    struct akosha_leaving *leaving = aks_mem_new(port->alloc, sizeof(*leaving));
    struct aks_error err = { 0 };
    char *folder = NULL;
    char *policy = NULL;
    enum aks_status status = leaving != NULL ? AKS_OK : aks_error_memory(&err, "looking for names");

    if (status == AKS_OK)
        status = akosha_api_state_folder(port, options->state_folder, &folder, &err);
    /* One that may not be used is read by nobody, so nothing in it can leave. */
    if (status == AKS_OK && akosha_api_policy_path(port, options->policy, &policy, &err) != AKS_OK)
        policy = NULL;
    leave.state_folder = folder;
    leave.policy = policy;
    if (status == AKS_OK)
        status = aks_leave_open(port, &leave, &leaving->leave, &err);
    aks_mem_free(port->alloc, policy);
    aks_mem_free(port->alloc, folder);
    if (status != AKS_OK) {
        aks_mem_free(port->alloc, leaving);
        return akosha_api_error(&err, ret_error);
    }
    leaving->port = port;
    *ret_leaving = leaving;
    return AKOSHA_OK;
}

void
akosha_leaving_close(struct akosha_leaving *leaving)
{
    if (leaving == NULL)
        return;
    aks_leave_close(leaving->leave);
    aks_mem_free(leaving->port->alloc, leaving);
}

/* The other documents of api/ go out as they are; this one is redacted before it is a report. */
static struct akosha_report *
report_of(json_t *json)
{
    struct akosha_report *report = calloc(1, sizeof(*report));

    if (report == NULL)
        json_decref(json);
    else
        report->json = json;
    return report;
}

int
akosha_leaving_document(struct akosha_leaving *leaving, const char *text,
    struct akosha_report **ret_report, struct akosha_error *ret_error)
{
    struct aks_error err = { 0 };
    json_t *json = json_loads(text, 0, NULL);
    enum aks_status status = json != NULL ? aks_leave_document(leaving->leave, json, &err)
        : aks_error_set(&err, AKS_INTERNAL, "cannot tell a document: it is no JSON");

    *ret_report = NULL;
    if (status != AKS_OK) {
        json_decref(json);
        return akosha_api_error(&err, ret_error);
    }
    *ret_report = report_of(json);
    if (*ret_report != NULL)
        return AKOSHA_OK;
    (void)aks_error_memory(&err, "telling a document");
    return akosha_api_error(&err, ret_error);
}

int
akosha_history(const struct akosha_history_options *options, struct akosha_report **ret_report,
    struct akosha_error *ret_error)
{
    const struct aks_port *port = options->port;
    struct aks_history_options history = { .outcome = options->outcome,
        .runs_max = options->runs_max != 0 ? options->runs_max : AKS_HISTORY_RUNS };
    struct aks_error err = { 0 };
    json_t *json = NULL;
    char *folder = NULL;
    enum aks_status status;

    *ret_report = NULL;
    if (history.runs_max < 1 || history.runs_max > AKS_HISTORY_RUNS_MAX) {
        (void)aks_error_set(&err, AKS_SETTINGS, "cannot tell so many runs: it is 1 to %d",
            AKS_HISTORY_RUNS_MAX);
        (void)akosha_api_error(&err, ret_error);
        ret_error->code = AKOSHA_USAGE;
        return ret_error->code;
    }
    status = akosha_api_state_folder(port, options->state_folder, &folder, &err);
    history.state_folder = folder;
    if (status == AKS_OK)
        status = aks_history(port, &history, &json, &err);
    aks_mem_free(port->alloc, folder);
    return status == AKS_OK ? akosha_api_report(json, ret_report, ret_error)
        : akosha_api_error(&err, ret_error);
}

static json_t *
policy_json(const char *path, const char *text, size_t len)
{
    char hex[AKS_SHA256_HEX_BYTES];
    uint8_t digest[AKS_SHA256_BYTES];

    aks_sha256(text, len, digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    return json_pack("{s:i, s:b, s:i, s:o, s:s, s:o, s:[], s:n}", "schema", 1, "success", 1,
        "exit_code", 0, "path", aks_text_json(path), "sha256", hex, "text", aks_text_json(text),
        "modules", "error");
}

static enum aks_status
read_policy(const struct aks_port *port, const char *path, json_t **ret_json, struct aks_error *err)
{
    const struct aks_embedded *built_in = aks_embedded_find("policies/default");
    struct aks_policy_text policy = { 0 };
    enum aks_status status;

    if (path == NULL) {
        *ret_json = policy_json("built-in default", built_in->data, built_in->len);
        return *ret_json != NULL ? AKS_OK : aks_error_memory(err, "telling the policy");
    }
    status = aks_policy_text_read(port, path, &policy, err);
    if (status != AKS_OK)
        return status;
    *ret_json = policy_json(path, policy.text, policy.text_len);
    for (size_t i = 0; i < policy.module_count; i++)
        (void)json_array_append_new(json_object_get(*ret_json, "modules"),
            aks_text_json(policy.modules[i].name));
    aks_policy_text_fini(port->alloc, &policy);
    return *ret_json != NULL ? AKS_OK : aks_error_memory(err, "telling the policy");
}

int
akosha_policy_show(const struct aks_port *port, const char *path, struct akosha_report **ret_report,
    struct akosha_error *ret_error)
{
    struct aks_error err = { 0 };
    json_t *json = NULL;
    char *found = NULL;
    enum aks_status status = akosha_api_policy_path(port, path, &found, &err);

    *ret_report = NULL;
    if (status == AKS_OK)
        status = read_policy(port, found, &json, &err);
    aks_mem_free(port->alloc, found);
    return status == AKS_OK ? akosha_api_report(json, ret_report, ret_error)
        : akosha_api_error(&err, ret_error);
}
