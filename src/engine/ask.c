#include "engine/ask.h"

#include "base/check.h"
#include "base/units.h"
#include "engine/decide_default.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_BYTES 512

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
    ask->decisions = json_array();
    if (ask->decisions == NULL)
        return aks_error_memory(err, "starting a run");
    return AKS_OK;
}

void
aks_ask_fini(struct aks_ask *ask)
{
    json_decref(ask->decisions);
    ask->decisions = NULL;
}

static double
seconds(int64_t ms)
{
    return (double)ms / (double)AKS_MS_PER_S;
}

/* Takes ${facts}. What cannot be recorded for want of memory is only missing from the report. */
static void
record(struct aks_ask *ask, const char *question, const char *target, json_t *facts,
    const char *answer, bool by_policy)
{
    const struct aks_clock *clock = &ask->loop->port->clock;
    double at_s = seconds((clock->now_ns(clock->ctx) - ask->started_ns) / AKS_NS_PER_MS);

    aks_log_write(ask->log, AKS_LOG_DEBUG, "%.3f s: %s%s%s: %s (%s)", at_s, question,
        target != NULL ? " " : "", target != NULL ? target : "", answer,
        by_policy ? "policy" : "default");
    if (json_array_size(ask->decisions) >= AKS_DECISIONS_MAX) {
        ask->dropped++;
        json_decref(facts);
        return;
    }
    (void)json_array_append_new(ask->decisions,
        json_pack("{s:f, s:s, s:s?, s:o, s:s, s:s}", "at_s", at_s, "question", question, "target",
            target, "facts", facts, "answer", answer, "by", by_policy ? "policy" : "default"));
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

static json_t *
retry_facts(const struct aks_failure_facts *facts)
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

enum aks_status
aks_ask_retry(struct aks_ask *ask, const struct aks_failure_facts *facts,
    struct aks_retry_answer *ret, struct aks_error *err)
{
    const struct aks_decide *decide = &ask->policy->decide;
    char text[ANSWER_BYTES];
    struct aks_error own;
    enum aks_status status;
    bool by_policy;

    ret->verdict = AKS_NO_OPINION;
    ret->wait_ms = 0;
    if (decide->retry != NULL) {
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
    record(ask, "retry", facts->target, retry_facts(facts), retry_answer_text(ret, text),
        by_policy);
    return AKS_OK;
}

enum aks_status
aks_ask_route(struct aks_ask *ask, const struct aks_source_facts *source,
    const struct aks_target_facts *targets, size_t target_count, struct aks_route_answer *ret,
    struct aks_error *err)
{
    const struct aks_settings *settings = ask->policy->settings;
    const struct aks_decide *decide = &ask->policy->decide;
    char text[ANSWER_BYTES];
    size_t len = 0;
    struct aks_error own;
    enum aks_status status;

    memset(ret, 0, sizeof(*ret));
    if (decide->route != NULL) {
        status = decide->route(decide->ctx, source, targets, target_count, ret, &own);
        if (status != AKS_OK)
            return policy_failed(ask, status, &own, err);
    }
    if (!ret->opinion) {
        memcpy(ret->targets, settings->route, sizeof(ret->targets));
        ret->count = settings->route_count;
        return AKS_OK;      /* as the policy's table says: no decision, nothing to record */
    }
    AKS_CHECK(ret->count >= 1 && ret->count <= target_count);
    text[0] = '\0';
    for (size_t i = 0; i < ret->count && len < sizeof(text) - AKS_TARGET_NAME_BYTES - 3; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? ", " : "",
            targets[ret->targets[i]].name);
    record(ask, "route", NULL,
        json_pack("{s:s, s:s, s:I}", "source", source->name, "kind", source->kind, "bytes",
            (json_int_t)source->bytes), text, true);
    return AKS_OK;
}

static const char *
dedup_answer_text(enum aks_dedup_verdict verdict)
{
    static const char *const names[] = { "no opinion", "upload", "reuse", "skip" };

    return names[verdict];
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
        status = decide->dedup(decide->ctx, facts, ret, &own);
        if (status != AKS_OK)
            return policy_failed(ask, status, &own, err);
    }
    by_policy = *ret != AKS_DEDUP_NO_OPINION;
    if (!by_policy)
        *ret = facts->unchanged && ask->policy->settings->dedup == AKS_DEDUP_UNCHANGED
            ? AKS_DEDUP_REUSE : AKS_DEDUP_UPLOAD;
    /* Bytes that are not there cannot be reused, whatever a policy says. */
    if (*ret == AKS_DEDUP_REUSE && !facts->unchanged)
        *ret = AKS_DEDUP_UPLOAD;
    if (by_policy || *ret != AKS_DEDUP_UPLOAD)
        record(ask, "dedup", facts->target.name,
            json_pack("{s:s, s:b}", "source", facts->source.name, "unchanged", facts->unchanged),
            dedup_answer_text(*ret), by_policy);
    return AKS_OK;
}

enum aks_status
aks_ask_compress(struct aks_ask *ask, const struct aks_compress_facts *facts,
    struct aks_compress_settings *ret, struct aks_error *err)
{
    const struct aks_decide *decide = &ask->policy->decide;
    struct aks_compress_answer answer = { 0 };
    char text[ANSWER_BYTES];
    struct aks_error own;
    enum aks_status status;
    bool shrinks = facts->sample_ratio >= AKS_SAMPLE_RATIO_MIN;

    if (decide->compress != NULL) {
        status = decide->compress(decide->ctx, facts, &answer, &own);
        if (status != AKS_OK)
            return policy_failed(ask, status, &own, err);
    }
    *ret = answer.opinion ? answer.compress : ask->policy->settings->compress;
    if (ret->codec == AKS_CODEC_NONE)
        return AKS_OK;
    if (!ret->always && !shrinks)
        ret->codec = AKS_CODEC_NONE;
    if (answer.opinion || ret->codec == AKS_CODEC_NONE) {
        (void)snprintf(text, sizeof(text), "%s%s", aks_codec_name(ret->codec),
            ret->codec == AKS_CODEC_NONE ? ": a sample does not shrink" : "");
        record(ask, "compress", facts->target.name,
            json_pack("{s:s, s:f}", "source", facts->source.name, "sample_ratio",
                facts->sample_ratio), text, answer.opinion);
    }
    return AKS_OK;
}
