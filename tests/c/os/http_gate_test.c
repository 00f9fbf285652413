/* Bodies that a gate holds up, over plain http to a server in this process. */
#include "base/units.h"
#include "os/os.h"
#include "support/http_server.h"
#include "support/http_try.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#define BODY 200000
#define GRANT 20000
#define HOLD_NS (40 * AKS_NS_PER_MS)

struct place {
    struct aks_os *os;
    const struct aks_port *port;
    struct http_server *server;
    struct aks_http_gate gate;
    int64_t next_ns;                    /* when the next grant may be used */
    int64_t granted;
    unsigned asked;
    unsigned turns;
};

static void
answer(void *ctx, struct http_conn *conn)
{
    static _Thread_local unsigned char block[BODY];    /* each connection has a thread */
    char head[HTTP_SERVER_HEAD_BYTES];
    char text[128];

    while (http_conn_read_head(conn, head)) {
        int64_t bytes = http_conn_body_bytes(head);
        unsigned good = 0;

        if (bytes > 0 && !http_conn_read(conn, block, (size_t)bytes))
            return;
        for (int64_t i = 0; i < bytes; i++)
            good += block[i] == http_try_byte(i);
        (void)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n%06u",
            good);
        if (!http_conn_puts(conn, text))
            return;
    }
}

static int64_t
now_ns(const struct place *place)
{
    return place->port->clock.now_ns(place->port->clock.ctx);
}

/* One grant, then a wait, then the next. */
static size_t
take(void *ctx, size_t want, int64_t *ret_at_ns)
{
    struct place *place = ctx;
    size_t bytes = want < GRANT ? want : GRANT;

    *ret_at_ns = place->next_ns;
    place->next_ns = (place->next_ns > now_ns(place) ? place->next_ns : now_ns(place)) + HOLD_NS;
    place->granted += (int64_t)bytes;
    place->asked++;
    return bytes;
}

static int
setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    assert_int_equal(aks_os_open(aks_alloc_system(), &place->os, NULL), AKS_OK);
    place->port = aks_os_port(place->os);
    place->server = http_server_start(answer, place);
    place->gate = (struct aks_http_gate) { take, place };
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
init(struct place *place, struct http_try *put)
{
    http_try_init(put, place->port, "PUT", http_server_url(place->server, "/a"));
    http_try_set_body(put, BODY);
    put->request.gate = &place->gate;
}

static void
wait_for(struct place *place, const struct http_try *put)
{
    while (put->done == 0) {
        assert_int_equal(place->port->events.wait(place->port->events.ctx, -1, NULL), AKS_OK);
        place->turns++;
    }
}

/* Ten portions with waits between them that are longer than the request may be silent. */
static void
a_body_goes_in_portions_and_does_not_stall(void **state)
{
    struct place *place = *state;
    struct http_try put;

    init(place, &put);
    put.request.stall_timeout_ms = 20;
    assert_int_equal(http_try_begin(&put), AKS_OK);
    wait_for(place, &put);
    assert_int_equal(put.transport, AKS_OK);
    assert_string_equal(put.reply, "200000");
    assert_int_equal(put.sent_bytes, BODY);
    assert_int_equal(place->granted, BODY);
    assert_int_equal(place->asked, BODY / GRANT);
    /* It waits, and does not look again and again: a busy wait turns thousands of times. */
    assert_true(place->turns < 200);
    print_message("%u turns, %lld ms\n", place->turns, (long long)(put.duration_ns / 1000000));
}

static void
requests_share_one_gate(void **state)
{
    struct place *place = *state;
    struct http_try puts[4];

    for (int i = 0; i < 4; i++) {
        init(place, &puts[i]);
        assert_int_equal(http_try_begin(&puts[i]), AKS_OK);
    }
    for (int i = 0; i < 4; i++) {
        wait_for(place, &puts[i]);
        assert_int_equal(puts[i].transport, AKS_OK);
        assert_string_equal(puts[i].reply, "200000");
    }
    assert_int_equal(place->granted, 4 * BODY);
    assert_int_equal(place->asked, 4 * BODY / GRANT);
}

static void
a_body_that_is_held_up_can_be_cancelled(void **state)
{
    struct place *place = *state;
    struct http_try put;

    place->next_ns = now_ns(place) + 3600 * AKS_NS_PER_S;
    init(place, &put);
    assert_int_equal(http_try_begin(&put), AKS_OK);
    while (place->asked == 0)
        assert_int_equal(place->port->events.wait(place->port->events.ctx, -1, NULL), AKS_OK);
    http_try_cancel(&put);
    assert_int_equal(put.done, 0);
    assert_int_equal(place->asked, 1);
}

static void
who_has_no_body_is_not_asked_for(void **state)
{
    struct place *place = *state;
    struct http_try get;

    http_try_init(&get, place->port, "GET", http_server_url(place->server, "/a"));
    get.request.gate = &place->gate;
    http_try_run(&get);
    assert_string_equal(get.reply, "000000");
    assert_int_equal(place->asked, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_body_goes_in_portions_and_does_not_stall),
        TEST(requests_share_one_gate),
        TEST(a_body_that_is_held_up_can_be_cancelled),
        TEST(who_has_no_body_is_not_asked_for),
    };

    return cmocka_run_group_tests_name("http gate", tests, NULL, NULL);
}
