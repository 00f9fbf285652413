/* Uploads that nobody will go on with are given back, out of the journal alone: those that were
 * started over, those whose job is done or gone, and those that are older than AKS_JOURNAL_AGE_MS.
 * What cannot be given back now stays in the journal, and the next run tries again; what the target
 * refuses does not hold up what comes after it. */
#include "base/units.h"
#include "engine/run_upload_internal.h"
#include "engine/target_key.h"
#include "wire/manifest.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* Of one run: so many uploads, in so much time. */
#define GIVE_BACK_MAX 16
#define GIVE_BACK_MS (10 * AKS_MS_PER_S)
/* Of one upload: after so many objects that are refused the others are likely to be, too. */
#define REFUSED_MAX 4

struct giving {
    struct aks_run *run;
    size_t index;
    char upload_id[32];
    const struct aks_target_class *class;
    struct aks_target *target;              /* NULL: not made yet */
    struct aks_timer timer;                 /* the time is up */
    bool late;
    bool unusable;                          /* the target could not be opened */
    bool done;                              /* the call that is waited for */
    struct aks_outcome outcome;
    char **jobs;                            /* that are in the queue */
    size_t job_count;
};

static void
call_done(void *ctx, const struct aks_outcome *outcome)
{
    struct giving *giving = ctx;

    giving->outcome = *outcome;
    giving->done = true;
}

static enum aks_status
failed(struct giving *giving, const struct aks_error *err)
{
    aks_outcome_failed(&giving->outcome, err);
    return err->status;
}

static void
late(void *ctx)
{
    struct giving *giving = ctx;

    giving->late = true;
    giving->done = true;
}

/* The outcome of the call that was begun; not AKS_OK if it is not worth waiting for any more. */
static enum aks_status
wait_for(struct giving *giving)
{
    struct aks_error err;

    if (aks_run_drive(giving->run, &giving->done, &err) != AKS_OK) {
        giving->late = true;
        aks_outcome_failed(&giving->outcome, &err);
    } else if (giving->late) {
        (void)aks_error_set(&err, AKS_TIMEOUT, "no time was left");
        aks_outcome_failed(&giving->outcome, &err);
    }
    giving->done = giving->late;
    return giving->outcome.status;
}

static enum aks_status
open_target(struct giving *giving)
{
    struct aks_run *run = giving->run;
    struct aks_target_options options = { 0 };
    struct aks_error err;

    if (giving->target != NULL)
        return AKS_OK;
    options.port = run->engine->port;
    options.loop = &run->engine->loop;
    options.ask = &run->ask;
    options.log = run->engine->log;
    options.state = run->engine->state;
    options.settings = &run->settings->targets[giving->index];
    options.system_id = run->system_id;
    options.upload_id = giving->upload_id;
    options.scratch_folder = run->engine->scratch_folder;
    options.probe_ms = run->settings->probe_ms;
    options.lingering = &run->pool.lingering;
    if (giving->class->create(&options, &giving->target, &err) != AKS_OK)
        return failed(giving, &err);
    giving->class->available(giving->target, call_done, giving);
    return wait_for(giving);
}

static bool
in_queue(const struct giving *giving, const char *job_id)
{
    for (size_t i = 0; i < giving->job_count; i++) {
        if (strcmp(giving->jobs[i], job_id) == 0)
            return true;
    }
    return false;
}

/* Will anybody go on with it? */
static bool
wanted(const struct giving *giving, const struct aks_journal_upload *upload)
{
    const struct aks_run *run = giving->run;

    if (upload->given_up || aks_run_resume_too_old(run, upload))
        return false;
    if (in_queue(giving, upload->job_id))
        return true;
    /* The job is owed and could not be written. */
    return strcmp(upload->job_id, run->job_id) == 0 && run->keep_error.status != AKS_OK;
}

/* A try that was left under a key has to wait while a later one under that key is gone on with:
 * what a token without an id stands for is looked for by its key alone. Where that cannot be read
 * it waits, too. */
static bool
waits(const struct giving *giving, const struct aks_journal_upload *upload)
{
    bool shares = false;

    return aks_state_journal_shares(giving->run->engine->state, upload->id, &shares, NULL) !=
        AKS_OK || shares;
}

/* Has it been committed? Then nothing of it is taken away that readers could be led to; also of one
 * that was given up, by a process that did not know. What was half sent of it and begun anew under
 * the same id is given back all the same. */
