/* The state database, read back as the next process would read it. */
#include "engine/engine.h"
#include "engine/state.h"
#include "testkit/world_internal.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* What is believed of one target: what it holds, and its health. */
static enum aks_status
read_target(struct aks_world *world, struct aks_state *state,
    const struct aks_world_target *target, json_t *targets, struct aks_error *err)
{
    const struct aks_clock *clock = &aks_sim_port(world->sim)->clock;
    json_t *row = json_object();
    json_t *stored = json_object();
    struct aks_breaker breaker;
    struct aks_stored *rows = NULL;
    size_t count = 0;
    enum aks_status status = aks_state_stored_all(state, target->identity, &rows, &count, err);

    for (size_t i = 0; i < count; i++) {
        (void)json_object_set_new(stored, rows[i].source, json_pack("{s:s, s:s, s:s, s:s, s:I}",
            "name", rows[i].name, "key", rows[i].key, "upload_id", rows[i].upload_id, "sha256",
            rows[i].sha256, "bytes", (json_int_t)rows[i].bytes));
        aks_stored_fini(world->alloc, &rows[i]);
    }
    aks_mem_free(world->alloc, rows);
    if (status == AKS_OK)
        status = aks_state_breaker_get(state, target->identity, clock->wall_ms(clock->ctx),
            &breaker, err);
    (void)json_object_set_new(row, "stored", stored);
    if (status == AKS_OK && breaker.failures > 0)
        (void)json_object_set_new(row, "breaker", json_pack("{s:i, s:f, s:s}", "failures",
            (int)breaker.failures, "open_for",
            (double)(breaker.open_until_ms - clock->wall_ms(clock->ctx)) / 1000, "reason",
            aks_status_name(breaker.reason)));
    (void)json_object_set_new(targets, target->name, row);
    return status;
}

static enum aks_status
read_state(struct aks_world *world, json_t *document, struct aks_error *err)
{
    json_t *targets = json_object();
    struct aks_state *state = NULL;
    char *last = NULL;
    enum aks_status status = aks_state_open(world->alloc, &aks_sim_port(world->sim)->files,
        AKS_WORLD_STATE, &state, err);

    (void)json_object_set_new(document, "targets", targets);
    for (size_t i = 0; i < world->target_count && status == AKS_OK; i++)
        status = read_target(world, state, &world->targets[i], targets, err);
    if (status == AKS_OK && aks_state_run_last(state, &last, NULL) == AKS_OK)
        (void)json_object_set_new(document, "last_run", json_loads(last, 0, NULL));
    aks_mem_free(world->alloc, last);
    aks_state_close(state);
    return status;
}

enum aks_status
aks_world_state(struct aks_world *world, const char **ret_text, struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    json_t *document;
    char *text;
    size_t len;

    *ret_text = "{}";
    /* Reading must not make a database where there is none. */
    if (aks_files_sim_look(aks_sim_files(world->sim), AKS_WORLD_STATE "/state.db", &len) == NULL)
        return AKS_OK;
    document = json_object();
    world->learning = true;
    status = read_state(world, document, err);
    world->learning = false;
    text = status == AKS_OK ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    aks_buf_reset(&world->state);
    if (text != NULL)
        aks_buf_puts(&world->state, text);
    free(text);
    *ret_text = world->state.data;
    if (status == AKS_OK && (text == NULL || world->state.failed != AKS_OK))
        return aks_error_memory(err, "reading the state back");
    return status;
}
