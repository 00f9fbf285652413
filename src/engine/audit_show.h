/* The audit log to be read: the newest records that are asked for. */
#ifndef AKS_ENGINE_AUDIT_SHOW_H
#define AKS_ENGINE_AUDIT_SHOW_H

#include "engine/engine.h"

struct json_t;

#define AKS_AUDIT_SHOW_RECORDS 100      /* where no number is asked for */
#define AKS_AUDIT_SHOW_RECORDS_MAX 10000
/* Of the lines of all records that are shown: of more, only the newest are. */
#define AKS_AUDIT_SHOW_BYTES_MAX (INT64_C(64) * 1024 * 1024)

struct aks_audit_show_options {
    const char *since;                  /* as struct akosha_audit_show_options tells */
    const char *event;
    const char *job_id;
    const char *upload_id;
    int64_t records_max;
};

/** *ret_report, owned by the caller: {"schema": 1, "records": [...], "more": were there older ones,
 * "chain": "fits" or what `audit verify` would say of the chain, "error": null, "exit_code": 0}:
 * docs/schema/audit_show.json. AKS_SETTINGS where an option is wrong. */
enum aks_status aks_audit_show(struct aks_engine *engine,
    const struct aks_audit_show_options *options, struct json_t **ret_report,
    struct aks_error *err);

#endif
