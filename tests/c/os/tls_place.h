/* A TLS server in this process, with a CA and a certificate of its own, for tests of requests to
 * it. */
#ifndef AKS_TESTS_OS_TLS_PLACE_H
#define AKS_TESTS_OS_TLS_PLACE_H

#include "os/os.h"
#include "support/http_server.h"
#include "support/http_try.h"
#include "support/temp_folder.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>

#define DAY_S (24L * 3600)

struct tls_place {
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
    atomic_uint requests;
    atomic_uint resumed;
    atomic_long good_bytes;
};

/* cmocka's. The state is a struct tls_place that nobody serves yet. */
int tls_place_setup(void **state);
int tls_place_teardown(void **state);
/* A certificate for ${common_name} and ${alternative} (or NULL), valid from ${from_s} to ${to_s}
 * from now, signed by ${issuer}, or by itself. */
X509 *tls_place_certificate(EVP_PKEY *key, X509 *issuer, const char *common_name,
    const char *alternative, long from_s, long to_s);
/* The path of a PEM file with it; lives as long as the place. */
const char *tls_place_write_ca(struct tls_place *place, const char *name, X509 *ca);
/* Serves with a certificate for ${alternative} and prepares a request to ${host}. */
void tls_place_start(struct tls_place *place, const char *alternative, long from_s, long to_s,
    const char *host, struct http_try *ret_try);
/* It ended as AKS_TLS in the handshake, with these words. */
void tls_place_expect_failure(const struct http_try *try_, const char *words);

#endif
