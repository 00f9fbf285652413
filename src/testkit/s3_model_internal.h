/* Inside of the S3 model. */
#ifndef AKS_TESTKIT_S3_MODEL_INTERNAL_H
#define AKS_TESTKIT_S3_MODEL_INTERNAL_H

#include "base/rng.h"
#include "data/digest.h"
#include "testkit/model_digest.h"
#include "testkit/model_set.h"
#include "testkit/s3_model.h"
#include "wire/s3_xml.h"
#include "wire/sigv4.h"

/* Of a request: S3's own operations have ten parameters at most. */
#define AKS_S3_MODEL_QUERY_MAX AKS_SIGV4_QUERY_MAX
#define AKS_S3_MODEL_META_MAX 16
#define AKS_S3_MODEL_META_BYTES_MAX 2048    /* S3's own limit, names and values */
#define AKS_S3_MODEL_META_VALUE_MAX (AKS_SIM_REPLY_HEADER_BYTES - 1)
#define AKS_S3_MODEL_PARTS_MAX 10000        /* S3's own */
#define AKS_S3_MODEL_PAGE_MAX 1000          /* S3's own: keys, parts, uploads of one list */
#define AKS_S3_MODEL_PUT_BYTES_MAX (5 * INT64_C(1073741824))    /* S3's own, of one request */
#define AKS_S3_MODEL_OBJECTS_MAX 1000000
#define AKS_S3_MODEL_UPLOADS_MAX 100000
#define AKS_S3_MODEL_DONE_MAX 256           /* completed uploads that are remembered */
#define AKS_S3_MODEL_SUM_BYTES 32
#define AKS_S3_MODEL_SUM_TEXT_BYTES 64      /* base64 and "-10000" */
#define AKS_S3_MODEL_ETAG_BYTES 48          /* quotes, MD5 in hex, "-10000" */
#define AKS_S3_MODEL_ID_BYTES 33

enum aks_s3_operation {
    AKS_S3_NO_OPERATION,
    AKS_S3_PUT_OBJECT, AKS_S3_GET_OBJECT, AKS_S3_HEAD_OBJECT, AKS_S3_DELETE_OBJECT,
    AKS_S3_CREATE_UPLOAD, AKS_S3_UPLOAD_PART, AKS_S3_UPLOAD_PART_COPY, AKS_S3_COMPLETE_UPLOAD,
    AKS_S3_ABORT_UPLOAD, AKS_S3_LIST_PARTS, AKS_S3_LIST_OBJECTS, AKS_S3_LIST_UPLOADS,
    AKS_S3_HEAD_BUCKET, AKS_S3_BUCKET_LOCATION
};

/* What a profile decides; s3_model_profile.c says who does what and why. */
struct aks_s3_traits {
    const char *server;             /* the Server header */
    /* Who asks. */
    bool any_region;
    bool region_aliases;
    bool any_scope_day;
    bool unsigned_needs_tls;
    bool needs_content_sha256;
    bool any_unsigned_header;
    bool tells_wrong_region;
    bool tells_server_time;
    bool hides_absence;
    const char *malformed_scope;
    const char *wrong_service;
    const char *unknown_access_key;
    const char *wrong_token;
    const char *too_fast;
    /* Bodies and checksums. */
    bool needs_length;
    bool ignores_checksums;
    bool trusts_lists;
    bool demands_sdk_checksum;
    bool adds_crc64;
    bool crc64_composite;
    bool sums_parts;
    bool copies_into_sums;
    bool list_needs_checksums;
    bool needs_object_size;
    const char *bad_checksum;
    const char *wrong_checksum;
    const char *wrong_type;
    const char *missing_in_list;
    const char *bad_payload_hash;
    /* Conditions. */
    bool puts_conditional;
    bool completes_conditional;
    bool creates_conditional;
    bool star_only;
    bool star_matches;
    /* Multipart uploads. */
    bool no_part_minimum;
    bool equal_parts;
    bool order_first;
    bool repeated_parts;
    bool completes_again;
    bool completes_any_list;
    bool aborts_unknown;
    bool copies_open_ranges;
    bool sums_in_headers;
    int64_t page_max;
    const char *bad_part_number;
    const char *empty_list;
    /* Buckets and lists. */
    bool tells_region;
    bool any_key_length;
    bool any_encoding;
    bool tells_asked;
    bool uploads_by_exact_key;
};

struct aks_s3_algorithm {
    const char *name;               /* "CRC32" */
    const char *header;             /* "x-amz-checksum-crc32" */
    const char *element;            /* "ChecksumCRC32" */
    size_t bytes;
    bool composite;                 /* which types of a multipart upload it can have */
    bool full;
    void (*sum)(const void *data, size_t len, uint8_t *ret_sum);
};

struct aks_s3_sum {
    const struct aks_s3_algorithm *algorithm;   /* NULL: there is none */
    uint8_t bytes[AKS_S3_MODEL_SUM_BYTES];
    size_t parts;                   /* that it is composed of; 0: of the bytes themselves */
};

