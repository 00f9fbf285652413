/* The pieces of the chain: where a pair of keys may come from. */
#ifndef AKS_ENGINE_CREDENTIALS_INTERNAL_H
#define AKS_ENGINE_CREDENTIALS_INTERNAL_H

#include "base/secret.h"
#include "engine/credentials.h"

#define AKS_CREDENTIALS_SOURCE_BYTES 300

struct aks_credentials {
    const struct aks_alloc *alloc;
    char *access_key;
    struct aks_secret *secret_key;
    struct aks_secret *session_token;   /* or NULL */
    char source[AKS_CREDENTIALS_SOURCE_BYTES];
};

/** Copies a pair into ${credentials}. AKS_SETTINGS, naming the variable or key of ${names}
 * (access key, secret key, token) and never the value, if one is half, too long, or has blanks
 * or control characters in it. AKS_NOT_FOUND if neither half is there ("" is not there).
 * ${where} is for the message: "the environment". */
enum aks_status aks_credentials_take(struct aks_credentials *credentials,
    const char *const names[3], const char *const values[3], const char *where,
    struct aks_error *err);

/** The environment alone. AKS_NOT_FOUND if it has none. */
enum aks_status aks_credentials_environment(const struct aks_port *port,
    struct aks_credentials *credentials, struct aks_error *err);
/** One profile of the shared files. AKS_NOT_FOUND if no file has it, or it has no keys: the
 * error says where was looked. */
enum aks_status aks_credentials_profile(const struct aks_port *port, const char *name,
    struct aks_credentials *credentials, struct aks_error *err);

#endif
