/* Plans: which rule strikes where, when and how often. */
#include "testkit/fault.h"

#include "base/units.h"
#include "testkit/operation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct aks_fault_plan plan;

static int
setup(void **state)
{
    aks_fault_plan_init(&plan, 7);
    return 0;
}

/* A rule that is added, and may be changed there. */
static struct aks_fault_rule *
add(enum aks_fault_kind kind, const char *target, const char *operation)
{
    struct aks_fault_rule rule;

    aks_fault_rule_init(&rule, kind);
    (void)snprintf(rule.target, sizeof(rule.target), "%s", target);
    (void)snprintf(rule.operation, sizeof(rule.operation), "%s", operation);
    return aks_fault_plan_add(&plan, &rule);
}

static struct aks_fault_rule *
add_disk(enum aks_fault_kind kind, const char *path, const char *verb)
{
    struct aks_fault_rule *rule = add(kind, path, verb);

    rule->disk = true;
    return rule;
}

static struct aks_sim_fault fault;      /* what the plan said to the last step */

static const struct aks_fault_rule *
ask_at(const char *target, const char *operation, const char *verb, int64_t now_ns)
{
    const struct aks_sim_step sim = { .place = AKS_SIM_NETWORK, .verb = verb,
        .subject = "s3.example.org:443" };
    const struct aks_fault_step step = { &sim, target, operation, now_ns };

    memset(&fault, 0, sizeof(fault));
    fault.retry_after_s = -1;
    return aks_fault_plan_ask(&plan, &step, &fault);
}

static const struct aks_fault_rule *
ask(const char *target, const char *operation, const char *verb)
{
    return ask_at(target, operation, verb, 0);
}

static const struct aks_fault_rule *
ask_disk(const char *verb, const char *path)
{
    const struct aks_sim_step sim = { .place = AKS_SIM_DISK, .verb = verb, .subject = path };
    const struct aks_fault_step step = { &sim, "", verb, 0 };

    memset(&fault, 0, sizeof(fault));
    fault.retry_after_s = -1;
    return aks_fault_plan_ask(&plan, &step, &fault);
}

/* Of so many equal steps, 'x' for each that a rule struck at. */
static const char *
pattern(unsigned count)
{
    static char text[128];

    assert_true(count < sizeof(text));
    for (unsigned i = 0; i < count; i++)
        text[i] = ask("cloud", "part 1", "serve") != NULL ? 'x' : '.';
    text[count] = '\0';
    return text;
}

static void
plan_without_rules_lets_all_go_well(void **state)
{
    assert_null(ask("cloud", "part 1", "serve"));
    assert_int_equal(fault.status, AKS_OK);
    assert_null(aks_fault_plan_idle(&plan));
}

static void
each_kind_fills_the_fault(void **state)
{
    struct aks_fault_rule *rule = add(AKS_FAULT_REPLY, "a", "");

    rule->http_status = 503;
    rule->retry_after_s = 19;
    rule->served = true;
    assert_ptr_equal(ask("a", "part 1", "serve"), rule);
    assert_int_equal(fault.http_status, 503);
    assert_null(fault.http_code);
    assert_int_equal(fault.retry_after_s, 19);
    assert_true(fault.served);
    (void)snprintf(rule->http_code, sizeof(rule->http_code), "SlowDown");
    (void)ask("a", "part 1", "serve");
    assert_string_equal(fault.http_code, "SlowDown");

    rule = add(AKS_FAULT_FAIL, "b", "");
    aks_fault_rule_status(rule, AKS_BAD_REPLY);
    rule->bytes = 100;
    assert_ptr_equal(ask("b", "part 1", "send"), rule);
    assert_int_equal(fault.status, AKS_BAD_REPLY);
    assert_int_equal(fault.bytes, 100);
    assert_int_equal(fault.http_status, 0);

    rule = add(AKS_FAULT_SILENT, "c", "");
    assert_ptr_equal(ask("c", "part 1", "connect"), rule);
    assert_true(fault.delay_ns < 0);
    assert_int_equal(fault.status, AKS_OK);

    add(AKS_FAULT_SLOW, "d", "")->delay_ns = 7;
    assert_non_null(ask("d", "part 1", "serve"));
    assert_int_equal(fault.delay_ns, 7);
    assert_int_equal(fault.bytes, 0);

    rule = add(AKS_FAULT_LOST, "e", "");
    assert_ptr_equal(ask("e", "part 1", "serve"), rule);
    assert_int_equal(fault.status, AKS_BAD_REPLY);
    assert_true(fault.served);

    add(AKS_FAULT_DIES, "f", "")->served = true;
    assert_non_null(ask("f", "part 1", "serve"));
    assert_true(fault.dies);
    assert_true(fault.served);
}

