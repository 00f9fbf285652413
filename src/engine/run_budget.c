/* Budgets: how much may still be sent in this hour, day or month. One may be of all targets on the
 * network together, and each may have one of its own; what is spent counts in both. It is counted
 * before it is sent, so that a process that dies has spent it. */
#include "base/units.h"
#include "engine/run.h"
#include "wire/dates.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

/* Under which the state keeps what all targets together have spent; no identity of a place is so
 * short. */
#define NETWORK "network"
#define MS_PER_HOUR (3600 * AKS_MS_PER_S)

/* One that holds for a target. */
struct holding {
    const struct aks_budget *budget;
    const char *place;
    char period[AKS_STATE_PERIOD_BYTES];
    int64_t until_ms;                   /* wall clock */
    struct aks_spent spent;
};

static int64_t
wall_ms(const struct aks_run *run)
{
    const struct aks_clock *clock = &run->engine->port->clock;

    return clock->wall_ms(clock->ctx);
}

/* The next hour, midnight or first of a month of local time. */
static int64_t
period_end_local_ms(enum aks_budget_period per, int64_t local_ms)
{
    int64_t hour_ms = local_ms / MS_PER_HOUR * MS_PER_HOUR;
    int64_t day_ms = local_ms / AKS_MS_PER_DAY * AKS_MS_PER_DAY;
    struct aks_date_civil civil;

    if (per == AKS_BUDGET_HOUR)
        return hour_ms + MS_PER_HOUR;
    if (per == AKS_BUDGET_DAY)
        return day_ms + AKS_MS_PER_DAY;
    aks_date_civil(day_ms, &civil);
    day_ms += (32 - civil.day) * AKS_MS_PER_DAY;        /* some day of the next month */
    aks_date_civil(day_ms, &civil);
    return day_ms - (civil.day - 1) * AKS_MS_PER_DAY;
}

static void
find_period(const struct aks_run *run, struct holding *holding)
{
    const struct aks_clock *clock = &run->engine->port->clock;
    int64_t now_ms = wall_ms(run);
    int32_t offset_s = aks_clock_utc_offset_s(clock, now_ms);
    int64_t local_ms = now_ms + offset_s * AKS_MS_PER_S;
    int64_t end_ms = period_end_local_ms(holding->budget->per, local_ms);
    char iso[AKS_DATE_BYTES];
    static const int kept[] = { [AKS_BUDGET_HOUR] = 13, [AKS_BUDGET_DAY] = 10,
        [AKS_BUDGET_MONTH] = 7 };

    /* "2026-11-26T14", "2026-11-26" or "2026-11". */
    (void)snprintf(holding->period, sizeof(holding->period), "%.*s", kept[holding->budget->per],
        aks_date_iso(local_ms, iso));
    /* Summer time may begin or end before then. */
    holding->until_ms = end_ms - offset_s * AKS_MS_PER_S;
    holding->until_ms = end_ms -
        aks_clock_utc_offset_s(clock, holding->until_ms) * AKS_MS_PER_S;
}

static size_t
budgets_of(const struct aks_run *run, size_t index, struct holding ret_holding[2])
{
    const struct aks_target_settings *target = &run->settings->targets[index];
    size_t count = 0;

    if (target->kind == AKS_TARGET_DIR)
        return 0;
    if (run->settings->budget.set)
        ret_holding[count++] = (struct holding) { .budget = &run->settings->budget,
            .place = NETWORK };
    if (target->budget.set)
        ret_holding[count++] = (struct holding) { .budget = &target->budget,
            .place = run->targets[index].identity };
    for (size_t i = 0; i < count; i++)
        find_period(run, &ret_holding[i]);
    return count;
}

/* What cannot be read counts as spent: better late than over the limit. */
static void
read_spent(const struct aks_run *run, struct holding *holding)
{
    struct aks_error err;

    if (aks_state_budget_get(run->engine->state, holding->place, holding->period, &holding->spent,
            &err) == AKS_OK)
        return;
    aks_log_write(run->engine->log, AKS_LOG_WARNING, "%s", err.message);
    holding->spent = (struct aks_spent) { INT64_MAX, INT64_MAX };
}

static int64_t
left_of(int64_t limit, int64_t spent)
{
    if (limit < 0)
        return -1;
    return spent < limit ? limit - spent : 0;
}

/* ${begun}: in an upload that has had its try. */
static bool
used_up(const struct holding *holding, bool begun)
{
    return left_of(holding->budget->bytes, holding->spent.bytes) == 0 ||
        (!begun && left_of(holding->budget->tries, holding->spent.tries) == 0);
}

/* The smaller of both; negative is no limit. */
static void
lower(int64_t *value, int64_t other)
{
    if (other >= 0 && (*value < 0 || other < *value))
        *value = other;
}

void
aks_run_budget_facts(const struct aks_run *run, size_t index, struct aks_target_facts *ret_facts)
{
    struct holding holding[2];
    size_t count = budgets_of(run, index, holding);

    ret_facts->budget_left = -1;
    ret_facts->tries_left = -1;
    for (size_t i = 0; i < count; i++) {
        read_spent(run, &holding[i]);
        lower(&ret_facts->budget_left, left_of(holding[i].budget->bytes, holding[i].spent.bytes));
        lower(&ret_facts->tries_left, left_of(holding[i].budget->tries, holding[i].spent.tries));
    }
}

