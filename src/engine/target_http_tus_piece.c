/* A piece of an upload by tus: PATCH, and HEAD before it where it is not sure what is there. */
#include "base/check.h"
#include "base/encode.h"
#include "engine/target_http_internal.h"
#include "engine/target_http_tus.h"

#include <stdio.h>
#include <string.h>

#define READ_BYTES ((size_t)16 * 1024)

/* --- PATCH ------------------------------------------------------------------------------------ */

static int64_t
piece_len(const struct http_object *object)
{
    int64_t left = object->content.bytes - object->tus.offset;

    return left < object->piece_bytes ? left : object->piece_bytes;
}

static enum aks_status
read_piece(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    const struct http_object *object = ctx;
    int64_t left = object->closing.body.bytes - offset;

    if ((int64_t)len > left)
        len = (size_t)left;
    return object->content.read(object->content.ctx, object->tus.offset + offset, data, len,
        ret_len, err);
}

static enum aks_status
digest_piece(const struct http_call *call, uint8_t ret_digest[AKS_SHA256_BYTES],
    struct aks_error *err)
{
    struct aks_sha256 *sha256 = aks_sha256_new(call->target->port->alloc);
    enum aks_status status = AKS_OK;
    char bytes[READ_BYTES];
    size_t len = 0;

    if (sha256 == NULL)
        return aks_error_memory(err, "a digest");
    for (int64_t at = 0; status == AKS_OK && at < call->body.bytes; at += (int64_t)len) {
        status = call->body.read(call->body.ctx, at, bytes, sizeof(bytes), &len, err);
        if (status == AKS_OK)
            aks_sha256_update(sha256, bytes, len);
    }
    aks_sha256_final(sha256, ret_digest);
    aks_sha256_free(sha256);
    return status;
}

/* "sha256 " and the base64 of the piece's digest. */
static enum aks_status
make_checksum(struct http_call *call, struct aks_error *err)
{
    uint8_t digest[AKS_SHA256_BYTES];
    struct aks_buf text;
    enum aks_status status = digest_piece(call, digest, err);

    if (status != AKS_OK)
        return status;
    aks_buf_init(&text, call->target->port->alloc, sizeof(call->digest) - 1);
    aks_buf_puts(&text, "sha256 ");
    aks_base64_encode(digest, sizeof(digest), &text);
    status = aks_buf_status(&text, "a digest", err);
    if (status == AKS_OK)
        memcpy(call->digest, text.data, text.len + 1);
    aks_buf_fini(&text);
    return status;
}

/* What the server says it has after a piece. */
static void
take_offset(struct http_object *object, int64_t offset)
{
    int64_t before = object->tus.offset;
    int64_t sent = piece_len(object);

    if (offset <= before || offset > before + sent) {
        aks_http_tus_set_back(object, "it has an offset that cannot be");
        return;
    }
    if (offset < before + sent)
        aks_http_tus_set_back(object, "it took less than it was sent");
    object->tus.offset = offset;
    object->tus.sure = true;
}

/* A failure of words of its own, with what the reply says of the time. */
static void
tried_with(struct http_call *call, struct aks_outcome *outcome, enum aks_status status,
    const char *why)
{
    (void)aks_error_set(&outcome->error, status, "PATCH of %s to %s: %s (HTTP %d)", call->key,
        call->target->base.settings->name, why, outcome->http_status);
    outcome->status = status;
    aks_target_http_call_tried(call, outcome);
}

