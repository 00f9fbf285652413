/* The scratch file: written through a buffer, and set back where a source could not be read to its
 * end, so that what the others have given stays. */
#include "engine/memories_internal.h"

#include "base/check.h"

#include <string.h>

#define BUFFER_BYTES ((size_t)1024 * 1024)

static const char head[] = "{\"conversations\":[\n";
static const char foot[] = "\n]}\n";
static const char between[] = ",\n";

struct aks_memories_file {
    const struct aks_port *port;
    enum aks_memories_form form;
    struct aks_file *file;
    int64_t written;                    /* bytes that are in the file */
    int64_t elements;
    bool broken;                        /* it could not be set back: what is in it is of no use */
    size_t filled;
    char buffer[BUFFER_BYTES];
};

static enum aks_status
flush(struct aks_memories_file *file, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    if (file->filled > 0)
        status = file->port->files.write(file->file, file->written, file->buffer, file->filled,
            err);
    if (status != AKS_OK)
        return status;
    file->written += (int64_t)file->filled;
    file->filled = 0;
    return AKS_OK;
}

static enum aks_status
append(struct aks_memories_file *file, const char *data, size_t len, struct aks_error *err)
{
    while (len > 0) {
        size_t room = BUFFER_BYTES - file->filled;
        size_t part = len < room ? len : room;

        memcpy(file->buffer + file->filled, data, part);
        file->filled += part;
        data += part;
        len -= part;
        if (file->filled == BUFFER_BYTES) {
            enum aks_status status = flush(file, err);

            if (status != AKS_OK)
                return status;
        }
    }
    return AKS_OK;
}

enum aks_status
aks_memories_file_new(const struct aks_port *port, const char *path, enum aks_memories_form form,
    struct aks_memories_file **ret_file, struct aks_error *err)
{
    struct aks_memories_file *file = aks_mem_new(port->alloc, sizeof(*file));
    enum aks_status status;

    *ret_file = NULL;
    if (file == NULL)
        return aks_error_memory(err, "writing memories");
    file->port = port;
    file->form = form;
    status = port->files.open(port->files.ctx, path, AKS_FILE_CREATE, &file->file, err);
    if (status == AKS_OK && form == AKS_MEMORIES_DOCUMENT)
        status = append(file, head, sizeof(head) - 1, err);
    if (status != AKS_OK) {
        aks_memories_file_free(file);
        return status;
    }
    *ret_file = file;
    return AKS_OK;
}

enum aks_status
aks_memories_file_end(struct aks_memories_file *file, int64_t *ret_bytes, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    if (file->broken)
        return aks_error_set(err, AKS_STATE, "memories could not be taken back out of their file");
    if (file->form == AKS_MEMORIES_DOCUMENT)
        status = append(file, foot, sizeof(foot) - 1, err);
    if (status == AKS_OK)
        status = flush(file, err);
    *ret_bytes = file->written;
    return status;
}

void
aks_memories_file_free(struct aks_memories_file *file)
{
    if (file == NULL)
        return;
    file->port->files.close(file->file);
    aks_mem_free(file->port->alloc, file);
}

enum aks_memories_form
aks_memories_file_form(const struct aks_memories_file *file)
{
    return file->form;
}

enum aks_status
aks_memories_file_add(struct aks_memories_file *file, const char *data, size_t len,
    struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    if (file->form == AKS_MEMORIES_DOCUMENT && file->elements > 0)
        status = append(file, between, sizeof(between) - 1, err);
    if (status == AKS_OK)
        status = append(file, data, len, err);
    file->elements++;
    return status;
}

struct aks_memories_place
aks_memories_file_place(const struct aks_memories_file *file)
{
    struct aks_memories_place place = { file->written + (int64_t)file->filled, file->elements };

    return place;
}

enum aks_status
aks_memories_file_back(struct aks_memories_file *file, const struct aks_memories_place *place,
    struct aks_error *err)
{
    file->elements = place->elements;
    if (place->bytes >= file->written) {
        file->filled = (size_t)(place->bytes - file->written);
        return AKS_OK;
    }
    file->filled = 0;
    file->written = place->bytes;
    file->broken = file->port->files.truncate(file->file, place->bytes, err) != AKS_OK;
    return file->broken ? err->status : AKS_OK;
}
