/* What an engine notes in its audit log. The last record is also remembered in the state database:
 * a log that is cut off at its end is one chain still, and only a witness can tell. So are the last
 * record that rotation removed, and where the log ended when the state began to remember that. */
#ifndef AKS_ENGINE_AUDIT_NOTE_H
#define AKS_ENGINE_AUDIT_NOTE_H

#include "engine/audit.h"
#include "engine/audit_chain.h"
#include "engine/engine.h"
#include "engine/settings.h"

#include <stdbool.h>

/** Appends ${count} records at once, as aks_audit_append_all does. Where the log had lost its end,
 * one more says so. */
enum aks_status aks_audit_note_all(struct aks_engine *engine, const struct aks_audit_event *events,
    size_t count, struct aks_audit_mark *ret_last, struct aks_error *err);
/** One record; takes ${fields}, and NULL for them is out of memory. */
enum aks_status aks_audit_note(struct aks_engine *engine, const char *event,
    struct json_t *fields, struct aks_error *err);
/** The same, where it is no failure of anything that nothing can be noted: a warning tells it. */
void aks_audit_note_or_warn(struct aks_engine *engine, const char *event, struct json_t *fields);
/** Without an engine, and so without a witness: the state folder ${folder} is made if it is
 * missing. Takes ${fields}. */
enum aks_status aks_audit_note_alone(const struct aks_port *port, const char *folder,
    const char *event, struct json_t *fields, struct aks_error *err);
/** Fields of auth_success, or with ${failure} of auth_failure; owned, NULL without memory.
 * ${source}: what the credentials are, or "" where nobody knows. */
struct json_t *aks_audit_note_auth(const char *system_id,
    const struct aks_target_settings *settings, const char *source,
    const struct aks_error *failure);
/** Does ${status} say that credentials are missing, or were refused? */
bool aks_audit_note_is_auth(enum aks_status status);
/** A policy or a setting that was not obeyed: "policy_violation" where ${violation}, else
 * "refused". ${path} and ${sha256}: of the policy; either may be NULL. A warning tells where that
 * cannot be noted. */
void aks_audit_note_refused(struct aks_engine *engine, bool violation, const char *path,
    const char *sha256, const struct aks_error *failure);
/** What this engine's state remembers of removals. */
void aks_audit_note_removal(struct aks_engine *engine, struct aks_audit_removal *ret);
/** The last record that this engine's state remembers; seq 0: none. */
void aks_audit_note_recall(struct aks_engine *engine, struct aks_audit_mark *ret);

#endif
