#include "engine/credentials_profile.h"

#include "engine/credentials_internal.h"
#include "engine/private_file.h"
#include "wire/ini.h"

#include <stdio.h>
#include <string.h>

#define SECTION_BYTES 300

enum profile_key {
    KEY_ACCESS, KEY_SECRET, KEY_TOKEN, KEY_REGION, KEY_OTHER_WAY, KEY_COUNT
};

/* What one file says of one profile. */
struct profile {
    const struct aks_alloc *alloc;      /* wipes */
    char *values[KEY_COUNT];            /* KEY_OTHER_WAY: the name of the key that was found */
    bool found;
    char path[AKS_PATH_BYTES];
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

/* Where a file is: ${variable}, else ~/.aws/${name}. */
static enum aks_status
locate(const struct aks_port *port, const char *variable, const char *name,
    char ret_path[AKS_PATH_BYTES], struct aks_error *err)
{
    const struct aks_environment *environment = &port->environment;
    const char *value = get(port, variable);
    int len;

    if (value == NULL)
        len = snprintf(ret_path, AKS_PATH_BYTES, "%s/.aws/%s", environment->home(environment->ctx),
            name);
    else if (strncmp(value, "~/", 2) == 0)
        len = snprintf(ret_path, AKS_PATH_BYTES, "%s%s", environment->home(environment->ctx),
            value + 1);
    else if (value[0] != '/')
        len = snprintf(ret_path, AKS_PATH_BYTES, "%s/%s",
            environment->working_folder(environment->ctx), value);
    else
        len = snprintf(ret_path, AKS_PATH_BYTES, "%s", value);
    if (len < 0 || len >= AKS_PATH_BYTES)
        return aks_error_set(err, AKS_SETTINGS, "the path of %s is too long",
            value != NULL ? variable : "~/.aws");
    return AKS_OK;
}

static enum aks_status
keep(void *ctx, const char *key, const char *value, struct aks_error *err)
{
    static const struct {
        const char *name;
        enum profile_key key;
    } known[] = {
        { "aws_access_key_id", KEY_ACCESS },
        { "aws_secret_access_key", KEY_SECRET },
        { "aws_session_token", KEY_TOKEN },
        { "aws_security_token", KEY_TOKEN },
        { "region", KEY_REGION },
        { "role_arn", KEY_OTHER_WAY },
        { "sso_session", KEY_OTHER_WAY },
        { "sso_start_url", KEY_OTHER_WAY },
        { "web_identity_token_file", KEY_OTHER_WAY },
        { "login_session", KEY_OTHER_WAY },
        { "credential_process", KEY_OTHER_WAY },
    };
    struct profile *profile = ctx;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char **slot = &profile->values[known[i].key];

        if (strcmp(known[i].name, key) != 0)
            continue;
        /* The last one of a key counts, as in other tools. */
        aks_mem_free(profile->alloc, *slot);
        *slot = aks_mem_strdup(profile->alloc,
            known[i].key == KEY_OTHER_WAY ? known[i].name : value);
        return *slot != NULL ? AKS_OK : aks_error_memory(err, "reading a profile");
    }
    return AKS_OK;
}

static void
profile_fini(struct profile *profile)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        aks_mem_free(profile->alloc, profile->values[i]);
        profile->values[i] = NULL;
    }
}

/* The file's sections that mean ${name}, the weaker one first. */
static enum aks_status
read_sections(const struct aks_buf *text, const char *name, bool config, struct profile *profile,
    struct aks_error *err)
{
    bool is_default = strcmp(name, "default") == 0;
    char section[SECTION_BYTES];
    enum aks_status status = AKS_OK;
    int found = 0;

    if (!config || is_default) {
        status = aks_ini_section(text->data, text->len, name, keep, profile, &found, err);
        profile->found = found != 0;
    }
    if (status != AKS_OK || !config)
        return status;
    if (snprintf(section, sizeof(section), "profile %s", name) >= (int)sizeof(section))
        return aks_error_set(err, AKS_SETTINGS, "the profile's name is too long");
    status = aks_ini_section(text->data, text->len, section, keep, profile, &found, err);
    profile->found = profile->found || found != 0;
    return status;
}

/* Fills ${profile} out of the file at its path; a file that is not there says nothing. */
static enum aks_status
read_file(const struct aks_port *port, const char *name, bool config, struct profile *profile,
    struct aks_error *err)
{
    struct aks_file_info info = { 0 };
    struct aks_buf text;
    enum aks_status status;

