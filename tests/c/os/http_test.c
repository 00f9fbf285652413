/* Requests and replies that go well, over plain http to a server in this process. */
#include "os/os.h"
#include "support/failing_alloc.h"
#include "support/http_server.h"
#include "support/http_try.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REQUESTS_MAX 64

/* What the server saw and what it answers. */
struct world {
    struct aks_os *os;
    const struct aks_port *port;
    struct http_server *server;
    const char *answer;                 /* to every request; NULL: 200 with no body */
    unsigned close_after;               /* requests of a connection; 0: never */
    unsigned cut_connection;            /* ends without an answer to its second request; from 1 */
    atomic_uint requests;
    char heads[REQUESTS_MAX][HTTP_SERVER_HEAD_BYTES];
    int64_t good_bytes[REQUESTS_MAX];   /* of the body, that were as they should be */
};

static int64_t
read_pattern(struct http_conn *conn, int64_t bytes)
{
    unsigned char block[65536];
    int64_t good = 0;

    for (int64_t offset = 0; offset < bytes;) {
        size_t len = bytes - offset < (int64_t)sizeof(block) ? (size_t)(bytes - offset)
            : sizeof(block);

        if (!http_conn_read(conn, block, len))
            return -1;
        for (size_t i = 0; i < len; i++)
            good += block[i] == http_try_byte(offset + (int64_t)i);
        offset += (int64_t)len;
    }
    return good;
}

static void
answer(void *ctx, struct http_conn *conn)
{
    struct world *world = ctx;
    char head[HTTP_SERVER_HEAD_BYTES];

    for (unsigned served = 1; http_conn_read_head(conn, head); served++) {
        unsigned request = atomic_fetch_add(&world->requests, 1) % REQUESTS_MAX;

        (void)snprintf(world->heads[request], sizeof(world->heads[request]), "%s", head);
        world->good_bytes[request] = read_pattern(conn, http_conn_body_bytes(head));
        if (served > 1 && conn->index + 1 == world->cut_connection)
            return;
        if (!http_conn_puts(conn, world->answer != NULL ? world->answer
            : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
            return;
        if (served == world->close_after)
            return;
    }
}

static int
setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    assert_int_equal(aks_os_open(aks_alloc_system(), &world->os, NULL), AKS_OK);
    world->port = aks_os_port(world->os);
    world->server = http_server_start(answer, world);
    *state = world;
    return 0;
}

static int
teardown(void **state)
{
    struct world *world = *state;

    aks_os_close(world->os);
    http_server_stop(world->server);
    free(world);
    return 0;
}

static void
reply_comes_with_status_headers_and_body(void **state)
{
    struct world *world = *state;
    struct http_try get;

    world->answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nX-One:  1 \r\n"
        "ETag: \"a b\"\r\nX-Empty:\r\nx-one: 2\r\n\r\nhello";
    http_try_init(&get, world->port, "GET", http_server_url(world->server, "/a"));
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_OK);
    assert_int_equal(get.phase, AKS_HTTP_DONE);
    assert_int_equal(get.status, 404);
    assert_string_equal(get.reply, "hello");
    assert_string_equal(get.headers,
        "Content-Length=5\nX-One=1\nETag=\"a b\"\nX-Empty=\nx-one=2\n");
    assert_true(get.duration_ns > 0);
    assert_int_equal(get.sent_bytes, 0);
}

static void
request_is_on_the_wire_as_given_and_nothing_is_added(void **state)
{
    struct world *world = *state;
    const struct aks_http_header headers[] = { { "X-B", "2" }, { "Authorization", "AWS4 x=y, z" },
        { "X-Empty", "" }, { "x-a", "1" } };
    char wanted[HTTP_SERVER_HEAD_BYTES];
    struct http_try put;

    http_try_init(&put, world->port, "PUT",
        http_server_url(world->server, "/a/../b//c%2f%7E/./d?x=%2B&y=~!*'()&z"));
    put.request.headers = headers;
    put.request.header_count = 4;
    http_try_set_body(&put, 3);
    http_try_run(&put);
    assert_int_equal(put.status, 200);
    (void)snprintf(wanted, sizeof(wanted),
        "PUT /a/../b//c%%2f%%7E/./d?x=%%2B&y=~!*'()&z HTTP/1.1\r\n"
        "Host: 127.0.0.1:%u\r\nUser-Agent: akosha-sync/%s\r\nX-B: 2\r\n"
        "Authorization: AWS4 x=y, z\r\nX-Empty:\r\nx-a: 1\r\nContent-Length: 3\r\n\r\n",
        http_server_port(world->server), AKS_VERSION);
    assert_string_equal(world->heads[0], wanted);
}

