/* An item is one source in one run: what is known of it, where it may go, and what became of it. A
 * copy is one item in one target of its route. */
#ifndef AKS_ENGINE_ITEM_H
#define AKS_ENGINE_ITEM_H

#include "engine/ask.h"
#include "engine/attempt.h"
#include "engine/snapshot.h"
#include "engine/source.h"
#include "engine/state.h"

#include <stdbool.h>

enum aks_item_state {
    AKS_ITEM_PENDING,           /* owed */
    AKS_ITEM_STORED,
    AKS_ITEM_UNCHANGED,         /* its target holds these bytes already */
    AKS_ITEM_SKIPPED,           /* the policy did not want it */
    AKS_ITEM_FAILED             /* not now: error tells why; it stays queued */
};

enum aks_copy_state {
    AKS_COPY_OPEN,              /* not tried in this round */
    AKS_COPY_STORED,            /* this run left it there */
    AKS_COPY_UNCHANGED,         /* it was there */
    AKS_COPY_SKIPPED,           /* of a mirror: the policy does not want it there */
    AKS_COPY_WANTED,            /* of a mirror in a dry run: it would be sent there */
    AKS_COPY_FAILED             /* tried in this round, in vain: error tells why */
};

struct aks_item;

struct aks_copy {
    struct aks_item *item;
    size_t target;                      /* index of the settings' */
    bool rows;                          /* which takes rows and no files */
    enum aks_copy_state state;
    struct aks_stored row;              /* what is known of what the target has; owned */
    bool reusable;                      /* the target has the row's main object for certain: a new
                                         * manifest may name it again */
    struct aks_stored next;             /* the row that is being made of what is sent; owned */
    unsigned under_way;                 /* objects that are being sent for it */
    bool again;                         /* when they have come to an end: from a new snapshot */
    bool sent[AKS_SNAPSHOT_ROLES];      /* what this run has sent of the row */
    const char *codec_reason;
    struct aks_error error;             /* of its last try; status AKS_OK if there was none */
};

struct aks_item {
    struct aks_source source;
    const struct aks_source_settings *settings;     /* what the policy says of it, or NULL */
    bool pattern;                       /* no file: a glob that has none, which is never owed */
    enum aks_item_state state;
    struct aks_copy *copies;            /* in the order of its route; owned */
    size_t copy_count;
    bool mirror;                        /* its route is one: it goes to each of them, */
    size_t needed;                      /* and so many have to hold it */
    enum aks_deliver deliver;           /* what satisfies it; never AKS_DELIVER_DEFAULT once it has
                                         * a route */
    size_t place;                       /* in copies: the next to be tried */
    bool considered;                    /* compared with what its next target holds */
    bool tried;                         /* some target was asked in this round */
    bool gave_up;                       /* the policy ended it */
    struct aks_snapshot *snapshot;      /* taken in this run, or NULL; owned */
    bool snapshot_kept;                 /* its files outlive the run: the journal needs them */
    bool changing;                      /* it changed while it was read in place: a copy is read */
    unsigned retaken;                   /* how many snapshots it has outrun */
    char sha256[65];                    /* of the plain bytes, once known; else "" */
    char wal_sha256[65];                /* of its log, where that is known; "" if it has none */
    struct aks_file_info info;          /* the file's stamps when it had that digest, */
    bool info_racy;                     /* and whether they may be those of a later write too, */
    bool wal_there;                     /* and those of its log */
    struct aks_file_info wal_info;
    const char *reason;                 /* why skipped */
    struct aks_error error;             /* the last failure; status AKS_OK if there was none */
};

/** Where it goes: an open copy for each target of ${route}. AKS_LIMIT if there is no memory. */
enum aks_status aks_item_route(const struct aks_alloc *alloc, struct aks_item *item,
    const struct aks_route *route, struct aks_error *err);
void aks_item_fini(const struct aks_alloc *alloc, struct aks_item *item);
/** Is ${row} what the source was seen to hold last, its log included? */
bool aks_item_row_holds(const struct aks_item *item, const struct aks_stored *row);
/** Has the target what the source was seen to hold last? Where it changed in the course of a run,
 * an earlier copy does not count any more. */
bool aks_item_copy_holds(const struct aks_copy *copy);
/** Is it still to be brought there, as far as the policy wants it? */
bool aks_item_copy_owed(const struct aks_copy *copy);
/** The copy that goes to target ${target}, or NULL. */
const struct aks_copy *aks_item_copy(const struct aks_item *item, size_t target);
/** The same where it holds. */
const struct aks_copy *aks_item_held(const struct aks_item *item, size_t target);
/** How many copies hold. */
size_t aks_item_held_count(const struct aks_item *item);
/** Is it delivered: do as many copies hold as have to? What the policy skips is not asked for. */
bool aks_item_enough(const struct aks_item *item);

/** Is what its target takes any part of what satisfies the item? Rows are none where only files
 * do. */
bool aks_item_counts(const struct aks_copy *copy);

/** What the source was seen to hold is what ${row} says, and has the stamps that it says. */
void aks_item_learn(struct aks_item *item, const struct aks_stored *row);
/** What the source was seen to hold, and its stamps, are those of ${snapshot}, whose digests are
 * known. */
void aks_item_seen(struct aks_item *item, const struct aks_snapshot *snapshot);
/** ${row}, which holds, has the stamps that the source was seen with last. */
void aks_item_stamp(const struct aks_item *item, struct aks_stored *row);

#endif
