/* Tasks from inside: what their files share.
 *
 * task.c             the scheduler
 * task_join.c        what coroutines may do with each other
 * lib_task.c         what waits: the functions of ctx that ask the engine
 * lib_task_handle.c  what they answer: sources, snapshots, contents, uploads, failures
 * lib_task_keep.c    what does not wait: state, audit, log, skip */
#ifndef AKS_SCRIPT_TASK_INTERNAL_H
#define AKS_SCRIPT_TASK_INTERNAL_H

#include "engine/task.h"
#include "script/task.h"

#include <stdbool.h>
#include <stdint.h>

enum strand_state {
    STRAND_FREE, STRAND_READY, STRAND_WAITING, STRAND_JOINING, STRAND_ENDED
};

/* One coroutine of the scheduler. Lua's half of it is kept in the registry. */
struct strand {
    struct aks_tasker *tasker;
    unsigned slot;
    unsigned generation;                /* of its handle: an ended one's slot is used again */
    enum strand_state state;
    lua_State *L;
    int arguments;                      /* on its stack, at its beginning */
    bool main;                          /* `run` itself: its failure is the task's */
    bool asks;                          /* it yielded for its request */
    bool asked;                         /* by a function of ours, not by coroutine.yield */
    struct strand *joins;               /* whom it waits for */
    struct strand *next;                /* in the line of those that are ready */
    struct aks_task_request request;
    int64_t since_ms;                   /* when that was asked */
};

struct aks_tasker {
    struct aks_policy_task policy;
    struct aks_vm *vm;
    struct aks_task *task;              /* while it runs */
    bool begun;
    uint64_t run;                       /* which of this policy's it is, from 1 */
    struct strand **strands;            /* AKS_SCRIPT_TASK_COROUTINES, made when they are needed */
    unsigned alive;
    struct strand *current;             /* whose turn it is */
    struct strand *ready;
    struct strand **ready_last;
    int64_t turns;
    bool pauses;                        /* the engine has its turn, though some are ready */
    struct aks_task_request pause;
    struct aks_error unjoined;          /* of a coroutine that failed and was not joined, */
    unsigned unjoined_slot;             /* this one */
    unsigned unjoined_generation;
    struct aks_task_upload drops[AKS_TASK_UPLOADS_MAX];     /* to be given back after the turn */
    unsigned drop_count;
};

/* What a handle of a coroutine holds; its user value is the table of its results, or its error. */
struct strand_handle {
    uint64_t run;
    unsigned slot;
    unsigned generation;
    bool ended;
    bool failed;
};

#define AKS_STRAND_CLASS "akosha.coroutine"
#define AKS_SNAPSHOT_CLASS "akosha.snapshot"
#define AKS_CONTENT_CLASS "akosha.content"
#define AKS_UPLOAD_CLASS "akosha.upload"
#define AKS_KEPT_CLASS "akosha.state"

/* Each handle begins with the run that made it: a later run of the same policy has other sources,
 * coroutines and uploads in the same places. */
struct snapshot_handle {
    uint64_t run;
    struct aks_task_snapshot snapshot;
    char sha256[AKS_SHA256_HEX_BYTES];  /* "" until it was asked for */
};

struct content_handle {
    uint64_t run;
    struct aks_task_content content;
};

enum upload_state { UPLOAD_OPEN, UPLOAD_SENT, UPLOAD_FINISHED, UPLOAD_ABORTED, UPLOAD_FAILED };

struct upload_handle {
    uint64_t run;
    struct aks_task_upload upload;
    enum upload_state state;
    size_t source;
    size_t target;
    int64_t bytes;                      /* these once it is sent */
    int64_t stored_bytes;
    enum aks_codec codec;
    char sha256[AKS_SHA256_HEX_BYTES];
    char stored_sha256[AKS_SHA256_HEX_BYTES];
};

/* task.c */

/** The task that is running; raises, naming ${what}, where none is. [-0, +0, raises] */
struct aks_tasker *aks_task_running(lua_State *L, const char *what);
/** The coroutine that calls, which may wait; raises where it may not. Its request is zeroed, to be
 * filled. [-0, +0, raises] */
struct strand *aks_task_waits(lua_State *L, const char *what);
/** As a tail call: asks for the request, and goes on in ${then}, whose stack is as it is. */
int aks_task_ask(lua_State *L, struct strand *strand, lua_KFunction then);
/** The strand whose request has just been done. [-0, +0] */
struct strand *aks_task_asked(lua_State *L);
/** ctx:spawn and ctx:join, as lua_CFunction. */
int aks_task_spawn(lua_State *L);
int aks_task_join(lua_State *L);

/** A handle of ${class} that is one of this run's; NULL for any other value. Raises for one of an
 * earlier run. [-0, +0, raises] */
void *aks_task_handle(lua_State *L, int index, const char *class, const char *what);

/* lib_task.c */

/** What `run` gets. [-0, +1, raises] */
void aks_lib_task_push_context(lua_State *L);

/* lib_task_handle.c */

/** Makes the classes of this file. [-0, +0, raises] */
void aks_lib_task_open_handles(lua_State *L);
/** The list of sources, always the same. [-0, +1, raises] */
void aks_lib_task_push_sources(lua_State *L);
/** Which source the value is: an entry of that list, or a name. [-0, +0, raises] */
size_t aks_lib_task_source(lua_State *L, int index, const char *what);
/** Which target the name at ${index} is. [-0, +0, raises] */
size_t aks_lib_task_target(lua_State *L, int index, const char *what);
void aks_lib_task_push_snapshot(lua_State *L, const struct aks_task_snapshot *snapshot);
struct snapshot_handle *aks_lib_task_snapshot(lua_State *L, int index, const char *what);
void aks_lib_task_push_content(lua_State *L, const struct aks_task_content *content);
/** Of a content, or of a snapshot: that as the policy's `compress` says. [-0, +0, raises] */
void aks_lib_task_content(lua_State *L, int index, const char *what,
    struct aks_task_content *ret_content);
void aks_lib_task_push_upload(lua_State *L, const struct aks_task_request *request);
/** Raises unless it is in ${state}. [-0, +0, raises] */
struct upload_handle *aks_lib_task_upload(lua_State *L, int index, const char *what,
    enum upload_state state);
/** nil and the failure of the request, or an error where it made no sense. [-0, +2, raises] */
int aks_lib_task_fail(lua_State *L, const char *what, const struct aks_task_request *request);

/* lib_task_keep.c */

/** Makes its class. [-0, +0, raises] */
void aks_lib_task_open_state(lua_State *L);
/** ctx.state. [-0, +1, raises] */
void aks_lib_task_push_state(lua_State *L);
/* As lua_CFunction. */
int aks_lib_task_audit(lua_State *L);
int aks_lib_task_skip(lua_State *L);
int aks_lib_task_now(lua_State *L);
int aks_lib_task_clock(lua_State *L);
int aks_lib_task_sources(lua_State *L);
int aks_lib_task_targets(lua_State *L);

#endif
