#include "cli/mcp_answer.h"

#include "base/alloc.h"
#include "cli/mcp_server.h"
#include "os/child_posix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES 2048

/* --- saying it -------------------------------------------------------------------------------- */

/* Only static words: it is told where nothing else can be. */
static void
say_lost(const struct aks_mcp_answer *answer, const char *why)
{
    char line[128];

    (void)snprintf(line, sizeof(line), "e{\"code\":%d,\"message\":\"%s\"}\n", (int)AKS_MCP_INTERNAL,
        why);
    (void)aks_child_posix_write(answer->fd, line, strlen(line));
}

/* ${letter} and ${value} (taken) as one line. ${needed}: the server waits for it. */
static void
say(const struct aks_mcp_answer *answer, char letter, json_t *value, bool needed)
{
    struct aks_buf line;

    aks_buf_init(&line, aks_alloc_system(), AKS_MCP_ANSWER_BYTES_MAX);
    aks_buf_putc(&line, letter);
    aks_mcp_message_json(&line, value);
    aks_buf_putc(&line, '\n');
    if (line.failed == AKS_OK)
        (void)aks_child_posix_write(answer->fd, line.data, line.len);
    else if (needed)
        say_lost(answer, "the answer is too long, or memory ran out");
    aks_buf_fini(&line);
    json_decref(value);
}

/* ${value} (taken) as it may leave, or NULL. */
static json_t *
leaving(const struct aks_mcp_answer *answer, json_t *value)
{
    struct akosha_report *report = NULL;
    struct akosha_error error;
    const char *text = NULL;
    json_t *left = NULL;

    if (aks_mcp_answer_leaves(answer, value, &report, &error) == AKOSHA_OK)
        text = akosha_report_json(report, false);
    if (text != NULL)
        left = json_loads(text, 0, NULL);
    akosha_report_free(report);
    return left;
}

int
aks_mcp_answer_leaves(const struct aks_mcp_answer *answer, json_t *document,
    struct akosha_report **ret_report, struct akosha_error *ret_error)
{
    char *text = document != NULL ? json_dumps(document, JSON_COMPACT) : NULL;
    int code = AKOSHA_NOT_KEPT;

    *ret_report = NULL;
    json_decref(document);
    if (text != NULL && answer->leaving != NULL)
        code = akosha_leaving_document(answer->leaving, text, ret_report, ret_error);
    free(text);
    if (*ret_report != NULL || code != AKOSHA_NOT_KEPT)
        return code;
    ret_error->code = code;
    ret_error->failure = "internal";
    (void)snprintf(ret_error->message, sizeof(ret_error->message), "out of memory");
    ret_error->hint[0] = '\0';
    return code;
}

void
aks_mcp_answer_progress(const struct aks_mcp_answer *answer, int64_t done, int64_t total,
    const char *text)
{
    say(answer, 'p', leaving(answer, json_pack("{s:I, s:I, s:s}", "done", (json_int_t)done, "total",
        (json_int_t)total, "message", text)), false);
}

void
aks_mcp_answer_log(const struct aks_mcp_answer *answer, const char *level, const char *text)
{
    say(answer, 'l', leaving(answer, json_pack("{s:s, s:s}", "level", level, "text", text)), false);
}

/* --- results of tools ------------------------------------------------------------------------- */

/* One line of what came of it, and what to do about it; "" if the document says it all. */
static void
summarize(const json_t *report, int code, char text[TEXT_BYTES])
{
    const json_t *error = json_object_get(report, "error");
    const char *message = json_string_value(json_object_get(error, "message"));
    const char *hint = json_string_value(json_object_get(error, "hint"));
    const char *outcome = json_string_value(json_object_get(report, "outcome"));
    const char *target = json_string_value(json_object_get(report, "target"));
    const char *job = json_string_value(json_object_get(report, "job_id"));
    size_t files = json_array_size(json_object_get(report, "files"));

    text[0] = '\0';
    if (code != AKOSHA_OK && message != NULL)
        (void)snprintf(text, TEXT_BYTES, "%s%s%.1000s%s%s", outcome != NULL ? outcome : "",
            outcome != NULL ? ": " : "", message, hint != NULL && hint[0] != '\0' ? "; hint: " : "",
            hint != NULL ? hint : "");
    else if (outcome != NULL && json_object_get(report, "files") == NULL)
        (void)snprintf(text, TEXT_BYTES, "%s%s%s%s%.1000s", outcome, job != NULL ? ": job " : "",
            job != NULL ? job : "", message != NULL ? "; " : "", message != NULL ? message : "");
    else if (outcome != NULL)
        (void)snprintf(text, TEXT_BYTES, "%s%s%s: %zu file%s", outcome,
            target != NULL ? " in " : "", target != NULL ? target : "", files,
            files == 1 ? "" : "s");
}

