#include "engine/ask.h"

#include "base/check.h"
#include "base/units.h"
#include "engine/ask_facts.h"
#include "engine/decide_default.h"
#include "engine/text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_BYTES 512
#define BY_POLICY "policy"
#define BY_DEFAULT "default"

enum aks_status
aks_ask_init(struct aks_ask *ask, const struct aks_loop *loop, const struct aks_policy *policy,
    const struct aks_log *log, uint64_t seed, struct aks_error *err)
{
    memset(ask, 0, sizeof(*ask));
    ask->loop = loop;
    ask->policy = policy;
    ask->log = log;
    ask->started_ns = loop->port->clock.now_ns(loop->port->clock.ctx);
    aks_rng_init(&ask->rng, seed);
    ask->throttle = -1;
    ask->decisions = json_array();
    ask->asked = json_array();
    if (ask->decisions == NULL || ask->asked == NULL) {
        aks_ask_fini(ask);
        return aks_error_memory(err, "starting a run");
    }
    return AKS_OK;
}

void
aks_ask_fini(struct aks_ask *ask)
{
    json_decref(ask->decisions);
    json_decref(ask->asked);
    ask->decisions = NULL;
    ask->asked = NULL;
}

static double
seconds(int64_t ms)
{
    return (double)ms / (double)AKS_MS_PER_S;
}

static void
keep(json_t *list, unsigned *dropped, json_t *entry)
{
    if (json_array_size(list) < AKS_DECISIONS_MAX) {
        (void)json_array_append_new(list, entry);
        return;
    }
    (*dropped)++;
    json_decref(entry);
}

/* What time it is, for a policy that has a function to ask. */
static void
tell_now(struct aks_ask *ask)
{
    const struct aks_decide *decide = &ask->policy->decide;

    if (decide->now != NULL && aks_now_look(&ask->now, &ask->loop->port->clock))
        decide->now(decide->ctx, &ask->now.facts);
}

/* Where in the policy a function made the answer. */
static void
add_place(const struct aks_ask *ask, json_t *entry, const char *by)
{
    const struct aks_policy_place *place = ask->policy->answered;

    if (by == NULL || strcmp(by, BY_POLICY) != 0 || place == NULL || place->line == 0)
        return;
    (void)json_object_set_new(entry, "line", json_integer(place->line));
    if (strcmp(place->file, ask->policy->settings->policy_path) != 0)
        (void)json_object_set_new(entry, "file", aks_text_json(place->file));
}

/* Takes ${facts} and ${chance}, which may be NULL. ${by}: whose answer it is, or NULL where nobody
 * decided anything and the settings hold. What cannot be recorded for want of memory is only
 * missing from the report. */
static void
record_chance(struct aks_ask *ask, const char *question, const char *target, json_t *facts,
    const char *answer, const char *by, json_t *chance)
{
    const struct aks_clock *clock = &ask->loop->port->clock;
    char clock_text[AKS_NOW_TEXT_BYTES];
    double at_s = seconds((clock->now_ns(clock->ctx) - ask->started_ns) / AKS_NS_PER_MS);
    json_t *entry;

    /* Who was told the time may have gone by it; who was not, a later reader may ask by it. */
    if (ask->policy->decide.now == NULL)
        (void)aks_now_look(&ask->now, clock);
    (void)json_object_set_new(facts, "clock",
        json_string(aks_now_text(&ask->now.facts.clock, clock_text)));
    entry = json_pack("{s:f, s:s, s:s?, s:o, s:s, s:s}", "at_s", at_s, "question", question,
        "target", target, "facts", facts, "answer", answer, "by", by != NULL ? by : BY_DEFAULT);

    if (chance != NULL)
        (void)json_object_set_new(entry, "chance", chance);
    add_place(ask, entry, by);
    if (by == NULL) {
        keep(ask->asked, &ask->asked_dropped, entry);
        return;
    }
    aks_log_write(ask->log, AKS_LOG_DEBUG, "%.3f s: %s%s%s: %s (%s)", at_s, question,
        target != NULL ? " " : "", target != NULL ? target : "", answer, by);
    keep(ask->decisions, &ask->dropped, entry);
}

static void
record(struct aks_ask *ask, const char *question, const char *target, json_t *facts,
    const char *answer, const char *by)
{
    record_chance(ask, question, target, facts, answer, by, NULL);
}

/* The policy failed: kept, so that the run ends with it whatever happens on the way out. */
static enum aks_status
policy_failed(struct aks_ask *ask, enum aks_status status, const struct aks_error *policy_err,
    struct aks_error *err)
{
    AKS_CHECK(status != AKS_OK);
    if (ask->policy_error.status == AKS_OK)
        ask->policy_error = *policy_err;
    if (err != NULL)
        *err = *policy_err;
    return status;
}

