#include "engine/status.h"

#include "base/units.h"
#include "engine/delivery.h"
#include "engine/hook_note.h"
#include "engine/queue.h"
#include "engine/state_figures.h"
#include "engine/state_proofs.h"
#include "engine/text.h"
#include "wire/dates.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* One look at a state folder. */
struct look {
    const struct aks_port *port;
    const char *folder;
    char *queue_folder;
    struct aks_state *state;            /* NULL: there is none, or it cannot be read */
    struct aks_error state_error;       /* why it cannot */
    bool busy;                          /* somebody delivers */
    json_t *now;                        /* what is known of that, or NULL */
    bool lost;                          /* something is missing, for want of memory */
};

static int64_t
wall_ms(const struct look *look)
{
    return look->port->clock.wall_ms(look->port->clock.ctx);
}

static enum aks_status
begin(struct look *look, const struct aks_port *port, const char *folder, struct aks_error *err)
{
    enum aks_status status;

    memset(look, 0, sizeof(*look));
    look->port = port;
    look->folder = folder;
    look->queue_folder = aks_mem_printf(port->alloc, "%s/queue", folder);
    if (look->queue_folder == NULL)
        return aks_error_memory(err, "looking at the queue");
    look->busy = aks_delivery_look(port, folder, &look->now);
    status = aks_state_open_reading(port->alloc, &port->files, folder, &look->state,
        &look->state_error);
    if (status == AKS_NOT_FOUND)
        aks_error_clear(&look->state_error);
    return AKS_OK;
}

static void
end(struct look *look)
{
    json_decref(look->now);
    aks_state_close(look->state);
    aks_mem_free(look->port->alloc, look->queue_folder);
}

/* Takes ${value}. What is missing would be taken for what is not there. */
static void
set(struct look *look, json_t *report, const char *name, json_t *value)
{
    if (json_object_set_new(report, name, value) != 0)
        look->lost = true;
}

static void
append(struct look *look, json_t *list, json_t *value)
{
    if (json_array_append_new(list, value) != 0)
        look->lost = true;
}

static json_t *
date_json(int64_t ms)
{
    char date[AKS_DATE_BYTES];

    return ms > 0 ? json_string(aks_date_iso(ms, date)) : json_null();
}

static json_t *
text_json(const char *text)
{
    return text != NULL ? aks_text_json(text) : json_null();
}

static json_t *
path_json(const struct look *look, const char *path)
{
    char *shown = path != NULL ? aks_text_path(look->port->alloc, path) : NULL;
    json_t *text = shown != NULL ? json_string(shown) : text_json(path);

    aks_mem_free(look->port->alloc, shown);
    return text;
}

/* --- the queue -------------------------------------------------------------------------------- */

static bool
running(const struct look *look, const char *id)
{
    const char *now = json_string_value(json_object_get(look->now, "job_id"));

    return look->busy && now != NULL && strcmp(now, id) == 0;
}

/* As a worker reads it: never further ahead than it was said. */
static int64_t
not_before_ms(const struct look *look, const struct aks_job *job)
{
    int64_t latest_ms = wall_ms(look) + job->wait_ms;

    return job->not_before_ms < latest_ms ? job->not_before_ms : latest_ms;
}

static json_t *
hint_json(const struct aks_job *job)
{
    enum aks_status reason = AKS_OK;

    if (job->reason != NULL)
        (void)aks_status_from_name(job->reason, &reason);
    if (reason == AKS_AUTH_MISSING && job->handed_count > 0)
        return json_string("its credentials were in its caller's environment alone, and the worker "
            "that had them is gone: run akosha-sync where they are set, or keep them in "
            "~/.aws/credentials (mode 0600)");
    if (reason == AKS_AUTH_MISSING)
        return json_string("put the keys into ~/.aws/credentials (mode 0600), or run akosha-sync "
            "where they are set");
    return json_null();
}

static json_t *
job_json(struct look *look, const struct aks_job *job)
{
    json_t *sources = json_array();

    for (size_t i = 0; i < job->source_count; i++)
        append(look, sources, path_json(look, job->sources[i]));
    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}", "job_id", job->id,
        "sources", sources, "state", running(look, job->id) ? "running" : "waiting", "reason",
        text_json(job->reason), "message", text_json(job->message), "hint", hint_json(job),
        "not_before", date_json(job->not_before_ms > 0 ? not_before_ms(look, job) : 0), "tries",
        (json_int_t)job->tries, "enqueued_at", date_json(job->enqueued_at_ms), "policy",
        path_json(look, job->policy.path), "target", text_json(job->target));
}

static void
add_job(struct look *look, const char *id, json_t *queue, json_t *damaged)
{
    struct aks_job job;
    struct aks_error err;
    enum aks_status status;

    aks_job_init(&job, look->port->alloc);
    status = aks_queue_get(look->port, look->queue_folder, id, &job, &err);
    if (status == AKS_OK)
        append(look, queue, job_json(look, &job));
    else if (status != AKS_NOT_FOUND)
        append(look, damaged, json_pack("{s:s, s:o}", "job_id", id, "message",
            aks_text_json(err.message)));
    aks_job_fini(&job);
}

