/* The light machines of a fleet do what the engine that ships does, and their figures add up. */
#include "akosha/akosha.h"
#include "base/units.h"
#include "sim/sim.h"
#include "support/failing_alloc.h"
#include "testkit/fleet.h"
#include "testkit/s3_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOME "/home/person"
#define POLICY HOME "/policy.lua"
#define SYSTEMS "/memories/systems/laptop-7/"
#define ACCESS_KEY "AKIDEXAMPLE"
#define SECRET_KEY "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define WALL_MS INT64_C(1795416300000)
#define LATENCY_NS (20 * AKS_NS_PER_MS)
#define SEEDS 160
#define SEEN_MAX 256
/* The engine also reads, hashes and keeps its books. */
#define TOLERANCE_NS (2 * AKS_NS_PER_MS)
#define DOCS_BYTES_MAX (64 * 1024)
#define SMALL 500

/* What is refused: by what came before, so that both sides are told the same for the same. */
struct script {
    uint64_t seed;
    unsigned per_cent;
    int only;                           /* this object alone; -1: all */
    int64_t retry_after_max_s;          /* 0: not told */
    unsigned count;
    struct seen {
        char method[8];
        enum aks_fleet_object object;
        int64_t at_ns;
    } seen[SEEN_MAX];
};

static void
script_init(struct script *script, uint64_t seed)
{
    static const unsigned per_cents[] = { 0, 10, 30, 50, 70, 85, 95, 100 };

    memset(script, 0, sizeof(*script));
    script->seed = seed;
    script->per_cent = per_cents[seed % 8];
    script->only = (int)(seed / 8 % 5) - 1;
    script->retry_after_max_s = seed / 40 % 2 == 0 ? 0 : 30;
}

static void
script_ask(struct script *script, const char *method, enum aks_fleet_object object, int64_t now_ns,
    struct aks_fleet_answer *ret_answer)
{
    struct seen *seen = &script->seen[script->count];
    struct aks_rng rng;

    assert_true(script->count < SEEN_MAX);
    (void)snprintf(seen->method, sizeof(seen->method), "%s", method);
    seen->object = object;
    seen->at_ns = now_ns;
    aks_rng_init(&rng, script->seed * SEEN_MAX + script->count++);
    ret_answer->refused = aks_rng_next(&rng) % 100 < script->per_cent &&
        (script->only < 0 || (int)object == script->only);
    ret_answer->retry_after_s = -1;
    if (ret_answer->refused && script->retry_after_max_s > 0)
        ret_answer->retry_after_s = (int64_t)(aks_rng_next(&rng) %
            (uint64_t)script->retry_after_max_s);
}

/* --- the engine that ships --- */

struct real {
    struct aks_sim *sim;
    struct aks_s3_model *model;
    struct aks_port port;
    struct aks_entropy entropy;
    uint64_t jitter_seed;               /* the first 8 bytes that a run draws; 0: none yet */
    struct script *script;              /* NULL: nothing is refused, nothing noted */
};

static enum aks_fleet_object
object_of(const char *path)
{
    static const char manifest[] = "manifest.json";
    size_t len;

    assert_int_equal(strncmp(path, SYSTEMS, strlen(SYSTEMS)), 0);
    path += strlen(SYSTEMS);
    len = strlen(path);
    if (len == 0)
        return AKS_FLEET_SYSTEM;
    if (path[len - 1] == '/')
        return AKS_FLEET_UPLOAD;
    return len > strlen(manifest) && strcmp(path + len - strlen(manifest), manifest) == 0
        ? AKS_FLEET_MANIFEST : AKS_FLEET_SOURCE;
}

static void
serve(void *ctx, int64_t wall_ms, const struct aks_sim_request *request,
    struct aks_sim_reply *reply)
{
    struct real *real = ctx;
    struct aks_fleet_answer answer = { false, -1 };

    if (real->script != NULL)
        script_ask(real->script, request->method, object_of(request->path),
            aks_sim_agenda(real->sim)->now_ns, &answer);
    if (!answer.refused) {
        aks_s3_model_serve(real->model, wall_ms, request, reply);
        return;
    }
    reply->status = 503;
    if (strcmp(request->method, "HEAD") != 0)
        aks_buf_puts(&reply->body, "<Error><Code>SlowDown</Code></Error>");
    if (answer.retry_after_s >= 0)
        aks_sim_reply_header(reply, "Retry-After", "%lld", (long long)answer.retry_after_s);
}

static enum aks_status
fill(void *ctx, void *data, size_t len, struct aks_error *err)
{
    struct real *real = ctx;
    enum aks_status status = real->entropy.fill(real->entropy.ctx, data, len, err);

    if (real->jitter_seed == 0 && len == sizeof(real->jitter_seed))
        memcpy(&real->jitter_seed, data, len);
    return status;
}

