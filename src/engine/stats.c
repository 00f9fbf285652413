#include "engine/stats.h"

#include "base/units.h"
#include "engine/state_figures.h"
#include "wire/dates.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MS_PER_DAY (INT64_C(24) * 3600 * AKS_MS_PER_S)
#define DAY_BYTES 11                        /* "2026-11-26" and its end */

/* A stretch of time that ends now. */
struct period {
    const char *name;
    int64_t since_ms;                       /* 0: all time */
    json_t *outcomes;
    json_t *methods;
    json_t *failures;
    int64_t runs;
    int64_t fallbacks;
    int64_t source_bytes;
    int64_t plain_bytes;
    int64_t stored_bytes;
    int64_t sent_bytes;
    int64_t memories;
    int64_t memory_bytes;
    int64_t *durations;                     /* of the runs that have rows */
    size_t duration_count;
};

enum { DAY, WEEK, ALL, PERIODS };

struct day {
    int64_t number;                         /* since 1970 */
    int64_t runs;
    int64_t delivered;
    int64_t sent_bytes;
};

struct stats {
    const struct aks_alloc *alloc;
    struct period periods[PERIODS];
    struct day days[AKS_STATS_DAYS];        /* the oldest first */
    bool lost;                              /* something could not be counted, without memory */
};

/* --- counting --------------------------------------------------------------------------------- */

static void
count(struct stats *stats, json_t *object, const char *name, int64_t more)
{
    json_int_t now = json_integer_value(json_object_get(object, name));

    if (name[0] != '\0' && more > 0 &&
        json_object_set_new(object, name, json_integer(now + more)) != 0)
        stats->lost = true;
}

static void
greatest(int64_t *value, int64_t other)
{
    if (other > *value)
        *value = other;
}

static void
add_run(struct stats *stats, struct period *period, const struct aks_run_figures *figures)
{
    period->runs++;
    count(stats, period->outcomes, figures->outcome, 1);
    count(stats, period->methods, figures->method, 1);
    count(stats, period->failures, figures->failure, 1);
    period->fallbacks += figures->fallback;
    period->source_bytes += figures->source_bytes;
    period->plain_bytes += figures->plain_bytes;
    period->stored_bytes += figures->stored_bytes;
    period->sent_bytes += figures->sent_bytes;
    period->memories += figures->memories;
    greatest(&period->memory_bytes, figures->memory_bytes);
}

static void
each_run(void *ctx, const struct aks_run_figures *figures)
{
    struct stats *stats = ctx;

    for (size_t i = 0; i < PERIODS; i++) {
        struct period *period = &stats->periods[i];

        if (figures->at_ms < period->since_ms)
            continue;
        if (period->duration_count < AKS_STATE_FIGURES_MAX)
            period->durations[period->duration_count++] = figures->duration_ms;
        /* Those of all time are in the sums. */
        if (period->since_ms > 0)
            add_run(stats, period, figures);
    }
}

/* What stands behind ${prefix} in ${name}, or NULL. */
static const char *
behind(const char *name, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(name, prefix, len) == 0 ? name + len : NULL;
}

static void
add_sum(struct stats *stats, const char *name, int64_t value)
{
    struct period *all = &stats->periods[ALL];
    const struct {
        const char *name;
        int64_t *sum;
    } sums[] = {
        { AKS_STATE_SUM_RUNS, &all->runs }, { AKS_STATE_SUM_FALLBACKS, &all->fallbacks },
        { AKS_STATE_SUM_SOURCE_BYTES, &all->source_bytes },
        { AKS_STATE_SUM_PLAIN_BYTES, &all->plain_bytes },
        { AKS_STATE_SUM_STORED_BYTES, &all->stored_bytes },
        { AKS_STATE_SUM_SENT_BYTES, &all->sent_bytes }, { AKS_STATE_SUM_MEMORIES, &all->memories },
    };
    const struct {
        const char *prefix;
        json_t *object;
    } kinds[] = {
        { AKS_STATE_SUM_OUTCOME, all->outcomes }, { AKS_STATE_SUM_METHOD, all->methods },
        { AKS_STATE_SUM_FAILURE, all->failures },
    };

    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
        if (strcmp(name, sums[i].name) == 0)
            *sums[i].sum += value;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const char *kind = behind(name, kinds[i].prefix);

        if (kind != NULL)
            count(stats, kinds[i].object, kind, value);
    }
    if (strcmp(name, AKS_STATE_SUM_MEMORY_BYTES) == 0)
        greatest(&all->memory_bytes, value);
}

