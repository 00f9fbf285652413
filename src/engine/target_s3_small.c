/* Small objects in one go: manifest and markers. */
#include "base/check.h"
#include "engine/target_s3_internal.h"

#include <stdio.h>
#include <string.h>

/* An error's XML must fit even where the caller expects ten bytes. */
#define REPLY_BYTES_MIN ((size_t)64 * 1024)

struct put {
    struct aks_s3_op op;                /* first */
    char *key;
    const char *content_type;
    struct aks_s3_bytes bytes;
    bool create_only;
    bool ambiguous;                     /* a try of ours may have got through */
    char nonce[AKS_S3_NONCE_BYTES];
    struct aks_outcome refused;         /* what led to looking */
};

struct get {
    struct aks_s3_op op;                /* first */
    char *key;
    struct aks_buf *ret_data;
};

void *
aks_s3_op_new(struct aks_s3 *s3, size_t bytes, void (*free)(struct aks_s3_op *op), aks_done *done,
    void *done_ctx)
{
    struct aks_s3_op *op = aks_mem_new(s3->options.port->alloc, bytes);
    struct aks_outcome outcome;
    struct aks_error err;

    if (op == NULL) {
        /* Like an attempt that finds no memory for its timer: there is nothing better than
         * failing now. */
        (void)aks_error_memory(&err, "beginning a request");
        aks_outcome_failed(&outcome, &err);
        outcome.verdict = AKS_GIVE_UP;
        done(done_ctx, &outcome);
        return NULL;
    }
    aks_s3_step_init(&op->step, s3);
    op->free = free;
    op->done = done;
    op->done_ctx = done_ctx;
    op->link = &s3->ops;
    op->next = s3->ops;
    if (op->next != NULL)
        op->next->link = &op->next;
    s3->ops = op;
    return op;
}

void
aks_s3_op_cancel(struct aks_s3_op *op)
{
    const struct aks_alloc *alloc = op->step.s3->options.port->alloc;

    aks_s3_step_cancel(&op->step);
    *op->link = op->next;
    if (op->next != NULL)
        op->next->link = op->link;
    op->free(op);
    aks_mem_free(alloc, op);
}

void
aks_s3_op_done(void *ctx, const struct aks_outcome *outcome)
{
    struct aks_s3_op *op = ctx;
    aks_done *done = op->done;
    void *done_ctx = op->done_ctx;

    aks_s3_op_cancel(op);
    done(done_ctx, outcome);
}

static void put_ask(struct put *put);

static void
put_free(struct aks_s3_op *op)
{
    struct put *put = (struct put *)op;

    aks_mem_free(op->step.s3->options.port->alloc, put->key);
}

/* Is what is there this very put's? Its nonce says so; where a server keeps no metadata, equal
 * bytes after a try of ours that may have got through. */
static bool
is_ours(const struct put *put, const struct aks_http_reply *reply)
{
    const char *nonce = aks_http_reply_header(reply, AKS_S3_META_NONCE);

    if (nonce != NULL)
        return strcmp(nonce, put->nonce) == 0;
    return put->ambiguous && reply->body.len == (size_t)put->bytes.body.bytes &&
        memcmp(reply->body.data, put->bytes.data, reply->body.len) == 0;
}

static void
put_looked(void *ctx, const struct aks_s3_answer *answer)
{
    struct put *put = ctx;
    struct aks_s3_step *step = &put->op.step;
    struct aks_outcome outcome = answer->outcome;
    struct aks_error err;

    if (outcome.status == AKS_OK && is_ours(put, answer->reply)) {
        aks_outcome_ok(&outcome);
        aks_s3_step_tried(step, &outcome);
        return;
    }
    if (put->refused.status != AKS_OK) {
        aks_s3_step_tried(step, &put->refused);
        return;
    }
    /* Looked beforehand, for a server that knows no condition. What is too large for us is
     * there as well. */
    if (outcome.status == AKS_OK || outcome.status == AKS_TOO_LARGE) {
        (void)aks_error_set(&err, AKS_CONFLICT, "%s: %s exists already",
            step->s3->base.settings->name, put->key);
        aks_s3_step_failed(step, &err);
        return;
    }
    if (outcome.corrected || aks_status_transient(outcome.status)) {
        aks_s3_step_tried(step, &outcome);
        return;
    }
    put_ask(put);
}

