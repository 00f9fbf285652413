#include "base/units.h"
#include "cli/commands.h"
#include "cli/pick.h"
#include "cli/print.h"
#include "cli/session.h"

#include <inttypes.h>

#define TARGET "targets.%" PRId64 "."
#define UPLOAD TARGET "uploads.%" PRId64 "."

static void
print_target(const struct akosha_report *report, int64_t target)
{
    int64_t uploads = aks_pick_number(report, TARGET "uploads", target);
    const char *message = aks_pick_text(report, TARGET "error.message", target);
    char before[AKS_UNITS_TEXT_BYTES];
    char after[AKS_UNITS_TEXT_BYTES];

    if (message != NULL)
        aks_print_out("%s: %s\n", aks_pick_text(report, TARGET "name", target), message);
    if (message != NULL && uploads == 0)
        return;
    aks_print_out("%s: %" PRId64 " of %" PRId64 " uploads stay; %s stored now, %s then\n",
        aks_pick_text(report, TARGET "name", target),
        aks_pick_number(report, TARGET "kept", target), uploads,
        aks_units_bytes(aks_pick_number(report, TARGET "stored_bytes", target), before),
        aks_units_bytes(aks_pick_number(report, TARGET "stored_bytes_after", target), after));
    for (int64_t i = 0; i < uploads; i++)
        aks_print_out("  %-8s %s  %s\n", aks_pick_text(report, UPLOAD "outcome", target, i),
            aks_pick_text(report, UPLOAD "upload_id", target, i),
            aks_pick_text(report, UPLOAD "reason", target, i));
}

static void
print_report(const struct akosha_report *report)
{
    int64_t targets = akosha_report_number(report, "targets", 0);

    for (int64_t i = 0; i < targets; i++)
        print_target(report, i);
    if (targets > 0 && akosha_report_number(report, "applied", 0) == 0)
        aks_print_note("nothing was removed: --apply does it");
}

int
aks_cmd_prune(const struct aks_args *args)
{
    struct akosha_prune_options options = { args->keep, args->target, args->credentials,
        args->apply };
    struct aks_session session;
    struct akosha_report *report = NULL;
    struct akosha_error error;
    int code = aks_session_open(args, true, &session);

    if (code == 0) {
        code = akosha_prune(session.engine, session.policy, &options, &report, &error);
        if (code == AKOSHA_USAGE && report == NULL)
            code = aks_args_wrong(args, error.message, "");
        else
            code = aks_session_report(args, report, &error, code, print_report);
    }
    akosha_report_free(report);
    aks_session_close(&session);
    return code;
}
