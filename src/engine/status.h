/* What waits, why and until when; what is going on; what became of a job. Works whatever else runs,
 * waits for nothing, and makes nothing. */
#ifndef AKS_ENGINE_STATUS_H
#define AKS_ENGINE_STATUS_H

#include "base/error.h"
#include "port/port.h"

struct json_t;

/** docs/schema/status.json: {"schema", "success", "exit_code", "queue", "damaged", "now", "hook",
 * "worker", "last_run", "last_stored_at", "last_proven_restore_at", "targets", "error"}, owned. A
 * state database that cannot be read is told in "error"; the queue needs none. AKS_STATE if the
 * queue cannot be read either, AKS_LIMIT without memory. */
enum aks_status aks_status_report(const struct aks_port *port, const char *state_folder,
    struct json_t **ret_report, struct aks_error *err);
/** {"schema", "success", "exit_code", "job", "report"}: the job ${id}, in the queue or ended.
 * AKS_NOT_FOUND if nothing is known of it. */
enum aks_status aks_status_job(const struct aks_port *port, const char *state_folder,
    const char *id, struct json_t **ret_report, struct aks_error *err);

#endif
