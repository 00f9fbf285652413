/* Simulated files: struct aks_files in memory, on the virtual clock, with what a real disk does to
 * people: what was not synced is lost or torn when the power goes, a full disk, short writes, slow
 * ones, read-only ones, and somebody else who writes at the same time.
 *
 * Two kinds of death: a killed process loses nothing that was written (the kernel has it); a loss
 * of power keeps, of what was not synced, a seeded choice: any subset of the writes to a file, each
 * whole, not at all, or torn at a sector, and a prefix of the changes of names in each folder. What
 * was synced (file and folder) stands. */
#ifndef AKS_SIM_FILES_SIM_H
#define AKS_SIM_FILES_SIM_H

#include "base/alloc.h"
#include "base/error.h"
#include "port/clock.h"
#include "port/files.h"
#include "sim/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_FILES_SIM_SECTOR_BYTES 512      /* what is torn is torn between these */
#define AKS_FILES_SIM_PENDING_MAX 100000    /* writes that wait for a sync, of one file: more are
                                             * taken for synced */

struct aks_files_sim;

/** A disk with an empty root folder. ${clock} gives times of files and is borrowed; so is ${hook}.
 * ${advance} lets virtual time pass where a step is slow. */
enum aks_status aks_files_sim_new(const struct aks_alloc *alloc, const struct aks_clock *clock,
    const struct aks_sim_hook *hook, void (*advance)(void *ctx, int64_t ns), void *advance_ctx,
    uint64_t seed, struct aks_files_sim **ret_files, struct aks_error *err);
/** No file may be open. */
void aks_files_sim_free(struct aks_files_sim *files);
/** The port. Its sqlite_vfs is NULL until sim/vfs_sim has set it. Lives as long as ${files}. */
struct aks_files *aks_files_sim_port(struct aks_files_sim *files);

/** The process is gone: every open file is closed (its handles must not be used again, but for
 * close), locks are given back. ${power}: and the power was lost too, as above. */
void aks_files_sim_crash(struct aks_files_sim *files, bool power);

/* The outside world's hand: no hook is asked, and what it does is on the medium at once. */

/** Makes or replaces a file, with its folders (0700). ${mtime_ns}: 0 takes the clock's time. */
enum aks_status aks_files_sim_put(struct aks_files_sim *files, const char *path, const void *data,
    size_t len, int64_t mtime_ns, struct aks_error *err);
/** Writes into a file at ${offset}, as another process would; times change. */
enum aks_status aks_files_sim_edit(struct aks_files_sim *files, const char *path, int64_t offset,
    const void *data, size_t len, struct aks_error *err);
/** Truncates (or extends with zeros) a file, as another process would; times change. */
enum aks_status aks_files_sim_cut(struct aks_files_sim *files, const char *path, int64_t bytes,
    struct aks_error *err);
/** A symbolic link, with its folders. AKS_CONFLICT if there is something of that name. */
enum aks_status aks_files_sim_link(struct aks_files_sim *files, const char *path,
    const char *target, struct aks_error *err);
enum aks_status aks_files_sim_make_folders(struct aks_files_sim *files, const char *path,
    struct aks_error *err);
/** A file or a whole tree. AKS_NOT_FOUND. */
enum aks_status aks_files_sim_remove(struct aks_files_sim *files, const char *path,
    struct aks_error *err);
/** Borrowed until the file changes; NULL if there is no such file. */
const void *aks_files_sim_look(struct aks_files_sim *files, const char *path, size_t *ret_len);
/** Every path that there is, folders with a final '/', in byte order. */
void aks_files_sim_each(struct aks_files_sim *files,
    void (*each)(void *ctx, const char *path, int64_t bytes), void *ctx);
/** Bytes that may still be written; -1 (the beginning): no limit. Beyond it writes are
 * AKS_NO_SPACE, after as many bytes as there was room for. */
void aks_files_sim_set_room(struct aks_files_sim *files, int64_t bytes);
/** A read gives at most so many bytes, and the next one is another step; 0 (the beginning): all
 * that is asked for. */
void aks_files_sim_set_read_max(struct aks_files_sim *files, size_t bytes);
/** Can files share bytes (reflinks)? At the beginning they cannot. */
void aks_files_sim_set_clones(struct aks_files_sim *files, bool clones);
/** Below ${path} nothing can be changed: AKS_FORBIDDEN. NULL: nowhere. */
enum aks_status aks_files_sim_set_read_only(struct aks_files_sim *files, const char *path,
    struct aks_error *err);
/** Another process locks the whole file as a writer does, or lets go of it. */
enum aks_status aks_files_sim_set_locked(struct aks_files_sim *files, const char *path,
    bool locked, struct aks_error *err);
/** Does the process hold a lock of the file? */
bool aks_files_sim_is_locked(struct aks_files_sim *files, const char *path);
/** Open files of the process now. */
unsigned aks_files_sim_open_count(const struct aks_files_sim *files);

#endif
