/* Figures: what runs did over time, for people and for Prometheus, and how fresh a fleet is. */
#include "api/api_internal.h"

#include "engine/freshness.h"
#include "engine/metrics.h"
#include "engine/private_folder.h"
#include "engine/stats.h"

/* As akosha_status looks at it: nothing is made, and nobody is waited for. */
static enum aks_status
find_folder(const struct aks_port *port, const char *given, char **ret_folder,
    struct aks_error *err)
{
    enum aks_status status = akosha_api_state_folder(port, given, ret_folder, err);

    if (status != AKS_OK)
        return status;
    status = aks_private_folder_check_all(port, *ret_folder, err);
    return status == AKS_OK || status == AKS_NOT_FOUND ? AKS_OK
        : aks_engine_state_failure(status, *ret_folder, err);
}

static int
tell(enum aks_status status, json_t *json, const struct aks_error *err,
    struct akosha_report **ret_report, struct akosha_error *ret_error)
{
    *ret_report = NULL;
    if (status != AKS_OK)
        return akosha_api_error(err, ret_error);
    (void)akosha_api_report(json, ret_report, ret_error);
    return *ret_report != NULL ? AKOSHA_OK : ret_error->code;
}

int
akosha_stats(const struct aks_port *port, const char *state_folder,
    struct akosha_report **ret_report, struct akosha_error *ret_error)
{
    struct aks_error err = { 0 };
    json_t *json = NULL;
    char *folder = NULL;
    enum aks_status status = find_folder(port, state_folder, &folder, &err);

    if (status == AKS_OK)
        status = aks_stats_report(port, folder, &json, &err);
    aks_mem_free(port->alloc, folder);
    return tell(status, json, &err, ret_report, ret_error);
}

int
akosha_metrics(const struct aks_port *port, const char *state_folder,
    struct akosha_report **ret_report, struct akosha_error *ret_error)
{
    struct aks_error err = { 0 };
    json_t *json = NULL;
    char *folder = NULL;
    enum aks_status status = find_folder(port, state_folder, &folder, &err);

    if (status == AKS_OK)
        status = aks_metrics_report(port, folder, akosha_version(), &json, &err);
    aks_mem_free(port->alloc, folder);
    return tell(status, json, &err, ret_report, ret_error);
}

int
akosha_fleet(struct akosha *engine, struct akosha_policy *policy, const char *target,
    const char *stale, struct akosha_report **ret_report, struct akosha_error *ret_error)
{
    struct aks_freshness_options options = { policy->policy, target, AKS_FRESHNESS_STALE_MS };
    struct aks_error err = { 0 };
    json_t *json = NULL;

    *ret_report = NULL;
    if (stale != NULL && aks_freshness_parse(stale, &options.stale_ms, &err) != AKS_OK) {
        (void)akosha_api_error(&err, ret_error);
        ret_error->code = AKOSHA_USAGE;
        return ret_error->code;
    }
    if (aks_freshness(engine->engine, &options, &json, &err) != AKS_OK)
        return akosha_api_error(&err, ret_error);
    return akosha_api_report(json, ret_report, ret_error);
}
