/* Requests that fail, are cut, lost, answered otherwise, given up, or outlived. */
#include "base/units.h"
#include "sim/network.h"
#include "support/failing_alloc.h"
#include "support/http_try.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define S AKS_NS_PER_S

static void
make(struct network *network, struct http_try *try_, const char *method, int64_t bytes)
{
    http_try_init(try_, &network->port, method, NETWORK_URL);
    if (bytes > 0)
        http_try_set_body(try_, bytes);
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
step_that_fails_ends_the_request_there(void **state)
{
    static const struct {
        const char *verb;
        int64_t bytes;
        enum aks_status status;
        enum aks_http_phase phase;
        unsigned served;
        int64_t sent;
    } cases[] = {
        { "name", 10, AKS_DNS, AKS_HTTP_NAME, 0, 0 },
        { "connect", 10, AKS_REFUSED, AKS_HTTP_CONNECT, 0, 0 },
        { "connect", 10, AKS_OFFLINE, AKS_HTTP_CONNECT, 0, 0 },
        { "tls", 10, AKS_TLS, AKS_HTTP_TLS, 0, 0 },
        { "send", 10, AKS_BAD_REPLY, AKS_HTTP_SEND, 0, 0 },
        { "serve", 10, AKS_BAD_REPLY, AKS_HTTP_ANSWER, 0, 10 },
        { "reply", 10, AKS_BAD_REPLY, AKS_HTTP_REPLY, 1, 10 },
        /* What has no body is sent as soon as it is connected. */
        { "send", 0, AKS_BAD_REPLY, AKS_HTTP_ANSWER, 0, 0 },
        { "serve", 0, AKS_OFFLINE, AKS_HTTP_ANSWER, 0, 0 },
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct network network;
        struct http_try try_;

        assert_int_equal(network_open(&network, aks_alloc_system(), i), AKS_OK);
        make(&network, &try_, cases[i].bytes > 0 ? "PUT" : "GET", cases[i].bytes);
        network_strike(&network, cases[i].verb, 0, cases[i].status);
        http_try_run(&try_);
        assert_ended(&try_, cases[i].status, cases[i].phase);
        assert_memory_equal(try_.error.message, try_.request.method, 3);
        assert_null(strstr(try_.error.message, "bucket"));
        assert_int_equal(network.served, cases[i].served);
        assert_int_equal(try_.sent_bytes, cases[i].sent);
        assert_int_equal(try_.status, cases[i].served > 0 ? 200 : 0);
        /* Nor is such a connection used again. */
        network.verb = NULL;
        network.steps[0] = '\0';
        make(&network, &try_, "GET", 0);
        http_try_run(&try_);
        assert_memory_equal(network.steps, "name ", 5);
        network_close(&network);
    }
}

static void
answer_throttled(struct network *network, const struct aks_sim_request *request,
    struct aks_sim_reply *reply)
{
    reply->status = 503;
    aks_sim_reply_header(reply, "Retry-After", "7");
    aks_buf_puts(&reply->body, "<Error><Code>SlowDown</Code></Error>");
}

/* As with the real port: what the server said before it hung up is there. */
static void
cut_reply_has_its_head_and_what_came_of_its_body(void **state)
{
    struct network *network = *state;
    struct http_try get;

    network->answer = answer_throttled;
    make(network, &get, "GET", 0);
    network_strike(network, "reply", 0, AKS_BAD_REPLY);
    network->fault.bytes = 7;
    http_try_run(&get);
    assert_ended(&get, AKS_BAD_REPLY, AKS_HTTP_REPLY);
    assert_int_equal(get.status, 503);
    assert_string_equal(get.headers, "Retry-After=7\nContent-Length=36\n");
    assert_string_equal(get.reply, "<Error>");
    make(network, &get, "GET", 0);
    get.request.reply_bytes_max = 5;
    network->fault.bytes = INT64_MAX;
    http_try_run(&get);
    assert_string_equal(get.reply, "<Erro");
    make(network, &get, "GET", 0);
    network_strike(network, "reply", -1, AKS_OK);
    http_try_run(&get);
    assert_ended(&get, AKS_STALLED, AKS_HTTP_REPLY);
    assert_int_equal(get.status, 503);
    assert_int_equal(get.header_count, 2);
    assert_int_equal(get.body_len, 0);
}

static void
body_that_is_cut_has_gone_so_far(void **state)
{
    struct network *network = *state;
    struct http_try put;

    network_strike(network, "send", 0, AKS_BAD_REPLY);
    network->fault.bytes = 7;
    make(network, &put, "PUT", 10);
    http_try_run(&put);
    assert_ended(&put, AKS_BAD_REPLY, AKS_HTTP_SEND);
    assert_int_equal(put.sent_bytes, 7);
    network->fault.bytes = 70;
    make(network, &put, "PUT", 10);
    http_try_run(&put);
    assert_int_equal(put.sent_bytes, 10);
    assert_int_equal(network->served, 0);
}

static void
lost_answer_is_of_a_request_that_was_served_unheard(void **state)
{
    struct network *network = *state;
    struct http_try put;

    network_strike(network, "serve", 0, AKS_BAD_REPLY);
    network->fault.served = true;
    make(network, &put, "PUT", 10);
    http_try_run(&put);
    assert_ended(&put, AKS_BAD_REPLY, AKS_HTTP_ANSWER);
    assert_int_equal(put.status, 0);
    assert_int_equal(put.header_count, 0);
    assert_int_equal(put.body_len, 0);
    assert_int_equal(network->served, 1);
    assert_true(network->unheard);
}

static void
reply_can_be_replaced_with_or_without_serving(void **state)
{
    struct network *network = *state;
    struct http_try put;

    network->text = "what the server says";
    network_strike(network, "serve", 0, AKS_OK);
    network->fault.http_status = 503;
    network->fault.http_code = "SlowDown";
    network->fault.retry_after_s = 19;
    make(network, &put, "PUT", 10);
    http_try_run(&put);
    assert_ended(&put, AKS_OK, AKS_HTTP_DONE);
    assert_int_equal(network->served, 0);
    assert_int_equal(put.status, 503);
    assert_string_equal(put.reply, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<Error><Code>SlowDown</Code><Message>as the plan of faults has it</Message></Error>");
    assert_string_equal(put.headers, "Content-Type=application/xml\nRetry-After=19\n"
        "Content-Length=122\n");
    network->fault.served = true;
    network->fault.http_status = 500;
    network->fault.http_code = NULL;
    network->fault.retry_after_s = -1;
    make(network, &put, "PUT", 10);
    http_try_run(&put);
    assert_int_equal(network->served, 1);
    assert_true(network->unheard);
    assert_int_equal(put.status, 500);
    assert_string_equal(put.headers, "Content-Length=0\n");
    assert_int_equal(put.body_len, 0);
}

static void
replaced_reply_of_head_has_no_body(void **state)
{
    struct network *network = *state;
    struct http_try head;

    network_strike(network, "serve", 0, AKS_OK);
    network->fault.http_status = 403;
    network->fault.http_code = "AccessDenied";
    make(network, &head, "HEAD", 0);
    http_try_run(&head);
    assert_int_equal(head.status, 403);
    assert_int_equal(head.body_len, 0);
}

static void
body_that_cannot_be_read_ends_the_request_with_its_reason(void **state)
{
    struct network *network = *state;
    struct http_try put;

    make(network, &put, "PUT", 1000000);
    put.fail_at = 500000;
    http_try_run(&put);
    assert_ended(&put, AKS_SOURCE_CHANGED, AKS_HTTP_SEND);
    assert_string_equal(put.error.message, "the source has become shorter");
    assert_int_equal(network->served, 0);
}

/* Begins a request and lets so much time pass. */
static void
begin(struct network *network, struct http_try *try_, int64_t ns)
{
    make(network, try_, "PUT", 10);
    assert_int_equal(http_try_begin(try_), AKS_OK);
    assert_int_equal(aks_network_sim_under_way(network->sim), 1);
    network_pass(network, ns);
}

static void
request_that_is_cancelled_before_it_is_sent_never_arrives(void **state)
{
    struct network *network = *state;
    struct http_try put;

    for (int64_t ms = 0; ms < 5; ms++) {
        begin(network, &put, ms * AKS_NS_PER_MS + AKS_NS_PER_MS / 2);
        http_try_cancel(&put);
        assert_int_equal(aks_network_sim_under_way(network->sim), 0);
        network_pass(network, 100 * S);
        assert_int_equal(put.done, 0);
        assert_int_equal(network->served, 0);
    }
}

static void
request_that_is_cancelled_on_its_way_is_served_and_nobody_hears(void **state)
{
    struct network *network = *state;
    struct http_try put;

    network_strike(network, "serve", 10 * S, AKS_OK);
    begin(network, &put, 5 * S);
    http_try_cancel(&put);
    assert_int_equal(aks_network_sim_under_way(network->sim), 0);
    assert_int_equal(network->served, 0);
    /* What it borrowed is gone. */
    memset(&put, 0x5a, sizeof(put));
    network_pass(network, 100 * S);
    assert_int_equal(network->served, 1);
    assert_true(network->unheard);
    assert_int_equal(network->good_bytes, 10);
    assert_in_range(network->served_at_ns, 10 * S, 10 * S + 10 * AKS_NS_PER_MS);
}

static void
request_that_is_cancelled_as_its_reply_comes_was_served(void **state)
{
    struct network *network = *state;
    struct http_try put;

    network_strike(network, "reply", 10 * S, AKS_OK);
    begin(network, &put, 5 * S);
    assert_int_equal(network->served, 1);
    http_try_cancel(&put);
    network_pass(network, 100 * S);
    assert_int_equal(put.done, 0);
    assert_int_equal(network->served, 1);
}

static void
time_out_of_a_request_on_its_way_does_not_take_it_back(void **state)
{
    struct network *network = *state;
    struct http_try put;

    network_strike(network, "serve", 10 * S, AKS_OK);
    make(network, &put, "PUT", 10);
    put.request.answer_timeout_ms = 1000;
    http_try_run(&put);
    assert_ended(&put, AKS_TIMEOUT, AKS_HTTP_ANSWER);
    network_pass(network, 100 * S);
    assert_int_equal(network->served, 1);
    assert_true(network->unheard);
}

static void
begin_another(struct http_try *try_)
{
    assert_int_equal(http_try_begin(try_->ctx), AKS_OK);
}

static void
cancel_another(struct http_try *try_)
{
    http_try_cancel(try_->ctx);
}

static void
completion_may_submit_and_cancel(void **state)
{
    struct network *network = *state;
    struct http_try first;
    struct http_try second;
    struct http_try third;

    make(network, &first, "GET", 0);
    make(network, &second, "GET", 0);
    http_try_init(&third, &network->port, "GET", "https://s3.example.org/slow");
    third.request.connect_timeout_ms = 0;
    network_strike(network, "name", -1, AKS_OK);
    network->times = 1;
    first.ended = begin_another;
    first.ctx = &second;
    second.ended = cancel_another;
    second.ctx = &third;
    assert_int_equal(http_try_begin(&third), AKS_OK);
    network_pass(network, AKS_NS_PER_MS);
    http_try_run(&first);
    http_try_wait(&second);
    assert_int_equal(third.done, 0);
    assert_null(third.call);
    assert_int_equal(aks_network_sim_under_way(network->sim), 0);
}

static void
crash_forgets_the_client_s_side_and_serves_what_was_sent(void **state)
{
    struct network *network = *state;
    struct http_try three[3];
    struct http_try get;

    make(network, &get, "GET", 0);
    http_try_run(&get);
    network->served = 0;
    network_strike(network, "serve", 10 * S, AKS_OK);
    network->times = 2;
    for (unsigned i = 0; i < 2; i++) {
        make(network, &three[i], "PUT", 10);
        assert_int_equal(http_try_begin(&three[i]), AKS_OK);
    }
    network_pass(network, S);
    make(network, &three[2], "PUT", 10);
    assert_int_equal(http_try_begin(&three[2]), AKS_OK);
    aks_network_sim_crash(network->sim);
    assert_int_equal(aks_network_sim_under_way(network->sim), 0);
    network_pass(network, 100 * S);
    assert_int_equal(network->served, 2);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(three[i].done, 0);
    network->steps[0] = '\0';
    make(network, &get, "GET", 0);
    http_try_run(&get);
    assert_memory_equal(network->steps, "name ", 5);
}

static void
connections_do_not_live_through_a_crash(void **state)
{
    struct network *network = *state;
    struct http_try get;

    make(network, &get, "GET", 0);
    http_try_run(&get);
    aks_network_sim_crash(network->sim);
    network->steps[0] = '\0';
    make(network, &get, "GET", 0);
    http_try_run(&get);
    assert_memory_equal(network->steps, "name ", 5);
}

static void
process_that_dies_at_a_step_hears_nothing_more(void **state)
{
    static const char *const verbs[] = { "name", "connect", "tls", "send", "serve", "reply" };

    for (unsigned i = 0; i < 12; i++) {
        struct network network;
        struct http_try put;

        assert_int_equal(network_open(&network, aks_alloc_system(), 1), AKS_OK);
        network_strike(&network, verbs[i / 2], 0, AKS_OK);
        network.fault.dies = true;
        network.fault.served = i % 2 == 1;
        begin(&network, &put, S);
        assert_int_equal(put.done, 0);
        assert_int_equal(network.served, i == 9 || i >= 10);
        assert_int_equal(network.unheard, i == 9);
        aks_network_sim_crash(network.sim);
        network_pass(&network, 100 * S);
        assert_int_equal(put.done, 0);
        assert_int_equal(network.served, i == 9 || i >= 10);
        network_close(&network);
    }
}

static void
free_ends_requests_under_way_without_a_completion(void **state)
{
    struct network network;
    struct http_try five[5];

    assert_int_equal(network_open(&network, aks_alloc_system(), 1), AKS_OK);
    network_strike(&network, "serve", 10 * S, AKS_OK);
    for (unsigned i = 0; i < 5; i++) {
        make(&network, &five[i], "PUT", 10);
        assert_int_equal(http_try_begin(&five[i]), AKS_OK);
        network_pass(&network, AKS_NS_PER_MS);
    }
    network_pass(&network, 10 * AKS_NS_PER_MS);
    http_try_cancel(&five[0]);
    network_close(&network);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(five[i].done, 0);
}

static int
one_request(void *ctx, const struct aks_alloc *alloc)
{
    struct network network;
    struct http_try put;
    enum aks_status status = network_open(&network, alloc, 1);

    if (status != AKS_OK)
        return status == AKS_LIMIT ? 0 : 1;
    network.text = "hello";
    make(&network, &put, "PUT", 3000);
    put.request.headers = (const struct aks_http_header[]) { { "X-A", "1" } };
    put.request.header_count = 1;
    status = http_try_begin(&put);
    if (status == AKS_OK) {
        http_try_wait(&put);
        status = put.transport;
    }
    assert_int_equal(aks_network_sim_under_way(network.sim), 0);
    if (status == AKS_OK)
        assert_string_equal(put.reply, "hello");
    network_close(&network);
    return status == AKS_OK || status == AKS_LIMIT ? 0 : 1;
}

static void
network_without_memory_ends_its_requests(void **state)
{
    failing_alloc_loop(one_request, NULL, 50);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, network_setup, network_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(step_that_fails_ends_the_request_there),
        TEST(cut_reply_has_its_head_and_what_came_of_its_body),
        TEST(body_that_is_cut_has_gone_so_far),
        TEST(lost_answer_is_of_a_request_that_was_served_unheard),
        TEST(reply_can_be_replaced_with_or_without_serving),
        TEST(replaced_reply_of_head_has_no_body),
        TEST(body_that_cannot_be_read_ends_the_request_with_its_reason),
        TEST(request_that_is_cancelled_before_it_is_sent_never_arrives),
        TEST(request_that_is_cancelled_on_its_way_is_served_and_nobody_hears),
        TEST(request_that_is_cancelled_as_its_reply_comes_was_served),
        TEST(time_out_of_a_request_on_its_way_does_not_take_it_back),
        TEST(completion_may_submit_and_cancel),
        TEST(crash_forgets_the_client_s_side_and_serves_what_was_sent),
        TEST(connections_do_not_live_through_a_crash),
        cmocka_unit_test(process_that_dies_at_a_step_hears_nothing_more),
        cmocka_unit_test(free_ends_requests_under_way_without_a_completion),
        cmocka_unit_test(network_without_memory_ends_its_requests),
    };

    return cmocka_run_group_tests_name("simulated network: faults", tests, NULL, NULL);
}
