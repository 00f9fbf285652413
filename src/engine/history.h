/* What the last runs did, one after the other, the newest first. */
#ifndef AKS_ENGINE_HISTORY_H
#define AKS_ENGINE_HISTORY_H

#include "base/error.h"
#include "port/port.h"

#include <stdint.h>

#define AKS_HISTORY_RUNS 20             /* where nobody says how many */
#define AKS_HISTORY_RUNS_MAX 200
/* A longer report is told by its id and outcome alone. */
#define AKS_HISTORY_REPORT_BYTES_MAX ((size_t)2 * 1024 * 1024)

struct json_t;

/* Borrowed for the call. */
struct aks_history_options {
    const char *state_folder;
    int64_t runs_max;                   /* 1 to AKS_HISTORY_RUNS_MAX */
    const char *outcome;                /* only those with it; NULL: any */
};

/** docs/schema/history.json, owned. No run is no failure. AKS_STATE if the state cannot be read,
 * AKS_LIMIT without memory. */
enum aks_status aks_history(const struct aks_port *port, const struct aks_history_options *options,
    struct json_t **ret_report, struct aks_error *err);

#endif
