/* secrets.json in the configuration folder: what a person has said about secrets. Nobody else may
 * read or write it. */
#ifndef AKS_ENGINE_SECRET_STORE_H
#define AKS_ENGINE_SECRET_STORE_H

#include "base/error.h"
#include "engine/secret_list.h"
#include "port/port.h"

/* Held as long as reading, changing and writing takes. */
#define AKS_SECRET_STORE_LOCK_MS 5000

/** $XDG_CONFIG_HOME/akosha-sync/secrets.json, owned; NULL without memory. */
char *aks_secret_store_path(const struct aks_port *port);
/** Reads it into ${list}, which is empty, and stays so where there is no such file. AKS_FORBIDDEN
 * if others may read or write it (with the chmod); AKS_SETTINGS if it is not as it should be. */
enum aks_status aks_secret_store_load(const struct aks_port *port, struct aks_secret_list *list,
    struct aks_error *err);
/** Reads, lets ${change} change, and writes it again: one at a time, atomically, synced, mode 0600
 * in a folder of mode 0700. Nothing is written when ${change} fails, which is then what is
 * returned. Failures also: as load; AKS_STATE, AKS_NO_SPACE, AKS_FORBIDDEN if it cannot be written;
 * AKS_CONFLICT if another one holds it for too long. */
enum aks_status aks_secret_store_change(const struct aks_port *port,
    enum aks_status (*change)(void *ctx, struct aks_secret_list *list, struct aks_error *err),
    void *ctx, struct aks_error *err);

#endif
