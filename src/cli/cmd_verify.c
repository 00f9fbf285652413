#include "base/units.h"
#include "cli/commands.h"
#include "cli/keys.h"
#include "cli/pick.h"
#include "cli/print.h"
#include "cli/session.h"

#include <inttypes.h>
#include <stdbool.h>

#define TARGET "targets.%" PRId64 "."
#define OBJECT TARGET "objects.%" PRId64 "."

static bool
stays_sealed(const struct akosha_report *report, int64_t target, int64_t i)
{
    return aks_pick_text(report, OBJECT "encryption", target, i) != NULL &&
        aks_pick_number(report, OBJECT "opened", target, i) == 0;
}

static void
print_target(const struct akosha_report *report, int64_t target)
{
    int64_t objects = aks_pick_number(report, TARGET "objects", target);
    const char *id = aks_pick_text(report, TARGET "upload_id", target);

    if (id == NULL) {
        aks_print_out("%s: %s\n", aks_pick_text(report, TARGET "name", target),
            aks_pick_text(report, TARGET "error.message", target));
        return;
    }
    aks_print_out("%s: upload %s\n", aks_pick_text(report, TARGET "name", target), id);
    for (int64_t i = 0; i < objects; i++) {
        char bytes[AKS_UNITS_TEXT_BYTES];
        const char *message = aks_pick_text(report, OBJECT "error.message", target, i);
        const char *read_by = aks_pick_text(report, OBJECT "read_by", target, i);
        const char *unread = aks_pick_text(report, OBJECT "unread", target, i);

        aks_print_out("  %-8s %s  %s%s%s%s%s%s\n",
            aks_pick_text(report, OBJECT "outcome", target, i),
            aks_pick_text(report, OBJECT "name", target, i),
            aks_units_bytes(aks_pick_number(report, OBJECT "bytes", target, i), bytes),
            stays_sealed(report, target, i) ? ", encrypted: its contents were not opened" : "",
            read_by != NULL ? ", opened by " : unread != NULL ? ", not opened by a DuckDB: " : "",
            read_by != NULL ? read_by : unread != NULL ? unread : "",
            message != NULL ? ": " : "", message != NULL ? message : "");
    }
}

static void
print_report(const struct akosha_report *report)
{
    int64_t targets = akosha_report_number(report, "targets", 0);

    for (int64_t i = 0; i < targets; i++)
        print_target(report, i);
}

int
aks_cmd_verify(const struct aks_args *args)
{
    struct akosha_verify_options options = { .upload_id = args->upload, .target = args->target,
        .quick = args->quick };
    struct aks_session session;
    struct akosha_report *report = NULL;
    struct akosha_error error;
    int code = aks_keys_open(args, &options.keys);

    if (code != 0)
        return code;
    code = aks_session_open(args, true, &session);
    if (code == 0) {
        code = akosha_verify(session.engine, session.policy, &options, &report, &error);
        code = aks_session_report(args, report, &error, code, print_report);
    }
    akosha_report_free(report);
    aks_session_close(&session);
    aks_keys_close(&options.keys);
    return code;
}
