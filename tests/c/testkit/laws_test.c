/* Each law is really checked: worlds that are lawful pass, and for each way to break a law a world
 * that was broken so is told by that law's name. Of manifests: laws_manifest_test.c. */
#include "testkit/laws.h"

#include "base/units.h"
#include "testkit/lawful.h"
#include "testkit/world_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
lawful_worlds_pass(void **state)
{
    lawful_each(lawful_run_again);
}

static void
without_manifest(struct lawful *place)
{
    lawful_find(place, "/manifest.json");
    lawful_remove(place);
    lawful_broken(place, "nothing lost", "where no manifest names");
    /* Of a process that died nothing is known. */
    lawful_check(place, NULL);
}

static void
source_that_is_stored_in_no_manifest_is_lost(void **state)
{
    lawful_each(without_manifest);
}

static json_t *
file_of(const struct lawful *place)
{
    json_t *file = json_array_get(json_object_get(place->report, "files"), 0);

    assert_non_null(file);
    return file;
}

static void
source_that_is_stored_nowhere_is_lost(void **state)
{
    struct lawful place;

    lawful_init(&place, "cloud", LAWFUL_NONE);
    (void)json_object_set_new(file_of(&place), "targets", json_array());
    lawful_broken(&place, "nothing lost", "is called stored and no target has it");
    (void)json_object_set_new(file_of(&place), "targets", json_pack("[s]", "nobody"));
    lawful_broken(&place, "nothing lost", "is stored in nobody, which is no target");
    (void)json_object_set_new(file_of(&place), "targets", json_pack("[s]", "http"));
    lawful_broken(&place, "nothing lost", "is called stored in http, where no manifest names");
    (void)json_object_set_new(file_of(&place), "targets", json_pack("[s]", "cloud"));
    lawful_check(&place, place.report);
    lawful_fini(&place);
}

/* What no source ever was is not what was to be kept. The world is told of every change but
 * this. */
static void
bytes_that_no_source_ever_had_are_lost(void **state)
{
    struct lawful place;
    json_t *report = NULL;

    lawful_init(&place, "cloud", LAWFUL_NONE);
    assert_int_equal(aks_files_sim_edit(aks_sim_files(aks_world_sim(place.world)),
        AKS_WORLD_HOME "/a.bin", 5, "another", 7, NULL), AKS_OK);
    aks_world_advance(place.world, 10 * AKS_NS_PER_S);
    assert_int_equal(aks_world_run(place.world, NULL, &report, NULL), AKS_OK);
    lawful_broken_in(place.world, report, "nothing lost", "never had the digest");
    assert_int_equal(aks_world_edit(place.world, "a.bin", 5, "another", 7, NULL), AKS_OK);
    lawful_check(&place, report);
    json_decref(report);
    lawful_fini(&place);
}

/* A world whose source could not be brought. */
static void
queue(struct lawful *place)
{
    struct aks_fault_rule *rule;

    memset(place, 0, sizeof(*place));
    place->world = lawful_make("cloud", LAWFUL_NONE);
    rule = scenario_fault(place->world, AKS_FAULT_FAIL, "", "");
    aks_fault_rule_status(rule, AKS_DNS);
    place->report = scenario_run(place->world);
    assert_string_equal(json_string_value(json_object_get(place->report, "outcome")), "queued");
    (void)snprintf(place->key, sizeof(place->key), AKS_WORLD_STATE "/queue/%s.json",
        json_string_value(json_object_get(place->report, "job_id")));
}

static void
queued_source_without_a_job_that_has_it_is_lost(void **state)
{
    struct lawful place;
    struct aks_files_sim *files;
    size_t len = 0;
    void *job;
    char *path;

    queue(&place);
    files = aks_sim_files(aks_world_sim(place.world));
    assert_non_null(aks_files_sim_look(files, place.key, &len));
    job = malloc(len + 1);
    assert_non_null(job);
    memcpy(job, aks_files_sim_look(files, place.key, &len), len);
    ((char *)job)[len] = '\0';
    assert_int_equal(aks_files_sim_remove(files, place.key, NULL), AKS_OK);
    lawful_broken(&place, "nothing lost", "is called queued and no job");
    /* Half of it. */
    assert_int_equal(aks_files_sim_put(files, place.key, job, len / 2, 0, NULL), AKS_OK);
    lawful_broken(&place, "nothing lost", "is called queued and no job");
    /* Of another source. */
    path = strstr(job, AKS_WORLD_HOME "/a.bin");
    assert_non_null(path);
    path[strlen(AKS_WORLD_HOME) + 1] = 'b';
    assert_int_equal(aks_files_sim_put(files, place.key, job, len, 0, NULL), AKS_OK);
    lawful_broken(&place, "nothing lost", "is called queued and no job");
    path[strlen(AKS_WORLD_HOME) + 1] = 'a';
    assert_int_equal(aks_files_sim_put(files, place.key, job, len, 0, NULL), AKS_OK);
    lawful_check(&place, place.report);
    free(job);
    lawful_fini(&place);
}

