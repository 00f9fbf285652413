#include "wire/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *text;
    bool tls;
    const char *host;
    bool ipv6;
    int port;
    const char *authority;
    const char *path;
} good[] = {
    { "https://example.com", true, "example.com", false, 0, "example.com", "" },
    { "https://example.com/", true, "example.com", false, 0, "example.com", "" },
    { "HTTPS://EXAMPLE.Com/Path/", true, "example.com", false, 0, "example.com", "/Path" },
    { "https://example.com:443", true, "example.com", false, 443, "example.com", "" },
    { "https://example.com:80/a", true, "example.com", false, 80, "example.com:80", "/a" },
    { "https://example.com:8443/a//b//", true, "example.com", false, 8443, "example.com:8443",
        "/a//b" },
    { "https://a/x%20y/%C3%A9/-._~!$&'()*+,;=:@z", true, "a", false, 0, "a",
        "/x%20y/%C3%A9/-._~!$&'()*+,;=:@z" },
    { "https://a/...", true, "a", false, 0, "a", "/..." },
    { "https://a/.hidden/x..y", true, "a", false, 0, "a", "/.hidden/x..y" },
    { "https://minio_1.local:65535", true, "minio_1.local", false, 65535, "minio_1.local:65535",
        "" },
    { "https://0xabc.com", true, "0xabc.com", false, 0, "0xabc.com", "" },
    { "https://1.2.3.com", true, "1.2.3.com", false, 0, "1.2.3.com", "" },
    { "https://10.0.0.1:9000", true, "10.0.0.1", false, 9000, "10.0.0.1:9000", "" },
    { "https://[2001:DB8::1]:8443/x", true, "2001:db8::1", true, 8443, "[2001:db8::1]:8443",
        "/x" },
    { "https://[2001:db8:0:0:0:0:0:1]", true, "2001:db8::1", true, 0, "[2001:db8::1]", "" },
    { "http://localhost:8682/mcp", false, "localhost", false, 8682, "localhost:8682", "/mcp" },
    { "http://LOCALHOST", false, "localhost", false, 0, "localhost", "" },
    { "http://127.0.0.1", false, "127.0.0.1", false, 0, "127.0.0.1", "" },
    { "http://127.255.255.254:80", false, "127.255.255.254", false, 80, "127.255.255.254", "" },
    { "http://127.0.0.1:443", false, "127.0.0.1", false, 443, "127.0.0.1:443", "" },
    { "http://[::1]:80", false, "::1", true, 80, "[::1]", "" },
    { "http://[0:0:0:0:0:0:0:1]:7070/b", false, "::1", true, 7070, "[::1]:7070", "/b" },
};

static void
url_takes_what_is_an_address(void **state)
{
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct aks_url url;
        struct aks_error err = { 0 };

        if (aks_url_parse(good[i].text, &url, &err) != AKS_OK)
            fail_msg("%s: %s", good[i].text, err.message);
        assert_int_equal(url.tls, good[i].tls);
        assert_string_equal(url.host, good[i].host);
        assert_int_equal(url.ipv6, good[i].ipv6);
        assert_int_equal(url.port, good[i].port);
        assert_string_equal(url.authority, good[i].authority);
        assert_string_equal(url.path, good[i].path);
    }
}

