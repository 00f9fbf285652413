#include "base/check.h"
#include "base/units.h"
#include "sim/network_sim_internal.h"

#include <stdio.h>
#include <string.h>

/* A connection that nobody used for longer is gone, as with the real port. */
#define IDLE_NS (20 * AKS_NS_PER_S)
/* Never, for time-outs. */
#define NEVER_NS INT64_MAX

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
clear_limits(struct aks_http_call *call)
{
    aks_agenda_remove(call->network->agenda, &call->connect_entry);
    aks_agenda_remove(call->network->agenda, &call->answer_entry);
    aks_agenda_remove(call->network->agenda, &call->stall_entry);
}

static void
call_free(struct aks_http_call *call)
{
    aks_agenda_remove(call->network->agenda, &call->entry);
    clear_limits(call);
    unlink_call(call);
    aks_buf_fini(&call->reply.body);
    aks_network_sim_copy_fini(call);
    aks_mem_free(call->network->alloc, call);
}

static void
drop_connection(struct aks_network_sim *network, size_t index)
{
    network->idle_count--;
    memmove(&network->idle[index], &network->idle[index + 1],
        (network->idle_count - index) * sizeof(network->idle[0]));
}

static void
keep_connection(struct aks_network_sim *network, const char *name)
{
    struct connection *own;

    if (network->idle_count == AKS_NETWORK_SIM_IDLE_MAX)
        drop_connection(network, 0);
    own = &network->idle[network->idle_count++];
    (void)snprintf(own->name, sizeof(own->name), "%s", name);
    own->since_ns = network->agenda->now_ns;
}

/* Is there one to that name? It is not idle any more. */
static bool
take_connection(struct aks_network_sim *network, const char *name)
{
    while (network->idle_count > 0 &&
        network->agenda->now_ns - network->idle[0].since_ns > IDLE_NS)
        drop_connection(network, 0);
    for (size_t i = network->idle_count; i > 0; i--) {
        if (strcmp(network->idle[i - 1].name, name) == 0) {
            drop_connection(network, i - 1);
            return true;
        }
    }
    return false;
}

/* The server has it whole and will serve it, whoever has lost interest in the answer. */
static bool
on_its_way(const struct aks_http_call *call)
{
    return call->step == STEP_SERVE && call->entry.node.place != 0;
}

static void
orphan(struct aks_http_call *call)
{
    AKS_CHECK(!call->orphan);
    call->network->under_way--;
    call->orphan = true;
    clear_limits(call);
}

/* Tells the owner and goes. The reply's body and headers are the call's until then. */
static void
finish(struct aks_http_call *call)
{
    struct aks_http_reply *told = &call->told;

    told->duration_ns = call->network->agenda->now_ns - call->begun_ns;
    told->body = call->reply.body;
    orphan(call);
    call->done(call->done_ctx, told);
    if (!on_its_way(call))
        call_free(call);
}

static enum aks_http_phase
phase_of(const struct aks_http_call *call)
{
    /* A request without a body is sent as soon as it is connected. */
    if (call->step == STEP_SEND && call->copy.body_len == 0)
        return AKS_HTTP_ANSWER;
    return (enum aks_http_phase)call->step;
}

static size_t
at_most(int64_t bytes, size_t limit)
{
    if (bytes < 0)
        return 0;
    return (uint64_t)bytes < limit ? (size_t)bytes : limit;
}

/* What was sent, and what has come, of a request that ends before it is done. */
static void
cut(struct aks_http_call *call)
{
    struct aks_buf *body = &call->reply.body;
    size_t got = 0;

    if (call->step == STEP_REPLY)
        got = at_most(call->fault.bytes, call->request->reply_bytes_max);
    if (got < body->len) {
        body->len = got;
        body->data[got] = '\0';
    }
    if (call->step == STEP_SEND)
        call->told.sent_bytes = (int64_t)at_most(call->fault.bytes, call->copy.body_len);
    else if (call->step > STEP_SEND)
        call->told.sent_bytes = (int64_t)call->copy.body_len;
}

static void
fail(struct aks_http_call *call, enum aks_status status, const char *why)
{
    call->told.transport = aks_error_set(&call->told.error, status, "%s %s: %s",
        call->request->method, call->name, why);
    call->told.phase = phase_of(call);
    cut(call);
    if (call->step == STEP_SEND)
        aks_network_sim_serve_piece(call);
    finish(call);
}

