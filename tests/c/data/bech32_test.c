#include "data/bech32.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define IDENTITY "AGE-SECRET-KEY-"

static void
what_is_written_is_read(void **state)
{
    uint8_t data[33];
    uint8_t back[33];
    char text[AKS_BECH32_BYTES(sizeof(IDENTITY) - 1, sizeof(data))];

    for (size_t len = 0; len <= sizeof(data); len++) {
        for (size_t i = 0; i < len; i++)
            data[i] = (uint8_t)(37 * i + 11 * len + 200);
        aks_bech32_encode(IDENTITY, data, len, text);
        assert_int_equal(strlen(text) + 1, AKS_BECH32_BYTES(sizeof(IDENTITY) - 1, len));
        assert_true(aks_bech32_is(IDENTITY, text, strlen(text)));
        assert_true(aks_bech32_decode(IDENTITY, text, strlen(text), back, len));
        assert_memory_equal(back, data, len);
        if (len > 0)
            assert_false(aks_bech32_decode(IDENTITY, text, strlen(text), back, len - 1));
        aks_bech32_encode("age", data, len, text);
        assert_true(aks_bech32_decode("age", text, strlen(text), back, len));
        assert_memory_equal(back, data, len);
    }
}

static void
one_wrong_character_is_noticed_wherever_it_is(void **state)
{
    static const uint8_t data[32] = { 1, 2, 3, 255 };
    uint8_t back[32];
    char text[AKS_BECH32_BYTES(3, sizeof(data))];
    size_t len;

    aks_bech32_encode("age", data, sizeof(data), text);
    len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        for (int c = 1; c < 256; c++) {
            char changed[sizeof(text)];

            memcpy(changed, text, sizeof(text));
            changed[i] = (char)c;
            assert_int_equal(aks_bech32_decode("age", changed, len, back, sizeof(back)),
                changed[i] == text[i]);
        }
        assert_false(aks_bech32_decode("age", text, i, back, sizeof(back)));
    }
}

/* BIP 173's own examples of 32 bytes of zeros, and of what is malformed. */
static void
it_is_that_of_the_paper(void **state)
{
    static const uint8_t zeros[32];
    uint8_t back[32] = { 1 };
    uint8_t none[1];

    assert_true(aks_bech32_decode("A", "A12UEL5L", 8, none, 0));
    assert_true(aks_bech32_decode("a", "a12uel5l", 8, none, 0));
    assert_false(aks_bech32_decode("a", "a12uEl5l", 8, none, 0));
    assert_false(aks_bech32_decode("a", "A12UEL5L", 8, none, 0));
    assert_false(aks_bech32_decode("a", "a12uel5", 7, none, 0));
    assert_false(aks_bech32_decode("age", "age1", 4, back, sizeof(back)));
    assert_false(aks_bech32_decode("age", "", 0, back, sizeof(back)));
    /* What failed leaves nothing. */
    assert_memory_equal(back, zeros, sizeof(zeros));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(one_wrong_character_is_noticed_wherever_it_is),
        cmocka_unit_test(it_is_that_of_the_paper),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
