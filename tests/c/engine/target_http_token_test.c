/* An http target that wants a token, as far as its server can tell. */
#include "engine/put_server.h"
#include "engine/secret_place.h"
#include "engine/target_http_internal.h"
#include "engine/target_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BASE "https://files.example/up"
#define HOST "files.example"
#define KEY TARGET_WORLD_FOLDER "a.zst"
#define FIRST "planted/first+value+of+a+test"
#define SECOND "planted/second+value+of+a+test"

struct token_place {
    struct target_world *world;
    struct put_server server;
    struct secret_place secrets;
    char path[SECRET_PLACE_PATH_BYTES];     /* of the token's file */
    char log[4096];
    struct aks_log sink;
};

static void
keep_line(void *ctx, enum aks_log_level level, const char *text)
{
    struct token_place *place = ctx;
    size_t len = strlen(place->log);

    (void)snprintf(place->log + len, sizeof(place->log) - len, "%s\n", text);
}

static int
set_up(void **state)
{
    static char url[] = BASE;
    static char name[] = "akosha-token";
    struct token_place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    place->world = target_world_new(AKS_TARGET_HTTP);
    put_server_init(&place->server, BASE);
    secret_place_init(&place->secrets, aks_alloc_system());
    place->world->target.url = url;
    place->world->target.token = name;
    place->world->port.http = place->server.http;
    place->world->port.environment = place->secrets.port.environment;
    place->world->deliver = put_server_deliver;
    place->world->deliver_ctx = &place->server;
    place->sink = (struct aks_log) { keep_line, place, AKS_LOG_DEBUG };
    place->world->options.log = &place->sink;
    place->server.token = FIRST;
    secret_place_file(&place->secrets, "token", FIRST "\n", 0600, place->path);
    secret_place_add(&place->secrets, "akosha-token", AKS_SECRET_FILE, place->path, HOST);
    *state = place;
    return 0;
}

static int
tear_down(void **state)
{
    struct token_place *place = *state;

    assert_null(strstr(place->log, "planted"));
    target_world_free(place->world);
    put_server_fini(&place->server);
    secret_place_fini(&place->secrets);
    free(place);
    return 0;
}

static void
assert_failed(const struct aks_outcome *outcome, enum aks_status status, const char *message)
{
    assert_int_equal(outcome->status, status);
    if (strstr(outcome->error.message, message) == NULL)
        fail_msg("%s", outcome->error.message);
    assert_null(strstr(outcome->error.message, "planted"));
    assert_null(strstr(outcome->error.hint, "planted"));
}

static void
every_request_goes_with_the_token(void **state)
{
    struct token_place *place = *state;
    struct target_drive drive;
    struct aks_buf data;

    aks_buf_init(&data, aks_alloc_system(), 1000);
    target_drive_begin(&drive, &place->world->at);
    assert_int_equal(target_drive_available(&drive, NULL), AKS_OK);
    assert_int_equal(target_drive_upload(&drive, KEY, 2500, false, NULL), AKS_OK);
    assert_int_equal(target_drive_put(&drive, "a", "{}", true, NULL), AKS_OK);
    assert_int_equal(target_drive_get(&drive, "a", &data, NULL), AKS_OK);
    assert_int_equal(place->server.authorized, place->server.requests);
    assert_true(place->server.requests >= 6);
    target_drive_end(&drive);
    aks_buf_fini(&data);
}

static void
without_one_nothing_is_sent_along(void **state)
{
    struct token_place *place = *state;
    struct target_drive drive;

    place->world->target.token = NULL;
    place->server.token = NULL;     /* asserts that none comes */
    target_drive_begin(&drive, &place->world->at);
    assert_int_equal(target_drive_available(&drive, NULL), AKS_OK);
    assert_int_equal(target_drive_put(&drive, "a", "{}", true, NULL), AKS_OK);
    target_drive_end(&drive);
}

static enum aks_status
create(struct token_place *place, struct aks_error *err)
{
    struct aks_target *target = NULL;
    enum aks_status status = aks_target_http.create(&place->world->options, &target, err);

    if (status == AKS_OK)
        aks_target_http.free(target);
    assert_int_equal(place->server.requests, 0);
    return status;
}

