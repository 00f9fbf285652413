#include "cli/mcp_tools.h"

#include "cli/mcp_schemas.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum type { TEXT, FLAG, NUMBER, TEXTS };

/* An argument. Its schema and its check come out of this row. */
struct field {
    const char *name;                   /* NULL: no more */
    enum type type;
    const char *does;
    const char *choices;                /* of a text, blank-separated; NULL: any */
    int64_t max;                        /* of a number, from 1; of texts how many */
};

struct tool {
    const char *name;
    const char *title;
    const char *does;
    struct field fields[6];
    const char *answer;                 /* schema */
    bool read_only;                     /* changes nothing that anybody else sees */
    bool idempotent;
    bool open_world;                    /* asks targets */
};

#define OUTCOMES "stored unchanged queued partial failed"
#define TARGET { "target", TEXT, "only this target of the policy, by its name there", NULL, 0 }

static const struct tool tools[AKS_MCP_TOOLS] = {
    [AKS_MCP_SYNC] = { "sync_now", "Sync memory databases now",
        "Brings the databases that the policy names to its targets now, and takes up what earlier "
        "runs left in the queue. What cannot be delivered stays queued, and unchanged databases "
        "are not sent again. While a background worker delivers, it waits for it. May take "
        "minutes; tells progress, and can be cancelled: a later run goes on where it stopped.",
        { TARGET, { "no_fallback", FLAG, "only the first target of each route", NULL, 0 },
          { "dry_run", FLAG, "decide everything, send nothing", NULL, 0 },
          { "background", FLAG, "return at once with a job_id, which sync_status takes: a worker "
            "brings it, whatever becomes of this server; excludes dry_run and details", NULL, 0 },
          { "details", FLAG, "with every decision and the facts that the policy saw", NULL, 0 } },
        aks_mcp_schema_sync, false, true, true },
    [AKS_MCP_STATUS] = { "sync_status", "Status of the sync",
        "What waits in the queue, why and until when; what is being delivered now; the last run, "
        "and how healthy the targets are. Contacts nobody and waits for nothing.",
        { { "job_id", TEXT, "what became of this job instead", NULL, 0 } },
        aks_mcp_schema_status, true, true, false },
    [AKS_MCP_HISTORY] = { "sync_history", "History of syncs",
        "The last runs, the newest first: when, how long, outcome, target, bytes, files, error.",
        { { "limit", NUMBER, "how many runs; else 10", NULL, 100 },
          { "outcome", TEXT, "only runs that ended so", OUTCOMES, 0 } },
        aks_mcp_schema_history, true, true, false },
    [AKS_MCP_VERIFY] = { "verify_upload", "Verify an upload",
        "Reads an upload back from its target and compares every object's size and digests with "
        "its manifest. Changes nothing there. Downloads as much as the upload holds unless quick; "
        "tells progress, and can be cancelled.",
        { { "upload_id", TEXT, "which upload; else the newest of each target", NULL, 0 }, TARGET,
          { "quick", FLAG, "compare sizes only, as the target tells them", NULL, 0 } },
        aks_mcp_schema_verify, true, true, true },
    [AKS_MCP_EXPLAIN] = { "explain_policy", "Explain the policy",
        "What the policy would decide and why: the plan for each source and, with events, what it "
        "would do after failures; or, with replay, what it would decide differently in a recorded "
        "run. Tried in a simulated world: nothing is contacted, written or read of the databases.",
        { { "events", TEXTS, "what goes wrong, each as \"cloud: throttled x3, retry_after=40\"",
            NULL, AKS_MCP_EVENTS_MAX },
          { "at", TEXT, "the local time it is taken to be, \"2026-11-27 22:00\"", NULL, 0 },
          { "replay", TEXT, "a run_id, or \"last\"; excludes events and at", NULL, 0 } },
        aks_mcp_schema_explain, true, true, false },
};

enum aks_mcp_do
aks_mcp_tools_find(const char *name)
{
    for (size_t i = 0; i < AKS_MCP_TOOLS; i++) {
        if (strcmp(tools[i].name, name) == 0)
            return (enum aks_mcp_do)i;
    }
    return AKS_MCP_NOTHING;
}

/* --- checking --------------------------------------------------------------------------------- */

static bool
chosen(const char *choices, const char *text)
{
    size_t len = strlen(text);

    for (const char *at = choices; *at != '\0'; at += strcspn(at, " ")) {
        at += *at == ' ';
        if (strcspn(at, " ") == len && strncmp(at, text, len) == 0)
            return true;
    }
    return false;
}

