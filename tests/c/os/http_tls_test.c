/* TLS: what is trusted, what is not, and handshakes that go wrong. Keys and certificates are made
 * here. */
#include "tls_place.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SOON_MS 60

static void
server_of_a_trusted_ca_is_talked_to(void **state)
{
    struct tls_place *world = *state;
    struct http_try get;

    tls_place_start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    http_try_run(&get);
    if (get.transport != AKS_OK)
        fail_msg("%s", get.error.message);
    assert_int_equal(get.status, 200);
    assert_string_equal(get.reply, "ok");
}

static void
server_of_a_name_is_talked_to(void **state)
{
    struct tls_place *world = *state;
    struct http_try get;

    tls_place_start(world, "DNS:localhost", -DAY_S, DAY_S, "localhost", &get);
    http_try_run(&get);
    assert_int_equal(get.status, 200);
}

static void
large_body_arrives_byte_for_byte_over_tls(void **state)
{
    struct tls_place *world = *state;
    const int64_t bytes = 10 * 1024 * 1024 + 1;
    struct http_try put;

    tls_place_start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &put);
    put.request.method = "PUT";
    http_try_set_body(&put, bytes);
    for (unsigned i = 0; i < 3; i++) {
        put.done = 0;
        http_try_run(&put);
        assert_int_equal(put.transport, AKS_OK);
        assert_int_equal(put.status, 200);
        assert_true(put.sent_bytes == bytes);
    }
    assert_int_equal(world->handshakes, 1);
    assert_true(world->good_bytes == 3 * bytes);
}

static void
tls_sessions_are_resumed(void **state)
{
    struct tls_place *world = *state;
    struct http_try get;

    tls_place_start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    for (unsigned i = 0; i < 3; i++) {
        get.done = 0;
        get.request.fresh_connection = true;
        http_try_run(&get);
        assert_int_equal(get.status, 200);
    }
    assert_int_equal(world->handshakes, 3);
    assert_true(world->resumed >= 1);
}

static void
error_that_comes_while_sending_counts_over_tls(void **state)
{
    struct tls_place *world = *state;
    struct http_try put;

    world->reply = "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nforbidden";
    world->read_before_reply = 100000;
    tls_place_start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &put);
    put.request.method = "PUT";
    http_try_set_body(&put, INT64_C(1) << 40);
    for (unsigned i = 0; i < 10 && put.status == 0; i++) {
        put.done = 0;
        http_try_run(&put);
        assert_true(put.transport == AKS_OK || put.transport == AKS_BAD_REPLY);
    }
    assert_int_equal(put.transport, AKS_OK);
    assert_int_equal(put.status, 403);
}

static void
server_without_a_trusted_ca_is_refused(void **state)
{
    struct tls_place *world = *state;
    struct http_try get;

    tls_place_start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    get.request.ca_file = NULL;
    http_try_run(&get);
    tls_place_expect_failure(&get, "certificate");
    assert_non_null(strstr(get.error.hint, "CA of your own"));
}

static void
server_of_another_ca_is_refused(void **state)
{
    struct tls_place *world = *state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *other = tls_place_certificate(key, NULL, "Another CA", NULL, -DAY_S, DAY_S);
    struct http_try get;

    tls_place_start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    get.request.ca_file = tls_place_write_ca(world, "other.pem", other);
    http_try_run(&get);
    tls_place_expect_failure(&get, "certificate");
    X509_free(other);
    EVP_PKEY_free(key);
}

/* The bundle is parsed once and kept: it must not be kept for another one's requests. */
static void
each_request_trusts_its_own_ca_file(void **state)
{
    struct tls_place *world = *state;
    struct http_try get;

    tls_place_start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    for (unsigned i = 0; i < 4; i++) {
        get.done = 0;
        get.request.ca_file = i % 2 == 0 ? world->ca_file : NULL;
        http_try_run(&get);
        assert_int_equal(get.transport, i % 2 == 0 ? AKS_OK : AKS_TLS);
    }
}

static void
ca_file_that_is_not_there_is_named(void **state)
{
    struct tls_place *world = *state;
    struct http_try get;

    tls_place_start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    get.request.ca_file = "/nowhere/ca.pem";
    http_try_run(&get);
    tls_place_expect_failure(&get, "");
    assert_non_null(strstr(get.error.hint, "/nowhere/ca.pem"));
}

static void
certificate_of_another_host_is_refused(void **state)
{
    struct tls_place *world = *state;
    struct http_try get;

    tls_place_start(world, "DNS:elsewhere.example.com", -DAY_S, DAY_S, "localhost", &get);
    http_try_run(&get);
    tls_place_expect_failure(&get, "localhost");
    assert_non_null(strstr(get.error.hint, "another host's"));
}

