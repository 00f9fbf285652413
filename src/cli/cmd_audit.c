/* akosha-sync audit: what was done, and whether that is still what was written. */
#include "cli/commands.h"
#include "cli/pick.h"
#include "cli/print.h"
#include "cli/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_BYTES 20

/* --- show ------------------------------------------------------------------------------------- */

static void
print_field(const struct akosha_report *report, int64_t i, const char *field, const char *name)
{
    const char *value = aks_pick_text(report, "records.%" PRId64 ".%s", i, field);

    if (value != NULL)
        aks_print_out("  %s%s", name, value);
}

static void
print_record(const struct akosha_report *report, int64_t i)
{
    static const struct {
        const char *field;
        const char *name;
    } fields[] = { { "target", "" }, { "upload_id", "upload " }, { "job_id", "job " },
        { "outcome", "" }, { "name", "" }, { "action", "" }, { "credentials", "credentials " },
        { "failure", "" }, { "message", "" } };
    int64_t files = aks_pick_number(report, "records.%" PRId64 ".files", i);

    aks_print_out("%.*sZ  #%" PRId64 "  %s", SHORT_BYTES - 1,
        aks_pick_text(report, "records.%" PRId64 ".at", i),
        aks_pick_number(report, "records.%" PRId64 ".seq", i),
        aks_pick_text(report, "records.%" PRId64 ".event", i));
    for (size_t field = 0; field < sizeof(fields) / sizeof(fields[0]); field++)
        print_field(report, i, fields[field].field, fields[field].name);
    if (files > 0)
        aks_print_out("  %" PRId64 " file%s", files, files == 1 ? "" : "s");
    aks_print_out("\n");
}

static void
print_records(const struct akosha_report *report)
{
    int64_t records = akosha_report_number(report, "records", 0);

    for (int64_t i = 0; i < records; i++)
        print_record(report, i);
    if (akosha_report_number(report, "more", 0) != 0)
        aks_print_note("there are older ones: -n N shows more of them");
}

/* A number, or -1. */
static int64_t
number_of(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits == 0 || digits > 9 || text[digits] != '\0' ? -1 : strtoll(text, NULL, 10);
}

static int
show(const struct aks_args *args)
{
    struct akosha_audit_show_options options = { .since = args->since,
        .event = args->event_count > 0 ? args->events[0] : NULL, .job_id = args->job,
        .upload_id = args->upload };
    struct aks_session session;
    struct akosha_report *report = NULL;
    struct akosha_error error = { 0 };
    int code;

    if (args->lines != NULL) {
        options.records_max = number_of(args->lines);
        if (options.records_max <= 0)
            return aks_args_wrong(args, "-n is a number of records: ", args->lines);
    }
    code = aks_session_open(args, false, &session);
    if (code == 0) {
        code = akosha_audit_show(session.engine, &options, &report, &error);
        if (report != NULL && strcmp(akosha_report_text(report, "chain"), "fits") != 0)
            aks_print_note("warning: the log is not what it was: akosha-sync audit verify");
        code = aks_session_report(args, report, &error, code, print_records);
    }
    akosha_report_free(report);
    aks_session_close(&session);
    return code;
}

/* --- verify ----------------------------------------------------------------------------------- */

static void
print_log(const struct akosha_report *report)
{
    int64_t records = akosha_report_number(report, "log.records", 0);
    int64_t healed = akosha_report_number(report, "log.healed", 0);

    aks_print_out("%" PRId64 " record%s in %" PRId64 " file%s", records, records == 1 ? "" : "s",
        akosha_report_number(report, "log.files", 0),
        akosha_report_number(report, "log.files", 0) == 1 ? "" : "s");
    if (records > 0)
        aks_print_out(", %" PRId64 " to %" PRId64,
            akosha_report_number(report, "log.first_seq", 0),
            akosha_report_number(report, "log.last_seq", 0));
    aks_print_out("\n");
    if (akosha_report_number(report, "log.removed", 0) != 0)
        aks_print_out("older records were removed, as %s, to keep within its bound\n",
            akosha_report_text(report, "log.removed_proof") != NULL &&
            strcmp(akosha_report_text(report, "log.removed_proof"), "log") != 0
            ? "the log and state.db say" : "the log says and state.db cannot tell");
    if (healed > 0)
        aks_print_out("%" PRId64 " torn line%s, each left by a crash and told by the record behind "
            "it\n", akosha_report_number(report, "log.torn_lines", 0),
            akosha_report_number(report, "log.torn_lines", 0) == 1 ? "" : "s");
    if (akosha_report_number(report, "log.torn_end", 0) != 0)
        aks_print_out("the last line is torn, as a crash leaves it: the next record will tell of "
            "it\n");
}

