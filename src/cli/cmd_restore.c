#include "base/units.h"
#include "cli/commands.h"
#include "cli/keys.h"
#include "cli/print.h"
#include "cli/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PATH_BYTES 64

static const char *
text(const struct akosha_report *report, int64_t i, const char *field)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "files.%" PRId64 ".%s", i, field);
    return akosha_report_text(report, path);
}

static int64_t
number(const struct akosha_report *report, int64_t i, const char *field)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "files.%" PRId64 ".%s", i, field);
    return akosha_report_number(report, path, 0);
}

static void
print_file(const struct akosha_report *report, int64_t i)
{
    const char *outcome = text(report, i, "outcome");
    const char *opened = text(report, i, "opened");
    const char *message = text(report, i, "error.message");
    const char *path = text(report, i, "main.path");
    int64_t resumed = number(report, i, "main.resumed_bytes") +
        number(report, i, "wal.resumed_bytes");
    char bytes[AKS_UNITS_TEXT_BYTES];
    char before[AKS_UNITS_TEXT_BYTES];

    aks_print_out("%-9s %s  %s%s of %s from %s, taken %s", outcome,
        path != NULL ? path : text(report, i, "main.name"),
        aks_units_bytes(number(report, i, "main.bytes") + number(report, i, "wal.bytes"), bytes),
        text(report, i, "wal.name") != NULL ? " with its log" : "", text(report, i, "upload_id"),
        text(report, i, "target"), text(report, i, "main.taken_at"));
    if (opened != NULL && message == NULL)
        aks_print_out(", opened (%s)", opened);
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
