#include "base/units.h"
#include "cli/commands.h"
#include "cli/pick.h"
#include "cli/print.h"
#include "cli/session.h"
#include "cli/table.h"

#include <inttypes.h>

#define TARGET "targets.%" PRId64 "."
#define SYSTEM TARGET "systems.%" PRId64 "."

static void
put_system(const struct akosha_report *report, struct aks_table *table, int64_t i, int64_t j)
{
    const char *uploaded = aks_pick_text(report, SYSTEM "uploaded_at", i, j);
    bool stale = aks_pick_number(report, SYSTEM "stale", i, j) == 1;
    char text[AKS_UNITS_TEXT_BYTES];

    aks_table_put(table, 0, "%s", aks_pick_text(report, SYSTEM "system_id", i, j));
    aks_table_put(table, 1, "%s", uploaded != NULL ? uploaded : "-");
    aks_table_put(table, 2, "%s", uploaded == NULL ? "-" : aks_units_duration(
        aks_pick_number(report, SYSTEM "age_s", i, j) * AKS_MS_PER_S, text));
    aks_table_put(table, 3, "%s", uploaded == NULL ? "-"
        : aks_units_bytes(aks_pick_number(report, SYSTEM "bytes", i, j), text));
    aks_table_put(table, 4, "%s%s%s", stale ? "stale" : "", stale && uploaded == NULL ? ": " : "",
        uploaded == NULL ? aks_pick_text(report, SYSTEM "reason", i, j) : "");
    (void)aks_table_next(table);
}

static void
print(const struct akosha_report *report)
{
    static const char *const heads[] = { "system", "newest upload", "age", "bytes", "" };
    int64_t targets = akosha_report_number(report, "targets", 0);

    for (int64_t i = 0; i < targets; i++) {
        int64_t systems = aks_pick_number(report, TARGET "systems", i);
        const char *message = aks_pick_text(report, TARGET "error.message", i);
        struct aks_table table;

        if (message != NULL)
            aks_print_out("%s (%s): %s\n", aks_pick_text(report, TARGET "name", i),
                aks_pick_text(report, TARGET "kind", i), message);
        if (message != NULL && systems == 0)
            continue;
        aks_print_out("%s (%s): %" PRId64 " system%s\n", aks_pick_text(report, TARGET "name", i),
            aks_pick_text(report, TARGET "kind", i), systems, systems == 1 ? "" : "s");
        if (systems == 0 || !aks_table_begin(&table, heads, sizeof(heads) / sizeof(heads[0]),
                (size_t)systems))
            continue;
        for (int64_t j = 0; j < systems; j++)
            put_system(report, &table, i, j);
        aks_table_end(&table, 3);
    }
}

int
aks_cmd_fleet(const struct aks_args *args)
{
    struct aks_session session;
    struct akosha_report *report = NULL;
    struct akosha_error error;
    int code = aks_session_open(args, true, &session);

    if (code == 0) {
        code = akosha_fleet(session.engine, session.policy, args->target, args->stale, &report,
            &error);
        code = aks_session_report(args, report, &error, code, print);
    }
    akosha_report_free(report);
    aks_session_close(&session);
    return code;
}
