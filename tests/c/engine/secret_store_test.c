#include "engine/secret_store.h"

#include "engine/policy_text.h"
#include "engine/secret_find.h"
#include "engine/secret_json.h"
#include "engine/secret_place.h"
#include "support/failing_alloc.h"
#include "support/faulty_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define URL SECRET_PLACE_URL
#define HOST SECRET_PLACE_HOST
#define PLANTED SECRET_PLACE_PLANTED

/* --- what is kept ----------------------------------------------------------------------------- */

static void
what_is_added_is_there_for_the_next_process(void **state)
{
    struct secret_place *place = *state;
    struct aks_secret_list list;
    const struct aks_secret_entry *entry;
    struct stat info;
    char folder[SECRET_PLACE_PATH_BYTES];

    secret_place_add(place, "b", AKS_SECRET_FILE, "/keys/b", "B.Example:443 b.example:443");
    secret_place_add(place, "a-1_X", AKS_SECRET_ENV, "MY_TOKEN", "h 127.0.0.1:8080 [::1]:9");
    secret_place_add(place, "c", AKS_SECRET_COMMAND, "pass show 'my akosha'", "localhost");
    assert_int_equal(stat(place->path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    (void)snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(place->path, '/') - place->path),
        place->path);
    assert_int_equal(stat(folder, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);

    aks_secret_list_init(&list, aks_alloc_system());
    assert_int_equal(aks_secret_store_load(&place->port, &list, NULL), AKS_OK);
    assert_int_equal(list.count, 3);
    entry = aks_secret_list_find(&list, "a-1_X");
    assert_int_equal(entry->from, AKS_SECRET_ENV);
    assert_string_equal(entry->where, "MY_TOKEN");
    assert_int_equal(entry->host_count, 3);
    assert_string_equal(entry->hosts[0], "h");
    assert_string_equal(entry->hosts[1], "127.0.0.1:8080");
    assert_string_equal(entry->hosts[2], "[::1]:9");
    assert_string_equal(list.entries[1].name, "b");
    assert_int_equal(list.entries[1].host_count, 1);
    assert_string_equal(list.entries[1].hosts[0], "b.example:443");
    assert_string_equal(list.entries[2].where, "pass show 'my akosha'");
    assert_null(aks_secret_list_find(&list, "a"));
    aks_secret_list_fini(&list);
}

static void
a_name_is_given_once_unless_it_is_meant(void **state)
{
    struct secret_place *place = *state;
    const char *hosts[] = { HOST };
    struct aks_secret_entry entry = { "x", AKS_SECRET_ENV, "SECOND_TOKEN", hosts, 1 };
    struct aks_error err;

    secret_place_add(place, "x", AKS_SECRET_ENV, "FIRST_TOKEN", HOST);
    assert_int_equal(secret_place_try(place, &entry, false, &err), AKS_CONFLICT);
    secret_says(&err, AKS_CONFLICT, "there is a secret x already", "--force");
    secret_place_set(place, "FIRST_TOKEN", "one");
    secret_place_set(place, "SECOND_TOKEN", "two");
    secret_found(place, "x", "one");
    assert_int_equal(secret_place_try(place, &entry, true, &err), AKS_OK);
    secret_found(place, "x", "two");
}

/* { what of an entry cannot be, what is said } */
static void
what_cannot_be_is_not_kept(void **state)
{
    struct secret_place *place = *state;
    const char *one[] = { HOST };
    static char long_name[65];
    static char long_where[AKS_SECRET_WHERE_BYTES_MAX + 2];
    const struct {
        const char *name;
        enum aks_secret_from from;
        const char *where;
        const char *host;
        const char *says;
    } cases[] = {
        { "", AKS_SECRET_ENV, "T_TOKEN", HOST, "a secret's name has 1 to 63 letters" },
        { "a b", AKS_SECRET_ENV, "T_TOKEN", HOST, "a secret's name has" },
        { "../x", AKS_SECRET_ENV, "T_TOKEN", HOST, "a secret's name has" },
        { "\xc3\xa4", AKS_SECRET_ENV, "T_TOKEN", HOST, "a secret's name has" },
        { long_name, AKS_SECRET_ENV, "T_TOKEN", HOST, "a secret's name has" },
        { "x", AKS_SECRET_ENV, "", HOST, "env has 1 to 4095 bytes" },
        { "x", AKS_SECRET_ENV, "A TOKEN", HOST, "that is no name of a variable" },
        { "x", AKS_SECRET_ENV, "1TOKEN", HOST, "that is no name of a variable" },
        { "x", AKS_SECRET_ENV, "TOKEN=" PLANTED, HOST, "that is no name of a variable" },
        { "x", AKS_SECRET_ENV, "AKOSHA_AUTH", HOST, "every policy may read the variable" },
        { "x", AKS_SECRET_ENV, "HOME", HOST, "every policy may read the variable" },
        { "x", AKS_SECRET_FILE, "keys/x", HOST, "not absolute" },
        { "x", AKS_SECRET_FILE, long_where, HOST, "file has 1 to 4095 bytes" },
        { "x", AKS_SECRET_COMMAND, "pass\nshow", HOST, "a control character" },
        { "x", AKS_SECRET_COMMAND, "  ", HOST, "its command names no program" },
        { "x", AKS_SECRET_COMMAND, "pass 'a", HOST, "a quote that is not closed" },
        { "x", AKS_SECRET_COMMAND, "pass a | head -1", HOST, "only a shell understands" },
        { "x", AKS_SECRET_COMMAND, "echo $TOKEN", HOST, "only a shell understands" },
        { "x", AKS_SECRET_ENV, "T_TOKEN", NULL, "1 to 16 hosts" },
        { "x", AKS_SECRET_ENV, "T_TOKEN", "", "a host is HOST or HOST:PORT" },
        { "x", AKS_SECRET_ENV, "T_TOKEN", "*", "a host is HOST or HOST:PORT" },
        { "x", AKS_SECRET_ENV, "T_TOKEN", "*.example", "a host is HOST or HOST:PORT" },
        { "x", AKS_SECRET_ENV, "T_TOKEN", "https://h", "a host is HOST or HOST:PORT" },
        { "x", AKS_SECRET_ENV, "T_TOKEN", "h/upload", "a host is HOST or HOST:PORT" },
        { "x", AKS_SECRET_ENV, "T_TOKEN", "me:" PLANTED "@h", "a host is HOST or HOST:PORT" },
        { "x", AKS_SECRET_ENV, "T_TOKEN", "h:0", "a host is HOST or HOST:PORT" },
        { "x", AKS_SECRET_ENV, "T_TOKEN", "h:65536", "a host is HOST or HOST:PORT" },
        { "x", AKS_SECRET_ENV, "T_TOKEN", "h h", "a host is HOST or HOST:PORT" },
        { "x", AKS_SECRET_ENV, "T_TOKEN", "127.1", "a host is HOST or HOST:PORT" },
    };

    memset(long_name, 'a', 64);
    memset(long_where, '/', sizeof(long_where) - 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aks_secret_entry entry = { cases[i].name, cases[i].from, cases[i].where, one,
            cases[i].host != NULL };
        struct aks_error err = { 0 };

        one[0] = cases[i].host;
        assert_int_equal(secret_place_try(place, &entry, true, &err), AKS_SETTINGS);
        secret_says(&err, AKS_SETTINGS, cases[i].says, NULL);
        assert_int_equal(access(place->path, F_OK), -1);
    }
}

static enum aks_status
remove_x(void *ctx, struct aks_secret_list *list, struct aks_error *err)
{
    return aks_secret_list_remove(list, "x", err);
}

static void
what_is_removed_is_gone_and_the_rest_stays(void **state)
{
    struct secret_place *place = *state;
    struct aks_error err;

    secret_place_set(place, "T_TOKEN", "t");
    assert_int_equal(aks_secret_store_change(&place->port, remove_x, NULL, &err), AKS_NOT_FOUND);
    secret_says(&err, AKS_NOT_FOUND, "there is no secret x", "secret list");
    secret_place_add(place, "x", AKS_SECRET_ENV, "T_TOKEN", HOST);
    secret_place_add(place, "y", AKS_SECRET_ENV, "T_TOKEN", HOST);
    assert_int_equal(aks_secret_store_change(&place->port, remove_x, NULL, &err), AKS_OK);
    err = secret_refused(place, "x");
    secret_says(&err, AKS_AUTH_MISSING, "there is no secret x on this machine",
        "akosha-sync secret add x --env VARIABLE --host " HOST);
    secret_found(place, "y", "t");
}

static void
there_is_an_end_to_them(void **state)
{
    const char *hosts[] = { "h" };
    struct aks_secret_list list;
    char name[AKS_SECRET_NAME_BYTES];
    struct aks_secret_entry entry = { name, AKS_SECRET_ENV, "T_TOKEN", hosts, 1 };
    struct aks_error err;
    struct aks_buf text;

    aks_secret_list_init(&list, aks_alloc_system());
    for (int i = 0; i < AKS_SECRETS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "s%03d", (i * 37) % AKS_SECRETS_MAX);
        assert_int_equal(aks_secret_list_add(&list, &entry, false, &err), AKS_OK);
    }
    for (size_t i = 1; i < list.count; i++)
        assert_true(strcmp(list.entries[i - 1].name, list.entries[i].name) < 0);
    assert_int_equal(aks_secret_list_add(&list, &entry, true, &err), AKS_OK);
    (void)snprintf(name, sizeof(name), "one-more");
    assert_int_equal(aks_secret_list_add(&list, &entry, true, &err), AKS_LIMIT);
    aks_buf_init(&text, aks_alloc_system(), 1000);
    assert_int_equal(aks_secret_json_write(&list, &text, &err), AKS_LIMIT);
    aks_buf_fini(&text);
    aks_secret_list_fini(&list);
}