static void
print_target(const struct akosha_report *report, int64_t i, bool whole)
{
    const char *name = aks_pick_text(report, "targets.%" PRId64 ".name", i);
    const char *failed = aks_pick_text(report, "targets.%" PRId64 ".error.message", i);
    static const struct {
        const char *outcome;
        const char *means;
    } others[] = { { "none", "have no head" },
        { "elsewhere", "are of another log: another machine uses this system id, or once did" },
        { "before", "are older than this log" },
        { "missing", "are not known to the log" },
        { "rewritten", "DISAGREE with the log" } };

    if (failed != NULL) {
        aks_print_out("%s: %s\n", name, failed);
        return;
    }
    if (!whole) {
        aks_print_out("%s: %" PRId64 " uploads\n", name,
            aks_pick_number(report, "targets.%" PRId64 ".uploads", i));
        return;
    }
    aks_print_out("%s: %" PRId64 " of %" PRId64 " uploads hold a head that fits\n", name,
        aks_pick_number(report, "targets.%" PRId64 ".fits", i),
        aks_pick_number(report, "targets.%" PRId64 ".uploads", i));
    for (size_t j = 0; j < sizeof(others) / sizeof(others[0]); j++) {
        int64_t count = aks_pick_number(report, "targets.%" PRId64 ".%s", i, others[j].outcome);

        if (count > 0)
            aks_print_out("  %" PRId64 " %s\n", count, others[j].means);
    }
}

static void
print_verdict(const struct akosha_report *report)
{
    int64_t targets = akosha_report_number(report, "targets", 0);
    const char *witness = akosha_report_text(report, "witness.name");
    bool whole = akosha_report_number(report, "log.records", -1) >= 0;

    if (whole)
        print_log(report);
    for (int64_t i = 0; i < targets; i++)
        print_target(report, i, whole);
    if (akosha_report_text(report, "fault.kind") != NULL) {
        aks_print_out("does not fit: %s, line %" PRId64 ": %s\n",
            akosha_report_text(report, "fault.file"), akosha_report_number(report, "fault.line", 0),
            akosha_report_text(report, "fault.kind"));
        return;
    }
    if (!whole) {
        aks_print_out("the log was not read to its end: whether it fits is not known\n");
        return;
    }
    aks_print_out("the chain holds; its end is proven by %s%s\n", witness != NULL
        ? "what state.db remembers" : "nothing but itself", targets > 0 ? ", and by the heads above"
        : "");
}

static int
verify(const struct aks_args *args)
{
    bool targets = args->target != NULL || args->policy != NULL;
    struct aks_session session;
    struct akosha_report *report = NULL;
    struct akosha_error error = { 0 };
    int code;

    if (args->since != NULL || args->event_count > 0 || args->job != NULL || args->upload != NULL ||
        args->lines != NULL)
        return aks_args_wrong(args, "--since, --event, --job, --upload and -n are for audit show",
            "");
    code = aks_session_open(args, targets, &session);
    if (code == 0) {
        code = akosha_audit_verify(session.engine, session.policy, args->target, &report, &error);
        code = aks_session_report(args, report, &error, code, print_verdict);
    }
    akosha_report_free(report);
    aks_session_close(&session);
    return code;
}

int
aks_cmd_audit(const struct aks_args *args)
{
    if (strcmp(args->operands[0], "verify") == 0)
        return verify(args);
    if (strcmp(args->operands[0], "show") != 0)
        return aks_args_wrong(args, "audit show or audit verify, not audit ", args->operands[0]);
    if (args->target != NULL || args->policy != NULL || args->event_count > 1)
        return aks_args_wrong(args, "audit show takes no --target, no --policy and one --event",
            "");
    return show(args);
}
