/* Every way in which a request can fail, over plain http to a server in this process. */
#include "os/os.h"
#include "support/http_server.h"
#include "support/http_try.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Short enough to wait for; nothing depends on how long it took. */
#define SOON_MS 60

static char answer_ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

struct world {
    struct aks_os *os;
    const struct aks_port *port;
    struct http_server *server;
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
start(struct world *world, http_server_handler *handler, void *ctx, struct http_try *try_,
    const char *method)
{
    world->server = http_server_start(handler, ctx);
    http_try_init(try_, world->port, method,
        http_server_url(world->server, "/a?X-Amz-Signature=s"));
}

static void
expect_failure(const struct http_try *try_, enum aks_status transport, enum aks_http_phase phase,
    const char *words)
{
    if (try_->transport != transport || try_->phase != phase)
        fail_msg("%s in phase %d: %s", aks_status_name(try_->transport), (int)try_->phase,
            try_->error.message);
    assert_int_equal(try_->error.status, transport);
    if (strstr(try_->error.message, words) == NULL)
        fail_msg("not \"%s\": %s", words, try_->error.message);
    assert_null(strstr(try_->error.message, "Signature"));
    assert_memory_equal(try_->error.message, try_->request.method, strlen(try_->request.method));
}

/* Handlers. What they get is a text to send, or NULL. */

static void
say_and_end(void *ctx, struct http_conn *conn)
{
    char head[HTTP_SERVER_HEAD_BYTES];

    if (http_conn_read_head(conn, head))
        (void)http_conn_puts(conn, ctx);
}

static void
say_and_reset(void *ctx, struct http_conn *conn)
{
    say_and_end(ctx, conn);
    http_conn_reset(conn);
}

static void
say_and_wait(void *ctx, struct http_conn *conn)
{
    say_and_end(ctx, conn);
    http_conn_drain(conn);
}

/* Answers before the body has come, and then takes no more of it. */
static void
say_at_once_and_read_on(void *ctx, struct http_conn *conn)
{
    char head[HTTP_SERVER_HEAD_BYTES];

    if (!http_conn_read_head(conn, head) || !http_conn_puts(conn, ctx))
        return;
    (void)shutdown(conn->fd, SHUT_WR);
    http_conn_drain(conn);
}

static void
never_read(void *ctx, struct http_conn *conn)
{
    const int little = 4096;
    struct pollfd end = { .fd = conn->fd, .events = POLLRDHUP };

    (void)setsockopt(conn->fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
    (void)poll(&end, 1, -1);
}

static void
cut_reply_is_bad(void **state)
{
    struct world *world = *state;
    char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly so much";
    struct http_try get;

    start(world, say_and_end, text, &get, "GET");
    http_try_run(&get);
    expect_failure(&get, AKS_BAD_REPLY, AKS_HTTP_REPLY, "");
    assert_int_equal(get.status, 200);
    assert_string_equal(get.reply, "only so much");
}

static void
cut_chunked_reply_is_bad(void **state)
{
    struct world *world = *state;
    char text[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab";
    struct http_try get;

    start(world, say_and_end, text, &get, "GET");
    http_try_run(&get);
    expect_failure(&get, AKS_BAD_REPLY, AKS_HTTP_REPLY, "");
}

static void
reset_before_an_answer_is_bad(void **state)
{
    struct world *world = *state;
    char text[] = "";
    struct http_try get;

    start(world, say_and_reset, text, &get, "GET");
    http_try_run(&get);
    expect_failure(&get, AKS_BAD_REPLY, AKS_HTTP_ANSWER, "reset");
    assert_int_equal(get.status, 0);
}

static void
reply_that_is_not_http_is_bad(void **state)
{
    struct world *world = *state;
    char text[] = "220 ready for something else\r\n";
    struct http_try get;

    start(world, say_and_end, text, &get, "GET");
    http_try_run(&get);
    expect_failure(&get, AKS_BAD_REPLY, AKS_HTTP_ANSWER, "");
}

static void
silence_is_a_timeout(void **state)
{
    struct world *world = *state;
    char text[] = "";
    struct http_try get;

    start(world, say_and_wait, text, &get, "GET");
    get.request.answer_timeout_ms = SOON_MS;
    http_try_run(&get);
    expect_failure(&get, AKS_TIMEOUT, AKS_HTTP_ANSWER, "no answer within 60 ms");
}

static void
interim_answer_is_no_answer(void **state)
{
    struct world *world = *state;
    char text[] = "HTTP/1.1 102 Processing\r\nX-Secret: 1\r\n\r\n";
    struct http_try get;

    start(world, say_and_wait, text, &get, "GET");
    get.request.answer_timeout_ms = SOON_MS;
    http_try_run(&get);
    expect_failure(&get, AKS_TIMEOUT, AKS_HTTP_ANSWER, "no answer within 60 ms");
    assert_int_equal(get.status, 0);
}

static void
silence_after_a_body_is_a_timeout_counted_from_its_end(void **state)
{
    struct world *world = *state;
    char text[] = "";
    struct http_try put;

    start(world, say_and_wait, text, &put, "PUT");
    http_try_set_body(&put, 300000);
    put.request.answer_timeout_ms = SOON_MS;
    http_try_run(&put);
    expect_failure(&put, AKS_TIMEOUT, AKS_HTTP_ANSWER, "no answer within 60 ms");
    assert_true(put.sent_bytes == 300000);
}

static void
reply_that_stops_is_stalled(void **state)
{
    struct world *world = *state;
    char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nslow";
    struct http_try get;

    start(world, say_and_wait, text, &get, "GET");
    get.request.stall_timeout_ms = SOON_MS;
    get.request.answer_timeout_ms = SOON_MS;
    http_try_run(&get);
    expect_failure(&get, AKS_STALLED, AKS_HTTP_REPLY,
        "next to nothing of the reply arrived for 60 ms");
    assert_int_equal(get.status, 200);
    assert_string_equal(get.reply, "slow");
}

static void
body_that_nobody_reads_is_stalled(void **state)
{
    struct world *world = *state;
    struct http_try put;

    start(world, never_read, NULL, &put, "PUT");
    http_try_set_body(&put, INT64_C(1) << 30);
    put.request.stall_timeout_ms = SOON_MS;
    /* Counts from the last byte of the body, so it has not begun. */
    put.request.answer_timeout_ms = 1;
    http_try_run(&put);
    expect_failure(&put, AKS_STALLED, AKS_HTTP_SEND, "no byte went either way for 60 ms");
    assert_int_equal(put.status, 0);
}

static unsigned
unused_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof(address);
    void *any = &address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, any, len), 0);
    assert_int_equal(getsockname(fd, any, &len), 0);
    assert_int_equal(close(fd), 0);
    return ntohs(address.sin_port);
}

