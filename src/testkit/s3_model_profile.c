/* Who does what: every deliberate difference between the profiles is one row here. STRICT refuses
 * what any of them refuses. What MINIO and VERSITYGW do was measured (the contract suite holds
 * both against the real ones); AWS and R2 are as their documentation says. */
#include "testkit/s3_model_internal.h"

#include <stddef.h>
#include <string.h>

#define STRICT (1U << AKS_S3_STRICT)
#define AWS (1U << AKS_S3_AWS)
#define R2 (1U << AKS_S3_R2)
#define MINIO (1U << AKS_S3_MINIO)
#define VERSITYGW (1U << AKS_S3_VERSITYGW)
#define SLOPPY (1U << AKS_S3_SLOPPY)
#define PROFILES 6

#define TRAIT(name) offsetof(struct aks_s3_traits, name)

/* A trait that a profile has or not. */
static const struct {
    size_t trait;
    unsigned profiles;
} flags[] = {
    /* The region of a signature is not compared with the bucket's: by default MinIO has none. */
    { TRAIT(any_region), MINIO | SLOPPY },
    /* "auto" and "us-east-1" are names of the one region that there is. */
    { TRAIT(region_aliases), R2 },
    /* The day of the scope need not be that of x-amz-date; the key of the scope's day signs. */
    { TRAIT(any_scope_day), MINIO | SLOPPY },
    /* UNSIGNED-PAYLOAD only where TLS keeps the bytes together. */
    { TRAIT(unsigned_needs_tls), STRICT | AWS },
    /* x-amz-content-sha256 is asked for by name. Without it the others take the digest of the body
     * for what was signed. */
    { TRAIT(needs_content_sha256), STRICT | AWS | R2 | VERSITYGW },
    /* Headers beginning with x-amz- need not be signed. */
    { TRAIT(any_unsigned_header), MINIO | SLOPPY },
    /* The bucket's region comes with the refusal of another one, in a header. */
    { TRAIT(tells_wrong_region), STRICT | AWS | R2 },
    /* The server's time comes with the refusal of another one, in XML; in Date it always is. */
    { TRAIT(tells_server_time), STRICT | AWS | R2 | VERSITYGW | SLOPPY },
    /* Who may not list is not told that a key is not there: 403. */
    { TRAIT(hides_absence), STRICT | AWS | MINIO },
    /* PUT without Content-Length, even of nothing, is refused: 411. */
    { TRAIT(needs_length), STRICT | AWS },
    /* Content-MD5 and x-amz-checksum-* are neither verified nor kept. */
    { TRAIT(ignores_checksums), SLOPPY },
    /* x-amz-content-sha256 of a list of parts is not compared with the list. */
    { TRAIT(trusts_lists), MINIO },
    /* x-amz-sdk-checksum-algorithm asks for the checksum that it names. */
    { TRAIT(demands_sdk_checksum), STRICT | AWS | VERSITYGW },
    /* Every object without a checksum of its own gets CRC64NVME. */
    { TRAIT(adds_crc64), AWS | VERSITYGW },
    /* CRC64NVME of type COMPOSITE is taken for FULL_OBJECT. */
    { TRAIT(crc64_composite), MINIO },
    /* A part without a checksum gets that of its upload, if it is of type FULL_OBJECT. */
    { TRAIT(sums_parts), VERSITYGW },
    /* A part can be copied into an upload with checksums. MinIO wants the source to have one. */
    { TRAIT(copies_into_sums), AWS | R2 | VERSITYGW | SLOPPY },
    /* Complete must name each part's checksum if the upload has an algorithm. */
    { TRAIT(list_needs_checksums), STRICT | AWS | MINIO | VERSITYGW },
    /* x-amz-mp-object-size must be what the parts add up to. */
    { TRAIT(needs_object_size), STRICT | AWS | VERSITYGW },
    /* If-None-Match and If-Match hold on PutObject. */
    { TRAIT(puts_conditional), STRICT | AWS | R2 | MINIO | VERSITYGW },
    /* The same on CompleteMultipartUpload; R2 does not document it, so there it is ignored. */
    { TRAIT(completes_conditional), STRICT | AWS | MINIO | VERSITYGW },
    /* The same, already on CreateMultipartUpload. */
    { TRAIT(creates_conditional), MINIO },
    /* On writes If-None-Match can only be "*", and not both conditions can be there. */
    { TRAIT(star_only), STRICT | AWS | VERSITYGW },
    /* If-Match: * holds for whatever is there. */
    { TRAIT(star_matches), MINIO },
    /* Parts may be as small as they are. */
    { TRAIT(no_part_minimum), SLOPPY },
    /* All parts but the last have one size, and the last is no larger. */
    { TRAIT(equal_parts), STRICT | R2 },
    /* The order of a list of parts is looked at before the parts are. */
    { TRAIT(order_first), STRICT | AWS | R2 | MINIO },
    /* A number may come twice in a list of parts. */
    { TRAIT(repeated_parts), MINIO | SLOPPY },
    /* Complete of what is completed succeeds again, if the object is still the one of that list. */
    { TRAIT(completes_again), AWS | VERSITYGW },
    /* Or whatever the list and the object are, as long as there is one. */
    { TRAIT(completes_any_list), VERSITYGW },
    /* Abort of an upload that is not there is no error. */
    { TRAIT(aborts_unknown), MINIO | SLOPPY },
    /* x-amz-copy-source-range may leave its end open. */
    { TRAIT(copies_open_ranges), VERSITYGW | SLOPPY },
    /* Complete tells checksums and their type in headers instead of the type in XML. */
    { TRAIT(sums_in_headers), MINIO },
    /* x-amz-bucket-region comes with HeadBucket and lists. */
    { TRAIT(tells_region), STRICT | AWS | VERSITYGW },
    /* Keys may be longer than 1024 bytes, as far as files can have such names. */
    { TRAIT(any_key_length), VERSITYGW | SLOPPY },
    /* An unknown encoding-type, or an empty continuation-token, is as good as none. */
    { TRAIT(any_encoding), VERSITYGW | SLOPPY },
    /* MaxKeys of a list is what was asked for, even above the 1000 that can be had. */
    { TRAIT(tells_asked), MINIO },
    /* ListMultipartUploads finds uploads of the one key that its prefix is. */
    { TRAIT(uploads_by_exact_key), MINIO },
};

