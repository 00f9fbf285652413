#include "engine/run.h"

#include "base/check.h"
#include "base/units.h"
#include "engine/audit_note.h"
#include "engine/decide_default.h"
#include "engine/delivery.h"
#include "engine/state_figures.h"
#include "engine/task.h"
#include "engine/text.h"
#include "engine/transfer.h"
#include "engine/upload_id.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
tell_progress(struct aks_run *run)
{
    struct aks_progress progress = run->progress;

    for (size_t i = 0; i < run->transfer_count; i++) {
        if (run->transfers[i] != NULL)
            progress.bytes_done += aks_transfer_progress(run->transfers[i]);
    }
    aks_delivery_tell(run->engine, run->run_id, run->job_written ? run->job_id : NULL, &progress,
        false);
    if (run->engine->progress != NULL)
        run->engine->progress(run->engine->progress_ctx, &progress);
}

static enum aks_status
ended(struct aks_run *run, struct aks_error *err)
{
    if (atomic_load(&run->engine->interrupted) != 0)
        return aks_error_set(err, AKS_CANCELLED,
            "interrupted: what was half sent is gone on with, what is owed stays in the queue");
    if (run->ask.policy_error.status != AKS_OK) {
        *err = run->ask.policy_error;
        return err->status;
    }
    return AKS_OK;
}

enum aks_status
aks_run_drive(struct aks_run *run, const bool *done, struct aks_error *err)
{
    enum aks_status status;

    for (;;) {
        status = ended(run, err);
        if (status != AKS_OK || *done)
            return status;
        status = aks_loop_turn(&run->engine->loop, err);
        if (status != AKS_OK)
            return status;
        tell_progress(run);
    }
}

static void
count_progress(struct aks_run *run)
{
    run->progress.files_total = 0;
    run->progress.files_done = 0;
    run->progress.bytes_total = 0;
    run->progress.bytes_done = 0;
    for (size_t i = 0; i < run->item_count; i++) {
        const struct aks_item *item = &run->items[i];

        if (item->state != AKS_ITEM_PENDING && item->state != AKS_ITEM_STORED)
            continue;
        run->progress.files_total++;
        run->progress.bytes_total += item->source.info.bytes;
        if (item->state == AKS_ITEM_STORED) {
            run->progress.files_done++;
            run->progress.bytes_done += item->source.info.bytes;
        }
    }
}

/* An item that stands at an earlier place of its route than the others: those that are further on
 * wait for it, so that as many as can go to one target go there in one upload. */
static const struct aks_item *
hindmost(const struct aks_run *run)
{
    const struct aks_item *found = NULL;

    for (size_t i = 0; i < run->item_count; i++) {
        const struct aks_item *item = &run->items[i];

        if (item->state == AKS_ITEM_PENDING && item->considered &&
            (found == NULL || item->place < found->place))
            found = item;
    }
    AKS_CHECK(found != NULL);
    return found;
}

/* Everything that is owed to one target. */
static enum aks_status
upload_next(struct aks_run *run, struct aks_error *err)
{
    struct aks_copy **copies = aks_mem_array(run->engine->port->alloc, run->item_count,
        sizeof(struct aks_copy *));
    const struct aks_item *first = hindmost(run);
    size_t index = first->copies[first->place].target;
    struct aks_outcome outcome;
    size_t count = 0;
    enum aks_status status = AKS_OK;

    if (copies == NULL)
        return aks_error_memory(err, "uploading");
    for (size_t i = 0; i < run->item_count; i++) {
        struct aks_item *item = &run->items[i];

        if (item->state == AKS_ITEM_PENDING && item->considered &&
            item->copies[item->place].target == index)
            copies[count++] = &item->copies[item->place];
    }
    AKS_CHECK(count > 0);
    /* A committed upload is never added to, nor one of which nobody knows whether it is. */
    if (run->targets[index].upload_id[0] != '\0' ||
        strcmp(run->targets[index].manifest_id, run->upload_id) == 0)
        status = aks_engine_upload_id(run->engine, run->upload_id, run->upload_id, err);
    if (status == AKS_OK) {
        count_progress(run);
        status = aks_run_upload(run, index, copies, &count, &outcome);
        if (status != AKS_CANCELLED && run->ask.policy_error.status == AKS_OK)
            aks_run_health_note(run, index, &outcome);
        aks_run_walk_settle(copies, count, &outcome);
        aks_run_snapshot_drop_settled(run);
        status = ended(run, err);
    }
    aks_mem_free(run->engine->port->alloc, copies);
    return status;
}

