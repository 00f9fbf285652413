/* A run: one job from its sources to its report. Written as straight-line code that turns the loop
 * where it has to wait; everything that runs side by side (transfers, parts, attempts) is
 * event-driven below it. */
#ifndef AKS_ENGINE_RUN_H
#define AKS_ENGINE_RUN_H

#include "data/throttle.h"
#include "engine/engine.h"
#include "engine/item.h"
#include "engine/link.h"
#include "engine/pool.h"
#include "engine/queue.h"
#include "engine/run_memories.h"
#include "engine/seal.h"
#include "engine/target.h"

#include <stdbool.h>

struct aks_run_figures;
struct aks_task;
struct json_t;

/* How often every target of the routes is gone through, at most, whatever a policy answers. */
#define AKS_RUN_ROUNDS_MAX 100

struct aks_run_options {
    const struct aks_policy *policy;
    const struct aks_policy_text *policy_text;
    const struct aks_policy_environment *environment;
    const char *const *sources;         /* NULL: the policy's */
    size_t source_count;
    const char *source_folder;          /* what relative sources of the command line are relative
                                         * to */
    const char *target;                 /* force this one, or NULL */
    bool no_fallback;
    bool dry_run;
    const struct aks_job *job;          /* the job of the queue that is taken up, or NULL: a new
                                         * one */
    bool park;                          /* of a worker: what the policy waits for is not waited for
                                         * here, but noted in the job */
};

/* State of one run; shared by run.c and the other run_*.c. */
struct aks_run {
    struct aks_engine *engine;
    const struct aks_run_options *options;
    const struct aks_settings *settings;
    struct aks_ask ask;
    struct aks_pool pool;
    struct aks_seal seal;
    char run_id[32];
    char upload_id[32];                 /* of the next upload */
    char system_id[AKS_SYSTEM_ID_BYTES];
    int64_t started_at_ms;              /* wall clock */
    int64_t started_ns;
    struct aks_item *items;
    size_t item_count;
    struct aks_run_target {
        char identity[65];
        struct aks_breaker breaker;
        int64_t rate;                   /* bytes per second, as far as is known; -1 */
        struct aks_link link;           /* to it: what its targets are given */
        struct aks_run_meter {          /* what its link tells of what is sent, for a budget */
            struct aks_link_meter meter;
            struct aks_run *run;
            size_t index;
        } meter;
        bool opened;                    /* its breaker was opened by this run */
        int64_t not_before_ns;          /* it asked to be left alone until then */
        bool used;                      /* took part in this run */
        bool let_in;                    /* it has taken its credentials */
        bool let_in_noted;              /* and the audit log has that */
        char upload_id[32];             /* what this run committed there, or "" */
        char manifest_id[32];           /* under which a manifest was sent there last: whatever the
                                         * answer was, it may stand there */
        struct aks_run_memories_told memories;
        struct aks_error error;         /* its last failure */
        struct aks_run_pushed {         /* of one that takes rows: what this run has brought */
            int64_t stored;
            int64_t there;                  /* they were there already */
            int64_t refused;                /* not taken, and not sent again */
            int64_t left_out;               /* rows that no memory could be made of */
            char refused_words[300];        /* why the first was refused; or "" */
            char reader[128];               /* what read them; or "" */
        } pushed;
    } targets[AKS_TARGETS_MAX];
    int64_t sent_bytes;
    struct aks_run_throttle {
        struct aks_throttle bucket;
        struct aks_http_gate gate;      /* take is NULL: none */
        struct aks_timer timer;         /* until the policy is asked again */
    } throttle;
    char job_id[AKS_JOB_ID_BYTES];
    int64_t enqueued_at_ms;             /* of its job: later than that of any job that was there */
    bool aged;                          /* it has been made so */
    bool job_written;                   /* what is owed is durably in the queue */
    struct aks_error keep_error;        /* why it is not; status AKS_OK if it is, or nothing is
                                         * owed */
    bool job_gone;                      /* it was cancelled, or superseded, while it was run */
    unsigned rounds;
    int64_t park_ms;                    /* the policy wants to wait so long; 0: it does not */
    int64_t wait_ms;                    /* until the job is tried again, as was said */
    struct aks_progress progress;
    struct aks_transfer **transfers;    /* under way, for progress; run_upload.c's */
    size_t transfer_count;
    struct aks_task *task;              /* where the policy is one (engine/task.h) */
};

/* Between two tries of a job: doubling up to one of these, where time mends what failed, or only a
 * person can. */
