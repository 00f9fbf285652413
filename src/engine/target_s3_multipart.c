/* Beginning and completing a multipart upload.
 *
 * Create goes over a connection of its own: on a used one that dies without a word libcurl
 * repeats the request behind our back, and then there are two uploads of which we know one. It
 * costs nothing, since the parts want more connections anyway. Complete may be repeated: a
 * lost answer is settled by looking for our nonce. */
#include "engine/target_s3_object.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum aks_status
take_upload_id(struct aks_s3_object *object, const struct aks_s3_answer *answer,
    struct aks_error *err)
{
    const struct aks_buf *body = &answer->reply->body;
    enum aks_status status = aks_s3_xml_upload_id(object->alloc, body->data, body->len,
        &object->upload_id, err);

    if (status != AKS_OK)
        (void)aks_error_wrap(err, "%s: POST that begins %s", object->s3->base.settings->name,
            object->source);
    return status;
}

static void
create_answered(void *ctx, const struct aks_s3_answer *answer)
{
    struct aks_s3_object *object = ctx;
    struct aks_outcome outcome = answer->outcome;
    struct aks_error err;

    /* No status, or a success that cannot be read: there may be one that nobody knows. */
    if (outcome.status != AKS_OK && answer->reply != NULL &&
        answer->reply->phase >= AKS_HTTP_SEND && outcome.http_status < 300)
        object->create_lost = true;
    if (outcome.status == AKS_OK && take_upload_id(object, answer, &err) != AKS_OK) {
        object->create_lost = true;
        aks_outcome_failed(&outcome, &err);
        outcome.http_status = answer->outcome.http_status;
    }
    /* Before a part of it is sent. Who cannot write it down gives it back. */
    if (outcome.status == AKS_OK && !object->aborting &&
        aks_s3_object_tell(object, &err) != AKS_OK) {
        aks_outcome_failed(&outcome, &err);
        outcome.verdict = AKS_GIVE_UP;
    }
    if (object->aborting)
        aks_s3_abort_created(object);
    else
        aks_s3_step_tried(&object->step, &outcome);
}

void
aks_s3_create_ask(struct aks_s3_object *object)
{
    struct aks_sigv4_pair query = { "uploads", "" };
    struct aks_sigv4_pair headers[AKS_S3_OBJECT_HEADERS + 2];
    struct aks_s3_request request = { 0 };
    char what[AKS_S3_WHAT_BYTES];

    (void)snprintf(what, sizeof(what), "POST that begins %s", object->source);
    aks_s3_object_headers(object, headers);
    request.header_count = AKS_S3_OBJECT_HEADERS;
    if (object->crc64) {
        headers[request.header_count].name = "x-amz-checksum-algorithm";
        headers[request.header_count++].value = "CRC64NVME";
        headers[request.header_count].name = "x-amz-checksum-type";
        headers[request.header_count++].value = "FULL_OBJECT";
    }
    request.method = "POST";
    request.key = object->key;
    request.query = &query;
    request.query_count = 1;
    request.headers = headers;
    request.fresh_connection = true;
    request.what = what;
    aks_s3_step_ask(&object->step, &request, create_answered, object);
}

static void
create_start(void *ctx)
{
    struct aks_s3_object *object = ctx;
    struct aks_outcome ok;
    struct aks_error err;

    if (aks_s3_resume_due(object)) {
        aks_s3_resume_start(object);
    } else if (object->upload_id == NULL && object->create_lost && object->journal != NULL) {
        aks_s3_stray_search(object);        /* that of the try before would stay there */
    } else if (object->upload_id == NULL) {
        aks_s3_create_ask(object);
    } else if (aks_s3_object_tell(object, &err) != AKS_OK) {
        aks_s3_step_failed(&object->step, &err);
    } else {
        /* It is there since the try before, and now that is written down, too. */
        aks_outcome_ok(&ok);
        aks_s3_step_tried(&object->step, &ok);
    }
}

static void
create_done(void *ctx, const struct aks_outcome *outcome)
{
    struct aks_s3_object *object = ctx;

    object->creating = false;
    object->base.beginning = false;
    aks_s3_sends_go_on(object, outcome);
}

void
aks_s3_create_begin(struct aks_s3_object *object)
{
    object->creating = true;
    object->base.beginning = object->upload_id == NULL;
    aks_s3_step_begin(&object->step, aks_s3_resume_due(object) ? "parts" : "create",
        object->source, create_start, object, create_done, object);
}

/* How many parts there are; 0 if one is missing or they are not all of the object. */
static size_t
count_parts(const struct aks_s3_object *object)
{
    size_t count = 0;
    int64_t bytes = 0;

    while (count < object->tag_count && object->tags[count].etag != NULL)
        bytes += object->tags[count++].bytes;
    for (size_t i = count; i < object->tag_count; i++) {
        if (object->tags[i].etag != NULL)
            return 0;
    }
    return bytes == object->whole_bytes ? count : 0;
}

