#include "api/api_internal.h"

#include "engine/drill.h"
#include "engine/listing.h"
#include "engine/run.h"
#include "engine/run_job.h"
#include "engine/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
akosha_api_report(json_t *json, struct akosha_report **ret_report, struct akosha_error *ret_error)
{
    const json_t *error = json_object_get(json, "error");
    struct akosha_report *report = calloc(1, sizeof(*report));
    struct aks_error err = { 0 };

    if (report == NULL) {
        json_decref(json);
        (void)aks_error_memory(&err, "writing the report");
        return akosha_api_error(&err, ret_error);
    }
    /* However it was put together: what others wrote in it loses what is secret. */
    if (!aks_text_redact(json, 0)) {
        json_decref(json);
        free(report);
        (void)aks_error_memory(&err, "writing the report");
        return akosha_api_error(&err, ret_error);
    }
    report->json = json;
    *ret_report = report;
    ret_error->code = (int)json_integer_value(json_object_get(json, "exit_code"));
    ret_error->failure = aks_status_name(AKS_OK);
    ret_error->message[0] = '\0';
    ret_error->hint[0] = '\0';
    if (json_is_object(error)) {
        const char *hint = json_string_value(json_object_get(error, "hint"));
        const char *failure = json_string_value(json_object_get(error, "failure"));
        enum aks_status status = AKS_INTERNAL;

        (void)aks_status_from_name(failure != NULL ? failure : "", &status);
        ret_error->failure = aks_status_name(status);
        (void)snprintf(ret_error->message, sizeof(ret_error->message), "%s",
            json_string_value(json_object_get(error, "message")));
        (void)snprintf(ret_error->hint, sizeof(ret_error->hint), "%s", hint != NULL ? hint : "");
    }
    return ret_error->code;
}

int
akosha_run(struct akosha *engine, struct akosha_policy *policy,
    const struct akosha_run_options *options, struct akosha_report **ret_report,
    struct akosha_error *ret_error)
{
    const struct aks_environment *env = &engine->options.port->environment;
    struct aks_run_options run = { 0 };
    struct aks_error err = { 0 };
    json_t *json = NULL;

    *ret_report = NULL;
    run.policy = policy->policy;
    run.policy_text = &policy->text;
    run.environment = &policy->environment;
    run.sources = options->sources;
    run.source_count = options->source_count;
    run.source_folder = options->sources != NULL ? env->working_folder(env->ctx) : policy->folder;
    run.target = options->target;
    run.no_fallback = options->no_fallback;
    run.dry_run = options->dry_run;
    if (aks_run(engine->engine, &run, &json, &err) != AKS_OK)
        return akosha_api_error(&err, ret_error);
    if (!options->dry_run) {
        aks_run_leftovers(engine->engine, json);
        aks_drill_warn(engine->engine, policy->policy->settings);
    }
    return akosha_api_report(json, ret_report, ret_error);
}

int
akosha_list(struct akosha *engine, struct akosha_policy *policy, const char *target,
    struct akosha_report **ret_report, struct akosha_error *ret_error)
{
    struct aks_listing_options options = { 0 };
    struct aks_error err = { 0 };
    json_t *json = NULL;

    *ret_report = NULL;
    options.policy = policy->policy;
    options.target = target;
    if (aks_listing(engine->engine, &options, &json, &err) != AKS_OK)
        return akosha_api_error(&err, ret_error);
    return akosha_api_report(json, ret_report, ret_error);
}

const char *
akosha_report_json(struct akosha_report *report, bool pretty)
{
    free(report->text);
    report->text = json_dumps(report->json, pretty ? JSON_INDENT(2) : JSON_COMPACT);
    return report->text;
}

/* The value at a path such as "files.0.outcome", or NULL. */
static const json_t *
find(const struct akosha_report *report, const char *path)
{
    const json_t *value = report->json;

    while (value != NULL && *path != '\0') {
        char name[64];
        size_t len = strcspn(path, ".");

        if (len >= sizeof(name))
            return NULL;
        memcpy(name, path, len);
        name[len] = '\0';
        path += len + (path[len] == '.');
        if (json_is_array(value))
            value = json_array_get(value, strtoul(name, NULL, 10));
        else
            value = json_object_get(value, name);
    }
    return value;
}

const char *
akosha_report_text(const struct akosha_report *report, const char *path)
{
    return json_string_value(find(report, path));
}

int64_t
akosha_report_number(const struct akosha_report *report, const char *path, int64_t absent)
{
    const json_t *value = find(report, path);

    if (json_is_integer(value))
        return json_integer_value(value);
    if (json_is_real(value))
        return (int64_t)json_real_value(value);
    if (json_is_boolean(value))
        return json_is_true(value);
    if (json_is_array(value))
        return (int64_t)json_array_size(value);
    return absent;
}

double
akosha_report_real(const struct akosha_report *report, const char *path, double absent)
{
    const json_t *value = find(report, path);

    return json_is_number(value) ? json_number_value(value) : absent;
}

void
akosha_report_free(struct akosha_report *report)
{
    if (report == NULL)
        return;
    json_decref(report->json);
    free(report->text);
    free(report);
}
