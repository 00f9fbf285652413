#include "base/alloc.h"
#include "base/error.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/pick.h"
#include "cli/print.h"
#include "cli/session.h"
#include "os/os.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- what is going on ------------------------------------------------------------------------- */

static void
print_now(const struct akosha_report *report)
{
    const char *target = akosha_report_text(report, "now.target");
    const char *source = akosha_report_text(report, "now.source");
    int64_t rate = akosha_report_number(report, "now.bytes_per_s", -1);
    int64_t left_s = akosha_report_number(report, "now.remaining_s", -1);
    char done[AKS_UNITS_TEXT_BYTES];
    char total[AKS_UNITS_TEXT_BYTES];
    char text[AKS_UNITS_TEXT_BYTES];

    if (target == NULL) {
        aks_print_out("now: at work\n");
        return;
    }
    aks_print_out("now: %s of %s to %s%s%s",
        aks_units_bytes(akosha_report_number(report, "now.bytes_done", 0), done),
        aks_units_bytes(akosha_report_number(report, "now.bytes_total", 0), total), target,
        source != NULL ? ": " : "", source != NULL ? source : "");
    if (rate >= 0)
        aks_print_out(", %s/s", aks_units_bytes(rate, text));
    if (left_s >= 0)
        aks_print_out(", %s left", aks_units_duration(left_s * AKS_MS_PER_S, text));
    aks_print_out("\n");
}

static void
print_nothing_now(const struct akosha_report *report)
{
    bool worker = akosha_report_number(report, "worker.running", 0) == 1;

    aks_print_out("now: nothing%s\n", worker ? "; a worker waits for work" : "");
}

/* What a hook said to nobody. */
static void
print_hook(const struct akosha_report *report)
{
    const char *hint = akosha_report_text(report, "hook.hint");
    int64_t times = akosha_report_number(report, "hook.times", 0);

    if (times == 0)
        return;
    aks_print_out("hook: failed %" PRId64 " time%s since %s, last at %s: %s\n", times,
        times == 1 ? "" : "s", akosha_report_text(report, "hook.since"),
        akosha_report_text(report, "hook.failed_at"), akosha_report_text(report, "hook.message"));
    if (hint != NULL)
        aks_print_out("    hint: %s\n", hint);
}

/* --- the queue -------------------------------------------------------------------------------- */

static void
print_sources(const struct akosha_report *report, const char *where)
{
    int64_t count = aks_pick_number(report, "%s.sources", where);
    const char *policy = aks_pick_text(report, "%s.policy", where);

    for (int64_t i = 0; i < count; i++)
        aks_print_out("    %s\n", aks_pick_text(report, "%s.sources.%" PRId64, where, i));
    if (count == 0)
        aks_print_out("    the sources of %s\n", policy != NULL ? policy : "the default policy");
}

/* A job of the queue, which stands at ${where}. */
static void
print_queued(const struct akosha_report *report, const char *where)
{
    const char *reason = aks_pick_text(report, "%s.reason", where);
    const char *message = aks_pick_text(report, "%s.message", where);
    const char *hint = aks_pick_text(report, "%s.hint", where);
    const char *not_before = aks_pick_text(report, "%s.not_before", where);
    int64_t tries = aks_pick_number(report, "%s.tries", where);

    aks_print_out("  %s  %s, since %s", aks_pick_text(report, "%s.job_id", where),
        aks_pick_text(report, "%s.state", where), aks_pick_text(report, "%s.enqueued_at", where));
    if (tries > 0)
        aks_print_out(", tried %" PRId64 " time%s", tries, tries == 1 ? "" : "s");
    if (not_before != NULL)
        aks_print_out(", not before %s", not_before);
    aks_print_out("\n");
    print_sources(report, where);
    if (reason != NULL)
        aks_print_out("    %s: %s\n", reason, message != NULL ? message : "");
    if (hint != NULL)
        aks_print_out("    hint: %s\n", hint);
}

static void
print_queue(const struct akosha_report *report)
{
    int64_t count = akosha_report_number(report, "queue", 0);
    int64_t damaged = akosha_report_number(report, "damaged", 0);
    const char *oldest = akosha_report_text(report, "oldest_waiting_at");
    char where[32];

    aks_print_out("queue: %" PRId64 " job%s", count, count == 1 ? "" : "s");
    if (oldest != NULL)
        aks_print_out(", the oldest since %s", oldest);
    aks_print_out("\n");
    for (int64_t i = 0; i < count; i++) {
        (void)snprintf(where, sizeof(where), "queue.%" PRId64, i);
        print_queued(report, where);
    }
    for (int64_t i = 0; i < damaged; i++)
        aks_print_out("  %s  damaged, and left alone: %s\n",
            aks_pick_text(report, "damaged.%" PRId64 ".job_id", i),
            aks_pick_text(report, "damaged.%" PRId64 ".message", i));
}

