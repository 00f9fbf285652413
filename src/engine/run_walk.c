/* Each item's way through its route: where it goes next, whether it has to, what became of it. */
#include "engine/run.h"

static int64_t
wall_ms(const struct aks_run *run)
{
    const struct aks_clock *clock = &run->engine->port->clock;

    return clock->wall_ms(clock->ctx);
}

/* Where ${item} goes next: past targets whose breaker is open or that want to be left alone, unless
 * that leaves it nowhere to go at all. */
static bool
choose_target(struct aks_run *run, struct aks_item *item)
{
    for (size_t place = item->place; place < item->copy_count; place++) {
        if (!aks_run_health_fine(run, item->copies[place].target))
            continue;
        item->place = place;
        return true;
    }
    /* A person who types run wants it tried; a job of the queue can wait. */
    if (item->tried || run->options->job != NULL)
        return false;
    item->place = 0;
    return item->copy_count > 0;
}

static enum aks_status
dedup_copy(struct aks_run *run, struct aks_copy *copy, bool unchanged, struct aks_error *err)
{
    struct aks_item *item = copy->item;
    struct aks_dedup_facts facts = { 0 };
    enum aks_dedup_verdict verdict;
    enum aks_status status;

    aks_run_item_facts(item, wall_ms(run), &facts.source);
    aks_run_target_facts(run, copy->target, &facts.target);
    facts.unchanged = unchanged;
    facts.stored_ms = copy->row.source != NULL ? wall_ms(run) - copy->row.stored_at_ms : -1;
    status = aks_ask_dedup(&run->ask, &facts, &verdict, err);
    if (status != AKS_OK)
        return status;
    if (verdict == AKS_DEDUP_REUSE) {
        copy->state = AKS_COPY_UNCHANGED;
        item->state = AKS_ITEM_UNCHANGED;
    } else if (verdict == AKS_DEDUP_SKIP) {
        item->state = AKS_ITEM_SKIPPED;
        item->reason = "the policy skips it";
    }
    return AKS_OK;
}

/* Old beliefs about a target are checked against its manifests before anything is left out because
 * of them. */
static enum aks_status
confirm_copy(struct aks_run *run, struct aks_copy *copy, bool *unchanged, struct aks_error *err)
{
    /* Below 0 where the clock was wrong once: then nobody knows how old it is. */
    int64_t age_ms = wall_ms(run) - copy->row.checked_at_ms;
    struct aks_outcome outcome;

    if (!*unchanged || run->options->dry_run || (age_ms >= 0 && age_ms < AKS_RUN_BELIEF_MS))
        return AKS_OK;
    if (aks_run_confirm(run, copy, &outcome) == AKS_OK) {
        *unchanged = copy->row.source != NULL;
        return AKS_OK;
    }
    if (outcome.status == AKS_CANCELLED || run->ask.policy_error.status != AKS_OK) {
        *err = outcome.error;
        return outcome.status;
    }
    /* It cannot be asked now: the upload will find out what is wrong with it, unless it wants to be
     * left alone. */
    aks_run_health_heard(run, copy->target, &outcome);
    *unchanged = false;
    return AKS_OK;
}

/* Failures of a source itself: no other target would change them. */
static bool
of_source(enum aks_status status)
{
    return status == AKS_SOURCE_BUSY || status == AKS_SOURCE_CHANGED ||
        status == AKS_SOURCE_MISSING || status == AKS_SOURCE_UNREADABLE;
}

/* Settles the item if ${copy} is there already, or the policy does not want it sent. */
static enum aks_status
consider(struct aks_run *run, struct aks_copy *copy, struct aks_error *err)
{
    enum aks_status status;
    bool unchanged;

    status = aks_run_compare(run, copy, &unchanged, err);
    if (of_source(status)) {
        copy->item->error = *err;
        copy->item->state = AKS_ITEM_FAILED;
        return AKS_OK;
    }
    if (status == AKS_OK)
        status = confirm_copy(run, copy, &unchanged, err);
    if (status != AKS_OK)
        return status;
    aks_error_clear(&copy->error);
    return dedup_copy(run, copy, unchanged, err);
}

/* Considers ${item} for the target it would go to next; where that turns out to want to be left
 * alone, for the one after it. */
static enum aks_status
walk_item(struct aks_run *run, struct aks_item *item, struct aks_error *err)
{
    for (size_t i = 0; i <= item->copy_count && item->state == AKS_ITEM_PENDING; i++) {
        struct aks_copy *copy;
        enum aks_status status;
        bool fine;

        if (!choose_target(run, item)) {
            if (item->error.status == AKS_OK)
                aks_run_health_refuse(run, item);
            break;
        }
        if (item->considered)
            break;
        copy = &item->copies[item->place];
        fine = aks_run_health_fine(run, copy->target);
        status = consider(run, copy, err);
        if (status != AKS_OK)
            return status;
        item->considered = !fine || i == item->copy_count ||
            aks_run_health_fine(run, copy->target);
    }
    return AKS_OK;
}

enum aks_status
aks_run_walk(struct aks_run *run, bool *ret_pending, struct aks_error *err)
{
    *ret_pending = false;
    for (size_t i = 0; i < run->item_count; i++) {
        struct aks_item *item = &run->items[i];
        enum aks_status status;

        if (item->state != AKS_ITEM_PENDING)
            continue;
        status = walk_item(run, item, err);
        if (status != AKS_OK)
            return status;
        if (item->state == AKS_ITEM_PENDING && item->considered)
            *ret_pending = true;
    }
    return AKS_OK;
}

/* Of a whole upload's failure the item keeps the first, of its own the last. */
static void
keep_error(struct aks_copy *copy, const struct aks_outcome *outcome)
{
    struct aks_item *item = copy->item;
    bool own = copy->error.status != AKS_OK && copy->error.status != AKS_CANCELLED;

    if (!own && outcome->status != AKS_OK)
        copy->error = outcome->error;
    if (own || item->error.status == AKS_OK || item->error.status == AKS_CANCELLED)
        item->error = copy->error;
}

void
aks_run_walk_settle(struct aks_copy **copies, size_t count, const struct aks_outcome *outcome)
{
    for (size_t i = 0; i < count; i++) {
        struct aks_copy *copy = copies[i];
        struct aks_item *item = copy->item;

        item->tried = true;
        if (copy->state == AKS_COPY_STORED) {
            item->state = AKS_ITEM_STORED;
            aks_error_clear(&item->error);
            continue;
        }
        copy->state = AKS_COPY_FAILED;
        keep_error(copy, outcome);
        if (outcome->status != AKS_OK && outcome->verdict == AKS_GIVE_UP)
            item->gave_up = true;
        if (item->gave_up || of_source(item->error.status))
            item->state = AKS_ITEM_FAILED;
        else
            item->place++;
        item->considered = false;
    }
}

void
aks_run_walk_again(struct aks_run *run)
{
    for (size_t i = 0; i < run->item_count; i++) {
        struct aks_item *item = &run->items[i];

        item->place = 0;
        item->tried = false;
        item->considered = false;
        for (size_t j = 0; j < item->copy_count; j++) {
            if (item->copies[j].state == AKS_COPY_FAILED)
                item->copies[j].state = AKS_COPY_OPEN;
        }
    }
}
