/* Each item's way through its route: where it goes next, whether it has to, what became of it. A
 * list ends with the first target that has it, a mirror goes on to the last. */
#include "engine/run.h"

static int64_t
wall_ms(const struct aks_run *run)
{
    const struct aks_clock *clock = &run->engine->port->clock;

    return clock->wall_ms(clock->ctx);
}

static bool
choose(struct aks_item *item, size_t place)
{
    if (item->place != place)
        item->considered = false;
    item->place = place;
    return true;
}

/* A mirror that does not come about without those whose breakers are open; but none that has asked
 * to be left alone. */
static bool
choose_needed(struct aks_run *run, struct aks_item *item)
{
    if (aks_item_enough(item))
        return false;
    for (size_t place = 0; place < item->copy_count; place++) {
        if (item->copies[place].state == AKS_COPY_OPEN &&
            !aks_run_health_asked(run, item->copies[place].target))
            return choose(item, place);
    }
    return false;
}

/* Is a list's item there in one way, as a file or as rows? */
static bool
is_brought(const struct aks_item *item, bool rows)
{
    for (size_t i = 0; i < item->copy_count; i++) {
        const struct aks_copy *copy = &item->copies[i];

        if (copy->rows == rows &&
            (copy->state == AKS_COPY_STORED || copy->state == AKS_COPY_UNCHANGED))
            return true;
    }
    return false;
}

/* Has a list a target that could take it in this way? */
static bool
can_be_brought(const struct aks_item *item, bool rows)
{
    for (size_t i = 0; i < item->copy_count; i++) {
        if (item->copies[i].rows == rows && item->copies[i].state != AKS_COPY_SKIPPED)
            return true;
    }
    return false;
}

/* Does what is there satisfy a list, as far as the policy says what does? */
static bool
is_satisfied(const struct aks_item *item)
{
    bool file = is_brought(item, false);
    bool rows = is_brought(item, true);

    switch (item->deliver) {
    case AKS_DELIVER_FILES:
        return file;
    case AKS_DELIVER_BOTH:
        return (file || rows) && (file || !can_be_brought(item, false)) &&
            (rows || !can_be_brought(item, true));
    case AKS_DELIVER_DEFAULT:
    case AKS_DELIVER_ANY:
        break;
    }
    return file || rows;
}

/* Is anything gained by bringing it there? One target of a list is enough of each kind. */
static bool
is_open(const struct aks_item *item, size_t place)
{
    const struct aks_copy *copy = &item->copies[place];

    return copy->state == AKS_COPY_OPEN && (item->mirror || !is_brought(item, copy->rows));
}

/* Where ${item} goes next: past targets that want to be left alone, and past those whose breaker is
 * open unless that leaves it nowhere to go at all. */
static bool
choose_target(struct aks_run *run, struct aks_item *item)
{
    for (size_t place = item->mirror ? 0 : item->place; place < item->copy_count; place++) {
        if (is_open(item, place) && aks_run_health_fine(run, item->copies[place].target))
            return choose(item, place);
    }
    /* A person who types run wants it tried; a job of the queue can wait. */
    if (run->options->job != NULL)
        return false;
    if (item->mirror)
        return choose_needed(run, item);
    for (size_t place = 0; place < item->copy_count && !item->tried; place++) {
        if (is_open(item, place) && !aks_run_health_asked(run, item->copies[place].target))
            return choose(item, place);
    }
    return false;
}

/* Enough targets hold it. */
static void
deliver(struct aks_item *item)
{
    item->state = AKS_ITEM_UNCHANGED;
    for (size_t i = 0; i < item->copy_count; i++) {
        if (item->copies[i].state == AKS_COPY_STORED && aks_item_copy_holds(&item->copies[i]))
            item->state = AKS_ITEM_STORED;
    }
    aks_error_clear(&item->error);
}

/* Nothing more is done for it in this run. */
static void
fail(struct aks_item *item)
{
    if (item->mirror && aks_item_enough(item))
        deliver(item);
    else
        item->state = AKS_ITEM_FAILED;
}

static void
skip(struct aks_item *item)
{
    item->state = AKS_ITEM_SKIPPED;
    item->reason = "the policy skips it";
}

static enum aks_status
dedup_copy(struct aks_run *run, struct aks_copy *copy, bool unchanged, bool doubted,
    struct aks_error *err)
{
    struct aks_item *item = copy->item;
    struct aks_dedup_facts facts = { 0 };
    enum aks_dedup_verdict verdict;
    enum aks_status status;

