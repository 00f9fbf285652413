/* What a profile says: keys of its own, a program, a token's file, or a role for which another
 * profile, or the machine, stands. */
#include "engine/credentials_plan_internal.h"

#include <stdio.h>
#include <string.h>

#define WHERE_BYTES (AKS_PATH_BYTES + AKS_PROFILE_NAME_BYTES + 16)

/* The way along source_profile. */
struct way {
    const struct aks_port *port;
    struct aks_credentials_plan *plan;
    char names[AKS_CREDENTIALS_ROLES_MAX + 1][AKS_PROFILE_NAME_BYTES];
    size_t count;
    bool over;                          /* the base is known */
    bool there;                         /* there is a profile of the last name */
};

static const char *
where(const struct aks_profile *profile, enum aks_profile_key key, char ret_text[WHERE_BYTES])
{
    (void)snprintf(ret_text, WHERE_BYTES, "%s: profile %s", aks_profile_path(profile, key),
        profile->name);
    return ret_text;
}

/* A person would have to be asked, in the middle of the night. */
static enum aks_status
refuse(const struct aks_profile *profile, enum aks_profile_key key, const char *name,
    struct aks_error *err)
{
    char text[WHERE_BYTES];
    enum aks_status status = aks_error_set(err, AKS_AUTH_MISSING,
        "%s gets its keys by %s, which is not supported: nobody is there to log in",
        where(profile, key, text), name);

    aks_error_hint(err, "name another profile whose credential_process = aws configure "
        "export-credentials --profile '%.100s' --format process", profile->name);
    return status;
}

/* --- the base --------------------------------------------------------------------------------- */

static enum aks_status
take_keys(const struct way *way, const struct aks_profile *profile, bool shared,
    struct aks_error *err)
{
    static const char *const names[3] = {
        "aws_access_key_id", "aws_secret_access_key", "aws_session_token"
    };
    const struct aks_profile_part *part = shared ? &profile->shared : &profile->config;
    struct aks_credentials_spec spec = { 0 };
    char text[WHERE_BYTES];

    (void)snprintf(text, sizeof(text), "%s: profile %s", part->path, profile->name);
    spec.kind = AKS_CREDENTIALS_PROFILE;
    spec.source = way->plan->source;
    spec.access_key = part->values[AKS_PROFILE_ACCESS_KEY];
    spec.secret_key = part->values[AKS_PROFILE_SECRET_KEY];
    spec.session_token = part->values[AKS_PROFILE_SESSION_TOKEN];
    spec.expires_ms = -1;
    spec.where = text;
    spec.names = names;
    way->plan->base = AKS_CREDENTIALS_BASE_KEYS;
    return aks_credentials_new(way->port->alloc, &spec, &way->plan->keys, err);
}

static enum aks_status
take_process(const struct way *way, const char *command, struct aks_error *err)
{
    size_t len = strlen(way->plan->source);

    way->plan->base = AKS_CREDENTIALS_BASE_PROCESS;
    (void)snprintf(way->plan->source + len, sizeof(way->plan->source) - len,
        ", credential_process");
    way->plan->command = aks_mem_strdup(way->port->alloc, command);
    return way->plan->command != NULL ? AKS_OK : aks_error_memory(err, "reading a profile");
}

static enum aks_status
take_web(const struct way *way, const struct aks_profile *profile, struct aks_error *err)
{
    const char *arn = aks_profile_get(profile, AKS_PROFILE_ROLE_ARN);
    char text[WHERE_BYTES];
    char path[AKS_PATH_BYTES];
    enum aks_status status;

    (void)where(profile, AKS_PROFILE_TOKEN_FILE, text);
    if (arn == NULL)
        return aks_error_set(err, AKS_SETTINGS,
            "%s: web_identity_token_file is there, but role_arn is not", text);
    way->plan->base = AKS_CREDENTIALS_BASE_WEB_IDENTITY;
    status = aks_profile_locate(way->port, aks_profile_get(profile, AKS_PROFILE_TOKEN_FILE),
        "web_identity_token_file", path, err);
    if (status == AKS_OK)
        status = aks_credentials_plan_role(way->port->alloc, text, arn, NULL,
            aks_profile_get(profile, AKS_PROFILE_SESSION_NAME),
            aks_profile_get(profile, AKS_PROFILE_DURATION), &way->plan->web, err);
    if (status != AKS_OK)
        return status;
    way->plan->token_file = aks_mem_strdup(way->port->alloc, path);
    return way->plan->token_file != NULL ? AKS_OK : aks_error_memory(err, "reading a profile");
}

