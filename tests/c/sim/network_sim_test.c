/* What of a request arrives, what comes back, and what goes wrong on the way. */
#include "base/units.h"
#include "sim/network.h"
#include "support/http_try.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
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
request_arrives_as_given(void **state)
{
    struct network *network = *state;
    const struct aks_http_header headers[] = { { "X-B", "2" }, { "Authorization", "AWS4 x=y, z" },
        { "X-Empty", "" }, { "x-a", "1" } };
    struct http_try put;

    make(network, &put, "PUT", 30000);
    put.request.headers = headers;
    put.request.header_count = 4;
    http_try_run(&put);
    assert_ended(&put, AKS_OK, AKS_HTTP_DONE);
    assert_string_equal(network->request, "PUT https s3.example.org /bucket/key x=%2F&y\n"
        "X-B=2\nAuthorization=AWS4 x=y, z\nX-Empty=\nx-a=1\nContent-Length=30000\n");
    assert_int_equal(network->good_bytes, 30000);
    assert_int_equal(put.sent_bytes, 30000);
    assert_false(network->unheard);
}

static void
lengths_are_told_where_a_body_is_expected(void **state)
{
    static const struct {
        const char *method;
        bool length;
    } cases[] = { { "GET", false }, { "DELETE", false }, { "HEAD", false }, { "PUT", true },
        { "POST", true }, { "PATCH", true } };
    struct network *network = *state;

    for (unsigned i = 0; i < 6; i++) {
        struct http_try try_;

        make(network, &try_, cases[i].method, 0);
        http_try_run(&try_);
        assert_int_equal(try_.reads, 0);
        assert_int_equal(strstr(network->request, "\nContent-Length=0\n") != NULL, cases[i].length);
    }
}

static void
answer_with_headers(struct network *network, const struct aks_sim_request *request,
    struct aks_sim_reply *reply)
{
    assert_string_equal(aks_sim_request_header(request, "content-LENGTH"), "10");
    assert_null(aks_sim_request_header(request, "content"));
    reply->status = 404;
    aks_sim_reply_header(reply, "ETag", "\"%s %d\"", "a", 7);
    aks_sim_reply_header(reply, "X-Empty", "%s", "");
    aks_buf_puts(&reply->body, "hello");
}

static void
reply_comes_with_status_headers_and_body(void **state)
{
    struct network *network = *state;
    struct http_try put;

    network->answer = answer_with_headers;
    make(network, &put, "PUT", 10);
    http_try_run(&put);
    assert_ended(&put, AKS_OK, AKS_HTTP_DONE);
    assert_int_equal(put.status, 404);
    assert_string_equal(put.reply, "hello");
    assert_string_equal(put.headers, "ETag=\"a 7\"\nX-Empty=\nContent-Length=5\n");
    assert_true(put.duration_ns > 0);
}

static void
answer_as_head(struct network *network, const struct aks_sim_request *request,
    struct aks_sim_reply *reply)
{
    aks_sim_reply_header(reply, "content-length", "100000000");
}

static void
head_has_no_body_whatever_its_length_says(void **state)
{
    struct network *network = *state;
    struct http_try head;

    network->text = "hello";
    make(network, &head, "HEAD", 0);
    head.request.reply_bytes_max = 3;
    http_try_run(&head);
    assert_ended(&head, AKS_OK, AKS_HTTP_DONE);
    assert_int_equal(head.body_len, 0);
    assert_string_equal(head.headers, "Content-Length=5\n");
    network->answer = answer_as_head;
    make(network, &head, "HEAD", 0);
    http_try_run(&head);
    assert_string_equal(head.headers, "content-length=100000000\n");
}

static void
reply_over_the_limit_is_too_large(void **state)
{
    struct network *network = *state;
    struct http_try get;

    network->text = "123456";
    make(network, &get, "GET", 0);
    get.request.reply_bytes_max = 6;
    http_try_run(&get);
    assert_ended(&get, AKS_OK, AKS_HTTP_DONE);
    make(network, &get, "GET", 0);
    get.request.reply_bytes_max = 5;
    http_try_run(&get);
    assert_ended(&get, AKS_TOO_LARGE, AKS_HTTP_REPLY);
    assert_non_null(strstr(get.error.message, "longer than the 5 bytes"));
    assert_int_equal(get.status, 200);
    assert_in_range(get.body_len, 0, 5);
    /* Not on the connection of a reply that was not read to its end. */
    network->steps[0] = '\0';
    make(network, &get, "GET", 0);
    http_try_run(&get);
    assert_memory_equal(network->steps, "name ", 5);
}