/* What is kept of a request's headers and given back with the object. */
struct aks_s3_kept {
    char *content_type;
    char *meta;                     /* name, NUL, value, NUL ... */
    size_t meta_count;
};

struct aks_s3_stored {
    struct aks_s3_object shown;     /* first: its key is the set's */
    struct aks_s3_kept kept;
    struct aks_s3_sum sum;
    char etag[AKS_S3_MODEL_ETAG_BYTES];
};

struct aks_s3_model_part {
    unsigned number;
    void *data;
    size_t len;
    int64_t stored_at_ms;
    uint8_t md5[AKS_MODEL_MD5_BYTES];
    struct aks_s3_sum sum;
};

struct aks_s3_upload {
    const char *id;                 /* first: the set's key */
    char id_text[AKS_S3_MODEL_ID_BYTES];
    char *key;
    uint64_t order;                 /* of beginning; once done, of that */
    int64_t begun_at_ms;
    struct aks_s3_kept kept;
    const struct aks_s3_algorithm *algorithm;
    bool composite;
    bool done;                      /* completed, and remembered */
    struct aks_s3_model_part *parts;        /* by number */
    size_t part_count;
    size_t part_room;
};

struct aks_s3_model {
    const struct aks_alloc *alloc;
    struct aks_s3_model_options options;    /* its texts are ours */
    struct aks_s3_traits traits;
    struct aks_rng rng;
    struct aks_model_set objects;   /* struct aks_s3_stored */
    struct aks_model_set uploads;   /* struct aks_s3_upload */
    size_t done_count;
    uint64_t order;
    int64_t tokens;                 /* thousandths of a write that may come at once */
    int64_t tokens_at_ms;
    /* The key that signs on one day. */
    uint8_t signing_key[AKS_SIGV4_KEY_BYTES];
    char signing_scope[AKS_SIM_REPLY_HEADER_BYTES];     /* "20130524/region", "" at first */
    char fail_operation[32];
    char fail_code[64];
    unsigned fail_times;
    /* Kept from request to request for their memory alone. */
    char *text;
    size_t text_bytes;
    struct aks_buf canonical;
};

/* One request on its way. Texts are decoded, in model->text. */
struct aks_s3_call {
    struct aks_s3_model *model;
    const struct aks_s3_traits *traits;
    const struct aks_sim_request *request;
    struct aks_sim_reply *reply;
    int64_t wall_ms;
    enum aks_s3_operation operation;
    const char *path;               /* decoded, whole */
    const char *bucket;             /* as asked for; "" if none was */
    const char *key;                /* "" for the bucket itself */
    struct aks_sigv4_pair query[AKS_S3_MODEL_QUERY_MAX];
    size_t query_count;
    char request_id[17];
    bool sha256_known;              /* of the body: below */
    uint8_t sha256[AKS_SHA256_BYTES];
};

/* s3_model_profile.c */
void aks_s3_model_profile(enum aks_s3_profile profile, struct aks_s3_traits *ret_traits);

/* s3_model_request.c */

/** Fills path, bucket, key and query; false if it has refused. */
bool aks_s3_model_request_read(struct aks_s3_call *call);
/** NULL if there is none. */
const char *aks_s3_model_request_parameter(const struct aks_s3_call *call, const char *name);
const char *aks_s3_model_request_header(const struct aks_s3_call *call, const char *name);
enum aks_s3_operation aks_s3_model_request_operation(const struct aks_s3_model *model,
    const struct aks_sim_request *request);
const char *aks_s3_model_request_name(enum aks_s3_operation operation);
/** Does it change anything? */
bool aks_s3_model_request_writes(enum aks_s3_operation operation);

/* s3_model_reply.c: each ends what the request is answered with. */

/** An <Error> of that code, with the status that belongs to it. */
void aks_s3_model_reply_error(struct aks_s3_call *call, const char *code);
/** The same with elements of its own, already XML. */
void aks_s3_model_reply_error_with(struct aks_s3_call *call, const char *code, const char *format,
    ...)
    __attribute__((format(printf, 3, 4)));
/** The error is there; the status is 200 all the same. */
void aks_s3_model_reply_error_inside(struct aks_s3_call *call, const char *code);
/** Begins an XML body with its root element; the end is the caller's. */
struct aks_buf *aks_s3_model_reply_xml(struct aks_s3_call *call, const char *root);
/** <name>text</name>, escaped. */
void aks_s3_model_reply_element(struct aks_buf *out, const char *name, const char *text);
void aks_s3_model_reply_number(struct aks_buf *out, const char *name, int64_t number);
void aks_s3_model_reply_date(struct aks_buf *out, const char *name, int64_t wall_ms);
/** Headers that every reply has; the body is whole now. */
void aks_s3_model_reply_end(struct aks_s3_call *call);
/** No memory, or a limit of the model's own. */
void aks_s3_model_reply_full(struct aks_s3_call *call);

/* s3_model_auth.c: false if it has refused. */
bool aks_s3_model_auth(struct aks_s3_call *call);

