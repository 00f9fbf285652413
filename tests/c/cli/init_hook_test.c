/* An agent's settings, of all kinds that people have: the hook added and taken away, the rest as it
 * was. */
#include "cli/init_hook.h"

#include "cli/init_diff.h"
#include "support/failing_alloc.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COMMAND "/usr/bin/akosha-sync hook session-end"
#define OTHER "'/opt/my tools/akosha-sync' hook session-end"

/* Settings that the hook is added to. */
static const struct {
    const char *text;
    enum aks_init_hook_level level;
} fine[] = {
    { "", AKS_INIT_HOOK_FILE },
    { " \n", AKS_INIT_HOOK_FILE },
    { "{}", AKS_INIT_HOOK_HOOKS },
    { "{}\n", AKS_INIT_HOOK_HOOKS },
    { "{\n}\n", AKS_INIT_HOOK_HOOKS },
    { "\n\n { \t }", AKS_INIT_HOOK_HOOKS },
    { "{\"a\":1}", AKS_INIT_HOOK_HOOKS },
    { "{ \"a\" : 1 , \"b\" : [ ] }\n", AKS_INIT_HOOK_HOOKS },
    { "{\n  \"model\": \"opus\",\n  \"env\": {\n    \"X\": \"}\\\"]\"\n  }\n}\n",
        AKS_INIT_HOOK_HOOKS },
    { "{\n\t\"a\": true\n}", AKS_INIT_HOOK_HOOKS },
    { "{\r\n    \"a\": null\r\n}\r\n", AKS_INIT_HOOK_HOOKS },
    { "{\n  \"z\": 1e300,\n  \"a\": 123456789012345678901234567890\n}\n", AKS_INIT_HOOK_HOOKS },
    { "{\"a\": \"\\u0000 \\ud83d\\ude00 \xc3\xa4\"}", AKS_INIT_HOOK_HOOKS },
    { "{\"a\": {\"hooks\": {\"SessionEnd\": []}}}", AKS_INIT_HOOK_HOOKS },
    { "{\"a\": \"// no comment\", \"b\": \"/* neither */\"}", AKS_INIT_HOOK_HOOKS },
    { "{\"a\": \"" COMMAND "\"}", AKS_INIT_HOOK_HOOKS },
    { "{\"hooks\": {}}", AKS_INIT_HOOK_EVENT },
    { "{\n  \"hooks\": {\n  }\n}\n", AKS_INIT_HOOK_EVENT },
    { "{\n  \"hooks\": {\n    \"Stop\": [\n      {\n        \"hooks\": [\n          {\n"
      "            \"type\": \"command\",\n            \"command\": \"say done\"\n          }\n"
      "        ]\n      }\n    ]\n  },\n  \"b\": 2\n}\n", AKS_INIT_HOOK_EVENT },
    { "{\"hooks\":{\"Stop\":[{\"hooks\":[{\"type\":\"command\",\"command\":\"" COMMAND
      "\"}]}]}}", AKS_INIT_HOOK_EVENT },
    { "{\"hooks\": {\"SessionEnd\": []}}", AKS_INIT_HOOK_GROUP },
    { "{\n  \"hooks\": {\n    \"SessionEnd\": [\n\n    ]\n  }\n}\n", AKS_INIT_HOOK_GROUP },
    { "{\n  \"hooks\": {\n    \"SessionEnd\": [\n      {\n        \"matcher\": \"clear\",\n"
      "        \"hooks\": [\n          { \"type\": \"command\", \"command\": \"echo bye\" }\n"
      "        ]\n      }\n    ]\n  }\n}\n", AKS_INIT_HOOK_GROUP },
    { "{\"hooks\": {\"SessionEnd\": [{\"hooks\": []}]}}", AKS_INIT_HOOK_GROUP },
    { "{\"hooks\": {\"SessionEnd\": [{}, 7, null, \"a\", {\"hooks\": 3},"
      " {\"hooks\": [1, {\"command\": 5}]}]}}", AKS_INIT_HOOK_GROUP },
    { "{\"hooks\": {\"SessionEnd\": [{\"hooks\": [{\"type\": \"command\","
      " \"command\": \"akosha-sync status\"}]}]}}", AKS_INIT_HOOK_GROUP },
};

