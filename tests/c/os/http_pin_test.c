/* Pinned keys: a server whose public key is not the one that was named, and what is written down of
 * connections. */
#include "tls_place.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The pin of a key, as openssl would make it (docs/transport.md). */
static void
make_pin(EVP_PKEY *key, char ret_pin[AKS_HTTP_PIN_BYTES])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    assert_true(len > 0);
    assert_int_equal(EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL), 1);
    (void)snprintf(ret_pin, AKS_HTTP_PIN_BYTES, "sha256//");
    (void)EVP_EncodeBlock((unsigned char *)ret_pin + strlen(ret_pin), digest, 32);
    assert_true(aks_http_pins_valid(ret_pin));
    OPENSSL_free(der);
}

#define OTHER_PIN "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void
server_whose_key_is_pinned_is_talked_to(void **state)
{
    struct tls_place *world = *state;
    char pins[AKS_HTTP_PINS_BYTES] = OTHER_PIN ";";
    struct http_try get;

    tls_place_start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    make_pin(world->key, pins + strlen(pins));
    get.request.pins = pins;
    http_try_run(&get);
    if (get.transport != AKS_OK)
        fail_msg("%s", get.error.message);
    assert_int_equal(get.status, 200);
}

static void
server_with_another_key_is_refused(void **state)
{
    struct tls_place *world = *state;
    struct http_try get;

    tls_place_start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    get.request.pins = OTHER_PIN ";" OTHER_PIN;
    http_try_run(&get);
    tls_place_expect_failure(&get, "none of those that the target's pin names");
    assert_non_null(strstr(get.error.hint, "stand in between"));
    assert_int_equal(world->requests, 0);
}

/* A pin stands beside the CA, not in its place. */
static void
right_pin_needs_a_trusted_ca_all_the_same(void **state)
{
    struct tls_place *world = *state;
    char pin[AKS_HTTP_PIN_BYTES];
    struct http_try get;

    tls_place_start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    make_pin(world->key, pin);
    get.request.pins = pin;
    get.request.ca_file = NULL;
    http_try_run(&get);
    tls_place_expect_failure(&get, "certificate");
}

/* A connection that is kept, and a session that is resumed, were not made under every pin. */
static void
each_request_has_its_own_pin(void **state)
{
    struct tls_place *world = *state;
    struct http_try get;

    tls_place_start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    for (unsigned i = 0; i < 6; i++) {
        get.done = 0;
        get.request.pins = i % 2 == 0 ? NULL : OTHER_PIN;
        get.request.fresh_connection = i > 3;
        http_try_run(&get);
        assert_int_equal(get.transport, i % 2 == 0 ? AKS_OK : AKS_TLS);
    }
    assert_int_equal(world->requests, 3);
}

/* What libcurl does by itself for whoever sets the variable. */
static void
keys_of_connections_are_not_written_down(void **state)
{
    struct tls_place *world = *state;
    const char *path = temp_folder_write(world->folder, "keys", "", 0);
    struct http_try get;
    FILE *keys;

    assert_int_equal(setenv("SSLKEYLOGFILE", path, 1), 0);
    tls_place_start(world, "IP:127.0.0.1", -DAY_S, DAY_S, "127.0.0.1", &get);
    http_try_run(&get);
    assert_int_equal(unsetenv("SSLKEYLOGFILE"), 0);
    assert_int_equal(get.status, 200);
    keys = fopen(path, "rb");
    assert_non_null(keys);
    assert_int_equal(fgetc(keys), EOF);
    (void)fclose(keys);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tls_place_setup, tls_place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(server_whose_key_is_pinned_is_talked_to),
        TEST(server_with_another_key_is_refused),
        TEST(right_pin_needs_a_trusted_ca_all_the_same),
        TEST(each_request_has_its_own_pin),
        TEST(keys_of_connections_are_not_written_down),
    };

    return cmocka_run_group_tests_name("http pins", tests, NULL, NULL);
}
