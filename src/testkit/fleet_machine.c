/* One machine of the fleet: what engine/run, run_health, run_upload, run_commit and target_s3 ask
 * of a bucket for one source of one part, in the same order, each operation an attempt of the
 * engine's. */
#include "base/check.h"
#include "base/units.h"
#include "engine/classify.h"
#include "engine/decide_default.h"
#include "engine/run.h"
#include "engine/transfer.h"
#include "testkit/fleet_internal.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define TARGET "cloud"
#define SOURCE "reflection.duckdb"

/* As engine/target_s3_abort.c gives back what was sent. */
#define DELETES_MAX 4
#define DELETE_AGAIN_MS 100

/* As sim/network_sim.c: a connection that nobody used for so long is gone. */
#define IDLE_NS (20 * AKS_NS_PER_S)

static char slow_down[] =
    "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
static char no_such_key[] =
    "<Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>";

static void answered(void *ctx);

static int64_t
now_ns(const struct fleet_machine *machine)
{
    return machine->fleet->agenda.now_ns;
}

static void
enter(struct fleet_machine *machine, int64_t delay_ns, void (*fire)(void *ctx))
{
    struct aks_error err;

    if (aks_agenda_enter(&machine->fleet->agenda, &machine->entry, delay_ns, fire,
            machine) == AKS_OK)
        return;
    (void)aks_error_memory(&err, "running a fleet");
    aks_fleet_fail(machine->fleet, &err);
}

static void
set(struct fleet_machine *machine, struct aks_timer *timer, int64_t delay_ms,
    void (*fire)(void *ctx))
{
    struct aks_error err;

    if (aks_loop_set(&machine->fleet->loop, timer, delay_ms, fire, machine, &err) != AKS_OK)
        aks_fleet_fail(machine->fleet, &err);
}

static void
arrived(void *ctx)
{
    struct fleet_machine *machine = ctx;
    struct fleet *fleet = machine->fleet;
    struct aks_fleet_answer *answer = &machine->answer;

    machine->request.now_ns = now_ns(machine);
    answer->refused = false;
    answer->retry_after_s = -1;
    if (fleet->options.serve != NULL)
        fleet->options.serve(fleet->options.serve_ctx, &machine->request, answer);
    else
        aks_fleet_bucket_serve(&fleet->bucket, &machine->request, answer);
    aks_fleet_bucket_count(&fleet->bucket, machine->request.now_ns, machine->again);
    fleet->figures->requests++;
    fleet->figures->wasted += answer->refused;
    enter(machine, machine->latency_ns, answered);
}

/* The request is on its way; a new connection takes two round trips more. */
static void
ask(struct fleet_machine *machine, enum fleet_stage stage)
{
    static const struct {
        const char *method;
        enum aks_fleet_object object;
    } stages[] = {
        [FLEET_PROBE_HEAD] = { "HEAD", AKS_FLEET_SYSTEM },
        [FLEET_PROBE_GET] = { "GET", AKS_FLEET_SYSTEM },
        [FLEET_SOURCE] = { "PUT", AKS_FLEET_SOURCE },
        [FLEET_DELETE] = { "DELETE", AKS_FLEET_SOURCE },
        [FLEET_SYSTEM_MARKER] = { "PUT", AKS_FLEET_SYSTEM },
        [FLEET_MANIFEST] = { "PUT", AKS_FLEET_MANIFEST },
        [FLEET_UPLOAD_MARKER] = { "PUT", AKS_FLEET_UPLOAD },
    };
    const struct aks_fleet_options *options = &machine->fleet->options;
    int64_t waited_ms = (now_ns(machine) - machine->answered_ns) / AKS_NS_PER_MS;
    int64_t delay_ns = machine->latency_ns;

    machine->stage = stage;
    machine->request.method = stages[stage].method;
    machine->request.object = stages[stage].object;
    if (!machine->connected || now_ns(machine) - machine->answered_ns > IDLE_NS)
        delay_ns += 4 * machine->latency_ns;
    if (stage == FLEET_SOURCE && options->up_bytes_per_s > 0)
        delay_ns += machine->bytes * AKS_NS_PER_S / options->up_bytes_per_s;
    machine->again = waited_ms > 0;
    if (waited_ms > machine->fleet->figures->wait_ms)
        machine->fleet->figures->wait_ms = waited_ms;
    enter(machine, delay_ns, arrived);
}

static void
end(struct fleet_machine *machine, bool delivered)
{
    machine->running = false;
    aks_ask_fini(&machine->ask);
    aks_fleet_ended(machine->fleet, delivered);
}

static void begin_upload(void *ctx);

