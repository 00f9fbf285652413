/* What a run begins with: the targets it knows, the sources it is about, and the route of each. */
#include "base/units.h"
#include "engine/run.h"
#include "engine/run_sources.h"
#include "engine/secret_find.h"
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

/* Two names of one place would count one copy twice. */
static enum aks_status
check_mirror(const struct aks_run *run, const struct aks_route *route, struct aks_error *err)
{
    for (size_t i = 1; i < route->count; i++) {
        for (size_t j = 0; j < i; j++) {
            size_t a = route->targets[j];
            size_t b = route->targets[i];

            if (strcmp(run->targets[a].identity, run->targets[b].identity) == 0)
                return aks_error_set(err, AKS_POLICY, "%s: in route: \"%s\" is the same place as "
                    "\"%s\": two names of it are one copy", run->settings->policy_path,
                    run->settings->targets[b].name, run->settings->targets[a].name);
        }
    }
    return AKS_OK;
}

/* Without ways round: as many of the route as have to hold it. */
static void
no_fallback(struct aks_route *route)
{
    size_t needed = route->mirror ? route->needed : 1;

    if (route->count > needed)
        route->count = needed;
}

/* Why a target of rows cannot take anything of ${item}, or NULL. */
static const char *
no_rows(const struct aks_run *run, const struct aks_item *item)
{
    if (item->source.kind == AKS_SOURCE_FILE)
        return "is no database: it has no rows";
    if (run->settings->memories.mode == AKS_MEMORIES_NONE)
        return "has memories that the policy does not send: memories = \"none\"";
    if (!aks_settings_memories(run->settings))
        return "has memories that would leave in the clear, while the policy encrypts: only where "
            "it sets `memories` itself";
    return NULL;
}

/* Which of its targets take rows, and what of it satisfies the item. */
static void
mark_rows(const struct aks_run *run, struct aks_item *item)
{
    const char *why = no_rows(run, item);
    bool files = false;

    for (size_t i = 0; i < item->copy_count; i++) {
        struct aks_copy *copy = &item->copies[i];
        const struct aks_target_settings *target = &run->settings->targets[copy->target];

        copy->rows = aks_target_delivers_rows(target->kind);
        files = files || !copy->rows;
        if (!copy->rows || why == NULL)
            continue;
        copy->state = AKS_COPY_SKIPPED;
        (void)aks_error_set(&copy->error, AKS_SETTINGS, "%s: %s %s", target->name,
            item->source.name, why);
        aks_error_hint(&copy->error, "give the route a target that takes files");
    }
    item->deliver = run->settings->deliver;
    if (item->deliver == AKS_DELIVER_DEFAULT)
        item->deliver = files ? AKS_DELIVER_FILES : AKS_DELIVER_ANY;
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
        if (status == AKS_OK && answer.route.mirror)
            status = check_mirror(run, &answer.route, err);
        if (run->options->no_fallback)
            no_fallback(&answer.route);
    }
    if (status != AKS_OK)
        return status;
    status = aks_item_route(run->engine->port->alloc, item, &answer.route, err);
    if (status == AKS_OK)
        mark_rows(run, item);
    return status;
}

/* A glob that finds nothing is no failure, and neither is a source that need not be there: as long
 * as another one is. None at all is worth telling. */
static void
skip_missing(struct aks_run *run)
{
    bool may_miss = run->options->sources == NULL && run->settings->skip_missing;
    size_t there = 0;

    for (size_t i = 0; i < run->item_count; i++)
        there += run->items[i].error.status != AKS_SOURCE_MISSING;
    for (size_t i = 0; i < run->item_count && there == 0 && may_miss; i++)
        aks_error_hint(&run->items[i].error, "not one of the sources is there: name this machine's "
            "in the policy's `sources` (the built-in policy reads AKOSHA_SOURCES)");
    if (there == 0)
        return;
    for (size_t i = 0; i < run->item_count; i++) {
        struct aks_item *item = &run->items[i];

        if (item->error.status != AKS_SOURCE_MISSING || (!may_miss && !item->pattern))
            continue;
        item->state = AKS_ITEM_SKIPPED;
        item->reason = item->pattern ? "no file matches" : "there is no such file";
        aks_error_clear(&item->error);
    }
}

/* What the policy says of a source counts for more than what it looks like. */
static enum aks_status
apply_settings(const struct aks_alloc *alloc, struct aks_item *item)
{
    const struct aks_source_settings *settings = item->settings;
    char *name;

    if (settings == NULL)
        return AKS_OK;
    if (settings->kind_given)
        item->source.kind = settings->kind;
    if (settings->name == NULL)
        return AKS_OK;
    name = aks_mem_strdup(alloc, settings->name);
    if (name == NULL)
        return AKS_LIMIT;
    aks_mem_free(alloc, item->source.name);
    item->source.name = name;
    item->source.name_given = true;
    return AKS_OK;
}

