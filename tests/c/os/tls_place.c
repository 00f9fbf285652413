#include "tls_place.h"

#include "base/check.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
X509 *
tls_place_certificate(EVP_PKEY *key, X509 *issuer, const char *common_name, const char *alternative,
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

const char *
tls_place_write_ca(struct tls_place *world, const char *name, X509 *ca)
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
read_body(struct tls_place *world, SSL *tls, int64_t bytes)
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
    struct tls_place *world = ctx;
    SSL *tls = SSL_new(world->context);
    char head[HTTP_SERVER_HEAD_BYTES];

    AKS_CHECK(tls != NULL);
    AKS_CHECK(SSL_set_fd(tls, conn->fd) == 1);
    if (SSL_accept(tls) == 1) {
        atomic_fetch_add(&world->handshakes, 1);
        atomic_fetch_add(&world->resumed, SSL_session_reused(tls) == 1 ? 1 : 0);
        while (read_request(tls, head)) {
            int64_t bytes = http_conn_body_bytes(head);

            atomic_fetch_add(&world->requests, 1);
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

int
tls_place_setup(void **state)
{
    struct tls_place *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    assert_int_equal(aks_os_open(aks_alloc_system(), &world->os, NULL), AKS_OK);
    world->port = aks_os_port(world->os);
    world->folder = temp_folder_new();
    world->key = EVP_EC_gen("P-256");
    assert_non_null(world->key);
    world->ca = tls_place_certificate(world->key, NULL, "Test CA", NULL, -DAY_S, DAY_S);
    world->ca_file = tls_place_write_ca(world, "ca.pem", world->ca);
    world->reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    world->read_before_reply = -1;
    world->context = SSL_CTX_new(TLS_server_method());
    assert_non_null(world->context);
    *state = world;
    return 0;
}

int
tls_place_teardown(void **state)
{
    struct tls_place *world = *state;

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
void
tls_place_start(struct tls_place *world, const char *alternative, long from_s, long to_s,
    const char *host, struct http_try *ret_try)
{
    char url[128];

    world->certificate = tls_place_certificate(world->key, world->ca, "server", alternative, from_s,
        to_s);
    assert_int_equal(SSL_CTX_use_certificate(world->context, world->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(world->context, world->key), 1);
    world->server = http_server_start(serve_tls, world);
    (void)snprintf(url, sizeof(url), "https://%s:%u/a", host, http_server_port(world->server));
    http_try_init(ret_try, world->port, "GET", url);
    ret_try->request.ca_file = world->ca_file;
}

void
tls_place_expect_failure(const struct http_try *try_, const char *words)
{
    if (try_->transport != AKS_TLS || try_->phase != AKS_HTTP_TLS)
        fail_msg("%s in phase %d: %s", aks_status_name(try_->transport), (int)try_->phase,
            try_->error.message);
    if (strstr(try_->error.message, words) == NULL)
        fail_msg("not \"%s\": %s", words, try_->error.message);
    assert_int_equal(try_->status, 0);
}
