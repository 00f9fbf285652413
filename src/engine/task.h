/* A task: a run whose policy steers the engine itself, in the place of routes, rounds and dedup.
 *
 * The policy asks for one thing after another (struct aks_task_request), as many at once as it
 * likes, and hears of each from the loop. Requests to targets are tried again as the policy's
 * `retry` says; only what is final is told. Nothing here knows who asks: a Lua task
 * (script/task.c), or a test's C.
 *
 * What holds whatever is asked for:
 * - every source of the run is in its job before the task begins;
 * - a source is stored once a manifest that names it is committed, never before: what was finished
 *   and not committed stays owed, and no manifest will ever name it;
 * - no two objects have one key, and no manifest is sent twice: an upload whose manifest was sent,
 *   whatever became of it, is never added to. An object that was begun under it and is finished
 *   later is named by the next manifest, which is another upload's;
 * - what is left open when the task ends is given back;
 * - a server that asked to be left alone is: what would go there waits until then. */
#ifndef AKS_ENGINE_TASK_H
#define AKS_ENGINE_TASK_H

#include "data/digest.h"
#include "engine/attempt.h"
#include "engine/loop.h"
#include "engine/run.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Uploads that are open at once: each that has been sent and not finished keeps a file open. */
#define AKS_TASK_UPLOADS_MAX 256
/* Of them, those that send at once: one reads, the others send their last parts. The rest wait
 * their turn, first come, first served. */
#define AKS_TASK_SENDS_MAX 4
/* And those that are finished at once. */
#define AKS_TASK_FINISHES_MAX 8
#define AKS_TASK_SLEEP_MS_MAX AKS_RETRY_WAIT_MS_MAX
/* What a task keeps from run to run. */
#define AKS_TASK_STATE_KEYS_MAX 64
#define AKS_TASK_STATE_KEY_BYTES 64
#define AKS_TASK_STATE_TEXT_BYTES 1024
/* A record that a task writes to the audit log. */
#define AKS_TASK_AUDIT_FIELDS_MAX 16
#define AKS_TASK_AUDIT_TEXT_BYTES 1024
#define AKS_TASK_AUDIT_LINES_MAX 1000       /* of one run */
#define AKS_TASK_REASON_BYTES 200

struct aks_task;

enum aks_task_operation {
    AKS_TASK_PROBE,         /* target: may it be used now? */
    AKS_TASK_HELD,          /* source, target: has it these bytes already? -> held */
    AKS_TASK_SNAPSHOT,      /* source -> content.snapshot */
    AKS_TASK_CHECKSUM,      /* content.snapshot -> sha256, of the main file */
    AKS_TASK_SAMPLE,        /* content with its compress -> ratio, and no codec if it is not worth
                             * it */
    AKS_TASK_OPEN,          /* target, content -> upload */
    AKS_TASK_SEND,          /* upload: all of its parts, those of a log too -> bytes, sha256 ... of
                             * the main file */
    AKS_TASK_FINISH,        /* upload: its objects come into being; it is over */
    AKS_TASK_ABORT,         /* upload: given back; it is over */
    AKS_TASK_COMMIT,        /* target: the manifest of all that is finished there -> upload_id */
    AKS_TASK_SLEEP          /* ms */
};

struct aks_task_snapshot {
    size_t source;
    unsigned id;
    struct aks_file_info info;              /* the source's stamps then */
    int64_t bytes;                          /* of the main file */
    int64_t taken_at_ms;
    bool wal;                               /* it has a log, which goes with it */
    int64_t wal_bytes;
    char wal_sha256[AKS_SHA256_HEX_BYTES];  /* "" where the source is read in place */
};

/* What is to be sent, and how. */
struct aks_task_content {
    struct aks_task_snapshot snapshot;
    bool chosen;                            /* else the policy's `compress` and a sample decide */
    struct aks_compress_settings compress;
    double ratio;                           /* of a sample; 0: none was taken */
    const char *codec_reason;               /* static, or NULL */
};

/* An upload that is over has another generation. */
struct aks_task_upload {
    unsigned slot;
    unsigned generation;
};

