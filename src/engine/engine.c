#include "engine/engine.h"

#include "engine/private_folder.h"
#include "engine/upload_id.h"

#include <stdio.h>
#include <string.h>

/* Are names on the way to the state folder sure to last? The database is made when they are. */
static bool
lasts(const struct aks_engine *engine)
{
    const struct aks_files *files = &engine->port->files;
    char *path = aks_mem_printf(engine->port->alloc, "%s/state.db", engine->state_folder);
    struct aks_file_info info;
    bool there = path != NULL && files->stat(files->ctx, path, true, &info, NULL) == AKS_OK;

    aks_mem_free(engine->port->alloc, path);
    return there;
}

static enum aks_status
open_folders(struct aks_engine *engine, const char *folder, struct aks_error *err)
{
    const struct aks_alloc *alloc = engine->port->alloc;
    enum aks_status status;

    engine->state_folder = aks_mem_strdup(alloc, folder);
    engine->queue_folder = aks_mem_printf(alloc, "%s/queue", folder);
    engine->scratch_folder = aks_mem_printf(alloc, "%s/scratch", folder);
    engine->snapshot_folder = aks_mem_printf(alloc, "%s/snapshots", folder);
    if (engine->state_folder == NULL || engine->queue_folder == NULL ||
        engine->scratch_folder == NULL || engine->snapshot_folder == NULL)
        return aks_error_memory(err, "opening the state folder");
    status = aks_engine_make_state_folder(engine->port, folder, !lasts(engine), err);
    if (status != AKS_OK)
        return status;
    status = aks_private_folder_check_all(engine->port, folder, err);
    if (status == AKS_OK)
        status = aks_engine_make_folders(engine->port, engine->scratch_folder, err);
    return status == AKS_OK ? AKS_OK : aks_engine_state_failure(status, folder, err);
}

/* Told, and no more: whose folder it is, is seen each time. */
static void
warn_of_parents(const struct aks_engine *engine)
{
    const char *folder = engine->state_folder;
    size_t len = aks_private_folder_open_parent(engine->port, folder);

    if (len > 0)
        aks_log_write(engine->log, AKS_LOG_WARNING, "anybody may move the state folder %s away: "
            "everybody can write in %.*s (chmod o-w, or chmod +t)", folder, (int)len, folder);
}

static enum aks_status
open_state(struct aks_engine *engine, struct aks_state **ret_state, struct aks_error *err)
{
    enum aks_status status = aks_state_reopen(engine->process->alloc, &engine->process->files,
        engine->state_folder, engine->state, ret_state, err);

    if (status == AKS_OK && aks_state_aside(*ret_state) != NULL)
        aks_log_write(engine->log, AKS_LOG_WARNING, "the state database was damaged: it was "
            "set aside as %s and a new one made; what targets hold is looked at again, and "
            "nothing queued is lost", aks_state_aside(*ret_state));
    if (status == AKS_NO_SPACE)
        status = aks_engine_state_failure(status, engine->state_folder, err);
    return status;
}

enum aks_status
aks_engine_renew_state(struct aks_engine *engine, struct aks_error *err)
{
    struct aks_state *fresh = NULL;
    enum aks_status status;

    if (aks_state_current(engine->state, &engine->process->files))
        return AKS_OK;
    aks_log_write(engine->log, AKS_LOG_WARNING, "the state database is opened again: it is "
        "damaged, or another process has set it aside");
    /* It may be the folder that is another one. */
    status = aks_private_folder_check_all(engine->port, engine->state_folder, err);
    if (status != AKS_OK)
        return aks_engine_state_failure(status, engine->state_folder, err);
    status = open_state(engine, &fresh, err);
    if (status != AKS_OK)
        return status;
    aks_state_close(engine->state);
    engine->state = fresh;
    return AKS_OK;
}

/* What was found damaged only once it was read is for the next process as if it had never been: it
 * need not find the same again. */