/* --- the file --------------------------------------------------------------------------------- */

static void
a_file_that_others_can_read_or_write_is_refused(void **state)
{
    static const unsigned modes[] = { 0640, 0604, 0620, 0602, 0666 };
    struct secret_place *place = *state;
    char chmod_hint[SECRET_PLACE_PATH_BYTES + 20];
    struct aks_error err;

    secret_place_set(place, "T_TOKEN", "t");
    secret_place_add(place, "x", AKS_SECRET_ENV, "T_TOKEN", HOST);
    (void)snprintf(chmod_hint, sizeof(chmod_hint), "chmod 600 '%s'", place->path);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(chmod(place->path, modes[i]), 0);
        err = secret_refused(place, "x");
        secret_says(&err, AKS_FORBIDDEN, "by others", chmod_hint);
        assert_int_equal(aks_secret_store_change(&place->port, remove_x, NULL, &err),
            AKS_FORBIDDEN);
    }
    assert_int_equal(chmod(place->path, 0600), 0);
    secret_found(place, "x", "t");
}

static void
a_folder_that_others_can_write_to_is_refused(void **state)
{
    struct secret_place *place = *state;
    const char *hosts[] = { HOST };
    struct aks_secret_entry entry = { "x", AKS_SECRET_ENV, "T_TOKEN", hosts, 1 };
    char folder[SECRET_PLACE_PATH_BYTES];
    struct aks_error err;

    (void)snprintf(folder, sizeof(folder), "%s/akosha-sync", temp_folder_path(place->folder));
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(chmod(folder, 0770), 0);
    assert_int_equal(secret_place_try(place, &entry, false, &err), AKS_FORBIDDEN);
    secret_says(&err, AKS_FORBIDDEN, "can be written by others (mode 0770)", "chmod 700");
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(secret_place_try(place, &entry, false, &err), AKS_OK);
}