/* Owned by who asks, zeroed before; stays where it is until done. */
struct aks_task_request {
    enum aks_task_operation operation;
    size_t source;
    size_t target;
    struct aks_task_content content;
    struct aks_task_upload upload;
    int64_t ms;
    void (*done)(void *ctx);
    void *ctx;
    /* What came of it. AKS_POLICY: it makes no sense to ask for that. */
    struct aks_outcome outcome;
    bool held;
    char upload_id[32];
    char sha256[AKS_SHA256_HEX_BYTES];      /* of the plain bytes */
    int64_t bytes;
    char stored_sha256[AKS_SHA256_HEX_BYTES];
    int64_t stored_bytes;
    enum aks_codec codec;
    /* The task's, while it is under way. */
    struct aks_task *task;
    struct aks_timer timer;
    struct aks_task_request *next;
    struct aks_task_request **link;
    struct aks_task_request *behind;        /* in the line for its target */
    struct reading *reading;
    struct aks_target_work *work;           /* a look at a sample */
    struct aks_taking *taking;              /* a snapshot on its way, */
    void (*then)(struct aks_task_request *request, const struct aks_error *err);    /* and then */
};

/* How the engine runs a policy that is a task. */
struct aks_policy_task {
    int64_t limit_ms;                       /* how long it may take, waiting included */
    /* Everything that can go on, goes on; *ret_ended: nothing is left. Fails as struct aks_decide's
     * functions do. Called again after a request of it is done. */
    enum aks_status (*step)(void *ctx, struct aks_task *task, bool *ret_ended,
        struct aks_error *err);
    /* The task is over, and no request will be done any more. */
    void (*end)(void *ctx);
    void *ctx;
};

/** Begins ${request}. done is called once, from the loop or, where nothing has to be waited for,
 * from inside; not after the task is over. */
void aks_task_begin(struct aks_task *task, struct aks_task_request *request);

size_t aks_task_source_count(const struct aks_task *task);
/** Facts of source ${index} as it was when the run began. */
void aks_task_source_facts(const struct aks_task *task, size_t index,
    struct aks_source_facts *ret_facts);
/** Was it wanted when the run began? One that is not there need not be (`missing`). */
bool aks_task_source_wanted(const struct aks_task *task, size_t index);
size_t aks_task_target_count(const struct aks_task *task);
void aks_task_target_facts(const struct aks_task *task, size_t index,
    struct aks_target_facts *ret_facts);
/** May the task use this target (--target, --no-fallback)? */
bool aks_task_target_allowed(const struct aks_task *task, size_t index);
/** Local time; borrowed until it is asked again. */
const struct aks_clock_facts *aks_task_clock(struct aks_task *task);
/** Milliseconds since the task began. */
int64_t aks_task_now_ms(const struct aks_task *task);
/** Plain bytes of an upload that are at its target, as far as is known; -1: it is over. */
int64_t aks_task_progress(const struct aks_task *task, struct aks_task_upload upload);
/** Gives an upload back without waiting for it. One that is over is left alone. */
void aks_task_drop(struct aks_task *task, struct aks_task_upload upload);
/** The source is not wanted: AKS_POLICY where it is stored already, or under way. */
enum aks_status aks_task_skip(struct aks_task *task, size_t source, const char *reason,
    struct aks_error *err);

/* A value of a task's own. */
struct aks_task_value {
    enum aks_task_type {
        AKS_TASK_NOTHING, AKS_TASK_BOOLEAN, AKS_TASK_INTEGER, AKS_TASK_NUMBER, AKS_TASK_TEXT
    } type;
    const char *name;                       /* of an audit record's field */
    bool boolean;
    int64_t integer;
    double number;
    const char *text;
    size_t len;
};

/** What this policy, and no other, has kept under ${key}: AKS_TASK_NOTHING if there is nothing.
 * Borrowed until the state is asked again. */
enum aks_status aks_task_state_get(struct aks_task *task, const char *key,
    struct aks_task_value *ret_value, struct aks_error *err);
/** Keeps it; AKS_TASK_NOTHING forgets. AKS_POLICY: over a limit. */
enum aks_status aks_task_state_put(struct aks_task *task, const char *key,
    const struct aks_task_value *value, struct aks_error *err);
/** The key behind ${key} in byte order, NULL: the first. NULL if there is none. */
const char *aks_task_state_next(struct aks_task *task, const char *key);
/** A record of the policy's own in the audit log. AKS_POLICY: over a limit. */
enum aks_status aks_task_audit(struct aks_task *task, const struct aks_task_value *fields,
    size_t count, struct aks_error *err);

/** For aks_run: the task in the place of the deliveries. */
enum aks_status aks_task_run(struct aks_run *run, struct aks_error *err);
/** After the report. NULL is fine. */
void aks_task_free(struct aks_task *task);

#endif
