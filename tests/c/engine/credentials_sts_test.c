/* A role for a token, and a role for other credentials. */
#include "engine/credentials_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- STS: a web identity ---------------------------------------------------------------------- */

static void
begin_web(struct credentials_place *place, const struct aks_alloc *alloc)
{
    credentials_place_begin(place, alloc, "auto");
    scripted_set(&place->scripted, "AWS_WEB_IDENTITY_TOKEN_FILE=/token");
    scripted_set(&place->scripted, "AWS_ROLE_ARN=" ROLE);
    scripted_file(&place->scripted, "/token", TOKEN_TEXT "\n", 0644);
}

static void
a_web_identity_gets_a_role(void **state)
{
    struct credentials_place place;
    const struct scripted_request *asked;

    begin_web(&place, aks_alloc_system());
    scripted_set(&place.scripted, "AWS_ROLE_SESSION_NAME=pod-7");
    scripted_expect(&place.scripted, "POST /", 200, DATE,
            STS_ANSWER("AssumeRoleWithWebIdentity", "ASIAWEB", AN_HOUR_ON));
    credentials_place_fetch(&place);
    credentials_place_now(&place, "ASIAWEB", AKS_CREDENTIALS_WEB_IDENTITY,
        "web identity, role " ROLE);
    asked = scripted_last(&place.scripted);
    assert_string_equal(asked->url, "https://sts.eu-west-3.amazonaws.com/");
    assert_string_equal(asked->body, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn="
        "arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fbackup&RoleSessionName=pod-7"
        "&WebIdentityToken=" TOKEN_TEXT);
    assert_null(scripted_header(&place.scripted, 0, "Authorization"));
    assert_false(asked->metadata);
    credentials_place_end(&place);
}

static void
a_token_that_is_refused_is_read_again_once(void **state)
{
    struct credentials_place place;

    begin_web(&place, aks_alloc_system());
    scripted_expect(&place.scripted, "POST /", 400, NULL, STS_ERROR("ExpiredTokenException"));
    scripted_expect(&place.scripted, "POST /", 400, NULL, STS_ERROR("InvalidIdentityToken"));
    credentials_place_fails(&place, AKS_AUTH_INVALID,
        "AssumeRoleWithWebIdentity: InvalidIdentityToken: no");
    assert_int_equal(place.scripted.request_count, 2);
    scripted_expect(&place.scripted, "POST /", 400, NULL, STS_ERROR("InvalidIdentityToken"));
    scripted_expect(&place.scripted, "POST /", 200, NULL,
            STS_ANSWER("AssumeRoleWithWebIdentity", "ASIAWEB", AN_HOUR_ON));
    credentials_place_fetch(&place);
    credentials_place_end(&place);
}

static void
an_identity_provider_in_trouble_is_asked_three_times(void **state)
{
    struct credentials_place place;

    begin_web(&place, aks_alloc_system());
    for (int i = 0; i < 3; i++)
        scripted_expect(&place.scripted, "POST /", 400, NULL, STS_ERROR("IDPCommunicationError"));
    credentials_place_fails(&place, AKS_SERVER, "IDPCommunicationError");
    assert_int_equal(place.scripted.request_count, 3);
    credentials_place_end(&place);
}

