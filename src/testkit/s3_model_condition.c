/* If-Match and If-None-Match
 * (docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html). */
#include "testkit/s3_model_internal.h"

#include "testkit/model_text.h"

#include <string.h>

static bool
fail(struct aks_s3_call *call, const char *condition)
{
    aks_s3_model_reply_error_with(call, "PreconditionFailed", "<Condition>%s</Condition>",
        condition);
    return false;
}

static bool
refuse(struct aks_s3_call *call, const char *code)
{
    aks_s3_model_reply_error(call, code);
    return false;
}

bool
aks_s3_model_condition_write(struct aks_s3_call *call, bool honoured)
{
    const struct aks_s3_stored *stored = aks_s3_model_store_find(call->model, call->key);
    const char *none_match = aks_s3_model_request_header(call, "if-none-match");
    const char *match = aks_s3_model_request_header(call, "if-match");

    if (!honoured)
        return true;
    if (call->traits->star_only && none_match != NULL &&
        (match != NULL || strcmp(none_match, "*") != 0))
        return refuse(call, "NotImplemented");
    if (none_match != NULL && stored != NULL && (strcmp(none_match, "*") == 0 ||
            aks_model_text_same_etag(none_match, stored->etag)))
        return fail(call, "If-None-Match");
    if (match == NULL)
        return true;
    if (stored == NULL)
        return refuse(call, "NoSuchKey");
    if ((strcmp(match, "*") == 0 && call->traits->star_matches) ||
        aks_model_text_same_etag(match, stored->etag))
        return true;
    return fail(call, "If-Match");
}

bool
aks_s3_model_condition_read(struct aks_s3_call *call, const struct aks_s3_stored *stored)
{
    const char *none_match = aks_s3_model_request_header(call, "if-none-match");
    const char *match = aks_s3_model_request_header(call, "if-match");

    if (match != NULL && strcmp(match, "*") != 0 &&
        !aks_model_text_same_etag(match, stored->etag))
        return fail(call, "If-Match");
    if (none_match != NULL && (strcmp(none_match, "*") == 0 ||
            aks_model_text_same_etag(none_match, stored->etag))) {
        call->reply->status = 304;
        aks_sim_reply_header(call->reply, "ETag", "%s", stored->etag);
        return false;
    }
    return true;
}
