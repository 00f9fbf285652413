#include "base/check.h"
#include "base/units.h"
#include "sim/network_sim_internal.h"

#include <stdio.h>
#include <string.h>

/* A connection that nobody used for so long is gone, as with libcurl. */
#define IDLE_NS (20 * AKS_NS_PER_S)

static void step_begin(void *ctx);

static void
unlink_call(struct aks_http_call *call)
{
    struct aks_network_sim *network = call->network;

    if (call->prev != NULL)
        call->prev->next = call->next;
    else
        network->calls = call->next;
    if (call->next != NULL)
        call->next->prev = call->prev;
    if (!call->orphan)
        network->under_way--;
}

static void
clear_timers(struct aks_http_call *call)
{
    aks_agenda_remove(call->network->agenda, &call->entry);
    aks_agenda_remove(call->network->agenda, &call->connect_entry);
    aks_agenda_remove(call->network->agenda, &call->answer_entry);
    aks_agenda_remove(call->network->agenda, &call->stall_entry);
}

static void
call_free(struct aks_http_call *call)
{
    clear_timers(call);
    unlink_call(call);
    aks_buf_fini(&call->reply.body);
    aks_network_sim_copy_fini(call);
    aks_mem_free(call->network->alloc, call);
}

/* Tells the owner and goes. The reply's body and headers are the call's until then. */
static void
finish(struct aks_http_call *call)
{
    struct aks_http_reply *told = &call->told;

    clear_timers(call);
    if (call->orphan) {
        call_free(call);
        return;
    }
    told->duration_ns = call->network->agenda->now_ns - call->begun_ns;
    told->sent_bytes = call->sent_bytes;
    told->body = call->reply.body;
    if (told->transport == AKS_OK) {
        told->phase = AKS_HTTP_DONE;
        call->host->idle++;
        call->host->idle_since_ns = call->network->agenda->now_ns;
    }
    unlink_call(call);
    call->orphan = true;            /* not under way any more, whatever done does */
    call->prev = NULL;
    call->next = NULL;
    call->done(call->done_ctx, told);
    aks_buf_fini(&call->reply.body);
    aks_network_sim_copy_fini(call);
    aks_mem_free(call->network->alloc, call);
}

static void
fail(struct aks_http_call *call, enum aks_status status, const char *why)
{
    call->told.transport = aks_error_set(&call->told.error, status, "%s %s: %s",
        call->request->method, call->host->host.name, why);
    call->told.phase = (enum aks_http_phase)call->step;
    finish(call);
}

static void
connect_expired(void *ctx)
{
    struct aks_http_call *call = ctx;

    if (call->step == STEP_NAME)
        fail(call, AKS_DNS, "the name was not resolved in time");
    else if (call->step == STEP_CONNECT)
        fail(call, AKS_CONNECT_TIMEOUT, "not connected in time");
    else
        fail(call, AKS_TIMEOUT, "the TLS handshake did not finish in time");
}

static void
answer_expired(void *ctx)
{
    fail(ctx, AKS_TIMEOUT, "no answer in time");
}

static void
stall_expired(void *ctx)
{
    fail(ctx, AKS_STALLED, "no byte went either way any more");
}

/* A timer that cannot be set for want of memory ends the request: it would wait for ever. */
static bool
arm(struct aks_http_call *call, struct aks_agenda_entry *entry, int64_t delay_ns,
    void (*fire)(void *ctx))
{
    aks_agenda_remove(call->network->agenda, entry);
    if (aks_agenda_enter(call->network->agenda, entry, delay_ns, fire, call) == AKS_OK)
        return true;
    fail(call, AKS_LIMIT, "out of memory");
    return false;
}

/* From now on bytes move for ${moving_ns}, and a silence of the request's limit is too long. */
static bool
arm_stall(struct aks_http_call *call, int64_t moving_ns)
{
    if (call->orphan || call->request->stall_timeout_ms <= 0)
        return true;
    return arm(call, &call->stall_entry,
        moving_ns + call->request->stall_timeout_ms * AKS_NS_PER_MS, stall_expired);
}

static bool
arm_answer(struct aks_http_call *call)
{
    if (call->orphan || call->request->answer_timeout_ms <= 0)
        return true;
    return arm(call, &call->answer_entry, call->request->answer_timeout_ms * AKS_NS_PER_MS,
        answer_expired);
}

static int64_t
transfer_ns(int64_t bytes, int64_t bytes_per_s)
{
    if (bytes_per_s <= 0)
        return 0;
    return (int64_t)((double)bytes / (double)bytes_per_s * (double)AKS_NS_PER_S);
}

