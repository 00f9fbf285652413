#include "cli/init_record.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const levels[] = {
    [AKS_INIT_HOOK_NONE] = "none",
    [AKS_INIT_HOOK_MOVED] = "moved",
    [AKS_INIT_HOOK_FILE] = "file",
    [AKS_INIT_HOOK_HOOKS] = "hooks",
    [AKS_INIT_HOOK_EVENT] = "event",
    [AKS_INIT_HOOK_GROUP] = "group",
};

enum aks_status
aks_init_record_read(struct aks_init_record *record, const char *text, size_t len,
    struct aks_error *err)
{
    record->json = json_loadb(text, len, 0, NULL);
    if (!json_is_object(record->json)) {
        json_decref(record->json);
        record->json = json_pack("{s:i}", "schema", 1);
    }
    if (!json_is_object(json_object_get(record->json, "files")))
        (void)json_object_set_new(record->json, "files", json_object());
    return json_object_get(record->json, "files") != NULL ? AKS_OK
        : aks_error_memory(err, "reading what init has added");
}

void
aks_init_record_fini(struct aks_init_record *record)
{
    json_decref(record->json);
    record->json = NULL;
}

const char *
aks_init_record_hook(const struct aks_init_record *record, struct aks_init_hook_added *ret_added)
{
    json_t *hook = json_object_get(record->json, "hook");
    const char *level = json_string_value(json_object_get(hook, "added"));
    const char *blank = json_string_value(json_object_get(hook, "blank"));

    memset(ret_added, 0, sizeof(*ret_added));
    ret_added->level = AKS_INIT_HOOK_GROUP;
    for (size_t i = AKS_INIT_HOOK_FILE; level != NULL && i <= AKS_INIT_HOOK_GROUP; i++) {
        if (strcmp(level, levels[i]) == 0)
            ret_added->level = (enum aks_init_hook_level)i;
    }
    /* Blanks only, whoever wrote the record. */
    if (blank != NULL && blank[strspn(blank, " \t\r\n")] == '\0')
        (void)snprintf(ret_added->blank, sizeof(ret_added->blank), "%s", blank);
    return json_string_value(json_object_get(hook, "settings"));
}

void
aks_init_record_set_hook(struct aks_init_record *record, const char *settings,
    const struct aks_init_hook_added *added)
{
    if (added->level < AKS_INIT_HOOK_FILE)
        return;
    (void)json_object_set_new(record->json, "hook", json_pack("{s:s, s:s, s:s}", "settings",
        settings, "added", levels[added->level], "blank", added->blank));
}

const char *
aks_init_record_file(const struct aks_init_record *record, const char *path)
{
    return json_string_value(json_object_get(json_object_get(record->json, "files"), path));
}

void
aks_init_record_set_file(struct aks_init_record *record, const char *path, const char *text)
{
    (void)json_object_set_new(json_object_get(record->json, "files"), path, json_string(text));
}

const char *
aks_init_record_path(const struct aks_init_record *record, size_t i)
{
    const char *path;
    json_t *text;

    json_object_foreach(json_object_get(record->json, "files"), path, text) {
        if (i-- == 0)
            return path;
    }
    return NULL;
}

enum aks_status
aks_init_record_write(const struct aks_init_record *record, struct aks_buf *out,
    struct aks_error *err)
{
    char *text = json_dumps(record->json, JSON_INDENT(2));

    if (text == NULL)
        return aks_error_memory(err, "writing what init has added");
    aks_buf_puts(out, text);
    aks_buf_putc(out, '\n');
    free(text);
    return aks_buf_status(out, "what init has added", err);
}
