/* Replies that their server never ends, to a client that knows when it has heard enough. */
#include "os/os.h"
#include "support/http_server.h"
#include "support/http_try.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#define STREAM "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

struct place {
    struct aks_os *os;
    const struct aks_port *port;
    struct http_server *server;
    const char *first;
    const char *again;              /* without end; NULL: silence */
    bool keeps;                     /* takes another request afterwards */
    unsigned asked;
};

static int
setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    assert_int_equal(aks_os_open(aks_alloc_system(), &place->os, NULL), AKS_OK);
    place->port = aks_os_port(place->os);
    *state = place;
    return 0;
}

static int
teardown(void **state)
{
    struct place *place = *state;

    aks_os_close(place->os);
    http_server_stop(place->server);
    free(place);
    return 0;
}

static void
say(void *ctx, struct http_conn *conn)
{
    const struct place *place = ctx;
    char head[HTTP_SERVER_HEAD_BYTES];

    while (http_conn_read_head(conn, head)) {
        if (!http_conn_puts(conn, place->first))
            return;
        while (place->again != NULL) {
            if (!http_conn_puts(conn, place->again))
                return;
        }
        if (!place->keeps)
            break;
    }
    http_conn_drain(conn);
}

static bool
has_answer(void *ctx, const char *data, size_t len)
{
    struct place *place = ctx;

    place->asked++;
    return memmem(data, len, "answer\n\n", 8) != NULL;
}

static void
start(struct place *place, struct http_try *get)
{
    place->server = http_server_start(say, place);
    http_try_init(get, place->port, "GET", http_server_url(place->server, "/a"));
    get->request.enough = has_answer;
    get->request.enough_ctx = place;
}

static void
what_is_enough_ends_a_reply_that_its_server_leaves_open(void **state)
{
    struct place *place = *state;
    struct http_try get;

    place->first = STREAM ": ping\n\ndata: answer\n\n";
    start(place, &get);
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_OK);
    assert_int_equal(get.phase, AKS_HTTP_DONE);
    assert_int_equal(get.status, 200);
    assert_string_equal(get.reply, ": ping\n\ndata: answer\n\n");
    assert_int_equal(get.done, 1);
    assert_true(place->asked > 0);
}

static void
what_follows_is_forgotten_however_much_it_is(void **state)
{
    struct place *place = *state;
    struct http_try get;

    place->first = STREAM "data: answer\n\n";
    place->again = "data: more and more and more and more and more and more and more\n\n";
    start(place, &get);
    get.request.reply_bytes_max = 1024 * 1024;
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_OK);
    assert_memory_equal(get.reply, "data: answer\n\n", 14);
    assert_true(get.body_len < 1024 * 1024);
}

static void
never_enough_is_too_much_or_too_long(void **state)
{
    struct place *place = *state;
    struct http_try get;

    place->first = STREAM;
    place->again = ": ping\n\n";
    start(place, &get);
    get.request.reply_bytes_max = 10000;
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_TOO_LARGE);

    /* Its threads read what it is to say. */
    http_server_stop(place->server);
    place->again = NULL;
    place->first = STREAM "data: another\n\n";
    start(place, &get);
    get.request.stall_timeout_ms = 200;
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_STALLED);
}

static void
reply_that_ends_by_itself_leaves_its_connection(void **state)
{
    struct place *place = *state;
    struct http_try get;

    place->first = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n"
        "data: answer\n\n\r\n0\r\n\r\n";
    place->keeps = true;
    start(place, &get);
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_OK);
    http_try_init(&get, place->port, "GET", http_server_url(place->server, "/b"));
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_OK);
    assert_string_equal(get.reply, "data: answer\n\n");
    assert_int_equal(http_server_accepted(place->server), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_enough_ends_a_reply_that_its_server_leaves_open),
        TEST(what_follows_is_forgotten_however_much_it_is),
        TEST(never_enough_is_too_much_or_too_long),
        TEST(reply_that_ends_by_itself_leaves_its_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
