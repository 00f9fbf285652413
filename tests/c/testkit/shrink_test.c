/* What fails becomes small, and goes on to fail. */
#include "base/units.h"
#include "testkit/shrink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct asked {
    unsigned count;
    unsigned stop_at;
};

static struct aks_fault_rule
rule(enum aks_fault_kind kind, const char *operation)
{
    struct aks_fault_rule made;

    aks_fault_rule_init(&made, kind);
    (void)snprintf(made.operation, sizeof(made.operation), "%s", operation);
    return made;
}

static bool
has(const struct aks_shrink_case *c, enum aks_fault_kind kind, const char *operation)
{
    for (size_t i = 0; i < c->rule_count; i++) {
        if (c->rules[i].kind == kind && strcmp(c->rules[i].operation, operation) == 0)
            return true;
    }
    return false;
}

/* Fails where two failures meet, in a file of more than a part, in the second run. */
static bool
two_meet(void *ctx, const struct aks_shrink_case *c)
{
    struct asked *asked = ctx;

    asked->count++;
    return has(c, AKS_FAULT_LOST, "complete") && has(c, AKS_FAULT_REPLY, "part") && c->runs >= 2 &&
        c->file_bytes[0] > 5120;
}

static void
fill(struct aks_shrink_case *c)
{
    memset(c, 0, sizeof(*c));
    c->seed = 17;
    c->runs = 5;
    c->pause_ns = 60 * AKS_NS_PER_S;
    c->power = true;
    c->file_count = 2;
    c->file_bytes[0] = 1000000;
    c->file_bytes[1] = -1;
    for (int i = 0; i < 20; i++) {
        struct aks_fault_rule added = i == 3 ? rule(AKS_FAULT_LOST, "complete")
            : i == 14 ? rule(AKS_FAULT_REPLY, "part") : rule(AKS_FAULT_SLOW, "probe");

        added.delay_ns = i * AKS_NS_PER_S;
        added.retry_after_s = i == 14 ? 20 : -1;
        added.nth = (uint32_t)i;
        added.from_ns = i * AKS_NS_PER_S;
        c->rules[c->rule_count++] = added;
    }
}

static void
only_what_is_needed_is_left(void **state)
{
    static struct aks_shrink_case c;
    struct asked asked = { 0 };
    struct aks_shrink_options options = { two_meet, NULL, &asked, 0 };
    unsigned tries;

    fill(&c);
    tries = aks_shrink(&options, &c);
    assert_int_equal(tries, asked.count);
    assert_true(asked.count < AKS_SHRINK_TRIES_MAX);
    assert_int_equal(c.rule_count, 2);
    assert_true(two_meet(&asked, &c));
    assert_int_equal(c.seed, 17);
    assert_int_equal(c.runs, 2);
    assert_int_equal(c.pause_ns, 0);
    assert_false(c.power);
    assert_int_equal(c.file_bytes[0], 5121);
    assert_int_equal(c.file_bytes[1], -1);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(c.rules[i].times, 1);
        assert_int_equal(c.rules[i].nth, 0);
        assert_int_equal(c.rules[i].from_ns, 0);
        assert_int_equal(c.rules[i].retry_after_s, -1);
    }
}

static bool
always(void *ctx, const struct aks_shrink_case *c)
{
    return true;
}

static void
where_everything_fails_nothing_is_left(void **state)
{
    static struct aks_shrink_case c;
    struct aks_shrink_options options = { always, NULL, NULL, 0 };

    fill(&c);
    assert_true(aks_shrink(&options, &c) < 10);
    assert_int_equal(c.rule_count, 0);
    assert_int_equal(c.runs, 1);
    assert_int_equal(c.file_bytes[0], 0);
}

static bool
never(void *ctx, const struct aks_shrink_case *c)
{
    struct asked *asked = ctx;

    asked->count++;
    return false;
}

static bool
enough(void *ctx)
{
    const struct asked *asked = ctx;

    return asked->stop_at > 0 && asked->count >= asked->stop_at;
}

static void
the_budget_is_kept(void **state)
{
    static struct aks_shrink_case c;
    static struct aks_shrink_case before;
    struct asked asked = { 0 };
    struct aks_shrink_options options = { never, enough, &asked, 7 };

    fill(&c);
    before = c;
    assert_int_equal(aks_shrink(&options, &c), 7);
    assert_memory_equal(&c, &before, sizeof(c));
    options.tries_max = 0;
    asked.count = 0;
    asked.stop_at = 3;
    assert_int_equal(aks_shrink(&options, &c), 3);
}

/* Fails as long as the same strikes happen, which a change of luck would end. */
static bool
by_number(void *ctx, const struct aks_shrink_case *c)
{
    bool second = false;
    bool fifth = false;

    for (size_t i = 0; i < c->rule_count; i++) {
        if (c->rules[i].rate < 1)
            return false;
        second = second || c->rules[i].nth == 2;
        fifth = fifth || c->rules[i].nth == 5;
    }
    return second && fifth;
}

static void
what_struck_by_chance_strikes_by_number(void **state)
{
    static struct aks_shrink_case c;
    struct aks_shrink_options options = { by_number, NULL, NULL, 0 };

    memset(&c, 0, sizeof(c));
    c.runs = 1;
    c.rules[0] = rule(AKS_FAULT_LOST, "part");
    c.rules[0].rate = 0.3;
    c.rules[0].struck = 3;
    c.rules[0].strikes[0] = 2;
    c.rules[0].strikes[1] = 4;
    c.rules[0].strikes[2] = 5;
    c.rule_count = 1;
    (void)aks_shrink(&options, &c);
    assert_int_equal(c.rule_count, 2);
    assert_int_equal(c.rules[0].nth, 2);
    assert_int_equal(c.rules[1].nth, 5);
    assert_true(c.rules[1].rate >= 1);
}

static bool
slow(void *ctx, const struct aks_shrink_case *c)
{
    return c->rule_count == 1 && c->rules[0].delay_ns > 3 * AKS_NS_PER_S &&
        c->rules[0].times >= 3 && c->rules[0].until_ns != INT64_MAX;
}

static void
times_stay_whole_milliseconds(void **state)
{
    static struct aks_shrink_case c;
    struct aks_shrink_options options = { slow, NULL, NULL, 0 };

    memset(&c, 0, sizeof(c));
    c.runs = 1;
    c.rules[0] = rule(AKS_FAULT_SLOW, "");
    c.rules[0].delay_ns = 9999 * AKS_NS_PER_MS;
    c.rules[0].times = 9;
    c.rules[0].until_ns = 100 * AKS_NS_PER_S;
    c.rule_count = 1;
    (void)aks_shrink(&options, &c);
    assert_int_equal(c.rules[0].delay_ns, 4999 * AKS_NS_PER_MS);
    assert_int_equal(c.rules[0].times, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_needed_is_left),
        cmocka_unit_test(where_everything_fails_nothing_is_left),
        cmocka_unit_test(the_budget_is_kept),
        cmocka_unit_test(what_struck_by_chance_strikes_by_number),
        cmocka_unit_test(times_stay_whole_milliseconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
