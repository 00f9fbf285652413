#include "script/load.h"

#include "data/digest.h"
#include "base/encode.h"
#include "script/phase.h"
#include "support/failing_alloc.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Uses each builder, a module, each kind of answer, and what a policy finds around it. */
static char everything[] =
    "local akosha, rules = require 'akosha', require 'rules'\n"
    "local function answer(x)\n"
    "  return coroutine.wrap(function() return select(2, pcall(rules.same, x)) end)()\n"
    "end\n"
    "local patient = akosha.retry.by_failure { server = akosha.retry.linear { first = 1 },\n"
    "  default = akosha.retry.decorrelated() }\n"
    "return akosha.policy { api = 1, sources = { '/a', { path = '/b',\n"
    "    snapshot = akosha.snapshot { busy = 'skip', wait = 1 } } }, system_id = 'laptop',\n"
    "  part_size = 6 * akosha.MiB,\n"
    "  targets = { disk = akosha.dir { path = 'x' },\n"
    "    up = akosha.http { url = 'https://h/', ca = '/ca', token = akosha.secret 't' },\n"
    "    rows = akosha.mcp { url = 'https://a/mcp', ca = '/ca', token = akosha.secret 't' },\n"
    "    cloud = akosha.s3 { bucket = 'memories', endpoint = 'https://e', prefix = 'a/b',\n"
    "      ca = 'c.pem' } },\n"
    "  route = akosha.route.when(akosha.match.kind 'sqlite' & ~akosha.match.name 'b*',\n"
    "    function(source, targets) return { answer(targets.disk.name), 'cloud' } end, 'up'),\n"
    "  dedup = function(facts, now) rules.every() print(now.clock.hour, now.history[1].target)\n"
    "    return answer(facts.unchanged and 'reuse' or 'upload') end,\n"
    "  compress = function(facts) return { codec = answer 'gzip', level = 1 } end,\n"
    "  snapshot = function(facts, now) print(facts.why, facts.source.name, facts.older)\n"
    "    return akosha.snapshot { busy = answer 'older', wait = facts.waited + 1 } end,\n"
    "  deliver = 'both', verify = 'read_back', drill = 'weekly',\n"
    "  keep = { last = 3, daily = 4, weekly = 5 },\n"
    "  retry = function(failure)\n"
    "    if failure.attempt > 1 then return patient:decide(failure) end\n"
    "    akosha.log(failure.name, ('x'):rep(100), akosha.env 'AKOSHA_A')\n"
    "    return akosha.wait(2)\n"
    "  end,\n"
    "  budget = { up = akosha.budget { bytes = 5, per = 'month' } },\n"
    "  throttle = akosha.throttle.when(akosha.window '00:00-12:00', 2048, function() end),\n"
    "  finished = function(report) print(report.outcome, #report.files) end }\n";
static char rules[] =
    "local akosha, rules = require 'akosha', {}\n"
    "function rules.same(x) return x end\n"
    "function rules.every()\n"
    "  return { akosha.retry.none(), akosha.retry.fixed { first = 1 }, akosha.retry.linear(),\n"
    "    akosha.retry.exponential { cap = 9 }, akosha.retry.decorrelated(),\n"
    "    akosha.retry.by_target { disk = akosha.retry.none() },\n"
    "    akosha.retry.by_failure { dns = akosha.retry.none() }, akosha.route.first 'disk',\n"
    "    akosha.route.by_kind { file = { 'disk', 'up' } }, akosha.route.when(akosha.match.age\n"
    "    '> 1 h' | akosha.match.size '< 1 MiB', 'up'), akosha.window 'mon-fri 18:00-08:00',\n"
    "    akosha.route.all { 'disk', 'up' }, akosha.route.quorum(1, { 'disk', 'up' }),\n"
    "    akosha.wait(1) }\n"
    "end\n"
    "rules.every()\n"
    "return rules";
static char path[] = "/home/me/policies/main.lua";

/* A policy that steers by itself. */
static char steering[] =
    "local akosha = require 'akosha'\n"
    "return akosha.task { api = 1, sources = { '/a' }, retry = akosha.retry.fixed(),\n"
    "  encrypt = akosha.age { passphrase = akosha.secret 'mine' },\n"
    "  targets = { disk = akosha.dir { path = '/mnt' } },\n"
    "  run = function(ctx) ctx:sleep(1) end }\n";

