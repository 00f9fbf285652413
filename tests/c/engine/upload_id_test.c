/* Ids of uploads: their times, and which of two is the newer. */
#include "state_fixture.h"

#include "engine/upload_id.h"

static void
a_time_is_told_of_an_id_of_ours_alone(void **state)
{
    assert_int_equal(aks_upload_id_ms("19700101T000001Z-00abcd"), 1000);
    assert_int_equal(aks_upload_id_ms("19700101T000001-00abcd"), -1);
    assert_int_equal(aks_upload_id_ms("19701301T000001Z-00abcd"), -1);
    assert_int_equal(aks_upload_id_ms("1970"), -1);
    assert_int_equal(aks_upload_id_ms(""), -1);
}

static void
of_a_key_the_folder_of_its_upload_is_told(void **state)
{
    char id[AKS_UPLOAD_ID_BYTES];

    aks_upload_id_of_key("systems/laptop/20261123T084512Z-3f9a2c/a.bin", id);
    assert_string_equal(id, "20261123T084512Z-3f9a2c");
    aks_upload_id_of_key("systems/laptop/uploads/20261123T084512Z-3f9a2c/a.bin", id);
    assert_string_equal(id, "20261123T084512Z-3f9a2c");
    aks_upload_id_of_key("systems/laptop/uploads/20261123T084512Z-3f9a2c", id);
    assert_string_equal(id, "");
    aks_upload_id_of_key("systems/laptop/20261123T084512Z-3f9a2c", id);
    assert_string_equal(id, "");
    aks_upload_id_of_key("systems", id);
    assert_string_equal(id, "");
    aks_upload_id_of_key("systems/laptop/an-upload-whose-name-is-far-too-long-for-one/a.bin", id);
    assert_string_equal(id, "");
}

static int64_t
clock_stands(void *ctx)
{
    return *(int64_t *)ctx;
}

/* After "2026-11-23T06:45:00Z", whatever the clock says, but for what no date follows. */
static void
an_id_is_later_than_every_one_that_is_known(void **state)
{
    int64_t now_ms = 1000;
    struct aks_port own = *port;
    struct aks_state *opened = open_state();
    char first[AKS_UPLOAD_ID_BYTES];
    char second[AKS_UPLOAD_ID_BYTES];

    own.clock.wall_ms = clock_stands;
    own.clock.ctx = &now_ms;
    assert_int_equal(aks_upload_id_new(&own, opened, NULL, first, &err), AKS_OK);
    assert_int_equal(aks_upload_id_ms(first), 1000);
    assert_int_equal(aks_upload_id_new(&own, opened, first, second, &err), AKS_OK);
    assert_int_equal(aks_upload_id_ms(second), 2000);
    assert_int_equal(raw("INSERT INTO uploads (target, upload_id, job_id, begun_at_ms, given_up)"
        " VALUES ('t', '20261123T064500Z-ffffff', 'j', 0, 0), ('t', 'zzz', 'j', 0, 0),"
        " ('t', '99991231T235959Z-ffffff', 'j', 0, 0)"), -1);
    assert_int_equal(aks_upload_id_new(&own, opened, second, first, &err), AKS_OK);
    assert_int_equal(strncmp(first, "20261123T064501Z-", 17), 0);
    now_ms = INT64_C(1800000000000);
    assert_int_equal(aks_upload_id_new(&own, opened, "99991231T235959Z-000000", first, &err),
        AKS_OK);
    assert_int_equal(aks_upload_id_ms(first), now_ms);
    aks_state_close(opened);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_time_is_told_of_an_id_of_ours_alone),
        TEST(of_a_key_the_folder_of_its_upload_is_told),
        TEST(an_id_is_later_than_every_one_that_is_known),
    };

    return cmocka_run_group_tests_name("upload_id", tests, NULL, NULL);
}