static void
sts_says_no_in_many_ways(void **state)
{
    static const struct {
        int http;
        const char *body;
        enum aks_status status;
        const char *says;
    } cases[] = {
        { 403, STS_ERROR("AccessDenied"), AKS_FORBIDDEN, "AccessDenied: no (HTTP 403)" },
        { 403,
            STS_ERROR("IDPRejectedClaim"), AKS_AUTH_INVALID, "IDPRejectedClaim" },
        { 403,
            STS_ERROR("RegionDisabledException"), AKS_SETTINGS, "RegionDisabledException" },
        { 400,
            STS_ERROR("ValidationError"), AKS_SETTINGS, "ValidationError" },
        { 403,
            "<Error><Code>AccessDenied</Code><Message>s3</Message></Error>", AKS_FORBIDDEN,
                "AccessDenied: s3" },
        { 403,
            STS_ERROR("AccessDenied</Code><Message>" TOKEN_TEXT "</Message><Code>"),
                AKS_FORBIDDEN, "AccessDenied" },
        { 403,
            "<html>", AKS_FORBIDDEN, "HTTP 403" },
        { 301,
            "", AKS_BAD_REPLY, "redirect" },
        { 204,
            "", AKS_BAD_REPLY, "has no credentials in it (HTTP 204)" },
        { 200,
            "", AKS_BAD_REPLY, "empty" },
        { 200,
            "<html/>", AKS_BAD_REPLY, "has no credentials" },
        { 200,
            "<AResponse><AResult><Credentials><AccessKeyId>A</AccessKeyId></Credentials>"
            "</AResult></AResponse>", AKS_BAD_REPLY, "SecretAccessKey is not" },
        { 200,
            "<AResponse><AResult><Credentials/></AResult></AResponse>", AKS_BAD_REPLY,
                "has no keys" },
        { 200,
            STS_ANSWER("A", "A</AccessKeyId><AccessKeyId>B", AN_HOUR_ON), AKS_BAD_REPLY,
                "AccessKeyId twice" },
        { 200,
            STS_ANSWER("A", "A", "never"), AKS_BAD_REPLY, "Expiration is no time" },
        { 200,
            STS_ANSWER("A", "A", "2026-11-23T06:44:59Z"), AKS_AUTH_EXPIRED, "has expired" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct credentials_place place;

        begin_web(&place, aks_alloc_system());
        scripted_expect(&place.scripted, "POST /", cases[i].http, NULL, cases[i].body);
        credentials_place_fails(&place, cases[i].status, cases[i].says);
        assert_non_null(strstr(place.err.message, "credentials of web identity, role " ROLE));
        credentials_place_end(&place);
    }
}

static void
a_token_must_be_there_and_be_one(void **state)
{
    struct credentials_place place;

    begin_web(&place, aks_alloc_system());
    scripted_set(&place.scripted, "AWS_WEB_IDENTITY_TOKEN_FILE=/other");
    credentials_place_fails(&place, AKS_AUTH_MISSING, "/other is not there");
    scripted_file(&place.scripted, "/other", "\n\n", 0600);
    credentials_place_fails(&place, AKS_AUTH_MISSING, "is empty");
    scripted_file(&place.scripted, "/other", "planted\r\nX-Other: 1", 0600);
    credentials_place_fails(&place, AKS_SETTINGS, "has a line end");
    scripted_file(&place.scripted, "/other", TOKEN_TEXT, 0666);
    credentials_place_fails(&place, AKS_FORBIDDEN, "can be written by others");
    credentials_place_end(&place);
}

static void
an_sts_that_cannot_be_reached_is_known_soon(void **state)
{
    struct credentials_place place;

    begin_web(&place, aks_alloc_system());
    scripted_fails(&place.scripted, "POST /", AKS_CONNECT_TIMEOUT, AKS_HTTP_CONNECT);
    credentials_place_fails(&place, AKS_CONNECT_TIMEOUT, "AssumeRoleWithWebIdentity");
    assert_int_equal(scripted_last(&place.scripted)->connect_timeout_ms, 2000);
    assert_int_equal(place.scripted.request_count, 1);
    credentials_place_end(&place);
}

/* --- STS: roles ------------------------------------------------------------------------------- */

static void
roles_are_taken_on_one_after_the_other(void **state)
{
    struct credentials_place place;

    credentials_place_begin(&place, aks_alloc_system(), "profile:top");
    scripted_file(&place.scripted, CONFIG,
        "[profile top]\nrole_arn = " ROLE "\nsource_profile = mid\nexternal_id = abc\n"
        "role_session_name = me@host\nduration_seconds = 900\nservices = mine\n"
        "[profile mid]\nrole_arn = arn:aws:iam::1:role/mid\nsource_profile = base\n"
        "[services mine]\nsts =\n  endpoint_url = http://127.0.0.1:9000/sts\n", 0644);
    scripted_file(&place.scripted, SHARED, "[base]\n" KEYS, 0600);
    scripted_expect(&place.scripted, "POST /sts", 200, NULL,
            STS_ANSWER("AssumeRole", "ASIAMID", AN_HOUR_ON));
    scripted_expect(&place.scripted, "POST /sts", 200, NULL,
            STS_ANSWER("AssumeRole", "ASIATOP", AN_HOUR_ON));
    credentials_place_fetch(&place);
    credentials_place_now(&place, "ASIATOP", AKS_CREDENTIALS_ROLE, "profile top, role " ROLE);
    assert_non_null(strstr(place.scripted.requests[0].body, "role%2Fmid&RoleSessionName="
        "akosha-sync-1795416300"));
    assert_null(strstr(place.scripted.requests[0].body, "ExternalId"));
    assert_non_null(strstr(scripted_header(&place.scripted, 0, "Authorization"),
            "Credential=AKIDFILE/20261123/eu-west-3/sts/aws4_request, SignedHeaders="
        "content-type;host;x-amz-content-sha256;x-amz-date, Signature="));
    assert_null(scripted_header(&place.scripted, 0, "x-amz-security-token"));
    assert_string_equal(place.scripted.requests[1].body, "Action=AssumeRole&Version=2011-06-15"
        "&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fbackup&RoleSessionName=me%40host"
        "&DurationSeconds=900&ExternalId=abc");
    assert_non_null(strstr(scripted_header(&place.scripted, 1, "Authorization"),
            "Credential=ASIAMID/20261123/eu-west-3/sts/aws4_request"));
    assert_string_equal(scripted_header(&place.scripted, 1, "x-amz-security-token"),
            "planted+token==");
    assert_false(scripted_last(&place.scripted)->metadata);
    credentials_place_end(&place);
}

static void
a_role_of_the_settings_stands_on_what_auto_finds(void **state)
{
    struct credentials_place place;

    credentials_place_begin(&place, aks_alloc_system(), "role:" ROLE);
    place.options.region = "";
    scripted_set(&place.scripted, "AWS_ACCESS_KEY_ID=AKIDENV");
    scripted_set(&place.scripted, "AWS_SECRET_ACCESS_KEY=planted/env");
    scripted_expect(&place.scripted, "POST /", 200, NULL,
            STS_ANSWER("AssumeRole", "ASIAROLE", AN_HOUR_ON));
    credentials_place_fetch(&place);
    credentials_place_now(&place, "ASIAROLE", AKS_CREDENTIALS_ROLE, "environment, role " ROLE);
    assert_string_equal(scripted_last(&place.scripted)->url, "https://sts.amazonaws.com/");
    assert_non_null(strstr(scripted_header(&place.scripted, 0, "Authorization"),
            "/us-east-1/sts/aws4_request"));
    credentials_place_end(&place);
}

static void
a_clock_that_is_wrong_is_mended_once(void **state)
{
    struct credentials_place place;

    credentials_place_begin(&place, aks_alloc_system(), "role:" ROLE);
    scripted_set(&place.scripted, "AWS_ACCESS_KEY_ID=AKIDENV");
    scripted_set(&place.scripted, "AWS_SECRET_ACCESS_KEY=planted/env");
    scripted_expect(&place.scripted, "POST /", 403, "Date: Mon, 23 Nov 2026 08:45:00 GMT\n",
            STS_ERROR("SignatureDoesNotMatch"));
    scripted_expect(&place.scripted, "POST /", 200, "Date: Mon, 23 Nov 2026 08:45:00 GMT\n",
            STS_ANSWER("AssumeRole", "ASIAROLE", "2026-11-23T09:45:00Z"));
    credentials_place_fetch(&place);
    assert_string_equal(scripted_header(&place.scripted, 1, "x-amz-date"), "20261123T084500Z");
    /* An hour from now, whatever our clock calls it. */
    assert_true(aks_credentials_expires_ms(aks_credentials_chain_now(place.chain)) ==
        place.scripted.wall_ms + 3600 * 1000);
    credentials_place_end(&place);
}

static void
a_wrong_key_is_refused_in_one_try(void **state)
{
    struct credentials_place place;

    credentials_place_begin(&place, aks_alloc_system(), "role:" ROLE);
    scripted_set(&place.scripted, "AWS_ACCESS_KEY_ID=AKIDENV");
    scripted_set(&place.scripted, "AWS_SECRET_ACCESS_KEY=planted/env");
    scripted_expect(&place.scripted, "POST /", 403, DATE, STS_ERROR("InvalidClientTokenId"));
    credentials_place_fails(&place, AKS_AUTH_INVALID, "InvalidClientTokenId");
    credentials_place_end(&place);
}

static void
sts_in_the_open_is_refused(void **state)
{
    struct credentials_place place;

    begin_web(&place, aks_alloc_system());
    scripted_set(&place.scripted, "AWS_ENDPOINT_URL_STS=http://sts.example");
    credentials_place_fails(&place, AKS_SETTINGS, "the address of STS");
    scripted_set(&place.scripted, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true");
    scripted_expect(&place.scripted, "POST /", 200, NULL,
            STS_ANSWER("AssumeRoleWithWebIdentity", "ASIAWEB", AN_HOUR_ON));
    credentials_place_fetch(&place);
    credentials_place_end(&place);
}

static void
a_failure_does_not_slide_to_the_next_source(void **state)
{
    struct credentials_place place;

    /* Container and instance would be there. */
    begin_web(&place, aks_alloc_system());
    scripted_set(&place.scripted, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/x");
    scripted_expect(&place.scripted, "POST /", 403, NULL, STS_ERROR("AccessDenied"));
    credentials_place_fails(&place, AKS_FORBIDDEN, "AccessDenied");
    assert_int_equal(place.scripted.request_count, 1);
    credentials_place_end(&place);
}

#define TEST(name) cmocka_unit_test(name)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_web_identity_gets_a_role),
        TEST(a_token_that_is_refused_is_read_again_once),
        TEST(an_identity_provider_in_trouble_is_asked_three_times),
        TEST(sts_says_no_in_many_ways),
        TEST(a_token_must_be_there_and_be_one),
        TEST(an_sts_that_cannot_be_reached_is_known_soon),
        TEST(roles_are_taken_on_one_after_the_other),
        TEST(a_role_of_the_settings_stands_on_what_auto_finds),
        TEST(a_clock_that_is_wrong_is_mended_once),
        TEST(a_wrong_key_is_refused_in_one_try),
        TEST(sts_in_the_open_is_refused),
        TEST(a_failure_does_not_slide_to_the_next_source),
    };

    return cmocka_run_group_tests_name("credentials from STS", tests, NULL, NULL);
}
