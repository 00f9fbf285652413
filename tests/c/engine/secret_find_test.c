#include "engine/secret_find.h"

#include "engine/secret_place.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define URL SECRET_PLACE_URL
#define HOST SECRET_PLACE_HOST
#define PLANTED SECRET_PLACE_PLANTED

/* --- where it may go -------------------------------------------------------------------------- */

static void
a_secret_goes_to_its_hosts_alone(void **state)
{
    static const struct {
        const char *host;
        const char *url;
        bool allowed;
    } cases[] = {
        { "h", "https://h", true },
        { "H", "https://h/path", true },
        { "h", "https://H:443/", true },
        { "h:443", "https://h", true },
        { "h", "https://h:8443", false },
        { "h:8443", "https://h:8443/x", true },
        { "h:8443", "https://h", false },
        { "h", "https://h.example", false },
        { "h.example", "https://h", false },
        { "example", "https://h.example", false },
        { "h.example", "https://evilh.example", false },
        { "localhost", "http://localhost/up", true },
        { "localhost:80", "http://localhost", true },
        { "localhost:443", "http://localhost", false },
        { "localhost", "http://127.0.0.1", false },
        { "127.0.0.1:8080", "http://127.0.0.1:8080", true },
        { "[::1]:8080", "http://[::1]:8080", true },
        { "[::1]", "https://[::1]", true },
        { "[::1]", "https://[::2]", false },
        { "a b.example h", "https://h", true },
    };
    struct secret_place *place = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aks_error err = { 0 };
        enum aks_status status;

        secret_place_add(place, "x", AKS_SECRET_ENV, "T_TOKEN", cases[i].host);
        status = aks_secret_check(&place->port, "x", cases[i].url, &err);
        if (status != (cases[i].allowed ? AKS_OK : AKS_FORBIDDEN))
            fail_msg("%s to %s: %s", cases[i].host, cases[i].url, err.message);
        if (!cases[i].allowed)
            secret_says(&err, AKS_FORBIDDEN, "secret x may not be sent to", "--force");
    }
}

static void
nothing_is_looked_up_for_another_host(void **state)
{
    struct secret_place *place = *state;
    char marker[SECRET_PLACE_PATH_BYTES];
    char command[SECRET_PLACE_PATH_BYTES + 20];
    struct aks_error err;

    (void)snprintf(marker, sizeof(marker), "%s/started", temp_folder_path(place->folder));
    (void)snprintf(command, sizeof(command), "touch %s", marker);
    secret_place_add(place, "x", AKS_SECRET_COMMAND, command, "elsewhere.example");
    err = secret_refused(place, "x");
    secret_says(&err, AKS_FORBIDDEN, "bound to elsewhere.example", "--command ... --host " HOST);
    assert_int_equal(access(marker, F_OK), -1);
    secret_place_add(place, "x", AKS_SECRET_COMMAND, command, HOST);
    err = secret_refused(place, "x");
    secret_says(&err, AKS_AUTH_MISSING, "secret x: its value is empty", NULL);
    assert_int_equal(access(marker, F_OK), 0);
}

/* --- its value -------------------------------------------------------------------------------- */

static void
a_value_comes_from_a_variable_a_file_or_a_program(void **state)
{
    struct secret_place *place = *state;
    char path[SECRET_PLACE_PATH_BYTES];
    char command[SECRET_PLACE_PATH_BYTES + 40];

    secret_place_set(place, "T_TOKEN", PLANTED);
    secret_place_add(place, "env", AKS_SECRET_ENV, "T_TOKEN", HOST);
    secret_found(place, "env", PLANTED);
    secret_place_file(place, "token", PLANTED "\n", 0600, path);
    secret_place_add(place, "file", AKS_SECRET_FILE, path, HOST);
    secret_found(place, "file", PLANTED);
    secret_place_file(place, "token", PLANTED "\r\n\n", 0400, path);
    secret_found(place, "file", PLANTED);
    (void)snprintf(command, sizeof(command), "cat '%s'", path);
    secret_place_add(place, "command", AKS_SECRET_COMMAND, command, HOST);
    secret_found(place, "command", PLANTED);
    secret_place_add(place, "shell", AKS_SECRET_COMMAND,
        "sh -c 'printf \"%s\" \"$1\" | tr a-z A-Z' \"it\\\"s\" a\\ b\"\\\\\"", HOST);
    {
        struct aks_error err = secret_refused(place, "shell");

        secret_says(&err, AKS_SETTINGS, "a blank or a character in it that no token has", NULL);
    }
    secret_place_add(place, "shell", AKS_SECRET_COMMAND,
        "sh -c 'printf \"%s\" \"$1\" | tr a-z A-Z' \"it\\\"s\" a\\\\b\"\\\\\"", HOST);
    secret_found(place, "shell", "A\\B\\");
}

