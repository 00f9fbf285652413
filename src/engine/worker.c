#include "engine/worker.h"

#include "base/units.h"
#include "engine/handed.h"
#include "engine/notify.h"
#include "engine/run.h"
#include "engine/run_job.h"
#include "engine/text.h"
#include "engine/worker_jobs.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct worker {
    struct aks_engine *engine;
    const struct aks_worker_options *options;
    struct aks_seat *seat;              /* NULL: it works without one */
    struct aks_handed handed;
    struct aks_worker_jobs jobs;
    json_t *report;
    int64_t until_ns;
    bool woken;                         /* somebody has told it something */
    unsigned blind;                     /* so often in a row the queue could not be looked at */
    struct aks_error blind_error;       /* why */
};

static int64_t
now_ns(const struct worker *worker)
{
    const struct aks_clock *clock = &worker->engine->port->clock;

    return clock->now_ns(clock->ctx);
}

static bool
interrupted(const struct worker *worker)
{
    return atomic_load(&worker->engine->interrupted) != 0;
}

static void
hear(void *ctx, const void *message, size_t len)
{
    struct worker *worker = ctx;

    aks_handed_keep(&worker->handed, message, len);
    worker->woken = true;
}

/* What it was handed may still be on its way. */
static bool
put_off(struct worker *worker, struct aks_worker_job *job)
{
    if (!job->expects || aks_handed_has(&worker->handed, job->id) || worker->seat == NULL)
        return false;
    if (!job->waited) {
        job->waited = true;
        job->due_ns = now_ns(worker) + AKS_WORKER_HANDED_MS * AKS_NS_PER_MS;
        return true;
    }
    return now_ns(worker) < job->due_ns;
}

/* What has come to wait for is there. */
static void
take_up(struct worker *worker)
{
    for (size_t i = 0; i < worker->jobs.count; i++) {
        struct aks_worker_job *job = &worker->jobs.jobs[i];

        if (job->waited && job->expects && aks_handed_has(&worker->handed, job->id)) {
            job->expects = false;
            job->due_ns = now_ns(worker);
        }
    }
}

static void
job_gone(void *ctx, const char *id)
{
    struct worker *worker = ctx;

    aks_handed_drop(&worker->handed, id);
}

static void
scan(struct worker *worker)
{
    if (aks_worker_jobs_scan(&worker->jobs, worker->engine->port, worker->engine->queue_folder,
            job_gone, worker, &worker->blind_error) == AKS_OK) {
        worker->blind = 0;
        return;
    }
    worker->blind++;
    aks_log_write(worker->engine->log, AKS_LOG_WARNING, "%s", worker->blind_error.message);
}

/* Is there anything that may still be done? What cannot be seen now may be there. */
static size_t
left(const struct worker *worker)
{
    if (worker->blind > 0 && worker->blind < AKS_WORKER_READS_MAX)
        return 1;
    return aks_worker_jobs_left(&worker->jobs);
}

/* --- the seat --------------------------------------------------------------------------------- */

/* False: somebody else is the worker. One that cannot even find that out works all the same, as
 * deliveries have a lock of their own. */
static bool
take_seat(struct worker *worker)
{
    const struct aks_background *background = &worker->engine->port->background;
    const char *folder = worker->engine->state_folder;
    struct aks_error err;
    enum aks_status status = AKS_OK;

    if (worker->options->inherited)
        worker->seat = background->inherited(background->ctx, folder);
    if (worker->seat == NULL)
        status = background->take(background->ctx, folder, &worker->seat, &err);
    if (status == AKS_CONFLICT)
        return false;
    if (status != AKS_OK)
        aks_log_write(worker->engine->log, AKS_LOG_WARNING, "%s", err.message);
    if (worker->seat != NULL)
        background->listen(worker->seat, hear, worker);
    return true;
}

static void
leave_seat(struct worker *worker)
{
    worker->engine->port->background.leave(worker->seat);
    worker->seat = NULL;
}

static void
pass_on(void *ctx, const void *message, size_t len)
{
    struct worker *worker = ctx;
    const struct aks_background *background = &worker->engine->port->background;

    (void)background->tell(background->ctx, worker->engine->state_folder, message, len, NULL);
}

