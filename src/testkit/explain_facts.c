/* A recorded question, made into what the engine asks: the way back of engine/ask_facts. Nothing is
 * made up: what an older record has not is named. */
#include "base/units.h"
#include "testkit/explain_internal.h"

#include <string.h>

/* Past what any record can have; so that seconds fit into milliseconds. */
#define SECONDS_MAX 1e12

static void
lack(const char **lacks, const char *name)
{
    if (*lacks == NULL)
        *lacks = name;
}

static const char *
text_fact(const json_t *facts, const char *name, const char **lacks)
{
    const char *text = json_string_value(json_object_get(facts, name));

    if (text == NULL)
        lack(lacks, name);
    return text != NULL ? text : "";
}

/* Seconds; null is what was not known, and nothing at all what was not recorded. */
static int64_t
time_fact(const json_t *facts, const char *name, const char **lacks)
{
    const json_t *value = json_object_get(facts, name);
    double s = json_number_value(value);

    if (value == NULL)
        lack(lacks, name);
    if (!json_is_number(value) || s < 0)
        return -1;
    return (int64_t)((s < SECONDS_MAX ? s : SECONDS_MAX) * AKS_MS_PER_S + 0.5);
}

static bool
yes_fact(const json_t *facts, const char *name, const char **lacks)
{
    const json_t *value = json_object_get(facts, name);

    if (!json_is_boolean(value))
        lack(lacks, name);
    return json_is_true(value);
}

static void
source_facts(const json_t *facts, struct aks_source_facts *ret, const char **lacks)
{
    const json_t *bytes = json_object_get(facts, "bytes");

    ret->name = text_fact(facts, "source", lacks);
    ret->path = text_fact(facts, "path", lacks);
    ret->kind = text_fact(facts, "kind", lacks);
    ret->bytes = json_integer_value(bytes);
    if (!json_is_integer(bytes))
        lack(lacks, "bytes");
    ret->age_ms = time_fact(facts, "age", lacks);
}

static void
target_facts(const json_t *target, struct aks_target_facts *ret, const char **lacks)
{
    ret->name = text_fact(target, "name", lacks);
    ret->kind = text_fact(target, "kind", lacks);
    ret->healthy = yes_fact(target, "healthy", lacks);
    ret->last_success_ms = time_fact(target, "last_success", lacks);
}

static void
read_failure(const json_t *facts, struct aks_explain_question *ret)
{
    const char *name = text_fact(facts, "failure", &ret->needs);
    const json_t *attempt = json_object_get(facts, "attempt");
    struct aks_failure_facts *failure = &ret->failure;
    const char *unused = NULL;

    if (!aks_status_from_name(name, &failure->failure))
        lack(&ret->needs, "failure");
    failure->target = ret->target;
    failure->operation = text_fact(facts, "operation", &ret->needs);
    failure->transient = yes_fact(facts, "transient", &ret->needs);
    failure->attempt = (unsigned)json_integer_value(attempt);
    if (!json_is_integer(attempt) || json_integer_value(attempt) < 1 ||
        json_integer_value(attempt) > INT32_MAX)
        lack(&ret->needs, "attempt");
    failure->elapsed_ms = time_fact(facts, "elapsed", &ret->lacks);
    /* What a failure did not come with is left out. */
    failure->source = json_string_value(json_object_get(facts, "source"));
    failure->http_status = (int)json_integer_value(json_object_get(facts, "http_status"));
    failure->retry_after_ms = time_fact(facts, "retry_after", &unused);
    failure->corrected = json_is_true(json_object_get(facts, "corrected"));
}

static void
read_stored(const json_t *facts, struct aks_explain_question *ret)
{
    source_facts(facts, &ret->source, &ret->lacks);
    target_facts(json_object_get(facts, "target"), &ret->dedup.target, &ret->lacks);
    ret->dedup.source = ret->source;
    ret->dedup.stored_ms = time_fact(facts, "stored", &ret->lacks);
    ret->dedup.unchanged = yes_fact(facts, "unchanged", &ret->needs);
}

static void
read_sample(const json_t *facts, struct aks_explain_question *ret)
{
    const json_t *ratio = json_object_get(facts, "sample_ratio");

    source_facts(facts, &ret->source, &ret->lacks);
    target_facts(json_object_get(facts, "target"), &ret->compress.target, &ret->lacks);
    ret->compress.source = ret->source;
    ret->compress.sample_ratio = json_number_value(ratio);
    if (!json_is_number(ratio))
        lack(&ret->needs, "sample_ratio");
}

enum aks_status
aks_explain_facts(const json_t *entry, struct aks_explain_question *ret, struct aks_error *err)
{
    const char *name = json_string_value(json_object_get(entry, "question"));
    const json_t *facts = json_object_get(entry, "facts");

    memset(ret, 0, sizeof(*ret));
    ret->entry = entry;
    ret->was = json_string_value(json_object_get(entry, "answer"));
    ret->target = json_string_value(json_object_get(entry, "target"));
    if (name == NULL || ret->was == NULL || !json_is_object(facts))
        return aks_error_set(err, AKS_NOT_FOUND, "a decision in it has no question, no answer or "
            "no facts");
    if (strcmp(name, "retry") == 0) {
        ret->kind = AKS_EXPLAIN_RETRY;
        read_failure(facts, ret);
    } else if (strcmp(name, "route") == 0) {
        ret->kind = AKS_EXPLAIN_ROUTE;
        source_facts(facts, &ret->source, &ret->lacks);
    } else if (strcmp(name, "dedup") == 0) {
        ret->kind = AKS_EXPLAIN_DEDUP;
        read_stored(facts, ret);
    } else if (strcmp(name, "compress") == 0) {
        ret->kind = AKS_EXPLAIN_COMPRESS;
        read_sample(facts, ret);
    } else {
        ret->kind = AKS_EXPLAIN_UNKNOWN;
    }
    return AKS_OK;
}

void
aks_explain_facts_targets(const struct aks_settings *settings,
    struct aks_explain_question *question)
{
    const json_t *list = json_object_get(json_object_get(question->entry, "facts"), "targets");
    const json_t *entry;
    size_t i;

    for (size_t at = 0; at < settings->target_count; at++) {
        const struct aks_target_settings *own = &settings->targets[at];
        struct aks_target_facts *facts = &question->targets[at];
        bool found = false;

        facts->name = own->name;
        facts->kind = aks_target_kind_name(own->kind);
        facts->last_success_ms = -1;
        json_array_foreach(list, i, entry) {
            const char *name = json_string_value(json_object_get(entry, "name"));

            if (name == NULL || strcmp(name, own->name) != 0)
                continue;
            target_facts(entry, facts, &question->lacks);
            facts->name = own->name;
            facts->kind = aks_target_kind_name(own->kind);
            found = true;
        }
        if (!found && question->unknown == NULL)
            question->unknown = own->name;
    }
}
