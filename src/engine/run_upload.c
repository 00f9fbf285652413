/* An upload: one run's sources to one target under one upload id. It exists for readers once its
 * manifest is written, after everything else. */
#include "engine/run_upload_internal.h"
#include "engine/target_key.h"

#include <stdio.h>
#include <string.h>

void
aks_run_upload_called(void *ctx, const struct aks_outcome *outcome)
{
    struct call *call = ctx;

    call->outcome = *outcome;
    call->done = true;
}

enum aks_status
aks_run_upload_wait(struct upload *upload, struct call *call)
{
    struct aks_error err;

    if (aks_run_drive(upload->run, &call->done, &err) != AKS_OK) {
        aks_outcome_failed(&upload->outcome, &err);
        upload->outcome.verdict = AKS_GIVE_UP;
    } else {
        upload->outcome = call->outcome;
    }
    return upload->outcome.status;
}

enum aks_status
aks_run_upload_failed(struct upload *upload, const struct aks_error *err,
    enum aks_verdict verdict)
{
    aks_outcome_failed(&upload->outcome, err);
    upload->outcome.verdict = verdict;
    return err->status;
}

static size_t
stored_count(const struct upload *upload)
{
    size_t count = 0;

    for (size_t i = 0; i < upload->count; i++)
        count += upload->copies[i]->state == AKS_COPY_STORED;
    return count;
}

enum aks_status
aks_run_upload_target(struct upload *upload, struct aks_error *err)
{
    struct aks_target_options options = { 0 };
    struct aks_run *run = upload->run;
    enum aks_status status;

    upload->settings = &run->settings->targets[upload->index];
    upload->class = aks_target_class_of(upload->settings->kind);
    aks_run_target_facts(run, upload->index, &upload->facts);
    (void)aks_target_key_upload(upload->settings, run->system_id, upload->upload_id, "",
        upload->folder, sizeof(upload->folder));
    status = aks_run_throttle_begin(run, err);
    if (status != AKS_OK)
        return status;
    status = aks_run_budget_begin(run, upload->index, err);
    if (status != AKS_OK)
        return status;
    aks_link_begin(&run->targets[upload->index].link, aks_run_throttle_gate(run));
    options.port = &run->targets[upload->index].link.port;
    options.loop = &run->engine->loop;
    options.ask = &run->ask;
    options.log = run->engine->log;
    options.state = run->engine->state;
    options.settings = upload->settings;
    options.system_id = run->system_id;
    options.upload_id = upload->upload_id;
    options.scratch_folder = run->engine->scratch_folder;
    options.probe_ms = run->settings->probe_ms;
    options.lingering = &run->pool.lingering;
    status = upload->class->create(&options, &upload->target, err);
    if (status == AKS_OK)
        upload->class->credentials(upload->target, upload->credentials);
    return status;
}

static enum aks_status
available(struct upload *upload)
{
    struct call call = { 0 };

    upload->class->available(upload->target, aks_run_upload_called, &call);
    (void)aks_run_upload_wait(upload, &call);
    /* What was found in the end. */
    upload->class->credentials(upload->target, upload->credentials);
    if (upload->outcome.status != AKS_OK)
        return upload->outcome.status;
    upload->run->targets[upload->index].let_in = true;
    return aks_run_rebuild(upload);
}

static enum aks_status
send_and_commit(struct upload *upload)
{
    enum aks_status status = aks_run_send(upload);

    if (upload->differs) {
        status = aks_run_resume_start_over(upload);
        if (status == AKS_OK)
            status = aks_run_send(upload);
    }
    if (status == AKS_OK && stored_count(upload) > 0)
        status = aks_run_commit(upload);
    return status;
}

static enum aks_status
bring_files(struct upload *upload)
{
    enum aks_status status = aks_run_resume_settle(upload);

    if (status == AKS_OK && aks_run_resume_open(upload))
        status = send_and_commit(upload);
    return status;
}

enum aks_status
aks_run_upload(struct aks_run *run, size_t index, struct aks_copy **copies, size_t *count,
    struct aks_outcome *outcome)
{
    struct upload upload = { 0 };
    struct aks_error err;
    size_t taken;
    enum aks_status status;

    upload.run = run;
    upload.index = index;
    upload.copies = copies;
    upload.count = *count;
    (void)snprintf(upload.upload_id, sizeof(upload.upload_id), "%s", run->upload_id);
    run->progress.target = run->settings->targets[index].name;
    run->targets[index].used = true;

    upload.settings = &run->settings->targets[index];
    upload.class = aks_target_class_of(upload.settings->kind);
    status = aks_run_resume_choose(&upload, &err);
    taken = upload.count;
    if (status == AKS_OK)
        status = aks_run_upload_target(&upload, &err);
    if (status != AKS_OK)
        (void)aks_run_upload_failed(&upload, &err, AKS_NEXT_TARGET);
    if (status == AKS_OK)
        status = available(&upload);
    if (status == AKS_OK)
        status = upload.class->rows != NULL ? aks_run_push(&upload) : bring_files(&upload);
    if (status != AKS_OK) {
        struct aks_error ignored;

        /* Rows that are there stay there, whatever became of others. */
        for (size_t i = 0; i < upload.count && upload.class->rows == NULL; i++)
            copies[i]->state = AKS_COPY_OPEN;
        /* A log that cannot be written must not hide why the upload failed. */
        (void)aks_run_commit_audit(&upload, "upload_failure", &upload.outcome.error, &ignored);
    }
    if (upload.target != NULL) {
        aks_run_health_held(run, index, &upload.target->hold);
        upload.class->free(upload.target);
    }
    aks_run_health_measured(run, index, aks_link_rate(&run->targets[index].link));
    (void)aks_run_commit_end(&upload);
    aks_run_resume_end(&upload, status == AKS_OK &&
        strcmp(run->targets[index].upload_id, upload.upload_id) == 0);
    run->progress.target = NULL;
    /* A target that fails fails for all of them. */
    if (status == AKS_OK)
        *count = taken;
    *outcome = upload.outcome;
    return status;
}
