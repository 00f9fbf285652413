/* What doctor says of a machine: who may look into its state, whether there is room, what waits,
 * what was proven, which DuckDB there is. */
#include "engine/doctor.h"

#include "engine/audit_place.h"
#include "engine/queue.h"
#include "engine/rows_readers.h"
#include "engine/state_proofs.h"
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

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)
#define ID "20261118T010000Z-3f9a2c"

static const char *variables[4];        /* "NAME=value" */
static int64_t room;
static const char *answer;              /* of every program that is asked for its version */
static int answer_code;
static unsigned asked;

static const char *
get(void *ctx, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < 4 && variables[i] != NULL; i++) {
        if (strncmp(variables[i], name, len) == 0 && variables[i][len] == '=')
            return variables[i] + len + 1;
    }
    return NULL;
}

static const char *
at(void *ctx, unsigned i)
{
    return i < 4 ? variables[i] : NULL;
}

static enum aks_status
so_much_room(void *ctx, const char *path, int64_t *ret_bytes, struct aks_error *err)
{
    if (room < 0)
        return aks_error_set(err, AKS_STATE, "nobody knows how much room %s has", path);
    *ret_bytes = room;
    return AKS_OK;
}

static enum aks_status
run(void *ctx, const struct aks_process_spec *spec, struct aks_buf *ret_output, int *ret_exit,
    struct aks_error *err)
{
    asked++;
    aks_buf_puts(answer_code == 0 ? ret_output : spec->errors, answer);
    *ret_exit = answer_code;
    return AKS_OK;
}

static int
set_up(void **state)
{
    int rc = audit_place_set_up(state);
    struct audit_place *place = *state;

    memset(variables, 0, sizeof(variables));
    variables[0] = "HOME=/nowhere";
    room = INT64_C(1) << 40;
    place->port.environment.get = get;
    place->port.environment.at = at;
    place->port.files.free_bytes = so_much_room;
    place->port.process.run = NULL;
    answer = "";
    answer_code = 0;
    asked = 0;
    assert_int_equal(audit_place_open(place, aks_alloc_system()), AKS_OK);
    return rc;
}

