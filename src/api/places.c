/* Where things are and what an error is called: what needs no engine. */
#include "api/api_internal.h"

#include "base/utf8.h"
#include "engine/policy_limits.h"
#include "engine/private_folder.h"

#include <stdio.h>

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

/* It says where data goes, and nobody has named it. */
static enum aks_status
check_found_policy(const struct aks_port *port, const char *folder, const char *path,
    struct aks_error *err)
{
    struct aks_error why;
    enum aks_status status = aks_private_folder_check_settings(port, folder, &why);

    if (status == AKS_OK)
        status = aks_private_folder_check_settings(port, path, &why);
    if (status == AKS_OK)
        return AKS_OK;
    (void)aks_error_set(err, AKS_SETTINGS, "cannot use the policy %s: %s", path, why.message);
    aks_error_hint(err, "%s", why.hint);
    return AKS_SETTINGS;
}

enum aks_status
akosha_api_policy_path(const struct aks_port *port, const char *given, char **ret_path,
    struct aks_error *err)
{
    const struct aks_environment *env = &port->environment;
    struct aks_file_info info;
    char *folder;
    char *path;
    enum aks_status status = AKS_OK;

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
    if (path == NULL)
        status = aks_error_memory(err, "looking for the policy");
    else if (port->files.stat(port->files.ctx, path, true, &info, NULL) == AKS_OK) {
        status = check_found_policy(port, folder, path, err);
        *ret_path = status == AKS_OK ? path : NULL;
    }
    aks_mem_free(port->alloc, folder);
    if (*ret_path == NULL)
        aks_mem_free(port->alloc, path);
    return status;
}
