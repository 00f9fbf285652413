/* The bundle of a bug report: what is in it, that what cannot be read is told and no end, and that
 * no secret and no name leaves, whatever else goes wrong. */
#include "engine/support.h"

#include "engine/secret_place.h"
#include "engine/state.h"
#include "support/failing_alloc.h"
#include "support/json_look.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW INT64_C(1795000000000)
#define BUCKET "quokka-memories-7"
#define POLICY "local helper = require \"helper\"\n" \
    "return { bucket = \"" BUCKET "\", key = \"AKIAIOSFODNN7EXAMPLE\" }\n"

struct place {
    struct secret_place machine;
    const char *policy;
    json_t *program;
    bool keep_names;
};

static int64_t
wall_ms(void *ctx)
{
    return NOW;
}

static void
begin(struct place *place)
{
    char path[SECRET_PLACE_PATH_BYTES];

    memset(place, 0, sizeof(*place));
    secret_place_init(&place->machine, aks_alloc_system());
    place->machine.port.clock.wall_ms = wall_ms;
    secret_place_set(&place->machine, "HOME", "/home/ada");
    secret_place_set(&place->machine, "AKOSHA_CLOUD_BUCKET", BUCKET);
    secret_place_set(&place->machine, "AWS_SECRET_ACCESS_KEY", SECRET_PLACE_PLANTED);
    secret_place_set(&place->machine, "EDITOR", "vi");
    assert_int_equal(mkdir(temp_folder_join(place->machine.folder, "state"), 0700), 0);
    secret_place_file(&place->machine, "policy.lua", POLICY, 0600, path);
    secret_place_file(&place->machine, "helper.lua", "return 1\n", 0600, path);
    place->policy = temp_folder_join(place->machine.folder, "policy.lua");
    place->program = json_pack("{s:s}", "version", "1.2.3");
}

static void
end(struct place *place)
{
    json_decref(place->program);
    secret_place_fini(&place->machine);
}

static int
set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    begin(place);
    *state = place;
    return 0;
}

static int
tear_down(void **state)
{
    end(*state);
    free(*state);
    return 0;
}

static enum aks_status
try(struct place *place, json_t **ret_document, struct aks_error *err)
{
    struct aks_support_options options = { .policy = place->policy, .program = place->program,
        .keep_names = place->keep_names };

    options.state_folder = temp_folder_join(place->machine.folder, "state");
    return aks_support(&place->machine.port, &options, ret_document, err);
}

