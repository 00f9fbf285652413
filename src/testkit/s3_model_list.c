/* Lists: of objects, of parts, of uploads. */
#include "testkit/s3_model_internal.h"

#include "base/encode.h"
#include "testkit/model_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_BYTES_MAX (2 * AKS_S3_KEY_MAX)

/* How many of something a request wants; ${max} if it does not say. */
static bool
read_limit(struct aks_s3_call *call, const char *name, int64_t max, int64_t *ret_asked,
    size_t *ret_limit)
{
    const char *text = aks_s3_model_request_parameter(call, name);

    *ret_asked = max;
    if (text != NULL && *text != '\0' && !aks_model_text_number(text, INT32_MAX, ret_asked)) {
        aks_s3_model_reply_error(call, "InvalidArgument");
        return false;
    }
    *ret_limit = (size_t)(*ret_asked < max ? *ret_asked : max);
    return true;
}

static const char *
or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static bool
begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* ListObjectsV2 */

struct listing {
    struct aks_s3_call *call;
    const char *prefix;
    const char *delimiter;
    bool url;                       /* encoding-type=url */
    int64_t asked;
    size_t limit;
    /* Where it begins: behind this name, and behind everything below it if it is a folder. */
    char after[TOKEN_BYTES_MAX];
    /* What was found: the last name that was given, and what there is of each kind. */
    char last[TOKEN_BYTES_MAX];
    size_t count;
    bool truncated;
    struct aks_buf contents;
    struct aks_buf folders;
};

/* A key percent-encoded as S3 does it here: '/' stays, a blank is '+'. */
static void
add_name(const struct listing *listing, const char *name, const char *text, struct aks_buf *out)
{
    aks_buf_printf(out, "<%s>", name);
    if (!listing->url) {
        aks_model_text_xml(text, out);
    } else {
        for (; *text != '\0'; text++) {
            if (*text == ' ')
                aks_buf_putc(out, '+');
            else
                aks_percent_encode(text, 1, true, out);
        }
    }
    aks_buf_printf(out, "</%s>", name);
}

static void
add_object(struct listing *listing, const struct aks_s3_stored *stored)
{
    struct aks_buf *out = &listing->contents;

    aks_buf_puts(out, "<Contents>");
    add_name(listing, "Key", stored->shown.key, out);
    aks_s3_model_reply_date(out, "LastModified", stored->shown.stored_at_ms);
    aks_s3_model_reply_element(out, "ETag", stored->etag);
    if (stored->sum.algorithm != NULL && listing->call->traits->adds_crc64) {
        aks_s3_model_reply_element(out, "ChecksumAlgorithm", stored->sum.algorithm->name);
        aks_s3_model_reply_element(out, "ChecksumType", aks_s3_model_checksum_type(&stored->sum));
    }
    aks_s3_model_reply_number(out, "Size", (int64_t)stored->shown.len);
    aks_buf_puts(out, "<StorageClass>STANDARD</StorageClass></Contents>");
}

/* The name under which a key is listed: itself, or its folder up to the delimiter. */
static bool
folded(const struct listing *listing, const char *key, char ret_name[TOKEN_BYTES_MAX])
{
    const char *end = *listing->delimiter != '\0'
        ? strstr(key + strlen(listing->prefix), listing->delimiter) : NULL;
    size_t len = end != NULL ? (size_t)(end - key) + strlen(listing->delimiter) : strlen(key);

    if (len >= TOKEN_BYTES_MAX)
        len = TOKEN_BYTES_MAX - 1;
    memcpy(ret_name, key, len);
    ret_name[len] = '\0';
    return end != NULL;
}

static void
gather(struct listing *listing)
{
    const struct aks_model_set *objects = &listing->call->model->objects;
    size_t at = aks_model_set_from(objects, strcmp(listing->after, listing->prefix) > 0
        ? listing->after : listing->prefix);

    for (; at < objects->count; at++) {
        const struct aks_s3_stored *stored = objects->items[at];
        char name[TOKEN_BYTES_MAX];
        bool folder;

        if (!begins_with(stored->shown.key, listing->prefix))
            break;
        folder = folded(listing, stored->shown.key, name);
        if (strcmp(name, listing->after) <= 0 || strcmp(name, listing->last) == 0)
            continue;
        if (listing->count == listing->limit) {
            listing->truncated = listing->limit > 0;
            break;
        }
        memcpy(listing->last, name, sizeof(name));
        listing->count++;
        if (folder) {
            aks_buf_puts(&listing->folders, "<CommonPrefixes>");
            add_name(listing, "Prefix", name, &listing->folders);
            aks_buf_puts(&listing->folders, "</CommonPrefixes>");
        } else {
            add_object(listing, stored);
        }
    }
}

