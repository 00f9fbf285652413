/* Akosha as a target: what is asked of its server, and what each of its answers comes to. */
#include "engine/target_akosha_internal.h"

#include "support/failing_alloc.h"
#include "support/scripted_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
#define TURNS_MAX 1000

#define JSON "Content-Type: application/json\n"
#define SSE "Content-Type: text/event-stream\n"
#define SESSION "mcp-session-id: 0123abcd\n"
#define INIT "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\"," \
    "\"capabilities\":{},\"serverInfo\":{\"name\":\"akosha\",\"version\":\"1\"}}}"
#define ANSWER(id, value) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{\"content\":[]," \
    "\"structuredContent\":" value ",\"isError\":false}}"
#define COMPLETED "{\"status\":\"completed\",\"total\":2,\"stored\":2,\"failed\":0,\"errors\":[]}"
#define FAILED(id, text) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{\"content\":[{" \
    "\"type\":\"text\",\"text\":\"" text "\"}],\"isError\":true}}"

struct done {
    unsigned calls;
    struct aks_outcome outcome;
};

struct place {
    struct scripted_port scripted;
    struct aks_loop loop;
    struct aks_settings settings;
    struct aks_policy policy;
    struct aks_ask ask;
    struct aks_target_settings target_settings;
    struct aks_target_options options;
    struct aks_target *target;
    struct aks_store_memory memories[2];
    struct aks_rows_batch batch;
    struct aks_rows_result result;
    struct done done;
};

static void
begin(struct place *place, const struct aks_alloc *alloc)
{
    static char name[] = "akosha";
    static char url[] = "http://127.0.0.1:8682/mcp";

    memset(place, 0, sizeof(*place));
    scripted_port_init(&place->scripted, alloc);
    aks_settings_init(&place->settings, alloc);
    place->settings.retry.jitter = AKS_JITTER_NONE;
    place->policy.settings = &place->settings;
    aks_loop_init(&place->loop, &place->scripted.port);
    place->target_settings.name = name;
    place->target_settings.kind = AKS_TARGET_AKOSHA;
    place->target_settings.url = url;
    place->options.port = &place->scripted.port;
    place->options.loop = &place->loop;
    place->options.ask = &place->ask;
    place->options.settings = &place->target_settings;
    place->options.system_id = "laptop-7";
    place->options.probe_ms = AKS_PROBE_MS_DEFAULT;
    place->memories[0].id = "a";
    place->memories[1].id = "b";
    place->batch = (struct aks_rows_batch) { "{\"memory_id\":\"a\"},{\"memory_id\":\"b\"}", 35,
        place->memories, 2, "reflection.duckdb" };
}

static enum aks_status
create(struct place *place, struct aks_error *err)
{
    enum aks_status status = aks_ask_init(&place->ask, &place->loop, &place->policy, NULL, 1, err);

    return status != AKS_OK ? status
        : aks_target_akosha.create(&place->options, &place->target, err);
}

static void
end(struct place *place)
{
    if (place->target != NULL)
        aks_target_akosha.free(place->target);
    aks_ask_fini(&place->ask);
    aks_loop_fini(&place->loop);
    scripted_port_fini(&place->scripted);
}

static int
set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    begin(place, aks_alloc_system());
    assert_int_equal(create(place, NULL), AKS_OK);
    *state = place;
    return 0;
}

static int
tear_down(void **state)
{
    struct place *place = *state;

    scripted_port_done(&place->scripted);
    end(place);
    free(place);
    return 0;
}

static void
note_done(void *ctx, const struct aks_outcome *outcome)
{
    struct done *done = ctx;

    assert_int_equal(done->calls, 0);
    done->calls++;
    done->outcome = *outcome;
}

static enum aks_status
wait_for(struct place *place)
{
    for (unsigned i = 0; i < TURNS_MAX && place->done.calls == 0; i++)
        assert_int_equal(aks_loop_turn(&place->loop, NULL), AKS_OK);
    assert_int_equal(place->done.calls, 1);
    return place->done.outcome.status;
}

static enum aks_status
available(struct place *place)
{
    memset(&place->done, 0, sizeof(place->done));
    aks_target_akosha.available(place->target, note_done, &place->done);
    return wait_for(place);
}

static enum aks_status
push(struct place *place)
{
    memset(&place->done, 0, sizeof(place->done));
    aks_target_akosha.rows->push(place->target, &place->batch, &place->result, note_done,
        &place->done);
    return wait_for(place);
}

