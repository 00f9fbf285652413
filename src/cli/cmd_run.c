#include "base/units.h"
#include "cli/commands.h"
#include "cli/pick.h"
#include "cli/print.h"
#include "cli/session.h"

#include <inttypes.h>
#include <string.h>

#define A_FILE "files.%" PRId64 "."
#define A_JOB "jobs.%" PRId64 "."

/* "in cloud", of a mirror "in cloud, other", and what it is still owed to. */
static void
print_names(const struct akosha_report *report, int64_t i, const char *list, const char *before)
{
    int64_t count = aks_pick_number(report, A_FILE "%s", i, list);

    for (int64_t j = 0; j < count; j++)
        aks_print_out("%s%s", j == 0 ? before : ", ",
            aks_pick_text(report, A_FILE "%s.%" PRId64, i, list, j));
}

static void
print_file(const struct akosha_report *report, int64_t i)
{
    const char *outcome = aks_pick_text(report, A_FILE "outcome", i);
    const char *name = aks_pick_text(report, A_FILE "name", i);
    const char *codec = aks_pick_text(report, A_FILE "codec", i);
    const char *reason = aks_pick_text(report, A_FILE "reason", i);
    char bytes[AKS_UNITS_TEXT_BYTES];
    char stored[AKS_UNITS_TEXT_BYTES];

    aks_print_out("%-9s %s", outcome, name);
    if (strcmp(outcome, "stored") == 0)
        aks_print_out("  %s -> %s (%s)", aks_units_bytes(aks_pick_number(report, A_FILE "bytes", i),
            bytes), aks_units_bytes(aks_pick_number(report, A_FILE "stored_bytes", i), stored),
            codec != NULL ? codec : "none");
    if (strcmp(outcome, "stored") == 0 && aks_pick_text(report, A_FILE "wal.key", i) != NULL)
        aks_print_out(", its log %s -> %s",
            aks_units_bytes(aks_pick_number(report, A_FILE "wal.bytes", i), bytes),
            aks_units_bytes(aks_pick_number(report, A_FILE "wal.stored_bytes", i), stored));
    print_names(report, i, "targets", strcmp(outcome, "stored") == 0 ? " in " : "  in ");
    if (strcmp(outcome, "partial") == 0)
        print_names(report, i, "pending", ", owed to ");
    if (reason != NULL)
        aks_print_out(": %s", reason);
    aks_print_out("\n");
}

/* Further failures beside the one that decides the exit code. */
static void
print_messages(const struct akosha_report *report, const struct akosha_error *error)
{
    int64_t files = akosha_report_number(report, "files", 0);

    for (int64_t i = 0; i < files; i++) {
        const char *message = aks_pick_text(report, A_FILE "message", i);

        if (message != NULL && strcmp(message, error->message) != 0)
            aks_print_note("also: %s", message);
    }
}

static void
print_report(const struct akosha_report *report, const struct akosha_error *error)
{
    int64_t files = akosha_report_number(report, "files", 0);
    int64_t jobs = akosha_report_number(report, "jobs", 0);
    const char *job = akosha_report_text(report, "job_id");

    for (int64_t i = 0; i < files; i++)
        print_file(report, i);
    for (int64_t i = 0; i < jobs; i++) {
        const char *reason = aks_pick_text(report, A_JOB "reason", i);

        aks_print_out("%-9s job %s%s%s\n", aks_pick_text(report, A_JOB "outcome", i),
            aks_pick_text(report, A_JOB "job_id", i), reason != NULL ? ": " : "",
            reason != NULL ? reason : "");
    }
    if (job != NULL && error->code != 0)
        aks_print_note("kept in the queue as job %s", job);
}

int
aks_cmd_run(const struct aks_args *args)
{
    struct akosha_run_options options = { 0 };
    struct aks_session session;
    struct akosha_report *report = NULL;
    struct akosha_error error;
    int code = aks_session_open(args, true, &session);

    if (code == 0) {
        if (args->operand_count > 0) {
            options.sources = args->operands;
            options.source_count = args->operand_count;
        }
        options.target = args->target;
        options.no_fallback = args->no_fallback;
        options.dry_run = args->dry_run;
        code = akosha_run(session.engine, session.policy, &options, &report, &error);
        if (report == NULL) {
            code = aks_session_fail(args, &error);
        } else {
            if (code != 0)
                aks_print_error(error.hint, "%s", error.message);
            if (!args->quiet && code != 0)
                print_messages(report, &error);
            if (args->json) {
                code = aks_session_print_json(report, code);
            } else {
                if (!args->quiet)
                    print_report(report, &error);
                code = aks_session_end(code);
            }
        }
    }
    akosha_report_free(report);
    aks_session_close(&session);
    return code;
}
