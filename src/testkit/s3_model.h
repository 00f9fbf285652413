/* A model of an S3 server, as strict as the strictest real one: what any of AWS, R2, MinIO and
 * versitygw refuses is refused here, unless the profile says otherwise. Its time is handed in.
 * API reference: https://docs.aws.amazon.com/AmazonS3/latest/API/ ; the contract suite
 * (tests/contract) holds it against real servers. */
#ifndef AKS_TESTKIT_S3_MODEL_H
#define AKS_TESTKIT_S3_MODEL_H

#include "base/alloc.h"
#include "base/error.h"
#include "sim/network_sim.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum aks_s3_profile {
    AKS_S3_STRICT,              /* refuses whatever one of them refuses */
    AKS_S3_AWS, AKS_S3_R2, AKS_S3_MINIO, AKS_S3_VERSITYGW,
    AKS_S3_SLOPPY               /* ignores conditions and checksums, as cheap stores do */
};

struct aks_s3_model_options {
    enum aks_s3_profile profile;
    const char *region;
    const char *bucket;
    const char *access_key;
    const char *secret_key;
    const char *session_token;          /* that must be sent; NULL: none may be */
    int64_t expires_at_ms;              /* from then on ExpiredToken; 0: never */
    int64_t part_bytes_min;             /* 0: 5 MiB. Smaller, so that worlds can be small */
    int64_t skew_ms_max;                /* 0: 15 minutes: RequestTimeTooSkewed beyond */
    int64_t rate_per_s;                 /* writes a second before SlowDown; 0: no limit */
    const char *credentials_allowed;    /* NULL: everything; else comma-separated operations that
                                         * are refused with AccessDenied: "ListObjectsV2" ... */
    bool quick_etags;                   /* out of CRC-64, not MD5: as good for clients, to whom they
                                         * are opaque, and a third of a large world's time */
    uint64_t seed;                      /* of upload ids and such */
};

struct aks_s3_model;

/** Texts are copied. */
enum aks_status aks_s3_model_new(const struct aks_alloc *alloc,
    const struct aks_s3_model_options *options, struct aks_s3_model **ret_model,
    struct aks_error *err);
void aks_s3_model_free(struct aks_s3_model *model);
/** An aks_sim_serve; ${ctx} is the model. Path style and virtual-host style ("bucket.host"). */
void aks_s3_model_serve(void *ctx, int64_t wall_ms, const struct aks_sim_request *request,
    struct aks_sim_reply *reply);
/** New credentials' end: a token that was renewed, or one that is taken away now. */
void aks_s3_model_set_expiry(struct aks_s3_model *model, int64_t expires_at_ms);
/** The next ${times} requests for ${operation} ("CompleteMultipartUpload", "UploadPartCopy") do
 * nothing and are answered with status 200 and an <Error> of ${code} inside, as S3 does when it
 * fails after it has begun to answer. A later call replaces what is left of an earlier one. */
void aks_s3_model_fail_inside(struct aks_s3_model *model, const char *operation, const char *code,
    unsigned times);

/* What a test looks at. */

struct aks_s3_object {
    const char *key;
    const void *data;
    size_t len;
    const char *etag;                   /* with its quotes */
    const char *content_type;
    int64_t stored_at_ms;
};

/** NULL if there is none. Borrowed until the model serves again. */
const struct aks_s3_object *aks_s3_model_object(struct aks_s3_model *model, const char *key);
/** In byte order of keys. */
void aks_s3_model_each(struct aks_s3_model *model,
    void (*each)(void *ctx, const struct aks_s3_object *object), void *ctx);
/** Multipart uploads that are neither completed nor aborted. */
unsigned aks_s3_model_uploads_open(const struct aks_s3_model *model);
/** Somebody has aborted them all, or a rule of the bucket. */
void aks_s3_model_forget_uploads(struct aks_s3_model *model);
/** Somebody else's hand. AKS_NOT_FOUND from remove. */
enum aks_status aks_s3_model_put(struct aks_s3_model *model, const char *key, const void *data,
    size_t len, int64_t wall_ms, struct aks_error *err);
enum aks_status aks_s3_model_remove(struct aks_s3_model *model, const char *key,
    struct aks_error *err);
/** The operation that a request asks for: "UploadPart" ...; "" if it is none. For stories, faults
 * and metrics; static. ${ret_key} (AKS_SIM_REPLY_HEADER_BYTES) gets the decoded key. */
const char *aks_s3_model_operation(const struct aks_s3_model *model,
    const struct aks_sim_request *request, char *ret_key);

#endif
