#include "wire/ini.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Writes "key=value|" for each property. */
static enum aks_status
collect(void *ctx, const char *key, const char *value, struct aks_error *err)
{
    struct aks_buf *seen = ctx;

    aks_buf_printf(seen, "%s=%s|", key, value);
    return aks_buf_status(seen, "properties", err);
}

struct outcome {
    enum aks_status status;
    int found;
    struct aks_error err;
    struct aks_buf seen;
};

static void
read_ini(const char *text, size_t len, const char *section, struct outcome *ret_outcome)
{
    char *exact = malloc(len > 0 ? len : 1);    /* so that ASan sees a byte too far */

    assert_non_null(exact);
    memcpy(exact, text, len);
    memset(ret_outcome, 0, sizeof(*ret_outcome));
    aks_buf_init(&ret_outcome->seen, aks_alloc_system(), 1 << 20);
    ret_outcome->status = aks_ini_section(exact, len, section, collect, &ret_outcome->seen,
        &ret_outcome->found, &ret_outcome->err);
    free(exact);
}

static void
expect(const char *text, const char *section, const char *seen)
{
    struct outcome outcome;

    read_ini(text, strlen(text), section, &outcome);
    if (outcome.status != AKS_OK)
        fail_msg("%s", outcome.err.message);
    assert_true(outcome.found);
    assert_string_equal(outcome.seen.data, seen);
    aks_buf_fini(&outcome.seen);
}

static void
expect_bad(const char *text, const char *message)
{
    struct outcome outcome;

    read_ini(text, strlen(text), "default", &outcome);
    assert_int_equal(outcome.status, AKS_SETTINGS);
    assert_string_equal(outcome.err.message, message);
    aks_buf_fini(&outcome.seen);
}

static void
ini_gives_the_properties_of_one_section_in_order(void **state)
{
    static const char text[] =
        "# comment\n"
        "[default]\n"
        "aws_access_key_id = AKIDEXAMPLE\n"
        "aws_secret_access_key=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY==\n"
        "\n"
        "; another comment\n"
        "[profile work]\n"
        "region = eu-central-1\n"
        "[default]\n"
        "region\t=\tus-east-1   \n";

    expect(text, "default", "aws_access_key_id=AKIDEXAMPLE|"
        "aws_secret_access_key=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY==|region=us-east-1|");
    expect(text, "profile work", "region=eu-central-1|");
}

static void
ini_gives_sub_properties_with_their_parent(void **state)
{
    static const char text[] =
        "[services local]\n"
        "s3 =\n"
        "  endpoint_url = http://127.0.0.1:9000\n"
        "\n"
        "  # a comment\n"
        "\tAddressing_Style=path ; in-line\n"
        "sts = \n"
        "    endpoint_url = https://sts.example.com#x\n"
        "region = auto\n";

    expect(text, "services local", "s3=|s3.endpoint_url=http://127.0.0.1:9000|"
        "s3.addressing_style=path|sts=|sts.endpoint_url=https://sts.example.com#x|region=auto|");
}

static void
ini_cuts_comments_only_behind_white_space(void **state)
{
    expect("[a]\nk1 = v # c\nk2 = v ;c\nk3 = v#c;d\nk4 = # c\nk5 =#c\nk6 = a b  c\t#\n", "a",
        "k1=v|k2=v|k3=v#c;d|k4=|k5=#c|k6=a b  c|");
}

static void
ini_folds_blanks_in_section_names(void **state)
{
    expect("[  profile \t my   own ]  # c\nk = v\n", "profile my own", "k=v|");
    expect("[profile x];c\nk = v\n", "profile x", "k=v|");
}

static void
ini_distinguishes_sections_exactly(void **state)
{
    static const char *const others[] = { "", "defaul", "defaultx", "Default", "profile default",
        "default ", "d" };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct outcome outcome;

        read_ini("[default]\nk = v\n", 16, others[i], &outcome);
        assert_int_equal(outcome.status, AKS_OK);
        assert_false(outcome.found);
        assert_string_equal(outcome.seen.data, "");
        aks_buf_fini(&outcome.seen);
    }
}

static void
ini_takes_keys_in_any_case_and_values_as_they_are(void **state)
{
    expect("[a]\nAWS_Access_Key_ID = AbC\n", "a", "aws_access_key_id=AbC|");
    expect("[a]\nk = \xC3\xA4\xFF = [x]\n", "a", "k=\xC3\xA4\xFF = [x]|");
}

static void
ini_takes_other_line_ends_and_byte_order_marks(void **state)
{
    expect("\xEF\xBB\xBF[a]\r\nk = v\r\n\r\ns3 =\r\n  b = c\r\n", "a", "k=v|s3=|s3.b=c|");
    expect("[a]\nk = v", "a", "k=v|");
    expect("[a]", "a", "");
}

static void
ini_takes_a_file_that_is_indented_as_a_whole(void **state)
{
    expect("[a]\n  k1 = v\n  s3 =\n    b = c\n  k2 = w\n", "a", "k1=v|s3=|s3.b=c|k2=w|");
}

static void
ini_skips_values_of_several_lines_elsewhere(void **state)
{
    expect("[other]\nk = v\n   more of it\n[a]\nx = y\n", "a", "x=y|");
}

static void
ini_finds_a_section_without_properties_and_none_in_nothing(void **state)
{
    struct outcome outcome;

    expect("[default]\n[b]\nk = v\n", "default", "");
    read_ini("", 0, "default", &outcome);
    assert_int_equal(outcome.status, AKS_OK);
    assert_false(outcome.found);
    aks_buf_fini(&outcome.seen);
}

