/* What a bucket is to be told so that one machine's key can do what akosha-sync needs and no more:
 * documents as S3 takes them, written as text. Language of policies:
 * docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 *
 * What akosha-sync asks of S3, all of it below "<prefix>systems/<system id>/":
 *   PUT of markers, small objects, manifests; multipart Create, part, Complete   s3:PutObject
 *   HEAD and GET of objects, manifests and the marker                            s3:GetObject
 *   giving back a half-sent upload                               s3:AbortMultipartUpload
 *   comparing one that is gone on with                     s3:ListMultipartUploadParts
 *   the names of uploads; is a key that may not be told of there?         s3:ListBucket
 *   prune alone: DELETE                                                s3:DeleteObject
 * A list of unfinished uploads (s3:ListBucketMultipartUploads) cannot be bound to a prefix and is
 * not asked for by these documents: what it would find, the lifecycle rule drops. */
#ifndef AKS_WIRE_BUCKET_POLICY_H
#define AKS_WIRE_BUCKET_POLICY_H

#include "base/buf.h"
#include "base/error.h"

/* No document is longer. */
#define AKS_BUCKET_POLICY_BYTES_MAX (16 * 1024)
#define AKS_BUCKET_POLICY_PREFIX_MAX 512
#define AKS_BUCKET_POLICY_PRINCIPAL_MAX 2048
/* Days until an upload that nobody completed is dropped. An upload is gone on with for so long. */
#define AKS_BUCKET_POLICY_ABANDONED_DAYS 7

enum aks_bucket_document {
    AKS_BUCKET_POLICY,              /* of the bucket: who may, and how nobody may */
    AKS_BUCKET_IDENTITY,            /* of a user or role: what it may */
    AKS_BUCKET_LIFECYCLE,
    AKS_BUCKET_PUBLIC_ACCESS,
    AKS_BUCKET_ENCRYPTION,
    AKS_BUCKET_DOCUMENTS,
    AKS_BUCKET_ALL = AKS_BUCKET_DOCUMENTS   /* each under its name */
};

/* What the key is for. */
enum aks_bucket_use {
    AKS_BUCKET_SYNC,                /* run, enqueue, list, verify, restore */
    AKS_BUCKET_RESTORE,             /* list, verify, restore */
    AKS_BUCKET_PRUNE,               /* list, prune */
    AKS_BUCKET_USES
};

/* Borrowed for the call. */
struct aks_bucket_policy {
    const char *bucket;
    const char *prefix;             /* NULL or "": none; with or without a final '/' */
    const char *system_id;          /* [A-Za-z0-9_-]{1,84} */
    const char *principal;          /* of AKS_BUCKET_POLICY: an ARN of one user or role, or the
                                     * access key that a store names users by; NULL: only what
                                     * holds for everybody */
    enum aks_bucket_document document;
    enum aks_bucket_use use;
};

/** "policy", "identity", "lifecycle", "public-access", "encryption", "all". */
const char *aks_bucket_policy_document_name(enum aks_bucket_document document);
/** "sync", "restore", "prune". */
const char *aks_bucket_policy_use_name(enum aks_bucket_use use);
/** Appends the document, JSON in one line without a line end. AKS_SETTINGS for what would make it
 * mean something else or more: a name with '*', '?' or '$' in it, a principal that stands for a
 * whole account. AKS_LIMIT without memory. */
enum aks_status aks_bucket_policy_write(const struct aks_bucket_policy *policy,
    struct aks_buf *out, struct aks_error *err);

#endif
