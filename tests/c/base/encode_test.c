#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
hex_goes_there_and_back(void **state)
{
    static const uint8_t bytes[] = { 0x00, 0x09, 0xaf, 0xff };
    uint8_t back[4];
    char hex[9];

    aks_hex_encode(bytes, sizeof(bytes), hex);
    assert_string_equal(hex, "0009afff");
    assert_true(aks_hex_decode("0009aFFf", back, 4));
    assert_memory_equal(back, bytes, 4);
    aks_hex_encode(bytes, 0, hex);
    assert_string_equal(hex, "");
    assert_true(aks_hex_decode("", back, 0));
}

static void
what_is_no_hex_is_refused(void **state)
{
    static const char *const bad[] = { "", "0", "000", "00000", "0g00", "g000", "00 0", "00/0",
        "00:0", "00@0", "00`0", "\377000" };
    uint8_t back[2];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(aks_hex_decode(bad[i], back, 2));
}

/* The vectors of RFC 4648, section 10. */
static void
base64_is_that_of_rfc_4648(void **state)
{
    static const char *const vectors[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
        { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" }, { "\xfb\xff\xbf", "+/+/" } };

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        size_t len = strlen(vectors[i][0]);
        struct aks_buf out;

        aks_buf_init(&out, aks_alloc_system(), 100);
        aks_base64_encode(vectors[i][0], len, &out);
        assert_string_equal(out.data, vectors[i][1]);
        assert_int_equal(out.len + 1, AKS_BASE64_BYTES(len));
        aks_buf_fini(&out);
    }
}

static void
only_unreserved_characters_stay_as_they_are(void **state)
{
    struct aks_buf out;

    aks_buf_init(&out, aks_alloc_system(), 1000);
    aks_percent_encode("Aa9-._~/ %+\xc3\xa9", 13, true, &out);
    assert_string_equal(out.data, "Aa9-._~/%20%25%2B%C3%A9");
    aks_buf_reset(&out);
    aks_percent_encode("a/b\0", 4, false, &out);
    assert_string_equal(out.data, "a%2Fb%00");
    aks_buf_fini(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_goes_there_and_back),
        cmocka_unit_test(what_is_no_hex_is_refused),
        cmocka_unit_test(base64_is_that_of_rfc_4648),
        cmocka_unit_test(only_unreserved_characters_stay_as_they_are),
    };

    return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
