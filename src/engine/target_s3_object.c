#include "engine/target_s3_object.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

/* One read when a part is hashed again. */
#define READ_BYTES 16384
/* Tags come in steps of so many. */
#define TAGS_STEP 64

static struct aks_s3_object *
object_of(struct aks_target_object *object)
{
    return (struct aks_s3_object *)object;
}

void
aks_s3_object_headers(const struct aks_s3_object *object, struct aks_sigv4_pair headers[3])
{
    headers[0].name = "content-type";
    headers[0].value = object->content_type;
    headers[1].name = AKS_S3_META_UPLOAD;
    headers[1].value = object->s3->options.upload_id;
    headers[2].name = AKS_S3_META_NONCE;
    headers[2].value = object->nonce;
}

static enum aks_status
check_spec(const struct aks_s3 *s3, const struct aks_object_spec *spec, struct aks_error *err)
{
    enum aks_status status = aks_s3_key_check(s3, spec->key, err);

    if (status != AKS_OK)
        return status;
    if (spec->part_bytes <= 0 || spec->bytes / spec->part_bytes >= AKS_PARTS_MAX)
        return aks_error_set(err, AKS_LIMIT, "target %s: %s needs more than %d parts",
            s3->base.settings->name, spec->source, AKS_PARTS_MAX);
    return AKS_OK;
}

enum aks_status
aks_s3_object_tell(struct aks_s3_object *object, struct aks_error *err)
{
    const struct aks_object_journal *journal = object->journal;
    enum aks_status status;
    char *token;

    if (journal == NULL)
        return AKS_OK;
    token = aks_mem_printf(object->alloc, "%s%s%s", object->nonce,
        object->upload_id != NULL ? " " : "", object->upload_id != NULL ? object->upload_id : "");
    if (token == NULL)
        return aks_error_memory(err, "beginning an object");
    status = journal->begun(journal->ctx, token, err);
    aks_mem_free(object->alloc, token);
    return status;
}

static void
init_steps(struct aks_s3_object *object)
{
    aks_s3_step_init(&object->step, object->s3);
    for (size_t i = 0; i < AKS_S3_PARTS_MAX; i++) {
        object->sends[i].object = object;
        aks_s3_step_init(&object->sends[i].step, object->s3);
    }
    aks_buf_init(&object->complete, object->alloc, AKS_S3_XML_BYTES_MAX);
}

enum aks_status
aks_s3_open(struct aks_target *target, const struct aks_object_spec *spec,
    struct aks_target_object **ret_object, struct aks_error *err)
{
    struct aks_s3 *s3 = (struct aks_s3 *)target;
    const struct aks_alloc *alloc = s3->options.port->alloc;
    struct aks_s3_object *object;
    enum aks_status status = check_spec(s3, spec, err);

    *ret_object = NULL;
    if (status != AKS_OK)
        return status;
    object = aks_mem_new(alloc, sizeof(*object));
    if (object == NULL)
        return aks_error_memory(err, "opening an object");
    object->base.class = &aks_target_s3;
    object->alloc = alloc;
    object->s3 = s3;
    object->key = aks_mem_strdup(alloc, spec->key);
    object->content_type = aks_mem_strdup(alloc, spec->content_type);
    object->source = aks_mem_strdup(alloc, spec->source);
    object->crc64 = s3->crc64;
    object->journal = spec->journal;
    aks_s3_nonce(s3, object->nonce);
    init_steps(object);
    object->link = &s3->objects;
    object->next = s3->objects;
    if (object->next != NULL)
        object->next->link = &object->next;
    s3->objects = object;
    status = object->key == NULL || object->content_type == NULL || object->source == NULL
        ? aks_error_memory(err, "opening an object") : aks_s3_resume_open(object, spec, err);
    if (status == AKS_OK && object->known.token == NULL)
        status = aks_s3_object_tell(object, err);
    if (status != AKS_OK) {
        aks_s3_object_free(&object->base);
        return status;
    }
    *ret_object = &object->base;
    return AKS_OK;
}

