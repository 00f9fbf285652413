/* Is a key that may not be read there at all? AWS says 403 and not 404 to whoever may not list the
 * whole bucket, and a key that is bound to its own folder may not. The names below that folder it
 * may ask for, so those tell. */
#include "engine/target_s3_internal.h"

#include <stdio.h>
#include <string.h>

bool
aks_s3_may_be_absent(const struct aks_outcome *outcome)
{
    return outcome->status == AKS_FORBIDDEN && outcome->http_status == 403 && !outcome->corrected;
}

/* Sorted as S3 does it, a key comes before all others that begin with it. */
static bool
lists(const struct aks_s3_listing *page, const char *key)
{
    for (size_t i = 0; i < page->key_count; i++) {
        if (strcmp(page->keys[i], key) == 0)
            return true;
    }
    return false;
}

static void
answered(void *ctx, const struct aks_s3_answer *answer)
{
    struct aks_s3_op *op = ctx;
    struct aks_s3_step *step = &op->step;
    struct aks_outcome outcome = answer->outcome;
    struct aks_s3_listing page;
    struct aks_error err;
    bool there = true;

    if (outcome.status == AKS_OK) {
        if (aks_s3_xml_listing(step->s3->options.port->alloc, answer->reply->body.data,
            answer->reply->body.len, &page, &err) == AKS_OK)
            there = lists(&page, op->absent_key);
        aks_s3_listing_fini(&page);
    }
    if (!there) {
        (void)aks_error_set(&err, AKS_NOT_FOUND, "%s: %s is not there",
            step->s3->base.settings->name, op->absent_key);
        aks_outcome_failed(&outcome, &err);
        outcome.http_status = op->refused.http_status;
        aks_s3_step_tried(step, &outcome);
    } else if (outcome.corrected || aks_status_transient(outcome.status)) {
        aks_s3_step_tried(step, &outcome);
    } else {
        aks_s3_step_tried(step, &op->refused);
    }
}

void
aks_s3_op_absent(struct aks_s3_op *op, const char *key, const struct aks_outcome *refused)
{
    const struct aks_s3 *s3 = op->step.s3;
    struct aks_s3_request request = { 0 };
    struct aks_sigv4_pair query[3] = { { "list-type", "2" }, { "max-keys", "1" },
        { "prefix", op->absent_key } };
    char what[AKS_S3_WHAT_BYTES];

    if (snprintf(op->absent_key, sizeof(op->absent_key), "%s%s", s3->base.settings->prefix, key)
            >= (int)sizeof(op->absent_key)) {
        aks_s3_step_tried(&op->step, refused);
        return;
    }
    op->refused = *refused;
    (void)snprintf(what, sizeof(what), "list of %s", key);
    request.method = "GET";
    request.query = query;
    request.query_count = 3;
    request.what = what;
    aks_s3_step_ask(&op->step, &request, answered, op);
}
