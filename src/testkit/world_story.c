/* What is told of a world, as text that is made to be compared. */
#include "base/units.h"
#include "testkit/world_internal.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 1024
#define INFINITY_S 1e300

void
aks_world_story_init(struct aks_world *world)
{
    aks_buf_init(&world->events, world->alloc, AKS_WORLD_STORY_BYTES_MAX);
    aks_buf_init(&world->requests, world->alloc, AKS_WORLD_STORY_BYTES_MAX);
    aks_buf_init(&world->decisions, world->alloc, AKS_WORLD_STORY_BYTES_MAX);
    aks_buf_init(&world->successes, world->alloc, AKS_WORLD_STORY_BYTES_MAX);
    aks_buf_init(&world->log, world->alloc, AKS_WORLD_STORY_BYTES_MAX);
    aks_buf_init(&world->state, world->alloc, AKS_WORLD_STORY_BYTES_MAX);
}

void
aks_world_story_fini(struct aks_world *world)
{
    aks_buf_fini(&world->events);
    aks_buf_fini(&world->requests);
    aks_buf_fini(&world->decisions);
    aks_buf_fini(&world->successes);
    aks_buf_fini(&world->log);
    aks_buf_fini(&world->state);
}

static double
seconds(int64_t ns)
{
    return (double)ns / (double)AKS_NS_PER_S;
}

static int64_t
now_ns(const struct aks_world *world)
{
    return aks_sim_agenda(world->sim)->now_ns;
}

void
aks_world_story_event(struct aks_world *world, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list args;

    if (world->options.quiet)
        return;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    aks_buf_printf(&world->events, "%9.6f  %s\n", seconds(now_ns(world)), line);
}

/* What a plan does to a step, in a few words; "" where nothing is wrong. */
static const char *
fault_text(const struct aks_sim_fault *fault, char text[64])
{
    if (fault->dies)
        return "dies";
    if (fault->http_status != 0)
        (void)snprintf(text, 64, "answers %d %s%s", fault->http_status,
            fault->http_code != NULL ? fault->http_code : "", fault->served ? ", served" : "");
    else if (fault->status != AKS_OK)
        (void)snprintf(text, 64, "fails: %s%s", aks_status_name(fault->status),
            fault->served ? ", served" : "");
    else if (fault->delay_ns < 0)
        return "is silent";
    else if (fault->delay_ns > 0)
        (void)snprintf(text, 64, "takes %.3f", seconds(fault->delay_ns));
    else
        return "";
    return text;
}

static struct world_failed *
failed_before(struct aks_world *world, const char *target, const char *operation)
{
    for (size_t i = 0; i < world->failed_count; i++) {
        if (strcmp(world->failed[i].target, target) == 0 &&
            strcmp(world->failed[i].operation, operation) == 0)
            return &world->failed[i];
    }
    return NULL;
}

static void
note_failed(struct aks_world *world, const char *target, const char *operation)
{
    struct world_failed *row;

    if (target[0] == '\0' || failed_before(world, target, operation) != NULL ||
        world->failed_count == AKS_WORLD_WAITS_MAX)
        return;
    row = &world->failed[world->failed_count++];
    (void)snprintf(row->target, sizeof(row->target), "%s", target);
    (void)snprintf(row->operation, sizeof(row->operation), "%s", operation);
}

/* A server that says how long to wait is to be left alone for so long with that request. */
static void
note_wait(struct aks_world *world, const struct aks_fault_step *step, int64_t seconds_asked)
{
    struct world_wait *wait;
    size_t left = 0;

    /* What is over is forgotten. */
    for (size_t i = 0; i < world->wait_count; i++) {
        if (world->waits[i].until_ns > step->now_ns)
            world->waits[left++] = world->waits[i];
    }
    world->wait_count = left;
    if (world->wait_count == AKS_WORLD_WAITS_MAX)
        return;
    wait = &world->waits[world->wait_count++];
    (void)snprintf(wait->target, sizeof(wait->target), "%s", step->target);
    (void)snprintf(wait->operation, sizeof(wait->operation), "%s", step->operation);
    (void)snprintf(wait->url, sizeof(wait->url), "%s", step->step->request->url);
    wait->heard = false;
    wait->until_ns = step->now_ns + seconds_asked * AKS_NS_PER_S;
}

