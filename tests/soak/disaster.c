#include "disaster.h"

#include "extra.h"

#include "base/encode.h"
#include "base/rng.h"
#include "base/units.h"
#include "data/digest.h"
#include "testkit/laws.h"
#include "testkit/world.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCES_MAX 4
#define ROUNDS_MAX 4
#define ROUND_BIT 32
#define RULES_MAX 5
#define CALM_RUNS 2
/* Longer than any breaker stays open; twice, longer than one that a wrong clock has opened. */
#define CALM_NS (3600 * AKS_NS_PER_S)
/* No upload of ours is left open longer. */
#define OPEN_NS_MAX (8 * 24 * 3600 * AKS_NS_PER_S)
#define SOURCE_BYTES_MAX (20 * (size_t)AKS_MIB)

struct trouble {
    uint64_t crash_at;          /* 0: none */
    bool power;
    int64_t room;               /* -1: enough */
    int64_t skew_ms;
    int64_t advance_ns;
    int edit;                   /* a source that changes before the run, or -1 */
    bool remove_state;          /* somebody deletes the database */
    uint64_t write_at;          /* at this step somebody writes into a source; 0: nobody does */
    size_t write_to;            /* which */
};

struct disaster {
    const struct disaster_options *options;
    struct aks_rng rng;
    struct aks_world *world;
    size_t sizes[SOURCES_MAX];
    size_t source_count;
    size_t route;               /* in routes */
    char policy[2048];
    struct trouble troubles[ROUNDS_MAX];
    unsigned rounds;
    struct aks_fault_plan plan;
    struct extra extra;
    struct disaster_figures *figures;
    const struct trouble *now;  /* of the round that goes on, or NULL */
    uint64_t step;              /* of its run */
    bool state_lost;            /* somebody has damaged the state database, or taken it away */
};

/* Of mirrors: how many targets there are, and how many of them are needed. */
static const struct {
    const char *text;
    size_t members;
    size_t needed;
} routes[] = {
    { "'cloud'", 0, 0 },
    { "{ 'cloud', 'http' }", 0, 0 },
    { "{ 'http', 'cloud' }", 0, 0 },
    { "'folder'", 0, 0 },
    { "{ 'cloud', 'folder' }", 0, 0 },
    { "{ 'cloud', 'other', 'http' }", 0, 0 },
    { "'http'", 0, 0 },
    { "{ 'other', 'cloud' }", 0, 0 },
    { "akosha.route.all { 'cloud', 'other' }", 2, 2 },
    { "akosha.route.all { 'folder', 'cloud', 'http' }", 3, 3 },
    { "akosha.route.quorum(2, { 'cloud', 'other', 'folder' })", 3, 2 },
    { "akosha.route.quorum(1, { 'http', 'other' })", 2, 1 },
    { "akosha.route.by_kind { file = akosha.route.quorum(3, { 'http', 'cloud', 'other',"
        " 'folder' }) }", 4, 3 },
};

static uint64_t
below(struct disaster *day, uint64_t bound)
{
    return aks_rng_next(&day->rng) % bound;
}

static void
draw_sources(struct disaster *day)
{
    static const size_t sizes[] = { 0, 1, 700, 5119, 5120, 5121, 10240, 20480, 20480, 51200 };

    day->source_count = 1 + (size_t)below(day, SOURCES_MAX);
    for (size_t i = 0; i < day->source_count; i++)
        day->sizes[i] = sizes[below(day, sizeof(sizes) / sizeof(sizes[0]))];
    if (day->options->real_geometry) {
        day->source_count = 1;
        day->sizes[0] = SOURCE_BYTES_MAX;
    }
}

