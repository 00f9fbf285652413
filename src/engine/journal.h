/* The journal of one upload while it is under way: what its transfers write down before they send
 * anything, and what an earlier process has left of it. state_journal.h has the tables.
 *
 * An object that was begun before is gone on with if it would come out the same: the same snapshot,
 * codec, level, version of the codec's library, size of parts. Whether it does is seen part by
 * part; one that differs ends it, and the upload starts over under an id of its own. One that was
 * encrypted never would: its file key died with the process that drew it. It is written down to be
 * given back. */
#ifndef AKS_ENGINE_JOURNAL_H
#define AKS_ENGINE_JOURNAL_H

#include "base/log.h"
#include "engine/pipeline.h"
#include "engine/snapshot.h"
#include "engine/state_journal.h"
#include "engine/target.h"

#include <stdbool.h>

/* Of one upload. */
struct aks_journal {
    const struct aks_alloc *alloc;
    const struct aks_log *log;
    struct aks_state *state;
    struct aks_journal_upload upload;       /* id 0: nothing of it is written down yet */
    struct aks_journal_object *objects;     /* that were begun before */
    size_t count;
    bool holds_left;                        /* one stands in it still that should have been moved
                                             * to an upload of its own: it is not forgotten */
};

/** The journal of ${upload}, which is copied; with an id, what is known of its objects is read. To
 * be given to fini, also after a failure. */
enum aks_status aks_journal_init(struct aks_journal *journal, const struct aks_alloc *alloc,
    const struct aks_log *log, struct aks_state *state, const struct aks_journal_upload *upload,
    struct aks_error *err);
/** Fine on a zeroed struct. */
void aks_journal_fini(struct aks_journal *journal);
/** The object that was begun before for that file, or NULL. */
const struct aks_journal_object *aks_journal_object(const struct aks_journal *journal,
    const char *source, enum aks_snapshot_role role);
/** Was ${object} made from ${snapshot}? */
bool aks_journal_object_of(const struct aks_journal_object *object,
    const struct aks_snapshot *snapshot);

/** Does ${key} lie in the folder of another upload than ${upload_id}: one that was begun under that
 * and is gone on with as a part of this? What is whole there may be named by that one's manifest,
 * which nobody here has looked for or heard of. */
bool aks_journal_elsewhere(const char *upload_id, const char *key);

/* One object that is being sent. Zeroed: nothing is written down. */
struct aks_journal_entry {
    struct aks_journal *journal;
    struct aks_journal_object row;          /* its texts are owned */
    struct aks_journal_part *known;         /* from before; owned */
    size_t known_count;
    uint32_t written;                       /* parts up to this one are written down */
    bool differs;                           /* it does not come out as it did before */
    struct aks_object_resume resume;        /* for the target's open: both borrowed from here */
    struct aks_object_journal calls;
    bool unknown;                           /* what is there could not be written down */
};

/* How an object is made. */
struct aks_journal_shape {
    const struct aks_source *source;
    const struct aks_snapshot *snapshot;
    enum aks_snapshot_role role;
    const char *key;
    enum aks_codec codec;
    int level;
    enum aks_encryption encryption;
    int64_t part_bytes;
    enum aks_part_check check;
};

/** Before the object is opened: fills resume and calls. AKS_CONFLICT (and differs) if it was begun
 * before in another shape. */
enum aks_status aks_journal_entry_begin(struct aks_journal_entry *entry,
    struct aks_journal *journal, const struct aks_journal_shape *shape, struct aks_error *err);
/** Fine on a zeroed struct, which it is afterwards. */
void aks_journal_entry_fini(struct aks_journal_entry *entry);
/** Before any of these parts, which follow each other, is sent. AKS_CONFLICT (and differs) if one
 * is not what it was before. */
enum aks_status aks_journal_entry_sending(struct aks_journal_entry *entry,
    struct aks_part *const *parts, size_t count, struct aks_error *err);
/** The object is there as a whole. */
void aks_journal_entry_stored(struct aks_journal_entry *entry,
    const struct aks_pipeline_result *result);
/** The object was given back, or (${clean} false) could not be: then it stays in the journal, to be
 * given back later, and nothing of it is gone on with. */
void aks_journal_entry_dropped(struct aks_journal_entry *entry, bool clean);

#endif
