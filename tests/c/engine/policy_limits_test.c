#include "engine/policy_limits.h"

#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *text;
    size_t offset;
    int64_t value;
} fine[] = {
#define OF(member) offsetof(struct aks_policy_limits, member)
    { "memory=64MiB", OF(memory_bytes), 64 * AKS_MIB },
    { "memory=100000", OF(memory_bytes), 100000 },
    { "memory=65536B", OF(memory_bytes), 65536 },
    { "memory=1.5MiB", OF(memory_bytes), 3 * AKS_MIB / 2 },
    { "memory=1GiB", OF(memory_bytes), AKS_GIB },
    { "memory=200kB", OF(memory_bytes), 200000 },
    { "memory=2MB", OF(memory_bytes), 2000000 },
    { "instructions=5000000", OF(decision_instructions), 5000000 },
    { "time=3s", OF(decision_ms), 3000 },
    { "time=3", OF(decision_ms), 3000 },
    { "time=0.25", OF(decision_ms), 250 },
    { "time=1ms", OF(decision_ms), 1 },
    { "time=1min", OF(decision_ms), 60000 },
    { "coroutines=1000", OF(coroutines), 1000 },
    { "log=1", OF(log_lines), 1 },
    { "load.instructions=10000000000", OF(load_instructions), INT64_C(10000000000) },
    { "load.time=10s", OF(load_ms), 10000 },
#undef OF
};

static void
limits_are_read_by_their_names_and_units(void **state)
{
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        struct aks_policy_limits limits = { 0 };
        struct aks_error err;
        const int64_t *value = (const int64_t *)(const void *)
            ((const char *)&limits + fine[i].offset);

        if (aks_policy_limit_parse(fine[i].text, &limits, &err) != AKS_OK)
            fail_msg("%s", err.message);
        if (*value != fine[i].value)
            fail_msg("%s: %lld", fine[i].text, (long long)*value);
    }
}

static const char *const wrong[] = { "", "=", "memory", "memory=", "=64MiB", "memry=64MiB",
    "MEMORY=64MiB", "memory=64mib", "memory=64 MiB", "memory=-64MiB", "memory=+64MiB",
    "memory=64MiBx", "memory=0", "memory=63KiB", "memory=2GiB", "memory=1e9", "memory=0x100000",
    "memory=nan", "memory=inf", "memory=1.5.5MiB", "memory=.MiB", "memory=99999999999999999999",
    "memory=9999999999999999999999999999999999", "instructions=999", "instructions=1000s",
    "instructions=1e6", "instructions=1000000001", "time=0", "time=0.0001", "time=61", "time=1H",
    "time=3S", "coroutines=0", "coroutines=100001", "log=0", "load=5", "load.time=", "load.time=61",
    "load.instructions=10000000001", "memory=64MiB=" };

static void
what_is_no_limit_is_told_and_changes_nothing(void **state)
{
    static const struct aks_policy_limits none;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct aks_policy_limits limits = { 0 };
        struct aks_error err;

        if (aks_policy_limit_parse(wrong[i], &limits, &err) != AKS_SETTINGS)
            fail_msg("%s", wrong[i]);
        assert_memory_equal(&limits, &none, sizeof(none));
        assert_non_null(strstr(err.message, wrong[i]));
    }
}

static void
what_is_written_is_read_again(void **state)
{
    const struct aks_policy_limit *limit;
    size_t count = 0;

    for (; (limit = aks_policy_limit_at(count)) != NULL; count++) {
        const int64_t values[] = { limit->least, limit->most, (limit->least + limit->most) / 2 };

        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            struct aks_policy_limits limits = { 0 };
            char value[AKS_POLICY_LIMIT_TEXT_BYTES];
            char text[2 * AKS_POLICY_LIMIT_TEXT_BYTES];

            (void)strcpy(text, limit->name);
            (void)strcat(text, "=");
            (void)strcat(text, aks_policy_limit_text(limit, values[i], value));
            assert_int_equal(aks_policy_limit_parse(text, &limits, NULL), AKS_OK);
            assert_int_equal(*aks_policy_limit_of(&limits, limit), values[i]);
        }
    }
    assert_int_equal(count * sizeof(int64_t), sizeof(struct aks_policy_limits));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_read_by_their_names_and_units),
        cmocka_unit_test(what_is_no_limit_is_told_and_changes_nothing),
        cmocka_unit_test(what_is_written_is_read_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
