/* A simulated environment: variables, host name, home, working folder. */
#ifndef AKS_SIM_ENVIRONMENT_SIM_H
#define AKS_SIM_ENVIRONMENT_SIM_H

#include "base/alloc.h"
#include "base/error.h"
#include "port/environment.h"

#include <stddef.h>

struct aks_sim_options;

struct aks_environment_sim {
    const struct aks_alloc *alloc;
    char *host_name;
    char *home;
    char *working_folder;
    char **pairs;                       /* "NAME=value", in byte order */
    size_t count;
};

enum aks_status aks_environment_sim_init(struct aks_environment_sim *environment,
    const struct aks_alloc *alloc, const struct aks_sim_options *options, struct aks_error *err);
/** Fine on a zeroed struct. */
void aks_environment_sim_fini(struct aks_environment_sim *environment);
/** Borrows ${environment}. */
struct aks_environment aks_environment_sim_port(struct aks_environment_sim *environment);
/** NULL ${value} removes it. AKS_LIMIT beyond AKS_SIM_VARIABLES_MAX; AKS_SETTINGS for a name that
 * none can have. */
enum aks_status aks_environment_sim_set(struct aks_environment_sim *environment, const char *name,
    const char *value, struct aks_error *err);

#endif
