/* Servers that never come to an end, one way each: what is read of a reply has limits, in bytes and
 * in time. */
#include "os/os.h"
#include "support/http_server.h"
#include "support/http_try.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SOON_MS 60
/* Of a server that says one thing after another: some are said in SOON_MS, whatever the machine
 * does besides. */
#define PAUSE_NS (2 * 1000000L)

struct world {
    struct aks_os *os;
    const struct aks_port *port;
    struct http_server *server;
    /* What is said once, what is said again and again, and how often (0: for ever). */
    const char *first;
    const char *again;
    unsigned times;
    bool slowly;
};

static int
setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    assert_int_equal(aks_os_open(aks_alloc_system(), &world->os, NULL), AKS_OK);
    world->port = aks_os_port(world->os);
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
say(void *ctx, struct http_conn *conn)
{
    const struct world *world = ctx;
    const struct timespec pause = { .tv_nsec = PAUSE_NS };
    char head[HTTP_SERVER_HEAD_BYTES];

    if (!http_conn_read_head(conn, head) || !http_conn_puts(conn, world->first))
        return;
    for (unsigned i = 0; world->times == 0 || i < world->times; i++) {
        if (!http_conn_puts(conn, world->again))
            return;
        if (world->slowly)
            (void)nanosleep(&pause, NULL);
    }
    http_conn_drain(conn);
}

static void
start(struct world *world, const char *first, const char *again, struct http_try *try_,
    const char *method)
{
    world->first = first;
    world->again = again;
    world->server = http_server_start(say, world);
    http_try_init(try_, world->port, method, http_server_url(world->server, "/a"));
}

static void
expect_failure(struct http_try *try_, enum aks_status transport, const char *words)
{
    http_try_run(try_);
    if (try_->transport != transport || strstr(try_->error.message, words) == NULL)
        fail_msg("%s: %s", aks_status_name(try_->transport), try_->error.message);
    assert_int_equal(try_->header_count, 0);
}

static void
interim_answers_without_end_are_bad(void **state)
{
    static const char *const kinds[] = { "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", "HTTP/1.1 199 Whatever\r\n\r\n" };
    struct world *world = *state;
    struct http_try get;

    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        start(world, "", kinds[i], &get, i == 2 ? "PUT" : "GET");
        if (i == 2)
            http_try_set_body(&get, 1000);
        /* Long after the last of them. */
        world->times = 1000;
        get.request.answer_timeout_ms = 30000;
        expect_failure(&get, AKS_BAD_REPLY, "more than 100 interim answers");
        assert_int_equal(get.status, 0);
        http_server_stop(world->server);
        world->server = NULL;
    }
}

static void
some_interim_answers_are_fine(void **state)
{
    struct world *world = *state;
    struct http_try get;

    world->times = 1;
    start(world, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", &get, "GET");
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_OK);
    assert_int_equal(get.status, 200);
    assert_int_equal(get.header_count, 1);
    assert_string_equal(get.reply, "ok");
}

/* Without the limit on their time the limit on their number would be reached first. */
static void
interim_answers_are_no_sign_of_life(void **state)
{
    struct world *world = *state;
    struct http_try put;

    world->slowly = true;
    world->times = 90;
    start(world, "", "HTTP/1.1 102 Processing\r\n\r\n", &put, "PUT");
    http_try_set_body(&put, INT64_C(1) << 32);
    put.request.stall_timeout_ms = SOON_MS;
    expect_failure(&put, AKS_STALLED, "no byte went either way for 60 ms");
    assert_int_equal(put.status, 0);
}

static void
reply_that_drips_is_stalled(void **state)
{
    struct world *world = *state;
    struct http_try get;

    world->slowly = true;
    world->times = 5000;
    start(world, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", "x", &get, "GET");
    get.request.stall_timeout_ms = SOON_MS;
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_STALLED);
    assert_non_null(strstr(get.error.message, "next to nothing of the reply arrived for 60 ms"));
    assert_int_equal(get.status, 200);
}

static void
headers_that_drip_are_stalled(void **state)
{
    struct world *world = *state;
    struct http_try get;

    world->slowly = true;
    start(world, "HTTP/1.1 200 OK\r\n", "X: y\r\n", &get, "GET");
    get.request.stall_timeout_ms = SOON_MS;
    http_try_run(&get);
    /* On a machine that has much else to do they may come in one heap. */
    assert_true(get.transport == AKS_STALLED || get.transport == AKS_BAD_REPLY);
}

/* A reply that takes longer than the stall timeout, and more of it than the pace all the time. */
static void
slow_reply_that_keeps_pace_arrives(void **state)
{
    struct world *world = *state;
    char *piece = malloc(AKS_HTTP_REPLY_PACE_BYTES + 1);
    char head[100];
    struct http_try get;

    assert_non_null(piece);
    memset(piece, 'x', AKS_HTTP_REPLY_PACE_BYTES);
    piece[AKS_HTTP_REPLY_PACE_BYTES] = '\0';
    world->slowly = true;
    world->times = 100;
    (void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
        100 * AKS_HTTP_REPLY_PACE_BYTES);
    start(world, head, piece, &get, "GET");
    get.request.reply_bytes_max = 100 * AKS_HTTP_REPLY_PACE_BYTES;
    get.request.stall_timeout_ms = 10000;
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_OK);
    assert_true(get.body_len == (size_t)100 * AKS_HTTP_REPLY_PACE_BYTES);
    /* Its threads may still hold the piece. */
    http_server_stop(world->server);
    world->server = NULL;
    free(piece);
}

