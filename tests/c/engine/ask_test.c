/* Questions to a policy, and attempts that ask them. */
#include "engine/ask.h"

#include "engine/attempt.h"
#include "engine/target_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

struct place {
    struct target_world *world;
    struct aks_retry_answer answer;
    enum aks_dedup_verdict dedup;
    struct aks_snapshot_answer snapshot;
    enum aks_status fails;
    struct aks_attempt attempt;
    unsigned started;
    unsigned throttled;
    unsigned done;
    enum aks_status says;               /* of each try */
    struct aks_outcome outcome;
    struct aks_hold hold;
    int64_t asks_ms;                    /* Retry-After of a try that fails */
    bool at_once;
};

static enum aks_status
answer_retry(void *ctx, const struct aks_failure_facts *facts, struct aks_retry_answer *ret,
    struct aks_error *err)
{
    const struct place *place = ctx;

    if (place->fails != AKS_OK)
        return aks_error_set(err, place->fails, "the policy itself fails");
    *ret = place->answer;
    return AKS_OK;
}

static enum aks_status
answer_dedup(void *ctx, const struct aks_dedup_facts *facts, enum aks_dedup_verdict *ret,
    struct aks_error *err)
{
    const struct place *place = ctx;

    *ret = place->dedup;
    return AKS_OK;
}

static int
set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    place->world = target_world_new(AKS_TARGET_DIR);
    place->world->policy.decide.ctx = place;
    *state = place;
    return 0;
}

static int
tear_down(void **state)
{
    struct place *place = *state;

    target_world_free(place->world);
    free(place);
    return 0;
}

static struct aks_failure_facts
facts_of(unsigned attempt)
{
    return (struct aks_failure_facts) { "place", "put", NULL, AKS_SERVER, true, false, 500, 1000,
        attempt, 5 };
}

static void
answers_are_kept_within_bounds(void **state)
{
    struct place *place = *state;
    struct aks_ask *ask = &place->world->ask;
    struct aks_failure_facts facts = facts_of(1);
    struct aks_retry_answer answer;

    place->world->policy.decide.retry = answer_retry;
    place->answer = (struct aks_retry_answer) { .verdict = AKS_WAIT, .wait_ms = -5 };
    assert_int_equal(aks_ask_retry(ask, &facts, &answer, NULL), AKS_OK);
    assert_int_equal(answer.wait_ms, 0);
    place->answer.wait_ms = INT64_MAX;
    assert_int_equal(aks_ask_retry(ask, &facts, &answer, NULL), AKS_OK);
    assert_int_equal(answer.wait_ms, AKS_RETRY_WAIT_MS_MAX);
    facts = facts_of(AKS_RETRY_TRIES_MAX);
    assert_int_equal(aks_ask_retry(ask, &facts, &answer, NULL), AKS_OK);
    assert_int_equal(answer.verdict, AKS_NEXT_TARGET);
    assert_int_equal(json_array_size(ask->decisions), 3);
    /* No opinion: the settings answer. */
    place->answer.verdict = AKS_NO_OPINION;
    facts = facts_of(1);
    assert_int_equal(aks_ask_retry(ask, &facts, &answer, NULL), AKS_OK);
    assert_int_not_equal(answer.verdict, AKS_NO_OPINION);
    assert_string_equal(json_string_value(json_object_get(json_array_get(ask->decisions, 3),
        "by")), "default");
}

static void
report_keeps_so_many_decisions_and_counts_the_rest(void **state)
{
    struct place *place = *state;
    struct aks_ask *ask = &place->world->ask;
    struct aks_failure_facts facts = facts_of(1);
    struct aks_retry_answer answer;

    for (unsigned i = 0; i < AKS_DECISIONS_MAX + 7; i++)
        assert_int_equal(aks_ask_retry(ask, &facts, &answer, NULL), AKS_OK);
    assert_int_equal(json_array_size(ask->decisions), AKS_DECISIONS_MAX);
    assert_int_equal(ask->dropped, 7);
}

