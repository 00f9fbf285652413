#include "base/alloc.h"
#include "base/error.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/pick.h"
#include "cli/print.h"
#include "cli/session.h"
#include "cli/table.h"
#include "os/os.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PERIOD "periods.%" PRId64 "."
#define BAR_COLUMNS 40
#define KIND_MAX 6                  /* outcomes, failures, methods in one line */
#define LINE_BYTES 160

/* Percent of a rate that is a text of JSON; "-" where there is none. */
static const char *
percent(double part, double whole, char text[16])
{
    if (whole <= 0)
        return "-";
    (void)snprintf(text, 16, "%.0f %%", part * 100 / whole);
    return text;
}

static const char *
seconds(const struct akosha_report *report, int64_t period, const char *which, char text[32])
{
    double value;
    char path[64];

    (void)snprintf(path, sizeof(path), PERIOD "durations.%s", period, which);
    value = akosha_report_real(report, path, -1);
    if (value < 0)
        return "-";
    (void)snprintf(text, 32, value < 10 ? "%.2f s" : "%.0f s", value);
    return text;
}

static void
put_period(const struct akosha_report *report, struct aks_table *table, int64_t i)
{
    char text[32];
    char rate[16];
    char bytes[AKS_UNITS_TEXT_BYTES];
    int64_t runs = aks_pick_number(report, PERIOD "runs", i);
    int64_t peak = aks_pick_number(report, PERIOD "memory_peak_bytes", i);
    int64_t none = aks_pick_number(report, PERIOD "methods.none", i);

    aks_table_put(table, 0, "%s", aks_pick_text(report, PERIOD "period", i));
    aks_table_put(table, 1, "%" PRId64, runs);
    aks_table_put(table, 2, "%s", seconds(report, i, "p50_s", text));
    aks_table_put(table, 3, "%s", seconds(report, i, "p95_s", text));
    aks_table_put(table, 4, "%s", seconds(report, i, "p99_s", text));
    aks_table_put(table, 5, "%s", aks_units_bytes(aks_pick_number(report,
        PERIOD "bytes.sent", i), bytes));
    aks_table_put(table, 6, "%s, %s", percent((double)aks_pick_number(report,
        PERIOD "bytes.stored", i), (double)aks_pick_number(report, PERIOD "bytes.plain", i), rate),
        percent((double)aks_pick_number(report, PERIOD "fallbacks", i), (double)(runs - none),
            text));
    aks_table_put(table, 7, "%s", peak > 0 ? aks_units_bytes(peak, bytes) : "-");
    (void)aks_table_next(table);
}

static void
print_periods(const struct akosha_report *report)
{
    static const char *const heads[] = { "", "runs", "p50", "p95", "p99", "sent",
        "stored, fallback", "memory" };
    int64_t periods = akosha_report_number(report, "periods", 0);
    struct aks_table table;

    if (!aks_table_begin(&table, heads, sizeof(heads) / sizeof(heads[0]), (size_t)periods))
        return;
    for (int64_t i = 0; i < periods; i++)
        put_period(report, &table, i);
    aks_table_end(&table, 1);
}

/* What went wrong in ${period}, one line for each kind. */
static void
print_failures(const struct akosha_report *report, int64_t period)
{
    bool any = false;

    for (int i = AKS_OK + 1; i < AKS_STATUS_COUNT; i++) {
        const char *name = aks_status_name((enum aks_status)i);
        int64_t count = aks_pick_number(report, PERIOD "failures.%s", period, name);

        if (count == 0)
            continue;
        if (!any)
            aks_print_out("failures, %s:\n", aks_pick_text(report, PERIOD "period", period));
        any = true;
        aks_print_out("  %-18s %" PRId64 "\n", name, count);
    }
}

/* A bar of as many columns as ${value} is of ${most}; what there is at all has one. */
static const char *
bar(int64_t value, int64_t most, char text[BAR_COLUMNS + 1])
{
    int64_t columns = most > 0 ? (value * BAR_COLUMNS + most - 1) / most : 0;

    memset(text, '#', BAR_COLUMNS);
    text[columns] = '\0';
    return text;
}

/* Runs of each day since the first that had one; the part that left something undelivered is told
 * beside its bar. */
static void
print_days(const struct akosha_report *report)
{
    int64_t days = akosha_report_number(report, "days", 0);
    char text[BAR_COLUMNS + 1];
    int64_t most = 0;
    int64_t first = -1;

    for (int64_t i = 0; i < days; i++) {
        int64_t runs = aks_pick_number(report, "days.%" PRId64 ".runs", i);

        most = runs > most ? runs : most;
        if (runs > 0 && first < 0)
            first = i;
    }
    if (first >= 0)
        aks_print_out("runs of each day (UTC):\n");
    for (int64_t i = first; i >= 0 && i < days; i++) {
        int64_t runs = aks_pick_number(report, "days.%" PRId64 ".runs", i);
        int64_t owed = aks_pick_number(report, "days.%" PRId64 ".undelivered", i);

        aks_print_out("  %s %5" PRId64 " %s", aks_pick_text(report, "days.%" PRId64 ".day", i),
            runs, bar(runs, most, text));
        if (owed > 0)
            aks_print_out("%s%" PRId64 " undelivered", runs > 0 ? " " : "", owed);
        aks_print_out("\n");
    }
}

static void
print(const struct akosha_report *report)
{
    int64_t last = akosha_report_number(report, "periods", 0) - 1;
    int64_t memories = aks_pick_number(report, PERIOD "memories", last);

    if (aks_pick_number(report, PERIOD "runs", last) == 0) {
        aks_print_out("no run has been counted yet\n");
        return;
    }
    print_periods(report);
    if (memories > 0)
        aks_print_out("memories delivered: %" PRId64 "\n", memories);
    print_failures(report, last);
    print_days(report);
}

int
aks_cmd_stats(const struct aks_args *args)
{
    struct akosha_report *report = NULL;
    struct akosha_error error;
    struct aks_error err;
    struct aks_os *os = NULL;
    int code;

    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK) {
        aks_print_error(err.hint, "%s", err.message);
        return AKOSHA_NOT_KEPT;
    }
    code = akosha_stats(aks_os_port(os), args->state, &report, &error);
    code = aks_session_report(args, report, &error, code, print);
    akosha_report_free(report);
    aks_os_close(os);
    return code;
}