/* CRC of the whole out of those of its parts. */
static uint64_t
whole_crc(const struct aks_s3_object *object, size_t count)
{
    uint64_t crc = object->tags[0].crc64nvme;

    for (size_t i = 1; i < count; i++)
        crc = aks_crc64nvme_combine(crc, object->tags[i].crc64nvme, object->tags[i].bytes);
    return crc;
}

/* The list of parts as XML into object->complete. */
static enum aks_status
write_list(struct aks_s3_object *object, size_t count, struct aks_error *err)
{
    char (*crcs)[AKS_S3_CRC_TEXT_BYTES] = NULL;
    struct aks_s3_part_tag *list = aks_mem_array(object->alloc, count, sizeof(*list));
    enum aks_status status = AKS_OK;

    if (object->crc64)
        crcs = aks_mem_array(object->alloc, count, sizeof(*crcs));
    if (list == NULL || (object->crc64 && crcs == NULL))
        status = aks_error_memory(err, "listing parts");
    for (size_t i = 0; status == AKS_OK && i < count; i++) {
        list[i].number = (uint32_t)i + 1;
        list[i].etag = object->tags[i].etag;
        if (crcs != NULL) {
            status = aks_s3_crc_text(object->s3, object->tags[i].crc64nvme, crcs[i], err);
            list[i].crc64nvme = crcs[i];
        }
    }
    aks_buf_reset(&object->complete);
    if (status == AKS_OK) {
        aks_s3_xml_complete_body(list, count, &object->complete);
        status = aks_buf_status(&object->complete, "the list of parts", err);
    }
    aks_mem_free(object->alloc, crcs);
    aks_mem_free(object->alloc, list);
    return status;
}

static bool
meta_is(const struct aks_http_reply *reply, const char *name, const char *value)
{
    const char *got = aks_http_reply_header(reply, name);

    return got != NULL && strcmp(got, value) == 0;
}

static bool
length_is(const struct aks_http_reply *reply, int64_t bytes)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRId64, bytes);
    return meta_is(reply, "content-length", text);
}

bool
aks_s3_object_is(const struct aks_s3_object *object, const struct aks_http_reply *reply,
    int64_t bytes)
{
    return meta_is(reply, AKS_S3_META_NONCE, object->nonce) &&
        (bytes < 0 || length_is(reply, bytes));
}

/* Complete was acknowledged: is it there, with all its bytes? Who may not look takes the
 * server's word. */
static void
verify_answered(struct aks_s3_object *object, const struct aks_s3_answer *answer)
{
    const struct aks_outcome *outcome = &answer->outcome;
    const char *name = object->s3->base.settings->name;
    const char *length;
    struct aks_outcome ok;
    struct aks_error err;

    if (outcome->http_status == 404) {
        (void)aks_error_set(&err, AKS_CORRUPT, "%s: %s was acknowledged and is not there", name,
            object->source);
        aks_s3_step_failed(&object->step, &err);
        return;
    }
    length = outcome->status == AKS_OK ? aks_http_reply_header(answer->reply, "content-length")
        : NULL;
    if (length != NULL && !length_is(answer->reply, object->whole_bytes)) {
        (void)aks_error_set(&err, AKS_CORRUPT, "%s: %s has %.20s bytes there instead of %" PRId64,
            name, object->source, length, object->whole_bytes);
        aks_s3_step_failed(&object->step, &err);
        return;
    }
    if (length == NULL)
        aks_log_write(object->s3->options.log, AKS_LOG_DEBUG,
            "target %s: the size of %s was not looked at: HTTP %d", name, object->source,
            outcome->http_status);
    aks_outcome_ok(&ok);
    aks_s3_step_tried(&object->step, &ok);
}

static void
look_answered(void *ctx, const struct aks_s3_answer *answer)
{
    struct aks_s3_object *object = ctx;
    struct aks_outcome ok;

    if (object->acknowledged) {
        verify_answered(object, answer);
        return;
    }
    if (answer->outcome.status == AKS_OK &&
        aks_s3_object_is(object, answer->reply, object->whole_bytes)) {
        aks_log_write(object->s3->options.log, AKS_LOG_INFO,
            "target %s: the answer was lost, but %s is there", object->s3->base.settings->name,
            object->source);
        aks_outcome_ok(&ok);
        aks_s3_step_tried(&object->step, &ok);
        return;
    }
    aks_s3_step_tried(&object->step, &object->lost);
}

static void
look(struct aks_s3_object *object)
{
    struct aks_s3_request request = { 0 };
    char what[AKS_S3_WHAT_BYTES];

    (void)snprintf(what, sizeof(what), "HEAD of %s", object->source);
    request.method = "HEAD";
    request.key = object->key;
    request.what = what;
    aks_s3_step_ask(&object->step, &request, look_answered, object);
}

/* May it have been put together although the answer is none? An upload that is gone and an
 * object that exists may both be our own work of a try before. */
