/* Finding what goes into Authorization: the secret that a target's settings name, on a worker, as a
 * program may have to be asked. */
#ifndef AKS_ENGINE_BEARER_H
#define AKS_ENGINE_BEARER_H

#include "base/secret.h"
#include "engine/settings.h"
#include "engine/target_work.h"

struct aks_bearer {
    struct aks_target_work work;        /* first: what done is given is one of these */
    char *name;
    char *url;
    struct aks_secret *secret;          /* "Bearer " and the value; done may take it */
};

/** Begins looking for settings->token, which is set. As aks_target_work_begin. */
enum aks_status aks_bearer_begin(const struct aks_port *port,
    const struct aks_target_settings *settings, aks_target_work_done *done, void *ctx,
    struct aks_target_work **ret_work, struct aks_error *err);

#endif