/* How long the bucket still wants to be left alone; -1: it does not. */
static int64_t
left_alone_ms(struct fleet_machine *machine, const struct aks_outcome *outcome)
{
    int64_t left_ns;

    if (outcome->retry_after_ms > 0)
        machine->not_before_ns = now_ns(machine) + outcome->retry_after_ms * AKS_NS_PER_MS;
    left_ns = machine->not_before_ns - now_ns(machine);
    return left_ns > 0 ? (left_ns + AKS_NS_PER_MS - 1) / AKS_NS_PER_MS : -1;
}

/* The target failed, and there is no other: once more through the route? */
static void
next_round(struct fleet_machine *machine, const struct aks_outcome *outcome)
{
    struct aks_failure_facts facts = { 0 };
    struct aks_retry_answer answer;
    struct aks_error err;

    if (++machine->rounds >= AKS_RUN_ROUNDS_MAX) {
        end(machine, false);
        return;
    }
    facts.target = TARGET;
    facts.operation = AKS_OPERATION_ROUTE;
    facts.source = SOURCE;
    facts.failure = outcome->status;
    facts.transient = aks_status_transient(outcome->status);
    facts.retry_after_ms = left_alone_ms(machine, outcome);
    facts.attempt = machine->rounds;
    facts.elapsed_ms = (now_ns(machine) - machine->ask.started_ns) / AKS_NS_PER_MS;
    if (aks_ask_retry(&machine->ask, &facts, &answer, &err) != AKS_OK) {
        aks_fleet_fail(machine->fleet, &err);
        return;
    }
    if (answer.verdict == AKS_WAIT || answer.verdict == AKS_RESTART)
        set(machine, &machine->timer, answer.wait_ms, begin_upload);
    else
        end(machine, false);
}

static void
start(void *ctx)
{
    struct fleet_machine *machine = ctx;

    ask(machine, machine->stage);
}

static void done(void *ctx, const struct aks_outcome *outcome);

static void
begin(struct fleet_machine *machine, enum fleet_stage stage, const char *operation)
{
    struct aks_attempt_options options = { 0 };

    machine->stage = stage;
    options.loop = &machine->fleet->loop;
    options.ask = &machine->ask;
    options.target = TARGET;
    options.source = stage == FLEET_SOURCE ? SOURCE : NULL;
    options.operation = operation;
    options.start = start;
    options.ctx = machine;
    aks_attempt_begin(&machine->attempt, &options, done, machine);
}

static void
begin_upload(void *ctx)
{
    begin(ctx, FLEET_PROBE_HEAD, AKS_OPERATION_PROBE);
}

static void
begin_manifest(struct fleet_machine *machine)
{
    begin(machine, FLEET_MANIFEST, "manifest");
}

static void
delete(void *ctx)
{
    struct fleet_machine *machine = ctx;

    machine->deletes++;
    ask(machine, FLEET_DELETE);
}

/* What was sent is given back, or left; either way the upload failed as its attempt has it. */
static void
end_abort(struct fleet_machine *machine)
{
    aks_loop_clear(&machine->fleet->loop, &machine->limit);
    next_round(machine, &machine->attempt.outcome);
}

/* A request that is under way is hung up on, and its connection with it. */
static void
abort_timed_out(void *ctx)
{
    struct fleet_machine *machine = ctx;

    machine->connected = machine->connected && machine->entry.node.place == 0;
    aks_agenda_remove(&machine->fleet->agenda, &machine->entry);
    aks_loop_clear(&machine->fleet->loop, &machine->timer);
    end_abort(machine);
}

static void
deleted(struct fleet_machine *machine, const struct aks_outcome *outcome)
{
    bool again = outcome->status == AKS_SERVER || outcome->status == AKS_THROTTLED;
    int64_t wait_ms = (int64_t)DELETE_AGAIN_MS << (machine->deletes - 1);

    if (wait_ms < outcome->retry_after_ms)
        wait_ms = outcome->retry_after_ms;
    if (again && machine->deletes < DELETES_MAX)
        set(machine, &machine->timer, wait_ms, delete);
    else
        end_abort(machine);
}

static void
failed(struct fleet_machine *machine, const struct aks_outcome *outcome)
{
    if (outcome->status == AKS_LIMIT) {
        aks_fleet_fail(machine->fleet, &outcome->error);
        return;
    }
    switch (machine->stage) {
    case FLEET_SOURCE:
        machine->deletes = 0;
        set(machine, &machine->timer, 0, delete);
        set(machine, &machine->limit, AKS_TRANSFER_ABORT_MS, abort_timed_out);
        break;
    case FLEET_UPLOAD_MARKER:
        /* The commit is done; nobody needs the marker. */
        end(machine, true);
        break;
    case FLEET_PROBE_HEAD:
    case FLEET_PROBE_GET:
    case FLEET_DELETE:
    case FLEET_SYSTEM_MARKER:
    case FLEET_MANIFEST:
        next_round(machine, outcome);
        break;
    }
}