/* s3_model_checksum.c */

/** The body is what x-amz-content-sha256, Content-MD5 and Content-Length say; false if it has
 * refused. */
bool aks_s3_model_checksum_body(struct aks_s3_call *call);
/** The x-amz-checksum-* that the request claims, verified against its body unless ${ret_sum} is of
 * something else (${of_body} false); false if it has refused. */
bool aks_s3_model_checksum_claimed(struct aks_s3_call *call, bool of_body,
    struct aks_s3_sum *ret_sum);
/** By name ("CRC32", any case) or element ("ChecksumCRC32"); NULL if there is none. */
const struct aks_s3_algorithm *aks_s3_model_checksum_named(const char *name);
const struct aks_s3_algorithm *aks_s3_model_checksum_element(const char *element);
void aks_s3_model_checksum_of(const struct aks_s3_algorithm *algorithm, const void *data,
    size_t len, struct aks_s3_sum *ret_sum);
/** base64, with "-N" if it is composed. Returns ${ret_text}. */
const char *aks_s3_model_checksum_text(const struct aks_s3_model *model,
    const struct aks_s3_sum *sum, char ret_text[AKS_S3_MODEL_SUM_TEXT_BYTES]);
const char *aks_s3_model_checksum_type(const struct aks_s3_sum *sum);
/** As headers; nothing if there is none. ${typed}: with x-amz-checksum-type. */
void aks_s3_model_checksum_headers(struct aks_s3_call *call, const struct aks_s3_sum *sum,
    bool typed);

/* s3_model_store.c */

/** False without memory or with too much metadata; it has refused then. */
bool aks_s3_model_store_keep(struct aks_s3_call *call, struct aks_s3_kept *ret_kept);
void aks_s3_model_store_drop_kept(const struct aks_s3_model *model, struct aks_s3_kept *kept);
/** Puts ${data}, which is the model's from now on, at ${key}, with what of ${kept} there is, which
 * is emptied. NULL without memory or over a limit: then ${data} is freed and ${kept} as it was. */
struct aks_s3_stored *aks_s3_model_store_put(struct aks_s3_model *model, const char *key,
    void *data, size_t len, struct aks_s3_kept *kept, int64_t wall_ms);
/** What an ETag is made of: MD5, or with quick_etags something as long. */
void aks_s3_model_store_digest(const struct aks_s3_model *model, const void *data, size_t len,
    uint8_t ret_digest[AKS_MODEL_MD5_BYTES]);
struct aks_s3_stored *aks_s3_model_store_find(const struct aks_s3_model *model, const char *key);
/** False if it was not there. */
bool aks_s3_model_store_remove(struct aks_s3_model *model, const char *key);
void aks_s3_model_store_fini(struct aks_s3_model *model);
/** A copy, never NULL for want of bytes; NULL without memory. */
void *aks_s3_model_store_copy(const struct aks_s3_model *model, const void *data, size_t len);

/* s3_model_upload.c */

struct aks_s3_upload *aks_s3_model_upload_new(struct aks_s3_model *model, const char *key,
    int64_t wall_ms);
/** The open one that the request names; NULL if it has refused. */
struct aks_s3_upload *aks_s3_model_upload_of(struct aks_s3_call *call);
struct aks_s3_model_part *aks_s3_model_upload_part(const struct aks_s3_upload *upload,
    unsigned number);
/** Puts a part in its place, or in the place of what was there. ${data} is the model's from now
 * on; NULL without memory: then it is freed. */
struct aks_s3_model_part *aks_s3_model_upload_put(struct aks_s3_model *model,
    struct aks_s3_upload *upload, unsigned number, void *data, size_t len);
/** Forgets it, or all but its name if the profile remembers what is done. */
void aks_s3_model_upload_completed(struct aks_s3_model *model, struct aks_s3_upload *upload);
void aks_s3_model_upload_remove(struct aks_s3_model *model, struct aks_s3_upload *upload);
void aks_s3_model_upload_fini(struct aks_s3_model *model);

/* s3_model_condition.c: false if it has refused. */
bool aks_s3_model_condition_write(struct aks_s3_call *call, bool honoured);
bool aks_s3_model_condition_read(struct aks_s3_call *call, const struct aks_s3_stored *stored);

/* The operations. */
void aks_s3_model_object_put(struct aks_s3_call *call);
void aks_s3_model_object_get(struct aks_s3_call *call);
void aks_s3_model_object_delete(struct aks_s3_call *call);
void aks_s3_model_multipart_create(struct aks_s3_call *call);
void aks_s3_model_multipart_part(struct aks_s3_call *call);
void aks_s3_model_multipart_copy(struct aks_s3_call *call);
void aks_s3_model_multipart_abort(struct aks_s3_call *call);
void aks_s3_model_complete(struct aks_s3_call *call);
void aks_s3_model_list_objects(struct aks_s3_call *call);
void aks_s3_model_list_parts(struct aks_s3_call *call);
void aks_s3_model_list_uploads(struct aks_s3_call *call);

#endif
