#include "engine/hook_note.h"

#include "engine/engine.h"
#include "engine/private_folder.h"
#include "engine/text.h"
#include "engine/whole_file.h"
#include "wire/dates.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define NAME "hook.json"
#define RUNTIME_NAME "akosha-sync-hook.json"
#define PLACES 2

/* The i-th place, owned; NULL: there is no such place, or no memory. */
static char *
place(const struct aks_port *port, const char *state_folder, int i)
{
    const struct aks_environment *env = &port->environment;
    const char *runtime = env->get(env->ctx, "XDG_RUNTIME_DIR");

    if (i == 0)
        return aks_mem_printf(port->alloc, "%s/" NAME, state_folder);
    if (runtime == NULL || runtime[0] != '/')
        return NULL;
    return aks_mem_printf(port->alloc, "%s/" RUNTIME_NAME, runtime);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* One login may have several state folders. */
static bool
is_of(const struct aks_port *port, const char *state_folder, json_t *note)
{
    char *folder = aks_text_path(port->alloc, state_folder);
    const char *found = json_string_value(json_object_get(note, "state"));
    bool is = folder != NULL && found != NULL && strcmp(folder, found) == 0;

    aks_mem_free(port->alloc, folder);
    return is && json_object_del(note, "state") == 0;
}

static json_t *
read_place(const struct aks_port *port, const char *state_folder, const char *path)
{
    char *text = NULL;
    size_t len = 0;
    json_t *note = NULL;

    if (aks_whole_file_read_own(port, path, AKS_HOOK_NOTE_BYTES_MAX, &text, &len, NULL) == AKS_OK)
        note = json_loadb(text, len, 0, NULL);
    aks_mem_free(port->alloc, text);
    if (json_string_value(json_object_get(note, "failed_at")) != NULL &&
        json_string_value(json_object_get(note, "since")) != NULL &&
        json_string_value(json_object_get(note, "failure")) != NULL &&
        json_string_value(json_object_get(note, "message")) != NULL &&
        json_is_integer(json_object_get(note, "times")) && is_of(port, state_folder, note))
        return note;
    json_decref(note);
    return NULL;
}

json_t *
aks_hook_note_read(const struct aks_port *port, const char *state_folder)
{
    json_t *note = NULL;

    /* Both may be there: the disk was full between two failures. The newest is told. */
    for (int i = 0; i < PLACES; i++) {
        char *path = place(port, state_folder, i);
        json_t *found = path != NULL ? read_place(port, state_folder, path) : NULL;

        aks_mem_free(port->alloc, path);
        if (note != NULL && found != NULL &&
            strcmp(json_string_value(json_object_get(found, "failed_at")),
            json_string_value(json_object_get(note, "failed_at"))) < 0) {
            json_decref(found);
            continue;
        }
        if (found != NULL) {
            json_decref(note);
            note = found;
        }
    }
    return note;
}

/* --- writing ---------------------------------------------------------------------------------- */

static char *
note_text(const struct aks_port *port, const char *state_folder, const struct aks_error *failed)
{
    char date[AKS_DATE_BYTES];
    json_t *before = aks_hook_note_read(port, state_folder);
    json_int_t times = json_integer_value(json_object_get(before, "times"));
    json_t *since = json_object_get(before, "since");
    char *folder = aks_text_path(port->alloc, state_folder);
    json_t *note;
    char *text = NULL;

    (void)aks_date_iso(port->clock.wall_ms(port->clock.ctx), date);
    note = json_pack("{s:s, s:s, s:o, s:I, s:s, s:o, s:o}", "state", folder, "failed_at", date,
        "since", since != NULL ? json_incref(since) : json_string(date), "times",
        times > 0 ? times + 1 : (json_int_t)1, "failure", aks_status_name(failed->status),
        "message", aks_text_json(failed->message), "hint",
        failed->hint[0] != '\0' ? aks_text_json(failed->hint) : json_null());
    if (note != NULL)
        text = json_dumps(note, 0);
    json_decref(note);
    json_decref(before);
    aks_mem_free(port->alloc, folder);
    return text;
}

/* Beside it and renamed: whoever reads finds the old one or this one. */
static enum aks_status
write_place(const struct aks_port *port, const char *path, const char *text, struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    char *fresh = aks_mem_printf(port->alloc, "%s.fresh", path);
    struct aks_file *file = NULL;
    enum aks_status status;

    if (fresh == NULL)
        return aks_error_memory(err, "keeping what a hook failed with");
    /* Of one that was killed. */
    (void)files->unlink(files->ctx, fresh, NULL);
    status = files->open(files->ctx, fresh, AKS_FILE_CREATE, &file, err);
    if (status == AKS_OK)
        status = files->write(file, 0, text, strlen(text), err);
    files->close(file);
    if (status == AKS_OK)
        status = files->rename(files->ctx, fresh, path, err);
    if (status != AKS_OK)
        (void)files->unlink(files->ctx, fresh, NULL);
    aks_mem_free(port->alloc, fresh);
    return status;
}

static enum aks_status
write_any(const struct aks_port *port, const char *state_folder, const char *text,
    struct aks_error *err)
{
    enum aks_status status = aks_engine_make_state_folder(port, state_folder, false, err);

    for (int i = 0; i < PLACES; i++) {
        char *path = i > 0 || status == AKS_OK ? place(port, state_folder, i) : NULL;

        if (path == NULL)
            continue;
        status = write_place(port, path, text, err);
        aks_mem_free(port->alloc, path);
        if (status == AKS_OK)
            return AKS_OK;
    }
    return status != AKS_OK ? status : aks_error_memory(err, "keeping what a hook failed with");
}

enum aks_status
aks_hook_note_write(const struct aks_port *port, const char *state_folder,
    const struct aks_error *failed, struct aks_error *err)
{
    char *text = note_text(port, state_folder, failed);
    enum aks_status status = text != NULL ? write_any(port, state_folder, text, err)
        : aks_error_memory(err, "keeping what a hook failed with");

    free(text);
    return status;
}

void
aks_hook_note_clear(const struct aks_port *port, const char *state_folder)
{
    const struct aks_files *files = &port->files;

    for (int i = 0; i < PLACES; i++) {
        char *path = place(port, state_folder, i);

        if (path != NULL)
            (void)files->unlink(files->ctx, path, NULL);
        aks_mem_free(port->alloc, path);
    }
}