static void
real_init(struct real *real, uint64_t seed)
{
    struct aks_sim_options sim = { aks_alloc_system(), seed, WALL_MS, 0, { NULL, NULL }, "laptop-7",
        HOME, HOME, 0 };
    struct aks_s3_model_options model = { 0 };
    struct aks_sim_host host = { "s3.example.org:443", serve, real, LATENCY_NS, 0, 0, false,
        0 };
    struct aks_error err;

    memset(real, 0, sizeof(*real));
    model.profile = AKS_S3_AWS;
    model.region = "us-east-1";
    model.bucket = "memories";
    model.access_key = ACCESS_KEY;
    model.secret_key = SECRET_KEY;
    model.seed = seed;
    assert_int_equal(aks_sim_new(&sim, &real->sim, &err), AKS_OK);
    assert_int_equal(aks_s3_model_new(aks_alloc_system(), &model, &real->model, &err), AKS_OK);
    aks_network_sim_host(aks_sim_network(real->sim), &host);
    assert_int_equal(aks_sim_variable(real->sim, "AWS_ACCESS_KEY_ID", ACCESS_KEY, &err), AKS_OK);
    assert_int_equal(aks_sim_variable(real->sim, "AWS_SECRET_ACCESS_KEY", SECRET_KEY, &err),
        AKS_OK);
    real->port = *aks_sim_port(real->sim);
    real->entropy = real->port.entropy;
    real->port.entropy = (struct aks_entropy) { fill, real };
}

static void
real_fini(struct real *real)
{
    aks_sim_free(real->sim);
    aks_s3_model_free(real->model);
}

static void
put_file(struct real *real, const char *path, const char *text)
{
    struct aks_error err;

    assert_int_equal(aks_files_sim_put(aks_sim_files(real->sim), path, text, strlen(text), 0, &err),
        AKS_OK);
}

/* One session's end: is everything delivered? */
static bool
real_run(struct real *real)
{
    struct akosha_options options = { 0 };
    struct akosha_run_options run = { 0 };
    struct akosha *engine = NULL;
    struct akosha_policy *policy = NULL;
    struct akosha_report *report = NULL;
    struct akosha_error error;
    int code;

    options.port = &real->port;
    assert_int_equal(akosha_open(&options, &engine, &error), AKOSHA_OK);
    assert_int_equal(akosha_policy_load(engine, POLICY, NULL, 0, &policy, &error), AKOSHA_OK);
    real->jitter_seed = 0;
    code = akosha_run(engine, policy, &run, &report, &error);
    if (code != AKOSHA_OK && code != AKOSHA_QUEUED)
        fail_msg("%s", error.message);
    assert_string_equal(akosha_report_text(report, "outcome"),
        code == AKOSHA_OK ? "stored" : "queued");
    akosha_report_free(report);
    akosha_policy_free(policy);
    akosha_close(engine);
    return code == AKOSHA_OK;
}

/* --- both --- */

static void
serve_light(void *ctx, const struct aks_fleet_request *request, struct aks_fleet_answer *ret_answer)
{
    script_ask(ctx, request->method, request->object, request->now_ns, ret_answer);
}

/* How long both send the same: a light machine that ends an upload in vain takes back what it sent
 * and begins anew, where the engine keeps it and goes on with it. From there on the light one asks
 * for more. */
static unsigned
together(const struct script *light)
{
    bool sent = false;

    for (unsigned i = 0; i < light->count; i++) {
        const struct seen *seen = &light->seen[i];

        if (strcmp(seen->method, "DELETE") == 0 || (sent && seen->object == AKS_FLEET_SYSTEM &&
                strcmp(seen->method, "HEAD") == 0))
            return i;
        sent = sent || (seen->object == AKS_FLEET_SOURCE && strcmp(seen->method, "PUT") == 0);
    }
    return light->count;
}

/* True if they were the same to the end. */
static bool
compare(uint64_t seed, const struct script *real, const struct script *light)
{
    unsigned both = together(light);
    unsigned count = real->count < both ? real->count : both;

    for (unsigned i = 0; i < count; i++) {
        const struct seen *a = &real->seen[i];
        const struct seen *b = &light->seen[i];
        int64_t gap_a = i > 0 ? a->at_ns - real->seen[i - 1].at_ns : 0;
        int64_t gap_b = i > 0 ? b->at_ns - light->seen[i - 1].at_ns : 0;

        if (strcmp(a->method, b->method) != 0 || a->object != b->object)
            fail_msg("seed %llu, request %u: the engine sends %s of %d, the light machine %s of %d",
                (unsigned long long)seed, i, a->method, (int)a->object, b->method, (int)b->object);
        if (llabs(gap_a - gap_b) > TOLERANCE_NS)
            fail_msg("seed %llu, request %u, %s of %d: the engine comes after %lld us, the light "
                "machine after %lld us", (unsigned long long)seed, i, a->method, (int)a->object,
                (long long)gap_a / 1000, (long long)gap_b / 1000);
    }
    if (real->count < both || (both == light->count && real->count != both))
        fail_msg("seed %llu: the engine sends %u requests, the light machine %u",
            (unsigned long long)seed, real->count, light->count);
    return both == light->count;
}

