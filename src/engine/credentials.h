/* S3 credentials: found by a chain, kept in wiped memory, never shown. */
#ifndef AKS_ENGINE_CREDENTIALS_H
#define AKS_ENGINE_CREDENTIALS_H

#include "base/alloc.h"
#include "base/error.h"
#include "base/secret.h"
#include "port/port.h"

#include <stdbool.h>
#include <stdint.h>

#define AKS_CREDENTIAL_BYTES 4096

struct aks_credentials;

/** Finds them as ${how} says: "auto" (environment, then the shared files), "environment",
 * "profile:NAME". AKS_AUTH_MISSING with a hint if there are none; AKS_SETTINGS if half of a pair is
 * there, a file is broken, or ${how} is unknown; AKS_FORBIDDEN if a file with secrets can be read
 * or written by others (with the chmod to run). */
enum aks_status aks_credentials_find(const struct aks_port *port, const char *how,
    struct aks_credentials **ret_credentials, struct aks_error *err);
/** Wipes. NULL is fine. */
void aks_credentials_free(struct aks_credentials *credentials);
const char *aks_credentials_access_key(const struct aks_credentials *credentials);
const struct aks_secret *aks_credentials_secret_key(const struct aks_credentials *credentials);
/** NULL if there is none. */
const struct aks_secret *aks_credentials_session_token(const struct aks_credentials *credentials);
/** "environment", "profile default": for people. */
const char *aks_credentials_source(const struct aks_credentials *credentials);

#endif