static void
draw_policy(struct disaster *day)
{
    static const char *const codecs[] = { "'none'", "'gzip'", "'zstd'",
        "{ codec = 'zstd', always = true }", "{ codec = 'gzip', level = 6 }" };
    static const char *const schedules[] = { "akosha.retry.none()",
        "akosha.retry.fixed { first = 1, tries = 4 }",
        "akosha.retry.linear { first = 1, tries = 5 }",
        "akosha.retry.exponential()", "akosha.retry.exponential { first = 5, cap = 60, tries = 8 }",
        "function(failure) if failure.name == 'throttled' then return akosha.wait(1) end end",
        "function(failure) if failure.attempt > 2 then return akosha.next_target end end",
        ("function(failure) if failure.name == 'server' and failure.attempt > 3 then "
            "return akosha.give_up end end") };
    static const char *const dedups[] = { "'unchanged'", "'unchanged'", "'always'" };
    char sources[SOURCES_MAX * 16 + EXTRA_DATABASES_MAX * 16] = "";
    /* One draw a statement: compilers differ in the order of arguments. */
    bool crc = below(day, 4) == 0;
    /* Not drawn, so that a seed without a token is the day that it was before there were any. */
    bool token = day->options->seed % 4 == 3;
    /* The same. A budget that never ends is counted all the same. */
    const char *slow = day->options->seed % 8 == 1 ? "throttle = 64 * akosha.KiB, "
        : day->options->seed % 8 == 5 ? "throttle = function(now) return now.clock.minute % 2 == 0"
            " and 16 * akosha.KiB or nil end,\n"
            "  budget = akosha.budget { bytes = akosha.GiB }, " : "";
    size_t codec = (size_t)below(day, sizeof(codecs) / sizeof(codecs[0]));
    size_t dedup = (size_t)below(day, sizeof(dedups) / sizeof(dedups[0]));
    size_t schedule = (size_t)below(day, sizeof(schedules) / sizeof(schedules[0]));

    day->route = (size_t)below(day, sizeof(routes) / sizeof(routes[0]));
    for (size_t i = 0; i < day->source_count; i++)
        (void)snprintf(sources + strlen(sources), sizeof(sources) - strlen(sources),
            "'s%zu.bin',", i);
    extra_sources(&day->extra, sources, sizeof(sources));
    (void)snprintf(day->policy, sizeof(day->policy),
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { %s },\n"
        "  targets = {\n"
        "    cloud = akosha.s3 { bucket = 'memories', endpoint = 'https://s3.example.org'%s },\n"
        "    other = akosha.s3 { bucket = 'other-bucket', region = 'eu-central-1',\n"
        "                        prefix = 'a/b' },\n"
        "    http = akosha.http { url = 'https://put.example.org/upload'%s },\n"
        "    folder = akosha.dir { path = '/mnt/backup' } },\n"
        "  route = %s, compress = %s, dedup = %s,\n"
        "  %sretry = %s }\n", sources, crc ? ", payload = 'crc64nvme'" : "",
        token ? ", token = akosha.secret 'akosha-token'" : "", routes[day->route].text,
        codecs[codec], dedups[dedup], slow, schedules[schedule]);
}

static void
draw_troubles(struct disaster *day)
{
    day->rounds = 1 + (unsigned)below(day, ROUNDS_MAX);
    for (unsigned i = 0; i < day->rounds; i++) {
        struct trouble *trouble = &day->troubles[i];

        trouble->crash_at = below(day, 3) == 0 ? 1 + below(day, 400) : 0;
        trouble->power = below(day, 2) == 0;
        trouble->room = below(day, 8) == 0 ? (int64_t)below(day, 200000) : -1;
        trouble->skew_ms = below(day, 8) == 0 ? (int64_t)below(day, 7200000) - 3600000 : 0;
        trouble->advance_ns = (int64_t)below(day, 4) * AKS_NS_PER_S;
        trouble->advance_ns *= (int64_t)below(day, 86400);
        trouble->edit = below(day, 3) == 0 ? (int)below(day, day->source_count) : -1;
        trouble->remove_state = below(day, 30) == 0;
        trouble->write_at = below(day, 4) == 0 ? 1 + below(day, 400) : 0;
        trouble->write_to = (size_t)below(day, day->source_count);
    }
}

static void
draw_plan(struct disaster *day)
{
    static const char *const targets[] = { "cloud", "http", "other" };
    struct aks_fault_draw draw = { targets, 3, RULES_MAX, true, true, false };

    aks_fault_plan_init(&day->plan, day->options->seed);
    aks_fault_plan_draw(&day->plan, &draw, &day->rng);
}

