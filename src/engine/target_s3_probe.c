/* May the target be used now? Mostly one HEAD of our own marker, which needs no right to list.
 * A HEAD's error has no body, so what it means is asked with a GET; and a 403 there may only
 * mean that there is no marker yet (S3 does not say so to whoever may not list), so then the
 * marker is put. Where the policy wants no markers there is none, and nothing is put: the key was
 * taken, and what it may put is seen with the first object. */
#include "engine/decide_default.h"
#include "engine/target_s3_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The port's own limits tell best what hung (name, connection, TLS, answer), so ours comes a
 * little later. It is there for what adds up to more than one limit. */
#define GRACE_MS 100
#define CRC_BODY "akosha-sync asks whether CRC64NVME is checked here\n"

static void probe_ask(struct aks_s3_probe *probe, enum aks_s3_probe_stage stage);

static int64_t
now_ms(const struct aks_s3_probe *probe)
{
    return aks_loop_now_ms(probe->step.s3->options.loop);
}

static void
tried(struct aks_s3_probe *probe, const struct aks_outcome *outcome)
{
    aks_loop_clear(probe->step.s3->options.loop, &probe->timer);
    probe->go_on = outcome->corrected;
    aks_s3_step_tried(&probe->step, outcome);
}

static void
passed(struct aks_s3_probe *probe)
{
    struct aks_outcome outcome;

    aks_outcome_ok(&outcome);
    tried(probe, &outcome);
}

/* Parts are signed with SHA-256 this time; ${remember} if that was the endpoint's own answer. */
static void
crc_unproven(struct aks_s3_probe *probe, bool remember)
{
    struct aks_s3 *s3 = probe->step.s3;

    if (remember) {
        s3->crc64_open = false;
        aks_s3_remember(s3, AKS_S3_FACT_CRC64, "no");
    }
    aks_log_write(s3->options.log, AKS_LOG_WARNING,
        "target %s: %s, so parts are signed with SHA-256", s3->base.settings->name,
        remember ? "the endpoint does not check CRC64NVME"
            : "it could not be found out in time whether the endpoint checks CRC64NVME");
}

static void
probe_expired(void *ctx)
{
    struct aks_s3_probe *probe = ctx;
    struct aks_s3 *s3 = probe->step.s3;
    struct aks_error err;
    struct aks_outcome outcome;

    aks_s3_step_hang_up(&probe->step);
    if (probe->stage >= AKS_S3_PROBE_CRC_WRONG) {
        if (probe->stage < AKS_S3_PROBE_CRC_CLEAN)
            crc_unproven(probe, false);
        passed(probe);
        return;
    }
    (void)aks_error_set(&err, AKS_TIMEOUT, "%s: no whole answer within %" PRId64 " ms",
        s3->base.settings->name, s3->options.probe_ms);
    aks_outcome_failed(&outcome, &err);
    tried(probe, &outcome);
}

/* A HEAD's own words are few: what does a GET say to it? Whatever is not about the request
 * stands. */
static bool
head_needs_a_get(const struct aks_outcome *outcome)
{
    int http = outcome->http_status;

    return !outcome->corrected && http >= 300 && http < 500 && http != 408 && http != 429;
}

static void
after_availability(struct aks_s3_probe *probe)
{
    if (probe->step.s3->crc64_open)
        probe_ask(probe, AKS_S3_PROBE_CRC_WRONG);
    else
        passed(probe);
}

/* By whoever may not list, which may only mean that there is no marker. */
static bool
is_refused(const struct aks_outcome *outcome)
{
    return outcome->status == AKS_FORBIDDEN && outcome->http_status == 403 && !outcome->corrected;
}

static void
after_get(struct aks_s3_probe *probe, const struct aks_s3_answer *answer)
{
    const struct aks_outcome *outcome = &answer->outcome;

    if (outcome->status == AKS_OK || strcmp(answer->s3.code, "NoSuchKey") == 0)
        after_availability(probe);
    else if (!is_refused(outcome))
        tried(probe, outcome);
    else if (probe->step.s3->base.settings->no_markers)
        after_availability(probe);
    else
        probe_ask(probe, AKS_S3_PROBE_PUT);
}

/* An endpoint that refuses a wrong checksum and takes the right one checks it. */
static void
after_crc(struct aks_s3_probe *probe, const struct aks_outcome *outcome)
{
    struct aks_s3 *s3 = probe->step.s3;
    int http = outcome->http_status;
    bool definite = http >= 200 && http < 500 && http != 408 && http != 429;

    /* A server that says when to come back means it, whatever it was asked. */
    if (outcome->status == AKS_THROTTLED && outcome->retry_after_ms > 0) {
        tried(probe, outcome);
        return;
    }
    if (probe->stage == AKS_S3_PROBE_CRC_WRONG && http == 400) {
        probe_ask(probe, AKS_S3_PROBE_CRC_RIGHT);
        return;
    }
    if (probe->stage == AKS_S3_PROBE_CRC_RIGHT && outcome->status == AKS_OK) {
        s3->crc64 = true;
        s3->crc64_open = false;
        aks_s3_remember(s3, AKS_S3_FACT_CRC64, "yes");
    } else {
        crc_unproven(probe, definite || http == 501);
    }
    if (outcome->status == AKS_OK)
        probe_ask(probe, AKS_S3_PROBE_CRC_CLEAN);
    else
        passed(probe);
}

