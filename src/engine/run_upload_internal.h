/* Shared by run_upload.c (target, transfers) and run_commit.c (markers, audit, manifest, index). */
#ifndef AKS_ENGINE_RUN_UPLOAD_INTERNAL_H
#define AKS_ENGINE_RUN_UPLOAD_INTERNAL_H

#include "base/buf.h"
#include "engine/fetch.h"
#include "engine/run.h"
#include "engine/transfer.h"

#include <stdbool.h>

/* Transfers that may be under way at once. One reads; the others send their last parts. */
#define TRANSFERS_MAX 4
#define PATH_BYTES 512

struct upload {
    struct aks_run *run;
    size_t index;
    char upload_id[32];
    const struct aks_target_settings *settings;
    const struct aks_target_class *class;
    struct aks_target *target;
    char credentials[AKS_TARGET_CREDENTIALS_BYTES];     /* what they are; known with the target */
    struct aks_target_facts facts;
    char folder[PATH_BYTES];            /* "systems/<id>/<upload>/" */
    struct aks_copy **copies;
    size_t count;
    size_t next;                        /* copy to be begun */
    struct aks_copy *now;               /* whose objects are begun, one after the other */
    enum aks_snapshot_role role;        /* which of them is the next */
    struct aks_taking *taking;          /* its snapshot, while it is taken */
    bool fresh;                         /* which has just been done */
    bool reading;
    size_t under_way;                   /* snapshot included */
    struct slot {
        struct upload *upload;
        struct aks_transfer *transfer;
        struct aks_copy *copy;
        enum aks_snapshot_role role;
    } slots[TRANSFERS_MAX];
    struct aks_transfer *transfers[TRANSFERS_MAX];     /* the same, for progress */
    struct aks_journal journal;         /* where the target resumes; */
    bool journalled;                    /* there is one, */
    bool resumed;                       /* and something of the upload was there before */
    bool differs;                       /* which is of no use: it starts over */
    bool condemned;                     /* the target itself failed: no more of it */
    bool done;
    struct aks_outcome outcome;
    char audit_head[65];
    struct commit {                     /* run_commit.c's */
        char key[PATH_BYTES + 16];      /* these two while they are on their way */
        struct aks_buf text;
        bool manifest_there;            /* readers have it; what is left may fail */
        aks_done *done;
        void *ctx;
    } commit;
    struct memories *memories;          /* run_memories.c's; NULL: none were begun */
    struct read_back {                  /* run_read_back.c's */
        struct aks_fetch *fetch;        /* NULL: none is under way */
        struct aks_fetch_object of;     /* what it reads */
        size_t object;
        unsigned tries;                 /* of it, in vain */
        aks_done *done;
    } read_back;
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

/* The target for upload->index and upload->upload_id, made but not contacted; also the folder. It
 * goes through the run's link to it, whose rate is for aks_run_health_measured once it has been
 * freed. */
enum aks_status aks_run_upload_target(struct upload *upload, struct aks_error *err);

/* run_send.c: all copies, side by side as far as memory allows. Those that came to an end are
 * stored, or have an error; a failure is the target's, in upload->outcome. */
enum aks_status aks_run_send(struct upload *upload);

/* run_push.c: what is new of the rows of all copies, to a target that takes rows. Copies of which
 * all is there are stored; others have an error of their own, or the failure is in
 * upload->outcome. */
enum aks_status aks_run_push(struct upload *upload);

/* run_object.c: a copy begins to be sent from ${snapshot}: copy->next is made of it. The main
 * object is not sent again where the target has it. */
enum aks_status aks_run_object_begin(struct upload *upload, struct aks_copy *copy,
    const struct aks_snapshot *snapshot, struct aks_error *err);
/* Is that object of it still to be sent? */
bool aks_run_object_wanted(const struct aks_copy *copy, const struct aks_snapshot *snapshot,
    enum aks_snapshot_role role);
/* One of them was sent: what it was stored as, and where. */
enum aks_status aks_run_object_add(struct upload *upload, struct aks_copy *copy,
    struct aks_snapshot *snapshot, enum aks_snapshot_role role,
    const struct aks_transfer_result *result, struct aks_error *err);
/* All of them were: copy->next is the copy's row, and the copy stored. */
void aks_run_object_end(struct upload *upload, struct aks_copy *copy);

/* run_rebuild.c: where nothing is believed of the target, which is available, what its newest
 * manifests tell is believed from now on, and copies that are there already are taken out of the
 * upload. Fails only where the run ends. */
enum aks_status aks_run_rebuild(struct upload *upload);

/* run_resume.c: which upload it is: one of the journal that fits, or a new one. Nothing is
 * contacted. */
enum aks_status aks_run_resume_choose(struct upload *upload, struct aks_error *err);
/* Was an upload that is gone on with committed after all? Then what it holds is stored, and the
 * rest goes under another id. A failure is in upload->outcome. */
enum aks_status aks_run_resume_settle(struct upload *upload);
/* Is anything still to be sent? */
bool aks_run_resume_open(const struct upload *upload);
/* What was sent before is of no use, as upload->outcome tells: everything once more, under another
 * id. What is there is given back when the run ends. */
enum aks_status aks_run_resume_start_over(struct upload *upload);
/* What is to be sent goes under an upload id of its own, later than ${after}: a manifest that is
 * there is never added to. After a failure the upload is of no use. */
enum aks_status aks_run_resume_another_id(struct upload *upload, const char *after,
    struct aks_error *err);
/* The upload is over. */
void aks_run_resume_end(struct upload *upload, bool committed);

/* run_read_back.c: every object that upload->copies have sent is read again; ${done} is called with
 * the upload, perhaps from inside. AKS_CORRUPT if one is not what was sent: then nobody goes on
 * with this upload. */
void aks_run_read_back_begin(struct upload *upload, aks_done *done);
/* After the target has been freed. Fine without begin. */
void aks_run_read_back_end(struct upload *upload);

/* Everything is there: memories, read back where the policy wants it, marker, audit, manifest, in
 * this order; then the index. Of upload->copies, those that are stored; they stay as they are until
 * ${done}, which may be called from inside. */
void aks_run_commit_begin(struct upload *upload, aks_done *done, void *ctx);
/* After the target has been freed, or in the place of done where nobody waits any more: true if
 * readers have the manifest. */
bool aks_run_commit_end(struct upload *upload);
/* The same, waited for. */
enum aks_status aks_run_commit(struct upload *upload);
/* One record of this upload, or several where its files need them. ${failure}: NULL unless it
 * failed. */
enum aks_status aks_run_commit_audit(struct upload *upload, const char *event,
    const struct aks_error *failure, struct aks_error *err);

#endif
