#include "testkit/explain.h"

#include "api/api_internal.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/rng.h"
#include "data/duckdb_file.h"
#include "engine/now.h"
#include "engine/policy_text.h"
#include "script/load.h"
#include "script/nearest.h"
#include "testkit/explain_internal.h"
#include "wire/dates.h"

#include <stdio.h>
#include <string.h>

#define SEED 1

static enum aks_status
parse_events(struct aks_explain *explain, struct aks_error *err)
{
    const struct aks_explain_options *options = explain->options;

    AKS_CHECK(options->event_count <= AKS_EXPLAIN_EVENTS_MAX);
    for (size_t i = 0; i < options->event_count; i++) {
        if (aks_event_parse(options->events[i], &explain->events[i], err) == AKS_OK)
            continue;
        if (err != NULL)
            err->status = AKS_NOT_FOUND;
        return AKS_NOT_FOUND;
    }
    return AKS_OK;
}

/* --- the policy ------------------------------------------------------------------------------- */

/* Nobody listens, but decisions know their line. */
static const struct aks_script_lines lines = { NULL, NULL, NULL };

enum aks_status
aks_explain_load(struct aks_explain *explain, uint64_t seed, struct aks_policy **ret_policy,
    struct aks_error *err)
{
    struct aks_policy_loader loader;

    memset(&explain->script, 0, sizeof(explain->script));
    explain->script.alloc = explain->alloc;
    explain->script.seed = seed;
    explain->script.lines = &lines;
    aks_script_loader_init(&loader, &explain->script);
    return loader.load(loader.ctx, &explain->text, &explain->environment, ret_policy, err);
}

static enum aks_status
load_policy(struct aks_explain *explain, struct aks_error *err)
{
    const struct aks_port *real = explain->options->real;
    char *path = NULL;
    enum aks_status status = akosha_api_policy_path(real, explain->options->policy, &path, err);

    if (status == AKS_OK && path != NULL)
        status = aks_policy_text_read(real, path, &explain->text, err);
    aks_mem_free(explain->alloc, path);
    if (status == AKS_OK)
        status = aks_policy_environment_collect(real, NULL, 0, &explain->environment, err);
    if (status == AKS_OK)
        status = akosha_api_limits(explain->options->limits, explain->options->limit_count,
            &explain->text.limits, err);
    return status == AKS_OK ? aks_explain_load(explain, SEED, &explain->policy, err) : status;
}

/* --- worlds ----------------------------------------------------------------------------------- */

static bool
ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void
put_number(char *at, uint64_t number)
{
    for (size_t i = 0; i < 8; i++, number >>= 8)
        at[i] = (char)(unsigned char)number;
}

/* The header pages of a DuckDB database without a block (data/duckdb_file.h). */
static void
put_duckdb(char *data)
{
    memset(data, 0, AKS_DUCKDB_HEADERS_BYTES);
    memcpy(data + 8, "DUCK", 4);
    put_number(data + 12, 64);
    for (char *page = data; page < data + AKS_DUCKDB_HEADERS_BYTES; page += AKS_DUCKDB_PAGE_BYTES) {
        if (page > data) {
            put_number(page + 8, (uint64_t)(page - data));
            put_number(page + 40, AKS_DUCKDB_BLOCK_BYTES_MIN);
        }
        put_number(page, aks_duckdb_file_checksum(page + 8, AKS_DUCKDB_PAGE_BYTES - 8));
    }
}

/* Bytes that shrink to half, with the head of a database where the name is that of one: the file
 * itself is not read. */
static enum aks_status
put_source(const struct aks_explain *explain, struct aks_world *world,
    const struct aks_explain_source *source, struct aks_error *err)
{
    static const char sqlite[16] = "SQLite format 3";
    bool duckdb = ends_with(source->real, ".duckdb");
    size_t given = source->simulated > 0 ? (size_t)source->simulated : 0;
    size_t len = duckdb && given < AKS_DUCKDB_HEADERS_BYTES ? AKS_DUCKDB_HEADERS_BYTES : given;
    char *data = aks_mem_new(explain->alloc, len + 1);
    enum aks_status status;
    struct aks_rng rng;

    if (data == NULL)
        return aks_error_memory(err, "making a source");
    aks_rng_init(&rng, len);
    for (size_t i = 0; i < len; i += 16) {
        uint64_t bits = aks_rng_next(&rng);

        for (size_t j = i; j < i + 16 && j < len; j++, bits >>= 4)
            data[j] = (char)('a' + (bits & 0xf));
    }
    if (duckdb)
        put_duckdb(data);
    else if ((ends_with(source->real, ".db") || ends_with(source->real, ".sqlite") ||
            ends_with(source->real, ".sqlite3")) && len >= sizeof(sqlite))
        memcpy(data, sqlite, sizeof(sqlite));
    status = aks_world_put(world, source->world, data, len, err);
    aks_mem_free(explain->alloc, data);
    return status;
}

