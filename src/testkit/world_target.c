/* Who answers: a model for each place that the policy names. Two targets of one bucket share it. */
#include "base/check.h"
#include "engine/engine.h"
#include "engine/policy_text.h"
#include "engine/target.h"
#include "engine/target_s3_place.h"
#include "script/load.h"
#include "testkit/laws_internal.h"
#include "testkit/world_internal.h"
#include "wire/url.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define AWS_SUFFIX ".amazonaws.com"
#define MODEL_PART_BYTES_SMALL (5 * AKS_MIB / AKS_WORLD_SMALL)

/* Where a request goes, cut out of its URL. */
struct whither {
    bool tls;
    char authority[AKS_SIM_HOST_BYTES];
    const char *path;                   /* from '/', up to a '?' or the end */
    size_t path_len;
};

static bool
starts_with(const char *text, size_t len, const char *start)
{
    size_t start_len = strlen(start);

    return len >= start_len && strncmp(text, start, start_len) == 0;
}

static bool
ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);

    return len >= end_len && strcasecmp(text + len - end_len, end) == 0;
}

static void
forget_sources(struct aks_world *world)
{
    for (size_t i = 0; i < world->source_count; i++)
        aks_mem_free(world->alloc, world->sources[i]);
    aks_mem_free(world->alloc, world->sources);
    world->sources = NULL;
    world->source_count = 0;
}

void
aks_world_targets_fini(struct aks_world *world)
{
    for (size_t i = 0; i < world->place_count; i++) {
        aks_s3_model_free(world->places[i].s3);
        aks_http_model_free(world->places[i].http);
        aks_mcp_model_free(world->places[i].mcp);
    }
    world->place_count = 0;
    world->target_count = 0;
    forget_sources(world);
}

/* The key of a request within ${place}, or NULL if it goes elsewhere. */
static const char *
key_at(const struct world_place *place, const struct whither *to, size_t *ret_len)
{
    const char *path = to->path;
    size_t len = to->path_len;

    if (place->aws) {
        if (!ends_with(to->authority, AWS_SUFFIX) ||
            !starts_with(to->authority, strlen(to->authority), place->bucket) ||
            to->authority[strlen(place->bucket)] != '.')
            return NULL;
    } else if (strcasecmp(to->authority, place->authority) != 0) {
        return NULL;
    }
    if (!starts_with(path, len, place->path))
        return NULL;
    path += strlen(place->path);
    len -= strlen(place->path);
    if (len > 0 && *path != '/')
        return NULL;
    *ret_len = len > 0 ? len - 1 : 0;
    return len > 0 ? path + 1 : path;
}

static struct aks_world_target *
find(struct aks_world *world, const struct whither *to)
{
    struct aks_world_target *best = NULL;

    for (size_t i = 0; i < world->target_count; i++) {
        struct aks_world_target *target = &world->targets[i];
        const char *key;
        size_t len;

        if (target->place == NULL)
            continue;
        key = key_at(target->place, to, &len);
        if (key == NULL || (len > 0 && !starts_with(key, len, target->prefix)))
            continue;
        if (best == NULL || strlen(target->prefix) > strlen(best->prefix) ||
            strlen(target->place->path) > strlen(best->place->path))
            best = target;
    }
    return best;
}

struct aks_world_target *
aks_world_target_of(struct aks_world *world, const struct aks_http_request *request)
{
    const char *authority = strstr(request->url, "://");
    struct whither to = { 0 };
    size_t len;

    if (authority == NULL)
        return NULL;
    authority += 3;
    len = strcspn(authority, "/?");
    (void)snprintf(to.authority, sizeof(to.authority), "%.*s", (int)len, authority);
    to.path = authority + len;
    to.path_len = strcspn(to.path, "?");
    return find(world, &to);
}

/* A manifest that has just been written: everything that it names must be there now. */
static void
look_at_manifest(struct aks_world *world, const struct aks_world_target *target,
    const struct whither *to)
{
    char key[AKS_URL_BYTES_MAX];
    struct aks_error err;
    const void *data;
    size_t len = 0;
    const char *at = key_at(target->place, to, &len);

    if (at == NULL || len < strlen(target->prefix) || !ends_with(at, "/" AKS_MANIFEST_NAME))
        return;
    world->committed = true;
    (void)snprintf(key, sizeof(key), "%s", at + strlen(target->prefix));
    data = aks_world_object(world, target, key, &len);
    if (data == NULL || aks_laws_manifest(world, target, key, data, len, &err) != AKS_OK)
        (void)snprintf(world->broken, sizeof(world->broken), "%.500s", data == NULL
            ? "nothing half-seen: a manifest was taken and is not there" : err.message);
}

