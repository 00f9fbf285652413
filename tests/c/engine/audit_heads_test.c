#include "engine/audit_heads.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ID "20261126T080000Z-000001"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void
head_fits_its_own_record_and_no_other(void **state)
{
    static const char text[] = "{\"seq\":1,\"prev\":\"" ZEROS "\","
        "\"at\":\"2026-11-26T08:00:00.000Z\","
        "\"event\":\"upload_sent\",\"upload_id\":\"" ID "\"}";
    struct aks_audit_heads_facts facts = { .first_at_ms = 0 };
    struct aks_audit_place place = { "audit.jsonl", 1, 1 };
    struct aks_audit_line line;
    json_t *record = NULL;

    aks_audit_line_read(text, strlen(text), &line, &record);
    assert_non_null(record);
    for (int right = 0; right < 2; right++) {
        struct aks_audit_heads heads;

        aks_audit_heads_init(&heads, aks_alloc_system());
        assert_int_equal(aks_audit_heads_add(&heads, 0, ID, 1, right ? line.digest : ZEROS, NULL),
            AKS_OK);
        aks_audit_heads_sort(&heads);
        aks_audit_heads_record(&heads, &place, &line, record);
        aks_audit_heads_judge(&heads, &facts);
        assert_int_equal(heads.heads[0].outcome, right ? AKS_AUDIT_HEAD_FITS
            : AKS_AUDIT_HEAD_REWRITTEN);
        assert_true((aks_audit_heads_fault(&heads) == NULL) == (right != 0));
        aks_audit_heads_fini(&heads);
    }
    json_decref(record);
}

static bool
made_here(void *ctx, const struct aks_audit_head *head)
{
    return true;
}

/* The source has not changed since, so the state still knows its upload. */
static void
head_of_a_removed_record_is_from_before(void **state)
{
    struct aks_audit_heads_facts facts = { .first_at_ms = 1000, .proven_to_the_end = true,
        .stored = made_here };

    for (int removed = 0; removed < 2; removed++) {
        struct aks_audit_heads heads;

        facts.removed = removed != 0;
        aks_audit_heads_init(&heads, aks_alloc_system());
        assert_int_equal(aks_audit_heads_add(&heads, 0, ID, 999, ZEROS, NULL), AKS_OK);
        assert_int_equal(aks_audit_heads_add(&heads, 0, ID "a", 1000, ZEROS, NULL), AKS_OK);
        assert_int_equal(aks_audit_heads_add(&heads, 0, ID "b", 1001, ZEROS, NULL), AKS_OK);
        aks_audit_heads_sort(&heads);
        aks_audit_heads_judge(&heads, &facts);
        for (size_t i = 0; i < heads.count; i++)
            assert_int_equal(heads.heads[i].outcome, removed && i < 2 ? AKS_AUDIT_HEAD_BEFORE
                : AKS_AUDIT_HEAD_REWRITTEN);
        aks_audit_heads_fini(&heads);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_fits_its_own_record_and_no_other),
        cmocka_unit_test(head_of_a_removed_record_is_from_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
