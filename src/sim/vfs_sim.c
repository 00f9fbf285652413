#include "sim/vfs_sim_internal.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

/* Milliseconds from noon of 24 November 4714 BC, where SQLite's days begin, to 1970. */
#define EPOCH_MS INT64_C(210866760000000)

static struct aks_vfs_sim *
vfs_of(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

/* The way of port/files to open what SQLite wants; it has none that neither makes the file nor
 * forbids to write it, so that is looked at first. */
static enum aks_status
open_as(struct aks_vfs_sim *vfs, const char *path, int flags, struct aks_file **ret_file)
{
    const struct aks_files *files = vfs->files;
    enum aks_file_open how = AKS_FILE_LOCK;
    struct aks_file_info info;
    enum aks_status status;

    if ((flags & SQLITE_OPEN_READWRITE) == 0) {
        how = AKS_FILE_READ;
    } else if ((flags & SQLITE_OPEN_CREATE) == 0) {
        status = files->stat(files->ctx, path, true, &info, NULL);
        if (status != AKS_OK)
            return status;
    } else if ((flags & SQLITE_OPEN_EXCLUSIVE) != 0) {
        how = AKS_FILE_CREATE;
    }
    return files->open(files->ctx, path, how, ret_file, NULL);
}

/* As SQLite's own: what may not be written is opened for reading. */
static enum aks_status
open_or_read(struct aks_vfs_sim *vfs, const char *path, int *flags, struct aks_file **ret_file)
{
    enum aks_status status = open_as(vfs, path, *flags, ret_file);

    if (status != AKS_FORBIDDEN || (*flags & SQLITE_OPEN_READWRITE) == 0)
        return status;
    *flags &= ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    *flags |= SQLITE_OPEN_READONLY;
    return open_as(vfs, path, *flags, ret_file);
}

static int
vfs_open(sqlite3_vfs *base, const char *path, sqlite3_file *ret_file, int flags,
    int *ret_flags)
{
    struct aks_vfs_sim *vfs = vfs_of(base);
    struct aks_vfs_file *file = (struct aks_vfs_file *)ret_file;
    const int journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    bool new_journal = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & journals) != 0;

    memset(file, 0, sizeof(*file));
    if (ret_flags != NULL)
        *ret_flags = flags;
    if (path == NULL || (flags & SQLITE_OPEN_DELETEONCLOSE) != 0) {
        aks_vfs_sim_temp_init(vfs, ret_file);
        return SQLITE_OK;
    }
    if (path[0] != '/' || open_or_read(vfs, path, &flags, &file->file) != AKS_OK)
        return SQLITE_CANTOPEN;
    file->vfs = vfs;
    file->path = path;
    file->sync_folder = new_journal;
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
        int rc = aks_vfs_sim_shared_get(vfs, file->file, &file->shared);

        if (rc != SQLITE_OK) {
            vfs->files->close(file->file);
            return rc;
        }
    }
    aks_vfs_sim_file_init(file);
    if (ret_flags != NULL)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int
vfs_delete(sqlite3_vfs *base, const char *path, int sync_folder)
{
    struct aks_vfs_sim *vfs = vfs_of(base);
    enum aks_status status = vfs->files->unlink(vfs->files->ctx, path, NULL);

    if (status == AKS_NOT_FOUND)
        return SQLITE_IOERR_DELETE_NOENT;
    if (status != AKS_OK)
        return SQLITE_IOERR_DELETE;
    if (sync_folder != 0 && aks_vfs_sim_file_sync_folder(vfs, path) != AKS_OK)
        return SQLITE_IOERR_DIR_FSYNC;
    return SQLITE_OK;
}

/* An empty file is as good as none, to SQLite's own VFS too. A disk that does not answer is not:
 * SQLite would take a journal that it must roll back for missing. */
static int
vfs_access(sqlite3_vfs *base, const char *path, int flags, int *ret_there)
{
    struct aks_vfs_sim *vfs = vfs_of(base);
    struct aks_file_info info;
    enum aks_status status = vfs->files->stat(vfs->files->ctx, path, true, &info, NULL);

    *ret_there = 0;
    if (status != AKS_OK && status != AKS_NOT_FOUND)
        return SQLITE_IOERR_ACCESS;
    if (status == AKS_OK)
        *ret_there = flags != SQLITE_ACCESS_EXISTS || info.type != AKS_FILE_REGULAR ||
            info.bytes > 0;
    return SQLITE_OK;
}