/* Hands a request to the model of its place. */
static void
serve(void *ctx, int64_t wall_ms, const struct aks_sim_request *request,
    struct aks_sim_reply *reply)
{
    struct aks_world *world = ctx;
    struct whither to = { request->tls, "", request->path, strlen(request->path) };
    struct aks_world_target *target;
    char name[AKS_OPERATION_NAME_BYTES];
    char url[AKS_URL_BYTES_MAX + 64];
    const char *operation;

    (void)snprintf(to.authority, sizeof(to.authority), "%s", request->host);
    target = find(world, &to);
    for (size_t i = 0; target == NULL && i < world->target_count; i++) {
        /* Another bucket of the same server, say: its server answers that there is none. */
        if (world->targets[i].place != NULL &&
            (world->targets[i].place->aws || strcasecmp(world->targets[i].place->authority,
                    to.authority) == 0))
            target = &world->targets[i];
    }
    AKS_CHECK(target != NULL);
    if (target->s3 != NULL)
        aks_s3_model_serve(target->s3, wall_ms, request, reply);
    else if (target->mcp != NULL)
        aks_mcp_model_serve(target->mcp, wall_ms, request, reply);
    else
        aks_http_model_serve(target->http, wall_ms, request, reply);
    (void)snprintf(url, sizeof(url), "%s%s%s", request->path, request->query[0] != '\0' ? "?" : "",
        request->query);
    operation = aks_operation_name(request->method, url, name);
    aks_world_story_served(world, target->name, operation, request, reply);
    /* A probe may put something small as well; what belongs to an object is of these. What a
     * process before this one had asked is not this one's. */
    if (request->begun_ns >= world->process_began_ns && (strcmp(request->method, "POST") == 0 ||
            strstr(request->query, "partNumber=") != NULL ||
            (target->http != NULL && strcmp(request->method, "PUT") == 0)))
        world->sent = true;
    if (reply->status < 300 && target->s3 != NULL)
        aks_world_sent_served(world, target->name, operation, request);
    if (reply->status < 300 && strcmp(request->method, "PUT") == 0)
        look_at_manifest(world, target, &to);
}

static enum aks_status
make_model(struct aks_world *world, struct world_place *place,
    const struct aks_target_settings *settings, struct aks_error *err)
{
    struct aks_s3_model_options s3 = { 0 };
    struct aks_http_model_options http = { 0 };
    struct aks_mcp_model_options mcp = { 0 };

    if (settings->kind == AKS_TARGET_HTTP) {
        http.path = place->path;
        http.token = settings->token != NULL ? AKS_WORLD_TOKEN : NULL;
        http.reads_back = true;
        http.tus = world->options.tus;
        return aks_http_model_new(world->alloc, &http, &place->http, err);
    }
    if (settings->kind == AKS_TARGET_AKOSHA) {
        mcp.path = place->path;
        mcp.endpoint = strrchr(settings->url, '/') + 1;
        mcp.token = settings->token != NULL ? AKS_WORLD_TOKEN : NULL;
        mcp.json = world->options.mcp_json;
        mcp.open = true;
        return aks_mcp_model_new(world->alloc, &mcp, &place->mcp, err);
    }
    s3.profile = world->options.profile;
    s3.region = strcmp(settings->region, "auto") == 0 ? AKS_S3_REGION_FIRST : settings->region;
    s3.bucket = place->bucket;
    s3.access_key = AKS_WORLD_ACCESS_KEY;
    s3.secret_key = AKS_WORLD_SECRET_KEY;
    s3.part_bytes_min = world->options.small ? MODEL_PART_BYTES_SMALL : 0;
    s3.quick_etags = !world->options.md5_etags;
    s3.seed = world->options.seed;
    return aks_s3_model_new(world->alloc, &s3, &place->s3, err);
}

static void
add_host(struct aks_world *world, const struct world_place *place)
{
    struct aks_sim_host host = { 0 };
    bool port = strchr(place->authority, ':') != NULL;

    if (place->aws)
        (void)snprintf(host.name, sizeof(host.name), "%s:443", AWS_SUFFIX);
    else
        (void)snprintf(host.name, sizeof(host.name), "%s%s", place->authority,
            port ? "" : place->tls ? ":443" : ":80");
    host.serve = serve;
    host.ctx = world;
    host.takes_pieces = place->http != NULL;
    host.latency_ns = world->options.latency_ns;
    host.up_bytes_per_s = world->options.up_bytes_per_s;
    host.down_bytes_per_s = world->options.up_bytes_per_s;
    aks_network_sim_host(aks_sim_network(world->sim), &host);
}