/* The whole reply is here. */
static void
succeed(struct aks_http_call *call)
{
    aks_network_sim_tell_body(call);
    if (call->told.transport == AKS_OK) {
        call->told.phase = AKS_HTTP_DONE;
        call->told.sent_bytes = (int64_t)call->copy.body_len;
        if (!call->reply.open)
            keep_connection(call->network, call->name);
    } else {
        call->told.phase = AKS_HTTP_REPLY;
        cut(call);
    }
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

/* Of two that are due together the answer's counts, as with the real port. */
static void
expired(void *ctx)
{
    struct aks_http_call *call = ctx;

    if (call->answer_due_ns <= call->stall_due_ns)
        fail(call, AKS_TIMEOUT, "no answer in time");
    else
        fail(call, AKS_STALLED, "no byte went either way any more");
}

/* In nanoseconds; 0 for no limit. */
static int64_t
limit_ns(int64_t timeout_ms)
{
    if (timeout_ms <= 0 || timeout_ms > INT64_MAX / 2 / AKS_NS_PER_MS)
        return 0;
    return timeout_ms * AKS_NS_PER_MS;
}

/* A timer that cannot be set for want of memory ends the request: it would wait for ever. */
static bool
arm(struct aks_http_call *call, struct aks_agenda_entry *entry, int64_t delay_ns,
    int64_t *ret_due_ns)
{
    struct aks_agenda *agenda = call->network->agenda;

    aks_agenda_remove(agenda, entry);
    if (aks_agenda_enter(agenda, entry, delay_ns, expired, call) != AKS_OK) {
        fail(call, AKS_LIMIT, "out of memory");
        return false;
    }
    *ret_due_ns = delay_ns < NEVER_NS - agenda->now_ns ? agenda->now_ns + delay_ns : NEVER_NS;
    return true;
}

/* From now on bytes move for ${moving_ns}, and a silence of the request's limit is too long. */
static bool
arm_stall(struct aks_http_call *call, int64_t moving_ns)
{
    int64_t stall_ns = limit_ns(call->request->stall_timeout_ms);

    return stall_ns == 0 ||
        arm(call, &call->stall_entry, moving_ns + stall_ns, &call->stall_due_ns);
}

static bool
arm_answer(struct aks_http_call *call)
{
    int64_t answer_ns = limit_ns(call->request->answer_timeout_ms);

    return answer_ns == 0 || arm(call, &call->answer_entry, answer_ns, &call->answer_due_ns);
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
    const struct aks_sim_host *host = call->host;

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
    const struct aks_sim_host *host = call->host;
    int64_t wall_ms = network->wall_ms(network->wall_ctx) + host->skew_ms;

    call->copy.unheard = call->orphan || fault->http_status != 0 || fault->status != AKS_OK ||
        fault->dies;
    call->copy.begun_ns = call->begun_ns;
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
        fail(call, fault->status, "as the plan of faults has it");
        return;
    }
    switch (call->step) {
    case STEP_NAME:
        if (call->host->serve == NULL)
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
        go_to(call, STEP_SERVE);
        break;
    case STEP_SERVE:
        if (call->orphan)
            call_free(call);
        else
            go_to(call, STEP_REPLY);
        break;
    case STEP_REPLY:
        succeed(call);
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
    step.subject = call->name;
    step.bytes = step_bytes(call);
    step.changes = call->step == STEP_SERVE;
    step.request = call->request;
    hook->step(hook->ctx, &step, &call->fault);
}

/* Lets as much of the body go as the gate does, and comes back for the rest. What has gone is there
 * when the line has brought it. */
static void
pass_gate(void *ctx)
{
    struct aks_http_call *call = ctx;
    struct aks_agenda *agenda = call->network->agenda;
    const struct aks_http_gate *gate = call->request->gate;
    int64_t at_ns = agenda->now_ns;
    int64_t delay_ns;

    while (call->ungranted > 0 && at_ns <= agenda->now_ns)
        call->ungranted -= gate->take(gate->ctx, call->ungranted, &at_ns);
    if (at_ns > agenda->now_ns) {
        delay_ns = at_ns - agenda->now_ns;
        if (call->arrives_ns < at_ns + call->host->latency_ns)
            call->arrives_ns = at_ns + call->host->latency_ns;
    } else {
        delay_ns = call->arrives_ns > at_ns ? call->arrives_ns - at_ns : 0;
    }
    if (!arm_stall(call, delay_ns))
        return;
    if (aks_agenda_enter(agenda, &call->entry, delay_ns,
            at_ns > agenda->now_ns ? pass_gate : step_end, call) != AKS_OK)
        fail(call, AKS_LIMIT, "out of memory");
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
    if (call->step == STEP_REPLY)
        aks_network_sim_tell_head(call);
    ask(call);
    if (call->fault.dies) {
        /* Nobody is there any more; what a server has got, it may still serve. */
        if (call->step == STEP_SERVE && call->fault.served)
            serve(call);
        else if (call->step == STEP_SEND)
            aks_network_sim_serve_piece(call);
        return;
    }
    if (call->step == STEP_SERVE && call->copy.body_len > 0 && !arm_answer(call))
        return;
    if (call->step == STEP_REPLY) {
        aks_agenda_remove(agenda, &call->answer_entry);
        call->answer_due_ns = NEVER_NS;
    }
    delay_ns = usual_ns(call, &moving_ns);
    if (call->step >= STEP_SEND && !arm_stall(call, moving_ns))
        return;
    if (call->fault.delay_ns < 0 || (call->step == STEP_REPLY && aks_network_sim_never_ends(call)))
        return;
    if (call->fault.delay_ns > INT64_MAX - delay_ns)
        delay_ns = INT64_MAX - call->fault.delay_ns;
    delay_ns += call->fault.delay_ns;
    if (call->step == STEP_SEND && call->copy.body_len > 0 && call->request->gate != NULL) {
        call->ungranted = call->copy.body_len;
        call->arrives_ns = delay_ns < NEVER_NS - agenda->now_ns ? agenda->now_ns + delay_ns
            : NEVER_NS;
        pass_gate(call);
        return;
    }
    if (aks_agenda_enter(agenda, &call->entry, delay_ns, step_end, call) != AKS_OK)
        fail(call, AKS_LIMIT, "out of memory");
}

/* The first step, on a connection that is there or a new one. */
static enum aks_status
begin(struct aks_http_call *call, struct aks_error *err)
{
    struct aks_network_sim *network = call->network;
    const struct aks_http_request *request = call->request;
    int64_t connect_ns = limit_ns(request->connect_timeout_ms);
    enum aks_status status = AKS_OK;

    if (!request->fresh_connection && take_connection(network, call->name))
        call->step = STEP_SEND;
    else if (connect_ns > 0)
        status = aks_agenda_enter(network->agenda, &call->connect_entry, connect_ns,
            connect_expired, call);
    if (status == AKS_OK)
        status = aks_agenda_enter(network->agenda, &call->entry, 0, step_begin, call);
    return status == AKS_OK ? AKS_OK : aks_error_memory(err, "submitting a request");
}

static enum aks_status
submit(void *ctx, const struct aks_http_request *request, aks_http_done *done, void *done_ctx,
    struct aks_http_call **ret_call, struct aks_error *err)
{
    struct aks_network_sim *network = ctx;
    struct aks_http_call *call = aks_mem_new(network->alloc, sizeof(*call));
    enum aks_status status;

    if (call == NULL)
        return aks_error_memory(err, "submitting a request");
    call->network = network;
    call->request = request;
    call->done = done;
    call->done_ctx = done_ctx;
    call->begun_ns = network->agenda->now_ns;
    call->answer_due_ns = NEVER_NS;
    call->stall_due_ns = NEVER_NS;
    aks_buf_init(&call->reply.body, network->alloc, AKS_NETWORK_SIM_BODY_BYTES_MAX);
    status = aks_network_sim_copy_head(call, err);
    if (status == AKS_OK)
        status = begin(call, err);
    if (status != AKS_OK) {
        aks_agenda_remove(network->agenda, &call->connect_entry);
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

static void
cancel(void *ctx, struct aks_http_call *call)
{
    orphan(call);
    if (!on_its_way(call))
        call_free(call);
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

    while (i < network->host_count && strcmp(network->hosts[i].name, host->name) != 0)
        i++;
    AKS_CHECK(i < AKS_SIM_HOSTS_MAX);
    if (i == network->host_count)
        network->host_count++;
    network->hosts[i] = *host;
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
    network->idle_count = 0;
}

unsigned
aks_network_sim_under_way(const struct aks_network_sim *network)
{
    return network->under_way;
}
