/* What an engine notes in its audit log. The last record is also remembered in the state database:
 * a log that is cut off at its end is one chain still, and only a witness can tell. */
#ifndef AKS_ENGINE_AUDIT_NOTE_H
#define AKS_ENGINE_AUDIT_NOTE_H

#include "engine/audit.h"
#include "engine/engine.h"

/** Appends ${count} records at once, as aks_audit_append_all does. Where the log had lost its end,
 * one more says so. */
enum aks_status aks_audit_note_all(struct aks_engine *engine, const struct aks_audit_event *events,
    size_t count, struct aks_audit_mark *ret_last, struct aks_error *err);
/** One record; takes ${fields}, and NULL for them is out of memory. */
enum aks_status aks_audit_note(struct aks_engine *engine, const char *event,
    struct json_t *fields, struct aks_error *err);
/** The same, where it is no failure of anything that nothing can be noted: a warning tells it. */
void aks_audit_note_or_warn(struct aks_engine *engine, const char *event, struct json_t *fields);
/** The last record that this engine's state remembers; seq 0: none. */
void aks_audit_note_recall(struct aks_engine *engine, struct aks_audit_mark *ret);

#endif