/* The place of that description: the one that is there already, or a new one. */
static enum aks_status
place_of(struct aks_world *world, const struct world_place *wanted,
    const struct aks_target_settings *settings, struct world_place **ret_place,
    struct aks_error *err)
{
    struct world_place *place;
    enum aks_status status;

    for (size_t i = 0; i < world->place_count; i++) {
        place = &world->places[i];
        if (place->aws == wanted->aws && strcmp(place->authority, wanted->authority) == 0 &&
            strcmp(place->path, wanted->path) == 0 && strcmp(place->bucket, wanted->bucket) == 0) {
            *ret_place = place;
            return AKS_OK;
        }
    }
    if (world->place_count == AKS_WORLD_PLACES_MAX)
        return aks_error_set(err, AKS_LIMIT, "a world holds %d places at most",
            AKS_WORLD_PLACES_MAX);
    place = &world->places[world->place_count];
    *place = *wanted;
    status = make_model(world, place, settings, err);
    if (status != AKS_OK)
        return status;
    world->place_count++;
    add_host(world, place);
    *ret_place = place;
    return AKS_OK;
}

static enum aks_status
describe_s3(struct aks_world *world, const struct aks_target_settings *settings,
    struct world_place *place, struct aks_error *err)
{
    struct aks_s3_place where = { 0 };
    enum aks_status status = aks_s3_place_init(&where, aks_sim_port(world->sim), settings, err);

    if (status != AKS_OK)
        return status;
    place->aws = where.endpoint == NULL;
    place->tls = where.url.tls;
    if (!place->aws)
        (void)snprintf(place->authority, sizeof(place->authority), "%s", where.url.authority);
    (void)snprintf(place->bucket, sizeof(place->bucket), "%s", settings->bucket);
    (void)snprintf(place->path, sizeof(place->path), "%.*s%s%s", AKS_WORLD_PATH_BYTES / 2,
        where.url.path, where.path_style ? "/" : "", where.path_style ? settings->bucket : "");
    return AKS_OK;
}

static enum aks_status
describe_http(const struct aks_target_settings *settings, struct world_place *place,
    struct aks_error *err)
{
    struct aks_url url;
    enum aks_status status = aks_url_parse(settings->url, &url, err);

    if (status != AKS_OK)
        return status;
    place->tls = url.tls;
    (void)snprintf(place->authority, sizeof(place->authority), "%s", url.authority);
    (void)snprintf(place->path, sizeof(place->path), "%.*s", AKS_WORLD_PATH_BYTES - 1, url.path);
    /* Beside the endpoint there is its health: what both have in common is the folder. */
    if (settings->kind == AKS_TARGET_AKOSHA && strrchr(place->path, '/') != NULL)
        *strrchr(place->path, '/') = '\0';
    return AKS_OK;
}

static enum aks_status
add_target(struct aks_world *world, const struct aks_target_settings *settings,
    struct aks_error *err)
{
    struct aks_world_target *target = &world->targets[world->target_count];
    struct world_place wanted = { 0 };
    enum aks_status status;

    memset(target, 0, sizeof(*target));
    (void)snprintf(target->name, sizeof(target->name), "%s", settings->name);
    target->kind = settings->kind;
    if (settings->kind == AKS_TARGET_DIR) {
        (void)snprintf(target->folder, sizeof(target->folder), "%s%s",
            settings->path[0] == '~' ? AKS_WORLD_HOME : "",
            settings->path[0] == '~' ? settings->path + 1 : settings->path);
        world->target_count++;
        return AKS_OK;
    }
    status = settings->kind == AKS_TARGET_S3 ? describe_s3(world, settings, &wanted, err)
        : describe_http(settings, &wanted, err);
    if (status == AKS_OK)
        status = place_of(world, &wanted, settings, &target->place, err);
    if (status == AKS_OK && settings->token != NULL)
        status = aks_world_secrets_learn(world, settings, err);
    if (status != AKS_OK)
        return status;
    if (settings->kind == AKS_TARGET_S3)
        (void)snprintf(target->prefix, sizeof(target->prefix), "%s", settings->prefix);
    target->s3 = target->place->s3;
    target->http = target->place->http;
    target->mcp = target->place->mcp;
    world->target_count++;
    return AKS_OK;
}

