#include "api/api_internal.h"

#include "base/utf8.h"
#include "engine/policy_limits.h"
#include "engine/policy_text.h"

#include <stdio.h>
#include <string.h>

const char *
akosha_version(void)
{
    return AKS_VERSION;
}

static int
code_of(enum aks_status status)
{
    switch (status) {
    case AKS_OK:
        return AKOSHA_OK;
    case AKS_POLICY:
    case AKS_SETTINGS:
    case AKS_LIMIT:
        return AKOSHA_SETTINGS;
    case AKS_STATE:
    case AKS_NO_SPACE:
    case AKS_INTERNAL:
        return AKOSHA_NOT_KEPT;
    case AKS_AUTH_MISSING:
    case AKS_AUTH_EXPIRED:
    case AKS_AUTH_INVALID:
    case AKS_FORBIDDEN:
        return AKOSHA_REFUSED;
    case AKS_CORRUPT:
        return AKOSHA_INTEGRITY;
    case AKS_SOURCE_MISSING:
    case AKS_SOURCE_UNREADABLE:
        return AKOSHA_SOURCE;
    case AKS_OFFLINE:
    case AKS_DNS:
    case AKS_REFUSED:
    case AKS_CONNECT_TIMEOUT:
    case AKS_TLS:
    case AKS_TIMEOUT:
    case AKS_STALLED:
    case AKS_THROTTLED:
    case AKS_SERVER:
    case AKS_CLOCK_SKEW:
    case AKS_NOT_FOUND:
    case AKS_CONFLICT:
    case AKS_TOO_LARGE:
    case AKS_BAD_REPLY:
    case AKS_SOURCE_BUSY:
    case AKS_SOURCE_CHANGED:
    case AKS_BUDGET:
    case AKS_CANCELLED:
    case AKS_UNDELIVERED:
    case AKS_STATUS_COUNT:
        break;
    }
    return AKOSHA_QUEUED;
}

int
akosha_api_error(const struct aks_error *err, struct akosha_error *ret_error)
{
    ret_error->code = code_of(err->status);
    ret_error->failure = aks_status_name(err->status);
    (void)snprintf(ret_error->message, sizeof(ret_error->message), "%s", err->message);
    (void)snprintf(ret_error->hint, sizeof(ret_error->hint), "%s", err->hint);
    aks_utf8_mend(ret_error->message);
    aks_utf8_mend(ret_error->hint);
    return ret_error->code;
}

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

enum aks_status
akosha_api_state_folder(const struct aks_port *port, const char *given, char **ret_folder,
    struct aks_error *err)
{
    const struct aks_environment *env = &port->environment;
    char *folder;

    if (given == NULL)
        folder = aks_engine_xdg_folder(port, "XDG_STATE_HOME", ".local/state");
    else if (given[0] == '/')
        folder = aks_mem_strdup(port->alloc, given);
    else if (env->working_folder(env->ctx)[0] != '/')
        return aks_error_set(err, AKS_STATE, "cannot use the state folder %s: the working folder, "
            "in which it would lie, is not known any more", given);
    else
        folder = aks_mem_printf(port->alloc, "%s/%s", env->working_folder(env->ctx), given);
    if (folder == NULL)
        return aks_error_memory(err, "opening the engine");
    *ret_folder = folder;
    return AKS_OK;
}

enum aks_status
akosha_api_limits(const char *const *texts, size_t count, struct aks_policy_limits *ret_limits,
    struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    for (size_t i = 0; i < count && status == AKS_OK; i++)
        status = aks_policy_limit_parse(texts[i], ret_limits, err);
    return status;
}

int
akosha_limit_check(const char *text, struct akosha_error *ret_error)
{
    struct aks_policy_limits limits = { 0 };
    struct aks_error err = { 0 };

    if (akosha_api_limits(&text, 1, &limits, &err) == AKS_OK)
        return AKOSHA_OK;
    (void)akosha_api_error(&err, ret_error);
    ret_error->code = AKOSHA_USAGE;
    return ret_error->code;
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

enum aks_status
akosha_api_policy_path(const struct aks_port *port, const char *given, char **ret_path,
    struct aks_error *err)
{
    const struct aks_environment *env = &port->environment;
    struct aks_file_info info;
    char *folder;
    char *path;

    *ret_path = NULL;
    if (given == NULL) {
        given = env->get(env->ctx, "AKOSHA_POLICY");
        if (given != NULL && given[0] == '\0')
            given = NULL;
    }
    if (given != NULL) {
        *ret_path = aks_mem_strdup(port->alloc, given);
        return *ret_path != NULL ? AKS_OK : aks_error_memory(err, "looking for the policy");
    }
    folder = aks_engine_xdg_folder(port, "XDG_CONFIG_HOME", ".config");
    path = folder != NULL ? aks_mem_printf(port->alloc, "%s/policy.lua", folder) : NULL;
    aks_mem_free(port->alloc, folder);
    if (path == NULL)
        return aks_error_memory(err, "looking for the policy");
    if (port->files.stat(port->files.ctx, path, true, &info, NULL) == AKS_OK)
        *ret_path = path;
    else
        aks_mem_free(port->alloc, path);
    return AKS_OK;
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
