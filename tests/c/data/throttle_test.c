/* The token bucket, on a clock of the test's own. */
#include "data/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define S AKS_NS_PER_S
#define KIB INT64_C(1024)

static struct aks_throttle throttle;

static int
setup(void **state)
{
    memset(&throttle, 0, sizeof(throttle));
    return 0;
}

/* One sender that takes grant after grant and sends each at its time; when the last one goes. */
static int64_t
send_all(size_t bytes, int64_t now_ns, unsigned *ret_grants)
{
    *ret_grants = 0;
    while (bytes > 0) {
        bytes -= aks_throttle_take(&throttle, bytes, now_ns, &now_ns);
        (*ret_grants)++;
    }
    return now_ns;
}

static void
without_a_limit_all_goes_at_once(void **state)
{
    int64_t at_ns = -1;

    assert_int_equal(aks_throttle_take(&throttle, SIZE_MAX, 5 * S, &at_ns), SIZE_MAX);
    assert_int_equal(at_ns, 5 * S);
    aks_throttle_set(&throttle, 1024, 5 * S);
    aks_throttle_set(&throttle, 0, 6 * S);
    assert_int_equal(aks_throttle_take(&throttle, 1000000, 6 * S, &at_ns), 1000000);
    assert_int_equal(at_ns, 6 * S);
}

static void
bytes_take_as_long_as_the_rate_says(void **state)
{
    static const struct {
        int64_t rate;
        size_t bytes;
        int64_t lasts_ns;       /* until the last grant goes */
        unsigned grants;
    } known[] = {
        { 1024, 10240, 9500000000, 20 },            /* grants of 512 bytes, half a second each */
        { 100 * 1024, 1024000, 9900000000, 100 },   /* of 10 KiB, a tenth of a second */
        { 10240000, 102400000, 9996800000, 1563 },  /* of 64 KiB */
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        unsigned grants;

        setup(NULL);
        aks_throttle_set(&throttle, known[i].rate, 7 * S);
        assert_int_equal(send_all(known[i].bytes, 7 * S, &grants) - 7 * S, known[i].lasts_ns);
        assert_int_equal(grants, known[i].grants);
    }
}

static void
who_asks_first_is_served_first_and_none_is_left_out(void **state)
{
    int64_t at_ns[3];

    aks_throttle_set(&throttle, 10 * KIB, S);
    for (int i = 0; i < 3; i++)
        assert_int_equal(aks_throttle_take(&throttle, 5000, S, &at_ns[i]), 1024);
    assert_int_equal(at_ns[0], S);
    assert_int_equal(at_ns[1], S + S / 10);
    assert_int_equal(at_ns[2], S + S / 5);
    /* The first of them, once more: behind the others. */
    (void)aks_throttle_take(&throttle, 1024, S, &at_ns[0]);
    assert_int_equal(at_ns[0], S + 3 * S / 10);
}

static void
time_that_nobody_used_is_not_saved_up(void **state)
{
    int64_t at_ns;

    aks_throttle_set(&throttle, 10 * KIB, 0);
    (void)aks_throttle_take(&throttle, 1024, 0, &at_ns);
    assert_int_equal(at_ns, 0);
    /* An hour later: a tenth of a second's worth at once, and the grant of now. */
    (void)aks_throttle_take(&throttle, 1024, 3600 * S, &at_ns);
    assert_int_equal(at_ns, 3600 * S);
    (void)aks_throttle_take(&throttle, 1024, 3600 * S, &at_ns);
    assert_int_equal(at_ns, 3600 * S);
    (void)aks_throttle_take(&throttle, 1024, 3600 * S, &at_ns);
    assert_int_equal(at_ns, 3600 * S + S / 10);
}

static void
another_rate_counts_from_now_on(void **state)
{
    int64_t at_ns;

    aks_throttle_set(&throttle, 1 * KIB, 0);
    for (int i = 0; i < 10; i++)
        (void)aks_throttle_take(&throttle, 512, 0, &at_ns);
    assert_int_equal(at_ns, 4 * S + S / 2);
    /* The same once more is no change. */
    aks_throttle_set(&throttle, 1 * KIB, 1);
    (void)aks_throttle_take(&throttle, 512, 1, &at_ns);
    assert_int_equal(at_ns, 5 * S);
    aks_throttle_set(&throttle, 100 * KIB, S);
    assert_int_equal(aks_throttle_take(&throttle, 50000, S, &at_ns), 10 * KIB);
    assert_int_equal(at_ns, S);
}

static void
the_largest_and_the_smallest_do_not_overflow(void **state)
{
    int64_t at_ns;
    int64_t far_ns = INT64_MAX / 4;

    aks_throttle_set(&throttle, AKS_THROTTLE_BYTES_PER_S_MAX, far_ns);
    assert_int_equal(aks_throttle_take(&throttle, SIZE_MAX, far_ns, &at_ns),
        AKS_THROTTLE_GRANT_MAX);
    assert_true(throttle.next_ns > far_ns);
    aks_throttle_set(&throttle, AKS_THROTTLE_BYTES_PER_S_MIN, 0);
    assert_int_equal(aks_throttle_take(&throttle, 1, 0, &at_ns), 1);
    assert_int_equal(throttle.next_ns, S / 1024 + 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_a_limit_all_goes_at_once, setup),
        cmocka_unit_test_setup(bytes_take_as_long_as_the_rate_says, setup),
        cmocka_unit_test_setup(who_asks_first_is_served_first_and_none_is_left_out, setup),
        cmocka_unit_test_setup(time_that_nobody_used_is_not_saved_up, setup),
        cmocka_unit_test_setup(another_rate_counts_from_now_on, setup),
        cmocka_unit_test_setup(the_largest_and_the_smallest_do_not_overflow, setup),
    };

    return cmocka_run_group_tests_name("throttle", tests, NULL, NULL);
}