static void
methods_without_a_body_tell_so_where_one_is_expected(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *method;
        bool length;
    } cases[] = { { "GET", false }, { "DELETE", false }, { "HEAD", false }, { "PUT", true },
        { "POST", true }, { "PATCH", true } };

    for (unsigned i = 0; i < 6; i++) {
        struct http_try try_;
        size_t len = strlen(cases[i].method);

        http_try_init(&try_, world->port, cases[i].method, http_server_url(world->server, "/"));
        http_try_run(&try_);
        assert_int_equal(try_.transport, AKS_OK);
        assert_int_equal(try_.status, 200);
        assert_memory_equal(world->heads[i], cases[i].method, len);
        assert_int_equal(http_conn_body_bytes(world->heads[i]), cases[i].length ? 0 : -1);
        assert_null(strcasestr(world->heads[i], "Content-Type"));
        assert_null(strcasestr(world->heads[i], "Accept"));
        assert_null(strcasestr(world->heads[i], "Expect"));
        assert_null(strcasestr(world->heads[i], "Transfer-Encoding"));
    }
}

static void
post_with_a_body_has_the_caller_s_type_only(void **state)
{
    struct world *world = *state;
    const struct aks_http_header headers[] = { { "Content-Type", "application/json" },
        { "Accept", "text/event-stream" } };
    struct http_try post;

    http_try_init(&post, world->port, "POST", http_server_url(world->server, "/"));
    http_try_set_body(&post, 10);
    http_try_run(&post);
    assert_null(strcasestr(world->heads[0], "Content-Type"));
    http_try_init(&post, world->port, "POST", http_server_url(world->server, "/"));
    http_try_set_body(&post, 10);
    post.request.headers = headers;
    post.request.header_count = 2;
    http_try_run(&post);
    assert_non_null(strstr(world->heads[1], "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(world->heads[1], "\r\nAccept: text/event-stream\r\n"));
    assert_memory_equal(world->heads[1], "POST ", 5);
    assert_int_equal(world->good_bytes[1], 10);
}

static void
head_has_no_body_whatever_its_length_says(void **state)
{
    struct world *world = *state;
    struct http_try head;

    world->answer = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n";
    http_try_init(&head, world->port, "HEAD", http_server_url(world->server, "/"));
    head.request.reply_bytes_max = 10;
    http_try_run(&head);
    assert_int_equal(head.transport, AKS_OK);
    assert_int_equal(head.body_len, 0);
    assert_string_equal(head.headers, "Content-Length=100000000\n");
}

static void
large_body_arrives_byte_for_byte(void **state)
{
    struct world *world = *state;
    const int64_t bytes = 20 * 1024 * 1024 + 13;
    struct http_try put;

    http_try_init(&put, world->port, "PUT", http_server_url(world->server, "/large"));
    http_try_set_body(&put, bytes);
    http_try_run(&put);
    assert_int_equal(put.transport, AKS_OK);
    assert_int_equal(put.status, 200);
    assert_true(world->good_bytes[0] == bytes);
    assert_true(put.sent_bytes == bytes);
}

static void
body_of_zero_bytes_is_never_read(void **state)
{
    struct world *world = *state;
    struct http_try put;

    http_try_init(&put, world->port, "PUT", http_server_url(world->server, "/"));
    http_try_set_body(&put, 0);
    http_try_run(&put);
    assert_int_equal(put.status, 200);
    assert_int_equal(put.reads, 0);
    assert_int_equal(http_conn_body_bytes(world->heads[0]), 0);
}

static void
chunked_replies_interim_answers_and_folded_headers_are_understood(void **state)
{
    struct world *world = *state;
    struct http_try get;

    world->answer = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        "HTTP/1.1 200 OK\r\nX-Long: a\r\n  b\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n";
    http_try_init(&get, world->port, "GET", http_server_url(world->server, "/"));
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_OK);
    assert_int_equal(get.status, 200);
    assert_string_equal(get.reply, "abcde");
    assert_string_equal(get.headers, "X-Long=a b\nTransfer-Encoding=chunked\n");
}

static void
reply_may_be_as_long_as_allowed(void **state)
{
    struct world *world = *state;
    struct http_try get;

    world->answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    http_try_init(&get, world->port, "GET", http_server_url(world->server, "/"));
    get.request.reply_bytes_max = 5;
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_OK);
    assert_int_equal(get.body_len, 5);
}

