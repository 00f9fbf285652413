/* What connections to one database share. Locks follow the rules of SQLite's own VFS within one
 * process, so that a trace of operations ends alike on both. https://www.sqlite.org/lockingv3.html,
 * https://www.sqlite.org/walformat.html#locks */
#include "sim/vfs_sim_internal.h"

#include "base/check.h"

int
aks_vfs_sim_shared_get(struct aks_vfs_sim *vfs, struct aks_file *file,
    struct aks_vfs_shared **ret_shared)
{
    struct aks_file_info info;
    struct aks_vfs_shared *shared;

    if (vfs->files->info(file, &info, NULL) != AKS_OK)
        return SQLITE_IOERR_FSTAT;
    for (shared = vfs->shared; shared != NULL; shared = shared->next) {
        if (shared->device == info.device && shared->inode == info.inode) {
            shared->refs++;
            *ret_shared = shared;
            return SQLITE_OK;
        }
    }
    shared = aks_mem_new(vfs->alloc, sizeof(*shared));
    if (shared == NULL)
        return SQLITE_IOERR_NOMEM;
    shared->device = info.device;
    shared->inode = info.inode;
    shared->refs = 1;
    shared->next = vfs->shared;
    vfs->shared = shared;
    *ret_shared = shared;
    return SQLITE_OK;
}

void
aks_vfs_sim_shared_put(struct aks_vfs_sim *vfs, struct aks_vfs_shared *shared)
{
    struct aks_vfs_shared **at = &vfs->shared;

    if (shared == NULL || --shared->refs > 0)
        return;
    AKS_CHECK(shared->maps == 0);
    while (*at != shared)
        at = &(*at)->next;
    *at = shared->next;
    aks_mem_free(vfs->alloc, shared);
}

int
aks_vfs_sim_shared_lock(struct aks_vfs_file *file, int level)
{
    struct aks_vfs_shared *shared = file->shared;

    if (file->level >= level)
        return SQLITE_OK;
    /* Whoever else has more than I may be about to write, or does. */
    if (file->level != shared->level &&
        (shared->level >= SQLITE_LOCK_PENDING || level > SQLITE_LOCK_SHARED))
        return SQLITE_BUSY;
    if (level == SQLITE_LOCK_SHARED) {
        shared->sharers++;
        file->level = level;
        if (shared->level < level)
            shared->level = level;
        return SQLITE_OK;
    }
    AKS_CHECK(file->level >= SQLITE_LOCK_SHARED);
    if (level == SQLITE_LOCK_EXCLUSIVE && shared->sharers > 1) {
        /* Those who read may go on; nobody begins to. */
        file->level = SQLITE_LOCK_PENDING;
        shared->level = SQLITE_LOCK_PENDING;
        return SQLITE_BUSY;
    }
    file->level = level;
    shared->level = level;
    return SQLITE_OK;
}

int
aks_vfs_sim_shared_unlock(struct aks_vfs_file *file, int level)
{
    struct aks_vfs_shared *shared = file->shared;

    AKS_CHECK(level <= SQLITE_LOCK_SHARED);
    if (file->level <= level)
        return SQLITE_OK;
    if (file->level > SQLITE_LOCK_SHARED)
        shared->level = SQLITE_LOCK_SHARED;
    if (level == SQLITE_LOCK_NONE) {
        AKS_CHECK(shared->sharers > 0);
        if (--shared->sharers == 0)
            shared->level = SQLITE_LOCK_NONE;
    }
    file->level = level;
    return SQLITE_OK;
}

int
aks_vfs_sim_shared_map(sqlite3_file *base, int region, int bytes, int extend,
    void volatile **ret_memory)
{
    struct aks_vfs_file *file = (struct aks_vfs_file *)base;
    struct aks_vfs_shared *shared = file->shared;

    *ret_memory = NULL;
    if (shared == NULL)
        return SQLITE_IOERR_SHMOPEN;
    if (region >= AKS_VFS_SIM_REGIONS_MAX)
        return SQLITE_IOERR_SHMSIZE;
    if (!file->mapped) {
        file->mapped = true;
        shared->maps++;
    }
    if (shared->regions[region] == NULL && extend != 0) {
        shared->regions[region] = aks_mem_new(file->vfs->alloc, (size_t)bytes);
        if (shared->regions[region] == NULL)
            return SQLITE_IOERR_NOMEM;
    }
    *ret_memory = shared->regions[region];
    return SQLITE_OK;
}

static int
shm_share(struct aks_vfs_file *file, int which)
{
    unsigned bit = 1u << which;

    if ((file->shm_shared & bit) != 0)
        return SQLITE_OK;
    if (file->shared->shm_locks[which] < 0)
        return SQLITE_BUSY;
    file->shared->shm_locks[which]++;
    file->shm_shared |= bit;
    return SQLITE_OK;
}

static int
shm_alone(struct aks_vfs_file *file, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        if ((file->shm_alone & 1u << i) == 0 && file->shared->shm_locks[i] != 0)
            return SQLITE_BUSY;
    }
    for (int i = first; i < first + count; i++) {
        file->shared->shm_locks[i] = -1;
        file->shm_alone |= 1u << i;
    }
    return SQLITE_OK;
}

static void
shm_release(struct aks_vfs_file *file, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        unsigned bit = 1u << i;

        if ((file->shm_alone & bit) != 0)
            file->shared->shm_locks[i] = 0;
        else if ((file->shm_shared & bit) != 0)
            file->shared->shm_locks[i]--;
        file->shm_alone &= ~bit;
        file->shm_shared &= ~bit;
    }
}

int
aks_vfs_sim_shared_shm_lock(sqlite3_file *base, int first, int count, int flags)
{
    struct aks_vfs_file *file = (struct aks_vfs_file *)base;

    AKS_CHECK(first >= 0 && count > 0 && first + count <= SQLITE_SHM_NLOCK);
    if (!file->mapped)
        return SQLITE_IOERR_SHMLOCK;
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        shm_release(file, first, count);
        return SQLITE_OK;
    }
    if ((flags & SQLITE_SHM_SHARED) != 0)
        return shm_share(file, first);
    return shm_alone(file, first, count);
}

/* One thread. */
void
aks_vfs_sim_shared_barrier(sqlite3_file *base)
{
    (void)base;
}

int
aks_vfs_sim_shared_unmap(sqlite3_file *base, int remove)
{
    struct aks_vfs_file *file = (struct aks_vfs_file *)base;
    struct aks_vfs_shared *shared = file->shared;

    (void)remove;
    if (!file->mapped)
        return SQLITE_OK;
    shm_release(file, 0, SQLITE_SHM_NLOCK);
    file->mapped = false;
    if (--shared->maps > 0)
        return SQLITE_OK;
    for (size_t i = 0; i < AKS_VFS_SIM_REGIONS_MAX; i++) {
        aks_mem_free(file->vfs->alloc, shared->regions[i]);
        shared->regions[i] = NULL;
    }
    return SQLITE_OK;
}
