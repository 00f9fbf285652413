#include "base/units.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PATH_BYTES 64

static const char *
file_text(const struct akosha_report *report, int64_t index, const char *field)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "files.%" PRId64 ".%s", index, field);
    return akosha_report_text(report, path);
}

static int64_t
file_number(const struct akosha_report *report, int64_t index, const char *field)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "files.%" PRId64 ".%s", index, field);
    return akosha_report_number(report, path, 0);
}

/* "in cloud", of a mirror "in cloud, other", and what it is still owed to. */
static void
print_names(const struct akosha_report *report, int64_t i, const char *list, const char *before)
{
    char path[PATH_BYTES];
    int64_t count;

    (void)snprintf(path, sizeof(path), "files.%" PRId64 ".%s", i, list);
    count = akosha_report_number(report, path, 0);
    for (int64_t j = 0; j < count; j++) {
        (void)snprintf(path, sizeof(path), "files.%" PRId64 ".%s.%" PRId64, i, list, j);
        aks_print_out("%s%s", j == 0 ? before : ", ", akosha_report_text(report, path));
    }
}

static void
print_file(const struct akosha_report *report, int64_t i)
{
    const char *outcome = file_text(report, i, "outcome");
    const char *name = file_text(report, i, "name");
    const char *codec = file_text(report, i, "codec");
    const char *reason = file_text(report, i, "reason");
    char bytes[AKS_UNITS_TEXT_BYTES];
    char stored[AKS_UNITS_TEXT_BYTES];

    aks_print_out("%-9s %s", outcome, name);
    if (strcmp(outcome, "stored") == 0)
        aks_print_out("  %s -> %s (%s)", aks_units_bytes(file_number(report, i, "bytes"),
            bytes), aks_units_bytes(file_number(report, i, "stored_bytes"), stored),
            codec != NULL ? codec : "none");
    if (strcmp(outcome, "stored") == 0 && file_text(report, i, "wal.key") != NULL)
        aks_print_out(", its log %s -> %s", aks_units_bytes(file_number(report, i, "wal.bytes"),
            bytes), aks_units_bytes(file_number(report, i, "wal.stored_bytes"), stored));
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
        const char *message = file_text(report, i, "message");

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
        char path[PATH_BYTES];
        const char *reason;
        const char *id;

        (void)snprintf(path, sizeof(path), "jobs.%" PRId64 ".job_id", i);
        id = akosha_report_text(report, path);
        (void)snprintf(path, sizeof(path), "jobs.%" PRId64 ".reason", i);
        reason = akosha_report_text(report, path);
        (void)snprintf(path, sizeof(path), "jobs.%" PRId64 ".outcome", i);
        aks_print_out("%-9s job %s%s%s\n", akosha_report_text(report, path), id,
            reason != NULL ? ": " : "", reason != NULL ? reason : "");
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