static void
a_file_that_is_not_ours_is_left_as_it_is(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        { "", "it is no JSON, from line 1" },
        { "{\n \"schema\": 1,\n \"secrets\": " PLANTED, "it is no JSON, from line 3" },
        { "[]", "it has no \"schema\"" },
        { "{\"schema\": 2, \"secrets\": {}}", "another version" },
        { "{\"schema\": 1}", "it has no \"secrets\"" },
        { "{\"schema\": 1, \"secrets\": {}, \"more\": 1}", "none of schema and secrets" },
        { "{\"schema\": 1, \"secrets\": {\"a b\": {}}}", "a name that none can have" },
        { "{\"schema\": 1, \"secrets\": {\"x\": \"" PLANTED "\"}}", "secret x: is no object" },
        { "{\"schema\": 1, \"secrets\": {\"x\": {\"hosts\": [\"h\"]}}}",
            "has none of env, file and command" },
        { "{\"schema\": 1, \"secrets\": {\"x\": {\"env\": \"T_TOKEN\", \"hosts\": []}}}",
            "1 to 16 hosts" },
        { "{\"schema\": 1, \"secrets\": {\"x\": {\"env\": \"T_TOKEN\"}}}", "1 to 16 hosts" },
        { "{\"schema\": 1, \"secrets\": {\"x\": {\"env\": \"A\", \"file\": \"/b\", \"hosts\": "
            "[\"h\"]}}}", "more than one of env, file and command" },
        { "{\"schema\": 1, \"secrets\": {\"x\": {\"value\": \"" PLANTED "\", \"hosts\": [\"h\"]}}}",
            "none of env, file, command and hosts" },
        { "{\"schema\": 1, \"secrets\": {\"x\": {\"env\": 1, \"hosts\": [\"h\"]}}}", "is no text" },
        { "{\"schema\": 1, \"secrets\": {\"x\": {\"env\": \"A\\u0000B\", \"hosts\": [\"h\"]}}}",
            "it is no JSON" },
        { "{\"schema\": 1, \"secrets\": {\"x\": {\"env\": \"A\", \"hosts\": [1]}}}",
            "a host is no text" },
        { "{\"schema\": 1, \"secrets\": {\"x\": {\"env\": \"A\", \"hosts\": \"h\"}}}",
            "hosts is no list" },
        { "{\"schema\": 1, \"secrets\": {\"x\": {\"env\": \"AKOSHA_X\", \"hosts\": [\"h\"]}}}",
            "every policy may read" },
        { "{\"schema\": 1, \"secrets\": {\"x\": {\"env\": \"A\", \"hosts\": [\"h\"]}, \"x\": "
            "{\"env\": \"A\", \"hosts\": [\"h\"]}}}", "it is no JSON" },
    };
    struct secret_place *place = *state;
    const char *hosts[] = { HOST };
    struct aks_secret_entry entry = { "new", AKS_SECRET_ENV, "T_TOKEN", hosts, 1 };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char after[1024] = "";
        struct aks_error err = { 0 };
        FILE *file;

        secret_place_json(place, cases[i].text, 0600);
        assert_int_equal(secret_place_try(place, &entry, true, &err), AKS_SETTINGS);
        secret_says(&err, AKS_SETTINGS, cases[i].says, NULL);
        assert_non_null(strstr(err.message, place->path));
        file = fopen(place->path, "r");
        assert_non_null(file);
        assert_int_equal(fread(after, 1, sizeof(after) - 1, file), strlen(cases[i].text));
        (void)fclose(file);
        assert_string_equal(after, cases[i].text);
    }
}