static void
steps_are_asked_in_order_each_once(void **state)
{
    struct network *network = *state;
    struct http_try put;

    network->text = "hello";
    make(network, &put, "PUT", 10);
    http_try_run(&put);
    assert_string_equal(network->steps, "name " NETWORK_NAME " 0\nconnect " NETWORK_NAME " 0\n"
        "tls " NETWORK_NAME " 0\nsend " NETWORK_NAME " 10\nserve " NETWORK_NAME " 0\n"
        "reply " NETWORK_NAME " 5\n");
    network_add(network, "127.0.0.1:80");
    network->steps[0] = '\0';
    http_try_init(&put, &network->port, "HEAD", "http://127.0.0.1/");
    http_try_run(&put);
    assert_string_equal(network->steps, "name 127.0.0.1:80 0\nconnect 127.0.0.1:80 0\n"
        "send 127.0.0.1:80 0\nserve 127.0.0.1:80 0\nreply 127.0.0.1:80 0\n");
}

static void
unknown_host_is_dns(void **state)
{
    struct network *network = *state;
    struct http_try two[2];

    http_try_init(&two[0], &network->port, "GET", "https://nowhere.example.org/x");
    http_try_init(&two[1], &network->port, "GET", "https://s3.example.org:8443/");
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(http_try_begin(&two[i]), AKS_OK);
    for (unsigned i = 0; i < 2; i++) {
        http_try_wait(&two[i]);
        assert_ended(&two[i], AKS_DNS, AKS_HTTP_NAME);
    }
    /* Each by its own name. */
    assert_non_null(strstr(two[0].error.message, " nowhere.example.org:443: "));
    assert_non_null(strstr(two[1].error.message, " s3.example.org:8443: "));
    assert_non_null(strstr(network->steps, "name nowhere.example.org:443 0\n"));
    assert_non_null(strstr(network->steps, "name s3.example.org:8443 0\n"));
    assert_int_equal(network->served, 0);
}

static void
host_is_found_whatever_the_case_and_the_usual_port(void **state)
{
    static const char *const urls[] = { "https://S3.Example.ORG/", "HTTPS://s3.example.org:443/",
        "https://s3.example.org", "https://s3.example.org?a=/b" };
    static const char *const requests[] = { "GET https S3.Example.ORG / \n",
        "GET https s3.example.org / \n", "GET https s3.example.org / \n",
        "GET https s3.example.org / a=/b\n" };
    struct network *network = *state;
    struct http_try get;

    for (unsigned i = 0; i < 4; i++) {
        http_try_init(&get, &network->port, "GET", urls[i]);
        http_try_run(&get);
        assert_ended(&get, AKS_OK, AKS_HTTP_DONE);
        assert_string_equal(network->request, requests[i]);
    }
    network_add(network, "[::1]:8080");
    http_try_init(&get, &network->port, "GET", "http://[::1]:8080/a/../b//c%2f");
    http_try_run(&get);
    assert_string_equal(network->request, "GET http [::1]:8080 /a/../b//c%2f \n");
}

static unsigned wild;

static void
serve_wild(void *ctx, int64_t wall_ms, const struct aks_sim_request *request,
    struct aks_sim_reply *reply)
{
    wild = *(unsigned *)ctx;
    reply->status = 200;
}

