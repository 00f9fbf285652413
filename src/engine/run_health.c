/* Health of the targets as one run sees it: breakers, and what servers asked for. */
#include "base/units.h"
#include "engine/run.h"
#include "wire/dates.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How fast a place takes bytes, and how long that is believed. */
#define RATE_FACT "rate"
#define RATE_KEPT_MS (7 * AKS_MS_PER_DAY)
#define NUMBER_TEXT_BYTES 24
/* A name is written down again after so long, so that it can be told from one of long ago. */
#define NAME_KEPT_MS (30 * AKS_MS_PER_DAY)
/* So long at most all else waits for what a server asked of something that was taken back. */
#define GIVE_BACK_HOLDS_MS (60 * AKS_MS_PER_S)
/* How long the machine had slept, all in all, when a target could not be reached. After a sleep
 * that is shorter than this, or a boot, it is where it was. */
#define SLEPT_FACT "slept"
#define SLEPT_MS_MIN 1000

static int64_t
wall_ms(const struct aks_run *run)
{
    const struct aks_clock *clock = &run->engine->port->clock;

    return clock->wall_ms(clock->ctx);
}

static bool
breaker_open(const struct aks_run *run, size_t index)
{
    const struct aks_run_target *target = &run->targets[index];

    return !target->opened && target->breaker.open_until_ms > wall_ms(run);
}

int64_t
aks_run_health_open_until_ms(const struct aks_run *run, size_t index)
{
    struct aks_breaker breaker;

    /* Also what this run itself has found, which its own questions pass over. */
    if (aks_state_breaker_get(run->engine->state, run->targets[index].identity, wall_ms(run),
            &breaker, NULL) != AKS_OK)
        return 0;
    return breaker.open_until_ms;
}

static int64_t
now_ns(const struct aks_run *run)
{
    const struct aks_clock *clock = &run->engine->port->clock;

    return clock->now_ns(clock->ctx);
}

int64_t
aks_run_health_left_alone_ms(const struct aks_run *run, size_t index)
{
    int64_t left_ns = run->targets[index].not_before_ns - now_ns(run);

    return left_ns > 0 ? (left_ns + AKS_NS_PER_MS - 1) / AKS_NS_PER_MS : 0;
}

/* So that status can call a place by its name, which policies alone know. */
static void
note_name(struct aks_run *run, size_t index)
{
    const char *name = run->settings->targets[index].name;
    const char *identity = run->targets[index].identity;
    char known[AKS_TARGET_NAME_BYTES] = "";

    (void)aks_state_fact_get(run->engine->state, identity, AKS_STATE_FACT_NAME, wall_ms(run),
        NAME_KEPT_MS, known, sizeof(known), NULL);
    if (run->options->dry_run || strcmp(known, name) == 0)
        return;
    (void)aks_state_fact_put(run->engine->state, identity, AKS_STATE_FACT_NAME, name, wall_ms(run),
        NULL);
}

static int64_t
slept_ms(const struct aks_run *run)
{
    return aks_clock_slept_ms(&run->engine->port->clock);
}

/* The target could not be reached, so it may have been the place where the laptop was. What a
 * server has asked for holds wherever that is. */
static bool
is_of_the_way(enum aks_status status)
{
    return status == AKS_OFFLINE || status == AKS_DNS || status == AKS_REFUSED ||
        status == AKS_CONNECT_TIMEOUT || status == AKS_TIMEOUT || status == AKS_STALLED;
}

/* A machine that has slept since is somewhere else, or its network is up again: the breaker says
 * nothing any more. */
static void
forget_after_sleep(const struct aks_run *run, struct aks_run_target *target)
{
    char text[NUMBER_TEXT_BYTES];

    if (target->breaker.open_until_ms <= wall_ms(run) || !is_of_the_way(target->breaker.reason) ||
        aks_state_fact_get(run->engine->state, target->identity, SLEPT_FACT, wall_ms(run),
            AKS_BREAKER_MAX_MS, text, sizeof(text), NULL) != AKS_OK)
        return;
    if (llabs(slept_ms(run) - strtoll(text, NULL, 10)) < SLEPT_MS_MIN)
        return;
    target->breaker.open_until_ms = 0;
    aks_log_write(run->engine->log, AKS_LOG_INFO, "the machine has slept: a target that could not "
        "be reached before is asked again");
}

/* How long the machine had slept when the target could not be reached. */
static void
note_sleep(const struct aks_run *run, const struct aks_run_target *target)
{
    char text[NUMBER_TEXT_BYTES];

    (void)snprintf(text, sizeof(text), "%" PRId64, slept_ms(run));
    (void)aks_state_fact_put(run->engine->state, target->identity, SLEPT_FACT, text, wall_ms(run),
        NULL);
}

static int64_t
later(int64_t a_ns, int64_t b_ns)
{
    return a_ns > b_ns ? a_ns : b_ns;
}

