#include "engine/put_server.h"
#include "engine/target_http_internal.h"
#include "engine/target_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE "https://files.example/up"
#define KEY TARGET_WORLD_FOLDER "reflection.duckdb.zst"
#define MANIFEST TARGET_WORLD_FOLDER "manifest.json"

struct http_place {
    struct target_world *world;     /* at.ctx leads here */
    struct put_server server;
};

static enum aks_status
read_server(void *ctx, const char *key, struct aks_buf *ret_data, struct aks_error *err)
{
    const struct http_place *place = ctx;
    const struct put_server_file *file = put_server_find(&place->server, key);

    if (file == NULL)
        return aks_error_set(err, AKS_NOT_FOUND, "the server has no %s", key);
    aks_buf_append(ret_data, file->data, file->len);
    return aks_buf_status(ret_data, key, err);
}

static int
set_up(void **state)
{
    static char url[] = BASE;
    struct http_place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    place->world = target_world_new(AKS_TARGET_HTTP);
    put_server_init(&place->server, BASE);
    place->world->target.url = url;
    place->world->port.http = place->server.http;
    place->world->deliver = put_server_deliver;
    place->world->deliver_ctx = &place->server;
    place->world->at.read = read_server;
    place->world->at.ctx = place;
    *state = &place->world->at;
    return 0;
}

static int
tear_down(void **state)
{
    const struct target_case *at = *state;
    struct http_place *place = at->ctx;

    target_world_free(place->world);
    put_server_fini(&place->server);
    free(place);
    return 0;
}

static struct http_place *
place_of(void **state)
{
    const struct target_case *at = *state;

    return at->ctx;
}

static void
an_object_is_one_put_and_one_look(void **state)
{
    struct http_place *place = place_of(state);
    struct target_drive drive;

    target_drive_begin(&drive, &place->world->at);
    for (int in_memory = 0; in_memory < 2; in_memory++) {
        place->server.log[0] = '\0';
        place->server.body_bytes = 0;
        assert_int_equal(target_drive_upload(&drive, KEY, 2500, in_memory == 1, NULL), AKS_OK);
        assert_string_equal(place->server.log, "PUT /" KEY "\nHEAD /" KEY "\n");
        assert_int_equal(place->server.body_bytes, 2500);
    }
    place->server.log[0] = '\0';
    assert_int_equal(target_drive_put(&drive, MANIFEST, "{}", true, NULL), AKS_OK);
    assert_string_equal(place->server.log, "PUT /" MANIFEST " create\nHEAD /" MANIFEST "\n");
    target_drive_end(&drive);
}

static void
the_times_are_those_of_an_upload_and_of_a_probe(void **state)
{
    struct http_place *place = place_of(state);
    const struct aks_http_request *last = &place->server.last;
    struct target_drive drive;

    place->world->options.probe_ms = 1000;
    target_drive_begin(&drive, &place->world->at);
    assert_int_equal(target_drive_put(&drive, KEY, "x", false, NULL), AKS_OK);
    assert_int_equal(last->connect_timeout_ms, 10000);
    assert_int_equal(last->stall_timeout_ms, 30000);
    assert_int_equal(last->answer_timeout_ms, 120000);
    assert_int_equal(target_drive_available(&drive, NULL), AKS_OK);
    assert_int_equal(last->connect_timeout_ms, 900);
    assert_int_equal(last->answer_timeout_ms, 900);
    target_drive_end(&drive);
}

static const char *
environment(void *ctx, const char *name)
{
    const char *const *pairs = ctx;

    for (size_t i = 0; pairs[i] != NULL; i += 2) {
        if (strcmp(pairs[i], name) == 0)
            return pairs[i + 1];
    }
    return NULL;
}

static void
certificates_are_the_targets_own_else_the_environments(void **state)
{
    static char own[] = "/own.pem";
    const char *pairs[] = { "SSL_CERT_FILE", "/ssl.pem", "CURL_CA_BUNDLE", "/curl.pem", NULL };
    static const char *const expected[] = { "/own.pem", "/ssl.pem", "/curl.pem", "" };
    struct http_place *place = place_of(state);
    struct target_drive drive;

    place->world->port.environment.get = environment;
    place->world->port.environment.ctx = pairs;
    place->world->target.ca_file = own;
    for (size_t i = 0; i < 4; i++) {
        if (i == 1)
            place->world->target.ca_file = NULL;
        if (i == 2)
            pairs[1] = "";
        if (i == 3)
            pairs[2] = NULL;
        target_drive_begin(&drive, &place->world->at);
        assert_int_equal(target_drive_available(&drive, NULL), AKS_OK);
        assert_string_equal(place->server.ca_file, expected[i]);
        target_drive_end(&drive);
    }
}

