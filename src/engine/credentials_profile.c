#include "engine/credentials_profile.h"

#include "engine/private_file.h"
#include "wire/ini.h"

#include <stdio.h>
#include <string.h>

#define SECTION_BYTES (AKS_PROFILE_NAME_BYTES + 16)

/* The first of a key's names is the one that is shown. */
static const struct {
    const char *name;
    enum aks_profile_key key;
} known[] = {
    { "aws_access_key_id", AKS_PROFILE_ACCESS_KEY },
    { "aws_secret_access_key", AKS_PROFILE_SECRET_KEY },
    { "aws_session_token", AKS_PROFILE_SESSION_TOKEN },
    { "aws_security_token", AKS_PROFILE_SESSION_TOKEN },
    { "region", AKS_PROFILE_REGION },
    { "role_arn", AKS_PROFILE_ROLE_ARN },
    { "source_profile", AKS_PROFILE_SOURCE_PROFILE },
    { "credential_source", AKS_PROFILE_CREDENTIAL_SOURCE },
    { "external_id", AKS_PROFILE_EXTERNAL_ID },
    { "role_session_name", AKS_PROFILE_SESSION_NAME },
    { "duration_seconds", AKS_PROFILE_DURATION },
    { "mfa_serial", AKS_PROFILE_MFA_SERIAL },
    { "web_identity_token_file", AKS_PROFILE_TOKEN_FILE },
    { "credential_process", AKS_PROFILE_PROCESS },
    { "endpoint_url", AKS_PROFILE_ENDPOINT },
    { "services", AKS_PROFILE_SERVICES },
    { "sso_session", AKS_PROFILE_SSO },
    { "sso_start_url", AKS_PROFILE_SSO },
    { "sso_account_id", AKS_PROFILE_SSO },
    { "login_session", AKS_PROFILE_SSO },
};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

/* What keep() needs of a section. */
struct keeper {
    const struct aks_alloc *alloc;
    struct aks_profile_part *part;
};

/* What is looked for of a section of services. */
struct service {
    const char *key;                    /* "sts.endpoint_url" */
    char *url;
    size_t url_bytes;
};

static const char *
get(const struct aks_port *port, const char *name)
{
    const char *value = port->environment.get(port->environment.ctx, name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

const char *
aks_profile_name(const struct aks_port *port, const char *how)
{
    const char *name;

    if (strncmp(how, "profile:", 8) == 0)
        return how + 8;
    name = get(port, "AWS_PROFILE");
    if (name == NULL)
        name = get(port, "AWS_DEFAULT_PROFILE");
    return name != NULL ? name : "default";
}

const char *
aks_profile_key_name(enum aks_profile_key key)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (known[i].key == key)
            return known[i].name;
    }
    return "";
}

enum aks_status
aks_profile_locate(const struct aks_port *port, const char *value, const char *what,
    char ret_path[AKS_PATH_BYTES], struct aks_error *err)
{
    const struct aks_environment *environment = &port->environment;
    int len;

    if (strncmp(value, "~/", 2) == 0)
        len = snprintf(ret_path, AKS_PATH_BYTES, "%s%s", environment->home(environment->ctx),
            value + 1);
    else if (value[0] != '/')
        len = snprintf(ret_path, AKS_PATH_BYTES, "%s/%s",
            environment->working_folder(environment->ctx), value);
    else
        len = snprintf(ret_path, AKS_PATH_BYTES, "%s", value);
    if (len < 0 || len >= AKS_PATH_BYTES)
        return aks_error_set(err, AKS_SETTINGS, "the path of %s is too long", what);
    return AKS_OK;
}

/* Where a file is: ${variable}, else ${usual}. */
static enum aks_status
locate(const struct aks_port *port, const char *variable, const char *usual,
    char ret_path[AKS_PATH_BYTES], struct aks_error *err)
{
    const char *value = get(port, variable);

    return aks_profile_locate(port, value != NULL ? value : usual,
        value != NULL ? variable : "~/.aws", ret_path, err);
}

static enum aks_status
keep(void *ctx, const char *key, const char *value, struct aks_error *err)
{
    struct keeper *keeper = ctx;

    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        char **slot = &keeper->part->values[known[i].key];

        if (strcmp(known[i].name, key) != 0)
            continue;
        /* The last one of a key counts, as in other tools. */
        aks_mem_free(keeper->alloc, *slot);
        *slot = NULL;
        if (value[0] == '\0')
            return AKS_OK;
        *slot = aks_mem_strdup(keeper->alloc, known[i].key == AKS_PROFILE_SSO ? key : value);
        return *slot != NULL ? AKS_OK : aks_error_memory(err, "reading a profile");
    }
    return AKS_OK;
}

void
aks_profile_fini(struct aks_profile *profile)
{
    for (size_t i = 0; i < AKS_PROFILE_KEYS; i++) {
        aks_mem_free(&profile->wipe.alloc, profile->shared.values[i]);
        aks_mem_free(&profile->wipe.alloc, profile->config.values[i]);
        profile->shared.values[i] = NULL;
        profile->config.values[i] = NULL;
    }
}

/* The file's sections that mean ${name}, the weaker one first. */
static enum aks_status
read_sections(const struct aks_buf *text, const char *name, bool config, struct keeper *keeper,
    struct aks_error *err)
{
    bool is_default = strcmp(name, "default") == 0;
    char section[SECTION_BYTES];
    enum aks_status status = AKS_OK;
    int found = 0;

