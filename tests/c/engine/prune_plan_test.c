/* What stays and what goes. */
#include "engine/prune_internal.h"
#include "engine/upload_id.h"

#include "base/alloc.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SYSTEM "box"
#define UPLOADS_MAX 16

struct case_ {
    struct prune_upload uploads[UPLOADS_MAX];
    struct prune_object objects[UPLOADS_MAX][4];
    char ids[UPLOADS_MAX][40];
    char keys[UPLOADS_MAX][4][80];
    size_t count;
};

/* An upload of that day of November 2026, with one object of its own of 100 bytes. */
static struct prune_upload *
add(struct case_ *at, int day, int hour)
{
    size_t i = at->count++;
    struct prune_upload *upload = &at->uploads[i];
    char id[40];

    (void)snprintf(id, sizeof(id), "202611%02dT%02d0000Z-%06zx", day, hour, i);
    memcpy(at->ids[i], id, sizeof(id));
    (void)snprintf(at->keys[i][0], sizeof(at->keys[i][0]), "systems/" SYSTEM "/%s/x", id);
    memset(upload, 0, sizeof(*upload));
    upload->id = at->ids[i];
    upload->at_ms = aks_upload_id_ms(upload->id);
    upload->complete = true;
    upload->objects = at->objects[i];
    upload->objects[0] = (struct prune_object) { at->keys[i][0], 100 };
    upload->object_count = 1;
    return upload;
}

/* The manifest of ${upload} names the object of ${of}. */
static void
name_object(struct prune_upload *upload, const struct prune_upload *of)
{
    upload->objects[upload->object_count++] = of->objects[0];
}

/* One letter for each: K is kept. */
static void
expect(struct case_ *at, const char *rules_text, const char *expected)
{
    struct aks_prune_rules rules;
    char found[UPLOADS_MAX + 1] = "";

    assert_int_equal(aks_prune_rules(rules_text, &rules, NULL), AKS_OK);
    aks_prune_plan(&rules, "systems/" SYSTEM "/", at->uploads, at->count,
        aks_upload_id_ms("20261130T000000Z-000000"));
    for (size_t i = 0; i < at->count; i++)
        found[i] = at->uploads[i].keep ? 'K' : '-';
    assert_string_equal(found, expected);
}

static void
rules_are_read_or_refused(void **state)
{
    static const char *const wrong[] = { "", "last", "last=", "last=0", "last=-1", "last=1,",
        ",last=1", "last=1,last=2", "hourly=3", "last=1 daily=2", "last=1x", "last=100001",
        "LAST=1", "last=99999999999999999999" };
    struct aks_prune_rules rules;
    struct aks_error err;

    assert_int_equal(aks_prune_rules("last=7,daily=30,weekly=52", &rules, &err), AKS_OK);
    assert_true(rules.last == 7 && rules.daily == 30 && rules.weekly == 52);
    assert_int_equal(aks_prune_rules("weekly=1", &rules, &err), AKS_OK);
    assert_true(rules.last == 0 && rules.daily == 0 && rules.weekly == 1);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(aks_prune_rules(wrong[i], &rules, &err), AKS_SETTINGS);
}

static void
rules_keep_the_newest_of_their_periods(void **state)
{
    struct case_ at = { .count = 0 };

    /* 2 November 2026 is a Monday. */
    add(&at, 1, 1);
    add(&at, 2, 1);
    add(&at, 2, 20);
    add(&at, 8, 5);
    add(&at, 9, 5);
    add(&at, 10, 1);
    add(&at, 10, 2);
    add(&at, 20, 3);
    expect(&at, "last=1", "-------K");
    expect(&at, "last=3", "-----KKK");
    expect(&at, "last=100", "KKKKKKKK");
    expect(&at, "daily=1", "-------K");
    expect(&at, "daily=3", "----K-KK");
    expect(&at, "weekly=2", "------KK");
    expect(&at, "weekly=4", "K--K--KK");
    expect(&at, "last=2,daily=4,weekly=9", "K--KK-KK");
}

static void
the_newest_and_the_newest_verified_always_stay(void **state)
{
    struct case_ at = { .count = 0 };

    add(&at, 1, 1)->verified = true;
    add(&at, 2, 1);
    add(&at, 3, 1);
    expect(&at, "last=1", "K-K");
    assert_string_equal(at.uploads[0].reason, "the newest that was verified");
    /* An upload that is not complete is not the newest. */
    add(&at, 4, 1)->complete = false;
    expect(&at, "weekly=1", "K-K-");
}

