/* A program that tells keys; when they are renewed, and what becomes of failures. */
#include "engine/credentials_place.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- a program -------------------------------------------------------------------------------- */

static void
a_program_tells_keys(void **state)
{
    struct credentials_place place;

    credentials_place_process(&place, "/opt/tool 'two words' --x=\"a\\\"b\"");
    scripted_set(&place.scripted, "PATH=/bin");
    scripted_set(&place.scripted, "AWS_REGION=eu-west-3");
    scripted_set(&place.scripted, "AWS_ACCESS_KEY_ID=planted");
    scripted_set(&place.scripted, "AKOSHA_X=planted");
    place.scripted.program.output = "{\"Version\": 1, \"AccessKeyId\": \"AKIDPROC\", "
        "\"SecretAccessKey\": \"planted/p\", \"SessionToken\": \"planted-t\", \"Expiration\": \""
        AN_HOUR_ON "\", \"AccountId\": \"1\"}";
    credentials_place_fetch(&place);
    credentials_place_now(&place, "AKIDPROC", AKS_CREDENTIALS_PROCESS,
        "profile p, credential_process");
    assert_string_equal(place.scripted.program.argv, "[/opt/tool][two words][--x=a\"b]");
    assert_string_equal(place.scripted.program.env, "PATH=/bin\nAWS_REGION=eu-west-3\n");
    assert_true(place.scripted.program.timeout_ms > 0);
    assert_true(aks_credentials_expires_ms(aks_credentials_chain_now(place.chain)) ==
        place.scripted.wall_ms + 3600 * 1000);
    assert_int_equal(credentials_place_get(&place), AKS_OK);
    assert_int_equal(place.scripted.program.runs, 1);
    credentials_place_end(&place);
}