    aks_buf_init(&text, profile->alloc, AKS_INI_BYTES_MAX);
    status = aks_private_file_read(port, profile->path, &text, &info, err);
    if (status == AKS_NOT_FOUND) {
        aks_buf_fini(&text);
        return AKS_OK;
    }
    if (status == AKS_OK)
        status = aks_private_file_check(profile->path, info.mode, false, err);
    if (status == AKS_OK) {
        status = read_sections(&text, name, config, profile, err);
        if (status == AKS_SETTINGS)
            (void)aks_error_wrap(err, "%s", profile->path);
    }
    if (status == AKS_OK &&
        (profile->values[KEY_SECRET] != NULL || profile->values[KEY_TOKEN] != NULL))
        status = aks_private_file_check(profile->path, info.mode, true, err);
    aks_buf_fini(&text);
    return status;
}

/* Both files' words on one profile. */
static enum aks_status
read_both(const struct aks_port *port, const struct aks_alloc *alloc, const char *name,
    struct profile *shared, struct profile *config, struct aks_error *err)
{
    enum aks_status status;

    shared->alloc = alloc;
    config->alloc = alloc;
    status = locate(port, "AWS_SHARED_CREDENTIALS_FILE", "credentials", shared->path, err);
    if (status == AKS_OK)
        status = locate(port, "AWS_CONFIG_FILE", "config", config->path, err);
    if (status == AKS_OK)
        status = read_file(port, name, false, shared, err);
    if (status == AKS_OK)
        status = read_file(port, name, true, config, err);
    return status;
}

/* A profile whose keys have to be fetched first. Taking others that stand beside them would be
 * somebody else than the person meant. */
static enum aks_status
refuse_other_way(const struct profile *profile, const char *name, struct aks_error *err)
{
    enum aks_status status;

    status = aks_error_set(err, AKS_AUTH_MISSING,
        "%s: profile %s gets its keys by %s, which is not supported", profile->path, name,
        profile->values[KEY_OTHER_WAY]);
    aks_error_hint(err, "eval \"$(aws configure export-credentials --profile '%s' --format env)\"",
        name);
    return status;
}

static enum aks_status
take_profile(const struct profile *shared, const struct profile *config, const char *name,
    struct aks_credentials *credentials, struct aks_error *err)
{
    static const char *const names[3] = {
        "aws_access_key_id", "aws_secret_access_key", "aws_session_token"
    };
    bool in_shared = shared->values[KEY_ACCESS] != NULL || shared->values[KEY_SECRET] != NULL;
    const struct profile *keys = in_shared ? shared : config;
    const struct profile *other = shared->values[KEY_OTHER_WAY] != NULL ? shared : config;
    char where[AKS_PATH_BYTES + SECTION_BYTES];

    /* A process is only asked where the file of secrets is silent. */
    if (other->values[KEY_OTHER_WAY] != NULL &&
        !(in_shared && strcmp(other->values[KEY_OTHER_WAY], "credential_process") == 0))
        return refuse_other_way(other, name, err);
    if (!shared->found && !config->found)
        return aks_error_set(err, AKS_NOT_FOUND,
            "there is no profile %s in %s or %s", name, shared->path, config->path);
    (void)snprintf(where, sizeof(where), "%s: profile %s", keys->path, name);
    return aks_credentials_take(credentials, names, (const char *const *)keys->values, where, err);
}

enum aks_status
aks_credentials_profile(const struct aks_port *port, const char *name,
    struct aks_credentials *credentials, struct aks_error *err)
{
    struct profile shared = { 0 };
    struct profile config = { 0 };
    struct aks_secret_wipe wipe;
    enum aks_status status;

    aks_secret_wipe_init(&wipe, port->alloc);
    (void)snprintf(credentials->source, sizeof(credentials->source), "profile %s", name);
    status = read_both(port, &wipe.alloc, name, &shared, &config, err);
    if (status == AKS_OK)
        status = take_profile(&shared, &config, name, credentials, err);
    profile_fini(&shared);
    profile_fini(&config);
    return status;
}

enum aks_status
aks_profile_region(const struct aks_port *port, const char *name, char *ret_region,
    size_t region_bytes, struct aks_error *err)
{
    struct profile shared = { 0 };
    struct profile config = { 0 };
    struct aks_secret_wipe wipe;
    enum aks_status status;

    aks_secret_wipe_init(&wipe, port->alloc);
    ret_region[0] = '\0';
    status = read_both(port, &wipe.alloc, name, &shared, &config, err);
    if (status == AKS_OK && shared.values[KEY_REGION] != NULL)
        (void)snprintf(ret_region, region_bytes, "%s", shared.values[KEY_REGION]);
    else if (status == AKS_OK && config.values[KEY_REGION] != NULL)
        (void)snprintf(ret_region, region_bytes, "%s", config.values[KEY_REGION]);
    profile_fini(&shared);
    profile_fini(&config);
    return status;
}