static void
exit_code_of_success_with_a_source_left_is_a_lie(void **state)
{
    struct lawful place;

    queue(&place);
    (void)json_object_set_new(place.report, "exit_code", json_integer(0));
    lawful_broken(&place, "nothing lost", "the exit code is 0 and");
    (void)json_object_set_new(file_of(&place), "outcome", json_string("failed"));
    lawful_broken(&place, "nothing lost", "the exit code is 0 and");
    (void)json_object_set_new(file_of(&place), "outcome", json_string("skipped"));
    lawful_check(&place, place.report);
    lawful_fini(&place);
}

/* The audit log as lines, to be put back otherwise. */
static void
with_audit(struct lawful *place, const char *text)
{
    assert_int_equal(aks_files_sim_put(aks_sim_files(aks_world_sim(place->world)), LAWFUL_AUDIT,
        text, strlen(text), 0, NULL), AKS_OK);
}

static void
audit_log_that_was_changed_is_no_chain(void **state)
{
    struct lawful place;
    struct aks_buf text;
    const char *log;
    char *second;
    size_t len = 0;

    lawful_init(&place, "cloud", LAWFUL_NONE);
    lawful_run_again(&place);
    log = aks_files_sim_look(aks_sim_files(aks_world_sim(place.world)), LAWFUL_AUDIT, &len);
    assert_non_null(log);
    aks_buf_init(&text, aks_alloc_system(), 1000000);
    aks_buf_append(&text, log, len);
    second = strchr(text.data, '\n') + 1;
    assert_non_null(strchr(second, '\n'));
    /* A letter of the first record. */
    *strstr(text.data, "\"event\"") = '\'';
    with_audit(&place, text.data);
    lawful_broken(&place, "one chain", "line 1 of the audit log was changed");
    *strchr(text.data, '\'') = '"';
    with_audit(&place, text.data);
    lawful_check(&place, place.report);
    /* Without its first record, and without its second. */
    with_audit(&place, second);
    lawful_broken(&place, "one chain", "nothing in it says that older ones were removed");
    memmove(second, strchr(second, '\n') + 1, strlen(strchr(second, '\n') + 1) + 1);
    with_audit(&place, text.data);
    lawful_broken(&place, "one chain", "line 2 of the audit log was dropped");
    aks_buf_fini(&text);
    lawful_fini(&place);
}

static void
torn_records_are_told_of_one_by_one(void **state)
{
    struct lawful place;
    struct aks_buf text;
    size_t len = 0;
    const char *log;
    json_t *report;

    lawful_init(&place, "cloud", LAWFUL_NONE);
    log = aks_files_sim_look(aks_sim_files(aks_world_sim(place.world)), LAWFUL_AUDIT, &len);
    aks_buf_init(&text, aks_alloc_system(), 1000000);
    aks_buf_append(&text, log, len);
    /* As a loss of power leaves it. */
    aks_buf_puts(&text, "{\"seq\":99,\"pr");
    with_audit(&place, text.data);
    lawful_check(&place, place.report);
    /* What tells of it may be torn as well, but not for ever. */
    for (int i = 0; i < 7; i++)
        aks_buf_puts(&text, "\n{\"seq\"");
    with_audit(&place, text.data);
    lawful_check(&place, place.report);
    aks_buf_puts(&text, "\n{\"seq\"");
    with_audit(&place, text.data);
    lawful_broken(&place, "one chain", "than crashes can have left");
    /* The next process heals it, and says so. */
    text.len = len;
    aks_buf_puts(&text, "{\"seq\":99,\"pr");
    with_audit(&place, text.data);
    scenario_put(place.world, "a.bin", 2, 7000);
    report = scenario_run(place.world);
    lawful_check(&place, report);
    json_decref(report);
    /* A record that follows as if nothing had been. */
    log = aks_files_sim_look(aks_sim_files(aks_world_sim(place.world)), LAWFUL_AUDIT, &len);
    aks_buf_reset(&text);
    aks_buf_append(&text, log, len);
    memcpy(strstr(text.data, "\"healed\""), "\"mended\"", 8);
    with_audit(&place, text.data);
    lawful_broken(&place, "one chain", "does not tell of a crash");
    aks_buf_fini(&text);
    lawful_fini(&place);
}

static const char leak[] = "before " AKS_WORLD_SECRET_KEY " after";

