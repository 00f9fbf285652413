/* S3's XML answers (expat, without entities of their own or external ones) and the XML we send.
 * Answers are hostile input: depth, element count and text length have limits; what is not
 * understood is AKS_BAD_REPLY. Model: docs.aws.amazon.com/AmazonS3/latest/API/. */
#ifndef AKS_WIRE_S3_XML_H
#define AKS_WIRE_S3_XML_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_S3_XML_BYTES_MAX (4 * 1024 * 1024)
#define AKS_S3_XML_DEPTH_MAX 16
#define AKS_S3_XML_TEXT_MAX 4096
/* The longest that are known have some 400 bytes; S3 names no limit. */
#define AKS_S3_UPLOAD_ID_MAX 2048
/* MD5 with a part count has 38 characters, those of other servers are a little longer. */
#define AKS_S3_ETAG_MAX 256
/* S3's own limit. */
#define AKS_S3_KEY_MAX 1024

/* <Error>; empty strings where an element is missing. Over-long texts are cut; control characters
 * are blanks, so that a text can stand in a message of one line. */
struct aks_s3_error {
    char code[64];
    char message[512];
    char region[64];
    char endpoint[256];
    char bucket[128];
    char request_id[128];
    char server_time[40];
    int64_t max_allowed_skew_ms;    /* -1 if not told */
};

/** Is the root element, after leading white space, <Error>? Then its fields. AKS_BAD_REPLY if
 * ${xml} is no XML or cut; AKS_NOT_FOUND if it is well-formed with another root. */
enum aks_status aks_s3_xml_error(const char *xml, size_t len, struct aks_s3_error *ret_error,
    struct aks_error *err);

/** InitiateMultipartUploadResult/UploadId, owned. Never empty, never with control characters,
 * blanks or bytes outside of ASCII. */
enum aks_status aks_s3_xml_upload_id(const struct aks_alloc *alloc, const char *xml, size_t len,
    char **ret_upload_id, struct aks_error *err);

/** CompleteMultipartUploadResult/ETag without quotes into ${ret_etag} (cut at its size). Never
 * empty, never with control characters. AKS_BAD_REPLY for an <Error>, too: ask aks_s3_xml_error
 * first. */
enum aks_status aks_s3_xml_complete(const char *xml, size_t len, char *ret_etag, size_t etag_bytes,
    struct aks_error *err);

struct aks_s3_listing {
    char **keys;                /* Contents/Key, decoded */
    int64_t *sizes;
    size_t key_count;
    char **prefixes;            /* CommonPrefixes/Prefix */
    size_t prefix_count;
    bool truncated;
    char *continuation;         /* NextContinuationToken; NULL exactly if not truncated */
    const struct aks_alloc *alloc;
};

#define AKS_S3_LISTING_MAX 1000

/** One page of ListObjectsV2, asked for without encoding-type. Free with aks_s3_listing_fini, also
 * after a failure. Keys may hold any character that XML has: do not print them as they are. */
enum aks_status aks_s3_xml_listing(const struct aks_alloc *alloc, const char *xml, size_t len,
    struct aks_s3_listing *ret_listing, struct aks_error *err);
void aks_s3_listing_fini(struct aks_s3_listing *listing);

/* Pages of the two lists below are as long as S3 makes them at most. */
#define AKS_S3_LISTED_PARTS_MAX 1000
#define AKS_S3_LISTED_UPLOADS_MAX 1000

/* A part that the server has. */
struct aks_s3_listed_part {
    uint32_t number;            /* from 1 */
    int64_t bytes;
    char etag[AKS_S3_ETAG_MAX + 1];     /* without quotes, never empty, printable ASCII */
    char crc64nvme[16];         /* base64; "" if it is not told */
};

/* The list is called away from by another status than AKS_OK, which is then its own. */
typedef enum aks_status aks_s3_part_listed(void *ctx, const struct aks_s3_listed_part *part,
    struct aks_error *err);

/** One page of ListParts: ${each} for every part, numbers above ${after} and ascending as S3 gives
 * them; what is not is AKS_BAD_REPLY, as is more than a page may hold. *ret_after: where the next
 * page begins, 0 if this is the last. It is always above ${after}, so that pages come to an end. */
enum aks_status aks_s3_xml_parts(const char *xml, size_t len, uint32_t after,
    aks_s3_part_listed *each, void *ctx, uint32_t *ret_after, struct aks_error *err);

/* ${key} may hold any character that XML has; ${upload_id} is as of aks_s3_xml_upload_id. */
typedef enum aks_status aks_s3_upload_listed(void *ctx, const char *key, const char *upload_id,
    struct aks_error *err);

/** One page of ListMultipartUploads. There may be more than it tells. */
enum aks_status aks_s3_xml_uploads(const char *xml, size_t len, aks_s3_upload_listed *each,
    void *ctx, struct aks_error *err);

/* What a bucket says of itself. */
struct aks_s3_bucket {
    bool is_public;             /* by its policy */
    unsigned blocks;            /* how many of the four blocks of public access are on */
    char encryption[32];        /* of everything that is put: "AES256", "aws:kms"; "": none */
    char versioning[16];        /* "Enabled", "Suspended"; "": never turned on */
    bool drops_abandoned;       /* uploads that nobody finished, by a lifecycle rule */
};

/** One of the answers to GET of a bucket's policyStatus, publicAccessBlock, encryption, versioning
 * and lifecycle: sets what it tells in ${ret_bucket} and leaves the rest. Lifecycle rules count
 * that hold for all keys below ${folder}. AKS_BAD_REPLY for anything else. */
enum aks_status aks_s3_xml_bucket(const char *xml, size_t len, const char *folder,
    struct aks_s3_bucket *ret_bucket, struct aks_error *err);

struct aks_s3_part_tag {
    uint32_t number;
    const char *etag;           /* without quotes */
    const char *crc64nvme;      /* base64, or NULL */
};

/** The body of CompleteMultipartUpload. */
void aks_s3_xml_complete_body(const struct aks_s3_part_tag *parts, size_t count,
    struct aks_buf *out);

#endif