/* Since when that job waits which is there for the longest. All times are of one form, which sorts
 * as the times do. */
static json_t *
oldest_json(const json_t *queue)
{
    json_t *oldest = NULL;
    const json_t *job;
    size_t i;

    json_array_foreach(queue, i, job) {
        json_t *at = json_object_get(job, "enqueued_at");

        if (json_is_string(at) && (oldest == NULL ||
                strcmp(json_string_value(at), json_string_value(oldest)) < 0))
            oldest = at;
    }
    return oldest != NULL ? json_incref(oldest) : json_null();
}

static enum aks_status
add_queue(struct look *look, json_t *report, struct aks_error *err)
{
    const struct aks_alloc *alloc = look->port->alloc;
    json_t *queue = json_array();
    json_t *damaged = json_array();
    char **ids = NULL;
    size_t count = 0;
    enum aks_status status = aks_queue_list(look->port, look->queue_folder, &ids, &count, err);

    for (size_t i = 0; i < count; i++) {
        add_job(look, ids[i], queue, damaged);
        aks_mem_free(alloc, ids[i]);
    }
    aks_mem_free(alloc, ids);
    set(look, report, "oldest_waiting_at", oldest_json(queue));
    set(look, report, "queue", queue);
    set(look, report, "damaged", damaged);
    return status;
}

/* --- what is going on ------------------------------------------------------------------------- */

static bool
worker_runs(const struct look *look)
{
    const struct aks_files *files = &look->port->files;
    char *path = aks_mem_printf(look->port->alloc, "%s/worker.lock", look->folder);
    struct aks_file *file = NULL;
    bool runs = path != NULL &&
        files->open(files->ctx, path, AKS_FILE_READ_OWN, &file, NULL) == AKS_OK &&
        files->locked_by_writer(file, 0, 0);

    files->close(file);
    aks_mem_free(look->port->alloc, path);
    return runs;
}

static void
add_now(struct look *look, json_t *report)
{
    json_t *note;

    set(look, report, "now", !look->busy ? json_null()
        : look->now != NULL ? json_incref(look->now) : json_object());
    note = aks_hook_note_read(look->port, look->folder);
    set(look, report, "hook", note != NULL ? note : json_null());
    set(look, report, "worker",
        json_pack("{s:b, s:b}", "running", worker_runs(look), "delivering", look->busy));
}

/* --- what is known ---------------------------------------------------------------------------- */

struct listing {
    struct look *look;
    json_t *targets;
};

static void
add_target(void *ctx, const struct aks_target_health *health)
{
    struct listing *listing = ctx;

    append(listing->look, listing->targets, json_pack("{s:o, s:b, s:o, s:o, s:i, s:o}", "name",
        aks_text_json(health->name), "healthy", health->open_until_ms == 0, "until",
        date_json(health->open_until_ms), "reason",
        health->open_until_ms > 0 ? json_string(aks_status_name(health->reason)) : json_null(),
        "failures", (int)health->failures, "last_success_at", date_json(health->last_success_ms)));
}

/* Was there an answer? What could not be read is told: it is not what is not there. */
static bool
answered(struct look *look, enum aks_status status, const struct aks_error *err)
{
    if (status != AKS_OK && status != AKS_NOT_FOUND && look->state_error.status == AKS_OK)
        look->state_error = *err;
    return status == AKS_OK;
}

static json_t *
drill_json(struct look *look)
{
    struct aks_proof drill;
    struct aks_error err;
    int64_t age_ms;

    if (look->state == NULL || !answered(look, aks_state_proof_newest(look->state, AKS_PROOF_DRILL,
            &drill, &err), &err))
        return json_null();
    age_ms = wall_ms(look) - drill.at_ms;
    return json_pack("{s:o, s:s, s:I}", "at", date_json(drill.at_ms), "outcome",
        drill.outcome == AKS_OK ? "proven" : aks_status_name(drill.outcome), "age_s",
        (json_int_t)(age_ms > 0 ? age_ms / AKS_MS_PER_S : 0));
}

static void
each_sum(void *ctx, int64_t day, const char *name, int64_t value)
{
    int64_t *total = ctx;

    (void)day;
    if (strcmp(name, AKS_STATE_SUM_MEMORIES) == 0)
        *total += value;
}

static int64_t
memories(struct look *look)
{
    struct aks_error err;
    int64_t total = 0;

    if (look->state != NULL)
        (void)answered(look, aks_state_sums_each(look->state, AKS_STATE_DAY_BEFORE, each_sum,
            &total, &err), &err);
    return total;
}

static json_t *
last_run_json(struct look *look)
{
    struct aks_error err;
    char *text = NULL;
    json_t *run = NULL;

    if (look->state == NULL || !answered(look, aks_state_run_last(look->state, &text, &err), &err))
        return json_null();
    run = json_loads(text, 0, NULL);
    aks_mem_free(aks_state_alloc(look->state), text);
    return run != NULL ? run : json_null();
}

