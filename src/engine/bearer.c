#include "engine/bearer.h"

#include "engine/secret_find.h"

#define SCHEME "Bearer "

static bool
owner_left(void *ctx)
{
    return aks_target_work_left(ctx);
}

static enum aks_status
run_job(struct aks_target_work *work, struct aks_error *err)
{
    struct aks_bearer *bearer = (struct aks_bearer *)work;

    return aks_secret_find(work->port, bearer->name, bearer->url, SCHEME, owner_left, work,
        &bearer->secret, err);
}

static void
release_job(struct aks_target_work *work)
{
    struct aks_bearer *bearer = (struct aks_bearer *)work;

    aks_mem_free(work->port->alloc, bearer->name);
    aks_mem_free(work->port->alloc, bearer->url);
    aks_secret_free(bearer->secret);
}

enum aks_status
aks_bearer_begin(const struct aks_port *port, const struct aks_target_settings *settings,
    aks_target_work_done *done, void *ctx, struct aks_target_work **ret_work, struct aks_error *err)
{
    struct aks_bearer *bearer = aks_mem_new(port->alloc, sizeof(*bearer));
    enum aks_status status;

    if (bearer == NULL)
        return aks_error_memory(err, "looking for a token");
    bearer->work.port = port;
    bearer->work.run = run_job;
    bearer->work.release = release_job;
    bearer->name = aks_mem_strdup(port->alloc, settings->token);
    bearer->url = aks_mem_strdup(port->alloc, settings->url);
    if (bearer->name == NULL || bearer->url == NULL) {
        release_job(&bearer->work);
        aks_mem_free(port->alloc, bearer);
        return aks_error_memory(err, "looking for a token");
    }
    status = aks_target_work_begin(&bearer->work, done, ctx, err);
    if (status == AKS_OK)
        *ret_work = &bearer->work;
    return status;
}
