/* Who is told, when, and what: by a program that is put in place of the person's. */
#include "engine/notify.h"

#include "engine/queue.h"
#include "engine/secret_command.h"
#include "engine/secret_place.h"
#include "engine/state_figures.h"
#include "support/failing_alloc.h"
#include "support/json_look.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define HOUR INT64_C(3600000)
#define NOW INT64_C(1795000000000)
#define ID "20261118T010000Z-3f9a2c"
#define SETTINGS(more) "{\"schema\": 1, \"notify\": {\"command\": \"tell 'a b'\"" more "}}"

struct place {
    struct secret_place machine;
    struct aks_engine *engine;
    struct aks_log log;
    char logged[1024];                  /* the last warning */
    int64_t wall_ms;
    unsigned runs;                      /* of the command */
    char told[2048];                    /* its words and its variables, each in a line */
    enum aks_status fails;
};

static struct place *now_place;         /* of the running test */

static int64_t
wall_ms(void *ctx)
{
    return now_place->wall_ms;
}

static enum aks_status
run(void *ctx, const struct aks_process_spec *spec, struct aks_buf *ret_output, int *ret_exit,
    struct aks_error *err)
{
    struct place *place = now_place;
    size_t len = 0;

    place->runs++;
    assert_int_equal(spec->timeout_ms, AKS_SECRET_COMMAND_MS);
    for (size_t i = 0; spec->argv[i] != NULL; i++)
        len += (size_t)snprintf(place->told + len, sizeof(place->told) - len, "%s\n",
            spec->argv[i]);
    for (size_t i = 0; spec->env[i] != NULL; i++)
        len += (size_t)snprintf(place->told + len, sizeof(place->told) - len, "%s\n",
            spec->env[i]);
    assert_true(len < sizeof(place->told));
    *ret_exit = 0;
    if (spec->stopped(spec->stopped_ctx))
        return aks_error_set(err, AKS_CANCELLED, "it was stopped");
    return place->fails == AKS_OK ? AKS_OK : aks_error_set(err, place->fails, "it may not be run");
}

static void
log_line(void *ctx, enum aks_log_level level, const char *text)
{
    struct place *place = ctx;

    (void)snprintf(place->logged, sizeof(place->logged), "%s", text);
}

static void
begin(struct place *place, const struct aks_alloc *alloc)
{
    memset(place, 0, sizeof(*place));
    now_place = place;
    secret_place_init(&place->machine, aks_alloc_system());
    place->machine.port.alloc = alloc;
    place->machine.port.clock.wall_ms = wall_ms;
    place->machine.port.process.run = run;
    place->wall_ms = NOW;
    secret_place_set(&place->machine, "HOME", temp_folder_path(place->machine.folder));
    assert_int_equal(mkdir(temp_folder_join(place->machine.folder, "akosha-sync"), 0700), 0);
    secret_place_set(&place->machine, "AWS_SECRET_ACCESS_KEY", SECRET_PLACE_PLANTED);
    place->log.line = log_line;
    place->log.level = AKS_LOG_WARNING;
    place->log.ctx = place;
}

static enum aks_status
open_engine(struct place *place)
{
    struct aks_engine_options options = { .port = &place->machine.port, .log = &place->log };

    options.state_folder = temp_folder_join(place->machine.folder, "state");
    return aks_engine_open(&options, &place->engine, NULL);
}

static int
set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    begin(place, aks_alloc_system());
    assert_int_equal(open_engine(place), AKS_OK);
    *state = place;
    return 0;
}

static int
tear_down(void **state)
{
    struct place *place = *state;

    aks_engine_close(place->engine);
    secret_place_fini(&place->machine);
    free(place);
    return 0;
}

static void
settings(struct place *place, const char *text)
{
    char path[SECRET_PLACE_PATH_BYTES];

    secret_place_file(&place->machine, "akosha-sync/settings.json", text, 0600, path);
}