static bool
is_text(const json_t *value)
{
    /* A NUL would end it early for whoever reads it on. */
    return json_is_string(value) && json_string_length(value) > 0 &&
        json_string_length(value) <= AKS_MCP_TEXT_BYTES_MAX &&
        strlen(json_string_value(value)) == json_string_length(value);
}

static bool
are_texts(const json_t *value, int64_t max)
{
    const json_t *one;
    size_t i;

    if (!json_is_array(value) || json_array_size(value) > (size_t)max)
        return false;
    json_array_foreach(value, i, one) {
        if (!is_text(one))
            return false;
    }
    return true;
}

static bool
fits(const struct field *field, const json_t *value, char why[AKS_MCP_WHY_BYTES])
{
    static const char must[] = "argument \"%s\" must be ";
    int at = snprintf(why, AKS_MCP_WHY_BYTES, must, field->name);
    char *rest = why + at;
    size_t left = AKS_MCP_WHY_BYTES - (size_t)at;

    switch (field->type) {
    case TEXT:
        if (field->choices != NULL) {
            (void)snprintf(rest, left, "one of: %s", field->choices);
            return is_text(value) && chosen(field->choices, json_string_value(value));
        }
        (void)snprintf(rest, left, "a string of 1 to %d bytes", AKS_MCP_TEXT_BYTES_MAX);
        return is_text(value);
    case FLAG:
        (void)snprintf(rest, left, "true or false");
        return json_is_boolean(value);
    case NUMBER:
        (void)snprintf(rest, left, "a whole number from 1 to %d", (int)field->max);
        return json_is_integer(value) && json_integer_value(value) >= 1 &&
            json_integer_value(value) <= field->max;
    case TEXTS:
        (void)snprintf(rest, left, "an array of up to %d strings of 1 to %d bytes", (int)field->max,
            AKS_MCP_TEXT_BYTES_MAX);
        return are_texts(value, field->max);
    }
    return false;
}

static const struct field *
find_field(const struct tool *tool, const char *name)
{
    for (const struct field *field = tool->fields; field->name != NULL; field++) {
        if (strcmp(field->name, name) == 0)
            return field;
    }
    return NULL;
}

/* A run is named by its id: what else explain takes there, a file, is none of an agent's. */
static bool
is_run(const char *text)
{
    return strcmp(text, "last") == 0 || text[strspn(text, "0123456789abcdefTZ-")] == '\0';
}

static bool
explains(const json_t *arguments, char why[AKS_MCP_WHY_BYTES])
{
    const char *replay = json_string_value(json_object_get(arguments, "replay"));

    if (replay != NULL && !is_run(replay)) {
        (void)snprintf(why, AKS_MCP_WHY_BYTES, "argument \"replay\" must be a run_id or \"last\"");
        return false;
    }
    if (replay != NULL && json_object_size(arguments) > 1) {
        (void)snprintf(why, AKS_MCP_WHY_BYTES, "argument \"replay\" excludes the others");
        return false;
    }
    return true;
}

static bool
syncs(const json_t *arguments, char why[AKS_MCP_WHY_BYTES])
{
    if (!json_is_true(json_object_get(arguments, "background")) ||
        !(json_is_true(json_object_get(arguments, "dry_run")) ||
        json_is_true(json_object_get(arguments, "details"))))
        return true;
    (void)snprintf(why, AKS_MCP_WHY_BYTES, "argument \"background\" excludes \"dry_run\" and "
        "\"details\"");
    return false;
}

bool
aks_mcp_tools_check(enum aks_mcp_do tool, const json_t *arguments,
    char ret_why[AKS_MCP_WHY_BYTES])
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)arguments, name, value) {
        const struct field *field = find_field(&tools[tool], name);

        if (field == NULL) {
            (void)snprintf(ret_why, AKS_MCP_WHY_BYTES, "%s takes no argument \"%.80s\"",
                tools[tool].name, name);
            return false;
        }
        if (!fits(field, value, ret_why))
            return false;
    }
    if (tool == AKS_MCP_SYNC)
        return syncs(arguments, ret_why);
    return tool != AKS_MCP_EXPLAIN || explains(arguments, ret_why);
}

enum aks_mcp_do
aks_mcp_tools_call(enum aks_mcp_do tool, const json_t *arguments)
{
    return tool == AKS_MCP_SYNC && json_is_true(json_object_get(arguments, "background"))
        ? AKS_MCP_ENQUEUE : tool;
}

