#include "engine/drill.h"

#include "engine/restore.h"
#include "engine/state_proofs.h"
#include "wire/dates.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Under which a try that proved nothing is remembered. */
#define FACT_PLACE "drill"
#define FACT "tried"

static int64_t
wall_ms(const struct aks_engine *engine)
{
    return engine->port->clock.wall_ms(engine->port->clock.ctx);
}

/* Of a clock that was set back nobody knows how long ago that was: it counts as long. */
static bool
longer_ago(int64_t at_ms, int64_t now_ms, int64_t span_ms)
{
    return at_ms > now_ms || now_ms - at_ms >= span_ms;
}

static bool
tried_lately(struct aks_engine *engine, int64_t span_ms)
{
    char value[8];

    return aks_state_fact_get(engine->state, FACT_PLACE, FACT, wall_ms(engine), span_ms, value,
        sizeof(value), NULL) == AKS_OK;
}

enum aks_status
aks_drill_look(struct aks_engine *engine, const struct aks_settings *settings,
    struct aks_drill_state *ret_state, struct aks_error *err)
{
    int64_t again_ms = settings->drill_ms < AKS_DRILL_AGAIN_MS ? settings->drill_ms
        : AKS_DRILL_AGAIN_MS;
    int64_t now_ms = wall_ms(engine);
    /* Of what nothing here opens, that it is there and unchanged is all that can be tried out. */
    bool sealed = settings->encrypt.set && settings->encrypt.passphrase == NULL;
    struct aks_proof proof;
    enum aks_status status;

    memset(ret_state, 0, sizeof(*ret_state));
    ret_state->wanted = settings->drill_ms > 0;
    ret_state->proven_at_ms = -1;
    status = aks_state_proof_last(engine->state, NULL, NULL,
        sealed ? AKS_PROOF_READ : AKS_PROOF_RESTORED, &proof, err);
    if (status == AKS_OK)
        ret_state->proven_at_ms = proof.at_ms;
    else if (status != AKS_NOT_FOUND)
        return status;
    if (!ret_state->wanted)
        return AKS_OK;
    ret_state->due = (status != AKS_OK ||
        longer_ago(proof.at_ms, now_ms, settings->drill_ms)) && !tried_lately(engine, again_ms);
    /* Whoever has only just begun is not late. */
    ret_state->late = status == AKS_OK &&
        longer_ago(proof.at_ms, now_ms, settings->drill_ms + AKS_DRILL_LATE_MS);
    return AKS_OK;
}

/* The private folder and what is in it */

struct emptying {
    const struct aks_port *port;
    const char *folder;
};

static enum aks_status
remove_name(void *ctx, const char *name, struct aks_error *err)
{
    const struct emptying *emptying = ctx;
    const struct aks_files *files = &emptying->port->files;
    char path[AKS_PATH_BYTES];
    int len = snprintf(path, sizeof(path), "%s/%s", emptying->folder, name);

    if (len < 0 || (size_t)len >= sizeof(path))
        return AKS_OK;
    return files->unlink(files->ctx, path, err);
}

static enum aks_status
empty(const struct aks_port *port, const char *folder, struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct emptying emptying = { port, folder };
    struct aks_file_info info;
    enum aks_status status = files->stat(files->ctx, folder, false, &info, err);

    /* What a link leads to is not ours to empty. */
    if (status == AKS_OK && info.type != AKS_FILE_FOLDER)
        return aks_error_set(err, AKS_STATE, "cannot try out a restore in %s: it is no folder",
            folder);
    if (status == AKS_OK)
        status = files->list(files->ctx, folder, remove_name, &emptying, err);

    if (status == AKS_OK)
        status = files->remove_folder(files->ctx, folder, err);
    return status == AKS_NOT_FOUND ? AKS_OK : status;
}

enum aks_status
aks_drill(struct aks_engine *engine, const struct aks_policy *policy, struct json_t **ret_report,
    struct aks_error *err)
{
    struct aks_restore_options options = { .policy = policy, .drill = true };
    char *folder = aks_mem_printf(engine->port->alloc, "%s/" AKS_DRILL_FOLDER,
        engine->state_folder);
    struct aks_error ignored;
    enum aks_status status;

    *ret_report = NULL;
    if (folder == NULL)
        return aks_error_memory(err, "trying out a restore");
    /* What cannot be kept here is tried too often, and nothing worse. */
    (void)aks_state_fact_put(engine->state, FACT_PLACE, FACT, "yes", wall_ms(engine), &ignored);
    status = empty(engine->port, folder, err);
    if (status == AKS_OK) {
        options.to = folder;
        status = aks_restore(engine, &options, ret_report, err);
        (void)empty(engine->port, folder, &ignored);
    }
    aks_mem_free(engine->port->alloc, folder);
    return status;
}

void
aks_drill_warn(struct aks_engine *engine, const struct aks_settings *settings)
{
    struct aks_drill_state state;
    char proven[AKS_DATE_BYTES];
    char every[AKS_UNITS_TEXT_BYTES];

    if (settings->drill_ms == 0 ||
        aks_drill_look(engine, settings, &state, NULL) != AKS_OK || !state.late)
        return;
    aks_log_write(engine->log, AKS_LOG_WARNING, "no restore was proven since %s, and the policy "
        "wants a drill every %s: akosha-sync worker --once does one after a job",
        aks_date_iso(state.proven_at_ms, proven),
        aks_units_duration(settings->drill_ms, every));
}

bool
aks_drill_when_due(struct aks_engine *engine, const struct aks_policy *policy)
{
    struct aks_drill_state state;
    struct aks_error err;
    json_t *report = NULL;
    const char *why;

    if (aks_drill_look(engine, policy->settings, &state, &err) != AKS_OK || !state.due)
        return false;
    if (aks_drill(engine, policy, &report, &err) != AKS_OK) {
        aks_log_write(engine->log, AKS_LOG_WARNING, "the restore drill could not be done: %s",
            err.message);
        return true;
    }
    why = json_string_value(json_object_get(json_object_get(report, "error"), "message"));
    if (why != NULL)
        aks_log_write(engine->log, AKS_LOG_ERROR, "the restore drill failed: %s", why);
    else
        aks_log_write(engine->log, AKS_LOG_INFO, "the restore drill went well: %zu files",
            json_array_size(json_object_get(report, "files")));
    json_decref(report);
    return true;
}
