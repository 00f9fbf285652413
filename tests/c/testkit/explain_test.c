#include "testkit/explain.h"

#include "sim/sim.h"
#include "support/failing_alloc.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HOME "/home/me"
#define POLICY HOME "/policies/p.lua"
#define RECORD HOME "/report.json"

static const char policy[] =
    "local akosha = require 'akosha'\n"
    "local rules = require 'rules'\n"
    "return akosha.policy { api = 1, sources = { '~/a.db', 'b.duckdb' },\n"
    "  targets = { up = akosha.http { url = akosha.env 'AKOSHA_HTTP_URL' },\n"
    "    disk = akosha.dir { path = '/disk' } },\n"
    "  route = function(source) return rules[source.kind] end,\n"
    "  retry = akosha.retry.fixed { first = 3 } }\n";
static const char rules[] = "return { sqlite = { 'disk' }, duckdb = { 'up', 'disk' } }";

static const char record[] =
    "{\"schema\": 1, \"run_id\": \"x\", \"policy\": {}, \"asked\": [], \"decisions\": ["
    "{\"question\": \"retry\", \"target\": \"up\", \"answer\": \"wait 2.0\", \"facts\":"
    " {\"failure\": \"server\", \"operation\": \"put\", \"transient\": true, \"attempt\": 1,"
    " \"elapsed\": 0.5}}]}";

