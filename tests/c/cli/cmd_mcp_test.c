/* Conversations with the server as a client has them, over two pipes: each call is done in a
 * process of its own, on files, with a folder as the target. */
#include "cli/command_testing.h"

#include "akosha/akosha.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SAID_MAX 256
#define HEARD_BYTES ((size_t)1 << 20)
#define HELLO { "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":" \
    "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"t\"," \
    "\"version\":\"1\"}}}", 0 }
#define CALL(id, tool, arguments) { "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":" \
    "\"tools/call\",\"params\":{\"name\":\"" tool "\",\"arguments\":" arguments "," \
    "\"_meta\":{\"progressToken\":" #id "}}}", id }
#define READ(id, uri) { "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"resources/read\"," \
    "\"params\":{\"uri\":\"" uri "\"}}", id }
#define NOTHING (-1)
#define PROGRESS (-2)
#define NEVER (-3)

/* What is sent, and what is waited for then: the answer to that id, or PROGRESS of any call. */
struct step {
    const char *line;                   /* NULL: the client closes its end, or does ${then} */
    int until;
};

enum then { CLOSE, SIGNAL, GO_AWAY };

struct client {
    const struct step *steps;           /* to one whose line is NULL */
    enum then then;
    int to;
    int from;
    int note;                           /* all that was heard, for the test */
    char heard[HEARD_BYTES];            /* and not taken apart yet */
    size_t len;
    json_t *said[SAID_MAX];
    size_t count;
};

/* One more line of the server's, owned; false at the end. */
static bool
hear(struct client *client, json_t **ret_said)
{
    char *end;
    ssize_t n = 1;

    while ((end = memchr(client->heard, '\n', client->len)) == NULL && n > 0 &&
        client->len < HEARD_BYTES) {
        n = read(client->from, client->heard + client->len, HEARD_BYTES - client->len);
        client->len += n > 0 ? (size_t)n : 0;
    }
    *ret_said = NULL;
    if (end == NULL || write(client->note, client->heard, (size_t)(end + 1 - client->heard)) < 0)
        return false;
    *ret_said = json_loadb(client->heard, (size_t)(end - client->heard), 0, NULL);
    client->len -= (size_t)(end + 1 - client->heard);
    memmove(client->heard, end + 1, client->len);
    return true;
}

static bool
is_it(const json_t *said, int until)
{
    const char *method = json_string_value(json_object_get(said, "method"));

    if (until == PROGRESS)
        return method != NULL && strcmp(method, "notifications/progress") == 0;
    return method == NULL && json_integer_value(json_object_get(said, "id")) == until;
}

static void
wait_for(struct client *client, int until)
{
    json_t *said = NULL;
    bool is = until == NOTHING;

    while (!is && hear(client, &said)) {
        is = is_it(said, until);
        json_decref(said);
    }
}

/* The client, a process of its own: nothing is asserted here. */
static void
talk(struct client *client)
{
    for (const struct step *step = client->steps; step->line != NULL; step++) {
        if (write(client->to, step->line, strlen(step->line)) < 0 ||
            write(client->to, "\n", 1) != 1)
            break;
        wait_for(client, step->until);
    }
    if (client->then == SIGNAL)
        (void)kill(getppid(), SIGTERM);
    else if (client->then == CLOSE)
        (void)close(client->to);
    if (client->then != GO_AWAY)
        wait_for(client, NEVER);
}

static void
read_notes(struct client *client, struct command_testing *testing)
{
    char *notes = temp_folder_read(testing->folder, "heard", NULL);
    char *rest = NULL;

    for (char *line = strtok_r(notes, "\n", &rest); line != NULL;
        line = strtok_r(NULL, "\n", &rest)) {
        assert_true(client->count < SAID_MAX);
        client->said[client->count] = json_loads(line, 0, NULL);
        assert_non_null(client->said[client->count++]);
    }
    free(notes);
}