void
aks_s3_object_stop(struct aks_s3_object *object)
{
    struct aks_loop *loop = object->s3->options.loop;

    for (size_t i = 0; i < AKS_S3_PARTS_MAX; i++) {
        aks_s3_step_cancel(&object->sends[i].step);
        object->sends[i].state = AKS_S3_SEND_IDLE;
    }
    aks_s3_step_cancel(&object->step);
    aks_loop_clear(loop, &object->relay);
    aks_loop_clear(loop, &object->patience);
}

void
aks_s3_object_orphan(struct aks_s3_object *object)
{
    aks_s3_object_stop(object);
    *object->link = object->next;
    if (object->next != NULL)
        object->next->link = object->link;
    object->s3 = NULL;
}

void
aks_s3_object_free(struct aks_target_object *base)
{
    struct aks_s3_object *object = object_of(base);

    if (object == NULL)
        return;
    if (object->s3 != NULL)
        aks_s3_object_orphan(object);
    for (size_t i = 0; i < object->tag_count; i++) {
        aks_mem_free(object->alloc, object->tags[i].etag);
        aks_mem_free(object->alloc, object->tags[i].listed_etag);
    }
    aks_mem_free(object->alloc, object->stray);
    aks_mem_free(object->alloc, object->tags);
    aks_mem_free(object->alloc, object->upload_id);
    aks_mem_free(object->alloc, object->key);
    aks_mem_free(object->alloc, object->content_type);
    aks_mem_free(object->alloc, object->source);
    aks_buf_fini(&object->complete);
    aks_mem_free(object->alloc, object);
}

enum aks_status
aks_s3_object_reserve(struct aks_s3_object *object, uint32_t number, struct aks_error *err)
{
    size_t count = object->tag_count + TAGS_STEP;
    struct aks_s3_tag *tags;

    if (number < 1 || number > AKS_PARTS_MAX)
        return aks_error_set(err, AKS_LIMIT, "%s: %s needs more than %d parts",
            object->s3->base.settings->name, object->source, AKS_PARTS_MAX);
    if (number <= object->tag_count)
        return AKS_OK;
    if (count < number)
        count = number;
    tags = aks_mem_resize(object->alloc, object->tags, count * sizeof(*tags));
    if (tags == NULL)
        return aks_error_memory(err, "sending a part");
    memset(tags + object->tag_count, 0, (count - object->tag_count) * sizeof(*tags));
    object->tags = tags;
    object->tag_count = count;
    return AKS_OK;
}

/* Keeps what Complete will need: the part's tag, without its quotes. */
static enum aks_status
keep_tag(struct aks_s3_send *send, const struct aks_http_reply *reply, struct aks_error *err)
{
    struct aks_s3_object *object = send->object;
    struct aks_s3_tag *tag = &object->tags[send->part.number - 1];
    const char *etag = aks_http_reply_header(reply, "etag");
    size_t len = etag != NULL ? strlen(etag) : 0;

    if (len >= 2 && etag[0] == '"' && etag[len - 1] == '"') {
        etag++;
        len -= 2;
    }
    if (len == 0)
        return aks_error_set(err, AKS_BAD_REPLY,
            "%s: part %u of %s was answered without an ETag, so it cannot be named later",
            object->s3->base.settings->name, (unsigned)send->part.number, object->source);
    aks_mem_free(object->alloc, tag->etag);
    tag->etag = aks_mem_strndup(object->alloc, etag, len);
    tag->bytes = send->part.body.bytes;
    tag->crc64nvme = send->part.crc64nvme;
    return tag->etag != NULL ? AKS_OK : aks_error_memory(err, "keeping a part's tag");
}

