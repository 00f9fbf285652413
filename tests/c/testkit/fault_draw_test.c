/* Plans out of a seed, and rules as lines of Lua. */
#include "base/units.h"
#include "testkit/fault.h"
#include "testkit/operation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS 3000

static const char *const targets[] = { "cloud", "http" };

static bool
is_one_of(const char *text, const char *const *all)
{
    for (; *all != NULL; all++) {
        if (strcmp(text, *all) == 0)
            return true;
    }
    return false;
}

static void
draw(struct aks_fault_plan *plan, uint64_t seed, const struct aks_fault_draw *what)
{
    struct aks_rng rng;

    aks_rng_init(&rng, seed);
    aks_fault_plan_init(plan, seed);
    aks_fault_plan_draw(plan, what, &rng);
}

static void
check_disk(const struct aks_fault_rule *rule)
{
    static const char *const verbs[] = { "write", "sync", "rename", "sync_folder", "open", "read",
        "unlink", "truncate", "stat", "list", NULL };

    assert_true(rule->kind == AKS_FAULT_FAIL || rule->kind == AKS_FAULT_SLOW);
    assert_true(is_one_of(rule->operation, verbs));
    assert_in_range(rule->delay_ns, 0, 2 * AKS_NS_PER_S);
    if (rule->kind == AKS_FAULT_FAIL)
        assert_true(rule->status == AKS_NO_SPACE || rule->status == AKS_STATE ||
            rule->status == AKS_FORBIDDEN);
}

static void
check_network(const struct aks_fault_rule *rule)
{
    static const char *const verbs[] = { "name", "connect", "tls", "send", "serve", "reply", NULL };
    static const char *const names[] = { "", "cloud", "http", NULL };

    assert_true(is_one_of(rule->verb, verbs));
    assert_true(is_one_of(rule->target, names));
    assert_true(rule->operation[0] == '\0' || aks_operation_known(rule->operation));
    assert_in_range(rule->delay_ns, 0, 10 * AKS_NS_PER_S);
    assert_true(rule->retry_after_s >= -1 && rule->retry_after_s < 30);
    if (rule->kind == AKS_FAULT_REPLY)
        assert_true(rule->http_status >= 200 && rule->http_status < 600);
    if (rule->http_status == 200)
        assert_string_equal(rule->operation, "complete");
    if (rule->kind == AKS_FAULT_FAIL || rule->kind == AKS_FAULT_LOST)
        assert_int_not_equal(rule->status, AKS_OK);
    /* Served is what was sent whole, and is not answered. */
    if (rule->served)
        assert_string_equal(rule->verb, "serve");
}

static void
rules_are_within_bounds(void **state)
{
    const struct aks_fault_draw what = { targets, 2, 5, true, true, false };
    static struct aks_fault_plan plan;
    unsigned kinds[AKS_FAULT_DIES + 1] = { 0 };
    unsigned counts[6] = { 0 };
    unsigned disk = 0;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        draw(&plan, seed, &what);
        assert_in_range(plan.count, 0, 5);
        counts[plan.count]++;
        for (size_t i = 0; i < plan.count; i++) {
            const struct aks_fault_rule *rule = &plan.rules[i];

            kinds[rule->kind]++;
            disk += rule->disk;
            assert_true(rule->rate > 0 && rule->rate <= 1);
            assert_true(rule->until_ns > rule->from_ns || rule->until_ns == rule->from_ns);
            if (rule->disk)
                check_disk(rule);
            else
                check_network(rule);
        }
    }
    for (unsigned i = 0; i <= 5; i++)
        assert_in_range(counts[i], SEEDS / 12, SEEDS / 3);
    for (unsigned i = 0; i <= AKS_FAULT_DIES; i++)
        assert_true(kinds[i] > 100);
    assert_true(disk > 1000);
}

static void
what_may_not_be_is_not_drawn(void **state)
{
    const struct aks_fault_draw what = { NULL, 0, 4, false, false, true };
    static struct aks_fault_plan plan;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        draw(&plan, seed, &what);
        for (size_t i = 0; i < plan.count; i++) {
            const struct aks_fault_rule *rule = &plan.rules[i];

            assert_false(rule->disk);
            assert_int_not_equal(rule->kind, AKS_FAULT_DIES);
            assert_string_equal(rule->target, "");
            assert_int_not_equal(rule->status, AKS_TLS);
            assert_true(rule->http_status != 403 && rule->http_status != 413 &&
                rule->http_status != 301);
        }
    }
}

/* Twenty plans, as lines. */
static void
text_from(uint64_t first_seed, struct aks_buf *out)
{
    const struct aks_fault_draw what = { targets, 2, 8, true, true, false };
    static struct aks_fault_plan plan;

    aks_buf_init(out, aks_alloc_system(), 100000);
    for (uint64_t seed = first_seed; seed < first_seed + 20; seed++) {
        draw(&plan, seed, &what);
        for (size_t i = 0; i < plan.count; i++) {
            aks_fault_rule_lua(&plan.rules[i], out);
            aks_buf_putc(out, '\n');
        }
    }
    assert_int_equal(out->failed, AKS_OK);
}

static void
same_seed_draws_the_same_plan(void **state)
{
    struct aks_buf first;
    struct aks_buf again;
    struct aks_buf other;

    text_from(41, &first);
    text_from(41, &again);
    text_from(61, &other);
    assert_true(first.len > 0);
    assert_string_equal(first.data, again.data);
    assert_string_not_equal(first.data, other.data);
    aks_buf_fini(&first);
    aks_buf_fini(&again);
    aks_buf_fini(&other);
}