static void
put_look(struct put *put)
{
    struct aks_s3_request request = { 0 };
    size_t len = (size_t)put->bytes.body.bytes;
    char what[AKS_S3_WHAT_BYTES];

    (void)snprintf(what, sizeof(what), "GET of %s", put->key);
    request.method = "GET";
    request.key = put->key;
    request.reply_bytes_max = len < REPLY_BYTES_MIN ? REPLY_BYTES_MIN : len;
    request.reply_is_data = true;
    request.what = what;
    aks_s3_step_ask(&put->op.step, &request, put_looked, put);
}

/* Is it the condition that this server does not know? */
static bool
condition_unknown(const struct aks_s3_answer *answer)
{
    int http = answer->outcome.http_status;

    return http == 501 || strcmp(answer->s3.code, "NotImplemented") == 0 ||
        (http == 400 && (strstr(answer->s3.message, "nsupported header") != NULL ||
            strstr(answer->s3.message, "If-None-Match") != NULL));
}

static void
put_answered(void *ctx, const struct aks_s3_answer *answer)
{
    struct put *put = ctx;
    struct aks_s3 *s3 = put->op.step.s3;
    struct aks_outcome outcome = answer->outcome;

    if (put->create_only && s3->conditional_put && condition_unknown(answer)) {
        aks_log_write(s3->options.log, AKS_LOG_INFO,
            "target %s: this server knows no If-None-Match, so we look before we put",
            s3->base.settings->name);
        s3->conditional_put = false;
        aks_s3_remember(s3, AKS_S3_FACT_CONDITIONAL, "no");
        outcome.corrected = true;
    }
    if (put->create_only && outcome.http_status == 412) {
        put->refused = outcome;
        put_look(put);
        return;
    }
    /* Another request for the same key was under way: nothing stands against trying again. */
    if (strcmp(answer->s3.code, "ConditionalRequestConflict") == 0) {
        outcome.status = AKS_SERVER;
        outcome.error.status = AKS_SERVER;
    }
    if (outcome.status != AKS_OK && answer->reply != NULL &&
        answer->reply->phase >= AKS_HTTP_SEND &&
        (outcome.http_status < 300 || outcome.http_status >= 500))
        put->ambiguous = true;
    aks_s3_step_tried(&put->op.step, &outcome);
}

static void
put_ask(struct put *put)
{
    struct aks_s3 *s3 = put->op.step.s3;
    struct aks_s3_request request = { 0 };
    struct aks_sigv4_pair headers[4] = {
        { "content-type", put->content_type },
        { AKS_S3_META_UPLOAD, s3->options.upload_id },
        { AKS_S3_META_NONCE, put->nonce },
        { "if-none-match", "*" },
    };
    char what[AKS_S3_WHAT_BYTES];

    (void)snprintf(what, sizeof(what), "PUT of %s", put->key);
    request.method = "PUT";
    request.key = put->key;
    request.headers = headers;
    request.header_count = put->create_only && s3->conditional_put ? 4 : 3;
    request.payload_hash = put->bytes.sha256;
    request.body = put->bytes.body.bytes > 0 ? &put->bytes.body : NULL;
    request.what = what;
    aks_s3_step_ask(&put->op.step, &request, put_answered, put);
}

static void
put_start(void *ctx)
{
    struct put *put = ctx;

    aks_outcome_ok(&put->refused);
    if (put->create_only && !put->op.step.s3->conditional_put)
        put_look(put);
    else
        put_ask(put);
}