static enum aks_status
inspect_item(const struct aks_port *port, const struct aks_named *named, struct aks_item *item)
{
    item->settings = named->settings;
    item->pattern = named->failed != AKS_OK;
    if (item->pattern) {
        item->source.path = aks_mem_strdup(port->alloc, named->path);
        item->source.name = aks_source_harmless_name(port->alloc, named->path);
        (void)aks_error_set(&item->error, named->failed, "%s", named->message);
    } else {
        (void)aks_source_inspect(port, named->path, &item->source, &item->error);
    }
    if (item->error.status != AKS_OK)
        item->state = AKS_ITEM_FAILED;
    if (item->source.path == NULL || item->source.name == NULL)
        return AKS_LIMIT;
    return apply_settings(port->alloc, item);
}

/* The item that is the same file as ${run}'s last one, or NULL. */
static struct aks_item *
same_file(struct aks_run *run, const struct aks_item *last)
{
    for (struct aks_item *item = run->items; item < last; item++) {
        if (!item->pattern && strcmp(item->source.path, last->source.path) == 0)
            return item;
    }
    return NULL;
}

/* Of a file that has two names by links, what the policy says of the path that it names counts, not
 * what it says of a glob. */
static enum aks_status
inspect_items(struct aks_run *run, const struct aks_named_list *list, struct aks_error *err)
{
    const struct aks_port *port = run->engine->port;
    bool named[AKS_SOURCES_MAX];        /* by a path */

    for (size_t i = 0; i < list->count; i++) {
        struct aks_item *item = &run->items[run->item_count];
        struct aks_item *same;

        run->item_count++;
        if (inspect_item(port, &list->named[i], item) != AKS_OK)
            return aks_error_memory(err, "looking at the sources");
        same = item->pattern ? NULL : same_file(run, item);
        if (same == NULL) {
            named[run->item_count - 1] = !list->named[i].found;
            continue;
        }
        if (!list->named[i].found && named[same - run->items])
            return aks_error_set(err, AKS_SETTINGS, "source %s is named twice",
                list->named[i].path);
        if (!list->named[i].found) {
            aks_source_fini(port->alloc, &same->source);
            *same = *item;
            named[same - run->items] = true;
        } else {
            aks_source_fini(port->alloc, &item->source);
        }
        memset(item, 0, sizeof(*item));
        run->item_count--;
    }
    return AKS_OK;
}

static enum aks_status
name_items(struct aks_run *run, struct aks_error *err)
{
    struct aks_source *sources[AKS_SOURCES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < run->item_count; i++) {
        if (!run->items[i].pattern)
            sources[count++] = &run->items[i].source;
    }
    return count == 0 ? AKS_OK
        : aks_source_make_names_unique(run->engine->port->alloc, sources, count, err);
}

static enum aks_status
load_items(struct aks_run *run, struct aks_error *err)
{
    struct aks_named_list list;
    enum aks_status status = aks_run_sources(run, &list, err);

    if (status == AKS_OK) {
        run->items = aks_mem_array(list.alloc, list.count, sizeof(*run->items));
        status = run->items != NULL ? inspect_items(run, &list, err)
            : aks_error_memory(err, "looking at the sources");
    }
    /* Those that were not come to have no path: not everything is known. */
    if (status != AKS_OK && run->items != NULL)
        run->item_count = list.count;
    aks_run_sources_fini(&list);
    if (status != AKS_OK)
        return status;
    skip_missing(run);
    return name_items(run, err);
}

enum aks_status
aks_run_items_load(struct aks_run *run, struct aks_error *err)
{
    struct aks_target_facts facts[AKS_TARGETS_MAX];
    enum aks_status status = load_items(run, err);

    if (status == AKS_OK)
        status = load_targets(run, err);
    if (status == AKS_OK)
        status = aks_now_load(&run->ask.now, run->engine->state, err);
    for (size_t i = 0; i < run->settings->target_count; i++)
        aks_run_target_facts(run, i, &facts[i]);
    for (size_t i = 0; i < run->item_count && status == AKS_OK; i++) {
        if (!run->items[i].pattern)
            status = route_item(run, &run->items[i], facts, err);
    }
    return status;
}

/* Whoever wrote the policy meant something that must not be. A secret that is not there may not be
 * needed. */
enum aks_status
aks_run_items_check_secrets(const struct aks_run *run, struct aks_error *err)
{
    for (size_t i = 0; i < run->settings->target_count; i++) {
        const struct aks_target_settings *settings = &run->settings->targets[i];
        enum aks_status status;

        if (settings->token == NULL)
            continue;
        status = aks_secret_check(run->engine->port, settings->token, settings->url, err);
        if (status == AKS_OK || status == AKS_AUTH_MISSING)
            continue;
        (void)aks_error_wrap(err, "cannot use target %s", settings->name);
        return status;
    }
    return AKS_OK;
}

bool
aks_run_items_secret_unbound(const struct aks_run *run)
{
    for (size_t i = 0; i < run->settings->target_count; i++) {
        const struct aks_target_settings *settings = &run->settings->targets[i];

        if (settings->token != NULL && aks_secret_unbound(run->engine->port, settings->token,
                settings->url))
            return true;
    }
    return false;
}