    aks_run_item_facts(item, wall_ms(run), &facts.source);
    aks_run_target_facts(run, copy->target, &facts.target);
    facts.unchanged = unchanged;
    facts.stored_ms = copy->row.source != NULL ? wall_ms(run) - copy->row.stored_at_ms : -1;
    /* An older copy that may be gone is not good enough. */
    if (doubted && run->settings->dedup == AKS_DEDUP_NEVER)
        facts.stored_ms = -1;
    status = aks_ask_dedup(&run->ask, &facts, &verdict, err);
    if (status != AKS_OK)
        return status;
    /* Older rows are no copy that would do: what is new is behind them. */
    if (verdict == AKS_DEDUP_REUSE && copy->rows && !unchanged)
        return AKS_OK;
    if (verdict == AKS_DEDUP_REUSE) {
        copy->state = AKS_COPY_UNCHANGED;
        if (!item->mirror && is_satisfied(item))
            deliver(item);
    } else if (verdict == AKS_DEDUP_SKIP) {
        copy->state = AKS_COPY_SKIPPED;
        if (!item->mirror)
            skip(item);
    } else if (item->mirror && run->options->dry_run) {
        copy->state = AKS_COPY_WANTED;
    }
    return AKS_OK;
}

/* Where a database has grown only in its log, the target's copy of the main file will do, as far as
 * sizes can tell; its digest has the last word. */
static bool
may_reuse(const struct aks_run *run, const struct aks_copy *copy)
{
    return run->settings->dedup != AKS_DEDUP_ALWAYS && !copy->rows && copy->row.source != NULL &&
        aks_source_wal_suffix(copy->item->source.kind) != NULL &&
        copy->row.bytes == copy->item->source.info.bytes;
}

/* Old beliefs about a target are checked against its manifests before anything is left out because
 * of them. ${ret_doubted}: they could not be. */
static enum aks_status
confirm_copy(struct aks_run *run, struct aks_copy *copy, bool *unchanged, bool *ret_doubted,
    struct aks_error *err)
{
    bool older = run->settings->dedup == AKS_DEDUP_NEVER && copy->row.source != NULL;
    bool reuses = may_reuse(run, copy);
    /* Below 0 where the clock was wrong once: then nobody knows how old it is. */
    int64_t age_ms = wall_ms(run) - copy->row.checked_at_ms;
    struct aks_outcome outcome;