/* Tokens are opaque: the last name in base64. */
static void
tell_token(struct listing *listing, struct aks_buf *out)
{
    aks_buf_puts(out, "<NextContinuationToken>");
    aks_base64_encode(listing->last, strlen(listing->last), out);
    aks_buf_puts(out, "</NextContinuationToken>");
}

static bool
read_token(const char *token, char ret_after[TOKEN_BYTES_MAX])
{
    size_t len = strlen(token);
    size_t bytes = len / 4 * 3;

    if (len == 0 || len % 4 != 0 || bytes >= TOKEN_BYTES_MAX)
        return false;
    bytes -= (token[len - 1] == '=') + (token[len - 2] == '=');
    if (!aks_model_text_base64_decode(token, (uint8_t *)ret_after, bytes))
        return false;
    ret_after[bytes] = '\0';
    return true;
}

static bool
refuse(struct aks_s3_call *call, const char *code)
{
    aks_s3_model_reply_error(call, code);
    return false;
}

static bool
read_listing(struct aks_s3_call *call, struct listing *ret_listing)
{
    const char *encoding = aks_s3_model_request_parameter(call, "encoding-type");
    const char *token = aks_s3_model_request_parameter(call, "continuation-token");
    const char *after = or_empty(aks_s3_model_request_parameter(call, "start-after"));
    bool any = call->traits->any_encoding;

    ret_listing->call = call;
    ret_listing->prefix = or_empty(aks_s3_model_request_parameter(call, "prefix"));
    ret_listing->delimiter = or_empty(aks_s3_model_request_parameter(call, "delimiter"));
    ret_listing->url = encoding != NULL && strcmp(encoding, "url") == 0 && !any;
    if (strcmp(aks_s3_model_request_parameter(call, "list-type"), "2") != 0 ||
        strlen(after) >= sizeof(ret_listing->after) ||
        (encoding != NULL && *encoding != '\0' && strcmp(encoding, "url") != 0 && !any))
        return refuse(call, "InvalidArgument");
    memcpy(ret_listing->after, after, strlen(after) + 1);
    if (token != NULL && !(*token == '\0' && any) && !read_token(token, ret_listing->after))
        return refuse(call, "InvalidArgument");
    return read_limit(call, "max-keys", AKS_S3_MODEL_PAGE_MAX, &ret_listing->asked,
        &ret_listing->limit);
}

static void
tell_listing(struct listing *listing)
{
    struct aks_s3_call *call = listing->call;
    const char *token = aks_s3_model_request_parameter(call, "continuation-token");
    const char *after = aks_s3_model_request_parameter(call, "start-after");
    struct aks_buf *out = aks_s3_model_reply_xml(call, "ListBucketResult");

    aks_s3_model_reply_element(out, "Name", call->model->options.bucket);
    add_name(listing, "Prefix", listing->prefix, out);
    if (after != NULL && *after != '\0')
        add_name(listing, "StartAfter", after, out);
    if (token != NULL && *token != '\0')
        aks_s3_model_reply_element(out, "ContinuationToken", token);
    if (listing->truncated)
        tell_token(listing, out);
    aks_s3_model_reply_number(out, "KeyCount", (int64_t)listing->count);
    aks_s3_model_reply_number(out, "MaxKeys", call->traits->tells_asked ? listing->asked
        : (int64_t)listing->limit);
    if (*listing->delimiter != '\0')
        aks_s3_model_reply_element(out, "Delimiter", listing->delimiter);
    if (listing->url)
        aks_s3_model_reply_element(out, "EncodingType", "url");
    aks_s3_model_reply_element(out, "IsTruncated", listing->truncated ? "true" : "false");
    aks_buf_append(out, listing->contents.data, listing->contents.len);
    aks_buf_append(out, listing->folders.data, listing->folders.len);
    aks_buf_puts(out, "</ListBucketResult>");
    call->reply->status = 200;
    if (call->traits->tells_region)
        aks_sim_reply_header(call->reply, "x-amz-bucket-region", "%s",
            call->model->options.region);
}

