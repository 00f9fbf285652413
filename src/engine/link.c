#include "engine/link.h"

#include "base/check.h"
#include "base/units.h"

/* A request of the target: what the machine's port is given instead. */
struct aks_http_call {
    struct aks_link *link;
    struct aks_http_call *inner;        /* the machine's */
    struct aks_http_request request;    /* as the machine's port gets it */
    aks_http_done *done;
    void *done_ctx;
    bool has_body;
};

static int64_t
now_ns(const struct aks_link *link)
{
    const struct aks_clock *clock = &link->machine->clock;

    return clock->now_ns(clock->ctx);
}

static size_t
take(void *ctx, size_t want, int64_t *ret_at_ns)
{
    struct aks_link *link = ctx;
    size_t granted = link->throttle->take(link->throttle->ctx, want, ret_at_ns);

    if (*ret_at_ns > now_ns(link))
        link->held_up = true;
    return granted;
}

static void
meter(struct aks_link *link, int64_t bytes)
{
    if (link->meter != NULL && bytes != 0)
        link->meter->sent(link->meter->ctx, bytes);
}

static void
begin_sending(struct aks_link *link)
{
    if (link->sending++ == 0)
        link->busy_since_ns = now_ns(link);
}

static void
end_sending(struct aks_link *link)
{
    AKS_CHECK(link->sending > 0);
    if (--link->sending == 0)
        link->busy_ns += now_ns(link) - link->busy_since_ns;
}

static void
call_free(struct aks_http_call *call)
{
    if (call->has_body)
        end_sending(call->link);
    aks_mem_free(call->link->machine->alloc, call);
}

static void
answered(void *ctx, const struct aks_http_reply *reply)
{
    struct aks_http_call *call = ctx;
    aks_http_done *done = call->done;
    void *done_ctx = call->done_ctx;

    call->link->sent_bytes += reply->sent_bytes;
    if (call->has_body)
        meter(call->link, reply->sent_bytes - call->request.body->bytes);
    call_free(call);
    done(done_ctx, reply);
}

static enum aks_status
submit(void *ctx, const struct aks_http_request *request, aks_http_done *done, void *done_ctx,
    struct aks_http_call **ret_call, struct aks_error *err)
{
    struct aks_link *link = ctx;
    const struct aks_http *http = &link->machine->http;
    struct aks_http_call *call = aks_mem_new(link->machine->alloc, sizeof(*call));
    enum aks_status status;

    if (call == NULL)
        return aks_error_memory(err, "submitting a request");
    call->link = link;
    call->request = *request;
    if (link->throttle != NULL)
        call->request.gate = &link->gate;
    call->done = done;
    call->done_ctx = done_ctx;
    call->has_body = request->body != NULL && request->body->bytes > 0;
    if (call->has_body) {
        begin_sending(link);
        meter(link, request->body->bytes);
    }
    status = http->submit(http->ctx, &call->request, answered, call, &call->inner, err);
    if (status == AKS_OK) {
        *ret_call = call;
        return AKS_OK;
    }
    if (call->has_body)
        meter(link, -request->body->bytes);
    call_free(call);
    return status;
}

static void
cancel(void *ctx, struct aks_http_call *call)
{
    const struct aks_http *http = &call->link->machine->http;

    http->cancel(http->ctx, call->inner);
    call_free(call);
}

void
aks_link_init(struct aks_link *link, const struct aks_port *machine)
{
    *link = (struct aks_link) { .port = *machine, .machine = machine };
    link->gate = (struct aks_http_gate) { take, link };
    link->port.http = (struct aks_http) { submit, cancel, link };
}

void
aks_link_begin(struct aks_link *link, const struct aks_http_gate *throttle)
{
    link->throttle = throttle;
    if (link->sending > 0)
        return;
    link->held_up = false;
    link->busy_ns = 0;
    link->sent_bytes = 0;
}

int64_t
aks_link_rate(const struct aks_link *link)
{
    if (link->held_up || link->sent_bytes < AKS_LINK_MEASURE_BYTES_MIN || link->busy_ns <= 0)
        return -1;
    return (int64_t)((double)link->sent_bytes * (double)AKS_NS_PER_S / (double)link->busy_ns);
}
