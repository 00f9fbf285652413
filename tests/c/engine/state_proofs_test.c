/* What was proven of uploads, and which are being removed, as the state database keeps it. */
#include "engine/state_proofs.h"

#include "state_fixture.h"

#include <stdio.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void
prove(struct aks_state *opened, const char *target, const char *upload_id, enum aks_proof_how how,
    int64_t at_ms, enum aks_status outcome)
{
    struct aks_proof proof = { .target = target, .how = how, .at_ms = at_ms, .outcome = outcome,
        .objects = 2, .bytes = 300 };

    (void)snprintf(proof.upload_id, sizeof(proof.upload_id), "%s", upload_id);
    assert_int_equal(aks_state_proof_put(opened, &proof, &err), AKS_OK);
}

static void
the_latest_proof_that_is_strong_enough_is_found(void **state)
{
    struct aks_state *opened = open_state();
    struct aks_proof proof;

    assert_int_equal(aks_state_proof_last(opened, NULL, NULL, AKS_PROOF_LOOKED, &proof, &err),
        AKS_NOT_FOUND);
    prove(opened, T, "a", AKS_PROOF_DRILL, NOW, AKS_OK);
    prove(opened, T, "b", AKS_PROOF_READ, NOW - 5, AKS_OK);
    prove(opened, T, "c", AKS_PROOF_READ_BACK, NOW + 1, AKS_OK);
    prove(opened, T, "d", AKS_PROOF_LOOKED, NOW + 2, AKS_OK);
    prove(opened, T, "e", AKS_PROOF_RESTORED, NOW + 3, AKS_CORRUPT);
    prove(opened, "other", "f", AKS_PROOF_READ, NOW, AKS_OK);
    assert_int_equal(aks_state_proof_last(opened, T, NULL, AKS_PROOF_LOOKED, &proof, &err),
        AKS_OK);
    assert_string_equal(proof.upload_id, "d");
    assert_int_equal(aks_state_proof_last(opened, T, NULL, AKS_PROOF_READ_BACK, &proof, &err),
        AKS_OK);
    assert_string_equal(proof.upload_id, "c");
    assert_int_equal(aks_state_proof_last(opened, T, NULL, AKS_PROOF_READ, &proof, &err), AKS_OK);
    assert_string_equal(proof.upload_id, "b");
    assert_int_equal(proof.at_ms, NOW - 5);
    assert_true(proof.objects == 2 && proof.bytes == 300 && proof.how == AKS_PROOF_READ);
    assert_int_equal(aks_state_proof_last(opened, NULL, NULL, AKS_PROOF_READ, &proof, &err),
        AKS_OK);
    assert_string_equal(proof.upload_id, "f");
    assert_int_equal(aks_state_proof_last(opened, NULL, NULL, AKS_PROOF_RESTORED, &proof, &err),
        AKS_OK);
    assert_string_equal(proof.upload_id, "a");
    assert_int_equal(aks_state_proof_last(opened, T, "c", AKS_PROOF_READ, &proof, &err),
        AKS_NOT_FOUND);
    assert_int_equal(aks_state_proof_last(opened, T, "e", AKS_PROOF_LOOKED, &proof, &err),
        AKS_NOT_FOUND);
    aks_state_close(opened);
}

static void
old_proofs_are_forgotten(void **state)
{
    struct aks_state *opened = open_state();

    for (int i = 0; i < AKS_STATE_PROOFS_MAX + 5; i++)
        prove(opened, T, "a", AKS_PROOF_READ, NOW + i, AKS_OK);
    assert_int_equal(raw("SELECT count(*) FROM proofs"), AKS_STATE_PROOFS_MAX);
    assert_int_equal(raw("SELECT max(at_ms) FROM proofs"), NOW + AKS_STATE_PROOFS_MAX + 4);
    aks_state_close(opened);
}

static void
a_removal_is_known_from_its_beginning_to_its_end(void **state)
{
    struct aks_state *opened = open_state();
    bool begun;

    assert_int_equal(aks_state_prune_begin(opened, T, "a", NOW, &err), AKS_OK);
    assert_int_equal(aks_state_prune_begin(opened, T, "a", NOW + 1, &err), AKS_OK);
    aks_state_close(opened);
    opened = open_state();
    assert_int_equal(aks_state_prune_begun(opened, T, "a", &begun, &err), AKS_OK);
    assert_true(begun);
    assert_int_equal(aks_state_prune_begun(opened, "other", "a", &begun, &err), AKS_OK);
    assert_false(begun);
    assert_int_equal(aks_state_prune_end(opened, T, "a", &err), AKS_OK);
    assert_int_equal(aks_state_prune_begun(opened, T, "a", &begun, &err), AKS_OK);
    assert_false(begun);
    aks_state_close(opened);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_latest_proof_that_is_strong_enough_is_found),
        TEST(old_proofs_are_forgotten),
        TEST(a_removal_is_known_from_its_beginning_to_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
