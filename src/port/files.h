/* Files and folders. Paths are bytes, absolute, NUL-terminated. Nothing here creates parents or
 * follows a policy: that is for callers.
 *
 * Failures: AKS_NOT_FOUND (ENOENT, ENOTDIR), AKS_FORBIDDEN (EACCES, EPERM, EROFS), AKS_NO_SPACE
 * (ENOSPC, EDQUOT, EFBIG), AKS_CONFLICT (EEXIST; a lock that another process holds), AKS_LIMIT
 * (ELOOP, EMFILE, ENAMETOOLONG, no memory), AKS_STATE for every other. The message is "cannot
 * <verb> <path>: <strerror>"; callers wrap it or map it to what it means for them. */
#ifndef AKS_PORT_FILES_H
#define AKS_PORT_FILES_H

#include "base/alloc.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aks_file;            /* an open file */

enum aks_file_type { AKS_FILE_REGULAR, AKS_FILE_FOLDER, AKS_FILE_LINK, AKS_FILE_OTHER };

/* What stat tells. Two infos that are equal in every field but type and mode mean: in all
 * likelihood the same bytes (facts on time stamps: docs/identity.md). */
struct aks_file_info {
    enum aks_file_type type;
    uint32_t mode;          /* permission bits */
    uint32_t uid;
    uint64_t device;
    uint64_t inode;
    int64_t bytes;
    int64_t mtime_ns;
    int64_t ctime_ns;
};

enum aks_file_open {
    AKS_FILE_READ,          /* must exist; O_NONBLOCK while opening, so a FIFO does not hang */
    AKS_FILE_READ_OWN,      /* as READ, of a file that only we make: no links followed */
    AKS_FILE_CREATE,        /* must not exist; read and write; mode 0600 */
    AKS_FILE_REPLACE,       /* created or emptied; read and write; mode 0600 */
    AKS_FILE_APPEND,        /* created if missing; read and write, but writes go to the end; mode
                             * 0600; no links followed */
    AKS_FILE_LOCK           /* created if missing; read and write; mode 0600; for lock() */
};

#define AKS_FILES_LIST_MAX 100000
#define AKS_PATH_BYTES 4096

struct aks_files {
    /* Opening never follows a link for READ_OWN, CREATE, APPEND and LOCK; it does for READ.
     * Close-on-exec. */
    enum aks_status (*open)(void *ctx, const char *path, enum aks_file_open how,
        struct aks_file **ret_file, struct aks_error *err);
    /* NULL is fine. Errors of close are not told: what must last is synced before. */
    void (*close)(struct aks_file *file);
    /* Reads up to ${len} bytes at ${offset}; *ret_len 0 only at the end. Thread-safe. */
    enum aks_status (*read)(struct aks_file *file, int64_t offset, void *data, size_t len,
        size_t *ret_len, struct aks_error *err);
    /* Writes all of ${len} bytes at ${offset} (ignored for AKS_FILE_APPEND). Thread-safe. */
    enum aks_status (*write)(struct aks_file *file, int64_t offset, const void *data, size_t len,
        struct aks_error *err);
    enum aks_status (*truncate)(struct aks_file *file, int64_t bytes, struct aks_error *err);
    /* fdatasync: data and size are on the medium. */
    enum aks_status (*sync)(struct aks_file *file, struct aks_error *err);
    enum aks_status (*info)(struct aks_file *file, struct aks_file_info *ret_info,
        struct aks_error *err);
    /* Takes an exclusive lock of this open file without waiting; AKS_CONFLICT if another open file
     * has it. Given back at close or death. */
    enum aks_status (*lock)(struct aks_file *file, struct aks_error *err);
    /* As lock, but tries again (every millisecond or so) for up to ${timeout_ms} before it says
     * AKS_CONFLICT. Holds up its thread and delivers nothing meanwhile: for locks that are held as
     * long as a write and a sync. */
    enum aks_status (*lock_wait)(struct aks_file *file, int64_t timeout_ms, struct aks_error *err);
    /* Does another process hold a lock that would keep a reader out of bytes [start, start + len)
     * (len 0: to the end)? Takes nothing. A file system without locks says no. */
    bool (*locked_by_writer)(struct aks_file *file, int64_t start, int64_t len);
    /* Makes ${to}, which is empty and was made by this process, share all bytes of ${from} as they
     * are at one moment, without copying them (a reflink). False: that cannot be done here, and
     * ${to} is as it was. */
    bool (*clone)(struct aks_file *from, struct aks_file *to);

    enum aks_status (*stat)(void *ctx, const char *path, bool follow_links,
        struct aks_file_info *ret_info, struct aks_error *err);
    /* Absolute path with links resolved, owned by the caller. ELOOP is AKS_LIMIT. */
    enum aks_status (*resolve)(void *ctx, const char *path, const struct aks_alloc *alloc,
        char **ret_path, struct aks_error *err);
    /* Atomic; replaces ${to}. */
    enum aks_status (*rename)(void *ctx, const char *from, const char *to, struct aks_error *err);
    enum aks_status (*unlink)(void *ctx, const char *path, struct aks_error *err);
    /* Mode 0700. AKS_CONFLICT if there is something of that name. */
    enum aks_status (*make_folder)(void *ctx, const char *path, struct aks_error *err);
    /* An empty folder; AKS_CONFLICT if something is in it. */
    enum aks_status (*remove_folder)(void *ctx, const char *path, struct aks_error *err);
    /* Makes names in a folder last (fsync of the folder). */
    enum aks_status (*sync_folder)(void *ctx, const char *path, struct aks_error *err);
    /* Calls ${each} with every name but . and .., in byte order; stops with its status if that is
     * not AKS_OK. At most AKS_FILES_LIST_MAX names, else AKS_LIMIT. */
    enum aks_status (*list)(void *ctx, const char *path,
        enum aks_status (*each)(void *each_ctx, const char *name, struct aks_error *err),
        void *each_ctx, struct aks_error *err);
    /* Bytes that this user may still write on the file system of ${path}. */
    enum aks_status (*free_bytes)(void *ctx, const char *path, int64_t *ret_bytes,
        struct aks_error *err);
    /* Is it worth while to try clone() on the file system of ${path}? A guess. */
    bool (*may_clone)(void *ctx, const char *path);
    /* The SQLite VFS through which databases are opened; NULL is SQLite's own. */
    const char *sqlite_vfs;
    uint32_t uid;           /* whom files belong to that this process makes */
    void *ctx;
};

#endif
