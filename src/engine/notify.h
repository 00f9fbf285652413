/* Telling a person that deliveries have failed for long, and once that they are well again, by a
 * program of theirs. It stands in settings.json of the configuration folder, which only they write;
 * no policy can name one. Told by workers alone: who types `run` sees what came of it. */
#ifndef AKS_ENGINE_NOTIFY_H
#define AKS_ENGINE_NOTIFY_H

#include "engine/engine.h"

#define AKS_NOTIFY_SETTINGS_BYTES_MAX ((size_t)64 * 1024)
#define AKS_NOTIFY_COMMAND_BYTES_MAX 4096
#define AKS_NOTIFY_HOURS_MAX 8760
#define AKS_NOTIFY_TRIES_MAX 100000
#define AKS_NOTIFY_TEXT_BYTES 1024

/* What stands under "notify". */
struct aks_notify_settings {
    char command[AKS_NOTIFY_COMMAND_BYTES_MAX + 1];     /* "": nobody is to be told */
    int64_t after_hours;        /* a job that failed and is so old is told; default 24 */
    int64_t after_tries;        /* or that failed so often; 0: that does not count */
    int64_t every_hours;        /* it is told no more often; default 24 */
    bool names;                 /* with the target and the words of the failure */
};

/** Reads the text of settings.json: {"schema": 1, "notify": {"command", "after_hours",
 * "after_tries", "every_hours", "names"}}, of which only the command must be there. AKS_SETTINGS
 * for anything else in it. */
enum aks_status aks_notify_parse(const char *text, size_t len, struct aks_notify_settings *ret,
    struct aks_error *err);
/** Reads settings.json; without one the command is "". AKS_FORBIDDEN if others may write it. */
enum aks_status aks_notify_load(const struct aks_port *port, struct aks_notify_settings *ret,
    struct aks_error *err);
/** Looks at the queue and runs the command if there is something to be told now: without a shell,
 * on a worker thread while the loop turns, for AKS_SECRET_COMMAND_MS at most; its environment is
 * that of engine/secret_command.h with AKOSHA_EVENT ("failing" or "well") and AKOSHA_TEXT. Noted in
 * the audit log. Failures are warnings: nothing of a delivery depends on it. */
void aks_notify_when_due(struct aks_engine *engine);

#endif
