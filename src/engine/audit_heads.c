#include "engine/audit_heads.h"

#include "base/check.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
aks_audit_head_outcome_name(enum aks_audit_head_outcome outcome)
{
    static const char *const names[AKS_AUDIT_HEAD_OUTCOMES] = { "fits", "none", "elsewhere",
        "before", "missing", "rewritten" };

    AKS_CHECK((unsigned)outcome < AKS_AUDIT_HEAD_OUTCOMES);
    return names[outcome];
}

void
aks_audit_heads_init(struct aks_audit_heads *heads, const struct aks_alloc *alloc)
{
    memset(heads, 0, sizeof(*heads));
    heads->alloc = alloc;
}

void
aks_audit_heads_fini(struct aks_audit_heads *heads)
{
    aks_mem_free(heads->alloc, heads->heads);
    heads->heads = NULL;
    heads->count = 0;
    heads->capacity = 0;
}

enum aks_status
aks_audit_heads_add(struct aks_audit_heads *heads, size_t target, const char *upload_id,
    int64_t uploaded_at_ms, const char *digest, struct aks_error *err)
{
    struct aks_audit_head *head;

    if (heads->count == AKS_AUDIT_HEADS_MAX)
        return aks_error_set(err, AKS_LIMIT, "there are over %d uploads", AKS_AUDIT_HEADS_MAX);
    if (heads->count == heads->capacity) {
        size_t capacity = heads->capacity > 0 ? 2 * heads->capacity : 64;
        struct aks_audit_head *grown = aks_mem_resize(heads->alloc, heads->heads,
            capacity * sizeof(*grown));

        if (grown == NULL)
            return aks_error_memory(err, "looking at uploads");
        heads->heads = grown;
        heads->capacity = capacity;
    }
    head = &heads->heads[heads->count++];
    memset(head, 0, sizeof(*head));
    head->target = target;
    (void)snprintf(head->upload_id, sizeof(head->upload_id), "%s", upload_id);
    head->uploaded_at_ms = uploaded_at_ms;
    (void)snprintf(head->digest, sizeof(head->digest), "%s", digest);
    return AKS_OK;
}

static int
by_upload(const void *a, const void *b)
{
    const struct aks_audit_head *left = a;
    const struct aks_audit_head *right = b;
    int order = strcmp(left->upload_id, right->upload_id);

    return order != 0 ? order : (left->target > right->target) - (left->target < right->target);
}

void
aks_audit_heads_sort(struct aks_audit_heads *heads)
{
    if (heads->count > 0)
        qsort(heads->heads, heads->count, sizeof(*heads->heads), by_upload);
}

/* The first that is not before ${upload_id}. */
static size_t
first_of(const struct aks_audit_heads *heads, const char *upload_id)
{
    size_t low = 0;
    size_t high = heads->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(heads->heads[middle].upload_id, upload_id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void
aks_audit_heads_record(struct aks_audit_heads *heads, const struct aks_audit_place *place,
    const struct aks_audit_line *line, const json_t *record)
{
    const char *upload_id = json_string_value(json_object_get(record, "upload_id"));

    if (strcmp(line->event, "upload_sent") != 0 || upload_id == NULL)
        return;
    for (size_t i = first_of(heads, upload_id); i < heads->count; i++) {
        struct aks_audit_head *head = &heads->heads[i];

        if (strcmp(head->upload_id, upload_id) != 0)
            break;
        if (head->found)
            continue;
        head->found = strcmp(head->digest, line->digest) == 0;
        if (head->found || head->place.seq == 0)
            head->place = *place;
    }
}

/* Everything up to a head that fits is what it was when its manifest was written: what the log does
 * not know then was never in it. */
static int64_t
proven_until_ms(const struct aks_audit_heads *heads)
{
    int64_t until_ms = INT64_MIN;

    for (size_t i = 0; i < heads->count; i++) {
        if (heads->heads[i].found && heads->heads[i].uploaded_at_ms > until_ms)
            until_ms = heads->heads[i].uploaded_at_ms;
    }
    return until_ms;
}

static enum aks_audit_head_outcome
judge(const struct aks_audit_head *head, const struct aks_audit_heads_facts *facts,
    int64_t until_ms)
{
    if (head->digest[0] == '\0')
        return AKS_AUDIT_HEAD_NONE;
    if (head->found)
        return AKS_AUDIT_HEAD_FITS;
    if (head->place.seq > 0)
        return AKS_AUDIT_HEAD_REWRITTEN;
    /* Made from here or not, its record is gone with the others. */
    if (facts->removed && head->uploaded_at_ms <= facts->first_at_ms)
        return AKS_AUDIT_HEAD_BEFORE;
    if (facts->stored != NULL && facts->stored(facts->ctx, head))
        return AKS_AUDIT_HEAD_REWRITTEN;
    if (head->uploaded_at_ms < facts->first_at_ms)
        return AKS_AUDIT_HEAD_BEFORE;
    if (facts->proven_to_the_end || head->uploaded_at_ms <= until_ms)
        return AKS_AUDIT_HEAD_ELSEWHERE;
    return AKS_AUDIT_HEAD_MISSING;
}

void
aks_audit_heads_judge(struct aks_audit_heads *heads, const struct aks_audit_heads_facts *facts)
{
    int64_t until_ms = proven_until_ms(heads);

    for (size_t i = 0; i < heads->count; i++)
        heads->heads[i].outcome = judge(&heads->heads[i], facts, until_ms);
}

const struct aks_audit_head *
aks_audit_heads_fault(const struct aks_audit_heads *heads)
{
    const struct aks_audit_head *first = NULL;

    for (size_t i = 0; i < heads->count; i++) {
        const struct aks_audit_head *head = &heads->heads[i];
        int64_t seq = head->place.seq > 0 ? head->place.seq : INT64_MAX;

        if (head->outcome < AKS_AUDIT_HEAD_MISSING)
            continue;
        if (first == NULL || seq < (first->place.seq > 0 ? first->place.seq : INT64_MAX))
            first = head;
    }
    return first;
}