/* What the step takes where nothing is wrong; of it, *ret_moving_ns with bytes under way. */
static int64_t
usual_ns(const struct aks_http_call *call, int64_t *ret_moving_ns)
{
    const struct aks_sim_host *host = &call->host->host;

    *ret_moving_ns = 0;
    switch (call->step) {
    case STEP_NAME:
        return 0;
    case STEP_CONNECT:
    case STEP_TLS:
        return 2 * host->latency_ns;
    case STEP_SEND:
        *ret_moving_ns = transfer_ns((int64_t)call->copy.body_len, host->up_bytes_per_s);
        return *ret_moving_ns + host->latency_ns;
    case STEP_SERVE:
        return 0;
    case STEP_REPLY:
        *ret_moving_ns = transfer_ns((int64_t)call->reply.body.len, host->down_bytes_per_s);
        return *ret_moving_ns + host->latency_ns;
    case STEP_DONE:
        break;
    }
    return 0;
}

static void
go_to(struct aks_http_call *call, enum step step)
{
    call->step = step;
    step_begin(call);
}

/* Serves the request, or what the fault says instead. */
static void
serve(struct aks_http_call *call)
{
    const struct aks_sim_fault *fault = &call->fault;
    struct aks_network_sim *network = call->network;
    const struct aks_sim_host *host = &call->host->host;
    int64_t wall_ms = network->wall_ms(network->wall_ctx) + host->skew_ms;

    call->copy.unheard = call->orphan || fault->http_status != 0 || fault->status != AKS_OK ||
        fault->dies;
    if ((fault->status == AKS_OK && fault->http_status == 0 && !fault->dies) || fault->served)
        host->serve(host->ctx, wall_ms, &call->copy, &call->reply);
    if (fault->http_status != 0)
        aks_network_sim_instead(call);
}

/* The step's time has passed: it went well, or as the fault says. */
static void
step_end(void *ctx)
{
    struct aks_http_call *call = ctx;
    const struct aks_sim_fault *fault = &call->fault;

    if (call->step == STEP_SERVE)
        serve(call);
    if (fault->status != AKS_OK && !call->orphan) {
        if (call->step == STEP_REPLY)
            call->told.status = call->reply.status;
        fail(call, fault->status, "as the plan of faults has it");
        return;
    }
    switch (call->step) {
    case STEP_NAME:
        if (call->host->host.serve == NULL)
            fail(call, AKS_DNS, "there is no host of that name");
        else
            go_to(call, STEP_CONNECT);
        break;
    case STEP_CONNECT:
        go_to(call, call->copy.tls ? STEP_TLS : STEP_SEND);
        break;
    case STEP_TLS:
        go_to(call, STEP_SEND);
        break;
    case STEP_SEND:
        call->sent_bytes = (int64_t)call->copy.body_len;
        go_to(call, STEP_SERVE);
        break;
    case STEP_SERVE:
        if (call->orphan)
            call_free(call);
        else
            go_to(call, STEP_REPLY);
        break;
    case STEP_REPLY:
        aks_network_sim_reply_tell(call);
        finish(call);
        break;
    case STEP_DONE:
        break;
    }
}

static int64_t
step_bytes(const struct aks_http_call *call)
{
    if (call->step == STEP_SEND)
        return (int64_t)call->copy.body_len;
    return call->step == STEP_REPLY ? (int64_t)call->reply.body.len : 0;
}

static void
ask(struct aks_http_call *call)
{
    static const char *const verbs[] = { "name", "connect", "tls", "send", "serve", "reply" };
    const struct aks_sim_hook *hook = call->network->hook;
    struct aks_sim_step step = { 0 };

    memset(&call->fault, 0, sizeof(call->fault));
    call->fault.retry_after_s = -1;
    if (hook == NULL || call->orphan)
        return;
    step.place = AKS_SIM_NETWORK;
    step.verb = verbs[call->step];
    step.subject = call->host->host.name;
    step.bytes = step_bytes(call);
    step.changes = call->step == STEP_SERVE;
    step.request = call->request;
    hook->step(hook->ctx, &step, &call->fault);
}

/* The connection stands: from here on the request's other limits count. */
static bool
connected(struct aks_http_call *call)
{
    aks_agenda_remove(call->network->agenda, &call->connect_entry);
    if (call->copy.body_len == 0 && !arm_answer(call))
        return false;
    if (call->request->body != NULL && aks_network_sim_copy_body(call) != AKS_OK) {
        call->told.phase = AKS_HTTP_SEND;
        finish(call);
        return false;
    }
    return true;
}

static void
step_begin(void *ctx)
{
    struct aks_http_call *call = ctx;
    struct aks_agenda *agenda = call->network->agenda;
    int64_t moving_ns;
    int64_t delay_ns;

    if (call->step == STEP_SEND && !connected(call))
        return;
    ask(call);
    if (call->fault.dies) {
        /* Nobody is there any more; what a server has got, it may still serve. */
        if (call->step == STEP_SERVE && call->fault.served)
            serve(call);
        return;
    }
    if (call->step == STEP_SERVE && call->copy.body_len > 0 && !arm_answer(call))
        return;
    if (call->step == STEP_REPLY) {
        aks_agenda_remove(agenda, &call->answer_entry);
        call->told.status = call->reply.status;
    }
    delay_ns = usual_ns(call, &moving_ns);
    if (call->step >= STEP_SEND && !arm_stall(call, moving_ns))
        return;
    if (call->fault.delay_ns < 0)
        return;
    if (aks_agenda_enter(agenda, &call->entry, delay_ns + call->fault.delay_ns, step_end,
            call) != AKS_OK)
        fail(call, AKS_LIMIT, "out of memory");
}