static void
certificate_that_has_expired_is_refused(void **state)
{
    struct tls_place *world = *state;
    struct http_try get;

    tls_place_start(world, "IP:127.0.0.1", -2 * DAY_S, -DAY_S, "127.0.0.1", &get);
    http_try_run(&get);
    tls_place_expect_failure(&get, "expired");
    assert_non_null(strstr(get.error.hint, "clock"));
}

static void
certificate_of_tomorrow_is_refused(void **state)
{
    struct tls_place *world = *state;
    struct http_try get;

    tls_place_start(world, "IP:127.0.0.1", DAY_S, 2 * DAY_S, "127.0.0.1", &get);
    http_try_run(&get);
    tls_place_expect_failure(&get, "not yet valid");
    assert_non_null(strstr(get.error.hint, "clock"));
}

static void
tls_before_1_2_is_refused(void **state)
{
    struct tls_place *world = *state;
    struct http_try get;

    SSL_CTX_set_security_level(world->context, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(world->context, TLS1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(world->context, TLS1_1_VERSION), 1);
    tls_place_start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    http_try_run(&get);
    tls_place_expect_failure(&get, "");
    assert_non_null(strstr(get.error.hint, "TLS 1.1"));
}

static void
stay_silent(void *ctx, struct http_conn *conn)
{
    http_conn_drain(conn);
}

static void
take_and_end(void *ctx, struct http_conn *conn)
{
    char byte;

    (void)http_conn_read(conn, &byte, 1);
    if (ctx != NULL)
        (void)http_conn_puts(conn, ctx);
    else
        http_conn_reset(conn);
}

static void
start_without_tls(struct tls_place *world, http_server_handler *handler, void *ctx,
    struct http_try *ret_try)
{
    char url[128];

    world->server = http_server_start(handler, ctx);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/a", http_server_port(world->server));
    http_try_init(ret_try, world->port, "GET", url);
    ret_try->request.ca_file = world->ca_file;
}

static void
handshake_that_stalls_times_out_and_says_so(void **state)
{
    struct tls_place *world = *state;
    struct http_try get;

    start_without_tls(world, stay_silent, NULL, &get);
    get.request.connect_timeout_ms = SOON_MS;
    http_try_run(&get);
    assert_int_equal(get.transport, AKS_TIMEOUT);
    assert_int_equal(get.phase, AKS_HTTP_TLS);
    assert_non_null(strstr(get.error.message, "the TLS handshake did not finish within 60 ms"));
}

static void
handshake_that_is_cut_is_no_matter_of_certificates(void **state)
{
    struct tls_place *world = *state;
    struct http_try get;

    start_without_tls(world, take_and_end, NULL, &get);
    http_try_run(&get);
    if (get.transport != AKS_BAD_REPLY)
        fail_msg("%s", get.error.message);
    assert_int_equal(get.phase, AKS_HTTP_TLS);
    assert_non_null(strstr(get.error.message, "cut during the TLS handshake"));
}

static void
server_that_speaks_no_tls_is_refused(void **state)
{
    struct tls_place *world = *state;
    char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    struct http_try get;

    start_without_tls(world, take_and_end, text, &get);
    http_try_run(&get);
    assert_true(get.transport == AKS_TLS || get.transport == AKS_BAD_REPLY);
    assert_int_equal(get.phase, AKS_HTTP_TLS);
    assert_int_equal(get.status, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tls_place_setup, \
    tls_place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(server_of_a_trusted_ca_is_talked_to),
        TEST(server_of_a_name_is_talked_to),
        TEST(large_body_arrives_byte_for_byte_over_tls),
        TEST(tls_sessions_are_resumed),
        TEST(error_that_comes_while_sending_counts_over_tls),
        TEST(server_without_a_trusted_ca_is_refused),
        TEST(server_of_another_ca_is_refused),
        TEST(each_request_trusts_its_own_ca_file),
        TEST(ca_file_that_is_not_there_is_named),
        TEST(certificate_of_another_host_is_refused),
        TEST(certificate_that_has_expired_is_refused),
        TEST(certificate_of_tomorrow_is_refused),
        TEST(tls_before_1_2_is_refused),
        TEST(handshake_that_stalls_times_out_and_says_so),
        TEST(handshake_that_is_cut_is_no_matter_of_certificates),
        TEST(server_that_speaks_no_tls_is_refused),
    };

    return cmocka_run_group_tests_name("http tls", tests, NULL, NULL);
}