static void
redirects_are_replies(void **state)
{
    struct world *world = *state;
    struct http_try get;

    world->answer = "HTTP/1.1 307 Temporary Redirect\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
    http_try_init(&get, world->port, "GET", http_server_url(world->server, "/a"));
    http_try_run(&get);
    assert_int_equal(get.status, 307);
    assert_int_equal(world->requests, 1);
}

static void
localhost_is_this_machine(void **state)
{
    struct world *world = *state;
    struct http_try get;
    char url[64];

    (void)snprintf(url, sizeof(url), "http://localhost:%u/", http_server_port(world->server));
    http_try_init(&get, world->port, "GET", url);
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_OK);
    assert_int_equal(get.status, 200);
}

static void
loopback_is_never_sent_through_a_proxy(void **state)
{
    struct world *world = *state;
    struct http_try get;

    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("all_proxy", "http://127.0.0.1:1", 1), 0);
    http_try_init(&get, world->port, "GET", http_server_url(world->server, "/"));
    http_try_run(&get);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(unsetenv("all_proxy"), 0);
    assert_int_equal(get.status, 200);
}

static void
connections_are_used_again_unless_a_fresh_one_is_wanted(void **state)
{
    struct world *world = *state;
    struct http_try put;

    for (unsigned i = 0; i < 10; i++) {
        http_try_init(&put, world->port, "PUT", http_server_url(world->server, "/"));
        http_try_set_body(&put, 100000);
        http_try_run(&put);
        assert_int_equal(put.status, 200);
    }
    assert_int_equal(http_server_accepted(world->server), 1);
    put.done = 0;
    put.request.fresh_connection = true;
    http_try_run(&put);
    assert_int_equal(http_server_accepted(world->server), 2);
}

static void
many_requests_run_side_by_side(void **state)
{
    struct world *world = *state;
    static struct http_try tries[REQUESTS_MAX];

    for (unsigned i = 0; i < REQUESTS_MAX; i++) {
        http_try_init(&tries[i], world->port, "PUT", http_server_url(world->server, "/"));
        http_try_set_body(&tries[i], 30000 + i);
        assert_int_equal(http_try_begin(&tries[i]), AKS_OK);
    }
    for (unsigned i = 0; i < REQUESTS_MAX; i++) {
        http_try_wait(&tries[i]);
        assert_int_equal(tries[i].transport, AKS_OK);
        assert_int_equal(tries[i].status, 200);
        assert_true(tries[i].sent_bytes == 30000 + i);
    }
    assert_int_equal(world->requests, REQUESTS_MAX);
    for (unsigned i = 0; i < REQUESTS_MAX; i++)
        assert_true(world->good_bytes[i] == http_conn_body_bytes(world->heads[i]));
}

/* A server that hangs up on an idle connection just as it is used again: the body is sent once more
 * from its beginning, and nobody above notices. */
static void
body_is_sent_again_when_a_reused_connection_dies(void **state)
{
    struct world *world = *state;
    const int64_t bytes = 5 * 1024 * 1024;
    struct http_try put;

    world->cut_connection = 1;
    http_try_init(&put, world->port, "GET", http_server_url(world->server, "/first"));
    http_try_run(&put);
    assert_int_equal(put.status, 200);
    http_try_init(&put, world->port, "PUT", http_server_url(world->server, "/again"));
    http_try_set_body(&put, bytes);
    http_try_run(&put);
    assert_int_equal(put.transport, AKS_OK);
    assert_int_equal(put.status, 200);
    assert_int_equal(http_server_accepted(world->server), 2);
    assert_int_equal(world->requests, 3);
    assert_true(world->good_bytes[1] == bytes);
    assert_true(world->good_bytes[2] == bytes);
    assert_true(put.sent_bytes == 2 * bytes);
}

static void
fresh_connection_that_dies_is_not_tried_again(void **state)
{
    struct world *world = *state;
    struct http_try post;

    world->answer = "";
    world->close_after = 1;
    http_try_init(&post, world->port, "POST", http_server_url(world->server, "/"));
    post.request.fresh_connection = true;
    http_try_run(&post);
    assert_int_equal(post.transport, AKS_BAD_REPLY);
    assert_int_equal(post.phase, AKS_HTTP_ANSWER);
    assert_int_equal(world->requests, 1);
}

