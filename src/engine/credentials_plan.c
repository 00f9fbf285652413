#include "engine/credentials_plan_internal.h"

#include "wire/dates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ARN_BYTES_MAX 2048              /* STS's own limits, as the next ones */
#define SESSION_NAME_MIN 2
#define SESSION_NAME_MAX 64
#define URL_BYTES 2048

const char *
aks_credentials_variable(const struct aks_port *port, const char *name)
{
    const char *value = port->environment.get(port->environment.ctx, name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool
is_true(const struct aks_port *port, const char *name)
{
    const char *value = aks_credentials_variable(port, name);

    return value != NULL && strcasecmp(value, "true") == 0;
}

static void
role_fini(const struct aks_alloc *alloc, struct aks_credentials_role *role)
{
    aks_mem_free(alloc, role->arn);
    aks_mem_free(alloc, role->external_id);
    aks_mem_free(alloc, role->session_name);
    memset(role, 0, sizeof(*role));
}

void
aks_credentials_plan_fini(struct aks_credentials_plan *plan)
{
    if (plan->alloc == NULL)
        return;
    aks_credentials_drop(plan->keys);
    aks_mem_free(plan->alloc, plan->command);
    aks_mem_free(plan->alloc, plan->token_file);
    aks_mem_free(plan->alloc, plan->sts_url);
    role_fini(plan->alloc, &plan->web);
    for (size_t i = 0; i < AKS_CREDENTIALS_ROLES_MAX; i++)
        role_fini(plan->alloc, &plan->roles[i]);
    memset(plan, 0, sizeof(*plan));
}

/* --- roles ------------------------------------------------------------------------------------ */

static bool
is_session_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        "_+=,.@-";
    size_t len = strlen(name);

    return len >= SESSION_NAME_MIN && len <= SESSION_NAME_MAX && strspn(name, letters) == len;
}

/* Goes into a form, where it is encoded: this is for people, who would not see what is wrong. */
static bool
is_line(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] <= 0x20 || (unsigned char)text[i] >= 0x7f)
            return false;
    }
    return len <= ARN_BYTES_MAX;
}

static enum aks_status
read_duration(const char *where, const char *text, int *ret_s, struct aks_error *err)
{
    char *end;
    long seconds;

    *ret_s = 0;
    if (text == NULL)
        return AKS_OK;
    seconds = strtol(text, &end, 10);
    if (end == text || *end != '\0' || seconds < AKS_CREDENTIALS_DURATION_S_MIN ||
        seconds > AKS_CREDENTIALS_DURATION_S_MAX)
        return aks_error_set(err, AKS_SETTINGS, "%s: duration_seconds is no number from %d to %d",
            where, AKS_CREDENTIALS_DURATION_S_MIN, AKS_CREDENTIALS_DURATION_S_MAX);
    *ret_s = (int)seconds;
    return AKS_OK;
}

enum aks_status
aks_credentials_plan_role(const struct aks_alloc *alloc, const char *where, const char *arn,
    const char *external_id, const char *session_name, const char *duration_s,
    struct aks_credentials_role *ret_role, struct aks_error *err)
{
    if (!is_line(arn))
        return aks_error_set(err, AKS_SETTINGS, "%s: the role's ARN has a blank or a character in "
            "it that no ARN has", where);
    if (session_name != NULL && !is_session_name(session_name))
        return aks_error_set(err, AKS_SETTINGS, "%s: a role session's name has %d to %d letters, "
            "digits and _+=,.@-", where, SESSION_NAME_MIN, SESSION_NAME_MAX);
    if (external_id != NULL && !is_line(external_id))
        return aks_error_set(err, AKS_SETTINGS, "%s: external_id has a blank or a character in it "
            "that none has", where);
    if (read_duration(where, duration_s, &ret_role->duration_s, err) != AKS_OK)
        return AKS_SETTINGS;
    ret_role->arn = aks_mem_strdup(alloc, arn);
    ret_role->external_id = aks_mem_strdup(alloc, external_id);
    ret_role->session_name = aks_mem_strdup(alloc, session_name);
    if (ret_role->arn == NULL || (external_id != NULL && ret_role->external_id == NULL) ||
        (session_name != NULL && ret_role->session_name == NULL))
        return aks_error_memory(err, "reading of a role");
    return AKS_OK;
}

