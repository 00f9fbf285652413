/* The way back and the audit log, as an embedder asks for them: what comes back, what stays, and
 * which code a failure has. */
#include "akosha/akosha.h"

#include "api_place.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUNDS_MAX 60000
/* A prime, so that every kind of allocation has its turn; all of them would take long. */
#define STRIDE 37

static void
assert_file(struct api_place *place, const char *name, const char *text)
{
    char *is = temp_folder_read(place->folder, name, NULL);

    assert_string_equal(is, text);
    free(is);
}

static int
restore(struct api_place *place, const char *to, bool force)
{
    const struct akosha_restore_options options = { .to = to, .force = force };

    return akosha_restore(place->engine, place->policy, &options, api_place_report(place),
        &place->error);
}

static int
verify(struct api_place *place, const char *upload_id, bool quick)
{
    const struct akosha_verify_options options = { .upload_id = upload_id, .quick = quick };

    return akosha_verify(place->engine, place->policy, &options, api_place_report(place),
        &place->error);
}

static int
prune(struct api_place *place, const char *keep, bool apply)
{
    const struct akosha_prune_options options = { .keep = keep, .apply = apply };

    return akosha_prune(place->engine, place->policy, &options, api_place_report(place),
        &place->error);
}

/* The id of the upload that a run with ${text} in its source makes. */
static void
store(struct api_place *place, const char *text, char ret_id[64])
{
    temp_folder_write(place->folder, "a.txt", text, strlen(text));
    assert_int_equal(api_place_run(place), AKOSHA_OK);
    assert_string_equal(akosha_report_text(place->report, "outcome"), "stored");
    (void)snprintf(ret_id, 64, "%s", akosha_report_text(place->report, "upload_id"));
}

static void
restore_brings_what_was_there(void **state)
{
    struct api_place *place = *state;
    struct akosha_restore_options options = { .to = "then" };
    const char *name = "a.txt";
    char ids[2][64];

    api_place_open(place);
    store(place, "the first", ids[0]);
    store(place, "the second", ids[1]);
    /* A relative folder is the working folder's, and is made. */
    assert_int_equal(restore(place, "back", false), AKOSHA_OK);
    assert_int_equal(place->error.code, AKOSHA_OK);
    assert_file(place, "back/a.txt", "the second");
    options.upload_id = ids[0];
    options.target = "folder";
    options.names = &name;
    options.name_count = 1;
    assert_int_equal(akosha_restore(place->engine, place->policy, &options,
        api_place_report(place), &place->error), AKOSHA_OK);
    assert_file(place, "then/a.txt", "the first");
}

static void
restore_touches_nothing_that_is_there(void **state)
{
    struct api_place *place = *state;
    char id[64];

    api_place_open(place);
    store(place, "what is kept", id);
    assert_int_equal(mkdir(temp_folder_join(place->folder, "back"), 0700), 0);
    temp_folder_write(place->folder, "back/a.txt", "somebody's own", 14);
    assert_int_equal(restore(place, "back", false), AKOSHA_QUEUED);
    assert_non_null(strstr(place->error.message, "back/a.txt"));
    assert_file(place, "back/a.txt", "somebody's own");
    assert_int_equal(restore(place, "back", true), AKOSHA_OK);
    assert_file(place, "back/a.txt", "what is kept");
}

static void
restore_says_what_there_is_not(void **state)
{
    struct api_place *place = *state;
    struct akosha_restore_options options = { .to = "back" };
    const char *name = "none.txt";
    const char *identity = "none.age";
    char id[64];

    api_place_open(place);
    store(place, "what is kept", id);
    options.names = &name;
    options.name_count = 1;
    assert_int_not_equal(akosha_restore(place->engine, place->policy, &options,
        api_place_report(place), &place->error), AKOSHA_OK);
    assert_non_null(strstr(place->error.message, name));
    options.name_count = 0;
    options.names = NULL;
    options.target = "elsewhere";
    assert_int_equal(akosha_restore(place->engine, place->policy, &options,
        api_place_report(place), &place->error), AKOSHA_SETTINGS);
    assert_non_null(strstr(place->error.message, "elsewhere"));
    options.target = NULL;
    options.keys.identities = &identity;
    options.keys.identity_count = 1;
    assert_int_not_equal(akosha_restore(place->engine, place->policy, &options,
        api_place_report(place), &place->error), AKOSHA_OK);
    /* Paths of keys are the working folder's, too. */
    assert_non_null(strstr(place->error.message, temp_folder_join(place->folder, identity)));
    assert_false(api_place_exists(place, "back/a.txt"));
    place->working_folder = "";
    assert_int_not_equal(restore(place, "back", false), AKOSHA_OK);
    assert_non_null(strstr(place->error.message, "back"));
    assert_null(place->report);
    options.to = temp_folder_join(place->folder, "back");
    assert_int_not_equal(akosha_restore(place->engine, place->policy, &options,
        api_place_report(place), &place->error), AKOSHA_OK);
    assert_non_null(strstr(place->error.message, identity));
    assert_null(place->report);
}

