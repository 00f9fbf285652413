/* Every name that goes into a document has been checked to be of letters, digits and a few signs
 * that mean nothing in JSON and in patterns of policies: so the text is put together as text. */
#include "wire/bucket_policy.h"

#include "wire/bucket_name.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define SYSTEM_ID_MAX 84
#define ACCOUNT_DIGITS 12

#define READS "\"s3:GetObject\""
#define WRITES "\"s3:PutObject\",\"s3:GetObject\",\"s3:AbortMultipartUpload\"," \
    "\"s3:ListMultipartUploadParts\""
#define REMOVES "\"s3:GetObject\",\"s3:DeleteObject\""

/* What the key of a machine must not be able to do whatever else its owner is allowed: take away
 * what was stored, or the guards around it. */
#define NEVER "\"s3:DeleteObjectVersion\",\"s3:BypassGovernanceRetention\"," \
    "\"s3:ListBucketMultipartUploads\",\"s3:DeleteBucket\",\"s3:DeleteBucketPolicy\"," \
    "\"s3:PutBucketPolicy\",\"s3:PutBucketAcl\",\"s3:PutObjectAcl\"," \
    "\"s3:PutBucketPublicAccessBlock\",\"s3:PutBucketVersioning\"," \
    "\"s3:PutEncryptionConfiguration\",\"s3:PutLifecycleConfiguration\"," \
    "\"s3:PutReplicationConfiguration\""

static const char *const documents[] = { "policy", "identity", "lifecycle", "public-access",
    "encryption", "all" };
static const char *const uses[] = { "sync", "restore", "prune" };

/* One document while it is written. */
struct writer {
    const struct aks_bucket_policy *policy;
    struct aks_buf *out;
    const char *partition;          /* "aws", "aws-cn": as the principal's */
    size_t partition_len;
    const char *slash;              /* behind the prefix: "/" or "" */
    bool by_key;                    /* the principal is an access key */
};

const char *
aks_bucket_policy_document_name(enum aks_bucket_document document)
{
    return documents[document];
}

const char *
aks_bucket_policy_use_name(enum aks_bucket_use use)
{
    return uses[use];
}

/* --- what may go into a document -------------------------------------------------------------- */

/* Of letters, digits and ${signs} alone? */
static bool
is_of(const char *text, size_t len, const char *signs)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '\0' || c >= 0x80 || (!isalnum(c) && strchr(signs, c) == NULL))
            return false;
    }
    return true;
}

static enum aks_status
check_prefix(const char *prefix, struct aks_error *err)
{
    size_t len = strlen(prefix);

    if (len > AKS_BUCKET_POLICY_PREFIX_MAX)
        return aks_error_set(err, AKS_SETTINGS, "prefix: longer than %d bytes",
            AKS_BUCKET_POLICY_PREFIX_MAX);
    if (!is_of(prefix, len, "._/-"))
        return aks_error_set(err, AKS_SETTINGS, "prefix: a prefix has letters, digits, '.', '_', "
            "'-' and '/' only, since '*', '?' and '$' would let the document stand for more");
    if (prefix[0] == '/' || strstr(prefix, "//") != NULL || strstr(prefix, "..") != NULL)
        return aks_error_set(err, AKS_SETTINGS, "prefix: it has no '/' in front, no '//' and no "
            "'..'");
    return AKS_OK;
}

/* The next ':'-separated piece of ${*at}, which is moved behind it; NULL if there is none. */
static const char *
piece(const char **at, size_t *ret_len)
{
    const char *begin = *at;
    const char *end = strchr(begin, ':');

    if (end == NULL)
        return NULL;
    *ret_len = (size_t)(end - begin);
    *at = end + 1;
    return begin;
}

static bool
is(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && strncmp(text, word, len) == 0;
}

/* "user/x", "role/path/x", "assumed-role/x/session": one, and never all of an account. */
static bool
one_of_account(const char *resource)
{
    static const char *const kinds[] = { "user/", "role/", "assumed-role/", "federated-user/" };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t len = strlen(kinds[i]);

        if (strncmp(resource, kinds[i], len) == 0)
            return resource[len] != '\0' && resource[len] != '/' &&
                resource[strlen(resource) - 1] != '/';
    }
    return false;
}

/* arn:<partition>:iam|sts::<account>:<kind>/<name> */
static bool
take_arn(struct writer *writer, const char *arn)
{
    const char *at = arn + strlen("arn:");
    size_t len[4];
    const char *partition = piece(&at, &len[0]);
    const char *service = partition != NULL ? piece(&at, &len[1]) : NULL;
    const char *region = service != NULL ? piece(&at, &len[2]) : NULL;
    const char *account = region != NULL ? piece(&at, &len[3]) : NULL;

    if (account == NULL || len[0] < 3 || strncmp(partition, "aws", 3) != 0 ||
        !is_of(partition, len[0], "-") || len[2] != 0 ||
        (!is(service, len[1], "iam") && !is(service, len[1], "sts")) ||
        !is_of(account, len[3], "_-") || !is_of(at, strlen(at), "+=,.@_/-") || !one_of_account(at))
        return false;
    writer->partition = partition;
    writer->partition_len = len[0];
    return true;
}