static void
ini_names_the_line_and_never_its_text(void **state)
{
    expect_bad("[default]\nhunter2\n",
        "profile file, line 2: neither a section nor 'key = value' nor a comment");
    expect_bad("hunter2 = x\n", "profile file, line 1: stands before the first section");
    expect_bad("[default\n", "profile file, line 1: a section begins with '[' and has no ']'");
    expect_bad("\n\n[ ]\n", "profile file, line 3: a section without a name");
    expect_bad("[default] x\n", "profile file, line 1: something stands behind a section's ']'");
    expect_bad("[default]\n= hunter2\n", "profile file, line 2: '=' without a key in front");
    expect_bad("[default]\nk = hunter2\n  more\n",
        "profile file, line 3: a value that goes over several lines");
    expect_bad("[default]\nk = hunter2\x01\n", "profile file, line 2: a control character");
    expect_bad("[default]\nk = hunter2\rx\n", "profile file, line 2: a control character");
    expect_bad("[default]\ns3 =\n  hunter2\n",
        "profile file, line 3: neither a section nor 'key = value' nor a comment");
    expect_bad("[default]\ns3 =\n  = hunter2\n",
        "profile file, line 3: '=' without a key in front");
    expect_bad("[other]\nhunter2\n",
        "profile file, line 2: neither a section nor 'key = value' nor a comment");
}

static void
ini_refuses_a_nul_byte(void **state)
{
    struct outcome outcome;

    read_ini("[default]\nk = a\0b\n", 18, "default", &outcome);
    assert_int_equal(outcome.status, AKS_SETTINGS);
    assert_string_equal(outcome.seen.data, "");
    aks_buf_fini(&outcome.seen);
}

static void
ini_has_limits_on_keys_values_and_files(void **state)
{
    char *text = calloc(1, AKS_INI_BYTES_MAX + 2);
    struct outcome outcome;

    assert_non_null(text);
    memcpy(text, "[default]\nk=", 12);
    memset(text + 12, 'v', AKS_INI_VALUE_BYTES - 1);
    read_ini(text, strlen(text), "default", &outcome);
    assert_int_equal(outcome.status, AKS_OK);
    assert_int_equal(outcome.seen.len, 2 + AKS_INI_VALUE_BYTES - 1 + 1);
    aks_buf_fini(&outcome.seen);
    text[strlen(text)] = 'v';
    expect_bad(text, "profile file, line 2: its value is over 4095 bytes long");

    memset(text, 0, AKS_INI_BYTES_MAX);
    memcpy(text, "[default]\n", 10);
    memset(text + 10, 'k', 126);
    memcpy(text + 136, "=v", 2);
    read_ini(text, strlen(text), "default", &outcome);
    assert_int_equal(outcome.status, AKS_OK);
    aks_buf_fini(&outcome.seen);
    memcpy(text + 136, "k=v", 3);
    expect_bad(text, "profile file, line 2: its key is over 126 bytes long");

    memset(text, '\n', AKS_INI_BYTES_MAX + 1);
    read_ini(text, AKS_INI_BYTES_MAX, "default", &outcome);
    assert_int_equal(outcome.status, AKS_OK);
    aks_buf_fini(&outcome.seen);
    read_ini(text, AKS_INI_BYTES_MAX + 1, "default", &outcome);
    assert_int_equal(outcome.status, AKS_SETTINGS);
    assert_string_equal(outcome.err.message, "profile file: is over 1048576 bytes long");
    aks_buf_fini(&outcome.seen);
    free(text);
}

static enum aks_status
refuse_second(void *ctx, const char *key, const char *value, struct aks_error *err)
{
    int *calls = ctx;

    if (++*calls == 2)
        return aks_error_set(err, AKS_CANCELLED, "enough of %s", key);
    return AKS_OK;
}

static void
ini_stops_with_the_status_of_the_one_it_calls(void **state)
{
    static const char text[] = "[a]\nk1 = 1\nk2 = 2\nk3 = 3\n";
    struct aks_error err = { 0 };
    int calls = 0;
    int found = 0;

    assert_int_equal(
        aks_ini_section(text, sizeof(text) - 1, "a", refuse_second, &calls, &found, &err),
        AKS_CANCELLED);
    assert_int_equal(calls, 2);
    assert_true(found);
    assert_string_equal(err.message, "enough of k2");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ini_gives_the_properties_of_one_section_in_order),
        cmocka_unit_test(ini_gives_sub_properties_with_their_parent),
        cmocka_unit_test(ini_cuts_comments_only_behind_white_space),
        cmocka_unit_test(ini_folds_blanks_in_section_names),
        cmocka_unit_test(ini_distinguishes_sections_exactly),
        cmocka_unit_test(ini_takes_keys_in_any_case_and_values_as_they_are),
        cmocka_unit_test(ini_takes_other_line_ends_and_byte_order_marks),
        cmocka_unit_test(ini_takes_a_file_that_is_indented_as_a_whole),
        cmocka_unit_test(ini_skips_values_of_several_lines_elsewhere),
        cmocka_unit_test(ini_finds_a_section_without_properties_and_none_in_nothing),
        cmocka_unit_test(ini_names_the_line_and_never_its_text),
        cmocka_unit_test(ini_refuses_a_nul_byte),
        cmocka_unit_test(ini_has_limits_on_keys_values_and_files),
        cmocka_unit_test(ini_stops_with_the_status_of_the_one_it_calls),
    };

    return cmocka_run_group_tests_name("ini", tests, NULL, NULL);
}