/* Settings that are left alone, and what is said of them. */
static const struct {
    const char *text;
    const char *says;
} refused[] = {
    { "{", "no JSON, at line 1" },
    { "{\"a\": 1,}", "no JSON" },
    { "{'a': 1}", "no JSON" },
    { "{\"a\": 1} trailing", "no JSON" },
    { "{\n  \"a\": 1\n  \"b\": 2\n}", "no JSON, at line 3" },
    { "{ // mine\n}", "comments" },
    { "{\"a\": 1 /* one */}", "comments" },
    { "// at the top\n{\"a\": \"b\"}", "comments" },
    { "\xef\xbb\xbf{}", "byte order mark" },
    { "{\"a\": \"\xff\"}", "no JSON" },
    { "[]", "no JSON object" },
    { "\"text\"", "no JSON" },
    { "null", "no JSON" },
    { "{\"hooks\": []}", "\"hooks\" in them is no object" },
    { "{\"hooks\": null}", "\"hooks\" in them is no object" },
    { "{\"hooks\": {\"SessionEnd\": {}}}", "is no array" },
    { "{\"hooks\": {\"SessionEnd\": \"" COMMAND "\"}}", "is no array" },
    { "{\"hooks\": {}, \"hooks\": {}}", "comes twice" },
    { "{\"hooks\": {\"SessionEnd\": [], \"SessionEnd\": []}}", "comes twice" },
    { "{\"\\u0068ooks\": {}}", "escapes" },
    { "{\"hooks\": {\"Session\\u0045nd\": []}}", "escapes" },
    { "<<<<<<< HEAD\n{}\n=======\n", "no JSON" },
};

static void
assert_same(const char *expected, size_t len, const struct aks_buf *buf)
{
    assert_int_equal(buf->len, len);
    assert_memory_equal(buf->data, expected, len);
}

/* Nothing but the hook differs: what a program sees without it is what it saw before. */
static void
assert_only_added(const char *before, const struct aks_buf *after)
{
    json_t *was = json_loads(before[strspn(before, " \n")] != '\0' ? before : "{}",
        JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    json_t *is = json_loadb(after->data, after->len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL,
        NULL);
    json_t *hooks = json_object_get(is, "hooks");
    json_t *event = json_object_get(hooks, "SessionEnd");
    json_t *group = json_array_get(event, json_array_size(event) - 1);
    json_t *handler = json_array_get(json_object_get(group, "hooks"), 0);

    assert_non_null(was);
    assert_string_equal(json_string_value(json_object_get(handler, "command")), COMMAND);
    assert_string_equal(json_string_value(json_object_get(handler, "type")), "command");
    assert_int_equal(json_object_size(group), 1);
    assert_int_equal(json_array_remove(event, json_array_size(event) - 1), 0);
    if (json_object_get(json_object_get(was, "hooks"), "SessionEnd") == NULL)
        assert_int_equal(json_object_del(hooks, "SessionEnd"), 0);
    if (json_object_get(was, "hooks") == NULL)
        assert_int_equal(json_object_del(is, "hooks"), 0);
    assert_true(json_equal(was, is));
    json_decref(was);
    json_decref(is);
}

static void
test_added_once_and_taken_away_byte_for_byte(void **state)
{
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        const char *text = fine[i].text;
        struct aks_init_hook_added added;
        struct aks_init_hook_added again;
        struct aks_buf with;
        struct aks_buf other;
        struct aks_error err;
        size_t removed = 7;

        aks_buf_init(&with, aks_alloc_system(), AKS_INIT_HOOK_BYTES_MAX);
        aks_buf_init(&other, aks_alloc_system(), AKS_INIT_HOOK_BYTES_MAX);
        assert_int_equal(aks_init_hook_add(text, strlen(text), COMMAND, &with, &added, &err),
            AKS_OK);
        assert_int_equal(added.level, fine[i].level);
        assert_only_added(text, &with);
        /* A second time it is there. */
        assert_int_equal(aks_init_hook_add(with.data, with.len, COMMAND, &other, &again, &err),
            AKS_OK);
        assert_int_equal(again.level, AKS_INIT_HOOK_NONE);
        assert_same(with.data, with.len, &other);
        aks_buf_reset(&other);
        assert_int_equal(aks_init_hook_remove(with.data, with.len, &added, &other, &removed, &err),
            AKS_OK);
        assert_int_equal(removed, 1);
        if (added.level == AKS_INIT_HOOK_FILE)
            assert_int_equal(other.len, 0);
        else
            assert_same(text, strlen(text), &other);
        /* And a second time there is nothing. */
        aks_buf_reset(&other);
        assert_int_equal(aks_init_hook_remove(text, strlen(text), &added, &other, &removed, &err),
            AKS_OK);
        assert_int_equal(removed, 0);
        assert_same(text, strlen(text), &other);
        aks_buf_fini(&with);
        aks_buf_fini(&other);
    }
}