/* Whatever call fails, and whether or not any works afterwards: what was there is there, or what
 * was to be there. */
static void
a_change_that_fails_loses_nothing(void **state)
{
    struct secret_place *place = *state;
    const char *hosts[] = { HOST };
    struct aks_secret_entry entry = { "y", AKS_SECRET_ENV, "T_TOKEN", hosts, 1 };
    struct faulty_files faulty;
    int failures = 0;

    secret_place_set(place, "T_TOKEN", "t");
    faulty_files_init(&faulty, &aks_os_port(place->os)->files, AKS_NO_SPACE);
    for (int64_t at = 0; at < 100; at++) {
        struct aks_secret_list list;
        struct aks_error err;
        enum aks_status status;

        secret_place_json(place, "{\"schema\": 1, \"secrets\": {\"x\": {\"env\": \"T_TOKEN\", "
            "\"hosts\": [\"" HOST "\"]}}}", 0600);
        place->port.files = faulty.files;
        faulty_files_arm(&faulty, at / 2, at % 2 == 1);
        status = secret_place_try(place, &entry, true, &err);
        place->port.files = aks_os_port(place->os)->files;
        aks_secret_list_init(&list, aks_alloc_system());
        assert_int_equal(aks_secret_store_load(&place->port, &list, &err), AKS_OK);
        assert_non_null(aks_secret_list_find(&list, "x"));
        if (status == AKS_OK)
            assert_non_null(aks_secret_list_find(&list, "y"));
        aks_secret_list_fini(&list);
        failures += status != AKS_OK;
        if (faulty.seen <= at / 2)
            break;
        assert_true(at < 98);
    }
    assert_true(failures > 10);
    secret_found(place, "x", "t");
}