static void
closed_port_refuses(void **state)
{
    struct world *world = *state;
    struct http_try get;
    char url[64];

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", unused_port());
    http_try_init(&get, world->port, "GET", url);
    http_try_run(&get);
    expect_failure(&get, AKS_REFUSED, AKS_HTTP_CONNECT, ": the connection was refused");
}

/* A listener whose queue is full: the kernel drops the SYN and nobody answers. */
static void
connection_that_nobody_answers_times_out(void **state)
{
    struct world *world = *state;
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof(address);
    void *any = &address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fillers[16];
    struct http_try get;
    char url[64];

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, any, len), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, any, &len), 0);
    for (unsigned i = 0; i < 16; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], any, len);
    }
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(address.sin_port));
    http_try_init(&get, world->port, "GET", url);
    get.request.connect_timeout_ms = SOON_MS;
    get.request.answer_timeout_ms = 1;
    get.request.stall_timeout_ms = 1;
    http_try_run(&get);
    expect_failure(&get, AKS_CONNECT_TIMEOUT, AKS_HTTP_CONNECT, ": not connected within 60 ms");
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(close(fillers[i]), 0);
    assert_int_equal(close(listener), 0);
}

static void
name_that_cannot_exist_is_dns(void **state)
{
    struct world *world = *state;
    struct http_try get;

    /* Reserved never to exist (RFC 6761); without a network there is no answer at all, which is
     * alike. */
    http_try_init(&get, world->port, "GET", "https://nowhere.invalid/");
    http_try_run(&get);
    expect_failure(&get, AKS_DNS, AKS_HTTP_NAME, "nowhere.invalid");
}