static void
what_a_kept_upload_names_stays_and_what_that_names_too(void **state)
{
    struct case_ at = { .count = 0 };

    add(&at, 1, 1);
    add(&at, 2, 1);
    add(&at, 3, 1);
    name_object(add(&at, 4, 1), &at.uploads[1]);
    name_object(&at.uploads[1], &at.uploads[0]);
    expect(&at, "last=1", "KK-K");
    assert_string_equal(at.uploads[0].reason, "a kept upload names an object of it");
}

static void
memories_that_no_kept_upload_has_stay(void **state)
{
    static const char first[] =
        "{\"mode\": \"new\", \"tables\": {\"t\": {\"after\": null, \"to\": "
        "{\"at\": null, \"id\": \"5\"}}}}";
    static const char second[] =
        "{\"mode\": \"new\", \"tables\": {\"t\": {\"after\": "
        "{\"at\": null, \"id\": \"5\"}, \"to\": {\"at\": null, \"id\": \"9\"}}}}";
    static const char all[] =
        "{\"mode\": \"all\", \"tables\": {\"t\": {\"after\": null, \"to\": "
        "{\"at\": null, \"id\": \"9\"}}}}";
    struct case_ at = { .count = 0 };

    add(&at, 1, 1)->memories = json_loads(first, 0, NULL);
    add(&at, 2, 1)->memories = json_loads(first, 0, NULL);
    add(&at, 3, 1)->memories = json_loads(second, 0, NULL);
    add(&at, 4, 1);
    /* The same rows are in two: one of them is enough. */
    expect(&at, "last=1", "-KKK");
    assert_string_equal(at.uploads[2].reason, "no kept upload holds its memories");
    at.uploads[3].memories = json_loads(all, 0, NULL);
    expect(&at, "last=1", "---K");
    json_decref(at.uploads[0].memories);
    at.uploads[0].memories = json_string("something else");
    expect(&at, "last=1", "K--K");
    for (size_t i = 0; i < at.count; i++)
        json_decref(at.uploads[i].memories);
}

static json_t *
memories(const char *mode, const char *tables)
{
    json_t *json = json_pack("{s:s, s:o}", "mode", mode, "tables", json_loads(tables, 0, NULL));

    assert_non_null(json);
    return json;
}

/* Rows that were deleted in their database since are only in the upload that took them: an upload
 * of all rows that has fewer, or that ends before them, does not hold them. */