static void
an_address_that_is_none_is_refused(void **state)
{
    static const char *const urls[] = { "http://files.example/up", "ftp://files.example/up",
        "https://user:secret@files.example/up", "https://files.example/up?x=1", "" };
    struct http_place *place = place_of(state);
    struct aks_target *target = NULL;
    struct aks_error err;

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        place->world->target.url = strdup(urls[i]);
        assert_int_equal(aks_target_http.create(&place->world->options, &target, &err),
            AKS_SETTINGS);
        assert_non_null(strstr(err.message, "place"));
        assert_null(strstr(err.message, "secret"));
        free(place->world->target.url);
    }
    assert_null(target);
    assert_int_equal(place->server.requests, 0);
}

static void
keys_cannot_lead_out_of_the_address(void **state)
{
    static const char *const keys[] = { "../x", "a/../../x", "/x", "a//b", "a?b", "a%2fb", "a#b",
        "" };
    struct http_place *place = place_of(state);
    struct target_drive drive;
    struct aks_buf data;

    aks_buf_init(&data, aks_alloc_system(), 100);
    target_drive_begin(&drive, &place->world->at);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        assert_int_equal(target_drive_get(&drive, keys[i], &data, NULL), AKS_SETTINGS);
        assert_int_equal(target_drive_put(&drive, keys[i], "x", false, NULL), AKS_SETTINGS);
        assert_int_equal(target_drive_upload(&drive, keys[i], 1, false, NULL), AKS_SETTINGS);
    }
    assert_int_equal(place->server.requests, 0);
    target_drive_end(&drive);
    aks_buf_fini(&data);
}

/* The probe */

static void
whatever_speaks_http_is_available(void **state)
{
    static const struct {
        int status;
        enum aks_status means;
    } answers[] = { { 200, AKS_OK }, { 301, AKS_OK }, { 403, AKS_OK }, { 404, AKS_OK },
        { 405, AKS_OK }, { 401, AKS_AUTH_INVALID }, { 500, AKS_SERVER }, { 503, AKS_SERVER } };
    struct http_place *place = place_of(state);
    struct target_drive drive;
    struct aks_outcome outcome;

    target_drive_begin(&drive, &place->world->at);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        const struct put_server_fault faults[] = {
            { .method = "HEAD", .status = answers[i].status }, { .method = NULL } };

        place->server.faults = faults;
        assert_int_equal(target_drive_available(&drive, &outcome), answers[i].means);
        if (answers[i].means != AKS_OK)
            assert_int_equal(outcome.verdict, AKS_NEXT_TARGET);
        place->server.faults = NULL;
    }
    assert_non_null(strstr(place->server.log, "HEAD /\n"));
    target_drive_end(&drive);
}

static void
a_connection_that_fails_is_told_as_it_is(void **state)
{
    static const enum aks_status ways[] = { AKS_REFUSED, AKS_DNS, AKS_TLS, AKS_CONNECT_TIMEOUT };
    struct http_place *place = place_of(state);
    struct target_drive drive;
    struct aks_outcome outcome;

    target_drive_begin(&drive, &place->world->at);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        const struct put_server_fault faults[] = {
            { .method = "HEAD", .transport = ways[i] }, { .method = NULL } };

        place->server.faults = faults;
        assert_int_equal(target_drive_available(&drive, &outcome), ways[i]);
        assert_int_equal(outcome.verdict, AKS_NEXT_TARGET);
        place->server.faults = NULL;
    }
    target_drive_end(&drive);
}

