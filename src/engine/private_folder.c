#include "engine/private_folder.h"

#include <stdio.h>
#include <string.h>

#define MODE_GROUP_OR_OTHERS_WRITE 022u
#define MODE_OTHERS_WRITE 02u
#define MODE_STICKY 01000u

/* What we make in a state folder. That there is none of another kind is seen before any of it is
 * opened, as not everything that opens it can be told to follow no link: SQLite for one. */
static const char *const own_names[] = { "queue", "queue/.lock", "scratch", "snapshots", "drill",
    "state.db", "state.db-wal", "state.db-shm", "state.db-journal", "state.lock", "audit.jsonl",
    "worker.lock", "delivery.lock", "hook.json" };

static enum aks_status
somebody_elses(const char *what, const char *path, uint32_t uid, struct aks_error *err)
{
    (void)aks_error_set(err, AKS_FORBIDDEN, "%s%s belongs to somebody else (user %u)", what, path,
        (unsigned)uid);
    aks_error_hint(err, "run it as that user, or name a folder of your own");
    return AKS_FORBIDDEN;
}

static enum aks_status
others_may_write(const char *path, uint32_t mode, const char *chmod, struct aks_error *err)
{
    (void)aks_error_set(err, AKS_FORBIDDEN, "%s can be written by others (mode %04o)", path,
        (unsigned)(mode & 07777));
    aks_error_hint(err, "chmod %s '%s'", chmod, path);
    return AKS_FORBIDDEN;
}

/* Who may change a link chooses where it leads. */
static enum aks_status
check_link(const struct aks_files *files, const char *path, const struct aks_file_info *info,
    struct aks_error *err)
{
    if (info->type == AKS_FILE_LINK && info->uid != files->uid && info->uid != 0)
        return somebody_elses("the link ", path, info->uid, err);
    return AKS_OK;
}

enum aks_status
aks_private_folder_check(const struct aks_port *port, const char *path, struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct aks_file_info info;
    enum aks_status status = files->stat(files->ctx, path, false, &info, err);

    if (status == AKS_OK)
        status = check_link(files, path, &info, err);
    if (status == AKS_OK && info.type == AKS_FILE_LINK)
        status = files->stat(files->ctx, path, true, &info, err);
    if (status != AKS_OK)
        return status;
    if (info.type != AKS_FILE_FOLDER)
        return aks_error_set(err, AKS_FORBIDDEN, "%s is no folder", path);
    if (info.uid != files->uid)
        return somebody_elses("", path, info.uid, err);
    if ((info.mode & MODE_GROUP_OR_OTHERS_WRITE) != 0)
        return others_may_write(path, info.mode, "700", err);
    return AKS_OK;
}

static enum aks_status
check_own(const struct aks_files *files, const char *path, struct aks_error *err)
{
    struct aks_file_info info;

    if (files->stat(files->ctx, path, false, &info, NULL) != AKS_OK)
        return AKS_OK;
    if (info.type == AKS_FILE_LINK) {
        (void)aks_error_set(err, AKS_FORBIDDEN, "%s is a link, which is not followed here", path);
        aks_error_hint(err, "move it away: nothing of akosha-sync's is a link");
        return AKS_FORBIDDEN;
    }
    if (info.uid != files->uid)
        return somebody_elses("", path, info.uid, err);
    return AKS_OK;
}

enum aks_status
aks_private_folder_check_all(const struct aks_port *port, const char *path, struct aks_error *err)
{
    enum aks_status status = aks_private_folder_check(port, path, err);

    for (size_t i = 0; i < sizeof(own_names) / sizeof(own_names[0]) && status == AKS_OK; i++) {
        char own[AKS_PATH_BYTES];
        int len = snprintf(own, sizeof(own), "%s/%s", path, own_names[i]);

        /* What has no room cannot be there either. */
        if (len > 0 && (size_t)len < sizeof(own))
            status = check_own(&port->files, own, err);
    }
    return status;
}

enum aks_status
aks_private_folder_check_settings(const struct aks_port *port, const char *path,
    struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct aks_file_info info;
    enum aks_status status = files->stat(files->ctx, path, false, &info, err);

    if (status == AKS_OK)
        status = check_link(files, path, &info, err);
    if (status == AKS_OK && info.type == AKS_FILE_LINK)
        status = files->stat(files->ctx, path, true, &info, err);
    if (status != AKS_OK)
        return status;
    if (info.uid != files->uid && info.uid != 0)
        return somebody_elses("", path, info.uid, err);
    if ((info.mode & MODE_OTHERS_WRITE) != 0)
        return others_may_write(path, info.mode, "go-w", err);
    return AKS_OK;
}

size_t
aks_private_folder_open_parent(const struct aks_port *port, const char *path)
{
    const struct aks_files *files = &port->files;
    char prefix[AKS_PATH_BYTES];
    size_t len = strlen(path);

    if (len >= sizeof(prefix))
        return 0;
    memcpy(prefix, path, len + 1);
    for (size_t i = 1; i < len; i++) {
        struct aks_file_info info;

        if (path[i] != '/')
            continue;
        prefix[i] = '\0';
        if (files->stat(files->ctx, prefix, true, &info, NULL) == AKS_OK &&
            (info.mode & MODE_OTHERS_WRITE) != 0 && (info.mode & MODE_STICKY) == 0)
            return i;
        prefix[i] = '/';
    }
    return 0;
}