/* Its own place, or that of the one that has to be left alone the least. */
static struct aks_engine_asked *
asked_place(const struct aks_run *run, size_t index)
{
    struct aks_engine_asked *asked = run->engine->asked;
    size_t place = 0;

    for (size_t i = 0; i < AKS_ENGINE_ASKED_MAX; i++) {
        if (strcmp(asked[i].identity, run->targets[index].identity) == 0)
            return &asked[i];
        if (later(asked[i].until_ns, asked[i].give_back_ns) <
            later(asked[place].until_ns, asked[place].give_back_ns))
            place = i;
    }
    return &asked[place];
}

static struct aks_engine_asked *
take_asked_place(const struct aks_run *run, size_t index)
{
    struct aks_engine_asked *asked = asked_place(run, index);
    const char *identity = run->targets[index].identity;

    if (strcmp(asked->identity, identity) != 0) {
        memset(asked, 0, sizeof(*asked));
        (void)snprintf(asked->identity, sizeof(asked->identity), "%s", identity);
    }
    return asked;
}

/* Who types run wants it tried, whatever was said before; a job of the queue can wait. */
static void
recall_asked(struct aks_run *run, size_t index)
{
    const struct aks_engine_asked *asked = asked_place(run, index);

    if (run->options->job != NULL &&
        strcmp(asked->identity, run->targets[index].identity) == 0)
        run->targets[index].not_before_ns = asked->until_ns;
}

enum aks_status
aks_run_health_load(struct aks_run *run, size_t index, struct aks_error *err)
{
    struct aks_run_target *target = &run->targets[index];
    struct aks_state *state = run->engine->state;
    char text[NUMBER_TEXT_BYTES];
    enum aks_status status = aks_state_breaker_get(state, target->identity, wall_ms(run),
        &target->breaker, err);

    target->rate = -1;
    recall_asked(run, index);
    aks_link_init(&target->link, run->engine->port);
    if (status != AKS_OK)
        return status;
    forget_after_sleep(run, target);
    status = aks_state_fact_get(state, target->identity, RATE_FACT, wall_ms(run), RATE_KEPT_MS,
        text, sizeof(text), err);
    if (status == AKS_OK)
        target->rate = strtoll(text, NULL, 10);
    note_name(run, index);
    return status == AKS_NOT_FOUND ? AKS_OK : status;
}

/* The last upload counts as much as all before it: lines change with the place where a laptop is.
 */
void
aks_run_health_measured(struct aks_run *run, size_t index, int64_t rate)
{
    struct aks_run_target *target = &run->targets[index];
    char text[NUMBER_TEXT_BYTES];
    struct aks_error err;

    if (rate < 0)
        return;
    target->rate = target->rate < 0 ? rate : target->rate / 2 + rate / 2;
    (void)snprintf(text, sizeof(text), "%" PRId64, target->rate);
    if (aks_state_fact_put(run->engine->state, target->identity, RATE_FACT, text, wall_ms(run),
            &err) != AKS_OK)
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "%s: its rate could not be noted: %s",
            run->settings->targets[index].name, err.message);
}

void
aks_run_target_facts(const struct aks_run *run, size_t index, struct aks_target_facts *ret_facts)
{
    const struct aks_breaker *breaker = &run->targets[index].breaker;

    ret_facts->name = run->settings->targets[index].name;
    ret_facts->kind = aks_target_kind_name(run->settings->targets[index].kind);
    ret_facts->healthy = breaker->open_until_ms <= wall_ms(run);
    ret_facts->last_success_ms = breaker->last_success_ms > 0
        ? wall_ms(run) - breaker->last_success_ms : -1;
    ret_facts->rate = run->targets[index].rate;
    aks_run_budget_facts(run, index, ret_facts);
}

bool
aks_run_health_asked(const struct aks_run *run, size_t index)
{
    return aks_run_health_left_alone_ms(run, index) > 0 || aks_run_budget_spent(run, index);
}

bool
aks_run_health_fine(const struct aks_run *run, size_t index)
{
    return !breaker_open(run, index) && aks_run_health_left_alone_ms(run, index) == 0 &&
        !aks_run_budget_spent(run, index);
}

/* The target itself does not answer, or cannot take anything: what a breaker is for. A person who
 * mends credentials or settings must not have to wait for one. */
static bool
opens_breaker(enum aks_status status)
{
    return status == AKS_OFFLINE || status == AKS_DNS || status == AKS_REFUSED ||
        status == AKS_CONNECT_TIMEOUT || status == AKS_TIMEOUT || status == AKS_STALLED ||
        status == AKS_THROTTLED || status == AKS_SERVER || status == AKS_BAD_REPLY ||
        status == AKS_TLS;
}