static void
leave(struct place *place)
{
    memset(&place->done, 0, sizeof(place->done));
    aks_target_akosha.rows->leave(place->target, 1000, note_done, &place->done);
    assert_int_equal(wait_for(place), AKS_OK);
}

static void
expect_session(struct place *place)
{
    scripted_expect(&place->scripted, "POST /mcp", 200, JSON SESSION, INIT);
    scripted_expect(&place->scripted, "POST /mcp", 202, SESSION, NULL);
}

static void
expect(struct place *place, int status, const char *headers, const char *body)
{
    scripted_expect(&place->scripted, "POST /mcp", status, headers, body);
}

static void
assert_message(const struct place *place, const char *words)
{
    if (strstr(place->done.outcome.error.message, words) == NULL)
        fail_msg("%s", place->done.outcome.error.message);
}

static void
batch_goes_by_a_session_of_its_own(void **state)
{
    struct place *place = *state;
    const struct scripted_request *requests = place->scripted.requests;

    expect_session(place);
    expect(place, 200, JSON, ANSWER("2", COMPLETED));
    expect(place, 200, JSON, ANSWER("3", COMPLETED));
    scripted_expect(&place->scripted, "DELETE /mcp", 200, NULL, NULL);
    assert_int_equal(push(place), AKS_OK);
    assert_int_equal(place->result.answer.stored, 2);
    assert_int_equal(push(place), AKS_OK);
    leave(place);
    leave(place);
    assert_string_equal(requests[0].headers, "Content-Type: application/json\n"
        "Accept: application/json, text/event-stream\n");
    assert_non_null(strstr(requests[0].body, "\"protocolVersion\":\"2025-06-18\""));
    assert_non_null(strstr(requests[1].body, "\"notifications/initialized\""));
    for (size_t i = 1; i < 4; i++) {
        assert_string_equal(scripted_header(&place->scripted, i, "mcp-session-id"), "0123abcd");
        assert_string_equal(scripted_header(&place->scripted, i, "mcp-protocol-version"),
            "2025-06-18");
    }
    assert_string_equal(requests[2].body, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\","
        "\"params\":{\"name\":\"batch_store_memories\",\"arguments\":{\"memories\":"
        "[{\"memory_id\":\"a\"},{\"memory_id\":\"b\"}]}}}");
    assert_string_equal(scripted_header(&place->scripted, 4, "mcp-session-id"), "0123abcd");
}

static void
answers_come_as_streams_too(void **state)
{
    struct place *place = *state;

    scripted_expect(&place->scripted, "POST /mcp", 200, SSE SESSION, ": ping\r\n\r\nid: 1\r\n"
        "data:\r\n\r\nevent: message\r\ndata: " INIT "\r\n\r\n");
    scripted_expect(&place->scripted, "POST /mcp", 202, NULL, NULL);
    expect(place, 200, "Content-Type: text/event-stream; charset=utf-8\n",
        "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n"
        "data: not json\n\ndata: " ANSWER("7", COMPLETED) "\n\ndata: " ANSWER("2", COMPLETED)
        "\n\n");
    assert_int_equal(push(place), AKS_OK);
    assert_int_equal(place->result.answer.stored, 2);
}

static void
duplicates_are_stored_and_others_refused(void **state)
{
    struct place *place = *state;

    expect_session(place);
    expect(place, 200, JSON, ANSWER("2", "{\"status\":\"failed\",\"total\":2,\"stored\":0,"
        "\"failed\":2,\"errors\":[{\"memory_id\":\"a\",\"error\":\"Constraint Error: Duplicate "
        "key\"},{\"memory_id\":\"b\",\"error\":\"Conversion Error: length 3\"}]}"));
    assert_int_equal(push(place), AKS_OK);
    assert_int_equal(place->result.answer.there, 1);
    assert_int_equal(place->memories[0].fate, AKS_STORE_THERE);
    assert_int_equal(place->memories[1].fate, AKS_STORE_REFUSED);
}