static char *
borrowed(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* A job that was tried ${tries} times, or with 0 has only just come. */
static void
put_job(struct place *place, const char *id, int64_t age_ms, unsigned tries, const char *message)
{
    struct aks_job job;

    aks_job_init(&job, aks_alloc_system());
    (void)snprintf(job.id, sizeof(job.id), "%s", id);
    job.enqueued_at_ms = place->wall_ms - age_ms;
    job.tries = tries;
    job.reason = tries > 0 ? borrowed("offline") : NULL;
    job.message = borrowed(message);
    job.policy.path = borrowed("/home/ada/policy.lua");
    job.policy.text = borrowed("return {}");
    job.policy.text_len = 9;
    assert_int_equal(aks_queue_put(&place->machine.port, temp_folder_join(place->machine.folder,
        "state/queue"), &job, NULL), AKS_OK);
}

static void
remove_job(struct place *place, const char *id)
{
    assert_int_equal(aks_queue_remove(&place->machine.port, temp_folder_join(place->machine.folder,
        "state/queue"), id, NULL), AKS_OK);
}

static void
told(const struct place *place, const char *line)
{
    char wanted[512];

    (void)snprintf(wanted, sizeof(wanted), "\n%s\n", line);
    if (strstr(place->told, wanted) == NULL)
        fail_msg("no line is %s:\n%s", line, place->told);
}

static void
who_has_no_settings_is_left_alone(void **state)
{
    struct place *place = *state;

    put_job(place, ID, 48 * HOUR, 9, "no route to host");
    aks_notify_when_due(place->engine);
    assert_int_equal(place->runs, 0);
    assert_string_equal(place->logged, "");
}

static void
what_failed_for_long_is_told_in_one_line(void **state)
{
    struct place *place = *state;

    settings(place, SETTINGS(""));
    put_job(place, ID, 26 * HOUR, 9, "no route to s3.example.org");
    aks_notify_when_due(place->engine);
    assert_int_equal(place->runs, 1);
    assert_ptr_equal(strstr(place->told, "tell\na b\n"), place->told);
    told(place, "AKOSHA_EVENT=failing");
    told(place, "AKOSHA_TEXT=akosha-sync cannot deliver: 1 job waits, the oldest for 26 h 0 min, "
        "tried 9 times (offline)");
    /* Neither where to, nor anybody's key. */
    assert_null(strstr(place->told, "example.org"));
    assert_null(strstr(place->told, SECRET_PLACE_PLANTED));
}

static void
names_are_told_where_they_are_wanted_and_nothing_that_is_secret(void **state)
{
    struct place *place = *state;

    settings(place, SETTINGS(", \"names\": true"));
    put_job(place, ID, 26 * HOUR, 1, "no\nroute to ada@s3.example.org with AKIAIOSFODNN7EXAMPLE");
    aks_notify_when_due(place->engine);
    assert_non_null(strstr(place->told, "tried 1 time (offline): no route to ada s3.example.org "));
    assert_null(strstr(place->told, "AKIAIOSFODNN7EXAMPLE"));
}

/* The oldest is told, however the queue lists them. */
static void
of_several_the_oldest_is_told(void **state)
{
    struct place *place = *state;

    settings(place, SETTINGS(""));
    put_job(place, "20261118T010000Z-000001", 30 * HOUR, 4, "");
    put_job(place, "20261118T010000Z-000002", 50 * HOUR, 2, "");
    put_job(place, "20261118T010000Z-000003", 40 * HOUR, 7, "");
    put_job(place, "20261118T010000Z-000004", 90 * HOUR, 0, "");
    put_job(place, "20261118T010000Z-000005", HOUR, 3, "");
    aks_notify_when_due(place->engine);
    told(place, "AKOSHA_TEXT=akosha-sync cannot deliver: 3 jobs wait, the oldest for 50 h 0 min, "
        "tried 2 times (offline)");
}

static void
what_is_young_is_told_after_so_many_tries(void **state)
{
    struct place *place = *state;

    settings(place, SETTINGS(", \"after_tries\": 5"));
    put_job(place, ID, HOUR, 4, "");
    aks_notify_when_due(place->engine);
    assert_int_equal(place->runs, 0);
    put_job(place, ID, HOUR, 5, "");
    aks_notify_when_due(place->engine);
    assert_int_equal(place->runs, 1);
}

static void
it_is_told_no_more_often_than_is_wanted_and_once_that_it_is_well(void **state)
{
    struct place *place = *state;

    settings(place, SETTINGS(", \"every_hours\": 10"));
    put_job(place, ID, 26 * HOUR, 9, "");
    aks_notify_when_due(place->engine);
    place->wall_ms += 9 * HOUR;
    aks_notify_when_due(place->engine);
    assert_int_equal(place->runs, 1);
    place->wall_ms += 2 * HOUR;
    aks_notify_when_due(place->engine);
    assert_int_equal(place->runs, 2);
    /* Something else fails, which is not old: it is neither told nor well. */
    remove_job(place, ID);
    put_job(place, "20261118T010000Z-000002", HOUR, 2, "");
    aks_notify_when_due(place->engine);
    assert_int_equal(place->runs, 2);
    remove_job(place, "20261118T010000Z-000002");
    aks_notify_when_due(place->engine);
    assert_int_equal(place->runs, 3);
    told(place, "AKOSHA_EVENT=well");
    told(place, "AKOSHA_TEXT=akosha-sync delivers again: nothing that failed waits any more");
    aks_notify_when_due(place->engine);
    assert_int_equal(place->runs, 3);
}

/* --- what becomes of it ----------------------------------------------------------------------- */

struct sums {
    int64_t failing;
};

static void
each_sum(void *ctx, int64_t day, const char *name, int64_t value)
{
    struct sums *sums = ctx;

    if (strcmp(name, AKS_STATE_SUM_NOTIFIED "failing") == 0)
        sums->failing += value;
}

/* The last record of the audit log. */
static json_t *
last_record(struct place *place)
{
    char *log = temp_folder_read(place->machine.folder, "state/audit.jsonl", NULL);
    char *last = log;
    json_t *record;

    for (char *at = log; (at = strchr(at, '\n')) != NULL && at[1] != '\0';)
        last = ++at;
    record = json_loadb(last, strcspn(last, "\n"), 0, NULL);
    assert_non_null(record);
    free(log);
    return record;
}

static void
it_stands_in_the_log_and_in_the_figures(void **state)
{
    struct place *place = *state;
    struct sums sums = { 0 };
    json_t *record;

    settings(place, SETTINGS(""));
    put_job(place, ID, 26 * HOUR, 9, "");
    aks_notify_when_due(place->engine);
    record = last_record(place);
    assert_string_equal(json_look_text(record, "event"), "notified");
    assert_string_equal(json_look_text(record, "about"), "failing");
    assert_true(json_is_true(json_look(record, "told")));
    json_decref(record);
    assert_int_equal(aks_state_sums_each(place->engine->state, AKS_STATE_DAY_BEFORE, each_sum,
        &sums, NULL), AKS_OK);
    assert_int_equal(sums.failing, 1);
}

/* Whatever becomes of it is a warning, and it is not tried again at once. */
static void
a_program_that_fails_is_a_warning(void **state)
{
    struct place *place = *state;
    json_t *record;

    settings(place, SETTINGS(""));
    place->fails = AKS_FORBIDDEN;
    put_job(place, ID, 26 * HOUR, 9, "");
    aks_notify_when_due(place->engine);
    assert_non_null(strstr(place->logged, "nobody could be told: "));
    record = last_record(place);
    assert_true(json_is_false(json_look(record, "told")));
    json_decref(record);
    aks_notify_when_due(place->engine);
    assert_int_equal(place->runs, 1);
}

static void
settings_that_are_wrong_are_a_warning(void **state)
{
    struct place *place = *state;

    settings(place, "{\"schema\": 1, \"notify\": {\"command\": \"a | b\"}}");
    put_job(place, ID, 26 * HOUR, 9, "");
    aks_notify_when_due(place->engine);
    assert_int_equal(place->runs, 0);
    assert_non_null(strstr(place->logged, "nobody can be told: cannot read "));
    assert_non_null(strstr(place->logged, "settings.json"));
}

/* Whoever ends the process does not wait for the program. */
static void
who_interrupts_does_not_wait(void **state)
{
    struct place *place = *state;

    settings(place, SETTINGS(""));
    put_job(place, ID, 26 * HOUR, 9, "");
    aks_engine_interrupt(place->engine, 15);
    aks_notify_when_due(place->engine);
    assert_non_null(strstr(place->logged, "it was stopped"));
}

/* --- without memory --------------------------------------------------------------------------- */

/* It may tell nobody, and not twice; whatever is told is whole. */
static int
tell_in(void *ctx, const struct aks_alloc *alloc)
{
    struct place place;
    int rc;

    begin(&place, alloc);
    settings(&place, SETTINGS(""));
    if (open_engine(&place) == AKS_OK) {
        place.machine.port.alloc = aks_alloc_system();
        put_job(&place, ID, 26 * HOUR, 9, "");
        place.machine.port.alloc = alloc;
        aks_notify_when_due(place.engine);
    }
    rc = place.runs > 1 || (place.runs == 1 && (strstr(place.told, "AKOSHA_EVENT=failing") == NULL
        || strstr(place.told, "tried 9 times (offline)\n") == NULL));
    aks_engine_close(place.engine);
    secret_place_fini(&place.machine);
    return rc;
}

static void
telling_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(tell_in, NULL, 2000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_has_no_settings_is_left_alone),
        TEST(what_failed_for_long_is_told_in_one_line),
        TEST(names_are_told_where_they_are_wanted_and_nothing_that_is_secret),
        TEST(of_several_the_oldest_is_told),
        TEST(what_is_young_is_told_after_so_many_tries),
        TEST(it_is_told_no_more_often_than_is_wanted_and_once_that_it_is_well),
        TEST(it_stands_in_the_log_and_in_the_figures),
        TEST(a_program_that_fails_is_a_warning),
        TEST(settings_that_are_wrong_are_a_warning),
        TEST(who_interrupts_does_not_wait),
        cmocka_unit_test(telling_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
