#include "engine/doctor_internal.h"

#include "engine/text.h"
#include "wire/dates.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_BYTES 600

static const char *const outcomes[AKS_DOCTOR_OUTCOMES] = { "ok", "warning", "problem", "unknown" };

static json_t *
text_or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? aks_text_json(text) : json_null();
}

static void
add(struct doctor *doctor, const char *target, const char *check, enum aks_doctor_outcome outcome,
    const char *message, const char *hint)
{
    doctor->counts[outcome]++;
    (void)json_array_append_new(doctor->findings, json_pack("{s:o, s:s, s:s, s:o, s:o}", "target",
        text_or_null(target), "check", check, "outcome", outcomes[outcome], "message",
        aks_text_json(message), "hint", text_or_null(hint)));
}

void
aks_doctor_tell(struct doctor *doctor, const char *target, const char *check,
    enum aks_doctor_outcome outcome, const char *hint, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    struct aks_error err;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    add(doctor, target, check, outcome, message, hint);
    if (outcome != AKS_DOCTOR_PROBLEM || doctor->worst.status != AKS_OK)
        return;
    (void)aks_error_set(&err, AKS_CONFLICT, "%s%s%s", target != NULL ? target : "",
        target != NULL ? ": " : "", message);
    if (hint != NULL)
        aks_error_hint(&err, "%s", hint);
    doctor->worst = err;
}

/* The order of exit codes: the lower, the more it counts. */
static int
rank(const struct aks_engine *engine, enum aks_status status)
{
    static const int order[] = { 3, 7, 5, 6, 1 };
    int code = aks_reader_exit_code(engine, status);

    for (int i = 0; i < (int)(sizeof(order) / sizeof(order[0])); i++) {
        if (order[i] == code)
            return i;
    }
    return 100;
}

void
aks_doctor_problem(struct doctor *doctor, const char *target, const char *check,
    const struct aks_error *err)
{
    add(doctor, target, check, AKS_DOCTOR_PROBLEM, err->message, err->hint);
    if (rank(doctor->engine, err->status) < rank(doctor->engine, doctor->worst.status))
        doctor->worst = *err;
}

/* --- the policy ------------------------------------------------------------------------------- */

/* A doctor waits for nobody: what a policy would wait for is one try here. */
static enum aks_status
take_policy(struct doctor *doctor, struct aks_error *err)
{
    const struct aks_policy *policy = doctor->options->policy;

    if (policy == NULL) {
        aks_doctor_problem(doctor, NULL, "policy", doctor->options->policy_error);
        aks_doctor_tell(doctor, NULL, "targets", AKS_DOCTOR_UNKNOWN, NULL,
            "which targets there are cannot be known without the policy");
        return AKS_OK;
    }
    aks_doctor_tell(doctor, NULL, "policy", AKS_DOCTOR_OK, NULL, "%s: targets: %zu, sources: "
        "%zu", policy->settings->policy_path, policy->settings->target_count,
        policy->settings->source_count);
    doctor->settings = *policy->settings;
    doctor->settings.retry.tries = 1;
    doctor->policy.settings = &doctor->settings;
    return aks_reader_init(&doctor->reader, doctor->engine, &doctor->policy, err);
}

/* --- the report ------------------------------------------------------------------------------- */

static json_t *
error_json(const struct doctor *doctor)
{
    return doctor->worst.status == AKS_OK ? json_null() : aks_reader_error_json(&doctor->worst);
}

static json_t *
report_json(struct doctor *doctor)
{
    const struct aks_clock *clock = &doctor->port->clock;
    enum aks_status status = doctor->worst.status;
    char date[AKS_DATE_BYTES];

    return json_pack("{s:i, s:b, s:s, s:s, s:s, s:O, s:O, s:O, s:O, s:{s:i, s:i, s:i, s:i}, s:o, "
        "s:i}", "schema", 1, "success", status == AKS_OK, "at",
        aks_date_iso(clock->wall_ms(clock->ctx), date), "system_id",
        doctor->reader.engine != NULL ? doctor->reader.system_id : "", "state_folder",
        doctor->engine->state_folder, "findings", doctor->findings, "targets", doctor->targets,
        "readers", doctor->readers, "disk", doctor->disk, "counts", outcomes[0],
        (int)doctor->counts[0], outcomes[1], (int)doctor->counts[1], outcomes[2],
        (int)doctor->counts[2], outcomes[3], (int)doctor->counts[3], "error", error_json(doctor),
        "exit_code", aks_reader_exit_code(doctor->engine, status));
}

enum aks_status
aks_doctor(struct aks_engine *engine, const struct aks_doctor_options *options,
    json_t **ret_report, struct aks_error *err)
{
    struct doctor doctor = { .engine = engine, .port = engine->port, .options = options };
    struct aks_error own = { 0 };
    enum aks_status status;

    *ret_report = NULL;
    doctor.findings = json_array();
    doctor.targets = json_array();
    doctor.readers = json_array();
    doctor.disk = json_array();
    status = take_policy(&doctor, &own);
    if (status == AKS_OK && options->policy != NULL)
        status = aks_doctor_targets(&doctor, &own);
    if (status == AKS_OK) {
        aks_doctor_machine(&doctor);
        aks_doctor_readers(&doctor);
    }
    /* Interrupted is told as what was found until then. */
    if (status == AKS_CANCELLED) {
        doctor.worst = own;
        status = AKS_OK;
    }
    if (status == AKS_OK) {
        *ret_report = report_json(&doctor);
        if (*ret_report == NULL)
            status = aks_error_memory(&own, "writing what was found");
    }
    aks_reader_fini(&doctor.reader);
    json_decref(doctor.findings);
    json_decref(doctor.targets);
    json_decref(doctor.readers);
    json_decref(doctor.disk);
    if (status != AKS_OK)
        *err = own;
    return status;
}