static int
vfs_full_path(sqlite3_vfs *base, const char *path, int bytes, char *ret_path)
{
    size_t len = strlen(path);

    if (path[0] != '/' || len >= (size_t)bytes)
        return SQLITE_CANTOPEN;
    memcpy(ret_path, path, len + 1);
    return SQLITE_OK;
}

static void *
vfs_dl_open(sqlite3_vfs *base, const char *path)
{
    return NULL;                    /* the simulated disk has no code on it */
}

static void
vfs_dl_error(sqlite3_vfs *base, int bytes, char *ret_text)
{
    (void)snprintf(ret_text, (size_t)bytes, "extensions cannot be loaded");
}

static void
(*vfs_dl_sym(sqlite3_vfs *base, void *library, const char *name))(void)
{
    return NULL;
}

static void
vfs_dl_close(sqlite3_vfs *base, void *library)
{
}

static int
vfs_randomness(sqlite3_vfs *base, int bytes, char *ret_bytes)
{
    struct aks_vfs_sim *vfs = vfs_of(base);

    for (int i = 0; i < bytes; i++)
        ret_bytes[i] = (char)(aks_rng_next(&vfs->rng) >> 56);
    return bytes;
}

/* Nobody else runs meanwhile, so there is nothing to wait for. */
static int
vfs_sleep(sqlite3_vfs *base, int microseconds)
{
    return microseconds;
}

static int
vfs_time_ms(sqlite3_vfs *base, sqlite3_int64 *ret_ms)
{
    const struct aks_clock *clock = vfs_of(base)->clock;

    *ret_ms = EPOCH_MS + clock->wall_ms(clock->ctx);
    return SQLITE_OK;
}

static int
vfs_time_days(sqlite3_vfs *base, double *ret_days)
{
    sqlite3_int64 ms = 0;

    (void)vfs_time_ms(base, &ms);
    *ret_days = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static int
vfs_last_error(sqlite3_vfs *base, int bytes, char *ret_text)
{
    return 0;
}

static void
fill(struct aks_vfs_sim *vfs)
{
    vfs->vfs = (sqlite3_vfs){ .iVersion = 2, .szOsFile = aks_vfs_sim_temp_bytes(),
        .mxPathname = AKS_PATH_BYTES, .zName = vfs->name, .pAppData = vfs, .xOpen = vfs_open,
        .xDelete = vfs_delete, .xAccess = vfs_access, .xFullPathname = vfs_full_path,
        .xDlOpen = vfs_dl_open, .xDlError = vfs_dl_error, .xDlSym = vfs_dl_sym,
        .xDlClose = vfs_dl_close, .xRandomness = vfs_randomness, .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time_days, .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_time_ms };
}

enum aks_status
aks_vfs_sim_new(const struct aks_alloc *alloc, struct aks_files *files,
    const struct aks_clock *clock, uint64_t seed, struct aks_vfs_sim **ret_vfs,
    struct aks_error *err)
{
    struct aks_vfs_sim *vfs = aks_mem_new(alloc, sizeof(*vfs));

    *ret_vfs = NULL;
    if (vfs == NULL)
        return aks_error_memory(err, "making a simulated VFS");
    vfs->alloc = alloc;
    vfs->files = files;
    vfs->clock = clock;
    aks_rng_init(&vfs->rng, seed);
    /* An address is a name that nobody else has now. It is in no message of SQLite's. */
    (void)snprintf(vfs->name, sizeof(vfs->name), "aks-sim-%p", (void *)vfs);
    fill(vfs);
    if (sqlite3_vfs_register(&vfs->vfs, 0) != SQLITE_OK) {
        aks_mem_free(alloc, vfs);
        return aks_error_memory(err, "registering a simulated VFS");
    }
    files->sqlite_vfs = vfs->name;
    /* SQLite's own chance (salts of logs, names of journals) is one for the whole process and asks
     * the default VFS alone: begun anew with each world, so that none depends on others. */
    (void)sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, (int)(seed & 0x7fffffff) | 1,
        (sqlite3 *)NULL);
    *ret_vfs = vfs;
    return AKS_OK;
}

void
aks_vfs_sim_free(struct aks_vfs_sim *vfs)
{
    if (vfs == NULL)
        return;
    AKS_CHECK(vfs->shared == NULL);     /* a database is still open otherwise */
    (void)sqlite3_vfs_unregister(&vfs->vfs);
    if (vfs->files->sqlite_vfs == vfs->name)
        vfs->files->sqlite_vfs = NULL;
    aks_mem_free(vfs->alloc, vfs);
}