static void
session_that_has_ended_is_begun_anew_once(void **state)
{
    struct place *place = *state;

    expect_session(place);
    expect(place, 200, JSON, ANSWER("2", COMPLETED));
    assert_int_equal(push(place), AKS_OK);
    expect(place, 404, JSON, "{\"jsonrpc\":\"2.0\",\"id\":\"server-error\",\"error\":{\"code\":"
        "-32600,\"message\":\"Session not found\"}}");
    scripted_expect(&place->scripted, "POST /mcp", 200, JSON "mcp-session-id: second\n",
        "{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{\"protocolVersion\":\"2025-11-25\"}}");
    scripted_expect(&place->scripted, "POST /mcp", 202, NULL, NULL);
    expect(place, 200, JSON, ANSWER("5", COMPLETED));
    assert_int_equal(push(place), AKS_OK);
    assert_string_equal(scripted_header(&place->scripted, 6, "mcp-session-id"), "second");
    assert_string_equal(scripted_header(&place->scripted, 6, "mcp-protocol-version"),
        "2025-11-25");
    /* A server that keeps none is not asked for ever. */
    expect(place, 404, NULL, NULL);
    scripted_expect(&place->scripted, "POST /mcp", 200, JSON SESSION,
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"protocolVersion\":\"2025-06-18\"}}");
    scripted_expect(&place->scripted, "POST /mcp", 202, NULL, NULL);
    expect(place, 404, NULL, NULL);
    assert_int_equal(push(place), AKS_NOT_FOUND);
    assert_non_null(strstr(place->done.outcome.error.hint, "/mcp"));
}

static void
failures_are_told_at_each_of_four_levels(void **state)
{
    static const struct {
        int status;
        const char *headers;
        const char *body;
        enum aks_status outcome;
        const char *words;
    } cases[] = {
        { 401, NULL, NULL, AKS_AUTH_INVALID, "HTTP 401" },
        { 403, JSON, "{\"error\":\"no\"}", AKS_FORBIDDEN, "HTTP 403" },
        { 400, JSON, "{\"jsonrpc\":\"2.0\",\"id\":\"server-error\",\"error\":{\"code\":-32600,"
            "\"message\":\"Bad Request: no\"}}", AKS_SETTINGS, "Bad Request: no" },
        { 301, "Location: https://elsewhere.example/mcp\n", NULL, AKS_BAD_REPLY, "redirect" },
        { 200, JSON, FAILED("2", "Unknown tool: batch_store_memories"), AKS_SETTINGS,
            "does not offer" },
        { 200, JSON, "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32601,\"message\":"
            "\"Method not found\"}}", AKS_SETTINGS, "does not offer" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct place place;

        begin(&place, aks_alloc_system());
        place.settings.retry.tries = 1;
        assert_int_equal(create(&place, NULL), AKS_OK);
        expect_session(&place);
        expect(&place, cases[i].status, cases[i].headers, cases[i].body);
        if (push(&place) != cases[i].outcome)
            fail_msg("%zu: %s", i, place.done.outcome.error.message);
        assert_message(&place, cases[i].words);
        scripted_port_done(&place.scripted);
        end(&place);
    }
    (void)state;
}

static void
what_passes_is_tried_again(void **state)
{
    static const struct {
        int status;
        const char *headers;
        const char *body;
    } cases[] = {
        { 503, "Retry-After: 1\n", NULL },
        { 429, NULL, NULL },
        { 200, JSON, FAILED("2", "Error calling tool: connection lost") },
        { 200, JSON, "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32603,\"message\":"
            "\"Internal error\"}}" },
        { 200, JSON, ANSWER("9", COMPLETED) },
        { 200, SSE, ": ping\n\n" },
        { 200, "Content-Type: text/html\n", "<html>log in</html>" },
        { 200, JSON, ANSWER("2", "{\"status\":\"failed\",\"total\":2,\"stored\":0,\"failed\":2,"
            "\"error\":\"closed\"}") },
        { 200, JSON, ANSWER("2", "{\"status\":\"failed\",\"errors\":[{\"memory_id\":\"a\","
            "\"error\":\"IO Error\"},{\"memory_id\":\"b\",\"error\":\"IO Error\"}]}") },
        { 200, JSON, ANSWER("2", "{\"status\":\"completed\",\"total\":7}") },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct place place;

        begin(&place, aks_alloc_system());
        assert_int_equal(create(&place, NULL), AKS_OK);
        expect_session(&place);
        expect(&place, cases[i].status, cases[i].headers, cases[i].body);
        expect(&place, 200, JSON, ANSWER("3", COMPLETED));
        if (push(&place) != AKS_OK)
            fail_msg("%zu: %s", i, place.done.outcome.error.message);
        assert_int_equal(place.result.answer.stored, 2);
        scripted_port_done(&place.scripted);
        end(&place);
    }
    (void)state;
}

static void
batch_that_is_refused_for_what_is_in_it_is_given_back(void **state)
{
    struct place *place = *state;

    expect_session(place);
    expect(place, 413, NULL, NULL);
    assert_int_equal(push(place), AKS_OK);
    assert_true(place->result.refused && place->result.too_large);
    expect(place, 200, JSON, FAILED("3", "1 validation error for call"));
    assert_int_equal(push(place), AKS_OK);
    assert_true(place->result.refused && !place->result.too_large);
    assert_string_equal(place->result.words, "1 validation error for call");
    expect(place, 200, JSON, "{\"jsonrpc\":\"2.0\",\"id\":4,\"error\":{\"code\":-32602,"
        "\"message\":\"Invalid request parameters\"}}");
    assert_int_equal(push(place), AKS_OK);
    assert_true(place->result.refused);
}

#define TOKEN "planted-token-of-a-test"
#define TWENTY ".................... "
#define FILL TWENTY TWENTY TWENTY TWENTY TWENTY TWENTY TWENTY TWENTY TWENTY TWENTY

/* Whatever a server says, and with whatever status: its own words may repeat what it was sent. */
static void
answers_that_repeat_the_token_are_not_shown(void **state)
{
    static const char *const bodies[] = {
        FAILED("2", "IO Error at " TOKEN),
        FAILED("2", FILL "............IO Error at " TOKEN),         /* words are cut in its midst */
        FAILED("2", "1 validation error: " TOKEN),
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32602,\"message\":\"" TOKEN "\"}}",
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32603,\"message\":\"" TOKEN "\"}}",
        ANSWER("2", "{\"status\":\"failed\",\"error\":\"" TOKEN "\"}"),
        ANSWER("2", "{\"status\":\"partial\",\"errors\":[{\"memory_id\":\"b\","
            "\"error\":\"Conversion Error: plant\\u0065d-token-of-a-test\"}]}"),
        ANSWER("2", "{\"status\":\"failed\",\"errors\":[{\"memory_id\":\"a\",\"error\":\"" TOKEN
            "\"},{\"memory_id\":\"b\",\"error\":\"IO Error: " TOKEN "\"}]}"),
    };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct place place;
        char words[4096];

        begin(&place, aks_alloc_system());
        place.settings.retry.tries = 1;
        assert_int_equal(create(&place, NULL), AKS_OK);
        ((struct akosha_target *)place.target)->token = aks_secret_new(aks_alloc_system(),
            "Bearer ", TOKEN, strlen(TOKEN));
        expect_session(&place);
        expect(&place, 200, JSON, bodies[i]);
        (void)push(&place);
        (void)snprintf(words, sizeof(words), "%s|%s|%s|%s|%s", place.done.outcome.error.message,
            place.done.outcome.error.hint, place.result.words, place.memories[0].words,
            place.memories[1].words);
        if (strstr(words, "planted") != NULL)
            fail_msg("%zu: %s", i, words);
        if (strstr(words, "it repeats a secret") == NULL && strstr(words, "[redacted]") == NULL)
            fail_msg("%zu: it is not told why: %s", i, words);
        scripted_port_done(&place.scripted);
        end(&place);
    }
    (void)state;
}