static json_t *
ask(struct place *place)
{
    json_t *document = NULL;
    struct aks_error err;

    if (try(place, &document, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return document;
}

static void
state_file(struct place *place, const char *name, const char *text)
{
    char path[SECRET_PLACE_PATH_BYTES];
    char below[256];

    (void)snprintf(below, sizeof(below), "state/%s", name);
    secret_place_file(&place->machine, below, text, 0600, path);
}

static bool
holds(const json_t *document, const char *text)
{
    char *all = json_dumps(document, JSON_ENCODE_ANY);
    bool found = all != NULL && strstr(all, text) != NULL;

    free(all);
    return found;
}

static void
what_there_is_is_told(void **state)
{
    struct place *place = *state;
    struct aks_state *opened = NULL;
    json_t *document;

    assert_int_equal(aks_state_open(aks_alloc_system(), &place->machine.port.files,
        temp_folder_join(place->machine.folder, "state"), &opened, NULL), AKS_OK);
    assert_int_equal(aks_state_run_put(opened, "20261118T010000Z-000001", NOW - 2, "queued",
        "{\"run_id\": \"one\", \"outcome\": \"queued\"}", NULL), AKS_OK);
    assert_int_equal(aks_state_run_put(opened, "20261118T020000Z-000002", NOW - 1, "stored",
        "{\"run_id\": \"two\", \"outcome\": \"stored\"}", NULL), AKS_OK);
    assert_int_equal(aks_state_fact_put(opened, "s3:somewhere", "crc64", "yes", NOW, NULL),
        AKS_OK);
    aks_state_close(opened);
    state_file(place, "audit.jsonl", "{\"seq\":1,\"event\":\"begun\"}\nno record\n"
        "{\"seq\":2,\"event\":\"ended\"}\n");
    document = ask(place);
    assert_string_equal(json_look_text(document, "format"), "akosha-sync-support/1");
    assert_string_equal(json_look_text(document, "made_at"), "2026-11-18T11:06:40.000Z");
    assert_string_equal(json_look_text(document, "program.version"), "1.2.3");
    assert_string_equal(json_look_text(document, "runs.0.run_id"), "two");
    assert_string_equal(json_look_text(document, "runs.1.run_id"), "one");
    assert_string_equal(json_look_text(document, "capabilities.0.fact"), "crc64");
    assert_true(json_is_null(json_look(document, "state_error")));
    assert_int_equal(json_array_size(json_look(document, "audit")), 2);
    assert_string_equal(json_look_text(document, "audit.1.event"), "ended");
    assert_int_equal(json_array_size(json_look(document, "status.queue")), 0);
    /* The last run stands among the runs. */
    assert_null(json_look(document, "status.last_run"));
    assert_true(holds(json_look(document, "files"), "\"state.db\""));
    assert_true(holds(json_look(document, "files"), "\"0600\""));
    json_decref(document);
}

static void
the_policy_is_told_with_what_it_is_made_of(void **state)
{
    struct place *place = *state;
    json_t *document = ask(place);

    assert_int_equal(strlen(json_look_text(document, "policy.sha256")), 64);
    assert_non_null(strstr(json_look_text(document, "policy.text"), "require \"helper\""));
    assert_string_equal(json_look_text(document, "policy.modules.0.name"), "helper");
    assert_int_equal(json_look_number(document, "policy.modules.0.bytes"), 9);
    assert_null(json_look(document, "policy.modules.0.text"));
    json_decref(document);
}

static void
without_a_policy_there_is_the_default(void **state)
{
    struct place *place = *state;
    json_t *document;

    place->policy = NULL;
    document = ask(place);
    assert_true(json_is_null(json_look(document, "policy.path")));
    assert_int_equal(json_array_size(json_look(document, "policy.modules")), 0);
    json_decref(document);
}

static void
of_variables_there_are_names_alone(void **state)
{
    struct place *place = *state;
    json_t *document = ask(place);

    assert_true(holds(json_look(document, "environment"), "\"AKOSHA_CLOUD_BUCKET\""));
    assert_true(holds(json_look(document, "environment"), "\"AWS_SECRET_ACCESS_KEY\""));
    assert_false(holds(json_look(document, "environment"), "EDITOR"));
    assert_false(holds(document, SECRET_PLACE_PLANTED));
    json_decref(document);
}

static void
names_leave_where_they_are_wanted_and_secrets_never(void **state)
{
    struct place *place = *state;
    json_t *document = ask(place);

    assert_string_equal(json_look_text(document, "names"), "removed");
    assert_false(holds(document, BUCKET));
    assert_false(holds(document, "AKIAIOSFODNN7EXAMPLE"));
    json_decref(document);
    place->keep_names = true;
    document = ask(place);
    assert_string_equal(json_look_text(document, "names"), "kept");
    assert_true(holds(document, BUCKET));
    assert_false(holds(document, "AKIAIOSFODNN7EXAMPLE"));
    json_decref(document);
}

static void
of_secrets_there_is_where_they_may_go(void **state)
{
    struct place *place = *state;
    json_t *document;

    place->keep_names = true;
    secret_place_set(&place->machine, "TOKEN_OF_MINE", SECRET_PLACE_PLANTED);
    secret_place_add(&place->machine, "akosha-token", AKS_SECRET_ENV, "TOKEN_OF_MINE",
        SECRET_PLACE_HOST);
    document = ask(place);
    assert_string_equal(json_look_text(document, "secrets.0.name"), "akosha-token");
    assert_string_equal(json_look_text(document, "secrets.0.source"), "env");
    assert_string_equal(json_look_text(document, "secrets.0.hosts.0"), SECRET_PLACE_HOST);
    assert_false(holds(document, SECRET_PLACE_PLANTED));
    json_decref(document);
}

/* A bug report is written where something is broken. */
static void
what_cannot_be_read_says_why(void **state)
{
    struct place *place = *state;
    json_t *document;

    state_file(place, "state.db", "no database at all, whatever it is called");
    secret_place_json(&place->machine, "{ no JSON", 0600);
    place->policy = temp_folder_join(place->machine.folder, "none.lua");
    document = ask(place);
    assert_string_equal(json_look_text(document, "policy.error.failure"), "policy");
    assert_string_equal(json_look_text(document, "state_error.failure"), "state");
    assert_string_equal(json_look_text(document, "status.error.failure"), "state");
    assert_string_equal(json_look_text(document, "secrets.0.failure"), "settings");
    assert_int_equal(json_array_size(json_look(document, "runs")), 0);
    json_decref(document);
}

static void
without_a_state_folder_there_is_a_bundle_all_the_same(void **state)
{
    struct place *place = *state;
    json_t *document;

    assert_int_equal(rmdir(temp_folder_join(place->machine.folder, "state")), 0);
    document = ask(place);
    assert_string_equal(json_look_text(document, "files.0.failure"), "not_found");
    assert_true(json_is_null(json_look(document, "state_error")));
    assert_int_equal(json_array_size(json_look(document, "audit")), 0);
    json_decref(document);
}

/* Of a long log the end, from the first whole record on. */
static void
of_a_long_log_the_end_is_told(void **state)
{
    struct place *place = *state;
    size_t records = 3 * AKS_SUPPORT_AUDIT_BYTES / 20;
    char *text = calloc(records, 32);
    size_t len = 0;
    json_t *document;
    size_t told;

    for (size_t i = 0; i < records; i++)
        len += (size_t)snprintf(text + len, 32, "{\"seq\":%zu}\n", 100000 + i);
    state_file(place, "audit.jsonl", text);
    free(text);
    document = ask(place);
    told = json_array_size(json_look(document, "audit"));
    assert_in_range(told, AKS_SUPPORT_AUDIT_BYTES / 16, AKS_SUPPORT_AUDIT_BYTES / 14);
    for (size_t i = 0; i < told; i++) {
        const json_t *record = json_array_get(json_look(document, "audit"), i);

        assert_int_equal(json_look_number(record, "seq"), 100000 + records - told + i);
    }
    json_decref(document);
}

/* --- without memory --------------------------------------------------------------------------- */

/* It may be less, never more: what could not be taken out does not leave. */
static int
ask_in(void *ctx, const struct aks_alloc *alloc)
{
    struct place *place = ctx;
    json_t *document = NULL;
    struct aks_error err;
    enum aks_status status;
    int rc;

    place->machine.port.alloc = alloc;
    status = try(place, &document, &err);
    place->machine.port.alloc = aks_alloc_system();
    rc = status == AKS_OK ? holds(document, BUCKET) || holds(document, "AKIAIOSFODNN7EXAMPLE") ||
        holds(document, SECRET_PLACE_PLANTED) : document != NULL;
    json_decref(document);
    return rc;
}

static void
without_memory_no_name_leaves_either(void **state)
{
    failing_alloc_loop(ask_in, *state, 2000);
    failing_alloc_loop_lasting(ask_in, *state, 2000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_there_is_is_told),
        TEST(the_policy_is_told_with_what_it_is_made_of),
        TEST(without_a_policy_there_is_the_default),
        TEST(of_variables_there_are_names_alone),
        TEST(names_leave_where_they_are_wanted_and_secrets_never),
        TEST(of_secrets_there_is_where_they_may_go),
        TEST(what_cannot_be_read_says_why),
        TEST(without_a_state_folder_there_is_a_bundle_all_the_same),
        TEST(of_a_long_log_the_end_is_told),
        TEST(without_memory_no_name_leaves_either),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