/* Nothing is left to do. Who enqueues first writes and then looks who has the seat; this first
 * gives it back and then looks what is written: so one of the two sees the other. True if it is
 * over. */
static bool
end_quietly(struct worker *worker)
{
    leave_seat(worker);
    scan(worker);
    if (left(worker) == 0)
        return true;
    if (take_seat(worker))
        return false;
    aks_handed_each(&worker->handed, pass_on, worker);
    return true;
}

/* --- its work --------------------------------------------------------------------------------- */

static void
fire(void *ctx)
{
    bool *due = ctx;

    *due = true;
}

/* Ends early when it is told something, or interrupted. */
static enum aks_status
wait_ms(struct worker *worker, int64_t ms, struct aks_error *err)
{
    struct aks_loop *loop = &worker->engine->loop;
    struct aks_timer timer = { 0 };
    bool due = false;
    enum aks_status status = aks_loop_set(loop, &timer, ms, fire, &due, err);

    while (status == AKS_OK && !due && !worker->woken && !interrupted(worker))
        status = aks_loop_turn(loop, err);
    aks_loop_clear(loop, &timer);
    worker->woken = false;
    return status;
}

static enum aks_status
wait_for_work(struct worker *worker, struct aks_error *err)
{
    int64_t look_ms = worker->seat != NULL && worker->blind == 0 ? AKS_WORKER_SCAN_MS
        : AKS_WORKER_LOOK_MS;
    /* While the queue cannot be looked at, what is known of it may be due and come to nothing. */
    int64_t due_ns = worker->blind == 0 ? aks_worker_jobs_due_ns(&worker->jobs) : INT64_MAX;
    int64_t ms = look_ms;

    if (worker->until_ns < due_ns)
        due_ns = worker->until_ns;
    if (due_ns - now_ns(worker) < look_ms * AKS_NS_PER_MS)
        ms = (due_ns - now_ns(worker) + AKS_NS_PER_MS - 1) / AKS_NS_PER_MS;
    return wait_ms(worker, ms > 0 ? ms : 0, err);
}

/* What became of its last try, for the exit code. */
static void
remember(struct aks_worker_job *job, const json_t *own, const struct aks_error *err)
{
    const json_t *error = json_object_get(own, "error");
    const char *failure = json_string_value(json_object_get(error, "failure"));
    const char *message = json_string_value(json_object_get(error, "message"));

    job->exit_code = own != NULL ? (int)json_integer_value(json_object_get(own, "exit_code"))
        : err->status == AKS_POLICY || err->status == AKS_SETTINGS ? 3 : 1;
    if (own == NULL) {
        failure = aks_status_name(err->status);
        message = err->message;
    }
    (void)snprintf(job->failure, sizeof(job->failure), "%s", failure != NULL ? failure : "");
    (void)snprintf(job->message, sizeof(job->message), "%s", message != NULL ? message : "");
}

static void
try_job(struct worker *worker, struct aks_worker_job *job)
{
    struct aks_run_job_options options = { &worker->handed, true };
    char id[AKS_JOB_ID_BYTES];
    struct aks_error err = { 0 };
    json_t *own = NULL;
    enum aks_status status;

    (void)snprintf(id, sizeof(id), "%s", job->id);
    status = aks_run_job(worker->engine, id, &options, &own, &err);
    job->tried = true;
    /* Unless it is written anew with another time. */
    job->due_ns = now_ns(worker) + AKS_RUN_WAIT_FIRST_MS * AKS_NS_PER_MS;
    if (status != AKS_NOT_FOUND && status != AKS_CANCELLED) {
        remember(job, own, &err);
        aks_run_job_note(worker->report, id, own, &err);
    }
    json_decref(own);
    if (!interrupted(worker))
        aks_notify_when_due(worker->engine);
}

static bool
time_is_up(const struct worker *worker)
{
    return interrupted(worker) || now_ns(worker) >= worker->until_ns;
}

