#include "engine/credentials.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

struct aks_credentials {
    const struct aks_alloc *alloc;
    unsigned users;
    enum aks_credentials_kind kind;
    int64_t expires_ms;
    char *access_key;
    struct aks_secret *secret_key;
    struct aks_secret *session_token;   /* or NULL */
    char source[AKS_CREDENTIALS_SOURCE_BYTES];
};

const char *
aks_credentials_kind_name(enum aks_credentials_kind kind)
{
    static const char *const names[] = { "environment", "profile", "process", "web_identity",
        "container", "instance", "role" };

    AKS_CHECK((size_t)kind < sizeof(names) / sizeof(names[0]));
    return names[kind];
}

static bool
given(const char *value)
{
    return value != NULL && value[0] != '\0';
}

/* Keys are ASCII without blanks; anything else is a paste that went wrong, or an attempt at a
 * header. */
static enum aks_status
check_value(const char *name, const char *value, const char *where, struct aks_error *err)
{
    size_t len = strlen(value);

    if (len >= AKS_CREDENTIAL_BYTES)
        return aks_error_set(err, AKS_SETTINGS, "%s: %s is longer than %d bytes", where, name,
            AKS_CREDENTIAL_BYTES - 1);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)value[i] <= 0x20 || (unsigned char)value[i] >= 0x7f)
            return aks_error_set(err, AKS_SETTINGS,
                "%s: %s has a blank or a character in it that no key has", where, name);
    }
    return AKS_OK;
}

static enum aks_status
check(const struct aks_credentials_spec *spec, struct aks_error *err)
{
    const char *const values[3] = { spec->access_key, spec->secret_key, spec->session_token };
    enum aks_status status;

    if (!given(values[0]) && !given(values[1]))
        return aks_error_set(err, AKS_NOT_FOUND, "%s has no keys", spec->where);
    if (!given(values[0]) || !given(values[1])) {
        status = aks_error_set(err, AKS_SETTINGS, "%s: %s is there, but %s is not", spec->where,
            spec->names[given(values[0]) ? 0 : 1], spec->names[given(values[0]) ? 1 : 0]);
        aks_error_hint(err, "give both, or neither");
        return status;
    }
    for (size_t i = 0; i < 3; i++) {
        status = given(values[i]) ? check_value(spec->names[i], values[i], spec->where, err)
            : AKS_OK;
        if (status != AKS_OK)
            return status;
    }
    return AKS_OK;
}

enum aks_status
aks_credentials_new(const struct aks_alloc *alloc, const struct aks_credentials_spec *spec,
    struct aks_credentials **ret_credentials, struct aks_error *err)
{
    struct aks_credentials *credentials;
    enum aks_status status = check(spec, err);

    *ret_credentials = NULL;
    if (status != AKS_OK)
        return status;
    credentials = aks_mem_new(alloc, sizeof(*credentials));
    if (credentials == NULL)
        return aks_error_memory(err, "reading credentials");
    credentials->alloc = alloc;
    credentials->users = 1;
    credentials->kind = spec->kind;
    credentials->expires_ms = spec->expires_ms;
    (void)snprintf(credentials->source, sizeof(credentials->source), "%s", spec->source);
    credentials->access_key = aks_mem_strdup(alloc, spec->access_key);
    credentials->secret_key = aks_secret_new(alloc, "", spec->secret_key,
        strlen(spec->secret_key));
    if (given(spec->session_token))
        credentials->session_token = aks_secret_new(alloc, "", spec->session_token,
            strlen(spec->session_token));
    if (credentials->access_key == NULL || credentials->secret_key == NULL ||
        (given(spec->session_token) && credentials->session_token == NULL)) {
        aks_credentials_drop(credentials);
        return aks_error_memory(err, "reading credentials");
    }
    *ret_credentials = credentials;
    return AKS_OK;
}

struct aks_credentials *
aks_credentials_use(struct aks_credentials *credentials)
{
    if (credentials != NULL)
        credentials->users++;
    return credentials;
}

void
aks_credentials_drop(struct aks_credentials *credentials)
{
    if (credentials == NULL)
        return;
    AKS_CHECK(credentials->users > 0);
    if (--credentials->users > 0)
        return;
    aks_mem_free(credentials->alloc, credentials->access_key);
    aks_secret_free(credentials->secret_key);
    aks_secret_free(credentials->session_token);
    aks_mem_free(credentials->alloc, credentials);
}

bool
aks_credentials_equal(const struct aks_credentials *a, const struct aks_credentials *b)
{
    return strcmp(a->access_key, b->access_key) == 0 &&
        aks_secret_equal(a->secret_key, b->secret_key) &&
        aks_secret_equal(a->session_token, b->session_token);
}

const char *
aks_credentials_access_key(const struct aks_credentials *credentials)
{
    return credentials->access_key;
}

const struct aks_secret *
aks_credentials_secret_key(const struct aks_credentials *credentials)
{
    return credentials->secret_key;
}

const struct aks_secret *
aks_credentials_session_token(const struct aks_credentials *credentials)
{
    return credentials->session_token;
}

enum aks_credentials_kind
aks_credentials_kind(const struct aks_credentials *credentials)
{
    return credentials->kind;
}

const char *
aks_credentials_source(const struct aks_credentials *credentials)
{
    return credentials->source;
}

int64_t
aks_credentials_expires_ms(const struct aks_credentials *credentials)
{
    return credentials->expires_ms;
}
