/* Index entries are beliefs. An old one is checked against the manifest of its upload, so that a
 * bucket that a lifecycle rule has emptied is noticed. */
#include "engine/run.h"
#include "engine/target_key.h"
#include "wire/manifest.h"

#include <stdio.h>
#include <string.h>

struct confirmation {
    struct aks_run *run;
    size_t index;
    const struct aks_target_class *class;
    struct aks_target *target;
    bool done;
    struct aks_outcome outcome;
};

static void
call_done(void *ctx, const struct aks_outcome *outcome)
{
    struct confirmation *confirmation = ctx;

    confirmation->outcome = *outcome;
    confirmation->done = true;
}

static enum aks_status
wait_for(struct confirmation *confirmation)
{
    struct aks_error err;

    if (aks_run_drive(confirmation->run, &confirmation->done, &err) != AKS_OK)
        aks_outcome_failed(&confirmation->outcome, &err);
    confirmation->done = false;
    return confirmation->outcome.status;
}

static bool
names(const struct aks_manifest *manifest, const char *key, const char *sha256)
{
    for (size_t i = 0; i < manifest->object_count; i++) {
        if (strcmp(manifest->objects[i].key, key) == 0 &&
            strcmp(manifest->objects[i].sha256, sha256) == 0)
            return true;
    }
    return false;
}

bool
aks_run_confirm_names(const struct aks_alloc *alloc, const struct aks_buf *text,
    const struct aks_stored *row)
{
    struct aks_manifest manifest;
    bool holds;

    aks_manifest_init(&manifest, alloc);
    holds = aks_manifest_read(text->data, text->len, &manifest, NULL) == AKS_OK &&
        names(&manifest, row->key, row->sha256) &&
        (row->wal.key == NULL || names(&manifest, row->wal.key, row->wal.sha256));
    aks_manifest_fini(&manifest);
    return holds;
}

/* Asks for the manifest that the copy's row points to, and keeps or forgets the row. */
static enum aks_status
confirm_copy(struct confirmation *confirmation, struct aks_copy *copy)
{
    struct aks_stored *row = &copy->row;
    struct aks_run *run = confirmation->run;
    const struct aks_port *port = run->engine->port;
    const char *identity = run->targets[confirmation->index].identity;
    struct aks_error err;
    struct aks_buf text;
    char key[512];
    bool holds = false;
    enum aks_status status;

    (void)aks_target_key_upload(confirmation->target->settings, run->system_id, row->upload_id,
        AKS_MANIFEST_NAME, key, sizeof(key));
    aks_buf_init(&text, port->alloc, AKS_MANIFEST_BYTES_MAX);
    confirmation->class->get(confirmation->target, key, &text, call_done, confirmation);
    status = wait_for(confirmation);
    if (status == AKS_OK)
        holds = aks_run_confirm_names(port->alloc, &text, row);
    aks_buf_fini(&text);
    if (status != AKS_OK && status != AKS_NOT_FOUND)
        return status;
    if (holds) {
        row->checked_at_ms = port->clock.wall_ms(port->clock.ctx);
        status = aks_state_stored_put(run->engine->state, identity, row, 1, &err);
    } else {
        aks_log_write(run->engine->log, AKS_LOG_WARNING,
            "%s does not hold %s any more, which it once did: it is uploaded again",
            confirmation->target->settings->name, copy->item->source.name);
        status = aks_state_stored_forget(run->engine->state, identity, row->source, &err);
        aks_stored_fini(port->alloc, row);
        memset(row, 0, sizeof(*row));
    }
    if (status != AKS_OK)
        aks_outcome_failed(&confirmation->outcome, &err);
    return status;
}

static enum aks_status
open_target(struct confirmation *confirmation)
{
    struct aks_run *run = confirmation->run;
    struct aks_target_options options = { 0 };
    struct aks_error err;

    options.port = run->engine->port;
    options.loop = &run->engine->loop;
    options.ask = &run->ask;
    options.log = run->engine->log;
    options.state = run->engine->state;
    options.settings = &run->settings->targets[confirmation->index];
    options.system_id = run->system_id;
    options.upload_id = run->upload_id;
    options.scratch_folder = run->engine->scratch_folder;
    options.probe_ms = run->settings->probe_ms;
    options.lingering = &run->pool.lingering;
    confirmation->class = aks_target_class_of(options.settings->kind);
    if (confirmation->class->create(&options, &confirmation->target, &err) != AKS_OK) {
        aks_outcome_failed(&confirmation->outcome, &err);
        return err.status;
    }
    confirmation->class->available(confirmation->target, call_done, confirmation);
    return wait_for(confirmation);
}

enum aks_status
aks_run_confirm(struct aks_run *run, struct aks_copy *copy, struct aks_outcome *outcome)
{
    struct confirmation confirmation = { 0 };
    enum aks_status status;

    confirmation.run = run;
    confirmation.index = copy->target;
    status = open_target(&confirmation);
    if (status == AKS_OK)
        status = confirm_copy(&confirmation, copy);
    if (confirmation.target != NULL)
        confirmation.class->free(confirmation.target);
    if (status == AKS_OK)
        aks_outcome_ok(outcome);
    else
        *outcome = confirmation.outcome;
    return status;
}