static const char *
retry_answer_text(const struct aks_retry_answer *answer, char text[ANSWER_BYTES])
{
    switch (answer->verdict) {
    case AKS_WAIT:
        (void)snprintf(text, ANSWER_BYTES, "wait %.1f", seconds(answer->wait_ms));
        return text;
    case AKS_NEXT_TARGET:
        return "next_target";
    case AKS_RESTART:
        return "restart";
    case AKS_GIVE_UP:
        return "give_up";
    case AKS_NO_OPINION:
        break;
    }
    return "no opinion";
}

/* [1.0, 4.0]: between what chance has drawn the wait; NULL where it had no part. */
static json_t *
chance_json(const struct aks_retry_answer *answer)
{
    return answer->verdict == AKS_WAIT && answer->least_ms < answer->most_ms
        ? json_pack("[f, f]", seconds(answer->least_ms), seconds(answer->most_ms)) : NULL;
}

enum aks_status
aks_ask_retry(struct aks_ask *ask, const struct aks_failure_facts *facts,
    struct aks_retry_answer *ret, struct aks_error *err)
{
    const struct aks_decide *decide = &ask->policy->decide;
    char text[ANSWER_BYTES];
    struct aks_error own;
    enum aks_status status;
    bool by_policy;

    memset(ret, 0, sizeof(*ret));
    if (decide->retry != NULL) {
        tell_now(ask);
        status = decide->retry(decide->ctx, facts, ret, &own);
        if (status != AKS_OK)
            return policy_failed(ask, status, &own, err);
    }
    by_policy = ret->verdict != AKS_NO_OPINION;
    if (!by_policy)
        aks_decide_default_retry(&ask->policy->settings->retry, facts, &ask->rng, ret);
    if (ret->wait_ms < 0)
        ret->wait_ms = 0;
    if (ret->wait_ms > AKS_RETRY_WAIT_MS_MAX)
        ret->wait_ms = AKS_RETRY_WAIT_MS_MAX;
    /* A policy that would try for ever meets the engine's own limit. */
    if (ret->verdict == AKS_WAIT && facts->attempt >= AKS_RETRY_TRIES_MAX)
        ret->verdict = AKS_NEXT_TARGET;
    record_chance(ask, "retry", facts->target, aks_ask_facts_failure(facts),
        retry_answer_text(ret, text), by_policy ? BY_POLICY : BY_DEFAULT, chance_json(ret));
    return AKS_OK;
}

enum aks_status
aks_ask_route(struct aks_ask *ask, const struct aks_source_facts *source,
    const struct aks_target_facts *targets, size_t target_count, struct aks_route_answer *ret,
    struct aks_error *err)
{
    const struct aks_settings *settings = ask->policy->settings;
    const struct aks_decide *decide = &ask->policy->decide;
    char text[AKS_ROUTE_TEXT_BYTES];
    struct aks_error own;
    enum aks_status status;

    memset(ret, 0, sizeof(*ret));
    if (decide->route != NULL) {
        tell_now(ask);
        status = decide->route(decide->ctx, source, targets, target_count, ret, &own);
        if (status != AKS_OK)
            return policy_failed(ask, status, &own, err);
    }
    if (!ret->opinion)
        ret->route = settings->route;
    AKS_CHECK(ret->route.count <= target_count);
    AKS_CHECK(!ret->route.mirror ||
        (ret->route.needed >= 1 && ret->route.needed <= ret->route.count));
    record(ask, "route", NULL, aks_ask_facts_route(source, targets, target_count),
        aks_settings_route_text(settings, &ret->route, text), ret->opinion ? BY_POLICY : NULL);
    return AKS_OK;
}

static const char *
dedup_answer_text(enum aks_dedup_verdict verdict)
{
    static const char *const names[] = { "no opinion", "upload", "reuse", "skip" };

    return names[verdict];
}

static enum aks_dedup_verdict
usual_dedup(enum aks_dedup dedup, const struct aks_dedup_facts *facts)
{
    if (dedup == AKS_DEDUP_ALWAYS)
        return AKS_DEDUP_UPLOAD;
    if (facts->unchanged)
        return AKS_DEDUP_REUSE;
    return dedup == AKS_DEDUP_NEVER && facts->stored_ms >= 0 ? AKS_DEDUP_SKIP : AKS_DEDUP_UPLOAD;
}

enum aks_status
aks_ask_dedup(struct aks_ask *ask, const struct aks_dedup_facts *facts,
    enum aks_dedup_verdict *ret, struct aks_error *err)
{
    const struct aks_decide *decide = &ask->policy->decide;
    enum aks_status status;
    struct aks_error own;
    bool by_policy;

    *ret = AKS_DEDUP_NO_OPINION;
    if (decide->dedup != NULL) {
        tell_now(ask);
        status = decide->dedup(decide->ctx, facts, ret, &own);
        if (status != AKS_OK)
            return policy_failed(ask, status, &own, err);
    }
    by_policy = *ret != AKS_DEDUP_NO_OPINION;
    if (!by_policy)
        *ret = usual_dedup(ask->policy->settings->dedup, facts);
    /* Bytes that are not there cannot be reused, whatever a policy says. */
    if (*ret == AKS_DEDUP_REUSE && !facts->unchanged)
        *ret = AKS_DEDUP_UPLOAD;
    record(ask, "dedup", facts->target.name, aks_ask_facts_dedup(facts), dedup_answer_text(*ret),
        by_policy ? BY_POLICY : *ret != AKS_DEDUP_UPLOAD ? BY_DEFAULT : NULL);
    return AKS_OK;
}