/* Keys in the file of secrets go before a program, and that before keys in the config file. */
static enum aks_status
take_base(struct way *way, const struct aks_profile *profile, struct aks_error *err)
{
    const char *process = aks_profile_get(profile, AKS_PROFILE_PROCESS);
    bool in_shared = profile->shared.values[AKS_PROFILE_ACCESS_KEY] != NULL ||
        profile->shared.values[AKS_PROFILE_SECRET_KEY] != NULL;

    way->over = true;
    if (aks_profile_get(profile, AKS_PROFILE_TOKEN_FILE) != NULL)
        return take_web(way, profile, err);
    if (aks_profile_get(profile, AKS_PROFILE_SSO) != NULL)
        return refuse(profile, AKS_PROFILE_SSO, aks_profile_get(profile, AKS_PROFILE_SSO), err);
    if (!in_shared && process != NULL)
        return take_process(way, process, err);
    return take_keys(way, profile, in_shared, err);
}

/* --- roles ------------------------------------------------------------------------------------ */

static enum aks_status
take_machine(struct way *way, const struct aks_profile *profile, const char *source,
    struct aks_error *err)
{
    static const struct {
        const char *name;
        enum aks_status (*take)(const struct aks_port *port, struct aks_credentials_plan *plan,
            struct aks_error *err);
    } sources[] = {
        { "Environment", aks_credentials_plan_environment },
        { "EcsContainer", aks_credentials_plan_container },
        { "Ec2InstanceMetadata", aks_credentials_plan_instance },
    };
    char name[AKS_CREDENTIALS_SOURCE_BYTES];
    char text[WHERE_BYTES];

    (void)where(profile, AKS_PROFILE_CREDENTIAL_SOURCE, text);
    (void)snprintf(name, sizeof(name), "%s", way->plan->source);
    way->over = true;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        enum aks_status status;

        if (strcmp(sources[i].name, source) != 0)
            continue;
        status = sources[i].take(way->port, way->plan, err);
        /* Still the profile's, for people. */
        (void)snprintf(way->plan->source, sizeof(way->plan->source), "%s", name);
        if (status == AKS_NOT_FOUND)
            status = AKS_AUTH_MISSING;
        if (status != AKS_OK) {
            if (err != NULL)
                err->status = status;
            (void)aks_error_wrap(err, "%s: credential_source %s", text, source);
        }
        return status;
    }
    return aks_error_set(err, AKS_SETTINGS, "%s: credential_source is none of Environment, "
        "EcsContainer and Ec2InstanceMetadata", text);
}

/* The next profile of the way. */
static enum aks_status
go_on(struct way *way, const struct aks_profile *profile, const char *next, struct aks_error *err)
{
    char text[WHERE_BYTES];

    (void)where(profile, AKS_PROFILE_SOURCE_PROFILE, text);
    for (size_t i = 0; i < way->count; i++) {
        if (strcmp(way->names[i], next) == 0)
            return aks_error_set(err, AKS_SETTINGS, "%s: source_profile leads back to profile %s",
                text, next);
    }
    if (way->count == AKS_CREDENTIALS_ROLES_MAX + 1 || strlen(next) >= AKS_PROFILE_NAME_BYTES)
        return aks_error_set(err, AKS_SETTINGS, "%s: source_profile leads over more than %d "
            "profiles, or to a name that is too long", text, AKS_CREDENTIALS_ROLES_MAX);
    (void)snprintf(way->names[way->count++], AKS_PROFILE_NAME_BYTES, "%s", next);
    return AKS_OK;
}