static struct aks_policy_text
text_of(char *text, struct aks_policy_module *module)
{
    struct aks_policy_text result = { .path = path, .text = text, .text_len = strlen(text) };

    module->name = (char *)(uintptr_t)"rules";
    module->text = rules;
    module->text_len = strlen(rules);
    result.modules = module;
    result.module_count = 1;
    return result;
}

static char variable[] = "AKOSHA_A=a";
static char *variables[] = { variable };
static const struct aks_policy_environment environment = { variables, 1 };

static const struct aks_source_facts source = { "a.db", "/a.db", "sqlite", 4096, 1000 };
static const struct aks_target_facts targets[] = { { "cloud", "s3", true, -1, 1, 2, 3 },
    { "up", "http", true, 1000, -1, -1, -1 }, { "disk", "dir", false, -1, -1, -1, -1 } };
static const struct aks_now_facts now = { .wall_ms = 1, .clock = { 2026, 11, 26, 2, 3, 3, 3600 },
    .history = { { .outcome = "stored", .method = "cloud", .target = "cloud" } },
    .history_count = 1 };

/* A status that means: there was no memory. */
static int
clean(enum aks_status status, const struct aks_error *err)
{
    if (status == AKS_OK || (status == AKS_LIMIT && strstr(err->message, "memory") != NULL))
        return 0;
    print_error("%s: %s\n", aks_status_name(status), err->message);
    return 1;
}

static int
load_with(const struct aks_alloc *alloc, const struct aks_policy_text *text)
{
    struct aks_script_options options = { .alloc = alloc };
    struct aks_policy_loader loader;
    struct aks_policy *policy = NULL;
    struct aks_error err = { 0 };
    enum aks_status status;

    aks_script_loader_init(&loader, &options);
    status = loader.load(loader.ctx, text, &environment, &policy, &err);
    if (policy != NULL)
        policy->free(policy);
    return clean(status, &err);
}

static int
load_everything(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_policy_module module;
    struct aks_policy_text text = text_of(everything, &module);

    return load_with(alloc, &text);
}

static int
load_steering(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_policy_module module;
    struct aks_policy_text text = text_of(steering, &module);

    return load_with(alloc, &text);
}

static int
load_default(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_policy_text text = { 0 };

    return load_with(alloc, &text);
}

static void
loading_survives_every_failure_to_allocate(void **state)
{
    failing_alloc_loop(load_everything, NULL, 20000);
    failing_alloc_loop(load_steering, NULL, 20000);
    failing_alloc_loop(load_default, NULL, 20000);
}

/* Lua answers one failure by collecting garbage and asking again: only what goes on failing becomes
 * an error of its own. */
static void
loading_survives_every_end_of_memory(void **state)
{
    failing_alloc_loop_lasting(load_everything, NULL, 20000);
    failing_alloc_loop_lasting(load_default, NULL, 20000);
    failing_alloc_loop_lasting(load_steering, NULL, 20000);
}

static int
ask_all(const struct aks_decide *decide, json_t *report, struct aks_error *err)
{
    struct aks_dedup_facts dedup = { source, targets[0], true, -1 };
    struct aks_compress_facts compress = { source, targets[0], 2.0 };
    struct aks_snapshot_facts busy = { source, AKS_SOURCE_BUSY, "a writer holds it", 5000, 60000,
        1000 };
    struct aks_failure_facts failure = { .target = "cloud", .operation = "put", .failure =
        AKS_SERVER, .transient = true, .retry_after_ms = -1, .attempt = 1 };
    struct aks_route_answer route;
    struct aks_compress_answer compressed;
    struct aks_snapshot_answer snapshot;
    struct aks_retry_answer retry;
    enum aks_dedup_verdict verdict;
    int64_t rate;
    int faults;

    decide->now(decide->ctx, &now);
    faults = clean(decide->route(decide->ctx, &source, targets, 3, &route, err), err);
    faults += clean(decide->dedup(decide->ctx, &dedup, &verdict, err), err);
    faults += clean(decide->compress(decide->ctx, &compress, &compressed, err), err);
    faults += clean(decide->snapshot(decide->ctx, &busy, &snapshot, err), err);
    faults += clean(decide->retry(decide->ctx, &failure, &retry, err), err);
    failure.attempt = 2;
    faults += clean(decide->retry(decide->ctx, &failure, &retry, err), err);
    faults += clean(decide->throttle(decide->ctx, &rate, err), err);
    faults += clean(decide->finished(decide->ctx, report, err), err);
    return faults;
}

/* Each allocation after the load fails in turn, while the questions are asked; then they are asked
 * again, with memory. */
