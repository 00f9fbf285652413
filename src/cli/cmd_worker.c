#include "cli/commands.h"
#include "cli/pick.h"
#include "cli/print.h"
#include "cli/session.h"
#include "os/background_posix.h"

#include <inttypes.h>

static void
print_jobs(const struct akosha_report *report)
{
    int64_t jobs = akosha_report_number(report, "jobs", 0);

    for (int64_t i = 0; i < jobs; i++) {
        const char *reason = aks_pick_text(report, "jobs.%" PRId64 ".reason", i);

        aks_print_out("%-9s job %s%s%s\n", aks_pick_text(report, "jobs.%" PRId64 ".outcome", i),
            aks_pick_text(report, "jobs.%" PRId64 ".job_id", i), reason != NULL ? ": " : "",
            reason != NULL ? reason : "");
    }
}

static int
print_report(const struct aks_args *args, struct akosha_report *report,
    const struct akosha_error *error, int code)
{
    const char *outcome = akosha_report_text(report, "outcome");

    if (code != 0)
        aks_print_error(error->hint, "%s", error->message);
    if (args->json)
        return aks_session_print_json(report, code);
    if (!args->quiet) {
        print_jobs(report);
        if (outcome != NULL && outcome[0] == 'b')
            aks_print_note("there is a worker already");
    }
    return aks_session_end(code);
}

int
aks_cmd_worker(const struct aks_args *args)
{
    struct akosha_worker_options options = { 0 };
    struct aks_session session;
    struct akosha_report *report = NULL;
    struct akosha_error error;
    int code;

    if (args->once && args->until_empty)
        return aks_args_wrong(args, "--once and --until-empty exclude each other", "");
    /* Before there is a thread that would be left out. */
    if (args->inherited)
        aks_background_posix_give_way();
    code = aks_session_open(args, false, &session);
    if (code == 0) {
        options.once = args->once;
        options.until_empty = args->until_empty;
        options.inherited = args->inherited;
        code = akosha_worker(session.engine, &options, &report, &error);
        code = report != NULL ? print_report(args, report, &error, code)
            : aks_session_fail(args, &error);
    }
    akosha_report_free(report);
    aks_session_close(&session);
    return code;
}
