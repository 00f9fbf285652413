/* The engine: ports, state folder, loop, and what lives as long as the process. One thread. */
#ifndef AKS_ENGINE_ENGINE_H
#define AKS_ENGINE_ENGINE_H

#include "base/log.h"
#include "engine/audit.h"
#include "engine/loop.h"
#include "engine/policy.h"
#include "engine/state.h"
#include "port/port.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a person may be shown while a run goes on. Borrowed for the call. */
struct aks_progress {
    const char *target;             /* the one that is being sent to, or NULL */
    const char *source;             /* name of a source that is being sent, or NULL */
    unsigned files_done;
    unsigned files_total;
    int64_t bytes_done;             /* plain bytes that are stored */
    int64_t bytes_total;            /* plain bytes to be stored */
    int64_t waiting_ms;             /* until the next try, or -1 */
    bool reading;                   /* bytes come back from the target */
    bool blocked;                   /* another process delivers; nothing else is known then */
};

/* What engine/delivery.h keeps of the one that this process has. */
struct aks_delivery {
    struct aks_file *lock;
    unsigned depth;                 /* how often it was taken; 0: it is not ours */
    bool renewed;                   /* the state is another one than before */
    int64_t told_ns;
    int64_t window_ns;              /* the rate is measured from then on */
    int64_t window_bytes;
    int64_t rate;
};

struct aks_engine_options {
    const struct aks_port *port;
    const struct aks_log *log;              /* may be NULL */
    struct aks_policy_loader loader;
    const char *state_folder;               /* absolute; made (0700) with its parents if missing */
    void (*progress)(void *ctx, const struct aks_progress *progress);   /* may be NULL */
    void *progress_ctx;
};

#define AKS_ENGINE_ASKED_MAX 16

/* What a target wants, for jobs that follow in the same process: where the state folder takes
 * nothing its health cannot be noted there. */
struct aks_engine_asked {
    char identity[65];
    int64_t until_ns;
    int64_t give_back_ns;                   /* of what is given back */
};

struct aks_engine {
    const struct aks_port *port;            /* always &own */
    struct aks_port own;                    /* the process's, but for the environment: a job of the
                                             * queue may bring one of its own */
    const struct aks_port *process;         /* as it was given */
    const struct aks_log *log;
    struct aks_policy_loader loader;
    void (*progress)(void *ctx, const struct aks_progress *progress);
    void *progress_ctx;
    struct aks_loop loop;
    char *state_folder;
    char *queue_folder;
    char *scratch_folder;
    char *snapshot_folder;                  /* made when it is first needed */
    struct aks_state *state;
    struct aks_audit *audit;                /* opened when it is first needed */
    atomic_int interrupted;                 /* a signal's number */
    struct aks_delivery delivery;
    struct aks_engine_asked asked[AKS_ENGINE_ASKED_MAX];
};

/** Opens the state folder and its database. AKS_STATE, AKS_NO_SPACE: nothing can be kept there. */
enum aks_status aks_engine_open(const struct aks_engine_options *options,
    struct aks_engine **ret_engine, struct aks_error *err);
void aks_engine_close(struct aks_engine *engine);
/** Ends the run that is going on, or the next one. From any thread, safe in a signal handler. */
void aks_engine_interrupt(struct aks_engine *engine, int signal);
/** From now on ${environment} (borrowed) is what everything in the engine asks; NULL: the process's
 * again. Between runs only. */
void aks_engine_environment(struct aks_engine *engine, const struct aks_environment *environment);
/** The audit log, opened. */
enum aks_status aks_engine_audit(struct aks_engine *engine, struct aks_audit **ret_audit,
    struct aks_error *err);
/** Makes ${path} (absolute) and what is missing above it, mode 0700. */
enum aks_status aks_engine_make_folders(const struct aks_port *port, const char *path,
    struct aks_error *err);

/** An XDG base folder's akosha-sync, owned: ${variable} where it is absolute, as the specification
 * says, else ${fallback} in the home. NULL without memory. */
char *aks_engine_xdg_folder(const struct aks_port *port, const char *variable,
    const char *fallback);
/** Makes the state folder ${path} (absolute) and what is missing above it; with ${last} all names
 * on the way to it are made to last. AKS_STATE, AKS_NO_SPACE, with what it was for. */
enum aks_status aks_engine_make_state_folder(const struct aks_port *port, const char *path,
    bool last, struct aks_error *err);
/** What ${status} and ${err} mean for the state folder ${folder}: AKS_STATE or AKS_NO_SPACE. */
enum aks_status aks_engine_state_failure(enum aks_status status, const char *folder,
    struct aks_error *err);
/** Opens the state again where it is not what stands in its folder any more (aks_state_current):
 * nothing that was made with engine->state may be in use. After a failure the former one stays. */
enum aks_status aks_engine_renew_state(struct aks_engine *engine, struct aks_error *err);
/** A new id, "20261123T084512Z-3f9a2c": wall clock and entropy. */
enum aks_status aks_engine_make_id(const struct aks_port *port, char ret_id[32],
    struct aks_error *err);
/** The same. */
enum aks_status aks_engine_new_id(struct aks_engine *engine, char ret_id[32],
    struct aks_error *err);
/** An id for an upload (engine/upload_id.h), later than ${after}, which may be NULL. */
enum aks_status aks_engine_upload_id(struct aks_engine *engine, const char *after, char ret_id[32],
    struct aks_error *err);
/** ${settings}' own, else AKOSHA_SYSTEM_ID, SESSION_BUDDY_AKOSHA_SYSTEM_ID, else the host name;
 * everything outside [A-Za-z0-9_-] turned to '-'. */
void aks_engine_system_id(const struct aks_port *port, const struct aks_settings *settings,
    char ret_id[AKS_SYSTEM_ID_BYTES]);

#endif
