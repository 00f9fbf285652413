/* Shared by run_upload.c (target, transfers) and run_commit.c (markers, audit, manifest, index). */
#ifndef AKS_ENGINE_RUN_UPLOAD_INTERNAL_H
#define AKS_ENGINE_RUN_UPLOAD_INTERNAL_H

#include "engine/run.h"
#include "engine/transfer.h"

#include <stdbool.h>

/* Transfers that may be under way at once. One reads; the others send their last parts. */
#define TRANSFERS_MAX 4
#define PATH_BYTES 512

struct upload {
    struct aks_run *run;
    size_t index;
    const struct aks_target_settings *settings;
    const struct aks_target_class *class;
    struct aks_target *target;
    struct aks_target_facts facts;
    char folder[PATH_BYTES];            /* "systems/<id>/<upload>/" */
    struct aks_item **items;
    size_t count;
    size_t next;                        /* item to be begun */
    bool reading;
    size_t under_way;
    struct slot {
        struct upload *upload;
        struct aks_transfer *transfer;
        struct aks_item *item;
    } slots[TRANSFERS_MAX];
    struct aks_transfer *transfers[TRANSFERS_MAX];     /* the same, for progress */
    bool condemned;                     /* the target itself failed: no more of it */
    bool done;
    struct aks_outcome outcome;
    char audit_head[65];
};

/* One call of the target that is waited for. */
struct call {
    bool done;
    struct aks_outcome outcome;
};

/* For the target's done: fills a struct call. */
void aks_run_upload_called(void *ctx, const struct aks_outcome *outcome);
/* Waits for ${call}; its outcome, or what ended the run meanwhile, goes to upload->outcome. */
enum aks_status aks_run_upload_wait(struct upload *upload, struct call *call);
/* ${err} as the upload's outcome. */
enum aks_status aks_run_upload_failed(struct upload *upload, const struct aks_error *err,
    enum aks_verdict verdict);

/* Everything is there: marker, audit, manifest, in this order; then the index. */
enum aks_status aks_run_commit(struct upload *upload);
/* One record of this upload, or several where its files need them. ${failure}: NULL unless it
 * failed. */
enum aks_status aks_run_commit_audit(struct upload *upload, const char *event,
    const struct aks_error *failure, struct aks_error *err);

#endif
