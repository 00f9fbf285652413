/* What a bucket says of itself: GetBucketPolicyStatus, GetPublicAccessBlock, GetBucketEncryption,
 * GetBucketVersioning, GetBucketLifecycleConfiguration. */
#include "wire/s3_xml.h"

#include "wire/xml.h"

#include <stdio.h>
#include <string.h>

struct bucket_reader {
    struct aks_s3_bucket *bucket;
    const char *folder;
    /* Of the <Rule> of a lifecycle that is open. */
    bool enabled;
    bool aborts;
    bool elsewhere;                     /* it is about other keys, or not about all of them */
};

static bool
is_true(const struct aks_xml_element *element)
{
    return strcmp(element->text, "true") == 0 || strcmp(element->text, "TRUE") == 0;
}

/* A word of letters, digits, ':' and '-'; another text is left out. */
static void
copy_word(const struct aks_xml_element *element, char *ret_word, size_t bytes)
{
    static const char word[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-";

    if (element->text_len < bytes && strspn(element->text, word) == element->text_len)
        memcpy(ret_word, element->text, element->text_len + 1);
}

static enum aks_status
bucket_begin(void *ctx, int depth, const char *name, struct aks_error *err)
{
    static const char *const roots[] = { "PolicyStatus", "PublicAccessBlockConfiguration",
        "ServerSideEncryptionConfiguration", "VersioningConfiguration", "LifecycleConfiguration" };
    struct bucket_reader *reader = ctx;

    for (size_t i = 0; depth == 1 && i < sizeof(roots) / sizeof(roots[0]); i++) {
        if (strcmp(name, roots[i]) == 0)
            return AKS_OK;
    }
    if (depth == 1)
        return aks_error_set(err, AKS_BAD_REPLY, "what a bucket says of itself: <%s>", name);
    if (depth == 2) {
        reader->enabled = false;
        reader->aborts = false;
        reader->elsewhere = false;
    }
    return AKS_OK;
}

static void
read_lifecycle(struct bucket_reader *reader, const struct aks_xml_element *element)
{
    if (strcmp(element->name, "Status") == 0 && element->depth == 3)
        reader->enabled = strcmp(element->text, "Enabled") == 0;
    else if (strcmp(element->name, "DaysAfterInitiation") == 0)
        reader->aborts = true;
    else if (strcmp(element->name, "Prefix") == 0)
        reader->elsewhere = reader->elsewhere || element->text_cut ||
            strncmp(reader->folder, element->text, element->text_len) != 0;
    else if (strcmp(element->parent, "Tag") == 0)
        reader->elsewhere = true;
}

static enum aks_status
bucket_end(void *ctx, const struct aks_xml_element *element, struct aks_error *err)
{
    struct bucket_reader *reader = ctx;
    struct aks_s3_bucket *bucket = reader->bucket;

    if (strcmp(element->parent, "PolicyStatus") == 0 && strcmp(element->name, "IsPublic") == 0)
        bucket->is_public = is_true(element);
    else if (strcmp(element->parent, "PublicAccessBlockConfiguration") == 0)
        bucket->blocks += is_true(element);
    else if (strcmp(element->name, "SSEAlgorithm") == 0)
        copy_word(element, bucket->encryption, sizeof(bucket->encryption));
    else if (strcmp(element->parent, "VersioningConfiguration") == 0 &&
        strcmp(element->name, "Status") == 0)
        copy_word(element, bucket->versioning, sizeof(bucket->versioning));
    else if (element->depth > 2)
        read_lifecycle(reader, element);
    else if (element->depth == 2 && reader->enabled && reader->aborts && !reader->elsewhere)
        bucket->drops_abandoned = true;
    return AKS_OK;
}

enum aks_status
aks_s3_xml_bucket(const char *xml, size_t len, const char *folder,
    struct aks_s3_bucket *ret_bucket, struct aks_error *err)
{
    struct bucket_reader reader = { .bucket = ret_bucket, .folder = folder };
    struct aks_xml_handler handler = { &reader, bucket_begin, bucket_end };

    return aks_xml_read(xml, len, "what a bucket says of itself", &handler, err);
}