#define AKS_RUN_WAIT_FIRST_MS (60 * AKS_MS_PER_S)
#define AKS_RUN_WAIT_TRANSIENT_MS (15 * 60 * AKS_MS_PER_S)
#define AKS_RUN_WAIT_LASTING_MS (60 * 60 * AKS_MS_PER_S)

/* What is believed of a target for longer than this is looked at before it is built upon. */
#define AKS_RUN_BELIEF_MS (7 * AKS_MS_PER_DAY)

/** Runs to the end and gives the report, owned by the caller (json_decref), after failures too:
 * *ret_report is NULL only if there was no memory for it, and then a status tells. Of the other
 * jobs of the queue, sources that are in this run are superseded. */
enum aks_status aks_run(struct aks_engine *engine, const struct aks_run_options *options,
    struct json_t **ret_report, struct aks_error *err);
/* For the parts of a run only. */

/** Turns the loop until *${done}. AKS_CANCELLED when interrupted, the policy's failure when that
 * happened. */
enum aks_status aks_run_drive(struct aks_run *run, const bool *done, struct aks_error *err);
/** run_items.c: the sources, inspected; identities and breakers of the targets; then the routes. In
 * this order, so that what is owed is known whatever fails later. */
enum aks_status aks_run_items_load(struct aks_run *run, struct aks_error *err);
/** A secret that is bound to other hosts than its target's ends the run before anything is sent
 * anywhere, as does a secrets.json that cannot be trusted. What is owed is kept: both can be
 * mended. */
enum aks_status aks_run_items_check_secrets(const struct aks_run *run, struct aks_error *err);
/** Does a target want a secret that is bound to other hosts? */
bool aks_run_items_secret_unbound(const struct aks_run *run);
/** Facts for the policy, as of ${wall_ms}. */
void aks_run_item_facts(const struct aks_item *item, int64_t wall_ms,
    struct aks_source_facts *ret_facts);

/** run_health.c: facts of target ${index} for the policy. */
void aks_run_target_facts(const struct aks_run *run, size_t index,
    struct aks_target_facts *ret_facts);
/** May target ${index} be asked now? */
bool aks_run_health_fine(const struct aks_run *run, size_t index);
/** Has it asked to be left alone, in this run, and still wants to be? */
bool aks_run_health_asked(const struct aks_run *run, size_t index);
/** How long the server of target ${index} still wants to be left alone; 0: it does not. */
int64_t aks_run_health_left_alone_ms(const struct aks_run *run, size_t index);
/** Until when its breaker is open, as the state has it now; wall clock, 0: it is not. */
int64_t aks_run_health_open_until_ms(const struct aks_run *run, size_t index);
/** What a server asked for, whatever it was asked. */
void aks_run_health_heard(struct aks_run *run, size_t index, const struct aks_outcome *outcome);
/** What its server asked for and no outcome tells of: of what was waited for when all ended. */
void aks_run_health_held(struct aks_run *run, size_t index, const struct aks_hold *hold);
/** The same of what was given back alone: nothing else waits for that. */
void aks_run_health_gave_back(const struct aks_run *run, size_t index,
    const struct aks_hold *hold);
/** May anything be given back there now? */
bool aks_run_health_gives_back(const struct aks_run *run, size_t index);
/** What became of an upload there: its breaker, and what its server asked for. */
void aks_run_health_note(struct aks_run *run, size_t index, const struct aks_outcome *outcome);
/** An upload there went at so many bytes per second; -1: it was too short to tell. */
void aks_run_health_measured(struct aks_run *run, size_t index, int64_t rate);
/** What is known of target ${index} when a run begins: its breaker, and its rate. */
enum aks_status aks_run_health_load(struct aks_run *run, size_t index, struct aks_error *err);
/** What the servers have asked for to which the item is still owed, as far as none of them may be
 * asked now: the shortest; -1 where one may. */
int64_t aks_run_health_retry_after_ms(const struct aks_run *run, const struct aks_item *item);
/** Why target ${index}, which is not fine, was not asked. */
void aks_run_health_refusal(const struct aks_run *run, size_t index, struct aks_error *ret_error);
/** No target of its route is fine, and it is not worth asking all the same: the item's error says
 * until when. */
void aks_run_health_refuse(const struct aks_run *run, struct aks_item *item);

/** run_walk.c: settles what a target holds already and what the policy does not want sent. Every
 * item that is still owed then stands at the target that it goes to next: *ret_pending tells if
 * there is one. The others have been to every target of their routes in this round. */