static void
write_policy(struct real *real, const struct aks_retry_settings *retry)
{
    static const char *const jitters[] = { "none", "full", "equal" };
    char text[1024];

    (void)snprintf(text, sizeof(text),
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin' }, route = { 'cloud' },\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories', region = 'us-east-1',\n"
        "    endpoint = 'https://s3.example.org' } },\n"
        /* A light machine knows what its bucket holds; this one would look first. */
        "  dedup = 'always',\n"
        "  retry = akosha.retry.exponential { jitter = '%s', tries = %u } }\n",
        jitters[retry->jitter], retry->tries);
    put_file(real, POLICY, text);
}

/* The schedules take turns; among them is the default. */
static void
draw_retry(uint64_t seed, struct aks_retry_settings *retry)
{
    static const enum aks_jitter jitters[] = { AKS_JITTER_FULL, AKS_JITTER_EQUAL, AKS_JITTER_NONE };

    retry->jitter = jitters[seed % 3];
    if (seed % 4 != 0)
        retry->tries = (unsigned)(seed % 7) + 1;
}

static bool
run_both(uint64_t seed, struct script *real_script, struct script *light_script)
{
    struct aks_fleet_options options;
    struct aks_fleet_figures figures;
    struct aks_error err;
    struct real real;
    bool delivered;

    aks_fleet_options_init(&options, aks_alloc_system(), 1);
    draw_retry(seed, &options.retry);
    real_init(&real, seed);
    write_policy(&real, &options.retry);
    put_file(&real, HOME "/a.bin", "what an agent remembers");
    options.first = seed % 2 == 0;
    if (!options.first) {
        assert_true(real_run(&real));
        aks_sim_pass(real.sim, 3600 * AKS_NS_PER_S);
        put_file(&real, HOME "/a.bin", "what an agent remembers an hour later");
    }
    real.script = real_script;
    delivered = real_run(&real);
    options.jitter_seed = real.jitter_seed;
    options.window_ms = 0;
    options.latency_ns_min = LATENCY_NS;
    options.latency_ns_max = LATENCY_NS;
    options.up_bytes_per_s = 0;
    options.serve = serve_light;
    options.serve_ctx = light_script;
    assert_int_equal(aks_fleet_run(&options, &figures, &err), AKS_OK);
    assert_int_equal(figures.requests, light_script->count);
    if (together(light_script) == light_script->count) {
        assert_int_equal(figures.delivered, delivered);
        assert_int_equal(figures.queued, !delivered);
    }
    real_fini(&real);
    return delivered;
}

static void
a_light_machine_sends_what_the_engine_sends_and_waits_as_long(void **state)
{
    unsigned delivered = 0;
    unsigned longest = 0;
    unsigned same = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct script real;
        struct script light;

        script_init(&real, seed);
        script_init(&light, seed);
        delivered += run_both(seed, &real, &light);
        same += compare(seed, &real, &light);
        if (real.count > longest)
            longest = real.count;
    }
    /* The scripts are worth something: both ends were met, and the way to them was long. */
    assert_in_range(delivered, SEEDS / 4, SEEDS - SEEDS / 8);
    assert_in_range(longest, 30, SEEN_MAX);
    assert_in_range(same, SEEDS / 2, SEEDS);
}

/* --- figures --- */

