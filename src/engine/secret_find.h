/* The value of a named secret, found where its person said it is. */
#ifndef AKS_ENGINE_SECRET_FIND_H
#define AKS_ENGINE_SECRET_FIND_H

#include "base/error.h"
#include "base/secret.h"
#include "engine/secret_list.h"
#include "port/port.h"

#include <stdbool.h>

/* Where a passphrase goes: nowhere. A secret is one if it is bound to this host, which no name can
 * ever stand for (RFC 6761); so that no policy can make a passphrase of another secret. */
#define AKS_SECRET_PASSPHRASE_HOST "age.invalid"
#define AKS_SECRET_PASSPHRASE_URL "https://" AKS_SECRET_PASSPHRASE_HOST

/* Of a value, in bytes: what one header of a request can carry everywhere. */
#define AKS_SECRET_VALUE_BYTES_MAX 4096

/** Is there a secret of that name, and may it be sent to ${url}? Nothing is looked up but
 * secrets.json. AKS_AUTH_MISSING (no such name), AKS_FORBIDDEN (bound to other hosts; or others may
 * read secrets.json), AKS_SETTINGS (secrets.json is broken). */
enum aks_status aks_secret_check(const struct aks_port *port, const char *name, const char *url,
    struct aks_error *err);
/** Is there a secret of that name, and may it not be sent to ${url}? */
bool aks_secret_unbound(const struct aks_port *port, const char *name, const char *url);
/** The same check, and then the value behind ${prefix}, owned by the caller. May be called from
 * work; blocks as long as its program takes, which ends early when ${stopped} (or NULL) says so.
 * AKS_AUTH_MISSING if there is no value now; AKS_FORBIDDEN if its file can be read by others;
 * AKS_SETTINGS if it is too long, or has a blank or a character in it that no token has: a line end
 * could smuggle a header in. Line ends behind it are cut off. */
enum aks_status aks_secret_find(const struct aks_port *port, const char *name, const char *url,
    const char *prefix, bool (*stopped)(void *ctx), void *ctx, struct aks_secret **ret_secret,
    struct aks_error *err);
/** The same of a passphrase, which may have blanks and any other characters within. */
enum aks_status aks_secret_find_passphrase(const struct aks_port *port, const char *name,
    struct aks_secret **ret_secret, struct aks_error *err);
/** The value of ${entry} wherever it may go: can it be found now? */
enum aks_status aks_secret_find_value(const struct aks_port *port,
    const struct aks_secret_entry *entry, const char *prefix, bool (*stopped)(void *ctx),
    void *ctx, struct aks_secret **ret_secret, struct aks_error *err);

#endif