enum aks_status aks_run_walk(struct aks_run *run, bool *ret_pending, struct aks_error *err);
/** The snapshot of ${copy}'s item could not be taken, as ${err} tells: nothing more is done for the
 * item in this run. It is skipped where the policy wants that (item->reason). */
void aks_run_walk_refused(struct aks_copy *copy, const struct aks_error *err);
/** Settles the item of ${copy} if it is there already, or the policy does not want it sent. */
enum aks_status aks_run_walk_consider(struct aks_run *run, struct aks_copy *copy,
    struct aks_error *err);
/** Failures of a source itself: no other target would change them. */
bool aks_run_walk_of_source(enum aks_status status);
/** What became of the copies of one upload. */
void aks_run_walk_settle(struct aks_copy **copies, size_t count, const struct aks_outcome *outcome);
/** Once more through the routes. */
void aks_run_walk_again(struct aks_run *run);
/** The run ends, whatever ended it: an item that enough targets hold is delivered. */
void aks_run_walk_end(struct aks_item *item);
/** The copy whose failure is the item's: of a list the last, of a mirror one that may still come,
 * if there is any. NULL if there is none. */
const struct aks_copy *aks_run_walk_blamed(const struct aks_item *item);

/* How often a function for the throttle is asked while a run goes on. */
#define AKS_RUN_THROTTLE_MS (60 * AKS_MS_PER_S)

/** run_throttle.c: asks for the rate and goes on asking. Once is enough; fine more often. */
enum aks_status aks_run_throttle_begin(struct aks_run *run, struct aks_error *err);
/** Fine without begin. */
void aks_run_throttle_end(struct aks_run *run);
/** One for all uploads of the run; NULL without a throttle. */
const struct aks_http_gate *aks_run_throttle_gate(const struct aks_run *run);

/** run_budget.c: what is left for target ${index}. */
void aks_run_budget_facts(const struct aks_run *run, size_t index,
    struct aks_target_facts *ret_facts);
/** Is there nothing left? */
bool aks_run_budget_spent(const struct aks_run *run, size_t index);
/** If so, AKS_BUDGET with when it goes on. */
bool aks_run_budget_refusal(const struct aks_run *run, size_t index, struct aks_error *ret_error);
/** In an upload that has begun: are no bytes left? Then AKS_BUDGET. */
bool aks_run_budget_ends(const struct aks_run *run, size_t index, struct aks_error *ret_error);
/** An upload begins: spends a try, or is AKS_BUDGET. From now on its link counts what is sent. A
 * dry run spends nothing. */
enum aks_status aks_run_budget_begin(struct aks_run *run, size_t index, struct aks_error *err);
/** For the report; NULL without a budget. */
struct json_t *aks_run_budget_json(const struct aks_run *run);

struct aks_taking;

/** run_snapshot.c: the source as it stands there now, in the form of a snapshot that is read in
 * place: of its two files, not of one moment where somebody writes. To be given to
 * aks_snapshot_fini. */
enum aks_status aks_run_snapshot_look(const struct aks_run *run, const struct aks_item *item,
    struct aks_snapshot *ret_seen, struct aks_error *err);
/** Takes the snapshot of ${item}, which has none, on a worker. ${done} is called once, from the
 * loop: item->snapshot is there, or ${err} (else NULL) tells why not. What becomes of a busy source
 * is asked then; ${row} (or NULL) is what a target has of it. Not in a dry run. */
enum aks_status aks_run_snapshot_begin(struct aks_run *run, struct aks_item *item,
    const struct aks_stored *row, void (*done)(void *ctx, const struct aks_error *err), void *ctx,
    struct aks_taking **ret_taking, struct aks_error *err);
/** It is not wanted any more: done follows soon. */
void aks_run_snapshot_stop(struct aks_taking *taking);
/** The same, and done is not called any more: run->pool.lingering counts it. */
void aks_run_snapshot_leave(struct aks_taking *taking);
/** The same for ${copy}, waited for. An item that has its snapshot keeps it. */
enum aks_status aks_run_snapshot(struct aks_run *run, struct aks_copy *copy, struct aks_error *err);
/** The item is settled, or the run over: its snapshot goes, unless it is kept. None is fine. */
void aks_run_snapshot_drop(struct aks_run *run, struct aks_item *item);
/** The source was written to while it was read: the next snapshot is taken as a copy. */
void aks_run_snapshot_outrun(struct aks_run *run, struct aks_item *item);
/** The same for all items that are settled. */
void aks_run_snapshot_drop_settled(struct aks_run *run);

