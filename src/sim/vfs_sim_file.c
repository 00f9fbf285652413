/* An open database, journal or log. */
#include "sim/vfs_sim_internal.h"

#include "base/check.h"

#include <errno.h>
#include <string.h>

#define SECTOR_BYTES 512

static struct aks_vfs_file *
file_of(sqlite3_file *base)
{
    return (struct aks_vfs_file *)base;
}

/* Remembers why, for whoever asks. */
static int
fail(struct aks_vfs_file *file, enum aks_status status, int rc)
{
    file->last_errno = status == AKS_NO_SPACE ? ENOSPC : EIO;
    return rc;
}

static int
file_close(sqlite3_file *base)
{
    struct aks_vfs_file *file = file_of(base);

    if (file->shared != NULL) {
        (void)aks_vfs_sim_shared_unmap(base, 0);
        (void)aks_vfs_sim_shared_unlock(file, SQLITE_LOCK_NONE);
        aks_vfs_sim_shared_put(file->vfs, file->shared);
    }
    file->vfs->files->close(file->file);
    file->file = NULL;
    file->shared = NULL;
    return SQLITE_OK;
}

static int
file_read(sqlite3_file *base, void *data, int amount, sqlite3_int64 offset)
{
    struct aks_vfs_file *file = file_of(base);
    size_t wanted = (size_t)amount;
    size_t done = 0;

    while (done < wanted) {
        size_t got = 0;
        enum aks_status status = file->vfs->files->read(file->file,
            offset + (sqlite3_int64)done, (uint8_t *)data + done, wanted - done, &got, NULL);

        if (status != AKS_OK)
            return fail(file, status, SQLITE_IOERR_READ);
        if (got == 0)
            break;
        done += got;
    }
    if (done == wanted)
        return SQLITE_OK;
    memset((uint8_t *)data + done, 0, wanted - done);
    return SQLITE_IOERR_SHORT_READ;
}

static int
file_write(sqlite3_file *base, const void *data, int amount, sqlite3_int64 offset)
{
    struct aks_vfs_file *file = file_of(base);
    enum aks_status status = file->vfs->files->write(file->file, offset, data, (size_t)amount,
        NULL);

    if (status == AKS_OK)
        return SQLITE_OK;
    return fail(file, status, status == AKS_NO_SPACE ? SQLITE_FULL : SQLITE_IOERR_WRITE);
}

static int
file_truncate(sqlite3_file *base, sqlite3_int64 bytes)
{
    struct aks_vfs_file *file = file_of(base);
    enum aks_status status = file->vfs->files->truncate(file->file, bytes, NULL);

    return status == AKS_OK ? SQLITE_OK : fail(file, status, SQLITE_IOERR_TRUNCATE);
}

enum aks_status
aks_vfs_sim_file_sync_folder(struct aks_vfs_sim *vfs, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash > path ? (size_t)(slash - path) : 1;
    char folder[AKS_PATH_BYTES];

    AKS_CHECK(slash != NULL);
    if (len >= sizeof(folder))
        return AKS_LIMIT;
    memcpy(folder, path, len);
    folder[len] = '\0';
    return vfs->files->sync_folder(vfs->files->ctx, folder, NULL);
}

/* With a journal's or a log's first sync its name must last too. SQLite's own VFS takes it lightly
 * if that fails; here it is told. */
static int
file_sync(sqlite3_file *base, int flags)
{
    struct aks_vfs_file *file = file_of(base);
    enum aks_status status = file->vfs->files->sync(file->file, NULL);

    if (status != AKS_OK)
        return fail(file, status, SQLITE_IOERR_FSYNC);
    if (!file->sync_folder)
        return SQLITE_OK;
    status = aks_vfs_sim_file_sync_folder(file->vfs, file->path);
    if (status != AKS_OK)
        return fail(file, status, SQLITE_IOERR_DIR_FSYNC);
    file->sync_folder = false;
    return SQLITE_OK;
}

static int
file_size(sqlite3_file *base, sqlite3_int64 *ret_bytes)
{
    struct aks_vfs_file *file = file_of(base);
    struct aks_file_info info;
    enum aks_status status = file->vfs->files->info(file->file, &info, NULL);

    if (status != AKS_OK)
        return fail(file, status, SQLITE_IOERR_FSTAT);
    *ret_bytes = info.bytes;
    return SQLITE_OK;
}

static int
file_lock(sqlite3_file *base, int level)
{
    struct aks_vfs_file *file = file_of(base);

    return file->shared == NULL ? SQLITE_OK : aks_vfs_sim_shared_lock(file, level);
}

static int
file_unlock(sqlite3_file *base, int level)
{
    struct aks_vfs_file *file = file_of(base);

    return file->shared == NULL ? SQLITE_OK : aks_vfs_sim_shared_unlock(file, level);
}

static int
file_reserved(sqlite3_file *base, int *ret_reserved)
{
    const struct aks_vfs_file *file = file_of(base);

    *ret_reserved = file->shared != NULL && file->shared->level > SQLITE_LOCK_SHARED;
    return SQLITE_OK;
}

/* Is another file, or none, where this one was opened? */
static bool
moved(struct aks_vfs_file *file)
{
    const struct aks_files *files = file->vfs->files;
    struct aks_file_info info;

    if (file->shared == NULL)
        return false;
    return files->stat(files->ctx, file->path, true, &info, NULL) != AKS_OK ||
        info.device != file->shared->device || info.inode != file->shared->inode;
}

static int
file_control(sqlite3_file *base, int what, void *arg)
{
    struct aks_vfs_file *file = file_of(base);
    int *number = arg;

    switch (what) {
    case SQLITE_FCNTL_LOCKSTATE:
        *number = file->level;
        return SQLITE_OK;
    case SQLITE_FCNTL_LAST_ERRNO:
        *number = file->last_errno;
        return SQLITE_OK;
    case SQLITE_FCNTL_PERSIST_WAL:
        if (*number >= 0)
            file->persist_wal = *number != 0;
        *number = file->persist_wal;
        return SQLITE_OK;
    case SQLITE_FCNTL_HAS_MOVED:
        *number = moved(file);
        return SQLITE_OK;
    case SQLITE_FCNTL_VFSNAME:
        *(char **)arg = sqlite3_mprintf("%s", file->vfs->name);
        return SQLITE_OK;
    default:
        return SQLITE_NOTFOUND;     /* hints */
    }
}

static int
file_sector(sqlite3_file *base)
{
    return SECTOR_BYTES;
}

/* Nothing is atomic and nothing comes in order; but what lies beside the bytes that are written
 * stays as it is, whenever the power goes. */
static int
file_characteristics(sqlite3_file *base)
{
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

void
aks_vfs_sim_file_init(struct aks_vfs_file *file)
{
    static const sqlite3_io_methods methods = { .iVersion = 2, .xClose = file_close,
        .xRead = file_read, .xWrite = file_write, .xTruncate = file_truncate, .xSync = file_sync,
        .xFileSize = file_size, .xLock = file_lock, .xUnlock = file_unlock,
        .xCheckReservedLock = file_reserved, .xFileControl = file_control,
        .xSectorSize = file_sector, .xDeviceCharacteristics = file_characteristics,
        .xShmMap = aks_vfs_sim_shared_map, .xShmLock = aks_vfs_sim_shared_shm_lock,
        .xShmBarrier = aks_vfs_sim_shared_barrier, .xShmUnmap = aks_vfs_sim_shared_unmap };

    file->base.pMethods = &methods;
}
