#include "cli/mcp_child.h"

#include "akosha/akosha.h"
#include "base/alloc.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/mcp_answer.h"
#include "cli/print.h"
#include "cli/session.h"
#include "os/guard_posix.h"
#include "os/os.h"
#include "testkit/explain.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_EVERY_MS 100
#define TEXT_BYTES 320
#define HISTORY_RUNS 10

struct doing {
    const struct aks_mcp_child *child;
    struct aks_mcp_answer answer;
    struct aks_os *os;
    struct akosha *engine;
    struct akosha_policy *policy;
    int64_t told_ms;                    /* when progress was last told; -1: never */
    int64_t told_done;
    char told[TEXT_BYTES];
};

static const char *
text_of(const struct doing *doing, const char *name)
{
    return json_string_value(json_object_get(doing->child->arguments, name));
}

static bool
is_set(const struct doing *doing, const char *name)
{
    return json_is_true(json_object_get(doing->child->arguments, name));
}

/* --- while it goes on ------------------------------------------------------------------------- */

static void
say_progress(char text[TEXT_BYTES], const struct akosha_progress *progress)
{
    char wait[AKS_UNITS_TEXT_BYTES];

    if (progress->blocked)
        (void)snprintf(text, TEXT_BYTES, "waiting for another akosha-sync that is delivering");
    else if (progress->waiting_ms >= 0)
        (void)snprintf(text, TEXT_BYTES, "waiting %s before the next try",
            aks_units_duration(progress->waiting_ms, wait));
    else if (progress->target == NULL)
        (void)snprintf(text, TEXT_BYTES, "looking at %u file%s", progress->files_total,
            progress->files_total == 1 ? "" : "s");
    else
        (void)snprintf(text, TEXT_BYTES, "%u of %u files, %s %s%s%s", progress->files_done,
            progress->files_total, progress->reading ? "from" : "to", progress->target,
            progress->source != NULL ? ": " : "",
            progress->source != NULL ? progress->source : "");
}

static void
on_progress(void *ctx, const struct akosha_progress *progress)
{
    struct doing *doing = ctx;
    const struct aks_clock *clock = &aks_os_port(doing->os)->clock;
    int64_t now_ms = clock->now_ns(clock->ctx) / AKS_NS_PER_MS;
    bool waits = progress->blocked || progress->waiting_ms >= 0;
    char text[TEXT_BYTES];

    /* Nothing comes after a wait that has begun, for as long as it takes. */
    if (!waits && doing->told_ms >= 0 && now_ms - doing->told_ms < PROGRESS_EVERY_MS)
        return;
    say_progress(text, progress);
    if (doing->told_ms >= 0 && doing->told_done == progress->bytes_done &&
        strcmp(doing->told, text) == 0)
        return;
    doing->told_ms = now_ms;
    doing->told_done = progress->bytes_done;
    memcpy(doing->told, text, sizeof(text));
    aks_mcp_answer_progress(&doing->answer, progress->bytes_done, progress->bytes_total, text);
}

static void
on_log(void *ctx, enum akosha_log_level level, const char *text)
{
    static const char *const names[] = { "error", "warning", "info", "debug" };
    struct doing *doing = ctx;
    const struct aks_args *args = doing->child->args;

    if (level == AKOSHA_LOG_ERROR)
        aks_print_error(NULL, "%s", text);
    else if (args->verbose || (level == AKOSHA_LOG_WARNING && !args->quiet))
        aks_print_note("%s%s", level == AKOSHA_LOG_WARNING ? "warning: " : "", text);
    aks_mcp_answer_log(&doing->answer, names[level], text);
}

/* --- calls that need an engine ---------------------------------------------------------------- */

static int
open_engine(struct doing *doing, struct akosha_error *ret_error)
{
    const struct aks_args *args = doing->child->args;
    struct akosha_options options = { 0 };
    int code;

    options.port = aks_os_port(doing->os);
    options.state_folder = args->state;
    options.limits = args->limits;
    options.limit_count = args->limit_count;
    options.log = on_log;
    options.log_ctx = doing;
    options.log_level = AKOSHA_LOG_DEBUG;
    options.progress = on_progress;
    options.progress_ctx = doing;
    code = akosha_open(&options, &doing->engine, ret_error);
    if (code == AKOSHA_OK)
        code = akosha_policy_load(doing->engine, args->policy, args->allow, args->allow_count,
            &doing->policy, ret_error);
    if (code == AKOSHA_OK)
        aks_session_interruptible(doing->engine);
    return code;
}