static void
error_that_comes_while_sending_counts(void **state)
{
    struct world *world = *state;
    char text[] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nforbidden";
    struct http_try put;

    start(world, say_at_once_and_read_on, text, &put, "PUT");
    http_try_set_body(&put, INT64_C(1) << 40);
    http_try_run(&put);
    assert_int_equal(put.transport, AKS_OK);
    assert_int_equal(put.phase, AKS_HTTP_DONE);
    assert_int_equal(put.status, 403);
    assert_string_equal(put.reply, "forbidden");
    assert_true(put.sent_bytes < put.body.bytes);
}

#define RESET_ROUNDS 30
#define RESET_HEARD_MIN 20

/* The server answers, and closes with bytes of the body unread, so that a reset follows the answer.
 * A reset that comes in the instant between looking and sending still wins; without looking it won
 * two times out of three. */
static void
error_that_comes_while_sending_counts_even_if_a_reset_follows(void **state)
{
    struct world *world = *state;
    char text[] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 900\r\n\r\nforbidden";
    unsigned heard = 0;

    world->server = http_server_start(say_and_end, text);
    for (unsigned i = 0; i < RESET_ROUNDS; i++) {
        struct http_try put;

        http_try_init(&put, world->port, "PUT", http_server_url(world->server, "/"));
        http_try_set_body(&put, INT64_C(1) << 40);
        http_try_run(&put);
        if (put.status == 0) {
            assert_int_equal(put.transport, AKS_BAD_REPLY);
            continue;
        }
        assert_int_equal(put.transport, AKS_OK);
        assert_int_equal(put.phase, AKS_HTTP_DONE);
        assert_int_equal(put.status, 403);
        heard++;
    }
    assert_in_range(heard, RESET_HEARD_MIN, RESET_ROUNDS);
}

static int
connect_without_descriptors(struct world *world)
{
    const struct rlimit few = { 12, 12 };
    struct http_try get;
    int fd;

    http_try_init(&get, world->port, "GET", http_server_url(world->server, "/"));
    /* Loads the module and all that libcurl opens for itself. */
    http_try_run(&get);
    if (setrlimit(RLIMIT_NOFILE, &few) != 0)
        return -1;
    do {
        fd = dup(STDERR_FILENO);
    } while (fd >= 0);
    get.done = 0;
    get.request.fresh_connection = true;
    http_try_run(&get);
    return (int)get.transport;
}

static void
process_without_descriptors_is_at_a_limit(void **state)
{
    struct world *world = *state;
    pid_t child;
    int status = 0;

    world->server = http_server_start(say_and_end, answer_ok);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(connect_without_descriptors(world));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), AKS_LIMIT);
}

static void
reply_over_the_limit_is_too_large(void **state)
{
    struct world *world = *state;
    char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n123456";
    struct http_try get;

    start(world, say_and_end, text, &get, "GET");
    get.request.reply_bytes_max = 5;
    http_try_run(&get);
    expect_failure(&get, AKS_TOO_LARGE, AKS_HTTP_REPLY, "longer than the 5 bytes");
    assert_int_equal(get.status, 200);
}

static void
too_many_headers_are_bad(void **state)
{
    struct world *world = *state;
    static char text[200000];
    size_t len = (size_t)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n");
    struct http_try get;

    for (unsigned i = 0; i <= AKS_HTTP_REPLY_HEADERS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "X-%u: %u\r\n", i, i);
    (void)snprintf(text + len, sizeof(text) - len, "\r\n");
    start(world, say_and_end, text, &get, "GET");
    http_try_run(&get);
    expect_failure(&get, AKS_BAD_REPLY, AKS_HTTP_REPLY, "more than 100 headers");
    assert_int_equal(get.header_count, 0);
}

static void
too_long_headers_are_bad(void **state)
{
    struct world *world = *state;
    static char text[200000];
    size_t len = (size_t)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n");
    struct http_try get;

    for (unsigned i = 0; i < 3; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "X-%u: ", i);
        memset(text + len, 'x', 30000);
        len += 30000;
        len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n");
    }
    (void)snprintf(text + len, sizeof(text) - len, "\r\n");
    start(world, say_and_end, text, &get, "GET");
    http_try_run(&get);
    expect_failure(&get, AKS_BAD_REPLY, AKS_HTTP_REPLY, "65536 bytes");
}