static void
name_that_begins_with_a_dot_stands_for_all_that_end_so(void **state)
{
    struct network *network = *state;
    struct aks_sim_host host = { .serve = serve_wild };
    unsigned numbers[] = { 1, 2 };
    struct http_try get;

    (void)snprintf(host.name, sizeof(host.name), ".eu.amazonaws.com:443");
    host.ctx = &numbers[1];
    aks_network_sim_host(network->sim, &host);
    (void)snprintf(host.name, sizeof(host.name), ".amazonaws.com:443");
    host.ctx = &numbers[0];
    aks_network_sim_host(network->sim, &host);
    network_add(network, "b.s3.eu.amazonaws.com:443");
    http_try_init(&get, &network->port, "GET", "https://a.s3.us.AmazonAWS.com/");
    http_try_run(&get);
    assert_int_equal(wild, 1);
    assert_memory_equal(network->steps, "name a.s3.us.amazonaws.com:443 0\n", 33);
    http_try_init(&get, &network->port, "GET", "https://a.s3.eu.amazonaws.com/");
    http_try_run(&get);
    assert_int_equal(wild, 2);
    http_try_init(&get, &network->port, "GET", "https://b.s3.eu.amazonaws.com/");
    http_try_run(&get);
    assert_int_equal(network->served, 1);
    http_try_init(&get, &network->port, "GET", "https://notamazonaws.com/");
    http_try_run(&get);
    assert_ended(&get, AKS_DNS, AKS_HTTP_NAME);
    /* Hosts behind one ending have connections of their own. */
    network->steps[0] = '\0';
    http_try_init(&get, &network->port, "GET", "https://c.s3.eu.amazonaws.com/");
    http_try_run(&get);
    assert_memory_equal(network->steps, "name c.s3.eu.amazonaws.com:443 0\n", 33);
}

static void
host_can_be_replaced(void **state)
{
    struct network *network = *state;
    struct aks_sim_host host = { .serve = serve_wild };
    unsigned number = 3;
    struct http_try get;

    host.ctx = &number;
    (void)snprintf(host.name, sizeof(host.name), "%s", NETWORK_NAME);
    aks_network_sim_host(network->sim, &host);
    make(network, &get, "GET", 0);
    http_try_run(&get);
    assert_int_equal(network->served, 0);
    assert_int_equal(wild, 3);
}

static void
connections_are_used_again_unless_a_fresh_one_is_wanted(void **state)
{
    struct network *network = *state;
    struct http_try put;

    for (unsigned i = 0; i < 3; i++) {
        network->steps[0] = '\0';
        make(network, &put, "PUT", 10);
        put.request.fresh_connection = i == 2;
        http_try_run(&put);
        assert_int_equal(strstr(network->steps, "name ") != NULL, i != 1);
    }
}

#define CONNECTIONS 16

static void
sixteen_idle_connections_are_kept(void **state)
{
    struct network *network = *state;
    struct http_try tries[CONNECTIONS + 1];
    unsigned names = 0;

    for (unsigned round = 0; round < 2; round++) {
        network->steps[0] = '\0';
        for (unsigned i = 0; i <= CONNECTIONS; i++) {
            make(network, &tries[i], "GET", 0);
            assert_int_equal(http_try_begin(&tries[i]), AKS_OK);
        }
        assert_int_equal(aks_network_sim_under_way(network->sim), CONNECTIONS + 1);
        for (unsigned i = 0; i <= CONNECTIONS; i++)
            http_try_wait(&tries[i]);
        assert_int_equal(aks_network_sim_under_way(network->sim), 0);
    }
    for (const char *at = network->steps; (at = strstr(at, "name ")) != NULL; at++)
        names++;
    assert_int_equal(names, 1);
}

static void
server_has_a_clock_of_its_own(void **state)
{
    struct network *network = *state;
    struct http_try get;

    network->agenda.skew_ms = 777000;
    network_pass(network, 5 * S);
    make(network, &get, "GET", 0);
    http_try_run(&get);
    assert_in_range(network->served_wall_ms, NETWORK_WALL_MS + 5005, NETWORK_WALL_MS + 5006);
    network->server_skew_ms = -3600000;
    network_set(network, AKS_NS_PER_MS, 0);
    make(network, &get, "GET", 0);
    http_try_run(&get);
    assert_in_range(network->served_wall_ms, NETWORK_WALL_MS - 3600000 + 5007,
        NETWORK_WALL_MS - 3600000 + 5008);
}