static void
draw(struct disaster *day, const struct disaster_options *options)
{
    memset(day, 0, sizeof(*day));
    day->options = options;
    aks_rng_init(&day->rng, options->seed);
    extra_draw(&day->extra, options->seed);
    day->extra.on = day->extra.on && !options->real_geometry;
    draw_sources(day);
    draw_policy(day);
    draw_troubles(day);
    draw_plan(day);
}

static bool
in_force(const struct disaster *day, unsigned bit)
{
    return (day->options->mask >> bit & 1) != 0;
}

void
disaster_describe(const struct disaster_options *options, struct aks_buf *out)
{
    struct disaster day;

    draw(&day, options);
    aks_buf_printf(out, "%s", day.policy);
    for (size_t i = 0; i < day.source_count; i++)
        aks_buf_printf(out, "source s%zu.bin: %zu bytes\n", i, day.sizes[i]);
    for (unsigned i = 0; i < day.rounds; i++) {
        const struct trouble *t = &day.troubles[i];

        if (in_force(&day, ROUND_BIT + i))
            aks_buf_printf(out, "round %u: dies at step %" PRIu64 "%s, room %" PRId64
                ", clock off by %" PRId64 " ms, source %d changes%s, at step %" PRIu64 " source "
                "%zu is written to, afterwards %.0f s pass\n", i, t->crash_at,
                t->power ? " with the power" : "", t->room, t->skew_ms, t->edit,
                t->remove_state ? ", state.db is deleted" : "", t->write_at,
                t->write_to, (double)t->advance_ns / (double)AKS_NS_PER_S);
        if (in_force(&day, ROUND_BIT + i))
            extra_describe(&day.extra, i, out);
    }
    for (unsigned i = 0; i < day.plan.count; i++) {
        if (!in_force(&day, i))
            continue;
        aks_fault_rule_lua(&day.plan.rules[i], out);
        aks_buf_putc(out, '\n');
    }
}

/* Content that a codec can shrink a little, different each time. */
static enum aks_status
put_source(struct disaster *day, size_t index, struct aks_error *err)
{
    size_t len = day->sizes[index];
    char *data = malloc(len + 1);
    uint64_t half = below(day, 2);
    char name[16];
    enum aks_status status;

    if (data == NULL)
        return aks_error_memory(err, "making a source");
    for (size_t i = 0; i < len; i++)
        data[i] = (char)(half != 0 && i % 1024 < 512 ? 'x' : aks_rng_next(&day->rng) >> 32);
    (void)snprintf(name, sizeof(name), "s%zu.bin", index);
    status = aks_world_put(day->world, name, data, len, err);
    free(data);
    return status;
}

/* Asked at every step of the disk and the network; strikes never. */
static bool
write_meanwhile(void *ctx, const struct aks_fault_step *step)
{
    struct disaster *day = ctx;
    uint64_t word = day->options->seed * 31 + day->step;
    char name[16];

    if (day->now == NULL)
        return false;
    extra_step(&day->extra, day->world, step->step->place == AKS_SIM_DISK);
    if (++day->step != day->now->write_at)
        return false;
    (void)snprintf(name, sizeof(name), "s%zu.bin", day->now->write_to);
    (void)aks_world_edit(day->world, name, (int64_t)(word % (day->sizes[day->now->write_to] + 1)),
        &word, sizeof(word), NULL);
    return false;
}

/* Two rules, as one is of the disk or of the network. */
static void
add_writer(struct disaster *day)
{
    for (int disk = 0; disk < 2; disk++) {
        struct aks_fault_rule rule;

        aks_fault_rule_init(&rule, AKS_FAULT_SLOW);
        rule.disk = disk == 1;
        rule.when = write_meanwhile;
        rule.when_ctx = day;
        (void)aks_fault_plan_add(aks_world_plan(day->world), &rule);
    }
}