static enum aks_status
take_principal(struct writer *writer, const char *principal, struct aks_error *err)
{
    size_t len = strlen(principal);
    enum aks_status status;

    if (len <= AKS_BUCKET_POLICY_PRINCIPAL_MAX && strncmp(principal, "arn:", 4) == 0 &&
        take_arn(writer, principal))
        return AKS_OK;
    /* A store that has no ARNs names a user by its access key. Twelve digits are an account. */
    if (len >= 3 && len <= 128 && is_of(principal, len, "_-") &&
        !(len == ACCOUNT_DIGITS && strspn(principal, "0123456789") == len)) {
        writer->by_key = true;
        return AKS_OK;
    }
    status = aks_error_set(err, AKS_SETTINGS, "principal: it must be the ARN of one user or role, "
        "or an access key where the store names users so, without '*' and '?'");
    aks_error_hint(err, "such as arn:aws:iam::123456789012:user/laptop-7: an account, or its root, "
        "stands for everybody in it");
    return status;
}

static enum aks_status
check(struct writer *writer, struct aks_error *err)
{
    const struct aks_bucket_policy *policy = writer->policy;
    const char *fault = aks_bucket_name_fault(policy->bucket, strlen(policy->bucket));
    size_t id = strlen(policy->system_id);
    enum aks_status status;

    if (fault != NULL)
        return aks_error_set(err, AKS_SETTINGS, "bucket: %s", fault);
    if (id == 0 || id > SYSTEM_ID_MAX || !is_of(policy->system_id, id, "_-"))
        return aks_error_set(err, AKS_SETTINGS,
            "system id: it has 1 to %d letters, digits, '_' and '-'", SYSTEM_ID_MAX);
    status = policy->prefix != NULL ? check_prefix(policy->prefix, err) : AKS_OK;
    if (status != AKS_OK || policy->principal == NULL)
        return status;
    if (policy->document != AKS_BUCKET_POLICY && policy->document != AKS_BUCKET_ALL)
        return aks_error_set(err, AKS_SETTINGS, "principal: a document \"%s\" names nobody: it "
            "holds for whom it is attached to", documents[policy->document]);
    return take_principal(writer, policy->principal, err);
}

/* --- pieces ----------------------------------------------------------------------------------- */

/* The bucket; with ${objects} what is below it. */
static void
put_arn(const struct writer *writer, const char *objects)
{
    aks_buf_printf(writer->out, "\"arn:%.*s:s3:::%s%s\"", (int)writer->partition_len,
        writer->partition, writer->policy->bucket, objects);
}

/* Where everything of the machine lies, without a '/' at its end. */
static void
put_folder(const struct writer *writer)
{
    aks_buf_printf(writer->out, "%s%ssystems/%s",
        writer->policy->prefix != NULL ? writer->policy->prefix : "", writer->slash,
        writer->policy->system_id);
}

static void
put_own(const struct writer *writer, const char *objects)
{
    aks_buf_printf(writer->out, "\"arn:%.*s:s3:::%s/", (int)writer->partition_len,
        writer->partition, writer->policy->bucket);
    put_folder(writer);
    aks_buf_printf(writer->out, "%s\"", objects);
}

static void
put_both_arns(const struct writer *writer)
{
    aks_buf_puts(writer->out, "[");
    put_arn(writer, "");
    aks_buf_puts(writer->out, ",");
    put_arn(writer, "/*");
    aks_buf_puts(writer->out, "]");
}

/* The beginning of a statement, up to its resource. */
static void
put_begin(const struct writer *writer, const char *sid, const char *effect, bool everybody,
    const char *actions)
{
    const char *principal = writer->policy->principal;

    aks_buf_printf(writer->out, "{\"Sid\":\"%s\",\"Effect\":\"%s\",", sid, effect);
    if (everybody)
        aks_buf_puts(writer->out, "\"Principal\":\"*\",");
    else if (principal != NULL)
        aks_buf_printf(writer->out, "\"Principal\":{\"AWS\":\"%s\"},", principal);
    aks_buf_printf(writer->out, "\"Action\":[%s],\"Resource\":", actions);
}

/* --- documents -------------------------------------------------------------------------------- */

/* What the key may: its own objects, and their names. */
static void
put_allowed(const struct writer *writer)
{
    static const char *const actions[] = { WRITES, READS, REMOVES };

    put_begin(writer, "OwnObjects", "Allow", false, actions[writer->policy->use]);
    aks_buf_puts(writer->out, writer->by_key ? "[" : "");
    put_own(writer, "/*");
    /* versitygw takes the '/' from a folder's own marker before it looks whether it may be put. */
    if (writer->by_key) {
        aks_buf_puts(writer->out, ",");
        put_own(writer, "");
        aks_buf_puts(writer->out, "]");
    }
    aks_buf_puts(writer->out, "},");
    put_begin(writer, "OwnNames", "Allow", false, "\"s3:ListBucket\"");
    put_arn(writer, "");
    aks_buf_puts(writer->out, ",\"Condition\":{\"StringLike\":{\"s3:prefix\":\"");
    put_folder(writer);
    aks_buf_puts(writer->out, "/*\"}}}");
}