static void
a_program_that_fails_is_told_without_its_secrets(void **state)
{
    static const struct {
        const char *output;
        int exit_code;
        enum aks_status status;
        const char *says;
    } cases[] = {
        { "planted", 3, AKS_OK, "ended with exit code 3: cannot log in with *** today" },
        { NULL, 0, AKS_NOT_FOUND, "does not run" },
        { NULL, 0, AKS_TIMEOUT, "does not run" },
        { "planted", 0, AKS_OK, "cannot be read" },
        { "{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"planted\"}", 0, AKS_OK,
            "Version is not the number 1" },
        { "{\"Version\": \"1\", \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"planted\"}", 0,
            AKS_OK, "Version is not the number 1" },
        { "{\"Version\": 2, \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"planted\"}", 0, AKS_OK,
            "Version is not the number 1" },
        { "{\"Version\": 1, \"AccessKeyId\": \"A\"}", 0, AKS_OK, "SecretAccessKey is not" },
        { "{\"Version\": 1}", 0, AKS_OK, "has no keys" },
        { "{\"Version\": 1, \"AccessKeyId\": \"A\\nB\", \"SecretAccessKey\": \"planted\"}", 0,
            AKS_OK, "AccessKeyId has a blank" },
        { "{\"Version\": 1, \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"planted\", "
            "\"Expiration\": \"soon\"}", 0, AKS_OK, "Expiration is no time" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct credentials_place place;

        credentials_place_process(&place, "tool");
        place.scripted.program.output = cases[i].output;
        place.scripted.program.exit_code = cases[i].exit_code;
        place.scripted.program.status = cases[i].status;
        place.scripted.program.errors =
            "first\ncannot log in with plantedABCDEFGHIJKLMNOP today\n\n";
        credentials_place_fails(&place, AKS_AUTH_MISSING, cases[i].says);
        credentials_place_end(&place);
    }
}

static void
keys_that_have_expired_when_they_come_are_of_no_use(void **state)
{
    struct credentials_place place;

    credentials_place_process(&place, "tool");
    place.scripted.program.output = "{\"Version\": 1, \"AccessKeyId\": \"A\", "
        "\"SecretAccessKey\": \"planted\", \"Expiration\": \"2026-11-23T06:45:00Z\"}";
    credentials_place_fails(&place, AKS_AUTH_EXPIRED, "has expired already");
    credentials_place_end(&place);
}

/* --- renewal ---------------------------------------------------------------------------------- */

/* A chain that has been told keys by a program, for an hour. */
static void
begin_renewal(struct credentials_place *place)
{
    credentials_place_process(place, "tool");
    place->scripted.program.output = "{\"Version\": 1, \"AccessKeyId\": \"FIRST\", "
        "\"SecretAccessKey\": \"planted\", \"SessionToken\": \"planted\", \"Expiration\": \""
        AN_HOUR_ON "\"}";
    credentials_place_fetch(place);
    place->scripted.program.output = "{\"Version\": 1, \"AccessKeyId\": \"SECOND\", "
        "\"SecretAccessKey\": \"planted\", \"SessionToken\": \"planted\", \"Expiration\": "
        "\"2026-11-23T09:45:00Z\"}";
}

static void
keys_are_renewed_before_they_expire_and_nobody_waits(void **state)
{
    struct credentials_place place;

    begin_renewal(&place);
    credentials_place_pass(&place, 44 * 60 * 1000);
    assert_true(aks_credentials_chain_ready(place.chain));
    credentials_place_pass(&place, 0);
    assert_int_equal(place.scripted.program.runs, 1);
    credentials_place_pass(&place, 2 * 60 * 1000);
    assert_true(aks_credentials_chain_ready(place.chain));
    /* Under way: the old ones still sign, and it is asked once. */
    assert_true(aks_credentials_chain_ready(place.chain));
    assert_string_equal(aks_credentials_access_key(aks_credentials_chain_now(place.chain)),
        "FIRST");
    credentials_place_pass(&place, 0);
    assert_string_equal(aks_credentials_access_key(aks_credentials_chain_now(place.chain)),
        "SECOND");
    assert_int_equal(place.scripted.program.runs, 2);
    credentials_place_end(&place);
}

static void
all_wait_for_one_fetch_when_the_end_is_near(void **state)
{
    struct aks_credentials_wait waits[3] = { { 0 } };
    struct credentials_place place;

    begin_renewal(&place);
    credentials_place_pass(&place, 56 * 60 * 1000);
    for (size_t i = 0; i < 3; i++) {
        assert_false(aks_credentials_chain_ready(place.chain));
        aks_credentials_chain_wait(place.chain, &waits[i], credentials_place_told, &place);
    }
    aks_credentials_chain_leave(&waits[1]);
    place.told = 0;
    credentials_place_pass(&place, 0);
    assert_int_equal(place.told, 2);
    assert_int_equal(place.err.status, AKS_OK);
    assert_int_equal(place.scripted.program.runs, 2);
    credentials_place_end(&place);
}

static void
a_renewal_that_fails_is_no_failure_as_long_as_the_old_ones_are_good(void **state)
{
    struct credentials_place place;

    begin_renewal(&place);
    place.scripted.program.exit_code = 1;
    credentials_place_pass(&place, 56 * 60 * 1000);
    assert_int_equal(credentials_place_get(&place), AKS_OK);
    assert_int_equal(place.scripted.program.runs, 2);
    /* Not at every part. */
    assert_int_equal(credentials_place_get(&place), AKS_OK);
    assert_int_equal(place.scripted.program.runs, 2);
    credentials_place_pass(&place, 61 * 1000);
    assert_int_equal(credentials_place_get(&place), AKS_OK);
    assert_int_equal(place.scripted.program.runs, 3);
    credentials_place_pass(&place, 5 * 60 * 1000);
    assert_int_equal(credentials_place_get(&place), AKS_AUTH_MISSING);
    place.scripted.program.exit_code = 0;
    assert_int_equal(credentials_place_get(&place), AKS_OK);
    credentials_place_end(&place);
}

static void
short_lives_are_renewed_in_their_last_quarter(void **state)
{
    struct credentials_place place;

    credentials_place_process(&place, "tool");
    place.scripted.program.output = "{\"Version\": 1, \"AccessKeyId\": \"FIRST\", "
        "\"SecretAccessKey\": \"planted\", \"Expiration\": \"2026-11-23T06:57:00Z\"}";
    credentials_place_fetch(&place);
    credentials_place_pass(&place, 8 * 60 * 1000);
    assert_true(aks_credentials_chain_ready(place.chain));
    credentials_place_pass(&place, 0);
    assert_int_equal(place.scripted.program.runs, 1);
    credentials_place_end(&place);
}

static void
what_is_refused_is_fetched_again_once(void **state)
{
    struct aks_credentials *old;
    struct credentials_place place;

    begin_renewal(&place);
    old = aks_credentials_use(aks_credentials_chain_now(place.chain));
    assert_true(aks_credentials_chain_refused(place.chain, old, AKS_CREDENTIALS_EXPIRED));
    /* Eight parts are refused at once. */
    assert_true(aks_credentials_chain_refused(place.chain, old, AKS_CREDENTIALS_EXPIRED));
    assert_false(aks_credentials_chain_ready(place.chain));
    assert_int_equal(credentials_place_get(&place), AKS_OK);
    assert_true(aks_credentials_chain_refused(place.chain, old, AKS_CREDENTIALS_EXPIRED));
    aks_credentials_drop(old);
    assert_int_equal(place.scripted.program.runs, 2);
    old = aks_credentials_chain_now(place.chain);
    assert_string_equal(aks_credentials_access_key(old), "SECOND");
    assert_false(aks_credentials_chain_refused(place.chain, old, AKS_CREDENTIALS_EXPIRED));
    assert_false(aks_credentials_chain_refused(place.chain, old, AKS_CREDENTIALS_WRONG));
    assert_int_equal(place.scripted.program.runs, 2);
    credentials_place_pass(&place, 31 * 1000);
    assert_false(aks_credentials_chain_refused(place.chain, old, AKS_CREDENTIALS_WRONG));
    assert_true(aks_credentials_chain_refused(place.chain, old, AKS_CREDENTIALS_UNKNOWN));
    assert_int_equal(credentials_place_get(&place), AKS_OK);
    assert_int_equal(place.scripted.program.runs, 3);
    credentials_place_end(&place);
}

static void
keys_in_a_file_that_were_rotated_are_read_again(void **state)
{
    struct aks_credentials *old;
    struct credentials_place place;

    credentials_place_begin(&place, aks_alloc_system(), "auto");
    scripted_file(&place.scripted, SHARED, "[default]\n" KEYS, 0600);
    credentials_place_open(&place);
    assert_true(aks_credentials_chain_ready(place.chain));
    old = aks_credentials_use(aks_credentials_chain_now(place.chain));
    assert_false(aks_credentials_chain_refused(place.chain, old, AKS_CREDENTIALS_UNKNOWN));
    scripted_file(&place.scripted, SHARED,
        "[default]\naws_access_key_id = NEW\naws_secret_access_key = planted\n", 0644);
    assert_false(aks_credentials_chain_refused(place.chain, old, AKS_CREDENTIALS_UNKNOWN));
    scripted_file(&place.scripted, SHARED,
        "[default]\naws_access_key_id = NEW\naws_secret_access_key = planted\n", 0600);
    assert_true(aks_credentials_chain_refused(place.chain, old, AKS_CREDENTIALS_WRONG));
    aks_credentials_drop(old);
    credentials_place_now(&place, "NEW", AKS_CREDENTIALS_PROFILE, "profile default");
    credentials_place_end(&place);
}

static void
whoever_leaves_is_not_told(void **state)
{
    struct aks_credentials_wait wait = { 0 };
    struct credentials_place place;

    credentials_place_begin(&place, aks_alloc_system(), "instance");
    credentials_place_open(&place);
    scripted_expect(&place.scripted, TOKEN_PUT, 200, NULL, "planted")->silent = true;
    aks_credentials_chain_wait(place.chain, &wait, credentials_place_told, &place);
    assert_int_equal(aks_loop_turn(&place.loop, NULL), AKS_OK);
    assert_int_equal(place.scripted.calls_under_way, 1);
    aks_credentials_chain_free(place.chain);
    place.chain = NULL;
    assert_int_equal(place.scripted.cancelled, 1);
    assert_int_equal(place.told, 0);
    credentials_place_end(&place);
}

/* --- memory ----------------------------------------------------------------------------------- */

static int
fetch_in(void *ctx, const struct aks_alloc *alloc)
{
    const char *how = ctx;
    struct credentials_place place;
    enum aks_status status;

    credentials_place_begin(&place, alloc, how);
    scripted_file(&place.scripted, CONFIG, "[profile p]\nrole_arn = " ROLE
        "\nsource_profile = q\n[profile q]\ncredential_process = tool\n", 0600);
    place.scripted.program.output = "{\"Version\": 1, \"AccessKeyId\": \"A\", "
        "\"SecretAccessKey\": \"planted\", \"SessionToken\": \"planted\"}";
    scripted_expect(&place.scripted, "POST /", 200, NULL,
            STS_ANSWER("AssumeRole", "ASIAROLE", AN_HOUR_ON));
    credentials_place_instance(&place, MACHINE_ANSWER("ASIAEC2", AN_HOUR_ON));
    status = aks_credentials_chain_new(&place.options, &place.chain, NULL);
    if (status == AKS_OK)
        status = credentials_place_get(&place);
    credentials_place_pass(&place, 0);
    aks_credentials_chain_free(place.chain);
    scripted_port_fini(&place.scripted);
    aks_loop_fini(&place.loop);
    /* A program that cannot be run for want of memory is one that tells nothing. */
    return status == AKS_OK || status == AKS_LIMIT || status == AKS_AUTH_MISSING ? 0 : 1;
}

static void
fetching_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(fetch_in, (void *)(uintptr_t)"profile:p", 500);
    failing_alloc_loop(fetch_in, (void *)(uintptr_t)"instance", 500);
}

