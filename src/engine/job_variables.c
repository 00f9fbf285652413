#include "engine/job_variables.h"

#include "engine/policy_text.h"
#include "engine/secret_store.h"

#include <string.h>

enum variable_kind {
    PLAIN,              /* written down as it is */
    PATH,               /* written down, absolute */
    ADDRESS,            /* written down, unless a user or a query is in it: then handed over */
    HANDED              /* handed over */
};

static const struct {
    const char *name;
    enum variable_kind kind;
} known[] = {
    { "AWS_PROFILE", PLAIN },
    { "AWS_DEFAULT_PROFILE", PLAIN },
    { "AWS_REGION", PLAIN },
    { "AWS_DEFAULT_REGION", PLAIN },
    { "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", PLAIN },
    { "AWS_ENDPOINT_URL", ADDRESS },
    { "AWS_ENDPOINT_URL_S3", ADDRESS },
    { "AWS_ENDPOINT_URL_STS", ADDRESS },
    { "AWS_ROLE_ARN", PLAIN },
    { "AWS_ROLE_SESSION_NAME", PLAIN },
    { "AWS_WEB_IDENTITY_TOKEN_FILE", PATH },
    { "AWS_CONTAINER_CREDENTIALS_FULL_URI", ADDRESS },
    { "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", PATH },
    { "AWS_EC2_METADATA_DISABLED", PLAIN },
    { "AWS_EC2_METADATA_SERVICE_ENDPOINT", ADDRESS },
    { "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", PLAIN },
    { "AWS_METADATA_SERVICE_TIMEOUT", PLAIN },
    { "AWS_METADATA_SERVICE_NUM_ATTEMPTS", PLAIN },
    { "AWS_SHARED_CREDENTIALS_FILE", PATH },
    { "AWS_CONFIG_FILE", PATH },
    { "AWS_CA_BUNDLE", PATH },
    { "SSL_CERT_FILE", PATH },
    { "CURL_CA_BUNDLE", PATH },
    { "http_proxy", ADDRESS },
    { "https_proxy", ADDRESS },
    { "HTTPS_PROXY", ADDRESS },
    { "all_proxy", ADDRESS },
    { "ALL_PROXY", ADDRESS },
    { "no_proxy", PLAIN },
    { "NO_PROXY", PLAIN },
    { "AWS_ACCESS_KEY_ID", HANDED },
    { "AWS_SECRET_ACCESS_KEY", HANDED },
    { "AWS_SESSION_TOKEN", HANDED },
    { "AWS_SECURITY_TOKEN", HANDED },
    { "AWS_CREDENTIAL_EXPIRATION", HANDED },
    { "AWS_CONTAINER_AUTHORIZATION_TOKEN", HANDED },
    /* Whoever knows it, and is on the machine, gets the keys. */
    { "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", HANDED },
};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

static bool
is_known(const char *name, bool handed)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if ((known[i].kind == HANDED) == handed && strcmp(known[i].name, name) == 0)
            return true;
    }
    return false;
}

