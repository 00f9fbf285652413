#include "engine/job_end.h"

#include "engine/audit_note.h"

#include <jansson.h>
#include <stdio.h>

static void
copy(char *ret, size_t bytes, const char *text)
{
    (void)snprintf(ret, bytes, "%s", text != NULL ? text : "");
}

static enum aks_status
tell_state(struct aks_engine *engine, const struct aks_job_ending *ending, struct aks_error *err)
{
    const struct aks_clock *clock = &engine->port->clock;
    struct aks_job_end end = { .enqueued_at_ms = ending->enqueued_at_ms,
        .ended_at_ms = clock->wall_ms(clock->ctx), .tries = ending->tries };

    copy(end.id, sizeof(end.id), ending->id);
    copy(end.outcome, sizeof(end.outcome), ending->outcome);
    copy(end.by, sizeof(end.by), ending->by);
    copy(end.run_id, sizeof(end.run_id), ending->run_id);
    copy(end.reason, sizeof(end.reason), ending->reason);
    return aks_state_job_ended(engine->state, &end, err);
}

void
aks_job_end_tell(struct aks_engine *engine, const struct aks_job_ending *ending)
{
    struct aks_error err;

    if (tell_state(engine, ending, &err) != AKS_OK)
        aks_log_write(engine->log, AKS_LOG_WARNING, "job %s: %s", ending->id, err.message);
    if (aks_audit_note(engine, "job", json_pack("{s:s, s:s, s:s?, s:s?, s:s?}", "job_id",
            ending->id, "outcome", ending->outcome, "by", ending->by, "run_id", ending->run_id,
            "reason", ending->reason), &err) != AKS_OK)
        aks_log_write(engine->log, AKS_LOG_WARNING, "job %s: %s", ending->id, err.message);
}

void
aks_job_end_replaced(struct aks_engine *engine, const struct aks_job *job)
{
    for (size_t i = 0; i < job->replaces_count; i++) {
        struct aks_job_ending ending = { .id = job->replaces[i], .outcome = "superseded",
            .by = job->id };

        aks_job_end_tell(engine, &ending);
    }
}