/* As the report has it, without the time. */
static void
assert_recorded(const json_t *list, size_t index, const char *expected)
{
    json_t *entry = json_deep_copy(json_array_get(list, index));
    json_t *wanted = json_loads(expected, 0, NULL);

    assert_non_null(wanted);
    assert_non_null(json_object_get(entry, "at_s"));
    assert_non_null(json_object_get(json_object_get(entry, "facts"), "clock"));
    (void)json_object_del(entry, "at_s");
    (void)json_object_del(json_object_get(entry, "facts"), "clock");
    if (!json_equal(entry, wanted))
        fail_msg("%s", json_dumps(entry, 0));
    json_decref(entry);
    json_decref(wanted);
}

static void
what_was_asked_is_kept_with_all_its_facts(void **state)
{
    struct place *place = *state;
    struct aks_ask *ask = &place->world->ask;
    const struct aks_target_facts target = { "place", "dir", true, 4000, 51200, 1000, -1 };
    const struct aks_source_facts source = { "a", "/a", "file", 10, 2500 };
    struct aks_dedup_facts dedup = { source, target, true, -1 };
    struct aks_compress_facts compress = { source, target, 2.5 };
    struct aks_compress_settings settings;
    struct aks_route_answer route;
    enum aks_dedup_verdict verdict;
    struct aks_settings *own = &place->world->settings;

    own->route.count = 1;
    own->targets = aks_mem_array(own->alloc, 1, sizeof(*own->targets));
    own->targets[own->target_count++].name = aks_mem_strdup(own->alloc, "place");
    assert_int_equal(aks_ask_route(ask, &source, &target, 1, &route, NULL), AKS_OK);
    assert_int_equal(aks_ask_dedup(ask, &dedup, &verdict, NULL), AKS_OK);
    assert_int_equal(aks_ask_compress(ask, &compress, &place->world->settings.compress, &settings,
        NULL), AKS_OK);
    assert_recorded(ask->asked, 0, "{\"question\": \"route\", \"target\": null,"
        " \"answer\": \"place\", \"by\": \"default\", \"facts\": {\"source\": \"a\","
        " \"path\": \"/a\", \"kind\": \"file\", \"bytes\": 10, \"age\": 2.5,"
        " \"targets\": [{\"name\": \"place\", \"kind\": \"dir\", \"healthy\": true,"
        " \"last_success\": 4.0, \"rate\": 51200, \"budget_left\": 1000}]}}");
    assert_recorded(ask->decisions, 0, "{\"question\": \"dedup\", \"target\": \"place\","
        " \"answer\": \"reuse\", \"by\": \"default\", \"facts\": {\"source\": \"a\","
        " \"path\": \"/a\", \"kind\": \"file\", \"bytes\": 10, \"age\": 2.5,"
        " \"target\": {\"name\": \"place\", \"kind\": \"dir\", \"healthy\": true,"
        " \"last_success\": 4.0, \"rate\": 51200, \"budget_left\": 1000},"
        " \"unchanged\": true, \"stored\": null}}");
    assert_recorded(ask->asked, 1, "{\"question\": \"compress\", \"target\": \"place\","
        " \"answer\": \"zstd\", \"by\": \"default\", \"facts\": {\"source\": \"a\","
        " \"path\": \"/a\", \"kind\": \"file\", \"bytes\": 10, \"age\": 2.5,"
        " \"target\": {\"name\": \"place\", \"kind\": \"dir\", \"healthy\": true,"
        " \"last_success\": 4.0, \"rate\": 51200, \"budget_left\": 1000}, \"sample_ratio\": 2.5}}");
}

static void
bytes_that_are_not_there_are_not_reused(void **state)
{
    struct place *place = *state;
    struct aks_ask *ask = &place->world->ask;
    struct aks_dedup_facts facts = { .source.name = "a", .target.name = "place" };
    enum aks_dedup_verdict verdict;

    place->world->policy.decide.dedup = answer_dedup;
    place->dedup = AKS_DEDUP_REUSE;
    assert_int_equal(aks_ask_dedup(ask, &facts, &verdict, NULL), AKS_OK);
    assert_int_equal(verdict, AKS_DEDUP_UPLOAD);
    facts.unchanged = true;
    assert_int_equal(aks_ask_dedup(ask, &facts, &verdict, NULL), AKS_OK);
    assert_int_equal(verdict, AKS_DEDUP_REUSE);
    place->dedup = AKS_DEDUP_NO_OPINION;
    place->world->settings.dedup = AKS_DEDUP_ALWAYS;
    assert_int_equal(aks_ask_dedup(ask, &facts, &verdict, NULL), AKS_OK);
    assert_int_equal(verdict, AKS_DEDUP_UPLOAD);
}

