/* A task from inside: what its files share.
 *
 * task.c            its life, and what is asked for
 * task_line.c       who reads next
 * task_snapshot.c   what was taken of the sources, and who reads it
 * task_read.c       digests, samples
 * task_held.c       is it there already?
 * task_place.c      one target: probing, one small request at a time
 * task_upload.c     objects from open to finish
 * task_object.c     their turns, and their end
 * task_commit.c     what is finished, and its manifests
 * task_state.c      what is kept, and the audit log */
#ifndef AKS_ENGINE_TASK_INTERNAL_H
#define AKS_ENGINE_TASK_INTERNAL_H

#include "base/buf.h"
#include "engine/run_upload_internal.h"
#include "engine/sample.h"
#include "engine/target_work.h"
#include "engine/task.h"

#include <stdbool.h>

struct json_t;

/* Who waits to read a source: strictly in the order of coming. */
struct reader {
    struct reader *next;
    bool waiting;
    bool sends;                         /* and then sends: of these there are only so many */
    void (*start)(void *ctx);
    void *ctx;
};

/* A pass over a source for its digest, or a look at a sample. */
struct reading {
    struct aks_task *task;
    struct aks_task_request *request;   /* NULL: nobody waits any more */
    struct reader reader;
    struct aks_view view;       /* until the pipeline has it */
    struct aks_pipeline *pipeline;
    bool reads;                         /* it is its turn */
    void (*read)(struct aks_task_request *request, const struct aks_outcome *outcome);
    struct aks_stored *row;             /* of held: what is believed */
};

/* A snapshot. */
struct taken {
    struct taken *next;
    struct aks_snapshot *snapshot;
    size_t source;
    unsigned id;
    unsigned users;                     /* uploads, and others for a moment */
    bool last;                          /* none was taken of the source since */
};

/* Finished, and in no manifest yet. */
struct pending {
    struct pending *next;
    struct aks_copy copy;               /* its row is what counts */
    size_t source;
};

/* One target in one task. */
struct place {
    struct aks_task *task;
    struct upload upload;               /* the target, and the id that objects are begun under */
    bool made;
    bool available;
    bool spent;                         /* a manifest was sent under the id */
    bool going;
    struct aks_task_request *first;     /* who waits for the target */
    struct aks_task_request **last;
    struct aks_task_request *now;       /* whose turn it is */
    unsigned id_count;                  /* how many ids there were */
    unsigned *begun;                    /* by source: under which of them it was begun last */
    struct pending *pending;
    struct pending *batch;              /* what the manifest on its way names */
    struct aks_copy **copies;           /* the same as a list */
    char committed[32];                 /* the last manifest's id, or "" */
    struct aks_buf text;                /* of a manifest that is looked at */
    char key[PATH_BYTES];
};

enum object_state {
    OBJECT_FREE, OBJECT_OPEN, OBJECT_SENDING, OBJECT_SENT, OBJECT_FINISHING, OBJECT_ABORTING
};

/* One upload of one source to one place. */
struct object {
    struct aks_task *task;
    unsigned generation;
    enum object_state state;
    size_t source;
    struct place *place;
    struct aks_task_content content;
    char folder[PATH_BYTES];
    struct aks_snapshot *snapshot;      /* used as long as it is open */
    struct aks_copy copy;               /* copy.next: what becomes of it */
    struct object_file {
        struct object *object;
        struct aks_transfer *transfer;  /* NULL: not begun, or over */
    } files[AKS_SNAPSHOT_ROLES];
    enum aks_snapshot_role role;        /* which of them is sent, or finished */
    struct aks_task_request told;       /* what came of sending: sizes and digests */
    bool failed;                        /* one of them has, and the other one is given back */
    bool anew;                          /* and then it begins anew */
    struct aks_outcome failure;
    struct reader reader;
    bool reads;                         /* the place among those that read is its */
    bool sends;                         /* it counts among those that send */
    bool finish;                        /* it is to be finished once it is sent */
    bool raw_only;
    unsigned restarts;
    struct object *behind;              /* in the line of those to be finished */
    bool in_line;
    struct aks_task_request *request;   /* that waits for it */
    struct aks_task_request *abort;
};

struct aks_task {
    struct aks_run *run;
    const struct aks_alloc *alloc;
    bool wake;
    bool closed;                        /* nobody is told anything any more */
    int64_t started_ms;
    int64_t slept_ms;                   /* without waiting: in a dry run */
    struct aks_timer deadline;
    struct aks_task_request *requests;
    struct place places[AKS_TARGETS_MAX];
    struct object *objects;             /* AKS_TASK_UPLOADS_MAX */
    struct aks_transfer **transfers;    /* as many for each file of a snapshot: for progress */
    unsigned open_count;
    struct reader *line;
    struct reader **line_last;
    bool reading;
    unsigned sending;
    unsigned finishing;
    struct object *finish_line;
    struct object **finish_last;
    char **reasons;                     /* of sources that were skipped, by source */
    struct aks_error last;              /* the last failure that was no source's */
    struct taken *taken;                /* the last one first */
    unsigned taken_count;
    struct json_t *state;               /* NULL: not read yet */
    unsigned audit_lines;
    struct aks_now now;
};