static void
all_rows_of_an_emptied_database_hold_nothing_of_before(void **state)
{
    static const struct {
        const char *now;                /* of the later upload, with all rows */
        const char *expected;
    } cases[] = {
        { "{'t': {'source': '/m.db', 'table': 't', 'after': null, 'complete': true, 'rows': 45,"
            " 'to': {'at': '2026-11-02', 'id': 'b'}}}", "-K" },
        { "{'t': {'source': '/m.db', 'table': 't', 'after': null, 'complete': true, 'rows': 60,"
            " 'to': {'at': '2026-11-03', 'id': 'a'}}}", "-K" },
        { "{'t': {'source': '/m.db', 'table': 't', 'after': null, 'complete': true, 'rows': 44,"
            " 'to': {'at': '2026-11-03', 'id': 'a'}}}", "KK" },
        { "{'t': {'source': '/m.db', 'table': 't', 'after': null, 'complete': true, 'rows': 60,"
            " 'to': {'at': '2026-11-01', 'id': 'z'}}}", "KK" },
        { "{'t': {'source': '/m.db', 'table': 't', 'after': null, 'complete': true, 'rows': 60,"
            " 'to': {'at': '2026-11-02', 'id': 'a'}}}", "KK" },
        { "{'t': {'source': '/m.db', 'table': 't', 'after': null, 'complete': true, 'rows': 60,"
            " 'to': {'at': null, 'id': 'zz'}}}", "KK" },
        { "{'t': {'source': '/m.db', 'table': 't', 'after': null, 'complete': true, 'rows': 60,"
            " 'to': null}}", "KK" },
        { "{'t': {'source': '/other.db', 'table': 't', 'after': null, 'complete': true,"
            " 'rows': 60, 'to': {'at': '2026-11-03', 'id': 'a'}}}", "KK" },
        { "{'u': {'source': '/m.db', 'table': 'u', 'after': null, 'complete': true, 'rows': 60,"
            " 'to': {'at': '2026-11-03', 'id': 'a'}}}", "KK" },
        { "{'t': {'source': '/m.db', 'table': 't', 'complete': false, 'rows': 60,"
            " 'after': {'at': '2026-11-02', 'id': 'b'}, 'to': {'at': '2026-11-03', 'id': 'a'}}}",
            "KK" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct case_ at = { .count = 0 };
        char now[512];

        add(&at, 1, 1)->memories = memories("new", "{\"t\": {\"source\": \"/m.db\","
            " \"table\": \"t\", \"after\": {\"at\": \"2026-10-01\", \"id\": \"a\"},"
            " \"to\": {\"at\": \"2026-11-02\", \"id\": \"b\"}, \"complete\": true,"
            " \"rows\": 45}}");
        (void)snprintf(now, sizeof(now), "%s", cases[i].now);
        for (char *quote = now; *quote != '\0'; quote++)
            *quote = *quote == '\'' ? '"' : *quote;
        add(&at, 2, 1)->memories = memories("new", now);
        expect(&at, "last=1", cases[i].expected);
        json_decref(at.uploads[0].memories);
        json_decref(at.uploads[1].memories);
    }
}

/* Numbers are in their own order; and a table of which no row was left to send holds nothing. */
static void
cursors_of_numbers_are_compared_as_numbers(void **state)
{
    struct case_ at = { .count = 0 };

    add(&at, 1, 1)->memories = memories("all", "{\"t\": {\"after\": null, \"rows\": 9,"
        " \"to\": {\"at\": null, \"id\": \"9\"}}}");
    add(&at, 2, 1)->memories = memories("all", "{\"t\": {\"after\": null, \"rows\": 10,"
        " \"to\": {\"at\": null, \"id\": \"10\"}}}");
    expect(&at, "last=1", "-K");
    json_decref(at.uploads[0].memories);
    at.uploads[0].memories = memories("all", "{\"u\": {\"after\": null, \"rows\": 0,"
        " \"to\": null}}");
    expect(&at, "last=1", "-K");
    for (size_t i = 0; i < at.count; i++)
        json_decref(at.uploads[i].memories);
}

/* The first has all 100 rows, the next two 101 to 110 and 111 to 112, and the last all rows that
 * are there by then. Where that has fewer than were sent before, some were deleted: of any. */
static void
deleted_rows_stay_where_they_are_alone(void **state)
{
    static const struct {
        int rows;                       /* of the last upload */
        const char *expected;
    } cases[] = { { 112, "---K" }, { 111, "KKKK" }, { 109, "KKKK" }, { 99, "KKKK" } };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct case_ at = { .count = 0 };
        char now[200];

        add(&at, 1, 1)->memories = memories("all", "{\"t\": {\"after\": null, \"rows\": 100,"
            " \"complete\": true, \"to\": {\"at\": null, \"id\": \"100\"}}}");
        add(&at, 2, 1)->memories = memories("new", "{\"t\": {\"after\": {\"at\": null,"
            " \"id\": \"100\"}, \"rows\": 10, \"to\": {\"at\": null, \"id\": \"110\"}}}");
        add(&at, 3, 1)->memories = memories("new", "{\"t\": {\"after\": {\"at\": null,"
            " \"id\": \"110\"}, \"rows\": 2, \"to\": {\"at\": null, \"id\": \"112\"}}}");
        (void)snprintf(now, sizeof(now), "{\"t\": {\"after\": null, \"rows\": %d,"
            " \"complete\": true, \"to\": {\"at\": null, \"id\": \"112\"}}}",
            cases[i].rows);
        add(&at, 4, 1)->memories = memories("all", now);
        expect(&at, "last=1", cases[i].expected);
        for (size_t j = 0; j < at.count; j++)
            json_decref(at.uploads[j].memories);
    }
}

