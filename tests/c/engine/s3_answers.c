#include "engine/s3_answers.h"

#include <string.h>

#define NONCE "abababababababababababababababab"
#define DENIED S3_ANSWERS_CODE("AccessDenied")

const char *const s3_answers_lines[AKS_S3_QUESTIONS] = {
    [AKS_S3_ASK_PUT] = "PUT " S3_SCRIPT_MARKER,
    [AKS_S3_ASK_PUT_AGAIN] = "PUT " S3_SCRIPT_MARKER,
    [AKS_S3_ASK_LIST_OWN] =
        "GET /bucket?list-type=2&max-keys=1&prefix=pre%2Fsystems%2Flaptop-7%2F",
    [AKS_S3_ASK_LIST_ALL] = "GET /bucket?list-type=2&max-keys=1",
    [AKS_S3_ASK_READ_OWN] = "GET " S3_SCRIPT_MARKER ".doctor-" NONCE,
    [AKS_S3_ASK_READ_OTHER] = "GET /bucket/pre/systems/laptop-7-" NONCE "/x",
    [AKS_S3_ASK_DELETE] = "DELETE " S3_SCRIPT_MARKER ".doctor-" NONCE,
    [AKS_S3_ASK_DELETE_AGAIN] = "DELETE " S3_SCRIPT_MARKER ".doctor-" NONCE,
    [AKS_S3_ASK_STRANGER_LIST] = "GET /bucket?list-type=2&max-keys=1",
    [AKS_S3_ASK_STRANGER_READ] = "GET " S3_SCRIPT_MARKER,
    [AKS_S3_ASK_POLICY_STATUS] = "GET /bucket?policyStatus=",
    [AKS_S3_ASK_PUBLIC_ACCESS] = "GET /bucket?publicAccessBlock=",
    [AKS_S3_ASK_ENCRYPTION] = "GET /bucket?encryption=",
    [AKS_S3_ASK_VERSIONING] = "GET /bucket?versioning=",
    [AKS_S3_ASK_LIFECYCLE] = "GET /bucket?lifecycle=",
};

const struct s3_answer s3_answers_open[AKS_S3_QUESTIONS] = {
    [AKS_S3_ASK_PUT] = { 200, "Date: Thu, 01 Jan 1970 01:00:00 GMT\n", NULL },
    [AKS_S3_ASK_PUT_AGAIN] = { 412, NULL, S3_ANSWERS_CODE("PreconditionFailed") },
    [AKS_S3_ASK_LIST_OWN] = { 200, NULL, NULL },
    [AKS_S3_ASK_LIST_ALL] = { 200, NULL, NULL },
    [AKS_S3_ASK_READ_OWN] = { 404, NULL, S3_ANSWERS_CODE("NoSuchKey") },
    [AKS_S3_ASK_READ_OTHER] = { 404, NULL, S3_ANSWERS_CODE("NoSuchKey") },
    [AKS_S3_ASK_DELETE] = { 403, NULL, DENIED },
    [AKS_S3_ASK_DELETE_AGAIN] = { 204, NULL, NULL },
    [AKS_S3_ASK_STRANGER_LIST] = { 200, NULL, NULL },
    [AKS_S3_ASK_STRANGER_READ] = { 403, NULL, DENIED },
    [AKS_S3_ASK_POLICY_STATUS] = { 200, NULL, "<PolicyStatus><IsPublic>true</IsPublic>"
        "</PolicyStatus>" },
    [AKS_S3_ASK_PUBLIC_ACCESS] = { 404, NULL,
        S3_ANSWERS_CODE("NoSuchPublicAccessBlockConfiguration") },
    [AKS_S3_ASK_ENCRYPTION] = { 200, NULL, "<ServerSideEncryptionConfiguration><Rule>"
        "<SSEAlgorithm>AES256</SSEAlgorithm></Rule></ServerSideEncryptionConfiguration>" },
    [AKS_S3_ASK_VERSIONING] = { 200, NULL, "<html>what</html>" },
    [AKS_S3_ASK_LIFECYCLE] = { 403, NULL, DENIED },
};

const struct s3_answer s3_answers_tight[AKS_S3_QUESTIONS] = {
    [AKS_S3_ASK_PUT] = { 412, NULL, S3_ANSWERS_CODE("PreconditionFailed") },
    [AKS_S3_ASK_LIST_OWN] = { 200, NULL, NULL },
    [AKS_S3_ASK_LIST_ALL] = { 403, NULL, DENIED },
    [AKS_S3_ASK_READ_OWN] = { 404, NULL, S3_ANSWERS_CODE("NoSuchKey") },
    [AKS_S3_ASK_READ_OTHER] = { 403, NULL, DENIED },
    [AKS_S3_ASK_DELETE] = { 403, NULL, DENIED },
    [AKS_S3_ASK_DELETE_AGAIN] = { 403, NULL, DENIED },
    [AKS_S3_ASK_STRANGER_LIST] = { 403, NULL, DENIED },
    [AKS_S3_ASK_STRANGER_READ] = { 403, NULL, DENIED },
    [AKS_S3_ASK_POLICY_STATUS] = { 404, NULL, S3_ANSWERS_CODE("NoSuchBucketPolicy") },
    [AKS_S3_ASK_PUBLIC_ACCESS] = { 200, NULL, "<PublicAccessBlockConfiguration>"
        "<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>"
        "<BlockPublicPolicy>true</BlockPublicPolicy>"
        "<RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>" },
    [AKS_S3_ASK_ENCRYPTION] = { 200, NULL, "<ServerSideEncryptionConfiguration><Rule>"
        "<SSEAlgorithm>aws:kms</SSEAlgorithm></Rule></ServerSideEncryptionConfiguration>" },
    [AKS_S3_ASK_VERSIONING] = { 200, NULL, "<VersioningConfiguration><Status>Enabled</Status>"
        "</VersioningConfiguration>" },
    [AKS_S3_ASK_LIFECYCLE] = { 200, NULL, "<LifecycleConfiguration><Rule><Status>Enabled</Status>"
        "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation>"
        "</AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>" },
};

static enum aks_status
no_chance(void *ctx, void *data, size_t len, struct aks_error *err)
{
    memset(data, 0xab, len);
    return AKS_OK;
}

void
s3_answers_begin(struct s3_script *script, const struct aks_alloc *alloc)
{
    s3_script_begin(script, alloc);
    script->scripted.port.entropy.fill = no_chance;
}

void
s3_answers_expect(struct s3_script *script, const struct s3_answer answers[AKS_S3_QUESTIONS])
{
    for (int i = 0; i < AKS_S3_QUESTIONS; i++) {
        if (answers[i].status != 0)
            scripted_expect(&script->scripted, s3_answers_lines[i], answers[i].status,
                answers[i].headers, answers[i].body);
    }
}
