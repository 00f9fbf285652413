/* How long requests take, and which of their limits ends them, where and as what: the same as with
 * the real port (tests/c/os/http_faults_test.c). */
#include "base/units.h"
#include "sim/network.h"
#include "support/http_try.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS AKS_NS_PER_MS
#define S AKS_NS_PER_S

/* A request of ${bytes} (0: a GET) with limits of 4, 5 and 6 s: connect, answer, stall. */
static void
make(struct network *network, struct http_try *try_, int64_t bytes)
{
    http_try_init(try_, &network->port, bytes > 0 ? "PUT" : "GET", NETWORK_URL);
    if (bytes > 0)
        http_try_set_body(try_, bytes);
    try_->request.connect_timeout_ms = 4000;
    try_->request.answer_timeout_ms = 5000;
    try_->request.stall_timeout_ms = 6000;
}

static void
assert_lasted(const struct http_try *try_, int64_t ns)
{
    if (try_->duration_ns < ns || try_->duration_ns > ns + NETWORK_SHUFFLE_NS)
        fail_msg("%.6f s instead of %.6f", (double)try_->duration_ns / 1e9, (double)ns / 1e9);
}

static void
assert_ended(const struct http_try *try_, enum aks_status transport, enum aks_http_phase phase)
{
    if (try_->transport != transport || try_->phase != phase)
        fail_msg("%s in phase %d: %s", aks_status_name(try_->transport), (int)try_->phase,
            try_->error.message);
    assert_int_equal(try_->error.status, transport);
}

static void
silence_ends_as_the_limit_of_its_step_says(void **state)
{
    static const struct {
        const char *verb;
        int64_t bytes;
        enum aks_status transport;
        enum aks_http_phase phase;
        int64_t lasts_ns;
        int status;
    } cases[] = {
        { "name", 10, AKS_DNS, AKS_HTTP_NAME, 4 * S, 0 },
        { "connect", 10, AKS_CONNECT_TIMEOUT, AKS_HTTP_CONNECT, 4 * S, 0 },
        { "tls", 10, AKS_TIMEOUT, AKS_HTTP_TLS, 4 * S, 0 },
        /* Connected after 4 ms; the answer is not owed yet. */
        { "send", 10, AKS_STALLED, AKS_HTTP_SEND, 6 * S + 4 * MS, 0 },
        { "serve", 10, AKS_TIMEOUT, AKS_HTTP_ANSWER, 5 * S + 5 * MS, 0 },
        { "reply", 10, AKS_STALLED, AKS_HTTP_REPLY, 6 * S + 5 * MS, 200 },
        { "name", 0, AKS_DNS, AKS_HTTP_NAME, 4 * S, 0 },
        { "tls", 0, AKS_TIMEOUT, AKS_HTTP_TLS, 4 * S, 0 },
        /* Without a body the answer is owed as soon as it is connected. */
        { "send", 0, AKS_TIMEOUT, AKS_HTTP_ANSWER, 5 * S + 4 * MS, 0 },
        { "serve", 0, AKS_TIMEOUT, AKS_HTTP_ANSWER, 5 * S + 4 * MS, 0 },
        { "reply", 0, AKS_STALLED, AKS_HTTP_REPLY, 6 * S + 5 * MS, 200 },
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct network network;
        struct http_try try_;

        assert_int_equal(network_open(&network, aks_alloc_system(), i), AKS_OK);
        make(&network, &try_, cases[i].bytes);
        network_strike(&network, cases[i].verb, -1, AKS_OK);
        http_try_run(&try_);
        assert_ended(&try_, cases[i].transport, cases[i].phase);
        assert_lasted(&try_, cases[i].lasts_ns);
        assert_int_equal(try_.status, cases[i].status);
        assert_int_equal(network.served, strcmp(cases[i].verb, "reply") == 0);
        network_close(&network);
    }
}

static void
slow_steps_end_alike_and_go_well_below_the_limit(void **state)
{
    static const struct {
        const char *verb;
        int64_t limit_ns;               /* of the delay, that lets it go well */
        enum aks_status transport;
        enum aks_http_phase phase;
    } cases[] = {
        { "name", 4 * S - 5 * MS, AKS_DNS, AKS_HTTP_NAME },
        { "connect", 4 * S - 5 * MS, AKS_CONNECT_TIMEOUT, AKS_HTTP_CONNECT },
        { "tls", 4 * S - 5 * MS, AKS_TIMEOUT, AKS_HTTP_TLS },
        { "send", 6 * S - 2 * MS, AKS_STALLED, AKS_HTTP_SEND },
        { "serve", 5 * S - MS, AKS_TIMEOUT, AKS_HTTP_ANSWER },
        { "reply", 6 * S - 2 * MS, AKS_STALLED, AKS_HTTP_REPLY },
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct network network;
        struct http_try try_;

        assert_int_equal(network_open(&network, aks_alloc_system(), i), AKS_OK);
        make(&network, &try_, 10);
        network_strike(&network, cases[i].verb, cases[i].limit_ns, AKS_OK);
        http_try_run(&try_);
        assert_ended(&try_, AKS_OK, AKS_HTTP_DONE);
        assert_lasted(&try_, cases[i].limit_ns + 6 * MS);
        make(&network, &try_, 10);
        try_.request.fresh_connection = true;
        network_strike(&network, cases[i].verb, cases[i].limit_ns + 6 * MS, AKS_OK);
        http_try_run(&try_);
        assert_ended(&try_, cases[i].transport, cases[i].phase);
        network_close(&network);
    }
}

