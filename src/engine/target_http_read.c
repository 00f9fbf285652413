/* An object of an http target from behind: what it is, a range of its bytes, and taking it away.
 *
 * Range is a thing that a server may ignore. Then the whole object is asked for once, up to
 * AKS_TARGET_HTTP_WHOLE_BYTES, and kept until another one is read. */
#include "base/check.h"
#include "engine/target_http_internal.h"

#include <stdio.h>
#include <string.h>

/* An error page must fit even where the caller expects ten bytes. */
#define REPLY_BYTES_MIN ((size_t)64 * 1024)

static void
failed(struct http_call *call, enum aks_status status, const char *why)
{
    struct aks_error err;

    (void)aks_error_set(&err, status, "GET of %s from %s: %s", call->key,
        call->target->base.settings->name, why);
    aks_target_http_call_ended(call, &err);
}

/* stat */

static void
stat_came(struct http_call *call, const struct aks_http_reply *reply)
{
    struct aks_outcome outcome;

    aks_target_http_judge(call, reply, &outcome);
    if (outcome.status == AKS_OK) {
        call->ret_stat->bytes = aks_target_length(aks_http_reply_header(reply, "content-length"));
        aks_target_etag(aks_http_reply_header(reply, "etag"), call->ret_stat->etag);
    }
    aks_target_http_call_tried(call, &outcome);
}

static void
start_stat(struct http_call *call)
{
    aks_target_http_plain(call);
    aks_target_http_request(call, "HEAD", stat_came);
}

void
aks_target_http_stat(struct aks_target *base, const char *key, struct aks_target_stat *ret_stat,
    aks_done *done, void *ctx)
{
    struct http_call *call = aks_target_http_call_new((struct http_target *)base);

    call->key = key;
    call->ret_stat = ret_stat;
    aks_target_http_call_begin(call, start_stat, "stat", NULL, done, ctx);
}

/* get_range */

void
aks_target_http_whole_forget(struct http_target *target)
{
    aks_mem_free(target->port->alloc, target->whole.key);
    target->whole.key = NULL;
    aks_buf_fini(&target->whole.body);
}

/* The range out of ${len} bytes of the whole object. */
static void
cut(struct http_call *call, const char *whole, size_t len)
{
    struct aks_error err = { 0 };

    if ((uint64_t)call->offset > len || len - (size_t)call->offset < call->range_len) {
        failed(call, AKS_CORRUPT, "it is shorter than it should be");
        return;
    }
    memcpy(call->ret_bytes, whole + call->offset, call->range_len);
    aks_target_http_call_ended(call, &err);
}

/* Is it the version that was asked for? Not every server knows If-Match. */
static bool
another_version(const struct http_call *call, const struct aks_http_reply *reply)
{
    char etag[AKS_TARGET_ETAG_BYTES];

    aks_target_etag(aks_http_reply_header(reply, "etag"), etag);
    return call->etag[0] != '\0' && etag[0] != '\0' && strcmp(etag, call->etag) != 0;
}

/* True if the reply is the object, or a part of it, as it was asked for. */
static bool
came_well(struct http_call *call, const struct aks_http_reply *reply)
{
    struct aks_outcome outcome;

    aks_target_http_judge(call, reply, &outcome);
    if (reply->status == 412 || (outcome.status == AKS_OK && another_version(call, reply)))
        failed(call, AKS_CONFLICT, "it was replaced while it was read");
    else if (reply->status == 416)
        failed(call, AKS_CORRUPT, "it is shorter than it should be");
    else if (outcome.status != AKS_OK)
        aks_target_http_call_tried(call, &outcome);
    else
        return true;
    return false;
}

static void
whole_came(struct http_call *call, const struct aks_http_reply *reply)
{
    struct http_target *target = call->target;
    struct http_whole *whole = &target->whole;
    struct aks_error err;

    if (reply->transport == AKS_TOO_LARGE && reply->status >= 200 && reply->status < 300) {
        (void)aks_error_set(&err, AKS_TOO_LARGE, "GET of %s from %s: the server gives no parts of "
            "files (Range), and this one is larger than %zu MiB", call->key,
            target->base.settings->name, AKS_TARGET_HTTP_WHOLE_BYTES >> 20);
        aks_error_hint(&err, "use a server that knows Range, as nginx does");
        aks_target_http_call_ended(call, &err);
        return;
    }
    if (!came_well(call, reply))
        return;
    aks_target_http_whole_forget(target);
    aks_buf_init(&whole->body, target->port->alloc, AKS_TARGET_HTTP_WHOLE_BYTES);
    aks_buf_append(&whole->body, reply->body.data, reply->body.len);
    whole->key = aks_mem_strdup(target->port->alloc, call->key);
    (void)snprintf(whole->etag, sizeof(whole->etag), "%s", call->etag);
    if (whole->key == NULL || aks_buf_status(&whole->body, call->key, &err) != AKS_OK)
        aks_target_http_whole_forget(target);
    cut(call, reply->body.data, reply->body.len);
}