static bool
ambiguous(const struct aks_s3_answer *answer)
{
    enum aks_status status = answer->outcome.status;

    if (answer->outcome.corrected || answer->reply == NULL)
        return false;
    return status == AKS_TIMEOUT || status == AKS_STALLED || status == AKS_BAD_REPLY ||
        status == AKS_SERVER || status == AKS_NOT_FOUND || status == AKS_CONFLICT ||
        (status == AKS_OFFLINE && answer->reply->phase >= AKS_HTTP_SEND);
}

static void
complete_answered(void *ctx, const struct aks_s3_answer *given)
{
    struct aks_s3_object *object = ctx;
    struct aks_s3_answer answer = *given;
    struct aks_error err;
    char etag[64];

    if (answer.outcome.status == AKS_OK &&
        aks_s3_xml_complete(answer.reply->body.data, answer.reply->body.len, etag, sizeof(etag),
            &err) != AKS_OK) {
        (void)aks_error_wrap(&err, "%s: POST that completes %s", object->s3->base.settings->name,
            object->source);
        err.status = AKS_BAD_REPLY;
        aks_outcome_failed(&answer.outcome, &err);
        answer.outcome.http_status = given->outcome.http_status;
    }
    if (answer.outcome.status == AKS_OK) {
        object->acknowledged = true;
        look(object);
        return;
    }
    object->lost = answer.outcome;
    if (ambiguous(&answer))
        look(object);
    else
        aks_s3_step_tried(&object->step, &answer.outcome);
}

static void
ask_complete(struct aks_s3_object *object, const char *crc)
{
    struct aks_sigv4_pair query = { "uploadId", object->upload_id };
    struct aks_sigv4_pair headers[4];
    struct aks_s3_request request = { 0 };
    char what[AKS_S3_WHAT_BYTES];
    char size[24];

    (void)snprintf(what, sizeof(what), "POST that completes %s", object->source);
    (void)snprintf(size, sizeof(size), "%" PRId64, object->whole_bytes);
    headers[request.header_count].name = "content-type";
    headers[request.header_count++].value = "application/xml";
    if (object->crc64) {
        headers[request.header_count].name = AKS_S3_HEADER_CRC;
        headers[request.header_count++].value = crc;
        headers[request.header_count].name = "x-amz-checksum-type";
        headers[request.header_count++].value = "FULL_OBJECT";
    }
    /* AWS refuses what is not as long as it should be; others need not know the header. */
    if (object->s3->place.endpoint == NULL) {
        headers[request.header_count].name = "x-amz-mp-object-size";
        headers[request.header_count++].value = size;
    }
    aks_s3_bytes_init(&object->complete_body, object->complete.data, object->complete.len);
    request.method = "POST";
    request.key = object->key;
    request.query = &query;
    request.query_count = 1;
    request.headers = headers;
    request.payload_hash = object->complete_body.sha256;
    request.body = &object->complete_body.body;
    request.answer_ms = AKS_S3_COMPLETE_MS;
    request.what = what;
    aks_s3_step_ask(&object->step, &request, complete_answered, object);
}

static void
complete_start(void *ctx)
{
    struct aks_s3_object *object = ctx;
    size_t count = count_parts(object);
    char crc[AKS_S3_CRC_TEXT_BYTES] = "";
    struct aks_outcome ok;
    struct aks_error err;
    enum aks_status status = AKS_OK;

    object->acknowledged = false;
    if (object->whole && object->there_bytes != object->whole_bytes)
        status = aks_error_set(&err, AKS_CORRUPT,
            "%s: %s, which is there, has %" PRId64 " bytes instead of %" PRId64,
            object->s3->base.settings->name, object->source, object->there_bytes,
            object->whole_bytes);
    else if (!object->whole && count == 0)
        status = aks_error_set(&err, AKS_CORRUPT,
            "%s: the parts of %s that are stored do not add up to %" PRId64 " bytes",
            object->s3->base.settings->name, object->source, object->whole_bytes);
    if (status == AKS_OK && (object->whole || object->shape == AKS_S3_SINGLE)) {
        aks_outcome_ok(&ok);
        aks_s3_step_tried(&object->step, &ok);
        return;
    }
    if (status == AKS_OK)
        status = write_list(object, count, &err);
    if (status == AKS_OK && object->crc64)
        status = aks_s3_crc_text(object->s3, whole_crc(object, count), crc, &err);
    if (status == AKS_OK)
        ask_complete(object, crc);
    else
        aks_s3_step_failed(&object->step, &err);
}

static void
complete_done(void *ctx, const struct aks_outcome *outcome)
{
    struct aks_s3_object *object = ctx;

    object->done(object->done_ctx, outcome);
}

void
aks_s3_finish(struct aks_target_object *base, const struct aks_object_digest *digest,
    aks_done *done, void *ctx)
{
    struct aks_s3_object *object = (struct aks_s3_object *)base;

    AKS_CHECK(object->s3 != NULL && !object->creating && !object->aborting);
    object->whole_bytes = digest->bytes;
    object->done = done;
    object->done_ctx = ctx;
    aks_s3_step_begin(&object->step, "complete", object->source, complete_start, object,
        complete_done, object);
}
