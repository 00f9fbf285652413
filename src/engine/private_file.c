#include "engine/private_file.h"

#include "engine/private_folder.h"

#include <string.h>

static enum aks_status
read_open(const struct aks_files *files, struct aks_file *file, const char *path,
    struct aks_buf *out, struct aks_file_info *ret_info, struct aks_error *err)
{
    char chunk[4096];
    size_t len = 1;
    enum aks_status status = files->info(file, ret_info, err);

    if (status == AKS_OK && ret_info->type != AKS_FILE_REGULAR)
        status = aks_error_set(err, AKS_SETTINGS, "%s: is not a file", path);
    if (status == AKS_OK && ret_info->bytes > (int64_t)out->bytes_max)
        status = aks_error_set(err, AKS_SETTINGS, "%s: is larger than %zu bytes", path,
            out->bytes_max);
    while (status == AKS_OK && len > 0) {
        status = files->read(file, (int64_t)out->len, chunk, sizeof(chunk), &len, err);
        if (status == AKS_OK)
            aks_buf_append(out, chunk, len);
        if (status == AKS_OK)
            status = aks_buf_status(out, path, err);
    }
    explicit_bzero(chunk, sizeof(chunk));
    return status;
}

enum aks_status
aks_private_file_read(const struct aks_port *port, const char *path, struct aks_buf *out,
    struct aks_file_info *ret_info, struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct aks_file *file = NULL;
    enum aks_status status = files->open(files->ctx, path, AKS_FILE_READ, &file, err);

    if (status != AKS_OK)
        return status;
    status = read_open(files, file, path, out, ret_info, err);
    files->close(file);
    return status;
}

enum aks_status
aks_private_file_check(const struct aks_port *port, const char *path,
    const struct aks_file_info *info, bool secrets, struct aks_error *err)
{
    uint32_t own = port->files.uid;
    enum aks_status status = AKS_OK;

    if (info->uid != own && info->uid != 0) {
        (void)aks_error_set(err, AKS_FORBIDDEN, "%s: belongs to somebody else (user %u)", path,
            (unsigned)info->uid);
        aks_error_hint(err, "chown %u '%s', if you know what is in it", (unsigned)own, path);
        return AKS_FORBIDDEN;
    }
    if ((info->mode & 022) != 0)
        status = aks_error_set(err, AKS_FORBIDDEN, "%s: can be written by others (mode %04o)", path,
            (unsigned)(info->mode & 07777));
    else if (secrets && (info->mode & 044) != 0)
        status = aks_error_set(err, AKS_FORBIDDEN,
            "%s: holds secrets and can be read by others (mode %04o)", path,
            (unsigned)(info->mode & 07777));
    if (status != AKS_OK)
        aks_error_hint(err, "chmod 600 '%s'", path);
    return status;
}

enum aks_status
aks_private_file_read_settings(const struct aks_port *port, const char *path, struct aks_buf *out,
    struct aks_error *err)
{
    struct aks_file_info info = { 0 };
    enum aks_status status = aks_private_file_read(port, path, out, &info, err);

    if (status == AKS_OK)
        status = aks_private_file_check(port, path, &info, true, err);
    if (status == AKS_OK)
        status = aks_private_folder_check_settings(port, path, err);
    return status;
}