static enum aks_status
answer_snapshot(void *ctx, const struct aks_snapshot_facts *facts, struct aks_snapshot_answer *ret,
    struct aks_error *err)
{
    const struct place *place = ctx;

    if (place->fails != AKS_OK)
        return aks_error_set(err, place->fails, "the policy itself fails");
    *ret = place->snapshot;
    return AKS_OK;
}

static void
assert_busy(struct place *place, const struct aks_snapshot_facts *facts, enum aks_busy busy,
    int64_t more_ms)
{
    enum aks_busy answer;
    int64_t answer_ms;

    assert_int_equal(aks_ask_snapshot(&place->world->ask, facts, &place->world->settings.snapshot,
        &answer, &answer_ms, NULL), AKS_OK);
    assert_int_equal(answer, busy);
    assert_int_equal(answer_ms, more_ms);
}

static void
busy_source_is_what_the_policy_says_or_the_settings(void **state)
{
    struct place *place = *state;
    struct aks_snapshot_facts facts = { .source = { "a", "/a", "duckdb", 10, 2500 },
        .failure = AKS_SOURCE_BUSY, .why = "a writer holds it", .waited_ms = 5000,
        .stored_ms = -1, .older_ms = -1 };

    assert_busy(place, &facts, AKS_BUSY_QUEUE, 0);
    place->world->settings.snapshot.wait_ms = 7500;
    assert_busy(place, &facts, AKS_BUSY_QUEUE, 2500);
    place->world->policy.decide.snapshot = answer_snapshot;
    place->snapshot = (struct aks_snapshot_answer) { true, { AKS_BUSY_SKIP, 0 } };
    assert_busy(place, &facts, AKS_BUSY_SKIP, 0);
    /* An older snapshot is sent only where there is one. */
    place->snapshot.snapshot.busy = AKS_BUSY_OLDER;
    assert_busy(place, &facts, AKS_BUSY_QUEUE, 0);
    facts.older_ms = 0;
    assert_busy(place, &facts, AKS_BUSY_OLDER, 0);
    /* Nobody waits for ever. */
    place->snapshot.snapshot.wait_ms = INT64_MAX;
    assert_busy(place, &facts, AKS_BUSY_OLDER, AKS_SNAPSHOT_WAIT_MS_MAX - 5000);
    place->snapshot.opinion = false;
    assert_busy(place, &facts, AKS_BUSY_QUEUE, 2500);
    assert_recorded(place->world->ask.decisions, 5, "{\"question\": \"snapshot\","
        " \"target\": null, \"answer\": \"older after 595.0\", \"by\": \"policy\","
        " \"facts\": {\"source\": \"a\", \"path\": \"/a\", \"kind\": \"duckdb\","
        " \"bytes\": 10, \"age\": 2.5, \"failure\": \"source_busy\","
        " \"why\": \"a writer holds it\", \"waited\": 5.0, \"stored\": null,"
        " \"older\": 0.0}}");
    place->fails = AKS_POLICY;
    assert_int_equal(aks_ask_snapshot(&place->world->ask, &facts,
        &place->world->settings.snapshot, &(enum aks_busy) { 0 }, &(int64_t) { 0 }, NULL),
        AKS_POLICY);
    assert_int_equal(place->world->ask.policy_error.status, AKS_POLICY);
}

static void
first_failure_of_the_policy_is_kept(void **state)
{
    struct place *place = *state;
    struct aks_ask *ask = &place->world->ask;
    struct aks_failure_facts facts = facts_of(1);
    struct aks_retry_answer answer;
    struct aks_error err;

    place->world->policy.decide.retry = answer_retry;
    place->fails = AKS_POLICY;
    assert_int_equal(aks_ask_retry(ask, &facts, &answer, &err), AKS_POLICY);
    place->fails = AKS_LIMIT;
    assert_int_equal(aks_ask_retry(ask, &facts, &answer, NULL), AKS_LIMIT);
    assert_int_equal(ask->policy_error.status, AKS_POLICY);
    assert_string_equal(ask->policy_error.message, err.message);
}