void
aks_run_health_held(struct aks_run *run, size_t index, const struct aks_hold *hold)
{
    int64_t most_ns = now_ns(run) + GIVE_BACK_HOLDS_MS * AKS_NS_PER_MS;
    int64_t asked_ns = later(hold->asked_ns, hold->until_ns);

    asked_ns = later(asked_ns, hold->give_back_ns < most_ns ? hold->give_back_ns : most_ns);
    if (hold->give_back_ns > 0)
        aks_run_health_gave_back(run, index, hold);
    if (asked_ns <= now_ns(run) || asked_ns <= run->targets[index].not_before_ns)
        return;
    run->targets[index].not_before_ns = asked_ns;
    take_asked_place(run, index)->until_ns = asked_ns;
}

void
aks_run_health_gave_back(const struct aks_run *run, size_t index, const struct aks_hold *hold)
{
    struct aks_engine_asked *asked = take_asked_place(run, index);

    asked->give_back_ns = later(asked->give_back_ns, hold->give_back_ns);
}

bool
aks_run_health_gives_back(const struct aks_run *run, size_t index)
{
    const struct aks_engine_asked *asked = asked_place(run, index);

    return strcmp(asked->identity, run->targets[index].identity) != 0 ||
        asked->give_back_ns <= now_ns(run);
}

void
aks_run_health_heard(struct aks_run *run, size_t index, const struct aks_outcome *outcome)
{
    struct aks_hold hold = { 0 };

    if (outcome->status == AKS_OK || outcome->retry_after_ms <= 0)
        return;
    hold.asked_ns = now_ns(run) + outcome->retry_after_ms * AKS_NS_PER_MS;
    aks_run_health_held(run, index, &hold);
}

void
aks_run_health_note(struct aks_run *run, size_t index, const struct aks_outcome *outcome)
{
    struct aks_run_target *target = &run->targets[index];
    struct aks_error err;
    enum aks_status status = AKS_OK;

    if (outcome->status == AKS_OK) {
        status = aks_state_breaker_succeeded(run->engine->state, target->identity, wall_ms(run),
            &err);
    } else {
        target->error = outcome->error;
        aks_run_health_heard(run, index, outcome);
        if (opens_breaker(outcome->status)) {
            status = aks_state_breaker_failed(run->engine->state, target->identity, wall_ms(run),
                outcome->status, outcome->retry_after_ms, &err);
            target->opened = true;
            note_sleep(run, target);
        }
    }
    if (status != AKS_OK)
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "%s: its health could not be noted: %s",
            run->settings->targets[index].name, err.message);
}

int64_t
aks_run_health_retry_after_ms(const struct aks_run *run, const struct aks_item *item)
{
    int64_t least_ms = INT64_MAX;

    for (size_t place = 0; place < item->copy_count; place++) {
        size_t index = item->copies[place].target;
        int64_t left_ms = aks_run_health_left_alone_ms(run, index);

        if (!aks_item_copy_owed(&item->copies[place]) || aks_run_budget_spent(run, index))
            continue;
        /* Until its breaker closes nobody would go there either. */
        if (left_ms == 0 && breaker_open(run, index))
            left_ms = run->targets[index].breaker.open_until_ms - wall_ms(run);
        if (left_ms == 0)
            return -1;
        if (left_ms < least_ms)
            least_ms = left_ms;
    }
    return least_ms != INT64_MAX ? least_ms : -1;
}

void
aks_run_health_refusal(const struct aks_run *run, size_t index, struct aks_error *ret_error)
{
    const struct aks_breaker *breaker = &run->targets[index].breaker;
    const char *name = run->settings->targets[index].name;
    int64_t left_ms = aks_run_health_left_alone_ms(run, index);
    char date[AKS_DATE_BYTES];

    if (aks_run_budget_refusal(run, index, ret_error))
        return;
    if (left_ms > 0 && !breaker_open(run, index))
        (void)aks_error_set(ret_error, AKS_THROTTLED,
            "%s: not asked: it wants to be left alone for another %" PRId64 " s", name,
            (left_ms + AKS_MS_PER_S - 1) / AKS_MS_PER_S);
    else
        (void)aks_error_set(ret_error, breaker->reason != AKS_OK ? breaker->reason : AKS_SERVER,
            "%s: not asked before %s: it failed %u time%s in a row", name,
            aks_date_iso(breaker->open_until_ms, date), breaker->failures,
            breaker->failures == 1 ? "" : "s");
}

/* The target of the route that may be asked first. */
void
aks_run_health_refuse(const struct aks_run *run, struct aks_item *item)
{
    const struct aks_copy *first = NULL;

    for (size_t place = 0; place < item->copy_count; place++) {
        const struct aks_copy *copy = &item->copies[place];

        if (!aks_item_counts(copy) || copy->state == AKS_COPY_SKIPPED)
            continue;
        if (first == NULL || run->targets[copy->target].breaker.open_until_ms <
            run->targets[first->target].breaker.open_until_ms)
            first = copy;
    }
    if (first != NULL)
        aks_run_health_refusal(run, first->target, &item->error);
}