static void
a_server_that_stays_silent_is_a_timeout(void **state)
{
    static const struct put_server_fault faults[] = {
        { .method = "HEAD", .silent = true }, { .method = NULL } };
    struct http_place *place = place_of(state);
    struct target_drive drive;
    struct aks_outcome outcome;

    place->world->options.probe_ms = 20;
    place->server.faults = faults;
    target_drive_begin(&drive, &place->world->at);
    assert_int_equal(target_drive_available(&drive, &outcome), AKS_TIMEOUT);
    assert_int_equal(outcome.verdict, AKS_NEXT_TARGET);
    assert_int_equal(place->server.cancelled, 1);
    target_drive_end(&drive);
}

/* After the PUT */

struct look {
    struct put_server_fault faults[3];
    enum aks_status means;
};

static void
a_put_is_believed_unless_a_look_contradicts(void **state)
{
    static const struct look looks[] = {
        { { { .method = "HEAD", .status = 405 } }, AKS_OK },
        { { { .method = "HEAD", .status = 501 } }, AKS_OK },
        { { { .method = "HEAD", .status = 403 } }, AKS_OK },
        { { { .method = "HEAD", .status = 500 } }, AKS_OK },
        { { { .method = "HEAD", .status = 200 } }, AKS_OK },
        { { { .method = "HEAD", .status = 200, .length = "nonsense" } }, AKS_OK },
        { { { .method = "HEAD", .transport = AKS_STALLED } }, AKS_OK },
        { { { .method = "HEAD", .status = 200, .length = "2499" },
            { .method = "HEAD", .status = 200, .length = "2500" } }, AKS_OK },
    };
    static const struct put_server_fault gone[] = { { .method = "HEAD", .status = 404 },
        { .method = NULL } };
    static const struct put_server_fault cut[] = {
        { .method = "HEAD", .status = 200, .length = "2499" }, { .method = NULL } };
    struct http_place *place = place_of(state);
    struct target_drive drive;
    struct aks_outcome outcome;

    target_drive_begin(&drive, &place->world->at);
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
        /* A fault for one PUT is spent before the PUT of the next try. */
        const struct put_server_fault *faults = looks[i].faults;

        place->server.faults = faults;
        assert_int_equal(target_drive_upload(&drive, KEY, 2500, false, &outcome), looks[i].means);
        assert_null(place->server.faults->method);
    }
    place->world->settings.retry.tries = 1;
    place->server.faults = gone;
    assert_int_equal(target_drive_upload(&drive, KEY, 2500, false, &outcome), AKS_BAD_REPLY);
    assert_int_equal(outcome.verdict, AKS_NEXT_TARGET);
    assert_non_null(strstr(outcome.error.message, "now says that it is not there"));
    place->server.faults = cut;
    assert_int_equal(target_drive_upload(&drive, KEY, 2500, false, &outcome), AKS_CORRUPT);
    assert_non_null(strstr(outcome.error.message, "2500 bytes were sent, and the server has 2499"));
    target_drive_end(&drive);
}

static void
a_server_that_takes_only_put_is_enough(void **state)
{
    struct http_place *place = place_of(state);
    struct target_drive drive;

    place->server.takes_only_put = true;
    target_drive_begin(&drive, &place->world->at);
    assert_int_equal(target_drive_available(&drive, NULL), AKS_OK);
    assert_int_equal(target_drive_upload(&drive, KEY, 2500, true, NULL), AKS_OK);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "{}", true, NULL), AKS_OK);
    target_drive_check(&drive, KEY, 2500);
    target_drive_end(&drive);
}

static void
what_fails_for_a_while_is_sent_again_whole(void **state)
{
    static const struct put_server_fault faults[] = {
        { .method = "PUT", .transport = AKS_STALLED },
        { .method = "PUT", .status = 503, .retry_after = "0" }, { .method = NULL } };
    struct http_place *place = place_of(state);
    struct target_drive drive;

    for (int in_memory = 0; in_memory < 2; in_memory++) {
        place->server.faults = faults;
        target_drive_begin(&drive, &place->world->at);
        assert_int_equal(target_drive_upload(&drive, KEY, 2500, in_memory == 1, NULL), AKS_OK);
        target_drive_check(&drive, KEY, 2500);
        assert_null(place->server.faults->method);
        target_drive_end(&drive);
    }
}