static void
done(void *ctx, const struct aks_outcome *outcome)
{
    struct fleet_machine *machine = ctx;

    if (outcome->status != AKS_OK) {
        failed(machine, outcome);
        return;
    }
    switch (machine->stage) {
    case FLEET_PROBE_HEAD:
    case FLEET_PROBE_GET:
        begin(machine, FLEET_SOURCE, "part 1");
        break;
    case FLEET_SOURCE:
        if (machine->marked)
            begin_manifest(machine);
        else
            begin(machine, FLEET_SYSTEM_MARKER, "put");
        break;
    case FLEET_SYSTEM_MARKER:
        machine->marked = true;
        begin_manifest(machine);
        break;
    case FLEET_MANIFEST:
        aks_fleet_delivered(machine->fleet);
        begin(machine, FLEET_UPLOAD_MARKER, "put");
        break;
    case FLEET_UPLOAD_MARKER:
        end(machine, true);
        break;
    case FLEET_DELETE:
        AKS_CHECK(false);
        break;
    }
}

/* What the port would have handed to the engine. */
static void
fill_reply(const struct fleet_machine *machine, struct aks_http_header *header, char seconds[24],
    struct aks_http_reply *reply)
{
    bool reads = machine->request.method[0] == 'H' || machine->request.method[0] == 'G';
    char *body = NULL;

    memset(reply, 0, sizeof(*reply));
    reply->phase = AKS_HTTP_DONE;
    reply->status = 200;
    if (machine->answer.refused) {
        reply->status = 503;
        body = slow_down;
    } else if (reads && !machine->marked) {
        reply->status = 404;
        body = no_such_key;
    }
    if (body != NULL && strcmp(machine->request.method, "HEAD") != 0) {
        reply->body.data = body;
        reply->body.len = strlen(body);
    }
    if (machine->answer.retry_after_s < 0)
        return;
    (void)snprintf(seconds, 24, "%" PRId64, machine->answer.retry_after_s);
    header->name = "Retry-After";
    header->value = seconds;
    reply->headers = header;
    reply->header_count = 1;
}

static void
answered(void *ctx)
{
    struct fleet_machine *machine = ctx;
    struct aks_http_header header;
    struct aks_http_reply reply;
    struct aks_outcome outcome;
    struct aks_s3_error s3;
    char seconds[24];

    machine->connected = true;
    machine->answered_ns = now_ns(machine);
    fill_reply(machine, &header, seconds, &reply);
    aks_classify(AKS_DIALECT_S3, &reply, TARGET, aks_agenda_wall_ms(&machine->fleet->agenda),
        &outcome, &s3);
    if (machine->stage == FLEET_DELETE) {
        deleted(machine, &outcome);
        return;
    }
    /* A HEAD says little: whether there is a bucket at all, a GET does. */
    if (machine->stage == FLEET_PROBE_HEAD && reply.status == 404) {
        ask(machine, FLEET_PROBE_GET);
        return;
    }
    if (machine->stage == FLEET_PROBE_GET && strcmp(s3.code, "NoSuchKey") == 0)
        aks_outcome_ok(&outcome);
    aks_attempt_tried(&machine->attempt, &outcome);
    /* Nobody reads them here, and there are a great many machines. */
    (void)json_array_clear(machine->ask.decisions);
}

void
aks_fleet_machine_begin(void *ctx)
{
    struct fleet_machine *machine = ctx;
    struct fleet *fleet = machine->fleet;
    struct aks_error err;

    if (aks_ask_init(&machine->ask, &fleet->loop, &fleet->policy, NULL, machine->seed,
            &err) != AKS_OK) {
        aks_fleet_fail(fleet, &err);
        return;
    }
    machine->running = true;
    machine->answered_ns = now_ns(machine);
    begin_upload(machine);
}

void
aks_fleet_machine_stop(struct fleet_machine *machine)
{
    aks_agenda_remove(&machine->fleet->agenda, &machine->entry);
    aks_loop_clear(&machine->fleet->loop, &machine->timer);
    aks_loop_clear(&machine->fleet->loop, &machine->limit);
    if (!machine->running)
        return;
    aks_attempt_cancel(&machine->attempt);
    aks_ask_fini(&machine->ask);
    machine->running = false;
}
