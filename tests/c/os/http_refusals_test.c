/* Requests that are refused before anything is sent. */
#include "os/os.h"
#include "support/http_try.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct aks_os *os;
static const struct aks_port *port;

static int
setup(void **state)
{
    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    port = aks_os_port(os);
    return 0;
}

static int
teardown(void **state)
{
    aks_os_close(os);
    return 0;
}

static void
headers_that_would_inject_are_refused(void **state)
{
    static const struct aks_http_header bad[] = {
        { "X-A", "1\r\nX-B: 2" }, { "X-A", "1\nX-B: 2" }, { "X-A", "1\r" }, { "X-A", "\x01" },
        { "X-A\r\nX-B", "1" }, { "X A", "1" }, { "X:A", "1" }, { "", "1" }, { "X-\xc3\xa4", "1" },
        { "Host", "elsewhere" }, { "content-length", "7" }, { "Transfer-Encoding", "chunked" },
    };
    struct http_try get;

    http_try_init(&get, port, "GET", "https://127.0.0.1/");
    get.request.header_count = 1;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        get.request.headers = &bad[i];
        assert_int_equal(http_try_begin(&get), AKS_SETTINGS);
        assert_memory_equal(get.error.message, "cannot send ", 12);
        assert_null(get.call);
    }
    assert_null(strstr(get.error.message, "chunked"));
}

static void
too_many_headers_to_send_are_refused(void **state)
{
    struct aks_http_header headers[AKS_HTTP_HEADERS_MAX + 1];
    struct http_try get;

    for (unsigned i = 0; i <= AKS_HTTP_HEADERS_MAX; i++) {
        headers[i].name = "X-A";
        headers[i].value = "1";
    }
    http_try_init(&get, port, "GET", "https://127.0.0.1/");
    get.request.headers = headers;
    get.request.header_count = AKS_HTTP_HEADERS_MAX + 1;
    assert_int_equal(http_try_begin(&get), AKS_LIMIT);
}

static void
bad_urls_and_methods_are_refused_without_showing_secrets(void **state)
{
    static const char *const urls[] = {
        "", "127.0.0.1/", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http:///x",
        "https://user:password@127.0.0.1/", "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y",
        "http://127.0.0.1/a#password", "http://127.0.0.1:99999/", "https://h/\xc3\xa4password",
    };
    struct http_try get;

    for (unsigned i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        http_try_init(&get, port, "GET", urls[i]);
        if (http_try_begin(&get) != AKS_SETTINGS)
            fail_msg("%s: %s", urls[i], get.error.message);
        assert_null(strstr(get.error.message, "password"));
    }
    http_try_init(&get, port, "GET /x HTTP/1.1\r\n", "http://127.0.0.1/");
    assert_int_equal(http_try_begin(&get), AKS_SETTINGS);
    http_try_init(&get, port, "", "http://127.0.0.1/");
    assert_int_equal(http_try_begin(&get), AKS_SETTINGS);
}

static void
plain_http_is_for_this_machine_only(void **state)
{
    static const char *const urls[] = {
        "http://192.0.2.1/", "http://example.com/", "http://127.0.0.1.example.com/",
        "http://0.0.0.0/",
        "http://[::2]/", "http://[::ffff:192.0.2.1]/", "http://localhost.example.com/",
        "http://128.0.0.1/", "http://notlocalhost/", "HTTP://192.0.2.1/",
    };
    struct http_try get;

    for (unsigned i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        http_try_init(&get, port, "GET", urls[i]);
        if (http_try_begin(&get) != AKS_SETTINGS)
            fail_msg("%s: %s", urls[i], get.error.message);
        assert_non_null(strstr(get.error.message, "plain http is for this machine only"));
    }
}

static void
pins_that_are_none_are_refused(void **state)
{
#define PIN "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    /* libcurl takes what has no such beginning for the path of a file. */
    static const char *const bad[] = {
        "", "sha256//", "/etc/passwd", "PIN", PIN ";", ";" PIN, PIN ";;" PIN, PIN "x", "x" PIN,
        "SHA256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", PIN ";/etc/passwd",
        "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
        "sha256//AAAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAA=",
        PIN ";" PIN ";" PIN ";" PIN ";" PIN ";" PIN ";" PIN ";" PIN ";" PIN,
    };
    struct http_try get;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        http_try_init(&get, port, "GET", "https://127.0.0.1:1/");
        get.request.pins = bad[i];
        assert_int_equal(http_try_begin(&get), AKS_SETTINGS);
        assert_non_null(strstr(get.error.message, "pin"));
    }
    assert_true(aks_http_pins_valid(PIN));
    assert_true(aks_http_pins_valid(PIN ";" PIN ";" PIN ";" PIN ";" PIN ";" PIN ";" PIN ";" PIN));
    http_try_init(&get, port, "GET", "http://127.0.0.1:1/");
    get.request.pins = PIN;
    assert_int_equal(http_try_begin(&get), AKS_SETTINGS);
    assert_non_null(strstr(get.error.message, "no TLS"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_that_would_inject_are_refused),
        cmocka_unit_test(too_many_headers_to_send_are_refused),
        cmocka_unit_test(bad_urls_and_methods_are_refused_without_showing_secrets),
        cmocka_unit_test(pins_that_are_none_are_refused),
        cmocka_unit_test(plain_http_is_for_this_machine_only),
    };

    return cmocka_run_group_tests_name("http refusals", tests, setup, teardown);
}
