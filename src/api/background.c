#include "api/api_internal.h"

#include "engine/job_end.h"
#include "engine/private_folder.h"
#include "engine/queue.h"
#include "engine/status.h"
#include "engine/worker.h"

int
akosha_worker(struct akosha *engine, const struct akosha_worker_options *options,
    struct akosha_report **ret_report, struct akosha_error *ret_error)
{
    struct aks_worker_options worker = { options->once, options->until_empty, options->inherited,
        options->for_ms };
    struct aks_error err = { 0 };
    struct json_t *json = NULL;

    *ret_report = NULL;
    if (aks_worker(engine->engine, &worker, &json, &err) != AKS_OK)
        return akosha_api_error(&err, ret_error);
    return akosha_api_report(json, ret_report, ret_error);
}

int
akosha_status(const struct aks_port *port, const char *state_folder, const char *job_id,
    struct akosha_report **ret_report, struct akosha_error *ret_error)
{
    struct aks_error err = { 0 };
    struct json_t *json = NULL;
    char *folder = NULL;
    enum aks_status status = akosha_api_state_folder(port, state_folder, &folder, &err);

    *ret_report = NULL;
    if (status == AKS_OK) {
        status = aks_private_folder_check_all(port, folder, &err);
        status = status == AKS_OK || status == AKS_NOT_FOUND ? AKS_OK
            : aks_engine_state_failure(status, folder, &err);
    }
    if (status == AKS_OK)
        status = job_id != NULL ? aks_status_job(port, folder, job_id, &json, &err)
            : aks_status_report(port, folder, &json, &err);
    aks_mem_free(port->alloc, folder);
    if (status == AKS_OK) {
        (void)akosha_api_report(json, ret_report, ret_error);
        return *ret_report != NULL ? AKOSHA_OK : ret_error->code;
    }
    (void)akosha_api_error(&err, ret_error);
    if (status == AKS_NOT_FOUND)
        ret_error->code = AKOSHA_USAGE;
    return ret_error->code;
}

/* What became of it is told after it has gone: nobody else may have brought it meanwhile. */
static enum aks_status
cancel(struct aks_engine *engine, const char *job_id, struct aks_error *err)
{
    struct aks_job_ending ending = { .id = job_id, .outcome = "cancelled" };
    struct aks_job job;
    enum aks_status status;

    aks_job_init(&job, engine->port->alloc);
    /* One that cannot be read can be cancelled all the same. */
    if (aks_queue_get(engine->port, engine->queue_folder, job_id, &job, NULL) == AKS_OK) {
        ending.enqueued_at_ms = job.enqueued_at_ms;
        ending.tries = job.tries;
    }
    status = aks_queue_remove(engine->port, engine->queue_folder, job_id, err);
    if (status == AKS_OK) {
        aks_job_end_replaced(engine, &job);
        aks_job_end_tell(engine, &ending);
    }
    aks_job_fini(&job);
    return status;
}

int
akosha_cancel(struct akosha *engine, const char *job_id, struct akosha_error *ret_error)
{
    struct aks_error err = { 0 };
    enum aks_status status = cancel(engine->engine, job_id, &err);

    if (status == AKS_OK) {
        const struct aks_background *background = &engine->options.port->background;

        /* It may have been what the worker was waiting for. */
        (void)background->tell(background->ctx, engine->engine->state_folder, "", 0, NULL);
        return AKOSHA_OK;
    }
    if (status == AKS_NOT_FOUND) {
        (void)aks_error_set(&err, AKS_NOT_FOUND,
            "cannot cancel job %s: there is no such job in the "
            "queue", job_id);
        (void)akosha_api_error(&err, ret_error);
        ret_error->code = AKOSHA_USAGE;
        return ret_error->code;
    }
    return akosha_api_error(&err, ret_error);
}
