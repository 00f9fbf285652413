#include "engine/credentials.h"

#include "engine/credentials_internal.h"
#include "engine/credentials_profile.h"

#include <stdio.h>
#include <string.h>

#define HINT_NONE \
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put them into ~/.aws/credentials " \
    "(mode 0600)"

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

enum aks_status
aks_credentials_take(struct aks_credentials *credentials, const char *const names[3],
    const char *const values[3], const char *where, struct aks_error *err)
{
    const struct aks_alloc *alloc = credentials->alloc;
    enum aks_status status;

    if (!given(values[0]) && !given(values[1]))
        return aks_error_set(err, AKS_NOT_FOUND, "%s has no keys", where);
    if (!given(values[0]) || !given(values[1])) {
        status = aks_error_set(err, AKS_SETTINGS, "%s: %s is there, but %s is not", where,
            names[given(values[0]) ? 0 : 1], names[given(values[0]) ? 1 : 0]);
        aks_error_hint(err, "give both, or neither");
        return status;
    }
    for (size_t i = 0; i < 3; i++) {
        status = given(values[i]) ? check_value(names[i], values[i], where, err) : AKS_OK;
        if (status != AKS_OK)
            return status;
    }
    credentials->access_key = aks_mem_strdup(alloc, values[0]);
    credentials->secret_key = aks_secret_new(alloc, "", values[1], strlen(values[1]));
    if (given(values[2]))
        credentials->session_token = aks_secret_new(alloc, "", values[2], strlen(values[2]));
    if (credentials->access_key == NULL || credentials->secret_key == NULL ||
        (given(values[2]) && credentials->session_token == NULL))
        return aks_error_memory(err, "reading credentials");
    return AKS_OK;
}

/* As ${how} says; AKS_NOT_FOUND if there are none. */
static enum aks_status
find(const struct aks_port *port, const char *how, struct aks_credentials *credentials,
    struct aks_error *err)
{
    enum aks_status status = AKS_NOT_FOUND;

    if (strcmp(how, "auto") == 0 || strcmp(how, "environment") == 0) {
        status = aks_credentials_environment(port, credentials, err);
        if (status != AKS_NOT_FOUND || strcmp(how, "environment") == 0)
            return status;
        status = aks_credentials_profile(port, aks_profile_name(port, how), credentials, err);
        if (status == AKS_NOT_FOUND)
            (void)aks_error_set(err, status, "none in the environment, and %s", err->message);
        return status;
    }
    if (strncmp(how, "profile:", 8) == 0 && how[8] != '\0')
        return aks_credentials_profile(port, aks_profile_name(port, how), credentials, err);
    status = aks_error_set(err, AKS_SETTINGS, "credentials: there is no way called \"%.100s\"",
        how);
    aks_error_hint(err, "use \"auto\", \"environment\" or \"profile:NAME\"");
    return status;
}

enum aks_status
aks_credentials_find(const struct aks_port *port, const char *how,
    struct aks_credentials **ret_credentials, struct aks_error *err)
{
    struct aks_credentials *credentials = aks_mem_new(port->alloc, sizeof(*credentials));
    struct aks_error own;
    enum aks_status status;

    *ret_credentials = NULL;
    if (credentials == NULL)
        return aks_error_memory(err, "reading credentials");
    credentials->alloc = port->alloc;
    status = find(port, how, credentials, &own);
    if (status == AKS_OK) {
        *ret_credentials = credentials;
        return AKS_OK;
    }
    aks_credentials_free(credentials);
    if (status == AKS_NOT_FOUND) {
        status = aks_error_set(&own, AKS_AUTH_MISSING, "no credentials: %s", own.message);
        aks_error_hint(&own, HINT_NONE);
    }
    if (err != NULL)
        *err = own;
    return status;
}

void
aks_credentials_free(struct aks_credentials *credentials)
{
    if (credentials == NULL)
        return;
    aks_mem_free(credentials->alloc, credentials->access_key);
    aks_secret_free(credentials->secret_key);
    aks_secret_free(credentials->session_token);
    aks_mem_free(credentials->alloc, credentials);
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

const char *
aks_credentials_source(const struct aks_credentials *credentials)
{
    return credentials->source;
}
