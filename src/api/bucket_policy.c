/* akosha_bucket_policy: what a bucket is to be told. */
#include "api/api_internal.h"

#include "engine/settings.h"
#include "wire/bucket_policy.h"

#include <string.h>

static int
usage(const struct aks_error *err, struct akosha_error *ret_error)
{
    (void)akosha_api_error(err, ret_error);
    ret_error->code = AKOSHA_USAGE;
    return AKOSHA_USAGE;
}

/* The index of ${word} among ${count} names; NULL is the first. */
static enum aks_status
find(const char *what, const char *word, int count, const char *(*name)(int i), int *ret_i,
    struct aks_error *err)
{
    for (int i = 0; i < count; i++) {
        *ret_i = i;
        if (word == NULL || strcmp(word, name(i)) == 0)
            return AKS_OK;
    }
    return aks_error_set(err, AKS_SETTINGS, "--%s: there is none called \"%.100s\"", what, word);
}

static const char *
document_name(int i)
{
    return aks_bucket_policy_document_name((enum aks_bucket_document)i);
}

static const char *
use_name(int i)
{
    return aks_bucket_policy_use_name((enum aks_bucket_use)i);
}

static enum aks_status
fill(const struct akosha_bucket_policy_options *options, struct aks_bucket_policy *policy,
    struct aks_error *err)
{
    int document;
    int use;

    if (options->bucket == NULL)
        return aks_error_set(err, AKS_SETTINGS, "bucket: it must be named (--bucket)");
    if (find("document", options->document, AKS_BUCKET_ALL + 1, document_name, &document, err) !=
            AKS_OK || find("for", options->use, AKS_BUCKET_USES, use_name, &use, err) != AKS_OK)
        return err->status;
    policy->bucket = options->bucket;
    policy->prefix = options->prefix;
    policy->principal = options->principal;
    policy->document = (enum aks_bucket_document)document;
    policy->use = (enum aks_bucket_use)use;
    return AKS_OK;
}

int
akosha_bucket_policy(const struct aks_port *port,
    const struct akosha_bucket_policy_options *options, struct akosha_report **ret_report,
    struct akosha_error *ret_error)
{
    struct aks_settings none = { 0 };
    struct aks_bucket_policy policy = { 0 };
    struct aks_error err = { 0 };
    char system_id[AKS_SYSTEM_ID_BYTES];
    struct aks_buf text;
    json_t *json = NULL;

    *ret_report = NULL;
    if (fill(options, &policy, &err) != AKS_OK)
        return usage(&err, ret_error);
    aks_engine_system_id(port, &none, system_id);
    policy.system_id = options->system_id != NULL ? options->system_id : system_id;
    aks_buf_init(&text, port->alloc, AKS_BUCKET_POLICY_BYTES_MAX);
    if (aks_bucket_policy_write(&policy, &text, &err) == AKS_OK) {
        json = json_loadb(text.data, text.len, 0, NULL);
        if (json == NULL)
            (void)aks_error_memory(&err, "writing a document");
    }
    aks_buf_fini(&text);
    if (json != NULL)
        return akosha_api_report(json, ret_report, ret_error);
    return err.status == AKS_SETTINGS ? usage(&err, ret_error) : akosha_api_error(&err, ret_error);
}
