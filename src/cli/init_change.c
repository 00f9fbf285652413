#include "cli/init_change.h"

#include "akosha/akosha.h"
#include "cli/init_diff.h"

#include <string.h>

void
aks_init_change_init(struct aks_init_changes *changes, const struct aks_alloc *alloc)
{
    memset(changes, 0, sizeof(*changes));
    changes->alloc = alloc;
}

void
aks_init_change_fini(struct aks_init_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        struct aks_init_change *change = &changes->list[i];

        aks_mem_free(changes->alloc, change->path);
        aks_mem_free(changes->alloc, change->after);
        aks_replace_posix_free(changes->alloc, &change->seen);
    }
    changes->count = 0;
}

enum aks_status
aks_init_change_open(struct aks_init_changes *changes, const char *what, const char *path,
    struct aks_init_change **ret_change, struct aks_error *err)
{
    struct aks_init_change *change = &changes->list[changes->count];
    enum aks_status status;

    if (changes->count == AKS_INIT_CHANGES_MAX)
        return aks_error_set(err, AKS_LIMIT, "too many files are to be changed");
    memset(change, 0, sizeof(*change));
    change->what = what;
    change->path = aks_mem_strdup(changes->alloc, path);
    if (change->path == NULL)
        return aks_error_memory(err, "looking at what is there");
    changes->count++;
    status = aks_replace_posix_read(changes->alloc, path, AKS_INIT_CHANGE_BYTES_MAX, &change->seen,
        err);
    change->action = change->seen.exists ? AKS_INIT_KEPT : AKS_INIT_ABSENT;
    *ret_change = change;
    return status;
}

enum aks_status
aks_init_change_write(struct aks_init_changes *changes, struct aks_init_change *change,
    const char *text, size_t len, struct aks_error *err)
{
    if (change->seen.exists && change->seen.len == len &&
        memcmp(change->seen.text, text, len) == 0) {
        change->action = AKS_INIT_UNCHANGED;
        return AKS_OK;
    }
    change->after = aks_mem_strndup(changes->alloc, text, len);
    if (change->after == NULL)
        return aks_error_memory(err, "keeping what is to be written");
    change->after_len = len;
    change->action = AKS_INIT_WRITTEN;
    return AKS_OK;
}

bool
aks_init_change_any(const struct aks_init_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        enum aks_init_action action = changes->list[i].action;

        if (!changes->list[i].hidden && (action == AKS_INIT_WRITTEN || action == AKS_INIT_REMOVED))
            return true;
    }
    return false;
}

const char *
aks_init_change_name(enum aks_init_action action)
{
    static const char *const names[] = { "kept", "unchanged", "written", "removed", "absent" };

    return names[action];
}

void
aks_init_change_diff(const struct aks_init_change *change, struct aks_buf *out)
{
    if (change->action == AKS_INIT_WRITTEN)
        aks_init_diff_write(change->path, change->seen.text, change->seen.len, change->after,
            change->after_len, out);
    else if (change->action == AKS_INIT_REMOVED)
        aks_init_diff_write(change->path, change->seen.text, change->seen.len, "", 0, out);
}

/* --- doing it --------------------------------------------------------------------------------- */

enum aks_status
aks_init_change_folders(const struct aks_files *files, const char *path, struct aks_error *err)
{
    char prefix[AKS_PATH_BYTES];
    size_t len = strlen(path);

    if (len >= sizeof(prefix))
        return aks_error_set(err, AKS_LIMIT, "the path %.60s... is too long", path);
    memcpy(prefix, path, len + 1);
    for (char *at = prefix + 1; (at = strchr(at, '/')) != NULL; at++) {
        struct aks_file_info info;
        struct aks_error why = { 0 };
        enum aks_status status = AKS_OK;

        *at = '\0';
        if (files->stat(files->ctx, prefix, true, &info, NULL) != AKS_OK)
            status = files->make_folder(files->ctx, prefix, &why);
        *at = '/';
        if (status != AKS_OK && status != AKS_CONFLICT) {
            if (err != NULL)
                *err = why;
            return status;
        }
    }
    return AKS_OK;
}

static void
on_problem(void *ctx, const struct akosha_problem *problem)
{
    struct aks_error *err = ctx;

    if (!problem->warning && err->status == AKS_OK)
        (void)aks_error_set(err, AKS_SETTINGS, "the policy that these settings come to is refused: "
            "%s%s%s", problem->field, problem->field[0] != '\0' ? ": " : "", problem->message);
}

enum aks_status
aks_init_change_check(const struct aks_port *port, const char *path, const char *text, size_t len,
    struct aks_error *err)
{
    char *fresh = aks_mem_printf(port->alloc, "%s.checked.lua", path);
    struct aks_replace_posix none = { 0 };
    struct akosha_check_options options = { .port = port, .path = fresh, .problem = on_problem,
        .ctx = err };
    struct akosha_checked checked;
    struct akosha_error error;
    enum aks_status status;

    if (fresh == NULL)
        return aks_error_memory(err, "checking the policy");
    aks_error_clear(err);
    status = aks_replace_posix_write(fresh, &none, text, len, err);
    if (status == AKS_OK) {
        if (akosha_policy_check(&options, &checked, &error) != AKOSHA_OK && err->status == AKS_OK)
            (void)aks_error_set(err, AKS_SETTINGS, "%s", error.message);
        status = err->status;
        (void)port->files.unlink(port->files.ctx, fresh, NULL);
    }
    aks_mem_free(port->alloc, fresh);
    return status;
}

char *
aks_init_change_kept(const struct aks_alloc *alloc, const char *path, const char *stamp)
{
    return aks_mem_printf(alloc, "%s.%s.bak", path, stamp);
}

static enum aks_status
keep(const struct aks_init_changes *changes, const struct aks_init_change *change,
    const char *stamp, struct aks_error *err)
{
    /* 0600, whatever the file has: it is for nobody else. */
    struct aks_replace_posix seen = { 0 };
    char *path = aks_init_change_kept(changes->alloc, change->path, stamp);
    enum aks_status status;

    if (path == NULL)
        return aks_error_memory(err, "keeping what was there");
    status = aks_replace_posix_write(path, &seen, change->seen.text, change->seen.len, err);
    aks_mem_free(changes->alloc, path);
    return status;
}

static enum aks_status
apply(const struct aks_init_changes *changes, const struct aks_init_change *change,
    const struct aks_files *files, const char *stamp, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    if (change->action != AKS_INIT_WRITTEN && change->action != AKS_INIT_REMOVED)
        return AKS_OK;
    if (change->seen.exists && change->backup)
        status = keep(changes, change, stamp, err);
    if (status == AKS_OK && change->action == AKS_INIT_REMOVED)
        return aks_replace_posix_remove(change->path, &change->seen, err);
    if (status == AKS_OK)
        status = aks_init_change_folders(files, change->path, err);
    if (status == AKS_OK)
        status = aks_replace_posix_write(change->path, &change->seen, change->after,
            change->after_len, err);
    return status;
}

enum aks_status
aks_init_change_apply(const struct aks_init_changes *changes, const struct aks_files *files,
    const char *stamp, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    for (int last = 0; last < 2; last++) {
        for (size_t i = 0; i < changes->count && status == AKS_OK; i++) {
            if (changes->list[i].last == (last == 1))
                status = apply(changes, &changes->list[i], files, stamp, err);
        }
    }
    return status;
}
