#include "engine/now.h"

#include "base/units.h"
#include "engine/state.h"
#include "engine/text.h"
#include "wire/dates.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define MS_PER_MINUTE (60 * AKS_MS_PER_S)

enum aks_status
aks_now_load(struct aks_now *now, struct aks_state *state, struct aks_error *err)
{
    return aks_state_runs_recent(state, now->facts.history, AKS_HISTORY_MAX,
        &now->facts.history_count, err);
}

bool
aks_now_look(struct aks_now *now, const struct aks_clock *clock)
{
    int64_t wall_ms = clock->wall_ms(clock->ctx);
    int64_t minute = wall_ms / MS_PER_MINUTE;
    struct aks_clock_facts *facts = &now->facts.clock;
    struct aks_date_civil civil;

    if (now->known && minute == now->minute)
        return false;
    now->known = true;
    now->minute = minute;
    now->facts.wall_ms = wall_ms;
    facts->utc_offset_s = aks_clock_utc_offset_s(clock, wall_ms);
    aks_date_civil(wall_ms + facts->utc_offset_s * AKS_MS_PER_S, &civil);
    facts->year = civil.year;
    facts->month = civil.month;
    facts->day = civil.day;
    facts->hour = civil.hour;
    facts->minute = civil.minute;
    facts->weekday = civil.weekday;
    return true;
}

const char *
aks_now_text(const struct aks_clock_facts *clock, char ret_text[AKS_NOW_TEXT_BYTES])
{
    unsigned offset_minutes = (unsigned)abs(clock->utc_offset_s) / 60;

    (void)snprintf(ret_text, AKS_NOW_TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u%c%02u:%02u",
        (unsigned)clock->year % 10000u, (unsigned)clock->month % 100u, (unsigned)clock->day % 100u,
        (unsigned)clock->hour % 100u, (unsigned)clock->minute % 100u,
        clock->utc_offset_s < 0 ? '-' : '+', offset_minutes / 60 % 100u, offset_minutes % 60);
    return ret_text;
}

static json_t *
run_json(const struct aks_history_facts *run, int64_t wall_ms)
{
    double ago = (double)(wall_ms - run->started_at_ms) / (double)AKS_MS_PER_S;
    json_t *object = json_pack("{s:o, s:f}", "outcome", aks_text_json(run->outcome), "ago",
        ago > 0 ? ago : 0.0);

    if (run->duration_ms >= 0)
        (void)json_object_set_new(object, "duration",
            json_real((double)run->duration_ms / (double)AKS_MS_PER_S));
    if (run->sent_bytes >= 0)
        (void)json_object_set_new(object, "sent", json_integer(run->sent_bytes));
    if (run->method[0] != '\0')
        (void)json_object_set_new(object, "method", aks_text_json(run->method));
    if (run->target[0] != '\0')
        (void)json_object_set_new(object, "target", aks_text_json(run->target));
    if (run->failure[0] != '\0')
        (void)json_object_set_new(object, "failure", aks_text_json(run->failure));
    return object;
}

json_t *
aks_now_history_json(const struct aks_now *now)
{
    json_t *runs = json_array();

    for (size_t i = 0; i < now->facts.history_count; i++)
        (void)json_array_append_new(runs, run_json(&now->facts.history[i], now->facts.wall_ms));
    return runs;
}
