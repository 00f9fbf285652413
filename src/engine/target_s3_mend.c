#include "base/units.h"
#include "engine/target_s3_internal.h"
#include "wire/dates.h"

#include <stdlib.h>
#include <string.h>

/* S3 allows 15 minutes; a difference of less than this between two readings is the way of the
 * bytes, and mending it would change nothing. */
#define CLOCK_STEP_MIN_MS (5 * AKS_MS_PER_S)
/* A server whose clock stands before this program was written, or far behind its end, is wrong
 * itself; what is signed for such a day could be used on it. 2026-01-01 and 2100-01-01. */
#define SERVER_MS_MIN INT64_C(1767225600000)
#define SERVER_MS_MAX INT64_C(4102444800000)

static bool
mend_clock(struct aks_s3_step *step, const struct aks_s3_answer *answer)
{
    struct aks_s3 *s3 = step->s3;
    const char *date = aks_http_reply_header(answer->reply, "date");
    const char *server_time = answer->s3.server_time;
    int64_t server_ms;
    int64_t offset_ms;

    if (!(server_time[0] != '\0' &&
            aks_date_parse_iso(server_time, strlen(server_time), &server_ms)) &&
        !(date != NULL && aks_date_parse_http(date, &server_ms)))
        return false;
    offset_ms = server_ms - aks_s3_wall_ms(s3);
    if (server_ms < SERVER_MS_MIN || server_ms > SERVER_MS_MAX)
        return false;
    if (llabs((long long)(offset_ms - step->clock_offset_ms)) < CLOCK_STEP_MIN_MS)
        return false;
    s3->clock_offset_ms = offset_ms;
    aks_log_write(s3->options.log, AKS_LOG_WARNING,
        "target %s: this machine's clock is %lld s %s the server's; going on with the server's",
        s3->base.settings->name, llabs((long long)offset_ms) / AKS_MS_PER_S,
        offset_ms > 0 ? "behind" : "ahead of");
    return true;
}

/* The region that the server wants instead of ours, or NULL. */
static const char *
wanted_region(const struct aks_s3 *s3, const struct aks_s3_answer *answer)
{
    int http = answer->outcome.http_status;
    const char *region = aks_http_reply_header(answer->reply, "x-amz-bucket-region");

    if (http != 301 && http != 302 && http != 307 && http != 400 && http != 403)
        return NULL;
    if (region == NULL && (strcmp(answer->s3.code, "AuthorizationHeaderMalformed") == 0 ||
            strcmp(answer->s3.code, "PermanentRedirect") == 0 ||
            strcmp(answer->s3.code, "IllegalLocationConstraintException") == 0))
        region = answer->s3.region;
    if (region == NULL || region[0] == '\0' || strcmp(region, s3->place.region) == 0)
        return NULL;
    return region;
}

static bool
mend_region(struct aks_s3 *s3, const char *region)
{
    struct aks_s3_place place = s3->place;

    if (aks_s3_place_region(&place, region, NULL) != AKS_OK)
        return false;
    s3->place = place;
    if (place.region_open)
        aks_s3_remember(s3, AKS_S3_FACT_REGION, place.region);
    aks_log_write(s3->options.log, place.region_open ? AKS_LOG_INFO : AKS_LOG_WARNING,
        "target %s: the bucket is in region %s", s3->base.settings->name, place.region);
    return true;
}

static bool
mend_credentials(struct aks_s3_step *step, const struct aks_s3_answer *answer)
{
    const char *code = answer->s3.code;
    enum aks_credentials_refusal refusal = AKS_CREDENTIALS_WRONG;

    if (answer->outcome.status == AKS_AUTH_EXPIRED || strncmp(code, "InvalidToken", 12) == 0)
        refusal = AKS_CREDENTIALS_EXPIRED;
    else if (strcmp(code, "InvalidAccessKeyId") == 0 || strcmp(code, "InvalidClientTokenId") == 0)
        refusal = AKS_CREDENTIALS_UNKNOWN;
    return aks_credentials_chain_refused(step->s3->credentials, step->used, refusal);
}

void
aks_s3_mend(struct aks_s3_step *step, struct aks_s3_answer *answer)
{
    struct aks_s3 *s3 = step->s3;
    enum aks_status status = answer->outcome.status;
    const char *region;
    enum aks_s3_cause cause;
    bool mended;

    if (status == AKS_OK || answer->reply == NULL || answer->reply->status == 0)
        return;
    region = wanted_region(s3, answer);
    if (region != NULL)
        cause = AKS_S3_CAUSE_REGION;
    else if (status == AKS_CLOCK_SKEW)
        cause = AKS_S3_CAUSE_CLOCK;
    else if (status == AKS_AUTH_EXPIRED || status == AKS_AUTH_INVALID)
        cause = AKS_S3_CAUSE_CREDENTIALS;
    else if (status == AKS_SETTINGS && step->generation != s3->generation)
        cause = AKS_S3_CAUSE_REGION;
    else
        return;
    /* Signed before another request had it mended: the next try is a different one already. */
    if (cause != AKS_S3_CAUSE_CREDENTIALS && step->generation != s3->generation) {
        answer->outcome.corrected = true;
        return;
    }
    if ((step->mended & (unsigned)cause) != 0)
        return;
    if (cause == AKS_S3_CAUSE_REGION)
        mended = mend_region(s3, region);
    else if (cause == AKS_S3_CAUSE_CLOCK)
        mended = mend_clock(step, answer);
    else
        mended = mend_credentials(step, answer);
    if (!mended)
        return;
    step->mended |= (unsigned)cause;
    if (cause != AKS_S3_CAUSE_CREDENTIALS)
        s3->generation++;
    answer->outcome.corrected = true;
}
