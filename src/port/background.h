/* The worker beside the processes that give it work: one for each state folder, whatever happens to
 * who started it. Who has the seat of a folder is its worker; who has it can be told things. */
#ifndef AKS_PORT_BACKGROUND_H
#define AKS_PORT_BACKGROUND_H

#include "base/error.h"

#include <stddef.h>

struct aks_seat;            /* the right to be the worker of one folder */

/* Of one message: what a job's secrets may be together, names and all. */
#define AKS_BACKGROUND_BYTES_MAX (64 * 1024)

struct aks_background {
    /* Takes the seat of ${folder} (absolute, there) without waiting, and opens its door;
     * AKS_CONFLICT if somebody has it. It is given back by leave, by start, and by the process's
     * death. */
    enum aks_status (*take)(void *ctx, const char *folder, struct aks_seat **ret_seat,
        struct aks_error *err);
    /* The seat that this process was started with by start, if it is that of ${folder}; NULL if
     * there is none. Once. */
    struct aks_seat *(*inherited)(void *ctx, const char *folder);
    /* Starts this program with ${argv} and ${env} (both end with NULL) as a process that has
     * ${seat}, which is taken whatever comes of it: a session of its own, no terminal, no
     * descriptor of ours, in /. It is not waited for. AKS_LIMIT: no process could be had. */
    enum aks_status (*start)(void *ctx, struct aks_seat *seat, const char *const *argv,
        const char *const *env, struct aks_error *err);
    /* Tells who has the seat of ${folder}; it hears of it when it turns its loop, also if it has
     * not begun yet. In memory only: nothing of it can be read by anybody else, or lasts. ${len} up
     * to AKS_BACKGROUND_BYTES_MAX; 0 wakes. AKS_NOT_FOUND: nobody listens, now. AKS_LIMIT,
     * AKS_FORBIDDEN (somebody else's process does), AKS_STATE. */
    enum aks_status (*tell)(void *ctx, const char *folder, const void *message, size_t len,
        struct aks_error *err);
    /* From now on ${heard} is called with every message, on the loop's thread from aks_events.wait;
     * the bytes are borrowed for the call and overwritten after it. */
    void (*listen)(struct aks_seat *seat,
        void (*heard)(void *ctx, const void *message, size_t len), void *ctx);
    /* Closes the door, hears what had come through it until then, and gives the seat back. NULL is
     * fine. */
    void (*leave)(struct aks_seat *seat);
    void *ctx;
};

#endif
