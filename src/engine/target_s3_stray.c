/* Strays: multipart uploads that a process of ours has begun and whose ids it never heard, because
 * it ended between the request and the answer. The server is asked for uploads of the very key,
 * which carries the upload id of the run and so is nobody else's, and they are given back. Whoever
 * gives back an object that was left sees to it that no later try under the same key is to be gone
 * on with (run_give_back.c). */
#include "engine/target_s3_object.h"

#include <stdio.h>
#include <string.h>

#define PAGE_BYTES ((size_t)AKS_S3_XML_BYTES_MAX)
/* A process begins one upload of a key; so many would be a server that gives the same again. */
#define STRAYS_MAX 16

static void
stray_deleted(void *ctx, const struct aks_s3_answer *answer)
{
    struct aks_s3_object *object = ctx;
    const struct aks_outcome *outcome = &answer->outcome;

    if (outcome->status == AKS_OK || outcome->status == AKS_NOT_FOUND)
        aks_s3_stray_search(object);
    else
        aks_s3_resume_searched(object, outcome);
}

static void
delete_stray(struct aks_s3_object *object)
{
    struct aks_sigv4_pair query = { "uploadId", object->stray };
    struct aks_s3_request request = { 0 };
    char what[AKS_S3_WHAT_BYTES];

    object->strays++;
    (void)snprintf(what, sizeof(what), "DELETE of an upload of %s", object->source);
    request.method = "DELETE";
    request.key = object->key;
    request.query = &query;
    request.query_count = 1;
    request.what = what;
    aks_s3_step_ask(&object->step, &request, stray_deleted, object);
}

struct stray_search {
    struct aks_s3_object *object;
    const char *key;                        /* with the target's prefix */
};

static enum aks_status
upload_listed(void *ctx, const char *key, const char *upload_id, struct aks_error *err)
{
    const struct stray_search *search = ctx;

    if (strcmp(key, search->key) != 0 || search->object->stray != NULL)
        return AKS_OK;
    search->object->stray = aks_mem_strdup(search->object->alloc, upload_id);
    return search->object->stray != NULL ? AKS_OK : aks_error_memory(err, "looking for uploads");
}

static void
search_answered(void *ctx, const struct aks_s3_answer *answer)
{
    struct aks_s3_object *object = ctx;
    struct stray_search search = { object, NULL };
    struct aks_outcome outcome = answer->outcome;
    struct aks_error err;
    char *key;

    if (outcome.status == AKS_OK) {
        key = aks_mem_printf(object->alloc, "%s%s", object->s3->base.settings->prefix,
            object->key);
        search.key = key;
        if ((key == NULL ? aks_error_memory(&err, "looking for uploads")
                : aks_s3_xml_uploads(answer->reply->body.data, answer->reply->body.len,
                    upload_listed, &search, &err)) != AKS_OK)
            aks_outcome_failed(&outcome, &err);
        aks_mem_free(object->alloc, key);
    }
    if (outcome.status != AKS_OK)
        aks_s3_resume_searched(object, &outcome);
    else if (object->stray != NULL && object->strays < STRAYS_MAX)
        delete_stray(object);
    else
        aks_s3_resume_searched(object, &outcome);
}

void
aks_s3_stray_search(struct aks_s3_object *object)
{
    struct aks_sigv4_pair query[2] = { { "uploads", "" }, { "prefix", NULL } };
    const struct aks_alloc *alloc = object->alloc;      /* the object may be gone once it asked */
    struct aks_s3_request request = { 0 };
    struct aks_outcome outcome;
    struct aks_error err;
    char what[AKS_S3_WHAT_BYTES];
    char *prefix = aks_mem_printf(alloc, "%s%s", object->s3->base.settings->prefix,
        object->key);

    aks_mem_free(alloc, object->stray);
    object->stray = NULL;
    if (prefix == NULL) {
        (void)aks_error_memory(&err, "looking for uploads");
        aks_outcome_failed(&outcome, &err);
        aks_s3_resume_searched(object, &outcome);
        return;
    }
    query[1].value = prefix;
    (void)snprintf(what, sizeof(what), "list of uploads of %s", object->source);
    request.method = "GET";
    request.query = query;
    request.query_count = 2;
    request.reply_bytes_max = PAGE_BYTES;
    request.what = what;
    aks_s3_step_ask(&object->step, &request, search_answered, object);
    aks_mem_free(alloc, prefix);
}
