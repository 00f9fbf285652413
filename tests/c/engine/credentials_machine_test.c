/* What a container and an instance are told of themselves. */
#include "engine/credentials_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- containers ------------------------------------------------------------------------------- */

static void
a_container_asks_its_host(void **state)
{
    struct credentials_place place;

    credentials_place_begin(&place, aks_alloc_system(), "auto");
    scripted_set(&place.scripted, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/abc");
    scripted_set(&place.scripted, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1/loses");
    scripted_expect(&place.scripted, "GET /v2/credentials/abc", 200, NULL,
            MACHINE_ANSWER("ASIATASK", AN_HOUR_ON));
    credentials_place_fetch(&place);
    credentials_place_now(&place, "ASIATASK", AKS_CREDENTIALS_CONTAINER, "container");
    assert_string_equal(scripted_last(&place.scripted)->url,
        "http://169.254.170.2/v2/credentials/abc");
    assert_true(scripted_last(&place.scripted)->metadata);
    assert_null(scripted_header(&place.scripted, 0, "Authorization"));
    assert_string_equal(scripted_header(&place.scripted, 0, "Accept"), "application/json");
    credentials_place_end(&place);
}

static void
a_pod_shows_its_token(void **state)
{
    struct credentials_place place;

    credentials_place_begin(&place, aks_alloc_system(), "container");
    scripted_set(&place.scripted,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://[fd00:ec2::23]/v1/credentials?x=y");
    scripted_set(&place.scripted, "AWS_CONTAINER_AUTHORIZATION_TOKEN=planted-old");
    scripted_expect(&place.scripted, "GET /v1/credentials?x=y", 200, NULL,
            MACHINE_ANSWER("ASIAPOD", AN_HOUR_ON));
    credentials_place_fetch(&place);
    assert_string_equal(scripted_header(&place.scripted, 0, "Authorization"), "planted-old");
    aks_credentials_chain_free(place.chain);
    place.chain = NULL;
    scripted_set(&place.scripted, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/pod-token");
    scripted_file(&place.scripted, "/pod-token", "Basic planted-new\n", 0640);
    scripted_expect(&place.scripted, "GET /v1/credentials?x=y", 200, NULL,
            MACHINE_ANSWER("ASIAPOD2", AN_HOUR_ON));
    credentials_place_fetch(&place);
    assert_string_equal(scripted_header(&place.scripted, 1, "Authorization"), "Basic planted-new");
    credentials_place_now(&place, "ASIAPOD2", AKS_CREDENTIALS_CONTAINER, "container");
    credentials_place_end(&place);
}

static void
containers_endpoints_that_are_none_are_refused(void **state)
{
    static const char *const uris[] = {
        "http://example.com/x", "http://169.254.169.253/x", "http://169.254.170.2.example/x",
            "http://127.0.0.1@example.com/x", "http://[::2]/x", "ftp://127.0.0.1/", "127.0.0.1/x",
            "http:///x", "http://user@127.0.0.1/x"
    };
    char text[128];
    struct credentials_place place;

    credentials_place_begin(&place, aks_alloc_system(), "container");
    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        (void)snprintf(text, sizeof(text), "AWS_CONTAINER_CREDENTIALS_FULL_URI=%s", uris[i]);
        scripted_set(&place.scripted, text);
        credentials_place_fails(&place, AKS_SETTINGS, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    }
    scripted_set(&place.scripted, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=x");
    credentials_place_fails(&place, AKS_SETTINGS, "does not begin with /");
    scripted_set(&place.scripted, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/x");
    scripted_set(&place.scripted, "AWS_CONTAINER_AUTHORIZATION_TOKEN=planted\r\nX-Other: 1");
    credentials_place_fails(&place, AKS_SETTINGS, "has a line end");
    credentials_place_end(&place);
}

static void
a_containers_endpoint_in_trouble_is_asked_three_times(void **state)
{
    struct credentials_place place;

    credentials_place_begin(&place, aks_alloc_system(), "container");
    scripted_set(&place.scripted, "AWS_CONTAINER_CREDENTIALS_FULL_URI=https://creds.example/x");
    scripted_expect(&place.scripted, "GET /x", 500, NULL, "{}");
    scripted_fails(&place.scripted, "GET /x", AKS_REFUSED, AKS_HTTP_CONNECT);
    scripted_expect(&place.scripted, "GET /x", 429, NULL, "{}");
    credentials_place_fails(&place, AKS_THROTTLED, "the container's endpoint");
    scripted_expect(&place.scripted, "GET /x", 403, NULL, "{}");
    credentials_place_fails(&place, AKS_FORBIDDEN, "HTTP 403");
    assert_non_null(strstr(place.err.hint, "AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    scripted_expect(&place.scripted, "GET /x", 302, "Location: http://169.254.169.254/\n", "");
    credentials_place_fails(&place, AKS_BAD_REPLY, "redirect");
    scripted_expect(&place.scripted, "GET /x", 200, NULL, "{\"AccessKeyId\": \"A\"");
    credentials_place_fails(&place, AKS_BAD_REPLY, "cannot be read");
    credentials_place_end(&place);
}

/* --- instances -------------------------------------------------------------------------------- */

static void
an_instance_asks_its_metadata(void **state)
{
    struct credentials_place place;

    credentials_place_begin(&place, aks_alloc_system(), "auto");
    credentials_place_instance(&place, MACHINE_ANSWER("ASIAEC2", AN_HOUR_ON));
    credentials_place_fetch(&place);
    credentials_place_now(&place, "ASIAEC2", AKS_CREDENTIALS_INSTANCE,
        "instance metadata, role web-server");
    assert_string_equal(place.scripted.requests[0].url, "http://169.254.169.254/latest/api/token");
    assert_string_equal(scripted_header(&place.scripted, 0, "x-aws-ec2-metadata-token-ttl-seconds"),
            "21600");
    for (size_t i = 0; i < 3; i++) {
        assert_true(place.scripted.requests[i].metadata);
        assert_int_equal(place.scripted.requests[i].connect_timeout_ms, 1000);
        assert_int_equal(place.scripted.requests[i].answer_timeout_ms, 1000);
        if (i > 0)
            assert_string_equal(scripted_header(&place.scripted, i, "x-aws-ec2-metadata-token"),
            "planted-imds-token");
    }
    credentials_place_end(&place);
}

static void
metadata_may_be_elsewhere(void **state)
{
    static const struct {
        const char *variable;
        const char *url;
    } cases[] = {
        { "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6", "http://[fd00:ec2::254]" },
        { "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://[FD00:ec2::254]/", "http://[fd00:ec2::254]" },
        { "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://169.254.169.254", "http://169.254.169.254" },
        { "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1338/", "http://127.0.0.1:1338" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char url[128];
        struct credentials_place place;

        credentials_place_begin(&place, aks_alloc_system(), "instance");
        scripted_set(&place.scripted, cases[i].variable);
        credentials_place_instance(&place, MACHINE_ANSWER("ASIAEC2", AN_HOUR_ON));
        credentials_place_fetch(&place);
        (void)snprintf(url, sizeof(url), "%s/latest/api/token", cases[i].url);
        assert_string_equal(place.scripted.requests[0].url, url);
        credentials_place_end(&place);
    }
}

static void
an_instance_says_no_in_many_ways(void **state)
{
    static const struct {
        int token;
        int role;
        const char *role_body;
        int keys;
        const char *keys_body;
        enum aks_status status;
        const char *says;
    } cases[] = {
        { 403, 0, NULL, 0, NULL, AKS_AUTH_MISSING, "it gives no token (HTTP 403)" },
        { 404, 0, NULL, 0, NULL, AKS_AUTH_MISSING, "it gives no token (HTTP 404)" },
        { 405, 0, NULL, 0, NULL, AKS_AUTH_MISSING, "it gives no token (HTTP 405)" },
        { 400, 0, NULL, 0, NULL, AKS_SETTINGS, "HTTP 400" },
        { 500, 0, NULL, 0, NULL, AKS_SERVER, "HTTP 500" },
        { 200, 404,
            "", 0, NULL, AKS_AUTH_MISSING, "no role is attached" },
        { 200, 200,
            "", 0, NULL, AKS_BAD_REPLY, "names no role" },
        { 200, 200,
            "../../x\n", 0, NULL, AKS_BAD_REPLY, "names no role" },
        { 200, 200,
            "web-server", 200, "{\"Code\": \"AssumeRoleUnauthorizedAccess\"}", AKS_AUTH_MISSING,
                "AssumeRoleUnauthorizedAccess" },
        { 200, 200,
            "web-server", 200, "{\"Code\": \"Success\"}", AKS_BAD_REPLY, "has no keys" },
        { 200, 200,
            "web-server", 200, "planted", AKS_BAD_REPLY, "cannot be read" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct credentials_place place;

        credentials_place_begin(&place, aks_alloc_system(), "instance");
        scripted_expect(&place.scripted, TOKEN_PUT, cases[i].token, NULL, "planted-imds-token");
        if (cases[i].role != 0)
            scripted_expect(&place.scripted, ROLE_GET, cases[i].role, NULL, cases[i].role_body);
        if (cases[i].keys != 0)
            scripted_expect(&place.scripted, ROLE_GET "web-server", cases[i].keys, NULL,
                cases[i].keys_body);
        credentials_place_fails(&place, cases[i].status, cases[i].says);
        credentials_place_end(&place);
    }
}

static void
a_metadata_token_that_has_become_old_is_asked_for_again(void **state)
{
    struct credentials_place place;

    credentials_place_begin(&place, aks_alloc_system(), "instance");
    scripted_expect(&place.scripted, TOKEN_PUT, 200, NULL, "planted-one");
    scripted_expect(&place.scripted, ROLE_GET, 401, NULL, "");
    credentials_place_instance(&place, MACHINE_ANSWER("ASIAEC2", AN_HOUR_ON));
    credentials_place_fetch(&place);
    credentials_place_end(&place);
}

static void
nobody_there_costs_one_try_and_says_where_was_looked(void **state)
{
    struct credentials_place place;

    credentials_place_begin(&place, aks_alloc_system(), "auto");
    scripted_fails(&place.scripted, TOKEN_PUT, AKS_CONNECT_TIMEOUT, AKS_HTTP_CONNECT);
    credentials_place_fails(&place, AKS_AUTH_MISSING,
        "no credentials: none in the environment, and");
    assert_non_null(strstr(place.err.message, "instance metadata"));
    assert_non_null(strstr(place.err.hint, "AWS_ACCESS_KEY_ID"));
    assert_int_equal(place.scripted.request_count, 1);
    credentials_place_end(&place);
    credentials_place_begin(&place, aks_alloc_system(), "instance");
    scripted_set(&place.scripted, "AWS_METADATA_SERVICE_NUM_ATTEMPTS=2");
    scripted_set(&place.scripted, "AWS_METADATA_SERVICE_TIMEOUT=3");
    scripted_fails(&place.scripted, TOKEN_PUT, AKS_TIMEOUT, AKS_HTTP_ANSWER);
    scripted_fails(&place.scripted, TOKEN_PUT, AKS_TIMEOUT, AKS_HTTP_ANSWER);
    credentials_place_fails(&place, AKS_AUTH_MISSING, "credentials of instance metadata");
    assert_non_null(strstr(place.err.hint, "hop limit"));
    assert_int_equal(scripted_last(&place.scripted)->connect_timeout_ms, 3000);
    credentials_place_end(&place);
}

static void
metadata_that_is_late_is_gone_on_with(void **state)
{
    struct credentials_place place;

    credentials_place_begin(&place, aks_alloc_system(), "instance");
    credentials_place_instance(&place, MACHINE_ANSWER("ASIAEC2", "2026-11-23T06:44:00Z"));
    credentials_place_fetch(&place);
    assert_true(aks_credentials_expires_ms(aks_credentials_chain_now(place.chain)) ==
        place.scripted.wall_ms + AKS_CREDENTIALS_LATE_MS);
    credentials_place_end(&place);
}

#define TEST(name) cmocka_unit_test(name)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_container_asks_its_host),
        TEST(a_pod_shows_its_token),
        TEST(containers_endpoints_that_are_none_are_refused),
        TEST(a_containers_endpoint_in_trouble_is_asked_three_times),
        TEST(an_instance_asks_its_metadata),
        TEST(metadata_may_be_elsewhere),
        TEST(an_instance_says_no_in_many_ways),
        TEST(a_metadata_token_that_has_become_old_is_asked_for_again),
        TEST(nobody_there_costs_one_try_and_says_where_was_looked),
        TEST(metadata_that_is_late_is_gone_on_with),
    };

    return cmocka_run_group_tests_name("credentials of a machine", tests, NULL, NULL);
}