static void
status_knows_its_step(void **state)
{
    static const struct {
        enum aks_status status;
        const char *verb;
    } cases[] = {
        { AKS_DNS, "name" }, { AKS_OFFLINE, "connect" }, { AKS_REFUSED, "connect" },
        { AKS_CONNECT_TIMEOUT, "connect" }, { AKS_TLS, "tls" }, { AKS_BAD_REPLY, "send" },
        { AKS_STALLED, "send" }, { AKS_TIMEOUT, "serve" }, { AKS_LIMIT, "serve" },
    };
    struct aks_fault_rule rule;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        aks_fault_rule_init(&rule, AKS_FAULT_FAIL);
        aks_fault_rule_status(&rule, cases[i].status);
        assert_int_equal(rule.status, cases[i].status);
        assert_string_equal(rule.verb, cases[i].verb);
    }
    aks_fault_rule_init(&rule, AKS_FAULT_SILENT);
    assert_string_equal(rule.verb, "connect");
    aks_fault_rule_init(&rule, AKS_FAULT_REPLY);
    assert_string_equal(rule.verb, "serve");
}

static void
rule_strikes_at_its_target_operation_and_step_only(void **state)
{
    add(AKS_FAULT_LOST, "cloud", "part 2");
    assert_null(ask("http", "part 2", "serve"));
    assert_null(ask("", "part 2", "serve"));
    assert_null(ask("cloud", "part 20", "serve"));
    assert_null(ask("cloud", "part 1", "serve"));
    assert_null(ask("cloud", "part 2", "send"));
    assert_null(ask_disk("serve", "cloud"));
    assert_int_equal(plan.rules[0].matched, 0);
    assert_non_null(ask("cloud", "part 2", "serve"));
    assert_int_equal(plan.rules[0].matched, 1);
    assert_int_equal(plan.rules[0].struck, 1);
}

static void
empty_names_stand_for_all_and_part_for_every_part(void **state)
{
    add(AKS_FAULT_LOST, "", "part");
    assert_null(ask("cloud", "put", "serve"));
    assert_null(ask("cloud", "parts", "serve"));
    assert_non_null(ask("cloud", "part 1", "serve"));
    assert_non_null(ask("http", "part 17", "serve"));
    add(AKS_FAULT_LOST, "", "");
    assert_non_null(ask("", "parts", "serve"));
}

static void
disk_rule_strikes_by_verb_and_by_the_end_of_the_path(void **state)
{
    add_disk(AKS_FAULT_FAIL, ".jsonl", "write")->status = AKS_NO_SPACE;
    assert_null(ask_disk("write", "/home/person/audit.jsonl.old"));
    assert_null(ask_disk("sync", "/home/person/audit.jsonl"));
    assert_null(ask_disk("write", "l"));
    assert_null(ask("jsonl", "write", "serve"));
    assert_non_null(ask_disk("write", "/home/person/audit.jsonl"));
    assert_int_equal(fault.status, AKS_NO_SPACE);
    add_disk(AKS_FAULT_SLOW, "", "")->delay_ns = 1;
    assert_non_null(ask_disk("list", "/"));
}

static void
nth_is_the_nth_that_matches(void **state)
{
    add(AKS_FAULT_LOST, "", "part")->nth = 3;
    assert_null(ask("cloud", "put", "serve"));
    assert_string_equal(pattern(7), "..x....");
}

static void
times_and_rates_bound_how_often(void **state)
{
    struct aks_fault_rule *rule = add(AKS_FAULT_LOST, "", "");
    unsigned struck = 0;

    rule->times = 2;
    assert_string_equal(pattern(6), "xx....");
    assert_int_equal(rule->matched, 6);
    rule->times = 0;
    rule->rate = 0;
    assert_string_equal(pattern(6), "......");
    rule->rate = 0.25;
    for (unsigned i = 0; i < 4000; i++)
        struck += ask("cloud", "put", "serve") != NULL;
    assert_in_range(struck, 900, 1100);
    rule->rate = 1;
    assert_string_equal(pattern(3), "xxx");
    rule->rate = 0.5;
    rule->struck = 0;
    rule->times = 5;
    struck = 0;
    for (unsigned i = 0; i < 100; i++)
        struck += ask("cloud", "put", "serve") != NULL;
    assert_int_equal(struck, 5);
}

static void
windows_begin_with_their_first_moment_and_end_before_their_last(void **state)
{
    struct aks_fault_rule *rule = add(AKS_FAULT_LOST, "", "");

    rule->from_ns = 10;
    rule->until_ns = 20;
    assert_null(ask_at("cloud", "put", "serve", 9));
    assert_non_null(ask_at("cloud", "put", "serve", 10));
    assert_non_null(ask_at("cloud", "put", "serve", 19));
    assert_null(ask_at("cloud", "put", "serve", 20));
    assert_int_equal(rule->matched, 2);
    rule->until_ns = INT64_MAX;
    assert_non_null(ask_at("cloud", "put", "serve", INT64_MAX - 1));
}

