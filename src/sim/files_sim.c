#include "sim/files_sim_internal.h"

#include "base/check.h"
#include "base/units.h"

#include <errno.h>
#include <string.h>

/* The words are this system's, but written down, so that a story reads alike everywhere. */
static const struct {
    int number;
    enum aks_status status;
    const char *text;
} failures[] = {
    { ENOENT, AKS_NOT_FOUND, "No such file or directory" },
    { ENOTDIR, AKS_NOT_FOUND, "Not a directory" },
    { EACCES, AKS_FORBIDDEN, "Permission denied" },
    { EROFS, AKS_FORBIDDEN, "Read-only file system" },
    { ENOSPC, AKS_NO_SPACE, "No space left on device" },
    { EFBIG, AKS_NO_SPACE, "File too large" },
    { EEXIST, AKS_CONFLICT, "File exists" },
    { EMFILE, AKS_LIMIT, "Too many open files" },
    { ELOOP, AKS_LIMIT, "Too many levels of symbolic links" },
    { ENAMETOOLONG, AKS_LIMIT, "File name too long" },
    { ENOMEM, AKS_LIMIT, "Cannot allocate memory" },
    { EIO, AKS_STATE, "Input/output error" },
    { EISDIR, AKS_STATE, "Is a directory" },
    { ENOTEMPTY, AKS_STATE, "Directory not empty" },
    { EBUSY, AKS_STATE, "Device or resource busy" },
    { EINVAL, AKS_STATE, "Invalid argument" },
    { EBADF, AKS_STATE, "Bad file descriptor" },
};

#define FAILURES (sizeof(failures) / sizeof(failures[0]))

static enum aks_status
say(struct aks_error *err, enum aks_status status, const char *verb, const char *path,
    const char *to, const char *why)
{
    if (to != NULL)
        return aks_error_set(err, status, "cannot %s %s to %s: %s", verb, path, to, why);
    return aks_error_set(err, status, "cannot %s %s: %s", verb, path, why);
}

enum aks_status
aks_files_sim_fail(struct aks_error *err, int number, const char *verb, const char *path,
    const char *to)
{
    for (size_t i = 0; i < FAILURES; i++) {
        if (failures[i].number == number)
            return say(err, failures[i].status, verb, path, to, failures[i].text);
    }
    aks_check_failed(__FILE__, __LINE__, "an unknown failure of a simulated file");
}

/* What the hook wants: in the words of the first errno that has its status. */
static enum aks_status
fail_as_told(struct aks_error *err, enum aks_status status, const char *verb, const char *path,
    const char *to)
{
    if (status == AKS_FORBIDDEN || status == AKS_NO_SPACE || status == AKS_LIMIT ||
        status == AKS_NOT_FOUND || status == AKS_CONFLICT) {
        for (size_t i = 0; i < FAILURES; i++) {
            if (failures[i].status == status)
                return say(err, status, verb, path, to, failures[i].text);
        }
    }
    return say(err, status, verb, path, to, "Input/output error");
}

enum aks_status
aks_files_sim_ask(struct aks_files_sim *files, const struct aks_sim_step *step, const char *verb,
    const char *to, int64_t *ret_took, struct aks_error *err)
{
    struct aks_sim_fault fault = { .retry_after_s = -1 };
    const char *path = to != NULL ? verb : step->subject;

    *ret_took = 0;
    if (to != NULL) {
        path = to;
        to = step->subject;
    }
    if (files->dead)
        return say(err, AKS_STATE, verb, path, to, "the process has died");
    files->hook->step(files->hook->ctx, step, &fault);
    AKS_CHECK(fault.delay_ns >= 0);
    if (fault.delay_ns > 0)
        files->advance(files->advance_ctx, fault.delay_ns);
    if (fault.status == AKS_OK && !fault.dies)
        return AKS_OK;
    AKS_CHECK(fault.bytes >= 0);
    if (step->bytes > 0)
        *ret_took = fault.bytes < step->bytes ? fault.bytes : step->bytes;
    else
        *ret_took = fault.dies && fault.bytes > 0;
    if (!fault.dies)
        return fail_as_told(err, fault.status, verb, path, to);
    files->dead = true;
    return say(err, AKS_STATE, verb, path, to, "the process has died");
}

int64_t
aks_files_sim_now_ns(struct aks_files_sim *files)
{
    int64_t wall_ms = files->clock->wall_ms(files->clock->ctx);

    if (wall_ms < files->stamped_ms)
        files->back++;
    files->stamped_ms = wall_ms;
    return wall_ms * AKS_NS_PER_MS + files->back % AKS_NS_PER_MS;
}

int64_t
aks_files_sim_room(const struct aks_files_sim *files)
{
    int64_t max = files->used_max >= 0 ? files->used_max : AKS_FILES_SIM_DISK_BYTES;

    return files->used < max ? max - files->used : 0;
}

enum aks_status
aks_files_sim_new(const struct aks_alloc *alloc, const struct aks_clock *clock,
    const struct aks_sim_hook *hook, void (*advance)(void *ctx, int64_t ns), void *advance_ctx,
    uint64_t seed, struct aks_files_sim **ret_files, struct aks_error *err)
{
    struct aks_files_sim *files = aks_mem_new(alloc, sizeof(*files));

    *ret_files = NULL;
    if (files == NULL)
        return aks_error_memory(err, "making a simulated disk");
    files->alloc = alloc;
    files->clock = clock;
    files->hook = hook;
    files->advance = advance;
    files->advance_ctx = advance_ctx;
    files->seed = seed;
    files->used_max = -1;
    files->inode = 1;           /* the root gets 2, as on a real disk */
    aks_rng_init(&files->shape, seed);
    files->root = aks_files_sim_tree_node(files, AKS_FILE_FOLDER);
    if (files->root == NULL) {
        aks_mem_free(alloc, files);
        return aks_error_memory(err, "making a simulated disk");
    }
    aks_files_sim_open_init(&files->port);
    aks_files_sim_path_init(&files->port);
    files->port.ctx = files;
    *ret_files = files;
    return AKS_OK;
}

void
aks_files_sim_free(struct aks_files_sim *files)
{
    if (files == NULL)
        return;
    AKS_CHECK(files->opened == NULL);
    /* A name that was taken out may hold what holds its folder now. */
    aks_files_sim_undo_sync_all(files);
    aks_files_sim_tree_unref(files, files->read_only);
    aks_files_sim_tree_unref(files, files->root);
    AKS_CHECK(files->first_node == NULL);
    aks_mem_free(files->alloc, files);
}

struct aks_files *
aks_files_sim_port(struct aks_files_sim *files)
{
    return &files->port;
}

void
aks_files_sim_crash(struct aks_files_sim *files, bool power)
{
    while (files->opened != NULL)
        aks_files_sim_open_orphan(files->opened);
    files->dead = false;
    if (!power)
        return;
    files->crashes++;
    aks_files_sim_undo_lose(files);
    for (struct aks_sim_node *node = files->first_node; node != NULL; node = node->next) {
        aks_files_sim_data_lose(files, node);
        node->held = false;
    }
    aks_files_sim_tree_mark(files);
}

unsigned
aks_files_sim_open_count(const struct aks_files_sim *files)
{
    return files->open_count;
}
