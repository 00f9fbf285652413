/* A folder as a target. */
#include "base/check.h"
#include "base/encode.h"
#include "engine/decide_default.h"
#include "engine/target_dir_internal.h"

#include <string.h>

/* Is the place there, and may we write to it? */
struct probe_job {
    struct aks_target_work work;        /* first */
    char *root;
    char *file;
};

enum aks_status
aks_target_dir_random(const struct aks_port *port, char ret_hex[AKS_TARGET_DIR_RANDOM_HEX_BYTES],
    struct aks_error *err)
{
    uint8_t random[AKS_TARGET_DIR_RANDOM_BYTES];
    enum aks_status status = port->entropy.fill(port->entropy.ctx, random, sizeof(random), err);

    if (status == AKS_OK)
        aks_hex_encode(random, sizeof(random), ret_hex);
    return status;
}

enum aks_status
aks_target_dir_path(const struct dir_target *target, const char *key, char **ret_path,
    struct aks_error *err)
{
    const char *name = target->base.settings->name;
    const char *slash;

    if (!aks_target_key_valid(key))
        return aks_error_set(err, AKS_SETTINGS, "cannot use target %s: \"%s\" is not a valid key",
            name, key);
    slash = strrchr(key, '/');
    if (aks_target_dir_temporary(slash != NULL ? slash + 1 : key))
        return aks_error_set(err, AKS_SETTINGS,
            "cannot use target %s: the name %s is kept for temporary files", name, key);
    *ret_path = aks_mem_printf(target->port->alloc, "%s/%s", target->root, key);
    return *ret_path != NULL ? AKS_OK : aks_error_memory(err, "naming an object");
}

bool
aks_target_dir_is_synced(const struct dir_target *target, const char *folder)
{
    return target->synced != NULL && strcmp(target->synced, folder) == 0;
}

void
aks_target_dir_synced(struct dir_target *target, const char *folder)
{
    if (aks_target_dir_is_synced(target, folder))
        return;
    /* NULL for want of memory only costs another sync. */
    aks_mem_free(target->port->alloc, target->synced);
    target->synced = aks_mem_strdup(target->port->alloc, folder);
}

/* "~/" is the person's home; a final '/' goes; the root of the file system keeps a name to put
 * keys behind. */
static enum aks_status
expand(const struct aks_port *port, const char *path, char **ret_root, struct aks_error *err)
{
    const struct aks_environment *environment = &port->environment;
    const char *home = "";
    char *root;
    size_t len;

    if (strncmp(path, "~/", 2) == 0) {
        home = environment->home(environment->ctx);
        if (home[0] != '/')
            return aks_error_set(err, AKS_SETTINGS, "%s: there is no home folder to put for ~",
                path);
        path++;
    }
    if (path[0] != '/')
        return aks_error_set(err, AKS_SETTINGS, "%s is not an absolute path", path);
    root = aks_mem_printf(port->alloc, "%s%s", home, path);
    if (root == NULL)
        return aks_error_memory(err, "opening a target");
    for (len = strlen(root); len > 1 && root[len - 1] == '/'; len--)
        root[len - 1] = '\0';
    if (len == 1) {
        aks_mem_free(port->alloc, root);
        root = aks_mem_strdup(port->alloc, "/.");
        if (root == NULL)
            return aks_error_memory(err, "opening a target");
    }
    *ret_root = root;
    return AKS_OK;
}

static void
dir_free(struct aks_target *base)
{
    struct dir_target *target = (struct dir_target *)base;
    const struct aks_alloc *alloc;

    if (target == NULL)
        return;
    alloc = target->port->alloc;
    for (size_t i = 0; i < AKS_TARGET_DIR_CALLS_MAX; i++)
        aks_target_dir_call_cancel(&target->calls[i]);
    aks_target_work_leave(target->sweep, target->options.lingering);
    aks_mem_free(alloc, target->root);
    aks_mem_free(alloc, target->synced);
    aks_mem_free(alloc, target);
}

static enum aks_status
dir_create(const struct aks_target_options *options, struct aks_target **ret_target,
    struct aks_error *err)
{
    struct dir_target *target = aks_mem_new(options->port->alloc, sizeof(*target));
    enum aks_status status;

