/* What a transfer writes down before it sends, and what becomes of a half-sent object: it stays
 * where it can be gone on with, else it is given back. */
#include "engine/transfer_internal.h"

#include <string.h>

enum aks_status
aks_transfer_journal(struct aks_transfer *transfer, struct aks_object_spec *spec,
    enum aks_part_check *check, struct aks_error *err)
{
    const struct aks_transfer_options *options = &transfer->options;
    struct aks_journal_shape shape = { 0 };
    enum aks_status status;

    if (options->journal == NULL || !options->target->class->resumes)
        return AKS_OK;
    /* What is encrypted is not gone on with by another process, since the same file key with other
     * bytes would repeat a nonce: what is written down of it is what gives it back. */
    /* A part is known again by its digest, also where the target asks for none. */
    if (*check == AKS_PART_UNCHECKED)
        *check = AKS_PART_SHA256;
    shape.source = options->source;
    shape.snapshot = options->snapshot;
    shape.role = options->role;
    shape.key = spec->key;
    shape.codec = transfer->compress.codec;
    shape.level = transfer->compress.level;
    shape.encryption = options->seal != NULL ? AKS_ENCRYPTION_AGE : AKS_ENCRYPTION_NONE;
    shape.part_bytes = spec->part_bytes;
    shape.check = *check;
    status = aks_journal_entry_begin(&transfer->entry, options->journal, &shape, err);
    if (status != AKS_OK)
        return status;
    if (transfer->entry.resume.token != NULL)
        spec->resume = &transfer->entry.resume;
    spec->journal = &transfer->entry.calls;
    return AKS_OK;
}

/* It does not come out as it did before: the upload's owner starts it over. */
static void
fail_differing(struct aks_transfer *transfer, const struct aks_error *err)
{
    struct aks_outcome outcome;

    aks_outcome_failed(&outcome, err);
    outcome.verdict = AKS_NEXT_TARGET;
    aks_transfer_fail(transfer, &outcome);
}

void
aks_transfer_journal_failed(struct aks_transfer *transfer, const char *operation,
    const struct aks_error *err)
{
    if (transfer->entry.differs)
        fail_differing(transfer, err);
    else
        aks_transfer_fail_asking(transfer, operation, err);
}

bool
aks_transfer_journal_part(struct aks_transfer *transfer, struct aks_part *part)
{
    struct aks_part *parts[AKS_PIPELINE_PARTS_MAX] = { part };
    size_t count = 1;
    struct aks_error err;

    if (transfer->entry.journal == NULL || part->number <= transfer->entry.written)
        return true;
    /* A sync costs as much for one part as for all that are ready. */
    while (count < AKS_PIPELINE_PARTS_MAX) {
        parts[count] = aks_pipeline_peek(transfer->pipeline, part->number + (uint32_t)count);
        if (parts[count] == NULL)
            break;
        count++;
    }
    if (aks_journal_entry_sending(&transfer->entry, parts, count, &err) == AKS_OK)
        return true;
    aks_transfer_journal_failed(transfer, "journal", &err);
    return false;
}

/* After these, what is there would not be gone on with. */
static const enum aks_status of_no_use[] = {
    AKS_SOURCE_MISSING, AKS_SOURCE_BUSY, AKS_SOURCE_CHANGED, AKS_SOURCE_UNREADABLE, AKS_NOT_FOUND,
    AKS_CONFLICT, AKS_TOO_LARGE, AKS_CORRUPT
};

bool
aks_transfer_journal_keeps(const struct aks_transfer *transfer)
{
    if (transfer->entry.row.id == 0 || transfer->restart || transfer->entry.unknown ||
        transfer->object->beginning)
        return false;
    if (transfer->entry.differs)
        return true;            /* given back with all of its upload */
    /* Nobody will go on with it: it is in the journal to be given back. */
    if (transfer->options.seal != NULL || transfer->options.journal->upload.given_up)
        return false;
    if (transfer->cancelled)
        return transfer->hurried;
    for (size_t i = 0; i < sizeof(of_no_use) / sizeof(of_no_use[0]); i++) {
        if (transfer->outcome.status == of_no_use[i])
            return false;
    }
    return true;
}

bool
aks_transfer_differs(const struct aks_transfer *transfer)
{
    return transfer->differed;
}