static int
sync_now(struct doing *doing, struct akosha_report **ret_report, struct akosha_error *ret_error)
{
    const struct aks_args *args = doing->child->args;
    struct akosha_run_options options = { .target = text_of(doing, "target"),
        .no_fallback = is_set(doing, "no_fallback"), .dry_run = is_set(doing, "dry_run") };
    int code = open_engine(doing, ret_error);

    if (args->operand_count > 0) {
        options.sources = args->operands;
        options.source_count = args->operand_count;
    }
    if (code != AKOSHA_OK)
        return code;
    return akosha_run(doing->engine, doing->policy, &options, ret_report, ret_error);
}

static int
verify(struct doing *doing, struct akosha_report **ret_report, struct akosha_error *ret_error)
{
    const struct aks_args *args = doing->child->args;
    struct akosha_verify_options options = { .upload_id = text_of(doing, "upload_id"),
        .target = text_of(doing, "target"), .quick = is_set(doing, "quick") };
    int code = open_engine(doing, ret_error);

    options.keys.identities = args->identities;
    options.keys.identity_count = args->identity_count;
    options.keys.passphrase_secret = args->passphrase_secret;
    if (code != AKOSHA_OK)
        return code;
    return akosha_verify(doing->engine, doing->policy, &options, ret_report, ret_error);
}

/* --- calls that need none --------------------------------------------------------------------- */

static int
history(const struct doing *doing, struct akosha_report **ret_report,
    struct akosha_error *ret_error)
{
    const json_t *limit = json_object_get(doing->child->arguments, "limit");
    struct akosha_history_options options = { .port = aks_os_port(doing->os),
        .state_folder = doing->child->args->state, .outcome = text_of(doing, "outcome"),
        .runs_max = limit != NULL ? json_integer_value(limit) : HISTORY_RUNS };

    return akosha_history(&options, ret_report, ret_error);
}

static int
explained(const struct aks_error *err, struct akosha_error *ret_error)
{
    ret_error->code = err->status == AKS_NOT_FOUND ? AKOSHA_USAGE
        : err->status == AKS_SOURCE_UNREADABLE ? AKOSHA_SOURCE : AKOSHA_SETTINGS;
    ret_error->failure = aks_status_name(err->status);
    (void)snprintf(ret_error->message, sizeof(ret_error->message), "%s", err->message);
    (void)snprintf(ret_error->hint, sizeof(ret_error->hint), "%s", err->hint);
    return ret_error->code;
}

/* A document of a tool's that is no report of the library's, as one. */
static int
ended_well(const struct doing *doing, json_t *document, struct akosha_report **ret_report,
    struct akosha_error *ret_error)
{
    (void)json_object_set_new(document, "schema", json_integer(1));
    (void)json_object_set_new(document, "success", json_true());
    (void)json_object_set_new(document, "exit_code", json_integer(AKOSHA_OK));
    return aks_mcp_answer_leaves(&doing->answer, document, ret_report, ret_error);
}

/* It is kept, whether there is a worker or not. */
static int
enqueue(const struct doing *doing, struct akosha_report **ret_report,
    struct akosha_error *ret_error)
{
    struct aks_args job = *doing->child->args;
    struct akosha_enqueued enqueued;
    json_t *error = NULL;
    int code;

    job.target = text_of(doing, "target");
    job.no_fallback = is_set(doing, "no_fallback");
    code = aks_cmd_enqueue_job(&job, aks_os_port(doing->os), &enqueued, ret_error);
    if (code != AKOSHA_OK)
        return code;
    if (!enqueued.worker)
        error = json_pack("{s:s, s:s, s:s}", "failure", enqueued.worker_error.failure, "message",
            enqueued.worker_error.message, "hint", enqueued.worker_error.hint);
    return ended_well(doing, json_pack("{s:s, s:s, s:b, s:o?}", "outcome", "queued", "job_id",
        enqueued.job_id, "worker", enqueued.worker, "error", error), ret_report, ret_error);
}

