#include "engine/decide_default.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct aks_retry_settings
schedule(enum aks_jitter jitter)
{
    struct aks_retry_settings settings = { 2000, 2, 10000, jitter, 3 };

    return settings;
}

static struct aks_failure_facts
failure(const char *operation, enum aks_status status, unsigned attempt)
{
    struct aks_failure_facts facts = { 0 };

    facts.target = "cloud";
    facts.operation = operation;
    facts.failure = status;
    facts.transient = aks_status_transient(status);
    facts.retry_after_ms = -1;
    facts.attempt = attempt;
    return facts;
}

static struct aks_retry_answer
answer_to(const struct aks_retry_settings *settings, const struct aks_failure_facts *facts)
{
    struct aks_retry_answer answer;
    struct aks_rng rng;

    aks_rng_init(&rng, 1);
    aks_decide_default_retry(settings, facts, &rng, &answer);
    return answer;
}

static void
waits_double_up_to_the_cap(void **state)
{
    static const int64_t expected[] = { 2000, 4000, 8000, 10000, 10000 };
    struct aks_retry_settings settings = schedule(AKS_JITTER_NONE);

    settings.tries = 100;
    for (unsigned i = 0; i < 5; i++) {
        struct aks_failure_facts facts = failure("part 2", AKS_SERVER, i + 1);
        struct aks_retry_answer answer = answer_to(&settings, &facts);

        assert_int_equal(answer.verdict, AKS_WAIT);
        assert_int_equal(answer.wait_ms, expected[i]);
        assert_int_equal(answer.least_ms, answer.most_ms);
        settings.jitter = AKS_JITTER_EQUAL;
        answer = answer_to(&settings, &facts);
        assert_int_equal(answer.least_ms, expected[i] / 2);
        assert_int_equal(answer.most_ms, expected[i]);
        settings.jitter = AKS_JITTER_NONE;
    }
}

static void
full_jitter_stays_within_the_schedule_and_spreads(void **state)
{
    struct aks_retry_settings settings = schedule(AKS_JITTER_FULL);
    struct aks_failure_facts facts = failure("part 2", AKS_SERVER, 1);
    struct aks_rng rng;
    int64_t least = INT64_MAX;
    int64_t most = 0;

    aks_rng_init(&rng, 7);
    for (int i = 0; i < 1000; i++) {
        struct aks_retry_answer answer;

        aks_decide_default_retry(&settings, &facts, &rng, &answer);
        assert_in_range(answer.wait_ms, 0, 2000);
        assert_int_equal(answer.least_ms, 0);
        assert_int_equal(answer.most_ms, 2000);
        least = answer.wait_ms < least ? answer.wait_ms : least;
        most = answer.wait_ms > most ? answer.wait_ms : most;
    }
    assert_true(least < 100 && most > 1900);
}

static void
server_that_names_a_time_gets_it(void **state)
{
    struct aks_retry_settings settings = schedule(AKS_JITTER_FULL);
    struct aks_failure_facts facts = failure("part 2", AKS_THROTTLED, 1);

    facts.retry_after_ms = 40000;
    assert_int_equal(answer_to(&settings, &facts).wait_ms, 40000);
    assert_int_equal(answer_to(&settings, &facts).least_ms, 40000);
    assert_int_equal(answer_to(&settings, &facts).most_ms, 40000);
    facts.retry_after_ms = 500;
    assert_int_equal(answer_to(&settings, &facts).least_ms, 500);
    assert_int_equal(answer_to(&settings, &facts).most_ms, 2000);
}

static void
server_that_names_tomorrow_is_left_alone(void **state)
{
    struct aks_retry_settings settings = schedule(AKS_JITTER_FULL);
    struct aks_failure_facts facts = failure("part 2", AKS_THROTTLED, 1);

    facts.retry_after_ms = AKS_RETRY_ASKED_MS_MAX;
    assert_int_equal(answer_to(&settings, &facts).verdict, AKS_WAIT);
    assert_int_equal(answer_to(&settings, &facts).wait_ms, AKS_RETRY_ASKED_MS_MAX);
    facts.retry_after_ms++;
    assert_int_equal(answer_to(&settings, &facts).verdict, AKS_NEXT_TARGET);
}

static void
last_try_leads_to_the_next_target(void **state)
{
    struct aks_retry_settings settings = schedule(AKS_JITTER_NONE);
    struct aks_failure_facts facts = failure("part 2", AKS_SERVER, 2);

    assert_int_equal(answer_to(&settings, &facts).verdict, AKS_WAIT);
    facts.attempt = 3;
    assert_int_equal(answer_to(&settings, &facts).verdict, AKS_NEXT_TARGET);
}

static void
failed_probe_means_the_next_target_at_once(void **state)
{
    struct aks_retry_settings settings = schedule(AKS_JITTER_NONE);
    struct aks_failure_facts facts = failure("probe", AKS_REFUSED, 1);

    assert_int_equal(answer_to(&settings, &facts).verdict, AKS_NEXT_TARGET);
}

static void
what_cannot_pass_is_not_tried_again(void **state)
{
    static const enum aks_status final[] = { AKS_FORBIDDEN, AKS_AUTH_INVALID, AKS_TOO_LARGE,
        AKS_TLS };
    struct aks_retry_settings settings = schedule(AKS_JITTER_NONE);

    for (size_t i = 0; i < sizeof(final) / sizeof(final[0]); i++) {
        struct aks_failure_facts facts = failure("put", final[i], 1);

        assert_int_equal(answer_to(&settings, &facts).verdict, AKS_NEXT_TARGET);
    }
}

static void
mended_cause_is_tried_again_at_once(void **state)
{
    struct aks_retry_settings settings = schedule(AKS_JITTER_NONE);
    struct aks_failure_facts facts = failure("probe", AKS_AUTH_EXPIRED, 1);
    struct aks_retry_answer answer;

    facts.corrected = true;
    answer = answer_to(&settings, &facts);
    assert_int_equal(answer.verdict, AKS_WAIT);
    assert_int_equal(answer.wait_ms, 0);
}

static void
upload_that_is_gone_starts_over(void **state)
{
    struct aks_retry_settings settings = schedule(AKS_JITTER_NONE);
    struct aks_failure_facts facts = failure("part 7", AKS_NOT_FOUND, 1);

    assert_int_equal(answer_to(&settings, &facts).verdict, AKS_RESTART);
    facts = failure("snapshot", AKS_SOURCE_CHANGED, 1);
    assert_int_equal(answer_to(&settings, &facts).verdict, AKS_RESTART);
    /* Not for ever, where it changes between two copies each time. */
    facts = failure(AKS_OPERATION_ROUTE, AKS_SOURCE_CHANGED, 1);
    assert_int_equal(answer_to(&settings, &facts).verdict, AKS_WAIT);
    facts.attempt = 3;
    assert_int_equal(answer_to(&settings, &facts).verdict, AKS_NEXT_TARGET);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_double_up_to_the_cap),
        cmocka_unit_test(full_jitter_stays_within_the_schedule_and_spreads),
        cmocka_unit_test(server_that_names_a_time_gets_it),
        cmocka_unit_test(server_that_names_tomorrow_is_left_alone),
        cmocka_unit_test(last_try_leads_to_the_next_target),
        cmocka_unit_test(failed_probe_means_the_next_target_at_once),
        cmocka_unit_test(what_cannot_pass_is_not_tried_again),
        cmocka_unit_test(mended_cause_is_tried_again_at_once),
        cmocka_unit_test(upload_that_is_gone_starts_over),
    };

    return cmocka_run_group_tests_name("decide_default", tests, NULL, NULL);
}
