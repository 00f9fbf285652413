/* Names one level below a folder, by ListObjectsV2. All pages are gathered first and put in
 * order: S3 sorts "a/" behind "a-b", names alone come the other way round. */
#include "engine/target_s3_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES ((size_t)AKS_S3_XML_BYTES_MAX)
#define NAMES_STEP 256
/* Servers may give fewer names on a page than they are asked for, but not none for ever. */
#define PAGES_MAX (AKS_TARGET_LIST_MAX / 400)

struct name {
    char *text;
    bool is_folder;
    int64_t bytes;
};

struct list {
    struct aks_s3_op op;                /* first */
    char *folder;
    char *prefix;                       /* the target's and the folder */
    char *continuation;                 /* of the next page, or NULL */
    struct name *names;
    size_t count;
    size_t room;
    unsigned pages;                     /* that were taken */
    aks_target_entry *each;
    void *each_ctx;
};

static void list_start(void *ctx);

static void
list_free(struct aks_s3_op *op)
{
    struct list *list = (struct list *)op;
    const struct aks_alloc *alloc = op->step.s3->options.port->alloc;

    for (size_t i = 0; i < list->count; i++)
        aks_mem_free(alloc, list->names[i].text);
    aks_mem_free(alloc, list->names);
    aks_mem_free(alloc, list->folder);
    aks_mem_free(alloc, list->prefix);
    aks_mem_free(alloc, list->continuation);
}

/* Takes ${full} less the prefix; a folder's own marker has no name here. */
static enum aks_status
add(struct list *list, const char *full, bool is_folder, int64_t bytes, struct aks_error *err)
{
    const struct aks_alloc *alloc = list->op.step.s3->options.port->alloc;
    size_t skip = strlen(list->prefix);
    size_t len = strlen(full);
    struct name *names;
    char *text;

    if (strncmp(full, list->prefix, skip) != 0)
        return aks_error_set(err, AKS_BAD_REPLY, "%s: the list of %s names what is not in it",
            list->op.step.s3->base.settings->name, list->folder);
    if (is_folder && len > skip && full[len - 1] == '/')
        len--;
    if (len == skip)
        return AKS_OK;
    if (list->count >= AKS_TARGET_LIST_MAX)
        return aks_error_set(err, AKS_LIMIT, "%s: %s has more than %d names in it",
            list->op.step.s3->base.settings->name, list->folder, AKS_TARGET_LIST_MAX);
    if (list->count == list->room) {
        names = aks_mem_resize(alloc, list->names, (list->room + NAMES_STEP) * sizeof(*names));
        if (names == NULL)
            return aks_error_memory(err, "listing names");
        list->names = names;
        list->room += NAMES_STEP;
    }
    text = aks_mem_strndup(alloc, full + skip, len - skip);
    if (text == NULL)
        return aks_error_memory(err, "listing names");
    list->names[list->count].text = text;
    list->names[list->count].is_folder = is_folder;
    list->names[list->count++].bytes = bytes;
    return AKS_OK;
}

static enum aks_status
add_page(struct list *list, struct aks_s3_listing *page, struct aks_error *err)
{
    const struct aks_alloc *alloc = list->op.step.s3->options.port->alloc;
    enum aks_status status = AKS_OK;

    for (size_t i = 0; status == AKS_OK && i < page->key_count; i++)
        status = add(list, page->keys[i], false, page->sizes[i], err);
    for (size_t i = 0; status == AKS_OK && i < page->prefix_count; i++)
        status = add(list, page->prefixes[i], true, 0, err);
    if (status != AKS_OK)
        return status;
    /* A page that says there are more and not where, or the same place again, would never end. */
    if (page->truncated && (page->continuation == NULL || (list->continuation != NULL &&
            strcmp(page->continuation, list->continuation) == 0)))
        return aks_error_set(err, AKS_BAD_REPLY, "%s: the list of %s does not say how it goes on",
            list->op.step.s3->base.settings->name, list->folder);
    if (++list->pages > PAGES_MAX)
        return aks_error_set(err, AKS_LIMIT, "%s: the list of %s does not end",
            list->op.step.s3->base.settings->name, list->folder);
    aks_mem_free(alloc, list->continuation);
    list->continuation = NULL;
    if (page->truncated) {
        list->continuation = page->continuation;
        page->continuation = NULL;
    }
    return AKS_OK;
}

