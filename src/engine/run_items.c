/* What a run begins with: the targets it knows, the sources it is about, and the route of each. */
#include "base/units.h"
#include "engine/run.h"
#include "engine/target_s3_place.h"

#include <string.h>

static int64_t
wall_ms(const struct aks_run *run)
{
    const struct aks_clock *clock = &run->engine->port->clock;

    return clock->wall_ms(clock->ctx);
}

void
aks_run_item_facts(const struct aks_item *item, int64_t wall_ms, struct aks_source_facts *ret_facts)
{
    memset(ret_facts, 0, sizeof(*ret_facts));
    ret_facts->name = item->source.name;
    ret_facts->path = item->source.path;
    ret_facts->kind = aks_source_kind_name(item->source.kind);
    ret_facts->bytes = item->source.info.bytes;
    ret_facts->age_ms = wall_ms - item->source.info.mtime_ns / AKS_NS_PER_MS;
    if (ret_facts->age_ms < 0)
        ret_facts->age_ms = 0;
}

/* The settings with the endpoint that counts: a place is what is talked to, not what the policy
 * calls it. */
static struct aks_target_settings
effective(const struct aks_run *run, const struct aks_target_settings *settings)
{
    struct aks_s3_place place;

    if (settings->kind != AKS_TARGET_S3 ||
        aks_s3_place_init(&place, run->engine->port, settings, NULL) != AKS_OK)
        return *settings;
    return aks_s3_place_settings(&place);
}

/* The targets' identities and breakers. */
static enum aks_status
load_targets(struct aks_run *run, struct aks_error *err)
{
    const struct aks_environment *env = &run->engine->port->environment;

    for (size_t i = 0; i < run->settings->target_count; i++) {
        struct aks_target_settings settings = effective(run, &run->settings->targets[i]);
        enum aks_status status;

        aks_target_identity(&settings, env->home(env->ctx), run->system_id,
            run->targets[i].identity);
        status = aks_run_health_load(run, i, err);
        if (status != AKS_OK)
            return status;
    }
    return AKS_OK;
}

static enum aks_status
find_target(const struct aks_run *run, const char *name, size_t *ret_index, struct aks_error *err)
{
    for (size_t i = 0; i < run->settings->target_count; i++) {
        if (strcmp(run->settings->targets[i].name, name) == 0) {
            *ret_index = i;
            return AKS_OK;
        }
    }
    return aks_error_set(err, AKS_SETTINGS, "--target %s: the policy %s has no target of that name",
        name, run->settings->policy_path);
}

static enum aks_status
route_item(struct aks_run *run, struct aks_item *item, const struct aks_target_facts *facts,
    struct aks_error *err)
{
    struct aks_source_facts source;
    struct aks_route_answer answer = { 0 };
    enum aks_status status;

    if (run->options->target != NULL) {
        answer.route.count = 1;
        status = find_target(run, run->options->target, &answer.route.targets[0], err);
    } else {
        aks_run_item_facts(item, wall_ms(run), &source);
        status = aks_ask_route(&run->ask, &source, facts, run->settings->target_count, &answer,
            err);
        if (run->options->no_fallback && answer.route.count > 1)
            answer.route.count = 1;
    }
    if (status != AKS_OK)
        return status;
    return aks_item_route(run->engine->port->alloc, item, &answer.route, err);
}

/* Sources that a policy names for everybody need not all be there; none at all is worth telling. */
static void
skip_missing(struct aks_run *run)
{
    size_t there = 0;

    for (size_t i = 0; i < run->item_count; i++)
        there += run->items[i].error.status != AKS_SOURCE_MISSING;
    if (there == 0)
        return;
    for (size_t i = 0; i < run->item_count; i++) {
        struct aks_item *item = &run->items[i];

        if (item->error.status != AKS_SOURCE_MISSING)
            continue;
        item->state = AKS_ITEM_SKIPPED;
        item->reason = "there is no such file";
        aks_error_clear(&item->error);
    }
}

static enum aks_status
inspect_items(struct aks_run *run, struct aks_error *err)
{
    const struct aks_run_options *options = run->options;
    bool given = options->sources != NULL;
    struct aks_source *sources[AKS_SOURCES_MAX];
    enum aks_status status = AKS_OK;

    for (size_t i = 0; i < run->item_count && status == AKS_OK; i++) {
        struct aks_item *item = &run->items[i];
        const char *written = given ? options->sources[i] : run->settings->sources[i];
        char *path = NULL;

        sources[i] = &item->source;
        status = aks_source_absolute(run->engine->port, written, options->source_folder, &path,
            err);
        if (status != AKS_OK)
            return status;
        if (aks_source_inspect(run->engine->port, path, &item->source, &item->error) != AKS_OK)
            item->state = AKS_ITEM_FAILED;
        aks_mem_free(run->engine->port->alloc, path);
        if (item->source.name == NULL)
            return aks_error_memory(err, "looking at the sources");
        for (size_t j = 0; j < i; j++) {
            if (strcmp(run->items[j].source.path, item->source.path) == 0)
                return aks_error_set(err, AKS_SETTINGS, "source %s is named twice", written);
        }
    }
    if (!given && run->settings->skip_missing)
        skip_missing(run);
    return aks_source_make_names_unique(run->engine->port->alloc, sources, run->item_count, err);
}

enum aks_status
aks_run_items_load(struct aks_run *run, struct aks_error *err)
{
    struct aks_target_facts facts[AKS_TARGETS_MAX];
    bool given = run->options->sources != NULL;
    enum aks_status status;

    run->item_count = given ? run->options->source_count : run->settings->source_count;
    if (run->item_count == 0) {
        (void)aks_error_set(err, AKS_SETTINGS, "there is nothing to sync: no source is named");
        aks_error_hint(err, "name files on the command line, in the policy's sources, or in "
            "AKOSHA_SOURCES");
        return AKS_SETTINGS;
    }
    if (run->item_count > AKS_SOURCES_MAX) {
        (void)aks_error_set(err, AKS_SETTINGS, "%zu sources are over the limit of %d",
            run->item_count, AKS_SOURCES_MAX);
        aks_error_hint(err, "name them in several runs");
        run->item_count = 0;
        return AKS_SETTINGS;
    }
    run->items = aks_mem_array(run->engine->port->alloc, run->item_count, sizeof(*run->items));
    if (run->items == NULL) {
        run->item_count = 0;
        return aks_error_memory(err, "looking at the sources");
    }
    status = inspect_items(run, err);
    if (status == AKS_OK)
        status = load_targets(run, err);
    if (status == AKS_OK && run->options->policy->decide.now != NULL)
        status = aks_now_load(&run->ask.now, run->engine->state, err);
    for (size_t i = 0; i < run->settings->target_count; i++)
        aks_run_target_facts(run, i, &facts[i]);
    for (size_t i = 0; i < run->item_count && status == AKS_OK; i++)
        status = route_item(run, &run->items[i], facts, err);
    return status;
}