/* As the engine expands them: the policy lies in the home. */
static enum aks_status
keep_sources(struct aks_world *world, const struct aks_settings *settings, struct aks_error *err)
{
    forget_sources(world);
    world->sources = aks_mem_array(world->alloc, settings->source_count + 1,
        sizeof(*world->sources));
    if (world->sources == NULL)
        return aks_error_memory(err, "reading a policy's sources");
    for (size_t i = 0; i < settings->source_count; i++) {
        const char *source = settings->sources[i].path;
        bool home = source[0] == '~';
        char *path;

        if (settings->sources[i].glob)
            continue;       /* what it finds is what is put there */
        path = source[0] == '/' ? aks_mem_strdup(world->alloc, source)
            : aks_mem_printf(world->alloc, "%s%s%s", AKS_WORLD_HOME, home ? "" : "/",
                home ? source + 1 : source);
        if (path == NULL)
            return aks_error_memory(err, "reading a policy's sources");
        world->sources[world->source_count++] = path;
    }
    return AKS_OK;
}

/* As a run has it: of a bucket, with the endpoint that counts. */
static void
identify(struct aks_world *world, const struct aks_settings *settings, size_t index)
{
    const struct aks_port *port = aks_sim_port(world->sim);
    const struct aks_target_settings *given = &settings->targets[index];
    struct aks_target_settings effective = *given;
    struct aks_s3_place place = { 0 };
    char system_id[AKS_SYSTEM_ID_BYTES];

    aks_engine_system_id(port, settings, system_id);
    if (given->kind == AKS_TARGET_S3 && aks_s3_place_init(&place, port, given, NULL) == AKS_OK)
        effective = aks_s3_place_settings(&place);
    aks_target_identity(&effective, AKS_WORLD_HOME, system_id, world->targets[index].identity);
}

static enum aks_status
load_targets(struct aks_world *world, struct aks_error *err)
{
    const struct aks_port *port = aks_sim_port(world->sim);
    struct aks_script_options options = { 0 };
    struct aks_policy_environment environment = { 0 };
    struct aks_policy_text text = { 0 };
    struct aks_policy_loader loader;
    struct aks_policy *policy = NULL;
    enum aks_status status = AKS_OK;
    size_t len;

    options.alloc = world->alloc;
    aks_script_loader_init(&loader, &options);
    if (aks_files_sim_look(aks_sim_files(world->sim), AKS_WORLD_POLICY, &len) != NULL)
        status = aks_policy_text_read(port, AKS_WORLD_POLICY, &text, err);
    if (status == AKS_OK)
        status = aks_policy_environment_collect(port, NULL, 0, &environment, err);
    text.limits = world->options.limits;
    if (status == AKS_OK)
        status = loader.load(loader.ctx, &text, &environment, &policy, err);
    if (status == AKS_OK)
        world->target_count = 0;
    if (status == AKS_OK)
        status = keep_sources(world, policy->settings, err);
    for (size_t i = 0; status == AKS_OK && i < policy->settings->target_count; i++) {
        status = add_target(world, &policy->settings->targets[i], err);
        if (status == AKS_OK)
            identify(world, policy->settings, i);
    }
    if (status == AKS_OK)
        status = aks_world_secrets_learn_keys(world, &policy->settings->encrypt, err);
    if (status == AKS_OK)
        status = aks_world_secrets_write(world, err);
    if (policy != NULL)
        policy->free(policy);
    aks_policy_text_fini(world->alloc, &text);
    aks_policy_environment_fini(world->alloc, &environment);
    return status;
}

enum aks_status
aks_world_learn(struct aks_world *world, struct aks_error *err)
{
    enum aks_status status;

    if (world->learnt)
        return AKS_OK;
    world->learning = true;
    status = load_targets(world, err);
    world->learning = false;
    world->learnt = status == AKS_OK;
    return status;
}

size_t
aks_world_target_count(const struct aks_world *world)
{
    return world->target_count;
}

const char *
aks_world_source(const struct aks_world *world, size_t index)
{
    return index < world->source_count ? world->sources[index] : NULL;
}

struct aks_world_target *
aks_world_target_at(struct aks_world *world, size_t index)
{
    AKS_CHECK(index < world->target_count);
    return &world->targets[index];
}

struct aks_world_target *
aks_world_target(struct aks_world *world, const char *name)
{
    for (size_t i = 0; i < world->target_count; i++) {
        if (strcmp(world->targets[i].name, name) == 0)
            return &world->targets[i];
    }
    return NULL;
}
