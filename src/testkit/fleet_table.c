/* Retry schedules beside each other, in one and the same crowd. */
#include "base/units.h"
#include "testkit/fleet_internal.h"

#include <inttypes.h>
#include <stdio.h>

#define SECONDS_BYTES 24
/* Of a bucket that others write to as well, so much is left. */
#define LEFT 3

static const struct schedule {
    const char *name;
    enum aks_jitter jitter;
    unsigned tries;
    int64_t first_ms;
    enum aks_fleet_pace pace;
} schedules[] = {
    { "no jitter", AKS_JITTER_NONE, 3, 2000, AKS_FLEET_PACE_SILENT },
    { "equal", AKS_JITTER_EQUAL, 3, 2000, AKS_FLEET_PACE_SILENT },
    { "**full**, the default", AKS_JITTER_FULL, 3, 2000, AKS_FLEET_PACE_SILENT },
    { "full, 5 tries", AKS_JITTER_FULL, 5, 2000, AKS_FLEET_PACE_SILENT },
    { "equal, 5 tries", AKS_JITTER_EQUAL, 5, 2000, AKS_FLEET_PACE_SILENT },
    { "no jitter, 5 tries", AKS_JITTER_NONE, 5, 2000, AKS_FLEET_PACE_SILENT },
    { "full, not before the server says", AKS_JITTER_FULL, 3, 2000, AKS_FLEET_PACE_SLOT },
    { "just when the server says", AKS_JITTER_NONE, 3, 0, AKS_FLEET_PACE_SLOT },
};

/* "7.9", or that it never came to that. */
static const char *
seconds(int64_t ms, char text[SECONDS_BYTES])
{
    if (ms < 0)
        return "never";
    (void)snprintf(text, SECONDS_BYTES, "%.1f", (double)ms / (double)AKS_MS_PER_S);
    return text;
}

static void
write_row(const char *name, const struct aks_fleet_figures *figures, struct aks_buf *out)
{
    char text[5][SECONDS_BYTES];

    aks_buf_printf(out, "| %s | %s | %s | %s | %s | %u | %" PRIu64 " | %" PRIu64 " | %" PRIu64
        " | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %s |\n", name,
        seconds(figures->half_ms, text[0]), seconds(figures->most_ms, text[1]),
        seconds(figures->all_ms, text[2]), seconds(figures->ended_ms, text[3]), figures->queued,
        figures->requests, figures->wasted, figures->burst_100ms, figures->burst_1s,
        figures->again_100ms, figures->again_1s, seconds(figures->wait_ms, text[4]));
}

static enum aks_status
write_table(struct aks_fleet_options *options, const char *title, struct aks_buf *out,
    struct aks_error *err)
{
    aks_buf_printf(out, "### %s: %u machines, %" PRId64 " writes and %" PRId64 " reads a second\n\n"
        "| retry | 50 %% | 99 %% | all | over | queued | requests | wasted | in 0.1 s | in 1 s |"
        " again in 0.1 s | again in 1 s | longest wait |\n"
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n",
        title, options->machines, options->writes_per_s, options->reads_per_s);
    for (size_t i = 0; i < sizeof(schedules) / sizeof(schedules[0]); i++) {
        const struct schedule *schedule = &schedules[i];
        struct aks_fleet_figures figures;
        enum aks_status status;

        options->retry.jitter = schedule->jitter;
        options->retry.tries = schedule->tries;
        options->retry.first_ms = schedule->first_ms;
        options->pace = schedule->pace;
        status = aks_fleet_run(options, &figures, err);
        if (status != AKS_OK)
            return status;
        write_row(schedule->name, &figures, out);
    }
    return AKS_OK;
}

enum aks_status
aks_fleet_table(const struct aks_alloc *alloc, unsigned machines, uint64_t seed,
    struct aks_buf *out, struct aks_error *err)
{
    struct aks_fleet_options options;
    enum aks_status status;

    aks_fleet_options_init(&options, alloc, machines);
    options.seed = seed;
    status = write_table(&options, "Any day", out, err);
    if (status != AKS_OK)
        return status;
    aks_buf_putc(out, '\n');
    options.first = true;
    status = write_table(&options, "The first day", out, err);
    if (status != AKS_OK)
        return status;
    aks_buf_putc(out, '\n');
    options.first = false;
    options.writes_per_s = (options.writes_per_s + LEFT - 1) / LEFT;
    options.reads_per_s = (options.reads_per_s + LEFT - 1) / LEFT;
    status = write_table(&options, "A bucket that others use as well", out, err);
    return status == AKS_OK ? aks_buf_status(out, "the fleet's tables", err) : status;
}
