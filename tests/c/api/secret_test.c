/* Secrets as an embedder names them: where the value is and where it may go, never the value. */
#include "akosha/akosha.h"

#include "api_place.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define ROUNDS_MAX 5000
#define PLANTED "planted-value-of-this-test"

static const char *const hosts[] = { "akosha.example:8682", "other.example" };

struct listed {
    char text[4096];                    /* "NAME FROM WHERE HOSTS found|MISSING\n" each */
    char hint[512];
};

static void
note(void *ctx, const struct akosha_secret *secret)
{
    struct listed *listed = ctx;
    size_t len = strlen(listed->text);

    (void)snprintf(listed->text + len, sizeof(listed->text) - len, "%s %d %s %zu %s\n",
        secret->name, (int)secret->from, secret->where, secret->host_count,
        secret->found ? "found" : secret->missing);
    (void)snprintf(listed->hint, sizeof(listed->hint), "%s", secret->hint);
}

static int
list(struct api_place *place, struct listed *listed)
{
    memset(listed, 0, sizeof(*listed));
    return akosha_secret_each(place->options.port, note, listed, &place->error);
}

/* ${missing}: why its value is not to be had, or "". */
static int
add(struct api_place *place, const char *name, enum akosha_secret_from from, const char *where,
    bool replace, struct akosha_error *missing)
{
    const struct akosha_secret secret = { .name = name, .from = from, .where = where,
        .hosts = hosts, .host_count = 2 };

    memset(missing, 0, sizeof(*missing));
    return akosha_secret_add(place->options.port, place->options.state_folder, &secret, replace,
        missing, &place->error);
}

static int
remove_one(struct api_place *place, const char *name)
{
    return akosha_secret_remove(place->options.port, place->options.state_folder, name,
        &place->error);
}

static void
assert_audit(struct api_place *place, const char *record)
{
    char *log = temp_folder_read(place->folder, "state/audit.jsonl", NULL);

    if (strstr(log, record) == NULL)
        fail_msg("%s is not in %s", record, log);
    assert_null(strstr(log, PLANTED));
    free(log);
}

static void
secret_is_named_replaced_and_removed(void **state)
{
    struct api_place *place = *state;
    struct akosha_error missing;
    struct listed listed;
    char *kept;

    place->variables[0] = "THE_TOKEN=" PLANTED;
    assert_int_equal(list(place, &listed), AKOSHA_OK);
    assert_string_equal(listed.text, "");
    assert_int_equal(add(place, "token", AKOSHA_SECRET_ENV, "THE_TOKEN", false, &missing),
        AKOSHA_OK);
    assert_int_equal(missing.code, AKOSHA_OK);
    assert_string_equal(missing.message, "");
    assert_audit(place, "\"secret_added\"");
    assert_int_equal(list(place, &listed), AKOSHA_OK);
    assert_string_equal(listed.text, "token 0 THE_TOKEN 2 found\n");
    /* What is there stays unless it is said that it may go. */
    assert_int_equal(add(place, "token", AKOSHA_SECRET_ENV, "ANOTHER", false, &missing),
        AKOSHA_USAGE);
    assert_non_null(strstr(place->error.message, "token"));
    assert_int_equal(add(place, "token", AKOSHA_SECRET_ENV, "ANOTHER", true, &missing), AKOSHA_OK);
    assert_int_equal(missing.code, AKOSHA_REFUSED);
    assert_non_null(strstr(missing.message, "ANOTHER"));
    assert_int_equal(list(place, &listed), AKOSHA_OK);
    assert_non_null(strstr(listed.text, "token 0 ANOTHER 2 "));
    assert_null(strstr(listed.text, "found\n"));
    kept = temp_folder_read(place->folder, ".config/akosha-sync/secrets.json", NULL);
    assert_null(strstr(kept, PLANTED));
    free(kept);
    assert_int_equal(remove_one(place, "token"), AKOSHA_OK);
    assert_audit(place, "\"secret_removed\"");
    assert_int_equal(remove_one(place, "token"), AKOSHA_USAGE);
    assert_non_null(strstr(place->error.message, "token"));
    assert_int_equal(list(place, &listed), AKOSHA_OK);
    assert_string_equal(listed.text, "");
}

static void
path_of_a_secret_is_absolute_from_then_on(void **state)
{
    struct api_place *place = *state;
    struct akosha_error missing;
    struct listed listed;
    const char *path = temp_folder_write(place->folder, "token", PLANTED "\n",
        strlen(PLANTED "\n"));
    static const char *const ways[] = { "token", "~/token", NULL };

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(add(place, "token", AKOSHA_SECRET_FILE,
            ways[i] != NULL ? ways[i] : path, true, &missing), AKOSHA_OK);
        assert_int_equal(missing.code, AKOSHA_OK);
        assert_int_equal(list(place, &listed), AKOSHA_OK);
        assert_non_null(strstr(listed.text, path));
        assert_non_null(strstr(listed.text, "found\n"));
    }
}

static void
file_that_others_read_is_no_secret(void **state)
{
    struct api_place *place = *state;
    struct akosha_error missing;
    struct listed listed;
    const char *path = temp_folder_write(place->folder, "token", PLANTED, strlen(PLANTED));

    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(add(place, "token", AKOSHA_SECRET_FILE, path, false, &missing),
        AKOSHA_REFUSED);
    assert_string_equal(place->error.failure, "forbidden");
    assert_non_null(strstr(place->error.hint, "chmod"));
    assert_int_equal(list(place, &listed), AKOSHA_OK);
    assert_string_equal(listed.text, "");
    /* One that is not there may come. */
    assert_int_equal(add(place, "token", AKOSHA_SECRET_FILE, "later", false, &missing), AKOSHA_OK);
    assert_int_not_equal(missing.code, AKOSHA_OK);
    assert_non_null(strstr(missing.message, "later"));
}