static void
try_once(void *ctx)
{
    struct place *place = ctx;
    struct aks_outcome outcome;
    struct aks_error err;

    place->started++;
    aks_outcome_ok(&outcome);
    if (place->says != AKS_OK) {
        (void)aks_error_set(&err, place->says, "no");
        aks_outcome_failed(&outcome, &err);
        outcome.retry_after_ms = place->asks_ms;
    }
    aks_attempt_tried(&place->attempt, &outcome);
}

static void
note_throttled(void *ctx)
{
    struct place *place = ctx;

    place->throttled++;
}

static void
note_done(void *ctx, const struct aks_outcome *outcome)
{
    struct place *place = ctx;

    place->done++;
    place->outcome = *outcome;
}

static void
begin(struct place *place, enum aks_status says)
{
    struct aks_attempt_options options = { &place->world->loop, &place->world->ask, "place", NULL,
        "put", try_once, note_throttled, place, &place->hold, place->at_once };

    place->says = says;
    aks_attempt_begin(&place->attempt, &options, note_done, place);
    assert_int_equal(place->started, 0);
}

static void
attempt(struct place *place, enum aks_status says)
{
    begin(place, says);
    while (place->done == 0)
        assert_int_equal(aks_loop_turn(&place->world->loop, NULL), AKS_OK);
    assert_int_equal(place->done, 1);
}

static void
attempt_that_succeeds_is_one_try(void **state)
{
    struct place *place = *state;

    attempt(place, AKS_OK);
    assert_int_equal(place->started, 1);
    assert_int_equal(place->outcome.status, AKS_OK);
}

static void
attempt_is_tried_as_often_as_the_settings_say(void **state)
{
    struct place *place = *state;

    attempt(place, AKS_THROTTLED);
    assert_int_equal(place->started, TARGET_WORLD_TRIES);
    assert_int_equal(place->throttled, TARGET_WORLD_TRIES);
    assert_int_equal(place->outcome.status, AKS_THROTTLED);
    assert_int_equal(place->outcome.verdict, AKS_NEXT_TARGET);
}

/* On the port's clock; a machine that is slow only comes later. */
static int64_t
now_ns(const struct place *place)
{
    return place->world->port.clock.now_ns(place->world->port.clock.ctx);
}

static void
attempt_that_begins_while_another_one_waits_as_asked_waits_too(void **state)
{
    struct place *place = *state;
    int64_t began_ns = now_ns(place);

    /* The policy waits less than the server asks for: so do the others. */
    place->world->policy.decide.retry = answer_retry;
    place->answer = (struct aks_retry_answer) { .verdict = AKS_WAIT, .wait_ms = 30 };
    place->asks_ms = 3600 * AKS_MS_PER_S;
    begin(place, AKS_THROTTLED);
    while (place->started == 0)
        assert_int_equal(aks_loop_turn(&place->world->loop, NULL), AKS_OK);
    aks_attempt_cancel(&place->attempt);
    assert_true(place->hold.until_ns >= began_ns + 30 * AKS_NS_PER_MS);
    assert_true(place->hold.until_ns <= now_ns(place) + 30 * AKS_NS_PER_MS);
    place->started = 0;
    attempt(place, AKS_OK);
    assert_true(now_ns(place) >= place->hold.until_ns);
    /* What asks for nothing holds nobody, and what is not held does not wait. */
    place->hold.until_ns = 0;
    place->asks_ms = -1;
    place->answer.verdict = AKS_NEXT_TARGET;
    place->started = place->done = 0;
    attempt(place, AKS_THROTTLED);
    assert_int_equal(place->hold.until_ns, 0);
    assert_int_equal(place->hold.asked_ns, 0);
}

