/* What went wrong when an agent's hook was called. A hook never fails its agent and says nothing,
 * so it is kept, and `status` tells of it until the next one succeeds: one small file in the state
 * folder or, where that cannot be written to (the disk is full), in the folder of this login
 * ($XDG_RUNTIME_DIR, which is memory). */
#ifndef AKS_ENGINE_HOOK_NOTE_H
#define AKS_ENGINE_HOOK_NOTE_H

#include "base/error.h"
#include "port/port.h"

struct json_t;

#define AKS_HOOK_NOTE_BYTES_MAX (16 * 1024)

/** Keeps ${failed}, with how often in a row and since when. What was there cannot grow. An error
 * means that it is kept nowhere. */
enum aks_status aks_hook_note_write(const struct aks_port *port, const char *state_folder,
    const struct aks_error *failed, struct aks_error *err);
/** Nothing is wrong any more. */
void aks_hook_note_clear(const struct aks_port *port, const char *state_folder);
/** {"failed_at", "since", "times", "failure", "message", "hint"}, owned; NULL if nothing is wrong.
 * What cannot be read counts as nothing. */
struct json_t *aks_hook_note_read(const struct aks_port *port, const char *state_folder);

#endif