/* With globs: what is there, by the real machine's files. */
static const char globs[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { '*.duckdb', '~/none/[ab]*',\n"
    "    { glob = '~/*.db', priority = 1, kind = 'sqlite' } },\n"
    "  targets = { disk = akosha.dir { path = '/disk' } } }\n";
static const char nothing[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { '~/none/*.db' },\n"
    "  targets = { disk = akosha.dir { path = '/disk' } } }\n";

static enum aks_status
put(struct aks_sim *sim, const char *path, const void *data, size_t len, struct aks_error *err)
{
    return aks_files_sim_put(aks_sim_files(sim), path, data, len, 0, err);
}

/* A simulated machine stands for the real one. */
static enum aks_status
make_real(const struct aks_alloc *alloc, struct aks_sim **ret_sim, struct aks_error *err)
{
    static const char holes[6 * 1024 * 1024];
    struct aks_sim_options options = { .alloc = alloc, .seed = 1, .host_name = "real",
        .home = HOME, .working_folder = HOME, .width = 1 };
    enum aks_status status = aks_sim_new(&options, ret_sim, err);

    if (status == AKS_OK)
        status = aks_sim_variable(*ret_sim, "AKOSHA_HTTP_URL", "https://akosha.example/up", err);
    if (status == AKS_OK)
        status = put(*ret_sim, POLICY, policy, strlen(policy), err);
    if (status == AKS_OK)
        status = put(*ret_sim, HOME "/policies/rules.lua", rules, strlen(rules), err);
    if (status == AKS_OK)
        status = put(*ret_sim, RECORD, record, strlen(record), err);
    if (status == AKS_OK)
        status = put(*ret_sim, HOME "/a.db", holes, 1000, err);
    return status != AKS_OK ? status
        : put(*ret_sim, HOME "/policies/b.duckdb", holes, sizeof(holes), err);
}

static enum aks_status
explained(const struct aks_alloc *alloc, const char *const *events, size_t count, const char *run,
    json_t **ret_explanation, struct aks_error *err)
{
    struct aks_explain_options options = { .policy = POLICY, .events = events,
        .event_count = count, .run = run };
    struct aks_sim *real = NULL;
    enum aks_status status = make_real(alloc, &real, err);

    if (status == AKS_OK) {
        options.real = aks_sim_port(real);
        status = aks_explain(&options, ret_explanation, err);
    }
    aks_sim_free(real);
    return status;
}

static json_t *
explain(const char *const *events, size_t count)
{
    json_t *explanation = NULL;
    struct aks_error err = { 0 };

    if (explained(aks_alloc_system(), events, count, NULL, &explanation, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return explanation;
}

static const char *
text(const json_t *object, const char *name)
{
    const char *found = json_string_value(json_object_get(object, name));

    return found != NULL ? found : "";
}

static void
the_plan_has_what_each_source_is_routed_by(void **state)
{
    json_t *explanation = explain(NULL, 0);
    const json_t *plan = json_object_get(explanation, "plan");
    const json_t *a = json_array_get(plan, 0);
    const json_t *b = json_array_get(plan, 1);

    assert_int_equal(json_array_size(plan), 2);
    assert_string_equal(text(a, "source"), "~/a.db");
    assert_string_equal(text(a, "route"), "disk");
    assert_string_equal(text(a, "route_by"), "policy");
    assert_string_equal(text(a, "target"), "disk");
    assert_int_equal(json_integer_value(json_object_get(a, "bytes")), 1000);
    assert_int_equal(json_integer_value(json_object_get(a, "parts_max")), 1);
    assert_string_equal(text(b, "route"), "up, disk");
    assert_string_equal(text(b, "target"), "up");
    assert_string_equal(text(b, "codec"), "zstd");
    assert_string_equal(text(b, "unchanged"), "reuse");
    assert_int_equal(json_integer_value(json_object_get(b, "parts_max")), 2);
    assert_null(json_object_get(explanation, "decisions"));
    json_decref(explanation);
}

/* Explains a policy beside the sources of the first. */
static json_t *
explain_text(const char *written)
{
    struct aks_explain_options options = { .policy = HOME "/policies/g.lua" };
    json_t *explanation = NULL;
    struct aks_sim *real = NULL;
    struct aks_error err = { 0 };

    assert_int_equal(make_real(aks_alloc_system(), &real, NULL), AKS_OK);
    assert_int_equal(put(real, options.policy, written, strlen(written), NULL), AKS_OK);
    options.real = aks_sim_port(real);
    if (aks_explain(&options, &explanation, &err) != AKS_OK)
        fail_msg("%s", err.message);
    aks_sim_free(real);
    return explanation;
}

static void
globs_are_the_files_that_are_there_in_the_order_of_sending(void **state)
{
    json_t *explanation = explain_text(globs);
    const json_t *plan = json_object_get(explanation, "plan");
    const json_t *row = json_array_get(plan, 0);

    assert_int_equal(json_array_size(plan), 3);
    assert_string_equal(text(row, "source"), "~/a.db");
    assert_int_equal(json_integer_value(json_object_get(row, "bytes")), 1000);
    assert_string_equal(text(row, "target"), "disk");
    row = json_array_get(plan, 1);
    assert_string_equal(text(row, "source"), "b.duckdb");
    assert_string_equal(text(row, "outcome"), "stored");
    row = json_array_get(plan, 2);
    assert_string_equal(text(row, "source"), "~/none/[ab]*");
    assert_true(json_is_true(json_object_get(row, "missing")));
    assert_string_equal(text(row, "outcome"), "skipped");
    assert_string_equal(text(row, "reason"), "no file matches");
    json_decref(explanation);
}

/* Names may be any bytes; JSON is UTF-8. */
static void
names_that_are_no_text_are_told_as_a_report_tells_them(void **state)
{
    static const char written[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { { path = 'x\\xff.bin' }, '~/*y.db' },\n"
        "  targets = { disk = akosha.dir { path = '/disk' } } }\n";
    struct aks_explain_options options = { .policy = HOME "/policies/g.lua" };
    json_t *explanation = NULL;
    struct aks_sim *real = NULL;
    struct aks_error err = { 0 };
    const json_t *plan;

    assert_int_equal(make_real(aks_alloc_system(), &real, NULL), AKS_OK);
    assert_int_equal(put(real, options.policy, written, strlen(written), NULL), AKS_OK);
    assert_int_equal(put(real, HOME "/policies/x\xff.bin", "1234567", 7, NULL), AKS_OK);
    assert_int_equal(put(real, HOME "/\xfey.db", "123", 3, NULL), AKS_OK);
    options.real = aks_sim_port(real);
    if (aks_explain(&options, &explanation, &err) != AKS_OK)
        fail_msg("%s", err.message);
    plan = json_object_get(explanation, "plan");
    assert_int_equal(json_array_size(plan), 2);
    assert_string_equal(text(json_array_get(plan, 0), "source"), "x%FF.bin");
    assert_string_equal(text(json_array_get(plan, 0), "outcome"), "stored");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(plan, 0), "bytes")), 7);
    assert_string_equal(text(json_array_get(plan, 1), "source"), "~/%FEy.db");
    assert_string_equal(text(json_array_get(plan, 1), "outcome"), "stored");
    json_decref(explanation);
    aks_sim_free(real);
}

/* The world's own paths mean nothing to whoever asks. */
static void
how_it_ends_is_told_by_names_that_a_person_knows(void **state)
{
    static const char lost[] =
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'b.duckdb', '~/gone.db' },\n"
        "  targets = { disk = akosha.dir { path = '/disk' } } }\n";
    static const char wrong[] =
        "local akosha, rules = require 'akosha', require 'rules'\n"
        "return akosha.policy { api = 1, sources = { 'b.duckdb' },\n"
        "  targets = { disk = akosha.dir { path = '/disk' } },\n"
        "  route = function() error 'no way' end }\n";
    json_t *explanation = explain_text(lost);

    assert_string_equal(text(json_object_get(explanation, "calm"), "message"),
        "source ~/gone.db: no such file");
    json_decref(explanation);
    explanation = explain_text(wrong);
    assert_string_equal(text(json_object_get(explanation, "calm"), "message"),
        HOME "/policies/g.lua:4: in route: no way");
    json_decref(explanation);
}

static void
a_glob_that_finds_nothing_is_explained_as_if_there_were_a_file(void **state)
{
    json_t *explanation = explain_text(nothing);
    const json_t *row = json_array_get(json_object_get(explanation, "plan"), 0);

    assert_string_equal(text(row, "source"), "~/none/*.db");
    assert_true(json_is_true(json_object_get(row, "assumed")));
    assert_string_equal(text(row, "outcome"), "stored");
    json_decref(explanation);
}

static void
events_lead_to_decisions_with_the_line_that_made_them(void **state)
{
    static const char *const events[] = { "up: server x1, operation=put", "disk: dns" };
    json_t *explanation = explain(events, 2);
    const json_t *decisions = json_object_get(explanation, "decisions");
    const json_t *told = json_object_get(explanation, "events");
    const json_t *decision;
    size_t waits = 0;
    size_t i;

    json_array_foreach(decisions, i, decision) {
        if (strcmp(text(decision, "question"), "retry") != 0)
            continue;
        waits++;
        assert_string_equal(text(decision, "answer"), "wait 3.0");
        assert_string_equal(text(decision, "by"), "default");
        assert_int_equal(json_integer_value(json_object_get(decision, "line")), 7);
    }
    assert_int_equal(waits, 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(told, 0), "happened")), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(told, 1), "happened")), 0);
    assert_string_equal(text(json_object_get(explanation, "ended"), "outcome"), "stored");
    json_decref(explanation);
}

