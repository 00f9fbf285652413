/* TLS: what is trusted, what is not, and handshakes that go wrong. Keys and certificates are made
 * here. */
#include "os/os.h"
#include "base/check.h"
#include "support/http_server.h"
#include "support/http_try.h"
#include "support/temp_folder.h"

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

#define DAY_S (24L * 3600)
#define SOON_MS 60

struct world {
    struct aks_os *os;
    const struct aks_port *port;
    struct temp_folder *folder;
    struct http_server *server;
    EVP_PKEY *key;
    X509 *ca;
    X509 *certificate;
    SSL_CTX *context;
    const char *ca_file;
    const char *reply;
    int64_t read_before_reply;          /* of a body; -1: all of it */
    atomic_uint handshakes;
    atomic_uint resumed;
    atomic_long good_bytes;
};

static void
add_extension(X509 *certificate, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);

    AKS_CHECK(extension != NULL);
    AKS_CHECK(X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

/* A certificate for ${name}, valid from ${from_s} to ${to_s} from now, signed by ${issuer} or
 * itself. */
static X509 *
make_certificate(EVP_PKEY *key, X509 *issuer, const char *common_name, const char *alternative,
    long from_s, long to_s)
{
    X509 *certificate = X509_new();
    const unsigned char *text = (const unsigned char *)common_name;
    X509_NAME *name;

    AKS_CHECK(certificate != NULL);
    AKS_CHECK(X509_set_version(certificate, 2) == 1);
    AKS_CHECK(ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer == NULL ? 1 : 2) == 1);
    AKS_CHECK(X509_gmtime_adj(X509_getm_notBefore(certificate), from_s) != NULL);
    AKS_CHECK(X509_gmtime_adj(X509_getm_notAfter(certificate), to_s) != NULL);
    AKS_CHECK(X509_set_pubkey(certificate, key) == 1);
    name = X509_get_subject_name(certificate);
    AKS_CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0) == 1);
    if (issuer != NULL)
        name = X509_get_subject_name(issuer);
    AKS_CHECK(X509_set_issuer_name(certificate, name) == 1);
    add_extension(certificate, NID_basic_constraints, issuer == NULL ? "critical,CA:TRUE"
        : "CA:FALSE");
    if (alternative != NULL)
        add_extension(certificate, NID_subject_alt_name, alternative);
    AKS_CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

static const char *
write_ca(struct world *world, const char *name, X509 *ca)
{
    BIO *text = BIO_new(BIO_s_mem());
    char *data = NULL;
    const char *path;
    long len;

    assert_non_null(text);
    assert_int_equal(PEM_write_bio_X509(text, ca), 1);
    len = BIO_get_mem_data(text, &data);
    path = temp_folder_write(world->folder, name, data, (size_t)len);
    assert_int_equal(BIO_free(text), 1);
    return path;
}

