/* Each target of the policy: is it there, with which key, and what can it do? */
#include "engine/doctor_internal.h"

#include "engine/text.h"

#include <string.h>

/* What is not asked of a kind is null. */
static json_t *
capabilities_json(const struct aks_target_settings *settings)
{
    const struct aks_target_class *class = aks_target_class_of(settings->kind);

    return json_pack("{s:b, s:b, s:b, s:n, s:n}", "list", class->can_list, "resume",
        class->resumes, "markers", class->markers && !settings->no_markers, "conditional_put",
        "crc64nvme");
}

static bool
is_about_keys(enum aks_status status)
{
    return status == AKS_AUTH_MISSING || status == AKS_AUTH_EXPIRED ||
        status == AKS_AUTH_INVALID || status == AKS_FORBIDDEN;
}

/* Its own word where it is what scripts look for; else it is not there. */
static const char *
check_of(enum aks_status status)
{
    if (is_about_keys(status))
        return "credentials";
    if (status == AKS_CLOCK_SKEW)
        return "clock";
    return status == AKS_SETTINGS ? "settings" : "reachable";
}

static enum aks_status
examine(struct doctor *doctor, size_t index, struct aks_error *err)
{
    struct aks_reader *reader = &doctor->reader;
    const struct aks_target_settings *settings = &doctor->settings.targets[index];
    json_t *capabilities = capabilities_json(settings);
    json_t *row = json_pack("{s:s, s:s, s:b, s:n, s:n, s:n}", "name", settings->name, "kind",
        aks_target_kind_name(settings->kind), "reachable", 0, "credentials", "clock_skew_s",
        "region");
    enum aks_status status;

    (void)json_object_set_new(row, "capabilities", capabilities);
    (void)json_array_append_new(doctor->targets, row);
    status = aks_reader_open(reader, index, err);
    if (status == AKS_CANCELLED)
        return status;
    if (status != AKS_OK) {
        aks_doctor_problem(doctor, settings->name, check_of(status), err);
        return AKS_OK;
    }
    (void)json_object_set_new(row, "reachable", json_true());
    aks_doctor_tell(doctor, settings->name, "reachable", AKS_DOCTOR_OK, NULL, "%s",
        settings->kind == AKS_TARGET_DIR ? "the folder can be written" : "it answers");
    if (settings->kind == AKS_TARGET_S3)
        status = aks_doctor_s3(doctor, row, capabilities);
    else if (settings->kind == AKS_TARGET_HTTP && settings->token != NULL)
        aks_doctor_tell(doctor, settings->name, "credentials", AKS_DOCTOR_OK, NULL,
            "the secret %s", settings->token);
    aks_reader_close(reader);
    return status == AKS_CANCELLED ? aks_error_set(err, status, "interrupted") : AKS_OK;
}

enum aks_status
aks_doctor_targets(struct doctor *doctor, struct aks_error *err)
{
    const char *wanted = doctor->options->target;
    enum aks_status status = AKS_OK;
    size_t index = 0;

    if (wanted != NULL)
        status = aks_reader_find(&doctor->reader, wanted, &index, err);
    for (size_t i = 0; i < doctor->settings.target_count && status == AKS_OK; i++) {
        if (wanted == NULL || i == index)
            status = examine(doctor, i, err);
    }
    return status;
}
