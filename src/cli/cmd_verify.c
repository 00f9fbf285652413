#include "base/units.h"
#include "cli/commands.h"
#include "cli/keys.h"
#include "cli/print.h"
#include "cli/session.h"

#include <inttypes.h>
#include <stdio.h>

#define PATH_BYTES 96

static const char *
text(const struct akosha_report *report, int64_t target, const char *field)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "targets.%" PRId64 ".%s", target, field);
    return akosha_report_text(report, path);
}

static const char *
object_text(const struct akosha_report *report, int64_t target, int64_t i, const char *field)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "targets.%" PRId64 ".objects.%" PRId64 ".%s", target, i,
        field);
    return akosha_report_text(report, path);
}

static bool
stays_sealed(const struct akosha_report *report, int64_t target, int64_t i)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "targets.%" PRId64 ".objects.%" PRId64 ".opened", target,
        i);
    return object_text(report, target, i, "encryption") != NULL &&
        akosha_report_number(report, path, 0) == 0;
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
    int64_t objects = number(report, target, "objects");
    const char *id = text(report, target, "upload_id");

    if (id == NULL) {
        aks_print_out("%s: %s\n", text(report, target, "name"),
            text(report, target, "error.message"));
        return;
    }
    aks_print_out("%s: upload %s\n", text(report, target, "name"), id);
    for (int64_t i = 0; i < objects; i++) {
        char field[PATH_BYTES / 2];
        char bytes[AKS_UNITS_TEXT_BYTES];
        const char *message = object_text(report, target, i, "error.message");

        (void)snprintf(field, sizeof(field), "objects.%" PRId64 ".bytes", i);
        aks_print_out("  %-8s %s  %s%s%s%s\n", object_text(report, target, i, "outcome"),
            object_text(report, target, i, "name"), aks_units_bytes(number(report, target, field),
            bytes), stays_sealed(report, target, i) ? ", encrypted: its contents were not opened"
            : "", message != NULL ? ": " : "", message != NULL ? message : "");
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