    if (target == NULL)
        return aks_error_memory(err, "opening a target");
    target->base.class = &aks_target_dir;
    target->base.settings = options->settings;
    target->options = *options;
    target->port = options->port;
    status = expand(target->port, options->settings->path, &target->root, err);
    if (status != AKS_OK) {
        (void)aks_error_wrap(err, "cannot use target %s", options->settings->name);
        dir_free(&target->base);
        return status;
    }
    *ret_target = &target->base;
    return AKS_OK;
}

/* Making it, and a file in it, says more than any look at its mode. */
static enum aks_status
run_probe(struct aks_target_work *work, struct aks_error *err)
{
    struct probe_job *job = (struct probe_job *)work;
    const struct aks_files *files = &work->port->files;
    struct aks_file *file = NULL;
    enum aks_status status;

    status = aks_target_dir_way(work->port, job->root, job->root, true, err);
    if (status == AKS_OK)
        status = files->open(files->ctx, job->file, AKS_FILE_CREATE, &file, err);
    if (status != AKS_OK)
        return status;
    files->close(file);
    return files->unlink(files->ctx, job->file, err);
}

static void
release_probe(struct aks_target_work *work)
{
    struct probe_job *job = (struct probe_job *)work;

    aks_mem_free(work->port->alloc, job->root);
    aks_mem_free(work->port->alloc, job->file);
}

static struct aks_target_work *
prepare_probe(struct dir_call *call, struct aks_error *err)
{
    const struct aks_port *port = call->target->port;
    char random[AKS_TARGET_DIR_RANDOM_HEX_BYTES];
    struct probe_job *job;

    if (aks_target_dir_random(port, random, err) != AKS_OK)
        return NULL;
    job = aks_mem_new(port->alloc, sizeof(*job));
    if (job != NULL) {
        job->work.port = port;
        job->work.run = run_probe;
        job->work.release = release_probe;
        job->root = aks_mem_strdup(port->alloc, call->target->root);
        job->file = aks_mem_printf(port->alloc, "%s/.probe.%s.part", call->target->root, random);
        if (job->root != NULL && job->file != NULL)
            return &job->work;
        release_probe(&job->work);
        aks_mem_free(port->alloc, job);
    }
    (void)aks_error_memory(err, "looking at a target");
    return NULL;
}

static int64_t
probe_deadline_ms(const struct dir_call *call)
{
    return call->target->options.probe_ms;
}

static const struct dir_verb probe_verb = { "use", prepare_probe, NULL, NULL, probe_deadline_ms };

static void
dir_available(struct aks_target *base, aks_done *done, void *ctx)
{
    struct dir_call *call = aks_target_dir_call_new((struct dir_target *)base);

    aks_target_dir_call_begin(call, &probe_verb, AKS_OPERATION_PROBE, NULL, done, ctx);
}

static enum aks_part_check
dir_part_check(const struct aks_target *target)
{
    return AKS_PART_UNCHECKED;
}

static unsigned
dir_parts_in_flight(const struct aks_target *target)
{
    return AKS_TARGET_DIR_PARTS_MAX;
}

static void
dir_credentials(const struct aks_target *target, char ret_source[AKS_TARGET_CREDENTIALS_BYTES])
{
    ret_source[0] = '\0';
}

const struct aks_target_class aks_target_dir = {
    .create = dir_create,
    .free = dir_free,
    .available = dir_available,
    .part_check = dir_part_check,
    .parts_in_flight = dir_parts_in_flight,
    .open = aks_target_dir_open,
    .send = aks_target_dir_send,
    .finish = aks_target_dir_finish,
    .abort = aks_target_dir_abort,
    .object_free = aks_target_dir_object_free,
    .put = aks_target_dir_put,
    .get = aks_target_dir_get,
    .list = aks_target_dir_list,
    .stat = aks_target_dir_stat,
    .get_range = aks_target_dir_get_range,
    .remove = aks_target_dir_remove,
    .credentials = dir_credentials,
    .markers = false,
    .can_list = true,
};