static enum aks_status
put_policy(const struct aks_explain *explain, struct aks_world *world, struct aks_error *err)
{
    const struct aks_policy_text *text = &explain->text;
    enum aks_status status = AKS_OK;

    if (text->text != NULL)
        status = aks_world_put(world, AKS_WORLD_POLICY, text->text, text->text_len, err);
    for (size_t i = 0; status == AKS_OK && i < text->module_count; i++) {
        char path[AKS_PATH_BYTES];

        (void)snprintf(path, sizeof(path), AKS_WORLD_HOME "/%s.lua", text->modules[i].name);
        if (strcmp(path, AKS_WORLD_POLICY) != 0)
            status = aks_world_put(world, path, text->modules[i].text, text->modules[i].text_len,
                err);
    }
    return status;
}

/* The world has a home, a state and a policy of its own. */
static bool
is_the_worlds(const char *pair)
{
    static const char *const names[] = { "HOME=", "AKOSHA_POLICY=", "XDG_STATE_HOME=",
        "XDG_CONFIG_HOME=" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(pair, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

static enum aks_status
put_variables(const struct aks_explain *explain, struct aks_world *world, struct aks_error *err)
{
    enum aks_status status = aks_world_variable(world, "HOME", AKS_WORLD_HOME, err);

    for (size_t i = 0; status == AKS_OK && i < explain->environment.count; i++) {
        const char *pair = explain->environment.pairs[i];
        size_t len = strcspn(pair, "=");
        char *name;

        if (is_the_worlds(pair))
            continue;
        name = aks_mem_strndup(explain->alloc, pair, len);
        if (name == NULL)
            return aks_error_memory(err, "explaining");
        status = aks_world_variable(world, name, pair + len + 1, err);
        aks_mem_free(explain->alloc, name);
    }
    return status;
}

/* The world has a key for everybody: also for whom the policy names. */
static enum aks_status
put_credentials(const struct aks_explain *explain, struct aks_world *world, struct aks_error *err)
{
    const struct aks_settings *settings = explain->policy->settings;
    struct aks_buf text;
    enum aks_status status;

    aks_buf_init(&text, explain->alloc, (size_t)64 * 1024);
    for (size_t i = 0; i < settings->target_count; i++) {
        const char *credentials = settings->targets[i].credentials;

        if (credentials != NULL && strncmp(credentials, "profile:", 8) == 0)
            aks_buf_printf(&text, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
                credentials + 8, AKS_WORLD_ACCESS_KEY, AKS_WORLD_SECRET_KEY);
    }
    status = aks_buf_status(&text, "explaining", err);
    if (status == AKS_OK && text.len > 0)
        status = aks_world_put(world, ".aws/credentials", text.data, text.len, err);
    aks_buf_fini(&text);
    return status;
}

static enum aks_status
make_world(const struct aks_explain *explain, struct aks_world **ret_world, struct aks_error *err)
{
    struct aks_world_options options = { .alloc = explain->alloc, .seed = SEED, .quiet = true,
        .limits = explain->text.limits,
        .lines = &lines, .start_ms = explain->wall_ms, .utc_offset_s = explain->utc_offset_s };
    struct aks_world *world = NULL;
    enum aks_status status = aks_world_new(&options, &world, err);

    if (status == AKS_OK)
        status = put_variables(explain, world, err);
    if (status == AKS_OK)
        status = put_policy(explain, world, err);
    if (status == AKS_OK)
        status = put_credentials(explain, world, err);
    for (size_t i = 0; status == AKS_OK && i < explain->source_count; i++) {
        if (explain->sources[i].bytes >= 0)
            status = put_source(explain, world, &explain->sources[i], err);
    }
    if (status == AKS_OK) {
        *ret_world = world;
        return AKS_OK;
    }
    aks_world_free(world);
    return status;
}

/* ${ret_ended}: what the run itself said; the status is for what went wrong with the world. */
static enum aks_status
run(const struct aks_explain *explain, struct aks_world *world, json_t **ret_report,
    struct aks_error *ret_ended, struct aks_error *err)
{
    const char *sources[AKS_EXPLAIN_SOURCES_MAX];
    struct aks_world_run_options options = { 0 };
    enum aks_status status;

    for (size_t i = 0; i < explain->source_count; i++)
        sources[i] = explain->sources[i].world;
    if (explain->options->sources != NULL || explain->policy->settings->source_count == 0) {
        options.sources = sources;
        options.source_count = explain->source_count;
    }
    status = aks_world_run(world, &options, ret_report, ret_ended);
    if (status == AKS_OK && *ret_report != NULL)
        return AKS_OK;
    if (status == AKS_OK)
        return aks_error_set(err, AKS_LIMIT, "explaining: the run does not come to an end");
    *err = *ret_ended;
    return status;
}

/* --- answers ---------------------------------------------------------------------------------- */

static enum aks_status
keep(json_t *document, const char *name, json_t *value, struct aks_error *err)
{
    return json_object_set_new(document, name, value) == 0 ? AKS_OK
        : aks_error_memory(err, "explaining");
}

static enum aks_status
explain_plan(const struct aks_explain *explain, json_t *document, struct aks_error *err)
{
    struct aks_world *world = NULL;
    struct aks_error ended = { 0 };
    json_t *first = NULL;
    json_t *again = NULL;
    enum aks_status status = make_world(explain, &world, err);

    if (status == AKS_OK)
        status = run(explain, world, &first, &ended, err);
    if (status == AKS_OK)
        status = keep(document, "calm", aks_explain_tell_end(explain, first, &ended), err);
    if (status == AKS_OK)
        status = run(explain, world, &again, &ended, err);
    if (status == AKS_OK)
        status = keep(document, "plan", aks_explain_tell_plan(explain, first, again), err);
    if (status == AKS_OK)
        status = keep(document, "throttle", aks_explain_tell_throttle(explain, first), err);
    if (status == AKS_OK && json_is_array(json_object_get(first, "budgets")))
        status = keep(document, "budgets", json_incref(json_object_get(first, "budgets")), err);
    json_decref(first);
    json_decref(again);
    aks_world_free(world);
    return status;
}

static enum aks_status
plan_event(const struct aks_explain *explain, size_t index, struct aks_fault_plan *plan,
    struct aks_error *err)
{
    const struct aks_event *event = &explain->events[index];
    const char *text = explain->options->events[index];
    const struct aks_settings *settings = explain->policy->settings;
    struct aks_nearest best = { NULL, 0 };
    struct aks_fault_rule rule;
    bool found = event->target[0] == '\0';
    bool http = false;

    for (size_t i = 0; i < settings->target_count; i++) {
        bool named = strcmp(settings->targets[i].name, event->target) == 0;

        found = found || named;
        http = http || (named && settings->targets[i].kind == AKS_TARGET_HTTP);
        aks_nearest_offer(&best, event->target, settings->targets[i].name);
    }
    if (!found)
        return aks_error_set(err, AKS_NOT_FOUND, "event \"%.200s\": the policy has no target \"%s\""
            "%s%s%s", text, event->target, best.name != NULL ? "; did you mean \"" : "",
            best.name != NULL ? best.name : "", best.name != NULL ? "\"?" : "");
    aks_event_rule(event, &rule);
    /* S3 answers 403 and tells the two apart by a code, which HTTP has not. */
    if (http && event->failure == AKS_AUTH_INVALID)
        rule.http_status = 401;
    return aks_fault_plan_add(plan, &rule) != NULL ? AKS_OK
        : aks_error_set(err, AKS_SETTINGS, "too many events");
}

static enum aks_status
explain_events(const struct aks_explain *explain, json_t *document, struct aks_error *err)
{
    const struct aks_explain_options *options = explain->options;
    struct aks_world *world = NULL;
    struct aks_error ended = { 0 };
    json_t *report = NULL;
    json_t *events = json_array();
    enum aks_status status = make_world(explain, &world, err);

    for (size_t i = 0; status == AKS_OK && i < options->event_count; i++)
        status = plan_event(explain, i, aks_world_plan(world), err);
    if (status == AKS_OK)
        status = run(explain, world, &report, &ended, err);
    for (size_t i = 0; status == AKS_OK && i < options->event_count; i++) {
        json_t *event = json_pack("{s:s, s:i}", "event", options->events[i], "happened",
            (int)aks_world_plan(world)->rules[i].struck);

        if (json_array_append_new(events, event) != 0)
            status = aks_error_memory(err, "explaining");
    }
    if (status == AKS_OK)
        status = keep(document, "events", json_incref(events), err);
    if (status == AKS_OK)
        status = keep(document, "decisions", aks_explain_tell_decisions(explain, report), err);
    if (status == AKS_OK)
        status = keep(document, "ended", aks_explain_tell_end(explain, report, &ended), err);
    json_decref(events);
    json_decref(report);
    aks_world_free(world);
    return status;
}

/* "2026-11-27 22:00", in local time; or now. */
static enum aks_status
find_time(struct aks_explain *explain, struct aks_error *err)
{
    const struct aks_clock *clock = &explain->options->real->clock;
    const char *at = explain->options->at;
    char iso[] = "2026-11-27T22:00Z";

    explain->wall_ms = clock->wall_ms(clock->ctx);
    explain->utc_offset_s = aks_clock_utc_offset_s(clock, explain->wall_ms);
    if (at == NULL)
        return AKS_OK;
    if (strlen(at) == sizeof(iso) - 2 && (at[10] == ' ' || at[10] == 'T')) {
        memcpy(iso, at, sizeof(iso) - 2);
        iso[10] = 'T';
        if (aks_date_parse_iso(iso, sizeof(iso) - 1, &explain->wall_ms) && explain->wall_ms > 0) {
            explain->utc_offset_s = aks_clock_utc_offset_s(clock, explain->wall_ms);
            explain->wall_ms -= explain->utc_offset_s * AKS_MS_PER_S;
            return AKS_OK;
        }
    }
    return aks_error_set(err, AKS_NOT_FOUND, "time \"%.60s\": expected local time like "
        "\"2026-11-27 22:00\"", at);
}

static enum aks_status
tell_time(const struct aks_explain *explain, json_t *document, struct aks_error *err)
{
    struct aks_clock_facts facts = { .utc_offset_s = explain->utc_offset_s };
    struct aks_date_civil civil;
    char text[AKS_NOW_TEXT_BYTES];

    aks_date_civil(explain->wall_ms + explain->utc_offset_s * AKS_MS_PER_S, &civil);
    facts.year = civil.year;
    facts.month = civil.month;
    facts.day = civil.day;
    facts.hour = civil.hour;
    facts.minute = civil.minute;
    return keep(document, "at", json_string(aks_now_text(&facts, text)), err);
}

static enum aks_status
explain_worlds(struct aks_explain *explain, json_t *document, struct aks_error *err)
{
    enum aks_status status = find_time(explain, err);

    if (status == AKS_OK)
        status = tell_time(explain, document, err);
    if (status == AKS_OK)
        status = aks_explain_sources(explain, err);
    if (status == AKS_OK)
        status = explain_plan(explain, document, err);
    if (status == AKS_OK && explain->options->event_count > 0)
        status = explain_events(explain, document, err);
    return status;
}

static void
fini(struct aks_explain *explain)
{
    if (explain->policy != NULL)
        explain->policy->free(explain->policy);
    aks_policy_text_fini(explain->alloc, &explain->text);
    aks_policy_environment_fini(explain->alloc, &explain->environment);
    for (size_t i = 0; i < explain->source_count; i++) {
        aks_mem_free(explain->alloc, explain->sources[i].shown);
        aks_mem_free(explain->alloc, explain->sources[i].real);
        aks_mem_free(explain->alloc, explain->sources[i].world);
        aks_mem_free(explain->alloc, explain->sources[i].told);
    }
    aks_mem_free(explain->alloc, explain);
}

enum aks_status
aks_explain(const struct aks_explain_options *options, struct json_t **ret_explanation,
    struct aks_error *err)
{
    const struct aks_alloc *alloc = options->real->alloc;
    struct aks_explain *explain = aks_mem_new(alloc, sizeof(*explain));
    json_t *document = json_object();
    enum aks_status status = AKS_OK;

    if (explain == NULL || document == NULL) {
        json_decref(document);
        aks_mem_free(alloc, explain);
        return aks_error_memory(err, "explaining");
    }
    explain->options = options;
    explain->alloc = alloc;
    status = parse_events(explain, err);
    if (status == AKS_OK)
        status = load_policy(explain, err);
    if (status == AKS_OK)
        status = keep(document, "policy", aks_explain_tell_policy(explain), err);
    if (status == AKS_OK && options->run != NULL)
        status = aks_explain_replay(explain, document, err);
    else if (status == AKS_OK)
        status = explain_worlds(explain, document, err);
    fini(explain);
    if (status == AKS_OK)
        *ret_explanation = document;
    else
        json_decref(document);
    return status;
}