static void
a_value_that_cannot_be_sent_is_refused(void **state)
{
    static char longest[AKS_SECRET_VALUE_BYTES_MAX + 2];
    static const char *const bad[] = { PLANTED "\nX-Other: 1", "a\rb", "a b", "Bearer " PLANTED,
        "a\tb", "\x7f", "\xc3\xa4" PLANTED };
    struct secret_place *place = *state;
    char path[SECRET_PLACE_PATH_BYTES];
    struct aks_error err;

    secret_place_file(place, "token", "", 0600, path);
    secret_place_add(place, "x", AKS_SECRET_FILE, path, HOST);
    err = secret_refused(place, "x");
    secret_says(&err, AKS_AUTH_MISSING, "secret x: its value is empty", NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        secret_place_file(place, "token", bad[i], 0600, path);
        err = secret_refused(place, "x");
        secret_says(&err, AKS_SETTINGS, "secret x: its value has a blank or a character", NULL);
    }
    memset(longest, 'a', AKS_SECRET_VALUE_BYTES_MAX);
    secret_place_file(place, "token", longest, 0600, path);
    secret_found(place, "x", longest);
    longest[AKS_SECRET_VALUE_BYTES_MAX] = 'a';
    secret_place_file(place, "token", longest, 0600, path);
    err = secret_refused(place, "x");
    secret_says(&err, AKS_SETTINGS, "longer than 4096 bytes", NULL);
    secret_place_set(place, "T_TOKEN", longest);
    secret_place_add(place, "x", AKS_SECRET_ENV, "T_TOKEN", HOST);
    err = secret_refused(place, "x");
    secret_says(&err, AKS_SETTINGS, "longer than 4096 bytes", NULL);
}

static void
a_value_that_is_not_there_says_where_it_should_be(void **state)
{
    struct secret_place *place = *state;
    char path[SECRET_PLACE_PATH_BYTES];
    char hint[SECRET_PLACE_PATH_BYTES + 20];
    struct aks_error err;

    secret_place_add(place, "env", AKS_SECRET_ENV, "T_TOKEN", HOST);
    err = secret_refused(place, "env");
    secret_says(&err, AKS_AUTH_MISSING, "secret env: its variable T_TOKEN is not set", NULL);
    secret_place_set(place, "T_TOKEN", "");
    err = secret_refused(place, "env");
    secret_says(&err, AKS_AUTH_MISSING, "secret env: its variable T_TOKEN is not set", NULL);
    secret_place_add(place, "file", AKS_SECRET_FILE, "/not/there", HOST);
    err = secret_refused(place, "file");
    secret_says(&err, AKS_AUTH_MISSING, "secret file: its file /not/there is not there", NULL);
    secret_place_add(place, "file", AKS_SECRET_FILE, temp_folder_path(place->folder), HOST);
    err = secret_refused(place, "file");
    secret_says(&err, AKS_SETTINGS, "is not a file", NULL);
    secret_place_file(place, "token", PLANTED, 0640, path);
    secret_place_add(place, "file", AKS_SECRET_FILE, path, HOST);
    (void)snprintf(hint, sizeof(hint), "chmod 600 '%s'", path);
    err = secret_refused(place, "file");
    secret_says(&err, AKS_FORBIDDEN, "can be read by others (mode 0640)", hint);
    secret_place_add(place, "command", AKS_SECRET_COMMAND, "akosha-no-such-program " PLANTED, HOST);
    err = secret_refused(place, "command");
    secret_says(&err, AKS_AUTH_MISSING, "secret command: its command: cannot run "
        "akosha-no-such-program: No such file", NULL);
    secret_place_add(place, "command", AKS_SECRET_COMMAND, "sh -c 'echo " PLANTED "; exit 3'",
        HOST);
    err = secret_refused(place, "command");
    secret_says(&err, AKS_AUTH_MISSING, "its command sh ended with exit code 3", NULL);
    secret_place_add(place, "command", AKS_SECRET_COMMAND, "sh -c 'yes " PLANTED "'", HOST);
    err = secret_refused(place, "command");
    secret_says(&err, AKS_AUTH_MISSING, "its command: sh wrote more than", NULL);
}

