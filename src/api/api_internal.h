/* What the files of api/ share. */
#ifndef AKS_API_API_INTERNAL_H
#define AKS_API_API_INTERNAL_H

#include "akosha/akosha.h"
#include "engine/engine.h"
#include "engine/policy.h"
#include "script/load.h"

#include <jansson.h>

struct akosha {
    struct akosha_options options;
    struct aks_log log;
    struct aks_engine *engine;
    struct aks_script_options script;
    struct aks_policy_limits limits;    /* of every policy that is loaded */
};

struct akosha_policy {
    struct akosha *engine;
    struct aks_policy_text text;
    struct aks_policy_environment environment;
    struct aks_policy *policy;
    char *folder;                   /* what relative sources in it are relative to */
};

struct akosha_report {
    json_t *json;
    char *text;                     /* the last rendering */
};

/* Fills ${ret_error} from ${err} and returns its code. ${kept}: what failed stays in the queue. */
int akosha_api_error(const struct aks_error *err, struct akosha_error *ret_error);
/* Reads limits as they are written on a command line. */
enum aks_status akosha_api_limits(const char *const *texts, size_t count,
    struct aks_policy_limits *ret_limits, struct aks_error *err);
/* The policy's file, owned, or NULL for the built-in default; as akosha_policy_load finds it. */
enum aks_status akosha_api_policy_path(const struct aks_port *port, const char *given,
    char **ret_path, struct aks_error *err);
/* Where runs and what is believed of targets are kept, owned; ${given}: as for akosha_open. */
enum aks_status akosha_api_state_folder(const struct aks_port *port, const char *given,
    char **ret_folder, struct aks_error *err);
/* A report around ${json} (taken), with the code in it; ${ret_error} from its "error". */
int akosha_api_report(json_t *json, struct akosha_report **ret_report,
    struct akosha_error *ret_error);

#endif