/* --- what is known ---------------------------------------------------------------------------- */

static void
print_target(const struct akosha_report *report, int64_t i)
{
    const char *until = aks_pick_text(report, "targets.%" PRId64 ".until", i);
    int64_t failures = aks_pick_number(report, "targets.%" PRId64 ".failures", i);

    aks_print_out("  %-12s ", aks_pick_text(report, "targets.%" PRId64 ".name", i));
    if (until != NULL)
        aks_print_out("%s, %" PRId64 " time%s in a row; not asked before %s\n",
            aks_pick_text(report, "targets.%" PRId64 ".reason", i), failures,
            failures == 1 ? "" : "s", until);
    else
        aks_print_out("healthy\n");
}

/* Why some of it is not known. The queue is, so it is no failure of the command. */
static void
print_error(const struct akosha_report *report)
{
    const char *message = akosha_report_text(report, "error.message");

    if (message != NULL)
        aks_print_error(akosha_report_text(report, "error.hint"), "%s", message);
}

static void
print_known(const struct akosha_report *report)
{
    const char *run = akosha_report_text(report, "last_run.started_at");
    const char *stored = akosha_report_text(report, "last_stored_at");
    const char *proven = akosha_report_text(report, "last_proven_restore_at");
    int64_t targets = akosha_report_number(report, "targets", 0);
    int64_t memories = akosha_report_number(report, "memories_delivered", 0);
    const char *none = akosha_report_text(report, "error.message") != NULL ? "not known" : "never";
    char text[AKS_UNITS_TEXT_BYTES];

    if (run != NULL)
        aks_print_out("last run: %s, %s\n", run, akosha_report_text(report, "last_run.outcome"));
    aks_print_out("last stored: %s\n", stored != NULL ? stored : none);
    aks_print_out("last proven restore: %s\n", proven != NULL ? proven : none);
    if (akosha_report_text(report, "last_drill.at") != NULL)
        aks_print_out("last drill: %s, %s ago: %s\n", akosha_report_text(report, "last_drill.at"),
            aks_units_duration(akosha_report_number(report, "last_drill.age_s", 0) *
                AKS_MS_PER_S, text), akosha_report_text(report, "last_drill.outcome"));
    if (memories > 0)
        aks_print_out("memories delivered: %" PRId64 "\n", memories);
    if (targets > 0)
        aks_print_out("targets:\n");
    for (int64_t i = 0; i < targets; i++)
        print_target(report, i);
    print_error(report);
}

static void
print_ended(const struct akosha_report *report)
{
    const char *by = akosha_report_text(report, "job.by");
    const char *reason = akosha_report_text(report, "job.reason");
    const char *run = akosha_report_text(report, "job.run_id");

    aks_print_out("%s  %s at %s", akosha_report_text(report, "job.job_id"),
        akosha_report_text(report, "job.outcome"), akosha_report_text(report, "job.ended_at"));
    if (by != NULL)
        aks_print_out(", by job %s", by);
    else if (run != NULL)
        aks_print_out(", in run %s", run);
    if (reason != NULL)
        aks_print_out(": %s", reason);
    aks_print_out("\n");
}

static int
print(const struct aks_args *args, struct akosha_report *report)
{
    if (args->json)
        return aks_session_print_json(report, AKOSHA_OK);
    if (args->quiet) {
        print_error(report);
        return aks_session_end(AKOSHA_OK);
    }
    if (args->operand_count > 0) {
        if (strcmp(akosha_report_text(report, "job.state"), "ended") == 0)
            print_ended(report);
        else
            print_queued(report, "job");
        return aks_session_end(AKOSHA_OK);
    }
    if (akosha_report_number(report, "worker.delivering", 0) == 1)
        print_now(report);
    else
        print_nothing_now(report);
    print_hook(report);
    print_queue(report);
    print_known(report);
    return aks_session_end(AKOSHA_OK);
}

int
aks_cmd_status(const struct aks_args *args)
{
    struct akosha_report *report = NULL;
    struct akosha_error error;
    struct aks_error err;
    struct aks_os *os = NULL;
    int code;

    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK) {
        aks_print_error(err.hint, "%s", err.message);
        return AKOSHA_NOT_KEPT;
    }
    code = akosha_status(aks_os_port(os), args->state,
        args->operand_count > 0 ? args->operands[0] : NULL, &report, &error);
    code = code == AKOSHA_OK ? print(args, report) : aks_session_fail(args, &error);
    akosha_report_free(report);
    aks_os_close(os);
    return code;
}
