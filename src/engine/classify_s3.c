/* S3's error codes: AWS's own (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)
 * and what MinIO, R2, Garage, versitygw, SeaweedFS and Ceph add. */
#include "engine/classify_internal.h"

#include <stddef.h>
#include <string.h>

#define HINT_CLOCK "set this machine's clock; more than 15 minutes of difference are refused"
#define HINT_EXPIRED "the credentials have expired: renew them"
#define HINT_KEY "check the access key and that it belongs to this endpoint"
#define HINT_SIGNATURE "check the secret key; it does not fit the access key"
#define HINT_RIGHT \
    "these credentials may not do this here: check the bucket's and the user's policy " \
    "(akosha-sync bucket-policy prints what is needed)"
#define HINT_ACCOUNT "the account itself is closed, locked or not signed up: ask the provider"
#define HINT_BUCKET "create the bucket, or correct its name, the region or the endpoint"
#define HINT_REGION "set `region` of this target to the bucket's region"
#define HINT_FULL "make room in the storage, or raise its quota"
#define HINT_NAME "check `bucket` and `prefix` of this target"
#define HINT_FEATURE \
    "this server lacks what was asked of it: check the endpoint, or use another target"
#define HINT_DAMAGED \
    "bytes changed on the way: if it repeats, suspect the memory, the network or a proxy"