static void
each_sum(void *ctx, int64_t number, const char *name, int64_t value)
{
    struct stats *stats = ctx;
    const char *outcome = behind(name, AKS_STATE_SUM_OUTCOME);

    add_sum(stats, name, value);
    for (size_t i = 0; i < AKS_STATS_DAYS; i++) {
        struct day *day = &stats->days[i];

        if (day->number != number)
            continue;
        if (strcmp(name, AKS_STATE_SUM_RUNS) == 0)
            day->runs += value;
        if (strcmp(name, AKS_STATE_SUM_SENT_BYTES) == 0)
            day->sent_bytes += value;
        if (outcome != NULL && (strcmp(outcome, "stored") == 0 ||
                strcmp(outcome, "unchanged") == 0))
            day->delivered += value;
    }
}

/* --- telling ---------------------------------------------------------------------------------- */

static json_t *
seconds_json(int64_t ms)
{
    return json_real((double)ms / (double)AKS_MS_PER_S);
}

static int
compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* By nearest rank: a duration that there was. */
static json_t *
percentile_json(const struct period *period, unsigned percent)
{
    size_t rank = (period->duration_count * percent + 99) / 100;

    return period->duration_count == 0 ? json_null()
        : seconds_json(period->durations[rank > 0 ? rank - 1 : 0]);
}

static json_t *
durations_json(struct period *period)
{
    if (period->duration_count > 0)
        qsort(period->durations, period->duration_count, sizeof(*period->durations), compare);
    return json_pack("{s:o, s:o, s:o, s:o, s:I}", "p50_s", percentile_json(period, 50), "p95_s",
        percentile_json(period, 95), "p99_s", percentile_json(period, 99), "max_s",
        percentile_json(period, 100), "runs", (json_int_t)period->duration_count);
}

static json_t *
rate_json(int64_t part, int64_t whole)
{
    return whole > 0 ? json_real((double)part / (double)whole) : json_null();
}

/* Runs after which a target held what they were about. */
static int64_t
satisfied(const struct period *period)
{
    return period->runs - json_integer_value(json_object_get(period->methods, "none"));
}

static json_t *
period_json(struct period *period)
{
    char date[AKS_DATE_BYTES];

    return json_pack("{s:s, s:o, s:I, s:O, s:O, s:O, s:o, s:{s:I, s:I, s:I, s:I}, s:o, s:I, s:o,"
        " s:I, s:o}", "period", period->name, "since",
        period->since_ms > 0 ? json_string(aks_date_iso(period->since_ms, date)) : json_null(),
        "runs", (json_int_t)period->runs, "outcomes", period->outcomes, "methods", period->methods,
        "failures", period->failures, "durations", durations_json(period),
        "bytes", "source", (json_int_t)period->source_bytes, "plain",
        (json_int_t)period->plain_bytes, "stored", (json_int_t)period->stored_bytes, "sent",
        (json_int_t)period->sent_bytes, "ratio",
        rate_json(period->stored_bytes, period->plain_bytes), "fallbacks",
        (json_int_t)period->fallbacks, "fallback_rate",
        rate_json(period->fallbacks, satisfied(period)), "memories", (json_int_t)period->memories,
        "memory_peak_bytes",
        period->memory_bytes > 0 ? json_integer(period->memory_bytes) : json_null());
}

static json_t *
day_json(const struct day *day)
{
    char date[AKS_DATE_BYTES];

    (void)aks_date_iso(day->number * MS_PER_DAY, date);
    date[DAY_BYTES - 1] = '\0';
    return json_pack("{s:s, s:I, s:I, s:I}", "day", date, "runs", (json_int_t)day->runs,
        "undelivered", (json_int_t)(day->runs - day->delivered), "sent_bytes",
        (json_int_t)day->sent_bytes);
}