/* It could do anything: it is asked when its value is wanted, not to name it. */
static void
command_is_not_asked_when_it_is_named(void **state)
{
    struct api_place *place = *state;
    struct akosha_error missing;
    struct listed listed;
    char command[API_PLACE_TEXT_BYTES];

    (void)snprintf(command, sizeof(command), "sh -c 'touch %s/asked; echo " PLANTED "'",
        temp_folder_path(place->folder));
    assert_int_equal(add(place, "token", AKOSHA_SECRET_COMMAND, command, false, &missing),
        AKOSHA_OK);
    assert_int_equal(missing.code, AKOSHA_OK);
    assert_false(api_place_exists(place, "asked"));
    assert_int_equal(list(place, &listed), AKOSHA_OK);
    assert_non_null(strstr(listed.text, "found\n"));
    assert_true(api_place_exists(place, "asked"));
    assert_null(strstr(listed.text, "2 " PLANTED));
}

static void
what_is_no_secret_is_an_argument_that_is_wrong(void **state)
{
    static const struct {
        const char *name;
        const char *where;
        const char *host;
    } wrong[] = { { "", "THE_TOKEN", "h" }, { "a b", "THE_TOKEN", "h" },
        { "token", "", "h" }, { "token", "THE_TOKEN", "h/path" }, { "token", "THE_TOKEN", "*" } };
    struct api_place *place = *state;
    struct akosha_error missing;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct akosha_secret secret = { .name = wrong[i].name, .where = wrong[i].where,
            .hosts = &wrong[i].host, .host_count = 1 };

        if (akosha_secret_add(place->options.port, place->options.state_folder, &secret, false,
            &missing, &place->error) != AKOSHA_USAGE)
            fail_msg("%s, %s, %s: %d %s", wrong[i].name, wrong[i].where, wrong[i].host,
                place->error.code, place->error.message);
        assert_true(place->error.message[0] != '\0');
    }
    assert_false(api_place_exists(place, ".config/akosha-sync/secrets.json"));
}

static void
list_that_others_may_change_is_not_believed(void **state)
{
    struct api_place *place = *state;
    struct akosha_error missing;
    struct listed listed;

    assert_int_equal(add(place, "token", AKOSHA_SECRET_ENV, "THE_TOKEN", false, &missing),
        AKOSHA_OK);
    assert_int_equal(chmod(temp_folder_join(place->folder, ".config/akosha-sync/secrets.json"),
        0666), 0);
    assert_int_equal(list(place, &listed), AKOSHA_REFUSED);
    assert_string_equal(listed.text, "");
    assert_int_equal(remove_one(place, "token"), AKOSHA_REFUSED);
    assert_non_null(strstr(place->error.message, "secrets.json"));
    (void)temp_folder_write(place->folder, ".config/akosha-sync/secrets.json", "[", 1);
    assert_int_equal(chmod(temp_folder_join(place->folder, ".config/akosha-sync/secrets.json"),
        0600), 0);
    assert_int_equal(list(place, &listed), AKOSHA_SETTINGS);
    assert_non_null(strstr(place->error.message, "secrets.json"));
}

/* It is there, and what should have told of it is not: a person must know. */
static void
change_that_cannot_be_noted_is_told(void **state)
{
    struct api_place *place = *state;
    struct akosha_error missing;
    struct listed listed;

    place->options.state_folder = temp_folder_join(place->folder, "a.txt/state");
    assert_int_equal(add(place, "token", AKOSHA_SECRET_ENV, "THE_TOKEN", false, &missing),
        AKOSHA_NOT_KEPT);
    assert_non_null(strstr(place->error.message, "it is done, and could not be noted"));
    assert_int_equal(list(place, &listed), AKOSHA_OK);
    assert_non_null(strstr(listed.text, "token"));
    place->working_folder = "";
    place->options.state_folder = "state";
    assert_int_equal(remove_one(place, "token"), AKOSHA_NOT_KEPT);
    assert_int_equal(list(place, &listed), AKOSHA_OK);
    assert_string_equal(listed.text, "");
}

static int
change(void *ctx, const struct aks_alloc *alloc)
{
    struct api_place *place = ctx;
    struct akosha_error missing;
    struct aks_os *os = NULL;
    struct listed listed;
    bool added;
    int bad = 0;

    if (aks_os_open(alloc, &os, NULL) != AKS_OK)
        return 0;
    api_place_use(place, os);
    added = add(place, "token", AKOSHA_SECRET_FILE, "token", true, &missing) == AKOSHA_OK;
    if (list(place, &listed) == AKOSHA_OK && added && strstr(listed.text, "token 1 ") == NULL)
        bad = 1;
    (void)remove_one(place, "token");
    aks_os_close(os);
    return bad;
}

static void
list_survives_any_allocation_that_fails(void **state)
{
    struct api_place *place = *state;

    (void)temp_folder_write(place->folder, "token", PLANTED, strlen(PLANTED));
    failing_alloc_loop(change, place, ROUNDS_MAX);
}

int
main(void)
{
#define API_TEST(test) cmocka_unit_test_setup_teardown(test, api_place_set_up, api_place_tear_down)
    const struct CMUnitTest tests[] = {
        API_TEST(secret_is_named_replaced_and_removed),
        API_TEST(path_of_a_secret_is_absolute_from_then_on),
        API_TEST(file_that_others_read_is_no_secret),
        API_TEST(command_is_not_asked_when_it_is_named),
        API_TEST(what_is_no_secret_is_an_argument_that_is_wrong),
        API_TEST(list_that_others_may_change_is_not_believed),
        API_TEST(change_that_cannot_be_noted_is_told),
        API_TEST(list_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