/* What the program gets of our variables. */
static void
a_program_gets_none_of_our_secrets(void **state)
{
    struct secret_place *place = *state;

    secret_place_set(place, "AWS_SECRET_ACCESS_KEY", PLANTED);
    secret_place_set(place, "OTHER_TOKEN", PLANTED);
    secret_place_set(place, "PLAIN_NAME", PLANTED);
    secret_place_set(place, "HOME", "/home/me");
    secret_place_set(place, "LC_ALL", "C");
    /* By its beginning it would pass. */
    secret_place_set(place, "LC_SECRET_TOKEN", PLANTED);
    secret_place_add(place, "x", AKS_SECRET_COMMAND,
        "sh -c 'env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= | cut -d= -f1 | sort | "
        "tr \"\\n\" ,'", HOST);
    secret_found(place, "x", "HOME,LC_ALL,PATH,XDG_CONFIG_HOME,");
}

static bool
at_once(void *ctx)
{
    return true;
}

static void
a_program_is_ended_when_nobody_waits_any_more(void **state)
{
    struct secret_place *place = *state;
    struct aks_secret *secret = NULL;
    struct aks_error err;

    secret_place_add(place, "x", AKS_SECRET_COMMAND, "sleep 3600", HOST);
    assert_int_equal(aks_secret_find(&place->port, "x", URL, "", at_once, NULL, &secret, &err),
        AKS_CANCELLED);
    assert_null(secret);
}

static int
find_all(void *ctx, const struct aks_alloc *alloc)
{
    struct secret_place *place = ctx;
    static const char *const names[] = { "env", "file", "command" };
    int bad = 0;

    place->port.alloc = alloc;
    for (size_t i = 0; i < 3; i++) {
        struct aks_secret *secret = NULL;
        struct aks_error err;
        enum aks_status status = aks_secret_find(&place->port, names[i], URL, "Bearer ", NULL,
            NULL, &secret, &err);

        if (status == AKS_OK)
            bad += strcmp(aks_secret_reveal(secret), "Bearer " PLANTED) != 0;
        else
            bad += strstr(err.message, "memory") == NULL && status != AKS_LIMIT;
        aks_secret_free(secret);
    }
    place->port.alloc = aks_alloc_system();
    return bad;
}

static void
every_allocation_may_fail(void **state)
{
    struct secret_place *place = *state;
    char path[SECRET_PLACE_PATH_BYTES];

    secret_place_set(place, "T_TOKEN", PLANTED);
    secret_place_file(place, "token", PLANTED "\n", 0600, path);
    secret_place_add(place, "env", AKS_SECRET_ENV, "T_TOKEN", HOST);
    secret_place_add(place, "file", AKS_SECRET_FILE, path, HOST);
    secret_place_add(place, "command", AKS_SECRET_COMMAND, "echo " PLANTED, HOST);
    failing_alloc_loop(find_all, place, 300);
}

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, secret_set_up, secret_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_secret_goes_to_its_hosts_alone),
        CASE(nothing_is_looked_up_for_another_host),
        CASE(a_value_comes_from_a_variable_a_file_or_a_program),
        CASE(a_value_that_cannot_be_sent_is_refused),
        CASE(a_value_that_is_not_there_says_where_it_should_be),
        CASE(a_program_gets_none_of_our_secrets),
        CASE(a_program_is_ended_when_nobody_waits_any_more),
        CASE(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