/* Looks at each block that is given back. */
struct watching {
    struct aks_alloc alloc;
    unsigned dirty;
};

static void *
watching_resize(void *ctx, void *p, size_t bytes)
{
    struct watching *watching = ctx;
    size_t *block = p != NULL ? (size_t *)p - 2 : NULL;

    if (block != NULL && memmem(p, *block, "planted", 7) != NULL)
        watching->dirty++;
    if (bytes == 0) {
        free(block);
        return NULL;
    }
    block = realloc(block, bytes + 2 * sizeof(*block));
    if (block == NULL)
        return NULL;
    *block = bytes;
    return block + 2;
}

static void
no_secret_is_left_in_memory_that_is_given_back(void **state)
{
    struct watching watching = { { watching_resize, &watching }, 0 };

    assert_int_equal(fetch_in((void *)(uintptr_t)"profile:p", &watching.alloc), 0);
    assert_int_equal(fetch_in((void *)(uintptr_t)"instance", &watching.alloc), 0);
    assert_int_equal(watching.dirty, 0);
}

#define TEST(name) cmocka_unit_test(name)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_program_tells_keys),
        TEST(a_program_that_fails_is_told_without_its_secrets),
        TEST(keys_that_have_expired_when_they_come_are_of_no_use),
        TEST(keys_are_renewed_before_they_expire_and_nobody_waits),
        TEST(all_wait_for_one_fetch_when_the_end_is_near),
        TEST(a_renewal_that_fails_is_no_failure_as_long_as_the_old_ones_are_good),
        TEST(short_lives_are_renewed_in_their_last_quarter),
        TEST(what_is_refused_is_fetched_again_once),
        TEST(keys_in_a_file_that_were_rotated_are_read_again),
        TEST(whoever_leaves_is_not_told),
        TEST(fetching_survives_any_allocation_that_fails),
        TEST(no_secret_is_left_in_memory_that_is_given_back),
    };

    return cmocka_run_group_tests_name("credentials chain", tests, NULL, NULL);
}
