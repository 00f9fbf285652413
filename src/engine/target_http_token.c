/* The token of an http target: found when the first request needs it, on a worker, as a program may
 * have to be asked; looked for once more where the server does not know it any more. */
#include "base/check.h"
#include "engine/bearer.h"
#include "engine/target_http_internal.h"

struct http_token *
aks_target_http_token_use(struct http_token *token)
{
    if (token != NULL)
        token->users++;
    return token;
}

void
aks_target_http_token_drop(const struct aks_alloc *alloc, struct http_token *token)
{
    if (token == NULL)
        return;
    AKS_CHECK(token->users > 0);
    if (--token->users > 0)
        return;
    aks_secret_free(token->header);
    aks_mem_free(alloc, token);
}

static enum aks_status
begin(struct http_call *call, aks_target_work_done *done, struct aks_error *err)
{
    return aks_bearer_begin(call->target->port, call->target->base.settings, done, call,
        &call->work, err);
}

/* Lets the target have what ${bearer} has found. */
static enum aks_status
keep(struct http_target *target, struct aks_bearer *bearer, struct aks_error *err)
{
    struct http_token *token = aks_mem_new(target->port->alloc, sizeof(*token));

    if (token == NULL)
        return aks_error_memory(err, "keeping a token");
    token->header = bearer->secret;
    token->users = 1;
    bearer->secret = NULL;
    aks_target_http_token_drop(target->port->alloc, target->token);
    target->token = token;
    return AKS_OK;
}

static void
first_found(void *ctx, struct aks_target_work *work)
{
    struct http_call *call = ctx;
    struct http_target *target = call->target;
    struct aks_error err = work->error;

    call->work = NULL;
    /* Another operation may have been quicker. */
    if (err.status == AKS_OK && target->token == NULL)
        (void)keep(target, (struct aks_bearer *)work, &err);
    if (err.status == AKS_OK) {
        call->start(call);
        return;
    }
    (void)aks_error_wrap(&err, "cannot use target %s", target->base.settings->name);
    aks_target_http_call_ended(call, &err);
}

void
aks_target_http_token_start(struct http_call *call)
{
    struct aks_error err;

    if (call->target->base.settings->token == NULL || call->target->token != NULL)
        call->start(call);
    else if (begin(call, first_found, &err) != AKS_OK)
        aks_target_http_call_ended(call, &err);
}

static void
found_again(void *ctx, struct aks_target_work *work)
{
    struct http_call *call = ctx;
    struct http_target *target = call->target;
    struct aks_bearer *bearer = (struct aks_bearer *)work;
    struct aks_error err;

    call->work = NULL;
    if (work->error.status == AKS_OK && call->token != target->token) {
        call->refused.corrected = true;
    } else if (work->error.status == AKS_OK &&
        !aks_secret_equal(bearer->secret, target->token->header) &&
        keep(target, bearer, &err) == AKS_OK) {
        aks_log_write(target->options.log, AKS_LOG_INFO, "target %s: the secret %s was read again",
            target->base.settings->name, target->base.settings->token);
        call->refused.corrected = true;
    }
    aks_attempt_tried(&call->attempt, &call->refused);
}

bool
aks_target_http_token_renew(struct http_call *call, const struct aks_outcome *outcome)
{
    if (outcome->http_status != 401 || call->token == NULL || call->renewed)
        return false;
    call->renewed = true;
    call->refused = *outcome;
    return begin(call, found_again, NULL) == AKS_OK;
}