/* The part of the message that says why. */
static const struct {
    const char *text;
    const char *why;
} bad[] = {
    { "", "is empty" },
    { "example.com", "does not begin with" },
    { "ftp://example.com", "does not begin with" },
    { "https:/example.com", "does not begin with" },
    { "https:example.com", "does not begin with" },
    { "file:///etc/passwd", "does not begin with" },
    { " https://example.com", "has a blank" },
    { "https://example.com ", "has a blank" },
    { "https://exam ple.com", "has a blank" },
    { "https://example.com/a b", "has a blank" },
    { "https://example.com/a\tb", "has a blank" },
    { "https://example.com/\r\nX: y", "control character" },
    { "https://example.com/\x01", "control character" },
    { "https://example.com/\x7f", "control character" },
    { "https://ex\xC3\xA4mple.com", "outside of ASCII" },
    { "https://example.com/\xC3\xA4", "outside of ASCII" },
    { "https://example.com\\@evil.com", "backslash" },
    { "https://", "has no host" },
    { "https:///path", "has no host" },
    { "https://:8443", "has no host" },
    { "https://.", "empty label" },
    { "https://example..com", "empty label" },
    { "https://.example.com", "empty label" },
    { "https://example.com.", "empty label" },
    { "https://-example.com", "begins or ends with '-'" },
    { "https://example-.com", "begins or ends with '-'" },
    { "https://exa%6dple.com", "characters that no host name has" },
    { "https://exa$mple.com", "characters that no host name has" },
    { "https://example.com:", "its port" },
    { "https://example.com:0", "its port" },
    { "https://example.com:65536", "its port" },
    { "https://example.com:99999", "its port" },
    { "https://example.com:123456", "its port" },
    { "https://example.com:abc", "its port" },
    { "https://example.com:80a", "its port" },
    { "https://example.com:+80", "its port" },
    { "https://example.com:080", "its port" },
    { "https://example.com:80:80", "its port" },
    { "https://::1", "has no host" },
    { "https://[::1", "has no ']'" },
    { "https://[]", "no IPv6 address" },
    { "https://[:::1]", "no IPv6 address" },
    { "https://[::1%25eth0]", "no IPv6 address" },
    { "https://[127.0.0.1]", "no IPv6 address" },
    { "https://[example.com]", "no IPv6 address" },
    { "https://[1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20]", "no IPv6 address" },
    { "https://[::1]x", "between ']' and the port" },
    { "https://[::1].evil.com", "between ']' and the port" },
    { "https://[::1]:", "its port" },
    { "https://256.0.0.1", "four numbers" },
    { "https://1.2.3", "four numbers" },
    { "https://1.2.3.4.5", "four numbers" },
    { "https://01.2.3.4", "four numbers" },
    { "https://example.123", "four numbers" },
    { "http://127.1", "four numbers" },
    { "http://2130706433", "four numbers" },
    { "http://0x7f.0.0.1", "four numbers" },
    { "http://0x7f000001", "four numbers" },
    { "http://0177.0.0.1", "four numbers" },
    { "http://127.0.0.01", "four numbers" },
    { "http://127.0.0.1.", "empty label" },
    { "http://127.0.0.1.evil.com", "plain http" },
    { "http://localhost.evil", "plain http" },
    { "http://evil.localhost", "plain http" },
    { "http://localhost.", "empty label" },
    { "http://example.com", "plain http" },
    { "http://10.0.0.1", "plain http" },
    { "http://128.0.0.1", "plain http" },
    { "http://126.255.255.255", "plain http" },
    { "http://0.0.0.0", "plain http" },
    { "http://[::]", "plain http" },
    { "http://[::2]", "plain http" },
    { "http://[::ffff:127.0.0.1]", "plain http" },
    { "http://169.254.169.254", "plain http" },
    { "https://example.com?", "has a query" },
    { "https://example.com?a=b", "has a query" },
    { "https://example.com/x?a=b", "has a query" },
    { "https://example.com#", "has a fragment" },
    { "https://example.com/x#y", "has a fragment" },
    { "https://example.com/.", "segment" },
    { "https://example.com/..", "segment" },
    { "https://example.com/a/../b", "segment" },
    { "https://example.com/a/./b", "segment" },
    { "https://example.com/a/../", "segment" },
    { "https://example.com/%2e", "segment" },
    { "https://example.com/a/%2E./b", "segment" },
    { "https://example.com/.%2e", "segment" },
    { "https://example.com/%", "two hex digits" },
    { "https://example.com/%4", "two hex digits" },
    { "https://example.com/%zz", "two hex digits" },
    { "https://example.com/%4/1", "two hex digits" },
    { "https://example.com/%00", "encoded control" },
    { "https://example.com/%0d%0a", "encoded control" },
    { "https://example.com/%1F", "encoded control" },
    { "https://example.com/%7f", "encoded control" },
    { "https://example.com/a\"b", "percent-encoded" },
    { "https://example.com/<a>", "percent-encoded" },
    { "https://example.com/{a}", "percent-encoded" },
    { "https://example.com/a^b", "percent-encoded" },
};

static void
url_refuses_what_is_none_and_says_why(void **state)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        static const struct aks_url zero;
        struct aks_error err = { 0 };
        struct aks_url url;

        assert_int_equal(aks_url_parse(bad[i].text, &url, &err), AKS_SETTINGS);
        assert_int_equal(err.status, AKS_SETTINGS);
        if (strstr(err.message, bad[i].why) == NULL)
            fail_msg("%s: %s (wanted: %s)", bad[i].text, err.message, bad[i].why);
        assert_memory_equal(&url, &zero, sizeof(url));
        for (const char *p = err.message; *p != '\0'; p++)
            assert_true(*p >= 0x20 && *p < 0x7f);
    }
}

