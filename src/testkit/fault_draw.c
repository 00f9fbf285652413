/* Bad luck out of a seed. */
#include "base/check.h"
#include "base/units.h"
#include "testkit/fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DRAW_WINDOW_MS 120000

static uint64_t
below(struct aks_rng *rng, uint64_t bound)
{
    return aks_rng_next(rng) % bound;
}

static void
draw_reply(struct aks_fault_rule *rule, struct aks_rng *rng, bool transient)
{
    static const struct {
        int status;
        const char *code;
        bool transient;
    } replies[] = {
        { 503, "SlowDown", true }, { 500, "InternalError", true },
        { 503, "ServiceUnavailable", true },
        { 429, "", true }, { 502, "", true }, { 504, "", true },
        /* An error inside a success, as Complete can have it. */
        { 200, "InternalError", true },
        { 400, "RequestTimeout", true }, { 404, "NoSuchUpload", true },
        { 403, "ExpiredToken", false }, { 403, "AccessDenied", false },
        { 409, "OperationAborted", true }, { 413, "EntityTooLarge", false },
        { 301, "PermanentRedirect", false }, { 400, "BadDigest", true },
    };
    size_t pick;

    do {
        pick = (size_t)below(rng, sizeof(replies) / sizeof(replies[0]));
    } while (transient && !replies[pick].transient);
    aks_fault_rule_init(rule, AKS_FAULT_REPLY);
    rule->http_status = replies[pick].status;
    (void)snprintf(rule->http_code, sizeof(rule->http_code), "%s", replies[pick].code);
    if (rule->http_status == 503 && below(rng, 2) == 0)
        rule->retry_after_s = (int64_t)below(rng, 30);
    rule->served = below(rng, 4) == 0;
    if (rule->http_status == 200)
        (void)snprintf(rule->operation, sizeof(rule->operation), "complete");
}

static void
draw_failure(struct aks_fault_rule *rule, struct aks_rng *rng, bool transient)
{
    static const enum aks_status failures[] = { AKS_DNS, AKS_OFFLINE, AKS_REFUSED, AKS_BAD_REPLY,
        AKS_BAD_REPLY, AKS_STALLED, AKS_TLS };
    size_t count = sizeof(failures) / sizeof(failures[0]) - (transient ? 1 : 0);
    static const char *const verbs[] = { "send", "serve", "reply" };

    aks_fault_rule_init(rule, AKS_FAULT_FAIL);
    aks_fault_rule_status(rule, failures[below(rng, count)]);
    if (rule->status == AKS_BAD_REPLY) {
        (void)snprintf(rule->verb, sizeof(rule->verb), "%s", verbs[below(rng, 3)]);
        rule->served = strcmp(rule->verb, "serve") == 0 && below(rng, 2) == 0;
    }
}

static void
draw_network(struct aks_fault_rule *rule, const struct aks_fault_draw *draw, struct aks_rng *rng)
{
    static const char *const operations[] = { "", "", "probe", "create", "part", "complete", "put",
        "manifest", "marker", "part 2" };
    static const char *const silences[] = { "name", "connect", "tls", "send", "serve", "reply" };
    uint64_t kind = below(rng, 10);
    char operation[AKS_FAULT_TEXT_BYTES];

    if (kind < 4) {
        draw_reply(rule, rng, draw->transient);
    } else if (kind < 7) {
        draw_failure(rule, rng, draw->transient);
    } else if (kind == 7) {
        aks_fault_rule_init(rule, AKS_FAULT_SILENT);
        (void)snprintf(rule->verb, sizeof(rule->verb), "%s", silences[below(rng, 6)]);
    } else if (kind == 8) {
        aks_fault_rule_init(rule, AKS_FAULT_SLOW);
        rule->delay_ns = (int64_t)below(rng, 20) * AKS_NS_PER_S / 2;
    } else {
        aks_fault_rule_init(rule, AKS_FAULT_LOST);
    }
    (void)snprintf(operation, sizeof(operation), "%s", operations[below(rng, 10)]);
    if (rule->operation[0] == '\0')
        (void)snprintf(rule->operation, sizeof(rule->operation), "%s", operation);
    if (draw->target_count > 0 && below(rng, 3) > 0)
        (void)snprintf(rule->target, sizeof(rule->target), "%s",
            draw->targets[below(rng, draw->target_count)]);
}

static void
draw_disk(struct aks_fault_rule *rule, struct aks_rng *rng)
{
    static const char *const verbs[] = { "write", "sync", "rename", "sync_folder", "open", "read",
        "unlink", "truncate", "stat", "list" };
    static const char *const paths[] = { "", "", ".jsonl", ".json", "state.db", "-wal", ".db",
        "/queue" };
    static const enum aks_status failures[] = { AKS_NO_SPACE, AKS_STATE, AKS_FORBIDDEN };

    if (below(rng, 5) == 0) {
        aks_fault_rule_init(rule, AKS_FAULT_SLOW);
        rule->delay_ns = (int64_t)below(rng, 2000) * AKS_NS_PER_MS;
    } else {
        aks_fault_rule_init(rule, AKS_FAULT_FAIL);
        rule->status = failures[below(rng, 3)];
        rule->bytes = (int64_t)below(rng, 600);
    }
    rule->disk = true;
    (void)snprintf(rule->operation, sizeof(rule->operation), "%s", verbs[below(rng, 10)]);
    (void)snprintf(rule->target, sizeof(rule->target), "%s", paths[below(rng, 8)]);
    /* Who may make a folder may sync it. */
    if (rule->status == AKS_FORBIDDEN && strcmp(rule->operation, "sync_folder") == 0)
        rule->status = AKS_STATE;
}