static void
test_what_cannot_be_edited_is_left_alone(void **state)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const char *text = refused[i].text;
        struct aks_init_hook_added added;
        struct aks_buf out;
        struct aks_error err;
        size_t removed;

        aks_buf_init(&out, aks_alloc_system(), AKS_INIT_HOOK_BYTES_MAX);
        assert_int_equal(aks_init_hook_add(text, strlen(text), COMMAND, &out, &added, &err),
            AKS_SETTINGS);
        assert_non_null(strstr(err.message, refused[i].says));
        assert_int_equal(aks_init_hook_remove(text, strlen(text), NULL, &out, &removed, &err),
            AKS_SETTINGS);
        aks_buf_fini(&out);
    }
}

static void
test_a_program_that_was_moved_is_called_where_it_is(void **state)
{
    struct aks_init_hook_added added;
    struct aks_buf first;
    struct aks_buf moved;
    struct aks_error err;
    size_t removed;

    aks_buf_init(&first, aks_alloc_system(), AKS_INIT_HOOK_BYTES_MAX);
    aks_buf_init(&moved, aks_alloc_system(), AKS_INIT_HOOK_BYTES_MAX);
    assert_int_equal(aks_init_hook_add("{\"a\":1}", 7, OTHER, &first, &added, &err), AKS_OK);
    assert_int_equal(aks_init_hook_add(first.data, first.len, COMMAND, &moved, &added, &err),
        AKS_OK);
    assert_int_equal(added.level, AKS_INIT_HOOK_MOVED);
    assert_only_added("{\"a\":1}", &moved);
    aks_buf_reset(&first);
    added.level = AKS_INIT_HOOK_HOOKS;
    assert_int_equal(aks_init_hook_remove(moved.data, moved.len, &added, &first, &removed, &err),
        AKS_OK);
    assert_same("{\"a\":1}", 7, &first);
    aks_buf_fini(&first);
    aks_buf_fini(&moved);
}

/* { what was before, what a person made of it with the hook in it, what stays } */
static const struct {
    const char *with;
    enum aks_init_hook_level level;
    const char *left;
} edited[] = {
    /* Another hook beside ours, before and behind it. */
    { "{\"hooks\": {\"SessionEnd\": [{\"hooks\": [{\"command\": \"" COMMAND "\"},"
      " {\"command\": \"mine\"}]}]}}", AKS_INIT_HOOK_HOOKS,
      "{\"hooks\": {\"SessionEnd\": [{\"hooks\": [{\"command\": \"mine\"}]}]}}" },
    { "{\"hooks\": {\"SessionEnd\": [{\"hooks\": [{\"command\": \"mine\"},"
      " {\"command\": \"" COMMAND "\"}]}]}}", AKS_INIT_HOOK_HOOKS,
      "{\"hooks\": {\"SessionEnd\": [{\"hooks\": [{\"command\": \"mine\"}]}]}}" },
    { "{\"hooks\": {\"SessionEnd\": [{\"hooks\": [{\"command\": \"" COMMAND "\"}]},"
      " {\"hooks\": []}]}}", AKS_INIT_HOOK_HOOKS,
      "{\"hooks\": {\"SessionEnd\": [{\"hooks\": []}]}}" },
    { "{\"hooks\": {\"Stop\": [], \"SessionEnd\": [{\"hooks\": [{\"command\": \"" COMMAND
      "\"}]}]}}", AKS_INIT_HOOK_HOOKS, "{\"hooks\": {\"Stop\": []}}" },
    { "{\"hooks\": {\"SessionEnd\": [{\"hooks\": [{\"command\": \"" COMMAND "\"}]}], "
      "\"Stop\": []}}", AKS_INIT_HOOK_HOOKS, "{\"hooks\": {\"Stop\": []}}" },
    /* Other settings where there was no file. */
    { "{\"model\": \"x\", \"hooks\": {\"SessionEnd\": [{\"hooks\": [{\"command\": \"" COMMAND
      "\"}]}]}}", AKS_INIT_HOOK_FILE, "{\"model\": \"x\"}" },
    { "{\"hooks\": {\"SessionEnd\": [{\"hooks\": [{\"command\": \"" COMMAND "\"}]}]}}",
        AKS_INIT_HOOK_FILE, "" },
    /* Brackets that a person made stay. */
    { "{\"hooks\": {\"SessionEnd\": [{\"hooks\": [{\"command\": \"" COMMAND "\"}]}]}}",
        AKS_INIT_HOOK_GROUP, "{\"hooks\": {\"SessionEnd\": []}}" },
    { "{\"hooks\": {\"SessionEnd\": [{\"hooks\": [{\"command\": \"" COMMAND "\"}]}]}}",
        AKS_INIT_HOOK_EVENT, "{\"hooks\": {}}" },
    /* One that was copied goes twice; laid out anew by a program. */
    { "{\"hooks\":{\"SessionEnd\":[{\"hooks\":[{\"command\":\"" COMMAND "\"}]},{\"hooks\":"
      "[{\"timeout\":5,\"command\":\"" COMMAND " --verbose\"}]}],\"PreCompact\":[1]}}",
      AKS_INIT_HOOK_HOOKS, "{\"hooks\":{\"PreCompact\":[1]}}" },
};