static void
what_will_not_get_better_is_not_sent_again(void **state)
{
    static const struct {
        int status;
        enum aks_status means;
    } answers[] = { { 401, AKS_AUTH_INVALID }, { 403, AKS_FORBIDDEN }, { 404, AKS_NOT_FOUND },
        { 409, AKS_CONFLICT }, { 413, AKS_TOO_LARGE }, { 405, AKS_SETTINGS } };
    struct http_place *place = place_of(state);
    struct target_drive drive;
    struct aks_outcome outcome;

    target_drive_begin(&drive, &place->world->at);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        const struct put_server_fault faults[] = {
            { .method = "PUT", .status = answers[i].status }, { .method = NULL } };

        place->server.faults = faults;
        place->server.requests = 0;
        assert_int_equal(target_drive_upload(&drive, KEY, 2500, false, &outcome),
            answers[i].means);
        /* Nothing to start over: the upload has no state of its own on the other side. */
        assert_int_equal(outcome.verdict, AKS_NEXT_TARGET);
        assert_int_equal(outcome.http_status, answers[i].status);
        assert_int_equal(place->server.requests, 1);
        place->server.faults = NULL;
    }
    target_drive_end(&drive);
}

static void
redirects_are_failures_and_not_followed(void **state)
{
    static const struct put_server_fault faults[] = { { .method = "PUT", .status = 307 },
        { .method = NULL } };
    struct http_place *place = place_of(state);
    struct target_drive drive;
    struct aks_outcome outcome;

    place->world->settings.retry.tries = 1;
    place->server.faults = faults;
    target_drive_begin(&drive, &place->world->at);
    assert_int_not_equal(target_drive_upload(&drive, KEY, 2500, false, &outcome), AKS_OK);
    assert_int_equal(outcome.http_status, 307);
    assert_int_equal(place->server.requests, 1);
    assert_non_null(strstr(outcome.error.message, "redirect"));
    target_drive_end(&drive);
}

/* The first PUT made it and only its answer was lost: the second is told that it is there. */
static void
an_own_lost_answer_is_recognised(void **state)
{
    static const struct put_server_fault faults[] = {
        { .method = "PUT", .transport = AKS_STALLED, .takes_effect = true }, { .method = NULL } };
    struct http_place *place = place_of(state);
    struct target_drive drive;
    struct aks_outcome outcome;

    target_drive_begin(&drive, &place->world->at);
    place->server.faults = faults;
    assert_int_equal(target_drive_put(&drive, MANIFEST, "{\"a\": 1}", true, NULL), AKS_OK);
    assert_string_equal(place->server.log, "PUT /" MANIFEST " create\nPUT /" MANIFEST " create\n"
        "GET /" MANIFEST "\n");
    put_server_keep(&place->server, MANIFEST, "{\"b\": 1}", 8);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "{\"a\": 1}", true, &outcome),
        AKS_CONFLICT);
    assert_string_equal(outcome.error.message, "PUT of " MANIFEST " to place: it is there already");
    put_server_keep(&place->server, MANIFEST, "{\"a\": 1}, and a good deal more", 31);
    assert_int_equal(target_drive_put(&drive, MANIFEST, "{\"a\": 1}", true, NULL), AKS_CONFLICT);
    target_drive_end(&drive);
}

static void
a_server_that_ignores_conditions_is_taken_as_it_is(void **state)
{
    struct http_place *place = place_of(state);

    place->server.ignores_conditions = true;
    place->world->at.create_only_holds = false;
    target_does_not_replace_what_is_only_to_be_created(state);
}

/* Scratch */

static enum aks_status
no_space(struct aks_file *file, int64_t offset, const void *data, size_t len,
    struct aks_error *err)
{
    return aks_error_set(err, AKS_NO_SPACE, "cannot write: the disk is full");
}

static void
no_room_for_a_compressed_copy_is_told_and_raw_data_needs_none(void **state)
{
    struct http_place *place = place_of(state);
    struct target_drive drive;
    struct aks_outcome outcome;

    place->world->port.files.write = no_space;
    target_drive_begin(&drive, &place->world->at);
    assert_int_equal(target_drive_upload(&drive, KEY, 2500, true, &outcome), AKS_NO_SPACE);
    assert_string_equal(outcome.error.message, "cannot keep a copy of " KEY " for target place: "
        "cannot write: the disk is full");
    assert_non_null(strstr(outcome.error.hint, "uncompressed data needs no copy"));
    assert_int_equal(place->server.requests, 0);
    assert_int_equal(target_drive_upload(&drive, KEY, 2500, false, NULL), AKS_OK);
    target_drive_end(&drive);
}

