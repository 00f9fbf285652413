/* What runs took and brought over time, out of the state database. Makes nothing, waits for
 * nobody. */
#ifndef AKS_ENGINE_STATS_H
#define AKS_ENGINE_STATS_H

#include "base/error.h"
#include "port/port.h"

struct json_t;

/* Days that are told one by one, today's the last. */
#define AKS_STATS_DAYS 30

/** docs/schema/stats.json: {"schema", "success", "exit_code", "at", "periods": of a day, a week,
 * all, "days", "error"}, owned. Percentiles are of the runs that have rows
 * (AKS_STATE_FIGURES_MAX), by nearest rank; all else of "all" is of all time. A folder without a
 * state database has no figures. AKS_STATE where there is one that cannot be read: some of its
 * figures would be none. AKS_LIMIT without memory. */
enum aks_status aks_stats_report(const struct aks_port *port, const char *state_folder,
    struct json_t **ret_report, struct aks_error *err);

#endif
