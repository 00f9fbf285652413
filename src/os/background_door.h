/* The door of a seat: a socket in the state folder at which its worker can be told things by
 * processes of the same user. */
#ifndef AKS_OS_BACKGROUND_DOOR_H
#define AKS_OS_BACKGROUND_DOOR_H

#include "base/alloc.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/** A socket that listens at ${folder}/worker.sock, in the place of what is there; -1 if there can
 * be none. Only for who has the seat. */
int aks_background_door_open(const char *folder);
/** Is ${fd} such a socket? */
bool aks_background_door_is(int fd);
/** No more can come: takes its name away. Only for who has the seat. */
void aks_background_door_shut(const char *folder);
/** Hears everybody who stands at the door now, without waiting for others. Messages are borrowed
 * for the call, and overwritten after it; those of other users, and longer ones than
 * AKS_BACKGROUND_BYTES_MAX, are dropped. */
void aks_background_door_hear(int fd, const struct aks_alloc *alloc,
    void (*heard)(void *ctx, const void *message, size_t len), void *ctx);
/** As aks_background.tell. */
enum aks_status aks_background_door_tell(const char *folder, const void *message, size_t len,
    struct aks_error *err);

#endif