/* When the request of ${step}, whose head is just sent, was begun: a connection may have had to be
 * made first. It is not on its way any more. */
static int64_t
take_begun_ns(struct aks_world *world, const struct aks_fault_step *step)
{
    for (size_t i = 0; i < world->begun_count; i++) {
        int64_t at_ns = world->begun[i].at_ns;

        if (world->begun[i].request != step->step->request)
            continue;
        world->begun[i] = world->begun[--world->begun_count];
        return at_ns;
    }
    return step->now_ns;
}

static void
note_begun(struct aks_world *world, const struct aks_fault_step *step)
{
    (void)take_begun_ns(world, step);
    if (world->begun_count < AKS_WORLD_WAITS_MAX)
        world->begun[world->begun_count++] = (struct world_begun) { step->step->request,
            step->now_ns };
}

static void
check_waits(struct aks_world *world, const struct aks_fault_step *step)
{
    int64_t begun_ns = take_begun_ns(world, step);

    for (size_t i = 0; i < world->wait_count; i++) {
        const struct world_wait *wait = &world->waits[i];

        if (!wait->heard || strcmp(wait->target, step->target) != 0 ||
            strcmp(wait->operation, step->operation) != 0 ||
            strncmp(wait->url, step->step->request->url, sizeof(wait->url) - 1) != 0 ||
            step->now_ns >= wait->until_ns || begun_ns < wait->heard_ns ||
            world->hasty[0] != '\0')
            continue;
        (void)snprintf(world->hasty, sizeof(world->hasty), "%s %s came at %.3f, asked for not "
            "before %.3f", step->target, step->operation, seconds(step->now_ns),
            seconds(wait->until_ns));
        (void)snprintf(world->hasty_target, sizeof(world->hasty_target), "%s", step->target);
    }
}

/* The reply to ${step} is on its way, and with it what it asks for. */
static void
hear(struct aks_world *world, const struct aks_fault_step *step,
    const struct aks_sim_fault *fault)
{
    for (size_t i = 0; i < world->wait_count; i++) {
        struct world_wait *wait = &world->waits[i];

        if (wait->heard || strcmp(wait->target, step->target) != 0 ||
            strncmp(wait->url, step->step->request->url, sizeof(wait->url) - 1) != 0)
            continue;
        wait->heard = true;
        wait->heard_ns = step->now_ns + world->options.latency_ns + fault->delay_ns;
    }
}

static void
network_step(struct aks_world *world, const struct aks_fault_step *step,
    const struct aks_sim_fault *fault, const char *text)
{
    bool wrong = fault->status != AKS_OK || fault->http_status >= 300 || fault->delay_ns < 0;

    /* What had been begun before the answer came could not know of it. */
    if (strcmp(step->step->verb, "name") == 0)
        note_begun(world, step);
    if (strcmp(step->step->verb, "send") == 0)
        check_waits(world, step);
    if (strcmp(step->step->verb, "serve") == 0) {
        if (fault->http_status != 0 && fault->retry_after_s > 0)
            note_wait(world, step, fault->retry_after_s);
    }
    if (strcmp(step->step->verb, "reply") == 0 && fault->delay_ns >= 0 && !fault->dies)
        hear(world, step, fault);
    if (wrong)
        note_failed(world, step->target, step->operation);
    if (text[0] != '\0' && !world->options.quiet)
        aks_buf_printf(&world->requests, "%5.1f  %s  %s  %s %s\n", seconds(step->now_ns),
            step->target[0] != '\0' ? step->target : step->step->subject, step->operation,
            step->step->verb, text);
}

void
aks_world_story_step(struct aks_world *world, const struct aks_fault_step *step,
    const struct aks_sim_fault *fault)
{
    char text[64];
    const char *wrong = fault_text(fault, text);

    if (step->step->place == AKS_SIM_NETWORK) {
        network_step(world, step, fault, wrong);
        aks_world_story_event(world, "%s  %s  %s%s%s", step->target, step->operation,
            step->step->verb, wrong[0] != '\0' ? ": " : "", wrong);
    } else if (step->step->changes || wrong[0] != '\0') {
        aks_world_story_event(world, "disk  %s %s %" PRId64 "%s%s", step->step->verb,
            step->step->subject, step->step->bytes, wrong[0] != '\0' ? ": " : "", wrong);
    }
}