static void
fire_flag(void *ctx)
{
    bool *flag = ctx;

    *flag = true;
}

static enum aks_status
wait_ms(struct aks_run *run, int64_t ms, struct aks_error *err)
{
    struct aks_timer timer = { 0 };
    bool done = false;
    enum aks_status status;

    status = aks_loop_set(&run->engine->loop, &timer, ms, fire_flag, &done, err);
    if (status != AKS_OK)
        return status;
    run->progress.waiting_ms = ms;
    status = aks_run_drive(run, &done, err);
    run->progress.waiting_ms = -1;
    aks_loop_clear(&run->engine->loop, &timer);
    return status;
}

/* No target is left for what is still owed. Once more through the routes? *ret_again tells. */
static enum aks_status
next_round(struct aks_run *run, bool *ret_again, struct aks_error *err)
{
    struct aks_failure_facts facts = { 0 };
    struct aks_retry_answer answer;
    const struct aks_item *owed = NULL;
    const struct aks_clock *clock = &run->engine->port->clock;
    enum aks_status status;

    *ret_again = false;
    for (size_t i = 0; i < run->item_count && owed == NULL; i++) {
        /* What waits for its budget would find the next round as this one. */
        if (run->items[i].state == AKS_ITEM_PENDING && run->items[i].error.status != AKS_BUDGET)
            owed = &run->items[i];
    }
    if (owed != NULL && run->options->job != NULL && !owed->tried)
        return AKS_OK;      /* nobody was asked, so nobody has to be asked again */
    if (owed == NULL || owed->error.status == AKS_OK || ++run->rounds >= AKS_RUN_ROUNDS_MAX)
        return AKS_OK;
    facts.target = run->settings->targets[aks_run_walk_blamed(owed)->target].name;
    facts.operation = AKS_OPERATION_ROUTE;
    facts.source = owed->source.name;
    facts.failure = owed->error.status;
    facts.transient = aks_status_transient(owed->error.status);
    facts.retry_after_ms = aks_run_health_retry_after_ms(run, owed);
    facts.attempt = run->rounds;
    facts.elapsed_ms = (clock->now_ns(clock->ctx) - run->started_ns) / AKS_NS_PER_MS;
    status = aks_ask_retry(&run->ask, &facts, &answer, err);
    if (status != AKS_OK)
        return status;
    if (answer.verdict != AKS_WAIT && answer.verdict != AKS_RESTART)
        return AKS_OK;
    /* Others may deliver meanwhile, and this process may not live as long. */
    if (run->options->park && answer.wait_ms > 0) {
        run->park_ms = answer.wait_ms;
        return AKS_OK;
    }
    *ret_again = true;
    aks_run_walk_again(run);
    return wait_ms(run, answer.wait_ms, err);
}

/* Round after round, target after target, until nothing is owed or nobody will have it. */
static enum aks_status
deliver(struct aks_run *run, struct aks_error *err)
{
    enum aks_status status;
    bool pending;
    bool again;

    for (;;) {
        status = aks_run_walk(run, &pending, err);
        if (status != AKS_OK || run->options->dry_run)
            return status;
        if (!pending) {
            status = next_round(run, &again, err);
            if (status != AKS_OK || !again)
                return status;
            continue;
        }
        /* Owed work is durable before anything is sent. */
        if (!run->job_written) {
            aks_run_keep(run);
            aks_run_supersede(run);
        }
        status = upload_next(run, err);
        if (status != AKS_OK)
            return status;
    }
}

/* That of the run, as long as no upload is newer: then one that follows. Of one that was stored
 * since the run began, under the id of this very second, a state that was set aside meanwhile tells
 * no more. A state that cannot be read says so when it is needed. */
