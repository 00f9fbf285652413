/* An S3 object from behind: what it is, a range of its bytes, and taking it away. */
#include "base/check.h"
#include "engine/target_s3_internal.h"

#include <stdio.h>
#include <string.h>

/* An error's XML must fit even where the caller expects ten bytes. */
#define REPLY_BYTES_MIN ((size_t)64 * 1024)

struct read_op {
    struct aks_s3_op op;                /* first */
    char *key;
    struct aks_target_stat *ret_stat;
    char etag[AKS_TARGET_ETAG_BYTES];
    int64_t offset;
    char *data;
    size_t len;
};

static void
read_free(struct aks_s3_op *op)
{
    aks_mem_free(op->step.s3->options.port->alloc, ((struct read_op *)op)->key);
}

static struct read_op *
read_new(struct aks_target *target, const char *key, aks_done *done, void *ctx)
{
    struct aks_s3 *s3 = (struct aks_s3 *)target;
    struct read_op *read = aks_s3_op_new(s3, sizeof(*read), read_free, done, ctx);

    if (read != NULL)
        read->key = aks_mem_strdup(s3->options.port->alloc, key);
    return read;
}

static void
read_begin(struct read_op *read, const char *operation, void (*start)(void *ctx))
{
    aks_s3_step_begin(&read->op.step, operation, NULL,
        read->key != NULL ? start : aks_s3_op_no_memory, read, aks_s3_op_done, read);
}

static void
read_failed(struct read_op *read, enum aks_status status, const char *why)
{
    struct aks_error err;

    (void)aks_error_set(&err, status, "%s: GET of %s: %s",
        read->op.step.s3->base.settings->name, read->key, why);
    aks_s3_step_failed(&read->op.step, &err);
}

/* stat */

static void
stat_answered(void *ctx, const struct aks_s3_answer *answer)
{
    struct read_op *read = ctx;

    if (aks_s3_may_be_absent(&answer->outcome)) {
        aks_s3_op_absent(&read->op, read->key, &answer->outcome);
        return;
    }
    if (answer->outcome.status == AKS_OK) {
        read->ret_stat->bytes =
            aks_target_length(aks_http_reply_header(answer->reply, "content-length"));
        aks_target_etag(aks_http_reply_header(answer->reply, "etag"), read->ret_stat->etag);
    }
    aks_s3_step_tried(&read->op.step, &answer->outcome);
}

static void
stat_start(void *ctx)
{
    struct read_op *read = ctx;
    struct aks_s3_request request = { 0 };
    char what[AKS_S3_WHAT_BYTES];

    (void)snprintf(what, sizeof(what), "HEAD of %s", read->key);
    request.method = "HEAD";
    request.key = read->key;
    request.reply_is_data = true;
    request.what = what;
    aks_s3_step_ask(&read->op.step, &request, stat_answered, read);
}

void
aks_s3_stat(struct aks_target *target, const char *key, struct aks_target_stat *ret_stat,
    aks_done *done, void *ctx)
{
    struct read_op *read = read_new(target, key, done, ctx);

    if (read == NULL)
        return;
    read->ret_stat = ret_stat;
    read_begin(read, "stat", stat_start);
}

/* get_range */

/* Is it the version that was asked for? Not every server knows If-Match. */
static bool
another_version(const struct read_op *read, const struct aks_http_reply *reply)
{
    char etag[AKS_TARGET_ETAG_BYTES];

    aks_target_etag(aks_http_reply_header(reply, "etag"), etag);
    return read->etag[0] != '\0' && etag[0] != '\0' && strcmp(etag, read->etag) != 0;
}

static void
range_answered(void *ctx, const struct aks_s3_answer *answer)
{
    struct read_op *read = ctx;
    const struct aks_http_reply *reply = answer->reply;
    int http = answer->outcome.http_status;
    size_t skip = 0;

    if (http == 412)
        read_failed(read, AKS_CONFLICT, "it was replaced while it was read");
    else if (http == 416)
        read_failed(read, AKS_CORRUPT, "it is shorter than it should be");
    if (http == 412 || http == 416)
        return;
    if (answer->outcome.status != AKS_OK) {
        aks_s3_step_tried(&read->op.step, &answer->outcome);
        return;
    }
    if (another_version(read, reply)) {
        read_failed(read, AKS_CONFLICT, "it was replaced while it was read");
        return;
    }
    /* A server may answer with the whole of it. */
    if (http != 206)
        skip = (uint64_t)read->offset < reply->body.len ? (size_t)read->offset : reply->body.len;
    else if (!aks_target_range_is(aks_http_reply_header(reply, "content-range"), read->offset,
        reply->body.len)) {
        read_failed(read, AKS_BAD_REPLY, "the answer is another range than was asked for");
        return;
    }
    if (reply->body.len - skip < read->len) {
        read_failed(read, AKS_CORRUPT, "it is shorter than it should be");
        return;
    }
    memcpy(read->data, reply->body.data + skip, read->len);
    aks_s3_step_tried(&read->op.step, &answer->outcome);
}

static void
range_start(void *ctx)
{
    struct read_op *read = ctx;
    struct aks_s3_request request = { 0 };
    char range[64];
    struct aks_sigv4_pair headers[2] = { { "range", range }, { "if-match", read->etag } };
    char what[AKS_S3_WHAT_BYTES];

    (void)snprintf(range, sizeof(range), "bytes=%lld-%lld", (long long)read->offset,
        (long long)read->offset + (long long)read->len - 1);
    (void)snprintf(what, sizeof(what), "GET of %s", read->key);
    request.method = "GET";
    request.key = read->key;
    request.headers = headers;
    request.header_count = read->etag[0] != '\0' ? 2 : 1;
    request.reply_bytes_max = read->len < REPLY_BYTES_MIN ? REPLY_BYTES_MIN : read->len;
    request.reply_is_data = true;
    request.what = what;
    aks_s3_step_ask(&read->op.step, &request, range_answered, read);
}

void
aks_s3_get_range(struct aks_target *target, const char *key, const char *etag, int64_t offset,
    void *data, size_t len, aks_done *done, void *ctx)
{
    struct read_op *read = read_new(target, key, done, ctx);

    AKS_CHECK(offset >= 0);
    AKS_CHECK(len > 0 && len <= AKS_TARGET_RANGE_MAX);
    if (read == NULL)
        return;
    aks_target_etag(etag, read->etag);
    read->offset = offset;
    read->data = data;
    read->len = len;
    read_begin(read, "read", range_start);
}

/* remove */

static void
remove_answered(void *ctx, const struct aks_s3_answer *answer)
{
    struct read_op *read = ctx;
    struct aks_outcome outcome = answer->outcome;

    if (strcmp(answer->s3.code, "NoSuchKey") == 0)
        aks_outcome_ok(&outcome);
    aks_s3_step_tried(&read->op.step, &outcome);
}

static void
remove_start(void *ctx)
{
    struct read_op *read = ctx;
    struct aks_s3_request request = { 0 };
    char what[AKS_S3_WHAT_BYTES];

    (void)snprintf(what, sizeof(what), "DELETE of %s", read->key);
    request.method = "DELETE";
    request.key = read->key;
    request.what = what;
    aks_s3_step_ask(&read->op.step, &request, remove_answered, read);
}

void
aks_s3_remove(struct aks_target *target, const char *key, aks_done *done, void *ctx)
{
    struct read_op *read = read_new(target, key, done, ctx);

    if (read != NULL)
        read_begin(read, "remove", remove_start);
}
