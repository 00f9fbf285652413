/* The rules of signing that go wrong elsewhere, and what is refused. The vectors have a file of
 * their own. */
#include "wire/sigv4.h"

#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DATE "20130524T000000Z"

static const struct aks_sigv4_key key = { "AKID", "secret", "us-east-1", "s3" };

static void
expect_canonical(const struct aks_sigv4_request *request, const char *wanted)
{
    struct aks_error err = { 0 };
    struct aks_buf out;

    aks_buf_init(&out, aks_alloc_system(), AKS_SIGV4_CANONICAL_BYTES_MAX);
    if (aks_sigv4_canonical(request, &out, &err) != AKS_OK)
        fail_msg("%s", err.message);
    assert_string_equal(out.data, wanted);
    aks_buf_fini(&out);
}

static void
expect_query(const struct aks_sigv4_pair *query, size_t count, const char *wanted)
{
    struct aks_buf out;

    aks_buf_init(&out, aks_alloc_system(), 4096);
    assert_int_equal(aks_sigv4_query(query, count, &out, NULL), AKS_OK);
    assert_string_equal(out.data, wanted);
    aks_buf_fini(&out);
}

static void
date_is_that_of_the_header(void **state)
{
    char date[17];

    aks_sigv4_date(INT64_C(1369353600999), date);
    assert_string_equal(date, DATE);
    aks_sigv4_date(-1, date);
    assert_string_equal(date, "19700101T000000Z");
}

static void
query_is_sorted_by_name_and_not_by_name_and_value(void **state)
{
    static const struct aks_sigv4_pair prefix[] = { { "select-type", "2" }, { "select", "x" } };
    static const struct aks_sigv4_pair numbers[] = { { "partNumber", "2" }, { "partNumber", "10" },
        { "uploadId", "b" }, { "Param2", "" }, { "Param1", "" }, { "param", "" } };
    static const struct aks_sigv4_pair same[] = { { "a", "z" }, { "a", "" }, { "a", "y" },
        { "A", "z" } };

    expect_query(prefix, COUNT(prefix), "select=x&select-type=2");
    expect_query(numbers, COUNT(numbers),
        "Param1=&Param2=&param=&partNumber=10&partNumber=2&uploadId=b");
    expect_query(same, COUNT(same), "A=z&a=&a=y&a=z");
    expect_query(NULL, 0, "");
}

static void
query_is_sorted_as_encoded(void **state)
{
    /* Raw, '~' (7E) stands before U+00E4 (C3 A4), and '/' behind '-'; as "%C3" and "%2F" both come
     * first. */
    static const struct aks_sigv4_pair query[] = { { "~", "1" }, { "\xC3\xA4", "2" },
        { "a-", "3" }, { "a/", "4" } };

    expect_query(query, COUNT(query), "%C3%A4=2&a%2F=4&a-=3&~=1");
}

static void
query_is_encoded_strictly(void **state)
{
    static const struct aks_sigv4_pair query[] = {
        { "prefix", "a b/c+d=e&f%20\xC3\xA4-._~!*'()" },
        { "k y", "" },
    };

    expect_query(query, COUNT(query),
        "k%20y=&prefix=a%20b%2Fc%2Bd%3De%26f%2520%C3%A4-._~%21%2A%27%28%29");
}