/** run_compare.c: takes the snapshot of ${copy}'s item if it has none, and what it holds, with its
 * stamps, becomes what the item was seen to hold. */
enum aks_status aks_run_compare_digest(struct aks_run *run, struct aks_copy *copy,
    struct aks_error *err);
/** Is ${copy} already there? By stat, then by digest. */
enum aks_status aks_run_compare(struct aks_run *run, struct aks_copy *copy, bool *ret_unchanged,
    struct aks_error *err);
/** Has the source the stamps that ${row} tells, main file and log, whose absence counts, and can
 * that be trusted? */
bool aks_run_compare_stamps(const struct aks_stored *row, const struct aks_snapshot *now);
/** Is the row encrypted, if this run encrypts? Else what it names is not good enough. */
bool aks_run_compare_encryption(const struct aks_run *run, const struct aks_stored *row);
/** May its content be the same? Another size is another content. True where nobody knows. */
bool aks_run_compare_sizes(const struct aks_stored *row, const struct aks_snapshot *now);

/** run_upload.c: brings *${count} ${copies} to target ${index}, which they are for. AKS_OK if the
 * target is committed; single copies may still have failed for reasons of their own, which their
 * errors tell. Where an earlier upload is ended first it has taken only some of them, which come
 * first in ${copies} then, and are *${count}; the others are owed as before. Else nothing is
 * committed there and ${outcome} tells why, of all of them. */
enum aks_status aks_run_upload(struct aks_run *run, size_t index, struct aks_copy **copies,
    size_t *count, struct aks_outcome *outcome);

struct aks_journal_upload;

/** run_resume.c: has ${upload} been open for longer than any may be? */
bool aks_run_resume_too_old(const struct aks_run *run, const struct aks_journal_upload *upload);
/** The snapshot that an upload of the journal was begun with, which this run may go on with: its
 * job's own, or one that the source still is. It has to be reopened. False if there is none. */
bool aks_run_resume_snapshot(struct aks_run *run, const struct aks_item *item,
    struct aks_snapshot *ret_snapshot);
/** Removes the snapshots that no upload of the journal needs: those that crashes have left, and
 * those of uploads that were given back. Between runs, and only for who has the delivery. */
void aks_run_resume_sweep(struct aks_engine *engine);
/** Does an upload of the journal need it? */
bool aks_run_resume_needs(const struct aks_run *run, const struct aks_snapshot *snapshot);

/** run_give_back.c: at the end of a run: uploads of the journal that nobody will go on with are
 * given back, as far as the policy names their targets and time allows. Failures are for later. */
void aks_run_give_back(struct aks_run *run);

/** run_confirm.c: what is believed of ${copy} is older than AKS_RUN_BELIEF_MS: is it still there?
 * If not, it is forgotten. AKS_OK if the target was asked; else ${outcome} tells. */
enum aks_status aks_run_confirm(struct aks_run *run, struct aks_copy *copy,
    struct aks_outcome *outcome);
/** Does the manifest ${text} name the objects of ${row} as they are believed to be? */
bool aks_run_confirm_names(const struct aks_alloc *alloc, const struct aks_buf *text,
    const struct aks_stored *row);

/** run_keep.c: the queue's part of a run. What is owed is written to the run's job (or the job
 * removed where nothing is); other jobs lose the sources that this run has. Failures go to
 * run->keep_error. */
void aks_run_keep(struct aks_run *run);
/** The same at the end of a run that could not be ${loaded} for ${run_error}. */
void aks_run_keep_at_end(struct aks_run *run, bool loaded, const struct aks_error *run_error);
void aks_run_supersede(struct aks_run *run);
/** run_wait.c: how long the job that is still owed should be left alone: what the policy, servers,
 * breakers and budgets said, and at least AKS_RUN_WAIT_FIRST_MS, doubling with each try. */
int64_t aks_run_wait_ms(const struct aks_run *run);
/** run_budget.c: until when nothing is left for target ${index}; wall clock, 0: there is. */
int64_t aks_run_budget_until_ms(const struct aks_run *run, size_t index);

/** run_report.c */
struct json_t *aks_run_report(const struct aks_run *run, const struct aks_error *run_error);
/** What of a run that has ended, and of its report, is kept over time. */
void aks_run_figures(const struct aks_run *run, const struct json_t *report,
    struct aks_run_figures *ret_figures);

#endif
