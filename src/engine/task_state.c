/* What a policy keeps from run to run, and its own records in the audit log. */
#include "base/encode.h"
#include "data/digest.h"
#include "engine/audit_note.h"
#include "engine/policy_text.h"
#include "engine/task_internal.h"
#include "engine/text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All of it, as JSON text. */
#define STATE_BYTES_MAX ((size_t)128 * 1024)
#define FACT "task_state"
#define IDENTITY_BYTES (AKS_SHA256_HEX_BYTES + 8)

/* Where it is kept: under the policy's own path, so that no other policy finds it. */
static void
identity(const struct aks_task *task, char ret_identity[IDENTITY_BYTES])
{
    const struct aks_policy_text *text = task->run->options->policy_text;
    const char *path = text != NULL && text->path != NULL ? text->path : "";
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_SHA256_HEX_BYTES];

    aks_sha256(path, strlen(path), digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    (void)snprintf(ret_identity, IDENTITY_BYTES, "policy:%s", hex);
}

/* Stamped with no time: it does not age, and no clock that is set makes it vanish. */
static enum aks_status
load(struct aks_task *task, struct aks_error *err)
{
    char id[IDENTITY_BYTES];
    char *text = aks_mem_resize(task->alloc, NULL, STATE_BYTES_MAX + 1);
    enum aks_status status;

    if (text == NULL)
        return aks_error_memory(err, "reading a policy's state");
    identity(task, id);
    status = aks_state_fact_get(task->run->engine->state, id, FACT, 1, 2, text,
        STATE_BYTES_MAX + 1, err);
    if (status == AKS_OK)
        task->state = json_loads(text, 0, NULL);
    aks_mem_free(task->alloc, text);
    if (status != AKS_OK && status != AKS_NOT_FOUND)
        return status;
    /* What cannot be read is as good as lost. */
    if (!json_is_object(task->state)) {
        json_decref(task->state);
        task->state = json_object();
    }
    return task->state != NULL ? AKS_OK : aks_error_memory(err, "reading a policy's state");
}

static enum aks_status
store(const struct aks_task *task, struct aks_error *err)
{
    char id[IDENTITY_BYTES];
    char *text = json_dumps(task->state, JSON_COMPACT | JSON_SORT_KEYS);
    enum aks_status status = AKS_OK;

    if (text == NULL)
        return aks_error_memory(err, "keeping a policy's state");
    identity(task, id);
    if (strlen(text) > STATE_BYTES_MAX)
        status = aks_error_set(err, AKS_POLICY, "the state would be larger than %zu bytes",
            STATE_BYTES_MAX);
    else if (!task->run->options->dry_run)
        status = aks_state_fact_put(task->run->engine->state, id, FACT, text, 0, err);
    free(text);
    return status;
}

enum aks_status
aks_task_state_get(struct aks_task *task, const char *key, struct aks_task_value *ret_value,
    struct aks_error *err)
{
    const json_t *value;

    memset(ret_value, 0, sizeof(*ret_value));
    if (task->state == NULL && load(task, err) != AKS_OK)
        return err->status;
    value = json_object_get(task->state, key);
    if (json_is_boolean(value)) {
        ret_value->type = AKS_TASK_BOOLEAN;
        ret_value->boolean = json_is_true(value);
    } else if (json_is_integer(value)) {
        ret_value->type = AKS_TASK_INTEGER;
        ret_value->integer = json_integer_value(value);
    } else if (json_is_real(value)) {
        ret_value->type = AKS_TASK_NUMBER;
        ret_value->number = json_real_value(value);
    } else if (json_is_string(value)) {
        ret_value->type = AKS_TASK_TEXT;
        ret_value->text = json_string_value(value);
        ret_value->len = json_string_length(value);
    }
    return AKS_OK;
}

/* NULL if it cannot be written as JSON. */
static json_t *
value_json(const struct aks_task_value *value)
{
    switch (value->type) {
    case AKS_TASK_NOTHING:
        return json_null();
    case AKS_TASK_BOOLEAN:
        return json_boolean(value->boolean);
    case AKS_TASK_INTEGER:
        return json_integer(value->integer);
    case AKS_TASK_NUMBER:
        return json_real(value->number);
    case AKS_TASK_TEXT:
        return json_stringn(value->text, value->len);
    }
    return NULL;
}

enum aks_status
aks_task_state_put(struct aks_task *task, const char *key, const struct aks_task_value *value,
    struct aks_error *err)
{
    json_t *before;
    json_t *after = NULL;
    enum aks_status status;

    if (task->state == NULL && load(task, err) != AKS_OK)
        return err->status;
    before = json_incref(json_object_get(task->state, key));
    if (value->type != AKS_TASK_NOTHING) {
        after = value_json(value);
        if (after == NULL) {
            json_decref(before);
            return aks_error_set(err, AKS_POLICY, "the text is not UTF-8");
        }
        if (before == NULL && json_object_size(task->state) == AKS_TASK_STATE_KEYS_MAX) {
            json_decref(after);
            return aks_error_set(err, AKS_POLICY, "more than %d keys", AKS_TASK_STATE_KEYS_MAX);
        }
        (void)json_object_set_new(task->state, key, after);
    } else {
        (void)json_object_del(task->state, key);
    }
    status = store(task, err);
    if (status != AKS_OK && before != NULL)
        (void)json_object_set(task->state, key, before);
    else if (status != AKS_OK)
        (void)json_object_del(task->state, key);
    json_decref(before);
    return status;
}

const char *
aks_task_state_next(struct aks_task *task, const char *key)
{
    const char *next = NULL;
    const char *name;
    json_t *value;
    struct aks_error err;

    if (task->state == NULL && load(task, &err) != AKS_OK)
        return NULL;
    json_object_foreach(task->state, name, value) {
        if ((key == NULL || strcmp(name, key) > 0) && (next == NULL || strcmp(name, next) < 0))
            next = name;
    }
    return next;
}

enum aks_status
aks_task_audit(struct aks_task *task, const struct aks_task_value *fields, size_t count,
    struct aks_error *err)
{
    const struct aks_run *run = task->run;
    json_t *said;

    if (task->audit_lines == AKS_TASK_AUDIT_LINES_MAX)
        return aks_error_set(err, AKS_POLICY, "more than %d records in one run",
            AKS_TASK_AUDIT_LINES_MAX);
    task->audit_lines++;
    if (run->options->dry_run)
        return AKS_OK;
    said = json_object();
    for (size_t i = 0; i < count; i++)
        (void)json_object_set_new(said, fields[i].name, fields[i].type == AKS_TASK_TEXT
                ? aks_text_json(fields[i].text) : value_json(&fields[i]));
    return aks_audit_note(run->engine, "policy", json_pack("{s:s, s:s, s:s, s:o}", "run_id",
        run->run_id, "system_id", run->system_id, "policy_sha256", run->settings->policy_sha256,
        "said", said), err);
}