static void
session_is_refused_in_words(void **state)
{
    struct place *place = *state;

    expect(place, 200, JSON, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1,\"message\":"
        "\"not now\"}}");
    assert_int_equal(push(place), AKS_SETTINGS);
    assert_message(place, "initialize of akosha: the server refuses a session: not now (-1)");
    /* One after the other: an unknown protocol, a session with a name that none may have, and a
     * server that wants no session at all. */
    expect(place, 200, JSON,
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"protocolVersion\":\"1999-01-01\"}}");
    expect(place, 200, JSON "mcp-session-id: a b\n",
        "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"protocolVersion\":\"2025-06-18\"}}");
    expect(place, 200, JSON,
        "{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{\"protocolVersion\":\"2025-06-18\"}}");
    expect(place, 202, NULL, NULL);
    expect(place, 200, JSON, ANSWER("5", COMPLETED));
    assert_int_equal(push(place), AKS_OK);
    assert_null(scripted_header(&place->scripted, place->scripted.request_count - 1,
        "mcp-session-id"));
    leave(place);
}

static void
probe_asks_for_health_beside_the_endpoint(void **state)
{
    struct place *place = *state;

    scripted_expect(&place->scripted, "GET /health", 200, JSON, "{\"status\":\"ok\"}");
    assert_int_equal(available(place), AKS_OK);
    assert_true(place->scripted.requests[0].connect_timeout_ms < AKS_PROBE_MS_DEFAULT);
    scripted_expect(&place->scripted, "GET /health", 404, NULL, NULL);
    assert_int_equal(available(place), AKS_OK);
    scripted_expect(&place->scripted, "GET /health", 503, NULL, NULL);
    assert_int_equal(available(place), AKS_SERVER);
    scripted_expect(&place->scripted, "GET /health", 200, NULL, NULL)->silent = true;
    assert_int_equal(available(place), AKS_TIMEOUT);
    scripted_fails(&place->scripted, "GET /health", AKS_REFUSED, AKS_HTTP_CONNECT);
    assert_int_equal(available(place), AKS_REFUSED);
}