static int
explain(const struct doing *doing, struct akosha_report **ret_report,
    struct akosha_error *ret_error)
{
    const struct aks_args *args = doing->child->args;
    const json_t *given = json_object_get(doing->child->arguments, "events");
    struct aks_explain_options options = { .real = aks_os_port(doing->os), .policy = args->policy,
        .limits = args->limits, .limit_count = args->limit_count, .state = args->state,
        .at = text_of(doing, "at"), .run = text_of(doing, "replay") };
    const char *events[AKS_MCP_EVENTS_MAX];
    struct aks_error err = { 0 };
    json_t *explanation = NULL;
    enum aks_status status;

    _Static_assert(AKS_MCP_EVENTS_MAX <= AKS_EXPLAIN_EVENTS_MAX, "each is explained");
    options.sources = args->operand_count > 0 ? args->operands : NULL;
    options.source_count = args->operand_count;
    options.events = events;
    for (size_t i = 0; i < json_array_size(given); i++)
        events[options.event_count++] = json_string_value(json_array_get(given, i));
    status = aks_explain(&options, &explanation, &err);
    if (status != AKS_OK)
        return explained(&err, ret_error);
    return ended_well(doing, explanation, ret_report, ret_error);
}

static int
ask(struct doing *doing, struct akosha_report **ret_report, struct akosha_error *ret_error)
{
    const struct aks_port *port = aks_os_port(doing->os);
    const struct aks_args *args = doing->child->args;

    switch (doing->child->what) {
    case AKS_MCP_SYNC:
        return sync_now(doing, ret_report, ret_error);
    case AKS_MCP_STATUS:
        return akosha_status(port, args->state, text_of(doing, "job_id"), ret_report, ret_error);
    case AKS_MCP_HISTORY:
        return history(doing, ret_report, ret_error);
    case AKS_MCP_VERIFY:
        return verify(doing, ret_report, ret_error);
    case AKS_MCP_EXPLAIN:
        return explain(doing, ret_report, ret_error);
    case AKS_MCP_REPORT:
        return akosha_status(port, args->state, NULL, ret_report, ret_error);
    case AKS_MCP_POLICY:
        return akosha_policy_show(port, args->policy, ret_report, ret_error);
    case AKS_MCP_ENQUEUE:
        return enqueue(doing, ret_report, ret_error);
    case AKS_MCP_NOTHING:
        break;
    }
    return AKOSHA_USAGE;
}

/* --- all of it -------------------------------------------------------------------------------- */

static void
tell(struct doing *doing, struct akosha_report *report, const struct akosha_error *error, int code)
{
    enum aks_mcp_do what = doing->child->what;

    if (report == NULL)
        aks_mcp_answer_failure(&doing->answer, error,
            aks_mcp_tools_is_tool(what));
    else if (what == AKS_MCP_REPORT)
        aks_mcp_answer_last_report(&doing->answer, report);
    else if (what == AKS_MCP_POLICY)
        aks_mcp_answer_policy(&doing->answer, report);
    else
        aks_mcp_answer_report(&doing->answer, report, code,
            what == AKS_MCP_EXPLAIN || is_set(doing, "details"));
}

static void
work(struct doing *doing)
{
    const struct aks_args *args = doing->child->args;
    struct akosha_leaving_options options = { .port = aks_os_port(doing->os),
        .state_folder = args->state, .policy = args->policy, .keep_names = args->keep_names };
    struct akosha_report *report = NULL;
    struct akosha_error error = { 0 };
    int code = akosha_leaving_open(&options, &doing->answer.leaving, &error);

    if (code == AKOSHA_OK)
        code = ask(doing, &report, &error);
    tell(doing, report, &error, code);
    akosha_report_free(report);
    aks_session_interruptible(NULL);
    akosha_policy_free(doing->policy);
    akosha_close(doing->engine);
    akosha_leaving_close(doing->answer.leaving);
}

int
aks_mcp_child_run(void *ctx, int fd)
{
    struct doing doing = { .child = ctx, .answer = { .fd = fd }, .told_ms = -1 };
    struct aks_error err = { 0 };
    struct aks_guard_posix guard;
    sigset_t none;

    /* The server holds signals back while it does not wait. */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    /* Secrets are not copied into a child (base/secret.c), so that what the environment holds would
     * be told here. */
    aks_guard_posix_environment(&guard, aks_alloc_system());
    if (aks_os_open(aks_alloc_system(), &doing.os, &err) == AKS_OK)
        work(&doing);
    aks_os_close(doing.os);
    aks_guard_posix_forget(&guard);
    return EXIT_SUCCESS;
}