static void
decide_with_failures(bool lasting)
{
    json_t *report = json_pack("{s:s, s:[{s:s}], s:n}", "outcome", "stored", "files", "name", "a",
        "error");
    int64_t after = 0;
    bool reached = true;

    for (int64_t round = 0; reached && round < 5000; round++) {
        struct failing_alloc failing;
        struct aks_script_options options = { .alloc = &failing.alloc };
        struct aks_policy_module module;
        struct aks_policy_text text = text_of(everything, &module);
        struct aks_policy_loader loader;
        struct aks_policy *policy = NULL;
        struct aks_error err;

        failing_alloc_init(&failing);
        aks_script_loader_init(&loader, &options);
        assert_int_equal(loader.load(loader.ctx, &text, &environment, &policy, &err), AKS_OK);
        after = failing.seen;
        failing.fail_at = after + round;
        failing.lasting = lasting;
        assert_int_equal(ask_all(&policy->decide, report, &err), 0);
        reached = failing.seen > failing.fail_at;
        failing.fail_at = INT64_MAX;
        err.status = AKS_OK;
        assert_int_equal(ask_all(&policy->decide, report, &err), 0);
        assert_int_equal(err.status, AKS_OK);
        policy->free(policy);
        assert_int_equal(failing.outstanding, 0);
    }
    assert_false(reached);
    json_decref(report);
}

static void
deciding_survives_every_failure_to_allocate(void **state)
{
    decide_with_failures(false);
}

static void
deciding_survives_every_end_of_memory(void **state)
{
    decide_with_failures(true);
}

/* What failed for want of memory, or by its own fault, does not keep a policy from answering
 * later. */
static void
a_policy_answers_as_written(void **state)
{
    struct aks_script_options options = { .alloc = aks_alloc_system() };
    struct aks_failure_facts failure = { .target = "cloud", .operation = "put", .failure =
        AKS_SERVER, .transient = true, .retry_after_ms = -1, .attempt = 1 };
    struct aks_policy_module module;
    struct aks_policy_text text = text_of(everything, &module);
    struct aks_policy_loader loader;
    struct aks_policy *policy = NULL;
    struct aks_route_answer route;
    struct aks_retry_answer retry;
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_SHA256_HEX_BYTES];

    aks_script_loader_init(&loader, &options);
    assert_int_equal(loader.load(loader.ctx, &text, &environment, &policy, NULL), AKS_OK);
    aks_sha256(everything, strlen(everything), digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    assert_string_equal(policy->settings->policy_sha256, hex);
    assert_string_equal(policy->settings->policy_path, path);
    assert_int_equal(policy->decide.route(policy->decide.ctx, &source, targets, 3, &route, NULL),
        AKS_OK);
    assert_true(route.opinion);
    assert_int_equal(route.route.count, 2);
    assert_int_equal(route.route.targets[0], 3);
    assert_int_equal(route.route.targets[1], 0);
    assert_int_equal(policy->decide.retry(policy->decide.ctx, &failure, &retry, NULL), AKS_OK);
    assert_int_equal(retry.verdict, AKS_WAIT);
    assert_int_equal(retry.wait_ms, 2000);
    policy->free(policy);
}

/* The engine may pass no error object. */
static void
failures_need_no_error_object(void **state)
{
    static char broken[] = "return { x = = 1 }";
    static char failing[] = "local akosha = require 'akosha' return akosha.policy { api = 1,"
        " targets = { d = akosha.dir { path = '/x' } },"
        " retry = function(f) return f.name.x.y end }";
    struct aks_failure_facts failure = { .target = "d", .operation = "put", .attempt = 1 };
    struct aks_script_options options = { .alloc = aks_alloc_system() };
    struct aks_policy_text text = { .path = path, .text = broken, .text_len = strlen(broken) };
    struct aks_policy_loader loader;
    struct aks_policy *policy = NULL;
    struct aks_retry_answer retry;

    aks_script_loader_init(&loader, &options);
    assert_int_equal(loader.load(loader.ctx, &text, NULL, &policy, NULL), AKS_POLICY);
    text.text = failing;
    text.text_len = strlen(failing);
    assert_int_equal(loader.load(loader.ctx, &text, NULL, &policy, NULL), AKS_OK);
    assert_int_equal(policy->decide.retry(policy->decide.ctx, &failure, &retry, NULL), AKS_POLICY);
    assert_int_equal(retry.verdict, AKS_NO_OPINION);
    policy->free(policy);
}

