#include "api/api_internal.h"

#include "engine/audit_note.h"

#include "engine/policy_text.h"

#include <stdio.h>
#include <string.h>

static void
pass_log(void *ctx, enum aks_log_level level, const char *text)
{
    struct akosha *engine = ctx;

    engine->options.log(engine->options.log_ctx, (enum akosha_log_level)level, text);
}

static void
pass_progress(void *ctx, const struct aks_progress *progress)
{
    struct akosha *engine = ctx;
    struct akosha_progress told = { progress->target, progress->source, progress->files_done,
        progress->files_total, progress->bytes_done, progress->bytes_total, progress->waiting_ms,
        progress->reading, progress->blocked };

    engine->options.progress(engine->options.progress_ctx, &told);
}

int
akosha_open(const struct akosha_options *options, struct akosha **ret_engine,
    struct akosha_error *ret_error)
{
    const struct aks_alloc *alloc = options->port->alloc;
    struct aks_engine_options engine_options = { 0 };
    struct akosha *engine = aks_mem_new(alloc, sizeof(*engine));
    struct aks_error err = { 0 };
    char *folder = NULL;
    enum aks_status status;

    if (engine == NULL) {
        (void)aks_error_memory(&err, "opening the engine");
        return akosha_api_error(&err, ret_error);
    }
    engine->options = *options;
    if (akosha_api_limits(options->limits, options->limit_count, &engine->limits, &err) != AKS_OK) {
        aks_mem_free(alloc, engine);
        (void)akosha_api_error(&err, ret_error);
        ret_error->code = AKOSHA_USAGE;
        return ret_error->code;
    }
    if (options->log != NULL) {
        engine->log.line = pass_log;
        engine->log.ctx = engine;
        engine->log.level = (enum aks_log_level)options->log_level;
        engine_options.log = &engine->log;
    }
    engine->script.alloc = alloc;
    engine->script.log = engine_options.log;
    engine->script.clock = &options->port->clock;
    engine->script.part_divisor = options->part_divisor;
    engine->script.entropy = &options->port->entropy;
    aks_script_loader_init(&engine_options.loader, &engine->script);
    engine_options.port = options->port;
    if (options->progress != NULL) {
        engine_options.progress = pass_progress;
        engine_options.progress_ctx = engine;
    }
    status = akosha_api_state_folder(options->port, options->state_folder, &folder, &err);
    if (status == AKS_OK) {
        engine_options.state_folder = folder;
        status = aks_engine_open(&engine_options, &engine->engine, &err);
    }
    aks_mem_free(alloc, folder);
    if (status != AKS_OK) {
        aks_mem_free(alloc, engine);
        (void)akosha_api_error(&err, ret_error);
        ret_error->code = AKOSHA_NOT_KEPT;
        return ret_error->code;
    }
    *ret_engine = engine;
    return AKOSHA_OK;
}

void
akosha_close(struct akosha *engine)
{
    if (engine == NULL)
        return;
    aks_engine_close(engine->engine);
    aks_mem_free(engine->options.port->alloc, engine);
}

void
akosha_interrupt(struct akosha *engine, int signal)
{
    aks_engine_interrupt(engine->engine, signal);
}

static char *
folder_of(const struct aks_port *port, const char *path)
{
    const struct aks_environment *env = &port->environment;
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;

    if (slash == NULL)
        return aks_mem_strdup(port->alloc, env->working_folder(env->ctx));
    return aks_mem_strndup(port->alloc, path, slash == path ? 1 : (size_t)(slash - path));
}

int
akosha_policy_load(struct akosha *engine, const char *path, const char *const *allow,
    size_t allow_count, struct akosha_policy **ret_policy, struct akosha_error *ret_error)
{
    const struct aks_port *port = engine->options.port;
    const struct aks_policy_loader *loader = &engine->engine->loader;
    struct akosha_policy *policy = aks_mem_new(port->alloc, sizeof(*policy));
    struct aks_error err = { 0 };
    char *file = NULL;
    enum aks_status status;

    if (policy == NULL) {
        (void)aks_error_memory(&err, "loading the policy");
        return akosha_api_error(&err, ret_error);
    }
    policy->engine = engine;
    status = akosha_api_policy_path(port, path, &file, &err);
    if (status == AKS_OK && file != NULL)
        status = aks_policy_text_read(port, file, &policy->text, &err);
    if (status == AKS_OK)
        status = aks_policy_environment_collect(port, allow, allow_count, &policy->environment,
            &err);
    policy->text.limits = engine->limits;
    engine->script.allowed_names = allow;
    engine->script.allowed_count = allow_count;
    if (status == AKS_OK)
        status = loader->load(loader->ctx, &policy->text, &policy->environment, &policy->policy,
            &err);
    if (status == AKS_OK) {
        policy->folder = folder_of(port, policy->text.path);
        if (policy->folder == NULL)
            status = aks_error_memory(&err, "loading the policy");
    }
    aks_mem_free(port->alloc, file);
    if (status != AKS_OK) {
        aks_audit_note_refused(engine->engine, status == AKS_LIMIT, policy->text.path, NULL, &err);
        akosha_policy_free(policy);
        (void)akosha_api_error(&err, ret_error);
        ret_error->code = AKOSHA_SETTINGS;
        return ret_error->code;
    }
    *ret_policy = policy;
    return AKOSHA_OK;
}

const char *
akosha_policy_path(const struct akosha_policy *policy)
{
    return policy->policy->settings->policy_path;
}

void
akosha_policy_free(struct akosha_policy *policy)
{
    const struct aks_alloc *alloc;

    if (policy == NULL)
        return;
    alloc = policy->engine->options.port->alloc;
    if (policy->policy != NULL)
        policy->policy->free(policy->policy);
    aks_policy_text_fini(alloc, &policy->text);
    aks_policy_environment_fini(alloc, &policy->environment);
    aks_mem_free(alloc, policy->folder);
    aks_mem_free(alloc, policy);
}