/* Is a part that is read from its source still what was hashed? */
static enum aks_status
check_source(const struct aks_s3_send *send, struct aks_error *err)
{
    const struct aks_body *body = &send->part.body;
    struct aks_sha256 *sha = aks_sha256_new(send->object->alloc);
    uint8_t data[READ_BYTES];
    uint8_t digest[AKS_SHA256_BYTES];
    uint64_t crc = 0;
    int64_t offset = 0;
    size_t len = 0;
    enum aks_status status = sha != NULL ? AKS_OK : aks_error_memory(err, "hashing a part again");

    while (status == AKS_OK && offset < body->bytes) {
        status = body->read(body->ctx, offset, data, sizeof(data), &len, err);
        if (status != AKS_OK)
            break;
        aks_sha256_update(sha, data, len);
        crc = aks_crc64nvme(crc, data, len);
        offset += (int64_t)len;
    }
    if (status == AKS_OK) {
        aks_sha256_final(sha, digest);
        if (send->object->crc64 ? crc != send->part.crc64nvme
                : memcmp(digest, send->part.sha256, sizeof(digest)) != 0)
            status = aks_error_set(err, AKS_SOURCE_CHANGED, "%s changed while it was being sent",
                send->object->source);
    }
    aks_sha256_free(sha);
    return status;
}

static void
tell_stored(const struct aks_s3_send *send)
{
    const struct aks_object_journal *journal = send->object->journal;

    if (journal != NULL)
        journal->stored(journal->ctx, send->part.number,
            send->object->tags[send->part.number - 1].etag);
}

static void
part_answered(void *ctx, const struct aks_s3_answer *answer)
{
    struct aks_s3_send *send = ctx;
    struct aks_error err;

    if (answer->outcome.status == AKS_OK && keep_tag(send, answer->reply, &err) != AKS_OK) {
        aks_s3_step_failed(&send->step, &err);
        return;
    }
    if (answer->outcome.status == AKS_CORRUPT && !send->part.in_memory &&
        check_source(send, &err) != AKS_OK) {
        aks_s3_step_failed(&send->step, &err);
        return;
    }
    if (answer->outcome.status == AKS_OK) {
        aks_s3_part_stored(send->object->s3);
        tell_stored(send);
    }
    aks_s3_step_tried(&send->step, &answer->outcome);
}

static void
ask_part(struct aks_s3_send *send, struct aks_s3_request *request, const char *payload_hash,
    const char *crc)
{
    struct aks_s3_object *object = send->object;
    struct aks_sigv4_pair headers[AKS_S3_OBJECT_HEADERS + 1];
    struct aks_sigv4_pair query[2];
    char number[12];
    char what[AKS_S3_WHAT_BYTES];
    bool single = object->shape == AKS_S3_SINGLE;

    (void)snprintf(number, sizeof(number), "%u", (unsigned)send->part.number);
    (void)snprintf(what, sizeof(what), "PUT of part %s of %s", number, object->source);
    query[0].name = "partNumber";
    query[0].value = number;
    query[1].name = "uploadId";
    query[1].value = object->upload_id;
    if (single) {
        aks_s3_object_headers(object, headers);
        request->header_count = AKS_S3_OBJECT_HEADERS;
    }
    if (object->crc64) {
        headers[request->header_count].name = AKS_S3_HEADER_CRC;
        headers[request->header_count++].value = crc;
    }
    request->method = "PUT";
    request->key = object->key;
    request->query = query;
    request->query_count = single ? 0 : 2;
    request->headers = headers;
    request->payload_hash = payload_hash;
    request->body = &send->part.body;
    request->what = what;
    aks_s3_step_ask(&send->step, request, part_answered, send);
}

void
aks_s3_part_ask(struct aks_s3_send *send)
{
    struct aks_s3_object *object = send->object;
    struct aks_s3_request request = { 0 };
    char payload_hash[AKS_SHA256_HEX_BYTES] = AKS_S3_UNSIGNED;
    char crc[AKS_S3_CRC_TEXT_BYTES] = "";
    struct aks_error err;
    enum aks_status status = AKS_OK;

    if (object->crc64)
        status = aks_s3_crc_text(object->s3, send->part.crc64nvme, crc, &err);
    else
        aks_hex_encode(send->part.sha256, AKS_SHA256_BYTES, payload_hash);
    if (status == AKS_OK)
        ask_part(send, &request, payload_hash, crc);
    else
        aks_s3_step_failed(&send->step, &err);
}