static void
begin_another(struct http_try *try_)
{
    struct http_try *next = try_->ctx;

    assert_int_equal(http_try_begin(next), AKS_OK);
}

static void
cancel_another(struct http_try *try_)
{
    http_try_cancel(try_->ctx);
}

static void
completion_may_submit_and_cancel(void **state)
{
    struct world *world = *state;
    struct http_try first;
    struct http_try second;
    struct http_try third;

    http_try_init(&first, world->port, "GET", http_server_url(world->server, "/1"));
    http_try_init(&second, world->port, "GET", http_server_url(world->server, "/2"));
    /* Never answered within this test. */
    http_try_init(&third, world->port, "PUT", http_server_url(world->server, "/3"));
    http_try_set_body(&third, INT64_C(1) << 40);
    first.ended = begin_another;
    first.ctx = &second;
    second.ended = cancel_another;
    second.ctx = &third;
    assert_int_equal(http_try_begin(&third), AKS_OK);
    http_try_run(&first);
    http_try_wait(&second);
    assert_int_equal(third.done, 0);
    assert_null(third.call);
}

/* Two that end in the same turn: the first completion cancels the second, which was to come
 * next. */
static void
completion_may_cancel_one_that_has_ended_too(void **state)
{
    struct world *world = *state;
    struct http_try one;
    struct http_try two;

    http_try_init(&one, world->port, "GET", "http://127.0.0.1:1/");
    http_try_init(&two, world->port, "GET", "http://127.0.0.1:1/");
    one.ended = cancel_another;
    one.ctx = &two;
    two.ended = cancel_another;
    two.ctx = &one;
    assert_int_equal(http_try_begin(&one), AKS_OK);
    assert_int_equal(http_try_begin(&two), AKS_OK);
    while (one.done + two.done == 0)
        assert_int_equal(world->port->events.wait(world->port->events.ctx, -1, NULL), AKS_OK);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(world->port->events.wait(world->port->events.ctx, 0, NULL), AKS_OK);
    assert_int_equal(one.done + two.done, 1);
}

static int
use_http(void *ctx, const struct aks_alloc *alloc)
{
    struct world *world = ctx;
    struct aks_os *os = NULL;
    struct aks_error err;
    struct http_try put;

    if (aks_os_open(alloc, &os, &err) != AKS_OK)
        return err.status == AKS_LIMIT ? 0 : 1;
    http_try_init(&put, aks_os_port(os), "PUT", http_server_url(world->server, "/"));
    http_try_set_body(&put, 1000);
    if (http_try_begin(&put) == AKS_OK) {
        http_try_wait(&put);
        if (put.transport != AKS_OK)
            assert_int_equal(put.transport, AKS_LIMIT);
    } else {
        assert_int_equal(put.error.status, AKS_LIMIT);
    }
    aks_os_close(os);
    return 0;
}

static void
requests_survive_any_allocation_that_fails(void **state)
{
    struct world *world = *state;

    world->answer = "HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: 300\r\n\r\n"
        "012345678901234567890123456789012345678901234567890123456789"
        "012345678901234567890123456789012345678901234567890123456789"
        "012345678901234567890123456789012345678901234567890123456789"
        "012345678901234567890123456789012345678901234567890123456789"
        "012345678901234567890123456789012345678901234567890123456789";
    failing_alloc_loop(use_http, world, 100);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(reply_comes_with_status_headers_and_body),
        TEST(request_is_on_the_wire_as_given_and_nothing_is_added),
        TEST(methods_without_a_body_tell_so_where_one_is_expected),
        TEST(post_with_a_body_has_the_caller_s_type_only),
        TEST(head_has_no_body_whatever_its_length_says),
        TEST(large_body_arrives_byte_for_byte),
        TEST(body_of_zero_bytes_is_never_read),
        TEST(chunked_replies_interim_answers_and_folded_headers_are_understood),
        TEST(reply_may_be_as_long_as_allowed),
        TEST(redirects_are_replies),
        TEST(localhost_is_this_machine),
        TEST(loopback_is_never_sent_through_a_proxy),
        TEST(connections_are_used_again_unless_a_fresh_one_is_wanted),
        TEST(many_requests_run_side_by_side),
        TEST(body_is_sent_again_when_a_reused_connection_dies),
        TEST(fresh_connection_that_dies_is_not_tried_again),
        TEST(completion_may_submit_and_cancel),
        TEST(completion_may_cancel_one_that_has_ended_too),
        TEST(requests_survive_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
