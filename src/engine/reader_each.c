/* What looks at one target after the other, and tells of each. */
#include "engine/reader.h"

#include <jansson.h>
#include <string.h>

static enum aks_status
look_at_one(struct aks_reader *reader, const struct aks_reader_each *each, size_t index,
    json_t *targets, struct aks_error *err)
{
    const struct aks_target_settings *settings = &reader->settings->targets[index];
    json_t *row = json_pack("{s:s, s:s}", "name", settings->name, "kind",
        aks_target_kind_name(settings->kind));
    enum aks_status status;

    if (row == NULL)
        return aks_error_memory(err, each->doing);
    aks_error_clear(err);
    status = each->look(each->ctx, index, row, err);
    if (json_object_set_new(row, "error",
            status == AKS_OK ? json_null() : aks_reader_error_json(err)) != 0) {
        json_decref(row);
        return status != AKS_OK ? status : aks_error_memory(err, each->doing);
    }
    if (json_array_append_new(targets, row) != 0)
        return status != AKS_OK ? status : aks_error_memory(err, each->doing);
    return status;
}

enum aks_status
aks_reader_holds_files(const struct aks_reader *reader, const char *doing, struct aks_error *err)
{
    for (size_t i = 0; i < reader->settings->target_count; i++) {
        if (!aks_target_delivers_rows(reader->settings->targets[i].kind))
            return AKS_OK;
    }
    return aks_error_set(err, AKS_SETTINGS, "%s: the policy has no target that holds files", doing);
}

static enum aks_status
none(const struct aks_reader_each *each, struct aks_error *err)
{
    if (each->target != NULL)
        return aks_error_set(err, AKS_SETTINGS, "--target %s: the policy has no target of that "
            "name", each->target);
    return aks_error_set(err, AKS_SETTINGS, "%s: the policy has no target whose uploads can be "
        "listed", each->doing);
}

enum aks_status
aks_reader_each(struct aks_reader *reader, const struct aks_reader_each *each, json_t *targets,
    struct aks_error *err)
{
    const struct aks_settings *settings = reader->settings;
    enum aks_status first = AKS_OK;
    bool found = false;

    for (size_t i = 0; i < settings->target_count && first != AKS_CANCELLED; i++) {
        const struct aks_target_settings *target = &settings->targets[i];
        bool can_list = aks_target_class_of(target->kind)->can_list;
        struct aks_error own;
        enum aks_status status;

        if (each->target != NULL && strcmp(each->target, target->name) != 0)
            continue;
        if (each->target != NULL && !can_list)
            return aks_error_set(err, AKS_SETTINGS, "%s: what target %s holds cannot be listed: it "
                "is an %s target", each->doing, target->name, aks_target_kind_name(target->kind));
        /* Other credentials are for those that have any. */
        if (!can_list || (each->target == NULL && reader->credentials != NULL &&
                target->kind != AKS_TARGET_S3))
            continue;
        found = true;
        status = look_at_one(reader, each, i, targets, &own);
        if (status != AKS_OK && (first == AKS_OK || status == AKS_CANCELLED)) {
            first = status;
            *err = own;
        }
    }
    return found ? first : none(each, err);
}