static bool
read_request(SSL *tls, char head[HTTP_SERVER_HEAD_BYTES])
{
    int len = 0;

    while (len < HTTP_SERVER_HEAD_BYTES - 1 && SSL_read(tls, head + len, 1) == 1) {
        len++;
        head[len] = '\0';
        if (len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

static bool
read_body(struct world *world, SSL *tls, int64_t bytes)
{
    unsigned char block[16384];
    int64_t offset = 0;
    long good = 0;

    while (offset < bytes) {
        int wanted = bytes - offset < (int64_t)sizeof(block) ? (int)(bytes - offset)
            : (int)sizeof(block);
        int n = SSL_read(tls, block, wanted);

        if (n <= 0)
            return false;
        for (int i = 0; i < n; i++)
            good += block[i] == http_try_byte(offset + i);
        offset += n;
    }
    atomic_fetch_add(&world->good_bytes, good);
    return true;
}

static void
serve_tls(void *ctx, struct http_conn *conn)
{
    struct world *world = ctx;
    SSL *tls = SSL_new(world->context);
    char head[HTTP_SERVER_HEAD_BYTES];

    AKS_CHECK(tls != NULL);
    AKS_CHECK(SSL_set_fd(tls, conn->fd) == 1);
    if (SSL_accept(tls) == 1) {
        atomic_fetch_add(&world->handshakes, 1);
        atomic_fetch_add(&world->resumed, SSL_session_reused(tls) == 1 ? 1 : 0);
        while (read_request(tls, head)) {
            int64_t bytes = http_conn_body_bytes(head);

            if (!read_body(world, tls, world->read_before_reply < 0 ? bytes
                : world->read_before_reply)
                || SSL_write(tls, world->reply, (int)strlen(world->reply)) <= 0
                || world->read_before_reply >= 0)
                break;
        }
        (void)SSL_shutdown(tls);
    }
    SSL_free(tls);
}

static int
setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    assert_int_equal(aks_os_open(aks_alloc_system(), &world->os, NULL), AKS_OK);
    world->port = aks_os_port(world->os);
    world->folder = temp_folder_new();
    world->key = EVP_EC_gen("P-256");
    assert_non_null(world->key);
    world->ca = make_certificate(world->key, NULL, "Test CA", NULL, -DAY_S, DAY_S);
    world->ca_file = write_ca(world, "ca.pem", world->ca);
    world->reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    world->read_before_reply = -1;
    world->context = SSL_CTX_new(TLS_server_method());
    assert_non_null(world->context);
    *state = world;
    return 0;
}

static int
teardown(void **state)
{
    struct world *world = *state;

    aks_os_close(world->os);
    http_server_stop(world->server);
    SSL_CTX_free(world->context);
    X509_free(world->certificate);
    X509_free(world->ca);
    EVP_PKEY_free(world->key);
    temp_folder_free(world->folder);
    free(world);
    return 0;
}

/* Serves with a certificate for ${alternative} and prepares a request to ${host}. */
static void
start(struct world *world, const char *alternative, long from_s, long to_s, const char *host,
    struct http_try *ret_try)
{
    char url[128];

    world->certificate = make_certificate(world->key, world->ca, "server", alternative, from_s,
        to_s);
    assert_int_equal(SSL_CTX_use_certificate(world->context, world->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(world->context, world->key), 1);
    world->server = http_server_start(serve_tls, world);
    (void)snprintf(url, sizeof(url), "https://%s:%u/a", host, http_server_port(world->server));
    http_try_init(ret_try, world->port, "GET", url);
    ret_try->request.ca_file = world->ca_file;
}

static void
expect_tls_failure(const struct http_try *try_, const char *words)
{
    if (try_->transport != AKS_TLS || try_->phase != AKS_HTTP_TLS)
        fail_msg("%s in phase %d: %s", aks_status_name(try_->transport), (int)try_->phase,
            try_->error.message);
    if (strstr(try_->error.message, words) == NULL)
        fail_msg("not \"%s\": %s", words, try_->error.message);
    assert_int_equal(try_->status, 0);
}

static void
server_of_a_trusted_ca_is_talked_to(void **state)
{
    struct world *world = *state;
    struct http_try get;

    start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    http_try_run(&get);
    if (get.transport != AKS_OK)
        fail_msg("%s", get.error.message);
    assert_int_equal(get.status, 200);
    assert_string_equal(get.reply, "ok");
}

static void
server_of_a_name_is_talked_to(void **state)
{
    struct world *world = *state;
    struct http_try get;

    start(world, "DNS:localhost", -DAY_S, DAY_S, "localhost", &get);
    http_try_run(&get);
    assert_int_equal(get.status, 200);
}

static void
large_body_arrives_byte_for_byte_over_tls(void **state)
{
    struct world *world = *state;
    const int64_t bytes = 10 * 1024 * 1024 + 1;
    struct http_try put;

    start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &put);
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
    struct world *world = *state;
    struct http_try get;

    start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
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
    struct world *world = *state;
    struct http_try put;

    world->reply = "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nforbidden";
    world->read_before_reply = 100000;
    start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &put);
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
    struct world *world = *state;
    struct http_try get;

    start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    get.request.ca_file = NULL;
    http_try_run(&get);
    expect_tls_failure(&get, "certificate");
    assert_non_null(strstr(get.error.hint, "CA of your own"));
}

static void
server_of_another_ca_is_refused(void **state)
{
    struct world *world = *state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *other = make_certificate(key, NULL, "Another CA", NULL, -DAY_S, DAY_S);
    struct http_try get;

    start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    get.request.ca_file = write_ca(world, "other.pem", other);
    http_try_run(&get);
    expect_tls_failure(&get, "certificate");
    X509_free(other);
    EVP_PKEY_free(key);
}

/* The bundle is parsed once and kept: it must not be kept for another one's requests. */
static void
each_request_trusts_its_own_ca_file(void **state)
{
    struct world *world = *state;
    struct http_try get;

    start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
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
    struct world *world = *state;
    struct http_try get;

    start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    get.request.ca_file = "/nowhere/ca.pem";
    http_try_run(&get);
    expect_tls_failure(&get, "");
    assert_non_null(strstr(get.error.hint, "/nowhere/ca.pem"));
}

static void
certificate_of_another_host_is_refused(void **state)
{
    struct world *world = *state;
    struct http_try get;

    start(world, "DNS:elsewhere.example.com", -DAY_S, DAY_S, "localhost", &get);
    http_try_run(&get);
    expect_tls_failure(&get, "localhost");
}

static void
certificate_that_has_expired_is_refused(void **state)
{
    struct world *world = *state;
    struct http_try get;

    start(world, "IP:127.0.0.1", -2 * DAY_S, -DAY_S, "127.0.0.1", &get);
    http_try_run(&get);
    expect_tls_failure(&get, "expired");
    assert_non_null(strstr(get.error.hint, "clock"));
}

static void
certificate_of_tomorrow_is_refused(void **state)
{
    struct world *world = *state;
    struct http_try get;

    start(world, "IP:127.0.0.1", DAY_S, 2 * DAY_S, "127.0.0.1", &get);
    http_try_run(&get);
    expect_tls_failure(&get, "not yet valid");
    assert_non_null(strstr(get.error.hint, "clock"));
}

static void
tls_before_1_2_is_refused(void **state)
{
    struct world *world = *state;
    struct http_try get;

    SSL_CTX_set_security_level(world->context, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(world->context, TLS1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(world->context, TLS1_1_VERSION), 1);
    start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    http_try_run(&get);
    expect_tls_failure(&get, "");
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
start_without_tls(struct world *world, http_server_handler *handler, void *ctx,
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
    struct world *world = *state;
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
    struct world *world = *state;
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
    struct world *world = *state;
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
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
