#include "base/units.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PATH_BYTES 96

static const char *
text(const struct akosha_report *report, int64_t target, int64_t i, const char *field)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "targets.%" PRId64 ".uploads.%" PRId64 ".%s", target, i,
        field);
    return akosha_report_text(report, path);
}

static int64_t
number(const struct akosha_report *report, int64_t target, const char *field)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "targets.%" PRId64 ".%s", target, field);
    return akosha_report_number(report, path, 0);
}

static void
print_target(const struct akosha_report *report, int64_t target)
{
    int64_t uploads = number(report, target, "uploads");
    char path[PATH_BYTES];
    char before[AKS_UNITS_TEXT_BYTES];
    char after[AKS_UNITS_TEXT_BYTES];

    (void)snprintf(path, sizeof(path), "targets.%" PRId64 ".name", target);
    aks_print_out("%s: %" PRId64 " of %" PRId64 " uploads stay; %s stored now, %s then\n",
        akosha_report_text(report, path), number(report, target, "kept"), uploads,
        aks_units_bytes(number(report, target, "stored_bytes"), before),
        aks_units_bytes(number(report, target, "stored_bytes_after"), after));
    for (int64_t i = 0; i < uploads; i++)
        aks_print_out("  %-8s %s  %s\n", text(report, target, i, "outcome"),
            text(report, target, i, "upload_id"), text(report, target, i, "reason"));
}

static void
print_report(const struct akosha_report *report)
{
    int64_t targets = akosha_report_number(report, "targets", 0);

    for (int64_t i = 0; i < targets; i++)
        print_target(report, i);
    if (akosha_report_number(report, "applied", 0) == 0)
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