static enum aks_status
committed(struct giving *giving, const struct aks_journal_upload *upload, bool *ret_committed)
{
    const struct aks_run *run = giving->run;
    struct aks_buf manifest;
    char key[PATH_BYTES];
    enum aks_status status;

    *ret_committed = false;
    (void)aks_target_key_upload(&run->settings->targets[giving->index], run->system_id,
        upload->upload_id, AKS_MANIFEST_NAME, key, sizeof(key));
    aks_buf_init(&manifest, run->engine->port->alloc, AKS_MANIFEST_BYTES_MAX);
    giving->class->get(giving->target, key, &manifest, call_done, giving);
    status = wait_for(giving);
    aks_buf_fini(&manifest);
    *ret_committed = status == AKS_OK || status == AKS_TOO_LARGE;
    return *ret_committed || status == AKS_NOT_FOUND ? AKS_OK : status;
}

static enum aks_status
give_back_object(struct giving *giving, const struct aks_journal_object *row, bool keep_whole)
{
    struct aks_run *run = giving->run;
    struct aks_object_resume resume = { .token = row->token, .keep_whole = keep_whole };
    struct aks_object_spec spec = { 0 };
    struct aks_target_object *object = NULL;
    struct aks_error err;
    enum aks_status status = AKS_OK;

    if (row->token != NULL && row->key != NULL) {
        spec.key = row->key;
        spec.content_type = "application/octet-stream";
        spec.source = row->key;
        spec.bytes = -1;
        spec.part_bytes = row->part_bytes;
        spec.resume = &resume;
        status = giving->class->open(giving->target, &spec, &object, &err);
        if (status != AKS_OK)
            return failed(giving, &err);
        giving->class->abort(object, call_done, giving);
        status = wait_for(giving);
        giving->class->object_free(object);
    }
    if (status != AKS_OK)
        return status;
    status = aks_state_journal_forget_object(run->engine->state, row->id, &err);
    return status == AKS_OK ? AKS_OK : failed(giving, &err);
}

/* After a failure: would the next one only be waited for? That something is refused says nothing of
 * what comes after it. */
static bool
stops(const struct giving *giving)
{
    return giving->late || giving->unusable || aks_status_transient(giving->outcome.status);
}

static enum aks_status
give_back_objects(struct giving *giving, const struct aks_journal_upload *upload, bool keep_whole)
{
    struct aks_run *run = giving->run;
    struct aks_journal journal;
    struct aks_error err;
    struct aks_outcome first = { 0 };
    unsigned refused = 0;
    enum aks_status status = aks_journal_init(&journal, run->engine->port->alloc, run->engine->log,
        run->engine->state, upload, &err);

    if (status != AKS_OK)
        (void)failed(giving, &err);
    for (size_t i = 0; i < journal.count && refused < REFUSED_MAX; i++) {
        status = give_back_object(giving, &journal.objects[i], keep_whole ||
            (journal.objects[i].key != NULL &&
                aks_journal_elsewhere(upload->upload_id, journal.objects[i].key)));
        if (status == AKS_OK)
            continue;
        if (refused++ == 0)
            first = giving->outcome;
        if (stops(giving))
            break;
    }
    aks_journal_fini(&journal);
    if (refused > 0 && !stops(giving))
        giving->outcome = first;
    return refused > 0 ? giving->outcome.status : status;
}

/* ${goes_on}: its id is that of an upload that may be gone on with, which may have the whole object
 * under the same key, and a manifest on its way. */
static enum aks_status
give_back_upload(struct giving *giving, const struct aks_journal_upload *upload, bool goes_on)
{
    struct aks_run *run = giving->run;
    struct aks_error err;
    bool is_committed = false;
    enum aks_status status;

    (void)snprintf(giving->upload_id, sizeof(giving->upload_id), "%s", upload->upload_id);
    status = open_target(giving);
    giving->unusable = status != AKS_OK;
    if (status == AKS_OK)
        status = committed(giving, upload, &is_committed);
    if (status != AKS_OK)
        return status;
    /* From here on it is not gone on with any more, whatever happens. */
    if (!upload->given_up && aks_state_journal_give_up(run->engine->state, upload->id, &err) !=
            AKS_OK)
        return failed(giving, &err);
    status = give_back_objects(giving, upload, is_committed || goes_on);
    if (status != AKS_OK)
        return status;
    aks_log_write(run->engine->log, AKS_LOG_INFO, is_committed
            ? "target %s: what was left of upload %s, which is complete, was given back"
            : "target %s: upload %s was given back", run->settings->targets[giving->index].name,
        upload->upload_id);
    status = aks_state_journal_forget(run->engine->state, upload->id, &err);
    return status == AKS_OK ? AKS_OK : failed(giving, &err);
}