static void
connect_limit_is_for_name_connection_and_tls_together(void **state)
{
    struct network *network = *state;
    struct http_try try_;

    make(network, &try_, 0);
    network_strike(network, "name", 3500 * MS, AKS_OK);
    network_set(network, 200 * MS, 0);
    http_try_run(&try_);
    assert_ended(&try_, AKS_TIMEOUT, AKS_HTTP_TLS);
    assert_lasted(&try_, 4 * S);
    make(network, &try_, 0);
    try_.request.connect_timeout_ms = 4400;
    http_try_run(&try_);
    assert_ended(&try_, AKS_OK, AKS_HTTP_DONE);
    assert_lasted(&try_, 4700 * MS);
}

static void
connect_limit_does_not_count_once_connected(void **state)
{
    struct network *network = *state;
    struct http_try try_;

    make(network, &try_, 10);
    try_.request.connect_timeout_ms = 5;
    network_strike(network, "serve", 4900 * MS, AKS_OK);
    http_try_run(&try_);
    assert_ended(&try_, AKS_OK, AKS_HTTP_DONE);
    make(network, &try_, 10);
    try_.request.connect_timeout_ms = 1;
    http_try_run(&try_);
    assert_ended(&try_, AKS_OK, AKS_HTTP_DONE);
}

/* The usual limits of small requests to S3 are equal, and the seed must not decide. */
static void
answer_s_limit_counts_where_both_have_come(void **state)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct network network;
        struct http_try try_;

        assert_int_equal(network_open(&network, aks_alloc_system(), seed), AKS_OK);
        make(&network, &try_, (int64_t)(seed % 2));
        try_.request.stall_timeout_ms = 5000;
        network_strike(&network, "serve", -1, AKS_OK);
        http_try_run(&try_);
        assert_ended(&try_, AKS_TIMEOUT, AKS_HTTP_ANSWER);
        network_close(&network);
    }
}

static void
shorter_stall_limit_ends_a_wait_for_the_answer(void **state)
{
    struct network *network = *state;
    struct http_try try_;

    make(network, &try_, 10);
    try_.request.stall_timeout_ms = 3000;
    network_strike(network, "serve", -1, AKS_OK);
    http_try_run(&try_);
    assert_ended(&try_, AKS_STALLED, AKS_HTTP_ANSWER);
    assert_lasted(&try_, 3 * S + 5 * MS);
}

static void
bytes_that_move_do_not_stall_however_long_they_take(void **state)
{
    struct network *network = *state;
    static char text[50001];
    struct http_try try_;

    memset(text, 'x', sizeof(text) - 1);
    network->text = text;
    network_set(network, MS, 1000);
    make(network, &try_, 100000);
    try_.request.stall_timeout_ms = 10;
    try_.request.answer_timeout_ms = 10;
    http_try_run(&try_);
    assert_ended(&try_, AKS_OK, AKS_HTTP_DONE);
    /* 100 s up, 50 s down, six times a millisecond. */
    assert_lasted(&try_, 150 * S + 6 * MS);
    assert_int_equal(try_.sent_bytes, 100000);
    assert_int_equal(try_.body_len, 50000);
}

static void
way_takes_its_latency_at_each_step(void **state)
{
    struct network *network = *state;
    struct http_try try_;

    network_add(network, "127.0.0.1:80");
    network_set(network, 10 * MS, 0);
    make(network, &try_, 10);
    http_try_run(&try_);
    /* There and back to connect, and to shake hands; there; and back. */
    assert_lasted(&try_, 60 * MS);
    make(network, &try_, 10);
    http_try_run(&try_);
    /* On the same connection. */
    assert_lasted(&try_, 20 * MS);
    http_try_init(&try_, &network->port, "GET", "http://127.0.0.1/");
    http_try_run(&try_);
    assert_lasted(&try_, 4 * MS);
}

static void
head_s_body_takes_no_time(void **state)
{
    struct network *network = *state;
    struct http_try try_;

    network->text = "ten bytes.";
    network_set(network, 0, 1);
    http_try_init(&try_, &network->port, "HEAD", NETWORK_URL);
    http_try_run(&try_);
    assert_lasted(&try_, 0);
    http_try_init(&try_, &network->port, "GET", NETWORK_URL);
    http_try_run(&try_);
    assert_lasted(&try_, 10 * S);
}

