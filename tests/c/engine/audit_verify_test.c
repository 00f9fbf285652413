/* What `audit verify` says of a log: of its own chain, by what the state remembers, and by the
 * heads that uploads in a target hold. Uploads are those of real runs. */
#include "engine/audit_verify.h"

#include "engine/audit_place.h"
#include "engine/run.h"
#include "support/failing_alloc.h"
#include "support/json_look.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct aks_error err;

static char *
borrowed(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* Brings a file of that text to the target; the id of its upload. */
static void
upload(struct audit_place *place, const char *text, char ret_id[64])
{
    const char *source = "a.txt";
    struct aks_policy_environment environment = { 0 };
    struct aks_policy_text policy_text = { 0 };
    struct aks_run_options options = { .policy = &place->policy, .policy_text = &policy_text,
        .environment = &environment, .sources = &source, .source_count = 1 };
    json_t *report = NULL;

    policy_text.path = borrowed("/test.lua");
    policy_text.text = borrowed("return 1");
    policy_text.text_len = 8;
    place->settings.route.targets[0] = 0;
    place->settings.route.count = 1;
    memset(place->settings.policy_sha256, 'a', 64);
    (void)temp_folder_write(place->folder, source, text, strlen(text));
    options.source_folder = temp_folder_path(place->folder);
    assert_int_equal(aks_run(place->engine, &options, &report, &err), AKS_OK);
    assert_string_equal(json_look_text(report, "outcome"), "stored");
    (void)snprintf(ret_id, 64, "%s", json_look_text(report, "upload_id"));
    json_decref(report);
    place->wall_ms += 1000;
}

static json_t *
verify(struct audit_place *place, bool targets)
{
    struct aks_audit_verify_options options = { targets ? &place->policy : NULL, NULL };
    json_t *report = NULL;

    if (aks_audit_verify(place->engine, &options, &report, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return report;
}

/* Asserts what is found of the log, with the targets or without; "" : it fits. */
static void
finds(struct audit_place *place, bool targets, const char *kind, const char *words)
{
    json_t *report = verify(place, targets);

    if (kind[0] == '\0') {
        assert_true(json_is_null(json_look(report, "fault")));
        assert_true(json_is_true(json_look(report, "success")));
        assert_int_equal(json_look_number(report, "exit_code"), 0);
    } else {
        assert_string_equal(json_look_text(report, "fault.kind"), kind);
        if (strstr(json_look_text(report, "fault.why"), words) == NULL)
            fail_msg("%s", json_look_text(report, "fault.why"));
        assert_true(json_is_false(json_look(report, "success")));
        assert_int_equal(json_look_number(report, "exit_code"), 5);
        assert_string_equal(json_look_text(report, "error.failure"), "corrupt");
        assert_non_null(strstr(json_look_text(report, "error.message"), kind));
        assert_non_null(strstr(json_look_text(report, "error.hint"), "docs/audit.md"));
    }
    json_decref(report);
}

static void
a_log_that_was_left_alone_fits(void **state)
{
    struct audit_place *place = *state;
    char first[64];
    char second[64];
    json_t *report;

    upload(place, "first", first);
    upload(place, "second", second);
    report = verify(place, true);
    assert_true(json_is_true(json_look(report, "success")));
    assert_int_equal(json_look_number(report, "targets.0.uploads"), 2);
    assert_int_equal(json_look_number(report, "targets.0.fits"), 2);
    assert_int_equal(json_look_number(report, "targets.0.missing"), 0);
    assert_string_equal(json_look_text(report, "targets.0.name"), "local");
    assert_null(json_look(report, "targets.0.index"));
    assert_int_equal(json_look_number(report, "log.first_seq"), 1);
    assert_int_equal(json_look_number(report, "log.records"),
        json_look_number(report, "log.last_seq"));
    assert_string_equal(json_look_text(report, "witness.name"), "state.db");
    assert_string_equal(json_look_text(report, "witness.head"),
        json_look_text(report, "log.head"));
    json_decref(report);
}

static void
without_a_log_there_is_nothing_that_could_be_wrong(void **state)
{
    json_t *report = verify(*state, false);

    assert_true(json_is_true(json_look(report, "success")));
    assert_int_equal(json_look_number(report, "log.records"), 0);
    assert_true(json_is_null(json_look(report, "log.head")));
    assert_true(json_is_null(json_look(report, "witness")));
    json_decref(report);
}

static void
a_line_that_was_changed_or_dropped_is_named(void **state)
{
    struct audit_place *place = *state;
    char *line;
    char *at;

    for (int i = 0; i < 4; i++)
        audit_place_note(place, "begun", "name", "ada");
    line = audit_place_line(place, 2);
    at = strstr(line, "ada");
    at[0] = 'e';
    audit_place_change(place, 2, line);
    finds(place, false, "changed", "");
    at[0] = 'a';
    audit_place_change(place, 2, line);
    finds(place, false, "", "");
    audit_place_change(place, 3, NULL);
    finds(place, false, "dropped", "");
    free(line);
}

/* The end is missing, and the rest is one chain: only who remembers knows. */
static void
an_end_that_was_cut_off_is_known_to_the_state(void **state)
{
    struct audit_place *place = *state;

    for (int i = 0; i < 3; i++)
        audit_place_note(place, "begun", NULL, NULL);
    audit_place_change(place, 3, NULL);
    finds(place, false, "truncated", "state.db");
}

/* Who goes on with a log that has lost its end says so, in a record that nobody takes back. */
static void
a_log_that_goes_on_after_its_end_was_cut_off_says_so(void **state)
{
    struct audit_place *place = *state;
    char *line;

    for (int i = 0; i < 3; i++)
        audit_place_note(place, "begun", NULL, NULL);
    audit_place_change(place, 3, NULL);
    audit_place_note(place, "ended", NULL, NULL);
    line = audit_place_line(place, 4);
    assert_non_null(strstr(line, "\"event\":\"log_cut\""));
    assert_non_null(strstr(line, "\"known_seq\":3"));
    assert_non_null(strstr(line, "\"found_seq\":2"));
    free(line);
    finds(place, false, "truncated", "");
}

/* --- heads ------------------------------------------------------------------------------------ */

/* What remembers the log is gone, and with ${log} that is gone too. */
static void
begin_anew(struct audit_place *place, bool log)
{
    aks_engine_close(place->engine);
    place->engine = NULL;
    if (log)
        assert_int_equal(unlink(temp_folder_join(place->folder, "state/audit.jsonl")), 0);
    assert_int_equal(unlink(temp_folder_join(place->folder, "state/state.db")), 0);
    assert_int_equal(audit_place_open(place, aks_alloc_system()), AKS_OK);
}

/* The log says something else of an upload than its manifest: nobody rewrites what a target
 * holds. */
static void
a_log_that_was_rewritten_disagrees_with_a_target(void **state)
{
    struct audit_place *place = *state;
    char id[64];
    json_t *report;

    audit_place_note(place, "begun", NULL, NULL);
    upload(place, "first", id);
    begin_anew(place, true);
    place->wall_ms -= 3600 * 1000;
    audit_place_note(place, "begun", NULL, NULL);
    audit_place_note(place, "upload_sent", "upload_id", id);
    finds(place, false, "", "");
    finds(place, true, "rewritten", "holds another head of upload ");
    report = verify(place, true);
    assert_int_equal(json_look_number(report, "targets.0.rewritten"), 1);
    assert_string_equal(json_look_text(report, "targets.0.others.0.upload_id"), id);
    assert_string_equal(json_look_text(report, "targets.0.others.0.outcome"), "rewritten");
    assert_int_equal(json_look_number(report, "fault.seq"), 2);
    json_decref(report);
}

/* The log goes on from before the upload, and says nothing of it. Where its end is proven, somebody
 * else made the upload; where it is not, the end may have been cut off. */
static void
an_upload_of_which_the_log_knows_nothing_is_told(void **state)
{
    struct audit_place *place = *state;
    char id[64];
    json_t *report;

    upload(place, "first", id);
    begin_anew(place, true);
    place->wall_ms -= 3600 * 1000;
    audit_place_note(place, "begun", NULL, NULL);
    report = verify(place, true);
    assert_true(json_is_true(json_look(report, "success")));
    assert_int_equal(json_look_number(report, "targets.0.elsewhere"), 1);
    json_decref(report);
    begin_anew(place, false);
    finds(place, true, "truncated", "of which the log knows nothing");
}

/* A log that is younger than an upload cannot know it. */
static void
an_upload_from_before_the_log_is_no_fault(void **state)
{
    struct audit_place *place = *state;
    char id[64];
    json_t *report;

    upload(place, "first", id);
    begin_anew(place, true);
    place->wall_ms += 3600 * 1000;
    audit_place_note(place, "begun", NULL, NULL);
    report = verify(place, true);
    assert_true(json_is_true(json_look(report, "success")));
    assert_int_equal(json_look_number(report, "targets.0.before"), 1);
    assert_int_equal(json_look_number(report, "targets.0.fits"), 0);
    json_decref(report);
}

/* Those without a manifest, or with one that is damaged, are for `verify` to tell. */
static void
uploads_that_were_never_finished_hold_no_head(void **state)
{
    struct audit_place *place = *state;
    char name[160];
    char id[64];
    json_t *report;

    upload(place, "first", id);
    (void)snprintf(name, sizeof(name), "target/systems/" AUDIT_PLACE_SYSTEM "/%s/manifest.json",
        id);
    (void)temp_folder_write(place->folder, name, "{", 1);
    assert_int_equal(mkdir(temp_folder_join(place->folder, "target/systems/" AUDIT_PLACE_SYSTEM
        "/20261118T010000Z-000001"), 0700), 0);
    report = verify(place, true);
    assert_true(json_is_true(json_look(report, "success")));
    assert_int_equal(json_look_number(report, "targets.0.uploads"), 0);
    json_decref(report);
}

/* --- what cannot be asked --------------------------------------------------------------------- */

static void
a_target_that_cannot_be_asked_is_told_and_the_log_read_all_the_same(void **state)
{
    struct audit_place *place = *state;
    json_t *report;

    audit_place_note(place, "begun", NULL, NULL);
    (void)temp_folder_write(place->folder, "target", "no folder", 9);
    report = verify(place, true);
    assert_true(json_is_false(json_look(report, "success")));
    assert_string_equal(json_look_text(report, "targets.0.error.failure"), "settings");
    assert_int_equal(json_look_number(report, "exit_code"), 3);
    assert_int_equal(json_look_number(report, "log.records"), 1);
    json_decref(report);
}

static void
a_target_that_the_policy_has_not_is_an_error(void **state)
{
    struct audit_place *place = *state;
    struct aks_audit_verify_options options = { &place->policy, "there" };
    json_t *report = NULL;

    audit_place_note(place, "begun", NULL, NULL);
    assert_int_equal(aks_audit_verify(place->engine, &options, &report, &err), AKS_OK);
    assert_int_equal(json_look_number(report, "exit_code"), 3);
    assert_non_null(strstr(json_look_text(report, "error.message"), "--target there"));
    assert_true(json_is_null(json_look(report, "log")));
    json_decref(report);
    report = NULL;
    options.target = "local";
    assert_int_equal(aks_audit_verify(place->engine, &options, &report, &err), AKS_OK);
    assert_int_equal(json_look_number(report, "exit_code"), 0);
    json_decref(report);
}

/* What was not read to its end does not fit, and does not not fit. */
static void
who_interrupts_is_told_no_verdict(void **state)
{
    struct audit_place *place = *state;
    char id[64];
    json_t *report;

    upload(place, "first", id);
    audit_place_change(place, 1, NULL);
    aks_engine_interrupt(place->engine, 2);
    report = verify(place, true);
    assert_int_equal(json_look_number(report, "exit_code"), 130);
    assert_true(json_is_null(json_look(report, "fault")));
    assert_true(json_is_null(json_look(report, "log")));
    assert_true(json_is_false(json_look(report, "success")));
    json_decref(report);
}

/* A log that cannot be read gets no verdict. */
static void
a_log_that_cannot_be_read_is_a_failure(void **state)
{
    struct audit_place *place = *state;
    json_t *report;

    assert_int_equal(mkdir(temp_folder_join(place->folder, "state/audit.jsonl"), 0700), 0);
    report = verify(place, false);
    assert_true(json_is_false(json_look(report, "success")));
    assert_true(json_is_null(json_look(report, "log")));
    assert_int_equal(json_look_number(report, "exit_code"), 7);
    json_decref(report);
}

/* What targets hold says nothing of a log that could not be read: there is no head that fits. */
static void
heads_are_not_judged_by_a_log_that_was_not_read(void **state)
{
    struct audit_place *place = *state;
    json_t *report;
    char id[64];

    upload(place, "first", id);
    assert_int_equal(unlink(temp_folder_join(place->folder, "state/audit.jsonl")), 0);
    assert_int_equal(mkdir(temp_folder_join(place->folder, "state/audit.jsonl"), 0700), 0);
    report = verify(place, true);
    assert_int_equal(json_look_number(report, "exit_code"), 7);
    assert_int_equal(json_look_number(report, "targets.0.uploads"), 1);
    assert_true(json_is_null(json_look(report, "targets.0.fits")));
    assert_true(json_is_null(json_look(report, "targets.0.missing")));
    assert_int_equal(json_array_size(json_look(report, "targets.0.others")), 0);
    json_decref(report);
}

/* Nothing that was touched is ever said to fit. */
static int
verify_in(void *ctx, const struct aks_alloc *alloc)
{
    struct audit_place *place = ctx;
    struct aks_audit_verify_options options = { &place->policy, NULL };
    json_t *report = NULL;
    int rc = 0;

    if (audit_place_open(place, alloc) == AKS_OK &&
        aks_audit_verify(place->engine, &options, &report, &err) == AKS_OK)
        rc = json_is_true(json_look(report, "success"));
    json_decref(report);
    aks_engine_close(place->engine);
    place->engine = NULL;
    return rc;
}

static void
without_memory_nothing_that_was_touched_fits(void **state)
{
    struct audit_place *place = *state;
    char id[64];

    upload(place, "first", id);
    audit_place_change(place, 1, NULL);
    failing_alloc_loop(verify_in, place, 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, audit_place_set_up, audit_place_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_log_that_was_left_alone_fits),
        TEST(without_a_log_there_is_nothing_that_could_be_wrong),
        TEST(a_line_that_was_changed_or_dropped_is_named),
        TEST(an_end_that_was_cut_off_is_known_to_the_state),
        TEST(a_log_that_goes_on_after_its_end_was_cut_off_says_so),
        TEST(a_log_that_was_rewritten_disagrees_with_a_target),
        TEST(an_upload_of_which_the_log_knows_nothing_is_told),
        TEST(an_upload_from_before_the_log_is_no_fault),
        TEST(uploads_that_were_never_finished_hold_no_head),
        TEST(a_target_that_cannot_be_asked_is_told_and_the_log_read_all_the_same),
        TEST(a_target_that_the_policy_has_not_is_an_error),
        TEST(who_interrupts_is_told_no_verdict),
        TEST(a_log_that_cannot_be_read_is_a_failure),
        TEST(heads_are_not_judged_by_a_log_that_was_not_read),
        TEST(without_memory_nothing_that_was_touched_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