/* The same place in the order, but not the same rows: one was deleted in between. */
static void
the_same_cursors_with_fewer_rows_are_not_the_same_rows(void **state)
{
    struct case_ at = { .count = 0 };

    add(&at, 1, 1)->memories = memories("new", "{\"t\": {\"after\": null, \"rows\": 9,"
        " \"to\": {\"at\": null, \"id\": \"9\"}}}");
    add(&at, 2, 1)->memories = memories("new", "{\"t\": {\"after\": null, \"rows\": 8,"
        " \"to\": {\"at\": null, \"id\": \"9\"}}}");
    expect(&at, "last=1", "KK");
    (void)json_object_set_new(json_object_get(json_object_get(at.uploads[1].memories, "tables"),
        "t"), "rows", json_integer(9));
    expect(&at, "last=1", "-K");
    for (size_t i = 0; i < at.count; i++)
        json_decref(at.uploads[i].memories);
}

/* One upload of all rows stands in for the one before: each has those that were sent until then. */
static void
all_rows_of_each_upload_are_not_added_up(void **state)
{
    static const struct {
        int rows[3];
        const char *expected;
    } cases[] = { { { 100, 110, 112 }, "--K" }, { { 100, 99, 150 }, "K-K" },
        { { 100, 110, 109 }, "-KK" } };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct case_ at = { .count = 0 };

        for (int j = 0; j < 3; j++) {
            char text[200];

            (void)snprintf(text, sizeof(text), "{\"t\": {\"after\": null, \"rows\": %d,"
                " \"to\": {\"at\": null, \"id\": \"50%d\"}}}", cases[i].rows[j], j);
            add(&at, 1 + j, 1)->memories = memories("all", text);
        }
        expect(&at, "last=1", cases[i].expected);
        for (size_t j = 0; j < at.count; j++)
            json_decref(at.uploads[j].memories);
    }
}

static void
what_was_never_finished_goes_only_when_it_is_old(void **state)
{
    struct case_ at = { .count = 0 };

    add(&at, 1, 1)->complete = false;
    add(&at, 2, 1)->complete = false;
    at.uploads[1].open = true;
    add(&at, 3, 1)->complete = false;
    at.uploads[2].damaged = true;
    add(&at, 10, 1);
    add(&at, 29, 1)->complete = false;
    add(&at, 29, 2)->complete = false;
    at.uploads[5].begun = true;
    expect(&at, "last=1", "-KKKK-");
    /* Unless an object in it is named. */
    name_object(&at.uploads[3], &at.uploads[0]);
    expect(&at, "last=1", "KKKKK-");
    at.uploads[0].at_ms = -1;
    at.uploads[3].object_count = 1;
    expect(&at, "last=1", "KKKKK-");
}

static void
one_whose_removal_has_begun_is_not_kept_by_rules(void **state)
{
    struct case_ at = { .count = 0 };

    add(&at, 1, 1);
    add(&at, 2, 1)->begun = true;
    at.uploads[1].verified = true;
    expect(&at, "last=5", "K-");
}

static void
each_key_is_counted_once(void **state)
{
    struct case_ at = { .count = 0 };
    int64_t bytes;

    add(&at, 1, 1);
    name_object(add(&at, 2, 1), &at.uploads[0]);
    add(&at, 3, 1);
    expect(&at, "last=1", "--K");
    assert_int_equal(aks_prune_bytes(aks_alloc_system(), at.uploads, at.count, false, &bytes,
        NULL), AKS_OK);
    assert_int_equal(bytes, 300);
    assert_int_equal(aks_prune_bytes(aks_alloc_system(), at.uploads, at.count, true, &bytes, NULL),
        AKS_OK);
    assert_int_equal(bytes, 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_read_or_refused),
        cmocka_unit_test(rules_keep_the_newest_of_their_periods),
        cmocka_unit_test(the_newest_and_the_newest_verified_always_stay),
        cmocka_unit_test(what_a_kept_upload_names_stays_and_what_that_names_too),
        cmocka_unit_test(memories_that_no_kept_upload_has_stay),
        cmocka_unit_test(all_rows_of_an_emptied_database_hold_nothing_of_before),
        cmocka_unit_test(cursors_of_numbers_are_compared_as_numbers),
        cmocka_unit_test(deleted_rows_stay_where_they_are_alone),
        cmocka_unit_test(the_same_cursors_with_fewer_rows_are_not_the_same_rows),
        cmocka_unit_test(all_rows_of_each_upload_are_not_added_up),
        cmocka_unit_test(what_was_never_finished_goes_only_when_it_is_old),
        cmocka_unit_test(one_whose_removal_has_begun_is_not_kept_by_rules),
        cmocka_unit_test(each_key_is_counted_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