void
aks_s3_model_list_objects(struct aks_s3_call *call)
{
    struct listing listing = { 0 };

    if (!read_listing(call, &listing))
        return;
    aks_buf_init(&listing.contents, call->model->alloc, call->reply->body.bytes_max);
    aks_buf_init(&listing.folders, call->model->alloc, call->reply->body.bytes_max);
    gather(&listing);
    if (listing.contents.failed == AKS_OK && listing.folders.failed == AKS_OK)
        tell_listing(&listing);
    else
        aks_s3_model_reply_full(call);
    aks_buf_fini(&listing.contents);
    aks_buf_fini(&listing.folders);
}

/* ListParts */

static void
tell_algorithm(struct aks_buf *out, const struct aks_s3_upload *upload)
{
    if (upload->algorithm == NULL)
        return;
    aks_s3_model_reply_element(out, "ChecksumAlgorithm", upload->algorithm->name);
    aks_s3_model_reply_element(out, "ChecksumType",
        upload->composite ? "COMPOSITE" : "FULL_OBJECT");
}

static void
tell_part(struct aks_s3_call *call, const struct aks_s3_model_part *part)
{
    struct aks_buf *out = &call->reply->body;
    char hex[2 * AKS_MODEL_MD5_BYTES + 1];
    char text[AKS_S3_MODEL_SUM_TEXT_BYTES];

    aks_hex_encode(part->md5, sizeof(part->md5), hex);
    aks_buf_puts(out, "<Part>");
    aks_s3_model_reply_number(out, "PartNumber", part->number);
    aks_s3_model_reply_date(out, "LastModified", part->stored_at_ms);
    aks_buf_printf(out, "<ETag>&#34;%s&#34;</ETag>", hex);
    aks_s3_model_reply_number(out, "Size", (int64_t)part->len);
    if (part->sum.algorithm != NULL)
        aks_s3_model_reply_element(out, part->sum.algorithm->element,
            aks_s3_model_checksum_text(call->model, &part->sum, text));
    aks_buf_puts(out, "</Part>");
}

void
aks_s3_model_list_parts(struct aks_s3_call *call)
{
    const struct aks_s3_upload *upload = aks_s3_model_upload_of(call);
    const char *marker_text = aks_s3_model_request_parameter(call, "part-number-marker");
    int64_t marker = 0;
    int64_t asked;
    size_t limit;
    size_t from = 0;
    size_t end;
    struct aks_buf *out;

    if (upload == NULL ||
        !read_limit(call, "max-parts", call->traits->page_max, &asked, &limit))
        return;
    if (marker_text != NULL && *marker_text != '\0' &&
        !aks_model_text_number(marker_text, INT32_MAX, &marker)) {
        aks_s3_model_reply_error(call, "InvalidArgument");
        return;
    }
    while (from < upload->part_count && upload->parts[from].number <= marker)
        from++;
    end = upload->part_count - from > limit ? from + limit : upload->part_count;
    out = aks_s3_model_reply_xml(call, "ListPartsResult");
    aks_s3_model_reply_element(out, "Bucket", call->model->options.bucket);
    aks_s3_model_reply_element(out, "Key", upload->key);
    aks_s3_model_reply_element(out, "UploadId", upload->id);
    tell_algorithm(out, upload);
    aks_s3_model_reply_number(out, "PartNumberMarker", marker);
    aks_s3_model_reply_number(out, "NextPartNumberMarker", end > from
        ? (int64_t)upload->parts[end - 1].number : 0);
    aks_s3_model_reply_number(out, "MaxParts", (int64_t)limit);
    aks_s3_model_reply_element(out, "IsTruncated", end < upload->part_count ? "true" : "false");
    for (size_t i = from; i < end; i++)
        tell_part(call, &upload->parts[i]);
    aks_buf_puts(out, "</ListPartsResult>");
    call->reply->status = 200;
}