static json_t *
ask(struct audit_place *place)
{
    struct aks_doctor_options options = { .policy = &place->policy };
    struct aks_error err = { 0 };
    json_t *report = NULL;

    options.folder = temp_folder_path(place->folder);
    if (aks_doctor(place->engine, &options, &report, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return report;
}

/* Asserts what is told of ${check}, and the exit code. */
static void
finds(struct audit_place *place, const char *check, const char *outcome, const char *words,
    int code)
{
    json_t *report = ask(place);
    const json_t *one;
    bool found = false;
    size_t i;

    json_array_foreach(json_look(report, "findings"), i, one) {
        if (strcmp(json_look_text(one, "check"), check) != 0)
            continue;
        found = true;
        if (strcmp(json_look_text(one, "outcome"), outcome) != 0 ||
            strstr(json_look_text(one, "message"), words) == NULL)
            fail_msg("%s is %s: %s", check, json_look_text(one, "outcome"),
                json_look_text(one, "message"));
    }
    assert_true(found);
    assert_int_equal(json_look_number(report, "exit_code"), code);
    json_decref(report);
}

/* --- the state folder ------------------------------------------------------------------------- */

static void
a_folder_that_others_may_look_into_is_warned_of(void **state)
{
    struct audit_place *place = *state;

    finds(place, "state_folder", "ok", "/state", 0);
    assert_int_equal(chmod(temp_folder_join(place->folder, "state"), 0755), 0);
    finds(place, "state_folder", "warning", "others may look into ", 0);
    finds(place, "state_folder", "warning", "(mode 0755)", 0);
}

static void
a_database_that_was_set_aside_is_told(void **state)
{
    static const char noise[] = "no database at all, whatever it is called";
    struct audit_place *place = *state;

    aks_engine_close(place->engine);
    place->engine = NULL;
    (void)temp_folder_write(place->folder, "state/state.db", noise, sizeof(noise));
    (void)unlink(temp_folder_join(place->folder, "state/state.db-wal"));
    (void)unlink(temp_folder_join(place->folder, "state/state.db-shm"));
    assert_int_equal(audit_place_open(place, aks_alloc_system()), AKS_OK);
    finds(place, "state_database", "warning", "the old one lies at ", 0);
}

static void
a_log_that_was_touched_is_a_problem(void **state)
{
    struct audit_place *place = *state;

    audit_place_note(place, "begun", NULL, NULL);
    audit_place_note(place, "ended", NULL, NULL);
    finds(place, "audit", "ok", "chain is whole", 0);
    audit_place_change(place, 1, NULL);
    finds(place, "audit", "problem", "does not fit: audit.jsonl, line 1", 5);
}

static void
settings_of_notifications_that_are_wrong_are_told(void **state)
{
    struct audit_place *place = *state;
    char variable[512];

    (void)snprintf(variable, sizeof(variable), "XDG_CONFIG_HOME=%s",
        temp_folder_path(place->folder));
    variables[1] = variable;
    assert_int_equal(mkdir(temp_folder_join(place->folder, "akosha-sync"), 0700), 0);
    (void)temp_folder_write(place->folder, "akosha-sync/settings.json", "{\"schema\": 2}", 13);
    finds(place, "notify", "warning", "nobody is told of failures that last: ", 0);
}

/* --- room ------------------------------------------------------------------------------------- */

static void
room_is_compared_with_the_largest_copy(void **state)
{
    static char path[] = "large.db";
    struct audit_place *place = *state;
    struct aks_source_settings source = { .path = path };

    place->settings.sources = &source;
    place->settings.source_count = 1;
    (void)temp_folder_write(place->folder, path, "", 0);
    assert_int_equal(truncate(temp_folder_join(place->folder, path), INT64_C(3) << 30), 0);
    finds(place, "sources", "ok", "there: 1 of 1", 0);
    finds(place, "disk", "ok", "left", 0);
    room = INT64_C(2) << 30;
    finds(place, "disk", "warning", "has 2.1 GB left", 0);
    room = -1;
    finds(place, "disk", "unknown", "nobody knows", 0);
    place->settings.source_count = 0;
}

/* A pattern stands for what there will be. */
static void
sources_that_are_missing_are_warned_of_where_none_is_there(void **state)
{
    static char gone[] = "gone.db";
    static char pattern[] = "*.db";
    struct audit_place *place = *state;
    struct aks_source_settings sources[2] = { { .path = gone }, { .path = pattern, .glob = true } };

    place->settings.sources = sources;
    place->settings.source_count = 1;
    finds(place, "sources", "warning", "none of the policy's sources is there", 0);
    place->settings.source_count = 2;
    finds(place, "sources", "ok", "there: 0 of 2, patterns: 1", 0);
    place->settings.source_count = 0;
}

/* --- what waits, and what was proven ---------------------------------------------------------- */

static char *
borrowed(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void
what_waits_is_told_with_its_reason_and_what_to_do(void **state)
{
    char *handed[] = { borrowed("AWS_ACCESS_KEY_ID") };
    struct audit_place *place = *state;
    struct aks_job job;
    json_t *report;
    const json_t *one;
    size_t i;

    finds(place, "queue", "ok", "nothing waits", 0);
    aks_job_init(&job, aks_alloc_system());
    (void)snprintf(job.id, sizeof(job.id), "%s", ID);
    job.enqueued_at_ms = place->wall_ms;
    job.policy.path = borrowed("/home/ada/policy.lua");
    job.policy.text = borrowed("return {}");
    job.policy.text_len = 9;
    assert_int_equal(aks_queue_put(&place->port, temp_folder_join(place->folder, "state/queue"),
        &job, NULL), AKS_OK);
    finds(place, "queue", "warning", "jobs that wait: 1; no worker runs", 0);
    job.reason = borrowed("auth_missing");
    job.tries = 1;
    job.handed = handed;
    job.handed_count = 1;
    assert_int_equal(aks_queue_put(&place->port, temp_folder_join(place->folder, "state/queue"),
        &job, NULL), AKS_OK);
    finds(place, "queue", "warning", "the first for: auth_missing", 0);
    report = ask(place);
    json_array_foreach(json_look(report, "findings"), i, one) {
        if (strcmp(json_look_text(one, "check"), "queue") == 0)
            assert_non_null(strstr(json_look_text(one, "hint"), "in its caller's environment"));
    }
    json_decref(report);
}

static void
a_restore_proves_something_for_ninety_days(void **state)
{
    struct audit_place *place = *state;
    struct aks_proof proof = { .target = "dir:here", .upload_id = ID, .how = AKS_PROOF_RESTORED };

    finds(place, "restore", "warning", "nothing was ever restored from here", 0);
    proof.at_ms = place->wall_ms - DAY;
    assert_int_equal(aks_state_proof_put(place->engine->state, &proof, NULL), AKS_OK);
    finds(place, "restore", "ok", "is 24 h 0 min ago", 0);
    place->wall_ms += 90 * DAY;
    finds(place, "restore", "warning", "the last restore that was proven is ", 0);
}

/* --- readers ---------------------------------------------------------------------------------- */

/* The one DuckDB that there is, as a command. */
static void
put_command(struct audit_place *place, char variable[512])
{
    const char *path = temp_folder_write(place->folder, "duckdb", "#!", 2);

    assert_int_equal(chmod(path, 0700), 0);
    (void)snprintf(variable, 512, AKS_ROWS_READER_VARIABLE "=%s", path);
    variables[1] = variable;
    place->port.process.run = run;
    assert_int_equal(audit_place_open(place, aks_alloc_system()), AKS_OK);
}

static void
a_reader_is_told_with_what_it_reads(void **state)
{
    struct audit_place *place = *state;
    char variable[512];
    json_t *report;

    put_command(place, variable);
    answer = "v2.0.1 (Whatever) 0123456789\n";
    finds(place, "readers", "ok", "DuckDB 2.0.1 is here (command /", 0);
    report = ask(place);
    assert_int_equal(json_array_size(json_look(report, "readers.0.reads")), 2);
    assert_string_equal(json_look_text(report, "readers.0.version"), "2.0.1");
    json_decref(report);
    answer = "v1.4.2 (Whatever) 0123456789\n";
    finds(place, "readers", "ok", "but their rows cannot be read", 0);
    report = ask(place);
    assert_int_equal(json_array_size(json_look(report, "readers.0.reads")), 1);
    json_decref(report);
}

static void
a_reader_that_does_not_run_says_why(void **state)
{
    struct audit_place *place = *state;
    char variable[512];

    put_command(place, variable);
    answer = "no such library: libwhatever.so\nmore\n";
    answer_code = 127;
    finds(place, "readers", "ok", "no DuckDB is here", 0);
    finds(place, "readers", "ok", "not used: /", 0);
    finds(place, "readers", "ok", "/duckdb: no such library: libwhatever.so", 0);
    assert_int_equal(asked, 3);
}

static void
who_wants_none_has_none_looked_for(void **state)
{
    struct audit_place *place = *state;

    place->port.process.run = run;
    assert_int_equal(audit_place_open(place, aks_alloc_system()), AKS_OK);
    variables[1] = AKS_ROWS_READER_VARIABLE "=none";
    finds(place, "readers", "ok", AKS_ROWS_READER_VARIABLE " is none", 0);
    assert_int_equal(asked, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, audit_place_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_folder_that_others_may_look_into_is_warned_of),
        TEST(a_database_that_was_set_aside_is_told),
        TEST(a_log_that_was_touched_is_a_problem),
        TEST(settings_of_notifications_that_are_wrong_are_told),
        TEST(room_is_compared_with_the_largest_copy),
        TEST(sources_that_are_missing_are_warned_of_where_none_is_there),
        TEST(what_waits_is_told_with_its_reason_and_what_to_do),
        TEST(a_restore_proves_something_for_ninety_days),
        TEST(a_reader_is_told_with_what_it_reads),
        TEST(a_reader_that_does_not_run_says_why),
        TEST(who_wants_none_has_none_looked_for),
    };

    return cmocka_run_group_tests_name("doctor_machine", tests, NULL, NULL);
}
