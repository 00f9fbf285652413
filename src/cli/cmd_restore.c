#include "base/units.h"
#include "cli/commands.h"
#include "cli/keys.h"
#include "cli/pick.h"
#include "cli/print.h"
#include "cli/session.h"

#include <inttypes.h>

#define A_FILE "files.%" PRId64 "."

static void
print_file(const struct akosha_report *report, int64_t i)
{
    const char *outcome = aks_pick_text(report, A_FILE "outcome", i);
    const char *opened = aks_pick_text(report, A_FILE "opened", i);
    const char *read_by = aks_pick_text(report, A_FILE "read_by", i);
    const char *unread = aks_pick_text(report, A_FILE "unread", i);
    const char *message = aks_pick_text(report, A_FILE "error.message", i);
    const char *path = aks_pick_text(report, A_FILE "main.path", i);
    int64_t resumed = aks_pick_number(report, A_FILE "main.resumed_bytes", i) +
        aks_pick_number(report, A_FILE "wal.resumed_bytes", i);
    char bytes[AKS_UNITS_TEXT_BYTES];
    char before[AKS_UNITS_TEXT_BYTES];

    (void)aks_units_bytes(aks_pick_number(report, A_FILE "main.bytes", i) +
        aks_pick_number(report, A_FILE "wal.bytes", i), bytes);
    aks_print_out("%-9s %s  %s%s of %s from %s, taken %s", outcome,
        path != NULL ? path : aks_pick_text(report, A_FILE "main.name", i), bytes,
        aks_pick_text(report, A_FILE "wal.name", i) != NULL ? " with its log" : "",
        aks_pick_text(report, A_FILE "upload_id", i), aks_pick_text(report, A_FILE "target", i),
        aks_pick_text(report, A_FILE "main.taken_at", i));
    if (opened != NULL && message == NULL)
        aks_print_out(", opened (%s%s%s)", opened, read_by != NULL ? "; " : "",
            read_by != NULL ? read_by : "");
    if (unread != NULL && message == NULL)
        aks_print_out(", not opened by a DuckDB: %s", unread);
    if (resumed > 0)
        aks_print_out(", %s were there already", aks_units_bytes(resumed, before));
    if (message != NULL)
        aks_print_out(": %s", message);
    aks_print_out("\n");
}

static void
print_report(const struct akosha_report *report)
{
    int64_t files = akosha_report_number(report, "files", 0);

    for (int64_t i = 0; i < files; i++)
        print_file(report, i);
}

int
aks_cmd_restore(const struct aks_args *args)
{
    struct akosha_restore_options options = { 0 };
    struct aks_session session;
    struct akosha_report *report = NULL;
    struct akosha_error error;
    int code;

    if (args->to == NULL || args->to[0] == '\0')
        return aks_args_wrong(args, "restore needs --to DIR, the folder to restore to", "");
    code = aks_keys_open(args, &options.keys);
    if (code != 0)
        return code;
    code = aks_session_open(args, true, &session);
    if (code == 0) {
        options.to = args->to;
        options.upload_id = args->upload;
        options.target = args->target;
        options.force = args->force;
        options.names = args->operands;
        options.name_count = args->operand_count;
        code = akosha_restore(session.engine, session.policy, &options, &report, &error);
        code = aks_session_report(args, report, &error, code, print_report);
    }
    akosha_report_free(report);
    aks_session_close(&session);
    aks_keys_close(&options.keys);
    return code;
}