static void
nothing_is_asked_of_a_host_that_it_is_not_bound_to(void **state)
{
    struct token_place *place = *state;
    struct aks_error err;

    secret_place_add(&place->secrets, "akosha-token", AKS_SECRET_FILE, place->path,
        "other.example");
    assert_int_equal(create(place, &err), AKS_FORBIDDEN);
    assert_string_equal(err.message, "cannot use target place: secret akosha-token may not be sent "
        "to files.example: it is bound to other.example");
    secret_place_json(&place->secrets, "{\"schema\": 1, \"secrets\": {}}", 0600);
    assert_int_equal(create(place, &err), AKS_AUTH_MISSING);
    assert_string_equal(err.hint, "akosha-sync secret add akosha-token --env VARIABLE --host "
        "files.example (or --file FILE, or --command COMMAND)");
}

/* Somebody may have bound it elsewhere since the target was made. */
static void
the_binding_is_looked_at_where_the_value_is(void **state)
{
    struct token_place *place = *state;
    struct aks_outcome outcome;
    struct target_drive drive;

    target_drive_begin(&drive, &place->world->at);
    secret_place_add(&place->secrets, "akosha-token", AKS_SECRET_FILE, place->path,
        "other.example");
    assert_int_equal(target_drive_available(&drive, &outcome), AKS_FORBIDDEN);
    assert_failed(&outcome, AKS_FORBIDDEN, "cannot use target place: secret akosha-token may not");
    assert_int_equal(place->server.requests, 0);
    target_drive_end(&drive);
}

static void
a_value_that_is_not_there_is_told_before_anything_is_sent(void **state)
{
    struct token_place *place = *state;
    struct aks_outcome outcome;
    struct target_drive drive;

    assert_int_equal(unlink(place->path), 0);
    target_drive_begin(&drive, &place->world->at);
    assert_int_equal(target_drive_available(&drive, &outcome), AKS_AUTH_MISSING);
    assert_failed(&outcome, AKS_AUTH_MISSING, "cannot use target place: secret akosha-token: its "
        "file");
    assert_int_equal(place->server.requests, 0);
    target_drive_end(&drive);
}

/* Called at a 401. */
static void
rotate(void *ctx)
{
    struct token_place *place = ctx;

    secret_place_file(&place->secrets, "token", SECOND "\n", 0600, place->path);
}

static void
a_token_that_was_renewed_is_read_again(void **state)
{
    struct token_place *place = *state;
    struct target_drive drive;

    place->server.refused = rotate;
    place->server.refused_ctx = place;
    target_drive_begin(&drive, &place->world->at);
    assert_int_equal(target_drive_available(&drive, NULL), AKS_OK);
    place->server.token = SECOND;
    assert_int_equal(target_drive_put(&drive, "a", "{}", true, NULL), AKS_OK);
    /* HEAD, a PUT that was refused, PUT, HEAD */
    assert_int_equal(place->server.requests, 4);
    assert_int_equal(place->server.authorized, 3);
    assert_non_null(strstr(place->log, "the secret akosha-token was read again"));
    target_drive_end(&drive);
}

static void
one_that_is_the_same_is_not_tried_again(void **state)
{
    struct token_place *place = *state;
    struct aks_outcome outcome;
    struct target_drive drive;

    place->server.token = "something else";
    target_drive_begin(&drive, &place->world->at);
    assert_int_equal(target_drive_available(&drive, &outcome), AKS_AUTH_INVALID);
    assert_failed(&outcome, AKS_AUTH_INVALID, "the server answers with HTTP 401 (auth_invalid)");
    assert_int_equal(outcome.http_status, 401);
    assert_false(outcome.corrected);
    assert_int_equal(place->server.requests, 1);
    target_drive_end(&drive);
}

static void
it_is_looked_for_once_more_and_no_more(void **state)
{
    struct token_place *place = *state;
    struct aks_outcome outcome;
    struct target_drive drive;

    place->server.token = "something else";
    place->server.refused = rotate;
    place->server.refused_ctx = place;
    target_drive_begin(&drive, &place->world->at);
    assert_int_equal(target_drive_available(&drive, &outcome), AKS_AUTH_INVALID);
    assert_int_equal(place->server.requests, 2);
    target_drive_end(&drive);
}