    *ret_doubted = false;
    if ((!*unchanged && !older && !reuses) || run->options->dry_run || copy->rows ||
        (age_ms >= 0 && age_ms < AKS_RUN_BELIEF_MS))
        return AKS_OK;
    if (aks_run_confirm(run, copy, &outcome) == AKS_OK) {
        *unchanged = *unchanged && copy->row.source != NULL;
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
    *ret_doubted = true;
    return AKS_OK;
}

bool
aks_run_walk_of_source(enum aks_status status)
{
    return status == AKS_SOURCE_BUSY || status == AKS_SOURCE_CHANGED ||
        status == AKS_SOURCE_MISSING || status == AKS_SOURCE_UNREADABLE;
}

void
aks_run_walk_refused(struct aks_copy *copy, const struct aks_error *err)
{
    struct aks_item *item = copy->item;

    copy->error = *err;
    if (err->status == AKS_CANCELLED || err->status == AKS_POLICY)
        return;
    if (item->reason != NULL) {
        item->state = AKS_ITEM_SKIPPED;
        aks_error_clear(&item->error);
        aks_error_clear(&copy->error);
        copy->state = AKS_COPY_SKIPPED;
        return;
    }
    copy->state = AKS_COPY_FAILED;
    item->error = *err;
    fail(item);
}

enum aks_status
aks_run_walk_consider(struct aks_run *run, struct aks_copy *copy, struct aks_error *err)
{
    enum aks_status status;
    bool unchanged;
    bool doubted = false;

    status = aks_run_compare(run, copy, &unchanged, err);
    /* Also what keeps a snapshot from being taken, as a full disk. */
    if (aks_run_walk_of_source(status) || status == AKS_NO_SPACE || status == AKS_CORRUPT) {
        aks_run_walk_refused(copy, err);
        return AKS_OK;
    }
    if (status == AKS_OK)
        status = confirm_copy(run, copy, &unchanged, &doubted, err);
    if (status != AKS_OK)
        return status;
    copy->reusable = !unchanged && !doubted && may_reuse(run, copy);
    aks_error_clear(&copy->error);
    return dedup_copy(run, copy, unchanged, doubted, err);
}

const struct aks_copy *
aks_run_walk_blamed(const struct aks_item *item)
{
    const struct aks_copy *blamed = NULL;

    if (!item->mirror)
        return item->copy_count > 0 ? &item->copies[item->copy_count - 1] : NULL;
    for (size_t i = 0; i < item->copy_count; i++) {
        const struct aks_copy *copy = &item->copies[i];

        if (!aks_item_copy_owed(copy) || copy->error.status == AKS_OK)
            continue;
        if (blamed == NULL || (aks_status_transient(copy->error.status) &&
            !aks_status_transient(blamed->error.status)))
            blamed = copy;
    }
    return blamed;
}

/* Why a mirror has not come about, copy by copy; then for the item. */
static void
explain_mirror(const struct aks_run *run, struct aks_item *item)
{
    const struct aks_copy *blamed;

    for (size_t i = 0; i < item->copy_count; i++) {
        struct aks_copy *copy = &item->copies[i];

        if (copy->state == AKS_COPY_OPEN)
            aks_run_health_refusal(run, copy->target, &copy->error);
        else if (copy->state != AKS_COPY_FAILED && aks_item_copy_owed(copy))
            (void)aks_error_set(&copy->error, AKS_SOURCE_CHANGED,
                "%s was changed after it was stored in %s", item->source.path,
                run->settings->targets[copy->target].name);
    }
    blamed = aks_run_walk_blamed(item);
    if (blamed != NULL)
        item->error = blamed->error;
}

/* Why a list has nobody left to take it: the last failure, or what kept those from being asked that
 * would satisfy it, or that there are none. */
static void
explain_list(const struct aks_run *run, struct aks_item *item)
{
    const struct aks_copy *refused = NULL;

    if (item->error.status != AKS_OK)
        return;
    for (size_t i = 0; i < item->copy_count; i++) {
        const struct aks_copy *copy = &item->copies[i];

        if (aks_item_counts(copy) && copy->state == AKS_COPY_OPEN) {
            aks_run_health_refuse(run, item);
            return;
        }
        if (refused == NULL && copy->error.status != AKS_OK)
            refused = copy;
    }
    if (refused != NULL) {
        item->error = refused->error;
        return;
    }
    (void)aks_error_set(&item->error, AKS_SETTINGS, "%s: its memories are delivered; its file is "
        "owed, and no target of the route takes files", item->source.name);
    aks_error_hint(&item->error, "give the route a target that takes files, or set deliver to "
        "\"any\"");
}

/* It has been to every target of its route that could be asked in this round. */
static void
end_walk(const struct aks_run *run, struct aks_item *item)
{
    size_t skipped = 0;
    size_t wanted = 0;

    if (!item->mirror) {
        explain_list(run, item);
        return;
    }
    for (size_t i = 0; i < item->copy_count; i++) {
        skipped += item->copies[i].state == AKS_COPY_SKIPPED;
        wanted += item->copies[i].state == AKS_COPY_WANTED;
    }
    if (wanted > 0)
        return;
    explain_mirror(run, item);
    if (skipped == item->copy_count)
        skip(item);
    else if (aks_item_enough(item))
        deliver(item);
}

/* Considers ${item} for the target it would go to next; where that turns out to want to be left
 * alone, or a mirror has it there already, for the one after it. */
static enum aks_status
walk_item(struct aks_run *run, struct aks_item *item, struct aks_error *err)
{
    size_t last = 2 * item->copy_count;

    for (size_t i = 0; i <= last && item->state == AKS_ITEM_PENDING; i++) {
        struct aks_copy *copy;
        enum aks_status status;
        bool fine;

        if (!choose_target(run, item)) {
            end_walk(run, item);
            break;
        }
        if (item->considered)
            break;
        copy = &item->copies[item->place];
        fine = aks_run_health_fine(run, copy->target);
        status = aks_run_walk_consider(run, copy, err);
        if (status != AKS_OK)
            return status;
        item->considered = copy->state == AKS_COPY_OPEN &&
            (!fine || i == last || aks_run_health_fine(run, copy->target));
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
        if (item->state != AKS_ITEM_PENDING)
            aks_run_snapshot_drop(run, item);
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

    /* A file is owed for what kept the file from being stored. */
    if (copy->rows && item->deliver == AKS_DELIVER_FILES && !item->mirror) {
        if (!own)
            copy->error = outcome->error;
        return;
    }
    if (!own && outcome->status != AKS_OK)
        copy->error = outcome->error;
    if (own || item->mirror || item->error.status == AKS_OK || item->error.status == AKS_CANCELLED)
        item->error = copy->error;
}

void
aks_run_walk_settle(struct aks_copy **copies, size_t count, const struct aks_outcome *outcome)
{
    for (size_t i = 0; i < count; i++) {
        struct aks_copy *copy = copies[i];
        struct aks_item *item = copy->item;

        item->tried = item->tried || item->mirror || aks_item_counts(copy);
        item->considered = false;
        if (item->state != AKS_ITEM_PENDING)
            continue;           /* its snapshot could not be taken */
        /* It turned out to be there already. */
        if (copy->state == AKS_COPY_UNCHANGED || copy->state == AKS_COPY_SKIPPED)
            continue;
        if (copy->state == AKS_COPY_STORED) {
            if (!item->mirror && is_satisfied(item))
                deliver(item);
            else if (!item->mirror)
                item->place++;
            continue;
        }
        copy->state = AKS_COPY_FAILED;
        keep_error(copy, outcome);
        if (outcome->status != AKS_OK && outcome->verdict == AKS_GIVE_UP)
            item->gave_up = true;
        if (item->gave_up || aks_run_walk_of_source(item->error.status))
            fail(item);
        else if (!item->mirror)
            item->place++;
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
            if (aks_item_copy_owed(&item->copies[j]))
                item->copies[j].state = AKS_COPY_OPEN;
        }
    }
}

void
aks_run_walk_end(struct aks_item *item)
{
    if (item->state == AKS_ITEM_PENDING && item->mirror && aks_item_enough(item))
        deliver(item);
}