    if (!config || is_default) {
        status = aks_ini_section(text->data, text->len, name, keep, keeper, &found, err);
        keeper->part->found = found != 0;
    }
    if (status != AKS_OK || !config)
        return status;
    if (snprintf(section, sizeof(section), "profile %s", name) >= (int)sizeof(section))
        return aks_error_set(err, AKS_SETTINGS, "the profile's name is too long");
    status = aks_ini_section(text->data, text->len, section, keep, keeper, &found, err);
    keeper->part->found = keeper->part->found || found != 0;
    return status;
}

/* Fills ${part} out of the file at its path; a file that is not there says nothing. */
static enum aks_status
read_file(const struct aks_port *port, const char *name, bool config, struct keeper *keeper,
    struct aks_error *err)
{
    struct aks_profile_part *part = keeper->part;
    struct aks_file_info info = { 0 };
    struct aks_buf text;
    enum aks_status status;

    aks_buf_init(&text, keeper->alloc, AKS_INI_BYTES_MAX);
    status = aks_private_file_read(port, part->path, &text, &info, err);
    if (status == AKS_NOT_FOUND) {
        aks_buf_fini(&text);
        return AKS_OK;
    }
    if (status == AKS_OK)
        status = aks_private_file_check(port, part->path, &info, false, err);
    if (status == AKS_OK) {
        status = read_sections(&text, name, config, keeper, err);
        if (status == AKS_SETTINGS)
            (void)aks_error_wrap(err, "%s", part->path);
    }
    if (status == AKS_OK && (part->values[AKS_PROFILE_SECRET_KEY] != NULL ||
            part->values[AKS_PROFILE_SESSION_TOKEN] != NULL))
        status = aks_private_file_check(port, part->path, &info, true, err);
    aks_buf_fini(&text);
    return status;
}

enum aks_status
aks_profile_read(const struct aks_port *port, const char *name, struct aks_profile *ret_profile,
    struct aks_error *err)
{
    struct aks_profile *profile = ret_profile;
    struct keeper shared = { &profile->wipe.alloc, &profile->shared };
    struct keeper config = { &profile->wipe.alloc, &profile->config };
    enum aks_status status;

    memset(profile, 0, sizeof(*profile));
    aks_secret_wipe_init(&profile->wipe, port->alloc);
    profile->name = name;
    status = locate(port, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials",
        profile->shared.path, err);
    if (status == AKS_OK)
        status = locate(port, "AWS_CONFIG_FILE", "~/.aws/config", profile->config.path, err);
    if (status == AKS_OK)
        status = read_file(port, name, false, &shared, err);
    if (status == AKS_OK)
        status = read_file(port, name, true, &config, err);
    return status;
}

const char *
aks_profile_get(const struct aks_profile *profile, enum aks_profile_key key)
{
    return profile->shared.values[key] != NULL ? profile->shared.values[key]
        : profile->config.values[key];
}

const char *
aks_profile_path(const struct aks_profile *profile, enum aks_profile_key key)
{
    return profile->shared.values[key] != NULL ? profile->shared.path : profile->config.path;
}

enum aks_status
aks_profile_region(const struct aks_port *port, const char *name, char *ret_region,
    size_t region_bytes, struct aks_error *err)
{
    struct aks_profile profile;
    enum aks_status status = aks_profile_read(port, name, &profile, err);
    const char *region = status == AKS_OK ? aks_profile_get(&profile, AKS_PROFILE_REGION) : NULL;

    (void)snprintf(ret_region, region_bytes, "%s", region != NULL ? region : "");
    aks_profile_fini(&profile);
    return status;
}

/* --- services --------------------------------------------------------------------------------- */

static enum aks_status
keep_url(void *ctx, const char *key, const char *value, struct aks_error *err)
{
    struct service *service = ctx;

    if (strcmp(key, service->key) == 0)
        (void)snprintf(service->url, service->url_bytes, "%s", value);
    return AKS_OK;
}

/* Of the config file alone, which is where AWS tools look for it. */
static enum aks_status
read_services(const struct aks_port *port, const struct aks_profile *profile, const char *services,
    struct service *service, struct aks_error *err)
{
    char section[SECTION_BYTES];
    struct aks_file_info info = { 0 };
    struct aks_buf text;
    enum aks_status status;
    int found = 0;

    if (snprintf(section, sizeof(section), "services %s", services) >= (int)sizeof(section))
        return aks_error_set(err, AKS_SETTINGS, "%s: the name of services is too long",
            profile->config.path);
    aks_buf_init(&text, &profile->wipe.alloc, AKS_INI_BYTES_MAX);
    status = aks_private_file_read(port, profile->config.path, &text, &info, err);
    if (status == AKS_OK)
        status = aks_ini_section(text.data, text.len, section, keep_url, service, &found, err);
    aks_buf_fini(&text);
    return status == AKS_NOT_FOUND ? AKS_OK : status;
}

enum aks_status
aks_profile_endpoint(const struct aks_port *port, const struct aks_profile *profile,
    const char *service, char *ret_url, size_t url_bytes, struct aks_error *err)
{
    const char *services = aks_profile_get(profile, AKS_PROFILE_SERVICES);
    const char *url = aks_profile_get(profile, AKS_PROFILE_ENDPOINT);
    char key[64];
    struct service wanted = { key, ret_url, url_bytes };
    enum aks_status status = AKS_OK;

    ret_url[0] = '\0';
    (void)snprintf(key, sizeof(key), "%s.endpoint_url", service);
    if (services != NULL)
        status = read_services(port, profile, services, &wanted, err);
    if (status == AKS_OK && ret_url[0] == '\0' && url != NULL)
        (void)snprintf(ret_url, url_bytes, "%s", url);
    return status;
}
