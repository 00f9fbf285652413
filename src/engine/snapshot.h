/* A snapshot: a source as it was at one moment, as one or two files that nobody writes to.
 *
 * It is taken once per source and run; every target, mirror, restart and resume reads the same one,
 * through views (engine/view.h). Databases are copied into a private folder: a DuckDB file under
 * the header's seqlock, without a lock; a SQLite file in a read transaction. Any other file is read
 * in place, and copied if its owner asks, because it was once seen to change. Nothing is ever
 * written to the person's database. docs/snapshots.md tells how, and what can go wrong.
 *
 * In order: plan (where it would be), state_snapshots.h keeps that, take (on a worker: it may wait
 * for a busy writer), state_snapshots.h keeps what became of it, views; in the end remove, and
 * state_snapshots.h forgets it. So one that a crash left is always known. */
#ifndef AKS_ENGINE_SNAPSHOT_H
#define AKS_ENGINE_SNAPSHOT_H

#include "data/digest.h"
#include "engine/source.h"
#include "engine/view.h"
#include "port/port.h"

#include <stdbool.h>
#include <stdint.h>

enum aks_snapshot_role { AKS_SNAPSHOT_MAIN, AKS_SNAPSHOT_WAL, AKS_SNAPSHOT_ROLES };

/* How long take waits for a writer that leaves no moment to copy, where the caller has no wish. */
#define AKS_SNAPSHOT_WAIT_MS INT64_C(10000)
/* What must stay free beside a copy: the state database and the queue write there too. */
#define AKS_SNAPSHOT_MARGIN_BYTES (INT64_C(4) * 1024 * 1024)
/* Names in the folders that hold snapshots, and of those that lie beside a source. */
#define AKS_SNAPSHOT_ID_BYTES_MAX 64
#define AKS_SNAPSHOT_BESIDE_PREFIX ".akosha-sync-"

struct aks_snapshot {
    const struct aks_alloc *alloc;
    char *id;
    char *source;                       /* path */
    enum aks_source_kind kind;
    const char *method;                 /* "identity", "seqlock", "transaction", "backup"; static */
    bool in_place;                      /* the files are the source's own: views must be checked */
    bool writer;                        /* somebody was writing meanwhile */
    bool racy;                          /* the source's stamps were too fresh to prove anything
                                         * later */
    int64_t taken_at_ms;                /* wall clock */
    int64_t waited_ms;                  /* for a writer */
    int64_t unverified;                 /* blocks that do not hold, of which nobody can tell whether
                                         * they are in use; as it was taken only */
    char *folder;                       /* its own (0700), or NULL in place */
    char *beside;                       /* after plan: the folder beside the source that is tried
                                         * first, or NULL */
    /* The source's own files as they were seen when the copy began. */
    struct {
        bool there;
        struct aks_file_info info;
    } sources[AKS_SNAPSHOT_ROLES];
    struct {
        bool there;
        char *path;
        int64_t bytes;
        char sha256[AKS_SHA256_HEX_BYTES];      /* "" in place */
    } files[AKS_SNAPSHOT_ROLES];
};

struct aks_snapshot_options {
    const struct aks_port *port;
    const struct aks_source *source;
    const char *folder;                 /* absolute; where snapshots are kept; made if missing */
    const char *id;                     /* of its own in that folder: letters, digits, '-', '_' */
    bool copy;                          /* also what is no database */
    int64_t wait_ms;                    /* for a busy writer */
    bool (*stopped)(void *ctx);         /* is it not wanted any more? Asked on the worker; may be
                                         * NULL */
    void *ctx;
};

/** Where it would be: fills id, source, folder and beside; nothing is made. Fast. AKS_LIMIT if
 * there is no memory, or a path would be too long. To be given to fini. */
enum aks_status aks_snapshot_plan(const struct aks_snapshot_options *options,
    struct aks_snapshot *ret_snapshot, struct aks_error *err);
/** Takes what was planned. Blocks: for a worker. AKS_SOURCE_MISSING, AKS_SOURCE_UNREADABLE,
 * AKS_SOURCE_BUSY (a writer left no moment within wait_ms), AKS_SOURCE_CHANGED (a file that is
 * written to all the time, or was replaced by a link), AKS_CORRUPT (a DuckDB file at rest whose
 * blocks do not have their checksums), AKS_NO_SPACE, AKS_CANCELLED (stopped), AKS_LIMIT. After a
 * failure nothing is left on the disk, as far as it could be removed; the plan is as it was. */
enum aks_status aks_snapshot_take(const struct aks_snapshot_options *options,
    struct aks_snapshot *snapshot, struct aks_error *err);
/** Frees; leaves the disk alone. Fine on a zeroed struct. */
void aks_snapshot_fini(struct aks_snapshot *snapshot);

/** To read one of its files; it is there. The view outlives ${snapshot}. */
enum aks_status aks_snapshot_open_view(const struct aks_port *port,
    const struct aks_snapshot *snapshot, enum aks_snapshot_role role, struct aks_view *ret_view,
    struct aks_error *err);
/** Bytes of both files. */
int64_t aks_snapshot_bytes(const struct aks_snapshot *snapshot);
/** Is the source still what was taken, as far as stat can tell: main file and WAL, whose absence
 * counts? Where it is racy this proves nothing. */
bool aks_snapshot_still(const struct aks_port *port, const struct aks_snapshot *snapshot);
/** Removes its folders with what is in them; none is fine. The source is never touched. */
enum aks_status aks_snapshot_remove(const struct aks_port *port,
    const struct aks_snapshot *snapshot, struct aks_error *err);
/** Of one that was kept and read again, by a later process: are its files there, this user's own,
 * and do they have their digests? In place: is the source still the same? Reads all of it: for a
 * worker. AKS_CORRUPT, AKS_SOURCE_CHANGED, AKS_NOT_FOUND. */
enum aks_status aks_snapshot_reopen(const struct aks_port *port,
    const struct aks_snapshot *snapshot, struct aks_error *err);

struct aks_state;

/** Removes what crashes left: every snapshot that the state knows and ${keep} (of its id and job)
 * does not, and what lies in ${folder} without being known. Only where no other run is under way
 * on this state. What cannot be removed stays known, and is told by *ret_left. */
enum aks_status aks_snapshot_sweep(const struct aks_port *port, struct aks_state *state,
    const char *folder, bool (*keep)(void *ctx, const char *id, const char *job), void *ctx,
    unsigned *ret_left, struct aks_error *err);

#endif
