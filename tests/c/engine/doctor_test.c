/* What doctor finds on a machine with a full disk, a damaged queue, a target that is not there. */
#include "engine/doctor.h"

#include "os/os.h"
#include "support/failing_alloc.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

struct place {
    struct temp_folder *folder;
    struct aks_os *os;
    struct aks_port port;
    struct aks_settings settings;
    struct aks_target_settings target;
    struct aks_policy policy;
    struct aks_engine *engine;
};

static int64_t room = 0;

static enum aks_status
so_much_room(void *ctx, const char *path, int64_t *ret_bytes, struct aks_error *err)
{
    *ret_bytes = room;
    return AKS_OK;
}

static void
begin(struct place *place, const struct aks_alloc *alloc)
{
    static char name[] = "here";
    static char path[] = "built-in default";

    memset(place, 0, sizeof(*place));
    room = AKS_GIB;
    place->folder = temp_folder_new();
    assert_int_equal(aks_os_open(aks_alloc_system(), &place->os, NULL), AKS_OK);
    place->port = *aks_os_port(place->os);
    place->port.alloc = alloc;
    place->port.files.free_bytes = so_much_room;
    place->port.process.run = NULL;
    aks_settings_init(&place->settings, alloc);
    place->settings.policy_path = path;
    place->target.name = name;
    place->target.kind = AKS_TARGET_DIR;
    place->target.path = (char *)(uintptr_t)temp_folder_join(place->folder, "target");
    place->settings.targets = &place->target;
    place->settings.target_count = 1;
    place->policy.settings = &place->settings;
}

static enum aks_status
open_engine(struct place *place)
{
    struct aks_engine_options options = { .port = &place->port };

    options.state_folder = temp_folder_join(place->folder, "state");
    return aks_engine_open(&options, &place->engine, NULL);
}

static void
end(struct place *place)
{
    aks_engine_close(place->engine);
    aks_os_close(place->os);
    temp_folder_free(place->folder);
}

static json_t *
ask(struct place *place)
{
    struct aks_doctor_options options = { .policy = &place->policy };
    struct aks_error err = { 0 };
    json_t *report = NULL;

    options.folder = temp_folder_path(place->folder);
    if (aks_doctor(place->engine, &options, &report, &err) != AKS_OK)
        fail_msg("%s", err.message);
    return report;
}

static const char *
outcome(const json_t *report, const char *check)
{
    const json_t *findings = json_object_get(report, "findings");

    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *one = json_array_get(findings, i);

        if (strcmp(json_string_value(json_object_get(one, "check")), check) == 0)
            return json_string_value(json_object_get(one, "outcome"));
    }
    return "none";
}

static json_int_t
code(const json_t *report)
{
    return json_integer_value(json_object_get(report, "exit_code"));
}

static void
a_machine_that_is_fine_is_said_to_be(void **state)
{
    struct place place;
    json_t *report;

    begin(&place, aks_alloc_system());
    assert_int_equal(open_engine(&place), AKS_OK);
    report = ask(&place);
    assert_int_equal(code(report), 0);
    assert_string_equal(outcome(report, "reachable"), "ok");
    assert_string_equal(outcome(report, "disk"), "ok");
    assert_string_equal(outcome(report, "state_database"), "ok");
    assert_true(json_is_null(json_object_get(report, "error")));
    json_decref(report);
    end(&place);
}

static void
the_worst_problem_decides(void **state)
{
    struct place place;
    json_t *report;

    begin(&place, aks_alloc_system());
    assert_int_equal(open_engine(&place), AKS_OK);
    (void)mkdir(temp_folder_join(place.folder, "state/queue"), 0700);
    temp_folder_write(place.folder, "state/queue/20260101T000000Z-abcdef.json", "{", 1);
    report = ask(&place);
    assert_string_equal(outcome(report, "queue_damaged"), "problem");
    assert_int_equal(code(report), 1);
    json_decref(report);
    room = 100 * AKS_MIB;
    report = ask(&place);
    assert_string_equal(outcome(report, "disk"), "warning");
    assert_int_equal(code(report), 1);
    json_decref(report);
    room = AKS_MIB;
    report = ask(&place);
    assert_string_equal(outcome(report, "disk"), "problem");
    assert_int_equal(code(report), 7);
    json_decref(report);
    /* A target that is a file where a folder should be is the policy's fault. */
    assert_int_equal(rmdir(temp_folder_join(place.folder, "target")), 0);
    temp_folder_write(place.folder, "target", "a file", 6);
    report = ask(&place);
    assert_string_equal(outcome(report, "settings"), "problem");
    assert_int_equal(code(report), 3);
    json_decref(report);
    end(&place);
}

