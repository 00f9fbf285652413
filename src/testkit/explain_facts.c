/* A recorded question, made into what the engine asks: the way back of engine/ask_facts. Nothing is
 * made up: what an older record has not is named. */
#include "base/units.h"
#include "testkit/explain_internal.h"
#include "wire/dates.h"

#include <stdio.h>
#include <stdlib.h>
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

/* Recorded only of a target that has a budget. */
static int64_t
left_fact(const json_t *target, const char *name)
{
    const json_t *value = json_object_get(target, name);

    return json_is_integer(value) ? json_integer_value(value) : -1;
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
    if (json_object_get(target, "rate") == NULL)
        lack(lacks, "rate");
    ret->rate = json_is_integer(json_object_get(target, "rate"))
        ? json_integer_value(json_object_get(target, "rate")) : -1;
    ret->budget_left = left_fact(target, "budget_left");
    ret->tries_left = left_fact(target, "tries_left");
}

/* "2026-11-26T02:03+01:00" */
static bool
read_clock(const char *text, struct aks_clock_facts *ret)
{
    size_t len = text != NULL ? strlen(text) : 0;
    struct aks_date_civil civil;
    int64_t wall_ms;
    int64_t minutes;

    if (len < 6 || !aks_date_parse_iso(text, len, &wall_ms) || text[len - 3] != ':')
        return false;
    minutes = strtol(text + len - 5, NULL, 10) * 60 + strtol(text + len - 2, NULL, 10);
    ret->utc_offset_s = (int32_t)(text[len - 6] == '-' ? -minutes : minutes) * 60;
    aks_date_civil(wall_ms + ret->utc_offset_s * AKS_MS_PER_S, &civil);
    ret->year = civil.year;
    ret->month = civil.month;
    ret->day = civil.day;
    ret->hour = civil.hour;
    ret->minute = civil.minute;
    ret->weekday = civil.weekday;
    return true;
}

/* What a function sees besides the question's own facts. */
static void
read_now(const json_t *report, const json_t *entry, struct aks_explain_question *ret)
{
    const char *started = json_string_value(json_object_get(report, "started_at"));
    double at_s = json_number_value(json_object_get(entry, "at_s"));
    const char *clock = json_string_value(json_object_get(json_object_get(entry, "facts"),
        "clock"));

    if (!read_clock(clock, &ret->clock))
        lack(&ret->lacks, "clock");
    if (started == NULL || !aks_date_parse_iso(started, strlen(started), &ret->wall_ms))
        lack(&ret->lacks, "started_at");
    else if (at_s >= 0 && at_s < SECONDS_MAX)
        ret->wall_ms += (int64_t)(at_s * AKS_MS_PER_S);
    if (!json_is_array(json_object_get(report, "history")))
        lack(&ret->lacks, "history");
}

static void
copy_text(const json_t *object, const char *name, char *ret, size_t bytes)
{
    const char *text = json_string_value(json_object_get(object, name));

    (void)snprintf(ret, bytes, "%s", text != NULL ? text : "");
}

void
aks_explain_facts_history(const json_t *report, int64_t wall_ms, struct aks_now_facts *ret)
{
    const json_t *run;
    size_t i;

    ret->history_count = 0;
    json_array_foreach(json_object_get(report, "history"), i, run) {
        struct aks_history_facts *facts = &ret->history[ret->history_count];
        const json_t *sent = json_object_get(run, "sent");
        const char *unused = NULL;

        if (ret->history_count == AKS_HISTORY_MAX)
            return;
        facts->started_at_ms = wall_ms - time_fact(run, "ago", &unused);
        facts->duration_ms = time_fact(run, "duration", &unused);
        facts->sent_bytes = json_is_integer(sent) ? json_integer_value(sent) : -1;
        copy_text(run, "outcome", facts->outcome, sizeof(facts->outcome));
        copy_text(run, "method", facts->method, sizeof(facts->method));
        copy_text(run, "target", facts->target, sizeof(facts->target));
        copy_text(run, "failure", facts->failure, sizeof(facts->failure));
        ret->history_count++;
    }
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

static void
read_busy(const json_t *facts, struct aks_explain_question *ret)
{
    struct aks_snapshot_facts *snapshot = &ret->snapshot;

    source_facts(facts, &ret->source, &ret->lacks);
    snapshot->source = ret->source;
    if (!aks_status_from_name(text_fact(facts, "failure", &ret->needs), &snapshot->failure))
        lack(&ret->needs, "failure");
    snapshot->why = text_fact(facts, "why", &ret->lacks);
    snapshot->waited_ms = time_fact(facts, "waited", &ret->needs);
    snapshot->stored_ms = time_fact(facts, "stored", &ret->lacks);
    snapshot->older_ms = time_fact(facts, "older", &ret->needs);
}

/* What a task did is recorded like what was decided. */
static bool
is_step(const char *name)
{
    static const char *const steps[] = { "probe", "held", "send", "finish", "abort", "commit",
        "skip" };

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (strcmp(name, steps[i]) == 0)
            return true;
    }
    return false;
}

enum aks_status
aks_explain_facts(const json_t *report, const json_t *entry, struct aks_explain_question *ret,
    struct aks_error *err)
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
    } else if (strcmp(name, "snapshot") == 0) {
        ret->kind = AKS_EXPLAIN_SNAPSHOT;
        read_busy(facts, ret);
    } else if (strcmp(name, "throttle") == 0) {
        ret->kind = AKS_EXPLAIN_THROTTLE;
    } else if (is_step(name)) {
        ret->kind = AKS_EXPLAIN_STEP;
    } else {
        ret->kind = AKS_EXPLAIN_UNKNOWN;
    }
    read_now(report, entry, ret);
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
        if (!found)
            facts->rate = facts->budget_left = facts->tries_left = -1;
        if (!found && question->unknown == NULL)
            question->unknown = own->name;
    }
}