/* A trait with a value in each profile: codes of errors, unless a comment says otherwise. In the
 * order of enum aks_s3_profile: strict, AWS, R2, MinIO, versitygw, sloppy. */
static const struct {
    size_t trait;
    const char *values[PROFILES];
} texts[] = {
    /* The Server header. */
    { TRAIT(server), { "model", "AmazonS3", "cloudflare", "MinIO", "VERSITYGW", "sloppy" } },
    /* A scope without five parts, or with a date that is none. */
    { TRAIT(malformed_scope), { "AuthorizationHeaderMalformed", "AuthorizationHeaderMalformed",
        "AuthorizationHeaderMalformed", "AuthorizationQueryParametersError",
        "AuthorizationHeaderMalformed", "AuthorizationHeaderMalformed" } },
    { TRAIT(wrong_service), { "AuthorizationHeaderMalformed", "AuthorizationHeaderMalformed",
        "AuthorizationHeaderMalformed", "AuthorizationParametersError",
        "AuthorizationHeaderMalformed", "AuthorizationHeaderMalformed" } },
    { TRAIT(unknown_access_key), { "InvalidAccessKeyId", "InvalidAccessKeyId", "Unauthorized",
        "InvalidAccessKeyId", "XAdminUserNotFound", "InvalidAccessKeyId" } },
    { TRAIT(wrong_token), { "InvalidToken", "InvalidToken", "InvalidToken", "InvalidTokenId",
        "InvalidToken", "InvalidToken" } },
    { TRAIT(too_fast), { "SlowDown", "SlowDown", "TooManyRequests", "SlowDownWrite", "SlowDown",
        "SlowDown" } },
    /* A checksum that is not that of the bytes. */
    { TRAIT(bad_checksum), { "BadDigest", "BadDigest", "BadDigest", "XAmzContentChecksumMismatch",
        "BadDigest", "BadDigest" } },
    /* A checksum that is none, of another algorithm than was agreed, or missing. */
    { TRAIT(wrong_checksum), { "InvalidRequest", "InvalidRequest", "InvalidRequest",
        "InvalidArgument", "InvalidRequest", "InvalidRequest" } },
    /* Complete with another x-amz-checksum-type than Create had. */
    { TRAIT(wrong_type), { "BadDigest", "BadDigest", "BadDigest", "InvalidArgument",
        "InvalidRequest", "BadDigest" } },
    /* A list of parts without the checksums of an upload that has some. */
    { TRAIT(missing_in_list), { "InvalidRequest", "InvalidRequest", "InvalidRequest", "InvalidPart",
        "InvalidRequest", "InvalidRequest" } },
    /* x-amz-content-sha256 that is no digest. */
    { TRAIT(bad_payload_hash), { "InvalidArgument", "InvalidArgument", "InvalidArgument",
        "XAmzContentSHA256Mismatch", "InvalidArgument", "InvalidArgument" } },
    /* partNumber below 1, or no number. */
    { TRAIT(bad_part_number), { "InvalidArgument", "InvalidArgument", "InvalidArgument",
        "InvalidPart", "InvalidArgument", "InvalidArgument" } },
    /* Complete without a part. */
    { TRAIT(empty_list), { "MalformedXML", "MalformedXML", "MalformedXML", "InvalidRequest",
        "MalformedXML", "EntityTooSmall" } },
};

void
aks_s3_model_profile(enum aks_s3_profile profile, struct aks_s3_traits *ret_traits)
{
    const bool has = true;

    memset(ret_traits, 0, sizeof(*ret_traits));
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if ((flags[i].profiles & 1U << profile) != 0)
            memcpy((char *)ret_traits + flags[i].trait, &has, sizeof(has));
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        memcpy((char *)ret_traits + texts[i].trait, &texts[i].values[profile],
            sizeof(texts[i].values[profile]));
    /* Parts or uploads in one list: MinIO gives as many as there can be parts. */
    ret_traits->page_max = profile == AKS_S3_MINIO ? AKS_S3_MODEL_PARTS_MAX
        : AKS_S3_MODEL_PAGE_MAX;
}
