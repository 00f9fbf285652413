/* What must hold in every world, whatever the policy, the faults and the seed. */
#ifndef AKS_TESTKIT_LAWS_H
#define AKS_TESTKIT_LAWS_H

#include "testkit/world.h"

/** After a run, or a death and a restart. AKS_OK, or AKS_INTERNAL with the law that was broken and
 * where:
 * - nothing half-seen: each manifest reads, and each object in it is there, of the digests it says,
 *   and unpacks to the source's digest;
 * - nothing lost: what ${report} (NULL after a death) calls stored is in a manifest with the
 *   source's bytes as they are now or were when the run began; what it calls queued is in a job
 *   that reads; exit code 0 means everything is stored, unchanged or skipped;
 * - the audit log is one chain, and the heads in manifests are of it;
 * - nothing leaked: no planted secret in any file, report, story or log;
 * - nothing kept: no open file, no request, no work is left over;
 * - waits as asked: no request of an operation came before a server's Retry-After was over. */
enum aks_status aks_laws_check(struct aks_world *world, const struct json_t *report,
    struct aks_error *err);

/** After all that was owed has been delivered and restored into ${folder}: every source of the
 * policy is there, as it was when it was last put into the queue (aks_world_owe), or later. */
enum aks_status aks_laws_restored(struct aks_world *world, const char *folder,
    struct aks_error *err);
/** No copy of a source is left on the disk, in the state folder or beside the source. */
enum aks_status aks_laws_no_snapshots(struct aks_world *world, struct aks_error *err);
/** No multipart upload is left open in any target; with ${unheard} but for as many as were begun by
 * a server whose answer was lost: a bucket's own rule is for those. */
enum aks_status aks_laws_nothing_open(struct aks_world *world, bool unheard,
    struct aks_error *err);

/** What a prune must not take away, as it is now: json_decref. NULL without memory. */
struct json_t *aks_laws_before_prune(struct aks_world *world);
/** After a prune, or several that were cut off, since ${before} was taken: nothing needed is gone.
 * - each target has the newest of its complete uploads still, and the one of id ${verified} (NULL:
 *   none was verified), if it had it;
 * - every memory that memories.json of a complete upload had is in that of one;
 * - no upload that was not there is. */
enum aks_status aks_laws_pruned(struct aks_world *world, const struct json_t *before,
    const char *verified, struct aks_error *err);

#endif
