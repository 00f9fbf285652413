/* akosha_support: what a bug report needs. No engine is needed, as it may be what is broken. */
#include "api/api_internal.h"

#include "engine/support.h"

int
akosha_support(const struct akosha_support_options *options, struct akosha_report **ret_report,
    struct akosha_error *ret_error)
{
    const struct aks_port *port = options->port;
    struct aks_support_options support = { 0 };
    struct aks_error err = { 0 };
    json_t *program = json_pack("{s:s, s:s?, s:s?}", "version", akosha_version(), "build",
        options->build, "system", options->system);
    json_t *document = NULL;
    char *folder = NULL;
    char *policy = NULL;
    enum aks_status status = akosha_api_state_folder(port, options->state_folder, &folder, &err);

    *ret_report = NULL;
    if (status == AKS_OK)
        status = akosha_api_policy_path(port, options->policy, &policy, &err);
    support.state_folder = folder;
    support.policy = policy;
    support.program = program;
    support.keep_names = options->keep_names;
    if (status == AKS_OK)
        status = aks_support(port, &support, &document, &err);
    json_decref(program);
    aks_mem_free(port->alloc, policy);
    aks_mem_free(port->alloc, folder);
    if (status != AKS_OK)
        return akosha_api_error(&err, ret_error);
    (void)akosha_api_report(document, ret_report, ret_error);
    return *ret_report != NULL ? AKOSHA_OK : ret_error->code;
}
