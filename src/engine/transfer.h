/* A transfer brings one file of a snapshot to one target as one object: sample, pipeline, parts,
 * finish. When the policy says restart it begins anew, a bounded number of times; but not where the
 * source has changed, as that takes another snapshot, which is its owner's. It knows nothing of
 * other sources. */
#ifndef AKS_ENGINE_TRANSFER_H
#define AKS_ENGINE_TRANSFER_H

#include "engine/ask.h"
#include "engine/journal.h"
#include "engine/pipeline.h"
#include "engine/pool.h"
#include "engine/snapshot.h"
#include "engine/target.h"

#include <stdbool.h>

struct aks_transfer;

#define AKS_TRANSFER_RESTARTS_MAX 2
/* How long giving back a half-sent object may take: a run that ends by itself, and one that was
 * interrupted, which has to be gone within a second. */
#define AKS_TRANSFER_ABORT_MS 10000
#define AKS_TRANSFER_ABORT_INTERRUPTED_MS 600

struct aks_transfer_options {
    const struct aks_port *port;
    struct aks_loop *loop;
    struct aks_ask *ask;
    const struct aks_log *log;
    struct aks_pool *pool;
    struct aks_target *target;
    const struct aks_target_facts *target_facts;
    const struct aks_source *source;
    const struct aks_snapshot *snapshot;    /* of it; borrowed until done */
    enum aks_snapshot_role role;            /* which of its files is sent */
    unsigned retaken;                       /* how many snapshots there were before, which their
                                             * source outran */
    const struct aks_compress_settings *compress;   /* the source's own, where the policy does not
                                             * answer; or NULL: as of all */
    struct aks_journal *journal;            /* of the upload; NULL: nothing is written down, and
                                             * what is half sent is given back. Of one that is given
                                             * up it is given back, too: what is written down is for
                                             * who finds it after a death */
    const struct aks_seal *seal;            /* what it is encrypted with; NULL: it is not */
    const char *folder;                     /* "systems/<id>/<upload>/" */
    const char *scratch_folder;             /* where an http target keeps what a codec makes */
    /* For an owner that steers it (engine/task.h). */
    const struct aks_compress_settings *chosen;     /* NULL: a sample, and the policy, decide */
    const char *codec_reason;               /* why that is not what was wanted, or NULL; static */
    bool once;                              /* to begin anew is the owner's */
    /* From the loop: every part is sent, and aks_transfer_finish is waited for. NULL: it is not. */
    void (*held)(void *ctx);
    /* From the loop: reading is over, another transfer may begin to read. At most once. */
    void (*read)(void *ctx);
    /* From the loop: what could not be taken back stays at the target, as ${err} tells. */
    void (*left)(void *ctx, const struct aks_error *err);
    /* From the loop, once: the outcome is there. The transfer may be freed from inside. */
    void (*done)(void *ctx);
    void *ctx;
};

/* Of a transfer that is done with AKS_OK. */
struct aks_transfer_result {
    const char *key;
    enum aks_codec codec;
    const char *codec_reason;               /* why it is not what the policy wanted, or NULL */
    enum aks_encryption encryption;
    int64_t part_bytes;
    int64_t kept_bytes;                     /* of what is stored, that was there already */
    struct aks_pipeline_result bytes;
};

/** Begins in a later turn. */
enum aks_status aks_transfer_new(const struct aks_transfer_options *options,
    struct aks_transfer **ret_transfer, struct aks_error *err);
const struct aks_outcome *aks_transfer_outcome(const struct aks_transfer *transfer);
const struct aks_transfer_result *aks_transfer_result(const struct aks_transfer *transfer);
/** Of one that is done: what was sent of it before is of no use, since it comes out different now.
 * The upload has to be started over, under another id. */
bool aks_transfer_differs(const struct aks_transfer *transfer);
/** Stops it: done follows with AKS_CANCELLED. What was sent stays, where there is a journal; else
 * it is given back, until the other side is clean or the time for that is up. */
void aks_transfer_cancel(struct aks_transfer *transfer);
/** Gives back what was sent, with all the time that may take, for a run that goes on. */
void aks_transfer_give_up(struct aks_transfer *transfer);
/** Of one that is held: the object may come into being. done may be called from inside. */
void aks_transfer_finish(struct aks_transfer *transfer);
/** What there is to know of one that is held or done: digests and sizes. */
const struct aks_pipeline_result *aks_transfer_sent(const struct aks_transfer *transfer);
enum aks_codec aks_transfer_codec(const struct aks_transfer *transfer);
/** Plain bytes that are stored, as far as is known. */
int64_t aks_transfer_progress(const struct aks_transfer *transfer);
/** NULL is fine. What is under way is dropped where it stands, without done: for a loop that cannot
 * be turned any more, as cancelling is better mannered. */
void aks_transfer_free(struct aks_transfer *transfer);

/** The size of parts for an object of ${bytes} plain bytes: ${part_bytes}, or more where
 * AKS_PARTS_MAX parts of that would not do; whole MiB then. */
int64_t aks_transfer_part_bytes(int64_t bytes, int64_t part_bytes, bool encoded);

#endif