static void
part_start(void *ctx)
{
    struct aks_s3_send *send = ctx;
    struct aks_outcome ok;
    struct aks_error err;

    if (aks_s3_object_reserve(send->object, send->part.number, &err) != AKS_OK) {
        aks_s3_step_failed(&send->step, &err);
    } else if (aks_s3_resume_has(send)) {
        aks_outcome_ok(&ok);
        aks_s3_step_tried(&send->step, &ok);
    } else if (!aks_s3_resume_look(send)) {
        aks_s3_part_ask(send);
    }
}

static struct aks_s3_send *
first_in(struct aks_s3_object *object, enum aks_s3_send_state state)
{
    for (size_t i = 0; i < AKS_S3_PARTS_MAX; i++) {
        if (object->sends[i].state == state)
            return &object->sends[i];
    }
    return NULL;
}

static void relay_later(struct aks_s3_object *object);

static void
part_done(void *ctx, const struct aks_outcome *outcome)
{
    struct aks_s3_send *send = ctx;

    send->state = AKS_S3_SEND_IDLE;
    if (send->object->upload_id != NULL)
        relay_later(send->object);
    /* The owner may send again into this place, or free the object: last. */
    send->done(send->done_ctx, outcome);
}

static void
send_begin(struct aks_s3_send *send)
{
    char operation[AKS_OPERATION_BYTES];

    send->state = AKS_S3_SEND_GOING;
    (void)snprintf(operation, sizeof(operation), "part %u", (unsigned)send->part.number);
    aks_s3_step_begin(&send->step, operation, send->object->source, part_start, send, part_done,
        send);
}

static void relay(void *ctx);

/* Where no memory is left for a timer, the next part that is done tries again; and a failure
 * ends the object anyway: its owner aborts it, and with it the sends that were not told. */
static void
relay_later(struct aks_s3_object *object)
{
    if (object->relay.node.place == 0 && first_in(object, AKS_S3_SEND_WAITING) != NULL)
        (void)aks_loop_set(object->s3->options.loop, &object->relay, 0, relay, object, NULL);
}

/* Begins or fails one of the sends that wait and comes back for the next: whoever is told may
 * free the object. */
static void
relay(void *ctx)
{
    struct aks_s3_object *object = ctx;
    struct aks_s3_send *send = first_in(object, AKS_S3_SEND_WAITING);
    struct aks_outcome outcome = object->relayed;
    aks_done *done;
    void *done_ctx;

    if (send == NULL)
        return;
    send->state = AKS_S3_SEND_GOING;
    relay_later(object);
    if (outcome.status == AKS_OK) {
        send_begin(send);
        return;
    }
    send->state = AKS_S3_SEND_IDLE;
    done = send->done;
    done_ctx = send->done_ctx;
    done(done_ctx, &outcome);
}

void
aks_s3_sends_go_on(struct aks_s3_object *object, const struct aks_outcome *outcome)
{
    object->relayed = *outcome;
    relay(object);
}

void
aks_s3_send(struct aks_target_object *base, const struct aks_part *part, aks_done *done, void *ctx)
{
    struct aks_s3_object *object = object_of(base);
    struct aks_s3_send *send = first_in(object, AKS_S3_SEND_IDLE);

    AKS_CHECK(object->s3 != NULL && !object->aborting && send != NULL);
    if (object->shape == AKS_S3_UNDECIDED)
        object->shape = part->number == 1 && part->last ? AKS_S3_SINGLE : AKS_S3_MULTIPART;
    send->part = *part;
    send->done = done;
    send->done_ctx = ctx;
    send->state = AKS_S3_SEND_WAITING;
    if (object->shape == AKS_S3_SINGLE ||
        (object->upload_id != NULL && !object->creating && !aks_s3_resume_due(object)))
        send_begin(send);
    else if (!object->creating)
        aks_s3_create_begin(object);
}