/* An array of the report is left out, and counted where what was left out already is. */
static void
drop(json_t *report, const char *name, const char *count)
{
    json_int_t dropped = json_integer_value(json_object_get(report, count));

    dropped += (json_int_t)json_array_size(json_object_get(report, name));
    if (dropped == 0)
        return;
    (void)json_object_set_new(report, name, json_array());
    (void)json_object_set_new(report, count, json_integer(dropped));
}

/* ${report} may be none. */
static void
drop_decisions(json_t *report)
{
    if (!json_is_object(report))
        return;
    drop(report, "decisions", "decisions_dropped");
    drop(report, "asked", "asked_dropped");
    (void)json_object_del(report, "history");
}

static json_t *
block(const char *text)
{
    return json_pack("{s:s, s:s}", "type", "text", "text", text);
}

void
aks_mcp_answer_report(const struct aks_mcp_answer *answer, struct akosha_report *report, int code,
    bool details)
{
    const char *text = akosha_report_json(report, false);
    json_t *document = text != NULL ? leaving(answer, json_loads(text, 0, NULL)) : NULL;
    json_t *content = json_array();
    char summary[TEXT_BYTES];
    char *whole = NULL;

    if (document != NULL && !details) {
        drop_decisions(document);
        drop_decisions(json_object_get(document, "last_run"));
        drop_decisions(json_object_get(document, "report"));
    }
    if (document != NULL)
        whole = json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(AKS_MCP_REAL_DIGITS));
    if (whole == NULL) {
        json_decref(content);
        json_decref(document);
        say_lost(answer, "out of memory");
        return;
    }
    summarize(document, code, summary);
    if (summary[0] != '\0')
        (void)json_array_append_new(content, block(summary));
    (void)json_array_append_new(content, block(whole));
    free(whole);
    say(answer, 'r', json_pack("{s:o, s:o, s:b}", "content", content, "structuredContent", document,
        "isError", code != AKOSHA_OK), true);
}

void
aks_mcp_answer_failure(const struct aks_mcp_answer *answer, const struct akosha_error *error,
    bool tool)
{
    char text[TEXT_BYTES];
    json_t *told;

    (void)snprintf(text, sizeof(text), "%s%s%s", error->message,
        error->hint[0] != '\0' ? "; hint: " : "", error->hint);
    told = leaving(answer, json_pack("{s:s}", "message", text));
    if (told == NULL) {
        say_lost(answer, "what failed cannot be told: out of memory");
        return;
    }
    if (!tool) {
        (void)json_object_set_new(told, "code", json_integer(AKS_MCP_INTERNAL));
        say(answer, 'e', told, true);
        return;
    }
    say(answer, 'r', json_pack("{s:[o], s:b}", "content",
        block(json_string_value(json_object_get(told, "message"))), "isError", 1), true);
    json_decref(told);
}

/* --- resources -------------------------------------------------------------------------------- */

static void
say_contents(const struct aks_mcp_answer *answer, const char *uri, const char *type,
    const char *text)
{
    say(answer, 'r', json_pack("{s:[{s:s, s:s, s:s}]}", "contents", "uri", uri, "mimeType", type,
        "text", text), true);
}

void
aks_mcp_answer_last_report(const struct aks_mcp_answer *answer, struct akosha_report *status)
{
    const char *text = akosha_report_json(status, false);
    json_t *whole = text != NULL ? json_loads(text, 0, NULL) : NULL;
    json_t *run = json_incref(json_object_get(whole, "last_run"));
    char *told = NULL;

    json_decref(whole);
    if (!json_is_object(run)) {
        json_decref(run);
        say(answer, 'e', json_pack("{s:i, s:s}", "code", AKS_MCP_NO_RESOURCE, "message",
            "there is no report: nothing has run yet"), true);
        return;
    }
    run = leaving(answer, run);
    told = run != NULL ? json_dumps(run, JSON_COMPACT | JSON_REAL_PRECISION(AKS_MCP_REAL_DIGITS))
        : NULL;
    json_decref(run);
    if (told != NULL)
        say_contents(answer, AKS_MCP_REPORT_URI, "application/json", told);
    else
        say_lost(answer, "out of memory");
    free(told);
}

void
aks_mcp_answer_policy(const struct aks_mcp_answer *answer, struct akosha_report *policy)
{
    const char *text = akosha_report_json(policy, false);
    json_t *told = text != NULL ? leaving(answer, json_loads(text, 0, NULL)) : NULL;
    const char *lua = json_string_value(json_object_get(told, "text"));

    if (lua != NULL)
        say_contents(answer, AKS_MCP_POLICY_URI, "text/x-lua", lua);
    else
        say_lost(answer, "out of memory");
    json_decref(told);
}