/* What it may not, even if something else allows it. */
static void
put_denied(const struct writer *writer)
{
    put_begin(writer, "NoMore", "Deny", false, writer->policy->use == AKS_BUCKET_PRUNE ? NEVER
        : "\"s3:DeleteObject\"," NEVER);
    put_both_arns(writer);
    aks_buf_puts(writer->out, "},");
    put_begin(writer, "NoOtherNames", "Deny", false, "\"s3:ListBucket\",\"s3:ListBucketVersions\"");
    put_arn(writer, "");
    aks_buf_puts(writer->out, ",\"Condition\":{\"StringNotLike\":{\"s3:prefix\":\"");
    put_folder(writer);
    aks_buf_puts(writer->out, "/*\"}}}");
}

static void
put_transport(const struct writer *writer)
{
    put_begin(writer, "NoPlainTransport", "Deny", true, "\"s3:*\"");
    put_both_arns(writer);
    aks_buf_puts(writer->out, ",\"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"false\"}}},");
    put_begin(writer, "NoOldTls", "Deny", true, "\"s3:*\"");
    put_both_arns(writer);
    aks_buf_puts(writer->out, ",\"Condition\":{\"NumericLessThan\":{\"s3:TlsVersion\":\"1.2\"}}}");
}

static void
put_policy(const struct writer *writer)
{
    aks_buf_puts(writer->out, "{\"Version\":\"2012-10-17\",\"Statement\":[");
    if (writer->policy->principal != NULL) {
        put_allowed(writer);
        aks_buf_puts(writer->out, ",");
        put_denied(writer);
        aks_buf_puts(writer->out, ",");
    }
    put_transport(writer);
    aks_buf_puts(writer->out, "]}");
}

static void
put_identity(const struct writer *writer)
{
    struct aks_bucket_policy nobody = *writer->policy;
    struct writer own = *writer;

    nobody.principal = NULL;
    own.policy = &nobody;
    own.by_key = false;
    aks_buf_puts(writer->out, "{\"Version\":\"2012-10-17\",\"Statement\":[");
    put_allowed(&own);
    aks_buf_puts(writer->out, "]}");
}

/* A bucket has one such document for all machines, so it is about all of them. */
static void
put_lifecycle(const struct writer *writer)
{
    aks_buf_printf(writer->out, "{\"Rules\":[{\"ID\":\"akosha-sync-abandoned-uploads\","
        "\"Status\":\"Enabled\",\"Filter\":{\"Prefix\":\"%s%ssystems/\"},"
        "\"AbortIncompleteMultipartUpload\":{\"DaysAfterInitiation\":%d}}]}",
        writer->policy->prefix != NULL ? writer->policy->prefix : "", writer->slash,
        AKS_BUCKET_POLICY_ABANDONED_DAYS);
}

static void
put_document(const struct writer *writer, enum aks_bucket_document document)
{
    switch (document) {
    case AKS_BUCKET_POLICY:
        put_policy(writer);
        break;
    case AKS_BUCKET_IDENTITY:
        put_identity(writer);
        break;
    case AKS_BUCKET_LIFECYCLE:
        put_lifecycle(writer);
        break;
    case AKS_BUCKET_PUBLIC_ACCESS:
        aks_buf_puts(writer->out, "{\"BlockPublicAcls\":true,\"IgnorePublicAcls\":true,"
            "\"BlockPublicPolicy\":true,\"RestrictPublicBuckets\":true}");
        break;
    case AKS_BUCKET_ENCRYPTION:
        aks_buf_puts(writer->out, "{\"Rules\":[{\"ApplyServerSideEncryptionByDefault\":"
            "{\"SSEAlgorithm\":\"AES256\"}}]}");
        break;
    case AKS_BUCKET_ALL:
        for (int i = 0; i < AKS_BUCKET_DOCUMENTS; i++) {
            aks_buf_printf(writer->out, "%s\"%s\":", i == 0 ? "{" : ",", documents[i]);
            put_document(writer, (enum aks_bucket_document)i);
        }
        aks_buf_puts(writer->out, "}");
        break;
    }
}

enum aks_status
aks_bucket_policy_write(const struct aks_bucket_policy *policy, struct aks_buf *out,
    struct aks_error *err)
{
    struct writer writer = { policy, out, "aws", 3, "", false };
    size_t len = policy->prefix != NULL ? strlen(policy->prefix) : 0;
    enum aks_status status = check(&writer, err);

    if (status != AKS_OK)
        return status;
    writer.slash = len > 0 && policy->prefix[len - 1] != '/' ? "/" : "";
    put_document(&writer, policy->document);
    return aks_buf_status(out, "a document", err);
}