static void
leave_state(struct aks_engine *engine)
{
    struct aks_error err;

    if (engine->state != NULL && aks_state_damaged(engine->state) &&
        aks_engine_renew_state(engine, &err) != AKS_OK)
        aks_log_write(engine->log, AKS_LOG_WARNING, "%s", err.message);
}

enum aks_status
aks_engine_open(const struct aks_engine_options *options, struct aks_engine **ret_engine,
    struct aks_error *err)
{
    const struct aks_alloc *alloc = options->port->alloc;
    struct aks_engine *engine = aks_mem_new(alloc, sizeof(*engine));
    enum aks_status status;

    if (engine == NULL)
        return aks_error_memory(err, "opening the engine");
    engine->process = options->port;
    engine->own = *options->port;
    engine->port = &engine->own;
    engine->log = options->log;
    engine->loader = options->loader;
    engine->progress = options->progress;
    engine->progress_ctx = options->progress_ctx;
    atomic_init(&engine->interrupted, 0);
    aks_loop_init(&engine->loop, engine->port);
    status = open_folders(engine, options->state_folder, err);
    if (status == AKS_OK) {
        warn_of_parents(engine);
        status = open_state(engine, &engine->state, err);
    }
    if (status != AKS_OK) {
        aks_engine_close(engine);
        return status;
    }
    *ret_engine = engine;
    return AKS_OK;
}

void
aks_engine_close(struct aks_engine *engine)
{
    const struct aks_alloc *alloc;

    if (engine == NULL)
        return;
    alloc = engine->process->alloc;
    aks_audit_close(engine->audit);
    leave_state(engine);
    aks_state_close(engine->state);
    aks_loop_fini(&engine->loop);
    aks_mem_free(alloc, engine->state_folder);
    aks_mem_free(alloc, engine->queue_folder);
    aks_mem_free(alloc, engine->scratch_folder);
    aks_mem_free(alloc, engine->snapshot_folder);
    aks_mem_free(alloc, engine);
}

void
aks_engine_interrupt(struct aks_engine *engine, int signal)
{
    atomic_store(&engine->interrupted, signal);
    engine->port->events.wake(engine->port->events.ctx);
}

void
aks_engine_environment(struct aks_engine *engine, const struct aks_environment *environment)
{
    engine->own.environment = environment != NULL ? *environment : engine->process->environment;
}

enum aks_status
aks_engine_audit(struct aks_engine *engine, struct aks_audit **ret_audit, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    if (engine->audit == NULL)
        status = aks_audit_open(engine->port, engine->state_folder, &engine->audit, err);
    *ret_audit = engine->audit;
    return status;
}

enum aks_status
aks_engine_new_id(struct aks_engine *engine, char ret_id[32], struct aks_error *err)
{
    return aks_engine_make_id(engine->port, ret_id, err);
}

enum aks_status
aks_engine_upload_id(struct aks_engine *engine, const char *after, char ret_id[32],
    struct aks_error *err)
{
    return aks_upload_id_new(engine->port, engine->state, after, ret_id, err);
}

void
aks_engine_system_id(const struct aks_port *port, const struct aks_settings *settings,
    char ret_id[AKS_SYSTEM_ID_BYTES])
{
    const struct aks_environment *env = &port->environment;
    const char *id = settings->system_id;

    if (id == NULL || id[0] == '\0')
        id = env->get(env->ctx, "AKOSHA_SYSTEM_ID");
    if (id == NULL || id[0] == '\0')
        id = env->get(env->ctx, "SESSION_BUDDY_AKOSHA_SYSTEM_ID");
    if (id == NULL || id[0] == '\0')
        id = env->host_name(env->ctx);
    if (id[0] == '\0')
        id = "unknown-system";
    (void)snprintf(ret_id, AKS_SYSTEM_ID_BYTES, "%s", id);
    for (char *c = ret_id; *c != '\0'; c++) {
        bool allowed = (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') ||
            (*c >= '0' && *c <= '9') || *c == '_' || *c == '-';

        if (!allowed)
            *c = '-';
    }
}