bool
aks_mcp_tools_is_tool(enum aks_mcp_do what)
{
    return what < AKS_MCP_TOOLS || what == AKS_MCP_ENQUEUE;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void
put_text(struct aks_buf *out, const char *name, const char *text)
{
    json_t *value = json_string(text);

    aks_buf_printf(out, "\"%s\":", name);
    aks_mcp_message_json(out, value);
    json_decref(value);
}

static void
put_choices(struct aks_buf *out, const char *choices)
{
    aks_buf_puts(out, ",\"enum\":[");
    for (const char *at = choices; *at != '\0';) {
        size_t len = strcspn(at, " ");

        aks_buf_printf(out, "%s\"%.*s\"", at > choices ? "," : "", (int)len, at);
        at += len + (at[len] == ' ');
    }
    aks_buf_puts(out, "]");
}

static void
put_field(struct aks_buf *out, const struct field *field)
{
    static const char text[] = "\"type\":\"string\",\"minLength\":1,\"maxLength\":%d";

    aks_buf_printf(out, "\"%s\":{", field->name);
    put_text(out, "description", field->does);
    aks_buf_putc(out, ',');
    if (field->type == TEXT && field->choices != NULL) {
        aks_buf_puts(out, "\"type\":\"string\"");
        put_choices(out, field->choices);
    } else if (field->type == TEXT) {
        aks_buf_printf(out, text, AKS_MCP_TEXT_BYTES_MAX);
    } else if (field->type == FLAG) {
        aks_buf_puts(out, "\"type\":\"boolean\",\"default\":false");
    } else if (field->type == NUMBER) {
        aks_buf_printf(out, "\"type\":\"integer\",\"minimum\":1,\"maximum\":%d", (int)field->max);
    } else {
        aks_buf_printf(out, "\"type\":\"array\",\"maxItems\":%d,\"items\":{", (int)field->max);
        aks_buf_printf(out, text, AKS_MCP_TEXT_BYTES_MAX);
        aks_buf_putc(out, '}');
    }
    aks_buf_putc(out, '}');
}

static void
put_tool(struct aks_buf *out, const struct tool *tool)
{
    aks_buf_putc(out, '{');
    put_text(out, "name", tool->name);
    aks_buf_putc(out, ',');
    put_text(out, "title", tool->title);
    aks_buf_putc(out, ',');
    put_text(out, "description", tool->does);
    aks_buf_puts(out, ",\"inputSchema\":{\"type\":\"object\",\"properties\":{");
    for (const struct field *field = tool->fields; field->name != NULL; field++) {
        if (field > tool->fields)
            aks_buf_putc(out, ',');
        put_field(out, field);
    }
    aks_buf_printf(out, "},\"additionalProperties\":false},\"outputSchema\":%s,\"annotations\":{",
        tool->answer);
    put_text(out, "title", tool->title);
    aks_buf_printf(out, ",\"readOnlyHint\":%s,\"destructiveHint\":false,\"idempotentHint\":%s,"
        "\"openWorldHint\":%s}}", tool->read_only ? "true" : "false",
        tool->idempotent ? "true" : "false", tool->open_world ? "true" : "false");
}

void
aks_mcp_tools_list(struct aks_buf *out)
{
    aks_buf_puts(out, "{\"tools\":[");
    for (size_t i = 0; i < AKS_MCP_TOOLS; i++) {
        if (i > 0)
            aks_buf_putc(out, ',');
        put_tool(out, &tools[i]);
    }
    aks_buf_puts(out, "]}");
}

/* --- resources -------------------------------------------------------------------------------- */

enum aks_mcp_do
aks_mcp_tools_resource(const char *uri)
{
    if (strcmp(uri, AKS_MCP_REPORT_URI) == 0)
        return AKS_MCP_REPORT;
    return strcmp(uri, AKS_MCP_POLICY_URI) == 0 ? AKS_MCP_POLICY : AKS_MCP_NOTHING;
}

void
aks_mcp_tools_resources(struct aks_buf *out)
{
    aks_buf_puts(out, "{\"resources\":["
        "{\"uri\":\"" AKS_MCP_REPORT_URI "\",\"name\":\"last-report\",\"title\":\"Last report\","
        "\"description\":\"The report of the last run, with every decision\","
        "\"mimeType\":\"application/json\"},"
        "{\"uri\":\"" AKS_MCP_POLICY_URI "\",\"name\":\"policy\",\"title\":\"Policy\","
        "\"description\":\"The policy that syncs run under, in Lua\",\"mimeType\":\"text/x-lua\"}"
        "]}");
}
