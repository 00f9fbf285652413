#include "base/units.h"
#include "cli/commands.h"
#include "cli/pick.h"
#include "cli/print.h"
#include "cli/session.h"

#include <inttypes.h>
#include <string.h>

#define TARGET "targets.%" PRId64 "."
#define UPLOAD TARGET "uploads.%" PRId64 "."
#define OBJECT UPLOAD "objects.%" PRId64 "."

static void
print_upload(const struct akosha_report *report, int64_t target, int64_t upload)
{
    const char *id = aks_pick_text(report, UPLOAD "upload_id", target, upload);
    char bytes[AKS_UNITS_TEXT_BYTES];
    char stored[AKS_UNITS_TEXT_BYTES];
    int64_t files;
    int64_t objects;

    if (aks_pick_number(report, UPLOAD "complete", target, upload) == 0) {
        aks_print_out("  %s  incomplete: %s\n", id,
            aks_pick_text(report, UPLOAD "reason", target, upload));
        return;
    }
    files = aks_pick_number(report, UPLOAD "files", target, upload);
    aks_print_out("  %s  %" PRId64 " file%s, %s, stored as %s\n", id, files, files == 1 ? "" : "s",
        aks_units_bytes(aks_pick_number(report, UPLOAD "bytes", target, upload), bytes),
        aks_units_bytes(aks_pick_number(report, UPLOAD "stored_bytes", target, upload), stored));
    objects = aks_pick_number(report, UPLOAD "objects", target, upload);
    for (int64_t i = 0; i < objects; i++) {
        /* A log is its database's. */
        if (strcmp(aks_pick_text(report, OBJECT "role", target, upload, i), "main") != 0)
            continue;
        aks_print_out("      %-32s %10s  sha256 %.16s...\n",
            aks_pick_text(report, OBJECT "name", target, upload, i),
            aks_units_bytes(aks_pick_number(report, OBJECT "bytes", target, upload, i), bytes),
            aks_pick_text(report, OBJECT "sha256", target, upload, i));
    }
}

static void
print_listing(const struct akosha_report *report)
{
    int64_t targets = akosha_report_number(report, "targets", 0);

    for (int64_t i = 0; i < targets; i++) {
        int64_t uploads = aks_pick_number(report, TARGET "uploads", i);
        const char *message = aks_pick_text(report, TARGET "error.message", i);

        if (message != NULL)
            aks_print_out("%s (%s): %s\n", aks_pick_text(report, TARGET "name", i),
                aks_pick_text(report, TARGET "kind", i), message);
        if (message != NULL && uploads == 0)
            continue;
        aks_print_out("%s (%s): %" PRId64 " upload%s of %s\n",
            aks_pick_text(report, TARGET "name", i), aks_pick_text(report, TARGET "kind", i),
            uploads, uploads == 1 ? "" : "s", akosha_report_text(report, "system_id"));
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
        code = aks_session_report(args, report, &error, code, print_listing);
    }
    akosha_report_free(report);
    aks_session_close(&session);
    return code;
}
