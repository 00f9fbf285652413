#include "base/redact.h"

#include "base/buf.h"
#include "base/encode.h"
#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PLANTED "Planted/Value+of&a\"Test~0123456789"
#define TEXT_BYTES 8192

static const char *
redacted(const char *text)
{
    static char copy[TEXT_BYTES];

    assert_true(strlen(text) < sizeof(copy));
    (void)snprintf(copy, sizeof(copy), "%s", text);
    return aks_redact_text(copy, 0);
}

static void
assert_redacted(const char *text, const char *expected)
{
    assert_string_equal(redacted(text), expected);
    /* What is redacted stays as it is. */
    assert_string_equal(redacted(expected), expected);
}

static void
assert_kept(const char *text)
{
    assert_string_equal(redacted(text), text);
}

/* --- shapes ----------------------------------------------------------------------------------- */

static void
shapes_are_known_without_their_value(void **state)
{
    static const char *const pairs[][2] = {
        { "id AKIAIOSFODNN7EXAMPLE is wrong", "id [redacted] is wrong" },
        { "(ASIAIOSFODNN7EXAMPLE)", "([redacted])" },
        { "Authorization: AWS4-HMAC-SHA256 Credential=A/b, Signature=c",
            "Authorization: [redacted]" },
        { "{\"h\": \"authorization: Basic eA==\", \"n\": 1}",
            "{\"h\": \"authorization: [redacted]\", \"n\": 1}" },
        { "got Bearer abc.def-0123456 here", "got Bearer [redacted] here" },
        { "got bearer%20abcdefghijklmnopqrstuvwxyz", "got bearer%20[redacted]" },
        { "Basic dXNlcjpwYXNzd29yZDE=", "Basic [redacted]" },
        { "x-amz-security-token: FwoGZXIvYXdzEBY", "x-amz-security-token: [redacted]" },
        { "/b/k?X-Amz-Signature=0123456789abcdef&X-Amz-Date=20261126T000000Z",
            "/b/k?X-Amz-Signature=[redacted]&X-Amz-Date=20261126T000000Z" },
        { "?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F2026&X-Amz-Security-Token=abc&x=1",
            "?X-Amz-Credential=[redacted]&X-Amz-Security-Token=***&x=1" },
        { "https://h/p?sig=a1&token=b2", "https://h/p?sig=**&token=**" },
        { "https://me:pass@host/path", "https://***@host/path" },
        { "http://longer-token-0123@h", "http://[redacted]@h" },
        { "AGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", "[redacted]" },
        { "a -----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY----- b",
            "a [redacted] b" },
        { "-----BEGIN PRIVATE KEY-----\nMHcC", "[redacted]" },
        { "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln", "[redacted]" },
        { "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "aws_secret_access_key = [redacted]" },
        { "\"SecretAccessKey\": \"wJalrXUtnFEMI/K7MDENG\"", "\"SecretAccessKey\": \"[redacted]\"" },
        { "<SessionToken>AQoDYXdzEJr</SessionToken>", "<SessionToken>[redacted]</SessionToken>" },
        { "{\\\"password\\\":\\\"hunter2hunter2\\\"}", "{\\\"password\\\":\\\"[redacted]\\\"}" },
        { "AKOSHA_PASSWORD='two words'", "AKOSHA_PASSWORD='***'" },
        { "token = \"literal\",", "token = \"***\"," },
        { "api-key=1", "api-key=*" },
        { "line\\nAKIAIOSFODNN7EXAMPLE", "line\\n[redacted]" },
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_redacted(pairs[i][0], pairs[i][1]);
}

static void
ordinary_text_stays(void **state)
{
    static const char *const texts[] = {
        "", "a", "=", ":", "://", "\"", "\\", "[redacted]", "Bearer", "Authorization",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "{\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}",
        "\"etag\": \"\\\"9bb58f26192e4ba00f01e2e7b136bbd8-3\\\"\"",
        "upload_id 20261123T084512Z-3f9a2c, key systems/laptop-7/20261123T084512Z-3f9a2c/a.zst",
        "uploadId=2~VXBsb2FkIElEIGZvciBlbHZpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZA",
        "\"key\": \"systems/laptop-7/x\", \"keys\": 3, \"monkey\": \"banana\"",
        "x-amz-checksum-sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "secret akosha-token: its variable PUSH_TOKEN is not set",
        "akosha-sync secret add akosha-token --file ~/.akosha-token --host akosha.internal:8682",
        "token = akosha.secret \"akosha-token\"", "secret=true", "password: nil",
        "the server wants Basic authentication or a Bearer token", "a bearer: of news",
        "an identity is AGE-SECRET-KEY-1..., one a line",
        "cannot reach https://host:8682/upload: connection refused",
        "https://host/a@b", "mail me@example.com", "-----BEGIN CERTIFICATE-----\nMIIB\n",
        "AKIA", "XAKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLEtoolong",
        "eyJ.no", "Gr\xc3\xbc\xc3\x9f" "e aus K\xc3\xb6ln", "credentials = \"environment\"",
        "{\"hint\":\"set token=\",\"x\":\"y\"}", "{\"a\":\"token: \",\"b\":\"cccccccccccc1\"}",
        "tokens: 5, tokenise=yes", "nottoken=x1",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_kept(texts[i]);
}

static void
what_the_end_of_a_text_cuts_is_known_as_well(void **state)
{
    char text[128];

    (void)snprintf(text, sizeof(text), "%s", "asked with Bearer ab");
    assert_string_equal(aks_redact_text(text, AKS_REDACT_CUT), "asked with Bearer **");
    (void)snprintf(text, sizeof(text), "%s", "for https://me:pass");
    assert_string_equal(aks_redact_text(text, AKS_REDACT_CUT), "for https://***");
    (void)snprintf(text, sizeof(text), "%s", "for https://host:86");
    assert_string_equal(aks_redact_text(text, AKS_REDACT_CUT), "for https://host:86");
    (void)snprintf(text, sizeof(text), "%s", "key AKIAIO");
    assert_string_equal(aks_redact_text(text, AKS_REDACT_CUT), "key ***");
}

/* --- values ----------------------------------------------------------------------------------- */

static void
append_hex(struct aks_buf *out, const char *value, bool upper)
{
    for (; *value != '\0'; value++)
        aks_buf_printf(out, upper ? "%02X" : "%02x", (unsigned)(unsigned char)*value);
}

static void
append_percent(struct aks_buf *out, const char *value, bool all, bool upper)
{
    for (; *value != '\0'; value++) {
        bool plain = strchr("/+&\"~", *value) == NULL;

        if (plain && !all)
            aks_buf_putc(out, *value);
        else
            aks_buf_printf(out, upper ? "%%%02X" : "%%%02x", (unsigned)(unsigned char)*value);
    }
}

static void
append_json(struct aks_buf *out, const char *value, bool slash)
{
    for (; *value != '\0'; value++) {
        if (*value == '"' || (slash && *value == '/'))
            aks_buf_putc(out, '\\');
        if (*value == '&')
            aks_buf_puts(out, "\\u0026");
        else
            aks_buf_putc(out, *value);
    }
}

/* Base64 of the value behind ${before} other bytes; in the alphabet of addresses if ${url}. */
static void
append_base64(struct aks_buf *out, const char *value, size_t before, bool url)
{
    struct aks_buf whole;
    size_t from = out->len;

    aks_buf_init(&whole, aks_alloc_system(), TEXT_BYTES);
    aks_buf_append(&whole, "\xff\x01\x7f", before);
    aks_buf_puts(&whole, value);
    aks_buf_puts(&whole, "~");
    aks_base64_encode(whole.data, whole.len, out);
    aks_buf_fini(&whole);
    for (; url && from < out->len; from++) {
        char c = out->data[from];

        out->data[from] = (char)(c == '+' ? '-' : c == '/' ? '_' : c);
    }
}

static void
append_again(struct aks_buf *out, const char *value,
    void (*append)(struct aks_buf *out, const char *value), unsigned times)
{
    struct aks_buf once;

    aks_buf_init(&once, aks_alloc_system(), TEXT_BYTES);
    append(&once, value);
    if (times > 1)
        append_again(out, once.data, append, times - 1);
    else
        aks_buf_puts(out, once.data);
    aks_buf_fini(&once);
}

/* What an address within an address becomes. */
static void
append_address(struct aks_buf *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if (strchr("/+&\"%", *value) != NULL)
            aks_buf_printf(out, "%%%02X", (unsigned)(unsigned char)*value);
        else
            aks_buf_putc(out, *value);
    }
}

static void
append_text(struct aks_buf *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if (strchr("/\"\\", *value) != NULL)
            aks_buf_putc(out, '\\');
        aks_buf_putc(out, *value);
    }
}

#define FORMS 22

static void
append_form(struct aks_buf *out, const char *value, unsigned form)
{
    switch (form) {
    case 0: aks_buf_puts(out, value); break;
    case 1: case 2: append_hex(out, value, form == 2); break;
    case 3: case 4: append_percent(out, value, false, form == 4); break;
    case 5: case 6: append_percent(out, value, true, form == 6); break;
    case 7: case 8: append_json(out, value, form == 8); break;
    case 9: append_base64(out, value, 0, false); break;
    case 18: case 19: append_again(out, value, append_address, form - 16); break;
    case 20: case 21: append_again(out, value, append_text, form - 18); break;
    case 17: aks_buf_append(out, value, AKS_REDACT_PREFIX_BYTES); break;
    default: append_base64(out, value, (form - 10) % 4 % 3, form >= 14); break;
    }
}

static void
a_live_value_is_found_in_every_form(void **state)
{
    const struct aks_alloc *alloc = aks_alloc_system();
    struct aks_secret *secret = aks_secret_new(alloc, "Bearer ", PLANTED, strlen(PLANTED));
    struct aks_buf text;

    aks_buf_init(&text, alloc, TEXT_BYTES);
    for (unsigned form = 0; form < FORMS; form++) {
        const char *found;

        aks_buf_reset(&text);
        aks_buf_puts(&text, "it says: ");
        append_form(&text, PLANTED, form);
        aks_buf_puts(&text, " (HTTP 401)");
        found = redacted(text.data);
        if (strncmp(found, "it says: ", 9) != 0 || strstr(found, "[redacted]") == NULL ||
            strlen(found) > 36 || strcmp(found + strlen(found) - 11, " (HTTP 401)") != 0)
            fail_msg("form %u: %s -> %s", form, text.data, found);
    }
    /* And never again once it is no secret any more. */
    aks_secret_free(secret);
    aks_buf_reset(&text);
    append_form(&text, PLANTED, 0);
    assert_kept(text.data);
    aks_buf_fini(&text);
}

static void
values_in_a_row_are_those_of_their_names(void **state)
{
    static const char row[] = "20261126T080000Z-abc123\0AWS_SESSION_TOKEN=first value here\0"
        "SHORT=abc\0OTHER=second-value-here";
    struct aks_secret *secret = aks_secret_new(aks_alloc_system(), "", row, sizeof(row));

    assert_redacted("job 20261126T080000Z-abc123: first value here, abc, second-value-here",
        "job 20261126T080000Z-abc123: [redacted], abc, [redacted]");
    aks_secret_free(secret);
    assert_kept("first value here");
}

static void
several_live_and_the_last_is_forgotten_as_the_first(void **state)
{
    const struct aks_alloc *alloc = aks_alloc_system();
    struct aks_secret *a = aks_secret_new(alloc, "", "alpha-alpha", 11);
    struct aks_secret *b = aks_secret_new(alloc, "", "beta-beta-beta", 14);
    struct aks_secret *c = aks_secret_new(alloc, "", "gamma-gamma", 11);

    aks_secret_free(b);
    assert_redacted("alpha-alpha beta-beta-beta gamma-gamma",
        "[redacted] beta-beta-beta [redacted]");
    aks_secret_free(c);
    assert_redacted("alpha-alpha gamma-gamma", "[redacted] gamma-gamma");
    aks_secret_free(a);
    assert_kept("alpha-alpha gamma-gamma");
}

static void
a_shape_that_ends_within_a_value_takes_all_of_it(void **state)
{
    const struct aks_alloc *alloc = aks_alloc_system();
    struct aks_secret *secret = aks_secret_new(alloc, "", "one,two;three&four", 18);

    assert_redacted("token=one,two;three&four&n=1", "token=[redacted]&n=1");
    assert_redacted("token=xone,two;three&four&n=1", "token=[redacted]&n=1");
    assert_redacted("https://me:one,two;three&four@h/", "https://[redacted]@h/");
    aks_secret_free(secret);
}

static void
json_stays_json_and_characters_whole(void **state)
{
    const struct aks_alloc *alloc = aks_alloc_system();
    struct aks_secret *secret = aks_secret_new(alloc, "", "nabc\\defghijk", 13);
    struct aks_secret *umlaut = aks_secret_new(alloc, "", "0123456789abcde\xc3\xbc" "fghi", 21);

    assert_redacted("\"\\nabc\\\\defghijk\"", "\"[redacted]\"");
    assert_redacted("\"x\\\\nabc\\\\defghijk\\n\"", "\"x\\\\[redacted]\\n\"");
    assert_true(aks_utf8_valid(redacted("0123456789abcde\xc3\xa4 x")));
    assert_redacted("0123456789abcde\xc3\xbc" "fghi", "[redacted]");
    aks_secret_free(secret);
    aks_secret_free(umlaut);
}

/* --- where texts are made --------------------------------------------------------------------- */

static void
take_line(void *ctx, enum aks_log_level level, const char *text)
{
    (void)snprintf(ctx, TEXT_BYTES, "%s", text);
}

static void
errors_and_logs_are_redacted_as_they_are_made(void **state)
{
    const struct aks_alloc *alloc = aks_alloc_system();
    struct aks_secret *secret = aks_secret_new(alloc, "", PLANTED, strlen(PLANTED));
    char line[TEXT_BYTES] = "";
    struct aks_log log = { take_line, line, AKS_LOG_DEBUG };
    struct aks_error err;
    char filling[AKS_ERROR_MESSAGE_BYTES];

    (void)aks_error_set(&err, AKS_SERVER, "it says %s", PLANTED);
    aks_error_hint(&err, "ask without %s", PLANTED);
    assert_string_equal(err.message, "it says [redacted]");
    assert_string_equal(err.hint, "ask without [redacted]");
    (void)aks_error_wrap(&err, "asking %s", PLANTED);
    assert_string_equal(err.message, "asking [redacted]: it says [redacted]");
    /* One that was not made here, but in a module that knows none of our secrets. */
    (void)snprintf(err.message, sizeof(err.message), "it says %s", PLANTED);
    (void)aks_error_wrap(&err, "asking");
    assert_string_equal(err.message, "asking: it says [redacted]");
    aks_log_write(&log, AKS_LOG_INFO, "sent %s", PLANTED);
    assert_string_equal(line, "sent [redacted]");

    /* Cut in the middle of it: the part that would be left goes as well. */
    for (size_t left = 5; left < strlen(PLANTED); left++) {
        memset(filling, 'x', sizeof(filling));
        filling[sizeof(filling) - 1 - left - 1] = '\0';
        (void)aks_error_set(&err, AKS_SERVER, "%s %s", filling, PLANTED);
        assert_null(strstr(err.message, "Plan"));
        assert_string_equal(err.message + strlen(err.message) - 3, "...");
    }
    aks_secret_free(secret);
}

static void
time_is_linear_in_the_text(void **state)
{
    static const char *const worst[] = { "://", "eyJ-", "eyJ.", "bearer ", "-----BEGIN ", "token=",
        "AKIA", "AGE-SECRET-KEY-", "\\", "=", "a", "\"token\":", "token: ", "<token>" };
    const struct aks_alloc *alloc = aks_alloc_system();
    size_t len = 1 << 20;
    char *text = malloc(len + 1);
    struct aks_secret *secret;

    memset(text, 'a', 4096);
    secret = aks_secret_new(alloc, "", text, 4096);
    /* What is not linear in a megabyte does not end within the time that a test has. */
    for (size_t i = 0; i < sizeof(worst) / sizeof(worst[0]); i++) {
        for (size_t at = 0; at < len; at++)
            text[at] = worst[i][at % strlen(worst[i])];
        text[len] = '\0';
        assert_true(aks_redact(text, len, 0) <= len);
    }
    aks_secret_free(secret);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_are_known_without_their_value),
        cmocka_unit_test(ordinary_text_stays),
        cmocka_unit_test(what_the_end_of_a_text_cuts_is_known_as_well),
        cmocka_unit_test(a_live_value_is_found_in_every_form),
        cmocka_unit_test(values_in_a_row_are_those_of_their_names),
        cmocka_unit_test(several_live_and_the_last_is_forgotten_as_the_first),
        cmocka_unit_test(a_shape_that_ends_within_a_value_takes_all_of_it),
        cmocka_unit_test(json_stays_json_and_characters_whole),
        cmocka_unit_test(errors_and_logs_are_redacted_as_they_are_made),
        cmocka_unit_test(time_is_linear_in_the_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