/* --- what the environment says ---------------------------------------------------------------- */

static void
begin_source(struct aks_credentials_plan *plan, enum aks_credentials_base base, const char *source)
{
    plan->base = base;
    (void)snprintf(plan->source, sizeof(plan->source), "%s", source);
}

enum aks_status
aks_credentials_plan_environment(const struct aks_port *port, struct aks_credentials_plan *plan,
    struct aks_error *err)
{
    static const char *const names[3] = {
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
    };
    const char *expires = aks_credentials_variable(port, "AWS_CREDENTIAL_EXPIRATION");
    struct aks_credentials_spec spec = { 0 };

    begin_source(plan, AKS_CREDENTIALS_BASE_KEYS, "environment");
    spec.kind = AKS_CREDENTIALS_ENVIRONMENT;
    spec.source = plan->source;
    spec.where = "the environment";
    spec.names = names;
    spec.access_key = aks_credentials_variable(port, names[0]);
    spec.secret_key = aks_credentials_variable(port, names[1]);
    spec.session_token = aks_credentials_variable(port, names[2]);
    /* The name that the token had before 2014; some tools still set it. */
    if (spec.session_token == NULL)
        spec.session_token = aks_credentials_variable(port, "AWS_SECURITY_TOKEN");
    spec.expires_ms = -1;
    if (expires != NULL && (spec.access_key != NULL || spec.secret_key != NULL) &&
        !aks_date_parse_iso(expires, strlen(expires), &spec.expires_ms))
        return aks_error_set(err, AKS_SETTINGS,
            "the environment: AWS_CREDENTIAL_EXPIRATION is no time as 2026-11-23T08:45:12Z");
    return aks_credentials_new(port->alloc, &spec, &plan->keys, err);
}

enum aks_status
aks_credentials_plan_web(const struct aks_port *port, struct aks_credentials_plan *plan,
    struct aks_error *err)
{
    const char *file = aks_credentials_variable(port, "AWS_WEB_IDENTITY_TOKEN_FILE");
    const char *arn = aks_credentials_variable(port, "AWS_ROLE_ARN");
    char path[AKS_PATH_BYTES];
    enum aks_status status;

    if (file == NULL)
        return aks_error_set(err, AKS_NOT_FOUND,
            "AWS_WEB_IDENTITY_TOKEN_FILE names no file with a token");
    if (arn == NULL)
        return aks_error_set(err, AKS_SETTINGS, "the environment: AWS_WEB_IDENTITY_TOKEN_FILE is "
            "there, but AWS_ROLE_ARN is not");
    begin_source(plan, AKS_CREDENTIALS_BASE_WEB_IDENTITY, "web identity");
    status = aks_profile_locate(port, file, "AWS_WEB_IDENTITY_TOKEN_FILE", path, err);
    if (status == AKS_OK)
        status = aks_credentials_plan_role(port->alloc, "the environment", arn, NULL,
            aks_credentials_variable(port, "AWS_ROLE_SESSION_NAME"), NULL, &plan->web, err);
    if (status != AKS_OK)
        return status;
    plan->token_file = aks_mem_strdup(port->alloc, path);
    return plan->token_file != NULL ? AKS_OK : aks_error_memory(err, "reading of a token");
}