static void
page_answered(void *ctx, const struct aks_s3_answer *answer)
{
    struct list *list = ctx;
    struct aks_s3_step *step = &list->op.step;
    struct aks_s3_listing page;
    struct aks_error err;
    enum aks_status status;

    if (answer->outcome.status != AKS_OK) {
        aks_s3_step_tried(step, &answer->outcome);
        return;
    }
    status = aks_s3_xml_listing(step->s3->options.port->alloc, answer->reply->body.data,
        answer->reply->body.len, &page, &err);
    if (status == AKS_OK)
        status = add_page(list, &page, &err);
    aks_s3_listing_fini(&page);
    if (status != AKS_OK)
        aks_s3_step_failed(step, &err);
    else if (list->continuation != NULL)
        list_start(list);
    else
        aks_s3_step_tried(step, &answer->outcome);
}

static void
list_start(void *ctx)
{
    struct list *list = ctx;
    struct aks_s3_request request = { 0 };
    struct aks_sigv4_pair query[5] = {
        { "list-type", "2" },
        { "delimiter", "/" },
        { "max-keys", "1000" },
        { "prefix", list->prefix },
        { "continuation-token", list->continuation },
    };
    char what[AKS_S3_WHAT_BYTES];
    struct aks_error err;

    if (list->folder == NULL || list->prefix == NULL) {
        (void)aks_error_memory(&err, "listing names");
        aks_s3_step_failed(&list->op.step, &err);
        return;
    }
    (void)snprintf(what, sizeof(what), "list of %s", list->folder);
    request.method = "GET";
    request.query = query;
    request.query_count = list->continuation != NULL ? 5 : 4;
    request.reply_bytes_max = PAGE_BYTES;
    request.what = what;
    aks_s3_step_ask(&list->op.step, &request, page_answered, list);
}

static int
by_name(const void *a, const void *b)
{
    const struct name *left = a;
    const struct name *right = b;
    int order = strcmp(left->text, right->text);

    return order != 0 ? order : (int)left->is_folder - (int)right->is_folder;
}

static void
list_done(void *ctx, const struct aks_outcome *given)
{
    struct list *list = ctx;
    struct aks_outcome outcome = *given;
    struct aks_error err;
    enum aks_status status = AKS_OK;

    if (outcome.status == AKS_OK && list->count > 0)
        qsort(list->names, list->count, sizeof(*list->names), by_name);
    for (size_t i = 0; outcome.status == AKS_OK && status == AKS_OK && i < list->count; i++) {
        const struct name *name = &list->names[i];

        status = list->each(list->each_ctx, name->text, name->is_folder, name->bytes, &err);
    }
    if (status != AKS_OK) {
        aks_outcome_failed(&outcome, &err);
        outcome.verdict = AKS_GIVE_UP;
    }
    aks_s3_op_done(&list->op, &outcome);
}

void
aks_s3_list(struct aks_target *target, const char *folder, aks_target_entry *each, void *each_ctx,
    aks_done *done, void *ctx)
{
    struct aks_s3 *s3 = (struct aks_s3 *)target;
    const struct aks_alloc *alloc = s3->options.port->alloc;
    struct list *list = aks_s3_op_new(s3, sizeof(*list), list_free, done, ctx);

    if (list == NULL)
        return;
    list->each = each;
    list->each_ctx = each_ctx;
    list->folder = aks_mem_strdup(alloc, folder);
    list->prefix = aks_mem_printf(alloc, "%s%s", s3->base.settings->prefix, folder);
    aks_s3_step_begin(&list->op.step, "list", NULL, list_start, list, list_done, list);
}