/* Drawn into a plan that has rules, as far as there is room. */
static void
full_plan_takes_no_more(void **state)
{
    const struct aks_fault_draw what = { targets, 2, AKS_FAULT_RULES_MAX, true, true, false };
    static struct aks_fault_plan plan;
    struct aks_rng rng;

    aks_rng_init(&rng, 1);
    aks_fault_plan_init(&plan, 1);
    for (unsigned i = 0; i < 10; i++)
        aks_fault_plan_draw(&plan, &what, &rng);
    assert_int_equal(plan.count, AKS_FAULT_RULES_MAX);
}

static struct aks_fault_rule
rule_of(enum aks_fault_kind kind, const char *target, const char *operation)
{
    struct aks_fault_rule rule;

    aks_fault_rule_init(&rule, kind);
    (void)snprintf(rule.target, sizeof(rule.target), "%s", target);
    (void)snprintf(rule.operation, sizeof(rule.operation), "%s", operation);
    return rule;
}

static void
reads(const struct aks_fault_rule *rule, const char *line)
{
    struct aks_buf out;

    aks_buf_init(&out, aks_alloc_system(), 10000);
    aks_fault_rule_lua(rule, &out);
    assert_string_equal(out.data, line);
    aks_buf_fini(&out);
}

static void
replies_read_as_a_test_says_them(void **state)
{
    struct aks_fault_rule rule = rule_of(AKS_FAULT_REPLY, "cloud", "part 2");

    rule.http_status = 503;
    rule.retry_after_s = 40;
    rule.times = 1;
    reads(&rule, "world.target[\"cloud\"]:on(\"part\", 2):reply { status = 503, retry_after = 40 }"
        ":once()");
    (void)snprintf(rule.http_code, sizeof(rule.http_code), "SlowDown");
    rule.served = true;
    rule.retry_after_s = 0;
    rule.times = 3;
    rule.target[0] = '\0';
    (void)snprintf(rule.operation, sizeof(rule.operation), "part");
    reads(&rule, "world.network:on(\"part\"):reply { status = 503, code = \"SlowDown\", "
        "retry_after = 0, served = true }:times(3)");
}

static void
failures_say_their_step_where_it_is_unusual(void **state)
{
    struct aks_fault_rule rule = rule_of(AKS_FAULT_FAIL, "", "");

    aks_fault_rule_status(&rule, AKS_DNS);
    reads(&rule, "world.network:on(\"any\"):fail \"dns\"");
    aks_fault_rule_status(&rule, AKS_BAD_REPLY);
    reads(&rule, "world.network:on(\"any\"):fail \"bad_reply\"");
    (void)snprintf(rule.verb, sizeof(rule.verb), "serve");
    rule.served = true;
    rule.bytes = 10;
    reads(&rule, "world.network:on(\"any\"):at \"serve\":fail \"bad_reply\":served()"
        ":after_bytes(10)");
    rule = rule_of(AKS_FAULT_SILENT, "http", "probe");
    reads(&rule, "world.target[\"http\"]:on(\"probe\"):silent()");
    (void)snprintf(rule.verb, sizeof(rule.verb), "tls");
    reads(&rule, "world.target[\"http\"]:on(\"probe\"):at \"tls\":silent()");
    rule = rule_of(AKS_FAULT_LOST, "", "complete");
    reads(&rule, "world.network:on(\"complete\"):lost()");
    rule = rule_of(AKS_FAULT_DIES, "", "");
    rule.nth = 5;
    reads(&rule, "world.network:on(\"any\"):dies():nth(5)");
    rule.served = true;
    reads(&rule, "world.network:on(\"any\"):dies { served = true }:nth(5)");
}

static void
times_and_rates_read_as_they_are(void **state)
{
    struct aks_fault_rule rule = rule_of(AKS_FAULT_SLOW, "", "manifest");

    rule.delay_ns = 1500 * AKS_NS_PER_MS;
    rule.rate = 0.25;
    rule.from_ns = 3 * AKS_NS_PER_S;
    rule.until_ns = INT64_C(86400123456789);
    reads(&rule, "world.network:on(\"manifest\"):slow(1.5):rate(0.25):from_time(3)"
        ":until_time(86400.123456789)");
}

static void
disk_rules_read_as_they_are(void **state)
{
    struct aks_fault_rule rule = rule_of(AKS_FAULT_FAIL, ".jsonl", "write");

    rule.disk = true;
    rule.status = AKS_NO_SPACE;
    rule.bytes = 100;
    reads(&rule, "world.disk:on(\"write\", \".jsonl\"):fail \"no_space\":after_bytes(100)");
    rule.operation[0] = '\0';
    (void)snprintf(rule.target, sizeof(rule.target), "a \"b\\c\"\n");
    reads(&rule, "world.disk:on(\"any\", \"a \\\"b\\\\c\\\"\\010\"):fail \"no_space\""
        ":after_bytes(100)");
    rule.target[0] = '\0';
    rule.bytes = 0;
    reads(&rule, "world.disk:on(\"any\"):fail \"no_space\"");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_within_bounds),
        cmocka_unit_test(what_may_not_be_is_not_drawn),
        cmocka_unit_test(same_seed_draws_the_same_plan),
        cmocka_unit_test(full_plan_takes_no_more),
        cmocka_unit_test(replies_read_as_a_test_says_them),
        cmocka_unit_test(failures_say_their_step_where_it_is_unusual),
        cmocka_unit_test(times_and_rates_read_as_they_are),
        cmocka_unit_test(disk_rules_read_as_they_are),
    };

    return cmocka_run_group_tests_name("faults out of a seed", tests, NULL, NULL);
}