static enum aks_status
count_name(void *ctx, const char *name, struct aks_error *err)
{
    unsigned *count = ctx;

    (*count)++;
    return AKS_OK;
}

static void
a_compressed_copy_has_no_name(void **state)
{
    struct http_place *place = place_of(state);
    const struct aks_files *files = &place->world->port.files;
    struct target_drive drive;
    struct target_upload upload;
    unsigned names = 0;

    target_drive_begin(&drive, &place->world->at);
    target_upload_open(&upload, &drive, KEY, 2500, true);
    target_upload_send(&upload, 1, target_drive_done);
    assert_int_equal(target_drive_wait(&upload.calls[1]), AKS_OK);
    assert_int_equal(files->list(files->ctx, place->world->options.scratch_folder, count_name,
        &names, NULL), AKS_OK);
    assert_int_equal(names, 0);
    target_upload_end(&upload);
    target_drive_end(&drive);
}

/* A PUT that was broken off may have got through. */
static void
aborting_tells_whether_something_may_be_left(void **state)
{
    static const struct {
        struct put_server_fault faults[3];
        enum aks_status finish;
        enum aks_status abort;
    } ways[] = {
        { { { .method = "PUT", .status = 403 } }, AKS_FORBIDDEN, AKS_OK },
        { { { .method = "PUT", .status = 500 }, { .method = "PUT", .status = 403 } },
            AKS_FORBIDDEN, AKS_OK },
        { { { .method = "PUT", .transport = AKS_STALLED }, { .method = "PUT", .status = 403 } },
            AKS_FORBIDDEN, AKS_BAD_REPLY },
        { { { .method = "PUT", .transport = AKS_TLS } }, AKS_TLS, AKS_BAD_REPLY },
    };
    struct http_place *place = place_of(state);
    struct target_drive drive;
    struct target_upload upload;
    struct aks_outcome outcome;

    target_drive_begin(&drive, &place->world->at);
    target_upload_open(&upload, &drive, KEY, 100, false);
    target_upload_send(&upload, 0, target_drive_done);
    assert_int_equal(target_drive_wait(&upload.calls[0]), AKS_OK);
    assert_int_equal(target_upload_abort(&upload), AKS_OK);
    target_upload_end(&upload);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        place->server.faults = ways[i].faults;
        target_upload_open(&upload, &drive, KEY, 100, false);
        target_upload_send(&upload, 0, target_drive_done);
        assert_int_equal(target_drive_wait(&upload.calls[0]), AKS_OK);
        assert_int_equal(target_upload_finish(&upload, &outcome), ways[i].finish);
        assert_int_equal(target_upload_abort(&upload), ways[i].abort);
        target_upload_end(&upload);
    }
    target_drive_end(&drive);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TARGET_CONFORMANCE_TESTS(set_up, tear_down),
        TARGET_CONFORMANCE_TEST(an_object_is_one_put_and_one_look, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(the_times_are_those_of_an_upload_and_of_a_probe, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(certificates_are_the_targets_own_else_the_environments, set_up,
            tear_down),
        TARGET_CONFORMANCE_TEST(an_address_that_is_none_is_refused, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(keys_cannot_lead_out_of_the_address, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(whatever_speaks_http_is_available, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(a_connection_that_fails_is_told_as_it_is, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(a_server_that_stays_silent_is_a_timeout, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(a_put_is_believed_unless_a_look_contradicts, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(a_server_that_takes_only_put_is_enough, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(what_fails_for_a_while_is_sent_again_whole, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(what_will_not_get_better_is_not_sent_again, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(redirects_are_failures_and_not_followed, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(an_own_lost_answer_is_recognised, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(a_server_that_ignores_conditions_is_taken_as_it_is, set_up,
            tear_down),
        TARGET_CONFORMANCE_TEST(no_room_for_a_compressed_copy_is_told_and_raw_data_needs_none,
            set_up, tear_down),
        TARGET_CONFORMANCE_TEST(a_compressed_copy_has_no_name, set_up, tear_down),
        TARGET_CONFORMANCE_TEST(aborting_tells_whether_something_may_be_left, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("target_http", tests, NULL, NULL);
}
