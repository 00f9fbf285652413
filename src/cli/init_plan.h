/* What init, and its undoing, would change. */
#ifndef AKS_CLI_INIT_PLAN_H
#define AKS_CLI_INIT_PLAN_H

#include "cli/args.h"
#include "cli/init_change.h"
#include "cli/init_draft.h"
#include "cli/init_record.h"
#include "port/port.h"

#define AKS_INIT_PLAN_UNITS 3
#define AKS_INIT_PLAN_STAMP_BYTES 64

struct aks_init_plan {
    const struct aks_args *args;
    const struct aks_port *port;
    struct aks_init_changes changes;
    struct aks_init_record record;      /* as it will be */
    bool record_foreign;                /* there is one, and it is not as this version writes it */
    struct aks_buf command;             /* of the hook */
    char *folder;                       /* of our configuration */
    char *policy;                       /* its path */
    bool policy_kept;                   /* there was one, which is not this */
    char stamp[AKS_INIT_PLAN_STAMP_BYTES];  /* in the names of what is kept */
    struct aks_error left;              /* of undo: the first that it could not look at */
    bool units;                         /* any is written, or taken away */
};

/** Must be given back, also after a failure. */
enum aks_status aks_init_plan_begin(const struct aks_args *args, const struct aks_port *port,
    struct aks_init_plan *ret_plan, struct aks_error *err);
void aks_init_plan_end(struct aks_init_plan *plan);
/** All that is to be there: policy, hook, units, as the options say. */
enum aks_status aks_init_plan_make(struct aks_init_plan *plan, const struct aks_init_draft *draft,
    struct aks_error *err);
/** The way back: what the record says. What cannot be looked at stays, in the record as well, and
 * holds up nothing else: plan->left says why. */
enum aks_status aks_init_plan_undo(struct aks_init_plan *plan, struct aks_error *err);

/** ${word} as a shell takes it for one, whatever it holds. */
void aks_init_plan_quote(const char *word, struct aks_buf *out);

#endif
