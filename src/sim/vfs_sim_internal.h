/* What the files of the VFS share.
 *
 * vfs_sim.c         the VFS: opening, deleting, time and chance
 * vfs_sim_file.c    a database, journal or log: bytes and locks
 * vfs_sim_shared.c  what connections to one database share: locks and the memory of WAL
 * vfs_sim_temp.c    temporary files, which live in memory alone */
#ifndef AKS_SIM_VFS_SIM_INTERNAL_H
#define AKS_SIM_VFS_SIM_INTERNAL_H

#include "base/rng.h"
#include "sim/vfs_sim.h"

#include <sqlite3.h>
#include <stdbool.h>

/* 128 of 32 KiB: the index of a log of half a million pages. */
#define AKS_VFS_SIM_REGIONS_MAX 128
#define AKS_VFS_SIM_TEMP_BYTES_MAX ((size_t)64 << 20)

/* One database file, by whatever path it was opened. */
struct aks_vfs_shared {
    struct aks_vfs_shared *next;
    uint64_t device;
    uint64_t inode;
    unsigned refs;
    int level;                      /* the highest lock that anybody has: SQLITE_LOCK_* */
    unsigned sharers;               /* that have SHARED or more */
    /* The memory of WAL; it goes with the last who maps it. */
    unsigned maps;
    void *regions[AKS_VFS_SIM_REGIONS_MAX];
    int shm_locks[SQLITE_SHM_NLOCK];    /* how many share it; -1: one has it alone */
};

struct aks_vfs_sim {
    sqlite3_vfs vfs;
    char name[40];
    const struct aks_alloc *alloc;
    struct aks_files *files;
    const struct aks_clock *clock;
    struct aks_rng rng;
    struct aks_vfs_shared *shared;
};

struct aks_vfs_file {
    sqlite3_file base;              /* first */
    struct aks_vfs_sim *vfs;
    struct aks_file *file;
    const char *path;               /* SQLite's: valid until the file is closed */
    bool sync_folder;               /* its name is not synced yet */
    bool persist_wal;
    int last_errno;                 /* of what failed last: ENOSPC, or EIO for all else */
    struct aks_vfs_shared *shared;  /* of a database; else NULL */
    int level;                      /* of its own lock */
    bool mapped;
    unsigned shm_shared;            /* locks of the shared memory, a bit each */
    unsigned shm_alone;
};

/** Opens nothing: ${file}, zeroed, has its file and path, and learns to be used. */
void aks_vfs_sim_file_init(struct aks_vfs_file *file);
/** Syncs the folder that ${path} is in. */
enum aks_status aks_vfs_sim_file_sync_folder(struct aks_vfs_sim *vfs, const char *path);

/** Finds or makes what connections to this file share. SQLITE_OK or the failure. */
int aks_vfs_sim_shared_get(struct aks_vfs_sim *vfs, struct aks_file *file,
    struct aks_vfs_shared **ret_shared);
void aks_vfs_sim_shared_put(struct aks_vfs_sim *vfs, struct aks_vfs_shared *shared);
int aks_vfs_sim_shared_lock(struct aks_vfs_file *file, int level);
int aks_vfs_sim_shared_unlock(struct aks_vfs_file *file, int level);
int aks_vfs_sim_shared_map(sqlite3_file *base, int region, int bytes, int extend,
    void volatile **ret_memory);
int aks_vfs_sim_shared_shm_lock(sqlite3_file *base, int first, int count, int flags);
void aks_vfs_sim_shared_barrier(sqlite3_file *base);
int aks_vfs_sim_shared_unmap(sqlite3_file *base, int remove);

/** Turns ${base} into an empty temporary file. ${base} has room for a struct aks_vfs_temp. */
void aks_vfs_sim_temp_init(struct aks_vfs_sim *vfs, sqlite3_file *base);
/** What SQLite has to allot for a file of any kind. */
int aks_vfs_sim_temp_bytes(void);

#endif