static void
url_never_tells_user_information(void **state)
{
    static const char *const leaky[] = {
        "https://user:hunter2@example.com", "https://hunter2@example.com/",
        "http://user:hunter2@127.0.0.1", "https://user:hunter2@example.com:abc",
        "https://user:hunter2/x@example.com", "https://user:hunter2?@example.com",
        "https://user:hunter2#@example.com", "ftp://user:hunter2@example.com",
        "user:hunter2@example.com", "https://user:hunter2%40example.com",
        "https://user:hunter2 @example.com", "https://example.com?token=hunter2",
        "https://example.com/#hunter2", "https://exam ple.com/?hunter2",
        "https://user:hunter2\n@example.com", "https://@hunter2", "https://a@b@hunter2",
    };

    for (size_t i = 0; i < sizeof(leaky) / sizeof(leaky[0]); i++) {
        struct aks_error err = { 0 };
        struct aks_url url;

        assert_int_equal(aks_url_parse(leaky[i], &url, &err), AKS_SETTINGS);
        if (strstr(err.message, "hunter2") != NULL || strstr(err.hint, "hunter2") != NULL)
            fail_msg("%s: %s", leaky[i], err.message);
        assert_non_null(strstr(err.message, "address "));
    }
}

static void
url_tells_what_to_do_instead(void **state)
{
    struct aks_error err = { 0 };
    struct aks_url url;

    assert_int_equal(aks_url_parse("https://user:x@example.com", &url, &err), AKS_SETTINGS);
    assert_non_null(strstr(err.message, "has user information"));
    assert_non_null(strstr(err.hint, "credentials"));
    assert_int_equal(aks_url_parse("http://example.com", &url, &err), AKS_SETTINGS);
    assert_string_equal(err.message,
        "address http://example.com: is plain http to another machine");
    assert_non_null(strstr(err.hint, "https://"));
    assert_int_equal(aks_url_parse("https://example.com:0", &url, &err), AKS_SETTINGS);
    assert_string_equal(err.hint, "");
    assert_int_equal(aks_url_parse("http://example.com", &url, NULL), AKS_SETTINGS);
}

static void
url_has_a_length_and_so_have_hosts_and_messages(void **state)
{
    char text[AKS_URL_BYTES_MAX + 16];
    char label[65];
    struct aks_error err = { 0 };
    struct aks_url url;

    memset(text, 'a', sizeof(text));
    memcpy(text, "https://b/", 10);
    text[AKS_URL_BYTES_MAX - 1] = '\0';
    assert_int_equal(aks_url_parse(text, &url, &err), AKS_OK);
    assert_int_equal(strlen(url.path), AKS_URL_BYTES_MAX - 1 - 9);
    text[AKS_URL_BYTES_MAX - 1] = 'a';
    text[AKS_URL_BYTES_MAX] = '\0';
    assert_int_equal(aks_url_parse(text, &url, &err), AKS_SETTINGS);
    assert_non_null(strstr(err.message, "over 2047 bytes"));
    assert_non_null(strstr(err.message, "..."));
    assert_true(strlen(err.message) < 250);

    memset(label, 'a', sizeof(label));
    label[63] = '\0';
    (void)snprintf(text, sizeof(text), "https://%s.%s.%s.%s", label, label, label, label + 2);
    assert_int_equal(aks_url_parse(text, &url, &err), AKS_OK);
    assert_int_equal(strlen(url.host), 253);
    (void)snprintf(text, sizeof(text), "https://%s.%s.%s.%s", label, label, label, label + 1);
    assert_int_equal(aks_url_parse(text, &url, &err), AKS_SETTINGS);
    assert_non_null(strstr(err.message, "over 253 bytes"));
    (void)snprintf(text, sizeof(text), "https://%s.%s.%s.%s.a", label, label, label, label);
    assert_int_equal(aks_url_parse(text, &url, &err), AKS_SETTINGS);
    assert_non_null(strstr(err.message, "over 253 bytes"));
    (void)snprintf(text, sizeof(text), "https://a%s.com", label);
    assert_int_equal(aks_url_parse(text, &url, &err), AKS_SETTINGS);
    assert_non_null(strstr(err.message, "over 63 bytes"));
}

static void
loopback_is_127_and_colon_colon_1_and_localhost(void **state)
{
    static const char *const yes[] = { "localhost", "127.0.0.1", "127.1.2.3", "::1",
        "0:0:0:0:0:0:0:1" };
    static const char *const no[] = { "", "localhost.", "localhost.evil", "xlocalhost", "127.1",
        "127.0.0.1.evil.com", "128.0.0.1", "0.0.0.0", "2130706433", "0x7f.0.0.1", "::", "::2",
        "::ffff:127.0.0.1", "[::1]", "10.0.0.1" };

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        assert_true(aks_url_loopback(yes[i]));
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        assert_false(aks_url_loopback(no[i]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url_takes_what_is_an_address),
        cmocka_unit_test(url_refuses_what_is_none_and_says_why),
        cmocka_unit_test(url_never_tells_user_information),
        cmocka_unit_test(url_tells_what_to_do_instead),
        cmocka_unit_test(url_has_a_length_and_so_have_hosts_and_messages),
        cmocka_unit_test(loopback_is_127_and_colon_colon_1_and_localhost),
    };

    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
