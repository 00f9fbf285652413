#include "base/units.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/session.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define PATH_BYTES 128

static const char *
text(const struct akosha_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static const char *
text(const struct akosha_report *report, const char *format, ...)
{
    char path[PATH_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    return akosha_report_text(report, path);
}

static int64_t
number(const struct akosha_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int64_t
number(const struct akosha_report *report, const char *format, ...)
{
    char path[PATH_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    return akosha_report_number(report, path, 0);
}

static void
print_upload(const struct akosha_report *report, int64_t target, int64_t upload)
{
    const char *id = text(report, "targets.%" PRId64 ".uploads.%" PRId64 ".upload_id", target,
        upload);
    char bytes[AKS_UNITS_TEXT_BYTES];
    char stored[AKS_UNITS_TEXT_BYTES];
    int64_t files;

    if (number(report, "targets.%" PRId64 ".uploads.%" PRId64 ".complete", target, upload) == 0) {
        aks_print_out("  %s  incomplete: %s\n", id,
            text(report, "targets.%" PRId64 ".uploads.%" PRId64 ".reason", target, upload));
        return;
    }
    files = number(report, "targets.%" PRId64 ".uploads.%" PRId64 ".files", target, upload);
    aks_print_out("  %s  %" PRId64 " file%s, %s, stored as %s\n", id, files, files == 1 ? "" : "s",
        aks_units_bytes(number(report, "targets.%" PRId64 ".uploads.%" PRId64 ".bytes", target,
            upload), bytes),
        aks_units_bytes(number(report, "targets.%" PRId64 ".uploads.%" PRId64 ".stored_bytes",
        target,
            upload), stored));
    for (int64_t i = 0; i < files; i++) {
        const char *name = text(report, "targets.%" PRId64 ".uploads.%" PRId64 ".objects.%" PRId64
            ".name", target, upload, i);
        const char *sha = text(report, "targets.%" PRId64 ".uploads.%" PRId64 ".objects.%" PRId64
            ".sha256", target, upload, i);

        aks_print_out("      %-32s %10s  sha256 %.16s...\n", name,
            aks_units_bytes(number(report,
            "targets.%" PRId64 ".uploads.%" PRId64 ".objects.%" PRId64
                ".bytes", target, upload, i), bytes), sha);
    }
}

static void
print_listing(const struct akosha_report *report)
{
    int64_t targets = number(report, "targets");

    for (int64_t i = 0; i < targets; i++) {
        int64_t uploads = number(report, "targets.%" PRId64 ".uploads", i);

        aks_print_out("%s (%s): %" PRId64 " upload%s of %s\n", text(report,
            "targets.%" PRId64 ".name", i), text(report, "targets.%" PRId64 ".kind", i), uploads,
            uploads == 1 ? "" : "s", text(report, "system_id"));
        for (int64_t j = 0; j < uploads; j++)
            print_upload(report, i, j);
    }
}

int
aks_cmd_list(const struct aks_args *args)
{
    struct aks_session session;
    struct akosha_report *report = NULL;
    struct akosha_error error;
    int code = aks_session_open(args, true, &session);

    if (code == 0) {
        code = akosha_list(session.engine, session.policy, args->target, &report, &error);
        if (report == NULL) {
            code = aks_session_fail(args, &error);
        } else {
            if (code != 0)
                aks_print_error(error.hint, "%s", error.message);
            if (args->json) {
                code = aks_session_print_json(report, code);
            } else {
                print_listing(report);
                code = aks_session_end(code);
            }
        }
    }
    akosha_report_free(report);
    aks_session_close(&session);
    return code;
}