static enum aks_status
make_world(struct disaster *day, struct aks_error *err)
{
    struct aks_world_options options = { .tus = day->extra.tus };
    enum aks_status status;

    options.alloc = aks_alloc_system();
    options.seed = day->options->seed;
    options.small = !day->options->real_geometry;
    options.profile = (enum aks_s3_profile)below(day, 6);
    status = aks_world_new(&options, &day->world, err);
    if (status == AKS_OK)
        status = aks_files_sim_make_folders(aks_sim_files(aks_world_sim(day->world)), "/mnt/backup",
            err);
    if (status == AKS_OK)
        status = aks_world_put(day->world, AKS_WORLD_POLICY, day->policy, strlen(day->policy), err);
    for (size_t i = 0; status == AKS_OK && i < day->source_count; i++)
        status = put_source(day, i, err);
    if (status == AKS_OK)
        status = extra_make(&day->extra, day->world, err);
    for (unsigned i = 0; i < day->plan.count; i++) {
        if (in_force(day, i))
            (void)aks_fault_plan_add(aks_world_plan(day->world), &day->plan.rules[i]);
    }
    if (status == AKS_OK)
        add_writer(day);
    return status;
}

/* What has to hold when a process has ended or died. */
static enum aks_status
lawful_end(struct disaster *day, bool power, json_t *report, enum aks_status status,
    const struct aks_error *why, struct aks_error *err)
{
    day->figures->runs++;
    if (aks_world_died(day->world)) {
        day->figures->deaths++;
        aks_world_restart(day->world, power);
    } else if (status != AKS_OK && report == NULL && why->status == AKS_INTERNAL) {
        *err = *why;
        return status;
    }
    return aks_laws_check(day->world, report, err);
}

/* One run with its laws; *ret_report is NULL where the process died. */
static enum aks_status
lawful_run(struct disaster *day, bool power, json_t **ret_report, struct aks_error *err)
{
    struct aks_error why = { 0 };
    enum aks_status status = aks_world_run(day->world, NULL, ret_report, &why);

    return lawful_end(day, power, *ret_report, status, &why, err);
}

static enum aks_status
lawful_enqueue(struct disaster *day, bool power, struct aks_error *err)
{
    char job_id[AKS_WORLD_JOB_ID_BYTES];
    struct aks_error why = { 0 };
    enum aks_status status = aks_world_enqueue(day->world, NULL, job_id, &why);

    day->figures->jobs += job_id[0] != '\0';
    return lawful_end(day, power, NULL, status, &why, err);
}

/* Until the queue is empty, or the worker can do no more. */
static enum aks_status
lawful_worker(struct disaster *day, bool power, const struct aks_world_worker_options *options,
    struct aks_error *err)
{
    struct aks_error why = { 0 };
    json_t *report = NULL;
    enum aks_status status = aks_world_worker(day->world, options, &report, &why);

    status = lawful_end(day, power, report, status, &why, err);
    json_decref(report);
    return status;
}

/* Some jobs, with changes between them, and a worker that is given an hour. */
static enum aks_status
in_background(struct disaster *day, const struct trouble *trouble, struct aks_error *err)
{
    static const struct aks_world_worker_options hour = { .for_ms = 3600 * AKS_MS_PER_S };
    const struct extra_round *round = day->extra.now;
    enum aks_status status = AKS_OK;

    for (unsigned i = 0; status == AKS_OK && i < round->jobs; i++) {
        for (size_t j = 0; round->change && status == AKS_OK && j < day->extra.database_count; j++)
            status = aks_world_writer_acts(day->world, j, 7 + i, err);
        if (status == AKS_OK)
            status = lawful_enqueue(day, trouble->power, err);
    }
    return status == AKS_OK ? lawful_worker(day, trouble->power, &hour, err) : status;
}

static enum aks_status
bad_round(struct disaster *day, unsigned index, struct aks_error *err)
{
    const struct trouble *trouble = &day->troubles[index];
    struct aks_sim *sim = aks_world_sim(day->world);
    json_t *report = NULL;
    enum aks_status status = AKS_OK;

    if (trouble->edit >= 0)
        status = put_source(day, (size_t)trouble->edit, err);
    if (status != AKS_OK)
        return status;
    if (trouble->remove_state) {
        day->state_lost = true;
        extra_remove_state(day->world);
    }
    aks_world_crash_at(day->world, trouble->crash_at);
    aks_world_room(day->world, trouble->room);
    aks_sim_agenda(sim)->skew_ms = trouble->skew_ms;
    day->state_lost = extra_begin(&day->extra, day->world, index) || day->state_lost;
    day->now = trouble;
    day->step = 0;
    status = day->extra.now != NULL && day->extra.now->jobs > 0
        ? in_background(day, trouble, err) : lawful_run(day, trouble->power, &report, err);
    day->now = NULL;
    extra_end(&day->extra, day->world);
    json_decref(report);
    aks_world_crash_at(day->world, 0);
    aks_world_room(day->world, -1);
    aks_sim_agenda(sim)->skew_ms = 0;
    aks_world_advance(day->world, trouble->advance_ns);
    return status;
}