static enum aks_status
take_role(struct way *way, const struct aks_profile *profile, struct aks_error *err)
{
    struct aks_credentials_plan *plan = way->plan;
    const char *next = aks_profile_get(profile, AKS_PROFILE_SOURCE_PROFILE);
    const char *source = aks_profile_get(profile, AKS_PROFILE_CREDENTIAL_SOURCE);
    char text[WHERE_BYTES];
    enum aks_status status;

    (void)where(profile, AKS_PROFILE_ROLE_ARN, text);
    if (aks_profile_get(profile, AKS_PROFILE_MFA_SERIAL) != NULL)
        return refuse(profile, AKS_PROFILE_MFA_SERIAL, "mfa_serial", err);
    if ((next != NULL) == (source != NULL))
        return aks_error_set(err, AKS_SETTINGS, "%s: beside role_arn stands %s source_profile %s "
            "credential_source", text, next != NULL ? "both" : "neither",
            next != NULL ? "and" : "nor");
    if (plan->role_count == AKS_CREDENTIALS_ROLES_MAX)
        return aks_error_set(err, AKS_SETTINGS, "%s: more than %d roles are to be taken on one "
            "after the other", text, AKS_CREDENTIALS_ROLES_MAX);
    status = aks_credentials_plan_role(way->port->alloc, text,
        aks_profile_get(profile, AKS_PROFILE_ROLE_ARN),
        aks_profile_get(profile, AKS_PROFILE_EXTERNAL_ID),
        aks_profile_get(profile, AKS_PROFILE_SESSION_NAME),
        aks_profile_get(profile, AKS_PROFILE_DURATION), &plan->roles[plan->role_count++], err);
    if (status != AKS_OK)
        return status;
    if (source != NULL)
        return take_machine(way, profile, source, err);
    /* A profile may stand for its own role, with its own keys. */
    if (strcmp(next, profile->name) == 0) {
        way->over = true;
        return take_keys(way, profile, profile->shared.values[AKS_PROFILE_ACCESS_KEY] != NULL, err);
    }
    return go_on(way, profile, next, err);
}

static enum aks_status
take_profile(struct way *way, struct aks_error *err)
{
    const char *name = way->names[way->count - 1];
    struct aks_profile profile;
    enum aks_status status = aks_profile_read(way->port, name, &profile, err);

    way->there = profile.shared.found || profile.config.found;
    if (status == AKS_OK && !way->there)
        status = aks_error_set(err, AKS_NOT_FOUND, "there is no profile %s in %s or %s", name,
            profile.shared.path, profile.config.path);
    else if (status == AKS_OK && aks_profile_get(&profile, AKS_PROFILE_ROLE_ARN) != NULL &&
        aks_profile_get(&profile, AKS_PROFILE_TOKEN_FILE) == NULL)
        status = take_role(way, &profile, err);
    else if (status == AKS_OK)
        status = take_base(way, &profile, err);
    aks_profile_fini(&profile);
    return status;
}

/* They are met from the last role to the first. */
static void
turn_round(struct aks_credentials_plan *plan)
{
    for (size_t i = 0; i < plan->role_count / 2; i++) {
        struct aks_credentials_role role = plan->roles[i];

        plan->roles[i] = plan->roles[plan->role_count - 1 - i];
        plan->roles[plan->role_count - 1 - i] = role;
    }
}

enum aks_status
aks_credentials_plan_profile(const struct aks_port *port, const char *name,
    struct aks_credentials_plan *plan, bool *ret_there, struct aks_error *err)
{
    struct way way = { .port = port, .plan = plan };
    enum aks_status status = AKS_OK;

    *ret_there = false;
    (void)snprintf(plan->source, sizeof(plan->source), "profile %s", name);
    if (strlen(name) >= AKS_PROFILE_NAME_BYTES)
        return aks_error_set(err, AKS_SETTINGS, "the profile's name is too long");
    (void)snprintf(way.names[way.count++], AKS_PROFILE_NAME_BYTES, "%s", name);
    while (status == AKS_OK && !way.over) {
        status = take_profile(&way, err);
        *ret_there = way.there || way.count > 1;
    }
    turn_round(plan);
    /* A role is configured: what it stands on must be there. */
    if (status == AKS_NOT_FOUND && plan->role_count > 0) {
        status = AKS_AUTH_MISSING;
        if (err != NULL)
            err->status = status;
        (void)aks_error_wrap(err, "profile %s", name);
        aks_error_hint(err, AKS_CREDENTIALS_HINT_NONE);
    }
    return status;
}
