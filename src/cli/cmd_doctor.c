#include "cli/commands.h"
#include "cli/pick.h"
#include "cli/print.h"
#include "cli/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool
is_of(const struct akosha_report *report, int64_t i, const char *outcome)
{
    const char *found = aks_pick_text(report, "findings.%" PRId64 ".outcome", i);

    return found != NULL && strcmp(found, outcome) == 0;
}

static void
print_finding(const struct akosha_report *report, int64_t i)
{
    const char *target = aks_pick_text(report, "findings.%" PRId64 ".target", i);
    const char *hint = aks_pick_text(report, "findings.%" PRId64 ".hint", i);

    aks_print_out("%-8s %s%s%s: %s\n", aks_pick_text(report, "findings.%" PRId64 ".outcome", i),
        target != NULL ? target : "", target != NULL ? " " : "",
        aks_pick_text(report, "findings.%" PRId64 ".check", i),
        aks_pick_text(report, "findings.%" PRId64 ".message", i));
    if (hint != NULL)
        aks_print_out("         hint: %s\n", hint);
}

/* What is to be done stands last, where a person looks first. */
static void
print_report(const struct akosha_report *report)
{
    static const char *const order[] = { "ok", "unknown", "warning", "problem" };
    int64_t findings = akosha_report_number(report, "findings", 0);

    for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++) {
        for (int64_t i = 0; i < findings; i++) {
            if (is_of(report, i, order[k]))
                print_finding(report, i);
        }
    }
    aks_print_out("%" PRId64 " ok, %" PRId64 " unknown, %" PRId64 " warnings, %" PRId64
        " problems\n", akosha_report_number(report, "counts.ok", 0),
        akosha_report_number(report, "counts.unknown", 0),
        akosha_report_number(report, "counts.warning", 0),
        akosha_report_number(report, "counts.problem", 0));
}

int
aks_cmd_doctor(const struct aks_args *args)
{
    struct akosha_doctor_options options = { NULL, args->target };
    struct aks_session session;
    struct akosha_report *report = NULL;
    struct akosha_error policy_error;
    struct akosha_error error;
    int code = aks_session_open(args, false, &session);

    if (code == 0) {
        /* A policy that cannot be loaded is a finding, and no end. */
        if (akosha_policy_load(session.engine, args->policy, args->allow, args->allow_count,
            &session.policy, &policy_error) != AKOSHA_OK)
            options.policy_error = &policy_error;
        code = akosha_doctor(session.engine, session.policy, &options, &report, &error);
        code = aks_session_report(args, report, &error, code, print_report);
    }
    akosha_report_free(report);
    aks_session_close(&session);
    return code;
}