static void
trailers_without_end_are_bad(void **state)
{
    struct world *world = *state;
    struct http_try get;

    start(world, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n", &get,
        "GET");
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_BAD_REPLY);
    assert_non_null(strstr(get.error.message, "headers after its body"));
}

static void
trailer_is_no_status(void **state)
{
    struct world *world = *state;
    struct http_try get;

    world->times = 1;
    start(world, "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nETag: \"x\"\r\n\r\n", &get, "GET");
    http_try_run(&get);
    /* Whether it may stand there at all, versions of libcurl see differently. */
    if (get.transport != AKS_OK && get.transport != AKS_BAD_REPLY)
        fail_msg("%s: %s", aks_status_name(get.transport), get.error.message);
    assert_int_equal(get.status, 500);
    assert_int_equal(get.header_count, 1);
}

static void
chunks_without_end_are_too_large(void **state)
{
    struct world *world = *state;
    struct http_try get;

    start(world, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nbomb\r\n", &get,
        "GET");
    get.request.reply_bytes_max = 1000;
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_TOO_LARGE);
}

/* Their bytes are none of the body, so there is nothing that counts as progress. */
static void
chunk_extension_without_end_is_stalled(void **state)
{
    struct world *world = *state;
    struct http_try get;

    world->slowly = true;
    start(world, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;", "x=y;", &get, "GET");
    get.request.stall_timeout_ms = SOON_MS;
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_STALLED);
}

/* gzip of ten bytes. libcurl of Debian 12 would unpack it as a transfer coding, however large. */
static void
coding_that_nobody_asked_for_is_not_undone(void **state)
{
    static const char *const codings[] = { "gzip, chunked", "gzip", "deflate", "br",
        "chunked, gzip", "identity", "" };
    struct world *world = *state;
    char head[200];
    struct http_try get;

    world->times = 1;
    for (unsigned i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
        (void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n",
            codings[i]);
        start(world, head, "a\r\n\x1f\x8b\x08\x08\x01\x01\x01\x01\x01\x03\r\n0\r\n\r\n", &get,
            "GET");
        http_try_run(&get);
        assert_int_equal(get.transport, AKS_BAD_REPLY);
        assert_non_null(strstr(get.error.message, "nobody asked for"));
        http_server_stop(world->server);
        world->server = NULL;
    }
}

static void
content_that_is_packed_stays_packed(void **state)
{
    struct world *world = *state;
    struct http_try get;

    world->times = 1;
    start(world, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n\r\n",
        "\x1f\x8b\x08\x08\x01\x01\x01\x01\x01\x03", &get, "GET");
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_OK);
    assert_int_equal(get.body_len, 10);
    assert_memory_equal(get.reply, "\x1f\x8b\x08\x08\x01\x01\x01\x01\x01\x03", 10);
}

/* Whoever shows or writes down the value would have two lines. */
static void
half_a_line_end_in_a_header_is_bad(void **state)
{
    struct world *world = *state;
    struct http_try get;

    world->times = 1;
    start(world, "HTTP/1.1 200 OK\r\nETag: \"a\rX: b\"\r\n", "Content-Length: 0\r\n\r\n", &get,
        "GET");
    expect_failure(&get, AKS_BAD_REPLY, "half a line end");
}

/* Another protocol was never asked for: whatever comes then is no reply. */
static void
switch_of_protocols_is_bad(void **state)
{
    struct world *world = *state;
    struct http_try get;

    start(world, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &get, "GET");
    get.request.reply_bytes_max = 1000;
    http_try_run(&get);
    assert_true(get.transport == AKS_BAD_REPLY || get.transport == AKS_TOO_LARGE);
    assert_int_equal(get.status, 0);
}

static void
what_is_no_status_line_is_bad(void **state)
{
    static const char *const lines[] = { "HTTP/0.9 200 OK\r\n\r\n", "hello\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 000 Zero\r\n\r\n",
        "HTTP/1.1 -1 Minus\r\n\r\n", "HTTP/1.1 20 Short\r\n\r\n", "HTTP/1.1\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n", "\r\n\r\n\r\n" };
    struct world *world = *state;
    struct http_try get;

    world->times = 1;
    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        start(world, lines[i], "", &get, "GET");
        get.request.answer_timeout_ms = 1000;
        get.request.stall_timeout_ms = 1000;
        http_try_run(&get);
        if (get.transport != AKS_BAD_REPLY && get.transport != AKS_TIMEOUT &&
            get.transport != AKS_STALLED)
            fail_msg("%s: %s with %d", lines[i], aks_status_name(get.transport), get.status);
        assert_int_equal(get.status, 0);
        http_server_stop(world->server);
        world->server = NULL;
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(interim_answers_without_end_are_bad),
        TEST(some_interim_answers_are_fine),
        TEST(interim_answers_are_no_sign_of_life),
        TEST(reply_that_drips_is_stalled),
        TEST(headers_that_drip_are_stalled),
        TEST(slow_reply_that_keeps_pace_arrives),
        TEST(trailers_without_end_are_bad),
        TEST(trailer_is_no_status),
        TEST(chunks_without_end_are_too_large),
        TEST(chunk_extension_without_end_is_stalled),
        TEST(coding_that_nobody_asked_for_is_not_undone),
        TEST(content_that_is_packed_stays_packed),
        TEST(half_a_line_end_in_a_header_is_bad),
        TEST(switch_of_protocols_is_bad),
        TEST(what_is_no_status_line_is_bad),
    };

    return cmocka_run_group_tests_name("http limits", tests, NULL, NULL);
}