enum aks_status
aks_credentials_plan_container(const struct aks_port *port, struct aks_credentials_plan *plan,
    struct aks_error *err)
{
    if (aks_credentials_variable(port, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") == NULL &&
        aks_credentials_variable(port, "AWS_CONTAINER_CREDENTIALS_FULL_URI") == NULL)
        return aks_error_set(err, AKS_NOT_FOUND,
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set");
    begin_source(plan, AKS_CREDENTIALS_BASE_CONTAINER, "container");
    return AKS_OK;
}

enum aks_status
aks_credentials_plan_instance(const struct aks_port *port, struct aks_credentials_plan *plan,
    struct aks_error *err)
{
    if (is_true(port, "AWS_EC2_METADATA_DISABLED"))
        return aks_error_set(err, AKS_NOT_FOUND,
            "instance metadata must not be asked (AWS_EC2_METADATA_DISABLED)");
    begin_source(plan, AKS_CREDENTIALS_BASE_INSTANCE, "instance metadata");
    return AKS_OK;
}

/* --- the chain -------------------------------------------------------------------------------- */

static bool
profile_is_named(const struct aks_port *port)
{
    return aks_credentials_variable(port, "AWS_PROFILE") != NULL ||
        aks_credentials_variable(port, "AWS_DEFAULT_PROFILE") != NULL;
}

static enum aks_status
find_auto(const struct aks_port *port, struct aks_credentials_plan *plan, struct aks_error *err)
{
    struct aks_error own;
    enum aks_status status = aks_credentials_plan_environment(port, plan, &own);
    bool there = true;

    if (status == AKS_NOT_FOUND) {
        status = aks_credentials_plan_profile(port, aks_profile_name(port, "auto"), plan, &there,
            &own);
        (void)snprintf(plan->searched, sizeof(plan->searched),
            "none in the environment, and %.500s", own.message);
    }
    /* Whoever names a profile does not mean somebody else's credentials. */
    if (status == AKS_NOT_FOUND && !(profile_is_named(port) && !there)) {
        status = aks_credentials_plan_web(port, plan, &own);
        if (status == AKS_NOT_FOUND)
            status = aks_credentials_plan_container(port, plan, &own);
        if (status == AKS_NOT_FOUND) {
            status = aks_credentials_plan_instance(port, plan, &own);
            plan->perhaps = status == AKS_OK;
        }
    }
    if (status == AKS_NOT_FOUND)
        (void)aks_error_set(&own, status, "%s", plan->searched);
    if (status != AKS_OK && err != NULL)
        *err = own;
    return status;
}

bool
aks_credentials_how_valid(const char *how)
{
    static const char *const ways[] = { "auto", "environment", "web_identity", "container",
        "instance", "role" };

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strcmp(how, ways[i]) == 0)
            return true;
    }
    return (strncmp(how, "profile:", 8) == 0 && how[8] != '\0') ||
        (strncmp(how, "role:", 5) == 0 && how[5] != '\0' && is_line(how));
}

static enum aks_status
find_role(const struct aks_port *port, const char *arn, struct aks_credentials_plan *plan,
    struct aks_error *err)
{
    enum aks_status status;

    if (arn == NULL)
        return aks_error_set(err, AKS_NOT_FOUND, "AWS_ROLE_ARN names no role");
    status = find_auto(port, plan, err);
    if (status != AKS_OK)
        return status;
    if (plan->role_count == AKS_CREDENTIALS_ROLES_MAX)
        return aks_error_set(err, AKS_SETTINGS, "more than %d roles are to be taken on one after "
            "the other", AKS_CREDENTIALS_ROLES_MAX);
    return aks_credentials_plan_role(port->alloc, "credentials", arn, NULL,
        aks_credentials_variable(port, "AWS_ROLE_SESSION_NAME"), NULL,
        &plan->roles[plan->role_count++], err);
}

static enum aks_status
find(const struct aks_port *port, const char *how, struct aks_credentials_plan *plan,
    struct aks_error *err)
{
    enum aks_status status;
    bool there;

    if (strcmp(how, "auto") == 0)
        return find_auto(port, plan, err);
    if (strcmp(how, "environment") == 0)
        return aks_credentials_plan_environment(port, plan, err);
    if (strcmp(how, "web_identity") == 0)
        return aks_credentials_plan_web(port, plan, err);
    if (strcmp(how, "container") == 0)
        return aks_credentials_plan_container(port, plan, err);
    if (strcmp(how, "instance") == 0)
        return aks_credentials_plan_instance(port, plan, err);
    if (strncmp(how, "profile:", 8) == 0 && how[8] != '\0')
        return aks_credentials_plan_profile(port, how + 8, plan, &there, err);
    if (strcmp(how, "role") == 0)
        return find_role(port, aks_credentials_variable(port, "AWS_ROLE_ARN"), plan, err);
    if (strncmp(how, "role:", 5) == 0 && how[5] != '\0')
        return find_role(port, how + 5, plan, err);
    status = aks_error_set(err, AKS_SETTINGS, "credentials: there is no way called \"%.100s\"",
        how);
    aks_error_hint(err, "use " AKS_CREDENTIALS_HOW_EXPECTED);
    return status;
}