static enum aks_status
choose_upload_id(struct aks_run *run, struct aks_error *err)
{
    struct aks_engine *engine = run->engine;
    bool renewed = engine->delivery.depth > 0 && engine->delivery.renewed;
    char newest[AKS_UPLOAD_ID_BYTES];
    enum aks_status status;

    if (aks_state_newest_upload(engine->state, newest, NULL) != AKS_OK ||
        (!renewed && strncmp(run->run_id, newest, AKS_UPLOAD_ID_STAMP_LEN) > 0)) {
        (void)snprintf(run->upload_id, sizeof(run->upload_id), "%s", run->run_id);
        return AKS_OK;
    }
    status = aks_engine_upload_id(engine, newest, run->upload_id, err);
    if (status == AKS_OK && renewed)
        status = aks_engine_upload_id(engine, run->upload_id, run->upload_id, err);
    return status;
}

static enum aks_status
start(struct aks_run *run, struct aks_engine *engine, const struct aks_run_options *options,
    struct aks_error *err)
{
    uint64_t seed;
    enum aks_status status;

    run->engine = engine;
    run->options = options;
    run->settings = options->policy->settings;
    run->started_at_ms = engine->port->clock.wall_ms(engine->port->clock.ctx);
    run->started_ns = engine->port->clock.now_ns(engine->port->clock.ctx);
    run->progress.waiting_ms = -1;
    aks_pool_init(&run->pool, engine->port->alloc, run->settings->part_bytes);
    aks_engine_system_id(engine->port, run->settings, run->system_id);
    status = engine->port->entropy.fill(engine->port->entropy.ctx, &seed, sizeof(seed), err);
    if (status == AKS_OK)
        status = aks_engine_new_id(engine, run->run_id, err);
    (void)snprintf(run->upload_id, sizeof(run->upload_id), "%s", run->run_id);
    if (status == AKS_OK)
        status = aks_ask_init(&run->ask, &engine->loop, options->policy, engine->log, seed, err);
    if (status != AKS_OK)
        return status;
    (void)snprintf(run->job_id, sizeof(run->job_id), "%s",
        options->job != NULL ? options->job->id : run->run_id);
    run->job_written = options->job != NULL;
    if (options->park && options->job != NULL)
        run->rounds = options->job->rounds;
    return AKS_OK;
}

/* What is still pending when the run ends is owed, whatever ended it. */
static void
close_items(struct aks_run *run, const struct aks_error *run_error)
{
    for (size_t i = 0; i < run->item_count; i++) {
        struct aks_item *item = &run->items[i];

        aks_run_walk_end(item);
        if (item->state != AKS_ITEM_PENDING)
            continue;
        if (run->options->dry_run && run_error->status == AKS_OK) {
            item->state = AKS_ITEM_SKIPPED;
            item->reason = "dry run: it would be uploaded";
            continue;
        }
        item->state = AKS_ITEM_FAILED;
        if (item->error.status == AKS_OK || run_error->status == AKS_CANCELLED ||
            run_error->status == AKS_POLICY)
            item->error = *run_error;
    }
}

static void
drain(struct aks_run *run)
{
    /* Workers that still read for a transfer that was given up: they end by themselves. */
    while (run->pool.lingering > 0) {
        if (aks_loop_turn(&run->engine->loop, NULL) != AKS_OK)
            break;
    }
}

static void
finish(struct aks_run *run)
{
    const struct aks_alloc *alloc = run->engine->port->alloc;

    /* The policy has been told the end, and is asked nothing after it. */
    aks_run_throttle_end(run);
    drain(run);
    aks_task_free(run->task);
    for (size_t i = 0; i < run->item_count; i++) {
        aks_run_snapshot_drop(run, &run->items[i]);
        aks_item_fini(alloc, &run->items[i]);
    }
    aks_mem_free(alloc, run->items);
    aks_pool_fini(&run->pool);
    aks_ask_fini(&run->ask);
}

/* A run that is not counted has done no less. */
static void
count(struct aks_run *run, const struct json_t *report)
{
    struct aks_run_figures figures;
    struct aks_error err;

    aks_run_figures(run, report, &figures);
    if (aks_state_figures_put(run->engine->state, &figures, &err) != AKS_OK)
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "the run could not be counted: %s",
            err.message);
}

/* The report is told to the policy and kept; neither can change what it says. What of its texts is
 * others' loses what is secret first. */