static bool
goes_on(const struct giving *giving, const struct aks_journal_upload *uploads, size_t count,
    size_t index)
{
    for (size_t i = 0; i < count; i++) {
        if (i != index && strcmp(uploads[i].upload_id, uploads[index].upload_id) == 0 &&
            wanted(giving, &uploads[i]))
            return true;
    }
    return false;
}

/* Where to begin among ${count}: by chance, or those that are refused each time, or that a server
 * fails at, would be all that is ever tried. */
static size_t
start_of(const struct giving *giving, size_t count)
{
    const struct aks_entropy *entropy = &giving->run->engine->port->entropy;
    uint32_t random = 0;

    if (count < 2 || entropy->fill(entropy->ctx, &random, sizeof(random), NULL) != AKS_OK)
        return 0;
    return random % count;
}

static void
give_back_target(struct giving *giving, size_t *left)
{
    struct aks_run *run = giving->run;
    const char *name = run->settings->targets[giving->index].name;
    struct aks_journal_upload *uploads = NULL;
    size_t count = 0;
    size_t start;
    struct aks_error err;

    if (aks_state_journal_uploads(run->engine->state, run->targets[giving->index].identity,
            &uploads, &count, &err) != AKS_OK)
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "%s", err.message);
    start = start_of(giving, count);
    for (size_t at = 0; at < count && *left > 0 && !giving->late; at++) {
        size_t i = (start + at) % count;

        if (wanted(giving, &uploads[i]) || waits(giving, &uploads[i]))
            continue;
        (*left)--;
        if (give_back_upload(giving, &uploads[i], goes_on(giving, uploads, count, i)) != AKS_OK) {
            aks_log_write(run->engine->log, AKS_LOG_INFO,
                "target %s: upload %s could not be given back, which is tried again later: %s",
                name, uploads[i].upload_id, giving->outcome.error.message);
            if (stops(giving))
                break;
        }
    }
    aks_mem_free(run->engine->port->alloc, uploads);
    if (giving->target != NULL) {
        if (giving->target->hold.give_back_ns > 0)
            aks_run_health_gave_back(run, giving->index, &giving->target->hold);
        giving->class->free(giving->target);
    }
    giving->target = NULL;
}

static void
free_jobs(struct giving *giving)
{
    const struct aks_alloc *alloc = giving->run->engine->port->alloc;

    for (size_t i = 0; i < giving->job_count; i++)
        aks_mem_free(alloc, giving->jobs[i]);
    aks_mem_free(alloc, giving->jobs);
}

void
aks_run_give_back(struct aks_run *run)
{
    const size_t targets = run->settings->target_count;
    struct giving giving = { .run = run };
    size_t left = GIVE_BACK_MAX;
    size_t start;

    if (run->options->dry_run || atomic_load(&run->engine->interrupted) != 0 ||
        run->ask.policy_error.status != AKS_OK ||
        aks_queue_list(run->engine->port, run->engine->queue_folder, &giving.jobs,
            &giving.job_count, NULL) != AKS_OK)
        return;
    if (aks_loop_set(&run->engine->loop, &giving.timer, GIVE_BACK_MS, late, &giving, NULL) ==
        AKS_OK) {
        start = start_of(&giving, targets);
        for (size_t at = 0; at < targets && !giving.late; at++) {
            size_t i = (start + at) % targets;

            giving.index = i;
            giving.class = aks_target_class_of(run->settings->targets[i].kind);
            /* One that has just been in trouble would only be waited for. */
            if (giving.class->resumes && run->targets[i].identity[0] != '\0' &&
                !aks_status_transient(run->targets[i].error.status) &&
                aks_run_health_fine(run, i) && aks_run_health_gives_back(run, i))
                give_back_target(&giving, &left);
        }
        aks_loop_clear(&run->engine->loop, &giving.timer);
    }
    free_jobs(&giving);
}