static void
nothing_else_is_to_be_had(void **state)
{
    struct place *place = *state;
    const struct aks_target_class *class = &aks_target_akosha;
    struct aks_object_spec spec = { .key = "systems/a/b/c" };
    struct aks_target_object *object = NULL;
    struct aks_target_stat stat;
    struct aks_error err;
    struct aks_buf buf;
    char data[4];

    aks_buf_init(&buf, aks_alloc_system(), 10);
    assert_int_equal(class->open(place->target, &spec, &object, &err), AKS_SETTINGS);
    assert_string_equal(err.message, "target akosha takes memories, row by row, and holds no "
        "files");
    for (int i = 0; i < 6; i++) {
        memset(&place->done, 0, sizeof(place->done));
        if (i == 0)
            class->put(place->target, "a", "b", "c", 1, false, note_done, &place->done);
        else if (i == 1)
            class->get(place->target, "a", &buf, note_done, &place->done);
        else if (i == 2)
            class->list(place->target, "a/", NULL, NULL, note_done, &place->done);
        else if (i == 3)
            class->stat(place->target, "a", &stat, note_done, &place->done);
        else if (i == 4)
            class->get_range(place->target, "a", "", 0, data, 4, note_done, &place->done);
        else
            class->remove(place->target, "a", note_done, &place->done);
        assert_int_equal(place->done.calls, 0);
        assert_int_equal(wait_for(place), AKS_SETTINGS);
    }
    assert_false(class->can_list || class->markers || class->resumes);
    assert_true(aks_target_delivers_rows(AKS_TARGET_AKOSHA));
    assert_false(aks_target_delivers_rows(AKS_TARGET_DIR));
}

static void
leaving_ends_what_is_under_way(void **state)
{
    struct place *place = *state;

    expect_session(place);
    expect(place, 200, NULL, NULL);
    place->scripted.exchanges[2].silent = true;
    memset(&place->done, 0, sizeof(place->done));
    aks_target_akosha.rows->push(place->target, &place->batch, &place->result, note_done,
        &place->done);
    for (unsigned i = 0; i < TURNS_MAX && place->scripted.request_count < 3; i++)
        assert_int_equal(aks_loop_turn(&place->loop, NULL), AKS_OK);
    assert_int_equal(place->done.calls, 0);
    scripted_expect(&place->scripted, "DELETE /mcp", 405, NULL, NULL);
    leave(place);
    assert_int_equal(place->scripted.cancelled, 1);
}

static int
push_once(void *ctx, const struct aks_alloc *alloc)
{
    struct place place;

    begin(&place, alloc);
    if (create(&place, NULL) == AKS_OK) {
        expect_session(&place);
        expect(&place, 200, SSE, "data: " ANSWER("2", COMPLETED) "\n\n");
        scripted_expect(&place.scripted, "DELETE /mcp", 200, NULL, NULL);
        aks_target_akosha.rows->push(place.target, &place.batch, &place.result, note_done,
            &place.done);
        for (unsigned i = 0; i < TURNS_MAX && place.done.calls == 0; i++) {
            if (aks_loop_turn(&place.loop, NULL) != AKS_OK)
                break;
        }
    }
    end(&place);
    return 0;
}

static void
every_allocation_may_fail(void **state)
{
    failing_alloc_loop(push_once, NULL, 500);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(batch_goes_by_a_session_of_its_own),
        TEST(answers_come_as_streams_too),
        TEST(duplicates_are_stored_and_others_refused),
        TEST(session_that_has_ended_is_begun_anew_once),
        TEST(failures_are_told_at_each_of_four_levels),
        TEST(what_passes_is_tried_again),
        TEST(batch_that_is_refused_for_what_is_in_it_is_given_back),
        TEST(answers_that_repeat_the_token_are_not_shown),
        TEST(session_is_refused_in_words),
        TEST(probe_asks_for_health_beside_the_endpoint),
        TEST(nothing_else_is_to_be_had),
        TEST(leaving_ends_what_is_under_way),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