static void
run_fleet(const struct aks_fleet_options *options, struct aks_fleet_figures *figures)
{
    struct aks_error err;

    if (aks_fleet_run(options, figures, &err) != AKS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(figures->delivered + figures->queued, options->machines);
    assert_true(figures->burst_100ms <= figures->burst_1s);
    assert_true(figures->burst_1s <= figures->requests);
    assert_true(figures->again_1s <= figures->burst_1s);
    assert_true(figures->ended_ms >= figures->half_ms);
}

static void
a_bucket_without_limits_takes_everything_at_once(void **state)
{
    struct aks_fleet_options options;
    struct aks_fleet_figures figures;

    aks_fleet_options_init(&options, aks_alloc_system(), 300);
    options.writes_per_s = 0;
    options.reads_per_s = 0;
    run_fleet(&options, &figures);
    assert_int_equal(figures.requests, 300 * 4);
    assert_int_equal(figures.wasted, 0);
    assert_int_equal(figures.again_1s, 0);
    assert_int_equal(figures.wait_ms, 0);
    assert_int_equal(figures.queued, 0);
    assert_in_range(figures.half_ms, 500, 1500);
    assert_in_range(figures.all_ms, figures.most_ms, 2500);
    options.first = true;
    run_fleet(&options, &figures);
    assert_int_equal(figures.requests, 300 * 6);
}

static void
a_bucket_takes_no_more_than_its_limit(void **state)
{
    struct aks_fleet_options options;
    struct aks_fleet_figures figures;

    aks_fleet_options_init(&options, aks_alloc_system(), 300);
    options.retry.tries = 20;
    options.writes_per_s = 50;
    options.reads_per_s = 0;
    run_fleet(&options, &figures);
    assert_int_equal(figures.queued, 0);
    /* 50 at once, and then 50 a second: two writes of each machine come before its delivery. */
    assert_true(figures.all_ms >= (300 * 2 - 50) * 1000 / 50);
    assert_int_equal(figures.requests - figures.wasted, 300 * 4);
    assert_true(figures.wasted > 300);
    assert_true(figures.wait_ms > 5000);
}

static void
refuse(void *ctx, const struct aks_fleet_request *request, struct aks_fleet_answer *ret_answer)
{
    ret_answer->refused = strcmp(request->method, "PUT") == 0;
}

static void
what_is_never_taken_ends_in_the_queue(void **state)
{
    struct aks_fleet_options options;
    struct aks_fleet_figures figures;

    aks_fleet_options_init(&options, aks_alloc_system(), 20);
    options.serve = refuse;
    run_fleet(&options, &figures);
    assert_int_equal(figures.delivered, 0);
    assert_int_equal(figures.queued, 20);
    assert_int_equal(figures.all_ms, -1);
    assert_int_equal(figures.half_ms, -1);
    /* Three rounds of a probe, three tries and a delete. */
    assert_int_equal(figures.requests, 20 * 3 * 5);
    assert_int_equal(figures.wasted, 20 * 3 * 3);
}

static void
the_same_seed_gives_the_same_figures(void **state)
{
    struct aks_fleet_options options;
    struct aks_fleet_figures first;
    struct aks_fleet_figures second;

    memset(&first, 0, sizeof(first));
    memset(&second, 0, sizeof(second));
    aks_fleet_options_init(&options, aks_alloc_system(), SMALL);
    run_fleet(&options, &first);
    run_fleet(&options, &second);
    assert_memory_equal(&first, &second, sizeof(first));
    options.seed = 2;
    run_fleet(&options, &second);
    assert_memory_not_equal(&first, &second, sizeof(first));
}

static int
run_failing(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_fleet_options options;
    struct aks_fleet_figures figures;
    struct aks_error err;
    enum aks_status status;

    aks_fleet_options_init(&options, alloc, 40);
    options.writes_per_s = 5;
    options.pace = AKS_FLEET_PACE_SLOT;
    status = aks_fleet_run(&options, &figures, &err);
    return status == AKS_OK || status == AKS_LIMIT ? 0 : -1;
}

static void
a_fleet_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(run_failing, NULL, 100);
}

/* docs/fleet.md holds the small tables word for word; tests/tree looks at the large ones. */
static void
the_small_tables_are_those_of_the_docs(void **state)
{
    FILE *file = fopen(AKS_SOURCE_FOLDER "/docs/fleet.md", "r");
    char *docs = calloc(1, DOCS_BYTES_MAX);
    struct aks_error err;
    struct aks_buf text;

    assert_non_null(file);
    assert_non_null(docs);
    assert_in_range(fread(docs, 1, DOCS_BYTES_MAX - 1, file), 1, DOCS_BYTES_MAX - 2);
    (void)fclose(file);
    aks_buf_init(&text, aks_alloc_system(), DOCS_BYTES_MAX);
    assert_int_equal(aks_fleet_table(aks_alloc_system(), SMALL, 1, &text, &err), AKS_OK);
    if (strstr(docs, text.data) == NULL)
        fail_msg("docs/fleet.md should hold what `./dev fleet %d` prints:\n%s", SMALL, text.data);
    aks_buf_fini(&text);
    free(docs);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_light_machine_sends_what_the_engine_sends_and_waits_as_long),
        cmocka_unit_test(a_bucket_without_limits_takes_everything_at_once),
        cmocka_unit_test(a_bucket_takes_no_more_than_its_limit),
        cmocka_unit_test(what_is_never_taken_ends_in_the_queue),
        cmocka_unit_test(the_same_seed_gives_the_same_figures),
        cmocka_unit_test(a_fleet_survives_any_allocation_that_fails),
        cmocka_unit_test(the_small_tables_are_those_of_the_docs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
