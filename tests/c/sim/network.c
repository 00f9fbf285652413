#include "sim/network.h"

#include "base/units.h"
#include "support/http_try.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
add(char *text, size_t bytes, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
add(char *text, size_t bytes, const char *format, ...)
{
    size_t len = strlen(text);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text + len, bytes - len, format, args);
    va_end(args);
}

static void
on_step(void *ctx, const struct aks_sim_step *step, struct aks_sim_fault *ret_fault)
{
    struct network *network = ctx;

    assert_int_equal(step->place, AKS_SIM_NETWORK);
    assert_non_null(step->request);
    assert_int_equal(step->changes, strcmp(step->verb, "serve") == 0);
    assert_int_equal(ret_fault->retry_after_s, -1);
    add(network->steps, sizeof(network->steps), "%s %s %" PRId64 "\n", step->verb, step->subject,
        step->bytes);
    if (network->verb == NULL || network->times == 0 || strcmp(network->verb, step->verb) != 0)
        return;
    network->times--;
    *ret_fault = network->fault;
}

static void
serve(void *ctx, int64_t wall_ms, const struct aks_sim_request *request,
    struct aks_sim_reply *reply)
{
    struct network *network = ctx;

    network->served++;
    network->served_at_ns = network->agenda.now_ns;
    network->served_wall_ms = wall_ms;
    network->unheard = request->unheard;
    network->request[0] = '\0';
    add(network->request, sizeof(network->request), "%s %s %s %s %s\n", request->method,
        request->tls ? "https" : "http", request->host, request->path, request->query);
    for (size_t i = 0; i < request->header_count; i++)
        add(network->request, sizeof(network->request), "%s=%s\n", request->headers[i].name,
            request->headers[i].value);
    network->good_bytes = 0;
    for (size_t i = 0; i < request->body_len; i++)
        network->good_bytes += request->body[i] == http_try_byte((int64_t)i);
    reply->status = 200;
    if (network->answer != NULL)
        network->answer(network, request, reply);
    else
        aks_buf_puts(&reply->body, network->text);
}

static int64_t
wall_ms(void *ctx)
{
    const struct network *network = ctx;

    return aks_agenda_true_ms(&network->agenda);
}

static enum aks_status
wait(void *ctx, int64_t timeout_ns, struct aks_error *err)
{
    struct network *network = ctx;

    if (timeout_ns < 0 && aks_heap_first(&network->agenda.heap) == NULL)
        return aks_error_set(err, AKS_INTERNAL, "nothing is under way");
    (void)aks_agenda_step(&network->agenda, timeout_ns);
    return AKS_OK;
}

enum aks_status
network_open(struct network *network, const struct aks_alloc *alloc, uint64_t seed)
{
    enum aks_status status;

    memset(network, 0, sizeof(*network));
    network->text = "";
    network->fault.retry_after_s = -1;
    network->hook = (struct aks_sim_hook) { on_step, network };
    aks_agenda_init(&network->agenda, alloc, seed, NETWORK_WALL_MS);
    status = aks_network_sim_new(alloc, &network->agenda, &network->hook, wall_ms, network,
        &network->sim, NULL);
    if (status != AKS_OK) {
        aks_agenda_fini(&network->agenda);
        return status;
    }
    network->port.http = *aks_network_sim_port(network->sim);
    network->port.events.wait = wait;
    network->port.events.ctx = network;
    network_set(network, AKS_NS_PER_MS, 0);
    return AKS_OK;
}

void
network_close(struct network *network)
{
    aks_network_sim_free(network->sim);
    /* Whatever was set is taken back. */
    assert_null(aks_heap_first(&network->agenda.heap));
    aks_agenda_fini(&network->agenda);
}

int
network_setup(void **state)
{
    struct network *network = malloc(sizeof(*network));

    assert_non_null(network);
    assert_int_equal(network_open(network, aks_alloc_system(), 1), AKS_OK);
    *state = network;
    return 0;
}

int
network_teardown(void **state)
{
    network_close(*state);
    free(*state);
    return 0;
}

static void
put_host(struct network *network, const char *name, int64_t latency_ns, int64_t bytes_per_s)
{
    struct aks_sim_host host = { 0 };

    (void)snprintf(host.name, sizeof(host.name), "%s", name);
    host.serve = serve;
    host.ctx = network;
    host.latency_ns = latency_ns;
    host.skew_ms = network->server_skew_ms;
    host.up_bytes_per_s = bytes_per_s;
    host.down_bytes_per_s = bytes_per_s;
    aks_network_sim_host(network->sim, &host);
}

void
network_add(struct network *network, const char *name)
{
    put_host(network, name, AKS_NS_PER_MS, 0);
}

void
network_set(struct network *network, int64_t latency_ns, int64_t bytes_per_s)
{
    put_host(network, NETWORK_NAME, latency_ns, bytes_per_s);
}

void
network_strike(struct network *network, const char *verb, int64_t delay_ns,
    enum aks_status status)
{
    network->verb = verb;
    network->times = 1000;
    memset(&network->fault, 0, sizeof(network->fault));
    network->fault.retry_after_s = -1;
    network->fault.delay_ns = delay_ns;
    network->fault.status = status;
}

void
network_pass(struct network *network, int64_t ns)
{
    int64_t until_ns = network->agenda.now_ns + ns;

    while (network->agenda.now_ns < until_ns &&
        aks_agenda_step(&network->agenda, until_ns - network->agenda.now_ns))
        continue;
}