static void
secret_in_a_file_is_a_leak(void **state)
{
    static const char *const paths[] = { "/tmp/core", AKS_WORLD_HOME "/x", LAWFUL_AUDIT ".1" };
    struct lawful place;
    struct aks_files_sim *files;

    lawful_init(&place, "cloud", LAWFUL_NONE);
    files = aks_sim_files(aks_world_sim(place.world));
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(aks_files_sim_put(files, paths[i], leak, strlen(leak), 0, NULL), AKS_OK);
        lawful_broken(&place, "nothing leaked", paths[i]);
        lawful_broken_in(place.world, NULL, "nothing leaked", paths[i]);
        assert_int_equal(aks_files_sim_remove(files, paths[i], NULL), AKS_OK);
    }
    lawful_check(&place, place.report);
    lawful_fini(&place);
}

static void
secret_in_a_report_a_story_or_the_log_is_a_leak(void **state)
{
    struct lawful place;
    struct aks_buf *texts[4];

    lawful_init(&place, "cloud", LAWFUL_NONE);
    texts[0] = &place.world->events;
    texts[1] = &place.world->requests;
    texts[2] = &place.world->decisions;
    texts[3] = &place.world->log;
    for (unsigned i = 0; i < 4; i++) {
        size_t len = texts[i]->len;

        aks_buf_puts(texts[i], leak);
        lawful_broken(&place, "nothing leaked", "the log or a story");
        texts[i]->len = len;
    }
    lawful_check(&place, place.report);
    (void)json_object_set_new(file_of(&place), "reason", json_string(leak));
    lawful_broken(&place, "nothing leaked", "the report");
    lawful_fini(&place);
}

static void
nothing_to_do(void *arg)
{
}

static void
never(void *ctx, const struct aks_http_reply *reply)
{
    fail();
}

static void
what_is_left_over_is_kept(void **state)
{
    static const struct aks_http_request get = { .method = "GET",
        .url = "https://s3.example.org/" };
    const struct aks_port *port;
    struct aks_file *file = NULL;
    struct aks_http_call *call;
    struct lawful place;

    lawful_init(&place, "cloud", LAWFUL_NONE);
    port = aks_sim_port(aks_world_sim(place.world));
    assert_int_equal(port->files.open(port->files.ctx, LAWFUL_AUDIT, AKS_FILE_READ, &file, NULL),
        AKS_OK);
    lawful_broken(&place, "nothing kept", "1 files are still open");
    port->files.close(file);
    lawful_check(&place, place.report);
    assert_int_equal(port->http.submit(port->http.ctx, &get, never, NULL, &call, NULL), AKS_OK);
    lawful_broken(&place, "nothing kept", "1 requests are still under way");
    port->http.cancel(port->http.ctx, call);
    lawful_check(&place, place.report);
    assert_int_equal(port->work.submit(port->work.ctx, nothing_to_do, nothing_to_do, NULL, NULL),
        AKS_OK);
    lawful_broken(&place, "nothing kept", "1 pieces of work are still under way");
    aks_world_advance(place.world, AKS_NS_PER_S);
    lawful_check(&place, place.report);
    lawful_fini(&place);
}

static void
answered(void *ctx, const struct aks_http_reply *reply)
{
    int *status = ctx;

    *status = reply->status;
}

/* A request that no engine makes. */
static void
ask(struct aks_world *world, const char *method, const char *url, int wanted)
{
    const struct aks_http_request request = { .method = method, .url = url,
        .reply_bytes_max = 10000 };
    const struct aks_port *port = aks_sim_port(aks_world_sim(world));
    struct aks_http_call *call;
    int status = 0;

    assert_int_equal(port->http.submit(port->http.ctx, &request, answered, &status, &call, NULL),
        AKS_OK);
    while (status == 0)
        assert_int_equal(port->events.wait(port->events.ctx, -1, NULL), AKS_OK);
    assert_int_equal(status, wanted);
}

#define OBJECT "https://s3.example.org/memories/a/b/systems/x"

static void
request_before_retry_after_is_over_is_hasty(void **state)
{
    struct aks_fault_rule *rule;
    struct lawful place;

    lawful_init(&place, "cloud", LAWFUL_NONE);
    rule = scenario_reply(place.world, "cloud", "look", 503, "SlowDown");
    rule->retry_after_s = 20;
    rule->times = 1;
    ask(place.world, "HEAD", OBJECT, 503);
    lawful_check(&place, place.report);
    /* Another operation, another object, another target may. */
    ask(place.world, "GET", OBJECT, 403);
    ask(place.world, "HEAD", OBJECT "y", 403);
    ask(place.world, "HEAD", "https://put.example.org/upload/systems/x", 404);
    lawful_check(&place, place.report);
    ask(place.world, "HEAD", OBJECT, 403);
    lawful_broken(&place, "waits as asked", "cloud look came at");
    /* It is told once. */
    lawful_check(&place, place.report);
    aks_world_advance(place.world, 20 * AKS_NS_PER_S);
    ask(place.world, "HEAD", OBJECT, 403);
    lawful_check(&place, place.report);
    lawful_fini(&place);
}

