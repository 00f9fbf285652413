/* One delivery at a time for each state folder: who brings anything to a target holds
 * delivery.lock from before it compares until its manifest is written. The lock is the kernel's, so
 * a process that dies has given it back. What is in the file tells what is going on, as long as it
 * is locked. */
#ifndef AKS_ENGINE_DELIVERY_H
#define AKS_ENGINE_DELIVERY_H

#include "engine/engine.h"

struct json_t;

/* How often whoever waits tries again: on the loop, so that it can be interrupted. */
#define AKS_DELIVERY_WAIT_MS 50
/* How often what is going on is written down, at most. */
#define AKS_DELIVERY_TOLD_MS 1000
#define AKS_DELIVERY_TEXT_BYTES 2048

/** Waits for it, which progress is told as blocked; AKS_CANCELLED when interrupted. May be taken
 * again by who has it. AKS_NO_SPACE, AKS_STATE: there can be no lock. */
enum aks_status aks_delivery_take(struct aks_engine *engine, struct aks_error *err);
/** As often as it was taken. */
void aks_delivery_give(struct aks_engine *engine);
/** Writes down what is going on, if it was not done within AKS_DELIVERY_TOLD_MS (${now}: also
 * then). Failing to is no harm. Fine without the lock: then nothing is written. */
void aks_delivery_tell(struct aks_engine *engine, const char *run_id, const char *job_id,
    const struct aks_progress *progress, bool now);
/** Is there a delivery from the state folder ${folder}? Then *ret_now is what is known of it
 * (owned; NULL if nothing is). Never waits, makes nothing. */
bool aks_delivery_look(const struct aks_port *port, const char *folder, struct json_t **ret_now);

#endif
