/* Figures as Prometheus reads them: the text format 0.0.4
 * (prometheus.io/docs/instrumenting/exposition_formats), names and units by its conventions
 * (prometheus.io/docs/practices/naming). Makes nothing, waits for nobody. */
#ifndef AKS_ENGINE_METRICS_H
#define AKS_ENGINE_METRICS_H

#include "base/error.h"
#include "port/port.h"

struct json_t;

/* The whole text; some 100 lines are usual. */
#define AKS_METRICS_BYTES_MAX ((size_t)1024 * 1024)

/** docs/schema/metrics.json: {"schema", "success", "exit_code", "metrics": [{"name", "type",
 * "help", "samples": [{"name", "labels", "value"}]}], "text"}, owned; "text" is the format itself.
 * Labels are names of targets, failures, outcomes and methods, and nothing of where things are. A
 * state database that cannot be read is akosha_sync_state_readable 0, and what is in it is then not
 * told. AKS_STATE if the queue cannot be read either, AKS_LIMIT without memory. */
enum aks_status aks_metrics_report(const struct aks_port *port, const char *state_folder,
    const char *version, struct json_t **ret_report, struct aks_error *err);

#endif
