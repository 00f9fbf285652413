/* `policy FILE`: what decisions and loading FILE cost, as JSON: the least microseconds of processor
 * time, of many batches, for one of each. */
#include "base/alloc.h"
#include "engine/decide_default.h"
#include "os/clock_posix.h"
#include "script/load.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCHES 200
#define DECISIONS 1000          /* in a batch */
#define LOADS 5
#define FILE_BYTES_MAX 65536

/* A value in each field, and a function of facts in each. */
static char values[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1,\n"
    "  targets = { disk = akosha.dir { path = '/x' }, cloud = akosha.s3 { bucket = 'abc' } },\n"
    "  route = { 'cloud', 'disk' }, compress = 'zstd', dedup = 'unchanged',\n"
    "  retry = akosha.retry.by_failure { throttled = akosha.retry.fixed { first = 5, tries = 9 },\n"
    "    default = akosha.retry.exponential { first = 2, tries = 3 } } }\n";
static char functions[] =
    "local akosha = require 'akosha'\n"
    "local patient = akosha.retry.exponential { first = 2, tries = 3 }\n"
    "return akosha.policy { api = 1,\n"
    "  targets = { disk = akosha.dir { path = '/x' }, cloud = akosha.s3 { bucket = 'abc' } },\n"
    "  route = function(source, targets)\n"
    "    if source.size > 100 * akosha.MiB or not targets.cloud.healthy then return 'disk' end\n"
    "    return 'cloud'\n"
    "  end,\n"
    "  dedup = function(facts)\n"
    "    if facts.unchanged and facts.target.kind == 's3' then return 'reuse' end\n"
    "  end,\n"
    "  compress = function(facts) return facts.sample_ratio < 1.2 and 'none' or 'zstd' end,\n"
    "  retry = function(failure, now)\n"
    "    if failure.name == 'throttled' then return akosha.wait(failure.retry_after or 5) end\n"
    "    if now.clock.hour < 8 then return akosha.next_target end\n"
    "    return patient\n"
    "  end }\n";

static const struct aks_source_facts source = { .name = "reflection.duckdb",
    .path = "/home/me/.claude/data/reflection.duckdb", .kind = "duckdb", .bytes = 42000000,
    .age_ms = 60000 };
static const struct aks_target_facts targets[] = {
    { .name = "cloud", .kind = "s3", .healthy = true, .last_success_ms = 3600000, .rate = 1000000 },
    { .name = "disk", .kind = "dir", .healthy = true, .last_success_ms = -1, .rate = -1 } };
static const struct aks_now_facts now = { .wall_ms = 1, .clock = { 2026, 11, 26, 20, 30, 3, 3600 },
    .history = { { .outcome = "stored", .method = "cloud", .target = "cloud" } },
    .history_count = 1 };
static const struct aks_failure_facts failure = { .target = "cloud", .operation = "part 2",
    .source = "reflection.duckdb", .failure = AKS_THROTTLED, .transient = true, .http_status = 503,
    .retry_after_ms = 40000, .attempt = 1, .elapsed_ms = 1250 };

static double
cpu_us(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void
stop(const char *why)
{
    (void)fprintf(stderr, "policy: %s\n", why);
    exit(1);
}

static struct aks_policy *
load(char *path, char *bytes)
{
    static struct aks_clock clock;
    static struct aks_script_options options;
    static char bucket[] = "AKOSHA_CLOUD_BUCKET=memories";
    static char url[] = "AKOSHA_HTTP_URL=https://akosha.example/upload";
    static char *pairs[] = { bucket, url };
    static const struct aks_policy_environment environment = { pairs, 2 };
    struct aks_policy_text text = { .path = path, .text = bytes, .text_len = strlen(bytes) };
    struct aks_policy_loader loader;
    struct aks_policy *policy = NULL;
    struct aks_error err;

    aks_clock_posix_init(&clock);
    options.alloc = aks_alloc_system();
    options.clock = &clock;
    aks_script_loader_init(&loader, &options);
    if (loader.load(loader.ctx, &text, &environment, &policy, &err) != AKS_OK)
        stop(err.message);
    if (policy->decide.now != NULL)
        policy->decide.now(policy->decide.ctx, &now);
    return policy;
}

/* --- what is measured: each is one of its kind ------------------------------------------------ */

static void
retry(struct aks_policy *policy)
{
    struct aks_retry_answer answer;
    struct aks_error err;

    if (policy->decide.retry(policy->decide.ctx, &failure, &answer, &err) != AKS_OK)
        stop(err.message);
    if (answer.verdict != AKS_WAIT || answer.wait_ms != 40000)
        stop("retry does not wait");
}

static void
route(struct aks_policy *policy)
{
    struct aks_route_answer answer;
    struct aks_error err;

    if (policy->decide.route(policy->decide.ctx, &source, targets, 2, &answer, &err) != AKS_OK)
        stop(err.message);
    if (!answer.opinion)
        stop("route has no opinion");
}

static void
dedup(struct aks_policy *policy)
{
    const struct aks_dedup_facts facts = { source, targets[0], true, 3600000 };
    enum aks_dedup_verdict verdict;
    struct aks_error err;

    if (policy->decide.dedup(policy->decide.ctx, &facts, &verdict, &err) != AKS_OK)
        stop(err.message);
    if (verdict != AKS_DEDUP_REUSE)
        stop("dedup does not answer");
}

static void
compress(struct aks_policy *policy)
{
    const struct aks_compress_facts facts = { source, targets[0], 2.0 };
    struct aks_compress_answer answer;
    struct aks_error err;

    if (policy->decide.compress(policy->decide.ctx, &facts, &answer, &err) != AKS_OK)
        stop(err.message);
    if (!answer.opinion)
        stop("compress has no opinion");
}

static void
measure(const char *name, struct aks_policy *policy, void (*one)(struct aks_policy *policy))
{
    double least = 0;

    for (int batch = 0; batch < BATCHES; batch++) {
        double began = cpu_us();

        for (int i = 0; i < DECISIONS; i++)
            one(policy);
        began = (cpu_us() - began) / DECISIONS;
        least = batch == 0 || began < least ? began : least;
    }
    (void)printf("\"%s\": %.3f, ", name, least);
}

static void
measure_loading(char *path)
{
    static char bytes[FILE_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    double least = 0;

    if (file == NULL || fread(bytes, 1, sizeof(bytes) - 1, file) == 0)
        stop("the file cannot be read");
    (void)fclose(file);
    for (int batch = 0; batch < BATCHES; batch++) {
        double began = cpu_us();

        for (int i = 0; i < LOADS; i++) {
            struct aks_policy *policy = load(path, bytes);

            policy->free(policy);
        }
        began = (cpu_us() - began) / LOADS;
        least = batch == 0 || began < least ? began : least;
    }
    (void)printf("\"load\": %.3f}\n", least);
}

int
main(int argc, char **argv)
{
    static char path[] = "/home/me/policy.lua";
    struct aks_policy *policy;

    if (argc != 2)
        stop("usage: policy FILE");
    policy = load(path, values);
    if (policy->decide.route != NULL || policy->decide.dedup != NULL ||
        policy->decide.compress != NULL)
        stop("a value is asked about");
    (void)printf("{");
    measure("value: retry", policy, retry);
    policy->free(policy);
    policy = load(path, functions);
    measure("function: route", policy, route);
    measure("function: dedup", policy, dedup);
    measure("function: compress", policy, compress);
    measure("function: retry", policy, retry);
    policy->free(policy);
    measure_loading(argv[1]);
    return 0;
}
