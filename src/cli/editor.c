#include "cli/editor.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM "/proc/self/exe"
#define ANNOTATIONS "akosha/types.lua"

/* Seen from the program: where it is installed; in build/NAME/libexec of a tree. */
static const char *const places[] = { AKS_INSTALL_DATA "/akosha-sync/lua/" ANNOTATIONS,
    "../../../lua/" ANNOTATIONS };

#define PLACES (sizeof(places) / sizeof(places[0]))

/* Is there a file at ${place}, seen from the folder of ${program}? */
static bool
is_there(const struct aks_files *files, const char *program, const char *place,
    char ret_path[AKS_PATH_BYTES])
{
    const char *slash = strrchr(program, '/');
    char path[2 * AKS_PATH_BYTES];
    char *real = NULL;
    struct aks_file_info info;
    bool found;

    (void)snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - program), program, place);
    found = files->resolve(files->ctx, path, aks_alloc_system(), &real, NULL) == AKS_OK &&
        strlen(real) < AKS_PATH_BYTES &&
        files->stat(files->ctx, real, true, &info, NULL) == AKS_OK && info.type == AKS_FILE_REGULAR;
    if (found)
        memcpy(ret_path, real, strlen(real) + 1);
    aks_mem_free(aks_alloc_system(), real);
    return found;
}

static enum aks_status
find_annotations(const struct aks_files *files, char ret_path[AKS_PATH_BYTES],
    struct aks_error *err)
{
    char *program = NULL;
    bool found = false;
    enum aks_status status = files->resolve(files->ctx, PROGRAM, aks_alloc_system(), &program, err);

    if (status != AKS_OK)
        return status;
    for (size_t i = 0; !found && i < PLACES; i++)
        found = is_there(files, program, places[i], ret_path);
    if (!found) {
        status = aks_error_set(err, AKS_SETTINGS, "the annotations for editors are neither in %s "
            "nor in %s of the folder of %s", places[0], places[1], program);
        aks_error_hint(err, "cmake --install puts them there");
    }
    aks_mem_free(aks_alloc_system(), program);
    return status;
}

/* Owned (free), or NULL: no memory, or a path that is no text. */
static char *
settings_text(const char *annotations)
{
    json_t *settings = json_pack("{s:s, s:[s], s:{s:s, s:s, s:s, s:s}}", "runtime.version",
        "Lua 5.4", "workspace.library", annotations, "runtime.builtin", "io", "disable", "os",
        "disable", "debug", "disable", "package", "disable");
    char *text = json_dumps(settings, JSON_INDENT(2) | JSON_PRESERVE_ORDER);

    json_decref(settings);
    return text;
}

static enum aks_status
write_settings(const struct aks_files *files, struct aks_editor *editor, struct aks_error *err)
{
    char *text = settings_text(editor->annotations);
    struct aks_file *file = NULL;
    enum aks_status status;

    if (text == NULL)
        return aks_error_set(err, AKS_SETTINGS, "cannot write %s: %s cannot be named in it",
            editor->file, editor->annotations);
    status = files->open(files->ctx, editor->file, AKS_FILE_CREATE, &file, err);
    if (status == AKS_CONFLICT) {
        editor->kept = true;
        status = AKS_OK;
    } else if (status == AKS_OK) {
        status = files->write(file, 0, text, strlen(text), err);
        if (status == AKS_OK)
            status = files->write(file, (int64_t)strlen(text), "\n", 1, err);
        if (status != AKS_OK)
            (void)files->unlink(files->ctx, editor->file, NULL);
    }
    files->close(file);
    free(text);
    return status;
}

enum aks_status
aks_editor_write(const struct aks_files *files, const char *policy, struct aks_editor *ret_editor,
    struct aks_error *err)
{
    const char *slash = strrchr(policy, '/');
    int len = snprintf(ret_editor->file, sizeof(ret_editor->file), "%.*s" AKS_EDITOR_FILE,
        slash != NULL ? (int)(slash - policy) + 1 : 0, policy);
    enum aks_status status;

    ret_editor->kept = false;
    if (len < 0 || (size_t)len >= sizeof(ret_editor->file))
        return aks_error_set(err, AKS_SETTINGS, "the path of the policy is too long");
    status = find_annotations(files, ret_editor->annotations, err);
    return status == AKS_OK ? write_settings(files, ret_editor, err) : status;
}