/* --- where STS is ----------------------------------------------------------------------------- */

static bool
asks_sts(const struct aks_credentials_plan *plan)
{
    return plan->role_count > 0 || plan->base == AKS_CREDENTIALS_BASE_WEB_IDENTITY;
}

/* A region becomes part of a host's name. */
static bool
is_region(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len < AKS_CREDENTIALS_REGION_BYTES &&
        strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static void
take_region(const struct aks_port *port, const char *given, const struct aks_profile *profile,
    struct aks_credentials_plan *plan)
{
    const char *const regions[] = { strcmp(given, "auto") != 0 ? given : NULL,
        aks_credentials_variable(port, "AWS_REGION"),
        aks_credentials_variable(port, "AWS_DEFAULT_REGION"),
        aks_profile_get(profile, AKS_PROFILE_REGION) };

    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
        if (regions[i] != NULL && is_region(regions[i])) {
            (void)snprintf(plan->region, sizeof(plan->region), "%s", regions[i]);
            return;
        }
    }
}

static enum aks_status
locate_sts(const struct aks_port *port, const char *how, const char *region,
    struct aks_credentials_plan *plan, struct aks_error *err)
{
    const char *url = aks_credentials_variable(port, "AWS_ENDPOINT_URL_STS");
    bool ignore = is_true(port, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    char of_profile[URL_BYTES] = "";
    struct aks_profile profile;
    enum aks_status status = aks_profile_read(port, aks_profile_name(port, how), &profile, err);

    if (status == AKS_OK)
        take_region(port, region, &profile, plan);
    if (url == NULL)
        url = aks_credentials_variable(port, "AWS_ENDPOINT_URL");
    if (status == AKS_OK && url == NULL && !ignore) {
        status = aks_profile_endpoint(port, &profile, "sts", of_profile, sizeof(of_profile), err);
        url = of_profile[0] != '\0' ? of_profile : NULL;
    }
    aks_profile_fini(&profile);
    if (status != AKS_OK || url == NULL || ignore)
        return status;
    plan->sts_url = aks_mem_strdup(port->alloc, url);
    return plan->sts_url != NULL ? AKS_OK : aks_error_memory(err, "reading where STS is");
}

/* What people are shown: the way, and the role that counts in the end. */
static void
tell_role(struct aks_credentials_plan *plan)
{
    size_t len = strlen(plan->source);
    const char *arn = plan->role_count > 0 ? plan->roles[plan->role_count - 1].arn
        : plan->base == AKS_CREDENTIALS_BASE_WEB_IDENTITY ? plan->web.arn : NULL;

    if (arn != NULL)
        (void)snprintf(plan->source + len, sizeof(plan->source) - len, ", role %s", arn);
}

enum aks_status
aks_credentials_plan_make(const struct aks_port *port, const char *how, const char *region,
    struct aks_credentials_plan *ret_plan, struct aks_error *err)
{
    struct aks_error own;
    enum aks_status status;

    memset(ret_plan, 0, sizeof(*ret_plan));
    ret_plan->alloc = port->alloc;
    status = find(port, how, ret_plan, &own);
    if (status == AKS_OK && asks_sts(ret_plan))
        status = locate_sts(port, how, region, ret_plan, &own);
    if (status == AKS_OK) {
        tell_role(ret_plan);
        return AKS_OK;
    }
    if (status == AKS_NOT_FOUND) {
        char why[AKS_ERROR_MESSAGE_BYTES];

        (void)snprintf(why, sizeof(why), "%s", own.message);
        status = aks_error_set(&own, AKS_AUTH_MISSING, "no credentials: %s", why);
        aks_error_hint(&own, AKS_CREDENTIALS_HINT_NONE);
    }
    if (err != NULL)
        *err = own;
    return status;
}