static json_t *
error_json(const struct aks_error *err)
{
    if (err->status == AKS_OK)
        return json_null();
    return json_pack("{s:s, s:o, s:n, s:o}", "failure", aks_status_name(err->status), "message",
        aks_text_json(err->message), "target", "hint",
        err->hint[0] != '\0' ? aks_text_json(err->hint) : json_null());
}

static void
add_known(struct look *look, json_t *report)
{
    struct listing listing = { look, json_array() };
    struct aks_proof proof = { 0 };
    int64_t stored_ms = 0;
    struct aks_error err;

    if (look->state != NULL && answered(look, aks_state_last_stored_ms(look->state, &stored_ms,
            &err), &err))
        (void)answered(look, aks_state_targets_each(look->state, wall_ms(look), add_target,
            &listing, &err), &err);
    set(look, report, "last_run", last_run_json(look));
    set(look, report, "last_stored_at", date_json(stored_ms));
    if (look->state != NULL && !answered(look, aks_state_proof_last(look->state, NULL, NULL,
            AKS_PROOF_RESTORED, &proof, &err), &err))
        proof.at_ms = 0;
    set(look, report, "last_proven_restore_at", date_json(proof.at_ms));
    set(look, report, "last_drill", drill_json(look));
    set(look, report, "memories_delivered", json_integer(memories(look)));
    set(look, report, "targets", listing.targets);
    set(look, report, "error", error_json(&look->state_error));
}

enum aks_status
aks_status_report(const struct aks_port *port, const char *state_folder, json_t **ret_report,
    struct aks_error *err)
{
    struct look look;
    json_t *report = NULL;
    enum aks_status status = begin(&look, port, state_folder, err);

    *ret_report = NULL;
    if (status == AKS_OK) {
        report = json_pack("{s:i, s:b, s:i}", "schema", 1, "success", 1, "exit_code", 0);
        status = report != NULL ? add_queue(&look, report, err)
            : aks_error_memory(err, "writing what is going on");
    }
    if (status == AKS_OK) {
        add_now(&look, report);
        add_known(&look, report);
        if (look.lost)
            status = aks_error_memory(err, "writing what is going on");
        else
            *ret_report = json_incref(report);
    }
    json_decref(report);
    end(&look);
    return status;
}

/* --- one job ---------------------------------------------------------------------------------- */

static json_t *
ended_json(const struct aks_job_end *ended)
{
    return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?, s:I, s:o, s:o}", "job_id", ended->id,
        "state", "ended", "outcome", ended->outcome, "by", ended->by[0] != '\0' ? ended->by : NULL,
        "run_id", ended->run_id[0] != '\0' ? ended->run_id : NULL, "reason",
        ended->reason[0] != '\0' ? ended->reason : NULL, "tries", (json_int_t)ended->tries,
        "enqueued_at", date_json(ended->enqueued_at_ms), "ended_at", date_json(ended->ended_at_ms));
}

static json_t *
run_json(struct aks_state *state, const char *run_id)
{
    char *text = NULL;
    json_t *run;

    if (run_id[0] == '\0' || aks_state_run_get(state, run_id, &text, NULL) != AKS_OK)
        return json_null();
    run = json_loads(text, 0, NULL);
    aks_mem_free(aks_state_alloc(state), text);
    return run != NULL ? run : json_null();
}

static enum aks_status
find_ended(struct look *look, const char *id, json_t **ret_job, json_t **ret_run,
    struct aks_error *err)
{
    struct aks_job_end ended = { 0 };
    enum aks_status status = AKS_NOT_FOUND;

    if (look->state != NULL)
        status = aks_state_job_get(look->state, id, &ended, err);
    if (status == AKS_OK) {
        *ret_job = ended_json(&ended);
        *ret_run = run_json(look->state, ended.run_id);
        return AKS_OK;
    }
    if (look->state_error.status != AKS_OK) {
        *err = look->state_error;
        return err->status;
    }
    (void)aks_error_set(err, AKS_NOT_FOUND, "nothing is known of a job %s", id);
    aks_error_hint(err, "a job is named by what enqueue printed, or by the job_id of a report");
    return AKS_NOT_FOUND;
}

enum aks_status
aks_status_job(const struct aks_port *port, const char *state_folder, const char *id,
    json_t **ret_report, struct aks_error *err)
{
    struct look look;
    struct aks_job job;
    json_t *found = NULL;
    json_t *run = NULL;
    enum aks_status status = begin(&look, port, state_folder, err);

    *ret_report = NULL;
    aks_job_init(&job, port->alloc);
    if (status == AKS_OK)
        status = aks_queue_get(port, look.queue_folder, id, &job, err);
    if (status == AKS_OK)
        found = job_json(&look, &job);
    else if (status == AKS_NOT_FOUND)
        status = find_ended(&look, id, &found, &run, err);
    if (status == AKS_OK) {
        *ret_report = json_pack("{s:i, s:b, s:i, s:O, s:O?}", "schema", 1, "success", 1,
            "exit_code", 0, "job", found, "report", run);
        if (*ret_report == NULL)
            status = aks_error_memory(err, "writing what became of a job");
    }
    json_decref(found);
    json_decref(run);
    aks_job_fini(&job);
    end(&look);
    return status;
}