/* It goes elsewhere at once, and nobody is held; but who comes later can know. */
static void
attempt_that_does_not_wait_as_asked_leaves_word(void **state)
{
    struct place *place = *state;
    int64_t began_ns = now_ns(place);

    place->world->policy.decide.retry = answer_retry;
    place->answer = (struct aks_retry_answer) { .verdict = AKS_NEXT_TARGET };
    place->asks_ms = 3600 * AKS_MS_PER_S;
    attempt(place, AKS_THROTTLED);
    assert_int_equal(place->started, 1);
    assert_int_equal(place->hold.until_ns, 0);
    assert_true(place->hold.asked_ns >= began_ns + 3600 * AKS_NS_PER_S);
    assert_true(place->hold.asked_ns <= now_ns(place) + 3600 * AKS_NS_PER_S);
    began_ns = place->hold.asked_ns;
    /* Less than that changes nothing. */
    place->asks_ms = 1;
    place->started = place->done = 0;
    attempt(place, AKS_THROTTLED);
    assert_true(place->hold.asked_ns == began_ns);
}

/* What gives back does not wait for the others. */
static void
attempt_at_once_is_not_held(void **state)
{
    struct place *place = *state;

    place->at_once = true;
    place->hold.until_ns = now_ns(place) + 3600 * AKS_NS_PER_S;
    attempt(place, AKS_OK);
    assert_int_equal(place->started, 1);
    assert_true(now_ns(place) < place->hold.until_ns);
}

/* Two were asked to wait, the later one for longer: the earlier one is not to come back before. */
static void
attempt_that_waits_heeds_what_another_one_is_asked_for_meanwhile(void **state)
{
    struct place *place = *state;
    int64_t until_ns;

    place->world->policy.decide.retry = answer_retry;
    place->answer = (struct aks_retry_answer) { .verdict = AKS_WAIT, .wait_ms = 10 };
    place->asks_ms = 10;
    begin(place, AKS_THROTTLED);
    while (place->started == 0)
        assert_int_equal(aks_loop_turn(&place->world->loop, NULL), AKS_OK);
    until_ns = now_ns(place) + 40 * AKS_NS_PER_MS;
    place->hold.until_ns = until_ns;
    place->says = AKS_OK;
    while (place->started < 2)
        assert_int_equal(aks_loop_turn(&place->world->loop, NULL), AKS_OK);
    assert_true(now_ns(place) >= until_ns);
    while (place->done == 0)
        assert_int_equal(aks_loop_turn(&place->world->loop, NULL), AKS_OK);
    assert_int_equal(place->outcome.status, AKS_OK);
}

static void
attempt_ends_where_the_policy_fails(void **state)
{
    struct place *place = *state;

    place->world->policy.decide.retry = answer_retry;
    place->fails = AKS_POLICY;
    attempt(place, AKS_SERVER);
    assert_int_equal(place->started, 1);
    assert_int_equal(place->throttled, 0);
    assert_int_equal(place->outcome.status, AKS_POLICY);
    assert_int_equal(place->outcome.verdict, AKS_GIVE_UP);
}

static void
attempt_that_is_cancelled_is_never_done(void **state)
{
    struct place *place = *state;

    begin(place, AKS_SERVER);
    aks_attempt_cancel(&place->attempt);
    aks_attempt_cancel(&place->attempt);
    assert_null(aks_heap_first(&place->world->loop.timers));
    assert_int_equal(place->started, 0);
    assert_int_equal(place->done, 0);
}

int
main(void)
{
#define ASK_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ASK_TEST(answers_are_kept_within_bounds),
        ASK_TEST(report_keeps_so_many_decisions_and_counts_the_rest),
        ASK_TEST(what_was_asked_is_kept_with_all_its_facts),
        ASK_TEST(bytes_that_are_not_there_are_not_reused),
        ASK_TEST(busy_source_is_what_the_policy_says_or_the_settings),
        ASK_TEST(first_failure_of_the_policy_is_kept),
        ASK_TEST(attempt_that_succeeds_is_one_try),
        ASK_TEST(attempt_is_tried_as_often_as_the_settings_say),
        ASK_TEST(attempt_that_begins_while_another_one_waits_as_asked_waits_too),
        ASK_TEST(attempt_that_does_not_wait_as_asked_leaves_word),
        ASK_TEST(attempt_at_once_is_not_held),
        ASK_TEST(attempt_that_waits_heeds_what_another_one_is_asked_for_meanwhile),
        ASK_TEST(attempt_ends_where_the_policy_fails),
        ASK_TEST(attempt_that_is_cancelled_is_never_done),
    };

    return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