/* How often, and when. */
static void
draw_frequency(struct aks_fault_rule *rule, struct aks_rng *rng)
{
    switch (below(rng, 5)) {
    case 0:
        rule->times = 1;
        break;
    case 1:
        rule->nth = 1 + (uint32_t)below(rng, 6);
        break;
    case 2:
        rule->times = 1 + (uint32_t)below(rng, 5);
        rule->rate = 0.1 + 0.9 * aks_rng_unit(rng);
        break;
    case 3:
        rule->from_ns = (int64_t)below(rng, 10) * AKS_NS_PER_S;
        rule->until_ns = rule->from_ns + (int64_t)below(rng, DRAW_WINDOW_MS) * AKS_NS_PER_MS;
        break;
    default:
        rule->rate = 0.05 + 0.4 * aks_rng_unit(rng);
        break;
    }
}

void
aks_fault_plan_draw(struct aks_fault_plan *plan, const struct aks_fault_draw *draw,
    struct aks_rng *rng)
{
    uint64_t count = below(rng, draw->rules_max + 1);

    for (uint64_t i = 0; i < count; i++) {
        struct aks_fault_rule rule;

        if (draw->crashes && below(rng, 6) == 0) {
            aks_fault_rule_init(&rule, AKS_FAULT_DIES);
            rule.nth = 1 + (uint32_t)below(rng, 8);
            rule.served = below(rng, 2) == 0;
        } else if (draw->disk && below(rng, 3) == 0) {
            draw_disk(&rule, rng);
            draw_frequency(&rule, rng);
        } else {
            draw_network(&rule, draw, rng);
            draw_frequency(&rule, rng);
        }
        (void)aks_fault_plan_add(plan, &rule);
    }
}

static void
lua_seconds(struct aks_buf *out, const char *call, int64_t ns)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%.15g", (double)ns / (double)AKS_NS_PER_S);
    aks_buf_printf(out, "%s(%s)", call, text);
}

/* A text as Lua reads it, with its quotes. */
static void
lua_text(struct aks_buf *out, const char *text)
{
    aks_buf_putc(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            aks_buf_putc(out, '\\');
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            aks_buf_printf(out, "\\%03d", *text);
        else
            aks_buf_putc(out, *text);
    }
    aks_buf_putc(out, '"');
}

static void
lua_what(const struct aks_fault_rule *rule, struct aks_buf *out)
{
    switch (rule->kind) {
    case AKS_FAULT_REPLY:
        aks_buf_printf(out, ":reply { status = %d", rule->http_status);
        if (rule->http_code[0] != '\0')
            aks_buf_printf(out, ", code = \"%s\"", rule->http_code);
        if (rule->retry_after_s >= 0)
            aks_buf_printf(out, ", retry_after = %" PRId64, rule->retry_after_s);
        aks_buf_puts(out, rule->served ? ", served = true }" : " }");
        break;
    case AKS_FAULT_FAIL:
        aks_buf_printf(out, ":fail \"%s\"", aks_status_name(rule->status));
        break;
    case AKS_FAULT_SILENT:
        aks_buf_puts(out, ":silent()");
        break;
    case AKS_FAULT_SLOW:
        lua_seconds(out, ":slow", rule->delay_ns);
        break;
    case AKS_FAULT_LOST:
        aks_buf_puts(out, ":lost()");
        break;
    case AKS_FAULT_DIES:
        aks_buf_puts(out, rule->served ? ":dies { served = true }" : ":dies()");
        break;
    }
}

/* The step is said where it is not the usual one of the fault. */
static bool
unusual_step(const struct aks_fault_rule *rule)
{
    struct aks_fault_rule usual;

    if (rule->disk)
        return false;
    aks_fault_rule_init(&usual, rule->kind);
    if (rule->kind == AKS_FAULT_FAIL)
        aks_fault_rule_status(&usual, rule->status);
    return strcmp(usual.verb, rule->verb) != 0;
}

void
aks_fault_rule_lua(const struct aks_fault_rule *rule, struct aks_buf *out)
{
    const char *operation = rule->operation[0] != '\0' ? rule->operation : "any";

    if (rule->disk) {
        aks_buf_puts(out, "world.disk");
    } else if (rule->target[0] != '\0') {
        aks_buf_puts(out, "world.target[");
        lua_text(out, rule->target);
        aks_buf_putc(out, ']');
    } else {
        aks_buf_puts(out, "world.network");
    }
    if (!rule->disk && strncmp(operation, "part ", 5) == 0)
        aks_buf_printf(out, ":on(\"part\", %s", operation + 5);
    else
        aks_buf_printf(out, ":on(\"%s\"", operation);
    if (rule->disk && rule->target[0] != '\0') {
        aks_buf_puts(out, ", ");
        lua_text(out, rule->target);
    }
    aks_buf_putc(out, ')');
    if (unusual_step(rule))
        aks_buf_printf(out, ":at \"%s\"", rule->verb);
    lua_what(rule, out);
    if (rule->kind == AKS_FAULT_FAIL && rule->served)
        aks_buf_puts(out, ":served()");
    if (rule->bytes > 0)
        aks_buf_printf(out, ":after_bytes(%" PRId64 ")", rule->bytes);
    if (rule->nth != 0)
        aks_buf_printf(out, ":nth(%" PRIu32 ")", rule->nth);
    if (rule->times == 1)
        aks_buf_puts(out, ":once()");
    else if (rule->times != 0)
        aks_buf_printf(out, ":times(%" PRIu32 ")", rule->times);
    if (rule->rate < 1)
        aks_buf_printf(out, ":rate(%.17g)", rule->rate);
    if (rule->from_ns > 0)
        lua_seconds(out, ":from_time", rule->from_ns);
    if (rule->until_ns != INT64_MAX)
        lua_seconds(out, ":until_time", rule->until_ns);
}
