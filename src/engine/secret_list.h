/* Named secrets of a person: where the value of each is, and which hosts it may be sent to. Never
 * the value. */
#ifndef AKS_ENGINE_SECRET_LIST_H
#define AKS_ENGINE_SECRET_LIST_H

#include "base/alloc.h"
#include "base/error.h"
#include "base/secret.h"
#include "wire/url.h"

#include <stdbool.h>
#include <stddef.h>

#define AKS_SECRET_NAME_BYTES 64            /* [A-Za-z0-9_-]{1,63} */
#define AKS_SECRETS_MAX 256
#define AKS_SECRET_HOSTS_MAX 16
#define AKS_SECRET_WHERE_BYTES_MAX 4095     /* of a variable's name, a path, a command */
#define AKS_SECRET_HOST_BYTES (AKS_URL_HOST_BYTES + 16)     /* "[...]:65535" */

enum aks_secret_from { AKS_SECRET_ENV, AKS_SECRET_FILE, AKS_SECRET_COMMAND, AKS_SECRET_FROMS };

struct aks_secret_entry {
    const char *name;
    enum aks_secret_from from;
    const char *where;                  /* name of a variable; absolute path; command line */
    const char **hosts;                 /* at least one; as aks_secret_host_normal gives them */
    size_t host_count;
};

/* By name. Zeroed but for alloc it is empty. */
struct aks_secret_list {
    const struct aks_alloc *alloc;
    struct aks_secret_entry *entries;   /* AKS_SECRETS_MAX, or NULL */
    size_t count;
};

void aks_secret_list_init(struct aks_secret_list *list, const struct aks_alloc *alloc);
void aks_secret_list_fini(struct aks_secret_list *list);
/** NULL if there is none. */
const struct aks_secret_entry *aks_secret_list_find(const struct aks_secret_list *list,
    const char *name);
/** Checks ${entry} and adds a copy of it with its hosts in normal form, each once; one of its name
 * is AKS_CONFLICT, or with ${replace} makes way. AKS_SETTINGS where something of it cannot be,
 * AKS_LIMIT beyond AKS_SECRETS_MAX or without memory; then nothing has changed. */
enum aks_status aks_secret_list_add(struct aks_secret_list *list,
    const struct aks_secret_entry *entry, bool replace, struct aks_error *err);
/** AKS_NOT_FOUND. */
enum aks_status aks_secret_list_remove(struct aks_secret_list *list, const char *name,
    struct aks_error *err);

bool aks_secret_name_valid(const char *name);
/** "env", "file", "command". */
const char *aks_secret_from_name(enum aks_secret_from from);

/** "Host.Example:8443" as it is compared: lower case, IPv6 in brackets. AKS_SETTINGS if it is no
 * host with perhaps a port: no scheme, path, user, wildcard. */
enum aks_status aks_secret_host_normal(const char *text, char ret_host[AKS_SECRET_HOST_BYTES],
    struct aks_error *err);
/** May it be sent to ${url}? The host is the same, and the port is; a host without a port stands
 * for the usual port of the address. */
bool aks_secret_host_allows(const struct aks_secret_entry *entry, const struct aks_url *url);

#endif