static enum aks_status
work(struct worker *worker, struct aks_error *err)
{
    bool once = worker->options->once;
    enum aks_status status = AKS_OK;

    while (status == AKS_OK && !time_is_up(worker)) {
        struct aks_worker_job *job;

        /* What has been told by now is heard first. */
        status = wait_ms(worker, 0, err);
        scan(worker);
        take_up(worker);
        job = aks_worker_jobs_next(&worker->jobs, now_ns(worker), once);
        if (status != AKS_OK) {
            break;
        } else if (job != NULL && put_off(worker, job)) {
            continue;
        } else if (job != NULL) {
            try_job(worker, job);
            if (aks_worker_jobs_left(&worker->jobs) > 1)
                status = wait_ms(worker, AKS_WORKER_PAUSE_MS, err);
        } else if (once || (worker->options->until_empty &&
                left(worker) == 0 && end_quietly(worker))) {
            break;
        } else {
            status = wait_for_work(worker, err);
        }
    }
    return status;
}

/* --- what it says ----------------------------------------------------------------------------- */

/* Of what is left in the queue the most serious decides, as of a run's files. */
static const struct aks_worker_job *
worst(const struct aks_worker_jobs *jobs)
{
    static const int order[] = { 3, 7, 5, 4, 6, 1 };

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        for (size_t j = 0; j < jobs->count; j++) {
            if (jobs->jobs[j].exit_code == order[i])
                return &jobs->jobs[j];
        }
    }
    return NULL;
}

static json_t *
error_json(const char *failure, const char *message)
{
    return json_pack("{s:s, s:o, s:n, s:n}", "failure", failure, "message",
        aks_text_json(message), "target", "hint");
}

static void
finish_report(struct worker *worker, bool busy, const struct aks_error *err)
{
    const struct aks_worker_job *job;
    const char *outcome;
    json_t *error = NULL;
    int code = 0;

    scan(worker);
    job = worst(&worker->jobs);
    outcome = busy ? "busy" : interrupted(worker) ? "interrupted"
        : worker->blind > 0 || worker->jobs.count > 0 ? "waiting" : "done";
    if (interrupted(worker)) {
        code = 128 + atomic_load(&worker->engine->interrupted);
        error = error_json(aks_status_name(AKS_CANCELLED),
            "interrupted: what is owed stays in the queue");
    } else if (err->status != AKS_OK) {
        code = 1;
        error = error_json(aks_status_name(err->status), err->message);
    } else if (!busy && worker->blind > 0) {
        code = 1;
        error = error_json(aks_status_name(worker->blind_error.status),
            worker->blind_error.message);
    } else if (!busy && job != NULL) {
        code = job->exit_code;
        error = error_json(job->failure, job->message);
    } else if (!busy && worker->jobs.count > 0) {
        code = 1;
        error = error_json(aks_status_name(AKS_UNDELIVERED), "jobs are left in the queue");
    }
    (void)json_object_set_new(worker->report, "success", json_boolean(code == 0));
    (void)json_object_set_new(worker->report, "exit_code", json_integer(code));
    (void)json_object_set_new(worker->report, "outcome", json_string(outcome));
    (void)json_object_set_new(worker->report, "error", error != NULL ? error : json_null());
}

enum aks_status
aks_worker(struct aks_engine *engine, const struct aks_worker_options *options,
    json_t **ret_report, struct aks_error *err)
{
    struct worker worker = { .engine = engine, .options = options };
    struct aks_error why = { 0 };
    bool busy = false;

    *ret_report = NULL;
    worker.report = json_pack("{s:i, s:[]}", "schema", 1, "jobs");
    if (worker.report == NULL)
        return aks_error_memory(err, "working");
    worker.until_ns = options->for_ms > 0
        ? now_ns(&worker) + options->for_ms * AKS_NS_PER_MS : INT64_MAX;
    aks_handed_init(&worker.handed, engine->process->alloc);
    aks_worker_jobs_init(&worker.jobs, engine->process->alloc);
    /* A person who wants each tried once need not wait until there is no other worker. */
    busy = !options->once && !take_seat(&worker);
    if (!busy)
        (void)work(&worker, &why);
    leave_seat(&worker);
    finish_report(&worker, busy, &why);
    aks_worker_jobs_fini(&worker.jobs);
    aks_handed_fini(&worker.handed);
    *ret_report = worker.report;
    return AKS_OK;
}