/* ListMultipartUploads */

static int
by_key(const void *a, const void *b)
{
    const struct aks_s3_upload *const *left = a;
    const struct aks_s3_upload *const *right = b;
    int order = strcmp((*left)->key, (*right)->key);

    return order != 0 ? order : ((*left)->order > (*right)->order) -
        ((*left)->order < (*right)->order);
}

/* Is it listed behind the two markers? */
static bool
is_behind(const struct aks_s3_call *call, const struct aks_s3_upload *upload)
{
    const char *key = aks_s3_model_request_parameter(call, "key-marker");
    const char *id = or_empty(aks_s3_model_request_parameter(call, "upload-id-marker"));
    const struct aks_s3_upload *marked = aks_model_set_find(&call->model->uploads, id);
    int order;

    if (key == NULL || *key == '\0')
        return true;
    order = strcmp(upload->key, key);
    return order > 0 || (order == 0 && marked != NULL && upload->order > marked->order);
}

static bool
is_listed(const struct aks_s3_call *call, const struct aks_s3_upload *upload)
{
    const char *prefix = or_empty(aks_s3_model_request_parameter(call, "prefix"));

    if (upload->done || !begins_with(upload->key, prefix) || !is_behind(call, upload))
        return false;
    return !call->traits->uploads_by_exact_key || strcmp(upload->key, prefix) == 0;
}

static void
tell_uploads(struct aks_s3_call *call, const struct aks_s3_upload **found, size_t count,
    size_t limit)
{
    struct aks_buf *out = aks_s3_model_reply_xml(call, "ListMultipartUploadsResult");
    bool truncated = count > limit;

    if (truncated)
        count = limit;
    aks_s3_model_reply_element(out, "Bucket", call->model->options.bucket);
    aks_s3_model_reply_element(out, "KeyMarker",
        or_empty(aks_s3_model_request_parameter(call, "key-marker")));
    aks_s3_model_reply_element(out, "UploadIdMarker",
        or_empty(aks_s3_model_request_parameter(call, "upload-id-marker")));
    if (truncated && count > 0) {
        aks_s3_model_reply_element(out, "NextKeyMarker", found[count - 1]->key);
        aks_s3_model_reply_element(out, "NextUploadIdMarker", found[count - 1]->id);
    }
    aks_s3_model_reply_element(out, "Prefix",
        or_empty(aks_s3_model_request_parameter(call, "prefix")));
    aks_s3_model_reply_number(out, "MaxUploads", (int64_t)limit);
    aks_s3_model_reply_element(out, "IsTruncated", truncated ? "true" : "false");
    for (size_t i = 0; i < count; i++) {
        aks_buf_puts(out, "<Upload>");
        aks_s3_model_reply_element(out, "Key", found[i]->key);
        aks_s3_model_reply_element(out, "UploadId", found[i]->id);
        aks_s3_model_reply_date(out, "Initiated", found[i]->begun_at_ms);
        tell_algorithm(out, found[i]);
        aks_buf_puts(out, "</Upload>");
    }
    aks_buf_puts(out, "</ListMultipartUploadsResult>");
    call->reply->status = 200;
}

void
aks_s3_model_list_uploads(struct aks_s3_call *call)
{
    const struct aks_model_set *uploads = &call->model->uploads;
    const char *delimiter = aks_s3_model_request_parameter(call, "delimiter");
    const struct aks_s3_upload **found;
    int64_t asked;
    size_t limit;
    size_t count = 0;

    if (!read_limit(call, "max-uploads", call->traits->page_max, &asked, &limit))
        return;
    if (delimiter != NULL && *delimiter != '\0') {
        aks_s3_model_reply_error(call, "NotImplemented");
        return;
    }
    found = aks_mem_array(call->model->alloc, uploads->count + 1, sizeof(*found));
    if (found == NULL) {
        aks_s3_model_reply_full(call);
        return;
    }
    for (size_t i = 0; i < uploads->count; i++) {
        if (is_listed(call, uploads->items[i]))
            found[count++] = uploads->items[i];
    }
    qsort(found, count, sizeof(*found), by_key);
    tell_uploads(call, found, count, limit);
    aks_mem_free(call->model->alloc, found);
}