static void
one_endless_header_is_bad(void **state)
{
    struct world *world = *state;
    static char text[200000];
    struct http_try get;

    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "HTTP/1.1 200 OK\r\nX-Endless: ", 28);
    start(world, say_and_end, text, &get, "GET");
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_BAD_REPLY);
}

static void
body_that_cannot_be_read_ends_the_request_with_its_reason(void **state)
{
    struct world *world = *state;
    char text[] = "";
    struct http_try put;

    start(world, say_and_wait, text, &put, "PUT");
    http_try_set_body(&put, 1000000);
    put.fail_at = 500000;
    http_try_run(&put);
    assert_int_equal(put.transport, AKS_SOURCE_CHANGED);
    assert_int_equal(put.error.status, AKS_SOURCE_CHANGED);
    assert_string_equal(put.error.message, "the source has become shorter");
    assert_int_equal(put.phase, AKS_HTTP_SEND);
}

/* Begins a request, gives it as many turns as it needs to get to a phase, and cancels it there. */
static void
cancel_works_in_every_phase(void **state)
{
    struct world *world = *state;
    char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nslow";
    static struct http_try tries[100];
    struct aks_error err;

    world->server = http_server_start(say_and_wait, text);
    for (unsigned turns = 0; turns < 100; turns++) {
        struct http_try *put = &tries[turns];

        http_try_init(put, world->port, "PUT", http_server_url(world->server, "/"));
        http_try_set_body(put, turns % 2 == 0 ? 10 : 10000000);
        assert_int_equal(http_try_begin(put), AKS_OK);
        for (unsigned i = 0; i < turns / 4 && put->done == 0; i++)
            assert_int_equal(world->port->events.wait(world->port->events.ctx, 1000000, &err),
                AKS_OK);
        if (put->done == 0)
            http_try_cancel(put);
    }
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(world->port->events.wait(world->port->events.ctx, 0, &err), AKS_OK);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(tries[i].done, 0);
}

static void
close_ends_requests_under_way_without_a_completion(void **state)
{
    struct world *world = *state;
    char text[] = "";
    struct http_try gets[5];
    struct aks_os *os = NULL;

    world->server = http_server_start(say_and_wait, text);
    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    for (unsigned i = 0; i < 5; i++) {
        http_try_init(&gets[i], aks_os_port(os), "GET", http_server_url(world->server, "/"));
        assert_int_equal(http_try_begin(&gets[i]), AKS_OK);
        assert_int_equal(aks_os_port(os)->events.wait(aks_os_port(os)->events.ctx, 0, NULL),
            AKS_OK);
    }
    aks_os_close(os);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(gets[i].done, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(cut_reply_is_bad),
        TEST(cut_chunked_reply_is_bad),
        TEST(reset_before_an_answer_is_bad),
        TEST(reply_that_is_not_http_is_bad),
        TEST(silence_is_a_timeout),
        TEST(interim_answer_is_no_answer),
        TEST(silence_after_a_body_is_a_timeout_counted_from_its_end),
        TEST(reply_that_stops_is_stalled),
        TEST(body_that_nobody_reads_is_stalled),
        TEST(closed_port_refuses),
        TEST(connection_that_nobody_answers_times_out),
        TEST(name_that_cannot_exist_is_dns),
        TEST(error_that_comes_while_sending_counts),
        TEST(error_that_comes_while_sending_counts_even_if_a_reset_follows),
        TEST(process_without_descriptors_is_at_a_limit),
        TEST(reply_over_the_limit_is_too_large),
        TEST(too_many_headers_are_bad),
        TEST(too_long_headers_are_bad),
        TEST(one_endless_header_is_bad),
        TEST(body_that_cannot_be_read_ends_the_request_with_its_reason),
        TEST(cancel_works_in_every_phase),
        TEST(close_ends_requests_under_way_without_a_completion),
    };

    return cmocka_run_group_tests_name("http faults", tests, NULL, NULL);
}