static void
what_is_forbidden_is_forbidden(void **state)
{
    static const struct put_server_fault faults[] = { { "PUT", .status = 403 },
        { .method = NULL } };
    struct token_place *place = *state;
    struct aks_outcome outcome;
    struct target_drive drive;

    place->server.faults = faults;
    target_drive_begin(&drive, &place->world->at);
    assert_int_equal(target_drive_put(&drive, "a", "{}", true, &outcome), AKS_FORBIDDEN);
    assert_int_equal(place->server.requests, 1);
    target_drive_end(&drive);
}

/* The server asserts that every request is for it. */
static void
a_redirect_is_not_followed(void **state)
{
    static const int statuses[] = { 301, 302, 303, 307, 308 };
    struct token_place *place = *state;

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        const struct put_server_fault away = { "PUT", .status = statuses[i],
            .location = "https://elsewhere.example/up/a" };
        const struct put_server_fault faults[] = { away, away, away,
            { .method = NULL } };
        struct aks_outcome outcome;
        struct target_drive drive;

        place->server.faults = faults;
        target_drive_begin(&drive, &place->world->at);
        assert_int_equal(target_drive_put(&drive, "a", "{}", true, &outcome), AKS_BAD_REPLY);
        assert_failed(&outcome, AKS_BAD_REPLY, "which is not followed");
        target_drive_end(&drive);
    }
}

static void
a_server_that_repeats_it_is_not_quoted(void **state)
{
    static const struct put_server_fault faults[] = { { "PUT", .status = 403 },
        { .method = NULL } };
    struct token_place *place = *state;
    struct aks_outcome outcome;
    struct target_drive drive;

    place->server.faults = faults;
    place->server.repeats_token = true;
    target_drive_begin(&drive, &place->world->at);
    assert_int_equal(target_drive_put(&drive, "a", "{}", true, &outcome), AKS_FORBIDDEN);
    assert_failed(&outcome, AKS_FORBIDDEN, "request [redacted])");
    target_drive_end(&drive);
}

/* The program would take an hour. */
static void
a_target_lets_go_of_a_program_that_is_asked(void **state)
{
    struct token_place *place = *state;
    struct target_call call = { 0 };
    struct target_drive drive;

    secret_place_add(&place->secrets, "akosha-token", AKS_SECRET_COMMAND, "sleep 3600", HOST);
    target_drive_begin(&drive, &place->world->at);
    call.drive = &drive;
    drive.inside = true;
    aks_target_http.available(drive.target, target_drive_done, &call);
    drive.inside = false;
    target_drive_turn(&drive, 3);
    target_drive_end(&drive);
    assert_int_equal(call.calls, 0);
    assert_int_equal(place->server.requests, 0);
}

static void
a_program_tells_the_token(void **state)
{
    struct token_place *place = *state;
    struct target_drive drive;

    secret_place_add(&place->secrets, "akosha-token", AKS_SECRET_COMMAND, "echo " FIRST, HOST);
    target_drive_begin(&drive, &place->world->at);
    assert_int_equal(target_drive_available(&drive, NULL), AKS_OK);
    assert_int_equal(place->server.authorized, 1);
    target_drive_end(&drive);
}

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(every_request_goes_with_the_token),
        CASE(without_one_nothing_is_sent_along),
        CASE(nothing_is_asked_of_a_host_that_it_is_not_bound_to),
        CASE(the_binding_is_looked_at_where_the_value_is),
        CASE(a_value_that_is_not_there_is_told_before_anything_is_sent),
        CASE(a_token_that_was_renewed_is_read_again),
        CASE(one_that_is_the_same_is_not_tried_again),
        CASE(it_is_looked_for_once_more_and_no_more),
        CASE(what_is_forbidden_is_forbidden),
        CASE(a_redirect_is_not_followed),
        CASE(a_server_that_repeats_it_is_not_quoted),
        CASE(a_target_lets_go_of_a_program_that_is_asked),
        CASE(a_program_tells_the_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