static void
ask_whole(struct http_call *call)
{
    size_t count = 0;

    aks_target_http_plain(call);
    if (call->etag[0] != '\0')
        call->headers[count++] = (struct aks_http_header) { "If-Match", call->etag };
    call->spec.header_count = count;
    call->spec.reply_bytes_max = AKS_TARGET_HTTP_WHOLE_BYTES;
    aks_target_http_request(call, "GET", whole_came);
}

static void
range_came(struct http_call *call, const struct aks_http_reply *reply)
{
    struct http_target *target = call->target;
    struct aks_error err = { 0 };

    if (reply->transport == AKS_TOO_LARGE && reply->status == 200) {
        if (!target->no_range)
            aks_log_write(target->options.log, AKS_LOG_INFO, "target %s: this server gives no "
                "parts of files (Range): each is read as a whole, up to %zu MiB",
                target->base.settings->name, AKS_TARGET_HTTP_WHOLE_BYTES >> 20);
        target->no_range = true;
        ask_whole(call);
        return;
    }
    if (!came_well(call, reply))
        return;
    if (reply->status != 206) {
        cut(call, reply->body.data, reply->body.len);
        return;
    }
    if (!aks_target_range_is(aks_http_reply_header(reply, "content-range"), call->offset,
        reply->body.len)) {
        failed(call, AKS_BAD_REPLY, "the answer is another range than was asked for");
        return;
    }
    if (reply->body.len < call->range_len) {
        failed(call, AKS_CORRUPT, "it is shorter than it should be");
        return;
    }
    memcpy(call->ret_bytes, reply->body.data, call->range_len);
    aks_target_http_call_ended(call, &err);
}

static void
start_range(struct http_call *call)
{
    const struct http_whole *whole = &call->target->whole;
    size_t count = 0;

    if (whole->key != NULL && strcmp(whole->key, call->key) == 0 &&
        strcmp(whole->etag, call->etag) == 0) {
        cut(call, whole->body.data, whole->body.len);
        return;
    }
    if (call->target->no_range) {
        ask_whole(call);
        return;
    }
    aks_target_http_plain(call);
    (void)snprintf(call->range, sizeof(call->range), "bytes=%lld-%lld", (long long)call->offset,
        (long long)call->offset + (long long)call->range_len - 1);
    call->headers[count++] = (struct aks_http_header) { "Range", call->range };
    if (call->etag[0] != '\0')
        call->headers[count++] = (struct aks_http_header) { "If-Match", call->etag };
    AKS_CHECK(count < AKS_TARGET_HTTP_HEADERS_MAX);
    call->spec.header_count = count;
    call->spec.reply_bytes_max = call->range_len < REPLY_BYTES_MIN ? REPLY_BYTES_MIN
        : call->range_len;
    aks_target_http_request(call, "GET", range_came);
}

void
aks_target_http_get_range(struct aks_target *base, const char *key, const char *etag,
    int64_t offset, void *data, size_t len, aks_done *done, void *ctx)
{
    struct http_call *call = aks_target_http_call_new((struct http_target *)base);

    AKS_CHECK(offset >= 0);
    AKS_CHECK(len > 0 && len <= AKS_TARGET_RANGE_MAX);
    call->key = key;
    aks_target_etag(etag, call->etag);
    call->offset = offset;
    call->ret_bytes = data;
    call->range_len = len;
    aks_target_http_call_begin(call, start_range, "read", NULL, done, ctx);
}

/* remove */

static void
removed(struct http_call *call, const struct aks_http_reply *reply)
{
    struct aks_outcome outcome;

    aks_target_http_judge(call, reply, &outcome);
    if (reply->transport == AKS_OK && (reply->status == 404 || reply->status == 410))
        aks_outcome_ok(&outcome);
    aks_target_http_call_tried(call, &outcome);
}

static void
start_remove(struct http_call *call)
{
    size_t len = strlen(call->key);
    struct aks_error err = { 0 };

    /* Folders are nothing of their own here. */
    if (len > 0 && call->key[len - 1] == '/') {
        aks_target_http_call_ended(call, &err);
        return;
    }
    aks_target_http_plain(call);
    aks_target_http_request(call, "DELETE", removed);
}

void
aks_target_http_remove(struct aks_target *base, const char *key, aks_done *done, void *ctx)
{
    struct http_call *call = aks_target_http_call_new((struct http_target *)base);

    call->key = key;
    aks_target_http_call_begin(call, start_remove, "remove", NULL, done, ctx);
}