static void
request_without_limits_waits_for_ever(void **state)
{
    struct network *network = *state;
    struct http_try try_;

    make(network, &try_, 10);
    try_.request.connect_timeout_ms = 0;
    try_.request.answer_timeout_ms = 0;
    try_.request.stall_timeout_ms = 0;
    network_strike(network, "serve", 1000 * 3600 * S, AKS_OK);
    http_try_run(&try_);
    assert_ended(&try_, AKS_OK, AKS_HTTP_DONE);
    assert_lasted(&try_, 1000 * 3600 * S + 2 * MS + 4 * MS);
    network_strike(network, "serve", -1, AKS_OK);
    make(network, &try_, 10);
    try_.request.connect_timeout_ms = 0;
    try_.request.answer_timeout_ms = 0;
    try_.request.stall_timeout_ms = 0;
    assert_int_equal(http_try_begin(&try_), AKS_OK);
    network_pass(network, 3600 * S);
    assert_int_equal(try_.done, 0);
    assert_null(aks_heap_first(&network->agenda.heap));
    http_try_cancel(&try_);
}

static void
limits_beyond_all_numbers_are_none(void **state)
{
    static const int64_t limits_ms[] = { INT64_MAX, INT64_MAX / 1000000, INT64_MAX / 2000000 + 1,
        INT64_MAX / 2000000, INT64_MIN };
    struct network *network = *state;

    for (unsigned i = 0; i < 5; i++) {
        struct http_try try_;

        make(network, &try_, 10);
        try_.request.fresh_connection = true;
        try_.request.connect_timeout_ms = limits_ms[i];
        try_.request.answer_timeout_ms = limits_ms[i];
        try_.request.stall_timeout_ms = limits_ms[i];
        network_strike(network, "serve", 100 * S, AKS_OK);
        http_try_run(&try_);
        assert_ended(&try_, AKS_OK, AKS_HTTP_DONE);
    }
}

/* Time has an end, and nothing wraps around there. */
static void
delays_beyond_all_numbers_end_with_time(void **state)
{
    struct network *network = *state;
    struct http_try try_;

    http_try_init(&try_, &network->port, "GET", NETWORK_URL);
    try_.request.answer_timeout_ms = 0;
    try_.request.stall_timeout_ms = 0;
    network_strike(network, "reply", INT64_MAX, AKS_OK);
    http_try_run(&try_);
    assert_ended(&try_, AKS_OK, AKS_HTTP_DONE);
    assert_true(try_.duration_ns > INT64_MAX - S);
}

static void
idle_connection_is_used_again_for_twenty_seconds(void **state)
{
    struct network *network = *state;
    struct http_try try_;

    make(network, &try_, 0);
    http_try_run(&try_);
    network_pass(network, 20 * S - MS);
    network->steps[0] = '\0';
    make(network, &try_, 0);
    http_try_run(&try_);
    assert_string_equal(network->steps, "send " NETWORK_NAME " 0\nserve " NETWORK_NAME " 0\n"
        "reply " NETWORK_NAME " 0\n");
    network_pass(network, 20 * S + MS);
    network->steps[0] = '\0';
    make(network, &try_, 0);
    http_try_run(&try_);
    assert_memory_equal(network->steps, "name ", 5);
}

/* Each connection has its own time. */
static void
connection_that_idles_is_not_kept_by_another(void **state)
{
    struct network *network = *state;
    struct http_try two[2];
    struct http_try try_;

    for (unsigned i = 0; i < 2; i++) {
        make(network, &two[i], 0);
        assert_int_equal(http_try_begin(&two[i]), AKS_OK);
    }
    http_try_wait(&two[0]);
    http_try_wait(&two[1]);
    network_pass(network, 15 * S);
    make(network, &try_, 0);
    http_try_run(&try_);
    network_pass(network, 15 * S);
    for (unsigned i = 0; i < 2; i++) {
        make(network, &two[i], 0);
        assert_int_equal(http_try_begin(&two[i]), AKS_OK);
    }
    network->steps[0] = '\0';
    http_try_wait(&two[0]);
    http_try_wait(&two[1]);
    assert_non_null(strstr(network->steps, "name "));
    assert_null(strstr(strstr(network->steps, "name ") + 1, "name "));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, network_setup, network_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_ends_as_the_limit_of_its_step_says),
        cmocka_unit_test(slow_steps_end_alike_and_go_well_below_the_limit),
        TEST(connect_limit_is_for_name_connection_and_tls_together),
        TEST(connect_limit_does_not_count_once_connected),
        cmocka_unit_test(answer_s_limit_counts_where_both_have_come),
        TEST(shorter_stall_limit_ends_a_wait_for_the_answer),
        TEST(bytes_that_move_do_not_stall_however_long_they_take),
        TEST(way_takes_its_latency_at_each_step),
        TEST(head_s_body_takes_no_time),
        TEST(request_without_limits_waits_for_ever),
        TEST(limits_beyond_all_numbers_are_none),
        TEST(delays_beyond_all_numbers_end_with_time),
        TEST(idle_connection_is_used_again_for_twenty_seconds),
        TEST(connection_that_idles_is_not_kept_by_another),
    };

    return cmocka_run_group_tests_name("simulated network: times", tests, NULL, NULL);
}