enum aks_status
aks_ask_compress(struct aks_ask *ask, const struct aks_compress_facts *facts,
    const struct aks_compress_settings *otherwise, struct aks_compress_settings *ret,
    struct aks_error *err)
{
    const struct aks_decide *decide = &ask->policy->decide;
    struct aks_compress_answer answer = { 0 };
    char text[ANSWER_BYTES];
    struct aks_error own;
    enum aks_status status;
    bool shrinks = facts->sample_ratio >= AKS_SAMPLE_RATIO_MIN;
    const char *by;

    if (decide->compress != NULL) {
        tell_now(ask);
        status = decide->compress(decide->ctx, facts, &answer, &own);
        if (status != AKS_OK)
            return policy_failed(ask, status, &own, err);
    }
    *ret = answer.opinion ? answer.compress : *otherwise;
    by = answer.opinion && ret->codec != AKS_CODEC_NONE ? BY_POLICY : NULL;
    (void)snprintf(text, sizeof(text), "%s", aks_codec_name(ret->codec));
    if (ret->codec != AKS_CODEC_NONE && !ret->always && !shrinks) {
        ret->codec = AKS_CODEC_NONE;
        (void)snprintf(text, sizeof(text), "%s: a sample does not shrink",
            aks_codec_name(ret->codec));
        by = answer.opinion ? BY_POLICY : BY_DEFAULT;
    }
    record(ask, "compress", facts->target.name, aks_ask_facts_compress(facts), text, by);
    return AKS_OK;
}

static const char *
snapshot_answer_text(enum aks_busy busy, int64_t more_ms, char text[ANSWER_BYTES])
{
    if (more_ms == 0)
        return aks_settings_busy_name(busy);
    (void)snprintf(text, ANSWER_BYTES, "%s after %.1f", aks_settings_busy_name(busy),
        seconds(more_ms));
    return text;
}

enum aks_status
aks_ask_snapshot(struct aks_ask *ask, const struct aks_snapshot_facts *facts,
    const struct aks_snapshot_settings *otherwise, enum aks_busy *ret, int64_t *ret_more_ms,
    struct aks_error *err)
{
    const struct aks_decide *decide = &ask->policy->decide;
    struct aks_snapshot_answer answer = { 0 };
    struct aks_snapshot_settings settings;
    char text[ANSWER_BYTES];
    struct aks_error own;
    enum aks_status status;

    if (decide->snapshot != NULL) {
        tell_now(ask);
        status = decide->snapshot(decide->ctx, facts, &answer, &own);
        if (status != AKS_OK)
            return policy_failed(ask, status, &own, err);
    }
    settings = answer.opinion ? answer.snapshot : *otherwise;
    if (settings.wait_ms > AKS_SNAPSHOT_WAIT_MS_MAX)
        settings.wait_ms = AKS_SNAPSHOT_WAIT_MS_MAX;
    aks_decide_default_snapshot(&settings, facts, ret, ret_more_ms);
    record(ask, "snapshot", NULL, aks_ask_facts_snapshot(facts),
        snapshot_answer_text(*ret, *ret_more_ms, text), answer.opinion ? BY_POLICY : BY_DEFAULT);
    return AKS_OK;
}

enum aks_status
aks_ask_throttle(struct aks_ask *ask, int64_t *ret_bytes_per_s, struct aks_error *err)
{
    const struct aks_decide *decide = &ask->policy->decide;
    char text[ANSWER_BYTES];
    struct aks_error own;
    enum aks_status status;

    *ret_bytes_per_s = decide->throttle == NULL ? ask->policy->settings->throttle_bytes_per_s : 0;
    if (decide->throttle != NULL) {
        tell_now(ask);
        status = decide->throttle(decide->ctx, ret_bytes_per_s, &own);
        if (status != AKS_OK)
            return policy_failed(ask, status, &own, err);
    }
    if (*ret_bytes_per_s == ask->throttle)
        return AKS_OK;
    ask->throttle = *ret_bytes_per_s;
    (void)snprintf(text, sizeof(text), *ret_bytes_per_s > 0 ? "%" PRId64 " bytes/s" : "no limit",
        *ret_bytes_per_s);
    record(ask, "throttle", NULL, json_object(), text, decide->throttle != NULL ? BY_POLICY : NULL);
    return AKS_OK;
}

void
aks_ask_note(struct aks_ask *ask, const char *what, const char *target, json_t *facts,
    const char *answer)
{
    record(ask, what, target, facts, answer, BY_POLICY);
}
