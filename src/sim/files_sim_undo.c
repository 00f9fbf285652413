/* Changes of names, and the way back to the names that were synced. */
#include "sim/files_sim_internal.h"

static void
take_first(struct aks_files_sim *files, struct aks_sim_node *folder)
{
    struct aks_sim_change *change = folder->first_change;

    folder->first_change = change->next;
    if (change->next != NULL)
        change->next->previous = NULL;
    else
        folder->last_change = NULL;
    folder->changes--;
    for (size_t i = 0; i < 2; i++)
        aks_files_sim_tree_name_free(files, change->removed[i]);
    aks_mem_free(files->alloc, change);
}

/* Takes back the youngest change of the folder. */
static void
undo_last(struct aks_files_sim *files, struct aks_sim_node *folder)
{
    struct aks_sim_change *change = folder->last_change;

    folder->last_change = change->previous;
    if (change->previous != NULL)
        change->previous->next = NULL;
    else
        folder->first_change = NULL;
    folder->changes--;
    if (change->added != NULL)
        aks_files_sim_tree_detach(files, change->added);
    for (size_t i = 0; i < 2; i++) {
        if (change->removed[i] != NULL)
            aks_files_sim_tree_attach(files, folder, change->removed[i]);
    }
    aks_files_sim_tree_name_free(files, change->added);
    aks_mem_free(files->alloc, change);
}

uint64_t
aks_files_sim_undo_change(struct aks_files_sim *files, struct aks_sim_node *folder,
    struct aks_sim_change *change, uint64_t order, struct aks_sim_name *added,
    struct aks_sim_name *removed, struct aks_sim_name *removed_too)
{
    if (folder->changes >= AKS_FILES_SIM_CHANGES_MAX)
        aks_files_sim_undo_sync(files, folder);
    change->order = order != 0 ? order : ++files->order;
    change->added = added;
    change->removed[0] = removed;
    change->removed[1] = removed_too;
    for (size_t i = 0; i < 2; i++) {
        if (change->removed[i] != NULL)
            aks_files_sim_tree_detach(files, change->removed[i]);
    }
    if (added != NULL)
        aks_files_sim_tree_attach(files, folder, added);
    change->previous = folder->last_change;
    if (folder->last_change != NULL)
        folder->last_change->next = change;
    else
        folder->first_change = change;
    folder->last_change = change;
    folder->changes++;
    folder->mtime_ns = aks_files_sim_now_ns(files);
    folder->ctime_ns = folder->mtime_ns;
    return change->order;
}

void
aks_files_sim_undo_sync(struct aks_files_sim *files, struct aks_sim_node *folder)
{
    uint64_t halves = 0;

    while (folder->first_change != NULL) {
        if (folder->first_change->half)
            halves = folder->first_change->order;
        take_first(files, folder);
    }
    if (halves == 0)
        return;
    /* The other halves stand too, and so what came before them: a real disk has one journal. */
    for (struct aks_sim_node *node = files->first_node; node != NULL; node = node->next) {
        while (node->first_change != NULL && node->first_change->order <= halves)
            take_first(files, node);
    }
}

void
aks_files_sim_undo_sync_above(struct aks_files_sim *files, struct aks_sim_node *folder)
{
    for (;;) {
        aks_files_sim_undo_sync(files, folder);
        if (folder == files->root)
            return;
        folder = aks_files_sim_tree_parent(files, folder);
    }
}

/* The order of the youngest change with two halves that is left, so that none is cut in two. */
static uint64_t
choose_halves(const struct aks_files_sim *files)
{
    struct aks_rng rng;
    uint64_t oldest = UINT64_MAX;
    uint64_t youngest = 0;

    for (const struct aks_sim_node *node = files->first_node; node != NULL; node = node->next) {
        for (const struct aks_sim_change *change = node->first_change; change != NULL;
            change = change->next) {
            if (!change->half)
                continue;
            if (change->order < oldest)
                oldest = change->order;
            if (change->order > youngest)
                youngest = change->order;
        }
    }
    if (youngest == 0)
        return 0;
    aks_rng_init(&rng, files->seed ^ (files->crashes << 48));
    return oldest - 1 + aks_rng_next(&rng) % (youngest - oldest + 2);
}

/* How many of the folder's changes are left: no half beyond ${halves}, every one up to it. */
static size_t
choose_count(const struct aks_files_sim *files, const struct aks_sim_node *folder, uint64_t halves)
{
    struct aks_rng rng;
    size_t least = 0;
    size_t most = 0;
    uint64_t way;

    for (const struct aks_sim_change *change = folder->first_change; change != NULL;
        change = change->next) {
        if (change->half && change->order > halves)
            break;
        most++;
        if (change->half)
            least = most;
    }
    aks_rng_init(&rng, files->seed ^ (files->crashes << 48) ^ (folder->inode << 8));
    (void)aks_rng_next(&rng);
    way = aks_rng_next(&rng) % 4;
    if (way == 0)
        return least;
    if (way == 1)
        return most;
    return least + aks_rng_next(&rng) % (most - least + 1);
}

static void
set_place(void *ctx, struct aks_sim_name *name)
{
    (void)ctx;
    if (name->node->type == AKS_FILE_FOLDER)
        name->node->place = name;
}

/* Gives each folder the name that it is found under: while changes were taken back, one may have
 * stood in two places. */
static void
set_places(struct aks_files_sim *files)
{
    for (struct aks_sim_node *node = files->first_node; node != NULL; node = node->next) {
        if (node->type == AKS_FILE_FOLDER)
            aks_files_sim_tree_entries(node, set_place, NULL);
    }
}

/* The first or the next node, held while something is done to it: a folder that goes takes others
 * along. */
static struct aks_sim_node *
next_held(struct aks_files_sim *files, struct aks_sim_node *node)
{
    struct aks_sim_node *next = node != NULL ? node->next : files->first_node;

    if (next != NULL)
        aks_files_sim_tree_ref(next);
    aks_files_sim_tree_unref(files, node);
    return next;
}

void
aks_files_sim_undo_sync_all(struct aks_files_sim *files)
{
    struct aks_sim_node *node = NULL;

    while ((node = next_held(files, node)) != NULL) {
        while (node->first_change != NULL)
            take_first(files, node);
    }
}

void
aks_files_sim_undo_lose(struct aks_files_sim *files)
{
    uint64_t halves = choose_halves(files);
    struct aks_sim_node *node = NULL;

    while ((node = next_held(files, node)) != NULL) {
        size_t left = choose_count(files, node, halves);

        while (node->changes > left)
            undo_last(files, node);
        while (node->first_change != NULL)
            take_first(files, node);
    }
    set_places(files);
}
