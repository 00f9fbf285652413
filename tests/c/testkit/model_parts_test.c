/* What the models are made of: digests, texts, sets. */
#include "testkit/model_digest.h"
#include "testkit/model_set.h"
#include "testkit/model_text.h"

#include "base/encode.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
digests_are_those_of_their_standards(void **state)
{
    static const struct {
        const char *text;
        size_t times;
        const char *md5;
        const char *sha1;
    } cases[] = {
        { "", 1, "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
        { "abc", 1, "900150983cd24fb0d6963f7d28e17f72",
            "a9993e364706816aba3e25717850c26c9cd0d89d" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
            "8215ef0796a20bcaaae116d3876c664a", "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
        { "1234567890", 8, "57edf4a22be3c955ac49da2e2107b67a",
            "50abf5706a150990a08b2c5ea40fa0e585554732" },
        { "a", 1000000, "7707d6ae4e027c70eea2a935c2296f21",
            "34aa973cd4c4daa4f61eeb2bdbad27316534016f" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len = strlen(cases[i].text);
        char *data = malloc(len * cases[i].times + 1);
        uint8_t digest[AKS_MODEL_SHA1_BYTES];
        char hex[2 * AKS_MODEL_SHA1_BYTES + 1];

        assert_non_null(data);
        for (size_t j = 0; j < cases[i].times; j++)
            memcpy(data + j * len, cases[i].text, len);
        aks_model_digest_md5(data, len * cases[i].times, digest);
        aks_hex_encode(digest, AKS_MODEL_MD5_BYTES, hex);
        assert_string_equal(hex, cases[i].md5);
        aks_model_digest_sha1(data, len * cases[i].times, digest);
        aks_hex_encode(digest, AKS_MODEL_SHA1_BYTES, hex);
        assert_string_equal(hex, cases[i].sha1);
        free(data);
    }
    assert_int_equal(aks_model_digest_crc32("123456789", 9), 0xcbf43926);
    assert_int_equal(aks_model_digest_crc32("", 0), 0);
}

/* The padding has an edge at 56 and at 64 bytes. */
static void
digests_of_all_short_lengths_are_right(void **state)
{
    uint8_t all[200 * AKS_MODEL_MD5_BYTES];
    uint8_t digest[AKS_MODEL_MD5_BYTES];
    char data[200];
    char hex[2 * AKS_MODEL_MD5_BYTES + 1];

    memset(data, 'x', sizeof(data));
    for (size_t len = 0; len < sizeof(data); len++)
        aks_model_digest_md5(data, len, all + len * AKS_MODEL_MD5_BYTES);
    aks_model_digest_md5(all, sizeof(all), digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    /* Made with Python's hashlib. */
    assert_string_equal(hex, "236291006a2f1dc7b00bd978802ff8c6");
}

static void
base64_is_taken_exactly(void **state)
{
    static const char *const wrong[] = { "", "AAEC", "AAECAw=", "AAECAw", "AAECAw===", "AAEC!w==",
        "AAE=Aw==", "AAECAw==\n", "====AAEC" };
    uint8_t data[4];

    assert_true(aks_model_text_base64_decode("AAECAw==", data, 4));
    assert_memory_equal(data, "\0\1\2\3", 4);
    assert_true(aks_model_text_base64_decode("+/8=", data, 2));
    assert_memory_equal(data, "\xfb\xff", 2);
    assert_true(aks_model_text_base64_decode("AAEC", data, 3));
    assert_true(aks_model_text_base64_decode("", data, 0));
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(aks_model_text_base64_decode(wrong[i], data, 4));
}

static void
numbers_are_digits_and_have_a_limit(void **state)
{
    static const char *const wrong[] = { "", "-1", "+1", " 1", "1 ", "x", "1x", "11",
        "99999999999999999999999" };
    int64_t number = -1;

    assert_true(aks_model_text_number("10", 10, &number));
    assert_int_equal(number, 10);
    assert_true(aks_model_text_number("0", 10, &number));
    assert_true(aks_model_text_number("9223372036854775799", INT64_MAX, &number));
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(aks_model_text_number(wrong[i], 10, &number));
    assert_false(aks_model_text_number("7", 5, &number));
}

static void
dates_are_those_of_http(void **state)
{
    char text[AKS_MODEL_DATE_BYTES];

    assert_string_equal(aks_model_text_http_date(0, text), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_string_equal(aks_model_text_http_date(INT64_C(1369353600999), text),
        "Fri, 24 May 2013 00:00:00 GMT");
    assert_string_equal(aks_model_text_http_date(INT64_C(1709210096000), text),
        "Thu, 29 Feb 2024 12:34:56 GMT");
}

static void
etags_are_the_same_with_and_without_quotes(void **state)
{
    assert_true(aks_model_text_same_etag("\"ab\"", "ab"));
    assert_true(aks_model_text_same_etag("ab", "ab"));
    assert_false(aks_model_text_same_etag("\"ab\"", "abc"));
    assert_false(aks_model_text_same_etag("\"ab\"", ""));
    assert_false(aks_model_text_same_etag("\"", "ab"));
}

static void
names_are_found_in_lists_as_a_whole(void **state)
{
    assert_true(aks_model_text_lists("A, B,C", "A"));
    assert_true(aks_model_text_lists("A, B,C", "B"));
    assert_true(aks_model_text_lists("A, B,C", "C"));
    assert_false(aks_model_text_lists("AB", "A"));
    assert_false(aks_model_text_lists("A", "AB"));
    assert_false(aks_model_text_lists("", "A"));
    assert_false(aks_model_text_lists(NULL, "A"));
}

struct item {
    const char *key;
};

static void
sets_are_in_byte_order(void **state)
{
    static struct item items[] = { { "b" }, { "a/" }, { "a" }, { "\xC3\xA4" }, { "" } };
    static const char *const order[] = { "", "a", "a/", "b", "\xC3\xA4" };
    struct aks_model_set set;

    aks_model_set_init(&set, aks_alloc_system());
    for (size_t i = 0; i < COUNT(items); i++) {
        assert_true(aks_model_set_reserve(&set));
        aks_model_set_add(&set, &items[i]);
    }
    for (size_t i = 0; i < COUNT(order); i++)
        assert_string_equal(((struct item *)set.items[i])->key, order[i]);
    assert_ptr_equal(aks_model_set_find(&set, "a/"), &items[1]);
    assert_null(aks_model_set_find(&set, "c"));
    assert_int_equal(aks_model_set_from(&set, "aa"), 3);
    assert_ptr_equal(aks_model_set_take(&set, "a"), &items[2]);
    assert_null(aks_model_set_take(&set, "a"));
    assert_int_equal(set.count, 4);
    aks_mem_free(set.alloc, set.items);
}

static void
free_item(void *ctx, void *item)
{
    aks_mem_free(ctx, item);
}

static int
fill(void *ctx, const struct aks_alloc *alloc)
{
    static const char *const keys[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l",
        "m", "n", "o", "p", "q", "r", "s", "t" };
    struct aks_model_set set;
    bool whole = true;

    aks_model_set_init(&set, alloc);
    for (size_t i = 0; whole && i < COUNT(keys); i++) {
        struct item *item = aks_mem_new(alloc, sizeof(*item));

        whole = item != NULL && aks_model_set_reserve(&set);
        if (whole) {
            item->key = keys[i];
            aks_model_set_add(&set, item);
        } else {
            aks_mem_free(alloc, item);
        }
    }
    aks_model_set_fini(&set, free_item, (void *)(uintptr_t)alloc);
    return 0;
}

static void
sets_survive_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(fill, NULL, 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_their_standards),
        cmocka_unit_test(digests_of_all_short_lengths_are_right),
        cmocka_unit_test(base64_is_taken_exactly),
        cmocka_unit_test(numbers_are_digits_and_have_a_limit),
        cmocka_unit_test(dates_are_those_of_http),
        cmocka_unit_test(etags_are_the_same_with_and_without_quotes),
        cmocka_unit_test(names_are_found_in_lists_as_a_whole),
        cmocka_unit_test(sets_are_in_byte_order),
        cmocka_unit_test(sets_survive_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("model_parts", tests, NULL, NULL);
}
