/* A redirect is an answer like any other: nobody goes where it leads, with credentials or
 * without. */
#include "os/os.h"
#include "support/http_server.h"
#include "support/http_try.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEAD_BYTES 300

static void
say(void *ctx, struct http_conn *conn)
{
    char head[HTTP_SERVER_HEAD_BYTES];

    if (http_conn_read_head(conn, head))
        (void)http_conn_puts(conn, ctx);
}

static void
check(const struct aks_port *port, int status, const char *method, struct http_server *other)
{
    const struct aks_http_header credentials = { "Authorization", "Bearer planted" };
    char head[HEAD_BYTES];
    struct http_server *server;
    struct http_try try_;

    (void)snprintf(head, sizeof(head), "HTTP/1.1 %d Elsewhere\r\nLocation: %s\r\n"
        "Refresh: 0; url=%s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status,
        http_server_url(other, "/x"), http_server_url(other, "/x"));
    server = http_server_start(say, head);
    http_try_init(&try_, port, method, http_server_url(server, "/a"));
    try_.request.headers = &credentials;
    try_.request.header_count = 1;
    if (strcmp(method, "PUT") == 0)
        http_try_set_body(&try_, 0);
    http_try_run(&try_);
    assert_int_equal(try_.transport, AKS_OK);
    assert_int_equal(try_.status, status);
    assert_int_equal(http_server_accepted(server), 1);
    assert_int_equal(http_server_accepted(other), 0);
    http_server_stop(server);
}

static void
redirects_are_not_followed(void **state)
{
    static const int statuses[] = { 300, 301, 302, 303, 305, 307, 308, 201, 401 };
    static const char *const methods[] = { "GET", "HEAD", "PUT", "POST", "DELETE" };
    static char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    struct http_server *other = http_server_start(say, answer);
    struct aks_os *os = NULL;

    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    for (unsigned i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        for (unsigned j = 0; j < sizeof(methods) / sizeof(methods[0]); j++)
            check(aks_os_port(os), statuses[i], methods[j], other);
    }
    aks_os_close(os);
    http_server_stop(other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redirects_are_not_followed),
    };

    return cmocka_run_group_tests_name("http redirects", tests, NULL, NULL);
}