/* The code in an S3 error, for people. */
static void
error_code(const struct aks_sim_reply *reply, char ret_code[64])
{
    const char *start = reply->body.len > 0 ? strstr(reply->body.data, "<Code>") : NULL;

    ret_code[0] = '\0';
    if (start != NULL)
        (void)snprintf(ret_code, 64, " %.*s", (int)strcspn(start + 6, "<"), start + 6);
}

void
aks_world_story_served(struct aks_world *world, const char *target, const char *operation,
    const struct aks_sim_request *request, const struct aks_sim_reply *reply)
{
    struct world_failed *failed = failed_before(world, target, operation);
    char code[64] = "";

    if (reply->status >= 300) {
        error_code(reply, code);
        note_failed(world, target, operation);
    } else if (failed != NULL && !request->unheard) {
        aks_buf_printf(&world->successes, "%" PRId64 " %s  %s  ok\n", now_ns(world), target,
            operation);
        *failed = world->failed[--world->failed_count];
    }
    if (!world->options.quiet)
        aks_buf_printf(&world->requests, "%5.1f  %s  %s  %s %zu -> %d%s%s\n",
            seconds(now_ns(world)), target, operation, request->method, request->body_len,
            reply->status, code, request->unheard ? ", unheard" : "");
}

/* Answers to failures, and whatever a policy decided by itself: what the defaults say where nothing
 * went wrong is no story. */
static bool
worth_telling(const json_t *decision)
{
    const char *question = json_string_value(json_object_get(decision, "question"));
    const char *by = json_string_value(json_object_get(decision, "by"));

    return strcmp(question, "retry") == 0 || strcmp(by, "policy") == 0;
}

/* What a decision was about: the operation, or the question. */
static void
decision_line(struct aks_buf *out, double at_s, const json_t *decision)
{
    const json_t *facts = json_object_get(decision, "facts");
    const char *question = json_string_value(json_object_get(decision, "question"));
    const char *target = json_string_value(json_object_get(decision, "target"));
    const char *operation = json_string_value(json_object_get(facts, "operation"));
    const char *failure = json_string_value(json_object_get(facts, "failure"));

    aks_buf_printf(out, "%5.1f  %s  %s  ", at_s, target != NULL ? target : "-",
        operation != NULL ? operation : question);
    if (failure != NULL)
        aks_buf_printf(out, "%s -> ", failure);
    aks_buf_printf(out, "%s\n", json_string_value(json_object_get(decision, "answer")));
}

/* The successes up to ${until_s}; the place in the text where the next one stands. */
static const char *
tell_successes(struct aks_world *world, const char *at, double until_s)
{
    while (*at != '\0') {
        char *text;
        double at_s = seconds(strtoll(at, &text, 10));
        size_t len = strcspn(text + 1, "\n");

        if (at_s > until_s)
            break;
        aks_buf_printf(&world->decisions, "%5.1f  %.*s\n", at_s, (int)len, text + 1);
        at = text + 1 + len + 1;
    }
    return at;
}

void
aks_world_story_report(struct aks_world *world, const json_t *report)
{
    const json_t *decisions = json_object_get(report, "decisions");
    double began_s = seconds(world->run_began_ns);
    const char *successes = world->successes.data;
    const json_t *decision;
    size_t i;

    json_array_foreach(decisions, i, decision) {
        double at_s = began_s + json_number_value(json_object_get(decision, "at_s"));

        successes = tell_successes(world, successes, at_s);
        if (worth_telling(decision))
            decision_line(&world->decisions, at_s, decision);
    }
    (void)tell_successes(world, successes, INFINITY_S);
    aks_buf_reset(&world->successes);
}

const char *
aks_world_story(struct aks_world *world, enum aks_world_story story)
{
    switch (story) {
    case AKS_STORY_EVENTS:
        return world->events.data;
    case AKS_STORY_REQUESTS:
        return world->requests.data;
    case AKS_STORY_DECISIONS:
        return world->decisions.data;
    }
    return "";
}

const char *
aks_world_log(const struct aks_world *world)
{
    return world->log.data;
}
