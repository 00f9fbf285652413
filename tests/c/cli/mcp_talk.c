#include "cli/mcp_talk.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum aks_status
start(void *ctx, size_t job, enum aks_mcp_do what, const json_t *arguments, struct aks_error *err)
{
    struct talk *talk = ctx;

    assert_true(arguments == NULL || json_is_object(arguments));
    assert_false(talk->running[job]);
    if (talk->cannot_start)
        return aks_error_set(err, AKS_LIMIT, "cannot start a process: no room");
    talk->running[job] = true;
    talk->what[job] = what;
    talk->started++;
    return AKS_OK;
}

static void
stop(void *ctx, size_t job)
{
    struct talk *talk = ctx;

    assert_true(talk->running[job]);
    talk->stopped++;
}

/* Each is one line of JSON, whatever happened. */
static void
say(void *ctx, char *text, size_t len, bool needed)
{
    struct talk *talk = ctx;

    assert_true(len > 2);
    assert_ptr_equal(memchr(text, '\n', len), text + len - 1);
    assert_true(talk->count < TALK_SAID_MAX);
    talk->said[talk->count] = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (talk->said[talk->count] != NULL)
        talk->count++;
}

void
talk_begin_with(struct talk *talk, const struct aks_alloc *alloc, size_t line_bytes_max)
{
    memset(talk, 0, sizeof(*talk));
    talk->work = (struct aks_mcp_work){ talk, start, stop, say };
    aks_mcp_server_init(&talk->server, alloc, &talk->work);
    aks_mcp_lines_init(&talk->lines, alloc, line_bytes_max);
    talk->lines.each = aks_mcp_server_line;
    talk->lines.ctx = &talk->server;
}

void
talk_end(struct talk *talk)
{
    for (size_t i = 0; i < talk->count; i++)
        json_decref(talk->said[i]);
    aks_mcp_lines_fini(&talk->lines);
    aks_mcp_server_fini(&talk->server);
}

void
talk_feed(struct talk *talk, const char *text)
{
    aks_mcp_lines_feed(&talk->lines, text, strlen(text));
}

const char *
talk_last(const struct talk *talk)
{
    static char text[65536];
    char *dumped;

    if (talk->count == 0)
        return "";
    dumped = json_dumps(talk->said[talk->count - 1], JSON_COMPACT);
    (void)snprintf(text, sizeof(text), "%s", dumped);
    free(dumped);
    return text;
}

/* Sends a line; what is answered, as text. */
const char *
talk_ask(struct talk *talk, const char *line)
{
    size_t count = talk->count;

    talk_feed(talk, line);
    talk_feed(talk, "\n");
    aks_mcp_server_go_on(&talk->server);
    return talk->count > count ? talk_last(talk) : "";
}

void
talk_begin(struct talk *talk, const char *initialize)
{
    talk_begin_with(talk, aks_alloc_system(), AKS_MCP_LINE_BYTES_MAX);
    assert_non_null(strstr(talk_ask(talk, initialize), "\"protocolVersion\""));
}

/* The code of the last error that was said, and its id as text. */
int
talk_code(const struct talk *talk, char id[64])
{
    const json_t *error;
    char *text;

    assert_true(talk->count > 0);
    error = json_object_get(talk->said[talk->count - 1], "error");
    text = json_dumps(json_object_get(talk->said[talk->count - 1], "id"), JSON_ENCODE_ANY);
    (void)snprintf(id, 64, "%s", text);
    free(text);
    return (int)json_integer_value(json_object_get(error, "code"));
}

void
talk_refused(struct talk *talk, const char *line, int expected, const char *id)
{
    char found[64];
    size_t count = talk->count;

    (void)talk_ask(talk, line);
    if (talk->count != count + 1)
        fail_msg("%s: %zu answers", line, talk->count - count);
    if (talk_code(talk, found) != expected || strcmp(found, id) != 0)
        fail_msg("%s: %s", line, talk_last(talk));
}

/* A call of ${tool} under ${id}, both as JSON; ${more}: further members of params. */
const char *
talk_call(struct talk *talk, const char *id, const char *tool, const char *more)
{
    char line[1024];

    (void)snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"tools/call\","
        "\"params\":{\"name\":\"%s\"%s}}", id, tool, more);
    return talk_ask(talk, line);
}

void
talk_heard(struct talk *talk, size_t job, const char *text)
{
    aks_mcp_server_heard(&talk->server, job, text, strlen(text));
}

void
talk_over(struct talk *talk, size_t job, const char *how)
{
    assert_true(talk->running[job]);
    talk->running[job] = false;
    aks_mcp_server_ended(&talk->server, job, how);
    aks_mcp_server_go_on(&talk->server);
}
