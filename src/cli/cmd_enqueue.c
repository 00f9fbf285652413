#include "base/alloc.h"
#include "base/error.h"
#include "cli/begin.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/session.h"
#include "os/os.h"

#include <jansson.h>

/* Else jansson opens a device for the seed of its hashes. */
static void
seed_json(const struct aks_port *port)
{
    size_t seed = 0;

    if (port->entropy.fill(port->entropy.ctx, &seed, sizeof(seed), NULL) == AKS_OK)
        json_object_seed(seed);
}

/* No session: nothing of an engine is needed, and each millisecond counts. */
int
aks_cmd_enqueue_job(const struct aks_args *args, const struct aks_port *port,
    struct akosha_enqueued *ret_enqueued, struct akosha_error *ret_error)
{
    struct akosha_enqueue_options options = { 0 };

    seed_json(port);
    options.port = port;
    options.state_folder = args->state;
    options.policy = args->policy;
    options.allow = args->allow;
    options.allow_count = args->allow_count;
    options.limits = args->limits;
    options.limit_count = args->limit_count;
    options.sources = args->operands;
    options.source_count = args->operand_count;
    options.target = args->target;
    options.no_fallback = args->no_fallback;
    options.no_worker = args->no_worker;
    return akosha_enqueue(&options, ret_enqueued, ret_error);
}

int
aks_cmd_enqueue(const struct aks_args *args)
{
    struct akosha_enqueued enqueued;
    struct akosha_error error;
    struct aks_error err;
    struct aks_os *os = NULL;
    int code;

    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK) {
        aks_print_error(err.hint, "%s", err.message);
        return AKOSHA_NOT_KEPT;
    }
    if (aks_begin_front)
        aks_os_start_full(os);
    code = aks_cmd_enqueue_job(args, aks_os_port(os), &enqueued, &error);
    aks_os_close(os);
    if (code != AKOSHA_OK)
        return aks_session_fail(args, &error);
    if (!enqueued.worker && !args->no_worker && !args->quiet)
        aks_print_note("warning: the job is kept, but there is no worker to bring it: %s",
            enqueued.worker_error.message);
    if (args->json)
        aks_print_out("{\"job_id\": \"%s\"}\n", enqueued.job_id);
    else
        aks_print_out("%s\n", enqueued.job_id);
    return aks_session_end(AKOSHA_OK);
}