static void
patched(struct http_call *call, const struct aks_http_reply *reply)
{
    struct http_object *object = call->object;
    struct aks_outcome outcome;

    aks_target_http_judge(call, reply, &outcome);
    if (outcome.status == AKS_OK) {
        take_offset(object, aks_target_length(aks_http_reply_header(reply, "Upload-Offset")));
        aks_http_tus_stepped(call);
        return;
    }
    object->tus.sure = false;
    if (reply->transport != AKS_OK) {
        aks_target_http_call_tried(call, &outcome);
    } else if (reply->status == 404 || reply->status == 410) {
        aks_http_tus_lose(object, "the server does not know it any more");
        aks_http_tus_stepped(call);
    } else if (reply->status == 409 || reply->status == 403) {
        aks_http_tus_set_back(object, "it has another offset");
        aks_http_tus_stepped(call);
    } else if (reply->status == 412 || reply->status == 415) {
        aks_http_tus_give_up(object, outcome.error.message, true);
        aks_http_tus_stepped(call);
    } else if (reply->status == AKS_TUS_CHECKSUM_MISMATCH) {
        tried_with(call, &outcome, AKS_CORRUPT, "the piece has not arrived as it was sent");
    } else if (reply->status == 423) {
        tried_with(call, &outcome, AKS_SERVER, "the upload is still held by a request before");
    } else {
        aks_target_http_call_tried(call, &outcome);
    }
}

static void
patch(struct http_call *call)
{
    struct http_object *object = call->object;
    struct aks_error err;

    call->body = (struct aks_body) { piece_len(object), read_piece, object };
    aks_target_http_plain(call);
    (void)snprintf(call->range, sizeof(call->range), "%lld", (long long)object->tus.offset);
    aks_http_tus_header(call, "Tus-Resumable", AKS_TUS_VERSION);
    aks_http_tus_header(call, "Upload-Offset", call->range);
    aks_http_tus_header(call, "Content-Type", AKS_TUS_CONTENT_TYPE);
    if (call->target->tus.says.sha256) {
        if (make_checksum(call, &err) != AKS_OK) {
            aks_target_http_call_ended(call, &err);
            return;
        }
        aks_http_tus_header(call, "Upload-Checksum", call->digest);
    }
    call->spec.body = &call->body;
    object->tus.sure = false;
    if (object->tus.reached < object->tus.offset + call->body.bytes)
        object->tus.reached = object->tus.offset + call->body.bytes;
    aks_target_http_request(call, "PATCH", patched);
}

/* --- HEAD ------------------------------------------------------------------------------------- */

static void
told_offset(struct http_call *call, const struct aks_http_reply *reply)
{
    struct http_object *object = call->object;
    int64_t length = aks_target_length(aks_http_reply_header(reply, "Upload-Length"));
    int64_t offset = aks_target_length(aks_http_reply_header(reply, "Upload-Offset"));
    struct aks_outcome outcome;

    aks_target_http_judge(call, reply, &outcome);
    if (outcome.status != AKS_OK && (reply->transport != AKS_OK || reply->status >= 500 ||
            aks_http_tus_may_pass(reply->status))) {
        aks_target_http_call_tried(call, &outcome);
        return;
    }
    if (outcome.status != AKS_OK) {
        aks_http_tus_lose(object, "the server does not know it any more");
    } else if (offset < 0 || offset > object->tus.reached ||
        (length >= 0 && length != object->content.bytes)) {
        aks_http_tus_lose(object, "the server has what was never sent");
    } else {
        if (offset < object->tus.offset)
            aks_http_tus_set_back(object, "the server has lost what it had");
        object->tus.offset = offset;
        object->tus.sure = true;
        if (object->tus.reopened)
            object->base.kept_bytes = offset;
        object->tus.reopened = false;
    }
    if (object->tus.location != NULL && object->tus.sure && !object->tus.doomed &&
        object->tus.offset < object->content.bytes)
        patch(call);
    else
        aks_http_tus_stepped(call);
}

void
aks_http_tus_start_piece(struct http_call *call)
{
    struct http_object *object = call->object;

    if (!aks_http_tus_address(call, object->tus.location))
        return;
    if (object->tus.sure) {
        patch(call);
        return;
    }
    aks_target_http_plain(call);
    aks_http_tus_header(call, "Tus-Resumable", AKS_TUS_VERSION);
    aks_target_http_request(call, "HEAD", told_offset);
}
