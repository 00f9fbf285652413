#define OPENSSL_SUPPRESS_DEPRECATED

#include "data/cpu.h"
#include "data/digest.h"
#include "data/digest_internal.h"
#include "support/failing_alloc.h"
#include "support/sample_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#define BUFFER_BYTES ((size_t)40000)
#define ROUNDS 400

static const char *
hex_of(const uint8_t digest[AKS_SHA256_BYTES])
{
    static char hex[AKS_SHA256_HEX_BYTES];

    for (size_t i = 0; i < AKS_SHA256_BYTES; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return hex;
}

static uint8_t *
noise_new(struct aks_rng *rng, uint64_t seed)
{
    uint8_t *bytes = malloc(BUFFER_BYTES);

    assert_non_null(bytes);
    aks_rng_init(rng, seed);
    sample_fill(SAMPLE_NOISE, rng, bytes, BUFFER_BYTES);
    return bytes;
}

static void
assert_digest_of(struct aks_sha256 *sha, const void *data, size_t len)
{
    uint8_t expected[AKS_SHA256_BYTES];
    uint8_t digest[AKS_SHA256_BYTES];

    assert_non_null(SHA256(data, len, expected));
    aks_sha256_final(sha, digest);
    assert_memory_equal(digest, expected, sizeof(digest));
}

static void
sha256_matches_the_vectors_of_fips_180(void **state)
{
    static const struct {
        const char *message;
        const char *hex;
    } vectors[] = {
        { "", AKS_SHA256_EMPTY_HEX },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    uint8_t digest[AKS_SHA256_BYTES];

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        aks_sha256(vectors[i].message, strlen(vectors[i].message), digest);
        assert_string_equal(hex_of(digest), vectors[i].hex);
    }
    aks_sha256(NULL, 0, digest);
    assert_string_equal(hex_of(digest), AKS_SHA256_EMPTY_HEX);
}

static void
sha256_of_a_million_letters_can_be_taken_twice_with_one_object(void **state)
{
    struct aks_sha256 *sha = aks_sha256_new(aks_alloc_system());
    uint8_t digest[AKS_SHA256_BYTES];
    char letters[1000];

    memset(letters, 'a', sizeof(letters));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++)
            aks_sha256_update(sha, letters, sizeof(letters));
        aks_sha256_final(sha, digest);
        assert_string_equal(hex_of(digest),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
    aks_sha256_update(sha, letters, 7);
    aks_sha256_reset(sha);
    aks_sha256_final(sha, digest);
    assert_string_equal(hex_of(digest), AKS_SHA256_EMPTY_HEX);
    aks_sha256_free(sha);
    aks_sha256_free(NULL);
}

static void
sha256_is_the_same_however_the_bytes_are_cut(void **state)
{
    struct aks_sha256 *sha = aks_sha256_new(aks_alloc_system());
    struct aks_rng rng;
    uint8_t *bytes = noise_new(&rng, 11);

    for (int round = 0; round < ROUNDS; round++) {
        size_t from = sample_below(&rng, 64);
        size_t len = sample_below(&rng, 2000);

        for (size_t done = 0; done < len;) {
            size_t now = sample_below(&rng, len - done);

            aks_sha256_update(sha, bytes + from + done, now);
            done += now;
        }
        assert_digest_of(sha, bytes + from, len);
    }
    free(bytes);
    aks_sha256_free(sha);
}

/* Two contexts with anything buffered, then the same bytes into both in pieces, then something of
 * its own into one. */
static void
update_two_round(struct aks_rng *rng, const uint8_t *bytes, struct aks_sha256 *a,
    struct aks_sha256 *b, bool same_phase)
{
    size_t common = 130 + sample_below(rng, 63);
    size_t len = sample_below(rng, BUFFER_BYTES - common);
    size_t a_head = sample_below(rng, 130);
    size_t b_head = same_phase ? a_head % 64 + 64 * sample_below(rng, 1) : sample_below(rng, 130);
    size_t tail = sample_below(rng, BUFFER_BYTES - common - len);

    aks_sha256_update(a, bytes + common - a_head, a_head);
    aks_sha256_update(b, bytes + common - b_head, b_head);
    for (size_t done = 0; done < len;) {
        size_t now = sample_below(rng, len - done);

        aks_sha256_update_two(a, b, bytes + common + done, now);
        done += now;
    }
    aks_sha256_update(b, bytes + common + len, tail);
    assert_digest_of(a, bytes + common - a_head, a_head + len);
    assert_digest_of(b, bytes + common - b_head, b_head + len + tail);
}

static void
update_two_is_two_updates_whatever_is_buffered(void **state)
{
    struct aks_sha256 *a = aks_sha256_new(aks_alloc_system());
    struct aks_sha256 *b = aks_sha256_new(aks_alloc_system());
    struct aks_rng rng;
    uint8_t *bytes = noise_new(&rng, 12);

    for (int round = 0; round < ROUNDS; round++) {
        update_two_round(&rng, bytes, a, b, true);
        update_two_round(&rng, bytes, a, b, false);
    }
    aks_sha256_update_two(a, b, NULL, 0);
    assert_digest_of(a, bytes, 0);
    assert_digest_of(b, bytes, 0);
    free(bytes);
    aks_sha256_free(a);
    aks_sha256_free(b);
}

static void
update_two_knows_each_length_up_to_four_blocks_at_each_alignment(void **state)
{
    struct aks_sha256 *a = aks_sha256_new(aks_alloc_system());
    struct aks_sha256 *b = aks_sha256_new(aks_alloc_system());
    struct aks_rng rng;
    uint8_t *bytes = noise_new(&rng, 13);

    for (size_t head = 0; head < 64; head += 7) {
        for (size_t len = 0; len <= 256; len++) {
            aks_sha256_update_two(a, b, bytes + len % 17, head);
            aks_sha256_update_two(a, b, bytes + len % 17 + head, len);
            assert_digest_of(a, bytes + len % 17, head + len);
            assert_digest_of(b, bytes + len % 17, head + len);
        }
    }
    free(bytes);
    aks_sha256_free(a);
    aks_sha256_free(b);
}

/* As an upload does it: one digest for the whole, one that starts over with each part. */
static void
update_two_serves_a_whole_and_its_parts(void **state)
{
    struct aks_sha256 *whole = aks_sha256_new(aks_alloc_system());
    struct aks_sha256 *part = aks_sha256_new(aks_alloc_system());
    struct aks_rng rng;
    uint8_t *bytes = noise_new(&rng, 14);
    const size_t part_bytes = 64 * 100;

    for (size_t at = 0; at < BUFFER_BYTES; at += part_bytes) {
        size_t len = BUFFER_BYTES - at < part_bytes ? BUFFER_BYTES - at : part_bytes;

        for (size_t done = 0; done < len; done += 1024)
            aks_sha256_update_two(whole, part, bytes + at + done,
                len - done < 1024 ? len - done : 1024);
        assert_digest_of(part, bytes + at, len);
    }
    assert_digest_of(whole, bytes, BUFFER_BYTES);
    free(bytes);
    aks_sha256_free(whole);
    aks_sha256_free(part);
}

/* The length in bits goes over 32 bits at 512 MiB, which no buffer here shows. */
static void
update_two_carries_lengths_beyond_four_gigabits(void **state)
{
    struct aks_sha256 *a = aks_sha256_new(aks_alloc_system());
    struct aks_sha256 *b = aks_sha256_new(aks_alloc_system());
    const size_t bytes_len = 4 * 1024 * 1024;
    uint8_t *bytes = calloc(1, bytes_len);
    uint8_t digest[AKS_SHA256_BYTES];

    assert_non_null(bytes);
    for (int i = 0; i < 129; i++)
        aks_sha256_update_two(a, b, bytes, bytes_len);
    aks_sha256_update(b, "x", 1);
    /* head -c 541065216 /dev/zero | sha256sum, and the same with an x behind it */
    aks_sha256_final(a, digest);
    assert_string_equal(hex_of(digest),
        "d30819eec9217474cb281bc39c7359852b79094a791ee7e7414b364edf9e9c3a");
    aks_sha256_final(b, digest);
    assert_string_equal(hex_of(digest),
        "184211e8dec812fcccce8c6d78e74e9f1cb13f1b143f0819a8a1c84e7b3151b9");
    free(bytes);
    aks_sha256_free(a);
    aks_sha256_free(b);
}

#if AKS_CPU_X86_64
static void
pair_compression_keeps_two_different_states_apart(void **state)
{
    struct aks_rng rng;
    uint8_t *bytes = noise_new(&rng, 15);

    if (aks_cpu_has(AKS_CPU_SHA)) {
        for (size_t blocks = 0; blocks < 20; blocks++) {
            SHA256_CTX a, b;
            uint32_t pair_a[AKS_SHA256_WORDS], pair_b[AKS_SHA256_WORDS];

            assert_int_equal(SHA256_Init(&a), 1);
            assert_int_equal(SHA256_Init(&b), 1);
            assert_int_equal(SHA256_Update(&b, bytes, 64), 1);
            memcpy(pair_a, a.h, sizeof(pair_a));
            memcpy(pair_b, b.h, sizeof(pair_b));
            aks_sha256_pair_compress(pair_a, pair_b, bytes + blocks, blocks);
            assert_int_equal(SHA256_Update(&a, bytes + blocks, blocks * 64), 1);
            assert_int_equal(SHA256_Update(&b, bytes + blocks, blocks * 64), 1);
            assert_memory_equal(pair_a, a.h, sizeof(pair_a));
            assert_memory_equal(pair_b, b.h, sizeof(pair_b));
        }
    }
    free(bytes);
}
#endif

static void
hmac_matches_the_vectors_of_rfc_4231(void **state)
{
    static const char long_text[] = "This is a test using a larger than block-size key and a "
        "larger than block-size data. The key needs to be hashed before being used by the HMAC "
        "algorithm.";
    uint8_t key[131];
    uint8_t data[50];
    uint8_t mac[AKS_SHA256_BYTES];

    memset(key, 0x0b, 20);
    aks_hmac_sha256(key, 20, "Hi There", 8, mac);
    assert_string_equal(hex_of(mac),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    aks_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac);
    assert_string_equal(hex_of(mac),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    memset(data, 0xdd, sizeof(data));
    aks_hmac_sha256(key, 20, data, sizeof(data), mac);
    assert_string_equal(hex_of(mac),
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    aks_hmac_sha256(key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First", 54,
        mac);
    assert_string_equal(hex_of(mac),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    aks_hmac_sha256(key, sizeof(key), long_text, sizeof(long_text) - 1, mac);
    assert_string_equal(hex_of(mac),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
    for (uint8_t i = 0; i < 25; i++)
        key[i] = (uint8_t)(i + 1);
    memset(data, 0xcd, sizeof(data));
    aks_hmac_sha256(key, 25, data, sizeof(data), mac);
    assert_string_equal(hex_of(mac),
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
}

static void
hmac_agrees_with_openssl_at_keys_of_each_length_around_a_block(void **state)
{
    struct aks_rng rng;
    uint8_t *bytes = noise_new(&rng, 16);

    for (size_t key_len = 0; key_len < 140; key_len++) {
        size_t len = sample_below(&rng, 300);
        uint8_t expected[AKS_SHA256_BYTES];
        uint8_t mac[AKS_SHA256_BYTES];

        assert_non_null(HMAC(EVP_sha256(), bytes, (int)key_len, bytes + 200, len, expected, NULL));
        aks_hmac_sha256(bytes, key_len, bytes + 200, len, mac);
        assert_memory_equal(mac, expected, sizeof(mac));
    }
    free(bytes);
}

/* Signing derives each key from the one before. */
static void
hmac_may_write_over_its_key(void **state)
{
    uint8_t key[AKS_SHA256_BYTES] = { 1, 2, 3 };
    uint8_t expected[AKS_SHA256_BYTES];

    aks_hmac_sha256(key, sizeof(key), "x", 1, expected);
    aks_hmac_sha256(key, sizeof(key), "x", 1, key);
    assert_memory_equal(key, expected, sizeof(key));
}

static int
make_one(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_sha256 *sha = aks_sha256_new(alloc);

    aks_sha256_free(sha);
    return 0;
}

static void
sha256_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(make_one, NULL, 10);
}

static void
md5_is_that_of_rfc_1321(void **state)
{
    struct aks_md5 *md5 = aks_md5_new(aks_alloc_system());
    uint8_t digest[AKS_MD5_BYTES];
    static const uint8_t abc[AKS_MD5_BYTES] = { 0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0,
        0xd6, 0x96, 0x3f, 0x7d, 0x28, 0xe1, 0x7f, 0x72 };

    assert_non_null(md5);
    for (int i = 0; i < 2; i++) {
        aks_md5_update(md5, "a", 1);
        aks_md5_update(md5, "bc", 2);
        aks_md5_final(md5, digest);
        assert_memory_equal(digest, abc, sizeof(abc));
    }
    aks_md5_free(md5);
    aks_md5_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(md5_is_that_of_rfc_1321),
        cmocka_unit_test(sha256_matches_the_vectors_of_fips_180),
        cmocka_unit_test(sha256_of_a_million_letters_can_be_taken_twice_with_one_object),
        cmocka_unit_test(sha256_is_the_same_however_the_bytes_are_cut),
        cmocka_unit_test(update_two_is_two_updates_whatever_is_buffered),
        cmocka_unit_test(update_two_knows_each_length_up_to_four_blocks_at_each_alignment),
        cmocka_unit_test(update_two_serves_a_whole_and_its_parts),
        cmocka_unit_test(update_two_carries_lengths_beyond_four_gigabits),
#if AKS_CPU_X86_64
        cmocka_unit_test(pair_compression_keeps_two_different_states_apart),
#endif
        cmocka_unit_test(hmac_matches_the_vectors_of_rfc_4231),
        cmocka_unit_test(hmac_agrees_with_openssl_at_keys_of_each_length_around_a_block),
        cmocka_unit_test(hmac_may_write_over_its_key),
        cmocka_unit_test(sha256_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("sha256", tests, NULL, NULL);
}