/* Has every target of a mirror been brought what it lacked? That what is said of copies is true has
 * been seen already. */
static enum aks_status
check_copies(const struct disaster *day, const json_t *file, struct aks_error *err)
{
    const json_t *mirror = json_object_get(file, "mirror");
    const json_t *targets = json_object_get(file, "targets");

    if (routes[day->route].members == 0)
        return AKS_OK;
    /* What it says of files, it does not say of databases. */
    if (strstr(routes[day->route].text, "by_kind") != NULL &&
        strcmp(json_string_value(json_object_get(file, "kind")), "file") != 0)
        return AKS_OK;
    if (json_integer_value(json_object_get(mirror, "needed")) !=
        (json_int_t)routes[day->route].needed)
        return aks_error_set(err, AKS_INTERNAL, "nothing lost: %s has another quorum than %s",
            json_string_value(json_object_get(file, "source")), routes[day->route].text);
    if (json_array_size(targets) != routes[day->route].members)
        return aks_error_set(err, AKS_INTERNAL, "nothing lost: all is well, and %s is in %zu of "
            "%zu targets", json_string_value(json_object_get(file, "source")),
            json_array_size(targets), routes[day->route].members);
    return AKS_OK;
}

/* Is every source, as it is now, where the last report says it is? With ${everywhere}, in every
 * target of a mirror. */
static enum aks_status
check_home(struct disaster *day, const json_t *report, bool everywhere, struct aks_error *err)
{
    const json_t *files = json_object_get(report, "files");
    const json_t *file;
    size_t i;

    if (json_integer_value(json_object_get(report, "exit_code")) != 0)
        return aks_error_set(err, AKS_INTERNAL, "nothing lost: all is well, and the exit code is "
            "%d: %.300s", (int)json_integer_value(json_object_get(report, "exit_code")),
            json_string_value(json_object_get(json_object_get(report, "error"), "message")));
    if (json_array_size(files) != day->source_count + day->extra.database_count)
        return aks_error_set(err, AKS_INTERNAL, "nothing lost: the report has %zu of %zu sources",
            json_array_size(files), day->source_count + day->extra.database_count);
    json_array_foreach(files, i, file) {
        uint8_t digest[AKS_SHA256_BYTES];
        char hex[AKS_SHA256_HEX_BYTES];
        size_t len = 0;
        const void *data = aks_files_sim_look(aks_sim_files(aks_world_sim(day->world)),
            json_string_value(json_object_get(file, "source")), &len);

        aks_sha256(data, len, digest);
        aks_hex_encode(digest, sizeof(digest), hex);
        if (strcmp(hex, json_string_value(json_object_get(file, "sha256"))) != 0)
            return aks_error_set(err, AKS_INTERNAL, "nothing lost: %s is called %s with other "
                "bytes than it has", json_string_value(json_object_get(file, "source")),
                json_string_value(json_object_get(file, "outcome")));
        if (everywhere && check_copies(day, file, err) != AKS_OK)
            return err->status;
    }
    return AKS_OK;
}

static void
count_jobs(void *ctx, const char *path, int64_t bytes)
{
    unsigned *jobs = ctx;
    static const char queue[] = AKS_WORLD_STATE "/queue/2";

    *jobs += strncmp(path, queue, sizeof(queue) - 1) == 0;
}

/* Where only a receiver of PUT has it there is no list to find it by. */
static bool
listable(const struct disaster *day)
{
    return strstr(routes[day->route].text, "http") == NULL;
}