/* A key that was not copied fails the operation; so does one that is too long. */
void
aks_s3_op_no_memory(void *ctx)
{
    struct aks_s3_op *op = ctx;
    struct aks_error err;

    (void)aks_error_memory(&err, "beginning a request");
    aks_s3_step_failed(&op->step, &err);
}

static bool
names_manifest(const char *key)
{
    size_t len = strlen(key);
    size_t name = strlen("manifest.json");

    return len >= name && strcmp(key + len - name, "manifest.json") == 0;
}

void
aks_s3_put(struct aks_target *target, const char *key, const char *content_type, const void *data,
    size_t len, bool create_only, aks_done *done, void *ctx)
{
    struct aks_s3 *s3 = (struct aks_s3 *)target;
    struct put *put = aks_s3_op_new(s3, sizeof(*put), put_free, done, ctx);

    if (put == NULL)
        return;
    put->key = aks_mem_strdup(s3->options.port->alloc, key);
    put->content_type = content_type;
    put->create_only = create_only;
    aks_s3_bytes_init(&put->bytes, data, len);
    aks_s3_nonce(s3, put->nonce);
    aks_s3_step_begin(&put->op.step, names_manifest(key) ? "manifest" : "put", NULL,
        put->key != NULL ? put_start : aks_s3_op_no_memory, put,
        aks_s3_op_done, put);
}

static void
get_free(struct aks_s3_op *op)
{
    struct get *get = (struct get *)op;

    aks_mem_free(op->step.s3->options.port->alloc, get->key);
}

static void
get_answered(void *ctx, const struct aks_s3_answer *answer)
{
    struct get *get = ctx;
    struct aks_error err;

    if (aks_s3_may_be_absent(&answer->outcome)) {
        aks_s3_op_absent(&get->op, get->key, &answer->outcome);
        return;
    }
    if (answer->outcome.status == AKS_OK) {
        aks_buf_reset(get->ret_data);
        if (answer->reply->body.len > get->ret_data->bytes_max) {
            (void)aks_error_set(&err, AKS_TOO_LARGE, "%s: %s is larger than %zu bytes",
                get->op.step.s3->base.settings->name, get->key, get->ret_data->bytes_max);
            aks_s3_step_failed(&get->op.step, &err);
            return;
        }
        aks_buf_append(get->ret_data, answer->reply->body.data, answer->reply->body.len);
        if (aks_buf_status(get->ret_data, get->key, &err) != AKS_OK) {
            aks_s3_step_failed(&get->op.step, &err);
            return;
        }
    }
    aks_s3_step_tried(&get->op.step, &answer->outcome);
}

static void
get_start(void *ctx)
{
    struct get *get = ctx;
    size_t bytes_max = get->ret_data->bytes_max;
    struct aks_s3_request request = { 0 };
    char what[AKS_S3_WHAT_BYTES];

    (void)snprintf(what, sizeof(what), "GET of %s", get->key);
    request.method = "GET";
    request.key = get->key;
    request.reply_bytes_max = bytes_max < REPLY_BYTES_MIN ? REPLY_BYTES_MIN : bytes_max;
    request.reply_is_data = true;
    request.what = what;
    aks_s3_step_ask(&get->op.step, &request, get_answered, get);
}

void
aks_s3_get(struct aks_target *target, const char *key, struct aks_buf *ret_data, aks_done *done,
    void *ctx)
{
    struct aks_s3 *s3 = (struct aks_s3 *)target;
    struct get *get = aks_s3_op_new(s3, sizeof(*get), get_free, done, ctx);

    if (get == NULL)
        return;
    get->key = aks_mem_strdup(s3->options.port->alloc, key);
    get->ret_data = ret_data;
    aks_s3_step_begin(&get->op.step, "get", NULL,
        get->key != NULL ? get_start : aks_s3_op_no_memory, get, aks_s3_op_done, get);
}
