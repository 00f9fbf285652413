#include "engine/whole_file.h"

#include "base/buf.h"

#define READ_BYTES (16 * 1024)

static enum aks_status
too_large(const char *path, size_t bytes_max, struct aks_error *err)
{
    return aks_error_set(err, AKS_TOO_LARGE, "cannot read %s: it is over %zu bytes", path,
        bytes_max);
}

static enum aks_status
check_type(const struct aks_file_info *info, const char *path, struct aks_error *err)
{
    if (info->type == AKS_FILE_REGULAR)
        return AKS_OK;
    return aks_error_set(err, AKS_STATE, "cannot read %s: it is %s", path,
        info->type == AKS_FILE_FOLDER ? "a folder" : "no regular file");
}

/* The size that was told is no promise: the file may grow while it is read. */
static enum aks_status
read_all(const struct aks_port *port, struct aks_file *file, const char *path,
    size_t bytes_max, struct aks_buf *buf, struct aks_error *err)
{
    char piece[READ_BYTES];
    size_t got = 0;
    enum aks_status status;

    do {
        status = port->files.read(file, (int64_t)buf->len, piece, sizeof(piece), &got, err);
        if (status != AKS_OK)
            return status;
        if (got > bytes_max - buf->len)
            return too_large(path, bytes_max, err);
        aks_buf_append(buf, piece, got);
        if (buf->failed != AKS_OK)
            return aks_error_memory(err, "reading a file");
    } while (got > 0);
    return AKS_OK;
}

static enum aks_status
read_file(const struct aks_port *port, const char *path, enum aks_file_open how, size_t bytes_max,
    char **ret_data, size_t *ret_len, struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct aks_file *file = NULL;
    struct aks_file_info info;
    struct aks_buf buf;
    enum aks_status status;

    *ret_data = NULL;
    *ret_len = 0;
    aks_buf_init(&buf, port->alloc, bytes_max > 0 ? bytes_max : 1);
    status = files->open(files->ctx, path, how, &file, err);
    if (status == AKS_OK)
        status = files->info(file, &info, err);
    if (status == AKS_OK)
        status = check_type(&info, path, err);
    if (status == AKS_OK && info.bytes > (int64_t)bytes_max)
        status = too_large(path, bytes_max, err);
    if (status == AKS_OK)
        status = read_all(port, file, path, bytes_max, &buf, err);
    if (status == AKS_OK) {
        *ret_len = buf.len;
        *ret_data = aks_buf_take(&buf);
        if (*ret_data == NULL)
            status = aks_error_memory(err, "reading a file");
    }
    aks_buf_fini(&buf);
    files->close(file);
    return status;
}

enum aks_status
aks_whole_file_read(const struct aks_port *port, const char *path, size_t bytes_max,
    char **ret_data, size_t *ret_len, struct aks_error *err)
{
    return read_file(port, path, AKS_FILE_READ, bytes_max, ret_data, ret_len, err);
}

enum aks_status
aks_whole_file_read_own(const struct aks_port *port, const char *path, size_t bytes_max,
    char **ret_data, size_t *ret_len, struct aks_error *err)
{
    return read_file(port, path, AKS_FILE_READ_OWN, bytes_max, ret_data, ret_len, err);
}