/* NULL without memory for all of it. */
static json_t *
report_json(struct stats *stats, int64_t now_ms)
{
    json_t *periods = json_array();
    json_t *days = json_array();
    char date[AKS_DATE_BYTES];
    bool whole = true;
    json_t *report;

    for (size_t i = 0; i < PERIODS; i++)
        whole = json_array_append_new(periods, period_json(&stats->periods[i])) == 0 && whole;
    for (size_t i = 0; i < AKS_STATS_DAYS; i++)
        whole = json_array_append_new(days, day_json(&stats->days[i])) == 0 && whole;
    report = json_pack("{s:i, s:b, s:i, s:s, s:o, s:o, s:n}", "schema", 1, "success", 1,
        "exit_code", 0, "at", aks_date_iso(now_ms, date), "periods", periods, "days", days,
        "error");
    if (whole)
        return report;
    json_decref(report);
    return NULL;
}

/* --- all of it -------------------------------------------------------------------------------- */

static enum aks_status
begin(struct stats *stats, const struct aks_alloc *alloc, int64_t now_ms, struct aks_error *err)
{
    static const char *const names[PERIODS] = { "day", "week", "all" };
    const int64_t since_ms[PERIODS] = { now_ms - MS_PER_DAY, now_ms - 7 * MS_PER_DAY, 0 };
    bool fine = true;

    memset(stats, 0, sizeof(*stats));
    stats->alloc = alloc;
    for (size_t i = 0; i < PERIODS; i++) {
        struct period *period = &stats->periods[i];

        period->name = names[i];
        period->since_ms = since_ms[i];
        period->outcomes = json_object();
        period->methods = json_object();
        period->failures = json_object();
        period->durations = aks_mem_array(alloc, AKS_STATE_FIGURES_MAX,
            sizeof(*period->durations));
        fine = fine && period->durations != NULL && period->outcomes != NULL &&
            period->methods != NULL && period->failures != NULL;
    }
    for (int64_t i = 0; i < AKS_STATS_DAYS; i++)
        stats->days[i].number = aks_state_day(now_ms) - (AKS_STATS_DAYS - 1) + i;
    return fine ? AKS_OK : aks_error_memory(err, "adding up figures");
}

static void
end(struct stats *stats)
{
    for (size_t i = 0; i < PERIODS; i++) {
        json_decref(stats->periods[i].outcomes);
        json_decref(stats->periods[i].methods);
        json_decref(stats->periods[i].failures);
        aks_mem_free(stats->alloc, stats->periods[i].durations);
    }
}

/* Of a folder without a database there are no figures, and that is no failure. */
static enum aks_status
read_state(struct stats *stats, const struct aks_port *port, const char *folder,
    struct aks_error *err)
{
    struct aks_state *state = NULL;
    enum aks_status status = aks_state_open_reading(port->alloc, &port->files, folder, &state,
        err);

    if (status == AKS_NOT_FOUND)
        return AKS_OK;
    if (status == AKS_OK)
        status = aks_state_figures_each(state, 0, each_run, stats, err);
    if (status == AKS_OK)
        status = aks_state_sums_each(state, AKS_STATE_DAY_BEFORE, each_sum, stats, err);
    aks_state_close(state);
    if (status == AKS_OK && stats->lost)
        status = aks_error_memory(err, "adding up figures");
    return status;
}

enum aks_status
aks_stats_report(const struct aks_port *port, const char *state_folder, json_t **ret_report,
    struct aks_error *err)
{
    int64_t now_ms = port->clock.wall_ms(port->clock.ctx);
    struct stats stats;
    enum aks_status status = begin(&stats, port->alloc, now_ms, err);

    *ret_report = NULL;
    if (status == AKS_OK)
        status = read_state(&stats, port, state_folder, err);
    if (status == AKS_OK) {
        *ret_report = report_json(&stats, now_ms);
        if (*ret_report == NULL)
            status = aks_error_memory(err, "adding up figures");
    }
    end(&stats);
    return status;
}
