#include "engine/ask_facts.h"

#include "base/units.h"
#include "engine/text.h"

#include <jansson.h>

static double
seconds(int64_t ms)
{
    return (double)ms / (double)AKS_MS_PER_S;
}

/* Negative means: not known. */
static json_t *
known(int64_t ms)
{
    return ms < 0 ? json_null() : json_real(seconds(ms));
}

json_t *
aks_ask_facts_failure(const struct aks_failure_facts *facts)
{
    json_t *object = json_pack("{s:s, s:s, s:b, s:i, s:f}", "failure",
        aks_status_name(facts->failure), "operation", facts->operation, "transient",
        facts->transient, "attempt", (int)facts->attempt, "elapsed", seconds(facts->elapsed_ms));

    if (facts->source != NULL)
        (void)json_object_set_new(object, "source", json_string(facts->source));
    if (facts->http_status > 0)
        (void)json_object_set_new(object, "http_status", json_integer(facts->http_status));
    if (facts->retry_after_ms >= 0)
        (void)json_object_set_new(object, "retry_after", json_real(seconds(facts->retry_after_ms)));
    if (facts->corrected)
        (void)json_object_set_new(object, "corrected", json_true());
    return object;
}

static json_t *
source_json(const struct aks_source_facts *source)
{
    return json_pack("{s:s, s:o, s:s, s:I, s:o}", "source", source->name, "path",
        source->path != NULL ? aks_text_json(source->path) : json_null(), "kind", source->kind,
        "bytes", (json_int_t)source->bytes, "age", known(source->age_ms));
}

static json_t *
target_json(const struct aks_target_facts *target)
{
    json_t *object = json_pack("{s:s, s:s, s:b, s:o, s:o}", "name", target->name, "kind",
        target->kind, "healthy", target->healthy, "last_success", known(target->last_success_ms),
        "rate", target->rate < 0 ? json_null() : json_integer(target->rate));

    if (target->budget_left >= 0)
        (void)json_object_set_new(object, "budget_left", json_integer(target->budget_left));
    if (target->tries_left >= 0)
        (void)json_object_set_new(object, "tries_left", json_integer(target->tries_left));
    return object;
}

json_t *
aks_ask_facts_route(const struct aks_source_facts *source, const struct aks_target_facts *targets,
    size_t target_count)
{
    json_t *object = source_json(source);
    json_t *list = json_array();

    for (size_t i = 0; i < target_count; i++)
        (void)json_array_append_new(list, target_json(&targets[i]));
    (void)json_object_set_new(object, "targets", list);
    return object;
}

json_t *
aks_ask_facts_dedup(const struct aks_dedup_facts *facts)
{
    json_t *object = source_json(&facts->source);

    (void)json_object_set_new(object, "target", target_json(&facts->target));
    (void)json_object_set_new(object, "unchanged", json_boolean(facts->unchanged));
    (void)json_object_set_new(object, "stored", known(facts->stored_ms));
    return object;
}

json_t *
aks_ask_facts_compress(const struct aks_compress_facts *facts)
{
    json_t *object = source_json(&facts->source);

    (void)json_object_set_new(object, "target", target_json(&facts->target));
    (void)json_object_set_new(object, "sample_ratio", json_real(facts->sample_ratio));
    return object;
}

json_t *
aks_ask_facts_snapshot(const struct aks_snapshot_facts *facts)
{
    json_t *object = source_json(&facts->source);

    (void)json_object_set_new(object, "failure", json_string(aks_status_name(facts->failure)));
    (void)json_object_set_new(object, "why", json_string(facts->why));
    (void)json_object_set_new(object, "waited", json_real(seconds(facts->waited_ms)));
    (void)json_object_set_new(object, "stored", known(facts->stored_ms));
    (void)json_object_set_new(object, "older", known(facts->older_ms));
    return object;
}