/* --- randomness ------------------------------------------------------------------------------- */

static enum aks_status
fill_with(void *ctx, void *data, size_t len, struct aks_error *err)
{
    const int *byte = ctx;

    if (*byte < 0)
        return aks_error_set(err, AKS_INTERNAL, "no randomness today");
    memset(data, *byte, len);
    return AKS_OK;
}

/* The wait that a policy answers, which it takes from math.random or from a schedule's jitter. */
static int64_t
random_wait(const char *answer, uint64_t seed, const struct aks_entropy *entropy)
{
    char random[512];
    struct aks_failure_facts failure = { .target = "d", .operation = "put", .failure = AKS_SERVER,
        .transient = true, .retry_after_ms = -1, .attempt = 1 };
    struct aks_script_options options = { .alloc = aks_alloc_system(), .seed = seed,
        .entropy = entropy };
    struct aks_policy_text text = { .path = path, .text = random };
    struct aks_policy_loader loader;
    struct aks_policy *policy = NULL;
    struct aks_retry_answer retry;

    (void)snprintf(random, sizeof(random), "local akosha = require 'akosha' return akosha.policy {"
        " api = 1, targets = { d = akosha.dir { path = '/x' } }, retry = function(f) return %s end"
        " }", answer);
    text.text_len = strlen(random);
    aks_script_loader_init(&loader, &options);
    assert_int_equal(loader.load(loader.ctx, &text, NULL, &policy, NULL), AKS_OK);
    assert_int_equal(policy->decide.retry(policy->decide.ctx, &failure, &retry, NULL), AKS_OK);
    policy->free(policy);
    return retry.wait_ms;
}

static void
each_load_is_seeded_by_the_entropy(void **state)
{
    static const char *const answers[] = { "akosha.wait(math.random() * 80000)",
        "akosha.retry.linear { first = 80000, cap = 80000 }" };
    int byte = 7;
    const struct aks_entropy entropy = { fill_with, &byte };

    for (size_t i = 0; i < 2; i++) {
        int64_t wait = random_wait(answers[i], 0, NULL);
        int64_t fresh;

        assert_int_equal(random_wait(answers[i], 0, NULL), wait);
        assert_int_not_equal(random_wait(answers[i], 1, NULL), wait);
        byte = 7;
        fresh = random_wait(answers[i], 0, &entropy);
        assert_int_not_equal(fresh, wait);
        assert_int_equal(random_wait(answers[i], 0, &entropy), fresh);
        byte = 8;
        assert_int_not_equal(random_wait(answers[i], 0, &entropy), fresh);
    }
}

static void
a_policy_is_not_loaded_without_entropy(void **state)
{
    int byte = -1;
    const struct aks_entropy entropy = { fill_with, &byte };
    struct aks_script_options options = { .alloc = aks_alloc_system(), .entropy = &entropy };
    struct aks_policy_text text = { .path = path, .text = everything, .text_len =
        strlen(everything) };
    struct aks_policy_loader loader;
    struct aks_policy *policy = NULL;
    struct aks_error err;

    aks_script_loader_init(&loader, &options);
    assert_int_equal(loader.load(loader.ctx, &text, NULL, &policy, &err), AKS_INTERNAL);
    assert_string_equal(err.message, "no randomness today");
    assert_null(policy);
}

/* So that none comes in that no failure to allocate is tried on. */
static void
every_function_of_akosha_is_used_above(void **state)
{
    const struct aks_phase_rule *rule;
    char name[64];

    for (size_t i = 0; (rule = aks_phase_rule_at(i)) != NULL; i++) {
        (void)snprintf(name, sizeof(name), "%s.%s", rule->module, rule->name);
        if (strstr(everything, name) == NULL && strstr(rules, name) == NULL &&
            strstr(steering, name) == NULL)
            fail_msg("%s is used in no text", name);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loading_survives_every_failure_to_allocate),
        cmocka_unit_test(loading_survives_every_end_of_memory),
        cmocka_unit_test(deciding_survives_every_failure_to_allocate),
        cmocka_unit_test(deciding_survives_every_end_of_memory),
        cmocka_unit_test(every_function_of_akosha_is_used_above),
        cmocka_unit_test(a_policy_answers_as_written),
        cmocka_unit_test(failures_need_no_error_object),
        cmocka_unit_test(each_load_is_seeded_by_the_entropy),
        cmocka_unit_test(a_policy_is_not_loaded_without_entropy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
