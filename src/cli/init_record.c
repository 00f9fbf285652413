#include "cli/init_record.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA 1

static const char *const levels[] = {
    [AKS_INIT_HOOK_NONE] = "none",
    [AKS_INIT_HOOK_MOVED] = "moved",
    [AKS_INIT_HOOK_FILE] = "file",
    [AKS_INIT_HOOK_HOOKS] = "hooks",
    [AKS_INIT_HOOK_EVENT] = "event",
    [AKS_INIT_HOOK_GROUP] = "group",
};

/* By the paths of files: the agent's settings, and what was written as a whole. */
static const char *const parts[] = { "hooks", "files" };

/* Once there was one hook, with its settings beside it, and a file was its text alone. */
static bool
take_older(struct aks_init_record *record)
{
    json_t *hooks = json_object_get(record->json, "hooks");
    json_t *files = json_object_get(record->json, "files");
    json_t *hook = json_object_get(record->json, "hook");
    const char *settings = json_string_value(json_object_get(hook, "settings"));
    bool taken = true;

    for (void *at = json_object_iter(files); at != NULL; at = json_object_iter_next(files, at)) {
        json_t *text = json_object_iter_value(at);

        if (json_is_string(text))
            taken = taken && json_object_iter_set_new(files, at,
                json_pack("{s:O}", "text", text)) == 0;
    }
    if (settings == NULL)
        return taken;
    if (json_object_get(hooks, settings) == NULL)
        taken = taken && json_object_set_new(hooks, settings, json_pack("{s:O*, s:O*}", "added",
            json_object_get(hook, "added"), "blank", json_object_get(hook, "blank"))) == 0;
    return taken && json_object_del(record->json, "hook") == 0;
}

enum aks_status
aks_init_record_read(struct aks_init_record *record, const char *text, size_t len,
    struct aks_error *err)
{
    bool read = true;

    record->json = json_loadb(text, len, 0, NULL);
    record->ours = json_integer_value(json_object_get(record->json, "schema")) == SCHEMA;
    if (!record->ours) {
        json_decref(record->json);
        record->json = json_pack("{s:i}", "schema", SCHEMA);
    }
    for (size_t i = 0; i < 2; i++) {
        if (!json_is_object(json_object_get(record->json, parts[i])))
            read = read && json_object_set_new(record->json, parts[i], json_object()) == 0;
    }
    return read && take_older(record) ? AKS_OK
        : aks_error_memory(err, "reading what init has added");
}

void
aks_init_record_fini(struct aks_init_record *record)
{
    json_decref(record->json);
    record->json = NULL;
}

/* What is known of ${path}. */
static json_t *
known(const struct aks_init_record *record, const char *part, const char *path)
{
    return json_object_get(json_object_get(record->json, part), path);
}

static const char *
path_at(const struct aks_init_record *record, const char *part, size_t i)
{
    const char *path;
    json_t *one;

    json_object_foreach(json_object_get(record->json, part), path, one) {
        if (i-- == 0)
            return path;
    }
    return NULL;
}

bool
aks_init_record_hook(const struct aks_init_record *record, const char *settings,
    struct aks_init_hook_added *ret_added)
{
    json_t *hook = known(record, "hooks", settings);
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
    return hook != NULL;
}

const char *
aks_init_record_settings(const struct aks_init_record *record, size_t i)
{
    return path_at(record, "hooks", i);
}

void
aks_init_record_set_hook(struct aks_init_record *record, const char *settings,
    const struct aks_init_hook_added *added)
{
    if (added->level < AKS_INIT_HOOK_FILE)
        return;
    (void)json_object_set_new(json_object_get(record->json, "hooks"), settings,
        json_pack("{s:s, s:s}", "added", levels[added->level], "blank", added->blank));
}

const char *
aks_init_record_file(const struct aks_init_record *record, const char *path)
{
    return json_string_value(json_object_get(known(record, "files", path), "text"));
}

const char *
aks_init_record_kept(const struct aks_init_record *record, const char *path)
{
    return json_string_value(json_object_get(known(record, "files", path), "kept"));
}

void
aks_init_record_set_file(struct aks_init_record *record, const char *path, const char *text,
    const char *kept)
{
    if (kept == NULL)
        kept = aks_init_record_kept(record, path);
    (void)json_object_set_new(json_object_get(record->json, "files"), path,
        json_pack("{s:s, s:s*}", "text", text, "kept", kept));
}

const char *
aks_init_record_path(const struct aks_init_record *record, size_t i)
{
    return path_at(record, "files", i);
}

void
aks_init_record_forget(struct aks_init_record *record, const char *path)
{
    for (size_t i = 0; i < 2; i++)
        (void)json_object_del(json_object_get(record->json, parts[i]), path);
}

bool
aks_init_record_is_empty(const struct aks_init_record *record)
{
    return path_at(record, "hooks", 0) == NULL && path_at(record, "files", 0) == NULL;
}

enum aks_status
aks_init_record_write(const struct aks_init_record *record, struct aks_buf *out,
    struct aks_error *err)
{
    char *text;

    for (size_t i = 0; i < 2; i++) {
        if (json_object_size(json_object_get(record->json, parts[i])) <= AKS_INIT_RECORD_MAX)
            continue;
        (void)aks_error_set(err, AKS_SETTINGS, "init has written %d files already",
            AKS_INIT_RECORD_MAX);
        aks_error_hint(err, "akosha-sync init --undo takes them away");
        return AKS_SETTINGS;
    }
    text = json_dumps(record->json, JSON_INDENT(2));
    if (text == NULL)
        return aks_error_memory(err, "writing what init has added");
    aks_buf_puts(out, text);
    aks_buf_putc(out, '\n');
    free(text);
    return aks_buf_status(out, "what init has added", err);
}
