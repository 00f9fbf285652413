/* Apart from all that needs an engine: the program that only enqueues is linked to no more. */
#include "api/api_internal.h"

#include "engine/enqueue.h"

#include <stdio.h>
#include <string.h>

/* What a failure of an enqueue means: the job is not kept, unless it is for its maker to mend. */
static int
enqueue_code(enum aks_status status, int code)
{
    if (status == AKS_POLICY || status == AKS_SETTINGS || status == AKS_FORBIDDEN)
        return AKOSHA_SETTINGS;
    return code == AKOSHA_USAGE ? code : AKOSHA_NOT_KEPT;
}

static enum aks_status
enqueue(const struct akosha_enqueue_options *options, const char *folder, const char *policy,
    struct aks_enqueued *ret_enqueued, struct aks_error *err)
{
    struct aks_enqueue_options engine = { 0 };
    enum aks_status status = akosha_api_limits(options->limits, options->limit_count,
        &engine.limits, err);

    if (status != AKS_OK)
        return AKS_SETTINGS;
    engine.port = options->port;
    engine.state_folder = folder;
    engine.policy = policy;
    engine.allow = options->allow;
    engine.allow_count = options->allow_count;
    engine.sources = options->sources;
    engine.source_count = options->source_count;
    engine.target = options->target;
    engine.no_fallback = options->no_fallback;
    engine.no_worker = options->no_worker;
    return aks_enqueue(&engine, ret_enqueued, err);
}

int
akosha_enqueue(const struct akosha_enqueue_options *options, struct akosha_enqueued *ret_enqueued,
    struct akosha_error *ret_error)
{
    const struct aks_alloc *alloc = options->port->alloc;
    struct aks_enqueued enqueued;
    struct aks_error err = { 0 };
    char *folder = NULL;
    char *policy = NULL;
    enum aks_status status = akosha_api_state_folder(options->port, options->state_folder, &folder,
        &err);

    memset(ret_enqueued, 0, sizeof(*ret_enqueued));
    if (status == AKS_OK)
        status = akosha_api_policy_path(options->port, options->policy, &policy, &err);
    if (status == AKS_OK)
        status = enqueue(options, folder, policy, &enqueued, &err);
    aks_mem_free(alloc, folder);
    aks_mem_free(alloc, policy);
    if (status != AKS_OK) {
        ret_error->code = enqueue_code(status, akosha_api_error(&err, ret_error));
        return ret_error->code;
    }
    (void)snprintf(ret_enqueued->job_id, sizeof(ret_enqueued->job_id), "%s", enqueued.id);
    ret_enqueued->worker = enqueued.worker != AKS_ENQUEUE_WORKER_NONE;
    if (!ret_enqueued->worker && !options->no_worker)
        (void)akosha_api_error(&enqueued.worker_error, &ret_enqueued->worker_error);
    return AKOSHA_OK;
}