static void
verify_reads_what_is_stored(void **state)
{
    struct api_place *place = *state;
    char name[API_PLACE_TEXT_BYTES];
    char id[64];

    api_place_open(place);
    store(place, "nine bytes", id);
    assert_int_equal(verify(place, NULL, false), AKOSHA_OK);
    assert_int_equal(verify(place, id, true), AKOSHA_OK);
    assert_int_not_equal(verify(place, "20200101T000000Z-000001", false), AKOSHA_OK);
    assert_non_null(strstr(place->error.message, "20200101T000000Z-000001"));
    /* As long, and not the same: sizes do not tell it, reading does. */
    (void)snprintf(name, sizeof(name), "target/systems/test-1/%s/a.txt", id);
    temp_folder_write(place->folder, name, "nine bytez", 10);
    assert_int_equal(verify(place, id, true), AKOSHA_OK);
    assert_int_equal(verify(place, id, false), AKOSHA_INTEGRITY);
    assert_string_equal(place->error.failure, "corrupt");
    assert_int_equal(restore(place, "back", false), AKOSHA_INTEGRITY);
    assert_false(api_place_exists(place, "back/a.txt"));
}

static void
prune_needs_rules(void **state)
{
    struct api_place *place = *state;

    api_place_open(place);
    assert_int_equal(prune(place, NULL, true), AKOSHA_USAGE);
    assert_non_null(strstr(place->error.message, "--keep"));
    assert_int_equal(place->error.code, AKOSHA_USAGE);
    assert_int_equal(prune(place, "last=none", true), AKOSHA_USAGE);
    assert_non_null(strstr(place->error.message, "last=none"));
    assert_null(place->report);
}

static void
prune_keeps_what_the_rules_keep(void **state)
{
    static const char keep_two[] = "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.txt' }, keep = { last = 2 },\n"
        "  targets = { folder = akosha.dir { path = '%s/target' } } }\n";
    struct api_place *place = *state;
    char text[API_PLACE_TEXT_BYTES];
    char name[API_PLACE_TEXT_BYTES];
    char ids[4][64];

    api_place_open(place);
    for (int i = 0; i < 4; i++) {
        (void)snprintf(text, sizeof(text), "text %d", i);
        store(place, text, ids[i]);
    }
    assert_int_equal(prune(place, "last=3", false), AKOSHA_OK);
    (void)snprintf(name, sizeof(name), "target/systems/test-1/%s", ids[0]);
    assert_true(api_place_exists(place, name));
    assert_int_equal(prune(place, "last=3", true), AKOSHA_OK);
    assert_false(api_place_exists(place, name));
    (void)snprintf(name, sizeof(name), "target/systems/test-1/%s", ids[1]);
    assert_true(api_place_exists(place, name));
    /* Without rules those of the policy hold. */
    akosha_policy_free(place->policy);
    place->policy = NULL;
    (void)snprintf(text, sizeof(text), keep_two, temp_folder_path(place->folder));
    assert_int_equal(akosha_policy_load(place->engine, temp_folder_write(place->folder, "k.lua",
        text, strlen(text)), NULL, 0, &place->policy, &place->error), AKOSHA_OK);
    assert_int_equal(prune(place, NULL, true), AKOSHA_OK);
    assert_false(api_place_exists(place, name));
    assert_int_equal(verify(place, ids[2], false), AKOSHA_OK);
    assert_int_equal(restore(place, "back", false), AKOSHA_OK);
    assert_file(place, "back/a.txt", "text 3");
}

static void
prune_of_a_target_that_is_none(void **state)
{
    struct akosha_prune_options options = { .keep = "last=1", .target = "elsewhere" };
    struct api_place *place = *state;

    api_place_open(place);
    assert_int_equal(akosha_prune(place->engine, place->policy, &options, api_place_report(place),
        &place->error), AKOSHA_SETTINGS);
    assert_non_null(strstr(place->error.message, "elsewhere"));
}

