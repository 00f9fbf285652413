/* Temporary files: nobody sees them, and they end with their process, so no disk is bothered. */
#include "sim/vfs_sim_internal.h"

#include <string.h>

struct aks_vfs_temp {
    sqlite3_file base;              /* first */
    const struct aks_alloc *alloc;
    uint8_t *data;
    size_t len;
    size_t capacity;
};

static int
temp_close(sqlite3_file *base)
{
    struct aks_vfs_temp *temp = (struct aks_vfs_temp *)base;

    aks_mem_free(temp->alloc, temp->data);
    temp->data = NULL;
    return SQLITE_OK;
}

static int
temp_read(sqlite3_file *base, void *data, int amount, sqlite3_int64 offset)
{
    const struct aks_vfs_temp *temp = (struct aks_vfs_temp *)base;
    size_t wanted = (size_t)amount;
    size_t at = (size_t)offset;
    size_t got = at >= temp->len ? 0 : temp->len - at < wanted ? temp->len - at : wanted;

    if (got > 0)
        memcpy(data, temp->data + at, got);
    if (got == wanted)
        return SQLITE_OK;
    memset((uint8_t *)data + got, 0, wanted - got);
    return SQLITE_IOERR_SHORT_READ;
}

static int
temp_write(sqlite3_file *base, const void *data, int amount, sqlite3_int64 offset)
{
    struct aks_vfs_temp *temp = (struct aks_vfs_temp *)base;
    size_t end = (size_t)offset + (size_t)amount;

    if (end > AKS_VFS_SIM_TEMP_BYTES_MAX)
        return SQLITE_FULL;
    if (end > temp->capacity) {
        size_t capacity = 2 * temp->capacity > end ? 2 * temp->capacity : end;
        uint8_t *larger = aks_mem_resize(temp->alloc, temp->data, capacity);

        if (larger == NULL)
            return SQLITE_IOERR_NOMEM;
        temp->data = larger;
        temp->capacity = capacity;
    }
    if ((size_t)offset > temp->len)
        memset(temp->data + temp->len, 0, (size_t)offset - temp->len);
    memcpy(temp->data + offset, data, (size_t)amount);
    if (end > temp->len)
        temp->len = end;
    return SQLITE_OK;
}

static int
temp_truncate(sqlite3_file *base, sqlite3_int64 bytes)
{
    struct aks_vfs_temp *temp = (struct aks_vfs_temp *)base;

    if ((size_t)bytes < temp->len)
        temp->len = (size_t)bytes;
    return SQLITE_OK;
}

static int
temp_size(sqlite3_file *base, sqlite3_int64 *ret_bytes)
{
    *ret_bytes = (sqlite3_int64)((struct aks_vfs_temp *)base)->len;
    return SQLITE_OK;
}

static int
temp_number(sqlite3_file *base, int number)
{
    return SQLITE_OK;
}

static int
temp_reserved(sqlite3_file *base, int *ret_reserved)
{
    *ret_reserved = 0;
    return SQLITE_OK;
}

static int
temp_control(sqlite3_file *base, int what, void *arg)
{
    return SQLITE_NOTFOUND;
}

static int
temp_sector(sqlite3_file *base)
{
    return 0;                       /* SQLite's default */
}

void
aks_vfs_sim_temp_init(struct aks_vfs_sim *vfs, sqlite3_file *base)
{
    static const sqlite3_io_methods methods = { .iVersion = 1, .xClose = temp_close,
        .xRead = temp_read, .xWrite = temp_write, .xTruncate = temp_truncate,
        .xSync = temp_number, .xFileSize = temp_size, .xLock = temp_number,
        .xUnlock = temp_number, .xCheckReservedLock = temp_reserved,
        .xFileControl = temp_control, .xSectorSize = temp_sector,
        .xDeviceCharacteristics = temp_sector };
    struct aks_vfs_temp *temp = (struct aks_vfs_temp *)base;

    memset(temp, 0, sizeof(*temp));
    temp->base.pMethods = &methods;
    temp->alloc = vfs->alloc;
}

int
aks_vfs_sim_temp_bytes(void)
{
    size_t bytes = sizeof(struct aks_vfs_temp) > sizeof(struct aks_vfs_file)
        ? sizeof(struct aks_vfs_temp) : sizeof(struct aks_vfs_file);

    return (int)bytes;
}