static void
test_what_a_person_did_meanwhile_stays(void **state)
{
    for (size_t i = 0; i < sizeof(edited) / sizeof(edited[0]); i++) {
        struct aks_init_hook_added added = { .level = edited[i].level };
        struct aks_buf out;
        struct aks_error err;
        size_t removed;

        aks_buf_init(&out, aks_alloc_system(), AKS_INIT_HOOK_BYTES_MAX);
        assert_int_equal(aks_init_hook_remove(edited[i].with, strlen(edited[i].with), &added, &out,
            &removed, &err), AKS_OK);
        assert_same(edited[i].left, strlen(edited[i].left), &out);
        aks_buf_fini(&out);
    }
}

/* Commands of a person that call the hook among other things: it is there, and stays. */
static const char *const around[] = { "say bye; akosha-sync hook session-end --on-stop; rm -r t",
    "cd / && \\\"/a b/akosha-sync\\\" hook session-end", "akosha-sync hook session-end\\nbye",
    "akosha-sync hook session-end || true" };

static void
test_what_a_person_put_around_it_stays(void **state)
{
    for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
        struct aks_init_hook_added added = { .level = AKS_INIT_HOOK_HOOKS };
        struct aks_buf out;
        struct aks_error err;
        size_t removed = 7;
        char text[256];
        int len = snprintf(text, sizeof(text), "{\"hooks\": {\"SessionEnd\": [{\"hooks\": ["
            "{\"command\": \"%s\"}]}]}}", around[i]);

        aks_buf_init(&out, aks_alloc_system(), AKS_INIT_HOOK_BYTES_MAX);
        assert_int_equal(aks_init_hook_remove(text, (size_t)len, &added, &out, &removed, &err),
            AKS_OK);
        assert_int_equal(removed, 0);
        assert_same(text, (size_t)len, &out);
        aks_buf_reset(&out);
        assert_int_equal(aks_init_hook_add(text, (size_t)len, COMMAND, &out, &added, &err), AKS_OK);
        assert_int_equal(added.level, AKS_INIT_HOOK_NONE);
        assert_same(text, (size_t)len, &out);
        aks_buf_fini(&out);
    }
}

static void
test_a_path_with_odd_letters_is_still_ours(void **state)
{
    static const char other[] = "'/opt/it'\\\\''s (R&D);/akosha-sync' hook session-end --no-worker";
    struct aks_init_hook_added added = { .level = AKS_INIT_HOOK_HOOKS };
    struct aks_buf out;
    struct aks_error err;
    size_t removed = 0;
    char text[256];
    int len = snprintf(text, sizeof(text), "{\"hooks\": {\"SessionEnd\": [{\"hooks\": ["
        "{\"command\": \"%s\"}]}]}}", other);

    aks_buf_init(&out, aks_alloc_system(), AKS_INIT_HOOK_BYTES_MAX);
    assert_int_equal(aks_init_hook_remove(text, (size_t)len, &added, &out, &removed, &err), AKS_OK);
    assert_int_equal(removed, 1);
    assert_same("{}", 2, &out);
    aks_buf_fini(&out);
}