/* The same that the real port refuses: tests/c/os/http_refusals_test.c. */
static void
what_the_real_port_refuses_is_refused(void **state)
{
    static const struct aks_http_header headers[] = {
        { "X-A", "1\r\nX-B: 2" }, { "X-A", "1\nX-B: 2" }, { "X-A", "1\r" }, { "X-A", "\x01" },
        { "X-A\r\nX-B", "1" }, { "X A", "1" }, { "X:A", "1" }, { "", "1" }, { "X-\xc3\xa4", "1" },
        { "Host", "elsewhere" }, { "content-length", "7" }, { "Transfer-Encoding", "chunked" },
    };
    static const char *const urls[] = {
        "", "127.0.0.1/", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http:///x",
        "https://user:password@127.0.0.1/", "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y",
        "http://127.0.0.1/a#password", "http://127.0.0.1:99999/", "https://h/\xc3\xa4password",
    };
    struct network *network = *state;
    struct http_try get;

    make(network, &get, "GET", 0);
    get.request.header_count = 1;
    for (unsigned i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        get.request.headers = &headers[i];
        assert_int_equal(http_try_begin(&get), AKS_SETTINGS);
        assert_memory_equal(get.error.message, "cannot send ", 12);
        assert_null(strstr(get.error.message, "chunked"));
    }
    for (unsigned i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        http_try_init(&get, &network->port, "GET", urls[i]);
        if (http_try_begin(&get) != AKS_SETTINGS)
            fail_msg("%s: %s", urls[i], get.error.message);
        assert_null(strstr(get.error.message, "password"));
    }
    make(network, &get, "GET /x HTTP/1.1\r\n", 0);
    assert_int_equal(http_try_begin(&get), AKS_SETTINGS);
    make(network, &get, "", 0);
    assert_int_equal(http_try_begin(&get), AKS_SETTINGS);
    assert_string_equal(network->steps, "");
    assert_int_equal(aks_network_sim_under_way(network->sim), 0);
}

static void
more_than_the_limits_is_refused(void **state)
{
    struct network *network = *state;
    struct aks_http_header headers[AKS_HTTP_HEADERS_MAX + 1];
    struct http_try put;

    for (unsigned i = 0; i <= AKS_HTTP_HEADERS_MAX; i++)
        headers[i] = (struct aks_http_header) { "X-A", "1" };
    make(network, &put, "PUT", 0);
    put.request.headers = headers;
    put.request.header_count = AKS_HTTP_HEADERS_MAX + 1;
    assert_int_equal(http_try_begin(&put), AKS_LIMIT);
    put.request.header_count = AKS_HTTP_HEADERS_MAX;
    http_try_run(&put);
    assert_ended(&put, AKS_OK, AKS_HTTP_DONE);
    make(network, &put, "PUT", INT64_C(1) << 40);
    assert_int_equal(http_try_begin(&put), AKS_LIMIT);
}

static void
plain_http_is_for_this_machine_only(void **state)
{
    static const char *const urls[] = {
        "http://192.0.2.1/", "http://example.com/", "http://127.0.0.1.example.com/",
        "http://0.0.0.0/", "http://[::2]/", "http://[::ffff:192.0.2.1]/",
        "http://localhost.example.com/", "http://128.0.0.1/", "http://notlocalhost/",
        "HTTP://192.0.2.1/",
    };
    static const char *const fine[] = { "http://127.0.0.1/", "http://127.3.4.5:8080/",
        "http://[::1]:9000/a", "http://localhost", "http://LocalHost:1/" };
    struct network *network = *state;
    struct http_try get;

    for (unsigned i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        http_try_init(&get, &network->port, "GET", urls[i]);
        if (http_try_begin(&get) != AKS_SETTINGS)
            fail_msg("%s: %s", urls[i], get.error.message);
        assert_non_null(strstr(get.error.message, "plain http is for this machine only"));
    }
    for (unsigned i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        http_try_init(&get, &network->port, "GET", fine[i]);
        http_try_run(&get);
        assert_ended(&get, AKS_DNS, AKS_HTTP_NAME);
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, network_setup, network_teardown)
    const struct CMUnitTest tests[] = {
        TEST(request_arrives_as_given),
        TEST(lengths_are_told_where_a_body_is_expected),
        TEST(reply_comes_with_status_headers_and_body),
        TEST(head_has_no_body_whatever_its_length_says),
        TEST(reply_over_the_limit_is_too_large),
        TEST(steps_are_asked_in_order_each_once),
        TEST(unknown_host_is_dns),
        TEST(host_is_found_whatever_the_case_and_the_usual_port),
        TEST(name_that_begins_with_a_dot_stands_for_all_that_end_so),
        TEST(host_can_be_replaced),
        TEST(connections_are_used_again_unless_a_fresh_one_is_wanted),
        TEST(sixteen_idle_connections_are_kept),
        TEST(server_has_a_clock_of_its_own),
        TEST(what_the_real_port_refuses_is_refused),
        TEST(more_than_the_limits_is_refused),
        TEST(plain_http_is_for_this_machine_only),
    };

    return cmocka_run_group_tests_name("simulated network", tests, NULL, NULL);
}
