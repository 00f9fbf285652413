/* The texts of tus: what servers say of themselves, and of where an upload is. */
#include "wire/tus.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
server_is_known_by_version_and_creation(void **state)
{
    struct aks_tus_server server;

    assert_true(aks_tus_read_server("1.0.0", "creation", NULL, NULL, &server));
    assert_false(server.terminates || server.sha256);
    assert_int_equal(server.bytes_max, -1);
    assert_true(aks_tus_read_server("0.2.2 , 1.0.0", "checksum,  Creation ,termination",
        "md5, SHA256", "1073741824", &server));
    assert_true(server.terminates && server.sha256);
    assert_int_equal(server.bytes_max, 1073741824);
    assert_true(aks_tus_read_server("1.0.0", "creation,checksum", "sha1", "many", &server));
    assert_false(server.sha256);
    assert_int_equal(server.bytes_max, -1);
    assert_false(aks_tus_read_server(NULL, NULL, NULL, NULL, &server));
    assert_false(aks_tus_read_server("1.0.0", NULL, NULL, NULL, &server));
    assert_false(aks_tus_read_server("1.0.0", "creation-with-upload", NULL, NULL, &server));
    assert_false(aks_tus_read_server("1.0.01", "creation", NULL, NULL, &server));
    assert_false(aks_tus_read_server("", ",,,", "", "", &server));
}

static void
what_is_remembered_is_read_again(void **state)
{
    static const char *const others[] = { "", "no", "1.0.0", "1.0.0 terminates=1 sha256=1 max=x",
        "1.0.0 terminates=1 sha256=0 max=5 ", "2.0.0 terminates=0 sha256=0 max=-1" };
    char text[AKS_TUS_SERVER_BYTES];
    struct aks_tus_server again;

    for (int i = 0; i < 8; i++) {
        struct aks_tus_server server = { (i & 1) != 0, (i & 2) != 0,
            (i & 4) != 0 ? INT64_MAX / 10 * 9 : -1 };

        assert_true(aks_tus_server_parse(aks_tus_server_text(&server, text), &again));
        assert_int_equal(again.terminates, server.terminates);
        assert_int_equal(again.sha256, server.sha256);
        assert_int_equal(again.bytes_max, server.bytes_max);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(aks_tus_server_parse(others[i], &again));
}

static void
location_is_joined_to_the_address_that_was_asked(void **state)
{
    static const char *const cases[][2] = {
        { "https://files.example/up/24e5", "https://files.example/up/24e5" },
        { "https://FILES.example:443/up/24e5", "https://FILES.example:443/up/24e5" },
        { "//files.example/up/24e5?sig=a%2Fb", "https://files.example/up/24e5?sig=a%2Fb" },
        { "/other/24e5", "https://files.example/other/24e5" },
        { "24e5", "https://files.example/up/24e5" },
        { "24e5/x.zst?a=1&b=2", "https://files.example/up/24e5/x.zst?a=1&b=2" },
    };
    char url[AKS_TUS_URL_BYTES];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(aks_tus_location("https://files.example/up/", cases[i][0], url, NULL),
            AKS_OK);
        assert_string_equal(url, cases[i][1]);
    }
    assert_int_equal(aks_tus_location("http://127.0.0.1:8080/", "http://127.0.0.1:8080/x", url,
        NULL), AKS_OK);
}

static void
location_that_leads_away_is_refused(void **state)
{
    static const char *const others[] = { NULL, "", "https://other.example/up/24e5",
        "http://files.example/up/24e5", "https://files.example:444/up/24e5",
        "https://files.example.evil.example/24e5", "//other.example/24e5",
        "https://user:pass@files.example/24e5", "https://files.example@other.example/24e5",
        "ftp://files.example/24e5", "javascript:alert(1)", "/up/../../etc/passwd", "../24e5",
        "/up/24e5#x", "/up/24e5?a b", "/up/24e5?a\nHost: x", "/up/2 4", "/up\\24e5",
        "/up/24\xc3\xa4", "https://", "https:files", "?x=\"" };
    char url[AKS_TUS_URL_BYTES];
    char longer[2 * AKS_TUS_URL_BYTES];
    struct aks_error err;

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (aks_tus_location("https://files.example/up/", others[i], url, &err) == AKS_OK)
            fail_msg("%s: %s", others[i], url);
        assert_int_equal(err.status, AKS_BAD_REPLY);
        assert_string_equal(url, "");
        assert_null(strstr(err.message, "pass@"));
    }
    memset(longer, 'a', sizeof(longer) - 1);
    longer[0] = '/';
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(aks_tus_location("https://files.example/up/", longer, url, &err),
        AKS_BAD_REPLY);
}

static void
paths_are_the_same_or_not(void **state)
{
    const char *own = "https://files.example/up/systems/a/x.zst";

    assert_true(aks_tus_same_path("https://FILES.example:443/up/systems/a/x.zst", own));
    assert_true(aks_tus_same_path("https://files.example/up/systems%2Fa%2fx%2ezst", own));
    assert_false(aks_tus_same_path("https://files.example/up/systems/a/x.zs", own));
    assert_false(aks_tus_same_path("https://files.example/up/systems/a/x.zst?v=1", own));
    assert_false(aks_tus_same_path("https://files.example/up/systems/a/x.zst%", own));
    assert_false(aks_tus_same_path("https://files.example/up/systems/a/x.zst%2", own));
    assert_false(aks_tus_same_path("https://files.example", own));
}

static void
metadata_are_pairs_with_commas_between(void **state)
{
    struct aks_buf text;

    aks_buf_init(&text, aks_alloc_system(), 1000);
    aks_tus_metadata(&text, "filename", "world_domination_plan.pdf");
    aks_tus_metadata(&text, "filetype", "a");
    assert_string_equal(text.data,
        "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,filetype YQ==");
    aks_buf_fini(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_is_known_by_version_and_creation),
        cmocka_unit_test(what_is_remembered_is_read_again),
        cmocka_unit_test(location_is_joined_to_the_address_that_was_asked),
        cmocka_unit_test(location_that_leads_away_is_refused),
        cmocka_unit_test(paths_are_the_same_or_not),
        cmocka_unit_test(metadata_are_pairs_with_commas_between),
    };

    return cmocka_run_group_tests_name("tus", tests, NULL, NULL);
}