static void
a_variable_of_a_secret_is_not_for_policies(void **state)
{
    static const char *const allowed[] = { "MY_PROJECT", "PLAIN_NAME" };
    struct secret_place *place = *state;
    struct aks_policy_environment environment;
    struct aks_error err;

    secret_place_set(place, "PLAIN_NAME", PLANTED);
    secret_place_set(place, "MY_PROJECT", "p");
    assert_int_equal(aks_policy_environment_collect(&place->port, allowed, 2, &environment, &err),
        AKS_OK);
    assert_string_equal(aks_policy_environment_get(&environment, "PLAIN_NAME"), PLANTED);
    aks_policy_environment_fini(aks_alloc_system(), &environment);
    secret_place_add(place, "y", AKS_SECRET_FILE, "/PLAIN_NAME", HOST);
    secret_place_add(place, "x", AKS_SECRET_ENV, "PLAIN_NAME", HOST);
    assert_int_equal(aks_policy_environment_collect(&place->port, allowed, 2, &environment, &err),
        AKS_SETTINGS);
    secret_says(&err, AKS_SETTINGS, "cannot allow PLAIN_NAME to the policy: the secret x is kept in"
        " it", NULL);
    assert_int_equal(aks_policy_environment_collect(&place->port, allowed, 1, &environment, &err),
        AKS_OK);
    assert_null(aks_policy_environment_get(&environment, "PLAIN_NAME"));
    aks_policy_environment_fini(aks_alloc_system(), &environment);
}

static int
change_one(void *ctx, const struct aks_alloc *alloc)
{
    struct secret_place *place = ctx;
    const char *hosts[] = { HOST, "other" };
    struct aks_secret_entry entry = { "y", AKS_SECRET_ENV, "T_TOKEN", hosts, 2 };
    struct aks_error err;
    enum aks_status status;

    place->port.alloc = alloc;
    status = secret_place_try(place, &entry, true, &err);
    place->port.alloc = aks_alloc_system();
    return status != AKS_OK && strstr(err.message, "memory") == NULL && status != AKS_LIMIT;
}

static void
every_allocation_may_fail(void **state)
{
    struct secret_place *place = *state;

    secret_place_set(place, "T_TOKEN", PLANTED);
    secret_place_add(place, "x", AKS_SECRET_ENV, "T_TOKEN", HOST);
    failing_alloc_loop(change_one, place, 300);
}

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, secret_set_up, secret_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_is_added_is_there_for_the_next_process),
        CASE(a_name_is_given_once_unless_it_is_meant),
        CASE(what_cannot_be_is_not_kept),
        CASE(what_is_removed_is_gone_and_the_rest_stays),
        CASE(there_is_an_end_to_them),
        CASE(a_file_that_others_can_read_or_write_is_refused),
        CASE(a_folder_that_others_can_write_to_is_refused),
        CASE(a_file_that_is_not_ours_is_left_as_it_is),
        CASE(a_change_that_fails_loses_nothing),
        CASE(a_variable_of_a_secret_is_not_for_policies),
        CASE(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