static bool
only_puts(void *ctx, const struct aks_fault_step *step)
{
    unsigned *asked = ctx;

    (*asked)++;
    return strcmp(step->operation, "put") == 0 && step->now_ns == 5;
}

static void
predicate_decides_last(void **state)
{
    struct aks_fault_rule *rule = add(AKS_FAULT_LOST, "cloud", "");
    unsigned asked = 0;

    rule->when = only_puts;
    rule->when_ctx = &asked;
    assert_null(ask_at("http", "put", "serve", 5));
    assert_int_equal(asked, 0);
    assert_null(ask_at("cloud", "put", "serve", 4));
    assert_null(ask_at("cloud", "get", "serve", 5));
    assert_int_equal(asked, 2);
    assert_int_equal(rule->matched, 0);
    assert_non_null(ask_at("cloud", "put", "serve", 5));
}

/* The second rule waits for its second match, which the first one strikes at. */
static void
first_rule_strikes_and_every_rule_counts(void **state)
{
    struct aks_fault_rule *first = add(AKS_FAULT_LOST, "", "");
    struct aks_fault_rule *second = add(AKS_FAULT_SILENT, "", "");

    (void)snprintf(second->verb, sizeof(second->verb), "serve");
    first->times = 2;
    second->nth = 3;
    assert_ptr_equal(ask("cloud", "put", "serve"), first);
    assert_ptr_equal(ask("cloud", "put", "serve"), first);
    assert_ptr_equal(ask("cloud", "put", "serve"), second);
    assert_null(ask("cloud", "put", "serve"));
    assert_int_equal(second->matched, 4);
    assert_int_equal(second->struck, 1);
    assert_int_equal(second->strikes[0], 3);
}

static void
rule_that_never_struck_is_idle(void **state)
{
    const struct aks_fault_rule *never;

    add(AKS_FAULT_LOST, "", "");
    never = add(AKS_FAULT_LOST, "nobody", "");
    assert_ptr_equal(aks_fault_plan_idle(&plan), &plan.rules[0]);
    (void)ask("cloud", "put", "serve");
    assert_ptr_equal(aks_fault_plan_idle(&plan), never);
    (void)ask("nobody", "put", "serve");
    /* The first one struck; the second only matched. */
    assert_ptr_equal(aks_fault_plan_idle(&plan), never);
    plan.rules[0].times = 1;
    (void)ask("nobody", "put", "serve");
    assert_null(aks_fault_plan_idle(&plan));
}

static void
rewound_plan_strikes_the_same_again(void **state)
{
    char first[41];

    aks_fault_plan_init(&plan, 9);
    add(AKS_FAULT_LOST, "", "")->rate = 0.5;
    add(AKS_FAULT_LOST, "", "")->nth = 11;
    (void)snprintf(first, sizeof(first), "%s", pattern(40));
    assert_string_not_equal(first, pattern(40));
    aks_fault_plan_rewind(&plan, 9);
    assert_int_equal(plan.rules[1].matched, 0);
    assert_int_equal(plan.rules[1].struck, 0);
    assert_string_equal(first, pattern(40));
    aks_fault_plan_rewind(&plan, 10);
    assert_string_not_equal(first, pattern(40));
}

static void
plan_has_a_maximum(void **state)
{
    for (unsigned i = 0; i < AKS_FAULT_RULES_MAX; i++)
        assert_non_null(add(AKS_FAULT_LOST, "", ""));
    assert_null(add(AKS_FAULT_LOST, "", ""));
}

static void
added_rule_begins_its_counts_anew(void **state)
{
    struct aks_fault_rule rule;

    aks_fault_rule_init(&rule, AKS_FAULT_LOST);
    rule.matched = 7;
    rule.struck = 7;
    rule.times = 1;
    assert_non_null(aks_fault_plan_add(&plan, &rule));
    assert_non_null(ask("cloud", "put", "serve"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(plan_without_rules_lets_all_go_well),
        TEST(each_kind_fills_the_fault),
        TEST(status_knows_its_step),
        TEST(rule_strikes_at_its_target_operation_and_step_only),
        TEST(empty_names_stand_for_all_and_part_for_every_part),
        TEST(disk_rule_strikes_by_verb_and_by_the_end_of_the_path),
        TEST(nth_is_the_nth_that_matches),
        TEST(times_and_rates_bound_how_often),
        TEST(windows_begin_with_their_first_moment_and_end_before_their_last),
        TEST(predicate_decides_last),
        TEST(first_rule_strikes_and_every_rule_counts),
        TEST(rule_that_never_struck_is_idle),
        TEST(rewound_plan_strikes_the_same_again),
        TEST(plan_has_a_maximum),
        TEST(added_rule_begins_its_counts_anew),
    };

    return cmocka_run_group_tests_name("plans of faults", tests, NULL, NULL);
}