static const char *
get(const struct aks_environment *environment, const char *name)
{
    const char *value = environment->get(environment->ctx, name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* --- what is there ---------------------------------------------------------------------------- */

/* A proxy may be named without its scheme, so what stands before '@' is a user wherever it is. */
static bool
has_user(const char *address)
{
    const char *host = strstr(address, "://");
    size_t len;

    host = host != NULL ? host + 3 : address;
    len = strcspn(host, "/?#");
    return memchr(host, '@', len) != NULL;
}

/* A user may have a password, and a query a token. */
static bool
may_be_secret(const char *address)
{
    return has_user(address) || strchr(address, '?') != NULL;
}

static enum aks_status
add_text(const struct aks_alloc *alloc, char ***list, size_t *count, char *text,
    struct aks_error *err)
{
    if (*list == NULL)
        *list = aks_mem_array(alloc, AKS_POLICY_VARIABLES_MAX, sizeof(**list));
    if (*list == NULL || text == NULL) {
        aks_mem_free(alloc, text);
        return aks_error_memory(err, "making a job");
    }
    if (*count == AKS_POLICY_VARIABLES_MAX) {
        aks_mem_free(alloc, text);
        return aks_error_set(err, AKS_LIMIT, "a job takes along up to %d variables",
            AKS_POLICY_VARIABLES_MAX);
    }
    (*list)[(*count)++] = text;
    return AKS_OK;
}

static enum aks_status
add_handed(const struct aks_port *port, struct aks_job *job, const char *name,
    struct aks_error *err)
{
    for (size_t i = 0; i < job->handed_count; i++) {
        if (strcmp(job->handed[i], name) == 0)
            return AKS_OK;
    }
    return add_text(port->alloc, &job->handed, &job->handed_count,
        aks_mem_strdup(port->alloc, name), err);
}

static enum aks_status
add_variable(const struct aks_port *port, struct aks_job *job, const char *name,
    enum variable_kind kind, const char *value, struct aks_error *err)
{
    const struct aks_environment *env = &port->environment;
    const char *folder = kind == PATH && value[0] != '/' && value[0] != '~'
        ? env->working_folder(env->ctx) : "";

    if (kind == HANDED || (kind == ADDRESS && may_be_secret(value)))
        return add_handed(port, job, name, err);
    return add_text(port->alloc, &job->variables.pairs, &job->variables.count,
        aks_mem_printf(port->alloc, "%s=%s%s%s", name, folder, folder[0] != '\0' ? "/" : "",
            value), err);
}

static enum aks_status
add_secrets(const struct aks_port *port, struct aks_job *job, struct aks_error *err)
{
    struct aks_secret_list list;
    enum aks_status status;

    aks_secret_list_init(&list, port->alloc);
    status = aks_secret_store_load(port, &list, err);
    /* What is wrong with the list is told where a secret is used. Without memory it may be fine,
     * and what nobody hands over now is gone. */
    if (status != AKS_OK && status != AKS_LIMIT) {
        list.count = 0;
        status = AKS_OK;
    }
    for (size_t i = 0; i < list.count && status == AKS_OK; i++) {
        if (list.entries[i].from == AKS_SECRET_ENV &&
            get(&port->environment, list.entries[i].where) != NULL)
            status = add_handed(port, job, list.entries[i].where, err);
    }
    aks_secret_list_fini(&list);
    return status;
}

enum aks_status
aks_job_variables_collect(const struct aks_port *port, struct aks_job *job, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    job->variables_known = true;
    for (size_t i = 0; i < KNOWN_COUNT && status == AKS_OK; i++) {
        const char *value = get(&port->environment, known[i].name);

        if (value != NULL)
            status = add_variable(port, job, known[i].name, known[i].kind, value, err);
    }
    return status == AKS_OK ? add_secrets(port, job, err) : status;
}

enum aks_status
aks_job_variables_message(const struct aks_port *port, const struct aks_job *job,
    struct aks_buf *message, struct aks_error *err)
{
    aks_buf_puts(message, job->id);
    aks_buf_putc(message, '\0');
    for (size_t i = 0; i < job->handed_count; i++) {
        const char *value = get(&port->environment, job->handed[i]);

        if (value == NULL)
            continue;
        aks_buf_puts(message, job->handed[i]);
        aks_buf_putc(message, '=');
        aks_buf_append(message, value, strlen(value) + 1);
    }
    return aks_buf_status(message, "what a job's worker is handed", err);
}

/* --- where it is brought ---------------------------------------------------------------------- */

/* Set by people for this program alone: what a job has not, it has not. */
static bool
program_own(const char *name)
{
    return aks_policy_environment_open(name, strlen(name)) &&
        (strncmp(name, "AKOSHA_", 7) == 0 || strncmp(name, "SESSION_BUDDY_AKOSHA_", 21) == 0);
}

static bool
was_handed(const struct aks_job *job, const char *name)
{
    for (size_t i = 0; i < job->handed_count; i++) {
        if (strcmp(job->handed[i], name) == 0)
            return true;
    }
    return false;
}

static const char *
job_get(void *ctx, const char *name)
{
    const struct aks_job_environment *environment = ctx;
    const struct aks_job *job = environment->job;
    const struct aks_environment *process = environment->process;
    const struct aks_handed *handed = environment->handed;
    const char *value = handed != NULL ? aks_handed_get(handed, job->id, name) : NULL;

    if (value == NULL && job->variables_known)
        value = aks_policy_environment_get(&job->variables, name);
    if (value == NULL)
        value = aks_policy_environment_get(&job->environment, name);
    if (value != NULL)
        return value;
    /* Keys are taken together, or half of them would be somebody else's. */
    if (is_known(name, true) && handed != NULL &&
        aks_handed_get(handed, job->id, "AWS_ACCESS_KEY_ID") != NULL)
        return NULL;
    if (job->variables_known && is_known(name, false) && !was_handed(job, name))
        return NULL;
    return program_own(name) ? NULL : process->get(process->ctx, name);
}

static const char *
job_at(void *ctx, unsigned i)
{
    const struct aks_job_environment *environment = ctx;

    return environment->process->at(environment->process->ctx, i);
}

static const char *
job_host_name(void *ctx)
{
    const struct aks_job_environment *environment = ctx;

    return environment->process->host_name(environment->process->ctx);
}

static const char *
job_home(void *ctx)
{
    const struct aks_job_environment *environment = ctx;
    const char *home = aks_policy_environment_get(&environment->job->environment, "HOME");

    return home != NULL && home[0] == '/' ? home
        : environment->process->home(environment->process->ctx);
}

static const char *
job_working_folder(void *ctx)
{
    const struct aks_job_environment *environment = ctx;

    return environment->job->folder != NULL ? environment->job->folder
        : environment->process->working_folder(environment->process->ctx);
}

void
aks_job_environment_init(struct aks_job_environment *environment,
    const struct aks_environment *process, const struct aks_job *job,
    const struct aks_handed *handed, struct aks_environment *ret_port)
{
    *environment = (struct aks_job_environment) { process, job, handed };
    *ret_port = (struct aks_environment) { job_get, job_at, job_host_name, job_home,
        job_working_folder, environment };
}