static enum aks_status
submit(void *ctx, const struct aks_http_request *request, aks_http_done *done, void *done_ctx,
    struct aks_http_call **ret_call, struct aks_error *err)
{
    struct aks_network_sim *network = ctx;
    struct aks_http_call *call = aks_mem_new(network->alloc, sizeof(*call));
    struct aks_agenda *agenda = network->agenda;
    enum aks_status status;

    if (call == NULL)
        return aks_error_memory(err, "submitting a request");
    call->network = network;
    call->request = request;
    call->done = done;
    call->done_ctx = done_ctx;
    call->begun_ns = agenda->now_ns;
    aks_buf_init(&call->reply.body, network->alloc, AKS_NETWORK_SIM_BODY_BYTES_MAX);
    status = aks_network_sim_copy_head(call, err);
    if (status == AKS_OK) {
        struct host *host = call->host;

        if (host->idle > 0 && agenda->now_ns - host->idle_since_ns > IDLE_NS)
            host->idle = 0;
        if (host->idle > 0 && !request->fresh_connection) {
            host->idle--;
            call->step = STEP_SEND;
        } else if (request->connect_timeout_ms > 0) {
            status = aks_agenda_enter(agenda, &call->connect_entry,
                request->connect_timeout_ms * AKS_NS_PER_MS, connect_expired, call);
        }
        if (status == AKS_OK)
            status = aks_agenda_enter(agenda, &call->entry, 0, step_begin, call);
        if (status != AKS_OK)
            (void)aks_error_memory(err, "submitting a request");
    }
    if (status != AKS_OK) {
        aks_agenda_remove(agenda, &call->connect_entry);
        aks_network_sim_copy_fini(call);
        aks_mem_free(network->alloc, call);
        return status;
    }
    call->next = network->calls;
    if (network->calls != NULL)
        network->calls->prev = call;
    network->calls = call;
    network->under_way++;
    *ret_call = call;
    return AKS_OK;
}

/* What has been sent whole arrives, whoever has lost interest in the answer. */
static void
cancel(void *ctx, struct aks_http_call *call)
{
    struct aks_network_sim *network = ctx;
    bool on_its_way = call->step == STEP_SERVE && call->entry.node.place != 0;

    if (!on_its_way) {
        call_free(call);
        return;
    }
    network->under_way--;
    call->orphan = true;
    aks_agenda_remove(network->agenda, &call->connect_entry);
    aks_agenda_remove(network->agenda, &call->answer_entry);
    aks_agenda_remove(network->agenda, &call->stall_entry);
}

enum aks_status
aks_network_sim_new(const struct aks_alloc *alloc, struct aks_agenda *agenda,
    const struct aks_sim_hook *hook, int64_t (*wall_ms)(void *ctx), void *wall_ctx,
    struct aks_network_sim **ret_network, struct aks_error *err)
{
    struct aks_network_sim *network = aks_mem_new(alloc, sizeof(*network));

    if (network == NULL)
        return aks_error_memory(err, "making a network");
    network->alloc = alloc;
    network->agenda = agenda;
    network->hook = hook;
    network->wall_ms = wall_ms;
    network->wall_ctx = wall_ctx;
    network->http.submit = submit;
    network->http.cancel = cancel;
    network->http.ctx = network;
    *ret_network = network;
    return AKS_OK;
}

void
aks_network_sim_free(struct aks_network_sim *network)
{
    if (network == NULL)
        return;
    while (network->calls != NULL)
        call_free(network->calls);
    aks_mem_free(network->alloc, network);
}

const struct aks_http *
aks_network_sim_port(const struct aks_network_sim *network)
{
    return &network->http;
}

void
aks_network_sim_host(struct aks_network_sim *network, const struct aks_sim_host *host)
{
    size_t i = 0;

    while (i < network->host_count && strcmp(network->hosts[i].host.name, host->name) != 0)
        i++;
    AKS_CHECK(i < AKS_SIM_HOSTS_MAX);
    if (i == network->host_count)
        network->host_count++;
    network->hosts[i].host = *host;
}

void
aks_network_sim_crash(struct aks_network_sim *network)
{
    struct aks_http_call *next;

    for (struct aks_http_call *call = network->calls; call != NULL; call = next) {
        next = call->next;
        if (!call->orphan)
            cancel(network, call);
    }
    for (size_t i = 0; i < network->host_count; i++)
        network->hosts[i].idle = 0;
}

unsigned
aks_network_sim_under_way(const struct aks_network_sim *network)
{
    return network->under_way;
}