/* Where the state was lost, the clock may be all that says which upload is the newest. */
static bool
clock_went_back(const struct disaster *day)
{
    for (unsigned i = 0; i < day->rounds; i++) {
        if (in_force(day, ROUND_BIT + i) && (day->troubles[i].skew_ms != 0 ||
                (day->extra.rounds[i].clock_at != 0 && day->extra.rounds[i].clock_by_ms != 0)))
            return true;
    }
    return false;
}

/* Beside what an old day ends with: nothing is left open, and all of it comes back. */
static enum aks_status
come_back(struct disaster *day, struct aks_error *err)
{
    enum aks_status status;

    if (!day->extra.on)
        return AKS_OK;
    aks_world_advance(day->world, OPEN_NS_MAX);
    status = lawful_worker(day, false, NULL, err);
    if (status == AKS_OK)
        status = aks_laws_no_snapshots(day->world, err);
    /* What only a damaged database knew, or a server did not let be taken back, is left there. */
    if (status == AKS_OK && !day->state_lost && !extra_refuses(aks_world_plan(day->world)))
        status = aks_laws_nothing_open(day->world, true, err);
    if (status != AKS_OK || !listable(day) || (day->state_lost && clock_went_back(day)))
        return status;
    return extra_restore(day->world, err);
}

/* A person does as they are told: a damaged database is moved away. */
static enum aks_status
mend_state(struct disaster *day, struct aks_error *err)
{
    json_t *report = NULL;
    enum aks_status status;

    if (!day->state_lost)
        return AKS_OK;
    aks_world_advance(day->world, CALM_NS);
    status = lawful_run(day, false, &report, err);
    if (status == AKS_OK && extra_state_refused(report))
        extra_remove_state(day->world);
    json_decref(report);
    return status;
}

/* All is well again. */
static enum aks_status
come_home(struct disaster *day, struct aks_error *err)
{
    enum aks_status status = aks_world_writers_rest(day->world, err);
    unsigned jobs = 0;

    aks_world_calm(day->world, true);
    if (status == AKS_OK)
        status = mend_state(day, err);
    for (int i = 0; i < CALM_RUNS && status == AKS_OK; i++) {
        json_t *report = NULL;

        aks_world_advance(day->world, CALM_NS);
        status = lawful_run(day, false, &report, err);
        if (status == AKS_OK)
            status = check_home(day, report, i == CALM_RUNS - 1, err);
        json_decref(report);
    }
    aks_files_sim_each(aks_sim_files(aks_world_sim(day->world)), count_jobs, &jobs);
    if (status == AKS_OK && jobs > 0)
        status = aks_error_set(err, AKS_INTERNAL, "nothing lost: all is well, and %u jobs are "
            "still in the queue", jobs);
    return status == AKS_OK ? come_back(day, err) : status;
}

enum aks_status
disaster_run(const struct disaster_options *options, struct aks_buf *story,
    struct disaster_figures *ret_figures, struct aks_error *err)
{
    struct disaster day;
    enum aks_status status;

    draw(&day, options);
    memset(ret_figures, 0, sizeof(*ret_figures));
    day.figures = ret_figures;
    ret_figures->rules = (unsigned)day.plan.count;
    ret_figures->rounds = day.rounds;
    status = make_world(&day, err);
    for (unsigned i = 0; status == AKS_OK && i < day.rounds; i++) {
        if (in_force(&day, ROUND_BIT + i))
            status = bad_round(&day, i, err);
    }
    if (status == AKS_OK)
        status = come_home(&day, err);
    if (day.world != NULL) {
        const struct aks_fault_plan *plan = aks_world_plan(day.world);

        for (size_t i = 0; i < plan->count; i++)
            ret_figures->struck += plan->rules[i].struck > 0;
        ret_figures->steps = aks_world_steps(day.world);
        ret_figures->virtual_ns = aks_sim_agenda(aks_world_sim(day.world))->now_ns;
    }
    if (story != NULL && day.world != NULL) {
        aks_buf_puts(story, aks_world_story(day.world, AKS_STORY_EVENTS));
        aks_buf_puts(story, aks_world_story(day.world, AKS_STORY_REQUESTS));
        aks_buf_puts(story, aks_world_story(day.world, AKS_STORY_DECISIONS));
        aks_buf_puts(story, aks_world_log(day.world));
    }
    aks_world_free(day.world);
    return status;
}