static struct client *
talk_through(struct command_testing *testing, const struct step *steps, enum then then,
    const char *option)
{
    struct client *client = calloc(1, sizeof(*client));
    char in[32];
    char out[32];
    int to_server[2];
    int to_client[2];
    pid_t pid;

    assert_non_null(client);
    client->steps = steps;
    client->then = then;
    client->note = open(command_write(testing, "heard", ""), O_WRONLY | O_CLOEXEC);
    assert_int_equal(pipe(to_server), 0);
    assert_int_equal(pipe(to_client), 0);
    client->to = to_server[1];
    client->from = to_client[0];
    pid = fork();
    if (pid == 0) {
        (void)close(to_server[0]);
        (void)close(to_client[1]);
        talk(client);
        _exit(0);
    }
    assert_true(pid > 0);
    (void)close(to_server[1]);
    (void)close(to_client[0]);
    (void)snprintf(in, sizeof(in), "/dev/fd/%d", to_server[0]);
    (void)snprintf(out, sizeof(out), "/dev/fd/%d", to_client[1]);
    testing->in = in;
    testing->to = out;
    command_run(testing, "mcp", "--policy", "policy.lua", option, NULL);
    testing->in = NULL;
    testing->to = NULL;
    (void)close(to_client[1]);
    (void)close(to_server[0]);
    (void)close(client->note);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    read_notes(client, testing);
    return client;
}


static void
forget(struct client *client)
{
    for (size_t i = 0; i < client->count; i++)
        json_decref(client->said[i]);
    free(client);
}

/* The answer to ${id}; NULL where there was none. */
static const json_t *
answer(const struct client *client, int id)
{
    for (size_t i = 0; i < client->count; i++) {
        if (is_it(client->said[i], id))
            return client->said[i];
    }
    return NULL;
}

/* The text at ${path} of what tool ${id} answered. */
static const char *
told(const struct client *client, int id, const char *path)
{
    return command_text(command_at(answer(client, id), "result.structuredContent"), path);
}

static bool
is_error(const struct client *client, int id)
{
    return json_is_true(command_at(answer(client, id), "result.isError"));
}

static const char *
first_line(const struct client *client, int id)
{
    return command_text(answer(client, id), "result.content.0.text");
}

static void
give_policy(struct command_testing *testing, const char *rest)
{
    char text[1024];

    (void)snprintf(text, sizeof(text), "local akosha = require \"akosha\"\n%s", rest);
    (void)command_write(testing, "work/policy.lua", text);
}

static void
give_sources(struct command_testing *testing)
{
    (void)command_write(testing, "home/notes.txt", "what was said");
    give_policy(testing, "return akosha.policy { api = 1, sources = { \"~/notes.txt\" }, "
        "targets = { here = akosha.dir { path = \"~/stored\" } } }\n");
}

/* One that goes on until it is ended: nobody is at that address. */
static void
give_patience(struct command_testing *testing)
{
    (void)command_write(testing, "home/notes.txt", "what was said");
    give_policy(testing, "return akosha.policy { api = 1, sources = { \"~/notes.txt\" }, "
        "targets = { there = akosha.http { url = \"http://127.0.0.1:9/up\" } },\n"
        "retry = akosha.retry.exponential { tries = 3, first = 3000, cap = 3000, "
        "jitter = \"none\" } }\n");
}

/* --- tools and resources ---------------------------------------------------------------------- */

