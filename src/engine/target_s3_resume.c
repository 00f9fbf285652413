/* Going on with an object that an earlier process has begun: what the server has of it is compared
 * with what the journal says, once, before anything is sent.
 *
 * The token is "NONCE", told before anything was sent, or "NONCE UPLOADID". A part whose tag the
 * journal has is believed if the server lists it alike; one that is only listed, if its checksum
 * or, by its ETag, its MD5 says that it is the one. An upload that the server does not know any
 * more was either put together, which the nonce of the object tells, or is gone and begins anew.
 * A token without an id leaves open whether one was begun whose id was never heard: strays are
 * looked for (target_s3_stray.c). */
#include "engine/target_s3_object.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONCE_LEN (AKS_S3_NONCE_BYTES - 1)
#define READ_BYTES 16384
#define PAGE_BYTES ((size_t)AKS_S3_XML_BYTES_MAX)

static void
drop_tag(const struct aks_s3_object *object, struct aks_s3_tag *tag)
{
    aks_mem_free(object->alloc, tag->etag);
    aks_mem_free(object->alloc, tag->listed_etag);
    memset(tag, 0, sizeof(*tag));
}

/* What the journal knows of part ${number}, or NULL. */
static const struct aks_journal_part *
known_part(const struct aks_s3_object *object, uint32_t number)
{
    size_t low = 0;
    size_t high = object->known.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (object->known.parts[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < object->known.count && object->known.parts[low].number == number
        ? &object->known.parts[low] : NULL;
}

/* Is ${token} one that aks_s3_object_tell has made? *ret_id is the upload's, "" if there is none.
 */
static bool
token_valid(const char *token, const char **ret_id)
{
    size_t hex = strspn(token, "0123456789abcdef");
    const char *id = token + NONCE_LEN;

    *ret_id = "";
    if (hex != NONCE_LEN || (*id != '\0' && *id != ' '))
        return false;
    if (*id == '\0')
        return true;
    *ret_id = ++id;
    for (; *id != '\0'; id++) {
        if (*id <= 0x20 || *id > 0x7e)
            return false;
    }
    return id > *ret_id && (size_t)(id - *ret_id) <= AKS_S3_UPLOAD_ID_MAX;
}

static enum aks_status
take_tags(struct aks_s3_object *object, struct aks_error *err)
{
    for (size_t i = 0; i < object->known.count; i++) {
        const struct aks_journal_part *part = &object->known.parts[i];
        struct aks_s3_tag *tag;

        if (part->tag == NULL || part->tag[0] == '\0')
            continue;
        if (aks_s3_object_reserve(object, part->number, err) != AKS_OK)
            return err->status;
        tag = &object->tags[part->number - 1];
        drop_tag(object, tag);
        tag->etag = aks_mem_strdup(object->alloc, part->tag);
        if (tag->etag == NULL)
            return aks_error_memory(err, "opening an object");
        tag->bytes = part->bytes;
        tag->crc64nvme = part->crc64nvme;
    }
    return AKS_OK;
}

enum aks_status
aks_s3_resume_open(struct aks_s3_object *object, const struct aks_object_spec *spec,
    struct aks_error *err)
{
    const char *id;

    if (spec->resume == NULL || spec->resume->token == NULL ||
        !token_valid(spec->resume->token, &id))
        return AKS_OK;
    object->known = *spec->resume;
    memcpy(object->nonce, object->known.token, NONCE_LEN);
    object->nonce[NONCE_LEN] = '\0';
    if (*id == '\0')
        return AKS_OK;
    object->shape = AKS_S3_MULTIPART;
    object->upload_id = aks_mem_strdup(object->alloc, id);
    if (object->upload_id == NULL)
        return aks_error_memory(err, "opening an object");
    return take_tags(object, err);
}

bool
aks_s3_resume_due(const struct aks_s3_object *object)
{
    return object->known.token != NULL && !object->compared &&
        object->shape == AKS_S3_MULTIPART;
}

static void
tried(struct aks_s3_object *object, const struct aks_outcome *outcome)
{
    aks_s3_step_tried(&object->step, outcome);
}

/* What there is to be known is known, and something is left to go on with. */
static void
compared(struct aks_s3_object *object)
{
    struct aks_outcome ok;

    object->compared = true;
    aks_outcome_ok(&ok);
    tried(object, &ok);
}

/* Nothing is left of it. */
static void
anew(struct aks_s3_object *object)
{
    aks_mem_free(object->alloc, object->upload_id);
    object->upload_id = NULL;
    for (size_t i = 0; i < object->tag_count; i++)
        drop_tag(object, &object->tags[i]);
    object->compared = true;
    aks_s3_create_ask(object);
}

/* Is it no use to ask again? */
static bool
will_not_tell(const struct aks_outcome *outcome)
{
    return outcome->status == AKS_FORBIDDEN || outcome->http_status == 405 ||
        outcome->http_status == 501;
}

/* HEAD of the object. */

static void
look_answered(void *ctx, const struct aks_s3_answer *answer)
{
    struct aks_s3_object *object = ctx;
    const struct aks_outcome *outcome = &answer->outcome;
    const char *name = object->s3->base.settings->name;
    const char *length;
    struct aks_error err;

    if (outcome->status == AKS_NOT_FOUND || will_not_tell(outcome)) {
        aks_log_write(object->s3->options.log, AKS_LOG_INFO,
            "target %s: of %s nothing is left that was sent before; it begins anew", name,
            object->source);
        anew(object);
        return;
    }
    if (outcome->status != AKS_OK) {
        tried(object, outcome);
        return;
    }
    length = aks_http_reply_header(answer->reply, "content-length");
    if (length == NULL || !aks_s3_object_is(object, answer->reply, -1)) {
        (void)aks_error_set(&err, AKS_CONFLICT, "%s: %s exists already and is not what was sent",
            name, object->key);
        aks_s3_step_failed(&object->step, &err);
        return;
    }
    object->whole = true;
    object->there_bytes = strtoll(length, NULL, 10);
    aks_log_write(object->s3->options.log, AKS_LOG_INFO,
        "target %s: %s was put together before, and is there", name, object->source);
    compared(object);
}

static void
look(struct aks_s3_object *object, aks_s3_answered *answered)
{
    struct aks_s3_request request = { 0 };
    char what[AKS_S3_WHAT_BYTES];

    (void)snprintf(what, sizeof(what), "HEAD of %s", object->source);
    request.method = "HEAD";
    request.key = object->key;
    request.what = what;
    aks_s3_step_ask(&object->step, &request, answered, object);
}

/* ListParts. */

static bool
crc_agrees(const struct aks_s3_object *object, const struct aks_s3_listed_part *listed,
    const struct aks_journal_part *part)
{
    char text[AKS_S3_CRC_TEXT_BYTES];

    return object->crc64 && listed->crc64nvme[0] != '\0' &&
        aks_s3_crc_text(object->s3, part->crc64nvme, text, NULL) == AKS_OK &&
        strcmp(text, listed->crc64nvme) == 0;
}

static void
tell_stored(const struct aks_s3_object *object, uint32_t number, const char *etag)
{
    if (object->journal != NULL)
        object->journal->stored(object->journal->ctx, number, etag);
}

/* Keeps what the list says of a part for which it may be believed, now or when the part comes. */
static enum aks_status
part_listed(void *ctx, const struct aks_s3_listed_part *listed, struct aks_error *err)
{
    struct aks_s3_object *object = ctx;
    const struct aks_journal_part *part = known_part(object, listed->number);
    struct aks_s3_tag *tag;

    if (part == NULL || part->bytes != listed->bytes || listed->number > AKS_PARTS_MAX)
        return AKS_OK;
    if (aks_s3_object_reserve(object, listed->number, err) != AKS_OK)
        return err->status;
    tag = &object->tags[listed->number - 1];
    if (tag->etag != NULL && strcmp(tag->etag, listed->etag) == 0) {
        tag->listed = true;
        return AKS_OK;
    }
    drop_tag(object, tag);
    tag->listed = true;
    tag->listed_etag = aks_mem_strdup(object->alloc, listed->etag);
    if (tag->listed_etag == NULL)
        return aks_error_memory(err, "comparing parts");
    tag->bytes = part->bytes;
    tag->crc64nvme = part->crc64nvme;
    if (!crc_agrees(object, listed, part))
        return AKS_OK;
    tag->etag = tag->listed_etag;
    tag->listed_etag = NULL;
    tell_stored(object, listed->number, tag->etag);
    return AKS_OK;
}

/* The list is whole: what is not in it is not there, whatever was answered once. */
static void
list_ended(struct aks_s3_object *object)
{
    for (size_t i = 0; i < object->tag_count; i++) {
        if (!object->tags[i].listed)
            drop_tag(object, &object->tags[i]);
    }
    compared(object);
}

static void ask_list(struct aks_s3_object *object);

static void
list_answered(void *ctx, const struct aks_s3_answer *answer)
{
    struct aks_s3_object *object = ctx;
    const struct aks_outcome *outcome = &answer->outcome;
    struct aks_error err;

    if (outcome->status == AKS_NOT_FOUND && strcmp(answer->s3.code, "NoSuchBucket") != 0) {
        look(object, look_answered);
        return;
    }
    if (will_not_tell(outcome)) {
        /* Complete names each part by its tag, so a part that is not there is found out then. */
        aks_log_write(object->s3->options.log, AKS_LOG_INFO,
            "target %s: it does not tell what it has of %s (HTTP %d): parts are believed as it "
            "acknowledged them", object->s3->base.settings->name, object->source,
            outcome->http_status);
        compared(object);
        return;
    }
    if (outcome->status != AKS_OK) {
        tried(object, outcome);
        return;
    }
    if (aks_s3_xml_parts(answer->reply->body.data, answer->reply->body.len, object->listed_after,
            part_listed, object, &object->listed_after, &err) != AKS_OK) {
        (void)aks_error_wrap(&err, "%s: %s", object->s3->base.settings->name, object->source);
        aks_s3_step_failed(&object->step, &err);
    } else if (object->listed_after != 0) {
        ask_list(object);
    } else {
        list_ended(object);
    }
}

static void
ask_list(struct aks_s3_object *object)
{
    struct aks_sigv4_pair query[3] = { { "uploadId", object->upload_id }, { "max-parts", "1000" } };
    struct aks_s3_request request = { 0 };
    char what[AKS_S3_WHAT_BYTES];
    char marker[12];

    (void)snprintf(what, sizeof(what), "list of parts of %s", object->source);
    (void)snprintf(marker, sizeof(marker), "%" PRIu32, object->listed_after);
    query[2].name = "part-number-marker";
    query[2].value = marker;
    request.method = "GET";
    request.key = object->key;
    request.query = query;
    request.query_count = object->listed_after != 0 ? 3 : 2;
    request.reply_bytes_max = PAGE_BYTES;
    request.what = what;
    aks_s3_step_ask(&object->step, &request, list_answered, object);
}

/* Strays have been given back, or cannot be. */
void
aks_s3_resume_searched(struct aks_s3_object *object, const struct aks_outcome *outcome)
{
    if (outcome->status == AKS_OK)
        object->create_lost = false;
    else if (object->create_lost && !object->aborting && will_not_tell(outcome))
        aks_log_write(object->s3->options.log, AKS_LOG_WARNING, "target %s: an upload of %s may "
            "have been begun whose id never came, and the server does not let us look for it (HTTP "
            "%d): let a lifecycle rule of the bucket drop unfinished uploads",
            object->s3->base.settings->name, object->source, outcome->http_status);
    if (object->aborting)
        aks_s3_resume_abort(object);
    else if (outcome->status == AKS_OK || will_not_tell(outcome))
        anew(object);
    else
        tried(object, outcome);
}

void
aks_s3_resume_start(struct aks_s3_object *object)
{
    object->listed_after = 0;
    for (size_t i = 0; i < object->tag_count; i++)
        object->tags[i].listed = false;
    if (object->upload_id != NULL)
        ask_list(object);
    else
        aks_s3_stray_search(object);
}

/* Parts as they come. */

/* Is the ETag that the server lists the MD5 of these bytes? */
static bool
md5_agrees(const struct aks_s3_send *send, const char *etag)
{
    const struct aks_body *body = &send->part.body;
    struct aks_md5 *md5 = aks_md5_new(send->object->alloc);
    uint8_t data[READ_BYTES];
    uint8_t digest[AKS_MD5_BYTES];
    char hex[2 * AKS_MD5_BYTES + 1];
    int64_t offset = 0;
    size_t len = 0;
    bool read = md5 != NULL;

    while (read && offset < body->bytes) {
        size_t want = body->bytes - offset < READ_BYTES ? (size_t)(body->bytes - offset)
            : READ_BYTES;

        read = body->read(body->ctx, offset, data, want, &len, NULL) == AKS_OK;
        if (read)
            aks_md5_update(md5, data, len);
        offset += (int64_t)len;
    }
    if (read) {
        aks_md5_final(md5, digest);
        aks_hex_encode(digest, sizeof(digest), hex);
    }
    aks_md5_free(md5);
    return read && strcmp(hex, etag) == 0;
}

static bool
listed_as_it_is(struct aks_s3_send *send, struct aks_s3_tag *tag)
{
    if (tag->listed_etag == NULL || tag->bytes != send->part.body.bytes ||
        !md5_agrees(send, tag->listed_etag))
        return false;
    tag->etag = tag->listed_etag;
    tag->listed_etag = NULL;
    tell_stored(send->object, send->part.number, tag->etag);
    return true;
}

bool
aks_s3_resume_has(struct aks_s3_send *send)
{
    struct aks_s3_object *object = send->object;
    struct aks_s3_tag *tag = &object->tags[send->part.number - 1];

    if (object->known.token == NULL || (!object->whole && tag->etag == NULL &&
            !listed_as_it_is(send, tag)))
        return false;
    object->base.kept_bytes += send->part.body.bytes;
    return true;
}

/* A single PUT that may have got through. */

static void
single_answered(void *ctx, const struct aks_s3_answer *answer)
{
    struct aks_s3_send *send = ctx;
    struct aks_s3_object *object = send->object;
    struct aks_s3_tag *tag = &object->tags[send->part.number - 1];
    struct aks_outcome outcome = answer->outcome;

    if (outcome.status == AKS_OK &&
        aks_s3_object_is(object, answer->reply, send->part.body.bytes)) {
        drop_tag(object, tag);
        tag->etag = aks_mem_strdup(object->alloc, object->nonce);
        tag->bytes = send->part.body.bytes;
        object->base.kept_bytes += tag->etag != NULL ? tag->bytes : 0;
        object->compared = tag->etag != NULL;
        if (object->compared) {
            aks_s3_step_tried(&send->step, &outcome);
            return;
        }
    }
    if (outcome.corrected || aks_status_transient(outcome.status)) {
        aks_s3_step_tried(&send->step, &outcome);
        return;
    }
    object->compared = true;
    aks_s3_part_ask(send);
}

bool
aks_s3_resume_look(struct aks_s3_send *send)
{
    struct aks_s3_object *object = send->object;
    struct aks_s3_request request = { 0 };
    char what[AKS_S3_WHAT_BYTES];

    if (object->known.token == NULL || object->compared || object->shape != AKS_S3_SINGLE ||
        known_part(object, send->part.number) == NULL)
        return false;
    (void)snprintf(what, sizeof(what), "HEAD of %s", object->source);
    request.method = "HEAD";
    request.key = object->key;
    request.what = what;
    aks_s3_step_ask(&send->step, &request, single_answered, send);
    return true;
}

/* Giving back. */

static void
whole_deleted(void *ctx, const struct aks_s3_answer *answer)
{
    struct aks_outcome outcome = answer->outcome;

    if (outcome.status == AKS_NOT_FOUND)
        aks_outcome_ok(&outcome);
    aks_s3_abort_ended(ctx, &outcome);
}

static void
whole_looked(void *ctx, const struct aks_s3_answer *answer)
{
    struct aks_s3_object *object = ctx;
    struct aks_outcome outcome = answer->outcome;
    struct aks_s3_request request = { 0 };
    char what[AKS_S3_WHAT_BYTES];

    if (outcome.status == AKS_OK && aks_s3_object_is(object, answer->reply, -1)) {
        (void)snprintf(what, sizeof(what), "DELETE of %s", object->source);
        request.method = "DELETE";
        request.key = object->key;
        request.what = what;
        aks_s3_step_ask(&object->step, &request, whole_deleted, object);
        return;
    }
    if (outcome.status == AKS_NOT_FOUND || will_not_tell(&outcome))
        aks_outcome_ok(&outcome);
    aks_s3_abort_ended(object, &outcome);
}

void
aks_s3_resume_abort(struct aks_s3_object *object)
{
    struct aks_outcome ok;

    if (object->upload_id == NULL && !object->compared) {
        object->compared = true;
        aks_s3_stray_search(object);
    } else if (object->known.keep_whole) {
        aks_outcome_ok(&ok);
        aks_s3_abort_ended(object, &ok);
    } else {
        look(object, whole_looked);
    }
}