static void
probe_answered(void *ctx, const struct aks_s3_answer *answer)
{
    struct aks_s3_probe *probe = ctx;
    const struct aks_outcome *outcome = &answer->outcome;

    aks_loop_clear(probe->step.s3->options.loop, &probe->timer);
    switch (probe->stage) {
    case AKS_S3_PROBE_HEAD:
        if (outcome->status == AKS_OK)
            after_availability(probe);
        else if (head_needs_a_get(outcome))
            probe_ask(probe, AKS_S3_PROBE_GET);
        else
            tried(probe, outcome);
        return;
    case AKS_S3_PROBE_GET:
        after_get(probe, answer);
        return;
    case AKS_S3_PROBE_PUT:
        if (outcome->status == AKS_OK)
            after_availability(probe);
        else
            tried(probe, outcome);
        return;
    case AKS_S3_PROBE_CRC_WRONG:
    case AKS_S3_PROBE_CRC_RIGHT:
        after_crc(probe, outcome);
        return;
    case AKS_S3_PROBE_CRC_CLEAN:
        passed(probe);
        return;
    }
}

/* The body with its checksum; one bit off if it is to be refused. */
static enum aks_status
fill_crc(struct aks_s3_probe *probe, struct aks_s3_request *request, struct aks_sigv4_pair *header,
    char text[AKS_S3_CRC_TEXT_BYTES], struct aks_error *err)
{
    uint64_t crc = aks_crc64nvme(0, CRC_BODY, strlen(CRC_BODY));

    aks_s3_bytes_init(&probe->bytes, CRC_BODY, strlen(CRC_BODY));
    header->name = AKS_S3_HEADER_CRC;
    header->value = text;
    request->headers = header;
    request->header_count = 1;
    request->body = &probe->bytes.body;
    request->payload_hash = AKS_S3_UNSIGNED;
    return aks_s3_crc_text(probe->step.s3, probe->stage == AKS_S3_PROBE_CRC_RIGHT ? crc : crc ^ 1,
        text, err);
}

static void
send_stage(struct aks_s3_probe *probe, int64_t left_ms)
{
    static const struct {
        const char *method;
        const char *what;
    } stages[] = {
        [AKS_S3_PROBE_HEAD] = { "HEAD", "HEAD of the marker" },
        [AKS_S3_PROBE_GET] = { "GET", "GET of the marker" },
        [AKS_S3_PROBE_PUT] = { "PUT", "PUT of the marker" },
        [AKS_S3_PROBE_CRC_WRONG] = { "PUT", "PUT of a probe" },
        [AKS_S3_PROBE_CRC_RIGHT] = { "PUT", "PUT of a probe" },
        [AKS_S3_PROBE_CRC_CLEAN] = { "DELETE", "DELETE of a probe" },
    };
    struct aks_s3_request request = { 0 };
    struct aks_sigv4_pair header;
    char folder[AKS_TARGET_KEY_FOLDER_BYTES];
    char text[AKS_S3_CRC_TEXT_BYTES];
    struct aks_error err;
    bool crc = probe->stage >= AKS_S3_PROBE_CRC_WRONG;

    (void)aks_target_key_system(probe->step.s3->options.system_id, folder);
    (void)snprintf(probe->key, sizeof(probe->key), "%s%s", folder, crc ? ".probe" : "");
    request.method = stages[probe->stage].method;
    request.what = stages[probe->stage].what;
    request.key = probe->key;
    request.connect_ms = left_ms;
    request.answer_ms = left_ms;
    if ((probe->stage == AKS_S3_PROBE_CRC_WRONG || probe->stage == AKS_S3_PROBE_CRC_RIGHT) &&
        fill_crc(probe, &request, &header, text, &err) != AKS_OK) {
        aks_loop_clear(probe->step.s3->options.loop, &probe->timer);
        aks_s3_step_failed(&probe->step, &err);
        return;
    }
    aks_s3_step_ask(&probe->step, &request, probe_answered, probe);
}

static void
probe_ask(struct aks_s3_probe *probe, enum aks_s3_probe_stage stage)
{
    int64_t left_ms = probe->deadline_ms - now_ms(probe);
    struct aks_error err;

    probe->stage = stage;
    if (left_ms <= 0) {
        probe_expired(probe);
        return;
    }
    if (aks_loop_set(probe->step.s3->options.loop, &probe->timer, left_ms + GRACE_MS, probe_expired,
            probe, &err) != AKS_OK) {
        aks_s3_step_failed(&probe->step, &err);
        return;
    }
    send_stage(probe, left_ms);
}

static void
probe_start(void *ctx)
{
    struct aks_s3_probe *probe = ctx;

    /* What was mended goes on within the budget; a policy that waits gives a new one. */
    if (!probe->go_on)
        probe->deadline_ms = now_ms(probe) + probe->step.s3->options.probe_ms;
    probe->go_on = false;
    probe_ask(probe, AKS_S3_PROBE_HEAD);
}

void
aks_s3_available(struct aks_target *target, aks_done *done, void *ctx)
{
    struct aks_s3 *s3 = (struct aks_s3 *)target;

    s3->probe.go_on = false;
    aks_s3_step_begin(&s3->probe.step, AKS_OPERATION_PROBE, NULL, probe_start, &s3->probe, done,
        ctx);
}

void
aks_s3_probe_cancel(struct aks_s3_probe *probe)
{
    aks_loop_clear(probe->step.s3->options.loop, &probe->timer);
    aks_s3_step_cancel(&probe->step);
}
