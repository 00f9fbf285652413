/* What a call's process says to its server where there is nothing that it could say in full. */
#include "cli/mcp_answer.h"

#include "cli/mcp_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LOST "e{\"code\":-32603,\"message\":\"%s\"}\n"

struct place {
    int ends[2];
    char said[4096];
};

static int
set_up(void **state)
{
    static struct place place;

    memset(&place, 0, sizeof(place));
    assert_int_equal(pipe(place.ends), 0);
    *state = &place;
    return 0;
}

static int
tear_down(void **state)
{
    struct place *place = *state;

    (void)close(place->ends[0]);
    (void)close(place->ends[1]);
    return 0;
}

static const char *
said(struct place *place)
{
    ssize_t n = read(place->ends[0], place->said, sizeof(place->said) - 1);

    assert_true(n > 0);
    place->said[n] = '\0';
    return place->said;
}

/* Nothing leaves that nobody has looked through: not even what failed. */
static void
what_cannot_be_made_fit_to_leave_does_not(void **state)
{
    struct place *place = *state;
    struct aks_mcp_answer answer = { place->ends[1], NULL };
    struct akosha_error error = { AKOSHA_SETTINGS, "policy", "in /home/me/secret.lua", "" };
    char lost[128];

    (void)snprintf(lost, sizeof(lost), LOST, "what failed cannot be told: out of memory");
    aks_mcp_answer_failure(&answer, &error, true);
    assert_string_equal(said(place), lost);
    aks_mcp_answer_failure(&answer, &error, false);
    assert_string_equal(said(place), lost);
}

static void
a_document_that_cannot_leave_is_no_report(void **state)
{
    struct place *place = *state;
    struct aks_mcp_answer answer = { place->ends[1], NULL };
    struct akosha_report *report = NULL;
    struct akosha_error error = { 0 };

    assert_int_equal(aks_mcp_answer_leaves(&answer, json_pack("{s:s}", "home", "/home/me"),
        &report, &error), AKOSHA_NOT_KEPT);
    assert_null(report);
    assert_string_equal(error.failure, "internal");
    assert_string_equal(error.message, "out of memory");
    assert_int_equal(aks_mcp_answer_leaves(&answer, NULL, &report, &error), AKOSHA_NOT_KEPT);
    assert_null(report);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_cannot_be_made_fit_to_leave_does_not, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(a_document_that_cannot_leave_is_no_report, set_up,
            tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
