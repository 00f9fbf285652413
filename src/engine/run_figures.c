/* What of a run goes into the figures over time. */
#include "base/units.h"
#include "engine/run.h"
#include "engine/state_figures.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Is it at another target than the first of its route? A mirror has no first one. */
static bool
fell_back(const struct aks_item *item)
{
    bool held = item->state == AKS_ITEM_STORED || item->state == AKS_ITEM_UNCHANGED;

    return held && !item->mirror && item->copy_count > 0 &&
        !aks_item_copy_holds(&item->copies[0]);
}

/* What was stored, as it was before: of objects alone that this run has sent. */
static void
add_stored(const struct aks_item *item, struct aks_run_figures *figures)
{
    for (size_t i = 0; i < item->copy_count; i++) {
        const struct aks_copy *copy = &item->copies[i];

        if (copy->state != AKS_COPY_STORED || !aks_item_copy_holds(copy))
            continue;
        if (copy->sent[AKS_SNAPSHOT_MAIN]) {
            figures->plain_bytes += copy->row.bytes;
            figures->stored_bytes += copy->row.stored_bytes;
        }
        if (copy->sent[AKS_SNAPSHOT_WAL]) {
            figures->plain_bytes += copy->row.wal.bytes;
            figures->stored_bytes += copy->row.wal.stored_bytes;
        }
    }
}

static void
copy_text(const json_t *object, const char *name, char *ret, size_t bytes)
{
    const char *text = json_string_value(json_object_get(object, name));

    (void)snprintf(ret, bytes, "%s", text != NULL ? text : "");
}

/* Rows that a target has taken, and those that lie beside the files of an upload that is there. */
static int64_t
memories_of(const json_t *report)
{
    int64_t total = 0;
    const json_t *target;
    size_t i;

    json_array_foreach(json_object_get(report, "targets"), i, target) {
        const char *outcome = json_string_value(json_object_get(target, "outcome"));
        const json_t *file = json_object_get(target, "memories_file");

        total += json_integer_value(json_object_get(json_object_get(target, "memories"),
            "stored"));
        if (outcome != NULL && strcmp(outcome, "stored") == 0)
            total += json_integer_value(json_object_get(file, "rows"));
    }
    return total;
}

void
aks_run_figures(const struct aks_run *run, const json_t *report,
    struct aks_run_figures *ret_figures)
{
    const struct aks_usage *usage = &run->engine->port->usage;
    const json_t *bytes = json_object_get(report, "bytes");
    struct aks_run_figures figures = { .at_ms = run->started_at_ms,
        .sent_bytes = run->sent_bytes };

    figures.duration_ms = (int64_t)(json_real_value(json_object_get(report, "duration_s")) *
        (double)AKS_MS_PER_S + 0.5);
    copy_text(report, "outcome", figures.outcome, sizeof(figures.outcome));
    copy_text(report, "method", figures.method, sizeof(figures.method));
    copy_text(json_object_get(report, "error"), "failure", figures.failure,
        sizeof(figures.failure));
    figures.memories = memories_of(report);
    figures.source_bytes = json_integer_value(json_object_get(bytes, "source"));
    if (usage->memory_peak != NULL)
        figures.memory_bytes = usage->memory_peak(usage->ctx);
    for (size_t i = 0; i < run->item_count; i++) {
        figures.fallback = figures.fallback || fell_back(&run->items[i]);
        add_stored(&run->items[i], &figures);
    }
    *ret_figures = figures;
}