static const struct aks_s3_meaning meanings[] = {
    /* The server has too much to do. */
    { "SlowDown", AKS_THROTTLED, NULL },
    { "SlowDownRead", AKS_THROTTLED, NULL },
    { "SlowDownWrite", AKS_THROTTLED, NULL },
    { "TooManyRequests", AKS_THROTTLED, NULL },
    { "TooManyRequestsException", AKS_THROTTLED, NULL },
    { "ErrTooManyRequest", AKS_THROTTLED, NULL },
    { "ThrottlingException", AKS_THROTTLED, NULL },
    { "Throttling", AKS_THROTTLED, NULL },
    { "ThrottledException", AKS_THROTTLED, NULL },
    { "RequestLimitExceeded", AKS_THROTTLED, NULL },
    { "RequestThrottled", AKS_THROTTLED, NULL },
    { "RequestThrottledException", AKS_THROTTLED, NULL },
    { "BandwidthLimitExceeded", AKS_THROTTLED, NULL },
    { "ProvisionedThroughputExceededException", AKS_THROTTLED, NULL },
    { "KMS.ThrottlingException", AKS_THROTTLED, NULL },
    /* It failed, and may not the next time. */
    { "ServiceUnavailable", AKS_SERVER, NULL },
    { "ServerBusy", AKS_SERVER, NULL },
    { "InternalError", AKS_SERVER, NULL },
    { "InternalFailure", AKS_SERVER, NULL },
    { "PriorRequestNotComplete", AKS_SERVER, NULL },
    { "OperationAborted", AKS_SERVER, NULL },
    { "XMinioServerNotInitialized", AKS_SERVER, NULL },
    { "IDPCommunicationError", AKS_SERVER, NULL },
    { "ClientDisconnect", AKS_SERVER, NULL },
    { "RequestTimeout", AKS_TIMEOUT, NULL },
    { "RequestTimeoutException", AKS_TIMEOUT, NULL },
    /* What came is not what was sent. */
    { "BadDigest", AKS_CORRUPT, HINT_DAMAGED },
    { "XAmzContentSHA256Mismatch", AKS_CORRUPT, HINT_DAMAGED },
    { "XAmzContentChecksumMismatch", AKS_CORRUPT, HINT_DAMAGED },
    { "IncompleteBody", AKS_CORRUPT, HINT_DAMAGED },
    /* Time. */
    { "RequestTimeTooSkewed", AKS_CLOCK_SKEW, HINT_CLOCK },
    { "RequestExpired", AKS_CLOCK_SKEW, HINT_CLOCK },
    { "ExpiredRequest", AKS_CLOCK_SKEW, HINT_CLOCK },
    /* Who asks. */
    { "ExpiredToken", AKS_AUTH_EXPIRED, HINT_EXPIRED },
    { "ExpiredTokenException", AKS_AUTH_EXPIRED, HINT_EXPIRED },
    { "TokenRefreshRequired", AKS_AUTH_EXPIRED, HINT_EXPIRED },
    { "InvalidToken", AKS_AUTH_INVALID, "renew the credentials: the session token is not valid" },
    { "InvalidTokenId", AKS_AUTH_INVALID, "renew the credentials: the session token is not valid" },
    { "InvalidAccessKeyId", AKS_AUTH_INVALID, HINT_KEY },
    { "InvalidClientTokenId", AKS_AUTH_INVALID, HINT_KEY },
    { "XAdminUserNotFound", AKS_AUTH_INVALID, HINT_KEY },
    { "UnrecognizedClientException", AKS_AUTH_INVALID, HINT_KEY },
    { "SignatureDoesNotMatch", AKS_AUTH_INVALID, HINT_SIGNATURE },
    { "Unauthorized", AKS_AUTH_INVALID, HINT_KEY },
    { "InvalidSecurity", AKS_AUTH_INVALID, HINT_KEY },
    { "MissingSecurityHeader", AKS_AUTH_INVALID, HINT_KEY },
    { "MissingAuthenticationToken", AKS_AUTH_INVALID, HINT_KEY },
    { "CredentialsNotSupported", AKS_AUTH_INVALID, HINT_KEY },
    /* What they may. */
    { "AccessDenied", AKS_FORBIDDEN, HINT_RIGHT },
    { "AccessDeniedException", AKS_FORBIDDEN, HINT_RIGHT },
    { "AllAccessDisabled", AKS_FORBIDDEN, HINT_ACCOUNT },
    { "AccountProblem", AKS_FORBIDDEN, HINT_ACCOUNT },
    { "NotSignedUp", AKS_FORBIDDEN, HINT_ACCOUNT },
    { "NotEntitled", AKS_FORBIDDEN, HINT_ACCOUNT },
    { "InvalidPayer", AKS_FORBIDDEN, HINT_ACCOUNT },
    { "InvalidObjectState", AKS_FORBIDDEN, "the object is archived and must be restored first" },
    { "ObjectLockedByBucketPolicy", AKS_FORBIDDEN, "a lock of the bucket protects this object" },
    /* What is not there. */
    { "NoSuchBucket", AKS_NOT_FOUND, HINT_BUCKET },
    { "NoSuchKey", AKS_NOT_FOUND, NULL },
    { "NoSuchUpload", AKS_NOT_FOUND, NULL },
    { "NoSuchVersion", AKS_NOT_FOUND, NULL },
    /* What is in the way. A part that is gone needs a new upload, like an upload that is gone. */
    { "PreconditionFailed", AKS_CONFLICT, NULL },
    { "ConditionalRequestConflict", AKS_CONFLICT, NULL },
    { "InvalidPart", AKS_CONFLICT, NULL },
    { "ObjectParentIsFile", AKS_CONFLICT, "a file stands where a folder is needed in this server" },
    { "ExistingObjectIsDirectory", AKS_CONFLICT,
        "a folder stands where a file is needed in this server" },
    /* Room. */
    { "EntityTooLarge", AKS_TOO_LARGE, NULL },
    { "MaxMessageLengthExceeded", AKS_TOO_LARGE, NULL },
    { "QuotaExceeded", AKS_NO_SPACE, HINT_FULL },
    { "InsufficientStorage", AKS_NO_SPACE, HINT_FULL },
    { "XMinioStorageFull", AKS_NO_SPACE, HINT_FULL },
    { "XMinioAdminBucketQuotaExceeded", AKS_NO_SPACE, HINT_FULL },
    /* The wrong place. */
    { "PermanentRedirect", AKS_SETTINGS, HINT_REGION },
    { "AuthorizationHeaderMalformed", AKS_SETTINGS, HINT_REGION },
    { "IllegalLocationConstraintException", AKS_SETTINGS, HINT_REGION },
    { "TemporaryRedirect", AKS_BAD_REPLY, "a new bucket's address may need some hours to settle" },
    { "Redirect", AKS_BAD_REPLY, "a new bucket's address may need some hours to settle" },
    /* What this server will never take. */
    { "InvalidBucketName", AKS_SETTINGS, HINT_NAME },
    { "KeyTooLongError", AKS_SETTINGS, HINT_NAME },
    { "XMinioInvalidObjectName", AKS_SETTINGS, HINT_NAME },
    { "InvalidURI", AKS_SETTINGS, HINT_NAME },
    { "EntityTooSmall", AKS_SETTINGS, "this server wants larger parts: raise `part_bytes`" },
    { "NotImplemented", AKS_SETTINGS, HINT_FEATURE },
    { "MethodNotAllowed", AKS_SETTINGS, HINT_FEATURE },
    { "InvalidArgument", AKS_SETTINGS, HINT_FEATURE },
    { "InvalidRequest", AKS_SETTINGS, HINT_FEATURE },
    { "InvalidDigest", AKS_SETTINGS, HINT_FEATURE },
    { "InvalidPartOrder", AKS_SETTINGS, HINT_FEATURE },
    { "InvalidRange", AKS_SETTINGS, HINT_FEATURE },
    { "MalformedXML", AKS_SETTINGS, HINT_FEATURE },
    { "MalformedTrailerError", AKS_SETTINGS, HINT_FEATURE },
    { "InvalidChunkSizeError", AKS_SETTINGS, HINT_FEATURE },
    { "MetadataTooLarge", AKS_SETTINGS, HINT_FEATURE },
    { "MissingContentLength", AKS_SETTINGS, HINT_FEATURE },
};

/* Any other trouble with the key that encrypts the bucket. */
static const struct aks_s3_meaning kms = { "KMS.", AKS_FORBIDDEN,
    "the bucket's KMS key cannot be used: kms:GenerateDataKey and kms:Decrypt are needed" };

const struct aks_s3_meaning *
aks_classify_s3_code(const char *code)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (strcmp(meanings[i].code, code) == 0)
            return &meanings[i];
    }
    return strncmp(code, kms.code, strlen(kms.code)) == 0 ? &kms : NULL;
}