static void
path_is_encoded_once_and_never_normalised(void **state)
{
    static const struct {
        const char *path;
        const char *encoded;
    } cases[] = {
        { "/", "/" },
        { "//", "//" },
        { "/a//b/./c/../d/", "/a//b/./c/../d/" },
        { "/systems/s/u//memories.json", "/systems/s/u//memories.json" },
        { "/\xE1\x88\xB4/\xF0\x9F\x98\x80.zst", "/%E1%88%B4/%F0%9F%98%80.zst" },
        { "/\xFF\x80", "/%FF%80" },
        { "/a%20b c+d", "/a%2520b%20c%2Bd" },
        { "/-._~!$&'()*,;=:@?#[]", "/-._~%21%24%26%27%28%29%2A%2C%3B%3D%3A%40%3F%23%5B%5D" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct aks_sigv4_request request = { "PUT", cases[i].path, NULL, 0, NULL, 0, "H" };
        char wanted[256];

        (void)snprintf(wanted, sizeof(wanted), "PUT\n%s\n\n\n\nH", cases[i].encoded);
        expect_canonical(&request, wanted);
    }
}

static void
headers_are_sorted_with_the_shorter_name_first(void **state)
{
    static const struct aks_sigv4_pair headers[] = { { "x-amz-meta-a-b", "2" },
        { "X-Amz-Meta-A", "1" }, { "x-amz-meta-a_", "4" }, { "x-amz-meta-a.b", "3" },
        { "Host", "h:9000" } };
    const struct aks_sigv4_request request = { "GET", "/", NULL, 0, headers, COUNT(headers), "H" };

    expect_canonical(&request, "GET\n/\n\nhost:h:9000\nx-amz-meta-a:1\nx-amz-meta-a-b:2\n"
        "x-amz-meta-a.b:3\nx-amz-meta-a_:4\n\n"
        "host;x-amz-meta-a;x-amz-meta-a-b;x-amz-meta-a.b;x-amz-meta-a_\nH");
}

static void
headers_lose_blanks_at_the_ends_and_repeated_ones(void **state)
{
    static const struct aks_sigv4_pair headers[] = { { "a", "  x  y   z  " }, { "b", " \t " },
        { "c", "\"q   r\"" }, { "d", "" }, { "e", "\xC3\xA4\t\tb" } };
    const struct aks_sigv4_request request = { "GET", "/", NULL, 0, headers, COUNT(headers), "H" };

    expect_canonical(&request,
        "GET\n/\n\na:x y z\nb:\nc:\"q r\"\nd:\ne:\xC3\xA4 b\n\na;b;c;d;e\nH");
}

static void
headers_of_one_name_are_joined_in_their_order(void **state)
{
    static const struct aks_sigv4_pair headers[] = { { "My-Header", "b" }, { "host", "h" },
        { "my-header", " a" }, { "MY-HEADER", "c " } };
    const struct aks_sigv4_request request = { "GET", "/", NULL, 0, headers, COUNT(headers), "H" };
    struct aks_buf out;

    expect_canonical(&request, "GET\n/\n\nhost:h\nmy-header:b,a,c\n\nhost;my-header\nH");
    aks_buf_init(&out, aks_alloc_system(), 4096);
    assert_int_equal(aks_sigv4_authorization(&request, &key, DATE, &out, NULL), AKS_OK);
    assert_non_null(strstr(out.data, ", SignedHeaders=host;my-header, Signature="));
    aks_buf_fini(&out);
}

static void
authorization_is_appended_and_equals_the_signature(void **state)
{
    static const struct aks_sigv4_pair headers[] = { { "host", "h" } };
    const struct aks_sigv4_request request = { "GET", "/", NULL, 0, headers, 1, "H" };
    char hex[AKS_SIGV4_HEX_BYTES];
    char wanted[256];
    struct aks_buf out;

    assert_int_equal(aks_sigv4_signature(aks_alloc_system(), &request, &key, DATE, hex, NULL),
        AKS_OK);
    (void)snprintf(wanted, sizeof(wanted), "Authorization: AWS4-HMAC-SHA256 Credential=AKID/"
        "20130524/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=%s", hex);
    aks_buf_init(&out, aks_alloc_system(), 4096);
    aks_buf_puts(&out, "Authorization: ");
    assert_int_equal(aks_sigv4_authorization(&request, &key, DATE, &out, NULL), AKS_OK);
    assert_string_equal(out.data, wanted);
    aks_buf_fini(&out);
}

static void
signature_depends_on_all_that_is_signed(void **state)
{
    static const struct aks_sigv4_pair headers[] = { { "host", "h" } };
    static const struct aks_sigv4_pair other[] = { { "host", "i" } };
    static const struct aks_sigv4_pair query[] = { { "a", "" } };
    const struct aks_sigv4_request requests[] = {
        { "GET", "/", NULL, 0, headers, 1, "H" },
        { "PUT", "/", NULL, 0, headers, 1, "H" },
        { "GET", "/a", NULL, 0, headers, 1, "H" },
        { "GET", "/", query, 1, headers, 1, "H" },
        { "GET", "/", NULL, 0, other, 1, "H" },
        { "GET", "/", NULL, 0, headers, 0, "H" },
        { "GET", "/", NULL, 0, headers, 1, "I" },
    };
    const struct aks_sigv4_key keys[] = { { "AKID", "secreT", "us-east-1", "s3" },
        { "AKID", "secret", "us-east-2", "s3" }, { "AKID", "secret", "us-east-1", "sts" } };
    char seen[COUNT(requests) + COUNT(keys) + 2][AKS_SIGV4_HEX_BYTES];
    size_t count = 0;

    for (size_t i = 0; i < COUNT(requests); i++)
        assert_int_equal(aks_sigv4_signature(aks_alloc_system(), &requests[i], &key, DATE,
            seen[count++], NULL), AKS_OK);
    for (size_t i = 0; i < COUNT(keys); i++)
        assert_int_equal(aks_sigv4_signature(aks_alloc_system(), &requests[0], &keys[i], DATE,
            seen[count++], NULL), AKS_OK);
    assert_int_equal(aks_sigv4_signature(aks_alloc_system(), &requests[0], &key, "20130524T000001Z",
        seen[count++], NULL), AKS_OK);
    assert_int_equal(aks_sigv4_signature(aks_alloc_system(), &requests[0], &key, "20130525T000000Z",
        seen[count++], NULL), AKS_OK);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(seen[i], seen[j]);
    }
}