/* The one that is used up for the longest. */
static bool
find_used_up(const struct aks_run *run, size_t index, bool begun, struct holding *ret_holding)
{
    struct holding holding[2];
    size_t count = budgets_of(run, index, holding);
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        read_spent(run, &holding[i]);
        if (!used_up(&holding[i], begun) || (found && holding[i].until_ms <= ret_holding->until_ms))
            continue;
        *ret_holding = holding[i];
        found = true;
    }
    return found;
}

bool
aks_run_budget_spent(const struct aks_run *run, size_t index)
{
    struct holding holding;

    return find_used_up(run, index, false, &holding);
}

static enum aks_status
refuse(const struct aks_run *run, size_t index, const struct holding *holding,
    struct aks_error *err)
{
    bool bytes = left_of(holding->budget->bytes, holding->spent.bytes) == 0;
    const char *unit = bytes ? "bytes" : holding->budget->tries == 1 ? "try" : "tries";
    char date[AKS_DATE_BYTES];

    return aks_error_set(err, AKS_BUDGET, "%s: nothing is begun before %s: the budget of %" PRId64
        " %s%s %s %s is used up", run->settings->targets[index].name,
        aks_date_iso(holding->until_ms, date), bytes ? holding->budget->bytes
        : holding->budget->tries, unit,
        run->settings->targets[index].budget.set && holding->place != run->targets[index].identity
        ? " of all targets together" : "", holding->budget->per == AKS_BUDGET_HOUR ? "an" : "a",
        aks_settings_period_name(holding->budget->per));
}

static bool
refuse_if(const struct aks_run *run, size_t index, bool begun, struct aks_error *ret_error)
{
    struct holding holding;

    if (!find_used_up(run, index, begun, &holding))
        return false;
    (void)refuse(run, index, &holding, ret_error);
    return true;
}

bool
aks_run_budget_refusal(const struct aks_run *run, size_t index, struct aks_error *ret_error)
{
    return refuse_if(run, index, false, ret_error);
}

int64_t
aks_run_budget_until_ms(const struct aks_run *run, size_t index)
{
    struct holding holding = { 0 };

    return find_used_up(run, index, false, &holding) ? holding.until_ms : 0;
}

bool
aks_run_budget_ends(const struct aks_run *run, size_t index, struct aks_error *ret_error)
{
    return refuse_if(run, index, true, ret_error);
}

/* So many bytes are about to be sent there; or, if negative, were not. */
static void
count_bytes(void *ctx, int64_t bytes)
{
    struct aks_run_meter *meter = ctx;
    const struct aks_run *run = meter->run;
    struct holding holding[2];
    size_t count = budgets_of(run, meter->index, holding);
    struct aks_error err;

    for (size_t i = 0; i < count; i++) {
        if (aks_state_budget_spend(run->engine->state, holding[i].place, holding[i].period,
                wall_ms(run), bytes, &err) != AKS_OK)
            aks_log_write(run->engine->log, AKS_LOG_WARNING, "%s: %s",
                run->settings->targets[meter->index].name, err.message);
    }
}

enum aks_status
aks_run_budget_begin(struct aks_run *run, size_t index, struct aks_error *err)
{
    struct aks_run_target *target = &run->targets[index];
    struct holding holding[2];
    size_t count = budgets_of(run, index, holding);

    /* Before a try is taken of the one that has some left. */
    if (aks_run_budget_refusal(run, index, err))
        return AKS_BUDGET;
    if (run->options->dry_run)
        return AKS_OK;
    for (size_t i = 0; i < count; i++) {
        const struct aks_budget *budget = holding[i].budget;
        enum aks_status status;
        bool left;

        status = aks_state_budget_try(run->engine->state, holding[i].place, holding[i].period,
            wall_ms(run), budget->bytes, budget->tries, &left, err);
        if (status != AKS_OK)
            return status;
        if (!left) {
            read_spent(run, &holding[i]);
            return refuse(run, index, &holding[i], err);
        }
    }
    if (count > 0) {
        target->meter = (struct aks_run_meter) { { count_bytes, &target->meter }, run, index };
        target->link.meter = &target->meter.meter;
    }
    return AKS_OK;
}

static json_t *
holding_json(const struct aks_run *run, struct holding *holding, const char *target)
{
    char date[AKS_DATE_BYTES];
    json_t *row;

    find_period(run, holding);
    read_spent(run, holding);
    row = json_pack("{s:s?, s:s, s:s, s:I, s:I}", "target", target, "per",
        aks_settings_period_name(holding->budget->per), "until",
        aks_date_iso(holding->until_ms, date), "bytes_spent", (json_int_t)holding->spent.bytes,
        "tries_spent", (json_int_t)holding->spent.tries);
    if (holding->budget->bytes >= 0)
        (void)json_object_set_new(row, "bytes", json_integer(holding->budget->bytes));
    if (holding->budget->tries >= 0)
        (void)json_object_set_new(row, "tries", json_integer(holding->budget->tries));
    return row;
}

json_t *
aks_run_budget_json(const struct aks_run *run)
{
    json_t *rows = json_array();

    if (run->settings->budget.set) {
        struct holding holding = { .budget = &run->settings->budget, .place = NETWORK };

        (void)json_array_append_new(rows, holding_json(run, &holding, NULL));
    }
    for (size_t i = 0; i < run->settings->target_count; i++) {
        const struct aks_target_settings *target = &run->settings->targets[i];
        struct holding holding = { .budget = &target->budget, .place = run->targets[i].identity };

        if (target->budget.set)
            (void)json_array_append_new(rows, holding_json(run, &holding, target->name));
    }
    if (json_array_size(rows) > 0)
        return rows;
    json_decref(rows);
    return NULL;
}