static void
each_tool_does_its_work(void **state)
{
    static const struct step steps[] = { HELLO,
        READ(1, "akosha-sync://report/last"),
        CALL(2, "sync_now", "{\"dry_run\":true}"),
        CALL(3, "sync_now", "{\"details\":true}"),
        CALL(4, "sync_now", "{\"target\":\"here\",\"no_fallback\":true}"),
        CALL(5, "sync_status", "{}"),
        CALL(6, "sync_history", "{\"limit\":1}"),
        CALL(7, "sync_history", "{\"outcome\":\"failed\"}"),
        CALL(8, "verify_upload", "{}"),
        CALL(9, "explain_policy", "{\"events\":[\"here: throttled, retry_after=4\"]}"),
        CALL(10, "explain_policy", "{\"replay\":\"last\"}"),
        READ(11, "akosha-sync://report/last"),
        READ(12, "akosha-sync://policy"),
        { NULL, 0 } };
    struct command_testing *testing = *state;
    struct client *client;

    give_sources(testing);
    client = talk_through(testing, steps, CLOSE, NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    command_tells(testing, NULL);
    assert_string_equal(command_text(answer(client, 1), "error.message"),
        "there is no report: nothing has run yet");
    assert_true(json_is_true(command_at(answer(client, 2), "result.structuredContent.dry_run")));
    /* Without details what was decided is counted. */
    assert_null(command_at(answer(client, 2), "result.structuredContent.asked.0"));
    assert_true(json_integer_value(command_at(answer(client, 2),
        "result.structuredContent.asked_dropped")) > 0);
    assert_string_equal(told(client, 3, "outcome"), "stored");
    assert_string_equal(first_line(client, 3), "stored in here: 1 file");
    assert_non_null(command_at(answer(client, 3), "result.structuredContent.asked.0"));
    assert_string_equal(told(client, 4, "outcome"), "unchanged");
    assert_string_equal(told(client, 5, "last_run.outcome"), "unchanged");
    assert_string_equal(told(client, 6, "runs.0.outcome"), "unchanged");
    assert_null(command_at(answer(client, 6), "result.structuredContent.runs.1"));
    assert_null(command_at(answer(client, 7), "result.structuredContent.runs.0"));
    assert_string_equal(told(client, 8, "targets.0.objects.0.outcome"), "proven");
    assert_string_equal(told(client, 9, "plan.0.unchanged"), "reuse");
    assert_string_equal(told(client, 9, "events.0.event"), "here: throttled, retry_after=4");
    assert_int_equal(json_integer_value(command_at(answer(client, 10),
        "result.structuredContent.replay.different")), 0);
    assert_non_null(strstr(command_text(answer(client, 11), "result.contents.0.text"),
        "\"outcome\":\"unchanged\""));
    assert_non_null(strstr(command_text(answer(client, 12), "result.contents.0.text"),
        "akosha.dir { path = \"~/stored\" }"));
    forget(client);
    /* It is there, and was told of as it went. */
    assert_true(command_has(testing, "home/stored/systems"));
}

static void
progress_is_told_to_who_asked_for_it(void **state)
{
    static const struct step steps[] = { HELLO, CALL(1, "sync_now", "{}"), { NULL, 0 } };
    struct command_testing *testing = *state;
    struct client *client;
    size_t told_of = 0;
    double last = -1;

    give_sources(testing);
    client = talk_through(testing, steps, CLOSE, NULL);
    for (size_t i = 0; i < client->count; i++) {
        double now;

        if (!is_it(client->said[i], PROGRESS))
            continue;
        now = json_number_value(command_at(client->said[i], "params.progress"));
        assert_true(now > last);
        assert_true(command_text(client->said[i], "params.message")[0] != '\0');
        last = now;
        told_of++;
    }
    assert_true(told_of > 0);
    forget(client);
}

static void
no_home_is_told_unless_it_may_be(void **state)
{
    static const struct step steps[] = { HELLO, CALL(1, "sync_now", "{}"),
        READ(2, "akosha-sync://report/last"), { NULL, 0 } };
    struct command_testing *testing = *state;
    struct client *client;

    give_sources(testing);
    client = talk_through(testing, steps, CLOSE, NULL);
    assert_string_equal(told(client, 1, "files.0.source"), "~/notes.txt");
    assert_null(strstr(command_text(answer(client, 2), "result.contents.0.text"), testing->home));
    forget(client);
    client = talk_through(testing, steps, CLOSE, "--keep-names");
    assert_string_equal(told(client, 1, "files.0.source"),
        command_path(testing, "home/notes.txt"));
    forget(client);
}

static void
a_sync_in_the_background_is_a_job(void **state)
{
    static const struct step steps[] = { HELLO,
        CALL(1, "sync_now", "{\"background\":true,\"target\":\"here\"}"),
        CALL(2, "sync_status", "{}"),
        CALL(3, "sync_now", "{\"background\":true,\"dry_run\":true}"),
        CALL(4, "sync_now", "{\"background\":false,\"dry_run\":true}"),
        { NULL, 0 } };
    struct command_testing *testing = *state;
    struct client *client;
    char line[128];

    give_sources(testing);
    client = talk_through(testing, steps, CLOSE, NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_false(is_error(client, 1));
    assert_string_equal(told(client, 1, "outcome"), "queued");
    (void)snprintf(line, sizeof(line), "queued: job %s", told(client, 1, "job_id"));
    assert_string_equal(first_line(client, 1), line);
    assert_string_equal(told(client, 2, "queue.0.job_id"), told(client, 1, "job_id"));
    /* Nothing is brought by this. */
    assert_false(command_has(testing, "home/stored"));
    assert_true(is_error(client, 3));
    assert_non_null(strstr(first_line(client, 3), "\"background\" excludes \"dry_run\""));
    assert_false(is_error(client, 4));
    forget(client);
}

static void
what_fails_is_the_answer_and_not_the_end(void **state)
{
    static const struct step steps[] = { HELLO,
        CALL(1, "sync_now", "{\"target\":\"elsewhere\"}"),
        CALL(2, "verify_upload", "{\"upload_id\":\"20200101T000000Z-000000\"}"),
        CALL(3, "sync_status", "{\"job_id\":\"20200101T000000Z-000000\"}"),
        CALL(4, "explain_policy", "{\"events\":[\"here: no such failure\"]}"),
        CALL(5, "explain_policy", "{\"replay\":\"20200101T000000Z-000000\"}"),
        CALL(6, "explain_policy", "{\"replay\":\"/etc/passwd\"}"),
        CALL(7, "no_such_tool", "{}"),
        READ(8, "akosha-sync://nothing"),
        CALL(9, "sync_now", "{}"),
        { NULL, 0 } };
    struct command_testing *testing = *state;
    struct client *client;

    give_sources(testing);
    client = talk_through(testing, steps, CLOSE, NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    for (int id = 1; id <= 6; id++)
        assert_true(is_error(client, id));
    assert_non_null(strstr(first_line(client, 1), "elsewhere"));
    assert_non_null(strstr(first_line(client, 3), "20200101T000000Z-000000"));
    assert_non_null(strstr(first_line(client, 4), "no such failure"));
    assert_string_equal(first_line(client, 6), "argument \"replay\" must be a run_id or \"last\"");
    assert_int_equal(json_integer_value(command_at(answer(client, 7), "error.code")), -32602);
    assert_int_equal(json_integer_value(command_at(answer(client, 8), "error.code")), -32002);
    assert_string_equal(told(client, 9, "outcome"), "stored");
    forget(client);
}

static void
a_policy_that_is_wrong_or_gone_is_told_by_each(void **state)
{
    static const struct step steps[] = { HELLO,
        CALL(1, "sync_now", "{}"),
        CALL(2, "verify_upload", "{}"),
        CALL(3, "explain_policy", "{}"),
        CALL(4, "sync_now", "{\"background\":true}"),
        READ(5, "akosha-sync://policy"),
        CALL(6, "sync_status", "{}"),
        { NULL, 0 } };
    struct command_testing *testing = *state;
    struct client *client = talk_through(testing, steps, CLOSE, NULL);

    for (int id = 1; id <= 4; id++) {
        assert_true(is_error(client, id));
        assert_non_null(strstr(first_line(client, id), "policy.lua"));
    }
    assert_int_equal(json_integer_value(command_at(answer(client, 5), "error.code")), -32603);
    assert_false(is_error(client, 6));
    forget(client);
}

static void
a_source_that_is_gone_is_told_in_one_line(void **state)
{
    static const struct step steps[] = { HELLO, CALL(1, "sync_now", "{}"), { NULL, 0 } };
    struct command_testing *testing = *state;
    struct client *client;

    give_sources(testing);
    assert_int_equal(unlink(command_path(testing, "home/notes.txt")), 0);
    client = talk_through(testing, steps, CLOSE, NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_true(is_error(client, 1));
    assert_string_equal(told(client, 1, "error.failure"), "source_missing");
    assert_string_equal(first_line(client, 1), "queued: source ~/notes.txt: no such file");
    forget(client);
}

/* --- the end of a call, and of all ------------------------------------------------------------ */

#define CANCEL(id) { "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":" \
    "{\"requestId\":" #id "}}", NOTHING }
#define PING(id) { "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"ping\"}", id }
/* Waited for until it tells how it goes. */
#define LASTING(id) { "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"tools/call\"," \
    "\"params\":{\"name\":\"sync_now\",\"_meta\":{\"progressToken\":7}}}", PROGRESS }

static void
a_cancelled_call_ends_and_is_not_answered(void **state)
{
    static const struct step steps[] = { HELLO, LASTING(1), CANCEL(1), PING(2),
        CALL(3, "sync_status", "{}"), { NULL, 0 } };
    struct command_testing *testing = *state;
    struct client *client;

    give_patience(testing);
    client = talk_through(testing, steps, CLOSE, NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_null(answer(client, 1));
    assert_non_null(answer(client, 2));
    assert_false(is_error(client, 3));
    forget(client);
}

static void
a_sync_ends_with_its_client(void **state)
{
    static const struct step steps[] = { HELLO, LASTING(1), { NULL, 0 } };
    struct command_testing *testing = *state;
    struct client *client;
    json_t *status;

    give_patience(testing);
    client = talk_through(testing, steps, CLOSE, NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    /* Where it does not end in time, on a slow machine, it is ended: then that is the answer. */
    if (command_at(answer(client, 1), "error") != NULL) {
        assert_non_null(strstr(command_text(answer(client, 1), "error.message"),
            "the process that did it ended with signal 9"));
    } else {
        assert_true(is_error(client, 1));
        assert_string_equal(told(client, 1, "error.failure"), "cancelled");
    }
    forget(client);
    /* What it was about is not lost. */
    command_run(testing, "status", "--json", NULL);
    status = command_json(testing);
    assert_int_equal(json_array_size(command_at(status, "queue")), 1);
    json_decref(status);
}

static void
a_signal_ends_all_of_it(void **state)
{
    static const struct step steps[] = { HELLO, LASTING(1), { NULL, 0 } };
    struct command_testing *testing = *state;
    struct client *client;

    give_patience(testing);
    client = talk_through(testing, steps, SIGNAL, NULL);
    assert_int_equal(testing->code, 128 + SIGTERM);
    forget(client);
}

static void
a_client_that_reads_no_more_ends_it(void **state)
{
    static const struct step steps[] = { HELLO, LASTING(1), { NULL, 0 } };
    struct command_testing *testing = *state;
    struct client *client;

    give_patience(testing);
    client = talk_through(testing, steps, GO_AWAY, NULL);
    assert_int_equal(testing->code, AKOSHA_USAGE);
    command_tells(testing, "cannot write to standard output: Broken pipe");
    forget(client);
}

static void
what_is_no_message_is_refused_and_passed_over(void **state)
{
    static const struct step steps[] = { { "no JSON", 0 }, { "{}", 0 }, HELLO,
        { "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/list\"}", 3 }, { NULL, 0 } };
    struct command_testing *testing = *state;
    struct client *client;

    give_sources(testing);
    client = talk_through(testing, steps, CLOSE, NULL);
    assert_int_equal(testing->code, AKOSHA_OK);
    assert_int_equal(json_integer_value(command_at(client->said[0], "error.code")), -32700);
    assert_int_equal(json_integer_value(command_at(client->said[1], "error.code")), -32600);
    assert_int_equal(json_array_size(command_at(answer(client, 3), "result.tools")), 5);
    forget(client);
}

#define WITH_HOME(name) cmocka_unit_test_setup_teardown(name, command_set_up, command_tear_down)

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        WITH_HOME(each_tool_does_its_work),
        WITH_HOME(progress_is_told_to_who_asked_for_it),
        WITH_HOME(no_home_is_told_unless_it_may_be),
        WITH_HOME(a_sync_in_the_background_is_a_job),
        WITH_HOME(what_fails_is_the_answer_and_not_the_end),
        WITH_HOME(a_policy_that_is_wrong_or_gone_is_told_by_each),
        WITH_HOME(a_source_that_is_gone_is_told_in_one_line),
        WITH_HOME(a_cancelled_call_ends_and_is_not_answered),
        WITH_HOME(a_sync_ends_with_its_client),
        WITH_HOME(a_signal_ends_all_of_it),
        WITH_HOME(a_client_that_reads_no_more_ends_it),
        WITH_HOME(what_is_no_message_is_refused_and_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