static void
tell_report(struct aks_run *run, struct json_t *report)
{
    const struct aks_decide *decide = &run->options->policy->decide;
    struct aks_error err;
    char *text;

    if (!aks_text_redact(report, 0)) {
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "the run could not be noted: %s",
            "out of memory");
        return;
    }
    if (decide->finished != NULL && decide->finished(decide->ctx, report, &err) != AKS_OK)
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "%s", err.message);
    if (run->options->dry_run)
        return;
    text = json_dumps(report, JSON_COMPACT);
    if (text == NULL || aks_state_run_put(run->engine->state, run->run_id, run->started_at_ms,
            json_string_value(json_object_get(report, "outcome")), text, &err) != AKS_OK)
        aks_log_write(run->engine->log, AKS_LOG_WARNING, "the run could not be noted: %s",
            text == NULL ? "out of memory" : err.message);
    free(text);
    count(run, report);
}

/* Its turn first, then the sources: what was looked at before might not be true any more. What is
 * owed is known whatever fails. */
static enum aks_status
load(struct aks_run *run, bool *ret_loaded, bool *ret_turn, struct aks_error *err)
{
    struct aks_error why = { 0 };
    enum aks_status status = run->options->dry_run ? AKS_OK : aks_delivery_take(run->engine, err);

    *ret_turn = status == AKS_OK && !run->options->dry_run;
    /* Who had its turn before may have stored under an id that is later than this run's. */
    if (status == AKS_OK)
        status = choose_upload_id(run, err);
    if (*ret_turn && run->options->job != NULL)
        aks_delivery_tell(run->engine, run->run_id, run->job_id, &run->progress, true);
    *ret_loaded = aks_run_items_load(run, &why) == AKS_OK;
    if (status == AKS_OK && !*ret_loaded) {
        *err = why;
        status = why.status;
    }
    return status;
}

/* What the policy may not do, or what its secrets may not be used for. */
static void
note_refused(struct aks_run *run, bool secrets, const struct aks_error *run_error)
{
    const struct aks_settings *settings = run->settings;
    const struct aks_error *why = run->ask.policy_error.status != AKS_OK ? &run->ask.policy_error
        : run_error;

    if (run->options->dry_run || why->status == AKS_OK)
        return;
    if (secrets || why->status == AKS_POLICY || why == &run->ask.policy_error)
        aks_audit_note_refused(run->engine, !secrets || aks_run_items_secret_unbound(run),
            settings->policy_path, settings->policy_sha256, why);
}

enum aks_status
aks_run(struct aks_engine *engine, const struct aks_run_options *options, json_t **ret_report,
    struct aks_error *err)
{
    struct aks_run run = { 0 };
    struct aks_error run_error = { 0 };
    enum aks_status status;
    bool secrets = false;
    bool loaded;
    bool turn;

    *ret_report = NULL;
    status = start(&run, engine, options, err);
    if (status != AKS_OK) {
        finish(&run);
        return status;
    }
    status = load(&run, &loaded, &turn, &run_error);
    if (turn)
        aks_run_resume_sweep(engine);
    if (status == AKS_OK) {
        status = aks_run_items_check_secrets(&run, &run_error);
        secrets = status != AKS_OK;
    }
    if (status == AKS_OK)
        status = aks_seal_init(&run.seal, engine->port, &run.settings->encrypt, &run_error);
    if (status == AKS_OK)
        status = options->policy->task != NULL ? aks_task_run(&run, &run_error)
            : deliver(&run, &run_error);
    /* A failure that was dealt with on the way is no failure of the run. */
    if (status == AKS_OK)
        aks_error_clear(&run_error);
    note_refused(&run, secrets, &run_error);
    close_items(&run, &run_error);
    aks_run_keep_at_end(&run, loaded, &run_error);
    if (loaded && turn)
        aks_run_give_back(&run);
    *ret_report = aks_run_report(&run, &run_error);
    if (*ret_report != NULL)
        tell_report(&run, *ret_report);
    finish(&run);
    if (turn) {
        aks_run_resume_sweep(engine);
        aks_delivery_give(engine);
    }
    return *ret_report != NULL ? AKS_OK : aks_error_memory(err, "writing the report");
}