static enum aks_status
sign(struct aks_sigv4_request request, struct aks_sigv4_key with, struct aks_error *err)
{
    struct aks_buf out;
    enum aks_status status;

    aks_buf_init(&out, aks_alloc_system(), AKS_SIGV4_CANONICAL_BYTES_MAX);
    status = aks_sigv4_authorization(&request, &with, DATE, &out, err);
    if (status != AKS_OK)
        assert_int_equal(out.len, 0);
    aks_buf_fini(&out);
    return status;
}

static void
keys_that_cannot_stand_in_a_header_are_refused(void **state)
{
    static const struct aks_sigv4_pair headers[] = { { "host", "h" } };
    static const struct aks_sigv4_request request = { "GET", "/", NULL, 0, headers, 1, "H" };
    static const char *const bad_access[] = { "", "A\nB", "A\r", "A B", "A,B", "A/B", "\xC3\xA4",
        "A\x7f" };
    static const char *const bad_region[] = { "", "us east", "us/east", "us\neast", "\xC3\xA4" };
    char secret[AKS_SIGV4_SECRET_BYTES_MAX + 2] = { 0 };
    struct aks_sigv4_key with = key;
    struct aks_error err = { 0 };

    for (size_t i = 0; i < COUNT(bad_access); i++) {
        with.access_key = bad_access[i];
        assert_int_equal(sign(request, with, &err), AKS_AUTH_INVALID);
    }
    with = key;
    for (size_t i = 0; i < COUNT(bad_region); i++) {
        with.region = bad_region[i];
        assert_int_equal(sign(request, with, &err), AKS_SETTINGS);
        with.region = "auto";
        with.service = bad_region[i];
        assert_int_equal(sign(request, with, &err), AKS_SETTINGS);
        with.service = "s3";
    }
    with.secret_key = "";
    assert_int_equal(sign(request, with, &err), AKS_AUTH_INVALID);
    memset(secret, 's', AKS_SIGV4_SECRET_BYTES_MAX);
    with.secret_key = secret;
    assert_int_equal(sign(request, with, &err), AKS_OK);
    secret[AKS_SIGV4_SECRET_BYTES_MAX] = 's';
    assert_int_equal(sign(request, with, &err), AKS_AUTH_INVALID);
    assert_null(strstr(err.message, "sss"));
}