/* task.c */
void aks_task_done(struct aks_task_request *request, const struct aks_outcome *outcome);
void aks_task_done_ok(struct aks_task_request *request);
void aks_task_done_failed(struct aks_task_request *request, const struct aks_error *err);
/** It makes no sense: AKS_POLICY. */
void aks_task_done_refused(struct aks_task_request *request, const char *why);
/** ${then}, with the request, after ${ms}. */
void aks_task_wait(struct aks_task_request *request, int64_t ms, void (*then)(void *ctx));
/** For the report: what the task did, and what came of it. ${source} may be NULL. */
void aks_task_note(struct aks_task *task, const char *what, size_t target,
    const struct aks_item *item, const char *answer);

/** The item's copy in target ${index}; NULL: this run does not send it there. */
struct aks_copy *aks_task_copy(struct aks_item *item, size_t index);

/* task_line.c */
void aks_task_line_enter(struct aks_task *task, struct reader *reader);
void aks_task_line_leave(struct aks_task *task, struct reader *reader);
/** Whoever can begin to read now does. */
void aks_task_line_go_on(struct aks_task *task);

/* task_read.c */
void aks_task_snapshot(struct aks_task_request *request);
void aks_task_checksum(struct aks_task_request *request);
void aks_task_sample(struct aks_task_request *request);
/** A pass over the source of ${view}, which is taken over; ${read} is told. NULL: ${err}. */
struct reading *aks_task_read(struct aks_task_request *request, struct aks_view *view,
    void (*read)(struct aks_task_request *request, const struct aks_outcome *outcome),
    struct aks_error *err);
void aks_task_read_free(struct reading *reading);
/** What is wrong with a source is what keeps it from being stored; then the request has failed. */
void aks_task_source_failed(struct aks_task_request *request, size_t source,
    const struct aks_error *err);

/* task_snapshot.c */
/** The source of ${request} as it is now, into content.snapshot; ${after} is called then, perhaps
 * from inside. */
void aks_task_taken_take(struct aks_task_request *request,
    void (*after)(struct aks_task_request *request, const struct aks_error *err));
/** It stays as long as it is used. NULL: AKS_SOURCE_CHANGED, there is a newer one. */
struct aks_snapshot *aks_task_taken_use(struct aks_task *task,
    const struct aks_task_snapshot *snapshot, struct aks_error *err);
void aks_task_taken_let(struct aks_task *task, const struct aks_task_snapshot *snapshot);
/** One of its files, to be read. AKS_SOURCE_CHANGED if it is not what it was. */
enum aks_status aks_task_taken_view(struct aks_task *task,
    const struct aks_task_snapshot *snapshot, enum aks_snapshot_role role,
    struct aks_view *ret_view, struct aks_error *err);
/** All of them; nobody uses one any more. */
void aks_task_taken_fini(struct aks_task *task);

/* task_held.c */
void aks_task_held(struct aks_task_request *request);
/** Its turn at the target: is what is believed still true? */
void aks_task_confirm(struct place *place);

/* task_place.c */
void aks_task_place_init(struct aks_task *task, size_t index);
void aks_task_place_fini(struct place *place);
void aks_task_place_enter(struct aks_task_request *request);
/** The turn is over. */
void aks_task_place_leave(struct place *place);
/** A new id: what is begun from now on goes to another folder. */
enum aks_status aks_task_place_new_id(struct place *place, struct aks_error *err);

/* task_upload.c */
void aks_task_open(struct place *place, struct aks_task_request *request);
void aks_task_send(struct aks_task_request *request);
void aks_task_finish(struct aks_task_request *request);
void aks_task_abort(struct aks_task_request *request);
/** Whoever can be finished now is. */
void aks_task_finish_go_on(struct aks_task *task);

/* task_object.c */
/** NULL if it is over. */
struct object *aks_task_object(const struct aks_task *task, struct aks_task_upload upload);
/** Where the transfer of ${file} is shown for progress. */
struct aks_transfer **aks_task_object_shown(const struct object_file *file);
/** That transfer is over, and is forgotten. None is fine. */
void aks_task_object_forget(struct object_file *file);
/** Is any of its transfers not over? */
bool aks_task_object_alive(const struct object *object);
void aks_task_object_stop_reading(struct object *object);
void aks_task_object_stop_sending(struct object *object);
void aks_task_object_leave_lines(struct object *object);
/** It is over: whoever waits for it is told ${outcome}. */
void aks_task_object_end(struct object *object, const struct aks_outcome *outcome);
/** The same, for a failure that is its source's or its target's. */
void aks_task_object_end_failed(struct object *object, const struct aks_outcome *outcome);
/** Gives back all that is open, and waits until it is. */
void aks_task_upload_end(struct aks_task *task);

/* task_commit.c */
/** Objects that have come into being: object->copy.next is taken over. */
enum aks_status aks_task_commit_add(struct object *object, struct aks_error *err);
void aks_task_commit(struct place *place, struct aks_task_request *request);
void aks_task_commit_end(struct place *place);

#endif