static void
without_a_policy_the_machine_is_looked_at_all_the_same(void **state)
{
    struct aks_doctor_options options = { 0 };
    struct aks_error wrong = { 0 };
    struct aks_error err = { 0 };
    struct place place;
    json_t *report = NULL;

    begin(&place, aks_alloc_system());
    assert_int_equal(open_engine(&place), AKS_OK);
    (void)aks_error_set(&wrong, AKS_POLICY, "policy.lua:1: no");
    options.policy_error = &wrong;
    assert_int_equal(aks_doctor(place.engine, &options, &report, &err), AKS_OK);
    assert_string_equal(outcome(report, "policy"), "problem");
    assert_string_equal(outcome(report, "targets"), "unknown");
    assert_string_equal(outcome(report, "state_folder"), "ok");
    assert_int_equal(code(report), 3);
    json_decref(report);
    end(&place);
}

static void
a_target_that_the_policy_has_not_is_no_finding(void **state)
{
    struct place place;
    struct aks_doctor_options options = { .policy = &place.policy, .target = "there" };
    struct aks_error err = { 0 };
    json_t *report = NULL;

    begin(&place, aks_alloc_system());
    assert_int_equal(open_engine(&place), AKS_OK);
    assert_int_equal(aks_doctor(place.engine, &options, &report, &err), AKS_SETTINGS);
    assert_null(report);
    end(&place);
}

static const char *
no_variable(void *ctx, const char *name)
{
    return NULL;
}

/* Nobody has to be asked to know that. */
static void
a_key_that_is_missing_is_told_as_one(void **state)
{
    static char name[] = "cloud";
    static char bucket[] = "quokka";
    static char endpoint[] = "http://127.0.0.1:9";
    static char region[] = "auto";
    static char prefix[] = "";
    static char credentials[] = "environment";
    struct place place;
    json_t *report;
    const json_t *target;

    begin(&place, aks_alloc_system());
    memset(&place.target, 0, sizeof(place.target));
    place.target.name = name;
    place.target.kind = AKS_TARGET_S3;
    place.target.bucket = bucket;
    place.target.endpoint = endpoint;
    place.target.region = region;
    place.target.prefix = prefix;
    place.target.credentials = credentials;
    place.target.path_style = -1;
    place.port.environment.get = no_variable;
    assert_int_equal(open_engine(&place), AKS_OK);
    report = ask(&place);
    assert_string_equal(outcome(report, "credentials"), "problem");
    assert_string_equal(outcome(report, "reachable"), "none");
    assert_int_equal(code(report), 6);
    target = json_array_get(json_object_get(report, "targets"), 0);
    assert_true(json_is_false(json_object_get(target, "reachable")));
    assert_true(json_is_null(json_object_get(target, "credentials")));
    json_decref(report);
    end(&place);
}

static void
who_interrupts_gets_what_was_found(void **state)
{
    struct place place;
    json_t *report;

    begin(&place, aks_alloc_system());
    assert_int_equal(open_engine(&place), AKS_OK);
    aks_engine_interrupt(place.engine, 2);
    report = ask(&place);
    assert_int_equal(code(report), 130);
    assert_string_equal(outcome(report, "policy"), "ok");
    json_decref(report);
    end(&place);
}

/* Without memory it ends with a failure, or says what it could not find out; it never says that
 * all is fine. */
static int
ask_in(void *ctx, const struct aks_alloc *alloc)
{
    struct place place;
    struct aks_doctor_options options = { .policy = &place.policy };
    json_t *report = NULL;

    begin(&place, alloc);
    if (open_engine(&place) == AKS_OK)
        (void)aks_doctor(place.engine, &options, &report, NULL);
    json_decref(report);
    end(&place);
    return 0;
}

static void
a_doctor_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(ask_in, NULL, 2000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_that_is_fine_is_said_to_be),
        cmocka_unit_test(the_worst_problem_decides),
        cmocka_unit_test(without_a_policy_the_machine_is_looked_at_all_the_same),
        cmocka_unit_test(a_target_that_the_policy_has_not_is_no_finding),
        cmocka_unit_test(a_key_that_is_missing_is_told_as_one),
        cmocka_unit_test(who_interrupts_gets_what_was_found),
        cmocka_unit_test(a_doctor_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
