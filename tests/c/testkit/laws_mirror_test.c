/* What a report says of the copies of a mirror is held against what is there: one that is lawful
 * passes, and each lie is told. */
#include "testkit/laws.h"

#include "testkit/lawful.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char policy[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin' }, retry = akosha.retry.none(),\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories' },\n"
    "              http = akosha.http { url = 'https://put.example.org/upload' },\n"
    "              other = akosha.s3 { bucket = 'other-bucket' } },\n"
    "  route = akosha.route.quorum(2, { 'cloud', 'http', 'other' }) }\n";

/* A world with a mirror that has run; with ${down}, that one or both of these are away. */
static json_t *
run_mirror(struct aks_world **ret_world, const char *down, const char *too)
{
    *ret_world = scenario_new(1, policy, LAWFUL_BYTES);
    if (down != NULL)
        (void)scenario_reply(*ret_world, down, "", 500, "");
    if (too != NULL)
        (void)scenario_reply(*ret_world, too, "", 500, "");
    return scenario_run(*ret_world);
}

static json_t *
file_of(json_t *report)
{
    json_t *file = json_array_get(json_object_get(report, "files"), 0);

    assert_non_null(file);
    return file;
}

static json_t *
copy_of(json_t *report, size_t place)
{
    json_t *copies = json_object_get(json_object_get(file_of(report), "mirror"), "copies");
    json_t *copy = json_array_get(copies, place);

    assert_non_null(copy);
    return copy;
}

/* Says in a report what is not so, sees it told, and takes it back. */
static void
lie(struct aks_world *world, json_t *report, json_t *object, const char *field, json_t *value,
    const char *words)
{
    json_t *before = json_incref(json_object_get(object, field));

    (void)json_object_set_new(object, field, value);
    lawful_broken_in(world, report, "nothing lost", words);
    (void)json_object_set_new(object, field, before);
}

static void
copies_that_are_not_there_are_told(void **state)
{
    struct aks_world *world;
    json_t *report = run_mirror(&world, NULL, NULL);

    assert_string_equal(json_string_value(json_object_get(report, "outcome")), "stored");
    lie(world, report, copy_of(report, 1), "key", json_string("systems/x"),
        "is called stored in http, where no manifest names systems/x");
    lie(world, report, copy_of(report, 2), "outcome", json_string("failed"),
        "is failed in other, and its targets say otherwise");
    lie(world, report, copy_of(report, 2), "target", json_string("nobody"),
        "has a copy in nobody, which is no target");
    lie(world, report, file_of(report), "targets", json_pack("[s, s]", "cloud", "http"),
        "is stored in other, and its targets say otherwise");
    json_decref(report);
    aks_world_free(world);
}

static void
too_few_copies_are_not_delivered(void **state)
{
    struct aks_world *world;
    json_t *report = run_mirror(&world, "http", NULL);
    json_t *mirror = json_object_get(file_of(report), "mirror");

    assert_string_equal(json_string_value(json_object_get(report, "outcome")), "stored");
    lie(world, report, mirror, "needed", json_integer(3),
        "is called stored, and 2 of 3 that are needed have it");
    (void)json_object_set_new(copy_of(report, 0), "outcome", json_string("failed"));
    (void)json_object_set_new(file_of(report), "targets", json_pack("[s]", "other"));
    lawful_broken_in(world, report, "nothing lost",
        "is called stored, and 1 of 2 that are needed have it");
    json_decref(report);
    aks_world_free(world);
}

static void
what_is_owed_has_to_be_pending(void **state)
{
    struct aks_world *world;
    json_t *report = run_mirror(&world, "http", "other");

    assert_string_equal(json_string_value(json_object_get(report, "outcome")), "partial");
    lie(world, report, file_of(report), "pending", json_pack("[s]", "http"),
        "is failed in other and partial in all, and what is pending says otherwise");
    lie(world, report, file_of(report), "pending", json_pack("[s, s, s]", "cloud", "http", "other"),
        "is stored in cloud and partial in all, and what is pending says otherwise");
    lie(world, report, file_of(report), "outcome", json_string("skipped"),
        "and what is pending says otherwise");
    lie(world, report, report, "job_id", json_string("20261123T064500Z-000000"),
        "is called queued and no job");
    json_decref(report);
    aks_world_free(world);
}

static void
partial_with_no_copy_is_no_part(void **state)
{
    struct aks_world *world;
    json_t *report = run_mirror(&world, "http", "other");

    (void)json_object_set_new(copy_of(report, 0), "outcome", json_string("failed"));
    (void)json_object_set_new(file_of(report), "targets", json_array());
    lawful_broken_in(world, report, "nothing lost", "is called partial and no target has it");
    json_decref(report);
    aks_world_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_that_are_not_there_are_told),
        cmocka_unit_test(too_few_copies_are_not_delivered),
        cmocka_unit_test(what_is_owed_has_to_be_pending),
        cmocka_unit_test(partial_with_no_copy_is_no_part),
    };

    return cmocka_run_group_tests_name("laws of mirrors", tests, NULL, NULL);
}