static void
test_knows_its_own(void **state)
{
    assert_true(aks_init_hook_is_ours(COMMAND));
    assert_true(aks_init_hook_is_ours(OTHER));
    assert_true(aks_init_hook_is_ours("cd / && \"/a b/akosha-sync\" hook session-end --verbose"));
    assert_true(aks_init_hook_is_ours("/akosha-sync/akosha-sync hook session-end"));
    assert_false(aks_init_hook_is_ours("akosha-sync enqueue"));
    assert_false(aks_init_hook_is_ours("hook session-end"));
    assert_false(aks_init_hook_is_ours("akosha-sync-old hook session-end"));
    assert_false(aks_init_hook_is_ours(""));
}

static int
try_without_memory(void *ctx, const struct aks_alloc *alloc)
{
    const char *text = fine[18].text;
    struct aks_init_hook_added added;
    struct aks_buf with;
    struct aks_buf without;
    size_t removed;

    aks_buf_init(&with, alloc, AKS_INIT_HOOK_BYTES_MAX);
    aks_buf_init(&without, alloc, AKS_INIT_HOOK_BYTES_MAX);
    if (aks_init_hook_add(text, strlen(text), COMMAND, &with, &added, NULL) == AKS_OK &&
        aks_init_hook_remove(with.data, with.len, &added, &without, &removed, NULL) == AKS_OK)
        assert_same(text, strlen(text), &without);
    aks_init_diff_write("a", text, strlen(text), with.data, with.len, &without);
    aks_buf_fini(&with);
    aks_buf_fini(&without);
    return 0;
}

static void
test_lives_without_memory(void **state)
{
    failing_alloc_loop(try_without_memory, NULL, 200);
}

/* --- what is shown ---------------------------------------------------------------------------- */

static void
assert_diff(const char *before, const char *after, const char *expected)
{
    struct aks_buf out;

    aks_buf_init(&out, aks_alloc_system(), 1 << 20);
    aks_init_diff_write("f", before, strlen(before), after, strlen(after), &out);
    assert_string_equal(out.data, expected);
    aks_buf_fini(&out);
}

static void
test_a_change_is_shown_as_patch_reads_it(void **state)
{
    assert_diff("a\nb\n", "a\nb\n", "");
    assert_diff("", "a\nb\n", "--- f\n+++ f\n@@ -0,0 +1,2 @@\n+a\n+b\n");
    assert_diff("a\n", "", "--- f\n+++ f\n@@ -1,1 +0,0 @@\n-a\n");
    assert_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nX\n6\n7\n8\n9\n",
        "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+X\n 6\n 7\n 8\n");
    assert_diff("a\nb", "a\nb\nc",
        "--- f\n+++ f\n@@ -1,2 +1,3 @@\n a\n-b\n\\ No newline at end of file\n+b\n+c\n"
        "\\ No newline at end of file\n");
    assert_diff("a\na\na\n", "a\na\na\na\n", "--- f\n+++ f\n@@ -1,3 +1,4 @@\n a\n a\n a\n+a\n");
    assert_diff("x\ny\n", "y\n", "--- f\n+++ f\n@@ -1,2 +1,1 @@\n-x\n y\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_added_once_and_taken_away_byte_for_byte),
        cmocka_unit_test(test_what_cannot_be_edited_is_left_alone),
        cmocka_unit_test(test_a_program_that_was_moved_is_called_where_it_is),
        cmocka_unit_test(test_what_a_person_did_meanwhile_stays),
        cmocka_unit_test(test_what_a_person_put_around_it_stays),
        cmocka_unit_test(test_a_path_with_odd_letters_is_still_ours),
        cmocka_unit_test(test_knows_its_own),
        cmocka_unit_test(test_lives_without_memory),
        cmocka_unit_test(test_a_change_is_shown_as_patch_reads_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
