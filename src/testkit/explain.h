/* What a policy would decide, and why: found out by letting the engine that ships run under it in a
 * simulated world, or by asking it what a recorded run was asked. Of the real machine the policy's
 * files and variables are read, the sources' sizes looked up, and the record of a run; nothing is
 * contacted or written, and no byte of a source is read. */
#ifndef AKS_TESTKIT_EXPLAIN_H
#define AKS_TESTKIT_EXPLAIN_H

#include "base/error.h"
#include "base/units.h"
#include "port/port.h"

#include <stddef.h>

struct json_t;

#define AKS_EXPLAIN_EVENTS_MAX 32
#define AKS_EXPLAIN_SOURCES_MAX 256
/* Sources are simulated with as many bytes as they have, up to these: of one, and together. */
#define AKS_EXPLAIN_SOURCE_BYTES_MAX (128 * AKS_MIB)
#define AKS_EXPLAIN_BYTES_MAX (256 * AKS_MIB)
#define AKS_EXPLAIN_ASSUMED_BYTES (8 * AKS_MIB)     /* of a source where none is there */

struct aks_explain_options {
    const struct aks_port *real;        /* files for reading, and variables */
    const char *policy;                 /* as for akosha_policy_load */
    const char *const *sources;         /* relative to the working folder; NULL: the policy's */
    size_t source_count;
    const char *const *limits;          /* as for akosha_open */
    size_t limit_count;
    const char *const *events;          /* as testkit/event.h reads them */
    size_t event_count;                 /* at most AKS_EXPLAIN_EVENTS_MAX */
    const char *at;                     /* the time it is taken to be, "2026-11-27 22:00" in local
                                         * time; NULL: as it is */
    const char *run;                    /* a run_id, "last", or the file of a report: it is put to
                                         * the policy, and no world is made; or NULL */
    const char *state;                  /* as for akosha_open: where runs are known */
};

/** *ret_explanation is a document (json_decref): "policy", "at", "plan", "throttle", "calm", with
 * events "events", "decisions", "ended"; of a run "policy" and "replay". AKS_NOT_FOUND where an
 * event or a time is none, or an event names no target of the policy, or a run is not known or no
 * report that can be read; AKS_POLICY, AKS_SETTINGS, AKS_LIMIT where the policy does not load. */
enum aks_status aks_explain(const struct aks_explain_options *options,
    struct json_t **ret_explanation, struct aks_error *err);

#endif