static void
a_token_that_is_not_known_is_told_as_http_tells_it(void **state)
{
    static const char *const events[] = { "up: auth_invalid x1, operation=put" };
    json_t *explanation = explain(events, 1);
    char *told = json_dumps(json_object_get(explanation, "decisions"), JSON_COMPACT);

    assert_non_null(told);
    assert_non_null(strstr(told, "auth_invalid"));
    assert_non_null(strstr(told, "401"));
    free(told);
    json_decref(explanation);
}

static void
an_event_of_no_target_names_the_nearest(void **state)
{
    static const char *const events[] = { "dsk: dns" };
    json_t *explanation = NULL;
    struct aks_error err = { 0 };

    assert_int_equal(explained(aks_alloc_system(), events, 1, NULL, &explanation, &err),
        AKS_NOT_FOUND);
    assert_non_null(strstr(err.message, "did you mean \"disk\"?"));
    assert_null(explanation);
}

/* Worlds of megabytes take long to fail at each allocation: the first thousand show every place
 * that is not the engine's, which has loops of its own. */
static void
explaining_survives_failures_to_allocate(void **state)
{
    static const char *const events[] = { "up: server x1" };

    for (int64_t at = 0; at < 1000; at += 37) {
        struct failing_alloc failing;
        json_t *explanation = NULL;
        struct aks_error err = { 0 };

        failing_alloc_init(&failing);
        failing.fail_at = at;
        (void)explained(&failing.alloc, events, 1, NULL, &explanation, &err);
        json_decref(explanation);
        assert_int_equal(failing.outstanding, 0);
    }
}

static void
replaying_survives_failures_to_allocate(void **state)
{
    bool succeeded = false;

    for (int64_t at = 0; !succeeded; at += 13) {
        struct failing_alloc failing;
        json_t *explanation = NULL;
        struct aks_error err = { 0 };

        assert_in_range(at, 0, 100000);
        failing_alloc_init(&failing);
        failing.fail_at = at;
        succeeded = explained(&failing.alloc, NULL, 0, RECORD, &explanation, &err) == AKS_OK &&
            json_integer_value(json_object_get(json_object_get(explanation, "replay"),
                "different")) == 1;
        json_decref(explanation);
        assert_int_equal(failing.outstanding, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plan_has_what_each_source_is_routed_by),
        cmocka_unit_test(globs_are_the_files_that_are_there_in_the_order_of_sending),
        cmocka_unit_test(names_that_are_no_text_are_told_as_a_report_tells_them),
        cmocka_unit_test(how_it_ends_is_told_by_names_that_a_person_knows),
        cmocka_unit_test(a_glob_that_finds_nothing_is_explained_as_if_there_were_a_file),
        cmocka_unit_test(events_lead_to_decisions_with_the_line_that_made_them),
        cmocka_unit_test(a_token_that_is_not_known_is_told_as_http_tells_it),
        cmocka_unit_test(an_event_of_no_target_names_the_nearest),
        cmocka_unit_test(explaining_survives_failures_to_allocate),
        cmocka_unit_test(replaying_survives_failures_to_allocate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
