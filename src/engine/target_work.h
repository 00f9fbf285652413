/* Work of a target on a worker thread that its owner may walk away from at any time, and the
 * files that such work writes to.
 *
 * The port cannot take a job back, while aks_target_class.free, object_free and abort must let
 * go at once, and whoever called them may free the bytes of a part right afterwards. So a job
 * owns everything it touches, but for one body, which is read under a guard; a job that was
 * left runs out behind the owner's back and frees itself. */
#ifndef AKS_ENGINE_TARGET_WORK_H
#define AKS_ENGINE_TARGET_WORK_H

#include "port/body.h"
#include "port/port.h"

#include <stdatomic.h>
#include <stdbool.h>

struct aks_target_work;

typedef void aks_target_work_done(void *ctx, struct aks_target_work *work);

/* Embedded as the first member of a job that aks_mem_new made. */
struct aks_target_work {
    const struct aks_port *port;
    /* On a worker. */
    enum aks_status (*run)(struct aks_target_work *work, struct aks_error *err);
    /* Frees what the job owns, not the job itself; on the loop. May be NULL. */
    void (*release)(struct aks_target_work *work);
    /* On the loop; not after aks_target_work_leave. The job is freed when it returns. */
    aks_target_work_done *done;
    void *ctx;
    struct aks_error error;             /* what run came to */
    atomic_int guard;
    unsigned *lingering;                /* of the owner that left, or NULL */
};

/** Hands ${work} to a worker. On failure it is freed already. */
enum aks_status aks_target_work_begin(struct aks_target_work *work, aks_target_work_done *done,
    void *ctx, struct aks_error *err);
/** done is not called any more, and when this returns nothing is done under the guard, or
 * will be. ${work} may still be looked at until the loop goes on. NULL is fine. ${lingering} (or
 * NULL) counts the job until it has run out. */
void aks_target_work_leave(struct aks_target_work *work, unsigned *lingering);
/** From run: has the owner left? */
bool aks_target_work_left(struct aks_target_work *work);
/** From run: keeps the owner from leaving until aks_target_work_let, for something short that
 * must not happen afterwards. False if it has left. */
bool aks_target_work_hold(struct aks_target_work *work);
void aks_target_work_let(struct aks_target_work *work);

/* A file that an owner and its jobs have open together; the last one closes it. Counted on the
 * loop only. */
struct aks_target_file {
    const struct aks_port *port;
    struct aks_file *handle;
    unsigned users;
};

/** Creates ${path} (AKS_FILE_CREATE) with one user. */
enum aks_status aks_target_file_create(const struct aks_port *port, const char *path,
    struct aks_target_file **ret_file, struct aks_error *err);
struct aks_target_file *aks_target_file_use(struct aks_target_file *file);
/** NULL is fine. */
void aks_target_file_drop(struct aks_target_file *file);

/** A job that writes ${body} to ${file} at ${offset}; NULL if there is no memory. */
struct aks_target_work *aks_target_work_copy(const struct aks_port *port,
    const struct aks_body *body, struct aks_target_file *file, int64_t offset);

#endif