static void
headers_that_would_break_out_are_refused(void **state)
{
    static const struct aks_sigv4_pair bad[] = { { "x-a", "hunter2\r\nX: y" }, { "x-a", "a\nb" },
        { "x-a", "\x01" }, { "x-a", "\x7f" }, { "", "v" }, { "a b", "v" }, { "a:", "v" },
        { "a\n", "v" }, { "\xC3\xA4", "v" } };
    struct aks_error err = { 0 };

    for (size_t i = 0; i < COUNT(bad); i++) {
        const struct aks_sigv4_request request = { "GET", "/", NULL, 0, &bad[i], 1, "H" };

        assert_int_equal(sign(request, key, &err), AKS_SETTINGS);
        assert_null(strstr(err.message, "hunter2"));
        assert_null(strchr(err.message, '\n'));
    }
    assert_int_equal(sign((struct aks_sigv4_request){ "GE T", "/", NULL, 0, NULL, 0, "H" }, key,
        &err), AKS_SETTINGS);
    assert_int_equal(sign((struct aks_sigv4_request){ "", "/", NULL, 0, NULL, 0, "H" }, key, &err),
        AKS_SETTINGS);
}

static void
requests_have_limits(void **state)
{
    struct aks_sigv4_pair pairs[AKS_SIGV4_HEADERS_MAX + 1];
    char *path = calloc(1, AKS_SIGV4_CANONICAL_BYTES_MAX + 1);
    struct aks_sigv4_request request = { "GET", "/", pairs, AKS_SIGV4_QUERY_MAX, pairs,
        AKS_SIGV4_HEADERS_MAX, "H" };
    struct aks_error err = { 0 };

    assert_non_null(path);
    for (size_t i = 0; i < COUNT(pairs); i++)
        pairs[i] = (struct aks_sigv4_pair){ "name", "value" };
    assert_int_equal(sign(request, key, &err), AKS_OK);
    request.header_count++;
    assert_int_equal(sign(request, key, &err), AKS_LIMIT);
    request.header_count = 0;
    request.query_count++;
    assert_int_equal(sign(request, key, &err), AKS_LIMIT);
    request.query_count = 0;
    memset(path, '/', AKS_SIGV4_CANONICAL_BYTES_MAX);
    request.path = path;
    assert_int_equal(sign(request, key, &err), AKS_LIMIT);
    pairs[0].value = path;
    request.path = "/";
    request.query_count = 1;
    assert_int_equal(sign(request, key, &err), AKS_LIMIT);
    free(path);
}

static int
sign_with(void *ctx, const struct aks_alloc *alloc)
{
    static const struct aks_sigv4_pair headers[] = { { "host", "h" }, { "x-amz-date", DATE },
        { "x-amz-security-token", "a long one, so that the buffer has to grow more than once: "
            "0123456789012345678901234567890123456789012345678901234567890123456789" } };
    static const struct aks_sigv4_pair query[] = { { "uploadId", "x" }, { "partNumber", "1" } };
    static const struct aks_sigv4_request request = { "PUT", "/bucket/key", query, 2, headers, 3,
        "UNSIGNED-PAYLOAD" };
    enum aks_status status;
    struct aks_buf out;

    (void)ctx;
    aks_buf_init(&out, alloc, 4096);
    status = aks_sigv4_authorization(&request, &key, DATE, &out, NULL);
    aks_buf_fini(&out);
    return status == AKS_OK || status == AKS_LIMIT ? 0 : 1;
}

static void
signing_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(sign_with, NULL, 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(date_is_that_of_the_header),
        cmocka_unit_test(query_is_sorted_by_name_and_not_by_name_and_value),
        cmocka_unit_test(query_is_sorted_as_encoded),
        cmocka_unit_test(query_is_encoded_strictly),
        cmocka_unit_test(path_is_encoded_once_and_never_normalised),
        cmocka_unit_test(headers_are_sorted_with_the_shorter_name_first),
        cmocka_unit_test(headers_lose_blanks_at_the_ends_and_repeated_ones),
        cmocka_unit_test(headers_of_one_name_are_joined_in_their_order),
        cmocka_unit_test(authorization_is_appended_and_equals_the_signature),
        cmocka_unit_test(signature_depends_on_all_that_is_signed),
        cmocka_unit_test(keys_that_cannot_stand_in_a_header_are_refused),
        cmocka_unit_test(headers_that_would_break_out_are_refused),
        cmocka_unit_test(requests_have_limits),
        cmocka_unit_test(signing_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}