/* Of two at once the second one needs a connection of its own, and is sent after the first was
 * answered. */
static void
request_that_was_begun_before_the_answer_came_is_not_hasty(void **state)
{
    struct lawful place;
    struct aks_fault_rule *rule;
    const struct aks_port *port;
    const struct aks_http_request request = { .method = "HEAD", .url = OBJECT,
        .reply_bytes_max = 10000 };
    struct aks_http_call *call;
    int status[2] = { 0 };

    lawful_init(&place, "cloud", LAWFUL_NONE);
    port = aks_sim_port(aks_world_sim(place.world));
    ask(place.world, "HEAD", OBJECT, 403);
    rule = scenario_reply(place.world, "cloud", "look", 503, "SlowDown");
    rule->retry_after_s = 20;
    rule->times = 1;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(port->http.submit(port->http.ctx, &request, answered, &status[i], &call,
            NULL), AKS_OK);
    while (status[0] == 0 || status[1] == 0)
        assert_int_equal(port->events.wait(port->events.ctx, -1, NULL), AKS_OK);
    assert_int_equal(status[0] + status[1], 503 + 403);
    lawful_check(&place, place.report);
    ask(place.world, "HEAD", OBJECT, 403);
    lawful_broken(&place, "waits as asked", "cloud look came at");
    lawful_fini(&place);
}

static void
policy_may_know_better_than_a_server(void **state)
{
    char policy[2048];
    struct aks_fault_rule *rule;
    struct aks_world *world;
    json_t *report;
    json_t *decision;
    size_t i;
    size_t len = strlen(scenario_policy);

    (void)snprintf(policy, sizeof(policy), "%.*s,\n retry = function() return akosha.wait(1) end }",
        (int)(strstr(scenario_policy, ",\n  retry") - scenario_policy), scenario_policy);
    assert_true(len > 0);
    world = scenario_new(1, policy, LAWFUL_BYTES);
    rule = scenario_reply(world, "cloud", "part 2", 503, "SlowDown");
    rule->retry_after_s = 20;
    rule->times = 1;
    report = scenario_run(world);
    assert_int_equal(rule->struck, 1);
    json_decref(report);
    /* The same haste, and nobody decided it. */
    aks_fault_plan_rewind(aks_world_plan(world), 1);
    scenario_put(world, "a.bin", 5, LAWFUL_BYTES);
    assert_int_equal(aks_world_run(world, NULL, &report, NULL), AKS_OK);
    assert_int_equal(rule->struck, 1);
    json_array_foreach(json_object_get(report, "decisions"), i, decision)
        (void)json_object_set_new(decision, "by", json_string("default"));
    lawful_broken_in(world, report, "waits as asked", "cloud part 2 came at");
    json_decref(report);
    aks_world_free(world);
}

/* A disk that takes a month for one step. */
static void
run_without_an_end_is_not_bounded(void **state)
{
    struct lawful place = { .world = lawful_make("cloud", LAWFUL_NONE) };
    struct aks_fault_rule *rule = scenario_fault(place.world, AKS_FAULT_SLOW, "a.bin", "read");
    struct aks_error err;

    rule->disk = true;
    rule->delay_ns = 31 * INT64_C(86400) * AKS_NS_PER_S;
    assert_int_equal(aks_world_run(place.world, NULL, &place.report, &err), AKS_OK);
    assert_null(place.report);
    assert_true(aks_world_died(place.world));
    aks_world_restart(place.world, false);
    lawful_broken(&place, "bounded", "a run took more than 30 days");
    lawful_fini(&place);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lawful_worlds_pass),
        cmocka_unit_test(source_that_is_stored_in_no_manifest_is_lost),
        cmocka_unit_test(source_that_is_stored_nowhere_is_lost),
        cmocka_unit_test(bytes_that_no_source_ever_had_are_lost),
        cmocka_unit_test(queued_source_without_a_job_that_has_it_is_lost),
        cmocka_unit_test(exit_code_of_success_with_a_source_left_is_a_lie),
        cmocka_unit_test(audit_log_that_was_changed_is_no_chain),
        cmocka_unit_test(torn_records_are_told_of_one_by_one),
        cmocka_unit_test(secret_in_a_file_is_a_leak),
        cmocka_unit_test(secret_in_a_report_a_story_or_the_log_is_a_leak),
        cmocka_unit_test(what_is_left_over_is_kept),
        cmocka_unit_test(request_before_retry_after_is_over_is_hasty),
        cmocka_unit_test(request_that_was_begun_before_the_answer_came_is_not_hasty),
        cmocka_unit_test(policy_may_know_better_than_a_server),
        cmocka_unit_test(run_without_an_end_is_not_bounded),
    };

    return cmocka_run_group_tests_name("laws", tests, NULL, NULL);
}