static void
audit_log_is_what_it_was_until_somebody_changes_it(void **state)
{
    struct akosha_audit_show_options options = { .event = "run_ended" };
    struct api_place *place = *state;
    char id[64];
    char *log;

    api_place_open(place);
    store(place, "what is kept", id);
    assert_int_equal(akosha_audit_verify(place->engine, NULL, NULL, api_place_report(place),
        &place->error), AKOSHA_OK);
    assert_true(akosha_report_number(place->report, "log.records", -1) > 0);
    assert_int_equal(akosha_audit_verify(place->engine, place->policy, "folder",
        api_place_report(place), &place->error), AKOSHA_OK);
    assert_int_equal(akosha_report_number(place->report, "targets", -1), 1);
    assert_int_equal(akosha_audit_verify(place->engine, place->policy, "elsewhere",
        api_place_report(place), &place->error), AKOSHA_SETTINGS);
    options.upload_id = id;
    options.event = NULL;
    assert_int_equal(akosha_audit_show(place->engine, &options, api_place_report(place),
        &place->error), AKOSHA_OK);
    assert_true(akosha_report_number(place->report, "records", -1) > 0);
    options.since = "yesterday";
    assert_int_equal(akosha_audit_show(place->engine, &options, api_place_report(place),
        &place->error), AKOSHA_USAGE);
    assert_non_null(strstr(place->error.message, "--since"));
    /* An embedder that is shown less than all is told what of. */
    log = temp_folder_read(place->folder, "state/audit.jsonl", NULL);
    *strchr(log, ':') = ';';
    temp_folder_write(place->folder, "state/audit.jsonl", log, strlen(log));
    free(log);
    assert_int_equal(akosha_audit_verify(place->engine, NULL, NULL, api_place_report(place),
        &place->error), AKOSHA_INTEGRITY);
    assert_int_equal(akosha_report_number(place->report, "fault.line", -1), 1);
}

/* Whatever fails says so, and takes nothing that is stored along. */
static void
use_everything(struct api_place *place)
{
    struct akosha_audit_show_options show = { .since = "7d" };
    const char *identity = "one.age";
    struct akosha_verify_options options = { .keys = { .identities = &identity,
        .identity_count = 1 } };

    if (api_place_told(place, akosha_open(&place->options, &place->engine, &place->error)) !=
        AKOSHA_OK)
        goto out;
    if (api_place_told(place, akosha_policy_load(place->engine,
        temp_folder_join(place->folder, "p.lua"), NULL, 0, &place->policy, &place->error)) !=
        AKOSHA_OK)
        goto out;
    (void)api_place_told(place, restore(place, "back", true));
    (void)api_place_told(place, verify(place, NULL, false));
    (void)api_place_told(place, akosha_verify(place->engine, place->policy, &options,
        api_place_report(place), &place->error));
    (void)api_place_told(place, prune(place, "last=1", true));
    (void)api_place_told(place, akosha_list(place->engine, place->policy, NULL,
        api_place_report(place), &place->error));
    (void)api_place_told(place, akosha_fleet(place->engine, place->policy, NULL, NULL,
        api_place_report(place), &place->error));
    (void)api_place_told(place, akosha_audit_verify(place->engine, place->policy, NULL,
        api_place_report(place), &place->error));
    (void)api_place_told(place, akosha_audit_show(place->engine, &show, api_place_report(place),
        &place->error));
out:
    (void)api_place_report(place);
    akosha_policy_free(place->policy);
    place->policy = NULL;
    akosha_close(place->engine);
    place->engine = NULL;
}

static void
what_is_stored_survives_any_allocation_that_fails(void **state)
{
    struct api_place *place = *state;
    char id[64];

    api_place_open(place);
    store(place, "what is kept", id);
    akosha_policy_free(place->policy);
    akosha_close(place->engine);
    place->policy = NULL;
    place->engine = NULL;
    for (int64_t round = 0; round < ROUNDS_MAX; round += STRIDE) {
        struct failing_alloc failing;
        struct aks_os *os = NULL;

        failing_alloc_init(&failing);
        failing.fail_at = round;
        if (aks_os_open(&failing.alloc, &os, NULL) == AKS_OK) {
            api_place_use(place, os);
            use_everything(place);
            aks_os_close(os);
        }
        assert_int_equal(failing.outstanding, 0);
        if (failing.seen <= round)
            break;
    }
    api_place_use(place, place->os);
    api_place_open(place);
    assert_int_equal(verify(place, id, false), AKOSHA_OK);
    assert_int_equal(restore(place, "after", false), AKOSHA_OK);
    assert_file(place, "after/a.txt", "what is kept");
}

int
main(void)
{
#define API_TEST(test) cmocka_unit_test_setup_teardown(test, api_place_set_up, api_place_tear_down)
    const struct CMUnitTest tests[] = {
        API_TEST(restore_brings_what_was_there),
        API_TEST(restore_touches_nothing_that_is_there),
        API_TEST(restore_says_what_there_is_not),
        API_TEST(verify_reads_what_is_stored),
        API_TEST(prune_needs_rules),
        API_TEST(prune_keeps_what_the_rules_keep),
        API_TEST(prune_of_a_target_that_is_none),
        API_TEST(audit_log_is_what_it_was_until_somebody_changes_it),
        API_TEST(what_is_stored_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("back", tests, NULL, NULL);
}
